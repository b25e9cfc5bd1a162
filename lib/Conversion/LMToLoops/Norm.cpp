//===-- Norm.cpp - Lower norms to loops over rows -------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Norm.h"

#include "Patterns.h"
#include "Quantize.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Partial sums of squares: enough to hide the latency of an addition.
static constexpr int64_t kAccumulators = 4;

/// The sum of the squares of a row whose chunks `chunk` produces, in an order
/// that depends on the vector width only.
static Value sumOfSquares(RowBuilder &b, int64_t columns,
                          const ChunkFn &chunk) {
  int64_t width = b.getWidth();
  int64_t step = kAccumulators * width;
  int64_t whole = columns / step * step;
  Value zero = b.splat(b.f32(0.0f));
  SmallVector<Value> sums(kAccumulators, zero);
  auto accumulate = [&](Value sum, Value column, int64_t count) {
    Value value = chunk(column, count);
    return b.addf(sum, b.mulf(value, value));
  };
  auto offset = [&](Value column, int64_t k) {
    return k ? b.addi(column, b.index(k * width)) : column;
  };
  if (whole) {
    auto loop =
        scf::ForOp::create(b, b.index(0), b.index(whole), b.index(step), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    SmallVector<Value> next;
    for (int64_t k = 0; k < kAccumulators; ++k)
      next.push_back(accumulate(loop.getRegionIterArg(k),
                                offset(loop.getInductionVar(), k), width));
    scf::YieldOp::create(b, next);
    llvm::copy(loop.getResults(), sums.begin());
  }
  for (int64_t k = 0; whole + k * width < columns; ++k)
    sums[k] = accumulate(sums[k], b.index(whole + k * width),
                         std::min(width, columns - whole - k * width));
  Value sum = b.addf(b.addf(sums[0], sums[1]), b.addf(sums[2], sums[3]));
  return b.reduce(sum, [&](Value l, Value r) { return b.addf(l, r); });
}

/// Splits up to which their sum is unrolled.
static constexpr int64_t kMaxUnrolledSplits = 8;

Value lm::sumSplits(RowBuilder &b, Value x, ValueRange row, Value column,
                    int64_t count) {
  int64_t splits = cast<MemRefType>(x.getType()).getDimSize(0);
  auto load = [&](Value split) {
    SmallVector<Value> indices = {split};
    indices.append(row.begin(), row.end());
    indices.push_back(column);
    return b.loadF32(x, indices, count);
  };
  Value sum = load(b.index(0));
  if (splits <= kMaxUnrolledSplits) {
    for (int64_t split = 1; split < splits; ++split)
      sum = b.addf(sum, load(b.index(split)));
    return sum;
  }
  auto loop = scf::ForOp::create(b, b.index(1), b.index(splits), b.index(1),
                                 ValueRange{sum});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Value next = b.addf(loop.getRegionIterArg(0), load(loop.getInductionVar()));
  scf::YieldOp::create(b, next);
  return loop.getResult(0);
}

RowValues lm::buildNorm(RowBuilder &b, const Norm &norm, ValueRange row) {
  int64_t columns = columnsOf(norm.x);
  Value scratch = b.scratch(columns);
  Value sum = sumOfSquares(b, columns, [&](Value column, int64_t count) {
    SmallVector<Value> at = withColumn(row, column);
    Value value = norm.splitType
                      ? roundTo(b, sumSplits(b, norm.x, row, column, count),
                                norm.splitType)
                      : b.loadF32(norm.x, at, count);
    if (norm.residual) {
      Type type = elementOf(norm.residual);
      if (norm.roundSumBeforeResidual)
        value = roundTo(b, value, type);
      value = b.addf(value, b.loadF32(norm.residual, at, count));
      b.storeF32(value, norm.residualOut, at, count);
      if (norm.normFromRoundedResidual)
        value = roundTo(b, value, type);
    }
    b.store(value, scratch, column, b.getWidth());
    return value;
  });
  Value mean = b.divf(sum, b.f32(static_cast<float>(columns)));
  Value root = math::SqrtOp::create(b, b.addf(mean, b.f32(norm.epsilon)));
  Value factor = b.splat(b.divf(b.f32(1.0f), root));

  auto chunk = [&b, norm, scratch, factor](Value column, int64_t count) {
    Value value = b.load(scratch, column, b.getWidth(), b.getWidth());
    value = b.mulf(value, factor);
    if (norm.roundNormBeforeWeight)
      value = roundTo(b, value,
                      norm.residual    ? elementOf(norm.residual)
                      : norm.splitType ? norm.splitType
                                       : elementOf(norm.x));
    if (!norm.weight)
      return value;
    Value weight = b.loadF32(norm.weight, column, count);
    if (norm.weightOffset != 0.0f)
      weight = b.addf(weight, b.f32(norm.weightOffset, weight));
    return b.mulf(value, weight);
  };
  return {chunk, scratch};
}

/// Rounds a row to `out` and stores it.
static void storeRow(RowBuilder &b, const RowValues &values, Value out,
                     ValueRange row) {
  b.forChunks(columnsOf(out), [&](Value column, int64_t count) {
    b.storeF32(values.chunk(column, count), out, withColumn(row, column),
               count);
  });
}

/// The norm of the input that every norm operation has.
template <typename OpTy>
static Norm normOf(OpTy op) {
  Norm norm;
  norm.x = op.getX();
  norm.weight = op.getWeight();
  norm.epsilon = op.getEpsilon().convertToFloat();
  norm.weightOffset = op.getWeightOffset().convertToFloat();
  norm.roundNormBeforeWeight = op.getRoundNormBeforeWeight();
  return norm;
}

/// As above, for an operation that may add a residual first.
template <typename OpTy>
static Norm residualNormOf(OpTy op) {
  Norm norm = normOf(op);
  norm.residual = op.getResidual();
  norm.residualOut = op.getResidualOut();
  norm.normFromRoundedResidual = op.getNormFromRoundedResidual();
  norm.roundSumBeforeResidual = op.getRoundSumBeforeResidual();
  return norm;
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

struct RmsNormToLoops final : RowPattern<RmsNormOp> {
  using RowPattern::RowPattern;

  void lower(RmsNormOp op, RowBuilder &b) const override {
    Norm norm = normOf(op);
    b.forRows(op.getX(), [&](ValueRange row) {
      storeRow(b, buildNorm(b, norm, row), op.getOut(), row);
    });
  }
};

struct AddRmsNormToLoops final : RowPattern<AddRmsNormOp> {
  using RowPattern::RowPattern;

  void lower(AddRmsNormOp op, RowBuilder &b) const override {
    Norm norm = residualNormOf(op);
    b.forRows(op.getX(), [&](ValueRange row) {
      storeRow(b, buildNorm(b, norm, row), op.getOut(), row);
    });
  }
};

struct DualRmsNormToLoops final : RowPattern<DualRmsNormOp> {
  using RowPattern::RowPattern;

  void lower(DualRmsNormOp op, RowBuilder &b) const override {
    Norm first = normOf(op);
    Norm second = first;
    second.x = op.getSecondX();
    second.weight = op.getSecondWeight();
    second.epsilon = op.getSecondEpsilon().convertToFloat();
    // The norms share no data: in turn each keeps its weight, scratch and rows
    // in the nearest cache, where rows of both in one loop displace each other.
    b.forRows(first.x, [&](ValueRange row) {
      storeRow(b, buildNorm(b, first, row), op.getOut(), row);
    });
    b.forRows(second.x, [&](ValueRange row) {
      storeRow(b, buildNorm(b, second, row), op.getSecondOut(), row);
    });
  }
};

struct RmsNormQuantizeToLoops final : RowPattern<RmsNormQuantizeOp> {
  using RowPattern::RowPattern;

  void lower(RmsNormQuantizeOp op, RowBuilder &b) const override {
    Norm norm = residualNormOf(op);
    norm.splitType = op.getSplitKType().value_or(Type());
    Norm second;
    if (op.getSecondX()) {
      second.x = op.getSecondX();
      second.weight = op.getSecondWeight();
      second.epsilon = op.getSecondEpsilon()->convertToFloat();
      second.weightOffset = norm.weightOffset;
      second.roundNormBeforeWeight = norm.roundNormBeforeWeight;
    }
    Quantization quantization{op.getScheme(), op.getData(), op.getScale(),
                              op.getInputScale()};
    int64_t columns = columnsOf(op.getX());
    b.forRows(op.getData(), [&](ValueRange row) {
      RowValues values = buildNorm(b, norm, row);
      auto chunk = [&](Value column, int64_t count) {
        Value value = values.chunk(column, count);
        if (std::optional<Type> type = op.getRoundBeforeQuant())
          value = roundTo(b, value, *type);
        if (op.getNormOut())
          b.storeF32(value, op.getNormOut(), withColumn(row, column), count);
        return value;
      };
      quantizeRow(b, quantization, row, columns, chunk, values.scratch);
      if (second.x)
        storeRow(b, buildNorm(b, second, row), op.getSecondOut(), row);
    });
  }
};

} // namespace

void lm::populateNormPatterns(RewritePatternSet &patterns,
                              int64_t vectorWidth) {
  patterns.add<RmsNormToLoops, AddRmsNormToLoops, DualRmsNormToLoops,
               RmsNormQuantizeToLoops>(patterns.getContext(), vectorWidth);
}
