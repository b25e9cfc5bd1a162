//===-- Wgmma.h - NVIDIA's warp-group matrix instructions -------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The narrow interface of kernels to `wgmma.mma_async` and to what it needs:
// descriptors of operands in shared memory, barriers there, asynchronous
// copies. Source: NVIDIA, "PTX ISA", sections on wgmma, mbarrier and cp.async.
//
// An operand tile is a sequence of rows of 128 bytes (64 bf16) whose 16-byte
// units are swizzled: unit u of row r is at u xor (r mod 8). Shared addresses
// are i32.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMA_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMA_H

#include "KernelBuilder.h"
#include "WgmmaShape.h"

namespace mlir::lm {

/// One instruction: D[tile] = A * B, or + where `accumulates`; 64 x n x 16.
/// The offsets are bytes from the operands' descriptors, multiples of 16.
struct WgmmaStep {
  int64_t tile;
  int64_t a, b;
  bool accumulates;
};

/// Emits the PTX of sm_90's matrix unit. The methods with "warp group" in their
/// description are to be called by all its 128 threads together.
class WgmmaUnit {
public:
  explicit WgmmaUnit(KernelBuilder &b) : b(b) {}

  /// Descriptor (i64) of an operand whose tile starts at `address`, a multiple
  /// of 1024 bytes but for offsets of whole steps.
  Value descriptor(Value address);

  /// Warp group: runs the steps and waits for them. `sums` are the tiles' f32
  /// accumulators, n / 2 a thread for each, or empty if every tile's first
  /// step does not accumulate. `transposeA`: the rows of A's memory are columns
  /// of the matrix.
  ///
  /// Lane l of warp w holds of tile t, at index t * n / 2 + 4 * j + 2 * i + e,
  /// row 16 * w + l / 4 + 8 * i, column 8 * j + 2 * (l mod 4) + e.
  SmallVector<Value> multiply(ArrayRef<WgmmaStep> steps, int64_t tiles,
                              int64_t n, bool transposeA, Value descriptorA,
                              Value descriptorB, ValueRange sums);

  /// Makes writes to shared memory visible to the matrix unit.
  void fenceAsync();

  /// Warp: stores 8x8 matrices of bf16, transposed: lane l gives the address of
  /// row l mod 8 of matrix l / 8. `pairs` are i32, two or four of them.
  void storeTransposed(Value address, ValueRange pairs);

  /// Barrier among `threads` threads; `id` from 1 on.
  void namedBarrier(int64_t id, int64_t threads);

  /// The same, and whether `condition` holds in any of them.
  Value barrierOr(int64_t id, int64_t threads, Value condition);

  /// Barrier object in shared memory.
  void initBarrier(Value address, int64_t count);
  /// One arrival of the warp, whose lanes all come here.
  void arriveOncePerWarp(Value address);
  /// Arrives when the copies that the thread has started have ended.
  void arriveAfterCopies(Value address);
  /// Waits until the phase with this parity (i32) has ended.
  void wait(Value address, Value parity);

  /// Starts a copy of `most` bytes, 4, 8 or 16, to shared memory; where `size`
  /// (i32, else `most`) is 0 it writes zeros and reads nothing.
  /// The shared address is `offset` bytes behind `shared`.
  void copyAsync(Value shared, Value global, Value size, int64_t offset = 0,
                 int64_t most = 16);
  /// Makes a group of the thread's copies since the last one.
  void commitCopies();
  /// Waits for all copies but those of the last `groups` groups.
  void waitForCopies(int64_t groups = 0);
  void syncWarp();
  /// Four i32 from global memory, zeros and no access where `condition` does
  /// not hold.
  Value loadIf(Value condition, Value pointer);

  /// Warp group: takes or gives back registers.
  void setRegisters(int64_t count, bool more);

  /// Warp: the first lane's value, which is then known to be the same in all.
  Value fromFirstLane(Value value);
  /// The same value, in a register until it is used last: the compiler cannot
  /// find it again from where it came, nor what follows from it any sooner.
  Value keep(Value value);

  Value pointer(Value shared);
  Value load(Type type, Value shared, unsigned alignment);
  void store(Value value, Value shared, unsigned alignment);

private:
  KernelBuilder &b;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMA_H
