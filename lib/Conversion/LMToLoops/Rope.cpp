//===-- Rope.cpp - Lower rotary embedding to loops over tokens ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Rope.h"

#include "Patterns.h"
#include "Quantize.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"
#include "hipfuse/Conversion/RowCode/Rope.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

int64_t Rope::columns() const {
  return columnsOf(tables.front()) * static_cast<int64_t>(tables.size());
}

/// The row of the tables for `token`: its position, clamped to the tables.
static Value tableRow(RowBuilder &b, const Rope &rope, Value token) {
  Value position = arith::IndexCastOp::create(
      b, b.getIndexType(), b.loadScalar(rope.positions, token));
  Value last = b.subi(b.dim(rope.tables.front(), 0), b.index(1));
  position = b.maxsi(position, b.index(0));
  return b.minsi(position, last);
}

void lm::forRopePairs(RowBuilder &b, const Rope &rope, Value token,
                      function_ref<void(const RopePairs &)> body) {
  Value row = tableRow(b, rope, token);
  int64_t half = rope.columns() / 2;
  b.forChunks(half, [&](Value first, int64_t count) {
    Value cosines = rope.tables.front(), sines = rope.tables.back();
    Value sineColumn = cosines == sines && rope.tables.size() == 1
                           ? b.addi(first, b.index(half))
                           : first;
    Value cosine = b.loadF32(cosines, {row, first}, count);
    Value sine = b.loadF32(sines, {row, sineColumn}, count);
    if (rope.inverse)
      sine = arith::NegFOp::create(b, sine);
    body({first, count, cosine, sine});
  });
}

/// Lanes `first`, `first + 2`, ... of two vectors in a row.
static Value everyOther(RowBuilder &b, Value low, Value high, int64_t first) {
  SmallVector<int64_t> lanes;
  for (int64_t i = 0; i < b.getWidth(); ++i)
    lanes.push_back(first + 2 * i);
  return b.shuffle(low, high, lanes);
}

/// Half `half` of the lanes of two vectors taken in turn.
static Value inTurn(RowBuilder &b, Value even, Value odd, int64_t half) {
  int64_t width = b.getWidth();
  SmallVector<int64_t> lanes;
  for (int64_t i = 0; i < width; ++i)
    lanes.push_back(half * width / 2 + i / 2 + (i % 2) * width);
  return b.shuffle(even, odd, lanes);
}

