//===-- Activation.h - Activations on f32 vectors ---------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_ROWCODE_ACTIVATION_H
#define HIPFUSE_CONVERSION_ROWCODE_ACTIVATION_H

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

namespace mlir::lm {

/// What a gated SiLU does.
struct SiluMul {
  std::optional<float> clamp;
  bool roundActivation;
  Type inputType;

  SiluMul(std::optional<APFloat> limit, bool roundActivation, Type inputType)
      : roundActivation(roundActivation), inputType(inputType) {
    if (limit)
      clamp = limit->convertToFloat();
  }
};

/// g / (1 + exp(-g)) * u in f32, as `lm.silu_mul` defines it.
Value buildSiluMul(RowBuilder &b, const SiluMul &silu, Value gate, Value up);

} // namespace mlir::lm

#endif // HIPFUSE_CONVERSION_ROWCODE_ACTIVATION_H
