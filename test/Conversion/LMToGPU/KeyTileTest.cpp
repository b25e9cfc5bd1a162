//===-- KeyTileTest.cpp - Places of keys in LDS ---------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LDS of gfx950 has 64 banks of 4 bytes. It serves 8 bytes a lane in two cycles
// of 32 lanes, and 16 bytes a lane in four of 16. Which 16 is not documented:
// adjacent ones, or those that the public kernels of AMD's research group
// HipKittens found by measurement. The layout must suit both.
//
//===----------------------------------------------------------------------===//

#include "Conversion/LMToGPU/KeyTile.h"

#include "gtest/gtest.h"

#include <functional>
#include <set>
#include <vector>

using namespace mlir::lm;
using namespace mlir::lm::keytile;

static constexpr int64_t kBanks = 64;
using Place = std::function<int64_t(int64_t lane)>;
using Phases = std::vector<std::vector<int64_t>>;

static Phases adjacentLanes(int64_t lanes) {
  Phases phases(kLanes / lanes);
  for (int64_t lane = 0; lane < kLanes; ++lane)
    phases[lane / lanes].push_back(lane);
  return phases;
}

/// As measured for ds_read_b128: quarters of 16 lanes from either half.
static Phases measuredLanes() {
  Phases phases;
  for (int64_t half : {0, 32})
    for (std::vector<int64_t> groups :
         {std::vector<int64_t>{0, 12, 20, 24}, {4, 8, 16, 28}}) {
      phases.emplace_back();
      for (int64_t group : groups)
        for (int64_t i = 0; i < 4; ++i)
          phases.back().push_back(half + group + i);
    }
  return phases;
}

/// The most dwords of one bank that a phase of an access needs.
static int64_t conflicts(const Place &place, int64_t bytes,
                         const Phases &phases) {
  int64_t worst = 0;
  for (const std::vector<int64_t> &lanes : phases) {
    std::vector<std::set<int64_t>> banks(kBanks);
    for (int64_t lane : lanes) {
      EXPECT_EQ(place(lane) % bytes, 0);
      for (int64_t dword = place(lane) / 4; dword < (place(lane) + bytes) / 4;
           ++dword)
        banks[dword % kBanks].insert(dword);
    }
    for (const std::set<int64_t> &bank : banks)
      worst = std::max<int64_t>(worst, bank.size());
  }
  return worst;
}

static void expectNoConflicts(const Place &place, int64_t bytes) {
  if (bytes == 8) {
    EXPECT_EQ(conflicts(place, 8, adjacentLanes(32)), 1);
    return;
  }
  EXPECT_EQ(conflicts(place, 16, adjacentLanes(16)), 1);
  EXPECT_EQ(conflicts(place, 16, measuredLanes()), 1);
}

TEST(KeyTile, CountsConflicts) {
  // Of a column of rows of 1 KiB as they come, all are in one bank.
  EXPECT_EQ(conflicts([](int64_t lane) { return lane * kRowBytes; }, 16,
                      adjacentLanes(16)),
            16);
  EXPECT_EQ(
      conflicts([](int64_t lane) { return lane * 16; }, 16, measuredLanes()),
      1);
}

TEST(KeyTile, HasAPlaceForEveryChunk) {
  std::set<int64_t> rows, lines;
  for (int64_t key = 0; key < kKeys; ++key) {
    for (int64_t chunk = 0; chunk < kRowChunks; ++chunk)
      rows.insert(rowChunk(key, chunk));
    for (int64_t chunk = 0; chunk < kLineChunks; ++chunk)
      lines.insert(lineChunk(key, chunk));
  }
  EXPECT_EQ(rows.size(), size_t(kKeys * kRowChunks));
  EXPECT_EQ(*rows.rbegin(), kKeys * kRowChunks - 1);
  EXPECT_EQ(lines.size(), size_t(kKeys * kLineChunks));
  EXPECT_EQ(*lines.rbegin(), kKeys * kLineChunks - 1);
}

TEST(KeyTile, IsReadForScoresWithoutConflicts) {
  for (int64_t step = 0; step < 18; ++step)
    expectNoConflicts([=](int64_t lane) { return scoreRead(lane, step); }, 16);
}

TEST(KeyTile, IsReadForValuesWithoutConflicts) {
  for (int64_t keyTile = 0; keyTile < kKeys / 16; ++keyTile)
    for (int64_t columnTile = 0; columnTile < 32; ++columnTile)
      expectNoConflicts(
          [=](int64_t lane) { return valueRead(lane, keyTile, columnTile); },
          8);
}

