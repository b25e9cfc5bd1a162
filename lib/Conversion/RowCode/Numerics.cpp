//===-- Numerics.cpp - Conversions and functions on f32 vectors -----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions are integer arithmetic on the bits of f32, so that they are exact
// on every host and vectorise without its help.
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;
using IPredicate = arith::CmpIPredicate;

/// `element`, or a vector of it where `value` is a vector.
static Type withElement(Value value, Type element) {
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    return vector.clone(element);
  return element;
}

static Value zeroExtend(RowBuilder &b, Value value, Type element) {
  return arith::ExtUIOp::create(b, withElement(value, element), value);
}

static Value truncate(RowBuilder &b, Value value, Type element) {
  return arith::TruncIOp::create(b, withElement(value, element), value);
}

//===----------------------------------------------------------------------===//
// bf16, f16
//===----------------------------------------------------------------------===//

Value lm::extendToF32(RowBuilder &b, Value value) {
  Type element = elementOf(value);
  if (element.isF32())
    return value;
  if (element.isBF16()) {
    Value bits = b.bitcast(value, b.getIntegerType(16));
    return b.fromBits(b.shli(zeroExtend(b, bits, b.getI32Type()), 16));
  }
  return arith::ExtFOp::create(b, withElement(value, b.getF32Type()), value);
}

Value lm::magnitudeBits(RowBuilder &b, Value value) {
  Value bits = b.toBits(value);
  return b.andi(bits, b.i32(0x7FFFFFFF, bits));
}

Value lm::isNaNMagnitude(RowBuilder &b, Value magnitudeBits) {
  return b.cmpi(IPredicate::ugt, magnitudeBits,
                b.i32(0x7F800000, magnitudeBits));
}

/// Rounds to bf16 in the upper half of an i32; the lower half holds anything.
static Value roundToUpperHalf(RowBuilder &b, Value value) {
  Value bits = b.toBits(value);
  Value odd = b.andi(b.shrui(bits, 16), b.i32(1, bits));
  Value rounded = b.addi(b.addi(bits, b.i32(0x7FFF, bits)), odd);
  Value quiet = b.ori(bits, b.i32(0x400000, bits));
  Value isNaN = b.cmpf(FPredicate::UNO, value, value);
  return b.select(isNaN, quiet, rounded);
}

/// Rounds pairs of lanes to bf16 by one operation each: code generators have
/// instructions for two, and take wider vectors apart lane by lane.
static Value truncatePairs(RowBuilder &b, Value value, Type type) {
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  SmallVector<Value> words;
  for (int64_t lane = 0; lane < lanes; lane += 2) {
    Value pair = arith::TruncFOp::create(
        b, b.vectorOf(type, 2), b.shuffle(value, value, {lane, lane + 1}));
    pair = vector::BitCastOp::create(b, b.vectorOf(b.getI32Type(), 1), pair);
    words.push_back(vector::ExtractOp::create(b, pair, ArrayRef<int64_t>{0}));
  }
  Value packed = vector::FromElementsOp::create(
      b, b.vectorOf(b.getI32Type(), lanes / 2), words);
  return vector::BitCastOp::create(b, b.vectorOf(type, lanes), packed);
}

Value lm::truncateTo(RowBuilder &b, Value value, Type type) {
  if (getElementTypeOrSelf(value.getType()) == type)
    return value;
  auto vector = dyn_cast<VectorType>(value.getType());
  if (type.isBF16() && b.hasNativeBf16() && vector &&
      vector.getNumElements() > 2 && vector.getNumElements() % 2 == 0)
    return truncatePairs(b, value, type);
  if (type.isBF16() && !b.hasNativeBf16()) {
    Value upper = b.shrui(roundToUpperHalf(b, value), 16);
    return b.bitcast(truncate(b, upper, b.getIntegerType(16)), type);
  }
  return arith::TruncFOp::create(b, withElement(value, type), value);
}

Value lm::roundTo(RowBuilder &b, Value value, Type type) {
  if (type.isF32())
    return value;
  if (type.isBF16() && !b.hasNativeBf16()) {
    Value upper = roundToUpperHalf(b, value);
    return b.fromBits(b.andi(upper, b.i32(0xFFFF0000, upper)));
  }
  return extendToF32(b, truncateTo(b, value, type));
}

//===----------------------------------------------------------------------===//
// FP8, FP4
//===----------------------------------------------------------------------===//

namespace {

/// A float of at most eight bits whose exponent field is rebiased from f32's.
struct SmallFloat {
  int mantissaBits;
  int bias;
  int maxCode; ///< magnitude code of the largest finite value

