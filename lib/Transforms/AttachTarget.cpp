//===-- AttachTarget.cpp - Say what a module is compiled for --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#define DEBUG_TYPE "lm-attach-target"

namespace mlir::lm {
#define GEN_PASS_DEF_ATTACHTARGETPASS
#include "hipfuse/Transforms/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

namespace {

struct AttachTargetPass final
    : lm::impl::AttachTargetPassBase<AttachTargetPass> {
  using Base::Base;

  /// Reads KERNEL:VERSION[:MINIMUM]; null after an error.
  KernelRevisionAttr parseRevision(StringRef text) {
    auto emitError = [&] {
      return getOperation().emitError() << "revisions: ";
    };
    SmallVector<StringRef, 3> parts;
    text.split(parts, ':');
    if (parts.size() < 2 || parts.size() > 3) {
      emitError() << "'" << text << "' is not KERNEL:VERSION or "
                  << "KERNEL:VERSION:MINIMUM";
      return {};
    }
    std::optional<KernelFamily> kernel = symbolizeKernelFamily(parts[0]);
    if (!kernel) {
      emitError() << "unknown kernel '" << parts[0] << "'";
      return {};
    }
    return KernelRevisionAttr::getChecked(
        emitError, &getContext(), *kernel, parts[1],
        parts.size() == 3 ? parts[2] : StringRef());
  }

  void runOnOperation() override {
    SmallVector<Attribute> attributes;
    for (StringRef text : revisions) {
      KernelRevisionAttr revision = parseRevision(text);
      if (!revision)
        return signalPassFailure();
      attributes.push_back(revision);
    }
    ArrayAttr array;
    if (!attributes.empty())
      array = ArrayAttr::get(&getContext(), attributes);
    auto emitError = [&] { return getOperation().emitError(); };
    auto target =
        TargetAttr::getChecked(emitError, &getContext(), StringRef(chip),
                               int64_t(maxHeadsPerLaunch), array);
    if (!target)
      return signalPassFailure();
    getOperation()->setAttr(TargetAttr::kName, target);
  }
};

} // namespace
