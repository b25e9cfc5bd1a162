//===-- QuantizeKernels.cpp - Kernels of quantisation ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

static Refusal emitQuantize(QuantizeOp op, EmitterContext &context) {
  if (Refusal refusal = refuseRow(op.getX()))
    return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getX()));
  if (Refusal refusal =
          refuseQuantization(context.target, config, op.getScheme()))
    return refusal;
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  QuantizeRow quantize{op.getScheme(), b.buffer(op.getData()),
                       b.buffer(op.getScale()), b.buffer(op.getInputScale())};
  Buffer x = b.buffer(op.getX());
  SmallVector<Value> row = b.rowIndices(op.getX(), b.workgroup());
  quantizeRow(b, tile, config, quantize,
              tile.clear(tile.load(x, b.rowOffset(x, row))), row);
  b.setBytesPerRow(bytesPerRow({op.getX(), op.getData(), op.getScale()}));
  b.launch(b.hostRows(op.getX()));
  return std::nullopt;
}

/// The scale of the columns from `column` on, as f32.
static Value loadScale(KernelBuilder &b, const QuantizeRow &q, ValueRange row,
                       Value column) {
  if (!q.scheme.isDynamic())
    return b.load(q.scale, Value(), Value(), 1, /*constant=*/true);
  Value block = q.scheme.getGranularity() == Granularity::Block
                    ? b.divui(column, q.scheme.getBlock())
                    : b.i32(0);
  auto [offset, at] = getScaleAddress(b, q, row, block);
  Value scale = b.load(q.scale, offset, at, 1);
  if (!q.scheme.hasE8M0Scale())
    return scale;
  return decodeE8M0(b, arith::ExtUIOp::create(b, b.getI32Type(), scale));
}

static Refusal emitDequantize(DequantizeOp op, EmitterContext &context) {
  SchemeAttr scheme = op.getScheme();
  for (Value memref : {op.getData(), op.getOut()})
    if (Refusal refusal = refuseRow(memref))
      return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getOut()));
  if (Refusal refusal = refuseQuantization(context.target, config, scheme))
    return refusal;
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  QuantizeRow q{scheme, b.buffer(op.getData()), b.buffer(op.getScale()), {}};
  Buffer out = b.buffer(op.getOut());
  SmallVector<Value> row = b.rowIndices(op.getOut(), b.workgroup());
  Value dataRow = b.rowOffset(q.data, row), outRow = b.rowOffset(out, row);
  for (int64_t c = 0; c < tile.chunks(); ++c)
    tile.whenPresent(c, [&] {
      Value column = tile.column(c);
      int64_t lanes = config.vector;
      Value value;
      if (scheme.isFp4()) {
        Value bytes = b.load(q.data, dataRow, b.shrui(column, 1), lanes / 2);
        if (lanes == 2)
          bytes = vector::BroadcastOp::create(b, b.vectorOf(b.getI8Type(), 1),
                                              bytes);
        value = decodeFp4(b, unpackNibbles(b, bytes));
      } else {
        value = decodeFp8(b, b.load(q.data, dataRow, column, lanes),
                          scheme.getElement());
      }
      Value scale = loadScale(b, q, row, column);
      if (isa<VectorType>(value.getType()))
        scale = b.splat(scale);
      b.storeF32(b.mulf(value, scale), out, outRow, column);
    });
  b.setBytesPerRow(bytesPerRow({op.getData(), op.getScale(), op.getOut()}));
  b.launch(b.hostRows(op.getOut()));
  return std::nullopt;
}

static Refusal emitShuffleScale(ShuffleScaleOp op, EmitterContext &context) {
  if (Refusal refusal = refuseRow(op.getScale()))
    return refusal;
  int64_t scales = columnsOf(op.getScale()), padded = columnsOf(op.getOut());
  RowConfig config = getRowConfig(context.target, padded);
  KernelBuilder b(op, context, config.threads, /*vector=*/1);
  Buffer scale = b.buffer(op.getScale()), out = b.buffer(op.getOut());
  Value row = b.workgroup();
  Value rowOffset = b.rowOffset(scale, row);
  for (int64_t first = 0; first < padded; first += config.threads) {
    Value block = b.addi(b.thread(), first);
    b.ifThen(b.below(block, padded), [&] {
      Value there = b.below(block, scales);
      Value value =
          b.load(scale, rowOffset, b.umin(block, b.i32(scales - 1)), 1);
      Value one = arith::ConstantOp::create(b, b.getI8IntegerAttr(0x7F));
      b.store(b.select(there, value, one), out,
              shuffledScaleOffset(b, b.zext64(row), b.zext64(block), padded),
              Value());
    });
  }
  b.setBytesPerRow(scales + padded);
  b.launch(b.hostRows(op.getScale()));
  return std::nullopt;
}

void lm::addQuantizeEmitters(EmitterMap &emitters) {
  addEmitter<QuantizeOp, emitQuantize>(emitters);
  addEmitter<DequantizeOp, emitDequantize>(emitters);
  addEmitter<ShuffleScaleOp, emitShuffleScale>(emitters);
}
