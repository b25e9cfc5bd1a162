//===-- CompactSlots.cpp - Pack slot lists where the kernel needs it ------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionRemarks.h"

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

#define DEBUG_TYPE "lm-compact-slots"

namespace mlir::lm {
#define GEN_PASS_DEF_COMPACTSLOTSPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

/// True if `slots` and `lengths` are results of one operation that packs them,
/// or the lengths are those that this operation promises.
static bool arePacked(Value slots, Value lengths) {
  Operation *producer = slots.getDefiningOp();
  if (!producer || !lengths)
    return false;
  if (auto known = lengths.getDefiningOp<SlotLengthsOp>())
    if (auto topk = dyn_cast<TopkSlotsOp>(producer))
      return known.areLengthsOf(topk);
  if (lengths.getDefiningOp() != producer)
    return false;
  if (auto op = dyn_cast<SwaSlotsOp>(producer))
    return op.producesPackedSlots();
  if (auto op = dyn_cast<TopkSlotsOp>(producer))
    return op.producesPackedSlots();
  if (auto op = dyn_cast<CompactSlotsOp>(producer))
    return op.producesPackedSlots();
  return false;
}

namespace {

struct CompactSlotsPass final
    : lm::impl::CompactSlotsPassBase<CompactSlotsPass> {
  using Base::Base;

  void runOnOperation() override;

private:
  bool needsPacked(Operation *op) {
    if (packed != PackedPolicy::Auto)
      return packed == PackedPolicy::Yes;
    TargetAttr target = TargetAttr::lookup(op);
    return target && !target.takesSlotHoles();
  }

  /// Replaces the list `slots` of `op` by a packed one.
  LogicalResult pack(SparseMlaDecodeOp op, OpOperand &slots,
                     MutableOperandRange lengths, OperandRange plan);

  /// Packed lists by their source, where they can be used again.
  DenseMap<std::pair<Value, Value>, CompactSlotsOp> lists;
};

} // namespace

static CompactSlotsOp create(Value list, Value length, OpBuilder &builder) {
  Location loc = list.getLoc();
  Type element = cast<ShapedType>(list.getType()).getElementType();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, list);
  Value init = tensor::EmptyOp::create(builder, loc, sizes, element);
  if (length)
    element = cast<ShapedType>(length.getType()).getElementType();
  Value lengthInit = tensor::EmptyOp::create(
      builder, loc, ArrayRef(sizes).take_front(), element);
  return CompactSlotsOp::create(builder, loc, list, length, init, lengthInit);
}

LogicalResult CompactSlotsPass::pack(SparseMlaDecodeOp op, OpOperand &slots,
                                     MutableOperandRange lengths,
                                     OperandRange plan) {
  Value list = slots.get(), length;
  if (!lengths.empty())
    length = lengths[0].get();
  if (arePacked(list, length)) {
    ++numPromised;
    return success();
  }
  if (!plan.empty())
    return op.emitError("has a plan of the lengths of its unpacked slots: "
                        "run lm-compact-slots before lm-materialize-plans");

  CompactSlotsOp compact = lists.lookup({list, length});
  if (!compact) {
    OpBuilder builder(op);
    Block *block = list.getParentBlock();
    if (!length || length.getParentBlock() == block) {
      // Right after both are there: every other user can share it.
      builder.setInsertionPointAfterValue(list);
      Operation *last = list.getDefiningOp();
      Operation *other = length ? length.getDefiningOp() : nullptr;
      if (other && (!last || last->isBeforeInBlock(other)))
        builder.setInsertionPointAfter(other);
    }
    compact = create(list, length, builder);
    ++numCompacted;
    if (builder.getInsertionBlock() == block)
      lists[{list, length}] = compact;
  }
  slots.set(compact->getResult(0));
  lengths.assign(compact->getResult(1));
  return success();
}

void CompactSlotsPass::runOnOperation() {
  lists.clear();
  SmallVector<SparseMlaDecodeOp> ops;
  getOperation()->walk([&](SparseMlaDecodeOp op) {
    if (!needsPacked(op))
      return;
    if (op->getNumResults() == 0)
      return missedAttention(op, DEBUG_TYPE, "slot-lists",
                             AttentionRefusal::MemrefAttention, "packed");
    ops.push_back(op);
  });
  for (SparseMlaDecodeOp op : ops) {
    if (failed(pack(op, op.getSlotsMutable(), op.getLengthsMutable(),
                    op.getPlan())))
      return signalPassFailure();
    if (!op.getExtraCache())
      continue;
    // One plan without another is of both lists.
    OperandRange extraPlan =
        op.getExtraPlan().empty() ? op.getPlan() : op.getExtraPlan();
    if (failed(pack(op, *op.getExtraSlotsMutable().begin(),
                    op.getExtraLengthsMutable(), extraPlan)))
      return signalPassFailure();
  }
}
