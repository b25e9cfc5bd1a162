//===-- Artifact.h - Writing artefacts ------------------------ -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_PACKAGE_ARTIFACT_H
#define HIPFUSE_PACKAGE_ARTIFACT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace hipfuse {

/// Links an ELF object, as emitted by `emitHostCode`, to a sealed shared object
/// at `output`, as `hipfuse-rt/artifact.h` describes it. The file appears whole
/// or not at all.
llvm::Error writeArtifact(llvm::ArrayRef<char> object, llvm::StringRef output,
                          llvm::StringRef linker);

} // namespace hipfuse

#endif // HIPFUSE_PACKAGE_ARTIFACT_H
