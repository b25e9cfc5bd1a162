//===-- StructuredOps.cpp - Building blocks on tensors --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StructuredOps.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lm;

/// The groups that join the last two of `rank` dimensions.
static SmallVector<ReassociationIndices> lastTwoJoined(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i + 2 < rank; ++i)
    groups.push_back({i});
  groups.push_back({rank - 2, rank - 1});
  return groups;
}

Value StructuredBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

AffineMap StructuredBuilder::leadingDims(int64_t loops, int64_t count) {
  AffineMap identity = getMultiDimIdentityMap(loops);
  return AffineMap::get(loops, 0, identity.getResults().take_front(count),
                        getContext());
}

Value StructuredBuilder::dim(Value tensor, int64_t dim) {
  return getValueOrCreateConstantIndexOp(
      *this, getLoc(), tensor::getMixedSize(*this, getLoc(), tensor, dim));
}

SmallVector<OpFoldResult> StructuredBuilder::sizes(Value tensor) {
  return tensor::getMixedSizes(*this, getLoc(), tensor);
}

SmallVector<OpFoldResult> StructuredBuilder::sizesWithLast(Value tensor,
                                                           int64_t size) {
  SmallVector<OpFoldResult> all = sizes(tensor);
  all.back() = getIndexAttr(size);
  return all;
}

Value StructuredBuilder::emptyRows(Value tensor, int64_t lastDim,
                                   Type element) {
  return tensor::EmptyOp::create(*this, sizesWithLast(tensor, lastDim),
                                 element);
}

Value StructuredBuilder::emptyLike(Value tensor, Type element) {
  return tensor::EmptyOp::create(*this, sizes(tensor), element);
}

Value StructuredBuilder::filledReduction(Value tensor, Value value) {
  SmallVector<OpFoldResult> all = sizes(tensor);
  all.pop_back();
  Value empty = tensor::EmptyOp::create(*this, all, value.getType());
  return linalg::FillOp::create(*this, ValueRange{value}, ValueRange{empty})
      .getResult(0);
}

SmallVector<Value> StructuredBuilder::generic(ValueRange ins, ValueRange outs,
                                              ArrayRef<AffineMap> maps,
                                              unsigned reductions,
                                              ScalarBody body) {
  SmallVector<utils::IteratorType> iterators(maps.front().getNumDims(),
                                             utils::IteratorType::parallel);
  std::fill(iterators.end() - reductions, iterators.end(),
            utils::IteratorType::reduction);
  auto op = linalg::GenericOp::create(
      *this, outs.getTypes(), ins, outs, maps, iterators,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        ScalarNumerics numerics(nested, loc);
        linalg::YieldOp::create(nested, loc, body(numerics, args));
      });
  return SmallVector<Value>(op.getResults());
}

Value StructuredBuilder::elementwise(ValueRange ins, Value out,
                                     ScalarBody body) {
  int64_t rank = rankOf(out);
  SmallVector<AffineMap> maps;
  for (Value in : ins)
    maps.push_back(leadingDims(rank, rankOf(in)));
  maps.push_back(getMultiDimIdentityMap(rank));
  return generic(ins, out, maps, /*reductions=*/0, body).front();
}

Value StructuredBuilder::convert(Value tensor, Type element) {
  if (elementOf(tensor) == element)
    return tensor;
  return elementwise(tensor, emptyLike(tensor, element),
                     [&](ScalarNumerics &n, ValueRange args) {
                       return SmallVector<Value>{
                           n.round(n.toF32(args[0]), element)};
                     });
}

Value StructuredBuilder::columns(Value tensor, int64_t offset, int64_t count,
                                 int64_t stride) {
  int64_t rank = rankOf(tensor);
  SmallVector<OpFoldResult> offsets(rank, getIndexAttr(0));
  SmallVector<OpFoldResult> strides(rank, getIndexAttr(1));
  offsets.back() = getIndexAttr(offset);
  strides.back() = getIndexAttr(stride);
  return tensor::ExtractSliceOp::create(*this, tensor, offsets,
                                        sizesWithLast(tensor, count), strides);
}

Value StructuredBuilder::insertColumns(Value source, Value destination,
                                       int64_t offset, int64_t stride) {
  int64_t rank = rankOf(destination);
  SmallVector<OpFoldResult> offsets(rank, getIndexAttr(0));
  SmallVector<OpFoldResult> strides(rank, getIndexAttr(1));
  offsets.back() = getIndexAttr(offset);
  strides.back() = getIndexAttr(stride);
  return tensor::InsertSliceOp::create(
      *this, source, destination, offsets,
      sizesWithLast(destination, lastDimOf(source)), strides);
}

Value StructuredBuilder::split(Value tensor, int64_t count, int64_t block) {
  SmallVector<int64_t> shape(typeOf(tensor).getShape().drop_back());
  shape.append({count, block});
  return tensor::ExpandShapeOp::create(*this, typeOf(tensor).clone(shape),
                                       tensor, lastTwoJoined(shape.size()));
}

Value StructuredBuilder::toBlocks(Value tensor, int64_t block) {
  int64_t columns = lastDimOf(tensor);
  int64_t count = llvm::divideCeil(columns, block);
  if (columns != count * block) {
    SmallVector<int64_t> shape(typeOf(tensor).getShape());
    shape.back() = count * block;
    SmallVector<OpFoldResult> low(shape.size(), getIndexAttr(0)), high = low;
    high.back() = getIndexAttr(count * block - columns);
    Type element = elementOf(tensor);
    // Backends have no constants of 8-bit floats: 0 is a zero byte.
    Value zero;
    if (element.getIntOrFloatBitWidth() == 8)
      zero = ScalarNumerics(*this, getLoc())
                 .toByte(arith::ConstantOp::create(*this, getI32IntegerAttr(0)),
                         element);
    else
      zero = arith::ConstantOp::create(*this, getZeroAttr(element));
    tensor = tensor::PadOp::create(*this, typeOf(tensor).clone(shape), tensor,
                                   low, high, zero);
  }
  return split(tensor, count, block);
}

Value StructuredBuilder::blockedDestination(Value destination, int64_t block) {
  int64_t columns = lastDimOf(destination);
  if (columns % block == 0)
    return split(destination, columns / block, block);
  SmallVector<OpFoldResult> all =
      sizesWithLast(destination, llvm::divideCeil(columns, block));
  all.push_back(getIndexAttr(block));
  return tensor::EmptyOp::create(*this, all, elementOf(destination));
}

Value StructuredBuilder::fromBlocks(Value blocks, Value destination) {
  ArrayRef<int64_t> from = typeOf(blocks).getShape();
  int64_t columns = lastDimOf(destination);
  SmallVector<int64_t> shape(from.drop_back());
  shape.back() *= from.back();
  Value rows = tensor::CollapseShapeOp::create(
      *this, typeOf(blocks).clone(shape), blocks, lastTwoJoined(from.size()));
  if (shape.back() == columns)
    return rows;
  return linalg::CopyOp::create(*this,
                                ValueRange{this->columns(rows, 0, columns)},
                                ValueRange{destination})
      .getResult(0);
}
