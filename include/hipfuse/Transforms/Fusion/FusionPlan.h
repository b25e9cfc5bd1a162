//===-- FusionPlan.h - Plan fusions, then apply them ----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fusion in three steps: `prepareForFusion` tidies the program, a `FusionPlan`
// looks at it without changing it and decides, `apply` carries the plan out.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_FUSION_FUSIONPLAN_H
#define HIPFUSE_TRANSFORMS_FUSION_FUSIONPLAN_H

#include "hipfuse/Transforms/Fusion/MhcMode.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/Types.h"
#include "llvm/Support/JSON.h"

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class RewriterBase;
} // namespace mlir

namespace mlir::lm {

enum class FusionKind : unsigned {
#define LM_FUSION(ID, NAME) ID,
#include "hipfuse/Transforms/Fusion/Fusions.def"
};

inline constexpr unsigned kNumFusionKinds =
#define LM_FUSION(ID, NAME) +1
#include "hipfuse/Transforms/Fusion/Fusions.def"
    ;

StringRef stringifyFusionKind(FusionKind kind);
std::optional<FusionKind> symbolizeFusionKind(StringRef name);

enum class RefusalReason : unsigned {
#define LM_REFUSAL(ID, NAME, TEXT) ID,
#include "hipfuse/Transforms/Fusion/Refusals.def"
};

StringRef stringifyRefusalReason(RefusalReason reason);

/// Why a fusion was refused: a reason and what it is about, names as strings
/// and counts as integers.
struct Refusal {
  RefusalReason reason;
  std::vector<llvm::json::Value> arguments;

  /// The reason as one line.
  std::string str() const;
};

/// What the planner decided about one place.
struct FusionDecision {
  FusionKind kind;
  Location loc;
  /// The name of the function around the place; empty outside of functions.
  std::string function;
  /// Position in the program, to sort decisions by.
  unsigned order;
  /// What is fused; empty where it is refused.
  std::string detail;
  std::optional<Refusal> refusal;

  /// "planned: <detail>" or "refused [<reason>]: <text>".
  std::string str() const;
};

/// One fusion that is legal, offered to the policy.
struct FusionCandidate {
  FusionKind kind;
  /// Rows and columns of the fused operation's input; rows are
  /// `ShapedType::kDynamic` where they are not known.
  int64_t rows;
  int64_t columns;
  Type elementType;
};

/// Returns why a legal fusion does not pay, or nothing if it does.
using FusionPolicy =
    std::function<std::optional<std::string>(const FusionCandidate &)>;

struct FusionOptions {
  FusionOptions() { enabled.fill(true); }

  bool isEnabled(FusionKind kind) const {
    return enabled[static_cast<unsigned>(kind)];
  }

  std::array<bool, kNumFusionKinds> enabled;
  /// Without a policy every legal fusion pays.
  FusionPolicy policy;
  MhcMode mhc = MhcMode::Auto;
  /// Allow other orders of additions.
  bool fastNumerics = false;
};

namespace fusion {
class OpIndex;
class Planner;
} // namespace fusion

/// What preparation did, and what it knows for the plan about the program.
struct FusionPreparation {
  FusionPreparation();
  FusionPreparation(FusionPreparation &&);
  ~FusionPreparation();

  unsigned forwardedSlices = 0;
  unsigned mergedQuantizes = 0;
  std::vector<FusionDecision> decisions;
  std::unique_ptr<fusion::OpIndex> index;
};

/// Rewrites `root` so that producers and consumers meet: sizes of results of lm
/// operations become sizes of their destinations, slices of slice assignments
/// become the assigned or the original values, equal `lm.quantize` operations
/// become one, and the second of two equal cache writes is removed.
FusionPreparation prepareForFusion(Operation *root, RewriterBase &rewriter,
                                   const FusionOptions &options);

/// Decisions about a program, and what it takes to carry them out.
class FusionPlan {
public:
  /// Plans the fusions of the program that was prepared last, and does not
  /// change it. The decisions of preparation are part of the plan.
  static FusionPlan compute(FusionPreparation &&preparation,
                            const FusionOptions &options);
  FusionPlan(FusionPlan &&);
  ~FusionPlan();

  /// In program order.
  ArrayRef<FusionDecision> getDecisions() const { return decisions; }
  /// Number of planned fusions of a kind.
  unsigned getNumPlanned(FusionKind kind) const {
    return numPlanned[static_cast<unsigned>(kind)];
  }
  unsigned getNumRefused(FusionKind kind) const {
    return numRefused[static_cast<unsigned>(kind)];
  }

  /// Carries the plan out. The program must be as it was planned on; a plan is
  /// applied once.
  void apply(RewriterBase &rewriter);

  /// Writes the decisions, one line each.
  void print(raw_ostream &os) const;
  llvm::json::Value toJSON() const;

private:
  FusionPlan();
  void setDecisions(std::vector<FusionDecision> &&prepared,
                    std::vector<FusionDecision> &&planned);

  std::unique_ptr<fusion::Planner> planner;
  std::vector<FusionDecision> decisions;
  std::array<unsigned, kNumFusionKinds> numPlanned{}, numRefused{};
};

} // namespace mlir::lm

#endif // HIPFUSE_TRANSFORMS_FUSION_FUSIONPLAN_H
