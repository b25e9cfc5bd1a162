//===-- PlanShort.cpp - Plans of few tiles and positions ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Starts of clusters are those of PlanStarts.h, with i32 positions that number
// at most kPositions. Call the positions where a tile starts or its rest
// continues the events: a start that would be at one is at the start of a tile,
// of the first one whose rest starts behind it. From the start of tile t,
// starts are `step` positions apart up to the next event. So with positions
// laid out in rows of `step`, and a bit for every event, the next event is the
// next bit of a column, and a number of rows further. That gives every tile a
// jump: the tile of its next event, and the steps to it. Jumps are composed to
// those over 2, 4 and 8 events, and every cluster goes from tile 0 along them
// while they take no more steps than its number: the steps left over come after
// the last event.
//
// The events that a cluster comes along are the starts up to its own that are
// not inside a tile, so that all counts of works follow from them; only the
// tiles that have starts inside are counted by sums over the workgroup.
//
//===----------------------------------------------------------------------===//

#include "PlanShort.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <limits>

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

/// Positions of a plan at most, and events of a tile.
static constexpr int64_t kPositions = 1 << 18, kEvents = 32;
/// Words of the bits of events.
static constexpr int64_t kWords = 6144;
/// Jumps are composed this many times.
static constexpr int64_t kLevels = 3;

// A jump: the tile, and the steps above it. No cluster is kEndless steps from
// another one, even by several jumps less one.
static constexpr int64_t kTileBits = 10;
static constexpr int64_t kEndless = kPlanThreads;
static_assert(kPlanThreads < (1 << kTileBits));
// A start: its position, and the events up to it.
static constexpr int64_t kEventBits = 10;
static_assert(kPositions < (int64_t(1) << (31 - kEventBits)));
// Three counts of up to the number of threads in one number.
static constexpr int64_t kCountBits = 10;

/// Events of a tile beyond its overhead.
static int64_t moreEvents(AttentionPlanOp op) {
  if (op.getPageSize() != 1)
    return 1;
  return 1 + llvm::divideCeil(op.getQLen() - 1, op.getGranularity());
}

bool lm::isShortPlan(AttentionPlanOp op) {
  int64_t most = std::numeric_limits<int32_t>::max() / 4;
  auto isFew = [&](std::optional<uint64_t> value) {
    return !value || *value < static_cast<uint64_t>(most);
  };
  // Tokens of as many positions as there may be fit.
  return op.getNumClusters() < kPlanThreads && op.getGranularity() <= 256 &&
         op.getPageSize() <= 4096 / op.getGranularity() &&
         isFew(op.getTopk()) && isFew(op.getExtraTopk()) &&
         op.getOverheadBlocks() + moreEvents(op) <= kEvents;
}

namespace {

/// The tile and the cluster of a thread.
class ShortPlan {
public:
  ShortPlan(KernelBuilder &b, PlanRows &rows)
      : op(rows.op), b(b), rows(rows), memory(b),
        events(memory.take(b.getI32Type(), kWords)),
        tileStart(memory.take(b.getI32Type(), kPlanThreads + 1)),
        restStart(memory.take(b.getI32Type(), kPlanThreads)),
        tokens(memory.take(b.getI32Type(), kPlanThreads)),
        bases(memory.take(b.getI32Type(), kPlanThreads)),
        starts(memory.take(b.getI32Type(), kPlanThreads)),
        counts(b, "plan_counts", b.getI32Type(), numWaves()) {
    for (int64_t i = 0; i <= kLevels; ++i)
      jumps.push_back(memory.take(b.getI32Type(), kPlanThreads + 1));
  }

  void run(function_ref<void()> general);

private:
  /// A place of the table of events.
  struct Cell {
    Value row, column;
  };

