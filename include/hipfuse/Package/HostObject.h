//===-- HostObject.h - Host machine code of a module ---------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_PACKAGE_HOSTOBJECT_H
#define HIPFUSE_PACKAGE_HOSTOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace hipfuse {

struct HostObjectOptions {
  /// An x86-64 processor as LLVM names it; "native" is this machine's.
  std::string cpu = "native";
  /// Extra features, such as "+avx2,-avx512f".
  std::string features;
  /// LLVM's optimisation level, 0 to 3.
  unsigned optLevel = 3;
};

/// What is emitted.
enum class HostCode { LLVMIR, Assembly, Object };

/// Translates a module in the LLVM dialect to LLVM IR text, assembly or an ELF
/// object (position independent). Fails for an unknown processor.
llvm::Expected<llvm::SmallVector<char, 0>>
emitHostCode(mlir::ModuleOp module, const HostObjectOptions &options,
             HostCode kind);

} // namespace hipfuse

#endif // HIPFUSE_PACKAGE_HOSTOBJECT_H
