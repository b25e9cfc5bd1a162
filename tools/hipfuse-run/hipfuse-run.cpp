//===-- hipfuse-run.cpp - Run a compiled artefact -------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Loads an artefact, fills the arguments of one of its functions from files or
// rules, runs it, and writes or compares the results.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Compare.h"
#include "Element.h"
#include "Listing.h"
#include "Npy.h"
#include "Options.h"
#include "Program.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <set>

using namespace hipfuse::tools;

namespace {

void printTimes(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  size_t middle = times.size() / 2;
  double median = times.size() % 2 ? times[middle]
                                   : (times[middle - 1] + times[middle]) / 2;
  std::printf("time: median %.3f us, min %.3f us, max %.3f us over %zu run%s\n",
              median, times.front(), times.back(), times.size(),
              times.size() == 1 ? "" : "s");
}

/// A run of a function: what goes in, what comes out, what is expected.
class Run {
public:
  explicit Run(const Options &options) : options(options), program(options) {}

  /// Runs everything; true if all comparisons passed.
  bool run();

private:
  void prepare();
  void execute();
  void writeOutputs();
  bool compareResults();

  const Options &options;
  Program program;
  std::vector<Tensor> args;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<Tensor> references;
  std::vector<Tensor> results; // as the run left them
};

void Run::prepare() {
  const hipfuse_rt_function_desc &desc = program.desc();
  checkCount("--output", options.outputs.size(), desc.n_results, desc.name,
             "results");
  checkCount("--compare", options.references.size(), desc.n_results, desc.name,
             "results");
  std::set<std::string> paths;
  for (const std::string &path : options.outputs)
    if (path != "-" && !paths.insert(path).second)
      throw Error("'" + path + "' is given as --output twice");

  args = makeArguments(desc, options);
  shapes = resultShapes(program.function(), args);
  for (size_t i = 0; i < options.references.size(); ++i) {
    references.emplace_back();
    if (options.references[i] == "-")
      continue;
    std::string what = nameOf("result", i, desc.results[i]);
    NpyFile file(options.references[i]);
    file.check(what, desc.results[i].dtype, shapes[i].data(),
               static_cast<int32_t>(shapes[i].size()));
    references[i] = file.read(what, desc.results[i].dtype);
  }
  program.prepare(args);
}

void Run::execute() {
  const hipfuse_rt_function_desc &desc = program.desc();
  CallBuffers buffers(program, args, shapes);
  if (!options.trace.empty())
    check(
        hipfuse_rt_device_trace_start(program.device(), options.trace.c_str()));
  uint64_t runs = uint64_t(options.warmup) + options.repeat;
  std::vector<double> times;
  for (uint64_t run = 0; run < runs; ++run) {
    // What the function updates in place is put back before each further run.
    for (uint32_t i = 0; run > 0 && i < desc.n_results; ++i)
      if (int32_t tied = desc.results[i].tied_arg; tied >= 0)
        buffers.upload(tied, args[tied]);
    auto start = std::chrono::steady_clock::now();
    buffers.call();
    std::chrono::duration<double, std::micro> time =
        std::chrono::steady_clock::now() - start;
    if (options.time && run >= options.warmup)
      times.push_back(time.count());
  }
  if (!options.trace.empty())
    check(hipfuse_rt_device_trace_stop(program.device()));
  if (options.time)
    printTimes(std::move(times));
  for (uint32_t i = 0; i < desc.n_results; ++i)
    results.push_back(buffers.download(i));
}

void Run::writeOutputs() {
  NpyWriter writer;
  for (size_t i = 0; i < options.outputs.size(); ++i)
    if (options.outputs[i] != "-")
      writer.add(options.outputs[i], results[i]);
  writer.commit();
}

bool Run::compareResults() {
  bool passed = true;
  for (size_t i = 0; i < references.size(); ++i) {
    if (options.references[i] == "-")
      continue;
    Comparison comparison =
        compare(results[i], references[i], options.tolerance);
    passed &= comparison.passed;
    if (!options.quiet || !comparison.passed)
      std::printf("%s: %s\n",
                  nameOf("result", i, program.desc().results[i]).c_str(),
                  describe(comparison, results[i], references[i]).c_str());
  }
  return passed;
}

bool Run::run() {
  if (options.list) {
    listFunctions(*hipfuse_rt_module_get_desc(program.module()));
    return true;
  }
  program.selectFunction();
  prepare();
  if (!options.quiet && !program.choice().empty())
    std::printf("device: %s\n", program.choice().c_str());
  if (!options.quiet && usesSeed(options, program.desc().n_args))
    std::printf("seed: %" PRIu64 "\n", options.seed.value_or(0));
  execute();
  writeOutputs();
  return compareResults();
}

int runMain(int argc, char **argv) {
  Options options;
  if (!parseOptions(argc, argv, options))
    return 0;
  if (options.listDevices) {
    listDevices();
    return 0;
  }
  return Run(options).run() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  return runTool("hipfuse-run", runMain, argc, argv);
}
