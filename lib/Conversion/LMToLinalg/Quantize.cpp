//===-- Quantize.cpp - Quantisation as linalg operations ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::detail;

/// Columns that share a scale.
static int64_t blockOf(SchemeAttr scheme, int64_t columns) {
  return scheme.getGranularity() == Granularity::Block ? scheme.getBlock()
                                                       : columns;
}

/// The map to the one element of a tensor of `rank` dimensions.
static AffineMap oneElement(Builder &b, int64_t loops, int64_t rank) {
  SmallVector<AffineExpr> zeros(rank, b.getAffineConstantExpr(0));
  return AffineMap::get(loops, 0, zeros, b.getContext());
}

//===----------------------------------------------------------------------===//
// The order of scales for scaled MFMA
//===----------------------------------------------------------------------===//

namespace {
/// Index arithmetic in the body of a linalg.generic.
struct IndexBuilder {
  ImplicitLocOpBuilder &b;

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value loop(int64_t dim) { return linalg::IndexOp::create(b, dim); }
  Value add(Value lhs, Value rhs) { return arith::AddIOp::create(b, lhs, rhs); }
  Value mul(Value lhs, int64_t rhs) { return mul(lhs, constant(rhs)); }
  Value mul(Value lhs, Value rhs) { return arith::MulIOp::create(b, lhs, rhs); }
  Value div(Value lhs, int64_t rhs) { return div(lhs, constant(rhs)); }
  Value div(Value lhs, Value rhs) {
    return arith::DivUIOp::create(b, lhs, rhs);
  }
  Value rem(Value lhs, int64_t rhs) { return rem(lhs, constant(rhs)); }
  Value rem(Value lhs, Value rhs) {
    return arith::RemUIOp::create(b, lhs, rhs);
  }
  Value less(Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, lhs, rhs);
  }
};
} // namespace

/// Copies the scales `[T, S]` to `out [Tp, Sp]` in shuffled order. Each byte of
/// `out` fetches its scale, so that the loops are parallel and rows that are
/// not there keep their bytes.
static Value shuffleScales(StructuredBuilder &b, Value scale, Value out) {
  Value rows = b.dim(scale, 0), columns = b.dim(scale, 1);
  Value paddedColumns = b.dim(out, 1);
  Type type = b.elementOf(out);
  return b.elementwise({}, out, [&](ScalarNumerics &n, ValueRange args) {
    IndexBuilder i{n.b};
    // offset = (m/32)*32*Sp + (n/8)*256 + (n%4)*64 + (m%16)*4 +
    //          ((n%8)/4)*2 + (m%32)/16
    Value offset = i.add(i.mul(i.loop(0), paddedColumns), i.loop(1));
    Value tileRow = i.mul(paddedColumns, 32);
    Value tile = i.rem(offset, tileRow);
    Value lane = i.rem(tile, 256);
    Value row =
        i.add(i.mul(i.div(offset, tileRow), 32),
              i.add(i.mul(i.rem(lane, 2), 16), i.div(i.rem(lane, 64), 4)));
    Value column =
        i.add(i.mul(i.div(tile, 256), 8),
              i.add(i.mul(i.div(i.rem(lane, 4), 2), 4), i.div(lane, 64)));
    auto fetch = [&](OpBuilder &nested, Location loc) {
      Value byte = tensor::ExtractOp::create(nested, loc, scale,
                                             ValueRange{row, column});
      scf::YieldOp::create(nested, loc, byte);
    };
    auto fill = [&](OpBuilder &nested, Location loc) {
      ScalarNumerics inner(nested, loc);
      scf::YieldOp::create(nested, loc, inner.toByte(inner.i32(0x7F), type));
    };
    auto inRow = [&](OpBuilder &nested, Location loc) {
      ImplicitLocOpBuilder inner(loc, nested);
      auto byte = scf::IfOp::create(
          inner, IndexBuilder{inner}.less(column, columns), fetch, fill);
      scf::YieldOp::create(nested, loc, byte.getResults());
    };
    auto keep = [&](OpBuilder &nested, Location loc) {
      scf::YieldOp::create(nested, loc, args[0]);
    };
    auto byte = scf::IfOp::create(n.b, i.less(row, rows), inRow, keep);
    return SmallVector<Value>(byte.getResults());
  });
}

