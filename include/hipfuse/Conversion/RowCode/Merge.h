//===-- Merge.h - Weights of partial attention results ----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_MERGE_H
#define HIPFUSE_CONVERSION_ROWCODE_MERGE_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// The greater of two numbers; `rhs` if one of them is a NaN.
Value maxf(RowBuilder &b, Value lhs, Value rhs);

/// The weights of the partial results of one row and head, as
/// `lm.merge_attention` defines them. All numbers are f32 scalars.
struct Merge {
  SmallVector<Value> weights;
  Value total;
  Value lse; ///< natural logarithm, of all

  static Merge of(RowBuilder &b, ArrayRef<Value> lses, EmptyLse empty);
  /// Merges chunks of the partial results, f32 vectors.
  Value apply(RowBuilder &b, ArrayRef<Value> chunks) const;
};

/// The factor of a sink, 1 / (1 + exp(sink - lse)), and 0 where nothing was
/// seen (lse is -inf); f32 scalars.
Value sinkFactor(RowBuilder &b, Value sink, Value lse);

/// Multiplies a chunk, an f32 vector, with the factor of a sink. A factor of 0
/// gives 0, whatever the chunk holds.
Value applySinkFactor(RowBuilder &b, Value chunk, Value factor);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_MERGE_H
