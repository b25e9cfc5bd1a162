//===-- EliminateEmptyTensors.cpp - Compute parts where they belong -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Package/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SubsetOpInterface.h"

#define DEBUG_TYPE "hipfuse-eliminate-empty-tensors"

namespace hipfuse {
#define GEN_PASS_DEF_ELIMINATEEMPTYTENSORSPASS
#include "hipfuse/Package/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;

namespace {

struct EliminateEmptyTensorsPass final
    : hipfuse::impl::EliminateEmptyTensorsPassBase<EliminateEmptyTensorsPass> {
  using Base::Base;

  void runOnOperation() override {
    bufferization::OneShotBufferizationOptions options;
    options.allowReturnAllocsFromLoops = true;
    options.bufferizeFunctionBoundaries = true;
    bufferization::OneShotAnalysisState state(getOperation(), options);
    if (failed(bufferization::analyzeModuleOp(getOperation(), state)))
      return signalPassFailure();

    SmallVector<Operation *> insertions;
    getOperation()->walk(
        [&](SubsetInsertionOpInterface op) { insertions.push_back(op); });
    // From the last to the first: a tensor of parts has found its place when
    // those of its parts are looked for in it.
    IRRewriter rewriter(&getContext());
    for (Operation *insertion : llvm::reverse(insertions))
      if (failed(
              bufferization::eliminateEmptyTensors(rewriter, insertion, state)))
        return signalPassFailure();
  }
};

} // namespace
