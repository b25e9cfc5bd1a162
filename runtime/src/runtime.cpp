//===-- runtime.cpp - The C API over the runtime's classes ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse-rt/runtime.h"

#include "dtype.h"
#include "function.h"
#include "handles.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>

using namespace hipfuse::rt;

namespace {

/// The frame of the calling thread, which keeps its memory from call to call.
CallFrame &threadFrame() {
  thread_local CallFrame frame;
  return frame;
}

} // namespace

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
          {&desc.functions[i], device->device.get(), loaded->program.get(), i});
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
    CallFrame &frame = threadFrame();
    HIPFUSE_RT_RETURN_IF_ERROR(
        inferShapes(*function->desc, n_args, args, frame));
    if (!frame.resultDims.empty() && !result_dims)
      return nullArgument("hipfuse_rt_function_result_shapes", "result_dims");
    std::copy(frame.resultDims.begin(), frame.resultDims.end(), result_dims);
    return Status();
  });
}

/// The workspace that the shapes in `frame` need. Overwrites the frame's data.
static Status findWorkspaceSize(const hipfuse_rt_function &function,
                                std::vector<void *> &nulls,
                                const CallFrame &frame, uint64_t &size) {
  nulls.assign(function.desc->n_args + function.desc->n_results, nullptr);
  return function.program->workspaceSize(function.index, nulls.data(),
                                         frame.dims.data(), size);
}

hipfuse_rt_status_t
hipfuse_rt_function_workspace_size(const hipfuse_rt_function_t *function,
                                   size_t n_args, const hipfuse_rt_tensor *args,
                                   uint64_t *size) {
  HIPFUSE_RT_REQUIRE(function);
  HIPFUSE_RT_REQUIRE(size);
  return guarded([&] {
    CallFrame &frame = threadFrame();
    HIPFUSE_RT_RETURN_IF_ERROR(
        inferShapes(*function->desc, n_args, args, frame));
    HIPFUSE_RT_RETURN_IF_ERROR(function->program->check(function->index));
    uint64_t needed = 0;
    HIPFUSE_RT_RETURN_IF_ERROR(
        findWorkspaceSize(*function, frame.nulls, frame, needed));
    *size = needed;
    return Status();
  });
}

hipfuse_rt_status_t
hipfuse_rt_function_launch(const hipfuse_rt_function_t *function, void *stream,
                           void *workspace, uint64_t workspace_size,
                           size_t n_args, const hipfuse_rt_tensor *args,
                           size_t n_results, const hipfuse_rt_tensor *results) {
  HIPFUSE_RT_REQUIRE(function);
  return guarded([&] {
    const char *name = function->desc->name;
    CallFrame &frame = threadFrame();
    HIPFUSE_RT_RETURN_IF_ERROR(
        buildCallFrame(*function->desc, function->program->bufferAlignment(),
                       n_args, args, n_results, results, frame));
    HIPFUSE_RT_RETURN_IF_ERROR(function->program->check(function->index));
    uint64_t needed = 0;
    HIPFUSE_RT_RETURN_IF_ERROR(
        findWorkspaceSize(*function, frame.nulls, frame, needed));
    if (needed > workspace_size || (needed && !workspace))
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "'%s' needs a workspace of %" PRIu64
                           " bytes for these arguments, found %" PRIu64,
                           name, needed, workspace ? workspace_size : 0);
    if (needed && reinterpret_cast<uintptr_t>(workspace) % memoryAlignment)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "the workspace of '%s' is not aligned to %" PRIu64
                           " bytes",
                           name, memoryAlignment);
    TraceScope scope(function->device->trace(), "function", name, stream);
    return function->program->launch(function->index, stream, workspace, needed,
                                     frame.data.data(), frame.data.size(),
                                     frame.dims.data(), frame.dims.size());
  });
}

hipfuse_rt_status_t
hipfuse_rt_function_call(const hipfuse_rt_function_t *function, size_t n_args,
                         const hipfuse_rt_tensor *args, size_t n_results,
                         const hipfuse_rt_tensor *results) {
  HIPFUSE_RT_REQUIRE(function);
  return guarded([&] {
    CallFrame &frame = threadFrame();
    HIPFUSE_RT_RETURN_IF_ERROR(
        buildCallFrame(*function->desc, function->program->bufferAlignment(),
                       n_args, args, n_results, results, frame));
    HIPFUSE_RT_RETURN_IF_ERROR(function->program->check(function->index));
    TraceScope scope(function->device->trace(), "function",
                     function->desc->name, nullptr);
    return function->program->call(function->index, frame.data.data(),
                                   frame.data.size(), frame.dims.data(),
                                   frame.dims.size());
  });
}
