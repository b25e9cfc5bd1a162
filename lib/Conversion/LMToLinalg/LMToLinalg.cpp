//===-- LMToLinalg.cpp - Lower lm operations on tensors to linalg ---------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "hipfuse/Conversion/Passes.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

#define DEBUG_TYPE "convert-lm-to-linalg"

namespace mlir::lm {
#define GEN_PASS_DEF_CONVERTLMTOLINALGPASS
#include "hipfuse/Conversion/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

namespace {

/// A fused operation on tensors becomes the unfused ones that it stands for,
/// which the other patterns then lower.
struct DecomposeFusedOp final : OpInterfaceRewritePattern<FusedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(FusedOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!cast<DestinationStyleOpInterface>(op.getOperation())
             .hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "it has no tensor semantics");
    rewriter.replaceOp(op, op.decompose(rewriter));
    return success();
  }
};

struct ConvertLMToLinalgPass final
    : lm::impl::ConvertLMToLinalgPassBase<ConvertLMToLinalgPass> {
  using Base::Base;

  void runOnOperation() override {
    auto isOnTensors = [](Operation *op) {
      auto dps = dyn_cast<DestinationStyleOpInterface>(op);
      return dps && dps.hasPureTensorSemantics();
    };
    auto isLegal = [&](Operation *op) { return !isOnTensors(op); };
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([&](Operation *op) {
      return !isa<FusedOpInterface>(op) || isLegal(op);
    });
    target.addDynamicallyLegalOp<AddRmsNormOp, DequantizeOp, MlaCacheWriteOp,
                                 QuantizeOp, RmsNormOp, RopeOp, ShuffleScaleOp,
                                 SiluMulOp, SplitKReduceOp>(isLegal);
    RewritePatternSet patterns(&getContext());
    populateLMToLinalgPatterns(patterns);
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      return signalPassFailure();

    getOperation()->walk([&](Operation *op) {
      if (!isa_and_present<LMDialect>(op->getDialect()))
        return;
      if (isOnTensors(op))
        op->emitRemark("not converted: it has no definition in linalg");
      else
        op->emitRemark("not converted: it is on memrefs, and its definition in "
                       "linalg is on tensors");
    });
  }
};

} // namespace

void mlir::lm::populateLMToLinalgPatterns(RewritePatternSet &patterns) {
  patterns.add<DecomposeFusedOp>(patterns.getContext());
  lm::detail::populateActivationPatterns(patterns);
  lm::detail::populateCacheWritePatterns(patterns);
  lm::detail::populateNormPatterns(patterns);
  lm::detail::populateQuantizePatterns(patterns);
  lm::detail::populateRopePatterns(patterns);
}
