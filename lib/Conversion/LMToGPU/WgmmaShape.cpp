//===-- WgmmaShape.cpp - How attention with wgmma is laid out -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WgmmaShape.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir::lm;

WgmmaShape WgmmaShape::of(int64_t queryRows, int64_t columns, int64_t keyUnits,
                          int64_t entryBytes, int64_t ldsBytes) {
  // A producer holds its units of a key in registers, four to a unit. Those of
  // the longer keys leave room for fewer rows of output.
  int64_t mostRows = keyUnits > 28 ? 32 : 64;
  WgmmaShape shape;
  shape.rows = std::clamp<int64_t>(llvm::PowerOf2Ceil(queryRows), 16, mostRows);
  shape.groups = llvm::divideCeil(queryRows, shape.rows);
  shape.copiesOnly = keyUnits == 0;
  shape.producers = (keyUnits ? 2 : 1) * kWarpGroup;
  shape.tileBytes = kTileKeys * columns * 2;
  int64_t queryBytes = shape.rows * columns * 2;
  int64_t weightBytes = shape.rows * kSwizzleBytes;
  constexpr int64_t kMaxStages = 4;
  // Bytes of a stage besides its tile: who is visible, two barriers.
  constexpr int64_t kStageBytes = kTileKeys * 4 + 16;
  int64_t exchangeBytes =
      shape.splitsColumns() ? kConsumers * shape.rows / 16 * 16 : 0;
  int64_t rest = ldsBytes - queryBytes - weightBytes - exchangeBytes -
                 shape.rows * (4 * 4 + 4);
  shape.stages = std::min(kMaxStages, rest / (shape.tileBytes + kStageBytes));
  shape.places = 0;
  int64_t placeBytes = shape.producers * 16;
  if (keyUnits) {
    // Memory is better spent on keys that are on their way than on more tiles.
    shape.stages = 2;
    rest -= shape.stages * (shape.tileBytes + kStageBytes) +
            shape.producers * entryBytes;
    int64_t perThread = llvm::divideCeil(keyUnits, kThreadsPerKey);
    // Few rows leave registers for some units of shorter keys: less goes
    // through shared memory, which limits these shapes. Of 4, 5 and 7 units 5
    // took least.
    int64_t loaded = shape.rows <= 16 && perThread <= 7 ? 5 : 0;
    shape.places =
        std::min(perThread - loaded + kOtherPlaces, rest / placeBytes);
  }
  int64_t end = 0;
  auto take = [&](int64_t bytes) {
    int64_t begin = end;
    end += bytes;
    return begin;
  };
  shape.keys = take(shape.stages * shape.tileBytes);
  shape.queries = take(queryBytes);
  shape.weights = take(weightBytes);
  shape.staging = take(shape.places * placeBytes);
  shape.entryBytes = entryBytes;
  shape.entries = take(keyUnits ? shape.producers * entryBytes : 0);
  shape.full = take(shape.stages * 8);
  shape.empty = take(shape.stages * 8);
  shape.visible = take(shape.stages * kTileKeys * 4);
  shape.maxima = take(shape.rows * 4 * 4);
  shape.factors = take(shape.rows * 4);
  end = llvm::alignTo(end, 16);
  shape.exchange = take(exchangeBytes);
  shape.bytes = end;
  // The output of many rows needs more registers than the 65536 of a
  // workgroup are by default for each thread, and a producer fewer. Together
  // they may not have more than at the start: 168 or 128 a thread, in eights.
  shape.movesRegisters = shape.rows > 32;
  shape.consumerRegisters = keyUnits ? 192 : 216;
  // Few rows need no more, and what is left lets a workgroup of the merging
  // kernel start beside this one.
  shape.maxRegisters = keyUnits && shape.rows <= 16 ? 96 : 0;
  shape.producerRegisters = keyUnits
                                ? (4 * 128 - 2 * shape.consumerRegisters) / 2
                                : 3 * 168 - 2 * shape.consumerRegisters;
  return shape;
}
