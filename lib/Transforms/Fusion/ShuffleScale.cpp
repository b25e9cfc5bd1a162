//===-- ShuffleScale.cpp - A quantisation that writes its scales shuffled -===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %d, %s = lm.quantize row_major          %d, %p = lm.quantize
//   %p = lm.shuffle_scale ins(%s)      ->     cdna4_shuffled
//
// for lm.quantize and for every fused operation that ends in one.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

/// Calls `fn` with `op` as the quantising operation that it is.
template <typename ResultT, typename FnT>
static ResultT dispatchQuantizing(Operation *op, FnT fn) {
  return llvm::TypeSwitch<Operation *, ResultT>(op)
      .template Case<QuantizeOp, RmsNormQuantizeOp, SiluMulQuantizeOp,
                     RopeQuantizeOp>(fn)
      .Default([](Operation *) { return ResultT(); });
}

static SchemeAttr getScheme(Operation *op) {
  return dispatchQuantizing<SchemeAttr>(op,
                                        [](auto op) { return op.getScheme(); });
}

namespace {

/// A quantising operation of the program and the reordering of its scales.
class ShuffleScaleGroup final : public Group {
public:
  ShuffleScaleGroup(Operation *quantizing, ShuffleScaleOp shuffle)
      : Group(FusionKind::ShuffleScale), quantizing(quantizing),
        shuffle(shuffle) {
    members = {quantizing, shuffle};
  }

  void getNeeds(SmallVectorImpl<Value> &needs) override {
    Value scale = dispatchQuantizing<Value>(
        quantizing, [](auto op) { return op.getScale(); });
    for (Value operand : quantizing->getOperands())
      if (operand != scale)
        needs.push_back(operand);
    needs.push_back(shuffle.getOut());
  }

  void apply(RewriterBase &rewriter) override {
    Operation *fused = rewriter.clone(*quantizing);
    dispatchQuantizing<bool>(fused, [&](auto op) {
      op.getScaleMutable().assign(shuffle.getOut());
      op.setSchemeAttr(op.getScheme().withLayout(ScaleLayout::Cdna4Shuffled));
      return true;
    });
    fused->getResult(1).setType(shuffle.getOut().getType());
    fused->setLoc(
        rewriter.getFusedLoc({quantizing->getLoc(), shuffle.getLoc()}));
    for (auto [index, result] : llvm::enumerate(quantizing->getResults()))
      if (index != 1)
        rewriter.replaceAllUsesWith(result, fused->getResult(index));
    rewriter.replaceAllUsesWith(shuffle->getResult(0), fused->getResult(1));
  }

  StringRef getFusedName() const override {
    return quantizing->getName().getStringRef();
  }

  Operation *quantizing;
  ShuffleScaleOp shuffle;
};

} // namespace

static void planShuffle(Planner &planner, ShuffleScaleOp shuffle) {
  constexpr FusionKind kind = FusionKind::ShuffleScale;
  auto refuse = [&](Refusal refusal) {
    planner.refuse(kind, shuffle, std::move(refusal));
  };
  Chain chain = traceChain(shuffle.getScale());
  Operation *producer = chain.root.getDefiningOp();
  SchemeAttr scheme = producer ? getScheme(producer) : SchemeAttr();
  if (!scheme || chain.root != producer->getResult(1))
    return;
  StringRef name = producer->getName().getStringRef();
  if (!chain.ops.empty())
    return refuse({RefusalReason::ReshapeBeforeScaleLayout,
                   {name, getTensorType(chain.root).getRank(),
                    stringifyScaleLayout(ScaleLayout::Cdna4Shuffled)}});
  if (scheme.getLayout() != ScaleLayout::RowMajor || scheme.getBlock() != 32 ||
      !scheme.hasE8M0Scale())
    return refuse(
        {RefusalReason::SchemeNotShufflable,
         {stringifyScaleLayout(scheme.getLayout()), scheme.getBlock()}});
  if (!chain.root.hasOneUse())
    return refuse(
        {RefusalReason::ExtraUses,
         {("the scale of " + name).str(),
          static_cast<int64_t>(llvm::range_size(chain.root.getUses())),
          "a quantisation with shuffled scales"}});

  Group *group = planner.getGroup(producer);
  QuantizingPart *part = group ? group->getQuantizingPart() : nullptr;
  if (!part) {
    auto own = std::make_unique<ShuffleScaleGroup>(producer, shuffle);
    planner.plan(std::move(own), shuffle, shuffle.getScale(),
                 (name + " + lm.shuffle_scale -> " + name).str());
    return;
  }
  if (!part->views.empty())
    return refuse({RefusalReason::ReshapeBeforeScaleLayout,
                   {group->getFusedName(),
                    getTensorType(part->views.front()->getOperand(0)).getRank(),
                    stringifyScaleLayout(ScaleLayout::Cdna4Shuffled)}});
  if (std::optional<Refusal> refusal = planner.judge(kind, shuffle.getScale()))
    return refuse(*refusal);
  part->shuffle = shuffle;
  group->members.push_back(shuffle);
  if (std::optional<Refusal> refusal = planner.tryPlace(*group)) {
    part->shuffle = nullptr;
    group->members.pop_back();
    return refuse(*refusal);
  }
  planner.commitExtension(
      kind, *group, shuffle,
      ("lm.shuffle_scale joins " + group->getFusedName()).str());
}

void fusion::planShuffleScale(Planner &planner) {
  for (Operation *op : planner.getOps<ShuffleScaleOp>()) {
    if (op->getNumResults() == 0)
      planner.refuse(
          FusionKind::ShuffleScale, op,
          {RefusalReason::MemrefSemantics, {op->getName().getStringRef()}});
    else
      planShuffle(planner, cast<ShuffleScaleOp>(op));
  }
}
