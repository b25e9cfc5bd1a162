//===-- ElfNote.cpp - Notes of ELF files ----------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/DeviceCode/ElfNote.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"

using namespace llvm;

Expected<std::optional<ArrayRef<uint8_t>>>
hipfuse::findElfNote(StringRef file, StringRef owner, uint32_t type) {
  auto elf = object::ELF64LEFile::create(file);
  if (!elf)
    return elf.takeError();
  auto headers = elf->program_headers();
  if (!headers)
    return headers.takeError();
  for (const auto &header : *headers) {
    if (header.p_type != ELF::PT_NOTE)
      continue;
    Error error = Error::success();
    for (const auto &note : elf->notes(header, error)) {
      if (note.getName() != owner || note.getType() != type)
        continue;
      consumeError(std::move(error));
      return note.getDesc(header.p_align);
    }
    if (error)
      return std::move(error);
  }
  return std::nullopt;
}
