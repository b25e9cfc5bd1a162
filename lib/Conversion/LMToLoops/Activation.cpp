//===-- Activation.cpp - Lower activations to loops over rows -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/Activation.h"
#include "Norm.h"
#include "Patterns.h"
#include "Quantize.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

struct SplitKReduceToLoops final : RowPattern<SplitKReduceOp> {
  using RowPattern::RowPattern;

  void lower(SplitKReduceOp op, RowBuilder &b) const override {
    b.forRows(op.getOut(), [&](ValueRange row) {
      b.forChunks(columnsOf(op.getOut()), [&](Value column, int64_t count) {
        b.storeF32(sumSplits(b, op.getX(), row, column, count), op.getOut(),
                   withColumn(row, column), count);
      });
    });
  }
};

struct SiluMulToLoops final : RowPattern<SiluMulOp> {
  using RowPattern::RowPattern;

  void lower(SiluMulOp op, RowBuilder &b) const override {
    SiluMul silu(op.getClamp(), op.getRoundActivation(), elementOf(op.getX()));
    int64_t columns = columnsOf(op.getOut());
    b.forRows(op.getOut(), [&](ValueRange row) {
      b.forChunks(columns, [&](Value column, int64_t count) {
        Value upColumn = b.addi(column, b.index(columns));
        Value gate = b.loadF32(op.getX(), withColumn(row, column), count);
        Value up = b.loadF32(op.getX(), withColumn(row, upColumn), count);
        b.storeF32(buildSiluMul(b, silu, gate, up), op.getOut(),
                   withColumn(row, column), count);
      });
    });
  }
};

struct SiluMulQuantizeToLoops final : RowPattern<SiluMulQuantizeOp> {
  using RowPattern::RowPattern;

  void lower(SiluMulQuantizeOp op, RowBuilder &b) const override {
    std::optional<Type> splitType = op.getSplitKType();
    SiluMul silu(op.getClamp(), op.getRoundActivation(),
                 splitType ? *splitType : elementOf(op.getX()));
    Quantization quantization{op.getScheme(), op.getData(), op.getScale(),
                              op.getInputScale()};
    int64_t columns = columnsOf(op.getX()) / 2;
    b.forRows(op.getData(), [&](ValueRange row) {
      auto input = [&](Value column, int64_t count) {
        if (splitType)
          return roundTo(b, sumSplits(b, op.getX(), row, column, count),
                         *splitType);
        return b.loadF32(op.getX(), withColumn(row, column), count);
      };
      auto chunk = [&](Value column, int64_t count) {
        Value gate = input(column, count);
        Value up = input(b.addi(column, b.index(columns)), count);
        Value value = buildSiluMul(b, silu, gate, up);
        if (std::optional<Type> type = op.getRoundBeforeQuant())
          value = roundTo(b, value, *type);
        return value;
      };
      // The row is computed whole before it is quantised: with the scale of a
      // block between them, divisions and exponentials would wait.
      Value scratch = b.scratch(columns);
      b.forChunks(columns, [&](Value column, int64_t count) {
        b.store(chunk(column, count), scratch, column, b.getWidth());
      });
      auto reload = [&](Value column, int64_t) {
        return b.load(scratch, column, b.getWidth(), b.getWidth());
      };
      quantizeRow(b, quantization, row, columns, reload, scratch);
    });
  }
};

} // namespace

void lm::populateActivationPatterns(RewritePatternSet &patterns,
                                    int64_t vectorWidth) {
  patterns.add<SplitKReduceToLoops, SiluMulToLoops, SiluMulQuantizeToLoops>(
      patterns.getContext(), vectorWidth);
}
