//===-- HostPipeline.cpp - From lm operations to host code ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCode.h"

#include "hipfuse/Conversion/Passes.h"
#include "hipfuse/Package/Passes.h"
#include "hipfuse/Pipelines/Pipelines.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void hipfuse::buildFrontPipeline(OpPassManager &pm,
                                 const HostPipelineOptions &options) {
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (options.fuse) {
    lm::FusePassOptions fuseOptions;
    fuseOptions.mhc = options.mhc;
    pm.addPass(lm::createFusePass(fuseOptions));
  }
  if (options.headsPerLaunch != 0) {
    lm::SplitHeadsPassOptions splitOptions;
    splitOptions.maxHeads = options.headsPerLaunch;
    pm.addPass(lm::createSplitHeadsPass(splitOptions));
  }
  if (!options.fuse && options.headsPerLaunch == 0)
    return;
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void hipfuse::buildHostLoweringPipeline(OpPassManager &pm,
                                        const HostPipelineOptions &options) {
  // Tensors to buffers.
  pm.addPass(createMakeEntryPointsPass());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createEliminateEmptyTensorsPass());
  pm.addPass(bufferization::createOneShotBufferizePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  bufferization::buildBufferDeallocationPipeline(
      pm, bufferization::BufferDeallocationPipelineOptions());

  // Buffers to loops, loops to tasks.
  pm.addPass(lm::createConvertLMToLoopsPass());
  pm.addPass(createLowerStridedCopiesPass());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToParallelLoopsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  OutlineParallelLoopsPassOptions outlineOptions;
  outlineOptions.grain = options.grain;
  pm.addPass(createOutlineParallelLoopsPass(outlineOptions));
  // Scratch rows are allocated once per task, not once per row.
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  // To the LLVM dialect. LLVM has no instruction for bf16 on most hosts: its
  // conversions become integer arithmetic.
  arith::ArithExpandOpsPassOptions expandOptions;
  expandOptions.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(expandOptions));
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  addHostCodePasses(pm);
}

void hipfuse::addHostCodePasses(OpPassManager &pm) {
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void hipfuse::buildHostPipeline(OpPassManager &pm,
                                const HostPipelineOptions &options) {
  buildFrontPipeline(pm, options);
  buildHostLoweringPipeline(pm, options);
  EmitDescriptorPassOptions descriptorOptions;
  descriptorOptions.producer = options.producer;
  pm.addPass(createEmitDescriptorPass(descriptorOptions));
}
