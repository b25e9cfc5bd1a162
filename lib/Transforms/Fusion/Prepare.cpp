//===-- Prepare.cpp - Make producers and consumers meet -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rewrites that hold anywhere and that fusion depends on. A larger clean-up is
// the business of -canonicalize and -cse, before lm-fuse.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

/// Chains of slice assignments are followed this far.
static constexpr unsigned kMaxSliceDepth = 16;

/// Erases what is dead among `ops`, and what only they needed.
static void eraseDead(SmallVectorImpl<Operation *> &ops,
                      RewriterBase &rewriter) {
  llvm::DenseSet<Operation *> erased;
  while (!ops.empty()) {
    Operation *op = ops.pop_back_val();
    if (erased.contains(op) || !isOpTriviallyDead(op))
      continue;
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp())
        ops.push_back(def);
    erased.insert(op);
    rewriter.eraseOp(op);
  }
}

/// A size of a result is that of its destination. Otherwise sizes would count
/// as uses of results, and destinations would hang on what they are to hold.
static void forwardSizes(Operation *root, RewriterBase &rewriter) {
  root->walk([&](tensor::DimOp op) {
    Value source = op.getSource();
    while (Operation *def = source.getDefiningOp()) {
      if (isa<LMDialect>(def->getDialect()))
        source = cast<DestinationStyleOpInterface>(def)
                     .getTiedOpOperand(cast<OpResult>(source))
                     ->get();
      else if (auto insert = dyn_cast<tensor::InsertSliceOp>(def))
        source = insert.getDest();
      else
        break;
    }
    if (source == op.getSource())
      return;
    std::optional<int64_t> index = op.getConstantIndex();
    auto empty = source.getDefiningOp<tensor::EmptyOp>();
    if (index && empty && empty.getType().isDynamicDim(*index)) {
      rewriter.replaceOp(op, empty.getDynamicSize(*index));
      return;
    }
    rewriter.modifyOpInPlace(op, [&] { op.getSourceMutable().assign(source); });
  });
}

/// True if both slices are known to share no element.
static bool areDisjoint(tensor::ExtractSliceOp extract,
                        tensor::InsertSliceOp insert) {
  for (int64_t d = 0, e = extract.getSourceType().getRank(); d < e; ++d) {
    int64_t begin = extract.getStaticOffsets()[d];
    int64_t size = extract.getStaticSizes()[d];
    int64_t otherBegin = insert.getStaticOffsets()[d];
    int64_t otherSize = insert.getStaticSizes()[d];
    if (ShapedType::isDynamic(begin) || ShapedType::isDynamic(size) ||
        ShapedType::isDynamic(otherBegin) || ShapedType::isDynamic(otherSize))
      continue;
    if (begin + size <= otherBegin || otherBegin + otherSize <= begin)
      return true;
  }
  return false;
}

static bool areSame(tensor::ExtractSliceOp extract,
                    tensor::InsertSliceOp insert) {
  return extract.getType() == insert.getSourceType() &&
         extract.getSourceType().getRank() == extract.getType().getRank() &&
         llvm::equal(extract.getMixedOffsets(), insert.getMixedOffsets(),
                     isSameSize) &&
         llvm::equal(extract.getMixedSizes(), insert.getMixedSizes(),
                     isSameSize);
}

/// A slice of a slice assignment is the assigned value, or a slice of the
/// tensor before the assignment.
static unsigned forwardSlices(Operation *root, RewriterBase &rewriter) {
  SmallVector<tensor::ExtractSliceOp> slices;
  root->walk([&](tensor::ExtractSliceOp op) { slices.push_back(op); });
  unsigned forwarded = 0;
  SmallVector<Operation *> maybeDead;
  for (tensor::ExtractSliceOp extract : slices) {
    bool changed = false;
    for (unsigned depth = 0; depth < kMaxSliceDepth; ++depth) {
      auto insert = extract.getSource().getDefiningOp<tensor::InsertSliceOp>();
      if (!insert || !extract.hasUnitStride() || !insert.hasUnitStride())
        break;
      bool same = areSame(extract, insert);
      if (!same && !areDisjoint(extract, insert))
        break;
      changed = true;
      maybeDead.push_back(insert);
      if (same) {
        rewriter.replaceAllUsesWith(extract.getResult(), insert.getSource());
        maybeDead.push_back(extract);
        break;
      }
      rewriter.modifyOpInPlace(extract, [&] {
        extract.getSourceMutable().assign(insert.getDest());
      });
    }
    forwarded += changed;
  }
  eraseDead(maybeDead, rewriter);
  return forwarded;
}

