//===-- WgmmaKeys.cpp - Keys that become bf16 on their way ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WgmmaKeyFormat.h"
#include "WgmmaTiles.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

static Value extract(KernelBuilder &b, Value vector, int64_t index) {
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{index});
}

SmallVector<Value> WgmmaTiles::toFloats(Value raw, Type element) {
  auto type = cast<VectorType>(raw.getType());
  int64_t lanes = type.getNumElements();
  SmallVector<Value> values;
  if (type.getElementTypeBitWidth() != 8) {
    Value floats = extendToF32(b, raw);
    for (int64_t i = 0; i < lanes; ++i)
      values.push_back(extract(b, floats, i));
    return values;
  }
  Value pairs = vector::BitCastOp::create(
      b, VectorType::get({lanes / 2}, b.getI16Type()), raw);
  for (int64_t i = 0; i < lanes / 2; ++i) {
    Value halves =
        b.intrinsic("llvm.nvvm.e4m3x2.to.f16x2.rn",
                    VectorType::get({2}, b.getF16Type()), extract(b, pairs, i));
    Value floats = extendToF32(b, halves);
    values.push_back(extract(b, floats, 0));
    values.push_back(extract(b, floats, 1));
  }
  return values;
}

SmallVector<Value> WgmmaTiles::roundToFp8(ArrayRef<Value> values) {
  SmallVector<Value> codes;
  for (size_t i = 0; i < values.size(); i += 2)
    codes.push_back(b.intrinsic("llvm.nvvm.ff.to.e4m3x2.rn", b.getI16Type(),
                                {values[i + 1], values[i]}));
  SmallVector<Value> rounded;
  for (Value code : codes) {
    Value halves = b.intrinsic("llvm.nvvm.e4m3x2.to.f16x2.rn",
                               VectorType::get({2}, b.getF16Type()), code);
    Value floats = extendToF32(b, halves);
    rounded.push_back(extract(b, floats, 0));
    rounded.push_back(extract(b, floats, 1));
  }
  return rounded;
}

Value WgmmaTiles::packPair(Value low, Value high) {
  Value pair = b.intrinsic("llvm.nvvm.ff2bf16x2.rn",
                           VectorType::get({2}, b.getBF16Type()), {high, low});
  return LLVM::BitcastOp::create(b, b.getI32Type(), pair);
}

Value WgmmaTiles::packPairs(ArrayRef<Value> values) {
  SmallVector<Value> words;
  for (size_t i = 0; i < values.size(); i += 2)
    words.push_back(packPair(values[i], values[i + 1]));
  return vector::FromElementsOp::create(
      b, VectorType::get({static_cast<int64_t>(words.size())}, b.getI32Type()),
      words);
}

int64_t WgmmaTiles::entryBytes(const AttentionProblem &problem) {
  int64_t bits = 0;
  for (const ScopeOperands &scope : problem.scopes) {
    Value entries = problem.isPaged() ? problem.blockTable : scope.slots;
    auto type = cast<MemRefType>(entries.getType());
    bits = std::max<int64_t>(bits, type.getElementTypeBitWidth());
  }
  return bits / 8;
}

int64_t WgmmaTiles::keyUnits(const AttentionProblem &problem) {
  int64_t units = 0;
  for (const ScopeOperands &scope : problem.scopes)
    if (converts(problem, scope))
      units =
          std::max(units, KeyFormat::of(scope.layout, problem.columns).units);
  return units;
}

/// Not 0 if one of 16 FP8 codes is a NaN.
Value WgmmaTiles::findNan(Value raw) {
  Value nan;
  for (int64_t i = 0; i < 4; ++i) {
    // Without its sign a NaN is 0x7F, the largest code.
    Value carry = b.addi(b.andi(extract(b, raw, i), b.i32(0x7f7f7f7f)),
                         b.i32(0x01010101));
    nan = nan ? b.ori(nan, carry) : carry;
  }
  return b.andi(nan, b.i32(0x80808080));
}

/// 16 FP8 codes as pairs of bf16, by integer arithmetic: the converts share a
/// pipe with the exponential of the softmax. A code's fields, moved to those of
/// bf16, are 2^-120 times its number; a subnormal one's too. A NaN would become
/// a number.
SmallVector<Value> WgmmaTiles::pairsOfCodes(Value raw) {
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t selector : {0x4140, 0x4342}) {
      Value codes =
          b.intrinsic("llvm.nvvm.prmt", b.getI32Type(),
                      {extract(b, raw, i), b.i32(0), b.i32(selector)});
      // Code << 4, and its sign from bit 11 to bit 15 of each half.
      Value sign = b.andi(codes, b.i32(0x00800080));
      pairs.push_back(b.addi(b.muli(codes, b.i32(16)),
                             b.muli(sign, b.i32(0x780 / 0x80 * 16))));
    }
  return pairs;
}

