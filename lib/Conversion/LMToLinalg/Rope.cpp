//===-- Rope.cpp - Rotary embedding as linalg operations ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::detail;

/// The f32 rows `[T, R/2]` of a table for `positions`, from column `offset` on,
/// rounded to `roundTo` where given.
static Value gatherRows(StructuredBuilder &b, Value table, Value positions,
                        int64_t offset, int64_t columns, bool negate,
                        Type roundTo) {
  SmallVector<OpFoldResult> sizes = b.sizes(positions);
  sizes.push_back(b.getIndexAttr(columns));
  Value last = arith::SubIOp::create(b, b.dim(table, 0), b.index(1));
  Value empty = tensor::EmptyOp::create(b, sizes, b.getF32Type());
  return b.elementwise(
      positions, empty, [&](ScalarNumerics &n, ValueRange args) {
        // Positions are clamped to the table.
        Value row =
            arith::IndexCastOp::create(n.b, n.b.getIndexType(), args[0]);
        row = arith::MaxSIOp::create(n.b, row,
                                     arith::ConstantIndexOp::create(n.b, 0));
        row = arith::MinSIOp::create(n.b, row, last);
        Value column = linalg::IndexOp::create(n.b, 1);
        if (offset != 0)
          column = arith::AddIOp::create(
              n.b, column, arith::ConstantIndexOp::create(n.b, offset));
        Value entry = n.toF32(
            tensor::ExtractOp::create(n.b, table, ValueRange{row, column}));
        if (roundTo)
          entry = n.roundThrough(entry, roundTo);
        if (negate)
          entry = arith::NegFOp::create(n.b, entry);
        return SmallVector<Value>{entry};
      });
}

namespace {

/// ```mlir
/// %y = lm.rope interleaved ins(%x : tensor<?x16x64xbf16>)
///        positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>)
///        outs(%init : tensor<?x16x64xbf16>)
/// ```
/// becomes
/// ```mlir
/// %cos = linalg.generic ins(%pos) outs(%empty)        // gathers from %cs
/// %sin = linalg.generic ins(%pos) outs(%empty)
/// %a = tensor.extract_slice %x ...                    // the pairs' halves
/// %b = tensor.extract_slice %x ...
/// %a1, %b1 = linalg.generic ins(%a, %b, %cos, %sin) outs(slices of %init)
/// %0 = tensor.insert_slice %a1 into %init ...
/// %y = tensor.insert_slice %b1 into %0 ...
/// ```
struct RopeToLinalg final : TensorOpPattern<RopeOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(RopeOp op, StructuredBuilder &b) const override {
    Value x = op.getX(), out = op.getOut();
    int64_t rank = b.rankOf(x), half = b.lastDimOf(x) / 2;
    Type xType = b.elementOf(x), outType = b.elementOf(out);
    bool packed = op.getTables().size() == 1;
    bool inOperandType = op.getCompute() == RopeCompute::Operand;
    Type roundTo = inOperandType ? xType : Type();
    Value cos = gatherRows(b, op.getTables().front(), op.getPositions(), 0,
                           half, /*negate=*/false, roundTo);
    Value sin = gatherRows(b, op.getTables().back(), op.getPositions(),
                           packed ? half : 0, half, op.getInverse(), roundTo);

    bool neox = op.getStyle() == RopeStyle::NeoX;
    int64_t second = neox ? half : 1, stride = neox ? 1 : 2;
    auto halves = [&](Value tensor) -> SmallVector<Value> {
      return {b.columns(tensor, 0, half, stride),
              b.columns(tensor, second, half, stride)};
    };
    SmallVector<Value> ins = halves(x);
    ins.append({cos, sin});
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    AffineMap table = AffineMap::get(
        rank, 0, {b.getAffineDimExpr(0), b.getAffineDimExpr(rank - 1)},
        b.getContext());
    SmallVector<Value> rotated = b.generic(
        ins, halves(out),
        {identity, identity, table, table, identity, identity},
        /*reductions=*/0, [&](ScalarNumerics &n, ValueRange args) {
          Value first = n.toF32(args[0]), other = n.toF32(args[1]);
          auto step = [&](Value value) {
            return inOperandType ? n.roundThrough(value, xType) : value;
          };
          Value c = args[2], s = args[3];
          Value ac = step(n.mul(first, c)), bs = step(n.mul(other, s));
          Value bc = step(n.mul(other, c)), as = step(n.mul(first, s));
          Value a1 = step(n.sub(ac, bs)), b1 = step(n.add(bc, as));
          return SmallVector<Value>{n.round(a1, outType), n.round(b1, outType)};
        });
    Value result = b.insertColumns(rotated[0], out, 0, stride);
    return {b.insertColumns(rotated[1], result, second, stride)};
  }
};

} // namespace

void mlir::lm::detail::populateRopePatterns(RewritePatternSet &patterns) {
  patterns.add<RopeToLinalg>(patterns.getContext());
}
