//===-- Norm.h - Root-mean-square norm of a row -----------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLOOPS_NORM_H
#define HIPFUSE_LIB_CONVERSION_LMTOLOOPS_NORM_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

namespace mlir::lm {

/// The operands and attributes of one norm; those of the residual add are
/// empty where there is none.
struct Norm {
  Value x;
  Value residual;
  Value weight;
  Value residualOut;
  float epsilon = 0.0f;
  float weightOffset = 0.0f;
  bool roundNormBeforeWeight = false;
  bool normFromRoundedResidual = false;
  bool roundSumBeforeResidual = false;
  Type splitType; ///< `x` is split-K partials, whose sum is rounded to this
};

/// The f32 values of a row that lies in scratch memory.
struct RowValues {
  ChunkFn chunk;
  Value scratch;
};

/// The sum over the leading dimension of `x` of the chunk at `row`, `column`.
Value sumSplits(RowBuilder &b, Value x, ValueRange row, Value column,
                int64_t count);

/// Reads row `row` of the norm's inputs once, writes the residual, and returns
/// the normed values. A chunk may be computed repeatedly, and before its place
/// in scratch memory is overwritten.
RowValues buildNorm(RowBuilder &b, const Norm &norm, ValueRange row);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLOOPS_NORM_H
