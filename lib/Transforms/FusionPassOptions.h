//===-- FusionPassOptions.h - Options of the fusion passes ----*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_TRANSFORMS_FUSIONPASSOPTIONS_H
#define HIPFUSE_LIB_TRANSFORMS_FUSIONPASSOPTIONS_H

#include "hipfuse/Transforms/Fusion/FusionPlan.h"

namespace mlir::lm {

/// A number for each fusion, where one is given.
using FusionNumbers = std::array<std::optional<int64_t>, kNumFusionKinds>;

/// Reads NAME:NUMBER and, with `allowAll`, NUMBER for every fusion. Emits an
/// error at `loc` that names the option `option`.
FailureOr<FusionNumbers> parseFusionNumbers(Location loc, StringRef option,
                                            ArrayRef<std::string> values,
                                            bool allowAll);

/// A policy that refuses fusions outside of the given numbers of rows; null
/// without limits.
FusionPolicy makeRowPolicy(const FusionNumbers &minRows,
                           const FusionNumbers &maxRows);

/// The planner's options from what LM_FusionOptions declares; `enabled` is in
/// the order of Fusions.def.
FailureOr<FusionOptions>
getFusionOptions(Location loc, std::array<bool, kNumFusionKinds> enabled,
                 ArrayRef<std::string> minRows, ArrayRef<std::string> maxRows,
                 MhcMode mhc, bool fastNumerics);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_TRANSFORMS_FUSIONPASSOPTIONS_H
