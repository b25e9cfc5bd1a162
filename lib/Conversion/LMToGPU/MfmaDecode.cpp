//===-- MfmaDecode.cpp - Decode attention with AMD's matrix units ---------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A workgroup of four waves, one per SIMD of a compute unit, whose LDS holds
// two tiles of 64 keys. It takes 16 or 32 rows: query rows times heads.
//
// Of a tile, each wave computes the scores of 16 keys for all rows, transposed:
// keys by rows. A lane then has four keys of one row (of each block of 16
// rows), so that the row's maximum, sum and rescaling are the lane's own. The
// waves exchange maxima and weights by LDS, and each multiplies all 64 weights
// with its 128 columns of the values, transposed again: columns by rows. So
// keys cross LDS three times, once in and twice out, whatever the number of
// rows; queries and results stay in registers.
//
// While a tile is computed, the next is on its way, and the list entries of the
// one after it.
//
//===----------------------------------------------------------------------===//

#include "KeyLoader.h"
#include "KeyTile.h"

#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::keytile;

using FPredicate = arith::CmpFPredicate;
using IPredicate = arith::CmpIPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();
static constexpr float kLog2E = 1.44269504f, kLn2 = 0.693147182f;

/// Rows of a matrix instruction's operand.
static constexpr int64_t kBlock = MatrixUnit::kColumns;
/// Tiles of 16 columns of the values that a wave has.
static constexpr int64_t kColumnTiles = kWaveColumns / MatrixUnit::kRows;

namespace {

class MfmaDecode {
public:
  MfmaDecode(const AttentionProblem &problem, const EmitterContext &context,
             const Partials &partials);

  void emit();

private:
  /// A row of a block of 16 rows: query row and head.
  struct Row {
    Value exists;        ///< i1
    Value query, inTile; ///< query row, and its number in the work's tile
    Value head;
    Value limit; ///< indices of keys below it are seen
    SmallVector<Value> operands;
  };
  /// What is carried from tile to tile.
  struct State {
    SmallVector<Value> sums; ///< of a column tile, by block
    SmallVector<Value> max, total;
    Value entry; ///< of the next tile but one

    SmallVector<Value> pack() const;
  };

  void computeWork(const AttentionWork &work);
  Row findRow(const AttentionWork &work, int64_t block);
  void loadQuery(Row &row);
  State initialState(Value entry);
  State unpack(ValueRange values);
  State step(const AttentionWork &work, Value number, State state,
             int64_t stage);
  void computeTile(const AttentionWork &work, Value first, State &state,
                   int64_t stage);
  /// The logits, in base 2, of the wave's keys; -inf where one is not seen.
  SmallVector<Value> scores(Value factor, int64_t stage);
  void addValues(State &state, ValueRange rescale, int64_t stage);
  void finish(const AttentionWork &work, State state);
  void storeRow(const AttentionWork &work, const Row &row, ArrayRef<Value> sums,
                Value max, Value total);

  Value exchange(StringRef name, Value value, int64_t block,
                 KernelBuilder::Combine combine);
  Value overKeys(Value value, KernelBuilder::Combine combine);
  Value weights(int64_t block);
  bool hasValueFactors() const {
    return llvm::any_of(problem.scopes, [](const ScopeOperands &scope) {
      return static_cast<bool>(scope.kvScale);
    });
  }
  Value firstKey(const AttentionWork &work, Value number) {
    return b.addi(work.begin, b.muli(number, b.i32(kKeys)));
  }
  Value exp2(Value value) {
    return b.intrinsic("llvm.amdgcn.exp2.f32", b.getF32Type(), value);
  }
  Value maximum(Value lhs, Value rhs) {
    return arith::MaxNumFOp::create(b, lhs, rhs);
  }
  Value element(Value vector, int64_t index) {
    return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{index});
  }
  Value vectorOf4(ArrayRef<Value> elements) {
    return vector::FromElementsOp::create(
        b, b.vectorOf(elements[0].getType(), 4), elements);
  }

  const AttentionProblem &problem;
  const Partials &partials;
  int64_t blocks; ///< of 16 rows, of a workgroup
  KernelBuilder b;
  AttentionKernel kernel;
  MatrixUnit unit;
  TileLoader loader;
  Value lane, wave, quarter; ///< quarter: lane / 16
  LanePlace rowPlace, linePlace, valuePlace;
  SmallVector<Row> rows;
};

} // namespace

