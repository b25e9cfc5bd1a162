//===-- WgmmaDecode.cpp - Decode attention with wgmma ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WgmmaDecode.h"

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

/// Binary orders of magnitude that a tile's weights may exceed 1.
static constexpr float kLag = 8.0f;

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
  b.startEarly();
  b.awaitLaunchBefore();
  kernel.loadScalars();
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
  lane = b.laneInWave();
  warp = b.remui(b.divui(b.thread(), 32), kWarpGroup / 32);
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

/// Finds anew what follows from the consumer's place in its group. Otherwise
/// the compiler would find all addresses before all works and, as there are not
/// so many registers, keep them in memory.
void WgmmaDecode::findPlace() {
  lane = unit.keep(lane);
  group = unit.fromFirstLane(group);
  warp = unit.fromFirstLane(warp);
  columnBytes = unit.keep(b.shli(b.remui(lane, 4), 3));
  keyBytes = unit.keep(b.shli(b.addi(b.shli(warp, 4), b.shrui(lane, 2)), 2));
  weightBytes = unit.keep(weightOffset());
  firstScore = b.muli(group, b.i32(shape.rows / kConsumerGroups));
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

/// Where the 16-byte unit `unit` of a piece of 64 columns of a row is: of the
/// queries, and at the end of the output.
Value WgmmaDecode::rowAddress(Value piece, Value row, Value unit) {
  Value swizzled = arith::XOrIOp::create(b, unit, b.andi(row, b.i32(7)));
  return b.addi(b.addi(address(shape.queries),
                       b.muli(piece, b.i32(shape.rows * kSwizzleBytes))),
                b.addi(b.shli(row, 7), b.shli(swizzled, 4)));
}

/// Calls `body`, in a loop of all consumers, for rows of the workgroup: with a
/// row, and its row of q and head. A warp has whole rows, every eighth of them,
/// so that all are alike to the swizzle.
void WgmmaDecode::forRows(const AttentionWork &work,
                          function_ref<void(ArrayRef<Row>)> body) {
  constexpr int64_t kWarps = kConsumers / 32, kRowsPerStep = 2;
  static_assert(kWarps % 8 == 0);
  Value first = b.addi(b.shli(group, 2), warp);
  auto loop = scf::ForOp::create(b, first, b.i32(shape.rows),
                                 b.i32(kRowsPerStep * kWarps));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Row> rows;
  for (int64_t i = 0; i < kRowsPerStep; ++i) {
    Row row;
    row.number = b.addi(loop.getInductionVar(), b.i32(i * kWarps));
    std::tie(row.token, row.head) = queryOf(work, row.number);
    row.exists = b.cmpi(IPredicate::slt, row.token, work.lastRow);
    rows.push_back(row);
  }
  body(rows);
}

/// Calls `body` for the lane's 16-byte units of a row of `units`, 32 apart,
/// with the unit's piece and place there.
void WgmmaDecode::forUnits(int64_t units,
                           function_ref<void(Value, Value, Value)> body) {
  Value place = b.andi(lane, b.i32(7)), piece = b.shrui(lane, 3);
  for (int64_t first = 0; first < units; first += 32) {
    Value number = b.addi(lane, b.i32(first));
    auto call = [&] { body(number, b.addi(piece, b.i32(first / 8)), place); };
    if (first + 32 <= units)
      call();
    else
      b.ifThen(b.below(number, units), call);
  }
}

void WgmmaDecode::loadQueries(const AttentionWork &work) {
  int64_t units = problem.columns / 8; // of 16 bytes as bf16
  bool copies = q.element.isBF16() && !problem.a8w8;
  forRows(work, [&](ArrayRef<Row> rows) {
    for (const Row &row : rows)
      forUnits(units, [&](Value number, Value piece, Value place) {
        Value token = b.select(row.exists, row.token, work.firstRow);
        Value target = rowAddress(piece, row.number, place);
        Value offset = b.rowOffset(q, {token, row.head});
        Value column = b.shli(number, 3);
        if (copies) {
          unit.copyAsync(target, b.address(q, offset, column),
                         b.select(row.exists, b.i32(16), b.i32(0)));
          return;
        }
        SmallVector<Value> values =
            tiles.toFloats(b.load(q, offset, column, 8), q.element);
        if (problem.a8w8 && q.elementBytes() > 1) {
          if (Value scale = kernel.queryScale())
            for (Value &value : values)
              value = b.divf(value, scale);
          values = tiles.roundToFp8(values);
        }
        for (Value &value : values)
          value = b.select(row.exists, value, b.f32(0.0f));
        unit.store(tiles.packPairs(values), target, 16);
      });
  });
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

/// Of each warp group's parts of all scores, the sums of those of the thread's
/// rows and columns.
SmallVector<Value> WgmmaDecode::addParts(ArrayRef<Value> parts) {
  int64_t blocks = scoreBlocks();
  auto four = b.vectorOf(b.getF32Type(), 4);
  Value isSecond = b.isNonZero(group);
  SmallVector<Value> mine;
  Value place = b.shli(b.remui(thread(), kWarpGroup), 4);
  auto placeOf = [&](Value group, int64_t block) {
    Value first = b.muli(group, b.i32(blocks * kWarpGroup * 16));
    return b.addi(address(shape.exchange),
                  b.addi(b.addi(first, place), b.i32(block * kWarpGroup * 16)));
  };
  for (int64_t j = 0; j < blocks; ++j) {
    SmallVector<Value> others;
    for (int64_t i = 0; i < 4; ++i) {
      Value first = parts[4 * j + i], second = parts[4 * (j + blocks) + i];
      mine.push_back(b.select(isSecond, second, first));
      others.push_back(b.select(isSecond, first, second));
    }
    unit.store(vector::FromElementsOp::create(b, four, others),
               placeOf(group, j), 16);
  }
  syncConsumers();
  Value other = b.subi(b.i32(1), group);
  for (int64_t j = 0; j < blocks; ++j) {
    Value values = unit.load(four, placeOf(other, j), 16);
    for (int64_t i = 0; i < 4; ++i) {
      Value &sum = mine[4 * j + i];
      sum = b.addf(sum,
                   vector::ExtractOp::create(b, values, ArrayRef<int64_t>{i}));
    }
  }
  return mine;
}

/// The scores of the thread's rows and columns, in units of ln 2: -inf where a
/// key is not visible.
SmallVector<Value> WgmmaDecode::scoresOf(const AttentionWork &work, Value stage,
                                         Value tile, Value isSecond) {
  // Half of the columns are half of each piece.
  bool split = shape.splitsColumns();
  int64_t pieceColumns = kSwizzleColumns / (split ? kConsumerGroups : 1);
  SmallVector<WgmmaStep> steps;
  for (int64_t piece = 0; piece < problem.columns / kSwizzleColumns; ++piece)
    for (int64_t inner = 0; inner < pieceColumns * 2; inner += 32)
      steps.push_back({/*tile=*/0, piece * kTileKeys * kSwizzleBytes + inner,
                       piece * shape.rows * kSwizzleBytes + inner,
                       /*accumulates=*/!steps.empty()});
  // Loaded before the product, which takes longer.
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
  Value keys = tiles.tileAddress(stage), queries = address(shape.queries);
  if (split) {
    Value half = b.muli(group, b.i32(pieceColumns * 2));
    keys = b.addi(keys, half);
    queries = b.addi(queries, half);
  } else {
    queries = b.addi(queries, b.muli(firstScore, b.i32(kSwizzleBytes)));
  }
  SmallVector<Value> scores = unit.multiply(
      steps, /*tiles=*/1, split ? shape.rows : shape.rows / kConsumerGroups,
      /*transposeA=*/false, unit.descriptor(keys), unit.descriptor(queries),
      {});
  if (split)
    scores = addParts(scores);

  Value factor = b.mulf(kernel.logitFactor(0), b.f32(kLog2E));
  if (isSecond)
    factor = b.select(isSecond, b.mulf(kernel.logitFactor(1), b.f32(kLog2E)),
                      factor);
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
  Value stage, parity;
  std::tie(stage, parity) = tiles.stageOf(state.count);
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
  unit.arriveOncePerWarp(tiles.barrier(shape.empty, stage));
  return next;
}

/// Where `moves` holds, moves the references of all columns to the maxima so
/// far, and rescales the sums accordingly.
WgmmaDecode::State WgmmaDecode::moveReferences(const State &state,
                                               ArrayRef<Value> scores,
                                               Value moves) {
  int64_t columns = state.max.size();
  auto move = [&] {
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
    SmallVector<Value> factors =
        loadColumns(address(shape.factors), outBlocks());
    for (auto [i, sum] : llvm::enumerate(next.out)) {
      int64_t inTile = i % (4 * outBlocks());
      sum = b.mulf(sum, factors[inTile / 4 * 2 + inTile % 2]);
    }
    return next.pack();
  };
  return State::unpack(b.ifElse(moves, move, state.pack()), columns);
}

Value WgmmaDecode::consumeWork(const AttentionWork &work, Value count) {
  findPlace();
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
  findPlace();
  finish(work, state);
  return state.count;
}

Refusal lm::refuseWgmmaDecode(const AttentionProblem &problem) {
  SmallVector<Value> stored = {problem.q};
  for (const ScopeOperands &scope : problem.scopes)
    stored.push_back(scope.cache);
  for (Value memref : stored)
    if (isa<Float8E4M3FNUZType>(elementOf(memref)))
      return "FP8 in the FNUZ format, which sm_90 does not convert";
  return std::nullopt;
}

void lm::emitWgmmaDecode(const AttentionProblem &problem,
                         const EmitterContext &context,
                         const Partials &partials) {
  WgmmaShape shape =
      WgmmaShape::of(problem.heads * problem.qLen, problem.columns,
                     WgmmaTiles::keyUnits(problem),
                     WgmmaTiles::entryBytes(problem), context.target.ldsBytes);
  KernelBuilder b(problem.op, context, shape.getThreads(), /*vector=*/8);
  b.useArchitectureFeatures();
  if (shape.maxRegisters)
    b.limitRegisters(shape.maxRegisters);
  WgmmaDecode(b, problem, partials, shape).run();
  b.enqueue({problem.hostClusters(b), b.hostNumber(shape.groups)}, shape.bytes);
}
