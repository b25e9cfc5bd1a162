//===-- Patterns.h - Patterns by family of operations -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLOOPS_PATTERNS_H
#define HIPFUSE_LIB_CONVERSION_LMTOLOOPS_PATTERNS_H

#include <cstdint>

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::lm {

/// Norms, and norms followed by quantisation.
void populateNormPatterns(RewritePatternSet &patterns, int64_t vectorWidth);

/// Quantisation, its inverse, and reordering of scales.
void populateQuantizePatterns(RewritePatternSet &patterns, int64_t vectorWidth);

/// Activations and split-K sums, also followed by quantisation.
void populateActivationPatterns(RewritePatternSet &patterns,
                                int64_t vectorWidth);

/// Rotary embedding, also followed by quantisation.
void populateRopePatterns(RewritePatternSet &patterns, int64_t vectorWidth);

/// Writes to a KV cache, also after rotary embedding.
void populateCacheWritePatterns(RewritePatternSet &patterns,
                                int64_t vectorWidth);

/// Decode attention, its merge and its sink.
void populateAttentionPatterns(RewritePatternSet &patterns,
                               int64_t vectorWidth);

/// Slot lists.
void populateSlotsPatterns(RewritePatternSet &patterns, int64_t vectorWidth);

/// Schedules of attentions.
void populatePlanPatterns(RewritePatternSet &patterns, int64_t vectorWidth);

/// Hyper-connections.
void populateMhcPatterns(RewritePatternSet &patterns, int64_t vectorWidth);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLOOPS_PATTERNS_H
