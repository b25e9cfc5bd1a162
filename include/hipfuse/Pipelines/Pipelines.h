//===-- Pipelines.h - Passes from lm operations to code ---------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_PIPELINES_PIPELINES_H
#define HIPFUSE_PIPELINES_PIPELINES_H

#include "hipfuse/Transforms/Fusion/MhcMode.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace hipfuse {

/// What the pipelines for all targets have in common.
template <typename Derived>
struct CommonPipelineOptions : mlir::PassPipelineOptions<Derived> {
  template <typename T>
  using Option =
      typename mlir::PassPipelineOptions<Derived>::template Option<T>;

  Option<bool> fuse{*this, "fuse",
                    llvm::cl::desc("Run lm-fuse first (default: true)"),
                    llvm::cl::init(true)};
  Option<mlir::lm::MhcMode> mhc{
      *this, "mhc",
      llvm::cl::desc("Whether lm.mhc_post and lm.mhc_pre become one operation"),
      llvm::cl::values(
          clEnumValN(mlir::lm::MhcMode::Auto, "auto", "as the target prefers"),
          clEnumValN(mlir::lm::MhcMode::Separate, "separate", "never"),
          clEnumValN(mlir::lm::MhcMode::Fused, "fused",
                     "wherever the target has the kernel")),
      llvm::cl::init(mlir::lm::MhcMode::Auto)};
  Option<int64_t> headsPerLaunch{
      *this, "heads-per-launch",
      llvm::cl::desc("Most query heads of one attention, which is split above "
                     "that (default: 0, as the target says)"),
      llvm::cl::init(0)};
  Option<std::string> producer{
      *this, "producer",
      llvm::cl::desc("Text in the artefact that says what wrote it"),
      llvm::cl::init("hipfuse")};
};

/// Options of `hipfuse-host-pipeline`.
struct HostPipelineOptions : CommonPipelineOptions<HostPipelineOptions> {
  Option<int64_t> grain{
      *this, "grain",
      llvm::cl::desc("Least number of scalar operations in a parallel task"),
      llvm::cl::init(16384)};
};

/// Options of `hipfuse-gpu-pipeline`.
struct GpuPipelineOptions : CommonPipelineOptions<GpuPipelineOptions> {
  Option<std::string> chip{*this, "chip",
                           llvm::cl::desc("The device to compile for"),
                           llvm::cl::init("gfx950")};
  Option<std::string> linker{*this, "linker", llvm::cl::desc("Path of ld.lld")};
  Option<std::string> ptxas{*this, "ptxas",
                            llvm::cl::desc("Path of ptxas, or 'none'")};
  Option<unsigned> optLevel{
      *this, "opt-level",
      llvm::cl::desc("LLVM's optimisation level of kernels, 0 to 3"),
      llvm::cl::init(3)};
  Option<std::string> saveTemps{
      *this, "save-temps",
      llvm::cl::desc("Start of the names of files with intermediate code")};
};

/// On tensors, for the host: inlining, fusion, canonicalisation.
void buildFrontPipeline(mlir::OpPassManager &pm,
                        const HostPipelineOptions &options);
/// The same for a device, which becomes the module's target.
void buildFrontPipeline(mlir::OpPassManager &pm,
                        const GpuPipelineOptions &options);

/// From tensors to the LLVM dialect with entry points.
void buildHostLoweringPipeline(mlir::OpPassManager &pm,
                               const HostPipelineOptions &options);

/// From tensors to launch code beside a `gpu.module` in the LLVM dialect.
void buildKernelPipeline(mlir::OpPassManager &pm,
                         const GpuPipelineOptions &options);

/// From there to code objects, and launch code in the LLVM dialect.
void buildLaunchPipeline(mlir::OpPassManager &pm,
                         const GpuPipelineOptions &options);

/// From tensors to everything of an artefact for the host:
/// `hipfuse-host-pipeline`.
void buildHostPipeline(mlir::OpPassManager &pm,
                       const HostPipelineOptions &options);

/// The same for one device: `hipfuse-gpu-pipeline`.
void buildGpuPipeline(mlir::OpPassManager &pm,
                      const GpuPipelineOptions &options);

/// Makes the pipelines available by name.
void registerPipelines();

} // namespace hipfuse

#endif // HIPFUSE_PIPELINES_PIPELINES_H
