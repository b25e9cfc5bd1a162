//===-- Artifact.cpp - Writing artefacts ----------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Package/Artifact.h"

#include "hipfuse-rt/artifact.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

Expected<std::string> hipfuse::findLinker(StringRef path, StringRef argv0) {
  SmallVector<std::string> tried;
  auto usable = [&](const Twine &candidate) {
    tried.push_back(candidate.str());
    return sys::fs::can_execute(tried.back());
  };
  if (!path.empty()) {
    if (usable(path))
      return tried.back();
  } else {
    std::string self = sys::fs::getMainExecutable(
        argv0.str().c_str(), reinterpret_cast<void *>(&hipfuse::findLinker));
    SmallString<128> beside(sys::path::parent_path(self));
    sys::path::append(beside, "ld.lld");
    if (usable(beside) || usable(HIPFUSE_LLD))
      return tried.back();
    for (StringRef name : {"ld.lld-22", "ld.lld"}) {
      if (ErrorOr<std::string> found = sys::findProgramByName(name))
        return *found;
      tried.push_back(name.str() + " on PATH");
    }
  }
  return createStringError("no linker: install lld 22, or name one with "
                           "--linker; tried " +
                           join(tried, ", "));
}

/// Writes size and checksum into the note of a linked file; the algorithm
/// stands in hipfuse-rt/artifact.h.
static Error seal(MutableArrayRef<char> file) {
  auto elf = object::ELF64LEFile::create(StringRef(file.data(), file.size()));
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
      if (note.getName() != HIPFUSE_RT_NOTE_NAME ||
          note.getType() != HIPFUSE_RT_NOTE_TYPE)
        continue;
      ArrayRef<uint8_t> desc = note.getDesc(header.p_align);
      if (desc.size() != sizeof(hipfuse_rt_note_desc))
        continue;
      char *at = file.data() +
                 (reinterpret_cast<const char *>(desc.data()) - file.data());
      using namespace support::endian;
      write32le(at + offsetof(hipfuse_rt_note_desc, abi_version),
                HIPFUSE_RT_ABI_VERSION);
      write32le(at + offsetof(hipfuse_rt_note_desc, crc32), 0);
      write64le(at + offsetof(hipfuse_rt_note_desc, file_size), file.size());
      uint32_t checksum = crc32(ArrayRef(
          reinterpret_cast<const uint8_t *>(file.data()), file.size()));
      write32le(at + offsetof(hipfuse_rt_note_desc, crc32), checksum);
      consumeError(std::move(error));
      return Error::success();
    }
    if (error)
      return error;
  }
  return createStringError("the linked file lost its note");
}

Error hipfuse::writeArtifact(ArrayRef<char> object, StringRef output,
                             StringRef linker) {
  // Everything happens beside the output, so that the last step is a rename.
  SmallString<128> objectPath, linkedPath, logPath;
  scope_exit cleanup([&] {
    for (StringRef path : {objectPath, linkedPath, logPath})
      if (!path.empty())
        sys::fs::remove(path);
  });
  auto makeTemporary = [&](StringRef suffix,
                           SmallVectorImpl<char> &path) -> Error {
    if (std::error_code error =
            sys::fs::createUniqueFile(output + ".%%%%%%" + suffix, path))
      return createStringError(error, "cannot write beside '" + output +
                                          "': " + error.message());
    return Error::success();
  };
  if (Error error = makeTemporary(".o", objectPath))
    return error;
  if (Error error = makeTemporary(".so", linkedPath))
    return error;
  if (Error error = makeTemporary(".log", logPath))
    return error;
  {
    std::error_code error;
    raw_fd_ostream stream(objectPath, error);
    stream.write(object.data(), object.size());
    stream.close();
    if (error || stream.has_error()) {
      std::error_code cause = error ? error : stream.error();
      stream.clear_error();
      return createStringError(cause, "cannot write '" + objectPath.str() +
                                          "': " + cause.message());
    }
  }

  SmallVector<StringRef> args = {
      linker,     "-shared",         "-o",
      linkedPath, objectPath,        "--build-id=none",
      "-z",       "noexecstack",     "-z",
      "now",      "--hash-style=gnu"};
  std::optional<StringRef> redirects[] = {StringRef(), logPath.str(),
                                          logPath.str()};
  std::string message;
  if (sys::ExecuteAndWait(linker, args, std::nullopt, redirects, 0, 0,
                          &message) != 0) {
    std::string log;
    if (auto buffer = MemoryBuffer::getFile(logPath))
      log = (*buffer)->getBuffer().split('\n').first.str();
    return createStringError("linking with '" + linker +
                             "' failed: " + (log.empty() ? message : log));
  }

  auto linked = MemoryBuffer::getFile(linkedPath);
  if (!linked)
    return createStringError(linked.getError(), "cannot read the linked file");
  SmallVector<char, 0> bytes((*linked)->getBufferStart(),
                             (*linked)->getBufferEnd());
  if (Error error = seal(bytes))
    return error;
  {
    std::error_code error;
    raw_fd_ostream stream(linkedPath, error);
    stream.write(bytes.data(), bytes.size());
    stream.close();
    if (error || stream.has_error()) {
      std::error_code cause = error ? error : stream.error();
      stream.clear_error();
      return createStringError(cause, "cannot write '" + linkedPath.str() +
                                          "': " + cause.message());
    }
  }
  if (std::error_code error = sys::fs::rename(linkedPath, output))
    return createStringError(error, "cannot write '" + output +
                                        "': " + error.message());
  linkedPath.clear();
  return Error::success();
}
