//===-- CacheRow.h - Layout of a token in an MLA cache ----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_CACHEROW_H
#define HIPFUSE_CONVERSION_ROWCODE_CACHEROW_H

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// Where the parts of a token are in a layout of bytes: 8-bit codes come first.
struct CacheRowBytes {
  int64_t codes;  ///< bytes of codes and rope part from token to token
  int64_t rope;   ///< first byte of the bf16 rope part in them
  int64_t scales; ///< bytes of scales from token to token
  /// Scales follow the codes of a whole page, not those of their token.
  bool scalesOfPage;
};

/// The parts of a token in layout ds_mla_656 or ds_mla_584.
CacheRowBytes getCacheRowBytes(CacheLayout layout);

/// The E4M3FN scheme of the latent part in layout ds_mla_656 or ds_mla_584.
SchemeAttr getLatentScheme(MLIRContext *context, CacheLayout layout);

/// `saturate(round(f32(x / scale)))` to FP8 `element`, the scale an operand.
SchemeAttr getTensorScheme(Type element);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_CACHEROW_H
