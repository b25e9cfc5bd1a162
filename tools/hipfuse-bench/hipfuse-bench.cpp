//===-- hipfuse-bench.cpp - Time a compiled artefact ----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Times a function of an artefact by replaying a graph of calls, and prints
// microseconds, bytes per second and the share of what a copy reaches.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Element.h"
#include "Listing.h"
#include "Measure.h"
#include "Options.h"
#include "Report.h"

#include <algorithm>
#include <cinttypes>

using namespace hipfuse::tools;

/// The bytes of all arguments and all results, each counted once.
static uint64_t countBytes(const hipfuse_rt_function_desc &desc,
                           const std::vector<Tensor> &args,
                           const std::vector<std::vector<int64_t>> &shapes) {
  uint64_t bytes = 0;
  for (const Tensor &arg : args)
    bytes += arg.size();
  for (uint32_t i = 0; i < desc.n_results; ++i) {
    uint64_t size = hipfuse_rt_dtype_size(desc.results[i].dtype);
    for (int64_t dim : shapes[i])
      size *= static_cast<uint64_t>(dim);
    bytes += size;
  }
  return bytes;
}

/// How many sets of buffers it takes that nothing is left in the cache when a
/// set's turn comes, for calls that move `bytes` of the `size` of a set. What
/// is small stays there, as between the kernels of a model.
static uint32_t chooseSets(const hipfuse_rt_device_info &info, uint64_t bytes,
                           uint64_t size) {
  uint64_t cache = lastCacheSize(info);
  if (bytes <= cache / 16 || size == 0)
    return 1;
  uint64_t needed = (2 * cache + bytes - 1) / bytes;
  uint64_t fitting = info.memory_size ? info.memory_size / 2 / size : needed;
  return static_cast<uint32_t>(
      std::max<uint64_t>(1, std::min(needed, fitting)));
}

static void runBench(const BenchOptions &options) {
  Program program(options);
  if (options.list)
    return listFunctions(*hipfuse_rt_module_get_desc(program.module()));
  program.selectFunction();
  std::vector<Tensor> args = makeArguments(program.desc(), options);
  std::vector<std::vector<int64_t>> shapes =
      resultShapes(program.function(), args);
  program.prepare(args);
  const hipfuse_rt_function_desc &desc = program.desc();
  const hipfuse_rt_device_info &info = program.info();

  Report report;
  report.label = options.label.empty() ? desc.name : options.label;
  report.device = info.name;
  report.description = info.description;
  report.architecture = info.architecture;
  report.note = program.choice();
  for (const Tensor &arg : args)
    report.arguments += (report.arguments.empty() ? "" : ", ") +
                        typeText(arg.dtype(), arg.dims().data(),
                                 static_cast<int32_t>(arg.dims().size()));
  report.replays = options.replays;
  report.flops = options.flops;
  report.bytes = options.bytes.value_or(countBytes(desc, args, shapes));

  Timer timer(program.device());
  bool isHost = info.kind == HIPFUSE_RT_DEVICE_HOST;
  uint64_t copyBytes =
      options.copyBytes.value_or(uint64_t(isHost ? 128 : 512) << 20);
  if (copyBytes)
    report.copyRate = measureCopyRate(timer, program.device(), copyBytes);

  std::vector<std::unique_ptr<CallBuffers>> sets;
  sets.push_back(std::make_unique<CallBuffers>(program, args, shapes));
  report.setBytes = sets.front()->size();
  uint32_t numSets =
      options.sets.value_or(chooseSets(info, report.bytes, report.setBytes));
  // More sets than calls would never be used.
  if (options.calls)
    numSets = std::min(numSets, *options.calls);
  while (sets.size() < numSets)
    sets.push_back(std::make_unique<CallBuffers>(program, args, shapes));
  report.sets = numSets;
  report.measurement = measure(timer, program, sets, options.calls.value_or(0),
                               options.warmup, options.replays);
  print(report, options.format);
}

static int benchMain(int argc, char **argv) {
  BenchOptions options;
  if (!parseOptions(argc, argv, options))
    return 0;
  if (options.listDevices)
    listDevices();
  else
    runBench(options);
  return 0;
}

int main(int argc, char **argv) {
  return runTool("hipfuse-bench", benchMain, argc, argv);
}
