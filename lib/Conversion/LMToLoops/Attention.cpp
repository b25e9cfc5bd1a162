//===-- Attention.cpp - Lower attention to loops over keys ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One parallel loop over blocks of heads of a token. Keys come in tiles of as
// many as a vector has lanes; a tile is converted to f32 once for all heads of
// a block. The softmax is rescaled as the maximum grows; a8w8, which rounds the
// weights, finds the maximum in a pass of its own. A head's arithmetic does not
// depend on the other heads: the results do not depend on how heads are split.
//
// A scope's result is normalised in f32 before it is merged with another and
// scaled by a sink, with the same code as lm.merge_attention and lm.apply_sink.
//
//===----------------------------------------------------------------------===//

#include "CacheRead.h"
#include "Patterns.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;
using IPredicate = arith::CmpIPredicate;

/// Heads that share one conversion of the keys.
static constexpr int64_t kHeadsPerBlock = 16;

static constexpr float kInf = std::numeric_limits<float>::infinity();

static Value toIndex(RowBuilder &b, Value integer) {
  return arith::IndexCastOp::create(b, b.getIndexType(), integer);
}

static Value loadIndex(RowBuilder &b, Value memref, ValueRange indices) {
  return toIndex(b, b.loadScalar(memref, indices));
}

/// Scratch memory of `rows` rows of `columns` f32.
static Value scratchRows(RowBuilder &b, int64_t rows, int64_t columns) {
  auto type = MemRefType::get({rows, columns}, b.getF32Type());
  return memref::AllocaOp::create(b, type, b.getI64IntegerAttr(64));
}

/// `value` rounded to FP8 `element` and back.
static Value roundToFp8(RowBuilder &b, Value value, Type element) {
  return decodeFp8(b, toBytes(b, encodeFp8(b, value, element)), element);
}

//===----------------------------------------------------------------------===//
// One scope
//===----------------------------------------------------------------------===//

namespace {

/// Keys of one row in one cache.
struct Scope {
  CacheRead cache;
  Value kvScale; ///< f32 scalar, or null
  /// Number of keys to look at, of which some may be holes.
  std::function<Value()> count;
  /// The slot of key `k` as an index; anything that is not a slot is a hole.
  std::function<Value(Value)> slotOf;
};

/// What all heads of an operation share.
struct Head {
  AttentionCompute compute;
  float smScale;
  Value qScale; ///< f32 scalar, or null
  Type qType;
  int64_t columns;      ///< of a key
  int64_t valueColumns; ///< of its value
};

/// The attention of a block of heads over one scope.
class ScopeLowering {
public:
  ScopeLowering(RowBuilder &b, const Head &head, const Scope &scope,
                Value numHeads)
      : b(b), head(head), scope(scope), numHeads(numHeads), lanes(b.getWidth()),
        a8w8(head.compute == AttentionCompute::A8W8) {
    Type cacheType = elementOf(scope.cache.cache);
    bool fnuz = isa<Float8E4M3FNUZType>(cacheType) ||
                isa<Float8E4M3FNUZType>(head.qType);
    fp8 = fnuz ? Type(Float8E4M3FNUZType::get(b.getContext()))
               : Type(Float8E4M3FNType::get(b.getContext()));
    queries = scratchRows(b, kHeadsPerBlock, head.columns);
    out = scratchRows(b, kHeadsPerBlock, head.valueColumns);
    lse = b.scratch(kHeadsPerBlock);
    keys = scratchRows(b, lanes, head.columns);
    isKey = b.scratch(lanes);
    scores = b.scratch(lanes);
    max = b.scratch(kHeadsPerBlock);
    sum = b.scratch(kHeadsPerBlock);
  }

  /// Computes `out` and `lse` for heads `firstHead ..` of row `token` of `q`.
  void run(Value q, Value token, Value firstHead);

  Value out; ///< [heads, V], normalised
  Value lse; ///< [heads]

private:
  void loadQueries(Value q, Value token, Value firstHead);
  void loadTile(Value first, Value count);
  Value tileScores(Value h);
  void addTile(Value h);
  void finish(Value h);
  Value logitFactor();

  RowBuilder &b;
  const Head &head;
  const Scope &scope;
  Value numHeads;
  int64_t lanes;
  bool a8w8;
  Type fp8;
  Value queries, keys, isKey, scores, max, sum;
};

} // namespace