/// Rows of a work, of all its workgroups.
static int64_t tileRows(const AttentionProblem &problem) {
  return problem.qLen * problem.heads;
}

MfmaDecode::MfmaDecode(const AttentionProblem &problem,
                       const EmitterContext &context, const Partials &partials)
    : problem(problem), partials(partials),
      blocks(tileRows(problem) <= kBlock ? 1 : 2),
      b(problem.op, context, kWaves * kLanes, /*vector=*/4), kernel(b, problem),
      unit(b), loader(b, unit, kernel, problem), lane(b.laneInWave()),
      wave(b.wave()), quarter(b.divui(lane, kBlock)) {
  kernel.loadScalars();
  rowPlace = unit.placeOf(
      lane, [](int64_t lane) { return scoreRead(lane, 0); },
      b.muli(wave, b.i32(kWaveKeys * kRowBytes)));
  if (problem.columns * 2 > kRowBytes)
    linePlace = unit.placeOf(
        lane, [](int64_t lane) { return scoreRead(lane, 16); },
        b.muli(wave, b.i32(kWaveKeys * kLineBytes)));
  valuePlace = unit.placeOf(
      lane, [](int64_t lane) { return valueRead(lane, 0, 0); },
      b.muli(wave, b.i32(kWaveColumns * 2)));
}

void MfmaDecode::emit() {
  kernel.forWorks(b.workgroup(), {},
                  [&](const AttentionWork &work, ValueRange) {
                    computeWork(work);
                    return SmallVector<Value>();
                  });
  int64_t groups = llvm::divideCeil(tileRows(problem), blocks * kBlock);
  b.enqueue({problem.hostClusters(b), b.hostNumber(groups)});
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

MfmaDecode::Row MfmaDecode::findRow(const AttentionWork &work, int64_t block) {
  Value number = b.addi(b.remui(lane, kBlock), b.i32(block * kBlock));
  if (tileRows(problem) > blocks * kBlock)
    number = b.addi(number, b.muli(b.workgroup(1), b.i32(blocks * kBlock)));
  Row row;
  row.inTile = b.divui(number, problem.heads);
  row.head = b.remui(number, problem.heads);
  Value query = b.addi(work.firstRow, row.inTile);
  row.exists = b.cmpi(IPredicate::slt, query, work.lastRow);
  // A row that does not exist computes what another does.
  row.query = b.select(row.exists, query, work.firstRow);
  row.limit = problem.isPaged() && problem.qLen > 1
                  ? kernel.visibleKeys(work, row.query)
                  : b.i32(KeyLoader::kNoKey);
  loadQuery(row);
  return row;
}

void MfmaDecode::loadQuery(Row &row) {
  Buffer q = b.buffer(problem.q);
  Value offset = b.rowOffset(q, {row.query, row.head});
  Value first = b.muli(quarter, b.i32(MatrixUnit::kOperand));
  bool isFp8 = q.elementBytes() == 1;
  for (int64_t column = 0; column < problem.columns;
       column += MatrixUnit::kInner) {
    Value operand =
        b.load(q, offset, b.addi(first, b.i32(column)), MatrixUnit::kOperand);
    if (isFp8) {
      Value words =
          vector::BitCastOp::create(b, b.vectorOf(b.getI32Type(), 2), operand);
      operand = loader.ofScope(0).decode({element(words, 0), element(words, 1)},
                                         elementOf(problem.q));
    } else if (problem.a8w8) {
      operand = loader.ofScope(0).roundToFp8(extendToF32(b, operand),
                                             kernel.queryScale());
    }
    row.operands.push_back(operand);
  }
}

//===----------------------------------------------------------------------===//
// Works
//===----------------------------------------------------------------------===//

SmallVector<Value> MfmaDecode::State::pack() const {
  SmallVector<Value> values(sums);
  values.append(max);
  values.append(total);
  values.push_back(entry);
  return values;
}

MfmaDecode::State MfmaDecode::unpack(ValueRange values) {
  State state;
  for (int64_t i = 0; i < kColumnTiles * blocks; ++i)
    state.sums.push_back(values[i]);
  values = values.drop_front(kColumnTiles * blocks);
  for (int64_t i = 0; i < blocks; ++i)
    state.max.push_back(values[i]);
  for (int64_t i = 0; i < blocks; ++i)
    state.total.push_back(values[blocks + i]);
  state.entry = values.back();
  return state;
}

MfmaDecode::State MfmaDecode::initialState(Value entry) {
  State state;
  state.sums.assign(kColumnTiles * blocks, unit.zeroSums());
  state.max.assign(blocks, b.f32(-kInf));
  state.total.assign(blocks, b.f32(0.0f));
  state.entry = entry;
  return state;
}

void MfmaDecode::computeWork(const AttentionWork &work) {
  rows.clear();
  for (int64_t block = 0; block < blocks; ++block)
    rows.push_back(findRow(work, block));
  Value tiles =
      b.divui(b.addi(b.subi(work.end, work.begin), b.i32(kKeys - 1)), kKeys);

  // What the work before has in LDS is no longer read.
  unit.barrier();
  Value entry = loader.loadEntry(work, work.begin);
  Value next = loader.loadEntry(work, firstKey(work, b.i32(1)));
  b.ifThen(b.isNonZero(tiles), [&] {
    SmallVector<Value> staged =
        loader.start(work, work.begin, entry, /*stage=*/0);
    loader.finish(work, work.begin, staged, /*stage=*/0);
  });

  // Two tiles a round, so that each stage is known where it is used.
  auto loop = scf::ForOp::create(b, b.i32(0), tiles, b.i32(2),
                                 initialState(next).pack());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getInductionVar();
    State state = step(work, number, unpack(loop.getRegionIterArgs()), 0);
    Value second = b.addi(number, b.i32(1));
    SmallVector<Value> kept = state.pack();
    scf::YieldOp::create(
        b, b.ifElse(
               b.cmpi(IPredicate::slt, second, tiles),
               [&] { return step(work, second, state, 1).pack(); }, kept));
  }
  finish(work, unpack(loop.getResults()));
}