  int64_t numWaves() { return kPlanThreads / b.getTarget().waveSize; }
  /// Words of a column: of its rows up to that of the last position's end, and
  /// one more.
  int64_t columnWords() { return llvm::divideCeil(mostRows() + 2, 32); }
  /// Rows of the table of events that have positions of tiles.
  int64_t mostRows() {
    int64_t clusters = op.getNumClusters();
    // As many as clusters, unless `step` counts their blocks alone: then the
    // overheads of as many tiles at most come on top.
    return clusters *
           (op.getEvenSplit() ? 1 + int64_t(op.getOverheadBlocks()) : 1);
  }
  Value wordOf(Value column) { return b.muli(column, columnWords()); }

  void clear();
  void sum(ValueRange lengths);
  Value isShort();
  Cell cellOf(Value position);
  void markEvents();
  Cell nextEvent(const Cell &cell, Value &found);
  void findJumps();
  void findStart();
  void emit();
  Value lastAtMost(const LdsArray &array, Value bound, int64_t half,
                   int64_t first = 0);

  AttentionPlanOp op;
  KernelBuilder &b;
  PlanRows &rows;
  LdsMemory memory;
  LdsArray events;    ///< bits by column and row
  LdsArray tileStart; ///< and the end of all
  LdsArray restStart;
  LdsArray tokens, bases; ///< as a PlanTile has them
  LdsArray starts;        ///< of clusters
  LdsArray counts;
  SmallVector<LdsArray> jumps; ///< by level

  PlanTile tile;
  Value exists;            ///< the thread has a tile
  Value cost, start, rest; ///< of the tile; `rest` is a position
  Value total, step, reciprocal;
  Value clusters; ///< that get works
  // Of the thread's cluster.
  Value position;
  Value anchor, since; ///< the tile of the last event, and the steps since it
  Value passed;        ///< events up to its start
};

} // namespace

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Clears what the search needs, and all rows that may be unused.
void ShortPlan::clear() {
  LdsArray wide(events, b.getI64Type());
  Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  for (int64_t i = 0; i < kWords / 2; i += kPlanThreads)
    wide.store(zero, b.addi(b.thread(), i));
  b.ifThen(b.isZero(b.thread()), [&] {
    for (LdsArray &level : jumps)
      level.store(b.i32(kPlanThreads | (kEndless << kTileBits)),
                  b.i32(kPlanThreads));
    rows.store(b.i32(0), rows.reduceIndptr, b.i32(0));
  });
  rows.forThreads(
      b.i32(0), b.size(op.getReducePartialMap(), 0),
      [&](Value index) { rows.store(b.i32(-1), rows.partialMap, index); });
  // No more works are used than these.
  Value work = b.addi(rows.numTiles, b.thread());
  b.ifThen(b.cmpi(IPredicate::ult, work, b.size(op.getWorks(), 0)),
           [&] { rows.clearWork(work); });
}

/// Sums up the sizes of the tiles.
void ShortPlan::sum(ValueRange lengths) {
  tile.tokens = rows.tokensOf(lengths, b.getI32Type());
  Value blocks = rows.blocksOf(tile.tokens);
  cost = b.umin(b.addi(blocks, op.getOverheadBlocks()), b.i32(kPositions + 1));
  cost = b.select(exists, cost, b.i32(0));
  rest = rows.restOf(tile.tokens, blocks);
  // The first unit of a request is that after all before it, which are
  // complete. Blocks that are units have been counted already.
  bool sumsUnits = !op.getTopk() && op.getGranularity() != 1;
  SmallVector<Value> sums = {cost};
  if (sumsUnits) {
    Value isLast = b.cmpi(IPredicate::eq, tile.place, b.i32(op.getTiles() - 1));
    sums.push_back(
        b.select(b.andi(exists, isLast), rows.unitsOf(tile.tokens), b.i32(0)));
  }
  int64_t wave = b.getTarget().waveSize;
  SmallVector<Value> terms = sums;
  sumLanes(b, sums, wave);
  SmallVector<LdsArray> ofWaves;
  for (auto [i, sum] : llvm::enumerate(sums))
    ofWaves.emplace_back(b, ("plan_waves_" + Twine(i)).str(), b.getI32Type(),
                         numWaves());
  b.ifThen(b.cmpi(IPredicate::eq, b.laneInWave(), b.i32(wave - 1)), [&] {
    for (auto [array, sum] : llvm::zip_equal(ofWaves, sums))
      array.store(sum, b.divui(b.thread(), wave));
  });
  b.barrier();
  auto [before, all] = sumWaves(b, ofWaves[0]);
  start = b.addi(before, b.subi(sums[0], terms[0]));
  total = all;
  if (op.getTopk()) {
    tile.base = b.muli(tile.request, op.getListStride());
  } else if (sumsUnits) {
    tile.base =
        b.addi(sumWaves(b, ofWaves[1]).first, b.subi(sums[1], terms[1]));
  } else {
    Value ofRequest = b.subi(start, b.muli(tile.place, cost));
    tile.base = b.subi(b.divui(ofRequest, op.getTiles()),
                       b.muli(tile.request, op.getOverheadBlocks()));
  }
}

