//===-- AttentionRemarks.h - Say why attention stayed -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_TRANSFORMS_ATTENTIONREMARKS_H
#define HIPFUSE_LIB_TRANSFORMS_ATTENTIONREMARKS_H

#include "mlir/IR/Operation.h"

namespace mlir::lm {

/// Why one of the attention passes left an operation as it is.
enum class AttentionRefusal {
#define LM_ATTENTION_REFUSAL(ID, NAME, TEXT) ID,
#include "AttentionRefusals.def"
};

/// A remark of the category `pass`, called `name`: `op` stayed for this reason,
/// whose words have `argument` in them.
void missedAttention(Operation *op, StringRef pass, StringRef name,
                     AttentionRefusal refusal, const Twine &argument = "");

} // namespace mlir::lm

#endif // HIPFUSE_LIB_TRANSFORMS_ATTENTIONREMARKS_H