/// Units of codes with the scales 2^(e - 127), or without such. Few units need
/// more than a move of their fields, so that one branch serves all: between
/// branches the instructions of several units overlap.
SmallVector<Value> WgmmaTiles::convertCodes(ArrayRef<Value> raws,
                                            ArrayRef<Value> scales,
                                            UnitUse use) {
  auto type = VectorType::get({8}, b.getBF16Type());
  auto words = VectorType::get({4}, b.getI32Type());
  Value special;
  for (Value raw : raws) {
    Value nan = findNan(raw);
    special = special ? b.ori(special, nan) : nan;
  }
  // 2^120 and the scale in one factor, where bf16 has it: almost always.
  constexpr int64_t kMove = 120, kMaxExponent = 254;
  Value most;
  for (Value e : scales)
    most = most ? b.umax(most, e) : e;
  if (most) {
    Value isGreat = b.cmpi(IPredicate::ugt, most, b.i32(kMaxExponent - kMove));
    special =
        b.ori(special, arith::ExtUIOp::create(b, b.getI32Type(), isGreat));
  }
  auto byConverts = [&] {
    SmallVector<Value> results;
    for (auto [i, raw] : llvm::enumerate(raws)) {
      SmallVector<Value> values =
          toFloats(vector::BitCastOp::create(
                       b, VectorType::get({16}, b.getI8Type()), raw),
                   b.getI8Type());
      if (most) {
        Value scale = decodeE8M0(b, scales[i]);
        for (Value &value : values)
          value = b.mulf(value, scale);
      }
      results.append(use(i, {packPairs(ArrayRef(values).take_front(8)),
                             packPairs(ArrayRef(values).drop_front(8))}));
    }
    return results;
  };
  auto byFields = [&] {
    SmallVector<Value> results;
    for (auto [i, raw] : llvm::enumerate(raws)) {
      Value exponent =
          most ? b.addi(scales[i], b.i32(kMove)) : b.i32(127 + kMove);
      Value factor = b.bitcast(
          arith::TruncIOp::create(b, b.getI16Type(), b.shli(exponent, 7)),
          b.getBF16Type());
      SmallVector<Value> pairs = pairsOfCodes(raw), halves;
      for (size_t first : {0, 4}) {
        Value half = vector::FromElementsOp::create(
            b, words, ArrayRef(pairs).slice(first, 4));
        half = b.mulf(vector::BitCastOp::create(b, type, half),
                      vector::BroadcastOp::create(b, type, factor));
        halves.push_back(vector::BitCastOp::create(b, words, half));
      }
      results.append(use(i, halves));
    }
    return results;
  };
  return b.ifElse(b.isNonZero(special), byConverts, byFields);
}

/// Converts a thread's units from number `first` on, calls `use` for each, and
/// returns what that gives.
SmallVector<Value> WgmmaTiles::convertUnits(unsigned scope, int64_t first,
                                            ArrayRef<Value> raws, Value scales,
                                            UnitUse use) {
  CacheLayout layout = problem.scopes[scope].layout;
  SmallVector<Value> exponents;
  if (layout == CacheLayout::DsMla584)
    for (size_t i = 0; i < raws.size(); ++i) {
      int64_t round = first + i;
      exponents.push_back(
          b.andi(b.shrui(extract(b, scales, round / 4), 8 * (round % 4)),
                 b.i32(0xff)));
    }
  // A power of two changes no digit, so that it can come after the rounding.
  if (layout == CacheLayout::Fp8 ||
      (layout == CacheLayout::DsMla584 && !problem.a8w8))
    return convertCodes(raws, exponents, use);

  Type element =
      layout == CacheLayout::Bf16 ? Type(b.getBF16Type()) : Type(b.getI8Type());
  int64_t lanes = 128 / element.getIntOrFloatBitWidth();
  SmallVector<Value> results;
  for (auto [i, raw] : llvm::enumerate(raws)) {
    SmallVector<Value> values = toFloats(
        vector::BitCastOp::create(b, VectorType::get({lanes}, element), raw),
        element);
    Value scale;
    if (!exponents.empty())
      scale = decodeE8M0(b, exponents[i]);
    else if (layout == CacheLayout::DsMla656)
      scale = b.fromBits(extract(b, scales, (first + i) / 2));
    if (scale)
      for (Value &value : values)
        value = b.mulf(value, scale);
    if (problem.a8w8)
      values = roundKeys(scope, values, static_cast<bool>(scale));
    SmallVector<Value> words;
    for (size_t column = 0; column < values.size(); column += 8)
      words.push_back(packPairs(ArrayRef(values).slice(column, 8)));
    results.append(use(i, words));
  }
  return results;
}

/// Keys of a8w8 in a layout other than fp8, as the bf16 values of their codes.
SmallVector<Value> WgmmaTiles::roundKeys(unsigned scope,
                                         SmallVector<Value> values,
                                         bool isQuantised) {
  for (Value &value : values) {
    if (isQuantised)
      value = extendToF32(b, truncateTo(b, value, b.getBF16Type()));
    if (Value scale = kernel.valueFactor(scope))
      value = b.divf(value, scale);
  }
  return roundToFp8(values);
}
