//===-- Descriptor.h - The artefact's descriptor as LLVM globals  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_PACKAGE_DESCRIPTOR_H
#define HIPFUSE_LIB_PACKAGE_DESCRIPTOR_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace hipfuse {

/// What the descriptor says of one argument or result.
struct TensorDescriptor {
  std::string name;
  mlir::RankedTensorType type;
  int32_t tiedArg = -1; ///< results: the argument that holds it, or -1
};

/// What the descriptor says of one function.
struct FunctionDescriptor {
  std::string name;
  llvm::SmallVector<TensorDescriptor> args;
  llvm::SmallVector<TensorDescriptor> results;
  std::string hostSymbol;  ///< an llvm.func, or empty
  std::string shapeSymbol; ///< an llvm.func, or empty
  llvm::SmallVector<std::string> constraints;
};

/// Number of `type` in `enum hipfuse_rt_dtype`, or none.
std::optional<int32_t> getRuntimeDtype(mlir::Type type);

/// Adds the global `hipfuse_module`, everything that it points to, and the note
/// that seals the file, to `module`.
void emitModuleDescriptor(mlir::ModuleOp module, llvm::StringRef producer,
                          llvm::ArrayRef<FunctionDescriptor> functions);

} // namespace hipfuse

#endif // HIPFUSE_LIB_PACKAGE_DESCRIPTOR_H
