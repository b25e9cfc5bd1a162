//===-- CacheWrite.cpp - Lower KV cache writes to loops over tokens -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "Quantize.h"
#include "Rope.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/CacheRow.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

namespace {

/// Where and how tokens are written.
struct CacheWrite {
  Value slots;
  Value cache;
  Value scale; ///< only in layout fp8
  CacheLayout layout;
  SkipRule skipRule;
  bool ropeFirst;
  std::optional<int64_t> pageSize; ///< only in layout ds_mla_584
  int64_t latentColumns;
  int64_t ropeColumns;
};

} // namespace

/// The bytes of `vector` in memory order.
static Value bytesOf(RowBuilder &b, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
  return vector::BitCastOp::create(b, b.vectorOf(b.getI8Type(), bytes), vector);
}

/// Writes a token's row of elements: layouts bf16 and fp8.
static void writeElements(RowBuilder &b, const CacheWrite &write,
                          ValueRange row, const ChunkFn &latent,
                          const ChunkFn &rope) {
  auto part = [&](int64_t first, int64_t columns, const ChunkFn &chunk) {
    if (write.layout == CacheLayout::Fp8) {
      Quantization quantization{getTensorScheme(elementOf(write.cache)),
                                write.cache, Value(), write.scale};
      quantizeColumns(b, quantization, row, b.index(first), columns, chunk);
      return;
    }
    b.forChunks(columns, [&](Value column, int64_t count) {
      b.storeF32(chunk(column, count), write.cache,
                 withColumn(row, b.addi(column, b.index(first))), count);
    });
  };
  part(write.ropeFirst ? write.ropeColumns : 0, write.latentColumns, latent);
  part(write.ropeFirst ? 0 : write.latentColumns, write.ropeColumns, rope);
}

/// Writes a token's row of bytes: layouts ds_mla_656 and ds_mla_584. `row`
/// names the bytes that hold it: codes and rope part from `begin` on, scales
/// from `scales` on.
static void writeBytes(RowBuilder &b, const CacheWrite &write, ValueRange row,
                       Value begin, Value scales, int64_t ropeBegin,
                       const ChunkFn &latent, const ChunkFn &rope) {
  SchemeAttr scheme = getLatentScheme(b.getContext(), write.layout);
  int64_t block = scheme.getBlock();
  auto at = [&](Value base, Value offset) {
    return withColumn(row, b.addi(base, offset));
  };
  b.forBlocks(write.latentColumns, block,
              [&](Value number, Value column, int64_t size) {
                SmallVector<Value> values, columns;
                b.unrollChunks(size, [&](int64_t offset, int64_t count) {
                  columns.push_back(b.addi(column, b.index(offset)));
                  values.push_back(latent(columns.back(), count));
                });
                BlockScale scale = scaleOf(b, scheme, values);
                for (auto [value, column] : llvm::zip(values, columns))
                  b.store(encodeElements(b, scheme, value, scale), write.cache,
                          at(begin, column), b.getWidth());
                if (scheme.hasE8M0Scale()) {
                  b.storeScalar(toBytes(b, scale.stored), write.cache,
                                at(scales, number));
                  return;
                }
                Value vector = vector::BroadcastOp::create(
                    b, b.vectorOf(b.getF32Type(), 1), scale.stored);
                b.store(bytesOf(b, vector), write.cache,
                        at(scales, b.muli(number, b.index(4))), 4);
              });
  if (write.layout == CacheLayout::DsMla584) {
    Value zero = arith::ConstantOp::create(b, b.getI8IntegerAttr(0));
    b.storeScalar(zero, write.cache,
                  at(scales, b.index(write.latentColumns / block)));
  }
  b.forChunks(write.ropeColumns, [&](Value column, int64_t count) {
    Value bits = truncateTo(b, rope(column, count), b.getBF16Type());
    Value offset = b.addi(b.muli(column, b.index(2)), b.index(ropeBegin));
    b.store(bytesOf(b, bits), write.cache, at(begin, offset), 2 * count);
  });
}