static bool isSameQuantize(QuantizeOp lhs, QuantizeOp rhs) {
  if (lhs->getBlock() != rhs->getBlock() ||
      lhs.getScheme() != rhs.getScheme() ||
      lhs.getInputScale() != rhs.getInputScale() ||
      lhs->getResultTypes() != rhs->getResultTypes())
    return false;
  for (auto [init, other] :
       llvm::zip(lhs.getDpsInitsMutable(), rhs.getDpsInitsMutable()))
    if (lhs.keepsDestination(init) && init.get() != other.get())
      return false;
  return true;
}

/// Of equal quantisations of one value the first stays.
static unsigned mergeQuantizes(Operation *root, RewriterBase &rewriter) {
  llvm::DenseMap<Value, SmallVector<QuantizeOp, 2>> quantizesOf;
  SmallVector<std::pair<QuantizeOp, QuantizeOp>> merges;
  root->walk([&](QuantizeOp op) {
    if (op->getNumResults() == 0)
      return;
    SmallVector<QuantizeOp, 2> &others = quantizesOf[op.getX()];
    auto same = llvm::find_if(
        others, [&](QuantizeOp other) { return isSameQuantize(other, op); });
    if (same != others.end())
      merges.push_back({op, *same});
    else
      others.push_back(op);
  });
  for (auto [op, kept] : merges)
    rewriter.replaceOp(op, kept);
  return merges.size();
}

FusionPreparation mlir::lm::prepareForFusion(Operation *root,
                                             RewriterBase &rewriter,
                                             const FusionOptions &options) {
  FusionPreparation result;
  forwardSizes(root, rewriter);
  result.forwardedSlices = forwardSlices(root, rewriter);
  result.mergedQuantizes = mergeQuantizes(root, rewriter);

  llvm::DenseMap<Operation *, unsigned> order;
  root->walk([&](Operation *op) {
    if (isa<LMDialect>(op->getDialect()))
      order.try_emplace(op, order.size());
  });
  SmallVector<Operation *> maybeDead;
  auto record = [&](FusionKind kind, Operation *op, std::string detail,
                    std::optional<Refusal> refusal) {
    result.decisions.push_back(makeDecision(
        kind, op, order.lookup(op), std::move(detail), std::move(refusal)));
  };
  if (options.isEnabled(FusionKind::MhcBroadcast))
    readRepeatedRows(root, rewriter, options.fastNumerics,
                     [&](Operation *op, std::string detail) {
                       record(FusionKind::MhcBroadcast, op, std::move(detail),
                              std::nullopt);
                     });
  if (options.isEnabled(FusionKind::DuplicateCacheWrite))
    removeDuplicateCacheWrites(
        root, rewriter,
        [&](Operation *op, std::string detail, std::optional<Refusal> refusal) {
          // What only the removed write needed goes with it.
          if (!refusal)
            for (Value operand : op->getOperands())
              if (Operation *def = operand.getDefiningOp())
                maybeDead.push_back(def);
          record(FusionKind::DuplicateCacheWrite, op, std::move(detail),
                 std::move(refusal));
        });
  eraseDead(maybeDead, rewriter);
  LDBG() << "forwarded " << result.forwardedSlices << " slices, merged "
         << result.mergedQuantizes << " quantisations";
  return result;
}
