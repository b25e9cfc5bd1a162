//===-- PlanShort.h - Plans of few tiles and positions ----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSHORT_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSHORT_H

#include "PlanRows.h"

namespace mlir::lm {

/// Whether the operation's plans may be short: whether emitShortPlan takes it.
bool isShortPlan(AttentionPlanOp op);

/// Plans a tile per thread; or, where there are more tiles or positions than
/// that is made for, what `general` builds does.
void emitShortPlan(KernelBuilder &b, PlanRows &rows,
                   function_ref<void()> general);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSHORT_H
