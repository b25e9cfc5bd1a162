//===-- Activation.cpp - Activations on f32 vectors -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/Activation.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

Value lm::buildSiluMul(RowBuilder &b, const SiluMul &silu, Value gate,
                       Value up) {
  if (silu.clamp) {
    Value limit = b.f32(*silu.clamp, gate);
    gate = arith::MinimumFOp::create(b, gate, limit);
    up = arith::MaximumFOp::create(b, b.f32(-*silu.clamp, up),
                                   arith::MinimumFOp::create(b, up, limit));
  }
  Value exp = exponential(b, arith::NegFOp::create(b, gate));
  Value activation = b.divf(gate, b.addf(b.f32(1.0f, exp), exp));
  if (silu.roundActivation)
    activation = roundTo(b, activation, silu.inputType);
  return b.mulf(activation, up);
}
