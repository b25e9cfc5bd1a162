//===-- LMDecompose.cpp - What the fused operations stand for -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::lm;

static RankedTensorType tensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// An empty tensor with the rows of `rows`, `columns` columns and elements of
/// type `element`.
static Value emptyRows(OpBuilder &builder, Location loc, Value rows,
                       int64_t columns, Type element) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, rows);
  sizes.back() = builder.getIndexAttr(columns);
  return tensor::EmptyOp::create(builder, loc, sizes, element);
}

static int64_t lastDim(Value value) {
  return tensorType(value).getShape().back();
}

static Type typeOr(std::optional<Type> type, OpBuilder &builder) {
  return type ? *type : builder.getF32Type();
}

/// `value` with each element rounded to the type of `destination`; `value`
/// itself where that changes nothing. The result has the destination's type,
/// also where only one of the two knows a dimension.
static Value convertTo(OpBuilder &builder, Location loc, Value value,
                       Value destination) {
  Type from = tensorType(value).getElementType();
  RankedTensorType to = tensorType(destination);
  RankedTensorType type = tensorType(value).clone(to.getElementType());
  if (from.getIntOrFloatBitWidth() > to.getElementTypeBitWidth())
    value = arith::TruncFOp::create(builder, loc, type, value);
  else if (from != to.getElementType())
    value = arith::ExtFOp::create(builder, loc, type, value);
  if (type != to)
    value = tensor::CastOp::create(builder, loc, to, value);
  return value;
}

/// The sum of split-K partials `x` in `type`; `x` itself without a type.
static Value reduceSplits(OpBuilder &builder, Location loc, Value x,
                          std::optional<Type> type) {
  if (!type)
    return x;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.erase(sizes.begin());
  Value init = tensor::EmptyOp::create(builder, loc, sizes, *type);
  return SplitKReduceOp::create(builder, loc, x, init)->getResult(0);
}

SmallVector<Value> RmsNormQuantizeOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  Value x = reduceSplits(builder, loc, getX(), getSplitKType());
  Type normType = typeOr(getRoundBeforeQuant(), builder);
  Value normInit;
  if (getNormOut() && tensorType(getNormOut()).getElementType() == normType)
    normInit = getNormOut();
  else
    normInit = emptyRows(builder, loc, x, lastDim(x), normType);

  Value norm, residual;
  if (getResidual()) {
    auto op = AddRmsNormOp::create(
        builder, loc, x, getResidual(), getWeight(), normInit, getResidualOut(),
        getEpsilonAttr(), getWeightOffsetAttr(), getRoundNormBeforeWeightAttr(),
        getNormFromRoundedResidualAttr(), getRoundSumBeforeResidualAttr());
    norm = op->getResult(0);
    residual = op->getResult(1);
  } else {
    norm = RmsNormOp::create(builder, loc, x, getWeight(), normInit,
                             getEpsilonAttr(), getWeightOffsetAttr(),
                             getRoundNormBeforeWeightAttr())
               ->getResult(0);
  }
  auto quantize = QuantizeOp::create(builder, loc, norm, getInputScale(),
                                     getData(), getScale(), getScheme());
  SmallVector<Value> results(quantize->getResults());
  if (getNormOut())
    results.push_back(convertTo(builder, loc, norm, getNormOut()));
  if (residual)
    results.push_back(residual);
  if (getSecondX())
    results.push_back(
        RmsNormOp::create(builder, loc, getSecondX(), getSecondWeight(),
                          getSecondOut(), getSecondEpsilonAttr(),
                          getWeightOffsetAttr(), getRoundNormBeforeWeightAttr())
            ->getResult(0));
  return results;
}

SmallVector<Value> DualRmsNormOp::decompose(OpBuilder &builder) {
  auto first = RmsNormOp::create(
      builder, getLoc(), getX(), getWeight(), getOut(), getEpsilonAttr(),
      getWeightOffsetAttr(), getRoundNormBeforeWeightAttr());
  auto second =
      RmsNormOp::create(builder, getLoc(), getSecondX(), getSecondWeight(),
                        getSecondOut(), getSecondEpsilonAttr(),
                        getWeightOffsetAttr(), getRoundNormBeforeWeightAttr());
  return {first->getResult(0), second->getResult(0)};
}

