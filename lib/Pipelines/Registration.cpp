//===-- Registration.cpp - Pipelines by name ------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Pipelines/Pipelines.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

void hipfuse::registerPipelines() {
  PassPipelineRegistration<HostPipelineOptions>(
      "hipfuse-host-pipeline",
      "From lm operations on tensors to the LLVM dialect for the host, with "
      "the entry points and the descriptor of an artefact",
      buildHostPipeline);
  PassPipelineRegistration<GpuPipelineOptions>(
      "hipfuse-gpu-pipeline",
      "From lm operations on tensors to code objects for one device and launch "
      "code in the LLVM dialect, with the descriptor of an artefact",
      buildGpuPipeline);
}
