//===-- KernelTable.h - What the kernels of a program need ------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMPILE_KERNELTABLE_H
#define HIPFUSE_TOOLS_COMPILE_KERNELTABLE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

/// Prints a line for each kernel in the code objects of `module`: what it needs
/// of its device, and the bytes it moves per row. A dash stands for what is not
/// known: registers without ptxas, bytes of a kernel that has no rows.
void printKernelTable(mlir::ModuleOp module, llvm::raw_ostream &os);

#endif // HIPFUSE_TOOLS_COMPILE_KERNELTABLE_H
