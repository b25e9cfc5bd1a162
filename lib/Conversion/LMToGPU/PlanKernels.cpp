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

#include "PlanStarts.h"
#include "RowTile.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

/// The value (i32 or i64) of a lane given as for gpu.shuffle.
static Value shuffleLanes(KernelBuilder &b, Value value, Value lane,
                          gpu::ShuffleMode mode) {
  Value width = b.i32(b.getTarget().waveSize);
  auto shuffle = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, word, lane, width, mode)
        .getShuffleResult();
  };
  if (value.getType().isInteger(32))
    return shuffle(value);
  auto low = [&](Value value) {
    return arith::TruncIOp::create(b, b.getI32Type(), value);
  };
  Value high = b.zext64(shuffle(low(b.shrui(value, 32))));
  return b.ori(b.zext64(shuffle(low(value))), b.shli(high, 32));
}

/// Replaces values by their sums over the lanes up to each, of the first
/// `lanes` of a wave.
static void sumLanes(KernelBuilder &b, MutableArrayRef<Value> values,
                     int64_t lanes) {
  Value lane = b.laneInWave();
  for (int64_t distance = 1; distance < lanes; distance *= 2) {
    Value adds = b.cmpi(IPredicate::uge, lane, b.i32(distance));
    for (Value &value : values) {
      Value other =
          shuffleLanes(b, value, b.i32(distance), gpu::ShuffleMode::UP);
      value = b.select(adds, b.addi(value, other), value);
    }
  }
}

/// Sums (i32 or i64, one per thread) over the threads before each, and over all
/// of the workgroup. The LDS memory is called after `name`; a barrier must come
/// between two uses.
static SmallVector<std::pair<Value, Value>>
prefixSums(KernelBuilder &b, StringRef name, ValueRange values) {
  int64_t wave = b.getTarget().waveSize, waves = b.getThreads() / wave;
  Value lane = b.laneInWave(), waveId = b.divui(b.thread(), wave);
  SmallVector<Value> sums(values);
  sumLanes(b, sums, wave);
  SmallVector<LdsArray> memory;
  for (auto [i, sum] : llvm::enumerate(sums))
    memory.emplace_back(b, (name + "_" + Twine(i)).str(), sum.getType(), waves);
  b.ifThen(b.cmpi(IPredicate::eq, lane, b.i32(wave - 1)), [&] {
    for (auto [array, sum] : llvm::zip_equal(memory, sums))
      array.store(sum, waveId);
  });
  b.barrier();
  // Every wave adds up the sums of all: that takes fewer instructions than if
  // every thread did, and no second barrier.
  SmallVector<Value> totals;
  for (const LdsArray &array : memory)
    totals.push_back(array.load(b.umin(lane, b.i32(waves - 1))));
  sumLanes(b, totals, waves);
  Value isFirst = b.isZero(waveId);
  Value previous = b.select(isFirst, b.i32(0), b.addi(waveId, -1));
  SmallVector<std::pair<Value, Value>> results;
  for (auto [value, sum, total] : llvm::zip_equal(values, sums, totals)) {
    Value before = b.subi(sum, value);
    Value others = shuffleLanes(b, total, previous, gpu::ShuffleMode::IDX);
    before = b.select(isFirst, before, b.addi(before, others));
    results.emplace_back(before, shuffleLanes(b, total, b.i32(waves - 1),
                                              gpu::ShuffleMode::IDX));
  }
  return results;
}

namespace {

/// A tile, in its thread.
struct Tile {
  Value number;         ///< among all, i32
  Value request, place; ///< the request, and the tile's number in it, i32
  Value tokens;         ///< of the request, i64
  Value base;           ///< first unit of the request, i32
};

class PlanKernel {
public:
  PlanKernel(AttentionPlanOp op, EmitterContext &context)
      : op(op), b(op, context, kPlanThreads, /*vector=*/1),
        starts(b, op.getNumClusters(), op.getOverheadBlocks()),
        lengths(b.buffer(op.getLengths())),
        extraLengths(b.buffer(op.getExtraLengths())),
        works(b.buffer(op.getWorks())),
        workIndptr(b.buffer(op.getWorkIndptr())),
        reduceIndptr(b.buffer(op.getReduceIndptr())),
        finalMap(b.buffer(op.getReduceFinalMap())),
        partialMap(b.buffer(op.getReducePartialMap())),
        requests(b.size(op.getLengths(), 0)),
        numTiles(b.muli(requests, op.getTiles())) {}

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
  Value low32(Value value) {
    return arith::TruncIOp::create(b, b.getI32Type(), value);
  }
  Value zext32(Value value) {
    return arith::ExtUIOp::create(b, b.getI32Type(), value);
  }
  Value maxsi(Value lhs, Value rhs) {
    return arith::MaxSIOp::create(b, lhs, rhs);
  }
  Value minsi(Value lhs, Value rhs) {
    return arith::MinSIOp::create(b, lhs, rhs);
  }
  Value ceilDiv(Value value, int64_t divisor) {
    return b.divui(b.addi(value, divisor - 1), divisor);
  }
  Value unitsOf(Value tokens) { return ceilDiv(tokens, op.getPageSize()); }
  Value blocksOf(Value tokens) {
    return ceilDiv(unitsOf(tokens), op.getGranularity());
  }
  /// Stores an i32 or i64 in row `row` of an i32 buffer.
  void store(Value value, const Buffer &buffer, Value row) {
    b.store(value, buffer, b.rowOffset(buffer, row), Value());
  }
  void storeRow(ArrayRef<Value> columns, const Buffer &buffer, Value row);

