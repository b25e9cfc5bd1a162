//===-- ElfNote.h - Notes of ELF files --------------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DEVICECODE_ELFNOTE_H
#define HIPFUSE_DEVICECODE_ELFNOTE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <optional>

namespace hipfuse {

/// The descriptor of the first note with this owner and type in a 64-bit
/// little-endian ELF file, within `file`; nothing if there is none. Notes are
/// found through the program headers. Fails for a malformed file.
llvm::Expected<std::optional<llvm::ArrayRef<uint8_t>>>
findElfNote(llvm::StringRef file, llvm::StringRef owner, uint32_t type);

} // namespace hipfuse

#endif // HIPFUSE_DEVICECODE_ELFNOTE_H
