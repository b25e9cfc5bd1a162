//===-- FusionPlan.cpp - Plan fusions, then apply them --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Transforms/Fusion/FusionPlan.h"

#include "Planner.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

StringRef mlir::lm::stringifyFusionKind(FusionKind kind) {
  static constexpr StringLiteral names[] = {
#define LM_FUSION(ID, NAME) NAME,
#include "hipfuse/Transforms/Fusion/Fusions.def"
  };
  return names[static_cast<unsigned>(kind)];
}

std::optional<FusionKind> mlir::lm::symbolizeFusionKind(StringRef name) {
  for (unsigned i = 0; i < kNumFusionKinds; ++i)
    if (stringifyFusionKind(static_cast<FusionKind>(i)) == name)
      return static_cast<FusionKind>(i);
  return std::nullopt;
}

StringRef mlir::lm::stringifyRefusalReason(RefusalReason reason) {
  static constexpr StringLiteral names[] = {
#define LM_REFUSAL(ID, NAME, TEXT) NAME,
#include "hipfuse/Transforms/Fusion/Refusals.def"
  };
  return names[static_cast<unsigned>(reason)];
}

//===----------------------------------------------------------------------===//
// Decisions in words
//===----------------------------------------------------------------------===//

std::string Refusal::str() const {
  static constexpr StringLiteral texts[] = {
#define LM_REFUSAL(ID, NAME, TEXT) TEXT,
#include "hipfuse/Transforms/Fusion/Refusals.def"
  };
  std::string text;
  llvm::raw_string_ostream os(text);
  StringRef rest = texts[static_cast<unsigned>(reason)];
  while (!rest.empty()) {
    auto [plain, tail] = rest.split('{');
    os << plain;
    if (tail.empty())
      break;
    auto [number, after] = tail.split('}');
    unsigned index = 0;
    bool malformed = number.getAsInteger(10, index);
    assert(!malformed && index < arguments.size() && "argument is missing");
    (void)malformed;
    const llvm::json::Value &argument = arguments[index];
    if (std::optional<StringRef> string = argument.getAsString())
      os << *string;
    else
      os << *argument.getAsInteger();
    rest = after;
  }
  return text;
}

std::string FusionDecision::str() const {
  if (!refusal)
    return "planned: " + detail;
  return ("refused [" + stringifyRefusalReason(refusal->reason) + "]: ").str() +
         refusal->str();
}

/// File (without its folder), line and column.
static std::string locationName(Location loc) {
  std::string text;
  llvm::raw_string_ostream os(text);
  FileLineColLoc place = loc->findInstanceOf<FileLineColLoc>();
  if (!place)
    return "unknown";
  StringRef file = place.getFilename();
  os << file.substr(file.find_last_of('/') + 1) << ':' << place.getLine() << ':'
     << place.getColumn();
  return text;
}

void FusionPlan::print(raw_ostream &os) const {
  unsigned planned = llvm::count_if(
      decisions, [](const FusionDecision &d) { return !d.refusal; });
  os << "fusion plan: " << planned << " planned, " << decisions.size() - planned
     << " refused\n";
  for (const FusionDecision &decision : decisions) {
    os << "  ";
    if (!decision.function.empty())
      os << '@' << decision.function << ' ';
    os << locationName(decision.loc) << ' '
       << stringifyFusionKind(decision.kind) << ' ' << decision.str() << '\n';
  }
}

llvm::json::Value FusionPlan::toJSON() const {
  llvm::json::Object fusions;
  for (unsigned i = 0; i < kNumFusionKinds; ++i) {
    auto kind = static_cast<FusionKind>(i);
    fusions[stringifyFusionKind(kind)] = llvm::json::Object{
        {"planned", getNumPlanned(kind)}, {"refused", getNumRefused(kind)}};
  }
  llvm::json::Array list;
  for (const FusionDecision &decision : decisions) {
    llvm::json::Object object{
        {"fusion", stringifyFusionKind(decision.kind)},
        {"function", decision.function},
        {"location", locationName(decision.loc)},
        {"outcome", decision.refusal ? "refused" : "planned"}};
    if (!decision.refusal) {
      object["detail"] = decision.detail;
    } else {
      object["reason"] = stringifyRefusalReason(decision.refusal->reason);
      object["arguments"] = llvm::json::Array(decision.refusal->arguments);
      object["text"] = decision.refusal->str();
    }
    list.push_back(std::move(object));
  }
  return llvm::json::Object{{"version", 1},
                            {"fusions", std::move(fusions)},
                            {"decisions", std::move(list)}};
}

//===----------------------------------------------------------------------===//
// FusionPlan
//===----------------------------------------------------------------------===//

FusionPlan::FusionPlan() = default;
FusionPlan::FusionPlan(FusionPlan &&) = default;
FusionPlan::~FusionPlan() = default;

FusionPlan FusionPlan::compute(FusionPreparation &&preparation,
                               const FusionOptions &options) {
  using PlanFn = void (*)(fusion::Planner &);
  // In the order of Fusions.def; preparation removes duplicate cache writes.
  static constexpr std::pair<FusionKind, PlanFn> fusions[] = {
      {FusionKind::AddRmsNormQuantize, fusion::planAddRmsNormQuantize},
      {FusionKind::RmsNormQuantize, fusion::planRmsNormQuantize},
      {FusionKind::SiluMulQuantize, fusion::planSiluMulQuantize},
      {FusionKind::RopeMlaCacheWrite, fusion::planRopeMlaCacheWrite},
      {FusionKind::RopeQuantize, fusion::planRopeQuantize},
      {FusionKind::DualRmsNorm, fusion::planDualRmsNorm},
      {FusionKind::ShuffleScale, fusion::planShuffleScale},
      {FusionKind::MhcPreRmsNorm, fusion::planMhcPreRmsNorm},
      {FusionKind::MhcPostPre, fusion::planMhcPostPre},
  };
  FusionPlan plan;
  plan.planner =
      std::make_unique<fusion::Planner>(std::move(preparation.index), options);
  for (auto [kind, fn] : fusions)
    if (options.isEnabled(kind))
      fn(*plan.planner);
  plan.setDecisions(std::move(preparation.decisions),
                    std::move(plan.planner->decisions));
  return plan;
}

void FusionPlan::setDecisions(std::vector<FusionDecision> &&prepared,
                              std::vector<FusionDecision> &&planned) {
  // Decisions are large: their places are sorted, then each moves once.
  std::vector<FusionDecision *> sorted;
  sorted.reserve(prepared.size() + planned.size());
  for (std::vector<FusionDecision> *list : {&prepared, &planned})
    for (FusionDecision &decision : *list)
      sorted.push_back(&decision);
  llvm::sort(sorted, [](const FusionDecision *lhs, const FusionDecision *rhs) {
    if (lhs->order != rhs->order)
      return lhs->order < rhs->order;
    if (lhs->kind != rhs->kind)
      return lhs->kind < rhs->kind;
    return lhs->str() < rhs->str();
  });
  decisions.reserve(sorted.size());
  for (FusionDecision *decision : sorted) {
    auto &counts = decision->refusal ? numRefused : numPlanned;
    ++counts[static_cast<unsigned>(decision->kind)];
    decisions.push_back(std::move(*decision));
  }
}

void FusionPlan::apply(RewriterBase &rewriter) {
  planner->apply(rewriter);
  planner = nullptr;
}
