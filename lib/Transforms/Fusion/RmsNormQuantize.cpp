//===-- RmsNormQuantize.cpp - rms_norm, then quantize ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %y = lm.rms_norm ins(%x)            %d, %s[, %y] = lm.rms_norm_quantize
//   %d, %s = lm.quantize ins(%y)   ->       ins(%x) ... [norm_out(...)]
//
// Pays because the norm's rows are not written and read again; a norm with
// other users is written once, by the fused operation.
//
//===----------------------------------------------------------------------===//

#include "NormQuantize.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir::lm;

void fusion::planRmsNormQuantize(Planner &planner) {
  planNormQuantize<RmsNormOp>(planner, FusionKind::RmsNormQuantize);
}
