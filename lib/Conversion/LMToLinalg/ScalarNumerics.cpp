//===-- ScalarNumerics.cpp - The dialect's numerics as scalar ops ---------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarNumerics.h"

#include "llvm/ADT/bit.h"
#include <cmath>

using namespace mlir;
using namespace mlir::lm;

static constexpr uint32_t kAbsMask = 0x7FFFFFFF;
static constexpr uint32_t kInf = 0x7F800000;
static constexpr uint32_t kLargest = 0x7F7FFFFF;
static constexpr uint32_t kMantissaMask = 0x007FFFFF;
static constexpr uint32_t kQuietNan = 0x7FC00000;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value ScalarNumerics::f32(float value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

Value ScalarNumerics::i32(uint32_t value) {
  return arith::ConstantOp::create(
      b, b.getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value ScalarNumerics::add(Value lhs, Value rhs) {
  return arith::AddFOp::create(b, lhs, rhs);
}

Value ScalarNumerics::sub(Value lhs, Value rhs) {
  return arith::SubFOp::create(b, lhs, rhs);
}

Value ScalarNumerics::mul(Value lhs, Value rhs) {
  return arith::MulFOp::create(b, lhs, rhs);
}

Value ScalarNumerics::div(Value lhs, Value rhs) {
  return arith::DivFOp::create(b, lhs, rhs);
}

Value ScalarNumerics::bitsOf(Value value) {
  return arith::BitcastOp::create(b, b.getI32Type(), value);
}

Value ScalarNumerics::fromBits(Value bits) {
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

Value ScalarNumerics::band(Value lhs, uint32_t rhs) {
  return arith::AndIOp::create(b, lhs, i32(rhs));
}

Value ScalarNumerics::shl(Value lhs, unsigned rhs) {
  return arith::ShLIOp::create(b, lhs, i32(rhs));
}

Value ScalarNumerics::shr(Value lhs, unsigned rhs) {
  return arith::ShRUIOp::create(b, lhs, i32(rhs));
}

Value ScalarNumerics::addI(Value lhs, uint32_t rhs) {
  return arith::AddIOp::create(b, lhs, i32(rhs));
}

Value ScalarNumerics::select(Value condition, Value ifTrue, Value ifFalse) {
  return arith::SelectOp::create(b, condition, ifTrue, ifFalse);
}

Value ScalarNumerics::compare(arith::CmpIPredicate predicate, Value lhs,
                              uint32_t rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, i32(rhs));
}

Value ScalarNumerics::toF32(Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(b, b.getF32Type(), value);
}

Value ScalarNumerics::round(Value value, Type type) {
  if (value.getType() == type)
    return value;
  return arith::TruncFOp::create(b, type, value);
}

Value ScalarNumerics::roundThrough(Value value, Type type) {
  return toF32(round(value, type));
}

Value ScalarNumerics::fromByte(Value byte) {
  if (!byte.getType().isInteger())
    byte = arith::BitcastOp::create(b, b.getI8Type(), byte);
  return arith::ExtUIOp::create(b, b.getI32Type(), byte);
}

Value ScalarNumerics::toByte(Value bits, Type type) {
  Value byte = arith::TruncIOp::create(b, b.getI8Type(), bits);
  if (type.isInteger())
    return byte;
  return arith::BitcastOp::create(b, type, byte);
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

Value ScalarNumerics::amaxBits(Value value, bool saturate) {
  Value bits = band(bitsOf(value), kAbsMask);
  if (!saturate)
    return bits;
  Value isNan = compare(arith::CmpIPredicate::ugt, bits, kInf);
  Value clamped = arith::MinUIOp::create(b, bits, i32(kLargest));
  return select(isNan, i32(0), clamped);
}

Value ScalarNumerics::maxBits(Value lhs, Value rhs) {
  return arith::MaxUIOp::create(b, lhs, rhs);
}

Value ScalarNumerics::e8m0Byte(SchemeAttr scheme, Value amaxBits) {
  int emax = scheme.getElementEmax();
  auto exponentRoundedUp = [&](Value bits) {
    Value odd = compare(arith::CmpIPredicate::ne, band(bits, kMantissaMask), 0);
    return arith::AddIOp::create(b, shr(bits, 23),
                                 arith::ExtUIOp::create(b, b.getI32Type(), odd))
        .getResult();
  };
  auto downByEmax = [&] {
    return bitsOf(mul(fromBits(amaxBits), f32(std::ldexp(1.0f, -emax))));
  };
  Value byte;
  switch (scheme.getScaleRounding()) {
  case ScaleRounding::None:
    llvm_unreachable("an f32 scale is not a byte");
  case ScaleRounding::Floor:
    byte = shr(downByEmax(), 23);
    break;
  case ScaleRounding::Ceil:
    byte = exponentRoundedUp(downByEmax());
    break;
  case ScaleRounding::RCeil:
    byte = exponentRoundedUp(
        bitsOf(div(fromBits(amaxBits), f32(scheme.getElementMax()))));
    break;
  case ScaleRounding::Even: {
    uint32_t half = scheme.isFp4() ? 0x200000 : 0x80000;
    byte = addI(shr(addI(amaxBits, half), 23), -emax);
    byte = arith::MaxSIOp::create(b, byte, i32(0));
    break;
  }
  }
  Value nonfinite = compare(arith::CmpIPredicate::uge, amaxBits, kInf);
  return select(nonfinite, i32(0xFF), byte);
}

Value ScalarNumerics::blockScale(SchemeAttr scheme, Value amaxBits) {
  if (float floor = scheme.getAmaxFloorValue(); floor > 0)
    amaxBits = maxBits(amaxBits, i32(llvm::bit_cast<uint32_t>(floor)));
  if (scheme.hasE8M0Scale())
    return toByte(e8m0Byte(scheme, amaxBits), scheme.getScaleType());
  Value scale = div(fromBits(amaxBits), f32(scheme.getElementMax()));
  Value isZero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale, f32(0.0f));
  return select(isZero, f32(1.0f), scale);
}

Value ScalarNumerics::scaleValue(Value scale) {
  if (scale.getType().isF32())
    return scale;
  // The byte is the exponent field, but for the smallest power, which is
  // subnormal, and for NaN.
  Value byte = fromByte(scale);
  Value bits = shl(byte, 23);
  bits =
      select(compare(arith::CmpIPredicate::eq, byte, 0), i32(0x00400000), bits);
  bits = select(compare(arith::CmpIPredicate::eq, byte, 0xFF), i32(kQuietNan),
                bits);
  return fromBits(bits);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

Value ScalarNumerics::encodeMagnitude(Value value, unsigned mantissaBits,
                                      int bias, float max, bool halfAway) {
  Value bits = band(bitsOf(value), kAbsMask);
  bits = arith::MinUIOp::create(b, bits, i32(llvm::bit_cast<uint32_t>(max)));

  // Normal results: round the f32 significand in place. A carry runs into the
  // exponent, as it should.
  unsigned dropped = 23 - mantissaBits;
  uint32_t half = 1u << (dropped - 1);
  Value rounded;
  if (halfAway)
    rounded = addI(bits, half);
  else
    rounded = arith::AddIOp::create(b, addI(bits, half - 1),
                                    band(shr(bits, dropped), 1));
  Value normal = addI(shr(rounded, dropped),
                      -(static_cast<uint32_t>(127 - bias) << mantissaBits));

  // Subnormal results: adding the power of two whose last place is the
  // format's smallest value leaves the rounded count in the low bits. (The sum
  // rounds to nearest even; with half_away the two ties are one comparison
  // each.)
  float smallest = std::ldexp(1.0f, 1 - bias - static_cast<int>(mantissaBits));
  Value subnormal;
  if (halfAway) {
    subnormal = i32(0);
    for (int count = 1; count <= 1 << mantissaBits; ++count) {
      float tie = (static_cast<float>(count) - 0.5f) * smallest;
      Value reached = compare(arith::CmpIPredicate::uge, bits,
                              llvm::bit_cast<uint32_t>(tie));
      subnormal = arith::AddIOp::create(
          b, subnormal, arith::ExtUIOp::create(b, b.getI32Type(), reached));
    }
  } else {
    float magic = std::ldexp(smallest, 23);
    subnormal = addI(bitsOf(add(fromBits(bits), f32(magic))),
                     -llvm::bit_cast<uint32_t>(magic));
  }
  float smallestNormal = std::ldexp(1.0f, 1 - bias);
  Value isSubnormal = compare(arith::CmpIPredicate::ult, bits,
                              llvm::bit_cast<uint32_t>(smallestNormal));
  return select(isSubnormal, subnormal, normal);
}

Value ScalarNumerics::encodeFp4(SchemeAttr scheme, Value scaled, Value x) {
  bool halfAway = scheme.getElementRounding() == ElementRounding::HalfAway;
  Value code = encodeMagnitude(scaled, /*mantissaBits=*/1, /*bias=*/1,
                               scheme.getElementMax(), halfAway);
  // half_away takes the sign from x < 0, so that -0 becomes +0. `x`, because
  // the product with the scale may have become 0.
  Value sign;
  if (halfAway)
    sign = arith::ExtUIOp::create(
        b, b.getI32Type(),
        arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, f32(0.0f)));
  else
    sign = shr(bitsOf(x), 31);
  code = arith::OrIOp::create(b, code, shl(sign, 3));
  Value isNan =
      compare(arith::CmpIPredicate::ugt, band(bitsOf(x), kAbsMask), kInf);
  return select(isNan, i32(0), code);
}

Value ScalarNumerics::encodeFp8(SchemeAttr scheme, Value scaled) {
  bool fnuz = isa<Float8E4M3FNUZType>(scheme.getElement());
  Value code = encodeMagnitude(scaled, /*mantissaBits=*/3, fnuz ? 8 : 7,
                               scheme.getElementMax(), /*halfAway=*/false);
  Value bits = bitsOf(scaled);
  Value sign = shl(shr(bits, 31), 7);
  // FNUZ has no negative zero: that code is its NaN.
  if (fnuz)
    sign = select(compare(arith::CmpIPredicate::eq, code, 0), i32(0), sign);
  code = arith::OrIOp::create(b, code, sign);
  Value isNan = compare(arith::CmpIPredicate::ugt, band(bits, kAbsMask), kInf);
  return select(isNan, i32(fnuz ? 0x80 : 0x7F), code);
}

Value ScalarNumerics::quantize(SchemeAttr scheme, Value x, Value scale) {
  if (!scheme.hasE8M0Scale())
    return encodeFp8(scheme, div(x, scale));

  // x / 2^(byte-127) as a product with 2^(127-byte). It is exact except where
  // it is subnormal, far below the smallest tie of the element types.
  Value byte = fromByte(scale);
  Value field = arith::SubIOp::create(b, i32(254), byte);
  Value bits = select(compare(arith::CmpIPredicate::eq, byte, 254),
                      i32(0x00400000), shl(field, 23));
  Value scaled = mul(x, fromBits(bits));
  Value code =
      scheme.isFp4() ? encodeFp4(scheme, scaled, x) : encodeFp8(scheme, scaled);
  return select(compare(arith::CmpIPredicate::eq, byte, 0xFF), i32(0), code);
}

Value ScalarNumerics::dequantize(SchemeAttr scheme, Value code) {
  // Exponent and mantissa moved to their places in an f32, then one exact
  // product that replaces the bias; subnormal codes are subnormal before it.
  bool fp4 = scheme.isFp4();
  bool fnuz = isa<Float8E4M3FNUZType>(scheme.getElement());
  unsigned mantissaBits = fp4 ? 1 : 3;
  uint32_t magnitudeMask = fp4 ? 0x7 : 0x7F;
  int bias = fp4 ? 1 : fnuz ? 8 : 7;
  Value magnitude = band(code, magnitudeMask);
  Value value = mul(fromBits(shl(magnitude, 23 - mantissaBits)),
                    f32(std::ldexp(1.0f, 127 - bias)));
  Value sign = shl(shr(code, fp4 ? 3 : 7), 31);
  value = fromBits(arith::OrIOp::create(b, bitsOf(value), sign));
  if (fp4)
    return value;
  Value isNan = fnuz ? compare(arith::CmpIPredicate::eq, code, 0x80)
                     : compare(arith::CmpIPredicate::eq, magnitude, 0x7F);
  return select(isNan, fromBits(i32(kQuietNan)), value);
}