MfmaDecode::State MfmaDecode::step(const AttentionWork &work, Value number,
                                   State state, int64_t stage) {
  // The tile is there, and none reads the other stage any more.
  if (loader.hasCopies())
    unit.waitForCopies();
  unit.barrier();
  Value nextTile = b.addi(number, b.i32(1));
  Value next = firstKey(work, nextTile);
  Value exists = b.cmpi(IPredicate::slt, next, work.end);
  SmallVector<Value> none;
  for (Type type : loader.stagedTypes())
    none.push_back(LLVM::UndefOp::create(b, type));
  none.push_back(state.entry);
  SmallVector<Value> staged = b.ifElse(
      exists,
      [&] {
        SmallVector<Value> values =
            loader.start(work, next, state.entry, 1 - stage);
        values.push_back(loader.loadEntry(work, b.addi(next, b.i32(kKeys))));
        return values;
      },
      none);
  state.entry = staged.pop_back_val();
  computeTile(work, firstKey(work, number), state, stage);
  if (!staged.empty())
    b.ifThen(exists, [&] { loader.finish(work, next, staged, 1 - stage); });
  return state;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value MfmaDecode::overKeys(Value value, KernelBuilder::Combine combine) {
  // Lanes of one row, each with other keys, are 16 apart.
  value = combine(value, b.shuffleXor(value, 16));
  return combine(value, b.shuffleXor(value, 32));
}

Value MfmaDecode::exchange(StringRef name, Value value, int64_t block,
                           KernelBuilder::Combine combine) {
  Value memory = unit.lds(name, kWaves * blocks * kBlock * 4);
  Value row = b.shli(b.remui(lane, kBlock), 2);
  auto at = [&](Value ofWave) {
    Value base = b.muli(ofWave, b.i32(blocks * kBlock * 4));
    return unit.advance(unit.advance(memory, b.addi(base, row)),
                        block * kBlock * 4);
  };
  if (value) {
    LLVM::StoreOp::create(b, value, at(wave), 4);
    return {};
  }
  Value result;
  for (int64_t i = 0; i < kWaves; ++i) {
    Value part = LLVM::LoadOp::create(b, b.getF32Type(), at(b.i32(i)), 4);
    result = result ? combine(result, part) : part;
  }
  return result;
}

SmallVector<Value> MfmaDecode::scores(Value factor, int64_t stage) {
  SmallVector<Value> sums(blocks, unit.zeroSums());
  for (int64_t step = 0; step < problem.columns / MatrixUnit::kInner; ++step) {
    bool inRow = 4 * step < kRowChunks;
    int64_t origin = inRow ? 0 : kRowChunks / 4;
    Value keys = unit.readOperand(unit.address(
        inRow ? loader.ofScope(0).rows(stage) : loader.ofScope(0).lines(stage),
        inRow ? rowPlace : linePlace,
        scoreRead(0, step) ^ scoreRead(0, origin)));
    for (int64_t block = 0; block < blocks; ++block)
      sums[block] =
          unit.multiply(keys, rows[block].operands[step], sums[block]);
  }
  Value first = b.addi(b.muli(wave, b.i32(kWaveKeys)),
                       b.muli(quarter, b.i32(MatrixUnit::kSums)));
  Value indices = LLVM::LoadOp::create(
      b, b.vectorOf(b.getI32Type(), MatrixUnit::kSums),
      unit.advance(loader.ofScope(0).indices(stage), b.shli(first, 2)), 16);
  SmallVector<Value> logits;
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t i = 0; i < MatrixUnit::kSums; ++i) {
      Value seen =
          b.cmpi(IPredicate::slt, element(indices, i), rows[block].limit);
      logits.push_back(b.select(seen, b.mulf(element(sums[block], i), factor),
                                b.f32(-kInf)));
    }
  return logits;
}

