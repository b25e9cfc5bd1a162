//===-- RowTile.h - A row in the registers of a workgroup -------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_ROWTILE_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_ROWTILE_H

#include "KernelBuilder.h"
#include "KernelConfig.h"

namespace mlir::lm {

/// One value per chunk of a row: vectors of f32, or what memory holds.
using RowValues = SmallVector<Value>;

/// Loads, stores and sums rows that `config` spreads over a workgroup.
/// Where a thread has no columns its values are zero.
class RowTile {
public:
  RowTile(KernelBuilder &b, const RowConfig &config) : b(b), config(config) {}

  int64_t chunks() const { return config.chunks; }
  /// First column of this thread in a chunk, i32.
  Value column(int64_t chunk);
  /// i1: this thread has columns in the chunk; empty if every thread has.
  Value isPresent(int64_t chunk);

  /// The row at `offset` as memory holds it.
  RowValues load(const Buffer &buffer, Value offset, bool constant = false);
  /// The same row extended to f32, and zero where a thread has no columns.
  RowValues toF32(const RowValues &raw);
  /// The same row, zero where a thread has no columns.
  RowValues clear(const RowValues &raw);
  RowValues loadF32(const Buffer &buffer, Value offset, bool constant = false) {
    return toF32(load(buffer, offset, constant));
  }
  /// The row at the leading indices `row`; with `splits` the sum, rounded to
  /// `type`, of that many rows along the first dimension.
  RowValues loadSum(const Buffer &buffer, ValueRange row, int64_t splits,
                    Type type);
  /// Stores values, rounded to the buffer's elements.
  void storeF32(const RowValues &values, const Buffer &buffer, Value offset);
  /// Builds `body` for a chunk where the thread has columns in it.
  void whenPresent(int64_t chunk, function_ref<void()> body);
  /// The sum of the squares of a row, the same in every thread.
  Value sumOfSquares(const RowValues &values);
  /// Applies `function` to each chunk.
  RowValues map(const RowValues &values,
                function_ref<Value(Value, int64_t)> function);

private:
  KernelBuilder &b;
  const RowConfig &config;
  SmallVector<Value> columns, present;
};

/// A norm of one row.
struct NormRow {
  Buffer x, residual, residualOut, weight;
  float epsilon = 0, weightOffset = 0;
  bool roundNormBeforeWeight = false;
  bool normFromRoundedResidual = false;
  bool roundSumBeforeResidual = false;
  /// Number of partial products to be summed along the first dimension of `x`,
  /// and what their sum is rounded to; 0 if `x` is the row itself.
  int64_t splits = 0;
  Type splitType;
};

/// Loads, adds and norms the row with leading indices `row`; stores the
/// residual. The values are f32, not rounded.
RowValues buildNorm(KernelBuilder &b, RowTile &tile, const NormRow &norm,
                    ValueRange row);

/// Where and how a row is quantised.
struct QuantizeRow {
  SchemeAttr scheme;
  Buffer data, scale, inputScale;
};

/// Quantises a row of f32 or narrower floats and stores data and scales, the
/// padding of shuffled scales included. Needs `refuseQuantization` to pass.
void quantizeRow(KernelBuilder &b, RowTile &tile, const RowConfig &config,
                 const QuantizeRow &quantize, const RowValues &values,
                 ValueRange row);

/// Offset (i64) and column (i32, may be empty) of the scale of block `block`
/// (i32) of row `row`.
std::pair<Value, Value> getScaleAddress(KernelBuilder &b, const QuantizeRow &q,
                                        ValueRange row, Value block);

/// Stores the scale, as `BlockScale` has it, of block `block` of row `row`.
void storeScale(KernelBuilder &b, const QuantizeRow &q, ValueRange row,
                Value block, Value stored);

/// Stores 1.0 into the padding of the shuffled scales of row `row`, which has
/// `scales` scales, by a workgroup of `threads` threads.
void padScales(KernelBuilder &b, const QuantizeRow &q, ValueRange row,
               int64_t scales, int64_t threads);

/// Refuses rows that registers cannot hold, and rows whose columns are not
/// adjacent.
Refusal refuseRow(Value memref);

/// Refuses what `quantizeRow` cannot do.
Refusal refuseQuantization(const hipfuse::TargetInfo &target,
                           const RowConfig &config, SchemeAttr scheme);

/// Bytes of a row of each of `memrefs`, of which some may be empty.
int64_t bytesPerRow(ArrayRef<Value> memrefs);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_ROWTILE_H