/// Whether there are as few positions as this is made for. Costs are bounded,
/// so that their sum is right or too great.
Value ShortPlan::isShort() {
  clusters = b.i32(op.getNumClusters());
  if (op.getMaxSplit()) {
    // No more than clusters in one request.
    int64_t most = std::min<int64_t>(*op.getMaxSplit(), op.getNumClusters());
    Value split = b.muli(rows.requests, most);
    clusters = b.umin(clusters, b.umax(split, b.i32(1)));
    step = arith::DivUIOp::create(b, b.addi(total, b.addi(clusters, -1)),
                                  clusters);
  } else {
    step = rows.ceilDiv(total, op.getNumClusters());
  }
  step = b.umax(step, b.i32(1));
  Value isOne = b.cmpi(IPredicate::ule, rows.numTiles, b.i32(kPlanThreads));
  Value fits = b.cmpi(IPredicate::ule, total, b.i32(kPositions));
  Value isNarrow = b.cmpi(IPredicate::ule, step, b.i32(kWords / columnWords()));
  return b.andi(isOne, b.andi(fits, isNarrow));
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

ShortPlan::Cell ShortPlan::cellOf(Value position) {
  // With `reciprocal = ceil(2^31 / step)` the quotient is exact as long as
  // position * step < 2^31.
  Value product = b.muli(b.zext64(position), b.zext64(reciprocal));
  Value row = low32(b, b.shrui(product, 31));
  return {row, b.subi(position, b.muli(row, step))};
}

void ShortPlan::markEvents() {
  Cell cell = cellOf(rest);
  auto mark = [&](const Cell &cell) {
    Value bit = arith::ShRUIOp::create(b, b.i32(int64_t(1) << 31),
                                       b.andi(cell.row, b.i32(31)));
    Value word = b.addi(wordOf(cell.column), b.shrui(cell.row, 5));
    bool isAmd = b.getTarget().vendor == hipfuse::Vendor::AMD;
    LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::_or, events.address(word),
                              bit, LLVM::AtomicOrdering::monotonic,
                              isAmd ? "workgroup" : "block");
    Value column = b.addi(cell.column, 1);
    Value isOver = b.cmpi(IPredicate::eq, column, step);
    return Cell{b.addi(cell.row, zext32(b, isOver)),
                b.select(isOver, b.i32(0), column)};
  };
  b.ifThen(exists, [&] {
    // Up to the following tile's start.
    Value count = b.addi(b.subi(b.addi(start, cost), rest), 1);
    if (moreEvents(op) == 1)
      count = b.i32(op.getOverheadBlocks() + 1);
    auto loop = scf::ForOp::create(b, b.i32(0), count, b.i32(1),
                                   ValueRange{cell.row, cell.column});
    if (moreEvents(op) != 1 || op.getOverheadBlocks() > 3)
      keepRolled(loop);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Cell next = mark({loop.getRegionIterArg(0), loop.getRegionIterArg(1)});
    scf::YieldOp::create(b, ValueRange{next.row, next.column});
  });
}

