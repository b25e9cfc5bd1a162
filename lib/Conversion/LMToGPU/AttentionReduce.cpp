//===-- AttentionReduce.cpp - Merging partial results of attention --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads of a query row and head hold four columns each. The weights of
// all its partials are found first, by the lanes of a wave, and wait in LDS.
//
// Many rows have few partials each, as a plan makes no more than two per
// cluster: then a workgroup has two rows. Few rows may have many partials: then
// a row is spread over four workgroups, and its partials over eight groups of
// threads. The launch says which, as the number of rows may be known only then.
//
//===----------------------------------------------------------------------===//

#include "AttentionProblem.h"

#include "hipfuse/Conversion/RowCode/Merge.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();

/// Columns of a thread: 16 bytes of f32.
static constexpr int64_t kColumns = 4;
/// Partials whose loads a thread issues together.
static constexpr int64_t kUnroll = 4;

/// Threads of a workgroup, and of a row where rows are many.
static constexpr int64_t kThreads = 256;
/// Where rows are few: workgroups per row, and groups of threads in each that
/// share the partials.
static constexpr int64_t kParts = 4, kGroups = 8;

void lm::emitAttentionReduce(const AttentionProblem &problem,
                             const EmitterContext &context,
                             const Partials &partials) {
  KernelBuilder b(problem.op, context, kThreads, kColumns);
  b.setName("attention_reduce");
  int64_t wave = b.getTarget().waveSize;
  int64_t rowThreads = problem.valueColumns / kColumns;
  int64_t groupThreads = rowThreads / kParts;
  assert(rowThreads * 2 == kThreads && groupThreads * kGroups == kThreads);

  // The launch: whether rows are few, and its grid.
  OpBuilder &host = b.host();
  Location loc = b.getLoc();
  Value rows = b.hostSize(problem.out, 0, 2);
  Value fewRows =
      arith::CmpIOp::create(host, loc, arith::CmpIPredicate::ule, rows,
                            b.hostNumber(4 * problem.getNumClusters()));
  auto choose = [&](Value ifFew, Value ifMany) -> Value {
    return arith::SelectOp::create(host, loc, fewRows, ifFew, ifMany);
  };
  Value gridRows = choose(rows, b.hostGroups(rows, 2));
  Value gridParts = choose(b.hostNumber(kParts), b.hostNumber(1));

  Value isFew =
      b.isNonZero(b.parameter32(choose(b.hostNumber(1), b.hostNumber(0))));
  Value numRows = b.parameter32(rows);
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
  auto pick = [&](int64_t ifFew, int64_t ifMany) {
    return b.select(isFew, b.i32(ifFew), b.i32(ifMany));
  };

  // The thread's row, of the workgroup's one or two, and its place there.
  Value thread = b.thread();
  Value half = b.select(isFew, b.i32(0), b.divui(thread, rowThreads));
  Value place = b.select(isFew, thread, b.remui(thread, rowThreads));
  Value number = b.addi(b.muli(b.workgroup(), pick(1, 2)), half);
  Value exists = b.cmpi(arith::CmpIPredicate::ult, number, numRows);
  number = b.select(exists, number, b.i32(0));
  Value head = b.remui(number, problem.heads);
  Value row = b.divui(number, problem.heads);
  // The tile of the row, and the row in its tile.
  Value tile = row, tileRow = b.i32(0);
  if (problem.qLen > 1) {
    // The first tile has as many rows as any.
    Value size = loadAt(finalMap, {b.i32(0), b.i32(1)});
    Value request = b.divui(row, problem.qLen);
    Value inRequest = b.remui(row, problem.qLen);
    Value tiles = arith::CeilDivUIOp::create(b, b.i32(problem.qLen), size);
    tile = b.addi(b.muli(request, tiles),
                  arith::DivUIOp::create(b, inRequest, size));
    tileRow = arith::RemUIOp::create(b, inRequest, size);
  }
  Value first = loadAt(indptr, tile);
  Value count = b.select(
      exists, b.subi(loadAt(indptr, b.addi(tile, b.i32(1))), first), b.i32(0));

  // Numbers of partials as whole rounds of loads: those past the last weigh
  // nothing and are the first's.
  Value round = pick(kUnroll * kGroups, kUnroll);
  Value rounded = b.muli(
      arith::DivUIOp::create(b, b.addi(count, b.subi(round, b.i32(1))), round),
      round);
  int64_t capacity = llvm::alignTo(
      llvm::alignTo(problem.getNumPartials(), kUnroll * kGroups), wave);
  std::string suffix = std::to_string(capacity);
  auto address = [&](StringRef what, Value index) {
    return b.ldsAddress(("reduce_" + what + "_" + suffix).str(), 8 * capacity,
                        b.addi(index, b.muli(half, b.i32(capacity))));
  };
  Value lane = b.laneInWave();
  auto lseOf = [&](Value index) -> std::pair<Value, Value> {
    Value isPartial = b.cmpi(arith::CmpIPredicate::ult, index, count);
    Value partial = b.addi(first, b.select(isPartial, index, b.i32(0)));
    Value partialRow = b.addi(loadAt(partialMap, partial), tileRow);
    Value value = loadAt(partLse, {partialRow, head});
    return {partialRow, b.select(isPartial, value, b.f32(-kInf))};
  };
  auto maximum = [&](Value x, Value y) { return maxf(b, x, y); };
  auto sum = [&](Value x, Value y) { return b.addf(x, y); };
  // Every wave finds the maximum and the sum for itself; a row's first one also
  // writes the weights.
  Value max = b.loop(b.i32(0), rounded, wave, b.f32(-kInf),
                     [&](Value index, Value max) {
                       return maximum(lseOf(b.addi(index, lane)).second, max);
                     });
  max = b.reduceLanes(max, wave, maximum);
  Value reference =
      b.select(b.cmpf(FPredicate::OEQ, max, b.f32(-kInf)), b.f32(0.0f), max);
  Value isFirst = b.below(place, wave);
  Value total = b.loop(
      b.i32(0), rounded, wave, b.f32(0.0f), [&](Value index, Value total) {
        Value number = b.addi(index, lane);
        auto [partialRow, value] = lseOf(number);
        Value weight = exponential(b, b.subf(value, reference));
        weight = b.select(b.cmpf(FPredicate::OEQ, value, b.f32(-kInf)),
                          b.f32(0.0f), weight);
        b.ifThen(isFirst, [&, partialRow = partialRow] {
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
  Value group = b.select(isFew, b.divui(place, groupThreads), b.i32(0));
  Value column = b.select(isFew,
                          b.addi(b.remui(place, groupThreads),
                                 b.muli(b.workgroup(1), b.i32(groupThreads))),
                          place);
  column = b.muli(column, b.i32(kColumns));
  Value groups = pick(kGroups, 1);
  auto loop = scf::ForOp::create(b, b.i32(0), rounded, round,
                                 b.f32(0.0f, b.splat(b.f32(0.0f))));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value index = b.addi(loop.getInductionVar(), group);
    SmallVector<Value> chunks, weights;
    for (int64_t i = 0; i < kUnroll; ++i) {
      Value partialRow =
          LLVM::LoadOp::create(b, b.getI32Type(), address("rows", index), 4);
      weights.push_back(LLVM::LoadOp::create(b, b.getF32Type(),
                                             address("weights", index), 4));
      chunks.push_back(b.load(partOut, b.rowOffset(partOut, {partialRow, head}),
                              column, kColumns));
      index = b.addi(index, groups);
    }
    Value values = loop.getRegionIterArg(0);
    for (auto [weight, chunk] : llvm::zip(weights, chunks))
      values = b.addf(values, b.mulf(b.splat(weight), chunk));
    scf::YieldOp::create(b, values);
  }
  auto finish = [&](Value values) {
    values = b.divf(values, b.splat(total));
    if (sink)
      values =
          applySinkFactor(b, values, sinkFactor(b, loadAt(sink, head), merged));
    b.storeF32(values, out, b.rowOffset(out, {row, head}), column);
    if (lse)
      b.ifThen(b.isZero(column), [&] {
        b.store(merged, lse, b.rowOffset(lse, {row, head}), Value());
      });
  };
  Value values = loop.getResult(0), isSplit = b.isNonZero(count);
  auto branch = scf::IfOp::create(b, isFew, /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&branch.getThenRegion().front());
    // The groups' sums meet in LDS, in order.
    int64_t bytes = kThreads * kColumns * 4;
    std::string name = "reduce_sums_" + std::to_string(bytes);
    auto sumAddress = [&](Value thread) {
      return b.ldsAddress(name, bytes, b.muli(thread, b.i32(kColumns)));
    };
    LLVM::StoreOp::create(b, values, sumAddress(thread), 16);
    b.barrier();
    b.ifThen(b.andi(isSplit, b.isZero(group)), [&] {
      Value all;
      for (int64_t i = 0; i < kGroups; ++i) {
        Value part = LLVM::LoadOp::create(
            b, b.vectorOf(b.getF32Type()),
            sumAddress(b.addi(thread, b.i32(i * groupThreads))), 16);
        all = all ? b.addf(all, part) : part;
      }
      finish(all);
    });
    b.setInsertionPointToStart(&branch.getElseRegion().front());
    b.ifThen(isSplit, [&] { finish(values); });
  }
  b.launch({gridRows, gridParts});
}
