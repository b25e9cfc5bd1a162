//===-- NormKernels.cpp - Kernels of norms, quantised or not --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// The norm of the input that every norm operation has.
template <typename OpTy>
static NormRow normOf(KernelBuilder &b, OpTy op) {
  NormRow norm;
  norm.x = b.buffer(op.getX());
  norm.weight = b.buffer(op.getWeight());
  norm.epsilon = op.getEpsilon().convertToFloat();
  norm.weightOffset = op.getWeightOffset().convertToFloat();
  norm.roundNormBeforeWeight = op.getRoundNormBeforeWeight();
  return norm;
}

/// As above, for an operation that may add a residual first.
template <typename OpTy>
static NormRow residualNormOf(KernelBuilder &b, OpTy op) {
  NormRow norm = normOf(b, op);
  norm.residual = b.buffer(op.getResidual());
  norm.residualOut = b.buffer(op.getResidualOut());
  norm.normFromRoundedResidual = op.getNormFromRoundedResidual();
  norm.roundSumBeforeResidual = op.getRoundSumBeforeResidual();
  return norm;
}

/// The norm of the second input of an operation that has two.
template <typename OpTy>
static NormRow secondNormOf(KernelBuilder &b, OpTy op, float epsilon) {
  NormRow norm;
  norm.x = b.buffer(op.getSecondX());
  norm.weight = b.buffer(op.getSecondWeight());
  norm.epsilon = epsilon;
  norm.weightOffset = op.getWeightOffset().convertToFloat();
  norm.roundNormBeforeWeight = op.getRoundNormBeforeWeight();
  return norm;
}

/// Norms the row of this workgroup, of all but the last dimension of `out`.
static void normRow(KernelBuilder &b, const NormRow &norm, Value out) {
  RowConfig config = getRowConfigFor(columnsOf(out), b.getThreads());
  RowTile tile(b, config);
  Buffer result = b.buffer(out);
  SmallVector<Value> row = b.rowIndices(out, b.workgroup());
  tile.storeF32(buildNorm(b, tile, norm, row), result,
                b.rowOffset(result, row));
}

/// Bytes of a row of all operands that have rows. Weights are shared by the
/// rows and stay in a cache.
static int64_t bytesMoved(Operation *op) {
  SmallVector<Value> moved;
  for (Value operand : op->getOperands())
    if (cast<MemRefType>(operand.getType()).getRank() > 1)
      moved.push_back(operand);
  return bytesPerRow(moved);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A norm alone: a workgroup for each row.
template <typename OpTy, NormRow (*getNorm)(KernelBuilder &, OpTy)>
static Refusal emitNorm(OpTy op, EmitterContext &context) {
  if (Refusal refusal = refuseRow(op.getX()))
    return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getX()));
  KernelBuilder b(op, context, config);
  normRow(b, getNorm(b, op), op.getOut());
  b.setBytesPerRow(bytesMoved(op));
  b.launch(b.hostRows(op.getOut()));
  return std::nullopt;
}

/// Two norms that share nothing but the number of rows: a workgroup for each
/// row of each.
static Refusal emitDualRmsNorm(DualRmsNormOp op, EmitterContext &context) {
  for (Value x : {op.getX(), op.getSecondX()})
    if (Refusal refusal = refuseRow(x))
      return refusal;
  RowConfig first = getRowConfig(context.target, columnsOf(op.getX()));
  RowConfig second = getRowConfig(context.target, columnsOf(op.getSecondX()));
  KernelBuilder b(op, context, first.threads < second.threads ? second : first);
  Value which = b.workgroup(1);
  b.ifThen(b.isZero(which), [&] { normRow(b, normOf(b, op), op.getOut()); });
  b.ifThen(b.isNonZero(which), [&] {
    normRow(b, secondNormOf(b, op, op.getSecondEpsilon().convertToFloat()),
            op.getSecondOut());
  });
  b.setBytesPerRow(bytesMoved(op));
  b.launch({b.hostRows(op.getOut()), b.hostNumber(2)});
  return std::nullopt;
}

static Refusal emitRmsNormQuantize(RmsNormQuantizeOp op,
                                   EmitterContext &context) {
  RowConfig config = getRowConfig(context.target, columnsOf(op.getX()));
  if (Refusal refusal = refuseRow(op.getX()))
    return refusal;
  if (Refusal refusal =
          refuseQuantization(context.target, config, op.getScheme()))
    return refusal;
  if (op.getSecondX()) {
    if (Refusal refusal = refuseRow(op.getSecondX()))
      return refusal;
    RowConfig second = getRowConfig(context.target, columnsOf(op.getSecondX()));
    if (second.threads > config.threads)
      config = getRowConfigFor(config.columns, second.threads);
  }
  KernelBuilder b(op, context, config);
  auto normAndQuantize = [&] {
    RowTile tile(b, config);
    NormRow norm = residualNormOf(b, op);
    if (op.getSplitKType()) {
      norm.splitType = *op.getSplitKType();
      norm.splits = norm.x.type.getDimSize(0);
    }
    SmallVector<Value> row = b.rowIndices(op.getData(), b.workgroup());
    RowValues values = buildNorm(b, tile, norm, row);
    if (std::optional<Type> type = op.getRoundBeforeQuant())
      values = tile.map(
          values, [&](Value v, int64_t) { return truncateTo(b, v, *type); });
    if (op.getNormOut()) {
      Buffer out = b.buffer(op.getNormOut());
      tile.storeF32(values, out, b.rowOffset(out, row));
    }
    QuantizeRow quantize{op.getScheme(), b.buffer(op.getData()),
                         b.buffer(op.getScale()), b.buffer(op.getInputScale())};
    quantizeRow(b, tile, config, quantize, values, row);
  };
  SmallVector<Value> grid = {b.hostRows(op.getData())};
  if (op.getSecondX()) {
    Value which = b.workgroup(1);
    b.ifThen(b.isZero(which), normAndQuantize);
    b.ifThen(b.isNonZero(which), [&] {
      normRow(b, secondNormOf(b, op, op.getSecondEpsilon()->convertToFloat()),
              op.getSecondOut());
    });
    grid.push_back(b.hostNumber(2));
  } else {
    normAndQuantize();
  }
  int64_t splits = op.getSplitKType()
                       ? cast<MemRefType>(op.getX().getType()).getDimSize(0)
                       : 1;
  b.setBytesPerRow(bytesMoved(op) + (splits - 1) * bytesPerRow({op.getX()}));
  b.launch(grid);
  return std::nullopt;
}

void lm::addNormEmitters(EmitterMap &emitters) {
  addEmitter<RmsNormOp, emitNorm<RmsNormOp, normOf<RmsNormOp>>>(emitters);
  addEmitter<AddRmsNormOp,
             emitNorm<AddRmsNormOp, residualNormOf<AddRmsNormOp>>>(emitters);
  addEmitter<DualRmsNormOp, emitDualRmsNorm>(emitters);
  addEmitter<RmsNormQuantizeOp, emitRmsNormQuantize>(emitters);
}
