//===-- CacheWrite.cpp - KV-cache writes as loops over slots --------------===//
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

namespace {
/// A part of a token's row in the cache, as columns of one row per token.
struct RowPart {
  Value rows;
  /// Where the part of the token `p` of a page begins: base + p * stride. In
  /// caches of rank 3 the token is a dimension of its own and `stride` is 0.
  int64_t base;
  int64_t stride = 0;
};
} // namespace

/// The bytes of each element of `rows [T, W]`, little-endian: `[T, W * size]`.
static Value bytesOf(StructuredBuilder &b, Value rows) {
  Type element = b.elementOf(rows);
  unsigned width = element.getIntOrFloatBitWidth();
  Type i8 = b.getI8Type();
  if (width == 8)
    return b.elementwise(
        rows, b.emptyLike(rows, i8), [&](ScalarNumerics &n, ValueRange args) {
          return SmallVector<Value>{arith::BitcastOp::create(n.b, i8, args[0])};
        });
  Type bits = b.getIntegerType(width);
  Value destination = b.blockedDestination(
      b.emptyRows(rows, b.lastDimOf(rows) * (width / 8), i8), width / 8);
  Value bytes =
      b.elementwise(rows, destination, [&](ScalarNumerics &n, ValueRange args) {
        Value value = arith::BitcastOp::create(n.b, bits, args[0]);
        Value shift = linalg::IndexOp::create(n.b, 2);
        shift = arith::IndexCastOp::create(n.b, bits, shift);
        Value three =
            arith::ConstantOp::create(n.b, n.b.getIntegerAttr(bits, 3));
        shift = arith::ShLIOp::create(n.b, shift, three);
        value = arith::ShRUIOp::create(n.b, value, shift);
        return SmallVector<Value>{arith::TruncIOp::create(n.b, i8, value)};
      });
  return tensor::CollapseShapeOp::create(
      b, bytes, SmallVector<ReassociationIndices>{{0}, {1, 2}});
}

/// `rows` quantised by `scheme`: its data, and its scales where it has any.
static SmallVector<Value> quantizeRows(StructuredBuilder &b, Value rows,
                                       Value inputScale, SchemeAttr scheme) {
  int64_t columns = b.lastDimOf(rows);
  Value data = b.emptyRows(rows, columns, scheme.getStorageType());
  Value scale;
  if (scheme.isDynamic())
    scale = b.emptyRows(rows, scheme.getScalesPerRow(columns),
                        scheme.getScaleType());
  auto op = QuantizeOp::create(b, rows, inputScale, data, scale, scheme);
  return SmallVector<Value>(op->getResults());
}

static SchemeAttr fp8Scheme(Builder &b, Type element, Granularity granularity,
                            int64_t block, ScaleRounding rounding,
                            NonFinite nonfinite, FloatAttr amaxFloor) {
  return SchemeAttr::get(b.getContext(), element, granularity, block, rounding,
                         ElementRounding::NearestEven, ScaleLayout::RowMajor,
                         nonfinite, amaxFloor);
}

/// The row of each token as `layout` stores it, in parts.
static SmallVector<RowPart> encodeRows(StructuredBuilder &b,
                                       MlaCacheWriteOp op) {
  Value latent = op.getKvC(), rope = op.getKPe();
  Type bf16 = b.getBF16Type(), fp8 = b.getType<Float8E4M3FNType>();
  switch (op.getLayout()) {
  case CacheLayout::Bf16:
    latent = b.convert(latent, bf16);
    rope = b.convert(rope, bf16);
    break;
  case CacheLayout::Fp8: {
    SchemeAttr scheme = fp8Scheme(
        b, b.elementOf(op.getCache()), Granularity::Tensor, /*block=*/0,
        ScaleRounding::None, NonFinite::Propagate, FloatAttr());
    latent = quantizeRows(b, latent, op.getScale(), scheme)[0];
    rope = quantizeRows(b, rope, op.getScale(), scheme)[0];
    break;
  }
  case CacheLayout::DsMla656: {
    SchemeAttr scheme =
        fp8Scheme(b, fp8, Granularity::Block, /*block=*/128,
                  ScaleRounding::None, NonFinite::Propagate, FloatAttr());
    SmallVector<Value> codes = quantizeRows(b, latent, Value(), scheme);
    return {{bytesOf(b, codes[0]), 0},
            {bytesOf(b, codes[1]), 512},
            {bytesOf(b, b.convert(rope, bf16)), 528}};
  }
  case CacheLayout::DsMla584: {
    SchemeAttr scheme = fp8Scheme(b, fp8, Granularity::Block, /*block=*/64,
                                  ScaleRounding::RCeil, NonFinite::Saturate,
                                  b.getF32FloatAttr(1e-4f));
    SmallVector<Value> codes = quantizeRows(b, latent, Value(), scheme);
    // Seven scales and a zero byte: a block of eight, the last one padded.
    Value scales = tensor::CollapseShapeOp::create(
        b, b.toBlocks(bytesOf(b, codes[1]), 8),
        SmallVector<ReassociationIndices>{{0}, {1, 2}});
    int64_t page = *op.getPageSize();
    return {{bytesOf(b, codes[0]), 0, 576},
            {bytesOf(b, b.convert(rope, bf16)), 448, 576},
            {scales, 576 * page, 8}};
  }
  }
  if (op.getRopeFirst())
    return {{rope, 0}, {latent, b.lastDimOf(rope)}};
  return {{latent, 0}, {rope, b.lastDimOf(latent)}};
}

