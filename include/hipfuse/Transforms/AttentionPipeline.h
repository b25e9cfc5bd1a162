//===-- AttentionPipeline.h - Attention as it is launched -------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_ATTENTIONPIPELINE_H
#define HIPFUSE_TRANSFORMS_ATTENTIONPIPELINE_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lm {

/// Writes the attention of a program on tensors as the `lm.target` of its
/// module launches it: packed slot lists, heads, scopes, plans, in this order.
/// Nothing changes without a target.
void buildAttentionPipeline(OpPassManager &pm);

/// Makes it available as `hipfuse-attention-pipeline`.
void registerAttentionPipeline();

} // namespace mlir::lm

#endif // HIPFUSE_TRANSFORMS_ATTENTIONPIPELINE_H
