//===-- Fuse.cpp - Fuse lm operations -------------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fusions are in Fusion/, one file each. Here decisions become remarks,
// statistics, a report, and an error where too few are found.
//
//===----------------------------------------------------------------------===//

#include "FusionPassOptions.h"
#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/ToolOutputFile.h"

#define DEBUG_TYPE "lm-fuse"

namespace mlir::lm {
#define GEN_PASS_DEF_FUSEPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static std::string listFusions() {
  SmallVector<StringRef> names;
  for (unsigned i = 0; i < kNumFusionKinds; ++i)
    names.push_back(stringifyFusionKind(static_cast<FusionKind>(i)));
  return llvm::join(names, ", ");
}

FailureOr<FusionNumbers>
mlir::lm::parseFusionNumbers(Location loc, StringRef option,
                             ArrayRef<std::string> values, bool allowAll) {
  FusionNumbers numbers;
  for (StringRef value : values) {
    auto [name, digits] = value.rsplit(':');
    bool isForAll = allowAll && !value.contains(':');
    int64_t number = 0;
    if ((isForAll ? name : digits).getAsInteger(10, number) || number < 0)
      return emitError(loc)
             << option << ": '" << value << "' is not NAME:NUMBER"
             << (allowAll ? " or NUMBER" : "");
    if (isForAll) {
      numbers.fill(number);
      continue;
    }
    std::optional<FusionKind> kind = symbolizeFusionKind(name);
    if (!kind)
      return emitError(loc) << option << ": unknown fusion '" << name
                            << "'; known are " << listFusions();
    numbers[static_cast<unsigned>(*kind)] = number;
  }
  return numbers;
}

FusionPolicy mlir::lm::makeRowPolicy(const FusionNumbers &minRows,
                                     const FusionNumbers &maxRows) {
  auto isGiven = [](std::optional<int64_t> number) {
    return number.has_value();
  };
  if (llvm::none_of(minRows, isGiven) && llvm::none_of(maxRows, isGiven))
    return nullptr;
  return [=](const FusionCandidate &candidate) -> std::optional<std::string> {
    unsigned kind = static_cast<unsigned>(candidate.kind);
    if (ShapedType::isDynamic(candidate.rows))
      return std::nullopt;
    std::string rows = std::to_string(candidate.rows) + " rows are ";
    if (minRows[kind] && candidate.rows < *minRows[kind])
      return rows + "below the minimum of " + std::to_string(*minRows[kind]);
    if (maxRows[kind] && candidate.rows > *maxRows[kind])
      return rows + "above the maximum of " + std::to_string(*maxRows[kind]);
    return std::nullopt;
  };
}