/// The scales `[T, S]` in row-major order of `shuffled [Tp, Sp]`.
static Value unshuffleScales(StructuredBuilder &b, Value shuffled,
                             ArrayRef<OpFoldResult> sizes) {
  Value paddedColumns = b.dim(shuffled, 1);
  Value empty = tensor::EmptyOp::create(b, sizes, b.elementOf(shuffled));
  return b.elementwise({}, empty, [&](ScalarNumerics &n, ValueRange) {
    IndexBuilder i{n.b};
    Value row = i.loop(0), column = i.loop(1);
    Value offset = i.mul(i.mul(i.div(row, 32), 32), paddedColumns);
    offset = i.add(offset, i.mul(i.div(column, 8), 256));
    offset = i.add(offset, i.mul(i.rem(column, 4), 64));
    offset = i.add(offset, i.mul(i.rem(row, 16), 4));
    offset = i.add(offset, i.mul(i.div(i.rem(column, 8), 4), 2));
    offset = i.add(offset, i.div(i.rem(row, 32), 16));
    Value byte = tensor::ExtractOp::create(
        n.b, shuffled,
        ValueRange{i.div(offset, paddedColumns), i.rem(offset, paddedColumns)});
    return SmallVector<Value>{byte};
  });
}

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

/// The scales of the blocks `x [..., S, B]`, written to `out [..., S]`.
static Value computeScales(StructuredBuilder &b, SchemeAttr scheme, Value x,
                           Value out) {
  AffineMap identity = b.getMultiDimIdentityMap(b.rankOf(x));
  bool saturate =
      !scheme.hasE8M0Scale() || scheme.getNonfinite() == NonFinite::Saturate;
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value amax =
      b.generic(x, b.filledReduction(x, zero),
                {identity, b.leadingDims(b.rankOf(x), b.rankOf(x) - 1)},
                /*reductions=*/1, [&](ScalarNumerics &n, ValueRange args) {
                  return SmallVector<Value>{n.maxBits(
                      args[1], n.amaxBits(n.toF32(args[0]), saturate))};
                })[0];
  return b.elementwise(amax, out, [&](ScalarNumerics &n, ValueRange args) {
    return SmallVector<Value>{n.blockScale(scheme, args[0])};
  });
}

/// The elements of `x [..., S, B]` under `scale`, written to `out`. `scale` has
/// the leading dimensions of `x`, or one element for the whole tensor.
static Value encodeElements(StructuredBuilder &b, SchemeAttr scheme, Value x,
                            Value scale, Value out) {
  AffineMap identity = b.getMultiDimIdentityMap(b.rankOf(x));
  AffineMap scaleMap = b.leadingDims(b.rankOf(x), b.rankOf(scale));
  if (!scheme.isDynamic())
    scaleMap = oneElement(b, b.rankOf(x), b.rankOf(scale));
  Type type = b.elementOf(out);
  if (!scheme.isFp4())
    return b.generic({x, scale}, out, {identity, scaleMap, identity},
                     /*reductions=*/0, [&](ScalarNumerics &n, ValueRange args) {
                       Value code =
                           n.quantize(scheme, n.toF32(args[0]), args[1]);
                       return SmallVector<Value>{n.toByte(code, type)};
                     })[0];
  // Two elements to a byte, the even one in the low nibble.
  int64_t bytes = b.lastDimOf(out);
  Value even = b.columns(x, 0, bytes, /*stride=*/2);
  Value odd = b.columns(x, 1, bytes, /*stride=*/2);
  return b.generic({even, odd, scale}, out,
                   {identity, identity, scaleMap, identity},
                   /*reductions=*/0, [&](ScalarNumerics &n, ValueRange args) {
                     Value low = n.quantize(scheme, n.toF32(args[0]), args[2]);
                     Value high = n.quantize(scheme, n.toF32(args[1]), args[2]);
                     high = arith::ShLIOp::create(n.b, high, n.i32(4));
                     return SmallVector<Value>{
                         n.toByte(arith::OrIOp::create(n.b, low, high), type)};
                   })[0];
}

namespace {

/// ```mlir
/// %d, %s = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>)
///            outs(%d0, %s0 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
/// ```
/// becomes
/// ```mlir
/// %blocks = tensor.expand_shape %x [[0], [1, 2]]      // ?x2x32; short rows
///                                                     // are padded first
/// %amax = linalg.generic {reduction over a block} ins(%blocks) outs(%zeros)
/// %s = linalg.generic ins(%amax) outs(%s0)
/// %even = tensor.extract_slice %blocks ...            // FP4 only
/// %odd = tensor.extract_slice %blocks ...
/// %codes = linalg.generic ins(%even, %odd, %s) outs(expanded %d0)
/// %d = tensor.collapse_shape %codes [[0], [1, 2]]
/// ```
/// Scales in other layouts than row-major are computed in row-major order and
/// then transposed or shuffled into `%s0`.
struct QuantizeToLinalg final : TensorOpPattern<QuantizeOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(QuantizeOp op, StructuredBuilder &b) const override {
    SchemeAttr scheme = op.getScheme();
    Value x = op.getX(), data = op.getData();
    if (!scheme.isDynamic())
      return {encodeElements(b, scheme, x, op.getInputScale(), data)};

