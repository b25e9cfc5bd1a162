//===-- Mhc.h - Fused hyper-connections ----------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_TRANSFORMS_FUSION_MHC_H
#define HIPFUSE_LIB_TRANSFORMS_FUSION_MHC_H

#include "Planner.h"

namespace mlir::lm::fusion {

/// lm.mhc_pre with the lm.mhc_post before it, the lm.rms_norm after it, or
/// both.
class MhcGroup final : public Group {
public:
  MhcGroup(FusionKind kind, MhcPreOp pre) : Group(kind), pre(pre) {
    members = {pre};
  }

  void getNeeds(SmallVectorImpl<Value> &needs) override;
  void apply(RewriterBase &rewriter) override;
  StringRef getFusedName() const override {
    return post ? MhcPostPreOp::getOperationName()
                : MhcPreOp::getOperationName();
  }

  MhcPostOp post;
  MhcPreOp pre;
  RmsNormOp norm;
};

} // namespace mlir::lm::fusion

#endif // HIPFUSE_LIB_TRANSFORMS_FUSION_MHC_H