Value MfmaDecode::weights(int64_t block) {
  return unit.lds("weights_" + Twine(block), kKeys * kBlock * 2);
}

void MfmaDecode::computeTile(const AttentionWork &work, Value first,
                             State &state, int64_t stage) {
  auto combineMax = [&](Value x, Value y) { return maximum(x, y); };
  Value factor = loader.select(work, first, [&](unsigned scope) {
    return b.mulf(kernel.logitFactor(scope), b.f32(kLog2E));
  });
  // One scope's values are scaled in the end, those of two by their weights.
  Value valueFactor;
  if (problem.scopes.size() > 1 && hasValueFactors())
    valueFactor = loader.select(work, first, [&](unsigned scope) {
      Value scale = kernel.valueFactor(scope);
      return scale ? scale : b.f32(1.0f);
    });
  SmallVector<Value> logits = scores(factor, stage), rescale;
  for (int64_t block = 0; block < blocks; ++block) {
    Value *own = &logits[block * MatrixUnit::kSums];
    Value max = maximum(maximum(own[0], own[1]), maximum(own[2], own[3]));
    exchange("maxima", overKeys(max, combineMax), block, combineMax);
  }
  unit.barrier();
  for (int64_t block = 0; block < blocks; ++block) {
    Value max = exchange("maxima", Value(), block, combineMax);
    max = maximum(max, state.max[block]);
    // Without a key so far every weight is 2^(-inf - 0) = 0.
    Value reference =
        b.select(b.cmpf(FPredicate::OEQ, max, b.f32(-kInf)), b.f32(0.0f), max);
    rescale.push_back(exp2(b.subf(state.max[block], reference)));
    state.max[block] = max;
    Value total = b.mulf(state.total[block], rescale.back());
    SmallVector<Value> parts;
    for (int64_t i = 0; i < MatrixUnit::kSums; ++i) {
      Value logit = logits[block * MatrixUnit::kSums + i];
      parts.push_back(exp2(b.subf(logit, reference)));
      total = b.addf(total, parts.back());
    }
    state.total[block] = total;
    Value vector = vectorOf4(parts);
    if (problem.a8w8)
      vector = loader.ofScope(0).roundToFp8(vector, Value());
    if (valueFactor)
      vector = b.mulf(extendToF32(b, vector), b.splat(valueFactor));
    vector = truncateTo(b, vector, b.getBF16Type());
    Value place =
        unit.placeOf(lane, [](int64_t lane) { return weightPlace(lane, 0); })
            .base;
    Value tile = b.muli(wave, b.i32(weightPlace(0, 1)));
    LLVM::StoreOp::create(b, vector,
                          unit.advance(weights(block), b.addi(place, tile)), 8);
  }
  unit.barrier();
  addValues(state, rescale, stage);
}

