//===-- AttentionReduce.cpp - Merging partial results of attention --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A wave merges partials of one query row and head. Its lanes load the numbers
// of as many partials as there are lanes and find their weights, which then go
// from lane to lane: nothing waits for memory twice, or for another wave.
//
// Many rows have few partials each, as a plan makes no more than two per
// cluster: then a wave has all columns of a row. Few rows may have many
// partials: then the columns of a row are spread over workgroups, and its
// partials over the waves of each, whose sums meet in LDS. The launch says
// which, as the number of rows may be known only then.
//
//===----------------------------------------------------------------------===//

#include "AttentionProblem.h"

#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();

/// Columns of a lane: 16 bytes of f32.
static constexpr int64_t kColumns = 4;
static constexpr int64_t kThreads = 256;
/// Loads of columns that a lane issues together, if it has those of all of its
/// row's partials, or of every eighth: these are seldom many.
static constexpr int64_t kLoads = 8, kFewLoads = 4;

namespace {

/// A sum of columns that are weighted relative to `max`, and of the weights;
/// `max` is that of the logarithms, -inf where nothing was summed.
struct Sums {
  Value max, total;
  SmallVector<Value> columns; ///< chunks of four for each lane

  SmallVector<Value> pack() const {
    SmallVector<Value> values = {max, total};
    values.append(columns);
    return values;
  }
  static Sums unpack(ValueRange values) {
    return {values[0], values[1],
            SmallVector<Value>(values.begin() + 2, values.end())};
  }
};

class ReduceKernel {
public:
  ReduceKernel(const AttentionProblem &problem, const EmitterContext &context,
               const Partials &partials)
      : b(problem.op, context, kThreads, kColumns), problem(problem),
        order(partials.order), wave(b.getTarget().waveSize),
        waves(kThreads / wave),
        parts(problem.valueColumns / (wave * kColumns)) {
    assert(parts * wave * kColumns == problem.valueColumns);
    b.setName("attention_reduce");
    launchSizes();
    indptr = b.buffer(problem.plan[2]);
    finalMap = b.buffer(problem.plan[3]);
    partialMap = b.buffer(problem.plan[4]);
    partOut = b.buffer(partials.out);
    partLse = b.buffer(partials.lse);
    out = b.buffer(problem.out);
    lse = b.buffer(problem.lse);
    sink = b.buffer(problem.sink);
  }

  void run();

private:
  void launchSizes();
  Value loadAt(const Buffer &buffer, ValueRange indices) {
    return b.load(buffer, b.rowOffset(buffer, indices), Value(), /*lanes=*/1,
                  /*constant=*/true);
  }
  void findRow(Value number);
  Value exists(Value index) {
    return b.cmpi(arith::CmpIPredicate::ult, index, count);
  }
  Value findPartial(Value index);
  Sums sumPartials(Value place, Value begin, int64_t stride, Value firstColumn,
                   int64_t chunks);
  Sums mergeWaves(const Sums &sums, Value number);
  void mergeRow(Value number, Value place);
  void finish(const Sums &sums, Value firstColumn);
  void storeColumns(Value values, Value offset, Value first);
  Value referenceOf(Value max) {
    Value isEmpty = b.cmpf(FPredicate::OEQ, max, b.f32(-kInf));
    return b.select(isEmpty, b.f32(0.0f), max);
  }

  KernelBuilder b;
  const AttentionProblem &problem;
  PartialOrder order;
  int64_t wave, waves; ///< lanes of a wave, and waves of a workgroup
  int64_t parts;       ///< workgroups of a row, if rows are few
  Value gridRows, gridParts, isFew, numRows;
  Buffer indptr, finalMap, partialMap, partOut, partLse, out, lse, sink;
  // Of the wave's row: its head, row of q and row in its tile, its partials and
  // its sink.
  Value head, row, tileRow, first, count, rowSink;
};

} // namespace

