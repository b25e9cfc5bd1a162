//===-- KernelLeaves.cpp - What differs between targets in a kernel -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

Value KernelBuilder::rsqrt(Value value) {
  return intrinsic(target.vendor == hipfuse::Vendor::AMD
                       ? "llvm.amdgcn.rsq.f32"
                       : "llvm.nvvm.rsqrt.approx.f",
                   getF32Type(), value);
}

Value KernelBuilder::fma(Value a, Value b, Value c) {
  return LLVM::FMAOp::create(*this, a, b, c);
}

Value KernelBuilder::lane(Value vector, int64_t index) {
  return vector::ExtractOp::create(*this, vector, index);
}

/// A constant that an intrinsic takes as an immediate.
static Value immediate(OpBuilder &b, Location loc, Type type, int64_t value) {
  return LLVM::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
}

/// The bytes of 32-bit words, in memory order.
static Value bytesOfWords(KernelBuilder &b, ArrayRef<Value> words) {
  Value vector = vector::FromElementsOp::create(
      b, b.vectorOf(b.getI32Type(), words.size()), words);
  return vector::BitCastOp::create(
      b, b.vectorOf(b.getI8Type(), 4 * words.size()), vector);
}

Value KernelBuilder::encodeFp4Codes(SchemeAttr scheme, Value value,
                                    const BlockScale &scale) {
  // In units of codes a magnitude m < 8 is min(2 m, m + 2, m / 2 + 4), and
  // rounding commutes with the minimum: the adder rounds each line, at 2^22 to
  // halves, at 2^23 to ones, at 2^24 to twos.
  bool halfAway = scheme.getElementRounding() == ElementRounding::HalfAway;
  bool saturates = scheme.getNonfinite() == NonFinite::Saturate;
  if (halfAway)
    return lm::encodeFp4(*this, value, scale.operand,
                         scheme.getElementRounding(), saturates);
  Value bits = toBits(value);
  Value magnitude = mulf(fromBits(magnitudeBits(*this, value)), scale.operand);
  Value isNaN;
  if (saturates) {
    Value scaledBits = toBits(magnitude);
    isNaN = isNaNMagnitude(*this, scaledBits);
    magnitude = fromBits(umin(scaledBits, f32Bits(8.0f, scaledBits)));
  }
  Value code = i32(7, bits);
  for (auto [line, zero] : {std::pair(4194304.0f, 4194304.0f),
                            std::pair(8388608.0f + 2.0f, 8388608.0f),
                            std::pair(16777216.0f + 8.0f, 16777216.0f)}) {
    Value sum = toBits(addf(magnitude, f32(line, magnitude)));
    code = umin(code, subi(sum, f32Bits(zero, sum)));
  }
  code = ori(code, andi(shrui(bits, 28), i32(8, bits)));
  return isNaN ? select(isNaN, i32(0, code), code) : code;
}

Value KernelBuilder::convertToFp4(
    StringRef name, int64_t lanes, const BlockScale &scale,
    function_ref<SmallVector<Value>(int64_t)> pairAt) {
  Value divisor = fromBits(shli(scale.stored, 23));
  SmallVector<Value> words;
  for (int64_t first = 0; first < lanes; first += 8) {
    Value word = immediate(*this, getLoc(), getI32Type(), 0);
    for (int64_t pair = 0; pair < 4; ++pair) {
      SmallVector<Value> operands = {word};
      llvm::append_range(operands, pairAt(first + 2 * pair));
      operands.push_back(divisor);
      operands.push_back(immediate(*this, getLoc(), getI32Type(), pair));
      word = intrinsic(name, getI32Type(), operands);
    }
    words.push_back(word);
  }
  return bytesOfWords(*this, words);
}

