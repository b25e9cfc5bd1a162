//===-- PlanStarts.cpp - Where clusters start in a plan -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanStarts.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

/// Steps of a tile's path. Odd, so that paths start in different banks of LDS.
static constexpr int64_t kPathSteps = 7;
/// Positions per position of overhead from which on there are no paths: moves
/// are so rare that a wave looking ahead comes to them sooner.
static constexpr int64_t kRareMoves = 16;
/// Buckets of equal size that the positions of a chunk fall into.
static constexpr int64_t kBuckets = 1024;

// A start on a path: its tile, the tile whose start the path last came to, and
// the steps since, in ten bits and more. A path's jump: the last tile to whose
// start it came and the steps up to there, or -1 and all its steps.
static constexpr int64_t kTileBits = 10, kJumpBits = 16;
static_assert(kPlanThreads < (1 << kTileBits));
static_assert(kMaxPlanClusters < (1 << kJumpBits));

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

/// Bits [first, first + count) of an i32.
static Value bitsOf(KernelBuilder &b, Value word, int64_t first,
                    int64_t count) {
  return b.andi(b.shrui(word, first), b.i32((int64_t(1) << count) - 1));
}

/// Positions of a chunk in i32 leave room for as many steps ahead as a wave may
/// have lanes.
static constexpr int64_t kStepsAhead = 64;

PlanStarts::PlanStarts(KernelBuilder &b, LdsMemory memory, int64_t clusters,
                       int64_t overhead)
    : positions(memory.take(b.getI64Type(), clusters)),
      tileOf(memory.take(b.getI32Type(), clusters)), b(b), clusters(clusters),
      overhead(overhead),
      tileStart(memory.take(b.getI64Type(), kPlanThreads + 2)),
      restStart(memory.take(b.getI64Type(), kPlanThreads + 1)),
      buckets(memory.take(b.getI16Type(), kBuckets + 1)),
      paths(memory.take(b.getI32Type(), kPlanThreads * kPathSteps)),
      jumps(memory.take(b.getI32Type(), kPlanThreads + 1)),
      state(memory.take(b.getI64Type(), 2)) {}

LdsArray PlanStarts::spare() const {
  static_assert(kPathSteps * 4 > 3 * 8);
  return LdsArray(paths, b.getI64Type());
}

Value PlanStarts::lastAtMost(const LdsArray &array, Value bound, int64_t half,
                             Value count) const {
  Value at = b.i32(0);
  for (int64_t by = half; by > 0; by /= 2) {
    Value candidate = b.addi(at, by);
    Value index = candidate, isLess;
    if (count) {
      isLess = b.cmpi(IPredicate::ult, candidate, count);
      index = b.select(isLess, candidate, at);
    }
    Value taken = b.cmpi(IPredicate::sle, array.load(index), bound);
    at = b.select(count ? b.andi(isLess, taken) : taken, candidate, at);
  }
  return at;
}

Value PlanStarts::lastBefore(Value position, Value count) const {
  return lastAtMost(positions, b.addi(position, -1),
                    llvm::PowerOf2Ceil(clusters) / 2, count);
}

/// Buckets are as many positions as a power of two says, the least that covers
/// the chunk with them.
void PlanStarts::fillBuckets(const PlanTiles &tiles) {
  int64_t width = tiles.end.getType().getIntOrFloatBitWidth();
  Value zeros = LLVM::CountLeadingZerosOp::create(
      b, tiles.end.getType(), tiles.end, /*is_zero_poison=*/false);
  Value most = widen(b.i32(width - llvm::Log2_64(kBuckets)));
  shift = b.subi(most, b.umin(zeros, most));
  for (int64_t first = 0; first < kBuckets; first += kPlanThreads) {
    Value bucket = b.addi(b.thread(), first);
    Value position = arith::ShLIOp::create(b, widen(bucket), shift);
    // What lies behind the last tile is of no use, but must not be that tile's
    // successor.
    position = b.umin(position, b.addi(tiles.end, -1));
    Value tile = lastAtMost(tileStart, position, kPlanThreads / 2);
    buckets.store(arith::TruncIOp::create(b, b.getI16Type(), tile), bucket);
  }
  b.ifThen(b.isZero(b.thread()), [&] {
    Value last = b.addi(tiles.count, -1);
    buckets.store(arith::TruncIOp::create(b, b.getI16Type(), last),
                  b.i32(kBuckets));
    // Nothing follows from the end of the chunk.
    jumps.store(b.i32(-(int64_t(1) << kJumpBits)), tiles.count);
  });
}

