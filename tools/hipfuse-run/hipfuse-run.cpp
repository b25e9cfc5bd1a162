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
#include "Runtime.h"
#include "Tensor.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
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

/// A function with all its buffers.
class Run {
public:
  Run(const hipfuse_rt_function_t *function, const Options &options)
      : function(function), desc(*hipfuse_rt_function_get_desc(function)),
        options(options) {}

  void prepare();
  void execute();
  void writeOutputs();
  bool compareResults();

private:
  /// The tensor that holds result `index` after the run.
  Tensor &result(size_t index) {
    int32_t tied = desc.results[index].tied_arg;
    return tied >= 0 ? args[tied] : results[index];
  }

  const hipfuse_rt_function_t *function;
  const hipfuse_rt_function_desc &desc;
  const Options &options;
  std::vector<Tensor> args;
  std::vector<Tensor> results; // without memory where a result is tied
  std::vector<Tensor> references;
};

void Run::prepare() {
  checkCount("--output", options.outputs.size(), desc.n_results, desc.name,
             "results");
  checkCount("--compare", options.references.size(), desc.n_results, desc.name,
             "results");
  std::set<std::string> paths;
  for (const std::string &path : options.outputs)
    if (path != "-" && !paths.insert(path).second)
      throw Error("'" + path + "' is given as --output twice");

  args = makeArguments(desc, options);
  std::vector<std::vector<int64_t>> shapes = resultShapes(function, args);
  for (uint32_t i = 0; i < desc.n_results; ++i) {
    const hipfuse_rt_tensor_desc &type = desc.results[i];
    std::string what = nameOf("result", i, type);
    results.emplace_back();
    if (type.tied_arg < 0) {
      results[i] = Tensor(what, type.dtype, shapes[i]);
      poison(results[i]);
    }
    if (i < options.references.size()) {
      references.emplace_back();
      if (options.references[i] != "-") {
        NpyFile file(options.references[i]);
        file.check(what, type.dtype, shapes[i].data(), type.rank);
        references[i] = file.read(what, type.dtype);
      }
    }
  }
}

void Run::execute() {
  std::vector<hipfuse_rt_tensor> argViews, resultViews;
  for (Tensor &arg : args)
    argViews.push_back(arg.view());
  // What the function updates in place is put back before each further run.
  std::vector<std::pair<size_t, std::string>> initial;
  uint64_t runs = uint64_t(options.warmup) + options.repeat;
  for (uint32_t i = 0; i < desc.n_results; ++i) {
    int32_t tied = desc.results[i].tied_arg;
    resultViews.push_back(tied >= 0 ? hipfuse_rt_tensor{} : results[i].view());
    if (tied >= 0 && runs > 1)
      initial.push_back(
          {tied, std::string(static_cast<char *>(args[tied].data()),
                             args[tied].size())});
  }
  std::vector<double> times;
  for (uint64_t run = 0; run < runs; ++run) {
    if (run > 0)
      for (const auto &[index, bytes] : initial)
        std::memcpy(args[index].data(), bytes.data(), bytes.size());
    auto start = std::chrono::steady_clock::now();
    check(hipfuse_rt_function_call(function, argViews.size(), argViews.data(),
                                   resultViews.size(), resultViews.data()));
    std::chrono::duration<double, std::micro> time =
        std::chrono::steady_clock::now() - start;
    if (options.time && run >= options.warmup)
      times.push_back(time.count());
  }
  if (options.time)
    printTimes(std::move(times));
}

void Run::writeOutputs() {
  NpyWriter writer;
  for (size_t i = 0; i < options.outputs.size(); ++i)
    if (options.outputs[i] != "-")
      writer.add(options.outputs[i], result(i));
  writer.commit();
}

bool Run::compareResults() {
  bool passed = true;
  for (size_t i = 0; i < references.size(); ++i) {
    if (options.references[i] == "-")
      continue;
    Comparison comparison =
        compare(result(i), references[i], options.tolerance);
    passed &= comparison.passed;
    if (!options.quiet || !comparison.passed)
      std::printf("%s: %s\n", nameOf("result", i, desc.results[i]).c_str(),
                  describe(comparison, result(i), references[i]).c_str());
  }
  return passed;
}

int runMain(int argc, char **argv) {
  Options options;
  if (!parseOptions(argc, argv, options))
    return 0;
  if (options.listDevices) {
    listDevices();
    return 0;
  }
  hipfuse_rt_device_t *openedDevice = nullptr;
  check(hipfuse_rt_device_open(options.device.c_str(), &openedDevice));
  Device device(openedDevice);
  hipfuse_rt_module_t *loadedModule = nullptr;
  check(hipfuse_rt_module_load(device.get(), options.artifact.c_str(),
                               &loadedModule));
  Module module(loadedModule);
  if (options.list) {
    listFunctions(*hipfuse_rt_module_get_desc(module.get()));
    return 0;
  }
  const hipfuse_rt_function_t *function =
      findEntry(module.get(), options.entry);
  const hipfuse_rt_function_desc &desc =
      *hipfuse_rt_function_get_desc(function);
  Run run(function, options);
  run.prepare();
  if (!options.quiet && usesSeed(options, desc.n_args))
    std::printf("seed: %" PRIu64 "\n", options.seed.value_or(0));
  run.execute();
  run.writeOutputs();
  return run.compareResults() ? 0 : 1;
}

} // namespace

int main(int argc, char **argv) {
  return runTool("hipfuse-run", runMain, argc, argv);
}