  // Neither count is more than that of clusters.
  static constexpr int64_t kCountBits = 16;
  static_assert(kMaxPlanClusters < (1 << kCountBits));
  Value insideOf(Value counts) {
    return b.andi(counts, b.i32((1 << kCountBits) - 1));
  }
  Value splitOf(Value counts) { return b.shrui(counts, kCountBits); }

  Value tokensOf(Value request);
  Value costOf(Value request);
  Value totalOfMany();
  Value stepOf(Value total);
  SmallVector<Value> emitChunk(Value first, Value totalOfMany,
                               ValueRange carried);
  Value emitStarts(const Tile &tile, const PlanTiles &tiles, Value first,
                   ValueRange range, Value counts);
  void emitTile(const Tile &tile, const PlanTiles &tiles, Value numStarts);
  void emitWork(const Tile &tile, Value number, Value partial, Value from,
                Value to);
  void emitRest(ValueRange carried);
  /// `body` for the numbers from this thread's on, up to `end`.
  void forThreads(Value begin, Value end, function_ref<void(Value)> body);

  AttentionPlanOp op;
  KernelBuilder b;
  PlanStarts starts;
  Buffer lengths, extraLengths;
  Buffer works, workIndptr, reduceIndptr, finalMap, partialMap;
  Value requests, numTiles; ///< i32
};

} // namespace

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Tokens of a request, those that fill its first list included.
Value PlanKernel::tokensOf(Value request) {
  auto tokensIn = [&](const Buffer &buffer, std::optional<int64_t> most) {
    Value length = b.loadInteger(buffer, b.rowOffset(buffer, request));
    Value tokens = maxsi(length, i64(0));
    return most ? minsi(tokens, i64(*most)) : tokens;
  };
  std::optional<int64_t> topk, extraTopk;
  if (op.getTopk())
    topk = *op.getTopk();
  if (op.getExtraTopk())
    extraTopk = *op.getExtraTopk();
  Value tokens = tokensIn(lengths, topk);
  if (!extraLengths)
    return tokens;
  Value extra = tokensIn(extraLengths, extraTopk);
  Value filled =
      b.muli(ceilDiv(tokens, op.getGranularity()), op.getGranularity());
  return b.select(b.cmpi(IPredicate::eq, extra, i64(0)), tokens,
                  b.addi(filled, extra));
}

/// Blocks of all tiles of a plan that does not fit one chunk, 0 of others,
/// overheads included.
Value PlanKernel::totalOfMany() {
  Value isMany = b.cmpi(IPredicate::ugt, numTiles, b.i32(kPlanThreads));
  return b.ifElse(
      isMany,
      [&]() -> SmallVector<Value> {
        auto loop = scf::ForOp::create(b, b.thread(), requests,
                                       b.i32(kPlanThreads), i64(0));
        {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(loop.getBody());
          Value blocks = blocksOf(tokensOf(loop.getInductionVar()));
          Value cost =
              b.muli(b.addi(blocks, op.getOverheadBlocks()), op.getTiles());
          scf::YieldOp::create(b, b.addi(loop.getRegionIterArg(0), cost));
        }
        return {prefixSums(b, "plan_total", loop.getResult(0))[0].second};
      },
      i64(0))[0];
}

