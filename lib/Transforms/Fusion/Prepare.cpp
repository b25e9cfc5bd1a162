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

/// A size of a result is that of its destination. Otherwise sizes would count
/// as uses of results, and destinations would hang on what they are to hold.
static void forwardSizes(OpIndex &index, RewriterBase &rewriter) {
  for (Operation *size : index.getOps<tensor::DimOp>()) {
    auto op = cast<tensor::DimOp>(size);
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
      continue;
    std::optional<int64_t> dim = op.getConstantIndex();
    auto empty = source.getDefiningOp<tensor::EmptyOp>();
    if (dim && empty && empty.getType().isDynamicDim(*dim)) {
      index.replace(op, empty.getDynamicSize(*dim), rewriter);
      continue;
    }
    rewriter.modifyOpInPlace(op, [&] { op.getSourceMutable().assign(source); });
  }
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
static unsigned forwardSlices(OpIndex &index, RewriterBase &rewriter) {
  unsigned forwarded = 0;
  SmallVector<Operation *> maybeDead;
  for (Operation *slice : index.getOps<tensor::ExtractSliceOp>()) {
    auto extract = cast<tensor::ExtractSliceOp>(slice);
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
  index.eraseDead(maybeDead, rewriter);
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
static unsigned mergeQuantizes(OpIndex &index, RewriterBase &rewriter) {
  llvm::DenseMap<Value, SmallVector<QuantizeOp, 2>> quantizesOf;
  SmallVector<std::pair<QuantizeOp, QuantizeOp>> merges;
  for (Operation *quantize : index.getOps<QuantizeOp>()) {
    auto op = cast<QuantizeOp>(quantize);
    if (op->getNumResults() == 0 || op.getX().hasOneUse())
      continue;
    SmallVector<QuantizeOp, 2> &others = quantizesOf[op.getX()];
    auto same = llvm::find_if(
        others, [&](QuantizeOp other) { return isSameQuantize(other, op); });
    if (same != others.end())
      merges.push_back({op, *same});
    else
      others.push_back(op);
  }
  for (auto [op, kept] : merges)
    index.replace(op, kept->getResults(), rewriter);
  return merges.size();
}

FusionPreparation::FusionPreparation() = default;
FusionPreparation::FusionPreparation(FusionPreparation &&) = default;
FusionPreparation::~FusionPreparation() = default;

FusionPreparation mlir::lm::prepareForFusion(Operation *root,
                                             RewriterBase &rewriter,
                                             const FusionOptions &options) {
  FusionPreparation result;
  result.index = std::make_unique<OpIndex>(root);
  OpIndex &index = *result.index;
  forwardSizes(index, rewriter);
  result.forwardedSlices = forwardSlices(index, rewriter);
  result.mergedQuantizes = mergeQuantizes(index, rewriter);

  SmallVector<Operation *> maybeDead;
  auto record = [&](FusionKind kind, Operation *op, std::string detail,
                    std::optional<Refusal> refusal) {
    result.decisions.push_back(makeDecision(
        kind, op, index.getOrder(op), std::move(detail), std::move(refusal)));
  };
  if (options.isEnabled(FusionKind::MhcBroadcast))
    readRepeatedRows(index, rewriter, options.fastNumerics,
                     [&](Operation *op, std::string detail) {
                       record(FusionKind::MhcBroadcast, op, std::move(detail),
                              std::nullopt);
                     });
  if (options.isEnabled(FusionKind::DuplicateCacheWrite))
    removeDuplicateCacheWrites(
        index, rewriter,
        [&](Operation *op, std::string detail, std::optional<Refusal> refusal) {
          // What only the removed write needed goes with it.
          if (!refusal)
            for (Value operand : op->getOperands())
              if (Operation *def = operand.getDefiningOp())
                maybeDead.push_back(def);
          record(FusionKind::DuplicateCacheWrite, op, std::move(detail),
                 std::move(refusal));
        });
  index.eraseDead(maybeDead, rewriter);
  LDBG() << "forwarded " << result.forwardedSlices << " slices, merged "
         << result.mergedQuantizes << " quantisations";
  return result;
}
