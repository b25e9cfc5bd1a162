//===-- MhcPreRmsNorm.cpp - mhc_pre, then rms_norm ------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %x, %t, %c = lm.mhc_pre ins(%r)           %y, %t, %c = lm.mhc_pre
//   %y = lm.rms_norm ins(%x) weight(%w)  ->      {norm_epsilon, ...} ins(%r)
//                                                norm_weight(%w)
//
// Pays because the sublayer's input is not written and read again. The fused
// norm reads the row rounded as the pair stores it, so the bits stay equal. A
// norm that is quantised belongs to its quantisation, which saves as much.
//
//===----------------------------------------------------------------------===//

#include "Mhc.h"

#include "hipfuse/Transforms/MhcPolicy.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

static std::optional<Refusal> check(Planner &planner, MhcPreOp pre,
                                    RmsNormOp norm) {
  if (std::optional<Refusal> refusal = planner.checkUnclaimed(norm))
    return refusal;
  Value input = pre->getResult(0);
  if (!input.hasOneUse()) {
    int64_t uses = std::distance(input.use_begin(), input.use_end());
    return Refusal{
        RefusalReason::ExtraUses,
        {"the layer_input of lm.mhc_pre", uses, MhcPreOp::getOperationName()}};
  }
  return checkMhcKernel(TargetAttr::lookup(pre), KernelFamily::MhcPre,
                        *getMhcShape(pre));
}

void fusion::planMhcPreRmsNorm(Planner &planner) {
  constexpr FusionKind kind = FusionKind::MhcPreRmsNorm;
  for (Operation *op : planner.getOps<MhcPreOp>())
    if (op->getNumResults() == 0)
      planner.refuse(
          kind, op,
          {RefusalReason::MemrefSemantics, {MhcPreOp::getOperationName()}});
  for (Operation *op : planner.getOps<RmsNormOp>()) {
    auto norm = cast<RmsNormOp>(op);
    auto pre = norm.getX().getDefiningOp<MhcPreOp>();
    if (!pre || pre.getNormEpsilon() || norm.getX() != pre->getResult(0))
      continue;
    if (std::optional<Refusal> refusal = check(planner, pre, norm)) {
      planner.refuse(kind, op, *refusal);
      continue;
    }
    auto group = std::make_unique<MhcGroup>(kind, pre);
    group->norm = norm;
    group->members.push_back(norm);
    planner.plan(std::move(group), op, pre.getLayerInput(),
                 "lm.mhc_pre + lm.rms_norm -> lm.mhc_pre");
  }
}

//===----------------------------------------------------------------------===//
// MhcGroup
//===----------------------------------------------------------------------===//

void MhcGroup::getNeeds(SmallVectorImpl<Value> &needs) {
  for (Value operand : pre->getOperands()) {
    bool isIntermediate = (post && operand == post->getResult(0)) ||
                          (norm && operand == pre.getLayerInput());
    if (!isIntermediate)
      needs.push_back(operand);
  }
  if (post)
    llvm::append_range(needs, post->getOperands());
  if (norm) {
    needs.push_back(norm.getOut());
    if (norm.getWeight())
      needs.push_back(norm.getWeight());
  }
}

void MhcGroup::apply(RewriterBase &rewriter) {
  SmallVector<Location> locs;
  for (Operation *member : members)
    locs.push_back(member->getLoc());
  Location loc = rewriter.getFusedLoc(locs);
  Value input = norm ? norm.getOut() : pre.getLayerInput();
  Value weight = norm ? norm.getWeight() : pre.getNormWeight();
  FloatAttr epsilon = norm ? norm.getEpsilonAttr() : pre.getNormEpsilonAttr();
  FloatAttr offset =
      norm ? norm.getWeightOffsetAttr() : pre.getNormWeightOffsetAttr();
  UnitAttr roundNorm = norm ? norm.getRoundNormBeforeWeightAttr()
                            : pre.getRoundNormBeforeWeightAttr();
  // The row's type is a rounding before the norm; f32 is none.
  TypeAttr round = pre.getRoundBeforeNormAttr();
  if (norm) {
    Type type = getTensorType(pre.getLayerInput()).getElementType();
    round = type.isF32() ? TypeAttr() : TypeAttr::get(type);
  }

  Operation *fused;
  if (post)
    fused = MhcPostPreOp::create(
        rewriter, loc, post.getX(), post.getResidual(), post.getPost(),
        post.getComb(), pre.getFn(), pre.getScale(), pre.getBase(),
        pre.getPreIn(), weight, post.getOut(), input, pre.getPost(),
        pre.getComb(), pre.getPreOut(), pre.getRmsEpsilonAttr(),
        pre.getPreEpsilonAttr(), pre.getPostMultAttr(),
        pre.getSinkhornEpsilonAttr(), pre.getSinkhornIterationsAttr(), epsilon,
        offset, roundNorm, round);
  else
    fused = MhcPreOp::create(
        rewriter, loc, pre.getResidual(), pre.getFn(), pre.getScale(),
        pre.getBase(), pre.getPreIn(), weight, input, pre.getPost(),
        pre.getComb(), pre.getPreOut(), pre.getRmsEpsilonAttr(),
        pre.getPreEpsilonAttr(), pre.getPostMultAttr(),
        pre.getSinkhornEpsilonAttr(), pre.getSinkhornIterationsAttr(), epsilon,
        offset, roundNorm, round);

  unsigned next = 0;
  if (post)
    rewriter.replaceAllUsesWith(post->getResult(0), fused->getResult(next++));
  rewriter.replaceAllUsesWith(norm ? norm->getResult(0) : pre->getResult(0),
                              fused->getResult(next++));
  for (Value result : pre->getResults().drop_front())
    rewriter.replaceAllUsesWith(result, fused->getResult(next++));
}
