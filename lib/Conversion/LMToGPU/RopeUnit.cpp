//===-- RopeUnit.cpp - Rotation of the piece of a row ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RopeUnit.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"
#include "hipfuse/Conversion/RowCode/Rope.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

/// Strides up to which offsets within a token fit an i32.
static constexpr int64_t kMaxHeadStride = int64_t(1) << 20;

Place lm::placeOf(KernelBuilder &b, Value memref, const Buffer &buffer,
                  Value token, Value firstHead, Value head, Value column) {
  if (buffer.rank() == 2)
    return {b.rowOffset(buffer, token), column};
  int64_t stride = buffer.type.getStridesAndOffset().first[1];
  if (buffer.rank() == 3 && stride >= 0 && stride <= kMaxHeadStride)
    return {b.rowOffset(buffer, {token, firstHead}),
            b.addi(b.muli(head, b.i32(stride)), column)};
  SmallVector<Value> indices = {token};
  llvm::append_range(indices, b.rowIndices(memref, b.addi(firstHead, head), 1));
  return {b.rowOffset(buffer, indices), column};
}

Value lm::asVector(KernelBuilder &b, Value value) {
  if (isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, b.vectorOf(value.getType(), 1), value);
}

Value lm::loadVectorF32(KernelBuilder &b, const Buffer &buffer, Place place,
                        int64_t lanes, bool constant) {
  return asVector(
      b, b.loadF32(buffer, place.offset, place.column, lanes, constant));
}

int64_t lm::getRotatedColumns(ValueRange tables) {
  return columnsOf(tables.front()) * static_cast<int64_t>(tables.size());
}

Rotation Rotation::create(KernelBuilder &b, Value positions, ValueRange tables,
                          RopeStyle style, bool inverse, RopeCompute compute) {
  Rotation rotation;
  rotation.positions = b.buffer(positions);
  for (Value table : tables)
    rotation.tables.push_back(b.buffer(table));
  rotation.lastPosition = b.zext64(b.subi(b.size(tables.front(), 0), b.i32(1)));
  rotation.config =
      getRopeConfig(getRotatedColumns(tables), style == RopeStyle::NeoX);
  rotation.inverse = inverse;
  rotation.compute = compute;
  return rotation;
}

Value Rotation::tableRow(KernelBuilder &b, Value token) const {
  Value position =
      b.load(positions, b.rowOffset(positions, token), Value(), 1, constant);
  if (!position.getType().isInteger(64))
    position = arith::ExtSIOp::create(b, b.getI64Type(), position);
  Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  position = b.maxsi(position, zero);
  return b.minsi(position, lastPosition);
}

std::pair<Value, Value> Rotation::angles(KernelBuilder &b, Value row,
                                         Value firstPair, int64_t lanes) const {
  const Buffer &cosines = tables.front(), &sines = tables.back();
  auto offsetIn = [&](const Buffer &table) {
    return b.muli(row, table.strides[0]);
  };
  Value sineColumn = tables.size() == 1
                         ? b.addi(firstPair, b.i32(config.columns / 2))
                         : firstPair;
  Value cosine = loadVectorF32(b, cosines, {offsetIn(cosines), firstPair},
                               lanes, constant);
  Value sine =
      loadVectorF32(b, sines, {offsetIn(sines), sineColumn}, lanes, constant);
  if (inverse)
    sine = arith::NegFOp::create(b, sine);
  return {cosine, sine};
}

SmallVector<Value, 2> Rotation::columns(KernelBuilder &b, Value piece) const {
  Value first = b.muli(piece, b.i32(config.vector));
  if (!config.neox)
    return {first};
  return {first, b.addi(first, b.i32(config.columns / 2))};
}

/// Lanes `first`, `first + 2`, ... of a vector.
static Value everyOther(KernelBuilder &b, Value vector, int64_t first) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  SmallVector<int64_t> picked;
  for (int64_t lane = first; lane < lanes; lane += 2)
    picked.push_back(lane);
  return b.shuffle(vector, vector, picked);
}

Value lm::rotateInterleaved(KernelBuilder &b, RopeCompute compute, Type type,
                            Value value, Value cosine, Value sine) {
  RopePair pair = rotatePair(b, compute, type,
                             {everyOther(b, value, 0), everyOther(b, value, 1)},
                             cosine, sine);
  int64_t pairs = cast<VectorType>(pair.first.getType()).getNumElements();
  SmallVector<int64_t> inTurn;
  for (int64_t lane = 0; lane < pairs; ++lane) {
    inTurn.push_back(lane);
    inTurn.push_back(pairs + lane);
  }
  return b.shuffle(pair.first, pair.second, inTurn);
}

SmallVector<Value, 2> Rotation::rotate(KernelBuilder &b, Value row, Value piece,
                                       Type type,
                                       ArrayRef<Value> values) const {
  int64_t pairs = config.neox ? config.vector : config.vector / 2;
  auto [cosine, sine] = angles(b, row, b.muli(piece, b.i32(pairs)), pairs);
  if (!config.neox)
    return {rotateInterleaved(b, compute, type, values[0], cosine, sine)};
  RopePair pair =
      rotatePair(b, compute, type, {values[0], values[1]}, cosine, sine);
  return {pair.first, pair.second};
}

Refusal lm::refuseColumns(ValueRange memrefs) {
  for (Value memref : memrefs) {
    auto type = cast<MemRefType>(memref.getType());
    if (type.getRank() > 1 && type.getStridesAndOffset().first.back() != 1)
      return "columns that are not adjacent in memory";
  }
  return std::nullopt;
}