/// The grid, and whether rows are few.
void ReduceKernel::launchSizes() {
  OpBuilder &host = b.host();
  Location loc = b.getLoc();
  Value rows = b.hostSize(problem.out, 0, 2);
  Value fewRows =
      arith::CmpIOp::create(host, loc, arith::CmpIPredicate::ule, rows,
                            b.hostNumber(4 * problem.getNumClusters()));
  auto choose = [&](Value ifFew, Value ifMany) -> Value {
    return arith::SelectOp::create(host, loc, fewRows, ifFew, ifMany);
  };
  gridRows = choose(rows, b.hostGroups(rows, waves));
  gridParts = choose(b.hostNumber(parts), b.hostNumber(1));
  isFew = b.isNonZero(b.parameter32(choose(b.hostNumber(1), b.hostNumber(0))));
  numRows = b.parameter32(rows);
}

/// The row and head number `number`.
void ReduceKernel::findRow(Value number) {
  Value exists = b.cmpi(arith::CmpIPredicate::ult, number, numRows);
  number = b.select(exists, number, b.i32(0));
  head = b.remui(number, problem.heads);
  row = b.divui(number, problem.heads);
  if (sink)
    rowSink = loadAt(sink, head);
  // The tile of the row, and the row in its tile.
  Value tile = row;
  tileRow = b.i32(0);
  if (problem.qLen > 1) {
    // The first tile has as many rows as any.
    Value size = loadAt(finalMap, {b.i32(0), b.i32(1)});
    Value request = b.divui(row, problem.qLen);
    Value inRequest = b.remui(row, problem.qLen);
    Value tiles = arith::CeilDivUIOp::create(b, b.i32(problem.qLen), size);
    tile = b.addi(b.muli(request, tiles),
                  arith::DivUIOp::create(b, inRequest, size));
    tileRow = arith::RemUIOp::create(b, inRequest, size);
  }
  first = loadAt(indptr, tile);
  Value end = loadAt(indptr, b.addi(tile, b.i32(1)));
  count = b.select(exists, b.subi(end, first), b.i32(0));
}

/// Where partial number `index` of the row is, 0 where there is none.
Value ReduceKernel::findPartial(Value index) {
  return b.ifElse(
      exists(index),
      [&]() -> SmallVector<Value> {
        Value place = loadAt(partialMap, b.addi(first, index));
        return {b.addi(place, tileRow)};
      },
      b.i32(0))[0];
}

