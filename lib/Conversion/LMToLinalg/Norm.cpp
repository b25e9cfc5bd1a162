//===-- Norm.cpp - Norms as linalg operations -----------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::detail;

namespace {
/// What the two norms have in common.
struct NormAttrs {
  APFloat epsilon;
  APFloat weightOffset;
  /// n is rounded to this type before the weight, where given.
  Type roundTo;
};
} // namespace

/// Columns whose squares are summed in one chain of additions.
static constexpr int64_t kSumBlock = 64;

/// The f32 sum over the last dimension of `map` of each element.
static Value
sumLastDim(StructuredBuilder &b, Value tensor,
           llvm::function_ref<Value(ScalarNumerics &, Value)> map) {
  int64_t rank = b.rankOf(tensor);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
  return b.generic(tensor, b.filledReduction(tensor, zero),
                   {identity, b.leadingDims(rank, rank - 1)},
                   /*reductions=*/1, [&](ScalarNumerics &n, ValueRange args) {
                     return SmallVector<Value>{n.add(args[1], map(n, args[0]))};
                   })[0];
}

/// The norm of the rows of `t`, written to `out`.
static Value lowerNorm(StructuredBuilder &b, Value t, Value weight, Value out,
                       const NormAttrs &attrs) {
  int64_t rank = b.rankOf(t);
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap rows = b.leadingDims(rank, rank - 1);
  AffineMap columns = identity.getMinorSubMap(1);

  // Sums of blocks, then the sum of these: a long row loses less that way than
  // in one chain of additions.
  Value blocks = b.toBlocks(t, std::min(b.lastDimOf(t), kSumBlock));
  Value partial = sumLastDim(b, blocks, [](ScalarNumerics &n, Value value) {
    Value x = n.toF32(value);
    return n.mul(x, x);
  });
  Value sum = sumLastDim(b, partial,
                         [](ScalarNumerics &, Value value) { return value; });
  float size = static_cast<float>(b.lastDimOf(t));
  float epsilon = attrs.epsilon.convertToFloat();
  Value factor = b.elementwise(
      sum, b.emptyLike(sum, b.getF32Type()),
      [&](ScalarNumerics &n, ValueRange args) {
        Value mean = n.div(args[0], n.f32(size));
        Value root = math::SqrtOp::create(n.b, n.add(mean, n.f32(epsilon)));
        return SmallVector<Value>{n.div(n.f32(1.0f), root)};
      });

  SmallVector<Value> ins = {t, factor};
  SmallVector<AffineMap> maps = {identity, rows};
  if (weight) {
    ins.push_back(weight);
    maps.push_back(columns);
  }
  maps.push_back(identity);
  Type outType = b.elementOf(out);
  float offset = attrs.weightOffset.convertToFloat();
  return b.generic(ins, out, maps, /*reductions=*/0,
                   [&](ScalarNumerics &n, ValueRange args) {
                     Value y = n.mul(n.toF32(args[0]), args[1]);
                     if (attrs.roundTo)
                       y = n.roundThrough(y, attrs.roundTo);
                     if (weight) {
                       Value w = n.toF32(args[2]);
                       if (offset != 0.0f)
                         w = n.add(w, n.f32(offset));
                       y = n.mul(y, w);
                     }
                     return SmallVector<Value>{n.round(y, outType)};
                   })[0];
}

namespace {

/// ```mlir
/// %y = lm.rms_norm {epsilon = ...} ins(%x : tensor<?x64xbf16>)
///        weight(%w : tensor<64xbf16>) outs(%init : tensor<?x64xbf16>)
/// ```
/// becomes
/// ```mlir
/// %blocks = tensor.expand_shape %x [[0], [1, 2]]
/// %partial = linalg.generic {reduction} ins(%blocks) outs(%zeros)
/// %sum = linalg.generic {reduction} ins(%partial) outs(%zeros)
/// %factor = linalg.generic ins(%sum) outs(%empty)     // 1 / sqrt(mean + eps)
/// %y = linalg.generic ins(%x, %factor, %w) outs(%init)
/// ```
struct RmsNormToLinalg final : TensorOpPattern<RmsNormOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(RmsNormOp op, StructuredBuilder &b) const override {
    Value x = op.getX();
    Type roundTo = op.getRoundNormBeforeWeight() ? b.elementOf(x) : Type();
    NormAttrs attrs = {op.getEpsilon(), op.getWeightOffset(), roundTo};
    return {lowerNorm(b, x, op.getWeight(), op.getOut(), attrs)};
  }
};

/// ```mlir
/// %y, %r1 = lm.add_rms_norm {epsilon = ...} ins(%x, %r : ...) weight(%w : ...)
///             outs(%y0, %r0 : ...)
/// ```
/// becomes
/// ```mlir
/// %r1, %t = linalg.generic ins(%x, %r) outs(%r0, %empty)  // %t is f32
/// ```
/// and the operations of `lm.rms_norm` on `%t`.
struct AddRmsNormToLinalg final : TensorOpPattern<AddRmsNormOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(AddRmsNormOp op,
                           StructuredBuilder &b) const override {
    Value residualOut = op.getResidualOut();
    Type residualType = b.elementOf(residualOut);
    SmallVector<AffineMap> maps(
        4, b.getMultiDimIdentityMap(b.rankOf(residualOut)));
    SmallVector<Value> sums =
        b.generic({op.getX(), op.getResidual()},
                  {residualOut, b.emptyLike(residualOut, b.getF32Type())}, maps,
                  /*reductions=*/0, [&](ScalarNumerics &n, ValueRange args) {
                    Value x = n.toF32(args[0]);
                    if (op.getRoundSumBeforeResidual())
                      x = n.roundThrough(x, residualType);
                    Value sum = n.add(x, n.toF32(args[1]));
                    Value rounded = n.round(sum, residualType);
                    if (op.getNormFromRoundedResidual())
                      sum = n.toF32(rounded);
                    return SmallVector<Value>{rounded, sum};
                  });
    Type roundTo = op.getRoundNormBeforeWeight() ? residualType : Type();
    NormAttrs attrs = {op.getEpsilon(), op.getWeightOffset(), roundTo};
    Value norm = lowerNorm(b, sums[1], op.getWeight(), op.getOut(), attrs);
    return {norm, sums[0]};
  }
};

} // namespace

void mlir::lm::detail::populateNormPatterns(RewritePatternSet &patterns) {
  patterns.add<RmsNormToLinalg, AddRmsNormToLinalg>(patterns.getContext());
}
