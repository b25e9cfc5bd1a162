//===-- PlanKernels.cpp - The kernel of attention plans -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One workgroup makes a plan. It takes the tiles of all requests in chunks of a
// tile per thread, almost always one; PlanStarts finds where clusters start in
// them. A start inside a tile splits it: it ends a work, and the tile's end
// ends another. So the numbers of works and of partials are those of the starts
// inside tiles and of the tiles that have some, counted from the left.
//
// Positions, tokens and blocks are i64, whatever fits; what the plan holds is
// i32. Starts are found with i32 positions in chunks where these suffice.
//
//===----------------------------------------------------------------------===//

#include "PlanRows.h"
#include "PlanShort.h"
#include "PlanStarts.h"
#include "RowTile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

namespace {

class PlanKernel {
public:
  PlanKernel(AttentionPlanOp op, KernelBuilder &b, PlanRows &rows)
      : op(op), b(b), rows(rows),
        starts(b, LdsMemory(b), op.getNumClusters(), op.getOverheadBlocks()) {}

  void run();

private:
  /// What chunks leave to the following one.
  enum {
    kPosition, ///< of the first tile, i64
    kUnits,    ///< of the requests before it, i32
    kStarts,   ///< clusters whose starts are known, i32
    kNext,     ///< as PlanStarts::find returns it
    kCounts,   ///< starts inside tiles and tiles with such starts, packed
    kNumCarried
  };

  Value i64(int64_t value) {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  }

  // Neither count is more than that of clusters.
  static constexpr int64_t kCountBits = 16;
  static_assert(kMaxPlanClusters < (1 << kCountBits));
  Value insideOf(Value counts) {
    return b.andi(counts, b.i32((1 << kCountBits) - 1));
  }
  Value splitOf(Value counts) { return b.shrui(counts, kCountBits); }

  Value blocksOf(Value request) {
    return rows.blocksOf(
        rows.tokensOf(rows.lengthsOf(request), b.getI64Type()));
  }
  Value totalOfMany();
  Value stepOf(Value total);
  SmallVector<Value> emitChunk(Value first, Value totalOfMany,
                               ValueRange carried);
  Value emitStarts(const PlanTile &tile, const PlanTiles &tiles, Value first,
                   ValueRange range, Value counts);
  void emitTile(const PlanTile &tile, const PlanTiles &tiles, Value numStarts);
  void emitRest(ValueRange carried);

  AttentionPlanOp op;
  KernelBuilder &b;
  PlanRows &rows;
  PlanStarts starts;
};

} // namespace

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Blocks of all tiles of a plan that does not fit one chunk, 0 of others,
/// overheads included.
Value PlanKernel::totalOfMany() {
  Value isMany = b.cmpi(IPredicate::ugt, rows.numTiles, b.i32(kPlanThreads));
  return b.ifElse(
      isMany,
      [&]() -> SmallVector<Value> {
        auto loop = scf::ForOp::create(b, b.thread(), rows.requests,
                                       b.i32(kPlanThreads), i64(0));
        keepRolled(loop);
        {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(loop.getBody());
          Value cost = b.muli(
              b.addi(blocksOf(loop.getInductionVar()), op.getOverheadBlocks()),
              op.getTiles());
          scf::YieldOp::create(b, b.addi(loop.getRegionIterArg(0), cost));
        }
        return {prefixSums(b, "plan_total", loop.getResult(0))[0].second};
      },
      i64(0))[0];
}

