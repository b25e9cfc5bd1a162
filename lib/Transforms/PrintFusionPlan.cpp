//===-- PrintFusionPlan.cpp - Print what lm-fuse would do -----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusionPassOptions.h"
#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/PatternMatch.h"

#define DEBUG_TYPE "lm-print-fusion-plan"

namespace mlir::lm {
#define GEN_PASS_DEF_PRINTFUSIONPLANPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

namespace {

struct PrintFusionPlanPass final
    : lm::impl::PrintFusionPlanPassBase<PrintFusionPlanPass> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<FusionOptions> options = getFusionOptions(
        getOperation().getLoc(),
        {duplicateCacheWrite, addRmsNormQuantize, rmsNormQuantize,
         siluMulQuantize, ropeMlaCacheWrite, ropeQuantize, dualRmsNorm,
         shuffleScale, mhcBroadcast, mhcPreRmsNorm, mhcPostPre},
        minRows, maxRows, mhc, fastNumerics);
    if (failed(options))
      return signalPassFailure();
    // Preparation rewrites a copy.
    OwningOpRef<ModuleOp> copy = getOperation().clone();
    IRRewriter rewriter(&getContext());
    FusionPlan plan = FusionPlan::compute(
        prepareForFusion(*copy, rewriter, *options), *options);
    plan.print(llvm::outs());
    markAllAnalysesPreserved();
  }
};

} // namespace
