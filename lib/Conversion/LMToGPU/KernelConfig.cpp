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

int64_t lm::getWidestVector(int64_t columns) {
  return std::min(kMaxVector, columns & -columns);
}

/// Accesses of a buffer that a thread has in flight.
static constexpr int64_t kPreferredChunks = 2;

RowConfig lm::getRowConfig(const hipfuse::TargetInfo &target, int64_t columns) {
  int64_t vectors = columns / getWidestVector(columns);
  auto threadsFor = [&](int64_t chunks) -> int64_t {
    return llvm::alignTo(llvm::divideCeil(vectors, chunks), target.waveSize);
  };
  // Two accesses of each buffer in flight per thread, where no wave is partial
  // with them, and as many waves as that leaves: rows of a workgroup wait for
  // one another's sums, so a compute unit needs several of them.
  bool exact = threadsFor(kPreferredChunks) * kPreferredChunks == vectors;
  int64_t chunks = exact ? kPreferredChunks : 1;
  while (threadsFor(chunks) > target.maxThreadsPerBlock)
    ++chunks;
  return getRowConfigFor(columns, threadsFor(chunks));
}

RowConfig lm::getRowConfigFor(int64_t columns, int64_t threads) {
  RowConfig config;
  config.columns = columns;
  config.vector = getWidestVector(columns);
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

RopeConfig lm::getRopeConfig(int64_t columns, bool neox) {
  return {columns, getWidestVector(neox ? columns / 2 : columns), neox};
}

RowConfig lm::getIndependentRowConfig(const hipfuse::TargetInfo &target,
                                      int64_t columns, int64_t unit) {
  RowConfig config;
  config.columns = columns;
  config.vector = getWidestVector(unit);
  int64_t vectors = columns / config.vector;
  config.threads = std::min<int64_t>(
      kIndependentThreads, llvm::alignTo<int64_t>(vectors, target.waveSize));
  config.chunks = std::min<int64_t>(kPreferredChunks,
                                    llvm::divideCeil(vectors, config.threads));
  return config;
}

HeadsConfig lm::getHeadsConfig(const hipfuse::TargetInfo &target,
                               int64_t numHeads, int64_t columns,
                               const RopeConfig &rope) {
  HeadsConfig config;
  config.columns = columns;
  config.vector = columns ? getWidestVector(columns) : 1;
  config.threads = kIndependentThreads;
  // Two accesses in flight per thread hide the latency of memory; more would
  // leave compute units without a workgroup where there are few tokens.
  int64_t pieces = columns ? columns / config.vector : rope.pieces();
  int64_t accesses = columns ? kPreferredChunks : 1;
  config.heads = std::max<int64_t>(accesses * config.threads / pieces, 1);
  if (numHeads <= 0)
    return config;
  // The same number of heads in every workgroup of a token, where that is
  // possible.
  int64_t groups = llvm::divideCeil(numHeads, config.heads);
  config.heads = llvm::divideCeil(numHeads, groups);
  return config;
}
