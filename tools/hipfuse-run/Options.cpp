//===-- Options.cpp - The command line of hipfuse-run ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include "InputSpec.h"

#include <CLI/CLI.hpp>

using namespace hipfuse::tools;

bool hipfuse::tools::parseOptions(int argc, char **argv, Options &options) {
  CLI::App app("Runs a function of a compiled artefact on .npy files and "
               "compares its results.",
               "hipfuse-run");
  app.footer(std::string("\n") + inputHelp +
             R"(

An OUTPUT is written, and a REFERENCE read, in the order of the results; "-"
skips one. A result that is updated in place is the argument's buffer after the
run. Files hold bf16 and 8-bit floats as their bits (<u2, |u1).

Exit status: 0 if all went well, 1 if a comparison failed, 2 for wrong usage,
bad input or a failed run; then nothing is written.)");

  addCommonOptions(app, options);
  app.add_option("--output", options.outputs,
                 "Write the next result to this .npy file")
      ->type_name("OUTPUT")
      ->allow_extra_args(false);
  app.add_option("--compare", options.references,
                 "Compare the next result with this .npy file")
      ->type_name("REFERENCE")
      ->allow_extra_args(false);
  app.add_option("--ulp", options.tolerance.ulp,
                 "Floats match if at most N representable values apart")
      ->check(checkDigits);
  app.add_option("--atol", options.tolerance.atol,
                 "Floats match within ATOL + RTOL * |reference|")
      ->check(checkNonNegative);
  app.add_option("--rtol", options.tolerance.rtol, "See --atol")
      ->check(checkNonNegative);
  app.add_option("--allow-mismatch", options.tolerance.allowMismatch,
                 "Part of the elements that need not match, from 0 to 1")
      ->check(CLI::Range(0.0, 1.0));
  app.add_flag("--nan-equal", options.tolerance.nanEqual,
               "NaN matches NaN; otherwise it matches nothing");

  app.add_option("--repeat", options.repeat,
                 "Runs; arguments updated in place start afresh each time")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1000000000u));
  app.add_option("--warmup", options.warmup, "Runs before these, not timed")
      ->capture_default_str()
      ->check(CLI::Range(0u, 1000000000u));
  app.add_flag("--time", options.time,
               "Print median, least and greatest time of the runs");
  app.add_option("--trace", options.trace,
                 "Write what the runs launch to this file, in the JSON format "
                 "of chrome://tracing")
      ->type_name("FILE");
  app.add_flag("--quiet", options.quiet,
               "Print failures only (and what --time or --list ask for)");

  return parseCommandLine(app, argc, argv, options);
}
