//===-- HostCode.h - Passes that end every pipeline -------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_PIPELINES_HOSTCODE_H
#define HIPFUSE_LIB_PIPELINES_HOSTCODE_H

#include "mlir/Pass/PassManager.h"

namespace hipfuse {

/// Host functions on buffers, without loops and vectors, to the LLVM dialect.
void addHostCodePasses(mlir::OpPassManager &pm);

} // namespace hipfuse

#endif // HIPFUSE_LIB_PIPELINES_HOSTCODE_H