FailureOr<FusionOptions> mlir::lm::getFusionOptions(
    Location loc, std::array<bool, kNumFusionKinds> enabled,
    ArrayRef<std::string> minRows, ArrayRef<std::string> maxRows, MhcMode mhc,
    bool fastNumerics) {
  FailureOr<FusionNumbers> min =
      parseFusionNumbers(loc, "min-rows", minRows, /*allowAll=*/true);
  FailureOr<FusionNumbers> max =
      parseFusionNumbers(loc, "max-rows", maxRows, /*allowAll=*/true);
  if (failed(min) || failed(max))
    return failure();
  FusionOptions options;
  options.enabled = enabled;
  options.policy = makeRowPolicy(*min, *max);
  options.mhc = mhc;
  options.fastNumerics = fastNumerics;
  return options;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {

struct FusePass final : lm::impl::FusePassBase<FusePass> {
  using Base::Base;

  void runOnOperation() override;

private:
  void count(const FusionPlan &plan);
  void emitRemarks(const FusionPlan &plan);
  LogicalResult checkRequired(const FusionPlan &plan,
                              const FusionNumbers &required);
  LogicalResult writeReport(const FusionPlan &plan);
};

} // namespace

void FusePass::runOnOperation() {
  Location loc = getOperation().getLoc();
  FailureOr<FusionOptions> options = getFusionOptions(
      loc,
      {duplicateCacheWrite, addRmsNormQuantize, rmsNormQuantize,
       siluMulQuantize, ropeMlaCacheWrite, ropeQuantize, dualRmsNorm,
       shuffleScale, mhcBroadcast, mhcPreRmsNorm, mhcPostPre},
      minRows, maxRows, mhc, fastNumerics);
  FailureOr<FusionNumbers> required = parseFusionNumbers(
      loc, "require-match", requireMatch, /*allowAll=*/false);
  if (failed(options) || failed(required))
    return signalPassFailure();

  IRRewriter rewriter(&getContext());
  FusionPreparation preparation =
      prepareForFusion(getOperation(), rewriter, *options);
  numForwardedSlices += preparation.forwardedSlices;
  numMergedQuantizes += preparation.mergedQuantizes;
  FusionPlan plan = FusionPlan::compute(std::move(preparation), *options);

  count(plan);
  emitRemarks(plan);
  if (failed(writeReport(plan)) || failed(checkRequired(plan, *required)))
    return signalPassFailure();
  plan.apply(rewriter);
}

void FusePass::count(const FusionPlan &plan) {
  // In the order of Fusions.def.
  Statistic *planned[kNumFusionKinds] = {
      &numDuplicateCacheWrite, &numAddRmsNormQuantize, &numRmsNormQuantize,
      &numSiluMulQuantize,     &numRopeMlaCacheWrite,  &numRopeQuantize,
      &numDualRmsNorm,         &numShuffleScale,       &numMhcBroadcast,
      &numMhcPreRmsNorm,       &numMhcPostPre};
  Statistic *refused[kNumFusionKinds] = {
      &numRefusedDuplicateCacheWrite, &numRefusedAddRmsNormQuantize,
      &numRefusedRmsNormQuantize,     &numRefusedSiluMulQuantize,
      &numRefusedRopeMlaCacheWrite,   &numRefusedRopeQuantize,
      &numRefusedDualRmsNorm,         &numRefusedShuffleScale,
      &numRefusedMhcBroadcast,        &numRefusedMhcPreRmsNorm,
      &numRefusedMhcPostPre};
  for (unsigned i = 0; i < kNumFusionKinds; ++i) {
    auto kind = static_cast<FusionKind>(i);
    *planned[i] += plan.getNumPlanned(kind);
    *refused[i] += plan.getNumRefused(kind);
  }
}

void FusePass::emitRemarks(const FusionPlan &plan) {
  for (const FusionDecision &decision : plan.getDecisions()) {
    auto opts = remark::RemarkOpts::name(stringifyFusionKind(decision.kind))
                    .category(DEBUG_TYPE)
                    .function(decision.function);
    if (!decision.refusal) {
      remark::passed(decision.loc, opts) << StringRef(decision.detail);
      continue;
    }
    std::string text = decision.refusal->str();
    remark::missed(decision.loc, opts)
        << remark::detail::Remark::Arg(
               "Reason", stringifyRefusalReason(decision.refusal->reason))
        << StringRef(text);
  }
}

LogicalResult FusePass::checkRequired(const FusionPlan &plan,
                                      const FusionNumbers &required) {
  bool ok = true;
  for (unsigned i = 0; i < kNumFusionKinds; ++i) {
    auto kind = static_cast<FusionKind>(i);
    int64_t found = plan.getNumPlanned(kind);
    if (!required[i] || found >= *required[i])
      continue;
    ok = false;
    InFlightDiagnostic error = emitError(getOperation().getLoc())
                               << "require-match: " << stringifyFusionKind(kind)
                               << " is found " << found << " times, but "
                               << *required[i] << " are required";
    for (const FusionDecision &decision : plan.getDecisions())
      if (decision.kind == kind && decision.refusal)
        error.attachNote(decision.loc) << decision.str();
  }
  return success(ok);
}

LogicalResult FusePass::writeReport(const FusionPlan &plan) {
  if (report.empty())
    return success();
  std::string message;
  std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(report, &message);
  if (!file)
    return emitError(getOperation().getLoc()) << "report: " << message;
  file->os() << llvm::formatv("{0:2}", plan.toJSON()) << '\n';
  file->keep();
  return success();
}
