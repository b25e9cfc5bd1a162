//===-- artifact_seal.h - Fill in an artefact's sealing note -- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_ARTIFACT_SEAL_H
#define HIPFUSE_RT_SRC_ARTIFACT_SEAL_H

#include "status.h"

#include <cstddef>

namespace hipfuse::rt {

/// Seals the artefact in the buffer, as artifact.h describes. Sealing twice is
/// the same as sealing once.
Status sealImage(const char *path, unsigned char *data, size_t size);

/// Seals the artefact at `path` in place.
Status sealFile(const char *path);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_ARTIFACT_SEAL_H
