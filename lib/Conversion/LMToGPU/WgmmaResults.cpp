//===-- WgmmaResults.cpp - Results of attention with wgmma ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a work ends with: the log-sum-exp of its rows, and its output, final or
// partial.
//
//===----------------------------------------------------------------------===//

#include "WgmmaDecode.h"

#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;
using IPredicate = arith::CmpIPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();
static constexpr float kLn2 = 0.69314718055994530942f;

void WgmmaDecode::finish(const AttentionWork &work, const State &state) {
  // One thread for each row finds what it is multiplied by. Its sink is asked
  // for before the sums are added up.
  Value number = thread(), rowSink;
  if (sink) {
    Value head = queryOf(work, b.remui(number, shape.rows)).second;
    rowSink = b.load(sink, b.rowOffset(sink, head), Value(), 1, true);
  }
  Value groupBytes = b.i32(shape.rows / kConsumerGroups * 4);
  Value sumsAddress =
      b.addi(address(shape.maxima), b.muli(firstScore, b.i32(4 * 4)));
  SmallVector<Value> totals;
  for (Value total : state.total) {
    for (int64_t distance : {4, 8, 16})
      total = b.addf(total, b.shuffleXor(total, distance));
    totals.push_back(total);
  }
  Value isFirstRow = b.below(lane, 4);
  b.ifThen(isFirstRow, [&] {
    storeColumns(b.addi(sumsAddress, b.muli(warp, groupBytes)), totals);
  });
  b.ifThen(b.andi(isFirstRow, b.isZero(warp)), [&] {
    storeColumns(b.addi(address(shape.factors), b.shli(firstScore, 2)),
                 state.max);
  });
  syncConsumers();
  Value isPartial = problem.hasPlan()
                        ? b.cmpi(IPredicate::sge, work.partialRow, b.i32(0))
                        : Value();
  b.ifThen(b.below(number, shape.rows),
           [&] { finishRow(work, number, isPartial, rowSink); });
  syncConsumers();
  SmallVector<Value> factors = loadColumns(address(shape.factors), outBlocks());
  if (!isPartial)
    return storeOut(work, state, factors);
  auto branch = scf::IfOp::create(b, isPartial, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&branch.getThenRegion().front());
  storePartial(work, state, factors);
  b.setInsertionPointToStart(&branch.getElseRegion().front());
  storeOut(work, state, factors);
}

/// Stores the log-sum-exp of row `number` of the workgroup, and leaves what
/// its output is multiplied by in place of its maximum.
void WgmmaDecode::finishRow(const AttentionWork &work, Value number,
                            Value isPartial, Value rowSink) {
  int64_t perGroup = shape.rows / kConsumerGroups;
  Value sums = b.addi(
      address(shape.maxima),
      b.shli(b.addi(b.muli(b.divui(number, perGroup), b.i32(4 * perGroup)),
                    b.remui(number, perGroup)),
             2));
  Value all;
  for (int64_t w = 0; w < kWarpGroup / 32; ++w) {
    Value part =
        unit.load(b.getF32Type(), b.addi(sums, b.i32(4 * w * perGroup)), 4);
    all = all ? b.addf(all, part) : part;
  }
  Value at = b.addi(address(shape.factors), b.shli(number, 2));
  Value max = unit.load(b.getF32Type(), at, 4);
  Value row, head;
  std::tie(row, head) = queryOf(work, number);
  Value exists = b.cmpi(IPredicate::slt, row, work.lastRow);
  Value none = b.cmpf(FPredicate::OEQ, all, b.f32(0.0f));
  Value total = b.select(none, b.f32(1.0f), all);
  Value lseValue = b.select(none, b.f32(-kInf),
                            b.mulf(b.addf(max, log2(total)), b.f32(kLn2)));
  Value factor = b.divf(b.f32(1.0f), total);
  if (problem.scopes.size() == 1)
    if (Value scale = kernel.valueFactor(0))
      factor = b.mulf(factor, scale);
  auto storeLse = [&](const Buffer &buffer, Value at) {
    b.ifThen(exists, [&] {
      b.store(lseValue, buffer, b.rowOffset(buffer, {at, head}), Value());
    });
  };
  auto direct = [&]() -> Value {
    if (lse)
      storeLse(lse, row);
    if (!sink)
      return factor;
    return b.mulf(factor, sinkFactor(b, rowSink, lseValue));
  };
  auto partial = [&] {
    storeLse(partLse, b.addi(work.partialRow, b.subi(row, work.firstRow)));
    return SmallVector<Value>{factor};
  };
  if (isPartial)
    factor = b.ifElse(isPartial, partial,
                      [&] { return SmallVector<Value>{direct()}; })[0];
  else
    factor = direct();
  unit.store(factor, at, 4);
}

/// The output, of which a thread has element `i`, times its row's factor; 0 for
/// a factor of 0, whatever was summed.
Value WgmmaDecode::scaledOut(const State &state, ArrayRef<Value> factors,
                             int64_t i) {
  int64_t inTile = i % (4 * outBlocks());
  Value factor = factors[inTile / 4 * 2 + inTile % 2];
  return b.select(b.cmpf(FPredicate::OEQ, factor, b.f32(0.0f)), b.f32(0.0f),
                  b.mulf(state.out[i], factor));
}