void MfmaDecode::addValues(State &state, ValueRange rescale, int64_t stage) {
  for (int64_t block = 0; block < blocks; ++block)
    for (int64_t tile = 0; tile < kColumnTiles; ++tile) {
      Value &sums = state.sums[tile * blocks + block];
      sums = b.mulf(sums, b.splat(rescale[block]));
    }
  LanePlace place =
      unit.placeOf(lane, [](int64_t lane) { return weightPlace(lane, 0); });
  Value memory = loader.ofScope(0).rows(stage);
  auto valueAt = [&](int64_t keyTile, int64_t tile) {
    return unit.address(memory, valuePlace,
                        valueRead(0, keyTile, tile) ^ valueRead(0, 0, 0));
  };
  // An instruction takes two tiles of 16 keys: of each lane's eight keys, four
  // are from either.
  for (int64_t keyTile = 0; keyTile < kKeys / kWaveKeys; keyTile += 2) {
    SmallVector<Value> operands;
    for (int64_t block = 0; block < blocks; ++block) {
      auto read = [&](int64_t keyTile) {
        return LLVM::LoadOp::create(
                   b, b.vectorOf(b.getBF16Type(), 4),
                   unit.address(weights(block), place, weightPlace(0, keyTile)),
                   8)
            .getResult();
      };
      Value low = read(keyTile);
      operands.push_back(
          b.shuffle(low, read(keyTile + 1), {0, 1, 2, 3, 4, 5, 6, 7}));
    }
    for (int64_t tile = 0; tile < kColumnTiles; ++tile) {
      Value values = unit.readTransposed(valueAt(keyTile, tile),
                                         valueAt(keyTile + 1, tile));
      for (int64_t block = 0; block < blocks; ++block) {
        Value &sums = state.sums[tile * blocks + block];
        sums = unit.multiply(values, operands[block], sums);
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void MfmaDecode::finish(const AttentionWork &work, State state) {
  auto add = [&](Value x, Value y) { return b.addf(x, y); };
  for (int64_t block = 0; block < blocks; ++block)
    exchange("totals", overKeys(state.total[block], add), block, add);
  unit.barrier();
  for (auto [block, row] : llvm::enumerate(rows)) {
    Value total = exchange("totals", Value(), block, add);
    SmallVector<Value> sums;
    for (int64_t tile = 0; tile < kColumnTiles; ++tile)
      sums.push_back(state.sums[tile * blocks + block]);
    b.ifThen(row.exists, [&, row = row, max = state.max[block]] {
      storeRow(work, row, sums, max, total);
    });
  }
}

void MfmaDecode::storeRow(const AttentionWork &work, const Row &row,
                          ArrayRef<Value> sums, Value max, Value total) {
  Value isEmpty = b.cmpf(FPredicate::OEQ, total, b.f32(0.0f));
  total = b.select(isEmpty, b.f32(1.0f), total);
  // ln(2^max * total).
  Value log = b.intrinsic("llvm.amdgcn.log.f32", b.getF32Type(), total);
  Value lse =
      b.select(isEmpty, b.f32(-kInf), b.mulf(b.addf(max, log), b.f32(kLn2)));
  Value scale = b.divf(b.f32(1.0f), total);
  if (problem.scopes.size() == 1 && hasValueFactors())
    scale = b.mulf(scale, kernel.valueFactor(0));
  // One lane of a row stores its lse.
  Value isFirst = b.isZero(b.ori(wave, quarter));
  Value column = b.addi(b.muli(wave, b.i32(kWaveColumns)),
                        b.muli(quarter, b.i32(MatrixUnit::kSums)));
  auto store = [&](Value outMemory, Value lseMemory, Value query,
                   Value factor) {
    Buffer out = b.buffer(outMemory), lses = b.buffer(lseMemory);
    Value offset = b.rowOffset(out, {query, row.head});
    for (auto [tile, values] : llvm::enumerate(sums)) {
      Value result = b.mulf(values, b.splat(scale));
      if (factor)
        result = applySinkFactor(b, result, factor);
      b.storeF32(result, out, offset,
                 b.addi(column, b.i32(MatrixUnit::kRows * tile)));
    }
    if (lses)
      b.ifThen(isFirst, [&] {
        b.store(lse, lses, b.rowOffset(lses, {query, row.head}), Value());
      });
  };
  auto storeFinal = [&] {
    Value factor;
    if (problem.sink) {
      Buffer sink = b.buffer(problem.sink);
      factor = sinkFactor(
          b, b.load(sink, b.rowOffset(sink, row.head), Value(), 1, true), lse);
    }
    store(problem.out, problem.lse, row.query, factor);
  };
  if (!problem.hasPlan())
    return storeFinal();
  Value isFinal = b.cmpi(IPredicate::slt, work.partialRow, b.i32(0));
  b.ifThen(isFinal, storeFinal);
  Value isPartial = b.cmpi(IPredicate::sge, work.partialRow, b.i32(0));
  b.ifThen(isPartial, [&] {
    store(partials.out, partials.lse, b.addi(work.partialRow, row.inTile),
          Value());
  });
}

void lm::emitMfmaDecode(const AttentionProblem &problem,
                        const EmitterContext &context,
                        const Partials &partials) {
  MfmaDecode(problem, context, partials).emit();
}