/// The tile of a position of the chunk.
PlanStarts::Place PlanStarts::placeOf(Value position) const {
  Value bucket = low32(b, arith::ShRUIOp::create(b, position, shift));
  Value low = zext32(b, buckets.load(bucket));
  Value high = zext32(b, buckets.load(b.addi(bucket, 1)));
  // Few buckets have the start of more than one tile: what is to be known of
  // the two tiles is loaded at once.
  Value second = b.addi(low, 1);
  Value starts[] = {tileStart.load(second), tileStart.load(b.addi(low, 2))};
  Value rests[] = {restStart.load(low), restStart.load(second)};
  Value isSecond = b.cmpi(IPredicate::sle, starts[0], position);
  SmallVector<Value> near = {b.select(isSecond, second, low),
                             b.select(isSecond, starts[1], starts[0]),
                             b.select(isSecond, rests[1], rests[0])};
  Value isFar = b.cmpi(IPredicate::ugt, high, second);
  SmallVector<Value> found = b.ifElse(
      isFar,
      [&]() -> SmallVector<Value> {
        Value tile = halve(low, high, position);
        return {tile, tileStart.load(b.addi(tile, 1)), restStart.load(tile)};
      },
      near);
  Place place;
  place.tile = found[0];
  place.next = found[1];
  place.rests = b.cmpi(IPredicate::sge, position, found[2]);
  return place;
}