/// The first event below `cell`, if any.
ShortPlan::Cell ShortPlan::nextEvent(const Cell &cell, Value &found) {
  Value from = b.addi(cell.row, 1), index = b.shrui(from, 5);
  Value column = wordOf(cell.column);
  Value ahead = arith::ShRUIOp::create(b, b.i32(-1), b.andi(from, b.i32(31)));
  Value bits = b.andi(events.load(b.addi(column, index)), ahead);
  auto loop = scf::WhileOp::create(
      b, TypeRange{b.getI32Type(), b.getI32Type()}, ValueRange{index, bits},
      [&](OpBuilder &, Location, ValueRange now) {
        Value isLast =
            b.cmpi(IPredicate::uge, now[0], b.i32(columnWords() - 1));
        Value isNone = b.isZero(now[1]);
        Value more = b.select(isLast, b.i32(0), zext32(b, isNone));
        scf::ConditionOp::create(b, b.isNonZero(more), now);
      },
      [&](OpBuilder &, Location, ValueRange now) {
        Value next = b.addi(now[0], 1);
        Value bits = events.load(b.addi(column, next));
        scf::YieldOp::create(b, ValueRange{next, bits});
      });
  bits = loop.getResult(1);
  found = b.isNonZero(bits);
  Value zeros = LLVM::CountLeadingZerosOp::create(b, b.getI32Type(), bits,
                                                  /*is_zero_poison=*/false);
  return {b.addi(b.shli(loop.getResult(0), 5), zeros), cell.column};
}

/// The last index below 2 * `half` whose element, counted from `first`, is at
/// most `bound`; that of index 0 is taken to be.
Value ShortPlan::lastAtMost(const LdsArray &array, Value bound, int64_t half,
                            int64_t first) {
  Value at = b.i32(0);
  for (int64_t by = half; by > 0; by /= 2) {
    Value candidate = b.addi(at, by);
    Value element = array.load(first ? b.addi(at, by + first) : candidate);
    at = b.select(b.cmpi(IPredicate::sle, element, bound), candidate, at);
  }
  return at;
}