/// Positions between the starts of two clusters.
Value PlanKernel::stepOf(Value total) {
  Value clusters = i64(op.getNumClusters()), step;
  if (op.getMaxSplit()) {
    Value split = b.muli(b.zext64(rows.requests), *op.getMaxSplit());
    clusters = b.minsi(clusters, b.maxsi(split, i64(1)));
    step = arith::DivUIOp::create(b, b.addi(total, b.addi(clusters, -1)),
                                  clusters);
  } else {
    step = rows.ceilDiv(total, op.getNumClusters());
  }
  if (!op.getEvenSplit())
    return step;
  return rows.evenShare(step, low32(b, clusters), [&](Value size) -> Value {
    auto loop = scf::ForOp::create(b, b.thread(), rows.requests,
                                   b.i32(kPlanThreads), i64(0));
    keepRolled(loop);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value works = b.muli(rows.worksOf(blocksOf(loop.getInductionVar()), size),
                         op.getTiles());
    scf::YieldOp::create(b, b.addi(loop.getRegionIterArg(0), works));
    return loop.getResult(0);
  });
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Writes the works that end at the starts of clusters `range`, and where the
/// works of these clusters begin. `counts` are those before, and returned with
/// these.
Value PlanKernel::emitStarts(const PlanTile &tile, const PlanTiles &tiles,
                             Value first, ValueRange range, Value counts) {
  // What threads of other tiles need of this one.
  LdsArray numbers = starts.spare(), words(numbers, b.getI32Type());
  auto startAt = [&](Value tile) { return b.addi(tile, kPlanThreads); };
  auto baseAt = [&](Value tile) { return b.addi(tile, 4 * kPlanThreads + 2); };
  numbers.store(tile.tokens, b.thread());
  numbers.store(tiles.start, startAt(b.thread()));
  words.store(tile.base, baseAt(b.thread()));
  // Starts may be at the end of the chunk.
  b.ifThen(b.isZero(b.thread()),
           [&] { numbers.store(tiles.end, startAt(b.i32(kPlanThreads))); });
  b.barrier();
  auto loop =
      scf::ForOp::create(b, range[0], range[1], b.i32(kPlanThreads), counts);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value cluster = b.addi(loop.getInductionVar(), b.thread());
  Value exists = b.cmpi(IPredicate::ult, cluster, range[1]);
  cluster = b.select(exists, cluster, b.i32(0));
  Value position = starts.positions.load(cluster);
  Value local = starts.tileOf.load(cluster);
  Value tileStart = numbers.load(startAt(local));
  Value previous = starts.positions.load(
      b.addi(cluster, b.select(b.isZero(cluster), b.i32(0), b.i32(-1))));
  Value isInside = b.andi(exists, b.cmpi(IPredicate::sgt, position, tileStart));
  Value isFirst =
      b.andi(isInside, b.cmpi(IPredicate::sle, previous, tileStart));
  Value counted =
      b.ori(zext32(b, isInside), b.shli(zext32(b, isFirst), kCountBits));
  auto [before, all] = prefixSums(b, "plan_counts", counted)[0];
  Value upTo = b.addi(b.addi(loop.getRegionIterArg(0), before), counted);
  Value insideTo = insideOf(upTo), splitTo = splitOf(upTo);
  Value number = b.addi(b.addi(first, local), insideTo);
  b.ifThen(exists, [&] {
    rows.store(number, rows.workIndptr, cluster);
    // For the tiles' last works.
    starts.tileOf.store(upTo, cluster);
  });
  b.ifThen(isInside, [&] {
    PlanTile other = rows.tileOf(b.addi(first, local));
    other.tokens = numbers.load(local);
    other.base = words.load(baseAt(local));
    Value partial = b.addi(b.addi(insideTo, splitTo), -2);
    rows.storeWork(other, b.addi(number, -1), b.muli(partial, op.getTileRows()),
                   b.subi(b.maxsi(previous, tileStart), tileStart),
                   b.subi(position, tileStart));
  });
  b.barrier();
  scf::YieldOp::create(b, b.addi(loop.getRegionIterArg(0), all));
  return loop.getResult(0);
}

/// Writes the tile's last work and what is to be merged into it. `numStarts`
/// are known.
void PlanKernel::emitTile(const PlanTile &tile, const PlanTiles &tiles,
                          Value numStarts) {
  Value last = starts.lastBefore(b.addi(tiles.start, tiles.cost), numStarts);
  Value position = starts.positions.load(last);
  Value counts = starts.tileOf.load(last);
  Value isSplit = b.cmpi(IPredicate::sgt, position, tiles.start);
  rows.storeTile(tile, isSplit, insideOf(counts), splitOf(counts),
                 b.subi(b.maxsi(position, tiles.start), tiles.start));
}

//===----------------------------------------------------------------------===//
// Chunks
//===----------------------------------------------------------------------===//

/// Plans the tiles from number `first` on.
SmallVector<Value> PlanKernel::emitChunk(Value first, Value totalOfMany,
                                         ValueRange carried) {
  PlanTile tile = rows.tileOf(b.addi(first, b.thread()));
  Value exists = b.cmpi(IPredicate::ult, tile.number, rows.numTiles);
  SmallVector<Value> known = b.ifElse(
      exists,
      [&]() -> SmallVector<Value> {
        Value tokens =
            rows.tokensOf(rows.lengthsOf(tile.request), b.getI64Type());
        return {tokens, b.addi(rows.blocksOf(tokens), op.getOverheadBlocks())};
      },
      ValueRange{i64(0), i64(0)});
  tile.tokens = known[0];
  PlanTiles tiles;
  tiles.cost = known[1];

  // The first unit of a request is that after all before it, and these are
  // complete.
  SmallVector<Value> terms = {tiles.cost};
  Value units = low32(b, rows.unitsOf(tile.tokens));
  if (!op.getTopk()) {
    Value isLast = b.cmpi(IPredicate::eq, tile.place, b.i32(op.getTiles() - 1));
    terms.push_back(b.select(isLast, units, b.i32(0)));
  }
  auto sums = prefixSums(b, "plan_sums", terms);
  tiles.first = carried[kPosition];
  tiles.start = b.addi(tiles.first, sums[0].first);
  tiles.end = b.addi(tiles.first, sums[0].second);
  Value unitsAfter = carried[kUnits];
  if (op.getTopk()) {
    tile.base = b.muli(tile.request, op.getListStride());
  } else {
    tile.base = b.addi(unitsAfter, sums[1].first);
    unitsAfter = b.addi(unitsAfter, sums[1].second);
  }
  Value left = b.subi(rows.numTiles, first);
  tiles.count = b.umin(left, b.i32(kPlanThreads));
  Value isMany = b.cmpi(IPredicate::ugt, rows.numTiles, b.i32(kPlanThreads));
  Value total = b.select(isMany, totalOfMany, sums[0].second);

  tiles.rest = rows.restOf(
      tile.tokens,
      b.addi(tiles.cost, -static_cast<int64_t>(op.getOverheadBlocks())));

  Value isFirst = b.isZero(first);
  Value numStarts, next;
  std::tie(numStarts, next) = starts.find(tiles, isFirst, carried[kStarts],
                                          carried[kNext], stepOf(total));
  Value counts = emitStarts(tile, tiles, first, {carried[kStarts], numStarts},
                            carried[kCounts]);
  b.ifThen(exists, [&] { emitTile(tile, tiles, numStarts); });
  b.barrier();
  return {tiles.end, unitsAfter, numStarts, next, counts};
}

/// Writes what no chunk does: clusters without works, unused rows.
void PlanKernel::emitRest(ValueRange carried) {
  Value inside = insideOf(carried[kCounts]);
  Value numWorks = b.addi(rows.numTiles, inside);
  Value numPartials = b.addi(inside, splitOf(carried[kCounts]));
  b.ifThen(b.isZero(b.thread()),
           [&] { rows.store(b.i32(0), rows.reduceIndptr, b.i32(0)); });
  rows.forThreads(
      carried[kStarts], b.i32(op.getNumClusters() + 1),
      [&](Value cluster) { rows.store(numWorks, rows.workIndptr, cluster); });
  rows.forThreads(
      b.i32(0), b.size(op.getReducePartialMap(), 0), [&](Value index) {
        Value used = b.cmpi(IPredicate::ult, index, numPartials);
        Value row = b.select(used, b.muli(index, op.getTileRows()), b.i32(-1));
        rows.store(row, rows.partialMap, index);
      });
  rows.clearWorks(numWorks);
}

void PlanKernel::run() {
  Value total = totalOfMany();
  Value inits[kNumCarried] = {i64(0), b.i32(0), b.i32(0), i64(0), b.i32(0)};
  auto loop = scf::ForOp::create(b, b.i32(0), rows.numTiles,
                                 b.i32(kPlanThreads), ValueRange(inits));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(
        b, emitChunk(loop.getInductionVar(), total, loop.getRegionIterArgs()));
  }
  emitRest(loop.getResults());
}

/// One workgroup: most of the work is a chain of steps that it takes together.
static Refusal emitAttentionPlan(AttentionPlanOp op, EmitterContext &context) {
  int64_t clusters = op.getNumClusters();
  if (clusters > kMaxPlanClusters)
    return "plans of " + std::to_string(clusters) +
           " clusters; a kernel holds up to " +
           std::to_string(kMaxPlanClusters);
  for (Value memref : {op.getWorks(), op.getReduceFinalMap()})
    if (Refusal refusal = refuseRow(memref))
      return refusal;
  KernelBuilder b(op, context, kPlanThreads, /*vector=*/1);
  PlanRows rows(op, b);
  auto general = [&] { PlanKernel(op, b, rows).run(); };
  if (isShortPlan(op))
    emitShortPlan(b, rows, general);
  else
    general();
  int64_t perTile = 4 * (8 + 1 + 2);
  b.setBytesPerRow(rows.lengths.elementBytes() + op.getTiles() * perTile);
  b.launch(b.hostNumber(1));
  return std::nullopt;
}

void lm::addPlanEmitters(EmitterMap &emitters) {
  addEmitter<AttentionPlanOp, emitAttentionPlan>(emitters);
}
