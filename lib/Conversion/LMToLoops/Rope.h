//===-- Rope.h - Rotary embedding of a row ----------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLOOPS_ROPE_H
#define HIPFUSE_LIB_CONVERSION_LMTOLOOPS_ROPE_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// The rotation of an operation; it is the same for all its operands.
struct Rope {
  Value positions;
  SmallVector<Value> tables;
  RopeStyle style;
  bool inverse;
  RopeCompute compute;

  /// Number of columns that are rotated.
  int64_t columns() const;
};

/// A chunk of pairs and their angles in f32.
struct RopePairs {
  Value first; ///< number of the chunk's first pair
  int64_t count;
  Value cosine;
  Value sine;
};

/// Stores the first `count` lanes of `value` from `column` on.
using StoreFn =
    llvm::function_ref<void(Value column, Value value, int64_t count)>;

/// Loads the angles of `token` chunk by chunk and calls `body` with them.
void forRopePairs(RowBuilder &b, const Rope &rope, Value token,
                  function_ref<void(const RopePairs &)> body);

/// Rotates `pairs` of a row of type `type` which `load` reads and `store`
/// writes, in f32. All is read before anything is written.
void rotatePairs(RowBuilder &b, const Rope &rope, const RopePairs &pairs,
                 Type type, const ChunkFn &load, StoreFn store);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLOOPS_ROPE_H