void ScopeLowering::loadQueries(Value q, Value token, Value firstHead) {
  Value negInf = b.f32(-kInf), zero = b.f32(0.0f);
  bool isFp8 = isa<Float8E4M3FNType, Float8E4M3FNUZType>(head.qType);
  b.forRange(numHeads, [&](Value h) {
    Value row = b.addi(firstHead, h);
    b.forChunks(head.columns, [&](Value column, int64_t count) {
      Value value;
      if (isFp8) {
        Value codes =
            b.load(q, {token, row, column}, b.getWidth(), b.getWidth());
        value = decodeFp8(b, b.bitcast(codes, b.getI8Type()), head.qType);
        if (!a8w8)
          value = b.mulf(value, b.splat(head.qScale));
      } else {
        value = b.loadF32(q, {token, row, column}, count);
        if (a8w8 && head.qScale)
          value = b.divf(value, b.splat(head.qScale));
        if (a8w8)
          value = roundToFp8(b, value, fp8);
      }
      b.store(value, queries, {h, column}, count);
    });
    Value zeros = b.splat(zero);
    b.forChunks(head.valueColumns, [&](Value column, int64_t count) {
      b.store(zeros, out, {h, column}, count);
    });
    b.storeScalar(negInf, max, h);
    b.storeScalar(zero, sum, h);
  });
}

/// Converts keys `first .. first + lanes - 1`, those below `count`, to f32.
void ScopeLowering::loadTile(Value first, Value count) {
  Value numSlots = scope.cache.getNumSlots(b);
  bool storedFp8 = scope.cache.layout == CacheLayout::Fp8;
  b.forRange(lanes, [&](Value lane) {
    Value key = b.addi(first, lane);
    Value exists = b.cmpi(IPredicate::slt, key, count);
    auto branch = scf::IfOp::create(
        b, exists,
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(b, scope.slotOf(key));
        },
        [&](OpBuilder &, Location) { scf::YieldOp::create(b, b.index(-1)); });
    Value slot = branch.getResult(0);
    // As an unsigned number a negative slot is beyond the cache.
    Value visible = b.cmpi(IPredicate::ult, slot, numSlots);
    b.storeScalar(b.select(visible, b.f32(1.0f), b.f32(0.0f)), isKey, lane);
    auto fill = scf::IfOp::create(b, visible, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(fill.thenBlock());
    readCacheRow(b, scope.cache, slot, head.columns,
                 [&](Value column, Value value) {
                   if (!a8w8 && storedFp8)
                     value = b.mulf(value, b.splat(scope.kvScale));
                   if (a8w8 && !storedFp8) {
                     if (scope.kvScale)
                       value = b.divf(value, b.splat(scope.kvScale));
                     value = roundToFp8(b, value, fp8);
                   }
                   b.store(value, keys, {lane, column}, lanes);
                 });
    b.setInsertionPointToStart(fill.elseBlock());
    Value zeros = b.splat(b.f32(0.0f));
    b.forChunks(head.columns, [&](Value column, int64_t count) {
      b.store(zeros, keys, {lane, column}, count);
    });
  });
}

/// What a dot product is multiplied by.
Value ScopeLowering::logitFactor() {
  Value factor = b.f32(head.smScale);
  if (a8w8 && head.qScale)
    factor = b.mulf(factor, head.qScale);
  if (a8w8 && scope.kvScale)
    factor = b.mulf(factor, scope.kvScale);
  return factor;
}

/// The logits of head `h` for the tile, -inf where there is no key.
Value ScopeLowering::tileScores(Value h) {
  b.forRange(lanes, [&](Value lane) {
    // Four sums, combined in a fixed order.
    constexpr int64_t kSums = 4;
    int64_t chunks = head.columns / lanes;
    Value zero = b.splat(b.f32(0.0f));
    auto loop = scf::ForOp::create(
        b, b.index(0), b.index(chunks / kSums * kSums * lanes),
        b.index(kSums * lanes), SmallVector<Value>(kSums, zero));
    SmallVector<Value> sums;
    auto step = [&](Value column, Value sum) {
      Value key = b.load(keys, {lane, column}, lanes, lanes);
      Value query = b.load(queries, {h, column}, lanes, lanes);
      return b.addf(sum, b.mulf(query, key));
    };
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(loop.getBody());
      for (int64_t i = 0; i < kSums; ++i)
        sums.push_back(step(b.addi(loop.getInductionVar(), b.index(i * lanes)),
                            loop.getRegionIterArg(i)));
      scf::YieldOp::create(b, sums);
    }
    sums.assign(loop.getResults().begin(), loop.getResults().end());
    for (int64_t i = chunks / kSums * kSums; i < chunks; ++i)
      sums[i % kSums] = step(b.index(i * lanes), sums[i % kSums]);
    Value total = b.addf(b.addf(sums[0], sums[1]), b.addf(sums[2], sums[3]));
    b.storeScalar(
        b.reduce(total, [&](Value x, Value y) { return b.addf(x, y); }), scores,
        lane);
  });
  Value dots = b.load(scores, b.index(0), lanes, lanes);
  Value valid = b.cmpf(FPredicate::OGT, b.load(isKey, b.index(0), lanes, lanes),
                       b.f32(0.0f, dots));
  return b.select(valid, b.mulf(dots, b.splat(logitFactor())),
                  b.f32(-kInf, dots));
}

