//===-- MergeKernels.cpp - Kernels of partial attention results -----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/Merge.h"

using namespace mlir;
using namespace mlir::lm;

/// The f32 that a buffer without columns has at `row`.
static Value loadAt(KernelBuilder &b, const Buffer &buffer, ValueRange row) {
  return b.load(buffer, b.rowOffset(buffer, row), Value(), /*lanes=*/1);
}

/// A workgroup for each row and head: every thread computes the weights.
static Refusal emitMergeAttention(MergeAttentionOp op,
                                  EmitterContext &context) {
  SmallVector<Value> rows(op.getX());
  rows.push_back(op.getOut());
  for (Value memref : rows)
    if (Refusal refusal = refuseRow(memref))
      return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getOut()));
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  SmallVector<Value> row = b.rowIndices(op.getOut(), b.workgroup());
  // All loads come before the weights need the first.
  SmallVector<Value> lses;
  SmallVector<RowValues> parts;
  for (Value lse : op.getLse())
    lses.push_back(loadAt(b, b.buffer(lse), row));
  for (Value x : op.getX()) {
    Buffer part = b.buffer(x);
    parts.push_back(tile.load(part, b.rowOffset(part, row)));
  }
  Merge merge = Merge::of(b, lses, op.getEmpty());
  Buffer out = b.buffer(op.getOut());
  RowValues values = tile.map(parts.front(), [&](Value, int64_t c) {
    SmallVector<Value> chunks;
    for (const RowValues &part : parts)
      chunks.push_back(part[c]);
    return merge.apply(b, chunks);
  });
  tile.storeF32(values, out, b.rowOffset(out, row));
  if (op.getLseOut()) {
    Buffer lseOut = b.buffer(op.getLseOut());
    b.ifThen(b.isZero(b.thread()), [&] {
      b.store(merge.lse, lseOut, b.rowOffset(lseOut, row), Value());
    });
  }
  b.setBytesPerRow(bytesPerRow(rows));
  b.launch(b.hostRows(op.getOut()));
  return std::nullopt;
}

static Refusal emitApplySink(ApplySinkOp op, EmitterContext &context) {
  for (Value memref : {op.getX(), op.getOut()})
    if (Refusal refusal = refuseRow(memref))
      return refusal;
  RowConfig config = getRowConfig(context.target, columnsOf(op.getOut()));
  KernelBuilder b(op, context, config);
  RowTile tile(b, config);
  Buffer x = b.buffer(op.getX()), out = b.buffer(op.getOut());
  SmallVector<Value> row = b.rowIndices(op.getOut(), b.workgroup());
  RowValues raw = tile.load(x, b.rowOffset(x, row));
  Value factor = sinkFactor(b, loadAt(b, b.buffer(op.getSink()), row.back()),
                            loadAt(b, b.buffer(op.getLse()), row));
  RowValues values = tile.map(tile.toF32(raw), [&](Value value, int64_t) {
    return applySinkFactor(b, value, factor);
  });
  tile.storeF32(values, out, b.rowOffset(out, row));
  b.setBytesPerRow(bytesPerRow({op.getX(), op.getOut()}));
  b.launch(b.hostRows(op.getOut()));
  return std::nullopt;
}

void lm::addMergeEmitters(EmitterMap &emitters) {
  addEmitter<MergeAttentionOp, emitMergeAttention>(emitters);
  addEmitter<ApplySinkOp, emitApplySink>(emitters);
}
