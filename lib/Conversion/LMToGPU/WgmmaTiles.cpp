//===-- WgmmaTiles.cpp - Tiles of keys in shared memory -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is 64 keys in pieces of 64 columns, each of which is an operand tile
// of Wgmma.h. Rows of bf16 are copied by the asynchronous copies of the
// hardware; others pass through registers, where they become bf16. A key that
// is not visible is a row of zeros: nothing that a cache holds can leak out of
// it.
//
//===----------------------------------------------------------------------===//

#include "WgmmaTiles.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"
#include "hipfuse/Conversion/RowCode/Scales.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();

WgmmaShape WgmmaShape::of(int64_t queryRows, int64_t columns,
                          int64_t ldsBytes) {
  WgmmaShape shape;
  shape.rows = std::min<int64_t>(64, llvm::alignTo(queryRows, 16));
  shape.groups = llvm::divideCeil(queryRows, shape.rows);
  shape.tileBytes = kTileKeys * columns * 2;
  int64_t queryBytes = shape.rows * columns * 2;
  int64_t weightBytes = shape.rows * kSwizzleBytes;
  constexpr int64_t kMaxStages = 4;
  // Bytes of a stage besides its tile: who is visible, two barriers.
  constexpr int64_t kStageBytes = kTileKeys * 4 + 16;
  int64_t rest = queryBytes + weightBytes + shape.rows * (4 * 4 + 4);
  shape.stages =
      std::min(kMaxStages, (ldsBytes - rest) / (shape.tileBytes + kStageBytes));
  int64_t end = 0;
  auto take = [&](int64_t bytes) {
    int64_t begin = end;
    end += bytes;
    return begin;
  };
  shape.keys = take(shape.stages * shape.tileBytes);
  shape.queries = take(queryBytes);
  shape.weights = take(weightBytes);
  shape.full = take(shape.stages * 8);
  shape.empty = take(shape.stages * 8);
  shape.visible = take(shape.stages * kTileKeys * 4);
  shape.maxima = take(shape.rows * 4 * 4);
  shape.factors = take(shape.rows * 4);
  shape.bytes = end;
  // The workgroup starts with 168 registers a thread. The output of many rows
  // needs more, and a producer fewer; together they may not have more than at
  // the start.
  shape.movesRegisters = shape.rows > 32;
  shape.consumerRegisters = 216;
  shape.producerRegisters = 3 * 168 - 2 * shape.consumerRegisters;
  return shape;
}

WgmmaTiles::WgmmaTiles(KernelBuilder &b, WgmmaUnit &unit,
                       AttentionKernel &kernel, const AttentionProblem &problem,
                       const WgmmaShape &shape)
    : b(b), unit(unit), kernel(kernel), problem(problem), shape(shape) {
  base = LLVM::PtrToIntOp::create(b, b.getI32Type(), b.dynamicLds());
}

Value WgmmaTiles::at(int64_t offset) { return b.addi(base, b.i32(offset)); }

Value WgmmaTiles::barrier(int64_t barriers, Value stage) {
  return b.addi(at(barriers), b.shli(stage, 3));
}

Value WgmmaTiles::tileAddress(Value stage) {
  return b.addi(at(shape.keys), b.muli(stage, b.i32(shape.tileBytes)));
}

void WgmmaTiles::initBarriers() {
  b.ifThen(b.isZero(b.thread()), [&] {
    for (int64_t stage = 0; stage < shape.stages; ++stage) {
      // Each producer arrives for its copies and for its other writes.
      unit.initBarrier(at(shape.full + 8 * stage), 2 * kWarpGroup);
      // Each consumer warp arrives.
      unit.initBarrier(at(shape.empty + 8 * stage), kConsumers / 32);
    }
  });
}

std::pair<Value, Value> WgmmaTiles::stageOf(Value count) {
  return {b.remui(count, shape.stages),
          b.andi(b.divui(count, shape.stages), b.i32(1))};
}

std::pair<Value, Value> WgmmaTiles::rangeOf(const AttentionWork &work,
                                            unsigned scope) {
  auto minsi = [&](Value x, Value y) -> Value {
    return arith::MinSIOp::create(b, x, y);
  };
  auto maxsi = [&](Value x, Value y) -> Value {
    return arith::MaxSIOp::create(b, x, y);
  };
  if (!work.secondBegin)
    return {work.begin, work.end};
  if (scope == 0)
    return {work.begin, minsi(work.end, work.lengths[0])};
  Value begin = maxsi(b.subi(work.begin, work.secondBegin), b.i32(0));
  return {begin, b.subi(work.end, work.secondBegin)};
}

