//===-- SplitHeads.cpp - Attention over fewer heads at a time -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionRemarks.h"

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

#define DEBUG_TYPE "lm-split-heads"

namespace mlir::lm {
#define GEN_PASS_DEF_SPLITHEADSPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static LogicalResult missed(Operation *op, AttentionRefusal reason,
                            StringRef argument = "") {
  missedAttention(op, DEBUG_TYPE, "attention-heads", reason, argument);
  return success();
}

/// Number of heads of `x [T, H, ...]`.
static int64_t numHeads(Value x) { return tensorType(x).getDimSize(1); }

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

/// Sizes, offsets and strides of `count` heads from `first` on of `x`, whose
/// dimension `dim` counts heads.
struct HeadSlice {
  SmallVector<OpFoldResult> offsets, sizes, strides;

  HeadSlice(OpBuilder &builder, Location loc, Value x, int64_t dim,
            int64_t first, int64_t count)
      : offsets(tensorType(x).getRank(), builder.getIndexAttr(0)),
        sizes(tensor::getMixedSizes(builder, loc, x)),
        strides(tensorType(x).getRank(), builder.getIndexAttr(1)) {
    offsets[dim] = builder.getIndexAttr(first);
    sizes[dim] = builder.getIndexAttr(count);
  }
};

static Value extractHeads(OpBuilder &builder, Location loc, Value x,
                          int64_t dim, int64_t first, int64_t count) {
  HeadSlice slice(builder, loc, x, dim, first, count);
  return tensor::ExtractSliceOp::create(builder, loc, x, slice.offsets,
                                        slice.sizes, slice.strides);
}

/// Replaces `op` by operations over the halves of its heads, which it returns.
template <typename OpTy>
static SmallVector<OpTy, 2> splitInHalves(OpTy op, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  int64_t half = numHeads(op.getQ()) / 2;
  rewriter.setInsertionPoint(op);
  SmallVector<OpTy, 2> halves;
  SmallVector<Value> results(op.getDpsInits());
  for (int64_t first : {int64_t(0), half}) {
    auto slice = [&](Value x, int64_t dim) {
      return extractHeads(rewriter, loc, x, dim, first, half);
    };
    // The operands of the keys' side and the plan are those of the whole.
    IRMapping mapping;
    Value q = slice(op.getQ(), 1), sink;
    if constexpr (std::is_same_v<OpTy, SparseMlaDecodeOp>)
      if (op.getSink())
        sink = slice(op.getSink(), 0);
    // Nothing of a destination is read, so that a half needs no slice of it: an
    // empty tensor that is inserted is computed in its place.
    SmallVector<Value> inits;
    for (Value init : op.getDpsInits())
      inits.push_back(tensor::EmptyOp::create(
          rewriter, loc, HeadSlice(rewriter, loc, init, 1, first, half).sizes,
          tensorType(init).getElementType()));
    auto part = cast<OpTy>(rewriter.clone(*op));
    part.getQMutable().set(q);
    if constexpr (std::is_same_v<OpTy, SparseMlaDecodeOp>)
      if (sink)
        part.getSinkMutable().assign(sink);
    for (auto [i, init] : llvm::enumerate(inits)) {
      part.setDpsInitOperand(i, init);
      part->getResult(i).setType(init.getType());
      HeadSlice place(rewriter, loc, results[i], 1, first, half);
      results[i] = tensor::InsertSliceOp::create(
          rewriter, loc, part->getResult(i), results[i], place.offsets,
          place.sizes, place.strides);
    }
    halves.push_back(part);
  }
  rewriter.replaceOp(op, results);
  return halves;
}

//===----------------------------------------------------------------------===//
// Fold
//===----------------------------------------------------------------------===//

/// `x [T, H, ...]` as `[T * groups, H / groups, ...]`: the same elements.
static Value foldHeads(OpBuilder &builder, Location loc, Value x,
                       int64_t groups) {
  RankedTensorType type = tensorType(x);
  SmallVector<int64_t> shape(type.getShape());
  shape[1] /= groups;
  shape.insert(shape.begin() + 1, groups);
  SmallVector<ReassociationIndices> split = {{0}, {1, 2}}, join = {{0, 1}, {2}};
  if (type.getRank() == 3) {
    split.push_back({3});
    join.push_back({3});
  }
  Value grouped = tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), x,
      split);
  return tensor::CollapseShapeOp::create(builder, loc, grouped, join);
}

/// The inverse: a value of the shape of `like`.
static Value unfoldHeads(OpBuilder &builder, Location loc, Value x, Value like,
                         int64_t groups) {
  RankedTensorType type = tensorType(like);
  SmallVector<int64_t> shape(type.getShape());
  shape[1] /= groups;
  shape.insert(shape.begin() + 1, groups);
  SmallVector<ReassociationIndices> split = {{0, 1}, {2}}, join = {{0}, {1, 2}};
  if (type.getRank() == 3) {
    split.push_back({3});
    join.push_back({3});
  }
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, like);
  sizes[1] = builder.getIndexAttr(shape[2]);
  sizes.insert(sizes.begin() + 1, builder.getIndexAttr(groups));
  Value grouped = tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), x,
      split, sizes);
  return tensor::CollapseShapeOp::create(builder, loc, grouped, join);
}