/// Writes the row of `token`, whose parts `latent` and `rope` produce, to its
/// slot, unless that is to be skipped.
static void writeToken(RowBuilder &b, const CacheWrite &write, Value token,
                       const ChunkFn &latent, const ChunkFn &rope) {
  Value slot = arith::IndexCastOp::create(b, b.getIndexType(),
                                          b.loadScalar(write.slots, token));
  Value pageSize =
      write.pageSize ? b.index(*write.pageSize) : b.dim(write.cache, 1);
  Value slots = b.muli(b.dim(write.cache, 0), pageSize);
  Value kept = b.cmpi(write.skipRule == SkipRule::Negative ? IPredicate::sge
                                                           : IPredicate::sgt,
                      slot, b.index(0));
  Value inside = b.cmpi(IPredicate::slt, slot, slots);
  b.ifThen(b.andi(kept, inside), [&] {
    Value page = arith::DivUIOp::create(b, slot, pageSize);
    Value place = arith::RemUIOp::create(b, slot, pageSize);
    if (write.layout == CacheLayout::Bf16 || write.layout == CacheLayout::Fp8)
      return writeElements(b, write, {page, place}, latent, rope);
    CacheRowBytes bytes = getCacheRowBytes(write.layout);
    if (!bytes.scalesOfPage)
      return writeBytes(b, write, {page, place}, b.index(0),
                        b.index(write.latentColumns), bytes.rope, latent, rope);
    Value scales = b.addi(b.muli(place, b.index(bytes.scales)),
                          b.index(bytes.codes * *write.pageSize));
    writeBytes(b, write, page, b.muli(place, b.index(bytes.codes)), scales,
               bytes.rope, latent, rope);
  });
}

/// Reads row `token` of the memref `x [T, N]`.
static ChunkFn rowOf(RowBuilder &b, Value x, Value token) {
  return [&b, x, token](Value column, int64_t count) {
    return b.loadF32(x, {token, column}, count);
  };
}

