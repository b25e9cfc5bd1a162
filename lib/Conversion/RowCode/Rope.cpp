//===-- Rope.cpp - Rotation of pairs of f32 vectors -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/Rope.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

RopePair lm::rotatePair(RowBuilder &b, RopeCompute compute, Type type,
                        RopePair pair, Value cosine, Value sine) {
  auto round = [&](Value value) {
    return compute == RopeCompute::Operand ? roundTo(b, value, type) : value;
  };
  auto product = [&](Value lhs, Value rhs) { return round(b.mulf(lhs, rhs)); };
  cosine = round(cosine);
  sine = round(sine);
  Value first =
      round(b.subf(product(pair.first, cosine), product(pair.second, sine)));
  Value second =
      round(b.addf(product(pair.second, cosine), product(pair.first, sine)));
  return {first, second};
}
