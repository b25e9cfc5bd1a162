//===-- Passes.h - Passes on the lm dialect ------------------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_PASSES_H
#define HIPFUSE_TRANSFORMS_PASSES_H

#include "hipfuse/Transforms/Fusion/MhcMode.h"

#include "mlir/Pass/Pass.h"

#include <string>

namespace mlir::arith {
class ArithDialect;
} // namespace mlir::arith
namespace mlir::tensor {
class TensorDialect;
} // namespace mlir::tensor

namespace mlir::lm {

class LMDialect;

#define GEN_PASS_DECL
#include "hipfuse/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "hipfuse/Transforms/Passes.h.inc"

} // namespace mlir::lm

#endif // HIPFUSE_TRANSFORMS_PASSES_H
