//===-- Merge.cpp - Weights of partial attention results ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/Merge.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

using FPredicate = arith::CmpFPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();

Value lm::maxf(RowBuilder &b, Value lhs, Value rhs) {
  return b.select(b.cmpf(FPredicate::OGT, lhs, rhs), lhs, rhs);
}

Merge Merge::of(RowBuilder &b, ArrayRef<Value> lses, EmptyLse empty) {
  Merge merge;
  Value negInf = b.f32(-kInf), zero = b.f32(0.0f);
  SmallVector<Value> canonical;
  Value max = negInf;
  for (Value lse : lses) {
    if (empty == EmptyLse::PosInf)
      // Neither +inf nor NaN is less than +inf.
      lse = b.select(b.cmpf(FPredicate::OLT, lse, b.f32(kInf)), lse, negInf);
    canonical.push_back(lse);
    max = maxf(b, lse, max);
  }
  merge.total = zero;
  for (Value lse : canonical) {
    Value isEmpty = b.cmpf(FPredicate::OEQ, lse, negInf);
    Value weight = b.select(isEmpty, zero, exponential(b, b.subf(lse, max)));
    merge.weights.push_back(weight);
    merge.total = b.addf(merge.total, weight);
  }
  Value isEmpty = b.cmpf(FPredicate::OEQ, merge.total, zero);
  merge.total = b.select(isEmpty, b.f32(1.0f), merge.total);
  merge.lse = b.select(isEmpty, negInf, b.addf(max, logarithm(b, merge.total)));
  return merge;
}

Value Merge::apply(RowBuilder &b, ArrayRef<Value> chunks) const {
  Value zero = b.f32(0.0f, chunks.front()), sum = zero;
  for (auto [weight, chunk] : llvm::zip(weights, chunks)) {
    Value counts = b.cmpf(FPredicate::OGT, weight, b.f32(0.0f));
    Value part = b.mulf(b.splat(weight), chunk);
    sum = b.addf(sum, b.select(counts, part, zero));
  }
  return b.divf(sum, b.splat(total));
}

Value lm::sinkFactor(RowBuilder &b, Value sink, Value lse) {
  Value one = b.f32(1.0f);
  Value factor = b.divf(one, b.addf(one, exponential(b, b.subf(sink, lse))));
  Value isEmpty = b.cmpf(FPredicate::OEQ, lse, b.f32(-kInf));
  return b.select(isEmpty, b.f32(0.0f), factor);
}

Value lm::applySinkFactor(RowBuilder &b, Value chunk, Value factor) {
  Value isZero = b.cmpf(FPredicate::OEQ, factor, b.f32(0.0f));
  return b.select(isZero, b.f32(0.0f, chunk), b.mulf(chunk, b.splat(factor)));
}
