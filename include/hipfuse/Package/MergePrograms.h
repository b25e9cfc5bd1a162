//===-- MergePrograms.h - One program for several targets -------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_PACKAGE_MERGEPROGRAMS_H
#define HIPFUSE_PACKAGE_MERGEPROGRAMS_H

#include "mlir/IR/BuiltinOps.h"

namespace hipfuse {

/// Moves the code of `from` into `into`, which is the same program compiled for
/// other targets: what its entry points name, and its code objects. Emits an
/// error where the two do not have the same functions over the same buffers.
llvm::LogicalResult mergePrograms(mlir::ModuleOp into, mlir::ModuleOp from);

} // namespace hipfuse

#endif // HIPFUSE_PACKAGE_MERGEPROGRAMS_H