SmallVector<Value, 2> WgmmaTiles::countTiles(const AttentionWork &work) {
  SmallVector<Value, 2> counts;
  for (unsigned scope = 0; scope < problem.scopes.size(); ++scope) {
    auto [begin, end] = rangeOf(work, scope);
    Value keys = arith::MaxSIOp::create(b, b.subi(end, begin), b.i32(0));
    counts.push_back(b.divui(b.addi(keys, b.i32(kTileKeys - 1)), kTileKeys));
  }
  return counts;
}

Value WgmmaTiles::produce(const AttentionWork &work, Value count) {
  SmallVector<Value, 2> counts = countTiles(work);
  for (unsigned scope = 0; scope < problem.scopes.size(); ++scope) {
    auto [begin, end] = rangeOf(work, scope);
    bool copies =
        problem.scopes[scope].layout == CacheLayout::Bf16 && !problem.a8w8;
    auto loop = scf::ForOp::create(b, b.i32(0), counts[scope], b.i32(1), count);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value number = loop.getRegionIterArg(0);
    auto [stage, parity] = stageOf(number);
    Value first =
        b.addi(begin, b.muli(loop.getInductionVar(), b.i32(kTileKeys)));
    if (copies)
      copyTile(work, scope, first, end, stage, parity);
    else
      convertTile(work, scope, first, end, stage, parity);
    unit.arriveAfterCopies(barrier(shape.full, stage));
    unit.arrive(barrier(shape.full, stage));
    scf::YieldOp::create(b, b.addi(number, b.i32(1)));
    count = loop.getResult(0);
  }
  return count;
}

void WgmmaTiles::storeVisible(Value stage, Value row, Value visible) {
  Value offset = b.shli(b.addi(b.muli(stage, b.i32(kTileKeys)), row), 2);
  unit.store(b.select(visible, b.f32(0.0f), b.f32(-kInf)),
             b.addi(at(shape.visible), offset), 4);
}

Value WgmmaTiles::address(unsigned scope, Value offset) {
  Value pointer = kernel.cache(scope).pointer;
  return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer,
                             LLVM::GEPArg(offset));
}

/// Eight threads copy the 128 bytes of a key's piece.
void WgmmaTiles::copyTile(const AttentionWork &work, unsigned scope,
                          Value first, Value end, Value stage, Value parity) {
  constexpr int64_t kUnits = kSwizzleBytes / 16;
  constexpr int64_t kRows = kWarpGroup / kUnits; // keys of a round
  Value thread = b.subi(b.thread(), b.i32(kConsumers));
  Value row = b.divui(thread, kUnits), place = b.remui(thread, kUnits);
  SmallVector<Value> pointers, sizes, visible;
  for (int64_t r = 0; r < kTileKeys; r += kRows) {
    Value index = b.addi(first, b.addi(row, b.i32(r)));
    KeyPlace key = kernel.findKey(work, scope, index);
    visible.push_back(b.andi(key.visible, b.cmpi(IPredicate::slt, index, end)));
    Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    Value offset = b.select(visible.back(), key.offset, zero);
    pointers.push_back(
        address(scope, b.addi(offset, b.zext64(b.shli(place, 4)))));
    sizes.push_back(b.select(visible.back(), b.i32(16), b.i32(0)));
  }
  unit.wait(barrier(shape.empty, stage),
            arith::XOrIOp::create(b, parity, b.i32(1)));
  Value swizzled = arith::XOrIOp::create(b, place, b.andi(row, b.i32(7)));
  Value target =
      b.addi(tileAddress(stage), b.addi(b.shli(row, 7), b.shli(swizzled, 4)));
  for (int64_t piece = 0; piece < problem.columns / kSwizzleColumns; ++piece)
    for (int64_t r = 0; r < kTileKeys; r += kRows) {
      Value source = LLVM::GEPOp::create(
          b, pointers[r / kRows].getType(), b.getI8Type(), pointers[r / kRows],
          LLVM::GEPArg(static_cast<int32_t>(piece * kSwizzleBytes)));
      unit.copyAsync(b.addi(target, b.i32(piece * kTileKeys * kSwizzleBytes +
                                          r * kSwizzleBytes)),
                     source, sizes[r / kRows]);
    }
  b.ifThen(b.isZero(place), [&] {
    for (int64_t r = 0; r < kTileKeys; r += kRows)
      storeVisible(stage, b.addi(row, b.i32(r)), visible[r / kRows]);
  });
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

static Value extract(KernelBuilder &b, Value vector, int64_t index) {
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{index});
}

