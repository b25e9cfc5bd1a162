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

namespace mlir::lm {

inline constexpr int64_t kTileKeys = 64; ///< rows of the matrix instruction
inline constexpr int64_t kWarpGroup = 128;
inline constexpr int64_t kConsumerGroups = 2;
inline constexpr int64_t kConsumers = kConsumerGroups * kWarpGroup;
inline constexpr int64_t kWorkgroup = kConsumers + kWarpGroup;

/// How a workgroup divides its problem and its shared memory. Offsets are
/// bytes.
struct WgmmaShape {
  /// The shape for `queryRows` query rows and heads of `columns` columns, of
  /// which a workgroup takes up to 64, in `ldsBytes` of shared memory.
  static WgmmaShape of(int64_t queryRows, int64_t columns, int64_t ldsBytes);

  int64_t rows;        ///< of a workgroup, a multiple of 16
  int64_t groups;      ///< workgroups for all query rows
  int64_t stages;      ///< tiles of keys
  bool movesRegisters; ///< from the producers to the consumers
  int64_t consumerRegisters, producerRegisters;
  int64_t tileBytes;
  int64_t queries, keys, weights; ///< multiples of 1024
  int64_t visible;                ///< f32 [stages, 64]: 0, or -inf
  int64_t maxima;                 ///< f32 [groups, 4 warps, rows / 2]
  int64_t factors;                ///< f32 [rows]
  int64_t full, empty;            ///< barriers [stages]
  int64_t bytes;                  ///< of all
};

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
  /// The keys of a scope in a work: indices `begin` to `end`.
  std::pair<Value, Value> rangeOf(const AttentionWork &work, unsigned scope);
  void copyTile(const AttentionWork &work, unsigned scope, Value first,
                Value end, Value stage, Value parity);
  void convertTile(const AttentionWork &work, unsigned scope, Value first,
                   Value end, Value stage, Value parity);
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
