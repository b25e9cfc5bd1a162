//===-- RowPattern.h - Base of the patterns that lower to rows --*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLOOPS_ROWPATTERN_H
#define HIPFUSE_LIB_CONVERSION_LMTOLOOPS_ROWPATTERN_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/IR/PatternMatch.h"

namespace mlir::lm {

/// Replaces one kind of operation on memrefs by the loops that `lower` builds.
template <typename OpTy>
struct RowPattern : OpRewritePattern<OpTy> {
  RowPattern(MLIRContext *context, int64_t vectorWidth)
      : OpRewritePattern<OpTy>(context), vectorWidth(vectorWidth) {}

  virtual void lower(OpTy op, RowBuilder &b) const = 0;

  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const final {
    if (!op.hasPureBufferSemantics())
      return rewriter.notifyMatchFailure(op, "has tensor operands");
    RowBuilder b(op.getLoc(), rewriter, vectorWidth);
    lower(op, b);
    rewriter.eraseOp(op);
    return success();
  }

  int64_t vectorWidth;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLOOPS_ROWPATTERN_H
