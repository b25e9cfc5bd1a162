//===-- WgmmaShape.h - How attention with wgmma is laid out -----*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMASHAPE_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMASHAPE_H

#include <cstdint>

namespace mlir::lm {

/// Bytes of a row of an operand tile, and elements of bf16 in it.
inline constexpr int64_t kSwizzleBytes = 128;
inline constexpr int64_t kSwizzleColumns = 64;

/// Byte in a tile where the 16-byte unit `unit` (0 to 7) of row `row` is.
constexpr int64_t swizzledOffset(int64_t row, int64_t unit) {
  return row * kSwizzleBytes + ((unit ^ (row % 8)) * 16);
}

inline constexpr int64_t kTileKeys = 64; ///< rows of the matrix instruction
inline constexpr int64_t kWarpGroup = 128;
inline constexpr int64_t kConsumerGroups = 2;
inline constexpr int64_t kConsumers = kConsumerGroups * kWarpGroup;
/// Threads that convert a key, and units of 16 bytes of each that are the
/// key's 64 columns of bf16.
inline constexpr int64_t kThreadsPerKey = 4;
inline constexpr int64_t kRopeUnits = 8 / kThreadsPerKey;
/// Places of a thread that are not for units of codes: for the scales, and for
/// the columns of bf16.
inline constexpr int64_t kOtherPlaces = 1 + kRopeUnits;

/// How a workgroup divides its problem and its shared memory. Offsets are
/// bytes.
struct WgmmaShape {
  /// The shape for `queryRows` query rows and heads of `columns` columns, of
  /// which a workgroup takes up to 64, in `ldsBytes` of shared memory. Keys
  /// that become bf16 on the way have up to `keyUnits` times 16 bytes before
  /// that; 0 if all are copied. Entries of lists and block tables are of
  /// `entryBytes`.
  static WgmmaShape of(int64_t queryRows, int64_t columns, int64_t keyUnits,
                       int64_t entryBytes, int64_t ldsBytes);

  int64_t rows;        ///< of a workgroup, 16, 32 or 64
  int64_t groups;      ///< workgroups for all query rows
  int64_t stages;      ///< tiles of keys
  int64_t producers;   ///< threads
  bool copiesOnly;     ///< no key is converted
  bool movesRegisters; ///< from the producers to the consumers
  int64_t consumerRegisters, producerRegisters;
  int64_t maxRegisters; ///< of a thread; 0 for as many as there are
  int64_t tileBytes;
  int64_t queries, keys, weights; ///< multiples of 1024
  int64_t staging;                ///< [places, producers, 16 bytes]
  int64_t places;                 ///< of a thread's units, while they wait
  int64_t entries;                ///< [producers, entryBytes]
  int64_t entryBytes;
  int64_t visible;     ///< f32 [stages, 64]: 0, or -inf
  int64_t maxima;      ///< f32 [groups, 4 warps, rows / 2]
  int64_t factors;     ///< f32 [rows]
  int64_t exchange;    ///< f32 [groups, rows / 16, threads, 4]
  int64_t full, empty; ///< barriers [stages]
  int64_t bytes;       ///< of all

  /// Whether each warp group multiplies half of the columns for all scores, so
  /// that keys are read once, or all columns for half of the scores. Parts of
  /// scores have room where rows are few, and then keys are most of what is
  /// read.
  bool splitsColumns() const { return rows <= 32; }
  int64_t getThreads() const { return kConsumers + producers; }
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMASHAPE_H