/// Sums the partials `begin`, `begin` + `stride`, ..., `chunks` chunks of
/// columns from the lane's `firstColumn` on. `place` is that of the first
/// partial of the lane.
Sums ReduceKernel::sumPartials(Value place, Value begin, int64_t stride,
                               Value firstColumn, int64_t chunks) {
  int64_t unroll = (stride > 1 ? kFewLoads : kLoads) / chunks;
  Value lane = b.laneInWave();
  Sums init = {b.f32(-kInf), b.f32(0.0f),
               SmallVector<Value>(chunks, b.f32(0.0f, b.splat(b.f32(0.0f))))};
  SmallVector<Value> inits = {place};
  inits.append(init.pack());
  auto groups =
      scf::ForOp::create(b, begin, count, b.i32(wave * stride), inits);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(groups.getBody());
  place = groups.getRegionIterArg(0);
  Sums sums = Sums::unpack(groups.getRegionIterArgs().drop_front());
  Value base = groups.getInductionVar();
  Value index = b.addi(base, b.muli(lane, b.i32(stride)));
  // Past the last partial weights and columns are 0.
  Value left = b.subi(count, base);
  if (stride > 1)
    left = b.divui(b.addi(left, b.i32(stride - 1)), stride);
  left = b.umin(left, b.i32(wave));
  auto loadColumns = [&](Value first) {
    SmallVector<Value> columns;
    for (int64_t i = 0; i < unroll; ++i) {
      Value index = b.addi(first, b.i32(i));
      Value from = b.shuffleFrom(place, index);
      auto load = [&] {
        Value offset = b.rowOffset(partOut, {from, head});
        SmallVector<Value> loaded;
        for (int64_t c = 0; c < chunks; ++c)
          loaded.push_back(b.load(
              partOut, offset, b.addi(firstColumn, b.i32(c * wave * kColumns)),
              kColumns));
        return loaded;
      };
      columns.append(
          i == 0 ? load()
                 : b.ifElse(b.cmpi(arith::CmpIPredicate::ult, index, left),
                            load, init.columns));
    }
    return columns;
  };
  // Columns are asked for before the logarithms are waited for.
  SmallVector<Value> loaded = loadColumns(b.i32(0));
  Value value = b.ifElse(
      exists(index),
      [&] { return SmallVector<Value>{loadAt(partLse, {place, head})}; },
      b.f32(-kInf))[0];
  b.issueLoads();
  Value max = b.reduceLanes(value, wave,
                            [&](Value x, Value y) { return maxf(b, x, y); });
  max = maxf(b, sums.max, max);
  Value reference = referenceOf(max);
  Value rescale = exponential(b, b.subf(sums.max, reference));
  Value weight = exponential(b, b.subf(value, reference));
  Value added = b.reduceLanes(weight, wave,
                              [&](Value x, Value y) { return b.addf(x, y); });
  sums.max = max;
  sums.total = b.addf(b.mulf(sums.total, rescale), added);
  for (Value &columns : sums.columns)
    columns = b.mulf(columns, b.splat(rescale));

  auto addColumns = [&](Value first, ArrayRef<Value> loaded,
                        MutableArrayRef<Value> columns) {
    for (int64_t i = 0; i < unroll; ++i) {
      Value factor = b.splat(b.shuffleFrom(weight, b.addi(first, b.i32(i))));
      for (int64_t c = 0; c < chunks; ++c)
        columns[c] = b.addf(columns[c], b.mulf(factor, loaded[i * chunks + c]));
    }
  };
  addColumns(b.i32(0), loaded, sums.columns);
  auto loop =
      scf::ForOp::create(b, b.i32(unroll), left, b.i32(unroll), sums.columns);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value first = loop.getInductionVar();
    SmallVector<Value> columns(loop.getRegionIterArgs());
    addColumns(first, loadColumns(first), columns);
    scf::YieldOp::create(b, columns);
  }
  sums.columns = llvm::to_vector_of<Value>(loop.getResults());
  SmallVector<Value> next = {findPartial(b.addi(index, b.i32(wave * stride)))};
  next.append(sums.pack());
  scf::YieldOp::create(b, next);
  return Sums::unpack(groups.getResults().drop_front());
}

/// The sums of all waves, of one chunk each, in their order. `number` is the
/// wave's.
Sums ReduceKernel::mergeWaves(const Sums &sums, Value number) {
  auto columnsOf = [&](Value number) {
    return b.ldsAddress(
        "reduce_columns", kThreads * kColumns * 4,
        b.muli(b.addi(b.muli(number, b.i32(wave)), b.laneInWave()),
               b.i32(kColumns)));
  };
  auto numbersOf = [&](Value number) {
    return b.ldsAddress("reduce_numbers", waves * 8, b.shli(number, 1));
  };
  auto pair = b.vectorOf(b.getF32Type(), 2);
  LLVM::StoreOp::create(b, sums.columns[0], columnsOf(number), 16);
  b.ifThen(b.isZero(b.laneInWave()), [&] {
    Value numbers = vector::FromElementsOp::create(
        b, pair, ValueRange{sums.max, sums.total});
    LLVM::StoreOp::create(b, numbers, numbersOf(number), 8);
  });
  b.barrier();
  SmallVector<Value> maxima, totals;
  Value max;
  for (int64_t i = 0; i < waves; ++i) {
    Value numbers = LLVM::LoadOp::create(b, pair, numbersOf(b.i32(i)), 8);
    auto element = [&](int64_t index) -> Value {
      return vector::ExtractOp::create(b, numbers, ArrayRef<int64_t>{index});
    };
    maxima.push_back(element(0));
    totals.push_back(element(1));
    max = max ? maxf(b, max, maxima.back()) : maxima.back();
  }
  Value reference = referenceOf(max);
  Value total, columns;
  for (int64_t i = 0; i < waves; ++i) {
    Value factor = exponential(b, b.subf(maxima[i], reference));
    Value part = LLVM::LoadOp::create(b, b.vectorOf(b.getF32Type()),
                                      columnsOf(b.i32(i)), 16);
    part = b.mulf(part, b.splat(factor));
    columns = columns ? b.addf(columns, part) : part;
    Value weights = b.mulf(totals[i], factor);
    total = total ? b.addf(total, weights) : weights;
  }
  return {max, total, {columns}};
}

