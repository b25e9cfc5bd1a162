//===-- SiluMulQuantize.cpp - [split_k_reduce,] silu_mul, then quantize ---===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %g = lm.split_k_reduce ins(%p)           %d, %s = lm.silu_mul_quantize
//   %h = lm.silu_mul ins(%g)            ->     {split_k_type = ...} ins(%p)
//   %d, %s = lm.quantize ins(%h)
//
// The fused operation has no result for the activation, nor for the reduced
// tensor: the first must have no other user, the second stays an operation of
// its own where it has one.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

namespace {

class SiluMulQuantizeGroup final : public Group {
public:
  SiluMulQuantizeGroup(SiluMulOp silu)
      : Group(FusionKind::SiluMulQuantize), silu(silu) {}

  void getNeeds(SmallVectorImpl<Value> &needs) override {
    needs.push_back(reduce ? reduce.getX() : silu.getX());
    part.getNeeds(needs);
  }

  void apply(RewriterBase &rewriter) override {
    Location loc =
        rewriter.getFusedLoc({silu.getLoc(), part.quantize.getLoc()});
    Value x = reduce ? reduce.getX() : silu.getX();
    Type type = getTensorType(silu.getOut()).getElementType();
    TypeAttr round = type.isF32() ? TypeAttr() : TypeAttr::get(type);
    TypeAttr splitK;
    if (reduce)
      splitK = TypeAttr::get(getTensorType(reduce.getOut()).getElementType());
    auto [data, scale] =
        part.getInits(rewriter, loc, x, /*leading=*/reduce ? 1 : 0);
    auto fused = SiluMulQuantizeOp::create(
        rewriter, loc, x, part.quantize.getInputScale(), data, scale,
        part.getScheme(), silu.getClampAttr(), silu.getRoundActivationAttr(),
        round, splitK);
    part.replace(rewriter, fused->getResult(0),
                 scale ? Value(fused->getResult(1)) : Value());
  }

  StringRef getFusedName() const override {
    return SiluMulQuantizeOp::getOperationName();
  }
  QuantizingPart *getQuantizingPart() override { return &part; }

  SiluMulOp silu;
  SplitKReduceOp reduce;
  QuantizingPart part;
};

} // namespace

void fusion::planSiluMulQuantize(Planner &planner) {
  constexpr FusionKind kind = FusionKind::SiluMulQuantize;
  StringRef siluName = SiluMulOp::getOperationName();
  for (Operation *op : planner.getOps<SiluMulOp>())
    if (op->getNumResults() == 0)
      planner.refuse(kind, op, {RefusalReason::MemrefSemantics, {siluName}});

  for (const QuantizedRows &rows : planner.getQuantized<SiluMulOp>()) {
    QuantizeOp quantize = rows.quantize;
    const Chain &chain = rows.chain;
    Operation *op = quantize;
    auto silu = chain.root.getDefiningOp<SiluMulOp>();
    if (std::optional<Refusal> refusal = checkChain(chain, silu, op)) {
      planner.refuse(kind, op, *refusal);
      continue;
    }
    ScaleLayout layout = quantize.getScheme().getLayout();
    if (!chain.ops.empty() && layout != ScaleLayout::RowMajor) {
      planner.refuse(kind, op,
                     {RefusalReason::ReshapeBeforeScaleLayout,
                      {siluName, getTensorType(chain.root).getRank(),
                       stringifyScaleLayout(layout)}});
      continue;
    }
    auto group = std::make_unique<SiluMulQuantizeGroup>(silu);
    group->part.quantize = quantize;
    group->part.views = chain.ops;
    group->members = {silu, quantize};
    llvm::append_range(group->members, chain.ops);
    Operation *shared = nullptr;
    for (Operation *member : group->members)
      if (member != quantize && !member->hasOneUse())
        shared = member;
    if (shared) {
      planner.refuse(
          kind, op,
          {RefusalReason::ExtraUses,
           {("the result of " + shared->getName().getStringRef()).str(),
            static_cast<int64_t>(llvm::range_size(shared->getUses())),
            group->getFusedName()}});
      continue;
    }

    std::string detail =
        (siluName + " + lm.quantize -> " + group->getFusedName()).str();
    auto reduce = silu.getX().getDefiningOp<SplitKReduceOp>();
    if (reduce && reduce->hasOneUse()) {
      group->reduce = reduce;
      group->members.push_back(reduce);
      detail = "lm.split_k_reduce + " + detail;
    }
    StringRef fusedName = group->getFusedName();
    if (planner.plan(std::move(group), op, silu.getX(), detail))
      refuseSharedSplitK(planner, kind, reduce, fusedName);
  }
}
