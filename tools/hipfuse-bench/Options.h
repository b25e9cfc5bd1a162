//===-- Options.h - The command line of hipfuse-bench -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_HIPFUSE_BENCH_OPTIONS_H
#define HIPFUSE_TOOLS_HIPFUSE_BENCH_OPTIONS_H

#include "CommandLine.h"

#include <cstdint>
#include <optional>
#include <string>

namespace hipfuse::tools {

enum class Format { Text, CSV, JSON };

struct BenchOptions : CommonOptions {
  std::string label;
  /// Bytes that a call moves; those of its arguments and results if absent.
  std::optional<uint64_t> bytes;
  /// Floating-point operations of a call; 0 if they are of no interest.
  uint64_t flops = 0;
  /// Sets of buffers that the calls take in turn; chosen if absent.
  std::optional<uint32_t> sets;
  /// Calls in one replay; chosen by how long one takes if absent.
  std::optional<uint32_t> calls;
  uint32_t replays = 50;
  uint32_t warmup = 20;
  /// Size of the copy that measures the ceiling; chosen if absent, 0 for none.
  std::optional<uint64_t> copyBytes;
  Format format = Format::Text;
};

/// Parses the command line. Returns false if the program is done, because it
/// was asked for help. Throws Error.
bool parseOptions(int argc, char **argv, BenchOptions &options);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_HIPFUSE_BENCH_OPTIONS_H
