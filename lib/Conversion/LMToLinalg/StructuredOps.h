//===-- StructuredOps.h - Building blocks on tensors ------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the patterns of convert-lm-to-linalg share: linalg.generic with a scalar
// body, and views of the last dimension.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLINALG_STRUCTUREDOPS_H
#define HIPFUSE_LIB_CONVERSION_LMTOLINALG_STRUCTUREDOPS_H

#include "ScalarNumerics.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lm {

/// Fills the body of a linalg.generic: from the elements of its operands,
/// destinations included, to what it yields.
using ScalarBody =
    llvm::function_ref<SmallVector<Value>(ScalarNumerics &, ValueRange)>;

/// Builds operations on tensors at one location.
class StructuredBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  static RankedTensorType typeOf(Value value) {
    return cast<RankedTensorType>(value.getType());
  }
  static Type elementOf(Value value) { return typeOf(value).getElementType(); }
  static int64_t rankOf(Value value) { return typeOf(value).getRank(); }
  static int64_t lastDimOf(Value value) {
    return typeOf(value).getShape().back();
  }

  Value index(int64_t value);
  /// The map from `loops` loops to the first `count` of them.
  AffineMap leadingDims(int64_t loops, int64_t count);
  Value dim(Value tensor, int64_t dim);

  SmallVector<OpFoldResult> sizes(Value tensor);
  /// The same with `size` as the last one.
  SmallVector<OpFoldResult> sizesWithLast(Value tensor, int64_t size);
  /// tensor.empty with the sizes of `tensor`, but for the last one.
  Value emptyRows(Value tensor, int64_t lastDim, Type element);
  Value emptyLike(Value tensor, Type element);
  /// tensor.empty with the sizes of `tensor` without its last dimension, filled
  /// with the scalar `value`.
  Value filledReduction(Value tensor, Value value);

  /// linalg.generic; the last `reductions` loops are reductions.
  SmallVector<Value> generic(ValueRange ins, ValueRange outs,
                             ArrayRef<AffineMap> maps, unsigned reductions,
                             ScalarBody body);
  /// linalg.generic with one result, whose loops are the dimensions of `out`.
  /// Inputs of less rank are broadcast: their dimensions are the leading ones.
  Value elementwise(ValueRange ins, Value out, ScalarBody body);
  /// Each element converted to the type `element`; `tensor` itself where that
  /// changes nothing.
  Value convert(Value tensor, Type element);

  /// Columns offset, offset + stride, ... of the last dimension.
  Value columns(Value tensor, int64_t offset, int64_t count,
                int64_t stride = 1);
  Value insertColumns(Value source, Value destination, int64_t offset,
                      int64_t stride = 1);

  /// [..., N] as [..., ceil(N / block), block], the last block padded with 0.
  Value toBlocks(Value tensor, int64_t block);
  /// A destination of that shape whose content does not matter: a view of
  /// `destination` where no block is short.
  Value blockedDestination(Value destination, int64_t block);
  /// [..., S, B] back as the rows of `destination`.
  Value fromBlocks(Value blocks, Value destination);

private:
  Value split(Value tensor, int64_t count, int64_t block);
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLINALG_STRUCTUREDOPS_H