/// The final output goes through the memory of the queries, which the last
/// product has read: from there a warp stores whole rows.
void WgmmaDecode::storeOut(const AttentionWork &work, const State &state,
                           ArrayRef<Value> factors) {
  if (!out.element.isBF16())
    return storeColumnPairs(work, state, factors);
  // Rows of 64-column pieces, each swizzled as operands are.
  Value first = b.muli(group, b.i32(outTiles()));
  // Matrix m of a store: columns 8 (m mod 2) .. of the warp's, block m / 2.
  Value matrix = b.shrui(lane, 3);
  Value place = b.addi(b.shli(warp, 1), b.andi(matrix, b.i32(1)));
  for (int64_t t = 0; t < outTiles(); ++t)
    for (int64_t j = 0; j < outBlocks(); j += 2) {
      SmallVector<Value> pairs;
      for (int64_t block = j; block < j + 2; ++block)
        for (int64_t i = 0; i < 2; ++i) {
          int64_t at = t * 4 * outBlocks() + 4 * block + 2 * i;
          pairs.push_back(tiles.packPair(scaledOut(state, factors, at),
                                         scaledOut(state, factors, at + 1)));
        }
      Value row = b.addi(b.i32(8 * j), b.addi(b.shli(b.shrui(matrix, 1), 3),
                                              b.andi(lane, b.i32(7))));
      unit.storeTransposed(rowAddress(b.addi(first, b.i32(t)), row, place),
                           pairs);
    }
  syncConsumers();
  int64_t units = problem.valueColumns / 8;
  assert(units % 32 == 0 && "a value for each lane");
  forRows(work, [&](ArrayRef<Row> rows) {
    // All are loaded before the first is stored.
    SmallVector<Value> loaded;
    for (const Row &row : rows)
      forUnits(units, [&](Value, Value piece, Value place) {
        loaded.push_back(unit.load(b.vectorOf(b.getBF16Type(), 8),
                                   rowAddress(piece, row.number, place), 16));
      });
    auto words = loaded.begin();
    for (const Row &row : rows)
      b.ifThen(row.exists, [&] {
        Value offset = b.rowOffset(out, {row.token, row.head});
        forUnits(units, [&](Value number, Value, Value) {
          b.store(*words++, out, offset, b.shli(number, 3));
        });
      });
  });
  // The next queries come to the same place.
  syncConsumers();
}

/// A partial result, in the order of PartialOrder::Wgmma.
void WgmmaDecode::storePartial(const AttentionWork &work, const State &state,
                               ArrayRef<Value> factors) {
  assert(outTiles() == 4 && "as the order of partial results says");
  Value first = b.addi(b.shli(group, 8),
                       b.addi(b.shli(warp, 6), b.andi(lane, b.i32(~3))));
  for (int64_t j = 0; j < outBlocks(); ++j)
    for (int64_t e = 0; e < 2; ++e) {
      Value number = b.addi(b.shli(b.remui(lane, 4), 1), b.i32(8 * j + e));
      Value row, head;
      std::tie(row, head) = queryOf(work, number);
      Value at = b.addi(work.partialRow, b.subi(row, work.firstRow));
      Value offset = b.rowOffset(partOut, {at, head});
      b.ifThen(b.cmpi(IPredicate::slt, row, work.lastRow), [&] {
        for (int64_t q = 0; q < 2; ++q) {
          SmallVector<Value> values;
          for (int64_t t : {2 * q, 2 * q + 1})
            for (int64_t i = 0; i < 2; ++i)
              values.push_back(scaledOut(
                  state, factors, t * 4 * outBlocks() + 4 * j + 2 * i + e));
          Value four = vector::FromElementsOp::create(
              b, b.vectorOf(b.getF32Type(), 4), values);
          b.store(four, partOut, offset, b.addi(first, b.i32(32 * q)));
        }
      });
    }
}

/// Lanes of neighbouring rows of O^T swap, so that each stores two columns of
/// the output at once.
void WgmmaDecode::storeColumnPairs(const AttentionWork &work,
                                   const State &state,
                                   ArrayRef<Value> factors) {
  Value isOdd = b.isNonZero(b.andi(b.shrui(lane, 2), b.i32(1)));
  Value odd = b.andi(b.shrui(lane, 2), b.i32(1));
  // First column of the pair: the even one of the two rows of O^T.
  Value column = b.addi(
      b.muli(group, b.i32(outTiles() * kSwizzleColumns)),
      b.addi(b.muli(warp, b.i32(16)), b.andi(b.shrui(lane, 2), b.i32(-2))));
  for (int64_t j = 0; j < outBlocks(); ++j) {
    // Even lanes store the first column's row, odd lanes the second's.
    Value number =
        b.addi(b.addi(b.shli(b.remui(lane, 4), 1), b.i32(8 * j)), odd);
    Value row, head;
    std::tie(row, head) = queryOf(work, number);
    Value exists = b.cmpi(IPredicate::slt, row, work.lastRow);
    Value offset = b.rowOffset(out, {row, head});
    SmallVector<std::pair<Value, int64_t>> pairs;
    for (int64_t t = 0; t < outTiles(); ++t)
      for (int64_t i = 0; i < 2; ++i) {
        SmallVector<Value> values;
        for (int64_t e = 0; e < 2; ++e)
          values.push_back(scaledOut(state, factors,
                                     t * 4 * outBlocks() + 4 * j + 2 * i + e));
        Value mine = b.select(isOdd, values[1], values[0]);
        Value other = b.shuffleXor(b.select(isOdd, values[0], values[1]), 4);
        Value low = b.select(isOdd, other, mine);
        Value high = b.select(isOdd, mine, other);
        pairs.push_back(
            {vector::FromElementsOp::create(b, b.vectorOf(b.getF32Type(), 2),
                                            ValueRange{low, high}),
             t * kSwizzleColumns + 8 * i});
      }
    b.ifThen(exists, [&] {
      for (auto [pair, first] : pairs)
        b.storeF32(pair, out, offset, b.addi(column, b.i32(first)));
    });
  }
}
