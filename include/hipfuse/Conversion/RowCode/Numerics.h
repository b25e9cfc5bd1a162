//===-- Numerics.h - Conversions and functions on f32 vectors ---*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_NUMERICS_H
#define HIPFUSE_CONVERSION_ROWCODE_NUMERICS_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

// All functions take scalars or vectors. Values are f32 unless said otherwise;
// codes are the bits of a narrow float in the low bits of an i32.

/// Extends bf16, f16 or f32 to f32, exactly.
Value extendToF32(RowBuilder &b, Value value);

/// Rounds to `type`, bf16, f16 or f32: to nearest even, NaN stays NaN.
Value truncateTo(RowBuilder &b, Value value, Type type);

/// The f32 value of `value` rounded to `type`.
Value roundTo(RowBuilder &b, Value value, Type type);

/// i1: `bits` without its sign, the pattern of an f32, is a NaN.
Value isNaNMagnitude(RowBuilder &b, Value magnitudeBits);

/// The pattern of |value| as i32.
Value magnitudeBits(RowBuilder &b, Value value);

/// Codes of f8E4M3FN or f8E4M3FNUZ `element`: nearest even, saturating; NaN is
/// the positive NaN code.
Value encodeFp8(RowBuilder &b, Value value, Type element);

/// Codes of f4E2M1FN of `value * factor`, a vector; `factor` is a power of two
/// by which every finite magnitude is less than 8. With `mayBeNonFinite` Inf
/// saturates and NaN is 0, else their codes are anything.
Value encodeFp4(RowBuilder &b, Value value, Value factor,
                ElementRounding rounding, bool mayBeNonFinite);

/// Values of the codes of an FP8 type, given as i8.
Value decodeFp8(RowBuilder &b, Value bytes, Type element);

/// Values of f4E2M1FN codes, given as i32.
Value decodeFp4(RowBuilder &b, Value codes);

/// Packs pairs of i32 codes of four bits to bytes, even lane in the low nibble.
Value packNibbles(RowBuilder &b, Value codes);

/// The i32 codes of packed bytes: twice as many lanes.
Value unpackNibbles(RowBuilder &b, Value bytes);

/// Converts i32 codes to i8.
Value toBytes(RowBuilder &b, Value codes);

/// exp(value): within 2 units in the last place, overflowing to Inf,
/// gradually underflowing to 0; NaN stays NaN.
Value exponential(RowBuilder &b, Value value);

/// The natural logarithm of a normal value, within 2 units in the last place;
/// Inf and NaN stay.
Value logarithm(RowBuilder &b, Value value);

/// 2^(byte - 127) of an E8M0 byte in an i32; 255 is NaN.
Value decodeE8M0(RowBuilder &b, Value byte);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_NUMERICS_H
