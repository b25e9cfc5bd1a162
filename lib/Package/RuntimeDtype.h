//===-- RuntimeDtype.h - Element types that an artefact names -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_PACKAGE_RUNTIMEDTYPE_H
#define HIPFUSE_LIB_PACKAGE_RUNTIMEDTYPE_H

#include "mlir/IR/Types.h"
#include <optional>

namespace hipfuse {

/// Number of `type` in `enum hipfuse_rt_dtype`, or none.
std::optional<int32_t> getRuntimeDtype(mlir::Type type);

} // namespace hipfuse

#endif // HIPFUSE_LIB_PACKAGE_RUNTIMEDTYPE_H
