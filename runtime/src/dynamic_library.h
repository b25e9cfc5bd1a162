//===-- dynamic_library.h - A shared object opened at run time  -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_DYNAMIC_LIBRARY_H
#define HIPFUSE_RT_SRC_DYNAMIC_LIBRARY_H

#include "status.h"

#include <string>
#include <utility>

namespace hipfuse::rt {

/// Owns a handle of the dynamic linker.
class DynamicLibrary {
public:
  DynamicLibrary() = default;
  DynamicLibrary(DynamicLibrary &&other) noexcept
      : handle(std::exchange(other.handle, nullptr)) {}
  DynamicLibrary &operator=(DynamicLibrary &&other) noexcept {
    std::swap(handle, other.handle);
    return *this;
  }
  ~DynamicLibrary();

  /// Opens `name` with all symbols bound now and none added to the global
  /// scope. On failure `error` is the linker's explanation.
  static bool open(const char *name, DynamicLibrary &library,
                   std::string &error);

  /// The address of `name`, or null.
  void *symbol(const char *name) const;

private:
  void *handle = nullptr;
};

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_DYNAMIC_LIBRARY_H
