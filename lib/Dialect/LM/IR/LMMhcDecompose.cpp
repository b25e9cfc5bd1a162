//===-- LMMhcDecompose.cpp - What fused hyper-connections stand for -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One layer at a time: mhc_post_pre becomes mhc_post and mhc_pre, an mhc_pre
// with a norm becomes one without and rms_norm, and a plain mhc_pre becomes its
// parts.
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

/// An empty tensor with a row of the static `shape` for each token of `tokens`.
static Value emptyTokens(OpBuilder &builder, Location loc, Value tokens,
                         ArrayRef<int64_t> shape, Type element) {
  SmallVector<OpFoldResult> sizes = {
      tensor::getMixedSize(builder, loc, tokens, 0)};
  for (int64_t dim : shape)
    sizes.push_back(builder.getIndexAttr(dim));
  return tensor::EmptyOp::create(builder, loc, sizes, element);
}

/// The results of `lm.mhc_logits`.
static std::pair<Value, Value> project(OpBuilder &builder, Location loc,
                                       Value residual, Value fn) {
  Type f32 = builder.getF32Type();
  auto logits = MhcLogitsOp::create(
      builder, loc, residual, fn,
      emptyTokens(builder, loc, residual, tensorType(fn).getDimSize(0), f32),
      emptyTokens(builder, loc, residual, {}, f32));
  return {logits->getResult(0), logits->getResult(1)};
}

static IntegerAttr columnsAttr(OpBuilder &builder, Value fn) {
  return builder.getI64IntegerAttr(tensorType(fn).getDimSize(1));
}

/// The first stream of `residual` with the elements of `out`.
static Value firstStream(OpBuilder &builder, Location loc, Value residual,
                         Value out) {
  RankedTensorType type = tensorType(residual);
  Value row = residual;
  if (type.getRank() == 3) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, residual);
    sizes[1] = builder.getIndexAttr(1);
    SmallVector<OpFoldResult> offsets(3, builder.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(3, builder.getIndexAttr(1));
    row = tensor::ExtractSliceOp::create(
        builder, loc,
        RankedTensorType::get({type.getDimSize(0), type.getDimSize(2)},
                              type.getElementType()),
        residual, offsets, sizes, strides);
  }
  RankedTensorType to = tensorType(out);
  Type from = type.getElementType();
  RankedTensorType rounded = tensorType(row).clone(to.getElementType());
  if (from.getIntOrFloatBitWidth() > to.getElementTypeBitWidth())
    row = arith::TruncFOp::create(builder, loc, rounded, row);
  else if (from != to.getElementType())
    row = arith::ExtFOp::create(builder, loc, rounded, row);
  if (rounded != to)
    row = tensor::CastOp::create(builder, loc, to, row);
  return row;
}

SmallVector<Value> MhcPreOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  Type f32 = builder.getF32Type();
  if (getNormEpsilon()) {
    // The norm reads the collapsed row as the unfused chain stores it.
    Type type = getRoundBeforeNorm().value_or(f32);
    int64_t hidden = tensorType(getLayerInput()).getDimSize(1);
    Value input = emptyTokens(builder, loc, getResidual(), hidden, type);
    auto pre = MhcPreOp::create(
        builder, loc, getResidual(), getFn(), getScale(), getBase(), getPreIn(),
        /*norm_weight=*/Value(), input, getPost(), getComb(), getPreOut(),
        getRmsEpsilonAttr(), getPreEpsilonAttr(), getPostMultAttr(),
        getSinkhornEpsilonAttr(), getSinkhornIterationsAttr(),
        /*norm_epsilon=*/FloatAttr(), builder.getF32FloatAttr(0.0f),
        /*round_norm_before_weight=*/UnitAttr(),
        /*round_before_norm=*/TypeAttr());
    SmallVector<Value> results(pre->getResults());
    results[0] = RmsNormOp::create(builder, loc, results[0], getNormWeight(),
                                   getLayerInput(), getNormEpsilonAttr(),
                                   getNormWeightOffsetAttr(),
                                   getRoundNormBeforeWeightAttr())
                     ->getResult(0);
    return results;
  }

  auto [logits, sqrsum] = project(builder, loc, getResidual(), getFn());
  Value pre = getPreOut();
  if (!pre)
    pre = emptyTokens(builder, loc, getResidual(),
                      tensorType(getPost()).getDimSize(1), f32);
  auto coefficients = MhcCoefficientsOp::create(
      builder, loc, logits, sqrsum, getScale(), getBase(), pre, getPost(),
      getComb(), columnsAttr(builder, getFn()), getRmsEpsilonAttr(),
      getPreEpsilonAttr(), getPostMultAttr(), getSinkhornEpsilonAttr(),
      getSinkhornIterationsAttr());
  pre = coefficients->getResult(0);
  Value input;
  if (getPreOut() && !getPreIn())
    input = firstStream(builder, loc, getResidual(), getLayerInput());
  else
    input =
        MhcCollapseOp::create(builder, loc, getResidual(),
                              getPreOut() ? getPreIn() : pre, getLayerInput())
            ->getResult(0);
  SmallVector<Value> results = {input, coefficients->getResult(1),
                                coefficients->getResult(2)};
  if (getPreOut())
    results.push_back(pre);
  return results;
}

SmallVector<Value> MhcPostPreOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  Value residual = MhcPostOp::create(builder, loc, getX(), getResidual(),
                                     getPost(), getComb(), getResidualOut())
                       ->getResult(0);
  auto pre = MhcPreOp::create(
      builder, loc, residual, getFn(), getScale(), getBase(), getPreIn(),
      getNormWeight(), getLayerInput(), getPostOut(), getCombOut(), getPreOut(),
      getRmsEpsilonAttr(), getPreEpsilonAttr(), getPostMultAttr(),
      getSinkhornEpsilonAttr(), getSinkhornIterationsAttr(),
      getNormEpsilonAttr(), getNormWeightOffsetAttr(),
      getRoundNormBeforeWeightAttr(), getRoundBeforeNormAttr());
  SmallVector<Value> results = {residual};
  llvm::append_range(results, pre->getResults());
  return results;
}

SmallVector<Value> MhcHeadOp::decompose(OpBuilder &builder) {
  Location loc = getLoc();
  auto [logits, sqrsum] = project(builder, loc, getResidual(), getFn());
  Value pre =
      emptyTokens(builder, loc, getResidual(),
                  tensorType(getFn()).getDimSize(0), builder.getF32Type());
  auto coefficients = MhcCoefficientsOp::create(
      builder, loc, logits, sqrsum, getScale(), getBase(), pre,
      /*post=*/Value(), /*comb=*/Value(), columnsAttr(builder, getFn()),
      getRmsEpsilonAttr(), getPreEpsilonAttr(), /*post_mult=*/FloatAttr(),
      /*sinkhorn_epsilon=*/FloatAttr(), /*sinkhorn_iterations=*/IntegerAttr());
  Value out = MhcCollapseOp::create(builder, loc, getResidual(),
                                    coefficients->getResult(0), getOut())
                  ->getResult(0);
  return {out};
}
