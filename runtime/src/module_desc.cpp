//===-- module_desc.cpp - Validate a module's descriptor ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "artifact.h"
#include "dtype.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <string_view>

using namespace hipfuse::rt;

namespace {

/// More than any program needs; a guard against nonsense.
constexpr uint32_t maxFunctions = 1u << 16;
constexpr uint32_t maxTensors = 1u << 16;
constexpr uint32_t maxCodeObjects = 1u << 10;
constexpr uint32_t maxKernels = 1u << 16;
constexpr uint32_t maxParams = 1u << 10;

Status malformed(const char *path, const std::string &what) {
  return Status::error(HIPFUSE_RT_INTERNAL,
                       "artefact '%s' has a malformed descriptor: %s", path,
                       what.c_str());
}

std::string checkTensor(const hipfuse_rt_tensor_desc &tensor) {
  if (!tensor.name)
    return "has no name";
  if (dtypeSize(tensor.dtype) == 0)
    return "has unknown element type " + std::to_string(tensor.dtype);
  if (tensor.rank < 0 || tensor.rank > HIPFUSE_RT_MAX_RANK)
    return "has rank " + std::to_string(tensor.rank);
  if (tensor.rank > 0 && !tensor.dims)
    return "has no dims";
  for (int32_t d = 0; d < tensor.rank; ++d)
    if (tensor.dims[d] < HIPFUSE_RT_DYNAMIC)
      return "has dim " + std::to_string(tensor.dims[d]);
  if (tensor.flags != 0)
    return "has unknown flags";
  return "";
}

std::string checkFunction(const hipfuse_rt_function_desc &function) {
  if (function.n_args > maxTensors || function.n_results > maxTensors ||
      function.n_constraints > maxTensors)
    return "has too many arguments, results or constraints";
  if (function.n_device_codes > maxCodeObjects)
    return "has code for too many targets";
  if ((function.n_args && !function.args) ||
      (function.n_results && !function.results) ||
      (function.n_constraints && !function.constraints) ||
      (function.n_device_codes && !function.device_codes))
    return "has a null table";
  for (uint32_t i = 0; i < function.n_args; ++i) {
    std::string error = checkTensor(function.args[i]);
    if (error.empty() && function.args[i].tied_arg != -1)
      error = "is tied";
    if (!error.empty())
      return "argument " + std::to_string(i) + " " + error;
  }
  bool isStatic = true;
  std::set<int32_t> tied;
  for (uint32_t i = 0; i < function.n_results; ++i) {
    const hipfuse_rt_tensor_desc &result = function.results[i];
    std::string error = checkTensor(result);
    if (error.empty() && result.tied_arg != -1) {
      if (result.tied_arg < 0 || uint32_t(result.tied_arg) >= function.n_args) {
        error = "is tied to argument " + std::to_string(result.tied_arg) +
                " of " + std::to_string(function.n_args);
      } else {
        const hipfuse_rt_tensor_desc &arg = function.args[result.tied_arg];
        if (arg.dtype != result.dtype || arg.rank != result.rank)
          error = "is tied to an argument of another type";
        else if (!tied.insert(result.tied_arg).second)
          error = "is tied to the same argument as another result";
      }
    }
    if (!error.empty())
      return "result " + std::to_string(i) + " " + error;
    isStatic &= std::none_of(result.dims, result.dims + result.rank,
                             [](int64_t dim) { return dim < 0; });
  }
  for (uint32_t i = 0; i < function.n_constraints; ++i)
    if (!function.constraints[i])
      return "constraint " + std::to_string(i) + " has no text";
  if (!function.shape_fn && (!isStatic || function.n_constraints))
    return "has no shape function but needs one";
  return "";
}

/// Checks a function's code for devices, whose targets have to be among
/// `targets`.
std::string checkDeviceCodes(const hipfuse_rt_function_desc &function,
                             const std::set<std::string_view> &targets) {
  std::set<std::string_view> seen;
  for (uint32_t i = 0; i < function.n_device_codes; ++i) {
    const hipfuse_rt_device_code &code = function.device_codes[i];
    if (!code.target || !code.launch_fn)
      return "has device code " + std::to_string(i) +
             " without a target or launch function";
    if (!targets.count(code.target))
      return "has device code for '" + std::string(code.target) +
             "', of which there is no code object";
    if (!seen.insert(code.target).second)
      return "has device code for '" + std::string(code.target) + "' twice";
  }
  return "";
}

std::string checkKernel(const hipfuse_rt_kernel_desc &kernel) {
  if (kernel.flags & ~HIPFUSE_RT_KERNEL_STARTS_EARLY)
    return "has unknown flags";
  uint64_t threads = 1;
  for (uint32_t size : kernel.block) {
    threads *= size;
    if (threads == 0 || threads > HIPFUSE_RT_MAX_BLOCK_THREADS)
      return "has a block of " + std::to_string(kernel.block[0]) + "x" +
             std::to_string(kernel.block[1]) + "x" +
             std::to_string(kernel.block[2]) + " threads";
  }
  if (kernel.n_params > maxParams)
    return "has too many parameters";
  if (kernel.n_params && !kernel.param_sizes)
    return "has a null table";
  uint32_t packed = 0;
  for (uint32_t i = 0; i < kernel.n_params; ++i) {
    uint32_t size = kernel.param_sizes[i];
    if (size != 4 && size != 8)
      return "has a parameter of " + std::to_string(size) + " bytes";
    packed = (packed + size - 1) / size * size + size;
  }
  if (packed != kernel.kernarg_size)
    return "has " + std::to_string(packed) + " bytes of parameters, but says " +
           std::to_string(kernel.kernarg_size);
  return "";
}

bool sameKernel(const hipfuse_rt_kernel_desc &a,
                const hipfuse_rt_kernel_desc &b) {
  return std::strcmp(a.name, b.name) == 0 &&
         std::equal(a.block, a.block + 3, b.block) &&
         a.n_params == b.n_params &&
         std::equal(a.param_sizes, a.param_sizes + a.n_params, b.param_sizes);
}

std::string checkCodeObject(const hipfuse_rt_code_object &object) {
  if (!object.target || !*object.target || !object.data || !object.size ||
      object.kind < HIPFUSE_RT_CODE_OBJECT_HSACO ||
      object.kind > HIPFUSE_RT_CODE_OBJECT_PTX || object.flags != 0)
    return "has no target, no data, an unknown kind or unknown flags";
  if (reinterpret_cast<uintptr_t>(object.data) % 16 != 0)
    return "has data that is not aligned to 16 bytes";
  if (object.kind == HIPFUSE_RT_CODE_OBJECT_PTX &&
      static_cast<const char *>(object.data)[object.size - 1] != '\0')
    return "has text without an end";
  if (object.n_kernels > maxKernels)
    return "has too many kernels";
  if (object.n_kernels && !object.kernels)
    return "has a null table";
  std::set<std::string_view> names;
  for (uint32_t i = 0; i < object.n_kernels; ++i) {
    const hipfuse_rt_kernel_desc &kernel = object.kernels[i];
    if (!kernel.name || !*kernel.name)
      return "has kernel " + std::to_string(i) + " without a name";
    std::string error = checkKernel(kernel);
    if (error.empty() && !names.insert(kernel.name).second)
      error = "is there twice";
    if (!error.empty())
      return "has kernel '" + std::string(kernel.name) + "', which " + error;
  }
  return "";
}

/// Checks what code objects of one target have to have in common.
std::string checkSameTarget(const hipfuse_rt_code_object &a,
                            const hipfuse_rt_code_object &b) {
  bool hsaco = a.kind == HIPFUSE_RT_CODE_OBJECT_HSACO ||
               b.kind == HIPFUSE_RT_CODE_OBJECT_HSACO;
  if (a.kind == b.kind || hsaco)
    return "is another one for '" + std::string(a.target) + "'";
  if (a.n_kernels != b.n_kernels ||
      !std::equal(a.kernels, a.kernels + a.n_kernels, b.kernels, sameKernel))
    return "has other kernels than the other one for '" +
           std::string(a.target) + "'";
  return "";
}

} // namespace

