//===-- artifact.cpp - Validate an artefact before and after loading ------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "artifact.h"

#include "crc32.h"
#include "dtype.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <set>
#include <string_view>

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

/// Copies a T out of the image, whatever its alignment. The caller has checked
/// the bounds.
template <typename T>
T readAt(const unsigned char *data, size_t offset) {
  T value;
  std::memcpy(&value, data + offset, sizeof(T));
  return value;
}

/// Is [offset, offset + length) inside [0, size)?
bool inside(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

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
// The module descriptor
//===----------------------------------------------------------------------===//

namespace {

/// More than any program needs; a guard against nonsense.
constexpr uint32_t maxFunctions = 1u << 16;
constexpr uint32_t maxTensors = 1u << 16;
constexpr uint32_t maxCodeObjects = 1u << 10;

Status malformed(const char *path, const std::string &what) {
  return Status::error(HIPFUSE_RT_INTERNAL,
                       "artefact '%s' has a malformed descriptor: %s", path,
                       what.c_str());
}

std::string checkTensor(const hipfuse_rt_tensor_desc &tensor) {
  if (!tensor.name)
    return "has no name";
  if (dtypeSize(tensor.dtype) == 0)
    return "has unknown element type " + std::to_string(tensor.dtype);
  if (tensor.rank < 0 || tensor.rank > HIPFUSE_RT_MAX_RANK)
    return "has rank " + std::to_string(tensor.rank);
  if (tensor.rank > 0 && !tensor.dims)
    return "has no dims";
  for (int32_t d = 0; d < tensor.rank; ++d)
    if (tensor.dims[d] < HIPFUSE_RT_DYNAMIC)
      return "has dim " + std::to_string(tensor.dims[d]);
  if (tensor.flags != 0)
    return "has unknown flags";
  return "";
}

std::string checkFunction(const hipfuse_rt_function_desc &function) {
  if (function.n_args > maxTensors || function.n_results > maxTensors ||
      function.n_constraints > maxTensors)
    return "has too many arguments, results or constraints";
  if ((function.n_args && !function.args) ||
      (function.n_results && !function.results) ||
      (function.n_constraints && !function.constraints))
    return "has a null table";
  if (function.n_kernels != 0 || function.kernels)
    return "has kernels, which this ABI version does not";
  for (uint32_t i = 0; i < function.n_args; ++i) {
    std::string error = checkTensor(function.args[i]);
    if (error.empty() && function.args[i].tied_arg != -1)
      error = "is tied";
    if (!error.empty())
      return "argument " + std::to_string(i) + " " + error;
  }
  bool isStatic = true;
  std::set<int32_t> tied;
  for (uint32_t i = 0; i < function.n_results; ++i) {
    const hipfuse_rt_tensor_desc &result = function.results[i];
    std::string error = checkTensor(result);
    if (error.empty() && result.tied_arg != -1) {
      if (result.tied_arg < 0 || uint32_t(result.tied_arg) >= function.n_args) {
        error = "is tied to argument " + std::to_string(result.tied_arg) +
                " of " + std::to_string(function.n_args);
      } else {
        const hipfuse_rt_tensor_desc &arg = function.args[result.tied_arg];
        if (arg.dtype != result.dtype || arg.rank != result.rank)
          error = "is tied to an argument of another type";
        else if (!tied.insert(result.tied_arg).second)
          error = "is tied to the same argument as another result";
      }
    }
    if (!error.empty())
      return "result " + std::to_string(i) + " " + error;
    isStatic &= std::none_of(result.dims, result.dims + result.rank,
                             [](int64_t dim) { return dim < 0; });
  }
  for (uint32_t i = 0; i < function.n_constraints; ++i)
    if (!function.constraints[i])
      return "constraint " + std::to_string(i) + " has no text";
  if (!function.shape_fn && (!isStatic || function.n_constraints))
    return "has no shape function but needs one";
  return "";
}

} // namespace

Status hipfuse::rt::validateModule(const char *path,
                                   const hipfuse_rt_module_desc &module) {
  if (module.magic != HIPFUSE_RT_MODULE_MAGIC)
    return malformed(path, "wrong magic number");
  if (module.abi_version != HIPFUSE_RT_ABI_VERSION)
    return Status::error(HIPFUSE_RT_VERSION_MISMATCH,
                         "'%s' is an artefact of ABI version %u, this runtime "
                         "reads %u",
                         path, module.abi_version, HIPFUSE_RT_ABI_VERSION);
  if (module.struct_size != sizeof(hipfuse_rt_module_desc))
    return malformed(path, "it has " + std::to_string(module.struct_size) +
                               " bytes instead of " +
                               std::to_string(sizeof(module)));
  if (module.flags != 0)
    return malformed(path, "it has unknown flags");
  if (!module.producer)
    return malformed(path, "no producer");
  if (module.n_functions > maxFunctions ||
      module.n_code_objects > maxCodeObjects)
    return malformed(path, "too many functions or code objects");
  if ((module.n_functions && !module.functions) ||
      (module.n_code_objects && !module.code_objects))
    return malformed(path, "a null table");

  std::set<std::string_view> names;
  for (uint32_t i = 0; i < module.n_functions; ++i) {
    const hipfuse_rt_function_desc &function = module.functions[i];
    if (!function.name || !*function.name)
      return malformed(path, "function " + std::to_string(i) + " has no name");
    std::string error = checkFunction(function);
    if (error.empty() && !names.insert(function.name).second)
      error = "is there twice";
    if (!error.empty())
      return malformed(path, "function '" + std::string(function.name) + "' " +
                                 error);
  }
  for (uint32_t i = 0; i < module.n_code_objects; ++i) {
    const hipfuse_rt_code_object &object = module.code_objects[i];
    if (!object.target || !*object.target || !object.data || !object.size ||
        object.kind < HIPFUSE_RT_CODE_OBJECT_HSACO ||
        object.kind > HIPFUSE_RT_CODE_OBJECT_PTX || object.flags != 0)
      return malformed(path, "code object " + std::to_string(i) +
                                 " has no target, no data, an unknown kind or "
                                 "unknown flags");
  }
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