    int64_t block = blockOf(scheme, b.lastDimOf(x));
    Value blocks = b.toBlocks(x, block);
    Value out = op.getScale();
    Value scale, stored;
    if (scheme.getLayout() == ScaleLayout::RowMajor) {
      scale = stored = computeScales(b, scheme, blocks, out);
    } else {
      Value rows = b.emptyRows(x, scheme.getScalesPerRow(b.lastDimOf(x)),
                               b.elementOf(out));
      scale = computeScales(b, scheme, blocks, rows);
      if (scheme.getLayout() == ScaleLayout::ColumnMajor)
        stored =
            linalg::TransposeOp::create(b, scale, out, ArrayRef<int64_t>{1, 0})
                ->getResult(0);
      else
        stored = shuffleScales(b, scale, out);
    }
    int64_t stride = scheme.isFp4() ? block / 2 : block;
    Value codes = encodeElements(b, scheme, blocks, scale,
                                 b.blockedDestination(data, stride));
    return {b.fromBlocks(codes, data), stored};
  }
};

/// ```mlir
/// %x = lm.dequantize #fp8 ins(%d, %s : tensor<?x512xf8E4M3FN>,
/// tensor<?x4xf32>)
///        outs(%init : tensor<?x512xbf16>)
/// ```
/// becomes
/// ```mlir
/// %blocks = tensor.expand_shape %d [[0], [1, 2]]      // ?x4x128
/// %values = linalg.generic ins(%blocks, %s) outs(expanded %init)
/// %x = tensor.collapse_shape %values [[0], [1, 2]]
/// ```
/// FP4 has one dimension more, the nibbles of a byte.
struct DequantizeToLinalg final : TensorOpPattern<DequantizeOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(DequantizeOp op,
                           StructuredBuilder &b) const override {
    SchemeAttr scheme = op.getScheme();
    Value out = op.getOut(), scale = op.getScale();
    if (!scheme.isDynamic())
      return {decode(b, scheme, op.getData(), scale, out)};

    int64_t columns = b.lastDimOf(out);
    int64_t block = blockOf(scheme, columns);
    if (scheme.getLayout() == ScaleLayout::ColumnMajor) {
      Value rows =
          b.emptyRows(out, scheme.getScalesPerRow(columns), b.elementOf(scale));
      scale =
          linalg::TransposeOp::create(b, scale, rows, ArrayRef<int64_t>{1, 0})
              ->getResult(0);
    } else if (scheme.getLayout() == ScaleLayout::Cdna4Shuffled) {
      scale = unshuffleScales(
          b, scale, b.sizesWithLast(out, scheme.getScalesPerRow(columns)));
    }
    Value blocks = b.toBlocks(op.getData(), scheme.isFp4() ? block / 2 : block);
    Value values =
        decode(b, scheme, blocks, scale, b.blockedDestination(out, block));
    return {b.fromBlocks(values, out)};
  }

private:
  static Value decode(StructuredBuilder &b, SchemeAttr scheme, Value data,
                      Value scale, Value out) {
    Value destination = scheme.isFp4() ? b.blockedDestination(out, 2) : out;
    int64_t rank = b.rankOf(destination);
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    AffineMap scaleMap = b.leadingDims(rank, b.rankOf(scale));
    if (!scheme.isDynamic())
      scaleMap = oneElement(b, rank, b.rankOf(scale));
    Type type = b.elementOf(out);
    Value values = b.generic(
        {data, scale}, destination,
        {b.leadingDims(rank, b.rankOf(data)), scaleMap, identity},
        /*reductions=*/0, [&](ScalarNumerics &n, ValueRange args) {
          Value code = n.fromByte(args[0]);
          if (scheme.isFp4()) {
            Value nibble = linalg::IndexOp::create(n.b, rank - 1);
            nibble = arith::IndexCastOp::create(n.b, n.b.getI32Type(), nibble);
            code = arith::ShRUIOp::create(
                n.b, code, arith::ShLIOp::create(n.b, nibble, n.i32(2)));
            code = arith::AndIOp::create(n.b, code, n.i32(0xF));
          }
          Value value =
              n.mul(n.dequantize(scheme, code), n.scaleValue(args[1]));
          return SmallVector<Value>{n.round(value, type)};
        })[0];
    return scheme.isFp4() ? b.fromBlocks(values, out) : values;
  }
};

/// ```mlir
/// %p = lm.shuffle_scale ins(%s : tensor<17x224xf8E8M0FNU>)
///        outs(%init : tensor<256x224xf8E8M0FNU>)
/// ```
/// becomes a linalg.generic over `%init` whose body fetches from `%s`.
struct ShuffleScaleToLinalg final : TensorOpPattern<ShuffleScaleOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(ShuffleScaleOp op,
                           StructuredBuilder &b) const override {
    return {shuffleScales(b, op.getScale(), op.getOut())};
  }
};

} // namespace

void mlir::lm::detail::populateQuantizePatterns(RewritePatternSet &patterns) {
  patterns.add<QuantizeToLinalg, DequantizeToLinalg, ShuffleScaleToLinalg>(
      patterns.getContext());
}