TEST(KeyTile, IsFilledWithoutConflicts) {
  for (int64_t step = 0; step < 8; ++step)
    for (int64_t half : {0, 1})
      expectNoConflicts([=](int64_t lane) { return fill(lane, step, half); },
                        16);
  for (int64_t step : {0, 1})
    expectNoConflicts([=](int64_t lane) { return fillLine(lane, step); }, 16);
  for (int64_t half : {0, 1})
    expectNoConflicts([=](int64_t lane) { return fillLinePair(lane, half); },
                      16);
}

TEST(KeyTile, HasWeightsWithoutConflicts) {
  for (int64_t keyTile = 0; keyTile < 4; ++keyTile)
    expectNoConflicts([=](int64_t lane) { return weightPlace(lane, keyTile); },
                      8);
}

/// The lanes of a wave fill each chunk of its 16 keys once.
TEST(KeyTile, IsFilledOnce) {
  std::set<int64_t> rows, lines, pairs;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    for (int64_t half : {0, 1})
      pairs.insert(fillLinePair(lane, half));
    for (int64_t step = 0; step < 8; ++step)
      for (int64_t half : {0, 1})
        rows.insert(fill(lane, step, half));
    for (int64_t step : {0, 1})
      lines.insert(fillLine(lane, step));
  }
  EXPECT_EQ(rows.size(), size_t(kWaveKeys * kRowChunks));
  EXPECT_EQ(*rows.rbegin(), kWaveKeys * kRowBytes - kChunkBytes);
  EXPECT_EQ(lines.size(), size_t(kWaveKeys * kLineChunks));
  EXPECT_EQ(*lines.rbegin(), kWaveKeys * kLineBytes - kChunkBytes);
  EXPECT_EQ(pairs, lines);
}

/// A copy puts lane l's 16 bytes at 16 * l: what it fetches must belong there.
TEST(KeyTile, IsCopiedToWhereItIsRead) {
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    for (int64_t key = 0; key < kWaveKeys; ++key)
      EXPECT_EQ(rowChunk(key, copiedChunk(lane, key)), key * kRowChunks + lane);
    for (int64_t step : {0, 1})
      EXPECT_EQ(
          lineChunk(copiedLineKey(lane, step), copiedLineChunk(lane, step)),
          step * kLanes + lane);
  }
}

/// Adjacent keys of other waves lie at a fixed distance.
TEST(KeyTile, IsTheSameForEveryWave) {
  for (int64_t wave = 0; wave < kWaves; ++wave)
    for (int64_t key = 0; key < kWaveKeys; ++key) {
      int64_t other = wave * kWaveKeys + key;
      for (int64_t chunk = 0; chunk < kRowChunks; ++chunk)
        EXPECT_EQ(rowChunk(other, chunk) - rowChunk(key, chunk),
                  wave * kWaveKeys * kRowChunks);
      for (int64_t chunk = 0; chunk < kLineChunks; ++chunk)
        EXPECT_EQ(lineChunk(other, chunk) - lineChunk(key, chunk),
                  wave * kWaveKeys * kLineChunks);
    }
}

/// What kernels compute with exclusive or from the bits of a lane's number.
TEST(KeyTile, IsLinear) {
  std::vector<std::function<int64_t(int64_t, int64_t)>> places = {
      [](int64_t lane, int64_t n) { return scoreRead(lane, n % 16); },
      [](int64_t lane, int64_t n) { return scoreRead(lane, 16 + n % 2); },
      [](int64_t lane, int64_t n) { return valueRead(lane, n % 4, n / 4); },
      [](int64_t lane, int64_t n) { return fill(lane, n % 8, n / 8 % 2); },
      [](int64_t lane, int64_t n) { return fillLine(lane, n % 2); },
      [](int64_t lane, int64_t n) { return fillLinePair(lane, n % 2); },
      [](int64_t lane, int64_t) { return int64_t(swapsHalves(lane)); },
      [](int64_t lane, int64_t n) { return copiedChunk(lane, n % 16); },
      [](int64_t lane, int64_t n) { return copiedLineKey(lane, n % 2); },
      [](int64_t lane, int64_t n) { return copiedLineChunk(lane, n % 2); },
      [](int64_t lane, int64_t n) { return weightPlace(lane, n % 4); },
      [](int64_t lane, int64_t) { return filledKey(lane); }};
  for (const auto &place : places)
    for (int64_t n = 0; n < 32; ++n)
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        int64_t sum = place(0, n);
        for (int64_t i = 0; i < 6; ++i)
          if (lane >> i & 1)
            sum ^= place(int64_t(1) << i, 0) ^ place(0, 0);
        EXPECT_EQ(place(lane, n), sum);
      }
}
