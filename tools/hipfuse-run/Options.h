//===-- Options.h - The command line of hipfuse-run ----------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_HIPFUSE_RUN_OPTIONS_H
#define HIPFUSE_TOOLS_HIPFUSE_RUN_OPTIONS_H

#include "CommandLine.h"
#include "Compare.h"

#include <cstdint>
#include <string>
#include <vector>

namespace hipfuse::tools {

struct Options : CommonOptions {
  std::vector<std::string> outputs;
  std::vector<std::string> references;
  Tolerance tolerance;
  uint32_t repeat = 1;
  uint32_t warmup = 0;
  bool time = false;
  std::string trace;
  bool quiet = false;
};

/// Parses the command line. Returns false if the program is done, because it
/// was asked for help. Throws Error.
bool parseOptions(int argc, char **argv, Options &options);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_HIPFUSE_RUN_OPTIONS_H
