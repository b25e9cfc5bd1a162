//===-- Patterns.h - Families of convert-lm-to-linalg -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLINALG_PATTERNS_H
#define HIPFUSE_LIB_CONVERSION_LMTOLINALG_PATTERNS_H

#include "StructuredOps.h"

namespace mlir::lm::detail {

void populateActivationPatterns(RewritePatternSet &patterns);
void populateCacheWritePatterns(RewritePatternSet &patterns);
void populateNormPatterns(RewritePatternSet &patterns);
void populateQuantizePatterns(RewritePatternSet &patterns);
void populateRopePatterns(RewritePatternSet &patterns);

/// A pattern for operations on tensors.
template <typename OpTy>
struct TensorOpPattern : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const final {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "it has no tensor semantics");
    StructuredBuilder builder(op.getLoc(), rewriter);
    rewriter.replaceOp(op, lower(op, builder));
    return success();
  }

  /// What replaces the results of `op`.
  virtual SmallVector<Value> lower(OpTy op, StructuredBuilder &b) const = 0;
};

} // namespace mlir::lm::detail

#endif // HIPFUSE_LIB_CONVERSION_LMTOLINALG_PATTERNS_H
