//===-- RowTile.cpp - A row in the registers of a workgroup ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

Value RowTile::column(int64_t chunk) {
  // Threads and their columns are needed first of all: built at the first use.
  if (columns.empty())
    for (int64_t c = 0; c < config.chunks; ++c) {
      Value vectorId = b.thread();
      if (c)
        vectorId = b.addi(vectorId, b.i32(c * config.threads));
      columns.push_back(b.muli(vectorId, b.i32(config.vector)));
      present.push_back((c + 1) * config.threads * config.vector <=
                                config.columns
                            ? Value()
                            : b.below(columns.back(), config.columns));
    }
  return columns[chunk];
}

Value RowTile::isPresent(int64_t chunk) {
  column(chunk);
  return present[chunk];
}

RowValues RowTile::load(const Buffer &buffer, Value offset, bool constant) {
  RowValues values;
  for (int64_t c = 0; c < config.chunks; ++c) {
    // A thread without columns reads the last ones, which are there.
    Value at = column(c);
    if (isPresent(c))
      at = b.umin(at, b.i32(config.columns - config.vector));
    values.push_back(b.load(buffer, offset, at, config.vector, constant));
    if (config.vector == 1)
      values.back() = b.splat(values.back());
  }
  return values;
}

RowValues RowTile::clear(const RowValues &raw) {
  return map(raw, [&](Value value, int64_t c) {
    Value there = isPresent(c);
    if (!there)
      return value;
    Value zero = arith::ConstantOp::create(b, value.getType(),
                                           b.getZeroAttr(value.getType()));
    return b.select(there, value, zero);
  });
}

RowValues RowTile::toF32(const RowValues &raw) {
  return map(clear(raw),
             [&](Value value, int64_t) { return extendToF32(b, value); });
}

RowValues RowTile::loadSum(const Buffer &buffer, ValueRange row, int64_t splits,
                           Type type) {
  if (!splits)
    return loadF32(buffer, b.rowOffset(buffer, row));
  RowValues sum;
  for (int64_t split = 0; split < splits; ++split) {
    SmallVector<Value> indices = {b.i32(split)};
    llvm::append_range(indices, row);
    RowValues part = loadF32(buffer, b.rowOffset(buffer, indices));
    auto add = [&](Value v, int64_t c) { return b.addf(v, part[c]); };
    sum = split ? map(sum, add) : part;
  }
  return map(sum, [&](Value v, int64_t) { return roundTo(b, v, type); });
}

void RowTile::whenPresent(int64_t chunk, function_ref<void()> body) {
  if (Value there = isPresent(chunk))
    b.ifThen(there, body);
  else
    body();
}

void RowTile::storeF32(const RowValues &values, const Buffer &buffer,
                       Value offset) {
  for (int64_t c = 0; c < config.chunks; ++c)
    whenPresent(c, [&] { b.storeF32(values[c], buffer, offset, column(c)); });
}

RowValues RowTile::map(const RowValues &values,
                       function_ref<Value(Value, int64_t)> function) {
  RowValues results;
  for (auto [c, value] : llvm::enumerate(values))
    results.push_back(function(value, c));
  return results;
}

Value RowTile::sumOfSquares(const RowValues &values) {
  Value squares;
  for (Value value : values)
    squares = squares ? b.fma(value, value, squares) : b.mulf(value, value);
  auto add = [&](Value l, Value r) { return b.addf(l, r); };
  return b.reduceWorkgroup(b.reduce(squares, add), add);
}

//===----------------------------------------------------------------------===//
// Norm
//===----------------------------------------------------------------------===//

RowValues lm::buildNorm(KernelBuilder &b, RowTile &tile, const NormRow &norm,
                        ValueRange row) {
  // Everything is loaded before the sum, for which all threads wait.
  RowValues values = tile.loadSum(norm.x, row, norm.splits, norm.splitType);
  Type type = norm.residual    ? norm.residual.element
              : norm.splitType ? norm.splitType
                               : norm.x.element;
  RowValues residual, weight;
  if (norm.residual)
    residual = tile.loadF32(norm.residual, b.rowOffset(norm.residual, row));
  if (norm.weight)
    weight = tile.load(norm.weight, Value(), /*constant=*/true);
  if (norm.residual) {
    values = tile.map(values, [&](Value value, int64_t c) {
      if (norm.roundSumBeforeResidual)
        value = roundTo(b, value, type);
      return b.addf(value, residual[c]);
    });
    tile.storeF32(values, norm.residualOut, b.rowOffset(norm.residualOut, row));
    if (norm.normFromRoundedResidual)
      values = tile.map(values, [&](Value value, int64_t) {
        return roundTo(b, value, type);
      });
  }
  float columns = norm.x.type.getShape().back();
  Value mean = b.mulf(tile.sumOfSquares(values), b.f32(1.0f / columns));
  Value factor = b.splat(b.rsqrt(b.addf(mean, b.f32(norm.epsilon))));
  if (!weight.empty())
    weight = tile.toF32(weight);
  return tile.map(values, [&](Value value, int64_t c) {
    value = b.mulf(value, factor);
    if (norm.roundNormBeforeWeight)
      value = roundTo(b, value, type);
    if (!norm.weight)
      return value;
    Value w = weight[c];
    if (norm.weightOffset != 0.0f)
      w = b.addf(w, b.f32(norm.weightOffset, w));
    return b.mulf(value, w);
  });
}

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