/// Adds the tile to the result of head `h`.
void ScopeLowering::addTile(Value h) {
  auto maximum = [&](Value x, Value y) { return maxf(b, x, y); };
  Value logits = tileScores(h);
  Value oldMax = b.loadScalar(max, h);
  Value newMax = maximum(b.reduce(logits, maximum), oldMax);
  // Without a key so far every weight is exp(-inf - 0) = 0.
  Value reference = b.select(b.cmpf(FPredicate::OEQ, newMax, b.f32(-kInf)),
                             b.f32(0.0f), newMax);
  Value isHole = b.cmpf(FPredicate::OEQ, logits, b.f32(-kInf, logits));
  Value weights = b.select(isHole, b.f32(0.0f, logits),
                           exponential(b, b.subf(logits, b.splat(reference))));
  Value rescale = exponential(b, b.subf(oldMax, reference));
  Value tileSum =
      b.reduce(weights, [&](Value x, Value y) { return b.addf(x, y); });
  b.storeScalar(b.addf(b.mulf(b.loadScalar(sum, h), rescale), tileSum), sum, h);
  b.storeScalar(newMax, max, h);
  if (a8w8)
    weights = roundToFp8(b, weights, fp8);
  SmallVector<Value> weight;
  for (int64_t lane = 0; lane < lanes; ++lane)
    weight.push_back(b.splat(
        vector::ExtractOp::create(b, weights, ArrayRef<int64_t>{lane})));
  Value factor = b.splat(rescale);
  b.forChunks(head.valueColumns, [&](Value column, int64_t count) {
    Value value = b.mulf(b.load(out, {h, column}, lanes, count), factor);
    for (int64_t lane = 0; lane < lanes; ++lane)
      value = b.addf(
          value, b.mulf(weight[lane],
                        b.load(keys, {b.index(lane), column}, lanes, count)));
    b.store(value, out, {h, column}, count);
  });
}

/// Normalises the result of head `h`.
void ScopeLowering::finish(Value h) {
  Value total = b.loadScalar(sum, h);
  Value isEmpty = b.cmpf(FPredicate::OEQ, total, b.f32(0.0f));
  total = b.select(isEmpty, b.f32(1.0f), total);
  b.storeScalar(b.select(isEmpty, b.f32(-kInf),
                         b.addf(b.loadScalar(max, h), logarithm(b, total))),
                lse, h);
  b.forChunks(head.valueColumns, [&](Value column, int64_t count) {
    Value value = b.load(out, {h, column}, lanes, count);
    if (a8w8 && scope.kvScale)
      value = b.mulf(value, b.splat(scope.kvScale));
    b.store(b.divf(value, b.splat(total)), out, {h, column}, count);
  });
}

void ScopeLowering::run(Value q, Value token, Value firstHead) {
  loadQueries(q, token, firstHead);
  Value count = scope.count();
  Value tiles = arith::CeilDivSIOp::create(b, count, b.index(lanes));
  auto forTiles = [&](function_ref<void(Value)> body) {
    b.forRange(tiles, [&](Value tile) {
      loadTile(b.muli(tile, b.index(lanes)), count);
      b.forRange(numHeads, body);
    });
  };
  if (a8w8)
    forTiles([&](Value h) {
      auto maximum = [&](Value x, Value y) { return maxf(b, x, y); };
      Value tileMax = b.reduce(tileScores(h), maximum);
      b.storeScalar(maximum(tileMax, b.loadScalar(max, h)), max, h);
    });
  forTiles([&](Value h) { addTile(h); });
  b.forRange(numHeads, [&](Value h) { finish(h); });
}

//===----------------------------------------------------------------------===//
// Whole operations
//===----------------------------------------------------------------------===//

