//===-- RopeKernels.cpp - Kernels of rotary embedding ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "RopeUnit.h"
#include "RowTile.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"
#include "hipfuse/Conversion/RowCode/Rope.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// lm.rope
//===----------------------------------------------------------------------===//

/// A thread for each piece of each row.
static Refusal emitRope(RopeOp op, EmitterContext &context) {
  Value x = op.getX(), out = op.getOut();
  if (Refusal refusal = refuseColumns({x, out}))
    return refusal;
  if (Refusal refusal = refuseColumns(op.getTables()))
    return refusal;
  RopeConfig config = getRopeConfig(getRotatedColumns(op.getTables()),
                                    op.getStyle() == RopeStyle::NeoX);
  KernelBuilder b(op, context, kIndependentThreads, config.vector);
  Rotation rotation = Rotation::of(b, op, op.getInverse());
  Buffer from = b.buffer(x), to = b.buffer(out);
  int64_t pieces = config.pieces();
  Value count = arith::MulIOp::create(b.host(), op.getLoc(), b.hostRows(x),
                                      b.hostNumber(pieces));
  Value number = b.addi(b.muli(b.workgroup(), kIndependentThreads), b.thread());
  Value present =
      b.cmpi(arith::CmpIPredicate::ult, number, b.parameter32(count));
  b.ifThen(present, [&] {
    Value piece = b.remui(number, pieces);
    SmallVector<Value> row = b.rowIndices(x, b.divui(number, pieces));
    Value tableRow = rotation.tableRow(b, row.front());
    Value offset = b.rowOffset(from, row);
    SmallVector<Value> values;
    SmallVector<Value, 2> columns = rotation.columns(b, piece);
    for (Value column : columns)
      values.push_back(loadVectorF32(b, from, {offset, column}, config.vector));
    auto rotated = rotation.rotate(b, tableRow, piece, from.element, values);
    for (auto [column, value] : llvm::zip(columns, rotated))
      b.storeF32(value, to, b.rowOffset(to, row), column);
  });
  b.setBytesPerRow(bytesPerRow({x, out}));
  Value groups = arith::CeilDivUIOp::create(b.host(), op.getLoc(), count,
                                            b.hostNumber(kIndependentThreads));
  b.launch(groups);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// lm.rope_quantize
//===----------------------------------------------------------------------===//

namespace {

/// The heads of a token in the registers of several workgroups.
struct RopeQuantizeShape {
  int64_t headColumns, kept, columns, rowColumns;
  bool grouped;
  RowConfig config;
  int64_t groups; ///< workgroups of a token
};

} // namespace

static RopeQuantizeShape shapeOf(RopeQuantizeOp op,
                                 const hipfuse::TargetInfo &target) {
  auto x = cast<MemRefType>(op.getX().getType());
  auto data = cast<MemRefType>(op.getData().getType());
  RopeQuantizeShape shape;
  int64_t rotated = getRotatedColumns(op.getTables());
  shape.headColumns = x.getDimSize(2);
  shape.kept = shape.headColumns - rotated;
  shape.columns = x.getDimSize(1) * shape.headColumns;
  shape.rowColumns = data.getShape().back() * (op.getScheme().isFp4() ? 2 : 1);
  shape.grouped = data.getRank() == 3;
  // Both members of a pair are in a vector, or in vectors of their own.
  bool neox = op.getStyle() == RopeStyle::NeoX;
  int64_t unit = std::gcd(std::gcd(shape.headColumns, shape.rowColumns),
                          neox ? rotated / 2 : rotated);
  shape.config = getIndependentRowConfig(target, shape.columns, unit);
  shape.groups = llvm::divideCeil(shape.columns / shape.config.vector,
                                  shape.config.threads * shape.config.chunks);
  return shape;
}

/// The rotated values of the columns from `column`, which is at least the first
/// rotated one, on of a head, of which `own` are the values.
static Value rotateOwn(KernelBuilder &b, const Rotation &rotation,
                       const Buffer &x, Value offset, Value column,
                       int64_t kept, int64_t vector, Value tableRow,
                       Value own) {
  Value rotated = b.subi(column, b.i32(kept));
  if (!rotation.config.neox) {
    auto [cosine, sine] =
        rotation.angles(b, tableRow, b.shrui(rotated, 1), vector / 2);
    return rotateInterleaved(b, rotation.compute, x.element, own, cosine, sine);
  }
  // The other member of each pair is another thread's: it is read again.
  int64_t half = rotation.config.columns / 2;
  Value isFirst = b.below(rotated, half);
  Value pair = b.select(isFirst, rotated, b.subi(rotated, b.i32(half)));
  Value partner = b.select(isFirst, b.addi(column, b.i32(half)),
                           b.subi(column, b.i32(half)));
  Value other = loadVectorF32(b, x, {offset, partner}, vector);
  auto [cosine, sine] = rotation.angles(b, tableRow, pair, vector);
  RopePair result =
      rotatePair(b, rotation.compute, x.element,
                 {b.select(isFirst, own, other), b.select(isFirst, other, own)},
                 cosine, sine);
  return b.select(isFirst, result.first, result.second);
}

static Refusal refuseRopeQuantize(RopeQuantizeOp op,
                                  const hipfuse::TargetInfo &target,
                                  const RopeQuantizeShape &shape) {
  SmallVector<Value> rows = {op.getX(), op.getData()};
  llvm::append_range(rows, op.getTables());
  if (Refusal refusal = refuseColumns(rows))
    return refusal;
  SchemeAttr scheme = op.getScheme();
  if (Refusal refusal = refuseQuantization(target, shape.config, scheme))
    return refusal;
  if (op.getStyle() == RopeStyle::Interleaved && shape.config.vector < 2)
    return "heads of an odd number of columns";
  if (scheme.isDynamic() && shape.rowColumns % scheme.getBlock() != 0)
    return "rows of " + std::to_string(shape.rowColumns) +
           " columns, which blocks of " + std::to_string(scheme.getBlock()) +
           " do not fill";
  return std::nullopt;
}

/// Several workgroups for each token.
static Refusal emitRopeQuantize(RopeQuantizeOp op, EmitterContext &context) {
  RopeQuantizeShape shape = shapeOf(op, context.target);
  if (Refusal refusal = refuseRopeQuantize(op, context.target, shape))
    return refusal;
  SchemeAttr scheme = op.getScheme();
  const RowConfig &config = shape.config;
  KernelBuilder b(op, context, config);
  Rotation rotation = Rotation::of(b, op, op.getInverse());
  Buffer x = b.buffer(op.getX());
  QuantizeRow q{scheme, b.buffer(op.getData()), b.buffer(op.getScale()),
                b.buffer(op.getInputScale())};
  Value token = b.divui(b.workgroup(), shape.groups);
  Value group = b.remui(b.workgroup(), shape.groups);
  Value tableRow = rotation.tableRow(b, token);

  // All of a thread's columns are loaded before any is used.
  struct Chunk {
    Value column, present, offset, inHead, value;
  };
  SmallVector<Chunk> chunks;
  bool partial =
      shape.groups * config.threads * config.chunks * config.vector !=
      shape.columns;
  for (int64_t c = 0; c < config.chunks; ++c) {
    Chunk chunk;
    Value number = b.addi(
        b.addi(b.muli(group, config.threads * config.chunks), b.thread()),
        c * config.threads);
    chunk.column = b.muli(number, b.i32(config.vector));
    Value at = chunk.column;
    if (partial) {
      // A thread without columns reads the last ones, which are there.
      chunk.present = b.below(at, shape.columns);
      at = b.umin(at, b.i32(shape.columns - config.vector));
    }
    chunk.inHead = b.remui(at, shape.headColumns);
    chunk.offset = b.rowOffset(x, {token, b.divui(at, shape.headColumns)});
    chunk.value =
        loadVectorF32(b, x, {chunk.offset, chunk.inHead}, config.vector);
    chunks.push_back(chunk);
  }
  Value input;
  if (q.inputScale)
    input = b.load(q.inputScale, Value(), Value(), 1, /*constant=*/true);

  auto maximum = [&](Value l, Value r) { return b.umax(l, r); };
  for (Chunk &chunk : chunks) {
    auto rotate = [&]() -> SmallVector<Value> {
      Value value = rotateOwn(b, rotation, x, chunk.offset, chunk.inHead,
                              shape.kept, config.vector, tableRow, chunk.value);
      return {roundTo(b, value, x.element)};
    };
    Value isRotated =
        b.cmpi(arith::CmpIPredicate::uge, chunk.inHead, b.i32(shape.kept));
    Value value = shape.kept == 0
                      ? rotate().front()
                      : b.ifElse(isRotated, rotate, chunk.value).front();
    auto whenPresent = [&](function_ref<void()> body) {
      if (chunk.present)
        b.ifThen(chunk.present, body);
      else
        body();
    };
    Value column = chunk.column;
    SmallVector<Value> row = {token};
    if (shape.grouped) {
      row.push_back(b.divui(column, shape.rowColumns));
      column = b.remui(column, shape.rowColumns);
    }
    BlockScale scale;
    if (input) {
      scale.operand = b.splat(input);
    } else {
      int64_t block = scheme.getBlock(), lanes = block / config.vector;
      Value amax = b.reduce(amaxCandidates(b, scheme, value), maximum);
      scale = scaleOf(b, scheme, b.reduceLanes(amax, lanes, maximum));
      whenPresent([&] {
        auto store = [&] {
          storeScale(b, q, row, b.divui(column, block), scale.stored);
        };
        if (lanes > 1)
          b.ifThen(b.isZero(b.remui(b.thread(), lanes)), store);
        else
          store();
      });
    }
    Value bytes = b.encode(scheme, value, scale);
    Value at = scheme.isFp4() ? b.shrui(column, 1) : column;
    whenPresent([&] { b.store(bytes, q.data, b.rowOffset(q.data, row), at); });
  }
  if (scheme.getLayout() == ScaleLayout::Cdna4Shuffled)
    b.ifThen(b.isZero(group), [&] {
      padScales(b, q, token, scheme.getScalesPerRow(shape.columns),
                config.threads);
    });

  int64_t scaleBytes =
      scheme.isDynamic() ? scheme.getScalesPerRow(shape.rowColumns) *
                               shape.columns / shape.rowColumns *
                               scheme.getScaleType().getIntOrFloatBitWidth() / 8
                         : 0;
  b.setBytesPerRow(shape.columns * x.element.getIntOrFloatBitWidth() / 8 +
                   shape.columns / (scheme.isFp4() ? 2 : 1) + scaleBytes);
  Value grid =
      arith::MulIOp::create(b.host(), op.getLoc(), b.hostSize(op.getX(), 0),
                            b.hostNumber(shape.groups));
  b.launch(grid);
  return std::nullopt;
}

void lm::addRopeEmitters(EmitterMap &emitters) {
  addEmitter<RopeOp, emitRope>(emitters);
  addEmitter<RopeQuantizeOp, emitRopeQuantize>(emitters);
}
