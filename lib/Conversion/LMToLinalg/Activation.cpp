//===-- Activation.cpp - Activation and split-K as linalg operations ------===//
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

/// ```mlir
/// %h = lm.silu_mul ins(%x : tensor<?x128xbf16>) outs(%init :
/// tensor<?x64xbf16>)
/// ```
/// becomes
/// ```mlir
/// %gate = tensor.extract_slice %x[0, 0] [%t, 64] [1, 1]
/// %up = tensor.extract_slice %x[0, 64] [%t, 64] [1, 1]
/// %h = linalg.generic ins(%gate, %up) outs(%init)
/// ```
struct SiluMulToLinalg final : TensorOpPattern<SiluMulOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(SiluMulOp op, StructuredBuilder &b) const override {
    Value x = op.getX(), out = op.getOut();
    int64_t columns = b.lastDimOf(out);
    Value gate = b.columns(x, 0, columns);
    Value up = b.columns(x, columns, columns);
    return {
        b.elementwise({gate, up}, out, [&](ScalarNumerics &n, ValueRange args) {
          Value g = n.toF32(args[0]), u = n.toF32(args[1]);
          if (op.getClamp()) {
            float limit = op.getClamp()->convertToFloat();
            g = arith::MinimumFOp::create(n.b, g, n.f32(limit));
            u = arith::MinimumFOp::create(n.b, u, n.f32(limit));
            u = arith::MaximumFOp::create(n.b, u, n.f32(-limit));
          }
          Value minus = arith::NegFOp::create(n.b, g);
          Value exp = math::ExpOp::create(n.b, minus);
          Value y = n.div(g, n.add(n.f32(1.0f), exp));
          if (op.getRoundActivation())
            y = n.roundThrough(y, b.elementOf(x));
          return SmallVector<Value>{n.round(n.mul(y, u), b.elementOf(out))};
        })};
  }
};

/// ```mlir
/// %a = lm.split_k_reduce ins(%p : tensor<2x?x64xf32>)
///        outs(%init : tensor<?x64xbf16>)
/// ```
/// becomes
/// ```mlir
/// %p0 = tensor.extract_slice %p[0, 0, 0] [1, %t, 64] [1, 1, 1]
/// %p1 = tensor.extract_slice %p[1, 0, 0] [1, %t, 64] [1, 1, 1]
/// %a = linalg.generic ins(%p0, %p1) outs(%init)
/// ```
/// and not a reduction, because the order of the sum is part of the operation.
struct SplitKReduceToLinalg final : TensorOpPattern<SplitKReduceOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(SplitKReduceOp op,
                           StructuredBuilder &b) const override {
    Value x = op.getX(), out = op.getOut();
    RankedTensorType type = b.typeOf(x);
    SmallVector<OpFoldResult> sizes = b.sizes(x);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
    sizes.front() = b.getIndexAttr(1);
    auto partType = RankedTensorType::get(type.getShape().drop_front(),
                                          type.getElementType());
    SmallVector<Value> parts;
    for (int64_t s = 0; s < type.getDimSize(0); ++s) {
      offsets.front() = b.getIndexAttr(s);
      parts.push_back(tensor::ExtractSliceOp::create(b, partType, x, offsets,
                                                     sizes, strides));
    }
    return {b.elementwise(parts, out, [&](ScalarNumerics &n, ValueRange args) {
      Value sum = args.front();
      for (Value part : args.drop_front().drop_back())
        sum = n.add(sum, part);
      return SmallVector<Value>{n.round(sum, b.elementOf(out))};
    })};
  }
};

} // namespace

void mlir::lm::detail::populateActivationPatterns(RewritePatternSet &patterns) {
  patterns.add<SiluMulToLinalg, SplitKReduceToLinalg>(patterns.getContext());
}
