//===-- artifact_seal.cpp - Fill in an artefact's sealing note ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "artifact_seal.h"

#include "artifact.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

using namespace hipfuse::rt;

Status hipfuse::rt::sealImage(const char *path, unsigned char *data,
                              size_t size) {
  size_t offset = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(findNote(path, data, size, offset));
  hipfuse_rt_note_desc note = {HIPFUSE_RT_ABI_VERSION, 0, size};
  std::memcpy(data + offset, &note, sizeof(note));
  note.crc32 = sealedCrc(data, size, offset);
  std::memcpy(data + offset, &note, sizeof(note));
  return Status();
}

Status hipfuse::rt::sealFile(const char *path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(in)),
                          std::istreambuf_iterator<char>());
  if (!in)
    return Status::error(HIPFUSE_RT_UNAVAILABLE, "cannot read '%s'", path);
  HIPFUSE_RT_RETURN_IF_ERROR(sealImage(
      path, reinterpret_cast<unsigned char *>(bytes.data()), bytes.size()));
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out)
    return Status::error(HIPFUSE_RT_UNAVAILABLE, "cannot write '%s'", path);
  return Status();
}
