//===-- CommandLine.cpp - What the tools' command lines share -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include "Element.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <new>

using namespace hipfuse::tools;

std::string hipfuse::tools::checkDigits(const std::string &text) {
  return text.find_first_not_of("0123456789") == std::string::npos
             ? ""
             : "value " + text + " is not an integer of 0 or more";
}

std::string hipfuse::tools::checkNonNegative(const std::string &text) {
  try {
    double value = std::stod(text);
    if (std::isfinite(value) && value >= 0)
      return "";
  } catch (const std::exception &) {
  }
  return "value " + text + " is not a finite number of 0 or more";
}

void hipfuse::tools::addCommonOptions(CLI::App &app, CommonOptions &options) {
  app.add_option("artefact", options.artifact, "The shared object to load");
  app.add_option("--entry", options.entry,
                 "The function to run; may be left out if there is only one");
  app.add_option("--device", options.device,
                 "Where to run: host, or host:N for N threads; hip or hip:N "
                 "for an AMD GPU; cuda or cuda:N for an NVIDIA GPU; auto for "
                 "the first of hip, cuda and host that can run the function")
      ->capture_default_str();
  app.add_option("--input", options.inputs,
                 "The next argument: a .npy file or a rule, see below")
      ->type_name("INPUT")
      ->allow_extra_args(false);
  app.add_option("--random", options.seed,
                 "Seed of all random inputs; also fills every argument "
                 "without an --input by the rule 'random'")
      ->check(checkDigits);
  app.add_option("--dim", options.dim,
                 "Size of all dynamic dimensions that nothing else gives")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--list", options.list,
               "Print the functions of the artefact and run nothing");
  app.add_flag("--list-devices", options.listDevices,
               "Print the devices of this machine and run nothing");
}

bool hipfuse::tools::parseCommandLine(CLI::App &app, int argc, char **argv,
                                      const CommonOptions &options) {
  std::string message;
  try {
    app.parse(argc, argv);
    if (options.listDevices || !options.artifact.empty())
      return true;
    message = "artefact is required";
  } catch (const CLI::CallForHelp &) {
    std::fputs(app.help().c_str(), stdout);
    return false;
  } catch (const CLI::ParseError &e) {
    message = e.what();
  }
  throw Error(message + " (--help explains)");
}

int hipfuse::tools::runTool(const char *name, int (*body)(int, char **),
                            int argc, char **argv) {
  std::string error;
  try {
    return body(argc, argv);
  } catch (const std::bad_alloc &) {
    error = "out of memory";
  } catch (const std::exception &e) {
    error = e.what();
  }
  // A path may hold a line break; a message is one line.
  std::replace(error.begin(), error.end(), '\n', ' ');
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", name, error.c_str());
  return 2;
}