/// Calls `body` with the token, the first head and the number of heads of each
/// block of heads, in parallel.
static void forHeadBlocks(RowBuilder &b, Value q,
                          function_ref<void(Value, Value, Value)> body) {
  int64_t heads = cast<MemRefType>(q.getType()).getDimSize(1);
  int64_t blocks = llvm::divideCeil(heads, kHeadsPerBlock);
  b.forParallel(b.muli(b.dim(q, 0), b.index(blocks)), [&](Value item) {
    Value token = b.divui(item, blocks);
    Value first = b.muli(b.remui(item, blocks), b.index(kHeadsPerBlock));
    Value count =
        heads % kHeadsPerBlock == 0
            ? b.index(kHeadsPerBlock)
            : b.minsi(b.index(kHeadsPerBlock), b.subi(b.index(heads), first));
    body(token, first, count);
  });
}

template <typename OpTy>
static Head headOf(RowBuilder &b, OpTy op) {
  Head head;
  head.compute = op.getCompute();
  head.smScale = op.getSmScale().convertToFloat();
  if (op.getQScale())
    head.qScale = b.loadScalar(op.getQScale(), b.index(0));
  head.qType = elementOf(op.getQ());
  head.columns = columnsOf(op.getQ());
  head.valueColumns = columnsOf(op.getOut());
  return head;
}

static Value loadScale(RowBuilder &b, Value scale) {
  return scale ? b.loadScalar(scale, b.index(0)) : Value();
}

/// The scope of a list of slots of row `token`.
static Scope listScope(RowBuilder &b, CacheRead cache, Value slots,
                       Value lengths, Value kvScale, Value token) {
  Scope scope;
  scope.cache = cache;
  scope.kvScale = loadScale(b, kvScale);
  scope.count = [=, &b]() -> Value {
    Value columns = b.dim(slots, 1);
    if (!lengths)
      return columns;
    Value length = loadIndex(b, lengths, token);
    return b.minsi(b.maxsi(length, b.index(0)), columns);
  };
  scope.slotOf = [=, &b](Value key) {
    return loadIndex(b, slots, {token, key});
  };
  return scope;
}

/// The scope of the tokens that row `token` of a paged request sees.
static Scope pagedScope(RowBuilder &b, MlaDecodeOp op, Value token) {
  Scope scope;
  scope.cache = {op.getCache(), op.getLayout(), std::nullopt};
  scope.kvScale = loadScale(b, op.getKvScale());
  Value table = op.getBlockTable(), lengths = op.getLengths();
  int64_t qLen = op.getQLen();
  Value request = b.divui(token, qLen);
  Value pageSize = scope.cache.getPageSize(b);
  scope.count = [=, &b]() -> Value {
    // Query i sees the tokens up to i + length - q_len.
    Value length = loadIndex(b, lengths, request);
    length = b.subi(b.addi(length, b.remui(token, qLen)), b.index(qLen - 1));
    Value known = b.muli(b.dim(table, 1), pageSize);
    return b.minsi(b.maxsi(length, b.index(0)), known);
  };
  CacheRead cache = scope.cache;
  scope.slotOf = [=, &b](Value key) -> Value {
    Value column = arith::DivUIOp::create(b, key, pageSize);
    Value place = arith::RemUIOp::create(b, key, pageSize);
    Value page = loadIndex(b, table, {request, column});
    Value slot = b.addi(b.muli(page, pageSize), place);
    Value exists = b.cmpi(IPredicate::ult, page, b.dim(cache.cache, 0));
    return b.select(exists, slot, b.index(-1));
  };
  return scope;
}

namespace {

struct MlaDecodeToLoops final : RowPattern<MlaDecodeOp> {
  using RowPattern::RowPattern;

  void lower(MlaDecodeOp op, RowBuilder &b) const override {
    forHeadBlocks(b, op.getQ(), [&](Value token, Value first, Value count) {
      Head head = headOf(b, op);
      Scope scope = pagedScope(b, op, token);
      ScopeLowering lowering(b, head, scope, count);
      lowering.run(op.getQ(), token, first);
      b.forRange(count, [&](Value h) {
        Value row = b.addi(first, h);
        if (op.getLse())
          b.storeScalar(b.loadScalar(lowering.lse, h), op.getLse(),
                        {token, row});
        b.forChunks(head.valueColumns, [&](Value column, int64_t lanes) {
          Value value = b.load(lowering.out, {h, column}, b.getWidth(), lanes);
          b.storeF32(value, op.getOut(), {token, row, column}, lanes);
        });
      });
    });
  }
};

struct SparseMlaDecodeToLoops final : RowPattern<SparseMlaDecodeOp> {
  using RowPattern::RowPattern;

