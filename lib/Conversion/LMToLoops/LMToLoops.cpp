//===-- LMToLoops.cpp - Lower lm operations to vectorised loops -----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "hipfuse/Conversion/Passes.h"
#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#define DEBUG_TYPE "convert-lm-to-loops"

namespace mlir::lm {
#define GEN_PASS_DEF_CONVERTLMTOLOOPSPASS
#include "hipfuse/Conversion/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

void lm::populateLMToLoopsPatterns(RewritePatternSet &patterns,
                                   int64_t vectorWidth) {
  populateActivationPatterns(patterns, vectorWidth);
  populateAttentionPatterns(patterns, vectorWidth);
  populateCacheWritePatterns(patterns, vectorWidth);
  populateMhcPatterns(patterns, vectorWidth);
  populateNormPatterns(patterns, vectorWidth);
  populatePlanPatterns(patterns, vectorWidth);
  populateQuantizePatterns(patterns, vectorWidth);
  populateRopePatterns(patterns, vectorWidth);
  populateSlotsPatterns(patterns, vectorWidth);
}

namespace {

struct ConvertLMToLoopsPass final
    : lm::impl::ConvertLMToLoopsPassBase<ConvertLMToLoopsPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    if (!llvm::is_contained({4, 8, 16, 32}, vectorWidth.getValue())) {
      return emitError(UnknownLoc::get(context))
             << "vector-width is " << vectorWidth.getValue()
             << ", but must be 4, 8, 16 or 32";
    }
    RewritePatternSet set(context);
    populateLMToLoopsPatterns(set, vectorWidth);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    walkAndApplyPatterns(getOperation(), patterns);
    // Nothing of the dialect may be left.
    WalkResult result = getOperation()->walk([](Operation *op) {
      if (!isa<LMDialect>(op->getDialect()))
        return WalkResult::advance();
      op->emitOpError("cannot be lowered to loops: only operations on memrefs "
                      "can");
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  FrozenRewritePatternSet patterns;
};

} // namespace
