//===-- PrintTarget.cpp - Print what a target offers ----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#define DEBUG_TYPE "lm-print-target"

namespace mlir::lm {
#define GEN_PASS_DEF_PRINTTARGETPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;
using hipfuse::TargetFeature;
using hipfuse::TargetInfo;

static raw_ostream &line(raw_ostream &os, StringRef name) {
  return os << "  " << llvm::left_justify(name, 25);
}

static void printNumber(raw_ostream &os, StringRef name, int64_t number,
                        StringRef unit = "") {
  line(os, name);
  if (number == hipfuse::kNoLimit)
    os << "no limit";
  else
    os << number << unit;
  os << "\n";
}

static void printFigures(raw_ostream &os, TargetAttr target) {
  const TargetInfo &info = target.getInfo();
  line(os, "vendor") << hipfuse::stringifyVendor(info.vendor) << "\n";
  if (!target.isHost()) {
    printNumber(os, "wave size", info.waveSize);
    printNumber(os, "compute units", info.computeUnits);
    printNumber(os, "LDS per workgroup", info.ldsBytes, " bytes");
    printNumber(os, "threads per workgroup", info.maxThreadsPerBlock);
    printNumber(os, "vector registers", info.maxVgprs);
    line(os, "memory bandwidth")
        << llvm::format("%.1f", info.memoryBytesPerSecond * 1e-12) << " TB/s\n";
  }
  line(os, "FP8 format") << (target.usesFnuzFp8() ? "f8E4M3FNUZ" : "f8E4M3FN")
                         << "\n";
  printNumber(os, "heads per launch", target.maxHeadsPerLaunch());
  if (info.attentionRowsPerGroup)
    printNumber(os, "attention rows", info.attentionRowsPerGroup,
                " per workgroup");
  printNumber(os, "plan block", info.planBlockTokens, " tokens");
  if (info.planOverheadTokens)
    printNumber(os, "plan overhead", info.planOverheadTokens, " tokens");
  else
    line(os, "plan overhead") << "max(1, 16 / page size) blocks\n";
  line(os, "plan split") << (info.planSplitsEvenly ? "even" : "by payload")
                         << "\n";
  printNumber(os, "fused mHC below tokens", info.fusedMhcTokenLimit);
}

static void printFeatures(raw_ostream &os, TargetAttr target) {
  for (unsigned i = 0; i < hipfuse::kNumTargetFeatures; ++i) {
    auto feature = static_cast<TargetFeature>(i);
    const hipfuse::FeatureState &state = target.getInfo().get(feature);
    line(os, hipfuse::stringifyTargetFeature(feature))
        << (state.available ? "on: " : "off: ") << state.why << "\n";
  }
}

static void printRevisions(raw_ostream &os, TargetAttr target) {
  if (!target.getRevisions())
    return;
  for (auto revision : target.getRevisions().getAsRange<KernelRevisionAttr>()) {
    line(os, stringifyKernelFamily(revision.getKernel()));
    auto excluded = target.getExclusion(revision.getKernel());
    if (!excluded) {
      os << "on: revision " << revision.getVersion() << "\n";
      continue;
    }
    os << "off: revision " << excluded->version << ", but " << excluded->minimum
       << " is needed";
    if (!excluded->why.empty())
      os << ": " << excluded->why;
    os << "\n";
  }
}

namespace {

struct PrintTargetPass final : lm::impl::PrintTargetPassBase<PrintTargetPass> {
  using Base::Base;

  void runOnOperation() override {
    TargetAttr target = TargetAttr::lookup(getOperation());
    if (!target) {
      getOperation().emitError() << "has no '" << TargetAttr::kName
                                 << "'; lm-attach-target gives it one";
      return signalPassFailure();
    }
    raw_ostream &os = llvm::outs();
    os << "target " << target.getChip() << ": " << target.getInfo().product
       << "\n";
    printFigures(os, target);
    printFeatures(os, target);
    printRevisions(os, target);
    markAllAnalysesPreserved();
  }
};

} // namespace
