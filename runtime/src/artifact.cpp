//===-- artifact.cpp - Validate an artefact before and after loading ------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "artifact.h"

#include "bytes.h"
#include "crc32.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <string>

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace hipfuse::rt;

//===----------------------------------------------------------------------===//
// MappedFile
//===----------------------------------------------------------------------===//

MappedFile::~MappedFile() {
  unmap();
  if (fd >= 0)
    ::close(fd);
}

void MappedFile::unmap() {
  if (bytes)
    ::munmap(const_cast<unsigned char *>(bytes), numBytes);
  bytes = nullptr;
}

Status MappedFile::open(const char *path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return Status::error(
        errno == ENOENT ? HIPFUSE_RT_NOT_FOUND : HIPFUSE_RT_UNAVAILABLE,
        "cannot open artefact '%s': %s", path, errnoText(errno).c_str());
  struct stat info;
  if (::fstat(fd, &info) != 0)
    return Status::error(HIPFUSE_RT_UNAVAILABLE,
                         "cannot open artefact '%s': %s", path,
                         errnoText(errno).c_str());
  if (S_ISDIR(info.st_mode))
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "artefact '%s' is a directory", path);
  if (!S_ISREG(info.st_mode))
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "artefact '%s' is not a regular file", path);
  if (info.st_size == 0)
    return Status::error(HIPFUSE_RT_DATA_LOSS, "artefact '%s' is empty", path);
  numBytes = static_cast<size_t>(info.st_size);
  void *mapped = ::mmap(nullptr, numBytes, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED)
    return Status::error(HIPFUSE_RT_UNAVAILABLE, "cannot map artefact '%s': %s",
                         path, errnoText(errno).c_str());
  bytes = static_cast<const unsigned char *>(mapped);
  return Status();
}

//===----------------------------------------------------------------------===//
// The file's image
//===----------------------------------------------------------------------===//

namespace {

Status notAnArtifact(const char *path, const char *why) {
  return Status::error(HIPFUSE_RT_DATA_LOSS, "'%s' is not an artefact: %s",
                       path, why);
}

Status truncated(const char *path, const char *what, unsigned index,
                 size_t size) {
  return Status::error(HIPFUSE_RT_DATA_LOSS,
                       "artefact '%s' is truncated or damaged: %s %u lies "
                       "outside the file, which has %zu bytes",
                       path, what, index, size);
}

Status checkHeader(const char *path, const unsigned char *data, size_t size) {
  if (size < SELFMAG || std::memcmp(data, ELFMAG, SELFMAG) != 0)
    return notAnArtifact(path, "not an ELF file");
  if (size < sizeof(Elf64_Ehdr))
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' is truncated: %zu bytes are less than "
                         "an ELF header",
                         path, size);
  auto header = readAt<Elf64_Ehdr>(data, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64)
    return notAnArtifact(path, "not a 64-bit ELF file");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB)
    return notAnArtifact(path, "not a little-endian ELF file");
  if (header.e_machine != EM_X86_64)
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "'%s' is not an artefact for this machine: its ELF "
                         "machine is %u, x86-64 is %u",
                         path, header.e_machine, EM_X86_64);
  if (header.e_type != ET_DYN)
    return notAnArtifact(path, "not a shared object");
  if (header.e_ident[EI_VERSION] != EV_CURRENT ||
      header.e_version != EV_CURRENT || header.e_ehsize != sizeof(Elf64_Ehdr) ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == PN_XNUM ||
      (header.e_shnum && header.e_shentsize != sizeof(Elf64_Shdr)))
    return notAnArtifact(path, "its ELF header is malformed");
  if (!inside(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr),
              size))
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' is truncated or damaged: the program "
                         "headers lie outside the file, which has %zu bytes",
                         path, size);
  return Status();
}

/// Looks for our note in [offset, offset + length). Returns false if there is
/// none; a malformed note ends the search.
bool findNoteInSegment(const unsigned char *data, uint64_t offset,
                       uint64_t length, uint64_t alignment,
                       size_t &noteOffset) {
  uint64_t pad = alignment == 8 ? 8 : 4;
  uint64_t at = 0;
  while (inside(at, sizeof(Elf64_Nhdr), length)) {
    auto note = readAt<Elf64_Nhdr>(data, offset + at);
    uint64_t name = at + sizeof(Elf64_Nhdr);
    uint64_t desc = (name + note.n_namesz + pad - 1) / pad * pad;
    if (!inside(name, note.n_namesz, length) ||
        !inside(desc, note.n_descsz, length))
      return false;
    if (note.n_type == HIPFUSE_RT_NOTE_TYPE &&
        note.n_namesz == sizeof(HIPFUSE_RT_NOTE_NAME) &&
        std::memcmp(data + offset + name, HIPFUSE_RT_NOTE_NAME,
                    sizeof(HIPFUSE_RT_NOTE_NAME)) == 0 &&
        note.n_descsz == sizeof(hipfuse_rt_note_desc)) {
      noteOffset = offset + desc;
      return true;
    }
    at = (desc + note.n_descsz + pad - 1) / pad * pad;
  }
  return false;
}

} // namespace

