//===-- ScalarNumerics.h - The dialect's numerics as scalar ops -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The number formats and the rules of `#lm.scheme` written out as arith
// operations on f32 and i32 scalars, for bodies of linalg.generic. 8-bit floats
// are bits: they are only ever bitcast to and from i8, so that no backend needs
// to know them.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLINALG_SCALARNUMERICS_H
#define HIPFUSE_LIB_CONVERSION_LMTOLINALG_SCALARNUMERICS_H

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::lm {

class ScalarNumerics {
public:
  ScalarNumerics(OpBuilder &builder, Location loc) : b(loc, builder) {}

  Value f32(float value);
  Value i32(uint32_t value);

  Value add(Value lhs, Value rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value div(Value lhs, Value rhs);

  /// f16, bf16 or f32 to f32, exactly.
  Value toF32(Value value);
  /// f32 to f16, bf16 or f32, rounded once to nearest even.
  Value round(Value value, Type type);
  /// `value` rounded to `type` and back.
  Value roundThrough(Value value, Type type);

  /// The bit pattern of |value| as the maximum over a block sees it: with
  /// `saturate` NaN counts as 0 and Inf as the largest f32. Non-negative, so
  /// that integers compare as the values do and NaN above Inf.
  Value amaxBits(Value value, bool saturate);
  Value maxBits(Value lhs, Value rhs);

  /// The scale that `scheme` computes from the amax of a block: an f32, or an
  /// E8M0 byte as f8E8M0FNU.
  Value blockScale(SchemeAttr scheme, Value amaxBits);
  /// The f32 value of an f32 or f8E8M0FNU scale.
  Value scaleValue(Value scale);

  /// The code of `x` under `scale`, in the low bits of an i32.
  Value quantize(SchemeAttr scheme, Value x, Value scale);
  /// The f32 value of a code, given in the low bits of an i32.
  Value dequantize(SchemeAttr scheme, Value code);

  /// An i8 or an 8-bit float, to and from the low bits of an i32.
  Value fromByte(Value byte);
  Value toByte(Value bits, Type type);

  ImplicitLocOpBuilder b;

private:
  Value bitsOf(Value value);
  Value fromBits(Value bits);
  Value band(Value lhs, uint32_t rhs);
  Value shl(Value lhs, unsigned rhs);
  Value shr(Value lhs, unsigned rhs);
  Value addI(Value lhs, uint32_t rhs);
  Value select(Value condition, Value ifTrue, Value ifFalse);
  Value compare(arith::CmpIPredicate predicate, Value lhs, uint32_t rhs);

  Value e8m0Byte(SchemeAttr scheme, Value amaxBits);
  /// The code of |value| in a format with `mantissaBits`, the exponent bias
  /// `bias` and the largest value `max`, which Inf and values beyond give too.
  Value encodeMagnitude(Value value, unsigned mantissaBits, int bias, float max,
                        bool halfAway);
  Value encodeFp4(SchemeAttr scheme, Value scaled, Value x);
  Value encodeFp8(SchemeAttr scheme, Value scaled);
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLINALG_SCALARNUMERICS_H
