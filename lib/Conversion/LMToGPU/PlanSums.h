//===-- PlanSums.h - Sums over a planner's workgroup ------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSUMS_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSUMS_H

#include "KernelBuilder.h"

namespace mlir::lm {

/// Threads of a planner's workgroup: each has a tile of a chunk of tiles.
inline constexpr int64_t kPlanThreads = 512;
/// Clusters up to which LDS holds all starts.
inline constexpr int64_t kMaxPlanClusters = 1024;

/// Integers in LDS.
class LdsArray {
public:
  LdsArray(KernelBuilder &b, Type element, Value base)
      : element(element), b(b), base(base) {}
  /// Memory of `size` integers of type `element`, all arrays of a kernel with
  /// names of their own.
  LdsArray(KernelBuilder &b, StringRef name, Type element, int64_t size);
  /// The same memory as integers of another type.
  LdsArray(const LdsArray &other, Type element)
      : element(element), b(other.b), base(other.base) {}

  Value load(Value index) const;
  void store(Value value, Value index) const;
  Value address(Value index) const;

  Type element;

private:
  KernelBuilder &b;
  Value base;
};

/// LDS memory that is given out from its start on. All memory of a kernel is
/// the same, so that what is in one goes with another.
class LdsMemory {
public:
  explicit LdsMemory(KernelBuilder &b) : b(b) {}
  LdsArray take(Type element, int64_t size);

private:
  KernelBuilder &b;
  int64_t used = 0;
};

/// The low 32 bits of an i32 or i64.
Value low32(KernelBuilder &b, Value value);
/// An i1 or i16 as i32.
Value zext32(KernelBuilder &b, Value value);

/// Replaces values (i32 or i64) by their sums over the lanes up to each, of the
/// first `lanes` of a wave.
void sumLanes(KernelBuilder &b, MutableArrayRef<Value> values, int64_t lanes);

/// Sums (i32 or i64, one per thread) over the threads before each, and over all
/// of the workgroup. The LDS memory is called after `name`; a barrier must come
/// between two uses.
SmallVector<std::pair<Value, Value>>
prefixSums(KernelBuilder &b, StringRef name, ValueRange values);

/// Sums of one i32 per wave, which `memory` holds, over the waves before each,
/// and over all.
std::pair<Value, Value> sumWaves(KernelBuilder &b, const LdsArray &memory);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSUMS_H
