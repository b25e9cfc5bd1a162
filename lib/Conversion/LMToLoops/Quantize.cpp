//===-- Quantize.cpp - Lower quantisation to loops over rows --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quantize.h"

#include "Patterns.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

/// Indices of byte `(row, block)` in a destination of shuffled scales.
static SmallVector<Value> shuffledIndices(RowBuilder &b, Value memref,
                                          Value row, Value block) {
  int64_t padded = columnsOf(memref);
  Value offset = shuffledScaleOffset(b, row, block, padded);
  return {b.divui(offset, padded), b.remui(offset, padded)};
}

/// Indices of the scale of block `block` of row `row`.
static SmallVector<Value> scaleIndices(RowBuilder &b, SchemeAttr scheme,
                                       Value memref, ValueRange row,
                                       Value block) {
  switch (scheme.getLayout()) {
  case ScaleLayout::RowMajor:
    return withColumn(row, block);
  case ScaleLayout::ColumnMajor:
    return {block, row.front()};
  case ScaleLayout::Cdna4Shuffled:
    return shuffledIndices(b, memref, row.front(), block);
  }
  llvm_unreachable("unknown scale layout");
}

static void storeScale(RowBuilder &b, const Quantization &q, ValueRange row,
                       Value block, const BlockScale &scale) {
  Value stored = scale.stored;
  if (q.scheme.hasE8M0Scale())
    stored = toBytes(b, stored);
  b.storeScalar(stored, q.scale,
                scaleIndices(b, q.scheme, q.scale, row, block));
}

/// Stores the elements of a chunk at `column` of a row.
static void storeElements(RowBuilder &b, const Quantization &q, ValueRange row,
                          Value column, Value value, int64_t count,
                          const BlockScale &scale) {
  Value bytes = encodeElements(b, q.scheme, value, scale);
  if (q.scheme.isFp4()) {
    column = b.divui(column, 2);
    count /= 2;
  }
  b.store(b.bitcast(bytes, elementOf(q.data)), q.data, withColumn(row, column),
          count);
}

/// Writes 1.0 into the scales of blocks `first` to `last - 1`.
static void padShuffled(RowBuilder &b, Value memref, Value row, int64_t first,
                        int64_t last) {
  Value one = arith::ConstantOp::create(b, b.getI8IntegerAttr(0x7F));
  for (int64_t block = first; block < last; ++block)
    b.storeScalar(one, memref, shuffledIndices(b, memref, row, b.index(block)));
}

