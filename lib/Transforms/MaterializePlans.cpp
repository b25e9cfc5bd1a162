//===-- MaterializePlans.cpp - Give attention the plan of its lengths -----===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionRemarks.h"

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "lm-materialize-plans"

namespace mlir::lm {
#define GEN_PASS_DEF_MATERIALIZEPLANSPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

static LogicalResult missed(Operation *op, AttentionRefusal reason,
                            StringRef argument = "") {
  missedAttention(op, DEBUG_TYPE, "attention-plan", reason, argument);
  return success();
}

namespace {

/// What a plan is made of; 0 and null where its operation lacks it.
struct PlanKey {
  Value lengths, extraLengths;
  int64_t pageSize = 1, qLen = 1, qTile = 1, topk = 0, extraTopk = 0;
  int64_t rows = 1; ///< of a work: query rows times heads
  int64_t clusters = 0, granularity = 0, overhead = 0;
  bool splitsEvenly = false;
};

struct MaterializePlansPass final
    : lm::impl::MaterializePlansPassBase<MaterializePlansPass> {
  using Base::Base;

  void runOnOperation() override;

private:
  std::optional<int64_t> clustersFor(Operation *op, int64_t rows);
  void setPayload(PlanKey &key, Operation *op);
  /// Gives `op` the plan of `key`, of the operands `lengths` and, for one of
  /// two scopes, `extraLengths`.
  LogicalResult plan(Operation *op, PlanKey key, MutableOperandRange operands,
                     MutableOperandRange lengths,
                     std::optional<MutableOperandRange> extraLengths = {});
  Value sharedLengths(Value lengths);
  LogicalResult planDense(MlaDecodeOp op);
  LogicalResult planSparse(SparseMlaDecodeOp op);
  AttentionPlanOp create(const PlanKey &key, OpBuilder &builder);

  /// Lengths by positions and configuration.
  DenseMap<std::pair<Value, Attribute>, Value> promised;
  /// Plans by lengths, those of a second list and configuration.
  DenseMap<std::tuple<Value, Value, Attribute>, AttentionPlanOp> plans;
};

} // namespace

std::optional<int64_t> MaterializePlansPass::clustersFor(Operation *op,
                                                         int64_t rows) {
  if (numClusters > 0)
    return numClusters;
  TargetAttr target = TargetAttr::lookup(op);
  if (!target)
    return std::nullopt;
  int64_t units = target.getInfo().computeUnits;
  // Workgroups that share the rows of a work run side by side, so that what one
  // reads is in the cache for the others.
  if (int64_t most = target.getInfo().attentionRowsPerGroup)
    units = std::max<int64_t>(units / llvm::divideCeil(rows, most), 1);
  if (units)
    return units;
  return std::nullopt;
}

static bool takesBothScopes(Operation *op) {
  TargetAttr target = TargetAttr::lookup(op);
  return target && target.takesBothScopesInOneLaunch();
}

/// Sets the size of a block, what a work costs besides its keys, in blocks, and
/// how requests are split.
void MaterializePlansPass::setPayload(PlanKey &key, Operation *op) {
  int64_t block = 16, overhead = 0;
  if (TargetAttr target = TargetAttr::lookup(op)) {
    block = target.getInfo().planBlockTokens;
    overhead = target.getInfo().planOverheadTokens;
    key.splitsEvenly = evenSplit && target.getInfo().planSplitsEvenly;
  }
  if (blockTokens > 0)
    block = blockTokens;
  if (overheadTokens > 0)
    overhead = overheadTokens;
  if (key.extraTopk)
    block = std::max<int64_t>(block, AttentionPlanOp::kListAlignment);
  key.granularity = std::max<int64_t>(1, block / key.pageSize);
  key.overhead = llvm::divideCeil(overhead, key.granularity * key.pageSize);
}

/// `value * factor + addend` as a size.
static OpFoldResult sizeOf(OpBuilder &builder, Location loc, OpFoldResult value,
                           int64_t factor, int64_t addend) {
  if (std::optional<int64_t> number = getConstantIntValue(value))
    return builder.getIndexAttr(*number * factor + addend);
  Value size = cast<Value>(value);
  if (factor != 1)
    size = arith::MulIOp::create(
        builder, loc, size,
        arith::ConstantIndexOp::create(builder, loc, factor));
  if (addend != 0)
    size = arith::AddIOp::create(
        builder, loc, size,
        arith::ConstantIndexOp::create(builder, loc, addend));
  return size;
}

AttentionPlanOp MaterializePlansPass::create(const PlanKey &key,
                                             OpBuilder &builder) {
  Location loc = key.lengths.getLoc();
  OpFoldResult requests =
      tensor::getMixedSizes(builder, loc, key.lengths).front();
  int64_t tiles = llvm::divideCeil(key.qLen, key.qTile);
  auto empty = [&](ArrayRef<OpFoldResult> sizes) -> Value {
    return tensor::EmptyOp::create(builder, loc, sizes, builder.getI32Type());
  };
  auto fixed = [&](int64_t size) -> OpFoldResult {
    return builder.getIndexAttr(size);
  };
  auto optional = [&](int64_t value) {
    return value ? builder.getI64IntegerAttr(value) : IntegerAttr();
  };
  Value works = empty(
      {sizeOf(builder, loc, requests, tiles, key.clusters - 1), fixed(8)});
  Value workIndptr = empty({fixed(key.clusters + 1)});
  Value reduceIndptr = empty({sizeOf(builder, loc, requests, tiles, 1)});
  Value finalMap = empty({sizeOf(builder, loc, requests, tiles, 0), fixed(2)});
  Value partialMap =
      empty({fixed(std::max<int64_t>(1, 2 * (key.clusters - 1)))});
  return AttentionPlanOp::create(
      builder, loc, key.lengths, key.extraLengths, works, workIndptr,
      reduceIndptr, finalMap, partialMap,
      builder.getI64IntegerAttr(key.clusters),
      builder.getI64IntegerAttr(key.pageSize),
      builder.getI64IntegerAttr(key.granularity), optional(key.overhead),
      builder.getI64IntegerAttr(key.qLen),
      key.qTile == key.qLen ? IntegerAttr() : optional(key.qTile),
      optional(key.topk), optional(key.extraTopk), optional(maxSplit),
      key.splitsEvenly ? builder.getUnitAttr() : UnitAttr());
}

/// Checks a plan that the program has: it is of the operation's lengths.
static LogicalResult checkPlan(Operation *op, const PlanKey &key,
                               MutableOperandRange operands) {
  for (auto [i, operand] : llvm::enumerate(operands)) {
    auto plan = operand.get().getDefiningOp<AttentionPlanOp>();
    if (!plan)
      continue;
    if (operand.get() != plan->getResult(i))
      return op->emitError("has results of its plan in another order");
    if (plan.getLengths() != key.lengths ||
        plan.getExtraLengths() != key.extraLengths)
      return op->emitError("has a plan of other lengths than its own");
    if (static_cast<int64_t>(plan.getQLen()) != key.qLen ||
        static_cast<int64_t>(plan.getPageSize()) != key.pageSize ||
        static_cast<int64_t>(plan.getTopk().value_or(0)) != key.topk)
      return op->emitError()
             << "has a plan for q_len " << plan.getQLen() << ", page_size "
             << plan.getPageSize() << " and topk " << plan.getTopk().value_or(0)
             << ", but needs one for " << key.qLen << ", " << key.pageSize
             << " and " << key.topk;
    if (!key.extraLengths)
      continue;
    if (static_cast<int64_t>(*plan.getExtraTopk()) != key.extraTopk)
      return op->emitError()
             << "has a plan for extra_topk " << *plan.getExtraTopk()
             << ", but needs one for " << key.extraTopk;
  }
  return success();
}

/// Lets `builder` insert right after both values, of which one dominates the
/// other, for they have a user in common.
static void setInsertionPointAfter(Value value, Value other,
                                   OpBuilder &builder) {
  builder.setInsertionPointAfterValue(value);
  if (!other)
    return;
  OpBuilder::InsertPoint point = builder.saveInsertionPoint();
  builder.setInsertionPointAfterValue(other);
  DominanceInfo dominance;
  if (dominance.dominates(builder.getInsertionBlock(),
                          builder.getInsertionPoint(), point.getBlock(),
                          point.getPoint()))
    builder.restoreInsertionPoint(point);
}

/// Lengths that their producer promises to be a function of the positions, as
/// that function: one value for all producers. Other lengths as they are.
Value MaterializePlansPass::sharedLengths(Value lengths) {
  auto topk = lengths.getDefiningOp<TopkSlotsOp>();
  if (!topk || !topk.getFull())
    return lengths;
  Value positions = topk.getPositions();
  Type element = cast<ShapedType>(lengths.getType()).getElementType();
  auto window = static_cast<uint64_t>(topk.getColumns());
  OpBuilder builder(topk);
  auto config =
      builder.getArrayAttr({builder.getI64IntegerAttr(window),
                            builder.getI64IntegerAttr(topk.getCompressRatio()),
                            TypeAttr::get(lengths.getType())});
  Value &made = promised[{positions, config}];
  if (!made) {
    // Right after the positions: every layer that has them can use it.
    builder.setInsertionPointAfterValue(positions);
    Location loc = positions.getLoc();
    Value init = tensor::EmptyOp::create(
        builder, loc, tensor::getMixedSizes(builder, loc, positions), element);
    made = SlotLengthsOp::create(builder, loc, positions, init, window,
                                 topk.getCompressRatio())
               ->getResult(0);
  }
  return made;
}

LogicalResult
MaterializePlansPass::plan(Operation *op, PlanKey key,
                           MutableOperandRange operands,
                           MutableOperandRange lengths,
                           std::optional<MutableOperandRange> extraLengths) {
  setPayload(key, op);
  if (!lengths.empty())
    key.lengths = lengths[0].get();
  if (extraLengths && !extraLengths->empty())
    key.extraLengths = (*extraLengths)[0].get();
  if (!operands.empty())
    return checkPlan(op, key, operands);
  if (!key.lengths || (extraLengths && !key.extraLengths))
    return missed(op, AttentionRefusal::NoLengths);
  std::optional<int64_t> clusters = clustersFor(op, key.rows);
  if (!clusters)
    return missed(op, AttentionRefusal::NoPersistentKernel);
  if (op->getNumResults() == 0)
    return missed(op, AttentionRefusal::MemrefAttention, "planned");
  key.clusters = *clusters;
  key.lengths = sharedLengths(key.lengths);
  lengths.assign(key.lengths);
  if (extraLengths) {
    key.extraLengths = sharedLengths(key.extraLengths);
    extraLengths->assign(key.extraLengths);
  }

  OpBuilder builder(op);
  auto config = builder.getDenseI64ArrayAttr(
      {key.clusters, key.pageSize, key.granularity, key.overhead, key.qLen,
       key.qTile, key.topk, key.extraTopk, key.splitsEvenly});
  AttentionPlanOp &made = plans[{key.lengths, key.extraLengths, config}];
  if (made) {
    ++numShared;
  } else {
    // Right after the lengths: every operation that has them can use it.
    setInsertionPointAfter(key.lengths, key.extraLengths, builder);
    made = create(key, builder);
    ++numPlans;
  }
  operands.assign(made->getResults());
  return success();
}

LogicalResult MaterializePlansPass::planDense(MlaDecodeOp op) {
  int64_t pageSize = cast<ShapedType>(op.getCache().getType()).getDimSize(1);
  if (ShapedType::isDynamic(pageSize) || !llvm::isPowerOf2_64(pageSize))
    return missed(op, AttentionRefusal::PageSize);
  int64_t heads = cast<ShapedType>(op.getQ().getType()).getDimSize(1);
  PlanKey key;
  key.pageSize = pageSize;
  key.qLen = op.getQLen();
  key.qTile = std::clamp<int64_t>(tileRows / heads, 1, key.qLen);
  key.rows = key.qTile * heads;
  return plan(op, key, op.getPlanMutable(), op.getLengthsMutable());
}

LogicalResult MaterializePlansPass::planSparse(SparseMlaDecodeOp op) {
  auto columns = [](Value slots) {
    return cast<ShapedType>(slots.getType()).getDimSize(1);
  };
  PlanKey key, extraKey;
  key.topk = columns(op.getSlots());
  key.rows = extraKey.rows = columns(op.getQ());
  if (!op.getExtraCache())
    return plan(op, key, op.getPlanMutable(), op.getLengthsMutable());

  bool hasPlan = !op.getPlan().empty(), hasExtra = !op.getExtraPlan().empty();
  // The first plan without the second is that of both scopes.
  if (!hasExtra && (hasPlan || takesBothScopes(op))) {
    key.extraTopk = columns(op.getExtraSlots());
    return plan(op, key, op.getPlanMutable(), op.getLengthsMutable(),
                op.getExtraLengthsMutable());
  }
  if (hasExtra && takesBothScopes(op))
    (void)missed(op, AttentionRefusal::ScopePlans);
  else if (!hasExtra && !(op.getLengths() && op.getExtraLengths()))
    return missed(op, AttentionRefusal::NoLengths);
  extraKey.topk = columns(op.getExtraSlots());
  if (failed(plan(op, key, op.getPlanMutable(), op.getLengthsMutable())))
    return failure();
  return plan(op, extraKey, op.getExtraPlanMutable(),
              op.getExtraLengthsMutable());
}

void MaterializePlansPass::runOnOperation() {
  for (auto [name, value, least] :
       {std::tuple("num-clusters", int64_t(numClusters), int64_t(0)),
        std::tuple("tile-rows", int64_t(tileRows), int64_t(1)),
        std::tuple("max-split", int64_t(maxSplit), int64_t(0)),
        std::tuple("block-tokens", int64_t(blockTokens), int64_t(0)),
        std::tuple("overhead-tokens", int64_t(overheadTokens), int64_t(0))})
    if (value < least) {
      emitError(getOperation()->getLoc())
          << name << " is " << value << ", but must be at least " << least;
      return signalPassFailure();
    }
  if (blockTokens > 0 && !llvm::isPowerOf2_64(blockTokens)) {
    emitError(getOperation()->getLoc())
        << "block-tokens is " << blockTokens.getValue()
        << ", but must be a power of two";
    return signalPassFailure();
  }
  promised.clear();
  plans.clear();
  WalkResult result = getOperation()->walk([&](Operation *op) {
    LogicalResult done = success();
    if (auto dense = dyn_cast<MlaDecodeOp>(op))
      done = planDense(dense);
    else if (auto sparse = dyn_cast<SparseMlaDecodeOp>(op))
      done = planSparse(sparse);
    return failed(done) ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (result.wasInterrupted())
    signalPassFailure();
}
