//===-- Emitters.h - One function per operation -----------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_EMITTERS_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_EMITTERS_H

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Target/KnownTargets.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/StringMap.h"

#include <optional>
#include <string>

namespace mlir::lm {

/// Where kernels go, and what for.
struct EmitterContext {
  gpu::GPUModuleOp kernels;
  const hipfuse::TargetInfo &target;
};

/// Why there is no kernel for an operation; nothing if there is one.
using Refusal = std::optional<std::string>;

/// Replaces an operation on memrefs by the launches of kernels, or changes
/// nothing and refuses.
using Emitter = Refusal (*)(Operation *, EmitterContext &);

/// Replaces an operation of the dialect by the launches of kernels, or changes
/// nothing and refuses.
Refusal lowerToKernels(Operation *op, EmitterContext &context);

/// Adds the emitters of a family, by operation name.
using EmitterMap = llvm::StringMap<Emitter>;
void addActivationEmitters(EmitterMap &emitters);
void addAttentionEmitters(EmitterMap &emitters);
void addCacheEmitters(EmitterMap &emitters);
void addMergeEmitters(EmitterMap &emitters);
void addNormEmitters(EmitterMap &emitters);
void addPlanEmitters(EmitterMap &emitters);
void addQuantizeEmitters(EmitterMap &emitters);
void addRopeEmitters(EmitterMap &emitters);
void addSlotEmitters(EmitterMap &emitters);

/// Adds `emit`, which takes the operation itself.
template <typename OpTy, Refusal (*emit)(OpTy, EmitterContext &)>
void addEmitter(EmitterMap &emitters) {
  emitters[OpTy::getOperationName()] = [](Operation *op,
                                          EmitterContext &context) {
    return emit(cast<OpTy>(op), context);
  };
}

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_EMITTERS_H
