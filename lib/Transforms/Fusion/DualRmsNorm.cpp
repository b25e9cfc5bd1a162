//===-- DualRmsNorm.cpp - Two norms over slices of one tensor -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %a = extract_slice %x columns 0..1535       %d, %s, %kv =
//   %b = extract_slice %x columns 1536..2047      lm.rms_norm_quantize ins(%a)
//   %d, %s = quantize(rms_norm(%a))        ->     second(%b) ...
//   %kv = rms_norm(%b)
//
// and lm.dual_rms_norm where neither norm is quantised. One launch serves both;
// the rows of the second are too short to be worth one of their own.
//
//===----------------------------------------------------------------------===//

#include "NormQuantize.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

namespace {

class DualRmsNormGroup final : public Group {
public:
  DualRmsNormGroup(RmsNormOp first, RmsNormOp second)
      : Group(FusionKind::DualRmsNorm), first(first), second(second) {
    members = {first, second};
  }

  void getNeeds(SmallVectorImpl<Value> &needs) override {
    for (RmsNormOp norm : {first, second})
      llvm::append_range(needs, norm->getOperands());
  }

  void apply(RewriterBase &rewriter) override {
    auto fused = DualRmsNormOp::create(
        rewriter, rewriter.getFusedLoc({first.getLoc(), second.getLoc()}),
        first.getX(), second.getX(), first.getWeight(), second.getWeight(),
        first.getOut(), second.getOut(), first.getEpsilonAttr(),
        second.getEpsilonAttr(), first.getWeightOffsetAttr(),
        first.getRoundNormBeforeWeightAttr());
    rewriter.replaceAllUsesWith(first->getResult(0), fused->getResult(0));
    rewriter.replaceAllUsesWith(second->getResult(0), fused->getResult(1));
  }

  StringRef getFusedName() const override {
    return DualRmsNormOp::getOperationName();
  }

  RmsNormOp first, second;
};

/// A norm over columns of a tensor.
struct SlicedNorm {
  Operation *norm;
  Columns columns;
};

} // namespace

static std::string str(const APFloat &value) {
  SmallString<16> text;
  value.toString(text);
  return std::string(text);
}

/// Numerics that the fused operation has only once.
template <typename NormOp>
static std::optional<Refusal> compareNumerics(NormOp first, RmsNormOp second) {
  if (first.getWeightOffsetAttr() != second.getWeightOffsetAttr())
    return Refusal{RefusalReason::AttributeMismatch,
                   {"weight_offset", str(first.getWeightOffset()),
                    str(second.getWeightOffset())}};
  if (first.getRoundNormBeforeWeight() != second.getRoundNormBeforeWeight())
    return Refusal{RefusalReason::AttributeMismatch,
                   {"round_norm_before_weight",
                    first.getRoundNormBeforeWeight() ? "set" : "not set",
                    second.getRoundNormBeforeWeight() ? "set" : "not set"}};
  return std::nullopt;
}

static std::string describeRows(const Columns &columns) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(columns.rows, os, [&](OpFoldResult size) {
    if (auto attr = dyn_cast<Attribute>(size))
      os << cast<IntegerAttr>(attr).getInt();
    else
      os << '?';
  });
  os << ']';
  return text;
}

/// Plans `first` and `second`, norms over slices of one tensor. With a group,
/// `first` is the norm that the group quantises.
static void planPair(Planner &planner, const SlicedNorm &first,
                     const SlicedNorm &second, NormQuantizeGroup *group) {
  constexpr FusionKind kind = FusionKind::DualRmsNorm;
  auto secondNorm = cast<RmsNormOp>(second.norm);
  auto refuse = [&](Refusal refusal) {
    planner.refuse(kind, second.norm, std::move(refusal));
  };
  if (!llvm::equal(first.columns.rows, second.columns.rows, isSameSize))
    return refuse(
        {RefusalReason::RowsDiffer,
         {describeRows(first.columns), describeRows(second.columns)}});
  std::optional<Refusal> mismatch =
      isa<RmsNormOp>(first.norm)
          ? compareNumerics(cast<RmsNormOp>(first.norm), secondNorm)
          : compareNumerics(cast<AddRmsNormOp>(first.norm), secondNorm);
  if (mismatch)
    return refuse(*mismatch);

  std::string columns = "columns " + std::to_string(first.columns.offset) +
                        "+" + std::to_string(first.columns.width) + " and " +
                        std::to_string(second.columns.offset) + "+" +
                        std::to_string(second.columns.width);
  if (!group) {
    planner.plan(std::make_unique<DualRmsNormGroup>(cast<RmsNormOp>(first.norm),
                                                    secondNorm),
                 second.norm, cast<RmsNormOp>(first.norm).getX(),
                 "lm.rms_norm + lm.rms_norm -> lm.dual_rms_norm, " + columns);
    return;
  }

  if (std::optional<Refusal> refusal = planner.judge(kind, secondNorm.getX()))
    return refuse(*refusal);
  group->second = secondNorm;
  group->members.push_back(secondNorm);
  if (std::optional<Refusal> refusal = planner.tryPlace(*group)) {
    group->second = nullptr;
    group->members.pop_back();
    return refuse(*refusal);
  }
  planner.commitExtension(
      kind, *group, second.norm,
      "lm.rms_norm joins lm.rms_norm_quantize as its second, " + columns);
}

void fusion::planDualRmsNorm(Planner &planner) {
  // Norms by the tensor that their inputs are slices of.
  llvm::MapVector<Value, SmallVector<SlicedNorm>> normsOf;
  auto collect = [&](Operation *norm, Value x) {
    if (norm->getNumResults() != 0)
      if (std::optional<Columns> columns = getColumns(x))
        normsOf[columns->tensor].push_back({norm, *columns});
  };
  for (Operation *op : planner.getOps<RmsNormOp>())
    collect(op, cast<RmsNormOp>(op).getX());
  for (Operation *op : planner.getOps<AddRmsNormOp>())
    if (planner.getGroup(op))
      collect(op, cast<AddRmsNormOp>(op).getX());

  for (auto &[tensor, norms] : normsOf) {
    if (norms.size() < 2)
      continue;
    if (norms.size() > 2) {
      planner.refuse(FusionKind::DualRmsNorm, norms[2].norm,
                     {RefusalReason::TooManyNorms,
                      {static_cast<int64_t>(norms.size()),
                       DualRmsNormOp::getOperationName()}});
      continue;
    }
    auto groupOf = [&](const SlicedNorm &norm) {
      return static_cast<NormQuantizeGroup *>(planner.getGroup(norm.norm));
    };
    NormQuantizeGroup *firstGroup = groupOf(norms[0]);
    NormQuantizeGroup *secondGroup = groupOf(norms[1]);
    if (firstGroup && secondGroup)
      planner.refuse(FusionKind::DualRmsNorm, norms[1].norm,
                     {RefusalReason::BothQuantized,
                      {RmsNormQuantizeOp::getOperationName()}});
    else if (secondGroup)
      planPair(planner, norms[1], norms[0], secondGroup);
    else
      planPair(planner, norms[0], norms[1], firstGroup);
  }
}
