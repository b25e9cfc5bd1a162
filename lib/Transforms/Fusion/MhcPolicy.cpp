//===-- MhcPolicy.cpp - Which hyper-connection kernels run ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Transforms/MhcPolicy.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lm;

std::optional<Refusal> mlir::lm::checkMhcKernel(TargetAttr target,
                                                KernelFamily kernel,
                                                const MhcShape &shape) {
  if (!target)
    return std::nullopt;
  StringRef name = stringifyKernelFamily(kernel);
  if (auto excluded = target.getExclusion(kernel))
    return Refusal{RefusalReason::KernelRevision,
                   {name, target.getChip(), excluded->version,
                    excluded->minimum,
                    excluded->why.empty() ? "" : (": " + excluded->why).str()}};
  const hipfuse::TargetInfo &info = target.getInfo();
  if (info.mhcStreams && shape.streams != info.mhcStreams)
    return Refusal{RefusalReason::KernelStreams,
                   {name, target.getChip(), info.mhcStreams, shape.streams}};
  if (shape.hidden % info.mhcHiddenMultiple != 0)
    return Refusal{
        RefusalReason::KernelHidden,
        {name, target.getChip(), info.mhcHiddenMultiple, shape.hidden}};
  return std::nullopt;
}

std::optional<Refusal> mlir::lm::checkMhcPostPre(TargetAttr target,
                                                 MhcMode mode,
                                                 const MhcShape &shape) {
  if (mode == MhcMode::Separate)
    return Refusal{RefusalReason::MhcSeparate, {}};
  if (mode == MhcMode::Auto) {
    if (!target)
      return Refusal{RefusalReason::MhcNoTarget, {TargetAttr::kName}};
    if (!target.fusesMhcByDefault())
      return Refusal{
          RefusalReason::MhcNotDefault,
          {target.getChip(), target.getInfo()
                                 .get(hipfuse::TargetFeature::FusedMhcByDefault)
                                 .why}};
  }
  if (std::optional<Refusal> refusal =
          checkMhcKernel(target, KernelFamily::MhcPostPre, shape))
    return refusal;
  if (!target || ShapedType::isDynamic(shape.tokens))
    return std::nullopt;
  int64_t limit = target.getInfo().fusedMhcTokenLimit;
  if (shape.tokens >= limit)
    return Refusal{RefusalReason::MhcTokens,
                   {shape.tokens, target.getChip(), limit}};
  return std::nullopt;
}

std::optional<KernelFamily> mlir::lm::getMhcKernel(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<KernelFamily>>(op)
      .Case([](MhcPreOp) { return KernelFamily::MhcPre; })
      .Case([](MhcPostPreOp) { return KernelFamily::MhcPostPre; })
      .Case([](MhcHeadOp) { return KernelFamily::MhcHead; })
      .Default(std::nullopt);
}

std::optional<MhcShape> mlir::lm::getMhcShape(Operation *op) {
  auto dim = [](Value value, int64_t dim) {
    return cast<ShapedType>(value.getType()).getDimSize(dim);
  };
  return llvm::TypeSwitch<Operation *, std::optional<MhcShape>>(op)
      .Case<MhcPreOp, MhcPostPreOp>([&](auto op) {
        return MhcShape{dim(op.getLayerInput(), 0), dim(op.getPost(), 1),
                        dim(op.getLayerInput(), 1)};
      })
      .Case([&](MhcHeadOp op) {
        return MhcShape{dim(op.getOut(), 0), dim(op.getFn(), 0),
                        dim(op.getOut(), 1)};
      })
      .Default(std::nullopt);
}