Value KernelBuilder::encodeFp4(SchemeAttr scheme, Value value,
                               const BlockScale &scale) {
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  bool hardware = target.get(hipfuse::TargetFeature::Fp4Convert).available &&
                  scheme.getElementRounding() == ElementRounding::NearestEven;
  if (lanes % 8 != 0)
    return packNibbles(*this, encodeFp4Codes(scheme, value, scale));
  if (hardware) {
    // Elements are divided by a power of two and saturate; a NaN is not left to
    // the instruction.
    if (scheme.getNonfinite() == NonFinite::Saturate) {
      Value isNaN = cmpf(arith::CmpFPredicate::UNO, value, value);
      value = select(isNaN, f32(0.0f, value), value);
    }
    return convertToFp4("llvm.amdgcn.cvt.scalef32.pk.fp4.f32", lanes, scale,
                        [&](int64_t first) -> SmallVector<Value> {
                          return {lane(value, first), lane(value, first + 1)};
                        });
  }
  SmallVector<Value> words;
  Value codes = encodeFp4Codes(scheme, value, scale);
  for (int64_t first = 0; first < lanes; first += 8) {
    Value word = lane(codes, first + 7);
    for (int64_t i = 6; i >= 0; --i)
      word = ori(shli(word, 4), lane(codes, first + i));
    words.push_back(word);
  }
  return bytesOfWords(*this, words);
}

Value KernelBuilder::encodeFp8(SchemeAttr scheme, Value value,
                               const BlockScale &scale) {
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  Value scaled = scheme.hasE8M0Scale() ? mulf(value, scale.operand)
                                       : divf(value, scale.operand);
  bool fnuz = isa<Float8E4M3FNUZType>(scheme.getElement());
  bool hardware = target.get(hipfuse::TargetFeature::Fp8Convert).available &&
                  fnuz == (target.fp8 == hipfuse::Fp8Flavour::FNUZ) &&
                  lanes % 4 == 0;
  if (!hardware)
    return toBytes(*this, lm::encodeFp8(*this, scaled, scheme.getElement()));

  // The converts differ on what is beyond the range and on the sign of a NaN,
  // so neither reaches them.
  Value isNaN = cmpf(arith::CmpFPredicate::UNO, scaled, scaled);
  float bound = scheme.getElementMax();
  Value low = f32(-bound, scaled), high = f32(bound, scaled);
  scaled = arith::MaxNumFOp::create(
      *this, arith::MinNumFOp::create(*this, scaled, high), low);
  Value bits = toBits(scaled);
  scaled = fromBits(select(isNaN, i32(0x7FC00000, bits), bits));
  bool amd = target.vendor == hipfuse::Vendor::AMD;
  SmallVector<Value> words;
  for (int64_t first = 0; first < lanes; first += 4) {
    if (amd) {
      Value word = immediate(*this, getLoc(), getI32Type(), 0);
      for (int64_t pair = 0; pair < 2; ++pair)
        word = intrinsic("llvm.amdgcn.cvt.pk.fp8.f32", getI32Type(),
                         {lane(scaled, first + 2 * pair),
                          lane(scaled, first + 2 * pair + 1), word,
                          immediate(*this, getLoc(), getI1Type(), pair)});
      words.push_back(word);
      continue;
    }
    auto pair = [&](int64_t index) -> Value {
      Value codes = intrinsic("llvm.nvvm.ff.to.e4m3x2.rn", getI16Type(),
                              {lane(scaled, index + 1), lane(scaled, index)});
      return arith::ExtUIOp::create(*this, getI32Type(), codes);
    };
    words.push_back(ori(pair(first), shli(pair(first + 2), 16)));
  }
  return bytesOfWords(*this, words);
}

Value KernelBuilder::amax(SchemeAttr scheme, Value value) {
  auto maximum = [&](Value l, Value r) { return umax(l, r); };
  if (!isPackedBf16(scheme, value))
    return reduce(amaxCandidates(*this, scheme, extendToF32(*this, value)),
                  maximum);
  // Two patterns of 16 bits to a register, until one is left.
  Value magnitudes = bitcast(value, getI16Type());
  magnitudes = andi(magnitudes, constant16(0x7FFF, magnitudes));
  Value bits = reduce(magnitudes, maximum);
  return shli(arith::ExtUIOp::create(*this, getI32Type(), bits), 16);
}

bool KernelBuilder::isPackedBf16(SchemeAttr scheme, Value value) {
  return (target.get(hipfuse::TargetFeature::Fp4Convert).available ||
          target.get(hipfuse::TargetFeature::PackedBf16).available) &&
         elementOf(value).isBF16() && scheme.isFp4() &&
         scheme.getElementRounding() == ElementRounding::NearestEven &&
         scheme.getNonfinite() == NonFinite::Propagate &&
         cast<VectorType>(value.getType()).getNumElements() % 8 == 0;
}

