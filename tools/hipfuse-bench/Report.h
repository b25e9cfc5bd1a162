//===-- Report.h - What hipfuse-bench prints --------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_HIPFUSE_BENCH_REPORT_H
#define HIPFUSE_TOOLS_HIPFUSE_BENCH_REPORT_H

#include "Measure.h"
#include "Options.h"

#include <cstdint>
#include <string>

namespace hipfuse::tools {

/// One case, all that was measured and under which conditions.
struct Report {
  std::string label;
  std::string device;       // its name, such as "cuda:0"
  std::string description;  // of the device, for people
  std::string architecture; // such as "sm_90"
  std::string note;         // why this device; may be empty
  std::string arguments;    // their types
  uint64_t bytes = 0;       // that a call moves
  uint64_t flops = 0;       // of a call; 0 for no rate of them
  uint64_t setBytes = 0;    // of one set of buffers
  uint32_t sets = 1;
  uint32_t replays = 0;
  double copyRate = 0; // bytes per second; 0 if not measured
  Measurement measurement;
};

/// Prints to stdout.
void print(const Report &report, Format format);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_HIPFUSE_BENCH_REPORT_H
