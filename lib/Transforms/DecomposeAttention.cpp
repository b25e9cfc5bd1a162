//===-- DecomposeAttention.cpp - Attention as the target launches it ----===//
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

#define DEBUG_TYPE "lm-decompose-attention"

namespace mlir::lm {
#define GEN_PASS_DEF_DECOMPOSEATTENTIONPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// An empty f32 tensor with the leading dimensions of `like`, and `last`
/// columns if that is given.
static Value emptyLike(OpBuilder &builder, Location loc, Value like,
                       std::optional<int64_t> last) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, like);
  sizes.pop_back();
  if (last)
    sizes.push_back(builder.getIndexAttr(*last));
  return tensor::EmptyOp::create(builder, loc, sizes, builder.getF32Type());
}

namespace {

/// The operands and attributes of one scope.
struct Scope {
  Value cache, slots, lengths, kvScale;
  ValueRange plan;
  CacheLayoutAttr layout;
  IntegerAttr pageSize;

  /// A plan of both scopes is not that of one.
  static Scope main(SparseMlaDecodeOp op) {
    bool isOfBoth = op.getExtraCache() && op.getExtraPlan().empty();
    return {op.getCache(),
            op.getSlots(),
            op.getLengths(),
            op.getKvScale(),
            isOfBoth ? ValueRange() : op.getPlan(),
            op.getLayoutAttr(),
            op.getPageSizeAttr()};
  }
  static Scope extra(SparseMlaDecodeOp op) {
    return {op.getExtraCache(),       op.getExtraSlots(),
            op.getExtraLengths(),     op.getExtraKvScale(),
            op.getExtraPlan(),        op.getExtraLayoutAttr(),
            op.getExtraPageSizeAttr()};
  }
};

struct DecomposeAttentionPass final
    : lm::impl::DecomposeAttentionPassBase<DecomposeAttentionPass> {
  using Base::Base;

  void runOnOperation() override;

private:
  /// The form that is wanted for `op`.
  ScopePolicy policyFor(Operation *op) {
    if (scopes != ScopePolicy::Auto)
      return scopes;
    TargetAttr target = TargetAttr::lookup(op);
    if (!target)
      return ScopePolicy::Auto;
    return target.takesBothScopesInOneLaunch() ? ScopePolicy::Together
                                               : ScopePolicy::Separate;
  }
  void decompose(SparseMlaDecodeOp op, IRRewriter &rewriter);
  void fuse(MergeAttentionOp merge, IRRewriter &rewriter);
};

} // namespace

static void missed(Operation *op, AttentionRefusal reason,
                   const Twine &argument = "") {
  missedAttention(op, DEBUG_TYPE, "attention-scopes", reason, argument);
}

void DecomposeAttentionPass::decompose(SparseMlaDecodeOp op,
                                       IRRewriter &rewriter) {
  if (op->getNumResults() == 0)
    return missed(op, AttentionRefusal::MemrefAttention, "decomposed");
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  int64_t columns = tensorType(op.getOut()).getDimSize(2);
  SmallVector<Value> partials, lses;
  for (const Scope &scope : {Scope::main(op), Scope::extra(op)}) {
    auto partial = SparseMlaDecodeOp::create(
        rewriter, loc, op.getQ(), scope.cache, scope.slots, scope.lengths,
        op.getQScale(), scope.kvScale, /*extra_cache=*/Value(),
        /*extra_slots=*/Value(), /*extra_lengths=*/Value(),
        /*extra_kv_scale=*/Value(), /*sink=*/Value(), scope.plan,
        /*extra_plan=*/ValueRange(),
        emptyLike(rewriter, loc, op.getQ(), columns),
        emptyLike(rewriter, loc, op.getQ(), std::nullopt), scope.layout,
        scope.pageSize, /*extra_layout=*/CacheLayoutAttr(),
        /*extra_page_size=*/IntegerAttr(), op.getSmScaleAttr(),
        op.getComputeAttr());
    partials.push_back(partial->getResult(0));
    lses.push_back(partial->getResult(1));
  }
  bool hasSink = static_cast<bool>(op.getSink());
  Value mergedInit =
      hasSink ? emptyLike(rewriter, loc, op.getQ(), columns) : op.getOut();
  Value lseInit = op.getLse();
  if (hasSink && !lseInit)
    lseInit = emptyLike(rewriter, loc, op.getQ(), std::nullopt);
  auto merge = MergeAttentionOp::create(
      rewriter, loc, partials, lses, mergedInit, lseInit,
      EmptyLseAttr::get(&getContext(), EmptyLse::NegInf));
  SmallVector<Value> results(merge->getResults());
  if (hasSink)
    results.front() =
        ApplySinkOp::create(rewriter, loc, merge->getResult(0),
                            merge->getResult(1), op.getSink(), op.getOut())
            ->getResult(0);
  results.truncate(op->getNumResults());
  rewriter.replaceOp(op, results);
  ++numDecomposed;
}

