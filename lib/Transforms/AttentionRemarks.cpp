//===-- AttentionRemarks.cpp - Say why attention stayed -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionRemarks.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::lm;

/// The name and the words of a reason.
static std::pair<StringRef, const char *> spell(AttentionRefusal refusal) {
  switch (refusal) {
#define LM_ATTENTION_REFUSAL(ID, NAME, TEXT)                                   \
  case AttentionRefusal::ID:                                                   \
    return {NAME, TEXT};
#include "AttentionRefusals.def"
  }
  llvm_unreachable("not a reason");
}

void lm::missedAttention(Operation *op, StringRef pass, StringRef name,
                         AttentionRefusal refusal, const Twine &argument) {
  auto [reason, words] = spell(refusal);
  std::string text = llvm::formatv(words, argument.str()).str();
  remark::missed(op->getLoc(), remark::RemarkOpts::name(name).category(pass))
      << remark::detail::Remark::Arg("Reason", reason)
      << remark::detail::Remark::Arg("Remark", StringRef(text));
}
