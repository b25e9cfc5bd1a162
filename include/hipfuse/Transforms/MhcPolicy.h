//===-- MhcPolicy.h - Which hyper-connection kernels run -------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Decided from the module's target and the passes' options, nothing else.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_MHCPOLICY_H
#define HIPFUSE_TRANSFORMS_MHCPOLICY_H

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Fusion/FusionPlan.h"

namespace mlir::lm {

/// Sizes that decide; tokens are `ShapedType::kDynamic` where not known.
struct MhcShape {
  int64_t tokens;
  int64_t streams;
  int64_t hidden;
};

/// Why `target` must not run `kernel` on this shape: its revision is known to
/// be wrong, or the kernel does not take the shape. Nothing without a target.
std::optional<Refusal> checkMhcKernel(TargetAttr target, KernelFamily kernel,
                                      const MhcShape &shape);

/// Why post and pre stay separate; nothing where they are to be fused.
std::optional<Refusal> checkMhcPostPre(TargetAttr target, MhcMode mode,
                                       const MhcShape &shape);

/// The shape of a fused hyper-connection operation.
std::optional<MhcShape> getMhcShape(Operation *op);
/// The kernel that runs a fused hyper-connection operation.
std::optional<KernelFamily> getMhcKernel(Operation *op);

} // namespace mlir::lm

#endif // HIPFUSE_TRANSFORMS_MHCPOLICY_H
