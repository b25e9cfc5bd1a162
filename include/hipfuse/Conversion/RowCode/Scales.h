//===-- Scales.h - Scales and codes of quantisation -------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_SCALES_H
#define HIPFUSE_CONVERSION_ROWCODE_SCALES_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// The scale of a block or row: what is stored, and what elements are
/// multiplied (E8M0) or divided (f32) by.
struct BlockScale {
  Value stored;  ///< i32 with the E8M0 byte, or f32
  Value operand; ///< a vector of f32
  Value isNaN;   ///< i1: the codes are zero; may be empty
};

/// The patterns of the magnitudes of `value` as they take part in amax.
Value amaxCandidates(RowBuilder &b, SchemeAttr scheme, Value value);

/// The scale of values whose amax has the pattern `amaxBits`.
BlockScale scaleOf(RowBuilder &b, SchemeAttr scheme, Value amaxBits);

/// The scale of a block of values, whose absent lanes are 0.
BlockScale scaleOf(RowBuilder &b, SchemeAttr scheme, ArrayRef<Value> block);

/// The elements of `value` as bytes: as many as lanes, or half for FP4.
Value encodeElements(RowBuilder &b, SchemeAttr scheme, Value value,
                     const BlockScale &scale);

/// Offset of the scale of row `row` and block `block` in layout
/// `cdna4_shuffled` with `padded` scales per row, as `lm.shuffle_scale` gives
/// it; of the type of `row` and `block`.
Value shuffledScaleOffset(RowBuilder &b, Value row, Value block,
                          int64_t padded);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_SCALES_H
