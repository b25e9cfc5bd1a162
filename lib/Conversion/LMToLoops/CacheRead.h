//===-- CacheRead.h - Rows of a paged MLA cache as f32 ----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOLOOPS_CACHEREAD_H
#define HIPFUSE_LIB_CONVERSION_LMTOLOOPS_CACHEREAD_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// A cache and how its elements stand for values.
struct CacheRead {
  Value cache;
  CacheLayout layout;
  std::optional<int64_t> pageSize; ///< only in layout ds_mla_584

  /// Tokens in a page, as an index.
  Value getPageSize(RowBuilder &b) const;
  /// Slots of the whole cache, as an index.
  Value getNumSlots(RowBuilder &b) const;
};

/// Reads the `columns` columns of the token in `slot`, which must be one of the
/// cache's, and gives `use` each chunk with its first column. The elements of
/// layout fp8 are not multiplied by their scale.
void readCacheRow(RowBuilder &b, const CacheRead &cache, Value slot,
                  int64_t columns, function_ref<void(Value, Value)> use);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOLOOPS_CACHEREAD_H