Status hipfuse::rt::validateModule(const char *path,
                                   const hipfuse_rt_module_desc &module) {
  if (module.magic != HIPFUSE_RT_MODULE_MAGIC)
    return malformed(path, "wrong magic number");
  if (module.abi_version != HIPFUSE_RT_ABI_VERSION)
    return Status::error(HIPFUSE_RT_VERSION_MISMATCH,
                         "'%s' is an artefact of ABI version %u, this runtime "
                         "reads %u",
                         path, module.abi_version, HIPFUSE_RT_ABI_VERSION);
  if (module.struct_size != sizeof(hipfuse_rt_module_desc))
    return malformed(path, "it has " + std::to_string(module.struct_size) +
                               " bytes instead of " +
                               std::to_string(sizeof(module)));
  if (module.flags != 0)
    return malformed(path, "it has unknown flags");
  if (!module.producer)
    return malformed(path, "no producer");
  if (module.n_functions > maxFunctions ||
      module.n_code_objects > maxCodeObjects)
    return malformed(path, "too many functions or code objects");
  if ((module.n_functions && !module.functions) ||
      (module.n_code_objects && !module.code_objects))
    return malformed(path, "a null table");

  std::set<std::string_view> targets;
  for (uint32_t i = 0; i < module.n_code_objects; ++i) {
    const hipfuse_rt_code_object &object = module.code_objects[i];
    std::string error = checkCodeObject(object);
    for (uint32_t j = 0; j < i && error.empty(); ++j)
      if (std::strcmp(module.code_objects[j].target, object.target) == 0)
        error = checkSameTarget(module.code_objects[j], object);
    if (!error.empty())
      return malformed(path, "code object " + std::to_string(i) + " " + error);
    targets.insert(object.target);
  }

  std::set<std::string_view> names;
  for (uint32_t i = 0; i < module.n_functions; ++i) {
    const hipfuse_rt_function_desc &function = module.functions[i];
    if (!function.name || !*function.name)
      return malformed(path, "function " + std::to_string(i) + " has no name");
    std::string error = checkFunction(function);
    if (error.empty())
      error = checkDeviceCodes(function, targets);
    if (error.empty() && !names.insert(function.name).second)
      error = "is there twice";
    if (!error.empty())
      return malformed(path, "function '" + std::string(function.name) + "' " +
                                 error);
  }
  return Status();
}
