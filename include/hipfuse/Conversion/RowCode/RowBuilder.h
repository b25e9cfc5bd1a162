//===-- RowBuilder.h - Loops and vectors over rows --------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_ROWBUILDER_H
#define HIPFUSE_CONVERSION_ROWCODE_ROWBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <functional>

namespace mlir::lm {

/// Produces the f32 values of a row from column `column` on: a vector of the
/// builder's width, of which the first `count` lanes belong to the row.
using ChunkFn = std::function<Value(Value column, int64_t count)>;

/// Builds row-wise code: one parallel loop over rows, loops over chunks of
/// columns, and vectors of f32 in them. Every helper takes scalars and vectors
/// alike where its operation does.
class RowBuilder : public ImplicitLocOpBuilder {
public:
  RowBuilder(Location loc, OpBuilder &builder, int64_t width)
      : ImplicitLocOpBuilder(loc, builder), width(width) {}
  /// Builds before `op`.
  RowBuilder(Location loc, Operation *op, int64_t width)
      : ImplicitLocOpBuilder(loc, op), width(width) {}

  /// Lanes of an f32 vector.
  int64_t getWidth() const { return width; }

  /// Rounding to bf16 is left to the code generator rather than written as
  /// integer arithmetic: for targets that have an instruction.
  bool hasNativeBf16() const { return nativeBf16; }
  void useNativeBf16() { nativeBf16 = true; }

  // Constants, of the shape of `like` where one is given.
  Value index(int64_t value);
  Value i32(int64_t value);
  Value i32(int64_t value, Value like);
  Value f32(float value);
  Value f32(float value, Value like);
  /// The i32 constant with the pattern of the f32 `value`, and the shape of
  /// `like`.
  Value f32Bits(float value, Value like);

  // Arithmetic. Integer operands are index or signless integers.
  Value addi(Value lhs, Value rhs);
  Value subi(Value lhs, Value rhs);
  Value addi(Value lhs, int64_t rhs);
  Value muli(Value lhs, Value rhs);
  Value muli(Value lhs, int64_t rhs);
  Value andi(Value lhs, Value rhs);
  Value ori(Value lhs, Value rhs);
  Value shli(Value value, int64_t amount);
  Value shrui(Value value, int64_t amount);
  Value divui(Value value, int64_t divisor);
  Value remui(Value value, int64_t divisor);
  Value minsi(Value lhs, Value rhs);
  Value maxsi(Value lhs, Value rhs);
  Value umin(Value lhs, Value rhs);
  Value umax(Value lhs, Value rhs);
  Value addf(Value lhs, Value rhs);
  Value subf(Value lhs, Value rhs);
  Value mulf(Value lhs, Value rhs);
  Value divf(Value lhs, Value rhs);
  Value cmpi(arith::CmpIPredicate predicate, Value lhs, Value rhs);
  Value cmpf(arith::CmpFPredicate predicate, Value lhs, Value rhs);
  Value select(Value condition, Value ifTrue, Value ifFalse);
  /// `value` with its elements' bits taken as `element`, of equal width.
  Value bitcast(Value value, Type element);
  /// The bits of f32 `value` as i32, and back.
  Value toBits(Value value);
  Value fromBits(Value bits);
  /// Lanes `lanes` of the concatenation of `lhs` and `rhs`.
  Value shuffle(Value lhs, Value rhs, ArrayRef<int64_t> lanes);
  /// A vector of the builder's width with `scalar` in each lane.
  Value splat(Value scalar);
  /// Reduces a vector to a scalar by halving it: lane i with lane i + half.
  Value reduce(Value vector, function_ref<Value(Value, Value)> combine);
  /// `vector` with the lanes from `count` on replaced by zero.
  Value clearTail(Value vector, int64_t count);

  /// The vector type of `lanes` elements, or of the builder's width.
  VectorType vectorOf(Type element, int64_t lanes = 0);

  // Memory.

  /// Dimension `dim` of `memref` as an index.
  Value dim(Value memref, int64_t dim);
  /// Loads `lanes` elements from `indices` on along the last dimension. Lanes
  /// from `count` on are zero and not read.
  Value load(Value memref, ValueRange indices, int64_t lanes, int64_t count);
  /// Loads a chunk and extends it to f32.
  Value loadF32(Value memref, ValueRange indices, int64_t count);
  /// Stores the first `count` lanes of `vector` from `indices` on.
  void store(Value vector, Value memref, ValueRange indices, int64_t count);
  /// Rounds f32 `vector` to the elements of `memref` and stores it.
  void storeF32(Value vector, Value memref, ValueRange indices, int64_t count);
  /// Loads the f32 at `indices`.
  Value loadScalar(Value memref, ValueRange indices);
  void storeScalar(Value scalar, Value memref, ValueRange indices);
  /// Scratch memory for a row of `columns` f32, rounded up to whole vectors.
  Value scratch(int64_t columns);

  // Loops.

  /// One loop, in parallel, over the rows of all but the last dimension of
  /// `memref`, whose indices `body` gets; `skip` leading dimensions left out.
  void forRows(Value memref, function_ref<void(ValueRange)> body,
               int64_t skip = 0);
  /// A parallel loop from 0 to `count`.
  void forParallel(Value count, function_ref<void(Value)> body);
  /// A sequential loop from 0 to `count`.
  void forRange(Value count, function_ref<void(Value)> body);
  void forRange(int64_t count, function_ref<void(Value)> body);
  /// Sequential loops over dimensions `first` to `last - 1` of `memref`.
  void forDims(Value memref, int64_t first, int64_t last,
               function_ref<void(ValueRange)> body);
  /// Chunks of the builder's width over `columns`; the last may be shorter.
  void forChunks(int64_t columns, function_ref<void(Value, int64_t)> body);
  /// As above, carrying one value through the chunks.
  Value forChunks(int64_t columns, Value init,
                  function_ref<Value(Value, int64_t, Value)> body);
  /// Blocks of `block` columns: `body` gets the block's number, its first
  /// column and its size, which is less than `block` for a short last one.
  void forBlocks(int64_t columns, int64_t block,
                 function_ref<void(Value, Value, int64_t)> body);
  /// Calls `body` with the offset and the length of each chunk of `size`
  /// columns; unrolled.
  void unrollChunks(int64_t size, function_ref<void(int64_t, int64_t)> body);
  /// Builds `body` under `condition`.
  void ifThen(Value condition, function_ref<void()> body);

private:
  int64_t width;
  bool nativeBf16 = false;
};

/// `indices` followed by `last`.
SmallVector<Value> withColumn(ValueRange indices, Value last);

/// The element type of a shaped value or type, else the type itself.
Type elementOf(Value value);

/// Number of columns of a memref: its static last dimension.
int64_t columnsOf(Value memref);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_ROWBUILDER_H