Status hipfuse::rt::findNote(const char *path, const unsigned char *data,
                             size_t size, size_t &noteOffset) {
  HIPFUSE_RT_RETURN_IF_ERROR(checkHeader(path, data, size));
  auto header = readAt<Elf64_Ehdr>(data, 0);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    auto segment =
        readAt<Elf64_Phdr>(data, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_NOTE)
      continue;
    if (!inside(segment.p_offset, segment.p_filesz, size))
      return truncated(path, "note segment", i, size);
    if (findNoteInSegment(data, segment.p_offset, segment.p_filesz,
                          segment.p_align, noteOffset))
      return Status();
  }
  return notAnArtifact(path, "it is a shared object without a Hipfuse note");
}

uint32_t hipfuse::rt::sealedCrc(const unsigned char *data, size_t size,
                                size_t noteOffset) {
  size_t at = noteOffset + offsetof(hipfuse_rt_note_desc, crc32);
  const unsigned char zeros[sizeof(uint32_t)] = {};
  uint32_t crc = crc32(0, data, at);
  crc = crc32(crc, zeros, sizeof(zeros));
  at += sizeof(zeros);
  return crc32(crc, data + at, size - at);
}

Status hipfuse::rt::validateImage(const char *path, const unsigned char *data,
                                  size_t size) {
  // The note comes first: it is near the start of the file, so it can tell by
  // how much a file was cut.
  size_t noteOffset = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(findNote(path, data, size, noteOffset));
  auto note = readAt<hipfuse_rt_note_desc>(data, noteOffset);
  if (note.file_size == 0)
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' was never sealed: its note is blank",
                         path);
  if (size < note.file_size)
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' is truncated: file has %zu bytes, its "
                         "note says %" PRIu64,
                         path, size, note.file_size);
  if (size > note.file_size)
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' has bytes appended: file has %zu "
                         "bytes, its note says %" PRIu64,
                         path, size, note.file_size);
  if (note.abi_version != HIPFUSE_RT_ABI_VERSION)
    return Status::error(HIPFUSE_RT_VERSION_MISMATCH,
                         "'%s' is an artefact of ABI version %u, this runtime "
                         "reads %u",
                         path, note.abi_version, HIPFUSE_RT_ABI_VERSION);

  auto header = readAt<Elf64_Ehdr>(data, 0);
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    auto segment =
        readAt<Elf64_Phdr>(data, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (!inside(segment.p_offset, segment.p_filesz, size))
      return truncated(path, "segment", i, size);
  }
  if (!inside(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr),
              size))
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' is truncated or damaged: the section "
                         "headers lie outside the file, which has %zu bytes",
                         path, size);
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    auto section =
        readAt<Elf64_Shdr>(data, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !inside(section.sh_offset, section.sh_size, size))
      return truncated(path, "section", i, size);
  }

  uint32_t crc = sealedCrc(data, size, noteOffset);
  if (crc != note.crc32)
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' is damaged: its checksum is %08x, its "
                         "note says %08x",
                         path, crc, note.crc32);
  return Status();
}

//===----------------------------------------------------------------------===//
// Artifact
//===----------------------------------------------------------------------===//

Status Artifact::load(const char *path) {
  HIPFUSE_RT_RETURN_IF_ERROR(file.open(path));
  HIPFUSE_RT_RETURN_IF_ERROR(validateImage(path, file.data(), file.size()));
  file.unmap();

  // Load the very file that was validated, through its descriptor. By its path
  // the dynamic linker could find another file, or return an artefact that was
  // loaded from this path before the file was replaced: it compares names
  // first. The descriptor stays open so that its name stays unique.
  std::string name = "/proc/self/fd/" + std::to_string(file.descriptor());
  if (::access(name.c_str(), R_OK) != 0)
    name = *path == '/' ? path : std::string("./") + path;
  std::string error;
  if (!DynamicLibrary::open(name.c_str(), library, error)) {
    if (error.compare(0, name.size(), name) == 0)
      error.erase(0, std::min(error.size(), name.size() + 2));
    return Status::error(HIPFUSE_RT_UNAVAILABLE,
                         "cannot load artefact '%s': %s", path, error.c_str());
  }
  module = static_cast<const hipfuse_rt_module_desc *>(
      library.symbol(HIPFUSE_RT_MODULE_SYMBOL));
  if (!module)
    return Status::error(HIPFUSE_RT_DATA_LOSS,
                         "artefact '%s' does not export '%s'", path,
                         HIPFUSE_RT_MODULE_SYMBOL);
  return validateModule(path, *module);
}
