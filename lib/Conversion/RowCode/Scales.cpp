//===-- Scales.cpp - Scales and codes of quantisation ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/Scales.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;
using IPredicate = arith::CmpIPredicate;

/// True if a block whose amax is Inf or NaN is marked by its scale.
static bool propagatesNonFinite(SchemeAttr scheme) {
  return scheme.hasE8M0Scale() && scheme.getNonfinite() == NonFinite::Propagate;
}

Value lm::amaxCandidates(RowBuilder &b, SchemeAttr scheme, Value value) {
  Value magnitude = magnitudeBits(b, value);
  if (propagatesNonFinite(scheme))
    return magnitude;
  Value isNaN = isNaNMagnitude(b, magnitude);
  Value finite = b.umin(magnitude, b.i32(0x7F7FFFFF, magnitude));
  return b.select(isNaN, b.i32(0, magnitude), finite);
}

/// The E8M0 byte of a finite `amax` by the scheme's rounding, as i32.
static Value scaleByte(RowBuilder &b, SchemeAttr scheme, Value amaxBits) {
  int emax = scheme.getElementEmax();
  Value amax = b.fromBits(amaxBits);
  auto floorExponent = [&](Value bits) { return b.shrui(bits, 23); };
  auto ceilExponent = [&](Value quotient) {
    // A mantissa that is not zero carries into the exponent field.
    Value bits = b.toBits(quotient);
    return floorExponent(b.addi(bits, b.i32(0x7FFFFF, bits)));
  };
  Value scaled = b.mulf(amax, b.f32(std::ldexp(1.0f, -emax)));
  switch (scheme.getScaleRounding()) {
  case ScaleRounding::Floor:
    return floorExponent(b.toBits(scaled));
  case ScaleRounding::Ceil:
    return ceilExponent(scaled);
  case ScaleRounding::RCeil:
    return ceilExponent(b.divf(amax, b.f32(scheme.getElementMax())));
  case ScaleRounding::Even: {
    int32_t half = scheme.isFp4() ? 0x200000 : 0x80000;
    Value exponent = floorExponent(b.addi(amaxBits, b.i32(half)));
    return b.subi(b.umax(exponent, b.i32(emax)), b.i32(emax));
  }
  case ScaleRounding::None:
    break;
  }
  llvm_unreachable("an f32 scale has no byte");
}

BlockScale lm::scaleOf(RowBuilder &b, SchemeAttr scheme, Value amaxBits) {
  if (float floor = scheme.getAmaxFloorValue())
    amaxBits = b.umax(amaxBits, b.f32Bits(floor, amaxBits));
  if (!scheme.hasE8M0Scale()) {
    Value scale = b.divf(b.fromBits(amaxBits), b.f32(scheme.getElementMax()));
    Value isZero = b.cmpf(FPredicate::OEQ, scale, b.f32(0.0f));
    scale = b.select(isZero, b.f32(1.0f), scale);
    return {scale, b.splat(scale), Value()};
  }
  Value byte = scaleByte(b, scheme, amaxBits);
  // 2^(127 - byte); that of byte 254 is subnormal.
  Value bits = b.umax(b.shli(b.subi(b.i32(254), byte), 23), b.i32(0x00400000));
  BlockScale scale{byte, b.splat(b.fromBits(bits)), Value()};
  if (propagatesNonFinite(scheme)) {
    scale.isNaN = b.cmpi(IPredicate::uge, amaxBits, b.i32(0x7F800000));
    scale.stored = b.select(scale.isNaN, b.i32(255), byte);
  }
  return scale;
}

BlockScale lm::scaleOf(RowBuilder &b, SchemeAttr scheme,
                       ArrayRef<Value> block) {
  auto maximum = [&](Value l, Value r) { return b.umax(l, r); };
  Value amax;
  for (Value value : block) {
    Value candidates = amaxCandidates(b, scheme, value);
    amax = amax ? maximum(amax, candidates) : candidates;
  }
  return scaleOf(b, scheme, b.reduce(amax, maximum));
}

Value lm::encodeElements(RowBuilder &b, SchemeAttr scheme, Value value,
                         const BlockScale &scale) {
  Value bytes;
  if (scheme.isFp4()) {
    bytes = packNibbles(
        b, encodeFp4(b, value, scale.operand, scheme.getElementRounding(),
                     /*mayBeNonFinite=*/!propagatesNonFinite(scheme)));
  } else {
    Value scaled = scheme.hasE8M0Scale() ? b.mulf(value, scale.operand)
                                         : b.divf(value, scale.operand);
    bytes = toBytes(b, encodeFp8(b, scaled, scheme.getElement()));
  }
  if (!scale.isNaN)
    return bytes;
  Value zero = arith::ConstantOp::create(b, bytes.getType(),
                                         b.getZeroAttr(bytes.getType()));
  return b.select(scale.isNaN, zero, bytes);
}

Value lm::shuffledScaleOffset(RowBuilder &b, Value row, Value block,
                              int64_t padded) {
  // A dword serves a tile of 32 rows and 256 columns.
  Value offset = b.muli(b.divui(row, 32), 32 * padded);
  auto term = [&](Value value, int64_t factor) {
    offset = b.addi(offset, b.muli(value, factor));
  };
  term(b.divui(block, 8), 256);
  term(b.remui(block, 4), 64);
  term(b.remui(row, 16), 4);
  term(b.divui(b.remui(block, 8), 4), 2);
  term(b.divui(b.remui(row, 32), 16), 1);
  return offset;
}