/// Positions between the starts of two clusters.
Value PlanKernel::stepOf(Value total) {
  if (!op.getMaxSplit())
    return ceilDiv(total, op.getNumClusters());
  Value split = b.muli(b.zext64(requests), *op.getMaxSplit());
  Value share = minsi(i64(op.getNumClusters()), maxsi(split, i64(1)));
  return arith::DivUIOp::create(b, b.addi(total, b.addi(share, -1)), share);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void PlanKernel::storeRow(ArrayRef<Value> columns, const Buffer &buffer,
                          Value row) {
  Value offset = b.rowOffset(buffer, row);
  for (size_t first = 0; first < columns.size(); first += 4) {
    ArrayRef<Value> part = columns.slice(first).take_front(4);
    Value vector = vector::FromElementsOp::create(
        b, b.vectorOf(b.getI32Type(), part.size()), part);
    b.store(vector, buffer, offset, first ? b.i32(first) : Value());
  }
}

/// Writes the work of the tile's blocks from `from` to `to`, or to the end.
void PlanKernel::emitWork(const Tile &tile, Value number, Value partial,
                          Value from, Value to) {
  int64_t qLen = op.getQLen(), tileRows = op.getTileRows();
  Value granularity = i64(op.getGranularity());
  Value row = b.muli(tile.place, tileRows);
  Value last = unitsOf(tile.tokens);
  if (op.getPageSize() == 1 && !op.getTopk()) {
    // Tokens that no query of the tile sees.
    Value trim = maxsi(b.subi(b.i32(qLen - tileRows), row), b.i32(0));
    last = b.subi(last, b.zext64(trim));
  }
  Value start = b.muli(from, granularity);
  Value end = to ? minsi(b.muli(to, granularity), last) : last;
  end = maxsi(end, start);
  Value after =
      maxsi(b.subi(tile.tokens, b.muli(end, i64(op.getPageSize()))), i64(0));
  Value firstRow = b.muli(tile.request, qLen);
  Value endRow = minsi(b.addi(row, tileRows), b.i32(qLen));
  storeRow({tile.request, partial, b.addi(firstRow, row),
            b.addi(firstRow, endRow), b.addi(tile.base, low32(start)),
            b.addi(tile.base, low32(end)), low32(after), b.i32(0)},
           works, number);
}

/// Writes the works that end at the starts of clusters `range`, and where the
/// works of these clusters begin. `counts` are those before, and returned with
/// these.
Value PlanKernel::emitStarts(const Tile &tile, const PlanTiles &tiles,
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
  Value counted = b.ori(zext32(isInside), b.shli(zext32(isFirst), kCountBits));
  auto [before, all] = prefixSums(b, "plan_counts", counted)[0];
  Value upTo = b.addi(b.addi(loop.getRegionIterArg(0), before), counted);
  Value insideTo = insideOf(upTo), splitTo = splitOf(upTo);
  Value number = b.addi(b.addi(first, local), insideTo);
  b.ifThen(exists, [&] {
    store(number, workIndptr, cluster);
    // For the tiles' last works.
    starts.tileOf.store(upTo, cluster);
  });
  b.ifThen(isInside, [&] {
    Tile other;
    other.number = b.addi(first, local);
    other.request = b.divui(other.number, op.getTiles());
    other.place = b.remui(other.number, op.getTiles());
    other.tokens = numbers.load(local);
    other.base = words.load(baseAt(local));
    Value partial = b.addi(b.addi(insideTo, splitTo), -2);
    emitWork(other, b.addi(number, -1), b.muli(partial, op.getTileRows()),
             b.subi(maxsi(previous, tileStart), tileStart),
             b.subi(position, tileStart));
  });
  b.barrier();
  scf::YieldOp::create(b, b.addi(loop.getRegionIterArg(0), all));
  return loop.getResult(0);
}

/// Writes the tile's last work and what is to be merged into it. `numStarts`
/// are known.
void PlanKernel::emitTile(const Tile &tile, const PlanTiles &tiles,
                          Value numStarts) {
  int64_t qLen = op.getQLen(), tileRows = op.getTileRows();
  Value last = starts.lastBefore(b.addi(tiles.start, tiles.cost), numStarts);
  Value position = starts.positions.load(last);
  Value counts = starts.tileOf.load(last);
  Value inside = insideOf(counts), split = splitOf(counts);
  Value isSplit = b.cmpi(IPredicate::sgt, position, tiles.start);
  Value partials = b.addi(inside, split);
  Value partial =
      b.select(isSplit, b.muli(b.addi(partials, -1), tileRows), b.i32(-1));
  emitWork(tile, b.addi(tile.number, inside), partial,
           b.subi(maxsi(position, tiles.start), tiles.start), Value());
  store(partials, reduceIndptr, b.addi(tile.number, 1));
  Value row = b.muli(tile.place, tileRows);
  Value firstRow = b.muli(tile.request, qLen);
  Value endRow = minsi(b.addi(row, tileRows), b.i32(qLen));
  storeRow({b.addi(firstRow, row), b.addi(firstRow, endRow)}, finalMap,
           tile.number);
}

//===----------------------------------------------------------------------===//
// Chunks
//===----------------------------------------------------------------------===//

/// Plans the tiles from number `first` on.
SmallVector<Value> PlanKernel::emitChunk(Value first, Value totalOfMany,
                                         ValueRange carried) {
  Tile tile;
  tile.number = b.addi(first, b.thread());
  tile.request = b.divui(tile.number, op.getTiles());
  tile.place = b.remui(tile.number, op.getTiles());
  Value exists = b.cmpi(IPredicate::ult, tile.number, numTiles);
  SmallVector<Value> known = b.ifElse(
      exists,
      [&]() -> SmallVector<Value> {
        Value tokens = tokensOf(tile.request);
        return {tokens, b.addi(blocksOf(tokens), op.getOverheadBlocks())};
      },
      ValueRange{i64(0), i64(0)});
  tile.tokens = known[0];
  PlanTiles tiles;
  tiles.cost = known[1];

  // The first unit of a request is that after all before it, and these are
  // complete.
  SmallVector<Value> terms = {tiles.cost};
  Value units = low32(unitsOf(tile.tokens));
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
  Value left = b.subi(numTiles, first);
  tiles.count = b.umin(left, b.i32(kPlanThreads));
  Value isMany = b.cmpi(IPredicate::ugt, numTiles, b.i32(kPlanThreads));
  Value total = b.select(isMany, totalOfMany, sums[0].second);

  // A tail shorter than the queries would be seen by none of some of them.
  tiles.rest =
      b.addi(tiles.cost, -static_cast<int64_t>(op.getOverheadBlocks()));
  if (op.getPageSize() == 1) {
    Value spare = b.addi(tile.tokens, -static_cast<int64_t>(op.getQLen()));
    Value shift = i64(llvm::Log2_64(op.getGranularity()));
    Value whole = b.addi(arith::ShRSIOp::create(b, spare, shift), 1);
    tiles.rest = minsi(tiles.rest, maxsi(whole, i64(1)));
  }

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

void PlanKernel::forThreads(Value begin, Value end,
                            function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, b.addi(begin, b.thread()), end,
                                 b.i32(kPlanThreads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

/// Writes what no chunk does: clusters without works, unused rows.
void PlanKernel::emitRest(ValueRange carried) {
  Value inside = insideOf(carried[kCounts]);
  Value numWorks = b.addi(numTiles, inside);
  Value numPartials = b.addi(inside, splitOf(carried[kCounts]));
  b.ifThen(b.isZero(b.thread()),
           [&] { store(b.i32(0), reduceIndptr, b.i32(0)); });
  forThreads(carried[kStarts], b.i32(op.getNumClusters() + 1),
             [&](Value cluster) { store(numWorks, workIndptr, cluster); });
  forThreads(b.i32(0), b.size(op.getReducePartialMap(), 0), [&](Value index) {
    Value used = b.cmpi(IPredicate::ult, index, numPartials);
    Value row = b.select(used, b.muli(index, op.getTileRows()), b.i32(-1));
    store(row, partialMap, index);
  });
  SmallVector<Value> unused(8, b.i32(-1));
  forThreads(numWorks, b.size(op.getWorks(), 0),
             [&](Value work) { storeRow(unused, works, work); });
}

void PlanKernel::run() {
  Value total = totalOfMany();
  Value inits[kNumCarried] = {i64(0), b.i32(0), b.i32(0), i64(0), b.i32(0)};
  auto loop = scf::ForOp::create(b, b.i32(0), numTiles, b.i32(kPlanThreads),
                                 ValueRange(inits));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(
        b, emitChunk(loop.getInductionVar(), total, loop.getRegionIterArgs()));
  }
  emitRest(loop.getResults());
  int64_t perTile = 4 * (8 + 1 + 2);
  b.setBytesPerRow(lengths.elementBytes() + op.getTiles() * perTile);
  b.launch(b.hostNumber(1));
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
  PlanKernel(op, context).run();
  return std::nullopt;
}

void lm::addPlanEmitters(EmitterMap &emitters) {
  addEmitter<AttentionPlanOp, emitAttentionPlan>(emitters);
}
