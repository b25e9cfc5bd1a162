//===-- Passes.h - Conversions of the lm dialect ----------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_PASSES_H
#define HIPFUSE_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir {
class ModuleOp;
class RewritePatternSet;
} // namespace mlir
namespace mlir::arith {
class ArithDialect;
} // namespace mlir::arith
namespace mlir::gpu {
class GPUDialect;
} // namespace mlir::gpu
namespace mlir::LLVM {
class LLVMDialect;
} // namespace mlir::LLVM
namespace mlir::linalg {
class LinalgDialect;
} // namespace mlir::linalg
namespace mlir::math {
class MathDialect;
} // namespace mlir::math
namespace mlir::memref {
class MemRefDialect;
} // namespace mlir::memref
namespace mlir::scf {
class SCFDialect;
} // namespace mlir::scf
namespace mlir::tensor {
class TensorDialect;
} // namespace mlir::tensor
namespace mlir::vector {
class VectorDialect;
} // namespace mlir::vector

namespace mlir::lm {

#define GEN_PASS_DECL
#include "hipfuse/Conversion/Passes.h.inc"

/// Adds the patterns that write lm operations on tensors as linalg, tensor and
/// scf operations; fused operations decompose first.
void populateLMToLinalgPatterns(RewritePatternSet &patterns);

/// Adds the patterns that lower lm operations on memrefs to loops over vectors
/// of `vectorWidth` f32 lanes.
void populateLMToLoopsPatterns(RewritePatternSet &patterns,
                               int64_t vectorWidth);

#define GEN_PASS_REGISTRATION
#include "hipfuse/Conversion/Passes.h.inc"

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_PASSES_H
