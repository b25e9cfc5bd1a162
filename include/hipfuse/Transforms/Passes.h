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
namespace mlir::linalg {
class LinalgDialect;
} // namespace mlir::linalg
namespace mlir::tensor {
class TensorDialect;
} // namespace mlir::tensor

namespace mlir::lm {

class LMDialect;

/// How sparse attention over two scopes is written.
enum class ScopePolicy {
  Auto,     ///< as the target launches it
  Separate, ///< an operation per scope, merged
  Together  ///< one operation
};

/// Whether slot lists must be free of holes.
enum class PackedPolicy { Auto, Yes, No };

/// How attention takes fewer heads at a time.
enum class HeadPolicy {
  Split, ///< operations over halves of the heads
  Fold   ///< one operation with more rows of fewer heads
};

#define GEN_PASS_DECL
#include "hipfuse/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "hipfuse/Transforms/Passes.h.inc"

} // namespace mlir::lm

#endif // HIPFUSE_TRANSFORMS_PASSES_H