  static SmallFloat of(Type element) {
    if (isa<Float4E2M1FNType>(element))
      return {1, 1, 0x7};
    if (isa<Float8E4M3FNUZType>(element))
      return {3, 8, 0x7F};
    return {3, 7, 0x7E};
  }

  /// f32 exponent field of the smallest normal value.
  int minNormalField() const { return 127 + 1 - bias; }
  /// Bits that an f32 has more than this format.
  int dropped() const { return 23 - mantissaBits; }
  /// Subtracted from the bits of a normal value, leaves the code's fields.
  int32_t rebias() const { return (minNormalField() - 1) << 23; }
  /// The smallest normal value.
  float minNormal() const {
    return llvm::bit_cast<float>(minNormalField() << 23);
  }
  /// A power of two whose unit in the last place is that of the subnormals.
  float subnormalMagic() const {
    return llvm::bit_cast<float>((minNormalField() + dropped()) << 23);
  }
  /// The smallest subnormal.
  float quantum() const {
    return llvm::bit_cast<float>((minNormalField() - mantissaBits) << 23);
  }
};

} // namespace

/// Magnitude codes of `magnitude` >= 0 in f32 with the pattern `bits`, to
/// nearest even and saturating. A NaN gives any code.
static Value encodeMagnitude(RowBuilder &b, Value magnitude, Value bits,
                             SmallFloat format) {
  int dropped = format.dropped();
  // Normal: round the f32 pattern itself; a carry goes into the exponent.
  Value odd = b.andi(b.shrui(bits, dropped), b.i32(1, bits));
  int32_t half = (1 << (dropped - 1)) - 1;
  Value normal = b.shrui(
      b.addi(b.addi(bits, b.i32(half - format.rebias(), bits)), odd), dropped);
  normal = b.umin(normal, b.i32(format.maxCode, normal));
  // Subnormal: let the adder round at the unit of the subnormals.
  float magic = format.subnormalMagic();
  Value sum = b.toBits(b.addf(magnitude, b.f32(magic, magnitude)));
  Value subnormal = b.subi(sum, b.f32Bits(magic, sum));
  Value isNormal =
      b.cmpi(IPredicate::uge, bits, b.f32Bits(format.minNormal(), bits));
  return b.select(isNormal, normal, subnormal);
}

Value lm::encodeFp8(RowBuilder &b, Value value, Type element) {
  SmallFloat format = SmallFloat::of(element);
  Value bits = b.toBits(value);
  Value magnitude = b.andi(bits, b.i32(0x7FFFFFFF, bits));
  Value code = encodeMagnitude(b, b.fromBits(magnitude), magnitude, format);
  Value sign = b.andi(b.shrui(bits, 24), b.i32(0x80, bits));
  Value isNaN = isNaNMagnitude(b, magnitude);
  if (isa<Float8E4M3FNUZType>(element)) {
    // 0x80 is NaN, not a negative zero.
    Value isZero = b.cmpi(IPredicate::eq, code, b.i32(0, code));
    Value signedCode = b.select(isZero, code, b.ori(code, sign));
    return b.select(isNaN, b.i32(0x80, code), signedCode);
  }
  return b.select(isNaN, b.i32(0x7F, code), b.ori(code, sign));
}

/// Codes of FP4 magnitudes below 8, to nearest even and saturating. In units of
/// codes they are min(2 m, m + 2, m / 2 + 4), and rounding commutes with the
/// minimum, so each line is rounded by the adder: at 2^22 a unit in the last
/// place is 1/2, at 2^23 it is 1, at 2^24 it is 2.
static Value encodeFp4NearestEven(RowBuilder &b, Value magnitude) {
  auto bytes = [&](Value bits) {
    auto type = cast<VectorType>(bits.getType());
    return vector::BitCastOp::create(
        b, b.vectorOf(b.getI8Type(), 4 * type.getNumElements()), bits);
  };
  // A code fits the lowest byte of the sum; the other bytes become 0 with the
  // minimum with the largest code.
  Value code = bytes(b.i32(7, b.toBits(magnitude)));
  for (float magic : {4194304.0f, 8388608.0f + 2.0f, 16777216.0f + 8.0f})
    code = b.umin(code,
                  bytes(b.toBits(b.addf(magnitude, b.f32(magic, magnitude)))));
  return vector::BitCastOp::create(b, b.toBits(magnitude).getType(), code);
}

