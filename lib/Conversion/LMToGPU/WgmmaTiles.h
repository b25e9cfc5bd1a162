//===-- WgmmaTiles.h - Tiles of keys in shared memory -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMATILES_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMATILES_H

#include "AttentionProblem.h"
#include "Wgmma.h"
#include "WgmmaShape.h"

namespace mlir::lm {

/// The tiles' producer, and where they are.
class WgmmaTiles {
public:
  WgmmaTiles(KernelBuilder &b, WgmmaUnit &unit, AttentionKernel &kernel,
             const AttentionProblem &problem, const WgmmaShape &shape);

  /// One thread's work; a barrier of the workgroup must follow.
  void initBarriers();
  /// Shared address of byte `offset`.
  Value at(int64_t offset);
  /// Tiles of each scope in a work.
  SmallVector<Value, 2> countTiles(const AttentionWork &work);
  /// Stage (i32) of the tile number `count`, and the parity of its use.
  std::pair<Value, Value> stageOf(Value count);
  Value barrier(int64_t barriers, Value stage);
  Value tileAddress(Value stage);

  /// Whether a scope's keys are converted, rather than copied.
  static bool converts(const AttentionProblem &problem,
                       const ScopeOperands &scope) {
    return scope.layout != CacheLayout::Bf16 || problem.a8w8;
  }
  /// Units of 16 bytes of the longest keys that are converted; 0 if none is.
  static int64_t keyUnits(const AttentionProblem &problem);
  /// Bytes of an entry of the lists or the block table.
  static int64_t entryBytes(const AttentionProblem &problem);
  /// The producers' part of a work; returns the number of tiles after it.
  Value produce(const AttentionWork &work, Value count);

  /// f32 numbers of `raw`, a vector of the stored elements.
  SmallVector<Value> toFloats(Value raw, Type element);
  /// Rounds to the FP8 of a8w8 and back, with saturation.
  SmallVector<Value> roundToFp8(ArrayRef<Value> values);
  /// Pairs of f32 as bf16: i32, the first in the low half.
  Value packPair(Value low, Value high);
  Value packPairs(ArrayRef<Value> values);

private:
  class Converter;

  /// The keys of a scope in a work: indices `begin` to `end`.
  std::pair<Value, Value> rangeOf(const AttentionWork &work, unsigned scope);
  /// The producers' part of the tiles of a scope, or of two from `scope` on;
  /// they return the number of tiles after them.
  Value copyTiles(const AttentionWork &work, unsigned scope, Value tiles,
                  Value count);
  Value convertTiles(const AttentionWork &work, unsigned scope,
                     unsigned numScopes, ArrayRef<Value> counts, Value count);
  void waitForStage(Value stage, Value parity);
  void arriveFull(Value stage);
  /// What a thread does with a unit, given its place among others and its
  /// columns of bf16, eight in each value.
  using UnitUse =
      function_ref<SmallVector<Value>(int64_t, ArrayRef<Value> words)>;
  SmallVector<Value> convertUnits(unsigned scope, int64_t first,
                                  ArrayRef<Value> raws, Value scales,
                                  UnitUse use);
  SmallVector<Value> convertCodes(ArrayRef<Value> raws, ArrayRef<Value> scales,
                                  UnitUse use);
  Value findNan(Value raw);
  SmallVector<Value> pairsOfCodes(Value raw);
  void storeVisible(Value stage, Value row, Value visible);
  SmallVector<Value> roundKeys(unsigned scope, SmallVector<Value> values,
                               bool isQuantised);
  Value address(unsigned scope, Value offset);

  KernelBuilder &b;
  WgmmaUnit &unit;
  AttentionKernel &kernel;
  const AttentionProblem &problem;
  const WgmmaShape &shape;
  Value base;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMATILES_H
