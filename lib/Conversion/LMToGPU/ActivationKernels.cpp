//===-- ActivationKernels.cpp - Kernels of activations and split-K sums ---===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/Activation.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

/// Splits and result type of an operation that may sum partial products.
struct Splits {
  int64_t count = 0;
  Type type;
};

/// The gated rows: `out` columns of gates, then as many of ups.
static RowValues buildSiluRow(KernelBuilder &b, RowTile &tile,
                              const SiluMul &silu, const Buffer &x,
                              ValueRange row, const Splits &splits) {
  int64_t columns = x.type.getShape().back() / 2;
  // Both halves are loaded before either is used.
  Buffer ups = x.advanced(b, columns);
  RowValues gate = tile.loadSum(x, row, splits.count, splits.type);
  RowValues up = tile.loadSum(ups, row, splits.count, splits.type);
  return tile.map(gate, [&](Value value, int64_t c) {
    return buildSiluMul(b, silu, value, up[c]);
  });
}

static Refusal emitSiluMul(SiluMulOp op, EmitterContext &context) {
  for (Value memref : {op.getX(), op.getOut()})
    if (Refusal refusal = refuseRow(memref))
      return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getOut()));
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  SiluMul silu(op.getClamp(), op.getRoundActivation(), elementOf(op.getX()));
  Buffer x = b.buffer(op.getX()), out = b.buffer(op.getOut());
  SmallVector<Value> row = b.rowIndices(op.getOut(), b.workgroup());
  tile.storeF32(buildSiluRow(b, tile, silu, x, row, Splits()), out,
                b.rowOffset(out, row));
  b.setBytesPerRow(bytesPerRow({op.getX(), op.getOut()}));
  b.launch(b.hostRows(op.getOut()));
  return std::nullopt;
}

static Refusal emitSiluMulQuantize(SiluMulQuantizeOp op,
                                   EmitterContext &context) {
  if (Refusal refusal = refuseRow(op.getX()))
    return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getX()) / 2);
  if (Refusal refusal =
          refuseQuantization(context.target, config, op.getScheme()))
    return refusal;
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  Splits splits;
  if (op.getSplitKType())
    splits = {cast<MemRefType>(op.getX().getType()).getDimSize(0),
              *op.getSplitKType()};
  SiluMul silu(op.getClamp(), op.getRoundActivation(),
               splits.count ? splits.type : elementOf(op.getX()));
  Buffer x = b.buffer(op.getX());
  QuantizeRow quantize{op.getScheme(), b.buffer(op.getData()),
                       b.buffer(op.getScale()), b.buffer(op.getInputScale())};
  SmallVector<Value> row = b.rowIndices(op.getData(), b.workgroup());
  RowValues values = buildSiluRow(b, tile, silu, x, row, splits);
  if (std::optional<Type> type = op.getRoundBeforeQuant())
    values = tile.map(
        values, [&](Value v, int64_t) { return truncateTo(b, v, *type); });
  quantizeRow(b, tile, config, quantize, values, row);
  b.setBytesPerRow(std::max<int64_t>(splits.count, 1) *
                       bytesPerRow({op.getX()}) +
                   bytesPerRow({op.getData(), op.getScale()}));
  b.launch(b.hostRows(op.getData()));
  return std::nullopt;
}

static Refusal emitSplitKReduce(SplitKReduceOp op, EmitterContext &context) {
  for (Value memref : {op.getX(), op.getOut()})
    if (Refusal refusal = refuseRow(memref))
      return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getOut()));
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  Buffer x = b.buffer(op.getX()), out = b.buffer(op.getOut());
  SmallVector<Value> row = b.rowIndices(op.getOut(), b.workgroup());
  int64_t splits = x.type.getDimSize(0);
  tile.storeF32(tile.loadSum(x, row, splits, b.getF32Type()), out,
                b.rowOffset(out, row));
  b.setBytesPerRow(splits * bytesPerRow({op.getX()}) +
                   bytesPerRow({op.getOut()}));
  b.launch(b.hostRows(op.getOut()));
  return std::nullopt;
}

void lm::addActivationEmitters(EmitterMap &emitters) {
  addEmitter<SiluMulOp, emitSiluMul>(emitters);
  addEmitter<SiluMulQuantizeOp, emitSiluMulQuantize>(emitters);
  addEmitter<SplitKReduceOp, emitSplitKReduce>(emitters);
}