/// As above, with ties away from zero.
static Value encodeFp4HalfAway(RowBuilder &b, Value bits) {
  SmallFloat format{1, 1, 0x7};
  int dropped = format.dropped();
  int32_t half = 1 << (dropped - 1);
  Value normal =
      b.shrui(b.addi(bits, b.i32(half - format.rebias(), bits)), dropped);
  normal = b.umin(normal, b.i32(format.maxCode, normal));
  auto atLeast = [&](float bound) {
    return b.cmpi(IPredicate::uge, bits, b.f32Bits(bound, bits));
  };
  Value zero = b.i32(0, bits), one = b.i32(1, bits), two = b.i32(2, bits);
  Value subnormal =
      b.select(atLeast(0.75f), two, b.select(atLeast(0.25f), one, zero));
  return b.select(atLeast(1.0f), normal, subnormal);
}

Value lm::encodeFp4(RowBuilder &b, Value value, Value factor,
                    ElementRounding rounding, bool mayBeNonFinite) {
  Value bits = b.toBits(value);
  Value magnitude = b.mulf(b.fromBits(magnitudeBits(b, value)), factor);
  Value scaledBits = b.toBits(magnitude);
  Value isNaN;
  if (mayBeNonFinite) {
    isNaN = isNaNMagnitude(b, scaledBits);
    scaledBits = b.umin(scaledBits, b.f32Bits(8.0f, scaledBits));
    magnitude = b.fromBits(scaledBits);
  }
  Value code, sign;
  if (rounding == ElementRounding::HalfAway) {
    code = encodeFp4HalfAway(b, scaledBits);
    Value negative = b.cmpf(FPredicate::OLT, value, b.f32(0.0f, value));
    sign = b.select(negative, b.i32(8, bits), b.i32(0, bits));
  } else {
    code = encodeFp4NearestEven(b, magnitude);
    sign = b.andi(b.shrui(bits, 28), b.i32(8, bits));
  }
  code = b.ori(code, sign);
  return isNaN ? b.select(isNaN, b.i32(0, code), code) : code;
}

/// Values of magnitude codes in i32.
static Value decodeMagnitude(RowBuilder &b, Value code, SmallFloat format) {
  Value normal = b.fromBits(
      b.addi(b.shli(code, format.dropped()), b.i32(format.rebias(), code)));
  Value subnormal =
      arith::UIToFPOp::create(b, withElement(code, b.getF32Type()), code);
  subnormal = b.mulf(subnormal, b.f32(format.quantum(), subnormal));
  Value isNormal =
      b.cmpi(IPredicate::uge, code, b.i32(1 << format.mantissaBits, code));
  return b.select(isNormal, normal, subnormal);
}

Value lm::decodeFp8(RowBuilder &b, Value bytes, Type element) {
  Value code = zeroExtend(b, bytes, b.getI32Type());
  Value magnitude = b.andi(code, b.i32(0x7F, code));
  Value value = decodeMagnitude(b, magnitude, SmallFloat::of(element));
  Value sign = b.shli(b.andi(code, b.i32(0x80, code)), 24);
  Value result = b.ori(b.toBits(value), sign);
  Value isNaN = isa<Float8E4M3FNUZType>(element)
                    ? b.cmpi(IPredicate::eq, code, b.i32(0x80, code))
                    : b.cmpi(IPredicate::eq, magnitude, b.i32(0x7F, code));
  return b.fromBits(b.select(isNaN, b.i32(0x7FC00000, code), result));
}

Value lm::decodeFp4(RowBuilder &b, Value codes) {
  Value value =
      decodeMagnitude(b, b.andi(codes, b.i32(7, codes)), SmallFloat{1, 1, 0x7});
  Value sign = b.shli(b.andi(codes, b.i32(8, codes)), 28);
  return b.fromBits(b.ori(b.toBits(value), sign));
}

Value lm::packNibbles(RowBuilder &b, Value codes) {
  int64_t lanes = cast<VectorType>(codes.getType()).getNumElements();
  // Little-endian: the even lane is the low half of a pair.
  Value pairs = vector::BitCastOp::create(
      b, b.vectorOf(b.getI64Type(), lanes / 2), codes);
  return truncate(b, b.ori(pairs, b.shrui(pairs, 28)), b.getI8Type());
}

Value lm::unpackNibbles(RowBuilder &b, Value bytes) {
  int64_t lanes = cast<VectorType>(bytes.getType()).getNumElements();
  Value pairs = zeroExtend(b, bytes, b.getI64Type());
  Type i64 = b.getI64Type();
  Value low = arith::ConstantOp::create(
      b,
      DenseElementsAttr::get(b.vectorOf(i64, lanes),
                             static_cast<Attribute>(b.getI64IntegerAttr(15))));
  Value spread = b.ori(b.andi(pairs, low), b.shli(b.shrui(pairs, 4), 32));
  return vector::BitCastOp::create(b, b.vectorOf(b.getI32Type(), 2 * lanes),
                                   spread);
}

