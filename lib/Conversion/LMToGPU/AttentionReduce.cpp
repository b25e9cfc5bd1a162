//===-- AttentionReduce.cpp - Merging partial results of attention --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A workgroup has one query row and head: its threads hold four columns each,
// in `lanes` groups that share the partial results. The weights of all
// partials are found first, by the lanes of a wave, and wait in LDS.
//
// Where there are few rows there are many partials of each (a plan makes no
// more than two per cluster): then a row is spread over four workgroups, and
// its partials over eight groups of threads.
//
//===----------------------------------------------------------------------===//

#include "AttentionProblem.h"

#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();

/// Columns of a thread: 16 bytes of f32.
static constexpr int64_t kColumns = 4;
/// Partials whose loads a thread issues together.
static constexpr int64_t kUnroll = 4;

namespace {

/// How a row is divided.
struct ReduceConfig {
  int64_t parts; ///< workgroups per row
  int64_t lanes; ///< groups of threads that share the partials

  static ReduceConfig of(const AttentionProblem &problem) {
    int64_t rows = cast<MemRefType>(problem.out.getType()).getDimSize(0);
    bool isDeep = !ShapedType::isDynamic(rows) &&
                  rows * problem.heads <= 4 * problem.getNumClusters();
    return isDeep ? ReduceConfig{4, 8} : ReduceConfig{1, 1};
  }
};

} // namespace

