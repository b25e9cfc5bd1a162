//===-- CommandLine.h - What the tools' command lines share -----*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_COMMANDLINE_H
#define HIPFUSE_TOOLS_COMMON_COMMANDLINE_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace hipfuse::tools {

/// Which function of which artefact runs where, and on what.
struct CommonOptions {
  std::string artifact;
  std::string entry;
  std::string device = "host";
  std::vector<std::string> inputs;
  std::optional<uint64_t> seed;
  std::optional<int64_t> dim;
  bool list = false;
  bool listDevices = false;
};

/// Adds these options to a command line.
void addCommonOptions(CLI::App &app, CommonOptions &options);

/// Checks that an option's text is an integer of 0 or more: the parser would
/// wrap negative numbers around. Returns the complaint, or nothing.
std::string checkDigits(const std::string &text);

/// Checks that an option's text is a finite number of 0 or more.
std::string checkNonNegative(const std::string &text);

/// Parses the command line. Returns false if the program is done, because it
/// was asked for help. Throws Error.
bool parseCommandLine(CLI::App &app, int argc, char **argv,
                      const CommonOptions &options);

/// Calls `body` and returns what it returns, or 2 after printing one line for
/// what it throws.
int runTool(const char *name, int (*body)(int argc, char **argv), int argc,
            char **argv);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_COMMANDLINE_H
