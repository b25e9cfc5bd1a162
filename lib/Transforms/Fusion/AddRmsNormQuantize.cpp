//===-- AddRmsNormQuantize.cpp - add_rms_norm, then quantize --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %y, %r1 = lm.add_rms_norm ins(%x, %r)     %d, %s, [%y,] %r1 =
//   %d, %s = lm.quantize ins(%y)         ->     lm.rms_norm_quantize ins(%x)
//                                               residual(%r) ...
//
// Comes before rms-norm-quantize in the order of fusions, as the larger match.
//
//===----------------------------------------------------------------------===//

#include "NormQuantize.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir::lm;

void fusion::planAddRmsNormQuantize(Planner &planner) {
  planNormQuantize<AddRmsNormOp>(planner, FusionKind::AddRmsNormQuantize);
}