/// `x [T, ...]` with each row `groups` times.
static Value repeatRows(OpBuilder &builder, Location loc, Value x,
                        int64_t groups) {
  RankedTensorType type = tensorType(x);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.insert(sizes.begin() + 1, builder.getIndexAttr(groups));
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  Value repeated =
      linalg::BroadcastOp::create(builder, loc, x, init, ArrayRef<int64_t>{1})
          ->getResult(0);
  SmallVector<ReassociationIndices> join = {{0, 1}};
  if (type.getRank() == 2)
    join.push_back({2});
  return tensor::CollapseShapeOp::create(builder, loc, repeated, join);
}

/// Replaces `op` by one with a row for each of `groups` groups of heads.
static void fold(SparseMlaDecodeOp op, int64_t groups, IRRewriter &rewriter) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  SmallVector<Value> inits(op.getDpsInits());
  Value q = foldHeads(rewriter, loc, op.getQ(), groups);
  SmallVector<Value> folded;
  for (Value init : inits)
    folded.push_back(foldHeads(rewriter, loc, init, groups));
  auto repeat = [&](Value x) {
    return x ? repeatRows(rewriter, loc, x, groups) : Value();
  };
  Value slots = repeat(op.getSlots()), lengths = repeat(op.getLengths());
  Value extraSlots = repeat(op.getExtraSlots());
  Value extraLengths = repeat(op.getExtraLengths());
  auto part = cast<SparseMlaDecodeOp>(rewriter.clone(*op));
  part.getQMutable().set(q);
  part.getSlotsMutable().set(slots);
  if (lengths)
    part.getLengthsMutable().assign(lengths);
  if (extraSlots)
    part.getExtraSlotsMutable().assign(extraSlots);
  if (extraLengths)
    part.getExtraLengthsMutable().assign(extraLengths);
  SmallVector<Value> results;
  for (auto [i, init] : llvm::enumerate(folded)) {
    part.setDpsInitOperand(i, init);
    part->getResult(i).setType(init.getType());
    results.push_back(
        unfoldHeads(rewriter, loc, part->getResult(i), inits[i], groups));
  }
  rewriter.replaceOp(op, results);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct SplitHeadsPass final : lm::impl::SplitHeadsPassBase<SplitHeadsPass> {
  using Base::Base;

  void runOnOperation() override;

private:
  /// Heads that a launch of `op` takes; nothing where that is not known.
  std::optional<int64_t> limitFor(Operation *op) {
    if (maxHeads > 0)
      return maxHeads;
    TargetAttr target = TargetAttr::lookup(op);
    return target ? std::optional(target.maxHeadsPerLaunch()) : std::nullopt;
  }
  template <typename OpTy>
  LogicalResult split(OpTy op, int64_t limit, IRRewriter &rewriter);
  LogicalResult foldOnto(SparseMlaDecodeOp op, int64_t limit,
                         IRRewriter &rewriter);
};

} // namespace

template <typename OpTy>
LogicalResult SplitHeadsPass::split(OpTy op, int64_t limit,
                                    IRRewriter &rewriter) {
  int64_t heads = numHeads(op.getQ());
  if (heads <= limit)
    return success();
  if (heads % 2 != 0)
    return op.emitError() << "has " << heads << " heads, a number that cannot "
                          << "be halved, but a launch takes " << limit;
  for (OpTy half : splitInHalves(op, rewriter))
    if (failed(split(half, limit, rewriter)))
      return failure();
  return success();
}

LogicalResult SplitHeadsPass::foldOnto(SparseMlaDecodeOp op, int64_t limit,
                                       IRRewriter &rewriter) {
  int64_t heads = numHeads(op.getQ()), groups = 1;
  while (heads / groups > limit) {
    if (heads / groups % 2 != 0)
      return op.emitError()
             << "has " << heads << " heads, of which no power of two groups "
             << "has at most " << limit << ", as many as a launch takes";
    groups *= 2;
  }
  if (op.getSink())
    return missed(op, AttentionRefusal::SinkByHead);
  if (!op.getPlan().empty() || !op.getExtraPlan().empty())
    return missed(op, AttentionRefusal::PlannedRows);
  fold(op, groups, rewriter);
  ++numFolded;
  return success();
}

void SplitHeadsPass::runOnOperation() {
  if (maxHeads < 0) {
    emitError(getOperation()->getLoc())
        << "max-heads is " << maxHeads.getValue()
        << ", but must not be negative";
    return signalPassFailure();
  }
  SmallVector<std::pair<Operation *, int64_t>> tooWide;
  getOperation()->walk([&](Operation *op) {
    if (!isa<MlaDecodeOp, SparseMlaDecodeOp>(op))
      return;
    std::optional<int64_t> limit = limitFor(op);
    Value q = op->getOperand(0);
    if (!limit || cast<ShapedType>(q.getType()).getDimSize(1) <= *limit)
      return;
    if (op->getNumResults() == 0)
      return (void)missed(op, AttentionRefusal::MemrefAttention, "split");
    tooWide.push_back({op, *limit});
  });
  IRRewriter rewriter(&getContext());
  for (auto [op, limit] : tooWide) {
    LogicalResult result = success();
    auto sparse = dyn_cast<SparseMlaDecodeOp>(op);
    if (method == HeadPolicy::Fold) {
      if (!sparse) {
        op->emitError("heads cannot be folded onto its causal query axis: "
                      "they would become queries at earlier positions, which "
                      "do not see the last keys; split them");
        return signalPassFailure();
      }
      result = foldOnto(sparse, limit, rewriter);
    } else {
      result = sparse ? split(sparse, limit, rewriter)
                      : split(cast<MlaDecodeOp>(op), limit, rewriter);
      ++numSplit;
    }
    if (failed(result))
      return signalPassFailure();
  }
}