/// Whether `value` has `user` as its one user.
static bool isUsedOnlyBy(Value value, Operation *user) {
  return llvm::all_of(value.getUsers(),
                      [&](Operation *other) { return other == user; });
}

void DecomposeAttentionPass::fuse(MergeAttentionOp merge,
                                  IRRewriter &rewriter) {
  if (merge->getNumResults() == 0)
    return missed(merge, AttentionRefusal::MemrefAttention, "merged");
  if (merge.getX().size() != 2)
    return missed(merge, AttentionRefusal::PartialCount,
                  Twine(merge.getX().size()));
  SmallVector<SparseMlaDecodeOp> parts;
  for (auto [x, lse] : llvm::zip(merge.getX(), merge.getLse())) {
    auto part = x.getDefiningOp<SparseMlaDecodeOp>();
    if (!part || part->getNumResults() != 2 || x != part->getResult(0) ||
        lse != part->getResult(1))
      return missed(merge, AttentionRefusal::PartialSource);
    if (part.getExtraCache() || part.getSink())
      return missed(merge, AttentionRefusal::PartialForm);
    if (!isUsedOnlyBy(x, merge) || !isUsedOnlyBy(lse, merge))
      return missed(merge, AttentionRefusal::PartialUses);
    parts.push_back(part);
  }
  SparseMlaDecodeOp first = parts[0], second = parts[1];
  if (first == second)
    return missed(merge, AttentionRefusal::PartialUses);
  if (first.getQ() != second.getQ() ||
      first.getQScale() != second.getQScale() ||
      first.getSmScale() != second.getSmScale() ||
      first.getCompute() != second.getCompute())
    return missed(merge, AttentionRefusal::PartialsDiffer);

  Operation *last = merge;
  Value sink, out = merge.getOut();
  if (merge->getNumResults() == 2)
    for (Operation *user : merge->getResult(0).getUsers())
      if (auto apply = dyn_cast<ApplySinkOp>(user))
        if (apply.getLse() == merge->getResult(1) &&
            apply->getBlock() == merge->getBlock() &&
            tensorType(merge.getOut()).getElementType().isF32() &&
            isUsedOnlyBy(merge->getResult(0), apply)) {
          last = apply;
          sink = apply.getSink();
          out = apply.getOut();
          break;
        }
  // Where the sink was the only user of the lse, nobody needs it now.
  bool needsLse =
      merge->getNumResults() == 2 && !isUsedOnlyBy(merge->getResult(1), last);
  if (needsLse && last != merge)
    for (Operation *user : merge->getResult(1).getUsers()) {
      user = last->getBlock()->findAncestorOpInBlock(*user);
      if (user != last && user->isBeforeInBlock(last))
        return missed(merge, AttentionRefusal::LseUsedEarly);
    }
  // The plans of two launches are not the plan of one.
  Scope a = Scope::main(first), b = Scope::main(second);
  rewriter.setInsertionPoint(last);
  auto fused = SparseMlaDecodeOp::create(
      rewriter, merge.getLoc(), first.getQ(), a.cache, a.slots, a.lengths,
      first.getQScale(), a.kvScale, b.cache, b.slots, b.lengths, b.kvScale,
      sink, /*plan=*/ValueRange(), /*extra_plan=*/ValueRange(), out,
      needsLse ? merge.getLseOut() : Value(), a.layout, a.pageSize, b.layout,
      b.pageSize, first.getSmScaleAttr(), first.getComputeAttr());
  if (needsLse)
    rewriter.replaceAllUsesWith(merge->getResult(1), fused->getResult(1));
  rewriter.replaceAllUsesWith(last->getResult(0), fused->getResult(0));
  if (last != merge)
    rewriter.eraseOp(last);
  rewriter.eraseOp(merge);
  rewriter.eraseOp(second);
  rewriter.eraseOp(first);
  ++numFused;
}

void DecomposeAttentionPass::runOnOperation() {
  SmallVector<SparseMlaDecodeOp> together;
  SmallVector<MergeAttentionOp> merges;
  getOperation()->walk([&](Operation *op) {
    ScopePolicy policy = policyFor(op);
    if (auto attention = dyn_cast<SparseMlaDecodeOp>(op)) {
      if (attention.getExtraCache() && policy == ScopePolicy::Separate)
        together.push_back(attention);
    } else if (auto merge = dyn_cast<MergeAttentionOp>(op)) {
      if (policy == ScopePolicy::Together)
        merges.push_back(merge);
    }
  });
  IRRewriter rewriter(&getContext());
  for (SparseMlaDecodeOp op : together)
    decompose(op, rewriter);
  for (MergeAttentionOp op : merges)
    fuse(op, rewriter);
}