void lm::emitAttentionReduce(const AttentionProblem &problem,
                             const EmitterContext &context,
                             const Partials &partials) {
  ReduceConfig config = ReduceConfig::of(problem);
  int64_t columnThreads = problem.valueColumns / kColumns / config.parts;
  int64_t threads = columnThreads * config.lanes;
  KernelBuilder b(problem.op, context, threads, kColumns);
  b.setName("attention_reduce");
  int64_t wave = b.getTarget().waveSize;

  Buffer indptr = b.buffer(problem.plan[2]);
  Buffer finalMap = b.buffer(problem.plan[3]);
  Buffer partialMap = b.buffer(problem.plan[4]);
  Buffer partOut = b.buffer(partials.out), partLse = b.buffer(partials.lse);
  Buffer out = b.buffer(problem.out), lse = b.buffer(problem.lse);
  Buffer sink = b.buffer(problem.sink);
  auto loadAt = [&](const Buffer &buffer, ValueRange indices) {
    return b.load(buffer, b.rowOffset(buffer, indices), Value(), /*lanes=*/1,
                  /*constant=*/true);
  };

  Value number = b.workgroup();
  Value head = b.remui(number, problem.heads);
  Value row = b.divui(number, problem.heads);
  // The tile of the row, and the row in its tile.
  Value tile = row, tileRow = b.i32(0);
  if (problem.qLen > 1) {
    // The first tile has as many rows as any.
    Value size = loadAt(finalMap, {b.i32(0), b.i32(1)});
    Value request = b.divui(row, problem.qLen);
    Value place = b.remui(row, problem.qLen);
    Value tiles = arith::CeilDivUIOp::create(b, b.i32(problem.qLen), size);
    tile =
        b.addi(b.muli(request, tiles), arith::DivUIOp::create(b, place, size));
    tileRow = arith::RemUIOp::create(b, place, size);
  }
  Value first = loadAt(indptr, tile);
  Value last = loadAt(indptr, b.addi(tile, b.i32(1)));
  Value count = b.subi(last, first);

  b.ifThen(b.isNonZero(count), [&] {
    // Numbers of partials as whole rounds of loads: those past the last weigh
    // nothing and are the first's.
    int64_t round = kUnroll * config.lanes;
    int64_t capacity =
        llvm::alignTo(llvm::alignTo(problem.getNumPartials(), round), wave);
    std::string suffix = std::to_string(capacity);
    auto address = [&](StringRef what, Value index) {
      return b.ldsAddress(("reduce_" + what + "_" + suffix).str(), 4 * capacity,
                          index);
    };
    Value rounded = b.muli(arith::CeilDivUIOp::create(b, count, b.i32(round)),
                           b.i32(round));
    Value lane = b.laneInWave();
    auto lseOf = [&](Value index) -> std::pair<Value, Value> {
      Value exists = b.cmpi(arith::CmpIPredicate::ult, index, count);
      Value partial = b.addi(first, b.select(exists, index, b.i32(0)));
      Value partialRow = b.addi(loadAt(partialMap, partial), tileRow);
      Value value = loadAt(partLse, {partialRow, head});
      return {partialRow, b.select(exists, value, b.f32(-kInf))};
    };
    auto maximum = [&](Value x, Value y) { return maxf(b, x, y); };
    auto sum = [&](Value x, Value y) { return b.addf(x, y); };
    // Every wave finds the maximum and the sum for itself; the first one also
    // writes the weights.
    Value max = b.loop(b.i32(0), rounded, wave, b.f32(-kInf),
                       [&](Value index, Value max) {
                         return maximum(lseOf(b.addi(index, lane)).second, max);
                       });
    max = b.reduceLanes(max, wave, maximum);
    Value reference =
        b.select(b.cmpf(FPredicate::OEQ, max, b.f32(-kInf)), b.f32(0.0f), max);
    Value isFirst = b.isZero(b.wave());
    Value total = b.loop(
        b.i32(0), rounded, wave, b.f32(0.0f), [&](Value index, Value total) {
          Value number = b.addi(index, lane);
          auto [partialRow, value] = lseOf(number);
          Value weight = exponential(b, b.subf(value, reference));
          weight = b.select(b.cmpf(FPredicate::OEQ, value, b.f32(-kInf)),
                            b.f32(0.0f), weight);
          b.ifThen(isFirst, [&] {
            LLVM::StoreOp::create(b, partialRow, address("rows", number), 4);
            LLVM::StoreOp::create(b, weight, address("weights", number), 4);
          });
          return b.addf(total, weight);
        });
    total = b.reduceLanes(total, wave, sum);
    b.barrier();

    Value isEmpty = b.cmpf(FPredicate::OEQ, total, b.f32(0.0f));
    total = b.select(isEmpty, b.f32(1.0f), total);
    Value merged =
        b.select(isEmpty, b.f32(-kInf), b.addf(max, logarithm(b, total)));
    Value group = b.divui(b.thread(), columnThreads);
    Value column = b.muli(b.addi(b.remui(b.thread(), columnThreads),
                                 b.muli(b.workgroup(1), b.i32(columnThreads))),
                          b.i32(kColumns));
    Value zeros = b.f32(0.0f, b.splat(b.f32(0.0f)));
    Value values =
        b.loop(b.i32(0), rounded, round, zeros, [&](Value index, Value values) {
          SmallVector<Value> chunks, weights;
          for (int64_t i = 0; i < kUnroll; ++i) {
            Value number =
                b.addi(b.addi(index, group), b.i32(i * config.lanes));
            Value partialRow = LLVM::LoadOp::create(b, b.getI32Type(),
                                                    address("rows", number), 4);
            weights.push_back(LLVM::LoadOp::create(
                b, b.getF32Type(), address("weights", number), 4));
            chunks.push_back(b.load(partOut,
                                    b.rowOffset(partOut, {partialRow, head}),
                                    column, kColumns));
          }
          for (auto [weight, chunk] : llvm::zip(weights, chunks))
            values = b.addf(values, b.mulf(b.splat(weight), chunk));
          return values;
        });
    auto finish = [&](Value values) {
      values = b.divf(values, b.splat(total));
      if (sink)
        values = applySinkFactor(b, values,
                                 sinkFactor(b, loadAt(sink, head), merged));
      b.storeF32(values, out, b.rowOffset(out, {row, head}), column);
      if (lse)
        b.ifThen(b.isZero(column), [&] {
          b.store(merged, lse, b.rowOffset(lse, {row, head}), Value());
        });
    };
    if (config.lanes == 1)
      return finish(values);
    // The groups' sums meet in LDS, in order.
    int64_t bytes = threads * kColumns * 4;
    std::string name = "reduce_sums_" + std::to_string(bytes);
    auto sumAddress = [&](Value thread) {
      return b.ldsAddress(name, bytes, b.muli(thread, b.i32(kColumns)));
    };
    LLVM::StoreOp::create(b, values, sumAddress(b.thread()), 16);
    b.barrier();
    b.ifThen(b.isZero(group), [&] {
      Value all;
      for (int64_t i = 0; i < config.lanes; ++i) {
        Value thread = b.addi(b.thread(), b.i32(i * columnThreads));
        Value part = LLVM::LoadOp::create(b, b.vectorOf(b.getF32Type()),
                                          sumAddress(thread), 16);
        all = all ? b.addf(all, part) : part;
      }
      finish(all);
    });
  });
  b.launch({b.hostSize(problem.out, 0, 2), b.hostNumber(config.parts)});
}
