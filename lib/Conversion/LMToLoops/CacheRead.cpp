//===-- CacheRead.cpp - Rows of a paged MLA cache as f32 ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CacheRead.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

Value CacheRead::getPageSize(RowBuilder &b) const {
  return pageSize ? b.index(*pageSize) : b.dim(cache, 1);
}

Value CacheRead::getNumSlots(RowBuilder &b) const {
  return b.muli(b.dim(cache, 0), getPageSize(b));
}

/// A chunk of elements of a floating-point cache, as f32.
static Value loadElements(RowBuilder &b, Value cache, ValueRange indices) {
  Type element = elementOf(cache);
  if (!isa<Float8E4M3FNType, Float8E4M3FNUZType>(element))
    return b.loadF32(cache, indices, b.getWidth());
  Value codes = b.load(cache, indices, b.getWidth(), b.getWidth());
  return decodeFp8(b, b.bitcast(codes, b.getI8Type()), element);
}

/// `lanes` elements of type `element` that are stored in bytes.
static Value loadPacked(RowBuilder &b, Value bytes, ValueRange indices,
                        Type element, int64_t lanes) {
  int64_t size = lanes * element.getIntOrFloatBitWidth() / 8;
  return vector::BitCastOp::create(b, b.vectorOf(element, lanes),
                                   b.load(bytes, indices, size, size));
}

/// The quantised and the rope columns of a token in a layout of bytes. `row`
/// names the bytes that hold it: codes from `begin` on.
static void readBytes(RowBuilder &b, const CacheRead &cache, ValueRange row,
                      Value begin, int64_t latent, int64_t block,
                      int64_t ropeBegin,
                      function_ref<Value(Value block)> scaleOf,
                      function_ref<void(Value, Value)> use) {
  Type fp8 = Float8E4M3FNType::get(b.getContext());
  auto at = [&](Value offset) {
    return withColumn(row, b.addi(begin, offset));
  };
  b.forBlocks(latent, block, [&](Value number, Value first, int64_t size) {
    Value scale = b.splat(scaleOf(number));
    b.forChunks(size, [&](Value offset, int64_t) {
      Value column = b.addi(first, offset);
      Value codes = b.load(cache.cache, at(column), b.getWidth(), b.getWidth());
      Value value = b.mulf(decodeFp8(b, codes, fp8), scale);
      use(column, roundTo(b, value, b.getBF16Type()));
    });
  });
  b.forChunks(64, [&](Value column, int64_t) {
    Value offset = b.addi(b.muli(column, b.index(2)), b.index(ropeBegin));
    Value bits =
        loadPacked(b, cache.cache, at(offset), b.getBF16Type(), b.getWidth());
    use(b.addi(column, b.index(latent)), extendToF32(b, bits));
  });
}

void lm::readCacheRow(RowBuilder &b, const CacheRead &cache, Value slot,
                      int64_t columns, function_ref<void(Value, Value)> use) {
  Value pageSize = cache.getPageSize(b);
  Value page = arith::DivUIOp::create(b, slot, pageSize);
  Value place = arith::RemUIOp::create(b, slot, pageSize);
  switch (cache.layout) {
  case CacheLayout::Bf16:
  case CacheLayout::Fp8:
    b.forChunks(columns, [&](Value column, int64_t) {
      use(column, loadElements(b, cache.cache, {page, place, column}));
    });
    return;
  case CacheLayout::DsMla656:
    readBytes(
        b, cache, {page, place}, b.index(0), 512, 128, 528,
        [&](Value block) {
          Value offset = b.addi(b.muli(block, b.index(4)), b.index(512));
          Value scale = loadPacked(b, cache.cache, {page, place, offset},
                                   b.getF32Type(), 1);
          return vector::ExtractOp::create(b, scale, ArrayRef<int64_t>{0})
              .getResult();
        },
        use);
    return;
  case CacheLayout::DsMla584:
    readBytes(
        b, cache, page, b.muli(place, b.index(576)), 448, 64, 448,
        [&](Value block) {
          Value offset =
              b.addi(b.muli(place, b.index(8)), b.index(576 * *cache.pageSize));
          Value byte = b.loadScalar(cache.cache, {page, b.addi(offset, block)});
          return decodeE8M0(b, arith::ExtUIOp::create(b, b.getI32Type(), byte));
        },
        use);
    return;
  }
}