SmallVector<Value> WgmmaTiles::toFloats(Value raw, Type element) {
  auto type = cast<VectorType>(raw.getType());
  int64_t lanes = type.getNumElements();
  SmallVector<Value> values;
  if (type.getElementTypeBitWidth() != 8) {
    Value floats = extendToF32(b, raw);
    for (int64_t i = 0; i < lanes; ++i)
      values.push_back(extract(b, floats, i));
    return values;
  }
  Value pairs = vector::BitCastOp::create(
      b, VectorType::get({lanes / 2}, b.getI16Type()), raw);
  for (int64_t i = 0; i < lanes / 2; ++i) {
    Value halves =
        b.intrinsic("llvm.nvvm.e4m3x2.to.f16x2.rn",
                    VectorType::get({2}, b.getF16Type()), extract(b, pairs, i));
    Value floats = extendToF32(b, halves);
    values.push_back(extract(b, floats, 0));
    values.push_back(extract(b, floats, 1));
  }
  return values;
}

SmallVector<Value> WgmmaTiles::roundToFp8(ArrayRef<Value> values) {
  SmallVector<Value> codes;
  for (size_t i = 0; i < values.size(); i += 2)
    codes.push_back(b.intrinsic("llvm.nvvm.ff.to.e4m3x2.rn", b.getI16Type(),
                                {values[i + 1], values[i]}));
  SmallVector<Value> rounded;
  for (Value code : codes) {
    Value halves = b.intrinsic("llvm.nvvm.e4m3x2.to.f16x2.rn",
                               VectorType::get({2}, b.getF16Type()), code);
    Value floats = extendToF32(b, halves);
    rounded.push_back(extract(b, floats, 0));
    rounded.push_back(extract(b, floats, 1));
  }
  return rounded;
}

Value WgmmaTiles::packPair(Value low, Value high) {
  Value pair = b.intrinsic("llvm.nvvm.ff2bf16x2.rn",
                           VectorType::get({2}, b.getBF16Type()), {high, low});
  return LLVM::BitcastOp::create(b, b.getI32Type(), pair);
}

Value WgmmaTiles::packPairs(ArrayRef<Value> values) {
  SmallVector<Value> words;
  for (size_t i = 0; i < values.size(); i += 2)
    words.push_back(packPair(values[i], values[i + 1]));
  return vector::FromElementsOp::create(
      b, VectorType::get({static_cast<int64_t>(words.size())}, b.getI32Type()),
      words);
}

