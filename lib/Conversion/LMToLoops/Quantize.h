//===-- Quantize.h - Quantisation of a row ----------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLOOPS_QUANTIZE_H
#define HIPFUSE_LIB_CONVERSION_LMTOLOOPS_QUANTIZE_H

#include "hipfuse/Conversion/RowCode/Scales.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// Where and how rows are quantised.
struct Quantization {
  SchemeAttr scheme;
  Value data;
  Value scale;      ///< empty with granularity tensor
  Value inputScale; ///< only with granularity tensor
};

/// Quantises row `row` of `columns` columns, each chunk of which `chunk`
/// produces once, in order. `scratch` may hold what `chunk` reads.
void quantizeRow(RowBuilder &b, const Quantization &quantization,
                 ValueRange row, int64_t columns, const ChunkFn &chunk,
                 Value scratch = Value());

/// As above for `columns` columns of a row from `firstColumn`, a multiple of
/// the block, on; for schemes without granularity token. `chunk` gets columns
/// from 0 on. The padding of shuffled scales is not written.
void quantizeColumns(RowBuilder &b, const Quantization &quantization,
                     ValueRange row, Value firstColumn, int64_t columns,
                     const ChunkFn &chunk);

/// Writes the padding of a row of shuffled scales; nothing in other layouts.
void padScales(RowBuilder &b, const Quantization &quantization, ValueRange row,
               int64_t columns);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLOOPS_QUANTIZE_H
