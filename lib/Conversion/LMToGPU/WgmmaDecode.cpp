//===-- WgmmaDecode.cpp - Decode attention with wgmma ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The keys are the tall operand of both products, so that the matrix unit's 64
// rows are always full, however few heads there are:
//
//   S^T [64 keys, N rows]    = K [64, D] * Q^T [D, N]
//   O^T [V columns, N rows] += V^T [V, 64 keys] * P^T [64, N]
//
// where a row is a query row and head, N of them in a workgroup. K and V are
// the same tile in shared memory; the second product reads it transposed.
//
// A workgroup is three warp groups. One fills tiles of 64 keys, gathered by
// slot and converted to bf16 on the way; the tiles' barriers are its only tie
// to the others. The other two find the scores of half of the rows each, and
// then half of the output's columns each.
//
// The softmax is in base 2 and refers to a maximum that it lags behind by up to
// 2^8: the sums stay in range, and few tiles need more than a vote on that.
//
//===----------------------------------------------------------------------===//

#include "AttentionProblem.h"
#include "KeyLoader.h"
#include "Wgmma.h"
#include "WgmmaTiles.h"

#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;
using IPredicate = arith::CmpIPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();
static constexpr float kLog2E = 1.44269504088896340736f;
static constexpr float kLn2 = 0.69314718055994530942f;

/// Binary orders of magnitude that a tile's weights may exceed 1.
static constexpr float kLag = 8.0f;

namespace {

class WgmmaDecode {
public:
  WgmmaDecode(KernelBuilder &b, const AttentionProblem &problem,
              const Partials &partials, const WgmmaShape &shape)
      : b(b), unit(b), kernel(b, problem), problem(problem), shape(shape),
        tiles(b, unit, kernel, problem, shape), q(b.buffer(problem.q)),
        out(b.buffer(problem.out)), lse(b.buffer(problem.lse)),
        sink(b.buffer(problem.sink)), partOut(b.buffer(partials.out)),
        partLse(b.buffer(partials.lse)) {}

  void run();

private:
  /// What is carried from tile to tile.
  struct State {
    Value count; ///< tiles so far, of all works
    /// Of the thread's columns of scores: the softmax's reference, and the
    /// thread's part of the sum of weights.
    SmallVector<Value> max, total;
    SmallVector<Value> out; ///< sums of the output's tiles

    SmallVector<Value> pack() const;
    static State unpack(ValueRange values, int64_t columns);
  };

  void consume();
  Value consumeWork(const AttentionWork &work, Value count);
  void loadQueries(const AttentionWork &work);
  State addTile(const AttentionWork &work, const State &state, Value tile,
                ArrayRef<Value> counts);
  State moveReferences(const State &state, ArrayRef<Value> scores, Value moves);
  SmallVector<Value> scoresOf(const AttentionWork &work, Value stage,
                              Value tile, Value isSecond);
  void finish(const AttentionWork &work, const State &state);
  void finishRow(const AttentionWork &work, Value number, Value isPartial);
  Value scaledOut(const State &state, ArrayRef<Value> factors, int64_t i);
  void storeOut(const AttentionWork &work, const State &state,
                ArrayRef<Value> factors);
  void storePartial(const AttentionWork &work, const State &state,
                    ArrayRef<Value> factors);
  void storeColumnPairs(const AttentionWork &work, const State &state,
                        ArrayRef<Value> factors, const Buffer &buffer,
                        bool isPartial);

  Value exp2(Value value) {
    return b.intrinsic("llvm.nvvm.ex2.approx.ftz.f", b.getF32Type(), value);
  }
  Value log2(Value value) {
    return b.intrinsic("llvm.nvvm.lg2.approx.ftz.f", b.getF32Type(), value);
  }
  Value maximum(Value lhs, Value rhs) {
    return b.intrinsic("llvm.nvvm.fmax.f", b.getF32Type(), {lhs, rhs});
  }
  Value isEmpty(Value max) {
    return b.cmpf(FPredicate::OEQ, max, b.f32(-kInf));
  }
  void syncConsumers() { unit.namedBarrier(/*id=*/1, kConsumers); }
  /// Row of the query rows and heads of a work, the row of q and the head.
  std::pair<Value, Value> queryOf(const AttentionWork &work, Value row);
  /// Address of the f32 of the thread's first column of block `block`.
  Value columnAddress(Value first, int64_t block);
  Value weightOffset();
  /// The f32 pair there.
  SmallVector<Value> loadColumns(Value first, int64_t blocks);
  void storeColumns(Value first, ArrayRef<Value> values);

