//===-- AttentionKernels.cpp - Decode attention on GPUs -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two kernels per operation: one that walks over the works of a plan, of which
// some leave partial results, and one that merges these.
//
//===----------------------------------------------------------------------===//

#include "AttentionProblem.h"
#include "MatrixUnit.h"

using namespace mlir;
using namespace mlir::lm;

template <typename OpTy>
static Refusal emitDecode(OpTy op, EmitterContext &context) {
  AttentionProblem problem = AttentionProblem::of(op);
  if (Refusal refusal = problem.check())
    return refusal;
  bool wgmma = context.target.get(hipfuse::TargetFeature::Wgmma).available;
  if (!wgmma && !MatrixUnit::isAvailable(context.target))
    return "matrix instructions that no attention kernel is written for";
  if (wgmma)
    if (Refusal refusal = refuseWgmmaDecode(problem))
      return refusal;
  if (Refusal refusal = problem.checkKeys())
    return refusal;
  Partials partials = Partials::of(problem);
  if (wgmma) {
    partials.order = PartialOrder::Wgmma;
    emitWgmmaDecode(problem, context, partials);
  } else {
    emitMfmaDecode(problem, context, partials);
  }
  if (problem.hasPlan())
    emitAttentionReduce(problem, context, partials);
  else
    op->erase();
  return std::nullopt;
}

void lm::addAttentionEmitters(EmitterMap &emitters) {
  addEmitter<MlaDecodeOp, emitDecode<MlaDecodeOp>>(emitters);
  addEmitter<SparseMlaDecodeOp, emitDecode<SparseMlaDecodeOp>>(emitters);
}
