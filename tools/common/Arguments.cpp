//===-- Arguments.cpp - The arguments of a function -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "Element.h"
#include "InputSpec.h"
#include "Npy.h"
#include "Runtime.h"

#include <algorithm>
#include <optional>

using namespace hipfuse::tools;

std::string hipfuse::tools::nameOf(const char *kind, size_t index,
                                   const hipfuse_rt_tensor_desc &desc) {
  std::string text = std::string(kind) + " " + std::to_string(index);
  return *desc.name ? text + " '" + desc.name + "'" : text;
}

void hipfuse::tools::checkCount(const char *option, size_t found, size_t most,
                                const char *function, const char *things) {
  if (found > most)
    throw Error(std::string(option) + " is given " + std::to_string(found) +
                " times, but '" + function + "' has " + std::to_string(most) +
                " " + things);
}

/// The shape of an argument that is made by a rule.
static std::vector<int64_t> resolveDims(const InputSpec &spec,
                                        const std::string &what,
                                        const hipfuse_rt_tensor_desc &desc,
                                        const CommonOptions &options) {
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

static Tensor makeArgument(const CommonOptions &options, size_t index,
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

std::vector<Tensor>
hipfuse::tools::makeArguments(const hipfuse_rt_function_desc &function,
                              const CommonOptions &options) {
  checkCount("--input", options.inputs.size(), function.n_args, function.name,
             "arguments");
  std::vector<Tensor> args;
  for (uint32_t i = 0; i < function.n_args; ++i)
    args.push_back(makeArgument(options, i, function.args[i]));
  return args;
}

bool hipfuse::tools::usesSeed(const CommonOptions &options, size_t numArgs) {
  if (options.inputs.size() < numArgs)
    return true;
  return std::any_of(options.inputs.begin(), options.inputs.end(),
                     [](const std::string &input) {
                       std::optional<InputSpec> spec = parseInputSpec(input);
                       return spec && (spec->kind == InputSpec::Random ||
                                       spec->kind == InputSpec::RandInt ||
                                       spec->kind == InputSpec::Perm ||
                                       spec->kind == InputSpec::Cache);
                     });
}

std::vector<std::vector<int64_t>>
hipfuse::tools::resultShapes(const hipfuse_rt_function_t *function,
                             std::vector<Tensor> &args) {
  const hipfuse_rt_function_desc &desc =
      *hipfuse_rt_function_get_desc(function);
  std::vector<hipfuse_rt_tensor> views;
  for (Tensor &arg : args)
    views.push_back(arg.view());
  size_t total = 0;
  for (uint32_t i = 0; i < desc.n_results; ++i)
    total += desc.results[i].rank;
  std::vector<int64_t> dims(total);
  check(hipfuse_rt_function_result_shapes(function, views.size(), views.data(),
                                          dims.data()));
  std::vector<std::vector<int64_t>> shapes;
  const int64_t *shape = dims.data();
  for (uint32_t i = 0; i < desc.n_results; ++i) {
    shapes.emplace_back(shape, shape + desc.results[i].rank);
    shape += desc.results[i].rank;
  }
  return shapes;
}
