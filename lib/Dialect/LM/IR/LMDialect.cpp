//===-- LMDialect.cpp - The lm dialect ------------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lm;

#include "hipfuse/Dialect/LM/IR/LMDialect.cpp.inc"
#include "hipfuse/Dialect/LM/IR/LMEnums.cpp.inc"
#include "hipfuse/Dialect/LM/IR/LMInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "hipfuse/Dialect/LM/IR/LMAttrs.cpp.inc"

namespace {

/// Operations may move into another function: none depends on the one around.
struct LMInlinerInterface final : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

} // namespace

void LMDialect::initialize() {
  addInterfaces<LMInlinerInterface>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "hipfuse/Dialect/LM/IR/LMAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "hipfuse/Dialect/LM/IR/LMOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// SchemeAttr
//===----------------------------------------------------------------------===//

bool SchemeAttr::isFp4() const { return isa<Float4E2M1FNType>(getElement()); }

bool SchemeAttr::hasE8M0Scale() const {
  return getScaleRounding() != ScaleRounding::None;
}

bool SchemeAttr::isDynamic() const {
  return getGranularity() != Granularity::Tensor;
}

float SchemeAttr::getElementMax() const {
  if (isFp4())
    return 6.0f;
  return isa<Float8E4M3FNUZType>(getElement()) ? 240.0f : 448.0f;
}

int SchemeAttr::getElementEmax() const {
  if (isFp4())
    return 2;
  return isa<Float8E4M3FNUZType>(getElement()) ? 7 : 8;
}

float SchemeAttr::getAmaxFloorValue() const {
  return getAmaxFloor() ? getAmaxFloor().getValue().convertToFloat() : 0.0f;
}

int64_t SchemeAttr::getScalesPerRow(int64_t columns) const {
  if (getGranularity() != Granularity::Block)
    return 1;
  return (columns + getBlock() - 1) / getBlock();
}

Type SchemeAttr::getStorageType() const {
  return isFp4() ? IntegerType::get(getContext(), 8) : getElement();
}

Type SchemeAttr::getScaleType() const {
  if (hasE8M0Scale())
    return Float8E8M0FNUType::get(getContext());
  return Float32Type::get(getContext());
}

SchemeAttr SchemeAttr::withLayout(ScaleLayout layout) const {
  return get(getContext(), getElement(), getGranularity(), getBlock(),
             getScaleRounding(), getElementRounding(), layout, getNonfinite(),
             getAmaxFloor());
}

LogicalResult SchemeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Type element, Granularity granularity,
                                 int64_t block, ScaleRounding scaleRounding,
                                 ElementRounding elementRounding,
                                 ScaleLayout layout, NonFinite nonfinite,
                                 FloatAttr amaxFloor) {
  if (!isa<Float4E2M1FNType, Float8E4M3FNType, Float8E4M3FNUZType>(element))
    return emitError() << "element type " << element
                       << " is not f4E2M1FN, f8E4M3FN or f8E4M3FNUZ";
  bool fp4 = isa<Float4E2M1FNType>(element);
  bool e8m0 = scaleRounding != ScaleRounding::None;
  if (granularity == Granularity::Block) {
    if (block != 32 && block != 64 && block != 128)
      return emitError() << "block is " << block
                         << ", but must be 32, 64 or 128 with granularity "
                            "block";
  } else if (block != 0) {
    return emitError() << "block is given, but granularity is "
                       << stringifyGranularity(granularity);
  }
  if (fp4 && (granularity != Granularity::Block || block != 32 || !e8m0))
    return emitError() << "f4E2M1FN needs granularity block of 32 with a scale "
                          "rounding";
  if (e8m0 && granularity != Granularity::Block)
    return emitError() << "scale_rounding "
                       << stringifyScaleRounding(scaleRounding)
                       << " needs granularity block";
  if (elementRounding == ElementRounding::HalfAway && !fp4)
    return emitError() << "element_rounding half_away needs f4E2M1FN";
  if (layout == ScaleLayout::Cdna4Shuffled && (!e8m0 || block != 32))
    return emitError()
           << "layout cdna4_shuffled needs E8M0 scales of blocks of 32";
  if (layout == ScaleLayout::ColumnMajor && granularity != Granularity::Block)
    return emitError() << "layout column_major needs granularity block";
  if (nonfinite == NonFinite::Saturate && !e8m0)
    return emitError() << "nonfinite applies to E8M0 scales only";
  if (amaxFloor) {
    if (!amaxFloor.getType().isF32() || !amaxFloor.getValue().isFinite() ||
        amaxFloor.getValue().isNegative() || amaxFloor.getValue().isZero())
      return emitError() << "amax_floor must be a finite positive f32";
    if (granularity == Granularity::Tensor)
      return emitError() << "amax_floor is given, but the scale is an operand";
  }
  return success();
}
