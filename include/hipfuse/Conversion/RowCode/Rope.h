//===-- Rope.h - Rotation of pairs of f32 vectors ---------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_ROPE_H
#define HIPFUSE_CONVERSION_ROWCODE_ROPE_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// Both members of pairs, in f32.
struct RopePair {
  Value first;
  Value second;
};

/// `pair` of a row of type `type` rotated by the angles with these f32 cosines
/// and sines, as `lm.rope` defines it: in f32, not rounded at the end unless
/// `compute` is `operand`.
RopePair rotatePair(RowBuilder &b, RopeCompute compute, Type type,
                    RopePair pair, Value cosine, Value sine);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_ROPE_H