SmallVector<Value> SiluMulQuantizeOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  Value x = reduceSplits(builder, loc, getX(), getSplitKType());
  Value init = emptyRows(builder, loc, x, lastDim(x) / 2,
                         typeOr(getRoundBeforeQuant(), builder));
  Value activation = SiluMulOp::create(builder, loc, x, init, getClampAttr(),
                                       getRoundActivationAttr())
                         ->getResult(0);
  auto quantize = QuantizeOp::create(builder, loc, activation, getInputScale(),
                                     getData(), getScale(), getScheme());
  return SmallVector<Value>(quantize->getResults());
}

/// Writes `source` into the columns from `column` on of `destination`.
static Value insertColumns(OpBuilder &builder, Location loc, Value source,
                           Value destination, int64_t column) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, source);
  SmallVector<OpFoldResult> offsets(sizes.size(), builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(sizes.size(), builder.getIndexAttr(1));
  offsets.back() = builder.getIndexAttr(column);
  return tensor::InsertSliceOp::create(builder, loc, source, destination,
                                       offsets, sizes, strides);
}

SmallVector<Value> RopeMlaCacheWriteOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  auto rotate = [&](Value x, Value init) -> Value {
    return RopeOp::create(builder, loc, x, getPositions(), getTables(), init,
                          getStyleAttr(), /*inverse=*/UnitAttr(),
                          getComputeAttr())
        ->getResult(0);
  };
  auto like = [&](Value x) {
    return emptyRows(builder, loc, x, lastDim(x),
                     tensorType(x).getElementType());
  };
  bool direct = !getQNope() && !getQScale();
  Value query = rotate(getQPe(), direct ? getQOut() : like(getQPe()));
  if (getQNope()) {
    int64_t nope = lastDim(getQNope());
    Value init = getQOut();
    if (getQScale())
      init = emptyRows(builder, loc, getQPe(), nope + lastDim(getQPe()),
                       tensorType(getQPe()).getElementType());
    init = insertColumns(builder, loc, getQNope(), init, 0);
    query = insertColumns(builder, loc, query, init, nope);
  }
  if (getQScale()) {
    auto scheme =
        SchemeAttr::get(getContext(), tensorType(getQOut()).getElementType(),
                        Granularity::Tensor, /*block=*/0, ScaleRounding::None,
                        ElementRounding::NearestEven, ScaleLayout::RowMajor,
                        NonFinite::Propagate, FloatAttr());
    query = QuantizeOp::create(builder, loc, query, getQScale(), getQOut(),
                               Value(), scheme)
                ->getResult(0);
  }
  Value key = rotate(getKPe(), getKRot() ? getKRot() : like(getKPe()));
  Value cache = MlaCacheWriteOp::create(builder, loc, getKvC(), key, getSlots(),
                                        getScale(), getCache(), getLayoutAttr(),
                                        getSkipRuleAttr(), getRopeFirstAttr(),
                                        getPageSizeAttr())
                    ->getResult(0);
  SmallVector<Value> results = {query, cache};
  if (getKRot())
    results.push_back(key);
  return results;
}

SmallVector<Value> RopeQuantizeOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  Value x = getX();
  RankedTensorType type = tensorType(x);
  int64_t rotated =
      tensorType(getTables()[0]).getDimSize(1) * getTables().size();
  int64_t kept = type.getDimSize(2) - rotated;

  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  SmallVector<OpFoldResult> offsets(3, builder.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(3, builder.getIndexAttr(1));
  offsets.back() = builder.getIndexAttr(kept);
  sizes.back() = builder.getIndexAttr(rotated);
  Value tail =
      tensor::ExtractSliceOp::create(builder, loc, x, offsets, sizes, strides);
  Value init = emptyRows(builder, loc, x, rotated, type.getElementType());
  Value rope =
      RopeOp::create(builder, loc, tail, getPositions(), getTables(), init,
                     getStyleAttr(), getInverseAttr(), getComputeAttr())
          ->getResult(0);
  x = insertColumns(builder, loc, rope, x, kept);

  // The view of the quantised rows: [T, H, D] -> [T, H*D] -> [T, G, H*D/G].
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  RankedTensorType data = tensorType(getData());
  Value rows = tensor::CollapseShapeOp::create(builder, loc, x, groups);
  if (data.getRank() == 3) {
    SmallVector<int64_t> shape(data.getShape());
    if (getScheme().isFp4())
      shape.back() *= 2;
    shape.front() = type.getDimSize(0);
    rows = tensor::ExpandShapeOp::create(
        builder, loc, RankedTensorType::get(shape, type.getElementType()), rows,
        groups);
  }
  auto quantize = QuantizeOp::create(builder, loc, rows, getInputScale(),
                                     getData(), getScale(), getScheme());
  return SmallVector<Value>(quantize->getResults());
}