void lm::padScales(RowBuilder &b, const Quantization &q, ValueRange row,
                   int64_t columns) {
  if (q.scheme.getLayout() == ScaleLayout::Cdna4Shuffled)
    padShuffled(b, q.scale, row.front(), q.scheme.getScalesPerRow(columns),
                columnsOf(q.scale));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// `column + offset`, where `offset` may be empty.
static Value plus(RowBuilder &b, Value column, Value offset) {
  return offset ? b.addi(column, offset) : column;
}

static void quantizeByTensor(RowBuilder &b, const Quantization &q,
                             ValueRange row, Value firstColumn, int64_t columns,
                             const ChunkFn &chunk) {
  Value input = b.loadScalar(q.inputScale, b.index(0));
  BlockScale scale{Value(), b.splat(input), Value()};
  b.forChunks(columns, [&](Value column, int64_t count) {
    storeElements(b, q, row, plus(b, column, firstColumn), chunk(column, count),
                  count, scale);
  });
}

static void quantizeByBlock(RowBuilder &b, const Quantization &q,
                            ValueRange row, Value firstColumn, int64_t columns,
                            const ChunkFn &chunk) {
  int64_t size = q.scheme.getBlock();
  Value firstBlock = firstColumn ? b.divui(firstColumn, size) : Value();
  b.forBlocks(columns, size, [&](Value number, Value begin, int64_t present) {
    SmallVector<Value> values, places;
    b.unrollChunks(present, [&](int64_t offset, int64_t count) {
      places.push_back(offset ? b.addi(begin, b.index(offset)) : begin);
      values.push_back(b.clearTail(chunk(places.back(), count), count));
    });
    BlockScale scale = scaleOf(b, q.scheme, values);
    storeScale(b, q, row, plus(b, number, firstBlock), scale);
    b.unrollChunks(present, [&](int64_t offset, int64_t count) {
      int64_t k = offset / b.getWidth();
      storeElements(b, q, row, plus(b, places[k], firstColumn), values[k],
                    count, scale);
    });
  });
}

static void quantizeByToken(RowBuilder &b, const Quantization &q,
                            ValueRange row, int64_t columns,
                            const ChunkFn &chunk, Value scratch) {
  int64_t width = b.getWidth();
  if (!scratch)
    scratch = b.scratch(columns);
  Value zero = b.splat(b.i32(0));
  auto maximum = [&](Value l, Value r) { return b.umax(l, r); };
  Value amax = b.forChunks(
      columns, zero, [&](Value column, int64_t count, Value carried) {
        Value value = b.clearTail(chunk(column, count), count);
        b.store(value, scratch, column, width);
        return maximum(carried, amaxCandidates(b, q.scheme, value));
      });
  BlockScale scale = scaleOf(b, q.scheme, b.reduce(amax, maximum));
  storeScale(b, q, row, b.index(0), scale);
  b.forChunks(columns, [&](Value column, int64_t count) {
    storeElements(b, q, row, column, b.load(scratch, column, width, width),
                  count, scale);
  });
}

void lm::quantizeColumns(RowBuilder &b, const Quantization &q, ValueRange row,
                         Value firstColumn, int64_t columns,
                         const ChunkFn &chunk) {
  if (q.scheme.getGranularity() == Granularity::Tensor)
    return quantizeByTensor(b, q, row, firstColumn, columns, chunk);
  quantizeByBlock(b, q, row, firstColumn, columns, chunk);
}

void lm::quantizeRow(RowBuilder &b, const Quantization &q, ValueRange row,
                     int64_t columns, const ChunkFn &chunk, Value scratch) {
  if (q.scheme.getGranularity() == Granularity::Token)
    return quantizeByToken(b, q, row, columns, chunk, scratch);
  quantizeColumns(b, q, row, Value(), columns, chunk);
  padScales(b, q, row, columns);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

struct QuantizeToLoops final : RowPattern<QuantizeOp> {
  using RowPattern::RowPattern;

  void lower(QuantizeOp op, RowBuilder &b) const override {
    Quantization quantization{op.getScheme(), op.getData(), op.getScale(),
                              op.getInputScale()};
    b.forRows(op.getX(), [&](ValueRange row) {
      quantizeRow(b, quantization, row, columnsOf(op.getX()),
                  [&](Value column, int64_t count) {
                    return b.loadF32(op.getX(), withColumn(row, column), count);
                  });
    });
  }
};

struct DequantizeToLoops final : RowPattern<DequantizeOp> {
  using RowPattern::RowPattern;

  void lower(DequantizeOp op, RowBuilder &b) const override {
    SchemeAttr scheme = op.getScheme();
    int64_t columns = columnsOf(op.getOut());
    bool byBlock = scheme.getGranularity() == Granularity::Block;
    b.forRows(op.getOut(), [&](ValueRange row) {
      if (byBlock) {
        b.forBlocks(
            columns, scheme.getBlock(),
            [&](Value number, Value begin, int64_t present) {
              Value scale = b.splat(loadScale(b, op, row, number));
              b.unrollChunks(present, [&](int64_t offset, int64_t count) {
                Value column = offset ? b.addi(begin, b.index(offset)) : begin;
                dequantize(b, op, row, column, count, scale);
              });
            });
        return;
      }
      Value scale = b.splat(loadScale(b, op, row, b.index(0)));
      b.forChunks(columns, [&](Value column, int64_t count) {
        dequantize(b, op, row, column, count, scale);
      });
    });
  }

  static Value loadScale(RowBuilder &b, DequantizeOp op, ValueRange row,
                         Value block) {
    SchemeAttr scheme = op.getScheme();
    if (!scheme.isDynamic())
      return b.loadScalar(op.getScale(), b.index(0));
    Value scale = b.loadScalar(
        op.getScale(), scaleIndices(b, scheme, op.getScale(), row, block));
    if (!scheme.hasE8M0Scale())
      return scale;
    Value byte = arith::ExtUIOp::create(b, b.getI32Type(),
                                        b.bitcast(scale, b.getI8Type()));
    return decodeE8M0(b, byte);
  }

  static void dequantize(RowBuilder &b, DequantizeOp op, ValueRange row,
                         Value column, int64_t count, Value scale) {
    int64_t width = b.getWidth();
    Value value;
    if (op.getScheme().isFp4()) {
      Value bytes = b.load(op.getData(), withColumn(row, b.divui(column, 2)),
                           width / 2, count / 2);
      value = decodeFp4(b, unpackNibbles(b, bytes));
    } else {
      Value bytes = b.load(op.getData(), withColumn(row, column), width, count);
      value = decodeFp8(b, b.bitcast(bytes, b.getI8Type()),
                        op.getScheme().getElement());
    }
    b.storeF32(b.mulf(value, scale), op.getOut(), withColumn(row, column),
               count);
  }
};

struct ShuffleScaleToLoops final : RowPattern<ShuffleScaleOp> {
  using RowPattern::RowPattern;

  void lower(ShuffleScaleOp op, RowBuilder &b) const override {
    int64_t blocks = columnsOf(op.getScale());
    b.forRows(op.getScale(), [&](ValueRange row) {
      b.forRange(blocks, [&](Value block) {
        Value scale = b.loadScalar(op.getScale(), withColumn(row, block));
        b.storeScalar(scale, op.getOut(),
                      shuffledIndices(b, op.getOut(), row.front(), block));
      });
      padShuffled(b, op.getOut(), row.front(), blocks, columnsOf(op.getOut()));
    });
  }
};

} // namespace

void lm::populateQuantizePatterns(RewritePatternSet &patterns,
                                  int64_t vectorWidth) {
  patterns.add<QuantizeToLoops, DequantizeToLoops, ShuffleScaleToLoops>(
      patterns.getContext(), vectorWidth);
}
