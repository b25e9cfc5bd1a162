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

#include "Compare.h"
#include "Element.h"
#include "InputSpec.h"
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

using namespace hipfuse::run;

namespace {

/// "argument 1 'weight'".
std::string nameOf(const char *kind, size_t index,
                   const hipfuse_rt_tensor_desc &desc) {
  std::string text = std::string(kind) + " " + std::to_string(index);
  return *desc.name ? text + " '" + desc.name + "'" : text;
}

std::string signatureOf(const hipfuse_rt_function_desc &function) {
  auto tensorText = [](const hipfuse_rt_tensor_desc &desc) {
    std::string text = *desc.name ? std::string(desc.name) + ": " : "";
    text += typeText(desc.dtype, desc.dims, desc.rank);
    if (desc.tied_arg >= 0)
      text += " in argument " + std::to_string(desc.tied_arg);
    return text;
  };
  std::string text = std::string(function.name) + "(";
  for (uint32_t i = 0; i < function.n_args; ++i)
    text += (i ? ", " : "") + tensorText(function.args[i]);
  text += ") -> (";
  for (uint32_t i = 0; i < function.n_results; ++i)
    text += (i ? ", " : "") + tensorText(function.results[i]);
  return text + ")";
}

void listFunctions(const hipfuse_rt_module_desc &module) {
  std::string targets;
  for (uint32_t i = 0; i < module.n_code_objects; ++i)
    targets += std::string(i ? ", " : "") + module.code_objects[i].target;
  std::printf("produced by %s; ABI version %u; device code for: %s\n",
              module.producer, module.abi_version,
              targets.empty() ? "none" : targets.c_str());
  for (uint32_t i = 0; i < module.n_functions; ++i) {
    const hipfuse_rt_function_desc &function = module.functions[i];
    std::printf("%s\n", signatureOf(function).c_str());
    if (!function.host_fn)
      std::printf("  no code for the host\n");
    for (uint32_t c = 0; c < function.n_constraints; ++c)
      std::printf("  needs: %s\n", function.constraints[c]);
  }
}

const hipfuse_rt_function_t *findEntry(const hipfuse_rt_module_t *module,
                                       const std::string &name) {
  const hipfuse_rt_function_t *function = nullptr;
  if (!name.empty()) {
    check(hipfuse_rt_module_lookup(module, name.c_str(), &function));
    return function;
  }
  uint32_t count = hipfuse_rt_module_get_desc(module)->n_functions;
  if (count != 1)
    throw Error("the artefact has " + std::to_string(count) +
                " functions; choose one with --entry (--list shows them)");
  return hipfuse_rt_module_get_function(module, 0);
}

/// The shape of an argument that is made by a rule.
std::vector<int64_t> resolveDims(const InputSpec &spec, const std::string &what,
                                 const hipfuse_rt_tensor_desc &desc,
                                 const Options &options) {
  std::string declared = shapeText(desc.dims, desc.rank);
  std::vector<int64_t> dims(desc.dims, desc.dims + desc.rank);
  if (spec.dims) {
    bool allowed = spec.dims->size() == dims.size();
    for (size_t d = 0; allowed && d < dims.size(); ++d)
      allowed = dims[d] == HIPFUSE_RT_DYNAMIC || dims[d] == (*spec.dims)[d];
    if (!allowed)
      throw Error(what + " has shape " + declared + ", but its input is " +
                  shapeText(spec.dims->data(),
                            static_cast<int32_t>(spec.dims->size())));
    return *spec.dims;
  }
  for (int64_t &dim : dims) {
    if (dim != HIPFUSE_RT_DYNAMIC)
      continue;
    if (!options.dim)
      throw Error(what + " has shape " + declared +
                  ": give its dynamic dimensions in the input, as in "
                  "random:17x7168, or with --dim");
    dim = *options.dim;
  }
  return dims;
}

Tensor makeArgument(const Options &options, size_t index,
                    const hipfuse_rt_tensor_desc &desc) {
  std::string what = nameOf("argument", index, desc);
  std::optional<InputSpec> spec;
  if (index < options.inputs.size())
    spec = parseInputSpec(options.inputs[index]);
  else if (options.seed)
    spec.emplace();
  else
    throw Error(what + " has no input; give one with --input, or --random");
  if (!spec) {
    NpyFile file(options.inputs[index]);
    file.check(what, desc.dtype, desc.dims, desc.rank);
    return file.read(what, desc.dtype);
  }
  Tensor tensor(what, desc.dtype, resolveDims(*spec, what, desc, options));
  fill(*spec, what, options.seed.value_or(0), index, tensor);
  return tensor;
}

bool usesSeed(const Options &options, size_t numArgs) {
  if (options.inputs.size() < numArgs)
    return true;
  return std::any_of(options.inputs.begin(), options.inputs.end(),
                     [](const std::string &input) {
                       std::optional<InputSpec> spec = parseInputSpec(input);
                       return spec && (spec->kind == InputSpec::Random ||
                                       spec->kind == InputSpec::RandInt ||
                                       spec->kind == InputSpec::Perm);
                     });
}

void checkCount(const char *option, size_t found, size_t most,
                const char *function, const char *things) {
  if (found > most)
    throw Error(std::string(option) + " is given " + std::to_string(found) +
                " times, but '" + function + "' has " + std::to_string(most) +
                " " + things);
}

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
  checkCount("--input", options.inputs.size(), desc.n_args, desc.name,
             "arguments");
  checkCount("--output", options.outputs.size(), desc.n_results, desc.name,
             "results");
  checkCount("--compare", options.references.size(), desc.n_results, desc.name,
             "results");
  std::set<std::string> paths;
  for (const std::string &path : options.outputs)
    if (path != "-" && !paths.insert(path).second)
      throw Error("'" + path + "' is given as --output twice");

  std::vector<hipfuse_rt_tensor> views;
  for (uint32_t i = 0; i < desc.n_args; ++i) {
    args.push_back(makeArgument(options, i, desc.args[i]));
    views.push_back(args.back().view());
  }

  std::vector<int64_t> dims;
  for (uint32_t i = 0; i < desc.n_results; ++i)
    dims.resize(dims.size() + desc.results[i].rank);
  check(hipfuse_rt_function_result_shapes(function, views.size(), views.data(),
                                          dims.data()));
  const int64_t *shape = dims.data();
  for (uint32_t i = 0; i < desc.n_results; ++i) {
    const hipfuse_rt_tensor_desc &type = desc.results[i];
    std::string what = nameOf("result", i, type);
    results.emplace_back();
    if (type.tied_arg < 0) {
      results[i] = Tensor(what, type.dtype, {shape, shape + type.rank});
      poison(results[i]);
    }
    if (i < options.references.size()) {
      references.emplace_back();
      if (options.references[i] != "-") {
        NpyFile file(options.references[i]);
        file.check(what, type.dtype, shape, type.rank);
        references[i] = file.read(what, type.dtype);
      }
    }
    shape += type.rank;
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

int runMain(const Options &options) {
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
  std::string error;
  try {
    Options options;
    return parseOptions(argc, argv, options) ? runMain(options) : 0;
  } catch (const std::bad_alloc &) {
    error = "out of memory";
  } catch (const std::exception &e) {
    error = e.what();
  }
  // A path may hold a line break; a message is one line.
  std::replace(error.begin(), error.end(), '\n', ' ');
  std::fflush(stdout);
  std::fprintf(stderr, "hipfuse-run: error: %s\n", error.c_str());
  return 2;
}