/// Stores the values of four positions from `first` on.
void ReduceKernel::storeColumns(Value values, Value offset, Value first) {
  if (order == PartialOrder::Columns)
    return b.storeF32(values, out, offset, first);
  auto bits = [&](int64_t lowest, int64_t count) {
    return b.andi(b.shrui(first, lowest), b.i32((1 << count) - 1));
  };
  Value column = b.addi(b.shli(b.shrui(first, 8), 8), bits(2, 3));
  column = b.addi(column, b.shli(bits(5, 1), 7));
  column = b.addi(column, b.shli(bits(6, 2), 4));
  for (int64_t k = 0; k < kColumns; ++k) {
    Value value = vector::ExtractOp::create(b, values, ArrayRef<int64_t>{k});
    b.storeF32(value, out, offset,
               b.addi(column, b.i32(k / 2 * 64 + k % 2 * 8)));
  }
}

/// Writes the row's columns from the lane's `firstColumn` on.
void ReduceKernel::finish(const Sums &sums, Value firstColumn) {
  Value isEmpty = b.cmpf(FPredicate::OEQ, sums.total, b.f32(0.0f));
  Value total = b.select(isEmpty, b.f32(1.0f), sums.total);
  Value merged =
      b.select(isEmpty, b.f32(-kInf), b.addf(sums.max, logarithm(b, total)));
  Value offset = b.rowOffset(out, {row, head});
  for (auto [c, columns] : llvm::enumerate(sums.columns)) {
    Value values = b.divf(columns, b.splat(total));
    if (sink)
      values = applySinkFactor(b, values, sinkFactor(b, rowSink, merged));
    storeColumns(values, offset,
                 b.addi(firstColumn, b.i32(c * wave * kColumns)));
  }
  if (lse)
    b.ifThen(b.isZero(firstColumn), [&] {
      b.store(merged, lse, b.rowOffset(lse, {row, head}), Value());
    });
}

/// Merges the row's partials. `place` is that of the lane's first one.
void ReduceKernel::mergeRow(Value number, Value place) {
  Value column = b.muli(b.laneInWave(), b.i32(kColumns));
  Value isSplit = b.isNonZero(count);
  auto branch = scf::IfOp::create(b, isFew, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&branch.getThenRegion().front());
  Value firstColumn =
      b.addi(column, b.muli(b.workgroup(1), b.i32(wave * kColumns)));
  Sums sums = mergeWaves(
      sumPartials(place, number, /*stride=*/waves, firstColumn, /*chunks=*/1),
      number);
  b.ifThen(b.andi(isSplit, b.isZero(number)),
           [&] { finish(sums, firstColumn); });
  b.setInsertionPointToStart(&branch.getElseRegion().front());
  b.ifThen(isSplit, [&] {
    finish(sumPartials(place, b.i32(0), /*stride=*/1, column, /*chunks=*/parts),
           column);
  });
}

void ReduceKernel::run() {
  // A launch takes about as long as the merging of few rows. The plan and the
  // sink are older than the partial results: only these are waited for.
  b.startEarly();
  Value number = b.divui(b.thread(), wave), lane = b.laneInWave();
  findRow(b.select(isFew, b.workgroup(),
                   b.addi(b.muli(b.workgroup(), b.i32(waves)), number)));
  Value ifFew = b.addi(number, b.muli(lane, b.i32(waves)));
  Value place = findPartial(b.select(isFew, ifFew, lane));
  // Rows that are not split need not wait. Some must, so that this launch does
  // not end before the one that it follows.
  b.ifThen(b.ori(b.isNonZero(count), b.isZero(b.workgroup())), [&] {
    b.awaitLaunchBefore();
    mergeRow(number, place);
  });
  b.launch({gridRows, gridParts});
}

void lm::emitAttentionReduce(const AttentionProblem &problem,
                             const EmitterContext &context,
                             const Partials &partials) {
  ReduceKernel(problem, context, partials).run();
}