template <typename OpTy>
static CacheWrite cacheWriteOf(OpTy op) {
  CacheWrite write{
      op.getSlots(),  op.getCache(),          op.getScale(),
      op.getLayout(), op.getSkipRule(),       op.getRopeFirst(),
      std::nullopt,   columnsOf(op.getKvC()), columnsOf(op.getKPe())};
  if (op.getPageSize())
    write.pageSize = static_cast<int64_t>(*op.getPageSize());
  return write;
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

// Both loops over the tokens of a cache are sequential: of two equal slots the
// later row stays.

struct MlaCacheWriteToLoops final : RowPattern<MlaCacheWriteOp> {
  using RowPattern::RowPattern;

  void lower(MlaCacheWriteOp op, RowBuilder &b) const override {
    CacheWrite write = cacheWriteOf(op);
    b.forRange(b.dim(op.getSlots(), 0), [&](Value token) {
      writeToken(b, write, token, rowOf(b, op.getKvC(), token),
                 rowOf(b, op.getKPe(), token));
    });
  }
};

struct RopeMlaCacheWriteToLoops final : RowPattern<RopeMlaCacheWriteOp> {
  using RowPattern::RowPattern;

  void lower(RopeMlaCacheWriteOp op, RowBuilder &b) const override {
    Rope rope{op.getPositions(), llvm::to_vector(op.getTables()), op.getStyle(),
              /*inverse=*/false, op.getCompute()};
    lowerQuery(op, b, rope);
    lowerKey(op, b, rope);
  }

  /// q_out = [q_nope | rotated q_pe], in parallel.
  static void lowerQuery(RopeMlaCacheWriteOp op, RowBuilder &b,
                         const Rope &rope) {
    Value x = op.getQPe(), nope = op.getQNope(), out = op.getQOut();
    Type type = elementOf(x);
    int64_t rank = cast<MemRefType>(x.getType()).getRank();
    int64_t nopeColumns = nope ? columnsOf(nope) : 0;
    std::optional<Quantization> quantization;
    if (op.getQScale())
      quantization = Quantization{getTensorScheme(elementOf(out)), out, Value(),
                                  op.getQScale()};
    b.forParallel(b.dim(x, 0), [&](Value token) {
      auto rowOfHead = [&](ValueRange head) {
        SmallVector<Value> row = {token};
        row.append(head.begin(), head.end());
        return row;
      };
      if (nope)
        b.forDims(x, 1, rank - 1, [&](ValueRange head) {
          copyColumns(b, nope, out, rowOfHead(head), quantization);
        });
      BlockScale scale;
      if (quantization)
        scale.operand = b.splat(b.loadScalar(op.getQScale(), b.index(0)));
      forRopePairs(b, rope, token, [&](const RopePairs &pairs) {
        b.forDims(x, 1, rank - 1, [&](ValueRange head) {
          SmallVector<Value> row = rowOfHead(head);
          rotatePairs(
              b, rope, pairs, type,
              [&](Value column, int64_t count) {
                return b.loadF32(x, withColumn(row, column), count);
              },
              [&](Value column, Value value, int64_t count) {
                SmallVector<Value> at =
                    withColumn(row, b.addi(column, b.index(nopeColumns)));
                if (!quantization)
                  return b.storeF32(value, out, at, count);
                Value bytes = encodeElements(b, quantization->scheme,
                                             roundTo(b, value, type), scale);
                b.store(b.bitcast(bytes, elementOf(out)), out, at, count);
              });
        });
      });
    });
  }

  /// Copies a row of `from` to the first columns of `to`, or quantises it.
  static void copyColumns(RowBuilder &b, Value from, Value to, ValueRange row,
                          const std::optional<Quantization> &quantization) {
    if (quantization) {
      quantizeColumns(b, *quantization, row, Value(), columnsOf(from),
                      [&](Value column, int64_t count) {
                        return b.loadF32(from, withColumn(row, column), count);
                      });
      return;
    }
    b.forChunks(columnsOf(from), [&](Value column, int64_t count) {
      SmallVector<Value> at = withColumn(row, column);
      b.store(b.load(from, at, b.getWidth(), count), to, at, count);
    });
  }

  /// Rotates each key into scratch memory and writes the token.
  static void lowerKey(RopeMlaCacheWriteOp op, RowBuilder &b,
                       const Rope &rope) {
    CacheWrite write = cacheWriteOf(op);
    Value x = op.getKPe(), rotated = op.getKRot();
    Type type = elementOf(rotated ? rotated : x);
    Value scratch = b.scratch(columnsOf(x));
    Value numSlots = b.dim(op.getSlots(), 0);
    b.forRange(rotated ? b.dim(x, 0) : numSlots, [&](Value token) {
      forRopePairs(b, rope, token, [&](const RopePairs &pairs) {
        rotatePairs(b, rope, pairs, elementOf(x), rowOf(b, x, token),
                    [&](Value column, Value value, int64_t count) {
                      value = roundTo(b, value, type);
                      b.store(value, scratch, column, count);
                      if (rotated)
                        b.storeF32(value, rotated, {token, column}, count);
                    });
      });
      auto key = [&](Value column, int64_t count) {
        return b.loadF32(scratch, column, count);
      };
      auto writeRow = [&] {
        writeToken(b, write, token, rowOf(b, op.getKvC(), token), key);
      };
      if (!rotated)
        return writeRow();
      b.ifThen(b.cmpi(IPredicate::slt, token, numSlots), writeRow);
    });
  }
};

} // namespace

void lm::populateCacheWritePatterns(RewritePatternSet &patterns,
                                    int64_t vectorWidth) {
  patterns.add<MlaCacheWriteToLoops, RopeMlaCacheWriteToLoops>(
      patterns.getContext(), vectorWidth);
}
