//===-- runtime.cpp - The C API over the runtime's classes ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse-rt/runtime.h"

#include "artifact.h"
#include "device.h"
#include "dtype.h"
#include "function.h"
#include "status.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

using namespace hipfuse::rt;

struct hipfuse_rt_device {
  std::shared_ptr<Device> device;
};

struct hipfuse_rt_function {
  const hipfuse_rt_function_desc *desc;
  Program *program;
  uint32_t index;
};

struct hipfuse_rt_module {
  // In the order of use: the program borrows from both above it.
  std::shared_ptr<Device> device;
  Artifact artifact;
  std::unique_ptr<Program> program;
  std::vector<hipfuse_rt_function> functions;
};

namespace {
Status nullArgument(const char *call, const char *argument) {
  return Status::error(HIPFUSE_RT_INVALID_ARGUMENT, "%s: '%s' is null", call,
                       argument);
}
} // namespace

#define HIPFUSE_RT_REQUIRE(argument)                                           \
  do {                                                                         \
    if (!(argument))                                                           \
      return nullArgument(__func__, #argument).release();                      \
  } while (false)

hipfuse_rt_status_t hipfuse_rt_enumerate_devices(size_t capacity,
                                                 hipfuse_rt_device_info *infos,
                                                 size_t *count) {
  HIPFUSE_RT_REQUIRE(count);
  if (capacity)
    HIPFUSE_RT_REQUIRE(infos);
  return guarded([&] {
    std::vector<hipfuse_rt_device_info> found;
    HIPFUSE_RT_RETURN_IF_ERROR(enumerateDevices(found));
    std::copy_n(found.begin(), std::min(capacity, found.size()), infos);
    *count = found.size();
    return Status();
  });
}

hipfuse_rt_status_t hipfuse_rt_device_open(const char *name,
                                           hipfuse_rt_device_t **device) {
  HIPFUSE_RT_REQUIRE(name);
  HIPFUSE_RT_REQUIRE(device);
  return guarded([&] {
    auto opened = std::make_unique<hipfuse_rt_device>();
    HIPFUSE_RT_RETURN_IF_ERROR(openDevice(name, opened->device));
    *device = opened.release();
    return Status();
  });
}

const char *hipfuse_rt_device_name(const hipfuse_rt_device_t *device) {
  return device->device->name().c_str();
}

void hipfuse_rt_device_close(hipfuse_rt_device_t *device) { delete device; }

hipfuse_rt_status_t hipfuse_rt_module_load(hipfuse_rt_device_t *device,
                                           const char *path,
                                           hipfuse_rt_module_t **module) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(path);
  HIPFUSE_RT_REQUIRE(module);
  return guarded([&] {
    auto loaded = std::make_unique<hipfuse_rt_module>();
    loaded->device = device->device;
    HIPFUSE_RT_RETURN_IF_ERROR(loaded->artifact.load(path));
    const hipfuse_rt_module_desc &desc = loaded->artifact.desc();
    HIPFUSE_RT_RETURN_IF_ERROR(device->device->prepare(desc, loaded->program));
    loaded->functions.reserve(desc.n_functions);
    for (uint32_t i = 0; i < desc.n_functions; ++i)
      loaded->functions.push_back(
          {&desc.functions[i], loaded->program.get(), i});
    *module = loaded.release();
    return Status();
  });
}

void hipfuse_rt_module_close(hipfuse_rt_module_t *module) { delete module; }

const hipfuse_rt_module_desc *
hipfuse_rt_module_get_desc(const hipfuse_rt_module_t *module) {
  return &module->artifact.desc();
}

hipfuse_rt_status_t
hipfuse_rt_module_lookup(const hipfuse_rt_module_t *module, const char *name,
                         const hipfuse_rt_function_t **function) {
  HIPFUSE_RT_REQUIRE(module);
  HIPFUSE_RT_REQUIRE(name);
  HIPFUSE_RT_REQUIRE(function);
  return guarded([&] {
    std::string known;
    for (const hipfuse_rt_function &candidate : module->functions) {
      if (std::strcmp(candidate.desc->name, name) == 0) {
        *function = &candidate;
        return Status();
      }
      if (known.size() < 200)
        known +=
            (known.empty() ? "" : ", ") + std::string(candidate.desc->name);
    }
    return Status::error(HIPFUSE_RT_NOT_FOUND,
                         "no function '%s'; the artefact has: %s", name,
                         known.empty() ? "none" : known.c_str());
  });
}

const hipfuse_rt_function_t *
hipfuse_rt_module_get_function(const hipfuse_rt_module_t *module,
                               uint32_t index) {
  return index < module->functions.size() ? &module->functions[index] : nullptr;
}

const hipfuse_rt_function_desc *
hipfuse_rt_function_get_desc(const hipfuse_rt_function_t *function) {
  return function->desc;
}

size_t hipfuse_rt_dtype_size(int32_t dtype) { return dtypeSize(dtype); }

const char *hipfuse_rt_dtype_name(int32_t dtype) { return dtypeName(dtype); }

hipfuse_rt_status_t
hipfuse_rt_function_result_shapes(const hipfuse_rt_function_t *function,
                                  size_t n_args, const hipfuse_rt_tensor *args,
                                  int64_t *result_dims) {
  HIPFUSE_RT_REQUIRE(function);
  return guarded([&] {
    std::vector<int64_t> argDims, resultDims;
    HIPFUSE_RT_RETURN_IF_ERROR(
        inferShapes(*function->desc, n_args, args, argDims, resultDims));
    if (!resultDims.empty() && !result_dims)
      return nullArgument("hipfuse_rt_function_result_shapes", "result_dims");
    std::copy(resultDims.begin(), resultDims.end(), result_dims);
    return Status();
  });
}

hipfuse_rt_status_t
hipfuse_rt_function_call(const hipfuse_rt_function_t *function, size_t n_args,
                         const hipfuse_rt_tensor *args, size_t n_results,
                         const hipfuse_rt_tensor *results) {
  HIPFUSE_RT_REQUIRE(function);
  return guarded([&] {
    CallFrame frame;
    HIPFUSE_RT_RETURN_IF_ERROR(buildCallFrame(*function->desc, n_args, args,
                                              n_results, results, frame));
    return function->program->call(function->index, frame.data.data(),
                                   frame.dims.data());
  });
}
