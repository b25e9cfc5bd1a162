//===-- Listing.h - What an artefact and a machine have ---------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_LISTING_H
#define HIPFUSE_TOOLS_COMMON_LISTING_H

#include "hipfuse-rt/runtime.h"

#include <string>

namespace hipfuse::tools {

/// Prints the functions of an artefact, their types and constraints.
void listFunctions(const hipfuse_rt_module_desc &module);

/// Prints the devices of this machine, one a line, as "NAME: DESCRIPTION", and
/// for each kind that has none, "no KIND device: REASON". Throws Error.
void listDevices();

/// The function `name`, or the only one if the name is empty. Throws Error.
const hipfuse_rt_function_t *findEntry(const hipfuse_rt_module_t *module,
                                       const std::string &name);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_LISTING_H
