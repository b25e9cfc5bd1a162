//===-- NormQuantize.h - A norm whose rows are quantised ------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_TRANSFORMS_FUSION_NORMQUANTIZE_H
#define HIPFUSE_LIB_TRANSFORMS_FUSION_NORMQUANTIZE_H

#include "Planner.h"

namespace mlir::lm::fusion {

/// A norm, with or without residual, whose rows are quantised.
class NormQuantizeGroup final : public Group {
public:
  NormQuantizeGroup(FusionKind kind, Operation *norm)
      : Group(kind), norm(norm) {}

  void getNeeds(SmallVectorImpl<Value> &needs) override;
  void apply(RewriterBase &rewriter) override;
  StringRef getFusedName() const override {
    return RmsNormQuantizeOp::getOperationName();
  }
  QuantizingPart *getQuantizingPart() override { return &part; }

  /// What is normed: the norm's input, or the partials that it is the sum of.
  Value getInput();

  /// RmsNormOp or AddRmsNormOp.
  Operation *norm;
  QuantizingPart part;
  /// The norm's result has other users.
  bool keepsNorm = false;
  /// A second norm that rides along.
  RmsNormOp second;
  /// The split-K reduction of the input, if the norm is its only user.
  SplitKReduceOp reduce;
};

/// Plans the fusion of `kind` for norms that are NormOp.
template <typename NormOp>
void planNormQuantize(Planner &planner, FusionKind kind);

} // namespace mlir::lm::fusion

#endif // HIPFUSE_LIB_TRANSFORMS_FUSION_NORMQUANTIZE_H
