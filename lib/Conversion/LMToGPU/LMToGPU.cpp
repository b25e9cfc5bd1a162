//===-- LMToGPU.cpp - Lower lm operations to launches of GPU kernels ------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"

#include "hipfuse/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"

#define DEBUG_TYPE "convert-lm-to-gpu"

namespace mlir::lm {
#define GEN_PASS_DEF_CONVERTLMTOGPUPASS
#include "hipfuse/Conversion/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

/// Where kernels go.
static constexpr llvm::StringLiteral kKernelModule = "hipfuse_kernels";

static const EmitterMap &getEmitters() {
  static const EmitterMap emitters = [] {
    EmitterMap map;
    addActivationEmitters(map);
    addAttentionEmitters(map);
    addCacheEmitters(map);
    addMergeEmitters(map);
    addNormEmitters(map);
    addPlanEmitters(map);
    addQuantizeEmitters(map);
    addRopeEmitters(map);
    addSlotEmitters(map);
    return map;
  }();
  return emitters;
}

Refusal lm::lowerToKernels(Operation *op, EmitterContext &context) {
  if (!llvm::all_of(op->getOperandTypes(), llvm::IsaPred<MemRefType>))
    return "operands that are not memrefs";
  auto emitter = getEmitters().find(op->getName().getStringRef());
  if (emitter == getEmitters().end())
    return "no emitter for this operation";
  return emitter->second(op, context);
}

namespace {

struct ConvertLMToGPUPass final
    : lm::impl::ConvertLMToGPUPassBase<ConvertLMToGPUPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    TargetAttr target = TargetAttr::lookup(module);
    if (!target || target.isHost()) {
      module.emitError("convert-lm-to-gpu needs a module whose lm.target is a "
                       "GPU; lm-attach-target sets it");
      return signalPassFailure();
    }
    SmallVector<Operation *> operations;
    module.walk([&](Operation *op) {
      if (isa<LMDialect>(op->getDialect()))
        operations.push_back(op);
    });
    if (operations.empty())
      return;

    auto kernels = module.lookupSymbol<gpu::GPUModuleOp>(kKernelModule);
    if (!kernels) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      kernels =
          gpu::GPUModuleOp::create(builder, module.getLoc(), kKernelModule);
    }
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    UnitAttr::get(&getContext()));
    EmitterContext context{kernels, target.getInfo()};
    bool failed = false;
    for (Operation *op : operations) {
      Refusal refusal = lowerToKernels(op, context);
      if (!refusal) {
        ++numLowered;
        continue;
      }
      ++numRefused;
      remark::missed(op->getLoc(),
                     remark::RemarkOpts::name("no-kernel").category(DEBUG_TYPE))
          << ("no " + target.getChip() + " kernel for '" +
              op->getName().getStringRef() + "': " + *refusal)
                 .str();
      if (requireKernels) {
        op->emitOpError("has no kernel for ")
            << target.getChip() << ": " << *refusal;
        failed = true;
      }
    }
    if (kernels.getBody()->empty())
      kernels.erase();
    if (failed)
      signalPassFailure();
  }
};

} // namespace
