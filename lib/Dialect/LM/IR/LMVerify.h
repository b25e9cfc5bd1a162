//===-- LMVerify.h - Checks that the verifiers share ------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_DIALECT_LM_IR_LMVERIFY_H
#define HIPFUSE_LIB_DIALECT_LM_IR_LMVERIFY_H

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm::detail {

inline ShapedType shaped(Value value) {
  return cast<ShapedType>(value.getType());
}

/// True unless both are static and differ.
bool dimsMatch(int64_t lhs, int64_t rhs);
bool shapesMatch(ArrayRef<int64_t> lhs, ArrayRef<int64_t> rhs);

/// "[?, 64]".
std::string str(ArrayRef<int64_t> shape);

SmallVector<int64_t> withLastDim(ArrayRef<int64_t> shape, int64_t last);

/// Checks that all shaped operands are tensors or all are memrefs, and that no
/// memref takes two results. (A tensor may: each result is a value of its own.)
LogicalResult verifySemantics(Operation *op);

/// Checks that `value`, called `name` in the message, has the shape `expected`
/// as far as dimensions are static. An absent value passes.
LogicalResult verifyDims(Operation *op, StringRef name, Value value,
                         ArrayRef<int64_t> expected);

/// The same for a value with columns: a last dimension that is static in
/// `expected` is static in the value.
LogicalResult verifyShape(Operation *op, StringRef name, Value value,
                          ArrayRef<int64_t> expected);

/// Checks that `value` has rank `minRank` or more and a static last dimension.
LogicalResult verifyRows(Operation *op, StringRef name, Value value,
                         int64_t minRank = 1);

LogicalResult verifyScalar(Operation *op, StringRef name, Value value);

/// Checks that `epsilon`, called `name` in the message, is finite and positive.
LogicalResult verifyEpsilon(Operation *op, StringRef name,
                            const APFloat &epsilon);

/// Checks that `cache`, whose operand and page size have names that start with
/// `prefix`, has the element type and the shape that `layout` names for rows of
/// `columns` columns.
LogicalResult verifyCache(Operation *op, StringRef prefix, Value cache,
                          CacheLayout layout, int64_t columns,
                          std::optional<uint64_t> pageSize);

} // namespace mlir::lm::detail

#endif // HIPFUSE_LIB_DIALECT_LM_IR_LMVERIFY_H
