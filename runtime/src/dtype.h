//===-- dtype.h - Element types ------------------------------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_DTYPE_H
#define HIPFUSE_RT_SRC_DTYPE_H

#include <cstddef>
#include <cstdint>

namespace hipfuse::rt {

/// Bytes per element; 0 for a value that is no element type.
size_t dtypeSize(int32_t dtype);

/// As MLIR spells it; "unknown" for a value that is no element type.
const char *dtypeName(int32_t dtype);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_DTYPE_H
