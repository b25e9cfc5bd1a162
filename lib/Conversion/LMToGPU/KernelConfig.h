//===-- KernelConfig.h - Shapes of kernels as pure functions ----*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a kernel is cut into threads follows from the problem and the target
// alone: no attribute, no environment, no clock.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_KERNELCONFIG_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_KERNELCONFIG_H

#include "hipfuse/Target/KnownTargets.h"

namespace mlir::lm {

/// A row in the registers of a workgroup. Of chunk c, thread t has the `vector`
/// columns from (c * threads + t) * vector on.
struct RowConfig {
  int64_t columns;
  int64_t vector;  ///< columns of one access: 8, 4, 2 or 1
  int64_t threads; ///< whole waves
  int64_t chunks;  ///< accesses of a thread

  /// Some threads have no columns in the last chunk.
  bool isPartial() const { return vector * threads * chunks != columns; }
};

/// Widest vector, in elements: 16 bytes of bf16.
inline constexpr int64_t kMaxVector = 8;
/// Columns up to which a row is held in registers.
inline constexpr int64_t kMaxRowColumns = 65536;

/// The widest vector, 8, 4, 2 or 1, by which `columns` can be cut.
int64_t getWidestVector(int64_t columns);

/// The shape of row-wise kernels. `columns` is positive.
RowConfig getRowConfig(const hipfuse::TargetInfo &target, int64_t columns);

/// The same with a given number of threads, whole waves.
RowConfig getRowConfigFor(int64_t columns, int64_t threads);

/// A list of slots, a column per thread and chunk: of chunk c, thread t has
/// column c * threads + t.
struct SlotConfig {
  int64_t columns;
  int64_t threads; ///< whole waves
  int64_t chunks;
};

/// The shape of kernels that make lists of `columns` slots, at least one.
SlotConfig getSlotConfig(const hipfuse::TargetInfo &target, int64_t columns);

/// The shape of kernels where several workgroups share a row, which a vector
/// must not cross a multiple of `unit` columns of.
RowConfig getIndependentRowConfig(const hipfuse::TargetInfo &target,
                                  int64_t columns, int64_t unit);

/// Threads of kernels whose threads do not wait for one another.
inline constexpr int64_t kIndependentThreads = 256;

/// How a row is cut into pieces that a thread rotates on its own: both members
/// of a pair are in one piece.
struct RopeConfig {
  int64_t columns;
  int64_t vector; ///< columns of one access: 8, 4, 2 or 1
  bool neox;      ///< a piece has columns of both halves of the row, else one
  /// Pieces of a row.
  int64_t pieces() const { return columns / vector / (neox ? 2 : 1); }
};

/// The pieces of rows of `columns` columns, a positive even number.
RopeConfig getRopeConfig(int64_t columns, bool neox);

/// Heads of a token in a workgroup. Of copy c, thread t has columns of piece
/// c * threads + t of their `columns` columns each.
struct HeadsConfig {
  int64_t columns; ///< of a head that are not rotated; may be 0
  int64_t vector;  ///< columns of one access: 8, 4, 2 or 1
  int64_t threads; ///< whole waves
  int64_t heads;   ///< heads of a workgroup

  /// Accesses of a thread.
  int64_t copies() const {
    return (heads * columns / vector + threads - 1) / threads;
  }
};

/// The shape of kernels that rotate part of each head and copy the rest;
/// `numHeads` is negative where it is not known.
HeadsConfig getHeadsConfig(const hipfuse::TargetInfo &target, int64_t numHeads,
                           int64_t columns, const RopeConfig &rope);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_KERNELCONFIG_H
