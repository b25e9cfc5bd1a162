//===-- AttentionPipeline.cpp - Attention as it is launched ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Transforms/AttentionPipeline.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void lm::buildAttentionPipeline(OpPassManager &pm) {
  // Equal lengths of layers become one value, so that they share a plan.
  pm.addPass(createCSEPass());
  pm.addPass(createCompactSlotsPass());
  // Heads are split around whole operations: each half merges its scopes.
  pm.addPass(createSplitHeadsPass());
  pm.addPass(createDecomposeAttentionPass());
  pm.addPass(createMaterializePlansPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void lm::registerAttentionPipeline() {
  PassPipelineRegistration<>(
      "hipfuse-attention-pipeline",
      "Write attention on tensors as the module's target launches it",
      buildAttentionPipeline);
}