void ShortPlan::findJumps() {
  Cell cell = cellOf(start);
  Value found;
  Cell next = nextEvent(cell, found);
  Value position = b.addi(b.muli(next.row, step), next.column);
  // The first tile whose rest starts behind the event.
  Value to = b.addi(lastAtMost(restStart, position, kPlanThreads / 2), 1);
  Value steps = b.subi(next.row, cell.row);
  Value jump =
      b.ori(b.select(found, to, b.thread()),
            b.shli(b.select(found, steps, b.i32(kEndless)), kTileBits));
  jumps[0].store(jump, b.thread());
  Value mask = b.i32((1 << kTileBits) - 1);
  for (int64_t level = 1; level <= kLevels; ++level) {
    b.barrier();
    Value to = b.andi(jump, mask);
    jump = b.addi(b.subi(jump, to), jumps[level - 1].load(to));
    jumps[level].store(jump, b.thread());
  }
  b.barrier();
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

/// Goes along the jumps to the thread's cluster.
void ShortPlan::findStart() {
  Value isCluster = b.below(b.thread(), op.getNumClusters());
  Value mask = b.i32((1 << kTileBits) - 1);
  // The steps left stand where a jump has its steps, with all bits below, so
  // that they are compared at once.
  Value left = b.select(isCluster, b.thread(), b.i32(0));
  left = b.ori(b.shli(left, kTileBits), mask);
  auto take = [&](Value jump, int64_t events, ValueRange now) {
    Value to = b.andi(jump, mask);
    return SmallVector<Value>{b.subi(now[0], b.subi(jump, to)), to,
                              b.addi(now[2], events)};
  };
  Value inits[] = {left, b.i32(0), b.i32(0), jumps[kLevels].load(b.i32(0))};
  auto loop = scf::WhileOp::create(
      b, TypeRange(ValueRange(inits)), ValueRange(inits),
      [&](OpBuilder &, Location, ValueRange now) {
        Value isTaken = b.cmpi(IPredicate::ule, now[3], now[0]);
        scf::ConditionOp::create(b, isTaken, now);
      },
      [&](OpBuilder &, Location, ValueRange now) {
        SmallVector<Value> next = take(now[3], 1 << kLevels, now);
        next.push_back(jumps[kLevels].load(next[1]));
        scf::YieldOp::create(b, next);
      });
  SmallVector<Value> now(loop.getResults().take_front(3));
  for (int64_t level = kLevels - 1; level >= 0; --level) {
    Value jump = jumps[level].load(now[1]);
    Value isTaken = b.cmpi(IPredicate::ule, jump, now[0]);
    for (auto [value, next] : llvm::zip_equal(now, take(jump, 1 << level, now)))
      value = b.select(isTaken, next, value);
  }
  since = b.shrui(now[0], kTileBits);
  anchor = now[1];
  passed = now[2];
  position = b.addi(tileStart.load(anchor), b.muli(since, step));
  position = b.umin(position, total);
  Value start = b.ori(b.shli(position, kEventBits), passed);
  starts.store(
      b.select(isCluster, start, b.i32(std::numeric_limits<int32_t>::max())),
      b.thread());
  b.barrier();
}

/// Writes what ends at the thread's start, and its tile's end.
void ShortPlan::emit() {
  int64_t clusters = op.getNumClusters();
  Value thread = b.thread(), zero = b.i32(0);
  auto positionOf = [&](Value start) { return b.shrui(start, kEventBits); };

  // The tile's last start, and the start's tile.
  Value end = b.shli(b.addi(start, cost), kEventBits);
  Value last =
      lastAtMost(starts, b.addi(end, -1), llvm::PowerOf2Ceil(clusters) / 2);
  Value lastStart = starts.load(last), lastPosition = positionOf(lastStart);
  Value number =
      lastAtMost(restStart, position, kPlanThreads / 2, /*first=*/-1);
  number = b.select(b.isZero(since), anchor, number);
  Value before = b.select(b.isZero(thread), zero, b.addi(thread, -1));
  Value previous = positionOf(starts.load(before));
  Value from = tileStart.load(number);

  Value isSplit = b.andi(exists, b.cmpi(IPredicate::ugt, lastPosition, start));
  Value isInside = b.andi(
      b.below(thread, clusters),
      b.andi(b.isNonZero(since), b.cmpi(IPredicate::ult, position, total)));
  // Inside a tile that has been split already.
  Value isAgain = b.andi(isInside, b.cmpi(IPredicate::ugt, previous, from));
  Value below, ofWave;
  Value conditions[] = {isSplit, isAgain, isInside};
  for (auto [i, condition] : llvm::enumerate(conditions)) {
    auto [laneBelow, all] = b.countLanes(condition);
    laneBelow = b.shli(b.addi(laneBelow, zext32(b, condition)), i * kCountBits);
    all = b.shli(all, i * kCountBits);
    below = i ? b.addi(below, laneBelow) : laneBelow;
    ofWave = i ? b.addi(ofWave, all) : all;
  }
  b.ifThen(b.isZero(b.laneInWave()), [&] {
    counts.store(ofWave, b.divui(thread, b.getTarget().waveSize));
  });
  b.barrier();
  Value ofWaves, all;
  std::tie(ofWaves, all) = sumWaves(b, counts);
  below = b.addi(below, ofWaves);
  auto countOf = [&](Value counts, int64_t i) {
    return b.andi(b.shrui(counts, i * kCountBits),
                  b.i32((1 << kCountBits) - 1));
  };

  // A start that no event led to is inside a tile.
  auto insideUpTo = [&](Value cluster, Value events) {
    return b.subi(cluster, events);
  };
  auto storePartial = [&](Value partial) {
    rows.store(b.muli(partial, op.getTileRows()), rows.partialMap, partial);
  };
  b.ifThen(exists, [&] {
    Value events = b.andi(lastStart, b.i32((1 << kEventBits) - 1));
    Value partials = rows.storeTile(tile, isSplit, insideUpTo(last, events),
                                    countOf(below, 0),
                                    b.subi(b.umax(lastPosition, start), start));
    b.ifThen(isSplit, [&] { storePartial(b.addi(partials, -1)); });
  });
  Value inside = insideUpTo(thread, passed);
  Value work = b.addi(number, inside);
  Value isPast = b.ori(b.cmpi(IPredicate::uge, thread, b.i32(clusters)),
                       b.cmpi(IPredicate::uge, position, total));
  b.ifThen(b.below(thread, clusters + 1), [&] {
    Value works = b.addi(rows.numTiles, countOf(all, 2));
    rows.store(b.select(isPast, works, work), rows.workIndptr, thread);
  });
  rows.clearWorks(b.addi(rows.numTiles, kPlanThreads));
  b.ifThen(isInside, [&] {
    PlanTile other = rows.tileOf(number);
    other.tokens = tokens.load(number);
    other.base = op.getTopk() ? b.muli(other.request, op.getListStride())
                              : bases.load(number);
    Value split = b.subi(inside, countOf(below, 1));
    Value partial = b.addi(b.addi(inside, split), -2);
    rows.storeWork(other, b.addi(work, -1), b.muli(partial, op.getTileRows()),
                   b.subi(b.umax(previous, from), from),
                   b.subi(position, from));
    storePartial(partial);
  });
}

void ShortPlan::run(function_ref<void()> general) {
  tile = rows.tileOf(b.thread());
  exists = b.cmpi(IPredicate::ult, b.thread(), rows.numTiles);
  SmallVector<Value> none;
  for (const Buffer &buffer : {rows.lengths, rows.extraLengths})
    if (buffer)
      none.push_back(
          arith::ConstantOp::create(b, b.getIntegerAttr(buffer.element, 0)));
  SmallVector<Value> lengths =
      b.ifElse(exists, [&] { return rows.lengthsOf(tile.request); }, none);
  b.issueLoads();
  clear();
  sum(lengths);
  auto branch = scf::IfOp::create(b, isShort(), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.elseBlock());
  // Nothing computed for a short plan is kept for the other one.
  Value own = b.thread();
  bool isAmd = b.getTarget().vendor == hipfuse::Vendor::AMD;
  Value again = b.assembly(own.getType(), "", isAmd ? "=v,0" : "=r,0", own);
  general();
  own.replaceUsesWithIf(again, [&](OpOperand &use) {
    Operation *user = use.getOwner();
    return user != again.getDefiningOp() &&
           branch.getElseRegion().isAncestor(user->getParentRegion());
  });
  b.setInsertionPointToStart(branch.thenBlock());
  if (op.getEvenSplit())
    step = rows.evenShare(step, clusters, [&](Value size) {
      Value blocks =
          b.addi(cost, -static_cast<int64_t>(op.getOverheadBlocks()));
      return b.select(exists, rows.worksOf(blocks, size), b.i32(0));
    });
  Value most = b.i32(std::numeric_limits<int32_t>::max());
  Value one = b.i32(int64_t(1) << 31);
  reciprocal = b.addi(arith::DivUIOp::create(b, b.addi(one, -1), step), 1);
  rest = b.addi(start, rest);
  tileStart.store(start, b.thread());
  restStart.store(b.select(exists, rest, most), b.thread());
  tokens.store(tile.tokens, b.thread());
  if (!op.getTopk())
    bases.store(tile.base, b.thread());
  b.ifThen(b.isZero(b.thread()),
           [&] { tileStart.store(total, b.i32(kPlanThreads)); });
  markEvents();
  b.barrier();
  findJumps();
  findStart();
  emit();
}

void lm::emitShortPlan(KernelBuilder &b, PlanRows &rows,
                       function_ref<void()> general) {
  ShortPlan(b, rows).run(general);
}
