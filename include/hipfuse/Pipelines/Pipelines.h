//===-- Pipelines.h - Pass pipelines from lm operations to code  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_PIPELINES_PIPELINES_H
#define HIPFUSE_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace hipfuse {

/// Options of `hipfuse-host-pipeline`.
struct HostPipelineOptions
    : public mlir::PassPipelineOptions<HostPipelineOptions> {
  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("Run lm-fuse first (default: true)"),
                    llvm::cl::init(true)};
  Option<std::string> producer{
      *this, "producer",
      llvm::cl::desc("Text in the artefact that says what wrote it"),
      llvm::cl::init("hipfuse")};
  Option<int64_t> grain{
      *this, "grain",
      llvm::cl::desc("Least number of scalar operations in a parallel task"),
      llvm::cl::init(16384)};
};

/// Target-independent part, on tensors: inlining, fusion, canonicalisation.
void buildFrontPipeline(mlir::OpPassManager &pm,
                        const HostPipelineOptions &options);

/// From tensors to the LLVM dialect with entry points and descriptor.
void buildHostLoweringPipeline(mlir::OpPassManager &pm,
                               const HostPipelineOptions &options);

/// Both of the above: `hipfuse-host-pipeline`.
void buildHostPipeline(mlir::OpPassManager &pm,
                       const HostPipelineOptions &options);

/// Makes the pipelines available by name.
void registerPipelines();

} // namespace hipfuse

#endif // HIPFUSE_PIPELINES_PIPELINES_H