Value lm::toBytes(RowBuilder &b, Value codes) {
  return truncate(b, codes, b.getI8Type());
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Value lm::exponential(RowBuilder &b, Value value) {
  // value = n ln2 + r with |r| <= ln2 / 2; ln2 is split so that n * high is
  // exact. Adding 1.5 * 2^23 rounds to an integer.
  auto constant = [&](float number) { return b.f32(number, value); };
  // A NaN is taken care of at the end.
  Value high = constant(89.0f), low = constant(-104.0f);
  Value clamped = b.select(b.cmpf(FPredicate::OLT, value, high), value, high);
  clamped = b.select(b.cmpf(FPredicate::OGT, clamped, low), clamped, low);
  Value magic = constant(12582912.0f);
  Value shifted = b.addf(b.mulf(clamped, constant(1.44269504f)), magic);
  Value n = b.subf(shifted, magic);
  Value r = b.subf(clamped, b.mulf(n, constant(0.693359375f)));
  r = b.subf(r, b.mulf(n, constant(-2.12194440e-4f)));
  // exp(r) = 1 + (r + r^2 p(r)): Taylor coefficients reach 2^-27 here.
  Value p = constant(1.0f / 5040.0f);
  for (float coefficient :
       {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f})
    p = b.addf(b.mulf(p, r), constant(coefficient));
  Value exp = b.addf(b.addf(b.mulf(b.mulf(r, r), p), r), constant(1.0f));
  // Two powers of two, because n alone leaves the range of normal exponents.
  Value integer = b.subi(b.toBits(shifted), b.toBits(magic));
  Type i32Type = integer.getType();
  Value half = arith::ShRSIOp::create(b, i32Type, integer, b.i32(1, integer));
  auto power = [&](Value exponent) {
    return b.fromBits(b.shli(b.addi(exponent, b.i32(127, exponent)), 23));
  };
  Value result = b.mulf(b.mulf(exp, power(half)), power(b.subi(integer, half)));
  Value isNaN = b.cmpf(FPredicate::UNO, value, value);
  return b.select(isNaN, value, result);
}

Value lm::logarithm(RowBuilder &b, Value value) {
  // value = 2^n m with m in [sqrt(1/2), sqrt(2)): the bits of sqrt(1/2) are
  // subtracted, so that the exponent field carries at its multiples.
  auto constant = [&](float number) { return b.f32(number, value); };
  Value bits = b.toBits(value);
  Value shifted = b.subi(bits, b.f32Bits(0.707106781f, bits));
  Value integer = arith::ShRSIOp::create(b, shifted, b.i32(23, shifted));
  Value m = b.fromBits(b.subi(bits, b.shli(integer, 23)));
  Value n = arith::SIToFPOp::create(b, value.getType(), integer);
  // ln m = 2 artanh z = f - z (f - r), where f = m - 1, z = f / (2 + f) and
  // r / 2 is the rest of the series divided by z: z^2 / 3 + z^4 / 5 + ...
  Value f = b.subf(m, constant(1.0f));
  Value z = b.divf(f, b.addf(f, constant(2.0f)));
  Value square = b.mulf(z, z);
  Value r = constant(2.0f / 9.0f);
  for (float coefficient : {2.0f / 7.0f, 2.0f / 5.0f, 2.0f / 3.0f})
    r = b.addf(b.mulf(r, square), constant(coefficient));
  r = b.mulf(r, square);
  Value low =
      b.subf(b.mulf(n, constant(-2.12194440e-4f)), b.mulf(z, b.subf(f, r)));
  Value result = b.addf(b.mulf(n, constant(0.693359375f)), b.addf(f, low));
  // Comparison with Inf is false for NaN too.
  Value isFinite = b.cmpf(FPredicate::OLT, value,
                          constant(std::numeric_limits<float>::infinity()));
  return b.select(isFinite, result, value);
}

Value lm::decodeE8M0(RowBuilder &b, Value byte) {
  // Byte 0 is the subnormal 2^-127.
  Value bits = b.umax(b.shli(byte, 23), b.i32(0x00400000, byte));
  Value isNaN = b.cmpi(IPredicate::eq, byte, b.i32(255, byte));
  return b.fromBits(b.select(isNaN, b.i32(0x7FC00000, byte), bits));
}
