//===-- Options.cpp - The command line of hipfuse-bench -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include "Element.h"
#include "InputSpec.h"

#include <CLI/CLI.hpp>

using namespace hipfuse::tools;

bool hipfuse::tools::parseOptions(int argc, char **argv,
                                  BenchOptions &options) {
  CLI::App app("Times a function of a compiled artefact: replays of a graph of "
               "calls, on buffers that stay in the device's memory.",
               "hipfuse-bench");
  app.footer(std::string("\n") + inputHelp +
             R"(

A replay is a graph of calls, one after the other, captured once. Its time is
taken by events around it, and divided by the number of calls. The sets of
buffers have equal contents and addresses of their own; by default there are
enough of them to exceed the last cache twice over where a call moves more than
a sixteenth of it, and one otherwise. What a function updates in place goes on
changing from call to call.

The rate counts each argument and each result once; a function that touches
only a part of them, such as one that writes into a cache, needs --bytes. The
ceiling is what a copy within the device's memory moves, reading and writing,
in the same run.

Exit status: 0 if all went well, 2 for wrong usage, bad input or a failed run.)");
  addCommonOptions(app, options);
  app.add_option("--label", options.label,
                 "Name of the case in the output (default: the function's)");
  app.add_option("--bytes", options.bytes, "Bytes that one call moves")
      ->check(checkDigits);
  app.add_option("--flops", options.flops,
                 "Floating-point operations of one call, for their rate")
      ->check(checkDigits);
  app.add_option("--sets", options.sets,
                 "Sets of buffers taken in turn; 1 leaves small ones in cache")
      ->check(CLI::Range(1u, 4096u));
  app.add_option("--calls", options.calls,
                 "Calls in a replay (default: as many as take 2 ms, up to "
                 "1000)")
      ->check(CLI::Range(1u, 100000u));
  app.add_option("--replays", options.replays, "Replays that are timed")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000000u));
  app.add_option("--warmup", options.warmup, "Replays before these, not timed")
      ->capture_default_str()
      ->check(CLI::Range(0u, 1000000u));
  app.add_option("--copy", options.copyBytes,
                 "Size in bytes of the copy that measures the ceiling; 0 for "
                 "no ceiling (default: 512 MiB, on the host 128 MiB)")
      ->check(checkDigits);
  auto *csv = app.add_flag_callback(
      "--csv", [&] { options.format = Format::CSV; },
      "Print a line of column names and one of values");
  app.add_flag_callback(
         "--json", [&] { options.format = Format::JSON; },
         "Print a JSON object")
      ->excludes(csv);
  return parseCommandLine(app, argc, argv, options);
}
