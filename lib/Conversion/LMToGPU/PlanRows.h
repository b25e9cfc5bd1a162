//===-- PlanRows.h - Sizes and rows of a plan -------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANROWS_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANROWS_H

#include "PlanSums.h"

namespace mlir::lm {

/// A tile, in its thread.
struct PlanTile {
  Value number;         ///< among all, i32
  Value request, place; ///< the request, and the tile's number in it, i32
  Value tokens;         ///< of the request, i32 or i64
  Value base;           ///< first unit of the request, i32
};

/// The back end does not unroll `loop`: most are gone through once or twice.
void keepRolled(Operation *loop);

/// What lm.attention_plan reads and writes. Tokens, units and blocks are of the
/// type of the tokens they are computed from, i32 or i64; what a plan holds is
/// i32.
class PlanRows {
public:
  PlanRows(AttentionPlanOp op, KernelBuilder &b);

  /// The tile of number `number`, without tokens and base.
  PlanTile tileOf(Value number);
  /// The lengths of a request's lists, as they are in memory.
  SmallVector<Value> lengthsOf(Value request);
  /// Tokens of a request, those that fill its first list included, from its
  /// lengths. Numbers of type i32 are right up to half of what fits.
  Value tokensOf(ValueRange lengths, Type type);
  Value unitsOf(Value tokens) { return ceilDiv(tokens, op.getPageSize()); }
  Value blocksOf(Value tokens) {
    return ceilDiv(unitsOf(tokens), op.getGranularity());
  }
  /// Blocks of a tile of `blocks` from which on a start moves to its end.
  Value restOf(Value tokens, Value blocks);

  /// The least number of blocks up to `share` with which all tiles have
  /// clusters of their own, of `clusters`; `share` where there is none.
  /// `worksOf` says how many works there are, as the sum over all threads, with
  /// a number of blocks in each.
  Value evenShare(Value share, Value clusters,
                  function_ref<Value(Value)> worksOf);
  /// Works of a tile of `blocks` that are `size` each.
  Value worksOf(Value blocks, Value size);

  /// Stores an i32 in row `row` of a buffer.
  void store(Value value, const Buffer &buffer, Value row);
  /// Writes work `number`, the tile's blocks from `from` to `to`, or to the
  /// end.
  void storeWork(const PlanTile &tile, Value number, Value partial, Value from,
                 Value to);
  /// Writes the tile's last work, from block `from` on, and what is to be
  /// merged into it. `inside` works and `split` tiles before its end are split
  /// off, and split; `isSplit` if it is. Returns the number of partial results
  /// up to its end.
  Value storeTile(const PlanTile &tile, Value isSplit, Value inside,
                  Value split, Value from);
  /// Writes -1 to work `number`, or to those from number `first` on.
  void clearWork(Value number);
  void clearWorks(Value first);
  /// `body` for the numbers from this thread's on, up to `end`.
  void forThreads(Value begin, Value end, function_ref<void(Value)> body);

  Value constant(int64_t value, Value like);
  Value ceilDiv(Value value, int64_t divisor) {
    return b.divui(b.addi(value, divisor - 1), divisor);
  }

  AttentionPlanOp op;
  Buffer lengths, extraLengths;
  Buffer works, workIndptr, reduceIndptr, finalMap, partialMap;
  Value requests, numTiles; ///< i32

private:
  /// `value`, an i32, as a number of the type of `like`.
  Value as(Value value, Value like) {
    return like.getType().isInteger(32) ? value : b.zext64(value);
  }
  void storeRow(ArrayRef<Value> columns, const Buffer &buffer, Value row);

  KernelBuilder &b;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_PLANROWS_H
