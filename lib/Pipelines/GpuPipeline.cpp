//===-- GpuPipeline.cpp - From lm operations to device code ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostCode.h"

#include "hipfuse/Conversion/Passes.h"
#include "hipfuse/DeviceCode/Passes.h"
#include "hipfuse/Package/Passes.h"
#include "hipfuse/Pipelines/Pipelines.h"
#include "hipfuse/Target/KnownTargets.h"
#include "hipfuse/Transforms/AttentionPipeline.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void hipfuse::buildFrontPipeline(OpPassManager &pm,
                                 const GpuPipelineOptions &options) {
  lm::AttachTargetPassOptions targetOptions;
  targetOptions.chip = options.chip;
  targetOptions.maxHeadsPerLaunch = options.headsPerLaunch;
  pm.addPass(lm::createAttachTargetPass(targetOptions));
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (options.fuse) {
    lm::FusePassOptions fuseOptions;
    fuseOptions.mhc = options.mhc;
    pm.addPass(lm::createFusePass(fuseOptions));
  }
  lm::buildAttentionPipeline(pm);
  // What the target must not run as it is, and what it has no kernel for.
  lm::DecomposePassOptions decomposeOptions;
  decomposeOptions.forTarget = true;
  pm.addPass(lm::createDecomposePass(decomposeOptions));
  pm.addPass(lm::createLegalizeForTargetPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

/// From kernels in upstream dialects to the LLVM dialect. Kernels use 64-bit
/// offsets, so index has 64 bits.
static void addKernelPasses(OpPassManager &pm, StringRef chip) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(hipfuse::createLowerKernelMathPass());
  // The conversions of the gpu dialect leave most vector operations.
  pm.addPass(createConvertVectorToLLVMPass());
  const hipfuse::TargetInfo *target = hipfuse::lookupTarget(chip);
  if (target && target->vendor == hipfuse::Vendor::NVIDIA) {
    ConvertGpuOpsToNVVMOpsOptions options;
    options.indexBitwidth = 64;
    options.useBarePtrCallConv = true;
    pm.addPass(createConvertGpuOpsToNVVMOps(options));
    pm.addPass(createConvertNVVMToLLVMPass());
  } else {
    ConvertGpuOpsToROCDLOpsOptions options;
    options.chipset = chip.str();
    options.indexBitwidth = 64;
    options.useBarePtrCallConv = true;
    options.runtime = gpu::amd::Runtime::HIP;
    pm.addPass(createConvertGpuOpsToROCDLOps(options));
  }
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void hipfuse::buildKernelPipeline(OpPassManager &pm,
                                  const GpuPipelineOptions &options) {
  // Tensors to buffers.
  MakeEntryPointsPassOptions entryOptions;
  entryOptions.device = true;
  pm.addPass(createMakeEntryPointsPass(entryOptions));
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createEliminateEmptyTensorsPass());
  pm.addPass(bufferization::createOneShotBufferizePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());

  // Operations on buffers to launches, launches to calls.
  pm.addPass(lm::createConvertLMToGPUPass());
  pm.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createSCFToControlFlowPass());
  pm.addPass(createLowerLaunchesPass());
  addKernelPasses(pm.nest<gpu::GPUModuleOp>(), options.chip);
}

void hipfuse::buildLaunchPipeline(OpPassManager &pm,
                                  const GpuPipelineOptions &options) {
  SerializeKernelsPassOptions serializeOptions;
  serializeOptions.linker = options.linker;
  serializeOptions.ptxas = options.ptxas;
  serializeOptions.optLevel = options.optLevel;
  serializeOptions.saveTemps = options.saveTemps;
  pm.addPass(createSerializeKernelsPass(serializeOptions));

  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  addHostCodePasses(pm);
}

void hipfuse::buildGpuPipeline(OpPassManager &pm,
                               const GpuPipelineOptions &options) {
  buildFrontPipeline(pm, options);
  buildKernelPipeline(pm, options);
  buildLaunchPipeline(pm, options);
  EmitDescriptorPassOptions descriptorOptions;
  descriptorOptions.producer = options.producer;
  pm.addPass(createEmitDescriptorPass(descriptorOptions));
}