  int64_t scoreBlocks() const { return shape.rows / kConsumerGroups / 8; }
  int64_t outBlocks() const { return shape.rows / 8; }
  /// Tiles of 64 columns of the output that a warp group has.
  int64_t outTiles() const {
    return problem.valueColumns / kConsumerGroups / kSwizzleColumns;
  }
  Value address(int64_t offset) { return tiles.at(offset); }

  KernelBuilder &b;
  WgmmaUnit unit;
  AttentionKernel kernel;
  const AttentionProblem &problem;
  const WgmmaShape &shape;
  WgmmaTiles tiles;
  Buffer q, out, lse, sink, partOut, partLse;
  Value group;      ///< warp group
  Value warp;       ///< in its warp group
  Value lane;       ///< in its warp
  Value firstRow;   ///< of the workgroup, of the rows of a work
  Value firstScore; ///< of the warp group, of the rows of the workgroup
  /// Bytes from a row of f32 to the thread's first column, from a tile's keys
  /// to its first, and from the warp group's weights to those it stores.
  Value columnBytes, keyBytes, weightBytes;
};

} // namespace

SmallVector<Value> WgmmaDecode::State::pack() const {
  SmallVector<Value> values = {count};
  values.append(max);
  values.append(total);
  values.append(out);
  return values;
}

WgmmaDecode::State WgmmaDecode::State::unpack(ValueRange values,
                                              int64_t columns) {
  State state;
  state.count = values.front();
  state.max.assign(values.begin() + 1, values.begin() + 1 + columns);
  state.total.assign(values.begin() + 1 + columns,
                     values.begin() + 1 + 2 * columns);
  state.out.assign(values.begin() + 1 + 2 * columns, values.end());
  return state;
}