void lm::rotatePairs(RowBuilder &b, const Rope &rope, const RopePairs &pairs,
                     Type type, const ChunkFn &load, StoreFn store) {
  int64_t width = b.getWidth();
  bool neox = rope.style == RopeStyle::NeoX;
  // NeoX has the members of a pair half a row apart, else they are adjacent,
  // and a chunk of pairs is two vectors, of which the second may be empty.
  Value lowColumn = neox ? pairs.first : b.muli(pairs.first, b.index(2));
  Value highColumn =
      b.addi(lowColumn, b.index(neox ? rope.columns() / 2 : width));
  int64_t lowCount = neox ? pairs.count : std::min(width, 2 * pairs.count);
  int64_t highCount = neox ? pairs.count : 2 * pairs.count - lowCount;
  Value low = load(lowColumn, lowCount);
  Value high = highCount ? load(highColumn, highCount) : b.splat(b.f32(0.0f));
  Value first = neox ? low : everyOther(b, low, high, 0);
  Value second = neox ? high : everyOther(b, low, high, 1);

  auto [rotatedFirst, rotatedSecond] = rotatePair(
      b, rope.compute, type, {first, second}, pairs.cosine, pairs.sine);
  if (!neox) {
    Value even = rotatedFirst, odd = rotatedSecond;
    rotatedFirst = inTurn(b, even, odd, 0);
    rotatedSecond = inTurn(b, even, odd, 1);
  }
  store(lowColumn, rotatedFirst, lowCount);
  if (highCount)
    store(highColumn, rotatedSecond, highCount);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

struct RopeToLoops final : RowPattern<RopeOp> {
  using RowPattern::RowPattern;

  void lower(RopeOp op, RowBuilder &b) const override {
    Rope rope{op.getPositions(), llvm::to_vector(op.getTables()), op.getStyle(),
              op.getInverse(), op.getCompute()};
    Value x = op.getX(), out = op.getOut();
    int64_t rank = cast<MemRefType>(x.getType()).getRank();
    b.forParallel(b.dim(x, 0), [&](Value token) {
      forRopePairs(b, rope, token, [&](const RopePairs &pairs) {
        b.forDims(x, 1, rank - 1, [&](ValueRange head) {
          SmallVector<Value> row = {token};
          row.append(head.begin(), head.end());
          rotatePairs(
              b, rope, pairs, elementOf(x),
              [&](Value column, int64_t count) {
                return b.loadF32(x, withColumn(row, column), count);
              },
              [&](Value column, Value value, int64_t count) {
                b.storeF32(value, out, withColumn(row, column), count);
              });
        });
      });
    });
  }
};

struct RopeQuantizeToLoops final : RowPattern<RopeQuantizeOp> {
  using RowPattern::RowPattern;

  void lower(RopeQuantizeOp op, RowBuilder &b) const override {
    auto x = cast<MemRefType>(op.getX().getType());
    auto data = cast<MemRefType>(op.getData().getType());
    int64_t heads = x.getDimSize(1), headColumns = x.getDimSize(2);
    int64_t rowColumns =
        data.getShape().back() * (op.getScheme().isFp4() ? 2 : 1);
    bool grouped = data.getRank() == 3;
    Quantization quantization{op.getScheme(), op.getData(), op.getScale(),
                              op.getInputScale()};
    auto rowOf = [&](Value token, Value group) {
      return grouped ? SmallVector<Value>{token, group}
                     : SmallVector<Value>{token};
    };

    // Rows of whole heads are quantised head by head; else a token's heads are
    // collected first.
    bool wholeHeads = rowColumns % headColumns == 0;
    b.forParallel(b.dim(op.getX(), 0), [&](Value token) {
      Value scratch = b.scratch(wholeHeads ? headColumns : heads * headColumns);
      auto read = [&](Value base) {
        return [&b, scratch, base](Value column, int64_t count) {
          Value place = base ? b.addi(base, column) : column;
          return b.loadF32(scratch, place, count);
        };
      };
      b.forRange(heads, [&](Value head) {
        Value start = b.muli(head, b.index(headColumns));
        rotateHead(b, op, token, head, scratch, wholeHeads ? Value() : start);
        if (!wholeHeads)
          return;
        quantizeColumns(b, quantization,
                        rowOf(token, b.divui(start, rowColumns)),
                        b.remui(start, rowColumns), headColumns, read(Value()));
      });
      if (wholeHeads) {
        if (!grouped)
          padScales(b, quantization, token, rowColumns);
        return;
      }
      b.forRange(heads * headColumns / rowColumns, [&](Value group) {
        quantizeRow(b, quantization, rowOf(token, group), rowColumns,
                    read(b.muli(group, b.index(rowColumns))));
      });
    });
  }

  /// Writes one head, its trailing columns rotated, to `scratch` from `base`
  /// on.
  static void rotateHead(RowBuilder &b, RopeQuantizeOp op, Value token,
                         Value head, Value scratch, Value base) {
    Rope rope{op.getPositions(), llvm::to_vector(op.getTables()), op.getStyle(),
              op.getInverse(), op.getCompute()};
    Value x = op.getX();
    Type type = elementOf(x);
    int64_t kept = columnsOf(x) - rope.columns();
    auto place = [&](Value column) {
      return base ? b.addi(base, column) : column;
    };
    auto load = [&](Value column, int64_t count) {
      return b.loadF32(x, {token, head, column}, count);
    };
    b.forChunks(kept, [&](Value column, int64_t count) {
      b.store(load(column, count), scratch, place(column), count);
    });
    auto rotated = [&](Value column) { return b.addi(column, b.index(kept)); };
    forRopePairs(b, rope, token, [&](const RopePairs &pairs) {
      rotatePairs(
          b, rope, pairs, type,
          [&](Value column, int64_t count) {
            return load(rotated(column), count);
          },
          [&](Value column, Value value, int64_t count) {
            b.store(roundTo(b, value, type), scratch, place(rotated(column)),
                    count);
          });
    });
  }
};

} // namespace

void lm::populateRopePatterns(RewritePatternSet &patterns,
                              int64_t vectorWidth) {
  patterns.add<RopeToLoops, RopeQuantizeToLoops>(patterns.getContext(),
                                                 vectorWidth);
}
