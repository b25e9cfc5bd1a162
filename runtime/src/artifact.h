//===-- artifact.h - Validate and load an artefact ------------ -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_ARTIFACT_H
#define HIPFUSE_RT_SRC_ARTIFACT_H

#include "dynamic_library.h"
#include "hipfuse-rt/artifact.h"
#include "status.h"

#include <cstddef>
#include <cstdint>

namespace hipfuse::rt {

/// A file mapped for reading, with its descriptor kept open.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;
  ~MappedFile();

  Status open(const char *path);
  void unmap();

  const unsigned char *data() const { return bytes; }
  size_t size() const { return numBytes; }
  int descriptor() const { return fd; }

private:
  int fd = -1;
  const unsigned char *bytes = nullptr;
  size_t numBytes = 0;
};

/// Where the sealing note's descriptor lies in an ELF image. Checks the ELF
/// header and the program headers; `path` is for messages.
Status findNote(const char *path, const unsigned char *data, size_t size,
                size_t &noteOffset);

/// The CRC-32 that the note at `noteOffset` has to hold.
uint32_t sealedCrc(const unsigned char *data, size_t size, size_t noteOffset);

/// Checks that the bytes are a whole, unaltered artefact of this ABI version.
Status validateImage(const char *path, const unsigned char *data, size_t size);

/// Checks a loaded module descriptor: counts, pointers, types, ranks, ties.
Status validateModule(const char *path, const hipfuse_rt_module_desc &module);

/// A validated and loaded artefact.
class Artifact {
public:
  Status load(const char *path);
  const hipfuse_rt_module_desc &desc() const { return *module; }

private:
  // The file stays open while the library is loaded, see load(). The library
  // is declared last, so it is closed first.
  MappedFile file;
  const hipfuse_rt_module_desc *module = nullptr;
  DynamicLibrary library;
};

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_ARTIFACT_H
