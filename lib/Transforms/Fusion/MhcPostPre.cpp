//===-- MhcPostPre.cpp - mhc_post, then mhc_pre ---------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %r1 = lm.mhc_post ins(%x, %r)           %r1, %y, %t, %c =
//   %y, %t, %c = lm.mhc_pre ins(%r1)   ->     lm.mhc_post_pre ins(%x, %r) ...
//
// Pays, for few tokens, because the new residual is not read again. Whether it
// is done is the target's and the option's to say.
//
//===----------------------------------------------------------------------===//

#include "Mhc.h"

#include "hipfuse/Transforms/MhcPolicy.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

/// What stands between may take a few operations.
static constexpr unsigned kMaxBetween = 4;

/// True if `value` is computed from the result of an mhc_post.
static bool readsPost(Value value, unsigned depth) {
  Operation *op = value.getDefiningOp();
  if (!op || depth == 0)
    return false;
  if (isa<MhcPostOp>(op))
    return true;
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    return type && type.getRank() == 3 && readsPost(operand, depth - 1);
  });
}

static void planPair(Planner &planner, MhcPreOp pre, MhcMode mode) {
  constexpr FusionKind kind = FusionKind::MhcPostPre;
  Value residual = pre.getResidual();
  auto post = residual.getDefiningOp<MhcPostOp>();
  auto refuse = [&](Refusal refusal) {
    planner.refuse(kind, pre, std::move(refusal));
  };
  if (!post) {
    // A change of the residual between the two, such as an Engram's, is lost
    // on a fused operation.
    if (readsPost(residual, kMaxBetween))
      refuse({RefusalReason::OperationBetween,
              {producerName(residual), MhcPostOp::getOperationName(),
               MhcPreOp::getOperationName()}});
    return;
  }
  if (std::optional<Refusal> refusal = planner.checkUnclaimed(post))
    return refuse(*refusal);
  if (std::optional<Refusal> refusal =
          checkMhcPostPre(TargetAttr::lookup(pre), mode, *getMhcShape(pre)))
    return refuse(*refusal);

  std::string fused = "lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre";
  Group *claimed = planner.getGroup(pre);
  if (!claimed) {
    auto group = std::make_unique<MhcGroup>(kind, pre);
    group->post = post;
    group->members.push_back(post);
    planner.plan(std::move(group), pre, pre.getLayerInput(), fused);
    return;
  }
  // Only a norm claims an mhc_pre before.
  auto *group = static_cast<MhcGroup *>(claimed);
  if (std::optional<Refusal> refusal = planner.judge(kind, pre.getLayerInput()))
    return refuse(*refusal);
  group->post = post;
  group->members.push_back(post);
  if (std::optional<Refusal> refusal = planner.tryPlace(*group)) {
    group->post = nullptr;
    group->members.pop_back();
    return refuse(*refusal);
  }
  planner.commitExtension(kind, *group, pre, fused + ", with the norm");
}

void fusion::planMhcPostPre(Planner &planner) {
  for (Operation *op : planner.getOps<MhcPostOp>())
    if (op->getNumResults() == 0)
      planner.refuse(
          FusionKind::MhcPostPre, op,
          {RefusalReason::MemrefSemantics, {MhcPostOp::getOperationName()}});
  for (Operation *op : planner.getOps<MhcPreOp>())
    if (op->getNumResults() != 0)
      planPair(planner, cast<MhcPreOp>(op), planner.getOptions().mhc);
}
