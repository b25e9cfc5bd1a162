//===-- dynamic_library.cpp - A shared object opened at run time ----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dynamic_library.h"

#include <dlfcn.h>

using namespace hipfuse::rt;

DynamicLibrary::~DynamicLibrary() {
  if (handle)
    ::dlclose(handle);
}

bool DynamicLibrary::open(const char *name, DynamicLibrary &library,
                          std::string &error) {
  DynamicLibrary opened;
  opened.handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!opened.handle) {
    const char *text = ::dlerror();
    error = text ? text : "no explanation from the dynamic linker";
    return false;
  }
  library = std::move(opened);
  return true;
}

void *DynamicLibrary::symbol(const char *name) const {
  return ::dlsym(handle, name);
}
