//===-- WgmmaShapeTest.cpp - Shared memory of attention with wgmma --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Conversion/LMToGPU/WgmmaShape.h"

#include "hipfuse/Target/KnownTargets.h"

#include "gtest/gtest.h"

#include <set>
#include <vector>

using namespace mlir::lm;

static int64_t ldsBytes() { return hipfuse::lookupTarget("sm_90")->ldsBytes; }

TEST(WgmmaShape, FitsAndIsAligned) {
  // Copied, ds_mla_584 or ds_mla_656, fp8, and bf16 that is rounded.
  const std::vector<int64_t> formats[] = {{512, 0, 28, 32, 64},
                                          {576, 0, 32, 36, 72}};
  std::vector<std::pair<int64_t, int64_t>> rowsAndEntries;
  for (int64_t rows : {8, 16, 24, 32, 48, 64, 128, 512})
    for (int64_t entryBytes : {4, 8})
      rowsAndEntries.push_back({rows, entryBytes});
  for (const std::vector<int64_t> &format : formats)
    for (size_t i = 1; i < format.size(); ++i)
      for (auto [rows, entryBytes] : rowsAndEntries) {
        int64_t columns = format[0], units = format[i];
        WgmmaShape shape =
            WgmmaShape::of(rows, columns, units, entryBytes, ldsBytes());
        SCOPED_TRACE(testing::Message()
                     << rows << " rows of " << columns << ", units " << units);
        EXPECT_LE(shape.bytes, ldsBytes());
        // One tile is filled while another is read.
        EXPECT_GE(shape.stages, 2);
        EXPECT_EQ(shape.rows % 16, 0);
        EXPECT_GE(shape.rows * shape.groups, rows);
        EXPECT_LT(shape.rows * (shape.groups - 1), rows);
        // Operands start where their swizzle does; their halves too.
        for (int64_t offset : {shape.queries, shape.keys, shape.weights})
          EXPECT_EQ(offset % 1024, 0);
        EXPECT_EQ(shape.tileBytes % 1024, 0);
        EXPECT_EQ(shape.rows / kConsumerGroups % 8, 0);
        for (int64_t offset : {shape.entries, shape.full, shape.empty})
          EXPECT_EQ(offset % 8, 0);
        EXPECT_EQ(shape.staging % 16, 0);
        // Scales and columns of bf16 wait nowhere else; more is for the codes.
        EXPECT_GE(shape.places, units ? kOtherPlaces : 0);
        EXPECT_LE(shape.staging + shape.places * shape.producers * 16,
                  shape.entries);
        if (!shape.movesRegisters)
          continue;
        // In eights, and together no more than the workgroup starts with.
        int64_t start = 65536 / shape.getThreads() / 8 * 8;
        EXPECT_EQ(shape.consumerRegisters % 8, 0);
        EXPECT_EQ(shape.producerRegisters % 8, 0);
        EXPECT_LE(kConsumers * shape.consumerRegisters +
                      shape.producers * shape.producerRegisters,
                  start * shape.getThreads());
      }
}

/// Shared memory serves eight accesses of 16 bytes at a time, one to each group
/// of four banks.
static void expectNoConflict(const std::vector<int64_t> &addresses) {
  ASSERT_EQ(addresses.size() % 8, 0u);
  for (size_t first = 0; first < addresses.size(); first += 8) {
    std::set<int64_t> groups;
    for (size_t i = first; i < first + 8; ++i)
      groups.insert(addresses[i] % 128 / 16);
    EXPECT_EQ(groups.size(), 8u) << "accesses from " << first << " on";
  }
}

TEST(WgmmaShape, SwizzleMapsUnitsOfARowToItself) {
  for (int64_t row = 0; row < kTileKeys; ++row) {
    std::set<int64_t> offsets;
    for (int64_t unit = 0; unit < 8; ++unit) {
      int64_t offset = swizzledOffset(row, unit);
      EXPECT_EQ(offset / kSwizzleBytes, row);
      EXPECT_EQ(offset % 16, 0);
      offsets.insert(offset);
    }
    EXPECT_EQ(offsets.size(), 8u);
  }
}

TEST(WgmmaShape, NoAccessHasBankConflicts) {
  for (int64_t warp = 0; warp < 8; ++warp) {
    std::vector<int64_t> copies, converted[2], columns, weights;
    for (int64_t lane = 0; lane < 32; ++lane) {
      // Eight lanes copy a row of a piece.
      copies.push_back(swizzledOffset(4 * warp + lane / 8, lane % 8));
      // Four lanes convert a key, two units of a piece each.
      for (int64_t unit : {0, 1})
        converted[unit].push_back(
            swizzledOffset(8 * warp + lane / 4, 2 * (lane % 4) + unit));
      // The matrix unit reads 8 rows of one unit, and so are weights and
      // outputs stored.
      columns.push_back(swizzledOffset(lane % 8, lane / 8));
      weights.push_back(swizzledOffset(8 * (lane / 16) + lane % 8,
                                       2 * (warp % 4) + lane / 8 % 2));
    }
    expectNoConflict(copies);
    expectNoConflict(converted[0]);
    expectNoConflict(converted[1]);
    expectNoConflict(columns);
    expectNoConflict(weights);
  }
}
