//===-- Decompose.cpp - Replace fused operations by unfused ones ----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/MhcPolicy.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/StringSet.h"

#define DEBUG_TYPE "lm-decompose"

namespace mlir::lm {
#define GEN_PASS_DEF_DECOMPOSEPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

/// Why the target must not run `op` as it is.
static std::optional<Refusal> checkKernel(Operation *op) {
  std::optional<KernelFamily> kernel = getMhcKernel(op);
  if (!kernel)
    return std::nullopt;
  return checkMhcKernel(TargetAttr::lookup(op), *kernel, *getMhcShape(op));
}

namespace {

struct DecomposePass final : lm::impl::DecomposePassBase<DecomposePass> {
  using Base::Base;

  void runOnOperation() override {
    llvm::StringSet<> wanted;
    wanted.insert_range(ops);
    SmallVector<FusedOpInterface> fused;
    getOperation()->walk([&](FusedOpInterface op) {
      if (!wanted.empty() && !wanted.contains(op->getName().getStringRef()))
        return;
      if (forTarget) {
        std::optional<Refusal> refusal = checkKernel(op);
        if (!refusal)
          return;
        op->emitRemark("decomposed: ") << refusal->str();
      }
      fused.push_back(op);
    });

    IRRewriter rewriter(&getContext());
    for (FusedOpInterface op : fused) {
      if (op->getNumResults() == 0) {
        op->emitRemark("not decomposed: its intermediate values have no "
                       "buffers on memrefs");
        continue;
      }
      rewriter.setInsertionPoint(op);
      rewriter.replaceOp(op, op.decompose(rewriter));
      ++numDecomposed;
    }
  }
};

} // namespace
