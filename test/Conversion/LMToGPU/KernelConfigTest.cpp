//===-- KernelConfigTest.cpp - Shapes of kernels --------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Conversion/LMToGPU/KernelConfig.h"

#include "gtest/gtest.h"

using namespace mlir::lm;
using hipfuse::TargetInfo;

static const TargetInfo &target(llvm::StringRef chip) {
  return *hipfuse::lookupTarget(chip);
}

/// Every column is in one access of one thread, and no chunk is empty.
static void expectCovers(const RowConfig &config, int64_t columns) {
  EXPECT_EQ(config.columns, columns);
  EXPECT_EQ(columns % config.vector, 0) << columns;
  int64_t step = config.threads * config.vector;
  EXPECT_GE(step * config.chunks, columns) << columns;
  EXPECT_LT(step * (config.chunks - 1), columns) << columns;
  EXPECT_EQ(config.isPartial(), step * config.chunks != columns) << columns;
}

TEST(RowConfig, CoversEveryRow) {
  for (const char *chip : {"gfx942", "gfx950", "sm_90"})
    for (int64_t columns = 1; columns <= kMaxRowColumns;
         columns += columns < 4096 ? 1 : 61) {
      RowConfig config = getRowConfig(target(chip), columns);
      expectCovers(config, columns);
      EXPECT_EQ(config.threads % target(chip).waveSize, 0) << columns;
      EXPECT_LE(config.threads, target(chip).maxThreadsPerBlock) << columns;
    }
}

TEST(RowConfig, TakesTheWidestAccessThatDividesTheRow) {
  EXPECT_EQ(getRowConfig(target("gfx950"), 7168).vector, 8);
  EXPECT_EQ(getRowConfig(target("gfx950"), 1540).vector, 4);
  EXPECT_EQ(getRowConfig(target("gfx950"), 1538).vector, 2);
  EXPECT_EQ(getRowConfig(target("gfx950"), 1537).vector, 1);
}

TEST(RowConfig, TakesTwoAccessesPerThreadWhereNoWaveIsPartial) {
  for (const char *chip : {"gfx942", "gfx950", "sm_90"}) {
    RowConfig config = getRowConfig(target(chip), 7168);
    EXPECT_EQ(config.chunks, 2);
    EXPECT_EQ(config.threads, 448);
    EXPECT_FALSE(config.isPartial());
  }
}

TEST(RowConfig, DoesNotGiveWavesNoWork) {
  // 64 vectors of 8: one wave on CDNA, and no row is less than a wave.
  EXPECT_EQ(getRowConfig(target("gfx950"), 512).threads, 64);
  EXPECT_EQ(getRowConfig(target("gfx950"), 64).threads, 64);
  EXPECT_EQ(getRowConfig(target("sm_90"), 64).threads, 32);
}

TEST(RowConfig, HoldsTheLongestRow) {
  RowConfig config = getRowConfig(target("gfx950"), kMaxRowColumns);
  EXPECT_EQ(config.threads, 1024);
  EXPECT_EQ(config.chunks, 8);
}

TEST(RowConfig, FollowsTheThreadsOfAnotherRow) {
  for (int64_t columns : {1, 512, 1536, 7168})
    for (int64_t threads : {64, 192, 448, 1024}) {
      RowConfig config = getRowConfigFor(columns, threads);
      EXPECT_EQ(config.threads, threads);
      expectCovers(config, columns);
    }
}

TEST(SlotConfig, HasAColumnPerThreadAndChunk) {
  for (const char *chip : {"gfx942", "gfx950", "sm_90"})
    for (int64_t columns = 1; columns <= 20000;
         columns += columns < 4096 ? 1 : 61) {
      SlotConfig config = getSlotConfig(target(chip), columns);
      EXPECT_EQ(config.columns, columns);
      EXPECT_EQ(config.threads % target(chip).waveSize, 0) << columns;
      EXPECT_LE(config.threads, target(chip).maxThreadsPerBlock) << columns;
      EXPECT_GE(config.threads * config.chunks, columns);
      EXPECT_LT(config.threads * (config.chunks - 1), columns);
    }
}

TEST(SlotConfig, MakesAListInOneChunkWhereAWorkgroupIsLongEnough) {
  EXPECT_EQ(getSlotConfig(target("gfx950"), 128).threads, 128);
  EXPECT_EQ(getSlotConfig(target("gfx950"), 1024).chunks, 1);
  EXPECT_EQ(getSlotConfig(target("gfx950"), 1025).chunks, 2);
  EXPECT_EQ(getSlotConfig(target("gfx950"), 1025).threads, 576);
}