/// Four threads convert a key, each 16 bytes of every 64.
void WgmmaTiles::convertTile(const AttentionWork &work, unsigned scope,
                             Value first, Value end, Value stage,
                             Value parity) {
  constexpr int64_t kThreads = 4;
  constexpr int64_t kRows = kWarpGroup / kThreads;
  CacheLayout layout = problem.scopes[scope].layout;
  bool isBf16 = layout == CacheLayout::Bf16;
  bool isBytes =
      layout == CacheLayout::DsMla584 || layout == CacheLayout::DsMla656;
  int64_t elementBytes = isBf16 ? 2 : 1;
  int64_t latent =
      isBytes ? (layout == CacheLayout::DsMla584 ? 448 : 512) : problem.columns;
  // Bytes from a key's begin to its columns of bf16.
  int64_t rope = layout == CacheLayout::DsMla584 ? 448 : 528;
  int64_t rounds = latent * elementBytes / (16 * kThreads);
  Value thread = b.subi(b.thread(), b.i32(kConsumers));
  Value part = b.remui(thread, kThreads);

  auto vectorOf = [&](int64_t lanes, Type type) {
    return VectorType::get({lanes}, type);
  };
  auto i64 = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  struct Row {
    Value index, visible;
    SmallVector<Value> codes, ropes;
    Value scales;
  };
  SmallVector<Row> rows;
  for (int64_t r = 0; r < kTileKeys; r += kRows) {
    Row row;
    row.index = b.addi(b.divui(thread, kThreads), b.i32(r));
    Value index = b.addi(first, row.index);
    KeyPlace key = kernel.findKey(work, scope, index);
    row.visible = b.andi(key.visible, b.cmpi(IPredicate::slt, index, end));
    // All of a row's loads are under one condition.
    SmallVector<Value> zeros;
    Value zero16 = arith::ConstantOp::create(
        b, b.getZeroAttr(vectorOf(16, b.getI8Type())));
    int64_t ropeUnits = isBytes ? 2 : 0;
    zeros.append(rounds + ropeUnits, zero16);
    VectorType scaleType;
    if (layout == CacheLayout::DsMla584)
      scaleType = vectorOf(8, b.getI8Type());
    else if (layout == CacheLayout::DsMla656)
      scaleType = vectorOf(4, b.getF32Type());
    if (scaleType)
      zeros.push_back(arith::ConstantOp::create(b, b.getZeroAttr(scaleType)));
    SmallVector<Value> loaded = b.ifElse(
        row.visible,
        [&] {
          SmallVector<Value> values;
          Value begin = b.addi(key.offset, b.zext64(b.shli(part, 4)));
          auto loadAt = [&](VectorType type, Value offset, unsigned align) {
            auto op =
                LLVM::LoadOp::create(b, type, address(scope, offset), align);
            op.setInvariant(true);
            values.push_back(op);
          };
          for (int64_t i = 0; i < rounds; ++i)
            loadAt(cast<VectorType>(zero16.getType()),
                   b.addi(begin, i64(16 * kThreads * i)), 16);
          for (int64_t i = 0; i < ropeUnits; ++i)
            loadAt(cast<VectorType>(zero16.getType()),
                   b.addi(begin, i64(rope + 16 * kThreads * i)), 16);
          if (scaleType)
            loadAt(scaleType, key.scales,
                   layout == CacheLayout::DsMla584 ? 8 : 16);
          return values;
        },
        zeros);
    if (scaleType)
      row.scales = loaded.pop_back_val();
    row.codes.assign(loaded.begin(), loaded.begin() + rounds);
    row.ropes.assign(loaded.begin() + rounds, loaded.end());
    rows.push_back(row);
  }
  unit.wait(barrier(shape.empty, stage),
            arith::XOrIOp::create(b, parity, b.i32(1)));
  Value tile = tileAddress(stage);
  Value rowSwizzle = b.andi(b.divui(thread, kThreads), b.i32(7));
  // Unit `number` (of 16 bytes as bf16) of a key.
  auto target = [&](const Row &row, int64_t piece, Value place) {
    Value swizzled = arith::XOrIOp::create(b, place, rowSwizzle);
    return b.addi(b.addi(tile, b.i32(piece * kTileKeys * kSwizzleBytes)),
                  b.addi(b.shli(row.index, 7), b.shli(swizzled, 4)));
  };
  for (const Row &row : rows) {
    for (int64_t i = 0; i < rounds; ++i) {
      Value raw = row.codes[i];
      if (isBf16)
        raw = vector::BitCastOp::create(b, vectorOf(8, b.getBF16Type()), raw);
      SmallVector<Value> values = toFloats(raw, b.getI8Type());
      if (isBytes) {
        Value scale;
        if (layout == CacheLayout::DsMla584)
          scale =
              decodeE8M0(b, arith::ExtUIOp::create(b, b.getI32Type(),
                                                   extract(b, row.scales, i)));
        else
          scale = extract(b, row.scales, i / 2);
        for (Value &value : values)
          value = b.mulf(value, scale);
      }
      if (problem.a8w8 && layout != CacheLayout::Fp8)
        values = roundKeys(scope, values, isBytes);
      // 16 bytes of codes are two units, of bf16 one.
      int64_t units = values.size() / 8;
      for (int64_t u = 0; u < units; ++u) {
        Value words = packPairs(ArrayRef(values).slice(8 * u, 8));
        int64_t piece = isBf16 ? i / 2 : i;
        Value place = isBf16 ? b.addi(part, b.i32(4 * (i % 2)))
                             : b.addi(b.shli(part, 1), b.i32(u));
        unit.store(words, target(row, piece, place), 16);
      }
    }
    for (auto [i, raw] : llvm::enumerate(row.ropes)) {
      Value words = raw;
      if (problem.a8w8) {
        Value bf16 =
            vector::BitCastOp::create(b, vectorOf(8, b.getBF16Type()), raw);
        words =
            packPairs(roundKeys(scope, toFloats(bf16, b.getBF16Type()), false));
      }
      unit.store(
          words,
          target(row, latent / kSwizzleColumns, b.addi(part, b.i32(4 * i))),
          16);
    }
    b.ifThen(b.isZero(part),
             [&] { storeVisible(stage, row.index, row.visible); });
  }
  unit.fenceAsync();
}

/// Keys of a8w8 in a layout other than fp8, as the bf16 values of their codes.
SmallVector<Value> WgmmaTiles::roundKeys(unsigned scope,
                                         SmallVector<Value> values,
                                         bool isQuantised) {
  for (Value &value : values) {
    if (isQuantised)
      value = extendToF32(b, truncateTo(b, value, b.getBF16Type()));
    if (Value scale = kernel.valueFactor(scope))
      value = b.divf(value, scale);
  }
  return roundToFp8(values);
}
