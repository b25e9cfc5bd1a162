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

/// FP8 codes as pairs of bf16, of `raw`, 16 of them, by integer arithmetic: the
/// converts share a pipe with the exponential of the softmax. A code's fields,
/// moved to those of bf16, are 2^-120 times its number; a subnormal one's too.
/// The second value is not 0 if there is a NaN, which would become a number.
std::pair<SmallVector<Value>, Value> WgmmaTiles::pairsOfCodes(Value raw) {
  Value nan;
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < 4; ++i) {
    Value word = extract(b, raw, i);
    // Without its sign a NaN is 0x7F, the largest code.
    Value carry = b.addi(b.andi(word, b.i32(0x7f7f7f7f)), b.i32(0x01010101));
    nan = nan ? b.ori(nan, carry) : carry;
    for (int64_t selector : {0x4140, 0x4342}) {
      Value codes = b.intrinsic("llvm.nvvm.prmt", b.getI32Type(),
                                {word, b.i32(0), b.i32(selector)});
      // Code << 4, and its sign from bit 11 to bit 15 of each half.
      Value sign = b.andi(codes, b.i32(0x00800080));
      pairs.push_back(b.addi(b.muli(codes, b.i32(16)),
                             b.muli(sign, b.i32(0x780 / 0x80 * 16))));
    }
  }
  return {pairs, b.andi(nan, b.i32(0x80808080))};
}

/// Codes with the scale 2^(e - 127), or without one: `e` is null.
SmallVector<Value> WgmmaTiles::convertCodes(Value raw, Value e) {
  auto type = VectorType::get({8}, b.getBF16Type());
  auto words = VectorType::get({4}, b.getI32Type());
  auto [pairs, special] = pairsOfCodes(raw);
  // 2^120 and the scale in one factor, where bf16 has it: almost always.
  constexpr int64_t kMove = 120, kMaxExponent = 254;
  Value exponent = b.i32(127 + kMove);
  if (e) {
    exponent = b.addi(e, b.i32(kMove));
    special =
        b.ori(special, arith::ExtUIOp::create(b, b.getI32Type(),
                                              b.cmpi(IPredicate::ugt, exponent,
                                                     b.i32(kMaxExponent))));
  }
  Value factor =
      b.bitcast(arith::TruncIOp::create(b, b.getI16Type(), b.shli(exponent, 7)),
                b.getBF16Type());
  auto byConverts = [&] {
    SmallVector<Value> values = toFloats(
        vector::BitCastOp::create(b, VectorType::get({16}, b.getI8Type()), raw),
        b.getI8Type());
    if (e) {
      Value scale = decodeE8M0(b, e);
      for (Value &value : values)
        value = b.mulf(value, scale);
    }
    return SmallVector<Value>{packPairs(ArrayRef(values).take_front(8)),
                              packPairs(ArrayRef(values).drop_front(8))};
  };
  auto byFields = [&, pairs = pairs] {
    SmallVector<Value> results;
    for (size_t first : {0, 4}) {
      Value half = vector::FromElementsOp::create(
          b, words, ArrayRef(pairs).slice(first, 4));
      half = b.mulf(vector::BitCastOp::create(b, type, half),
                    vector::BroadcastOp::create(b, type, factor));
      results.push_back(vector::BitCastOp::create(b, words, half));
    }
    return results;
  };
  return b.ifElse(b.isNonZero(special), byConverts, byFields);
}

/// Converts a thread's unit number `round` to words of bf16, eight columns
/// each.
SmallVector<Value> WgmmaTiles::convertUnit(unsigned scope, int64_t round,
                                           Value raw, Value scales) {
  CacheLayout layout = problem.scopes[scope].layout;
  Value e;
  if (layout == CacheLayout::DsMla584)
    e = b.andi(b.shrui(extract(b, scales, round / 4), 8 * (round % 4)),
               b.i32(0xff));
  if (layout == CacheLayout::Fp8)
    return convertCodes(raw, Value());
  // A power of two changes no digit, so that it can come after the rounding.
  if (e && !problem.a8w8)
    return convertCodes(raw, e);

  Type element =
      layout == CacheLayout::Bf16 ? Type(b.getBF16Type()) : Type(b.getI8Type());
  int64_t lanes = 128 / element.getIntOrFloatBitWidth();
  SmallVector<Value> values = toFloats(
      vector::BitCastOp::create(b, VectorType::get({lanes}, element), raw),
      element);
  Value scale;
  if (e)
    scale = decodeE8M0(b, e);
  else if (layout == CacheLayout::DsMla656)
    scale = b.fromBits(extract(b, scales, round / 2));
  if (scale)
    for (Value &value : values)
      value = b.mulf(value, scale);
  if (problem.a8w8)
    values = roundKeys(scope, values, static_cast<bool>(scale));
  SmallVector<Value> words;
  for (size_t first = 0; first < values.size(); first += 8)
    words.push_back(packPairs(ArrayRef(values).slice(first, 8)));
  return words;
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
