//===-- CacheRow.cpp - Layout of a token in an MLA cache ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/CacheRow.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::lm;

CacheRowBytes lm::getCacheRowBytes(CacheLayout layout) {
  if (layout == CacheLayout::DsMla584)
    return {/*codes=*/576, /*rope=*/448, /*scales=*/8, /*scalesOfPage=*/true};
  assert(layout == CacheLayout::DsMla656 && "a layout of elements");
  return {/*codes=*/656, /*rope=*/528, /*scales=*/656, /*scalesOfPage=*/false};
}

SchemeAttr lm::getLatentScheme(MLIRContext *context, CacheLayout layout) {
  bool e8m0 = layout == CacheLayout::DsMla584;
  return SchemeAttr::get(
      context, Float8E4M3FNType::get(context), Granularity::Block,
      e8m0 ? 64 : 128, e8m0 ? ScaleRounding::RCeil : ScaleRounding::None,
      ElementRounding::NearestEven, ScaleLayout::RowMajor,
      e8m0 ? NonFinite::Saturate : NonFinite::Propagate,
      e8m0 ? Builder(context).getF32FloatAttr(1e-4f) : FloatAttr());
}

SchemeAttr lm::getTensorScheme(Type element) {
  return SchemeAttr::get(element.getContext(), element, Granularity::Tensor,
                         /*block=*/0, ScaleRounding::None,
                         ElementRounding::NearestEven, ScaleLayout::RowMajor,
                         NonFinite::Propagate, FloatAttr());
}
