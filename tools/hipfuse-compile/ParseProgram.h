//===-- ParseProgram.h - Programs and the names in them ---------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMPILE_PARSEPROGRAM_H
#define HIPFUSE_TOOLS_COMPILE_PARSEPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/SourceMgr.h"

/// Parses the main file of `sources`, text or bytecode. Arguments and results
/// of public functions get the names that they have in the text as their
/// `lm.name`. Null after an error.
mlir::OwningOpRef<mlir::ModuleOp> parseProgram(const llvm::SourceMgr &sources,
                                               mlir::MLIRContext &context);

#endif // HIPFUSE_TOOLS_COMPILE_PARSEPROGRAM_H
