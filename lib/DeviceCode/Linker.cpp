//===-- Linker.cpp - Programs that the compiler runs ----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/DeviceCode/Linker.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace hipfuse;

Expected<std::string> hipfuse::findLinker(StringRef path) {
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
        "", reinterpret_cast<void *>(&hipfuse::findLinker));
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

Expected<std::string> hipfuse::findPtxas(StringRef path) {
  if (path == "none")
    return std::string();
  if (path.empty()) {
    ErrorOr<std::string> found = sys::findProgramByName("ptxas");
    return found ? *found : std::string();
  }
  if (sys::fs::can_execute(path))
    return path.str();
  return createStringError("no ptxas at '" + path +
                           "'; without --ptxas it is looked for on PATH, and "
                           "--ptxas=none leaves cubins out");
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Expected<TemporaryFile> TemporaryFile::create(const Twine &prefix,
                                              StringRef suffix) {
  SmallString<128> path;
  std::string start = prefix.str();
  std::error_code error =
      start.empty()
          ? sys::fs::createTemporaryFile("hipfuse", suffix.drop_front(), path)
          : sys::fs::createUniqueFile(start + ".%%%%%%" + suffix, path);
  if (error)
    return createStringError(
        error, (start.empty() ? Twine("cannot write a temporary file")
                              : "cannot write beside '" + Twine(start) + "'") +
                   ": " + error.message());
  return TemporaryFile(path);
}

TemporaryFile::~TemporaryFile() {
  if (!path.empty())
    sys::fs::remove(path);
}

Expected<SmallVector<char, 0>> TemporaryFile::read() const {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return createStringError(buffer.getError(),
                             "cannot read '" + path +
                                 "': " + buffer.getError().message());
  return SmallVector<char, 0>((*buffer)->getBufferStart(),
                              (*buffer)->getBufferEnd());
}

Error TemporaryFile::write(ArrayRef<char> bytes) const {
  return writeFile(path, bytes);
}

Error TemporaryFile::keepAs(StringRef name) {
  if (std::error_code error = sys::fs::rename(path, name))
    return createStringError(error,
                             "cannot write '" + name + "': " + error.message());
  path.clear();
  return Error::success();
}

Error hipfuse::writeFile(StringRef path, ArrayRef<char> bytes) {
  std::error_code error;
  raw_fd_ostream stream(path, error);
  if (!error) {
    stream.write(bytes.data(), bytes.size());
    stream.close();
    error = stream.error();
    stream.clear_error();
  }
  if (error)
    return createStringError(error,
                             "cannot write '" + path + "': " + error.message());
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

Expected<std::string> hipfuse::runProgram(StringRef what, StringRef program,
                                          ArrayRef<StringRef> args) {
  Expected<TemporaryFile> log = TemporaryFile::create("", ".log");
  if (!log)
    return log.takeError();
  std::optional<StringRef> redirects[] = {StringRef(), log->getPath(),
                                          log->getPath()};
  SmallVector<StringRef> command = {program};
  append_range(command, args);
  std::string message;
  int status = sys::ExecuteAndWait(program, command, std::nullopt, redirects, 0,
                                   0, &message);
  Expected<SmallVector<char, 0>> output = log->read();
  if (!output)
    return output.takeError();
  StringRef text(output->data(), output->size());
  if (status != 0)
    return createStringError(
        what + " with '" + program + "' failed: " +
        (text.empty() ? StringRef(message) : text.split('\n').first));
  return text.str();
}