/// `cache` with the parts of token `t` written to `slot`.
static Value writeToken(StructuredBuilder &b, ArrayRef<RowPart> parts, Value t,
                        Value slot, Value pageSize, Value cache) {
  OpFoldResult one = b.getIndexAttr(1);
  Value page = arith::DivUIOp::create(b, slot, pageSize).getResult();
  Value token = arith::RemUIOp::create(b, slot, pageSize).getResult();
  for (const RowPart &part : parts) {
    int64_t columns = b.lastDimOf(part.rows);
    OpFoldResult width = b.getIndexAttr(columns);
    Value row = tensor::ExtractSliceOp::create(
        b, RankedTensorType::get({columns}, b.elementOf(part.rows)), part.rows,
        ArrayRef<OpFoldResult>{t, b.getIndexAttr(0)},
        ArrayRef<OpFoldResult>{one, width}, ArrayRef<OpFoldResult>{one, one});
    SmallVector<OpFoldResult> offsets = {page};
    if (b.rankOf(cache) == 3) {
      offsets.append({token, b.getIndexAttr(part.base)});
    } else {
      Value begin = arith::MulIOp::create(b, token, b.index(part.stride));
      begin = arith::AddIOp::create(b, begin, b.index(part.base));
      offsets.push_back(begin);
    }
    SmallVector<OpFoldResult> sizes(offsets.size(), one), strides = sizes;
    sizes.back() = width;
    cache =
        tensor::InsertSliceOp::create(b, row, cache, offsets, sizes, strides);
  }
  return cache;
}

namespace {

/// ```mlir
/// %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
///         ins(%kv, %pe : ...) slots(%slots : tensor<?xi64>)
///         outs(%cache : tensor<?x64x576xbf16>)
/// ```
/// becomes
/// ```mlir
/// %c1 = scf.for %t = %c0 to %rows step %c1 iter_args(%c = %cache) {
///   %slot = tensor.extract %slots[%t]
///   %next = scf.if %slot_is_in_the_cache {
///     %row = tensor.extract_slice %kv[%t, 0] [1, 512] [1, 1]
///     %0 = tensor.insert_slice %row into %c[%page, %token, 0] [1, 1, 512] ...
///     ...                                             // the same for %pe
///   } else {
///     scf.yield %c
///   }
///   scf.yield %next
/// }
/// ```
/// The loop is sequential, so that of two equal slots the later row stays, and
/// bufferises in place: its cost does not depend on the size of the cache.
/// Layouts with scales quantise all rows before the loop, by `lm.quantize`.
struct MlaCacheWriteToLinalg final : TensorOpPattern<MlaCacheWriteOp> {
  using TensorOpPattern::TensorOpPattern;

  SmallVector<Value> lower(MlaCacheWriteOp op,
                           StructuredBuilder &b) const override {
    Value cache = op.getCache(), slots = op.getSlots();
    SmallVector<RowPart> parts = encodeRows(b, op);
    Value pageSize =
        op.getPageSize() ? b.index(*op.getPageSize()) : b.dim(cache, 1);
    Value capacity = arith::MulIOp::create(b, b.dim(cache, 0), pageSize);
    bool skipZero = op.getSkipRule() == SkipRule::NegativeOrZero;
    Value first = b.index(skipZero ? 1 : 0);
    auto loop = scf::ForOp::create(
        b, b.index(0), b.dim(slots, 0), b.index(1), cache,
        [&](OpBuilder &nested, Location loc, Value t, ValueRange args) {
          ImplicitLocOpBuilder body(loc, nested);
          Value slot = tensor::ExtractOp::create(body, slots, t);
          slot = arith::IndexCastOp::create(body, body.getIndexType(), slot);
          Value wanted = arith::CmpIOp::create(body, arith::CmpIPredicate::sge,
                                               slot, first);
          Value inside = arith::CmpIOp::create(body, arith::CmpIPredicate::slt,
                                               slot, capacity);
          auto write = [&](OpBuilder &inner, Location loc) {
            StructuredBuilder b(loc, inner);
            scf::YieldOp::create(
                b, writeToken(b, parts, t, slot, pageSize, args[0]));
          };
          auto skip = [&](OpBuilder &inner, Location loc) {
            scf::YieldOp::create(inner, loc, args);
          };
          auto next = scf::IfOp::create(
              body, arith::AndIOp::create(body, wanted, inside), write, skip);
          scf::YieldOp::create(nested, loc, next.getResults());
        });
    return {loop.getResult(0)};
  }
};

} // namespace

void mlir::lm::detail::populateCacheWritePatterns(RewritePatternSet &patterns) {
  patterns.add<MlaCacheWriteToLinalg>(patterns.getContext());
}
