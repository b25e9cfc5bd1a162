//===-- Linker.h - Programs that the compiler runs --------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DEVICECODE_LINKER_H
#define HIPFUSE_DEVICECODE_LINKER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace hipfuse {

/// Finds ld.lld: `path` where it is not empty, else beside the running program,
/// else the one of the LLVM that Hipfuse was built with, else on PATH. The
/// error lists what was tried.
llvm::Expected<std::string> findLinker(llvm::StringRef path);

/// Finds NVIDIA's assembler: `path` where it is not empty, else on PATH. Empty
/// where `path` is "none" or there is none on PATH; an error where `path` names
/// no program.
llvm::Expected<std::string> findPtxas(llvm::StringRef path);

/// A new file that is removed at the end of its scope.
class TemporaryFile {
public:
  /// A file whose name starts with `prefix`; with an empty one it lies in the
  /// system's folder for such files.
  static llvm::Expected<TemporaryFile> create(const llvm::Twine &prefix,
                                              llvm::StringRef suffix);
  TemporaryFile(TemporaryFile &&other) : path(std::move(other.path)) {
    other.path.clear();
  }
  TemporaryFile &operator=(TemporaryFile &&) = delete;
  ~TemporaryFile();

  llvm::StringRef getPath() const { return path; }
  llvm::Expected<llvm::SmallVector<char, 0>> read() const;
  llvm::Error write(llvm::ArrayRef<char> bytes) const;
  /// Renames the file, which then stays.
  llvm::Error keepAs(llvm::StringRef name);

private:
  explicit TemporaryFile(llvm::StringRef path) : path(path) {}
  llvm::SmallString<128> path;
};

/// Writes `bytes` to the file `path`.
llvm::Error writeFile(llvm::StringRef path, llvm::ArrayRef<char> bytes);

/// Runs `program` with `args` and returns what it wrote to stdout and stderr.
/// Where it fails, the error is "WHAT with 'PROGRAM' failed: LINE", with the
/// first line that it wrote.
llvm::Expected<std::string> runProgram(llvm::StringRef what,
                                       llvm::StringRef program,
                                       llvm::ArrayRef<llvm::StringRef> args);

} // namespace hipfuse

#endif // HIPFUSE_DEVICECODE_LINKER_H
