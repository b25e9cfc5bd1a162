//===-- Passes.h - Passes that make device code -----------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DEVICECODE_PASSES_H
#define HIPFUSE_DEVICECODE_PASSES_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace hipfuse {

#define GEN_PASS_DECL
#include "hipfuse/DeviceCode/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "hipfuse/DeviceCode/Passes.h.inc"

} // namespace hipfuse

#endif // HIPFUSE_DEVICECODE_PASSES_H
