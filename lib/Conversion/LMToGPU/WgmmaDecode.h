//===-- WgmmaDecode.h - Decode attention with wgmma -------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The keys are the tall operand of both products, so that the matrix unit's 64
// rows are always full, however few heads there are:
//
//   S^T [64 keys, N rows]    = K [64, D] * Q^T [D, N]
//   O^T [V columns, N rows] += V^T [V, 64 keys] * P^T [64, N]
//
// where a row is a query row and head, N of them in a workgroup. K and V are
// the same tile in shared memory; the second product reads it transposed.
//
// A workgroup has two warp groups that compute, and one or two that fill tiles
// of 64 keys, gathered by slot and copied or converted to bf16; the tiles'
// barriers are the only tie between these. Of the scores, the first two have
// half of the rows each, or, where rows are few, half of the columns of all
// rows, whose parts they exchange. Of the output they have half of the columns
// each.
//
// The softmax is in base 2 and refers to a maximum that it lags behind by up to
// 2^8: the sums stay in range, and few tiles need more than a vote on that.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMADECODE_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMADECODE_H

#include "AttentionProblem.h"
#include "Wgmma.h"
#include "WgmmaTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

namespace mlir::lm {

/// Builds the kernel of one problem.
class WgmmaDecode {
public:
  WgmmaDecode(KernelBuilder &b, const AttentionProblem &problem,
              const Partials &partials, const WgmmaShape &shape)
      : b(b), unit(b), kernel(b, problem), problem(problem), shape(shape),
        tiles(b, unit, kernel, problem, shape), q(b.buffer(problem.q)),
        out(b.buffer(problem.out)), lse(b.buffer(problem.lse)),
        sink(b.buffer(problem.sink)), partOut(b.buffer(partials.out)),
        partLse(b.buffer(partials.lse)) {}

  void run();

private:
  /// What is carried from tile to tile.
  struct State {
    Value count; ///< tiles so far, of all works
    /// Of the thread's columns of scores: the softmax's reference, and the
    /// thread's part of the sum of weights.
    SmallVector<Value> max, total;
    SmallVector<Value> out; ///< sums of the output's tiles

    SmallVector<Value> pack() const;
    static State unpack(ValueRange values, int64_t columns);
  };

  void findPlace();
  Value consumeWork(const AttentionWork &work, Value count);
  /// A row of the workgroup, and whether the work has it.
  struct Row {
    Value number, token, head, exists;
  };
  void forRows(const AttentionWork &work,
               function_ref<void(ArrayRef<Row>)> body);
  void forUnits(int64_t units, function_ref<void(Value, Value, Value)> body);
  void loadQueries(const AttentionWork &work);
  State addTile(const AttentionWork &work, const State &state, Value tile,
                ArrayRef<Value> counts);
  State moveReferences(const State &state, ArrayRef<Value> scores, Value moves);
  SmallVector<Value> addParts(ArrayRef<Value> parts);
  SmallVector<Value> scoresOf(const AttentionWork &work, Value stage,
                              Value tile, Value isSecond);
  void finish(const AttentionWork &work, const State &state);
  void finishRow(const AttentionWork &work, Value number, Value isPartial,
                 Value rowSink);
  Value scaledOut(const State &state, ArrayRef<Value> factors, int64_t i);
  void storeOut(const AttentionWork &work, const State &state,
                ArrayRef<Value> factors);
  void storePartial(const AttentionWork &work, const State &state,
                    ArrayRef<Value> factors);
  void storeColumnPairs(const AttentionWork &work, const State &state,
                        ArrayRef<Value> factors);

  Value exp2(Value value) {
    return b.intrinsic("llvm.nvvm.ex2.approx.ftz.f", b.getF32Type(), value);
  }
  Value log2(Value value) {
    return b.intrinsic("llvm.nvvm.lg2.approx.ftz.f", b.getF32Type(), value);
  }
  Value maximum(Value lhs, Value rhs) {
    return b.intrinsic("llvm.nvvm.fmax.f", b.getF32Type(), {lhs, rhs});
  }
  Value isEmpty(Value max) {
    return b.cmpf(arith::CmpFPredicate::OEQ, max,
                  b.f32(-std::numeric_limits<float>::infinity()));
  }
  /// The consumer's number.
  Value thread() {
    return b.addi(b.addi(b.shli(group, 7), b.shli(warp, 5)), lane);
  }
  void syncConsumers() { unit.namedBarrier(/*id=*/1, kConsumers); }
  Value rowAddress(Value piece, Value row, Value unit);
  /// Of a row of the workgroup: the row of q and the head.
  std::pair<Value, Value> queryOf(const AttentionWork &work, Value row);
  /// Address of the f32 of the thread's first column of block `block`.
  Value columnAddress(Value first, int64_t block);
  /// The thread's columns of blocks from there on, two a block.
  SmallVector<Value> loadColumns(Value first, int64_t blocks);
  void storeColumns(Value first, ArrayRef<Value> values);
  Value weightOffset();

  int64_t scoreBlocks() const { return shape.rows / kConsumerGroups / 8; }
  int64_t outBlocks() const { return shape.rows / 8; }
  /// Tiles of 64 columns of the output that a warp group has.
  int64_t outTiles() const {
    return problem.valueColumns / kConsumerGroups / kSwizzleColumns;
  }
  Value address(int64_t offset) { return tiles.at(offset); }

  KernelBuilder &b;
  WgmmaUnit unit;
  AttentionKernel kernel;
  const AttentionProblem &problem;
  const WgmmaShape &shape;
  WgmmaTiles tiles;
  Buffer q, out, lse, sink, partOut, partLse;
  Value group;      ///< warp group
  Value warp;       ///< in its warp group
  Value lane;       ///< in its warp
  Value firstRow;   ///< of the workgroup, of the rows of a work
  Value firstScore; ///< of the warp group, of the rows of the workgroup
  /// Bytes from a row of f32 to the thread's first column, from a tile's keys
  /// to its first, and from the warp group's weights to those it stores.
  Value columnBytes, keyBytes, weightBytes;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMADECODE_H
