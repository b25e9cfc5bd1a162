//===-- WgmmaKeyFormat.h - How keys that become bf16 are stored -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMAKEYFORMAT_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMAKEYFORMAT_H

#include "WgmmaShape.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// How keys of a layout are stored. A unit is 16 bytes of them.
struct KeyFormat {
  static KeyFormat of(CacheLayout layout, int64_t columns) {
    switch (layout) {
    case CacheLayout::Bf16:
      return {columns / 8, /*unitColumns=*/8, /*ropeOffset=*/0,
              /*scaleBytes=*/0};
    case CacheLayout::Fp8:
      return {columns / 16, 16, 0, 0};
    case CacheLayout::DsMla656:
      return {512 / 16, 16, 528, 16};
    case CacheLayout::DsMla584:
      return {448 / 16, 16, 448, 8};
    }
    llvm_unreachable("unknown layout");
  }
  /// Units of a thread.
  int64_t rounds() const { return units / kThreadsPerKey; }

  int64_t units; ///< before the columns of bf16
  int64_t unitColumns;
  int64_t ropeOffset; ///< bytes from a key's begin to those columns, or 0
  int64_t scaleBytes;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_WGMMAKEYFORMAT_H