  static std::optional<int64_t> signedSize(std::optional<uint64_t> size) {
    return size ? std::optional<int64_t>(*size) : std::nullopt;
  }

  void lower(SparseMlaDecodeOp op, RowBuilder &b) const override {
    forHeadBlocks(b, op.getQ(), [&](Value token, Value first, Value count) {
      Head head = headOf(b, op);
      SmallVector<Scope, 2> scopes;
      scopes.push_back(listScope(
          b, {op.getCache(), op.getLayout(), signedSize(op.getPageSize())},
          op.getSlots(), op.getLengths(), op.getKvScale(), token));
      if (op.getExtraCache())
        scopes.push_back(listScope(b,
                                   {op.getExtraCache(), *op.getExtraLayout(),
                                    signedSize(op.getExtraPageSize())},
                                   op.getExtraSlots(), op.getExtraLengths(),
                                   op.getExtraKvScale(), token));
      SmallVector<ScopeLowering, 2> parts;
      for (const Scope &scope : scopes) {
        parts.emplace_back(b, head, scope, count);
        parts.back().run(op.getQ(), token, first);
      }
      b.forRange(count, [&](Value h) {
        storeHead(op, b, parts, token, h, b.addi(first, h));
      });
    });
  }

  static void storeHead(SparseMlaDecodeOp op, RowBuilder &b,
                        ArrayRef<ScopeLowering> parts, Value token, Value h,
                        Value row) {
    SmallVector<Value> lses;
    for (const ScopeLowering &part : parts)
      lses.push_back(b.loadScalar(part.lse, h));
    std::optional<Merge> merge;
    if (parts.size() > 1)
      merge = Merge::of(b, lses, EmptyLse::NegInf);
    Value lse = merge ? merge->lse : lses.front();
    if (op.getLse())
      b.storeScalar(lse, op.getLse(), {token, row});
    Value factor;
    if (op.getSink())
      factor = sinkFactor(b, b.loadScalar(op.getSink(), row), lse);
    b.forChunks(columnsOf(op.getOut()), [&](Value column, int64_t lanes) {
      SmallVector<Value> chunks;
      for (const ScopeLowering &part : parts)
        chunks.push_back(b.load(part.out, {h, column}, b.getWidth(), lanes));
      Value value = merge ? merge->apply(b, chunks) : chunks.front();
      if (factor)
        value = applySinkFactor(b, value, factor);
      b.storeF32(value, op.getOut(), {token, row, column}, lanes);
    });
  }
};

struct MergeAttentionToLoops final : RowPattern<MergeAttentionOp> {
  using RowPattern::RowPattern;

  void lower(MergeAttentionOp op, RowBuilder &b) const override {
    b.forRows(op.getOut(), [&](ValueRange row) {
      SmallVector<Value> lses;
      for (Value lse : op.getLse())
        lses.push_back(b.loadScalar(lse, row));
      Merge merge = Merge::of(b, lses, op.getEmpty());
      if (op.getLseOut())
        b.storeScalar(merge.lse, op.getLseOut(), row);
      b.forChunks(columnsOf(op.getOut()), [&](Value column, int64_t count) {
        SmallVector<Value> at = withColumn(row, column), chunks;
        for (Value x : op.getX())
          chunks.push_back(b.loadF32(x, at, count));
        b.storeF32(merge.apply(b, chunks), op.getOut(), at, count);
      });
    });
  }
};

struct ApplySinkToLoops final : RowPattern<ApplySinkOp> {
  using RowPattern::RowPattern;

  void lower(ApplySinkOp op, RowBuilder &b) const override {
    b.forRows(op.getX(), [&](ValueRange row) {
      Value factor = sinkFactor(b, b.loadScalar(op.getSink(), row.back()),
                                b.loadScalar(op.getLse(), row));
      b.forChunks(columnsOf(op.getX()), [&](Value column, int64_t count) {
        SmallVector<Value> at = withColumn(row, column);
        Value value = b.loadF32(op.getX(), at, count);
        b.storeF32(applySinkFactor(b, value, factor), op.getOut(), at, count);
      });
    });
  }
};

} // namespace

void lm::populateAttentionPatterns(RewritePatternSet &patterns,
                                   int64_t vectorWidth) {
  patterns.add<MlaDecodeToLoops, SparseMlaDecodeToLoops, MergeAttentionToLoops,
               ApplySinkToLoops>(patterns.getContext(), vectorWidth);
}