void WgmmaDecode::run() {
  tiles.initBarriers();
  b.barrier();
  group = b.divui(b.thread(), kWarpGroup);
  firstRow = b.muli(b.workgroup(1), b.i32(shape.rows));
  Value cluster = b.workgroup();
  auto roles = scf::IfOp::create(
      b, b.cmpi(IPredicate::ult, group, b.i32(kConsumerGroups)),
      /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto eachWork = [&](function_ref<Value(const AttentionWork &, Value)> body) {
    kernel.forWorks(
        cluster, b.i32(0), [&](AttentionWork work, ValueRange count) {
          // A shorter tile of rows may leave this group none.
          if (shape.groups > 1 && problem.qLen > 1)
            work.end =
                b.select(b.cmpi(IPredicate::slt, queryOf(work, b.i32(0)).first,
                                work.lastRow),
                         work.end, work.begin);
          return SmallVector<Value>{body(work, count.front())};
        });
  };
  b.setInsertionPointToStart(&roles.getThenRegion().front());
  if (shape.movesRegisters)
    unit.setRegisters(shape.consumerRegisters, /*more=*/true);
  // The compiler would find these anew from the thread's number wherever it is
  // short of registers, which takes longer than what it saves.
  lane = unit.keep(b.laneInWave());
  group = unit.fromFirstLane(group);
  warp = unit.fromFirstLane(b.remui(b.divui(b.thread(), 32), kWarpGroup / 32));
  columnBytes = unit.keep(b.shli(b.remui(lane, 4), 3));
  keyBytes = unit.keep(b.shli(b.addi(b.shli(warp, 4), b.shrui(lane, 2)), 2));
  weightBytes = unit.keep(weightOffset());
  firstScore = b.muli(group, b.i32(shape.rows / kConsumerGroups));
  eachWork([&](const AttentionWork &work, Value count) {
    return consumeWork(work, count);
  });
  b.setInsertionPointToStart(&roles.getElseRegion().front());
  if (shape.movesRegisters)
    unit.setRegisters(shape.producerRegisters, /*more=*/false);
  eachWork([&](const AttentionWork &work, Value count) {
    return tiles.produce(work, count);
  });
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

std::pair<Value, Value> WgmmaDecode::queryOf(const AttentionWork &work,
                                             Value row) {
  Value number = b.addi(row, firstRow);
  return {b.addi(work.firstRow, b.divui(number, problem.heads)),
          b.remui(number, problem.heads)};
}

void WgmmaDecode::loadQueries(const AttentionWork &work) {
  int64_t units = problem.columns / 8; // of 16 bytes as bf16
  bool copies = q.element.isBF16() && !problem.a8w8;
  auto loop = scf::ForOp::create(b, b.thread(), b.i32(shape.rows * units),
                                 b.i32(kConsumers));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    Value row = b.divui(number, units), place = b.remui(number, units);
    auto [token, head] = queryOf(work, row);
    Value exists = b.cmpi(IPredicate::slt, token, work.lastRow);
    token = b.select(exists, token, work.firstRow);
    Value swizzled = arith::XOrIOp::create(b, b.andi(place, b.i32(7)),
                                           b.andi(row, b.i32(7)));
    Value target = b.addi(
        b.addi(address(shape.queries),
               b.muli(b.shrui(place, 3), b.i32(shape.rows * kSwizzleBytes))),
        b.addi(b.shli(row, 7), b.shli(swizzled, 4)));
    Value offset = b.rowOffset(q, {token, head}), column = b.shli(place, 3);
    if (copies) {
      unit.copyAsync(target, b.address(q, offset, column),
                     b.select(exists, b.i32(16), b.i32(0)));
    } else {
      SmallVector<Value> values =
          tiles.toFloats(b.load(q, offset, column, 8), q.element);
      if (problem.a8w8 && q.elementBytes() > 1) {
        if (Value scale = kernel.queryScale())
          for (Value &value : values)
            value = b.divf(value, scale);
        values = tiles.roundToFp8(values);
      }
      for (Value &value : values)
        value = b.select(exists, value, b.f32(0.0f));
      unit.store(tiles.packPairs(values), target, 16);
    }
  }
  if (copies)
    unit.waitForCopies();
  unit.fenceAsync();
  syncConsumers();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value WgmmaDecode::columnAddress(Value first, int64_t block) {
  return b.addi(b.addi(first, columnBytes), b.i32(32 * block));
}

/// Where a lane's row of the first store of weights is: matrix m of a store has
/// keys 8 (m mod 2) .. of the warp, of block m / 2.
Value WgmmaDecode::weightOffset() {
  Value matrix =
      b.remui(b.shrui(lane, 3), std::min<int64_t>(4, 2 * scoreBlocks()));
  Value row = b.addi(b.shli(b.shrui(matrix, 1), 3), b.andi(lane, b.i32(7)));
  Value place = b.addi(b.shli(warp, 1), b.andi(matrix, b.i32(1)));
  place = arith::XOrIOp::create(b, place, b.andi(lane, b.i32(7)));
  return b.addi(b.shli(row, 7), b.shli(place, 4));
}

SmallVector<Value> WgmmaDecode::loadColumns(Value first, int64_t blocks) {
  SmallVector<Value> values;
  for (int64_t j = 0; j < blocks; ++j) {
    Value pair =
        unit.load(b.vectorOf(b.getF32Type(), 2), columnAddress(first, j), 8);
    for (int64_t e = 0; e < 2; ++e)
      values.push_back(
          vector::ExtractOp::create(b, pair, ArrayRef<int64_t>{e}));
  }
  return values;
}

/// Stores a value for each of the thread's columns of scores.
void WgmmaDecode::storeColumns(Value first, ArrayRef<Value> values) {
  for (size_t j = 0; j < values.size() / 2; ++j)
    unit.store(vector::FromElementsOp::create(
                   b, b.vectorOf(b.getF32Type(), 2),
                   ValueRange{values[2 * j], values[2 * j + 1]}),
               columnAddress(first, j), 8);
}

/// The scores of the thread's rows and columns, in units of ln 2: -inf where a
/// key is not visible.
SmallVector<Value> WgmmaDecode::scoresOf(const AttentionWork &work, Value stage,
                                         Value tile, Value isSecond) {
  SmallVector<WgmmaStep> steps;
  for (int64_t column = 0; column < problem.columns; column += 16) {
    int64_t piece = column / kSwizzleColumns;
    int64_t inner = column % kSwizzleColumns * 2;
    steps.push_back({/*tile=*/0, piece * kTileKeys * kSwizzleBytes + inner,
                     piece * shape.rows * kSwizzleBytes + inner,
                     /*accumulates=*/column > 0});
  }
  Value queries =
      b.addi(address(shape.queries), b.muli(firstScore, b.i32(kSwizzleBytes)));
  SmallVector<Value> scores = unit.multiply(
      steps, /*tiles=*/1, shape.rows / kConsumerGroups, /*transposeA=*/false,
      unit.descriptor(tiles.tileAddress(stage)), unit.descriptor(queries), {});

  Value factor = b.mulf(kernel.logitFactor(0), b.f32(kLog2E));
  if (isSecond)
    factor = b.select(isSecond, b.mulf(kernel.logitFactor(1), b.f32(kLog2E)),
                      factor);
  SmallVector<Value> bias, positions;
  Value row = b.shrui(keyBytes, 2);
  for (int64_t i = 0; i < 2; ++i) {
    Value offset = b.addi(b.muli(stage, b.i32(kTileKeys * 4)), keyBytes);
    bias.push_back(unit.load(
        b.getF32Type(),
        b.addi(b.addi(address(shape.visible), offset), b.i32(32 * i)), 4));
    positions.push_back(
        b.addi(work.begin, b.addi(b.muli(tile, b.i32(kTileKeys)),
                                  b.addi(row, b.i32(8 * i)))));
  }
  for (int64_t j = 0; j < scoreBlocks(); ++j)
    for (int64_t e = 0; e < 2; ++e) {
      Value limit;
      if (problem.isPaged() && problem.qLen > 1) {
        Value column = b.addi(b.addi(firstScore, b.i32(8 * j + e)),
                              b.shli(b.remui(lane, 4), 1));
        limit = kernel.visibleKeys(work, queryOf(work, column).first);
      }
      for (int64_t i = 0; i < 2; ++i) {
        Value &score = scores[4 * j + 2 * i + e];
        score = b.addf(b.mulf(score, factor), bias[i]);
        if (limit)
          score = b.select(b.cmpi(IPredicate::slt, positions[i], limit), score,
                           b.f32(-kInf));
      }
    }
  return scores;
}

WgmmaDecode::State WgmmaDecode::addTile(const AttentionWork &work,
                                        const State &state, Value tile,
                                        ArrayRef<Value> counts) {
  auto [stage, parity] = tiles.stageOf(state.count);
  unit.wait(tiles.barrier(shape.full, stage), parity);
  // The tile was written by ordinary instructions, of other threads.
  unit.fenceAsync();
  Value isSecond;
  if (counts.size() > 1 && (kernel.valueFactor(0) || kernel.valueFactor(1)))
    isSecond = b.cmpi(IPredicate::sge, tile, counts[0]);
  SmallVector<Value> scores = scoresOf(work, stage, tile, isSecond);

  int64_t blocks = scoreBlocks();
  auto at = [&](int64_t column, int64_t i) -> Value & {
    return scores[4 * (column / 2) + 2 * i + column % 2];
  };
  // Few tiles have a score so far above its reference that this must move.
  Value exceeds;
  for (int64_t c = 0; c < 2 * blocks; ++c) {
    Value limit = b.addf(state.max[c], b.f32(problem.a8w8 ? 0.0f : kLag));
    for (int64_t i = 0; i < 2; ++i) {
      Value above = b.cmpf(FPredicate::OGT, at(c, i), limit);
      exceeds = exceeds ? b.ori(exceeds, above) : above;
    }
  }
  // Also: the other warp group has read the weights of the tile before.
  Value moves = unit.barrierOr(/*id=*/2, kConsumers, exceeds);
  State next = moveReferences(state, scores, moves);
  next.count = b.addi(state.count, b.i32(1));
  for (int64_t c = 0; c < 2 * blocks; ++c) {
    Value finite = b.select(isEmpty(next.max[c]), b.f32(0.0f), next.max[c]);
    for (int64_t i = 0; i < 2; ++i) {
      at(c, i) = exp2(b.subf(at(c, i), finite));
      next.total[c] = b.addf(next.total[c], at(c, i));
    }
  }
  if (problem.a8w8)
    scores = tiles.roundToFp8(scores);
  if (isSecond)
    for (Value &weight : scores) {
      auto factor = [&](unsigned scope) {
        Value value = kernel.valueFactor(scope);
        return value ? value : b.f32(1.0f);
      };
      weight = b.mulf(weight, b.select(isSecond, factor(1), factor(0)));
    }

  // Weights as bf16 rows of 64 keys, one per column.
  SmallVector<Value> pairs;
  for (int64_t j = 0; j < blocks; ++j)
    for (int64_t i = 0; i < 2; ++i)
      pairs.push_back(
          tiles.packPair(scores[4 * j + 2 * i], scores[4 * j + 2 * i + 1]));
  int64_t perStore = std::min<int64_t>(4, pairs.size());
  for (size_t first = 0; first < pairs.size(); first += perStore) {
    unit.storeTransposed(
        b.addi(b.addi(address(shape.weights), b.shli(firstScore, 7)),
               b.addi(weightBytes, b.i32(4 * first * kSwizzleBytes))),
        ArrayRef(pairs).slice(first, perStore));
  }
  unit.fenceAsync();
  syncConsumers();

  SmallVector<WgmmaStep> steps;
  for (int64_t key = 0; key < kTileKeys; key += 16)
    for (int64_t t = 0; t < outTiles(); ++t)
      steps.push_back({t, t * kTileKeys * kSwizzleBytes + key * kSwizzleBytes,
                       key * 2, /*accumulates=*/true});
  Value values =
      b.addi(tiles.tileAddress(stage),
             b.muli(group, b.i32(outTiles() * kTileKeys * kSwizzleBytes)));
  next.out = unit.multiply(steps, outTiles(), shape.rows, /*transposeA=*/true,
                           unit.descriptor(values),
                           unit.descriptor(address(shape.weights)), next.out);
  b.ifThen(b.isZero(lane),
           [&] { unit.arrive(tiles.barrier(shape.empty, stage)); });
  return next;
}

/// Where `moves` holds, moves the references of all columns to the maxima so
/// far, and rescales the sums accordingly.
WgmmaDecode::State WgmmaDecode::moveReferences(const State &state,
                                               ArrayRef<Value> scores,
                                               Value moves) {
  int64_t columns = state.max.size();
  auto branch = scf::IfOp::create(b, ValueRange(state.pack()).getTypes(), moves,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&branch.getElseRegion().front());
  scf::YieldOp::create(b, state.pack());
  b.setInsertionPointToStart(&branch.getThenRegion().front());
  // Maxima of the tile: of the thread's two rows, of the warp's 16, of all.
  SmallVector<Value> max;
  for (int64_t c = 0; c < columns; ++c) {
    int64_t first = 4 * (c / 2) + c % 2;
    Value value = maximum(scores[first], scores[first + 2]);
    for (int64_t distance : {4, 8, 16})
      value = maximum(value, b.shuffleXor(value, distance));
    max.push_back(value);
  }
  Value maxima =
      b.addi(address(shape.maxima), b.muli(firstScore, b.i32(4 * 4)));
  int64_t groupBytes = shape.rows / kConsumerGroups * 4;
  Value isFirstRow = b.below(lane, 4);
  b.ifThen(isFirstRow, [&] {
    storeColumns(b.addi(maxima, b.muli(warp, b.i32(groupBytes))), max);
  });
  syncConsumers();
  for (int64_t w = 0; w < kWarpGroup / 32; ++w)
    for (auto [value, other] :
         llvm::zip(max, loadColumns(b.addi(maxima, b.i32(groupBytes * w)),
                                    columns / 2)))
      value = w ? maximum(value, other) : other;
  State next = state;
  SmallVector<Value> rescale;
  for (int64_t c = 0; c < columns; ++c) {
    next.max[c] = maximum(state.max[c], max[c]);
    Value finite = b.select(isEmpty(next.max[c]), b.f32(0.0f), next.max[c]);
    rescale.push_back(exp2(b.subf(state.max[c], finite)));
    next.total[c] = b.mulf(state.total[c], rescale[c]);
  }
  b.ifThen(b.andi(isFirstRow, b.isZero(warp)), [&] {
    storeColumns(b.addi(address(shape.factors), b.shli(firstScore, 2)),
                 rescale);
  });
  syncConsumers();
  SmallVector<Value> factors = loadColumns(address(shape.factors), outBlocks());
  for (auto [i, sum] : llvm::enumerate(next.out)) {
    int64_t inTile = i % (4 * outBlocks());
    sum = b.mulf(sum, factors[inTile / 4 * 2 + inTile % 2]);
  }
  scf::YieldOp::create(b, next.pack());
  return State::unpack(branch.getResults(), columns);
}

Value WgmmaDecode::consumeWork(const AttentionWork &work, Value count) {
  loadQueries(work);
  int64_t columns = 2 * scoreBlocks();
  State state;
  state.count = count;
  state.max.assign(columns, b.f32(-kInf));
  state.total.assign(columns, b.f32(0.0f));
  state.out.assign(outTiles() * 4 * outBlocks(), b.f32(0.0f));
  SmallVector<Value, 2> counts = tiles.countTiles(work);
  Value total = counts[0];
  for (Value more : ArrayRef(counts).drop_front())
    total = b.addi(total, more);
  auto loop = scf::ForOp::create(b, b.i32(0), total, b.i32(1), state.pack());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    State next = addTile(work, State::unpack(loop.getRegionIterArgs(), columns),
                         loop.getInductionVar(), counts);
    scf::YieldOp::create(b, next.pack());
  }
  state = State::unpack(loop.getResults(), columns);
  finish(work, state);
  return state.count;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void WgmmaDecode::finish(const AttentionWork &work, const State &state) {
  Value groupBytes = b.i32(shape.rows / kConsumerGroups * 4);
  Value sumsAddress =
      b.addi(address(shape.maxima), b.muli(firstScore, b.i32(4 * 4)));
  SmallVector<Value> totals;
  for (Value total : state.total) {
    for (int64_t distance : {4, 8, 16})
      total = b.addf(total, b.shuffleXor(total, distance));
    totals.push_back(total);
  }
  Value isFirstRow = b.below(lane, 4);
  b.ifThen(isFirstRow, [&] {
    storeColumns(b.addi(sumsAddress, b.muli(warp, groupBytes)), totals);
  });
  b.ifThen(b.andi(isFirstRow, b.isZero(warp)), [&] {
    storeColumns(b.addi(address(shape.factors), b.shli(firstScore, 2)),
                 state.max);
  });
  syncConsumers();
  Value isPartial = problem.hasPlan()
                        ? b.cmpi(IPredicate::sge, work.partialRow, b.i32(0))
                        : Value();
  // One thread for each row finds what it is multiplied by.
  Value thread = b.thread();
  b.ifThen(b.below(thread, shape.rows),
           [&] { finishRow(work, thread, isPartial); });
  syncConsumers();
  SmallVector<Value> factors = loadColumns(address(shape.factors), outBlocks());
  if (!isPartial)
    return storeOut(work, state, factors);
  auto branch = scf::IfOp::create(b, isPartial, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&branch.getThenRegion().front());
  storePartial(work, state, factors);
  b.setInsertionPointToStart(&branch.getElseRegion().front());
  storeOut(work, state, factors);
}

/// Stores the log-sum-exp of row `number` of the workgroup, and leaves what
/// its output is multiplied by in place of its maximum.
void WgmmaDecode::finishRow(const AttentionWork &work, Value number,
                            Value isPartial) {
  int64_t perGroup = shape.rows / kConsumerGroups;
  Value sums = b.addi(
      address(shape.maxima),
      b.shli(b.addi(b.muli(b.divui(number, perGroup), b.i32(4 * perGroup)),
                    b.remui(number, perGroup)),
             2));
  Value all;
  for (int64_t w = 0; w < kWarpGroup / 32; ++w) {
    Value part =
        unit.load(b.getF32Type(), b.addi(sums, b.i32(4 * w * perGroup)), 4);
    all = all ? b.addf(all, part) : part;
  }
  Value at = b.addi(address(shape.factors), b.shli(number, 2));
  Value max = unit.load(b.getF32Type(), at, 4);
  auto [row, head] = queryOf(work, number);
  Value exists = b.cmpi(IPredicate::slt, row, work.lastRow);
  Value none = b.cmpf(FPredicate::OEQ, all, b.f32(0.0f));
  Value total = b.select(none, b.f32(1.0f), all);
  Value lseValue = b.select(none, b.f32(-kInf),
                            b.mulf(b.addf(max, log2(total)), b.f32(kLn2)));
  Value factor = b.divf(b.f32(1.0f), total);
  if (problem.scopes.size() == 1)
    if (Value scale = kernel.valueFactor(0))
      factor = b.mulf(factor, scale);
  auto storeLse = [&](const Buffer &buffer, Value at) {
    b.ifThen(exists, [&] {
      b.store(lseValue, buffer, b.rowOffset(buffer, {at, head}), Value());
    });
  };
  auto direct = [&]() -> Value {
    if (lse)
      storeLse(lse, row);
    if (!sink)
      return factor;
    Value safe = b.select(exists, head, b.i32(0));
    Value value = b.load(sink, b.rowOffset(sink, safe), Value(), 1, true);
    return b.mulf(factor, sinkFactor(b, value, lseValue));
  };
  if (isPartial) {
    auto branch = scf::IfOp::create(b, b.getF32Type(), isPartial, true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&branch.getThenRegion().front());
    storeLse(partLse, b.addi(work.partialRow, b.subi(row, work.firstRow)));
    scf::YieldOp::create(b, factor);
    b.setInsertionPointToStart(&branch.getElseRegion().front());
    scf::YieldOp::create(b, direct());
    factor = branch.getResult(0);
  } else {
    factor = direct();
  }
  unit.store(factor, at, 4);
}

/// The output, of which a thread has element `i`, times its row's factor; 0 for
/// a factor of 0, whatever was summed.
Value WgmmaDecode::scaledOut(const State &state, ArrayRef<Value> factors,
                             int64_t i) {
  int64_t inTile = i % (4 * outBlocks());
  Value factor = factors[inTile / 4 * 2 + inTile % 2];
  return b.select(b.cmpf(FPredicate::OEQ, factor, b.f32(0.0f)), b.f32(0.0f),
                  b.mulf(state.out[i], factor));
}

/// The final output goes through the memory of the queries, which the last
/// product has read: from there a warp stores whole rows.
void WgmmaDecode::storeOut(const AttentionWork &work, const State &state,
                           ArrayRef<Value> factors) {
  if (!out.element.isBF16())
    return storeColumnPairs(work, state, factors, out, /*isPartial=*/false);
  // Rows of 64-column pieces, each swizzled as operands are.
  Value first = b.muli(group, b.i32(outTiles()));
  auto rowAddress = [&](Value piece, Value row, Value place) {
    Value swizzled = arith::XOrIOp::create(b, place, b.andi(row, b.i32(7)));
    return b.addi(b.addi(address(shape.queries),
                         b.muli(piece, b.i32(shape.rows * kSwizzleBytes))),
                  b.addi(b.shli(row, 7), b.shli(swizzled, 4)));
  };
  // Matrix m of a store: columns 8 (m mod 2) .. of the warp's, block m / 2.
  Value matrix = b.shrui(lane, 3);
  Value place = b.addi(b.shli(warp, 1), b.andi(matrix, b.i32(1)));
  for (int64_t t = 0; t < outTiles(); ++t)
    for (int64_t j = 0; j < outBlocks(); j += 2) {
      SmallVector<Value> pairs;
      for (int64_t block = j; block < j + 2; ++block)
        for (int64_t i = 0; i < 2; ++i) {
          int64_t at = t * 4 * outBlocks() + 4 * block + 2 * i;
          pairs.push_back(tiles.packPair(scaledOut(state, factors, at),
                                         scaledOut(state, factors, at + 1)));
        }
      Value row = b.addi(b.i32(8 * j), b.addi(b.shli(b.shrui(matrix, 1), 3),
                                              b.andi(lane, b.i32(7))));
      unit.storeTransposed(rowAddress(b.addi(first, b.i32(t)), row, place),
                           pairs);
    }
  syncConsumers();
  int64_t units = problem.valueColumns / 8;
  auto loop = scf::ForOp::create(b, b.thread(), b.i32(shape.rows * units),
                                 b.i32(kConsumers));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    Value row = b.divui(number, units), place = b.remui(number, units);
    auto [token, head] = queryOf(work, row);
    Value words = unit.load(
        b.vectorOf(b.getBF16Type(), 8),
        rowAddress(b.shrui(place, 3), row, b.andi(place, b.i32(7))), 16);
    b.ifThen(b.cmpi(IPredicate::slt, token, work.lastRow), [&] {
      b.store(words, out, b.rowOffset(out, {token, head}), b.shli(place, 3));
    });
  }
  // The next queries come to the same place.
  syncConsumers();
}

void WgmmaDecode::storePartial(const AttentionWork &work, const State &state,
                               ArrayRef<Value> factors) {
  storeColumnPairs(work, state, factors, partOut, /*isPartial=*/true);
}

/// Lanes of neighbouring rows of O^T swap, so that each stores two columns of
/// the output at once.
void WgmmaDecode::storeColumnPairs(const AttentionWork &work,
                                   const State &state, ArrayRef<Value> factors,
                                   const Buffer &buffer, bool isPartial) {
  Value isOdd = b.isNonZero(b.andi(b.shrui(lane, 2), b.i32(1)));
  Value odd = b.andi(b.shrui(lane, 2), b.i32(1));
  // First column of the pair: the even one of the two rows of O^T.
  Value column = b.addi(
      b.muli(group, b.i32(outTiles() * kSwizzleColumns)),
      b.addi(b.muli(warp, b.i32(16)), b.andi(b.shrui(lane, 2), b.i32(-2))));
  for (int64_t j = 0; j < outBlocks(); ++j) {
    // Even lanes store the first column's row, odd lanes the second's.
    Value number =
        b.addi(b.addi(b.shli(b.remui(lane, 4), 1), b.i32(8 * j)), odd);
    auto [row, head] = queryOf(work, number);
    Value exists = b.cmpi(IPredicate::slt, row, work.lastRow);
    Value at =
        isPartial ? b.addi(work.partialRow, b.subi(row, work.firstRow)) : row;
    Value offset = b.rowOffset(buffer, {at, head});
    SmallVector<std::pair<Value, int64_t>> pairs;
    for (int64_t t = 0; t < outTiles(); ++t)
      for (int64_t i = 0; i < 2; ++i) {
        SmallVector<Value> values;
        for (int64_t e = 0; e < 2; ++e)
          values.push_back(scaledOut(state, factors,
                                     t * 4 * outBlocks() + 4 * j + 2 * i + e));
        Value mine = b.select(isOdd, values[1], values[0]);
        Value other = b.shuffleXor(b.select(isOdd, values[0], values[1]), 4);
        Value low = b.select(isOdd, other, mine);
        Value high = b.select(isOdd, mine, other);
        pairs.push_back(
            {vector::FromElementsOp::create(b, b.vectorOf(b.getF32Type(), 2),
                                            ValueRange{low, high}),
             t * kSwizzleColumns + 8 * i});
      }
    b.ifThen(exists, [&] {
      for (auto [pair, first] : pairs)
        b.storeF32(pair, buffer, offset, b.addi(column, b.i32(first)));
    });
  }
}

Refusal lm::refuseWgmmaDecode(const AttentionProblem &problem) {
  auto isFnuz = [](Value memref) {
    return isa<Float8E4M3FNUZType>(elementOf(memref));
  };
  if (isFnuz(problem.q))
    return "FP8 in the FNUZ format, which sm_90 does not convert";
  for (const ScopeOperands &scope : problem.scopes) {
    if (isFnuz(scope.cache))
      return "FP8 in the FNUZ format, which sm_90 does not convert";
    if (Refusal refusal = KeyLoader::refuse(scope))
      return refusal;
  }
  return std::nullopt;
}

void lm::emitWgmmaDecode(const AttentionProblem &problem,
                         const EmitterContext &context,
                         const Partials &partials) {
  WgmmaShape shape =
      WgmmaShape::of(problem.heads * problem.qLen, problem.columns,
                     WgmmaTiles::keyUnits(problem), context.target.ldsBytes);
  KernelBuilder b(problem.op, context, shape.getThreads(), /*vector=*/8);
  b.useArchitectureFeatures();
  WgmmaDecode(b, problem, partials, shape).run();
  b.enqueue({problem.hostClusters(b), b.hostNumber(shape.groups)}, shape.bytes);
}
