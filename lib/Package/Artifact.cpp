//===-- Artifact.cpp - Writing artefacts ----------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Package/Artifact.h"

#include "hipfuse/DeviceCode/ElfNote.h"
#include "hipfuse/DeviceCode/Linker.h"

#include "hipfuse-rt/artifact.h"

#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"

using namespace llvm;

/// Writes size and checksum into the note of a linked file; the algorithm
/// stands in hipfuse-rt/artifact.h.
static Error seal(MutableArrayRef<char> file) {
  auto note = hipfuse::findElfNote(StringRef(file.data(), file.size()),
                                   HIPFUSE_RT_NOTE_NAME, HIPFUSE_RT_NOTE_TYPE);
  if (!note)
    return note.takeError();
  if (*note && (*note)->size() == sizeof(hipfuse_rt_note_desc)) {
    char *at = file.data() +
               (reinterpret_cast<const char *>((*note)->data()) - file.data());
    using namespace support::endian;
    write32le(at + offsetof(hipfuse_rt_note_desc, abi_version),
              HIPFUSE_RT_ABI_VERSION);
    write32le(at + offsetof(hipfuse_rt_note_desc, crc32), 0);
    write64le(at + offsetof(hipfuse_rt_note_desc, file_size), file.size());
    uint32_t checksum = crc32(
        ArrayRef(reinterpret_cast<const uint8_t *>(file.data()), file.size()));
    write32le(at + offsetof(hipfuse_rt_note_desc, crc32), checksum);
    return Error::success();
  }
  return createStringError("the linked file lost its note");
}

Error hipfuse::writeArtifact(ArrayRef<char> object, StringRef output,
                             StringRef linker) {
  // Everything happens beside the output, so that the last step is a rename.
  Expected<TemporaryFile> input = TemporaryFile::create(output, ".o");
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> linked = TemporaryFile::create(output, ".so");
  if (!linked)
    return linked.takeError();
  if (Error error = input->write(object))
    return error;
  Expected<std::string> log = runProgram(
      "linking", linker,
      {"-shared", "-o", linked->getPath(), input->getPath(), "--build-id=none",
       "-z", "noexecstack", "-z", "now", "--hash-style=gnu"});
  if (!log)
    return log.takeError();
  Expected<SmallVector<char, 0>> bytes = linked->read();
  if (!bytes)
    return bytes.takeError();
  if (Error error = seal(*bytes))
    return error;
  if (Error error = linked->write(*bytes))
    return error;
  return linked->keepAs(output);
}