Refusal lm::refuseRow(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t columns = type.getShape().back();
  if (columns < 1 || columns > kMaxRowColumns)
    return "rows of " + std::to_string(columns) +
           " columns; kernels hold 1 to " + std::to_string(kMaxRowColumns);
  if (type.getStridesAndOffset().first.back() != 1)
    return "columns that are not adjacent in memory";
  return std::nullopt;
}

Refusal lm::refuseQuantization(const hipfuse::TargetInfo &target,
                               const RowConfig &config, SchemeAttr scheme) {
  int64_t block = scheme.getBlock();
  if (scheme.getGranularity() == Granularity::Block &&
      (block % config.vector != 0 || block / config.vector > target.waveSize))
    return "blocks of " + std::to_string(block) +
           " columns, which do not fit the lanes of a wave with " +
           std::to_string(config.vector) + " columns each";
  if (scheme.isFp4() && config.vector % 2 != 0)
    return "an odd number of FP4 columns";
  return std::nullopt;
}

int64_t lm::bytesPerRow(ArrayRef<Value> memrefs) {
  int64_t bytes = 0;
  for (Value memref : memrefs)
    if (memref) {
      auto type = cast<MemRefType>(memref.getType());
      bytes += type.getShape().back() * type.getElementTypeBitWidth() / 8;
    }
  return bytes;
}

std::pair<Value, Value> lm::getScaleAddress(KernelBuilder &b,
                                            const QuantizeRow &q,
                                            ValueRange row, Value block) {
  switch (q.scheme.getLayout()) {
  case ScaleLayout::RowMajor:
    return {b.rowOffset(q.scale, row), block};
  case ScaleLayout::ColumnMajor: {
    // Stored as [block, row].
    Value offset = b.addi(b.muli(b.zext64(block), q.scale.strides[0]),
                          b.muli(b.zext64(row.front()), q.scale.strides[1]));
    return {offset, Value()};
  }
  case ScaleLayout::Cdna4Shuffled:
    return {shuffledScaleOffset(b, b.zext64(row.front()), b.zext64(block),
                                q.scale.type.getShape().back()),
            Value()};
  }
  llvm_unreachable("unknown scale layout");
}

void lm::storeScale(KernelBuilder &b, const QuantizeRow &q, ValueRange row,
                    Value block, Value stored) {
  auto [offset, column] = getScaleAddress(b, q, row, block);
  if (q.scheme.hasE8M0Scale())
    stored = toBytes(b, stored);
  b.store(stored, q.scale, offset, column);
}

void lm::padScales(KernelBuilder &b, const QuantizeRow &q, ValueRange row,
                   int64_t scales, int64_t threads) {
  int64_t padded = q.scale.type.getShape().back();
  for (int64_t first = scales; first < padded; first += threads) {
    Value number = b.addi(b.thread(), b.i32(first));
    b.ifThen(b.below(number, padded),
             [&] { storeScale(b, q, row, number, b.i32(0x7F)); });
  }
}

static void storeElements(KernelBuilder &b, RowTile &tile, const QuantizeRow &q,
                          ValueRange row, int64_t chunk, Value value,
                          const BlockScale &scale) {
  Value bytes = b.encode(q.scheme, value, scale);
  Value column = tile.column(chunk);
  if (q.scheme.isFp4())
    column = b.shrui(column, 1);
  tile.whenPresent(
      chunk, [&] { b.store(bytes, q.data, b.rowOffset(q.data, row), column); });
}

void lm::quantizeRow(KernelBuilder &b, RowTile &tile, const RowConfig &config,
                     const QuantizeRow &q, const RowValues &values,
                     ValueRange row) {
  auto maximum = [&](Value l, Value r) { return b.umax(l, r); };
  if (q.scheme.getGranularity() == Granularity::Tensor) {
    Value input = b.load(q.inputScale, Value(), Value(), 1, /*constant=*/true);
    BlockScale scale{Value(), b.splat(input), Value()};
    for (auto [c, value] : llvm::enumerate(values))
      storeElements(b, tile, q, row, c, value, scale);
    return;
  }

  // The largest magnitude among the columns of this thread, per chunk.
  RowValues amax = tile.map(
      values, [&](Value value, int64_t) { return b.amax(q.scheme, value); });
  if (q.scheme.getGranularity() == Granularity::Token) {
    Value all;
    for (Value value : amax)
      all = all ? maximum(all, value) : value;
    BlockScale scale = scaleOf(b, q.scheme, b.reduceWorkgroup(all, maximum));
    b.ifThen(b.isZero(b.thread()),
             [&] { storeScale(b, q, row, b.i32(0), scale.stored); });
    for (auto [c, value] : llvm::enumerate(values))
      storeElements(b, tile, q, row, c, value, scale);
    return;
  }

  // A block's columns are those of neighbouring lanes.
  int64_t block = q.scheme.getBlock(), lanes = block / config.vector;
  Value isFirst = lanes > 1 ? b.isZero(b.remui(b.thread(), lanes)) : Value();
  for (auto [c, value] : llvm::enumerate(values)) {
    BlockScale scale =
        scaleOf(b, q.scheme, b.reduceLanes(amax[c], lanes, maximum));
    Value number = b.divui(tile.column(c), block);
    tile.whenPresent(c, [&] {
      auto store = [&] { storeScale(b, q, row, number, scale.stored); };
      if (isFirst)
        b.ifThen(isFirst, store);
      else
        store();
    });
    storeElements(b, tile, q, row, c, value, scale);
  }
  if (q.scheme.getLayout() == ScaleLayout::Cdna4Shuffled)
    padScales(b, q, row, q.scheme.getScalesPerRow(config.columns),
              config.threads);
}