Value KernelBuilder::constant16(int64_t pattern, Value like) {
  auto type = cast<VectorType>(like.getType()).clone(getI16Type());
  return arith::ConstantOp::create(
      *this,
      DenseElementsAttr::get(type, static_cast<Attribute>(getI16IntegerAttr(
                                       static_cast<int16_t>(pattern)))));
}

/// The 32-bit words of a vector of 16-bit elements: two elements each.
static Value wordsOf(KernelBuilder &b, Value vector) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  return vector::BitCastOp::create(b, b.vectorOf(b.getI32Type(), lanes / 2),
                                   vector);
}

Value KernelBuilder::encodeFp4Packed(Value value, const BlockScale &scale) {
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  if (target.get(hipfuse::TargetFeature::Fp4Convert).available) {
    Value pairs = wordsOf(*this, value);
    return convertToFp4(
        "llvm.amdgcn.cvt.scalef32.pk.fp4.bf16", lanes, scale,
        [&](int64_t first) -> SmallVector<Value> {
          return {LLVM::BitcastOp::create(*this, vectorOf(getBF16Type(), 2),
                                          lane(pairs, first / 2))};
        });
  }

  // In units of codes a magnitude m < 8 is min(2 m, m + 2, m / 2 + 4), and
  // rounding commutes with the minimum. Between 128 and 256 bf16 has the unit
  // 1, so that the adder rounds 128 + code; all three lines share that binade,
  // and patterns compare like values. bf16 products with powers of two are
  // exact.
  Value bits = bitcast(value, getI16Type());
  Value magnitude =
      bitcast(andi(bits, constant16(0x7FFF, bits)), getBF16Type());
  auto splatBf16 = [&](int64_t pattern) {
    return bitcast(constant16(pattern, bits), getBF16Type());
  };
  Value factor = truncateTo(*this, scale.operand, getBF16Type());
  magnitude = mulf(magnitude, factor);
  Value code = constant16(0x4307, bits);                  // 128 + 7
  for (auto [slope, start] : {std::pair(0x4000, 0x4300),  // 2 m + 128
                              std::pair(0x3F80, 0x4302),  // m + 130
                              std::pair(0x3F00, 0x4304)}) // m / 2 + 132
    code =
        umin(code, bitcast(fma(magnitude, splatBf16(slope), splatBf16(start)),
                           getI16Type()));
  // The rest is done on words of elements k and k + 4 of eight, so that each
  // goes to its place by one shift.
  SmallVector<Value> words;
  Value codes = wordsOf(*this, code), signs = wordsOf(*this, bits);
  Value mask = i32(0x00070007), signMask = i32(0x00080008);
  for (int64_t first = 0; first < lanes / 2; first += 4) {
    auto coded = [&](int64_t index) {
      Value pair = andi(lane(codes, first + index), mask);
      return ori(pair, andi(shrui(lane(signs, first + index), 12), signMask));
    };
    Value word;
    for (int64_t k = 0; k < 2; ++k) {
      Value low = coded(k), high = coded(k + 2);
      Value even = ori(andi(low, i32(0xFFFF)), shli(high, 16));
      Value odd = ori(shrui(low, 16), andi(high, i32(0xFFFF0000)));
      for (auto [pair, place] : {std::pair(even, 2 * k), {odd, 2 * k + 1}}) {
        pair = place ? shli(pair, 4 * place) : pair;
        word = word ? ori(word, pair) : pair;
      }
    }
    words.push_back(word);
  }
  return bytesOfWords(*this, words);
}

Value KernelBuilder::encode(SchemeAttr scheme, Value value,
                            const BlockScale &scale) {
  Value bytes;
  if (isPackedBf16(scheme, value))
    bytes = encodeFp4Packed(value, scale);
  else if (value = extendToF32(*this, value); scheme.isFp4())
    bytes = encodeFp4(scheme, value, scale);
  else
    bytes = encodeFp8(scheme, value, scale);
  if (!scale.isNaN)
    return bytes;
  Value zero = arith::ConstantOp::create(*this, bytes.getType(),
                                         getZeroAttr(bytes.getType()));
  return select(scale.isNaN, zero, bytes);
}
