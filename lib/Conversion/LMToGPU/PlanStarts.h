//===-- PlanStarts.h - Where clusters start in a plan -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sweep of lm.attention_plan in closed form. Tile t takes the positions
// from S(t) on, `blocks + overhead` of them, where S(t) is the sum over the
// tiles before it. Cluster 0 starts at position 0, and each cluster `step =
// ceil(total / N)` positions after the one before; or at the end of the tile
// that this position is in, if it is in the tile's rest: where nothing but
// overhead, or less than the queries of a request, would be left of the tile.
//
// A start depends on the one before only through such moves to the end of a
// tile. So every tile's thread follows the starts from the tile's first
// position for a few steps, all at once. One wave then goes from move to move
// along these paths; where a path has none, its lanes look for the next move at
// many starts ahead.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSTARTS_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSTARTS_H

#include "PlanSums.h"

namespace mlir::lm {

/// Tiles of a chunk, of which every thread has one. Positions are i64.
struct PlanTiles {
  Value count;      ///< tiles of the chunk, i32, from 1 to kPlanThreads
  Value first, end; ///< positions of the chunk, the same in all threads
  Value start;      ///< S of the thread's tile; `end` where it has none
  Value cost;       ///< positions of the thread's tile
  Value rest;       ///< where its rest starts, counted from `start`
};

/// Finds the starts of clusters, chunk by chunk. Tiles are numbered from 0 in
/// every chunk.
class PlanStarts {
public:
  /// `overhead` is the number of positions that each tile's end takes; arrays
  /// are taken from `memory`.
  PlanStarts(KernelBuilder &b, LdsMemory memory, int64_t clusters,
             int64_t overhead);

  /// Finds the starts in a chunk from cluster `cluster` on, `step` apart and
  /// the first of them at `next`, but for those in rests. In the first chunk
  /// cluster 0 starts with it, and the search with 1. Returns the number of
  /// clusters that have a start by now, and `next` for the following chunk.
  /// All threads call it together, after a barrier.
  std::pair<Value, Value> find(const PlanTiles &tiles, Value isFirst,
                               Value cluster, Value next, Value step);

  /// The last of the `count` starts, i32, that is before `position`; start 0
  /// is.
  Value lastBefore(Value position, Value count) const;

  LdsArray positions; ///< of starts by cluster
  LdsArray tileOf;    ///< number in the chunk of a start's tile, i32

  /// i64 memory for three numbers per thread that is free between searches.
  LdsArray spare() const;

private:
  struct Place {
    Value tile;  ///< i32
    Value next;  ///< position of the following tile
    Value rests; ///< i1: in the tile's rest
  };

  void fillBuckets(const PlanTiles &tiles);
  void followPaths(const PlanTiles &tiles, Value step);
  void walk(const PlanTiles &tiles, Value isFirst, Value cluster, Value next,
            Value step);
  SmallVector<Value> takePath(Value at, Value cluster, Value step);
  SmallVector<Value> lookAhead(const PlanTiles &tiles, Value cluster,
                               Value next, Value step);
  Value widen(Value value) const;
  void search(Type type, PlanTiles tiles, Value isFirst, Value cluster,
              Value next, Value step);
  Place placeOf(Value position) const;
  Value halve(Value low, Value high, Value position) const;
  /// The last index below 2 * `half` (and `count`, if given) whose element is
  /// at most `bound`; that of index 0 is.
  Value lastAtMost(const LdsArray &array, Value bound, int64_t half,
                   Value count = Value()) const;
  void record(Value condition, Value cluster, Value position, Value tile);

  KernelBuilder &b;
  int64_t clusters, overhead;
  // Positions that count from the chunk's first, i32 or i64.
  LdsArray tileStart; ///< S of the chunk's tiles, its end, and an unused one
  LdsArray restStart; ///< where a tile's rest starts, and an unused one
  LdsArray buckets;   ///< last tile that starts before each bucket, i16
  LdsArray paths;     ///< kPathSteps starts per tile, packed
  LdsArray jumps; ///< of paths: the last tile's start on it, and steps to it
  LdsArray state;
  Value shift;     ///< positions of a bucket, as an exponent of two
  Value origin;    ///< position of the chunk, i64
  Value pathSteps; ///< i32
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANSTARTS_H