/// The tile of a position, of those from `low` to `high`.
Value PlanStarts::halve(Value low, Value high, Value position) const {
  Value inits[] = {low, high};
  auto loop = scf::WhileOp::create(
      b, TypeRange(ValueRange(inits)), ValueRange(inits),
      [&](OpBuilder &, Location, ValueRange now) {
        Value open = b.cmpi(IPredicate::ult, now[0], now[1]);
        scf::ConditionOp::create(b, open, now);
      },
      [&](OpBuilder &, Location, ValueRange now) {
        Value middle = b.shrui(b.addi(b.addi(now[0], now[1]), 1), 1);
        Value taken = b.cmpi(IPredicate::sle, tileStart.load(middle), position);
        scf::YieldOp::create(
            b, ValueRange{b.select(taken, middle, now[0]),
                          b.select(taken, now[1], b.addi(middle, -1))});
      });
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Paths
//===----------------------------------------------------------------------===//

/// Follows the starts from the thread's tile on, up to the chunk's end.
void PlanStarts::followPaths(const PlanTiles &tiles, Value step) {
  Value tile = b.thread();
  // Steps, the next start, the last tile moved to, steps since, the jump.
  Value inits[] = {b.i32(0), b.addi(tiles.start, step), tile, b.i32(1),
                   b.i32(-(int64_t(1) << kJumpBits))};
  auto loop = scf::WhileOp::create(
      b, TypeRange(ValueRange(inits)), ValueRange(inits),
      [&](OpBuilder &, Location, ValueRange now) {
        Value inside = b.cmpi(IPredicate::slt, now[1], tiles.end);
        Value more = b.cmpi(IPredicate::ult, now[0], pathSteps);
        Value open = b.andi(inside, more);
        scf::ConditionOp::create(b, open, now);
      },
      [&](OpBuilder &, Location, ValueRange now) {
        Value steps = b.addi(now[0], 1), start = now[1], lastTile = now[2],
              since = now[3], jump = now[4];
        Place place = placeOf(start);
        Value moves = place.rests;
        Value here = b.addi(place.tile, zext32(b, moves));
        start = b.select(moves, place.next, start);
        lastTile = b.select(moves, here, lastTile);
        since = b.select(moves, b.i32(0), since);
        Value packed = b.ori(b.ori(here, b.shli(lastTile, kTileBits)),
                             b.shli(since, 2 * kTileBits));
        paths.store(packed, b.addi(b.muli(tile, kPathSteps), now[0]));
        Value counts = zext32(b, b.cmpi(IPredicate::slt, jump, b.i32(0)));
        jump = b.select(moves, b.ori(b.shli(here, kJumpBits), steps),
                        b.addi(jump, counts));
        scf::YieldOp::create(b, ValueRange{steps, b.addi(start, step), lastTile,
                                           b.addi(since, 1), jump});
      });
  jumps.store(loop.getResult(4), tile);
}

void PlanStarts::record(Value condition, Value cluster, Value position,
                        Value tile) {
  condition = b.andi(condition, b.below(cluster, clusters));
  b.ifThen(condition, [&] {
    positions.store(b.addi(origin, b.zext64(position)), cluster);
    tileOf.store(tile, cluster);
  });
}

/// Takes the starts of the path from tile `at`, which is the start before
/// `cluster`. The wave's results are those of `lookAhead`.
SmallVector<Value> PlanStarts::takePath(Value at, Value cluster, Value step) {
  Value jump = jumps.load(at), start = tileStart.load(at);
  Value lane = b.laneInWave();
  Value taken = bitsOf(b, jump, 0, kJumpBits);
  b.ifThen(b.cmpi(IPredicate::ult, lane, taken), [&] {
    Value packed = paths.load(b.addi(b.muli(at, kPathSteps), lane));
    Value since = widen(b.shrui(packed, 2 * kTileBits));
    Value from = tileStart.load(bitsOf(b, packed, kTileBits, kTileBits));
    Value all = arith::ConstantOp::create(b, b.getBoolAttr(true));
    record(all, b.addi(cluster, lane), b.addi(from, b.muli(since, step)),
           bitsOf(b, packed, 0, kTileBits));
  });
  Value next = b.addi(start, b.muli(widen(b.addi(taken, 1)), step));
  return {b.addi(cluster, taken), next,
          arith::ShRSIOp::create(b, jump, b.i32(kJumpBits))};
}

/// Looks where the starts from `cluster` on would be, one per lane, up to the
/// first that moves to the end of its tile. Returns the next cluster, its
/// position, and instead of that, if there was a move, the tile moved to or -1.
SmallVector<Value> PlanStarts::lookAhead(const PlanTiles &tiles, Value cluster,
                                         Value next, Value step) {
  int64_t wave = b.getTarget().waveSize;
  Value lane = b.laneInWave();
  Value position = b.addi(next, b.muli(widen(lane), step));
  Value inside = b.cmpi(IPredicate::slt, position, tiles.end);
  Place place = placeOf(b.umin(position, b.addi(tiles.end, -1)));
  Value moves = b.andi(inside, place.rests);
  Value here = b.addi(place.tile, zext32(b, moves));
  Value outside = b.cmpi(IPredicate::sge, position, tiles.end);
  Value stops = b.ballot(b.ori(outside, moves));
  Value ahead = LLVM::CountTrailingZerosOp::create(b, stops.getType(), stops,
                                                   /*is_zero_poison=*/false);
  ahead = low32(b, ahead);
  Value isStop = b.cmpi(IPredicate::eq, lane, ahead);
  Value before = b.cmpi(IPredicate::ult, lane, ahead);
  record(b.ori(before, b.andi(isStop, moves)), b.addi(cluster, lane),
         b.select(moves, place.next, position), here);
  Value at = b.shuffleFrom(b.select(moves, here, b.i32(-1)),
                           b.umin(ahead, b.i32(wave - 1)));
  Value moved = zext32(b, b.cmpi(IPredicate::sge, at, b.i32(0)));
  return {b.addi(cluster, b.addi(ahead, moved)),
          b.addi(next, b.muli(widen(ahead), step)), at};
}

/// Goes along the starts of the chunk with one wave.
void PlanStarts::walk(const PlanTiles &tiles, Value isFirst, Value cluster,
                      Value next, Value step) {
  Value at = b.select(isFirst, b.i32(0), b.i32(-1));
  Value inits[] = {cluster, next, at};
  auto loop = scf::WhileOp::create(
      b, TypeRange(ValueRange(inits)), ValueRange(inits),
      [&](OpBuilder &, Location, ValueRange now) {
        Value onTile = b.cmpi(IPredicate::sge, now[2], b.i32(0));
        Value inside = b.cmpi(IPredicate::slt, now[1], tiles.end);
        Value open = b.andi(b.below(now[0], clusters), b.ori(onTile, inside));
        scf::ConditionOp::create(b, open, now);
      },
      [&](OpBuilder &, Location, ValueRange now) {
        Value onTile = b.cmpi(IPredicate::sge, now[2], b.i32(0));
        auto branch = scf::IfOp::create(b, TypeRange(now), onTile,
                                        /*withElseRegion=*/true);
        {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(branch.thenBlock());
          scf::YieldOp::create(b, takePath(now[2], now[0], step));
          b.setInsertionPointToStart(branch.elseBlock());
          scf::YieldOp::create(b, lookAhead(tiles, now[0], now[1], step));
        }
        scf::YieldOp::create(b, branch.getResults());
      });
  b.ifThen(b.isZero(b.thread()), [&] {
    Value found = b.umin(loop.getResult(0), b.i32(clusters));
    state.store(b.zext64(found), b.i32(0));
    Value next = b.zext64(loop.getResult(1));
    state.store(b.addi(origin, next), b.i32(1));
  });
}

Value PlanStarts::widen(Value value) const {
  return tileStart.element == b.getI64Type() ? b.zext64(value) : value;
}

/// Finds the starts with positions of type `type`, counted from the chunk's
/// first.
void PlanStarts::search(Type type, PlanTiles tiles, Value isFirst,
                        Value cluster, Value next, Value step) {
  for (Value *value : {&tiles.start, &tiles.end, &next})
    *value = b.subi(*value, origin);
  tileStart.element = restStart.element = type;
  for (Value *value : {&tiles.start, &tiles.end, &tiles.rest, &next, &step})
    *value = type == b.getI32Type() ? low32(b, *value) : *value;
  tileStart.store(tiles.start, b.thread());
  restStart.store(b.addi(tiles.start, tiles.rest), b.thread());
  b.ifThen(b.isZero(b.thread()),
           [&] { tileStart.store(tiles.end, b.i32(kPlanThreads)); });
  b.barrier();
  fillBuckets(tiles);
  b.barrier();
  b.ifThen(b.cmpi(IPredicate::ult, b.thread(), tiles.count),
           [&] { followPaths(tiles, step); });
  b.barrier();
  b.ifThen(b.below(b.thread(), b.getTarget().waveSize), [&] {
    walk(tiles, isFirst, b.umax(cluster, b.i32(1)), next, step);
  });
  b.barrier();
}

std::pair<Value, Value> PlanStarts::find(const PlanTiles &tiles, Value isFirst,
                                         Value cluster, Value next,
                                         Value step) {
  b.ifThen(b.andi(isFirst, b.isZero(b.thread())), [&] {
    positions.store(b.zext64(b.i32(0)), b.i32(0));
    tileOf.store(b.i32(0), b.i32(0));
  });
  origin = tiles.first;
  Value overheads = b.muli(b.zext64(tiles.count), overhead);
  Value isRare = b.cmpi(IPredicate::ugt, b.subi(tiles.end, origin),
                        b.muli(overheads, kRareMoves));
  pathSteps = b.select(isRare, b.i32(0), b.i32(kPathSteps));
  // Half the instructions, wherever that suffices.
  Value last = b.subi(b.maxsi(tiles.end, next), origin);
  last = b.addi(last, b.muli(step, kStepsAhead));
  Value most = b.zext64(b.i32(std::numeric_limits<int32_t>::max()));
  auto branch = scf::IfOp::create(b, b.cmpi(IPredicate::ult, last, most),
                                  /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    search(b.getI32Type(), tiles, isFirst, cluster, next, step);
    b.setInsertionPointToStart(branch.elseBlock());
    search(b.getI64Type(), tiles, isFirst, cluster, next, step);
  }
  return {low32(b, state.load(b.i32(0))), state.load(b.i32(1))};
}
