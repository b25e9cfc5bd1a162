//===-- KernelConfig.cpp - Shapes of kernels as pure functions ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelConfig.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::lm;

/// Accesses of a buffer that a thread has in flight.
static constexpr int64_t kPreferredChunks = 2;

RowConfig lm::getRowConfig(const hipfuse::TargetInfo &target, int64_t columns) {
  RowConfig config;
  config.columns = columns;
  config.vector = std::min(kMaxVector, columns & -columns);
  int64_t vectors = columns / config.vector;
  // Two accesses of each buffer in flight per thread, and as many waves as that
  // leaves: rows of a workgroup wait for one another's sums, so a compute unit
  // needs several of them. Where no wave would be partial, that number of
  // threads is taken.
  auto threadsFor = [&](int64_t chunks) {
    return llvm::alignTo(llvm::divideCeil(vectors, chunks), target.waveSize);
  };
  int64_t best = 0;
  for (int64_t chunks = 1; chunks <= vectors; ++chunks) {
    int64_t threads = threadsFor(chunks);
    if (threads > target.maxThreadsPerBlock)
      continue;
    bool exact = threads * chunks == vectors;
    if (!best || (exact && chunks <= kPreferredChunks))
      best = chunks;
    if (chunks >= kPreferredChunks)
      break;
  }
  config.chunks = best;
  config.threads = threadsFor(best);
  return config;
}

RowConfig lm::getRowConfigFor(int64_t columns, int64_t threads) {
  RowConfig config;
  config.columns = columns;
  config.vector = std::min(kMaxVector, columns & -columns);
  config.threads = threads;
  config.chunks = llvm::divideCeil(columns / config.vector, threads);
  return config;
}

SlotConfig lm::getSlotConfig(const hipfuse::TargetInfo &target,
                             int64_t columns) {
  // A row is a chain of steps that wait for one another: as few as possible.
  SlotConfig config;
  config.columns = columns;
  config.chunks = llvm::divideCeil(columns, target.maxThreadsPerBlock);
  config.threads =
      llvm::alignTo(llvm::divideCeil(columns, config.chunks), target.waveSize);
  return config;
}
