//===-- hip_program.cpp - A module's kernels, loaded on a GPU -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hip/hip_program.h"

#include "hip/code_object.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <utility>

using namespace hipfuse::rt;

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Status HipProgram::create(HipDevice &device,
                          const hipfuse_rt_module_desc &module,
                          std::unique_ptr<Program> &program) {
  std::unique_ptr<HipProgram> created(new HipProgram(device, module));
  created->launchFunctions.resize(module.n_functions);
  auto candidates = created->findCodeObjects();
  if (!candidates.empty()) {
    HIPFUSE_RT_RETURN_IF_ERROR(created->loadFirst(candidates));
    HIPFUSE_RT_RETURN_IF_ERROR(created->findKernels());
  }
  program = std::move(created);
  return Status();
}

HipProgram::~HipProgram() {
  if (!loaded && !workspace)
    return;
  HipDevice::Scope scope(device);
  if (workspace)
    device.api().hipFree(workspace);
  if (loaded)
    device.api().hipModuleUnload(loaded);
}

/// The code objects that run on the device, the best first.
std::vector<const hipfuse_rt_code_object *>
HipProgram::findCodeObjects() const {
  bool cuda = device.api().isCuda();
  std::string chip = chipName(device.info().architecture);
  std::vector<std::pair<int, const hipfuse_rt_code_object *>> ranked;
  for (uint32_t i = 0; i < module.n_code_objects; ++i) {
    const hipfuse_rt_code_object &candidate = module.code_objects[i];
    bool hsaco = candidate.kind == HIPFUSE_RT_CODE_OBJECT_HSACO;
    int rank = 0;
    if (cuda ? !hsaco &&
                   runsOnCapability(candidate, device.computeCapability(), rank)
             : hsaco && chip == candidate.target)
      ranked.push_back({rank, &candidate});
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const auto &a, const auto &b) { return a.first > b.first; });
  std::vector<const hipfuse_rt_code_object *> result;
  for (const auto &[rank, candidate] : ranked)
    result.push_back(candidate);
  return result;
}

/// Loads the best code object; or, as a driver may be older than the tool that
/// wrote a cubin and refuse it, the text of the same kernels.
Status HipProgram::loadFirst(
    const std::vector<const hipfuse_rt_code_object *> &candidates) {
  object = candidates.front();
  HIPFUSE_RT_RETURN_IF_ERROR(validate());
  Status status = load();
  if (status.ok() || object->kind != HIPFUSE_RT_CODE_OBJECT_CUBIN)
    return status;
  for (const hipfuse_rt_code_object *other : candidates) {
    if (other == object || std::strcmp(other->target, object->target) != 0)
      continue;
    object = other;
    HIPFUSE_RT_RETURN_IF_ERROR(validate());
    return load();
  }
  return status;
}

Status HipProgram::validate() const {
  const HipLimits &limits = device.limits();
  for (uint32_t i = 0; i < object->n_kernels; ++i) {
    const hipfuse_rt_kernel_desc &kernel = object->kernels[i];
    uint32_t threads = kernel.block[0] * kernel.block[1] * kernel.block[2];
    if (threads > limits.blockThreads)
      return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                           "kernel '%s' has blocks of %u threads, device '%s' "
                           "allows %u",
                           kernel.name, threads, device.name(),
                           limits.blockThreads);
    if (kernel.static_lds > limits.lds)
      return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                           "kernel '%s' needs %u bytes of local memory, device "
                           "'%s' has %u",
                           kernel.name, kernel.static_lds, device.name(),
                           limits.lds);
  }
  switch (object->kind) {
  case HIPFUSE_RT_CODE_OBJECT_HSACO:
    return validateHsaco(*object, device.info().architecture);
  case HIPFUSE_RT_CODE_OBJECT_CUBIN:
    return validateCubin(*object);
  default:
    return Status();
  }
}

Status HipProgram::load() {
  if (object->kind == HIPFUSE_RT_CODE_OBJECT_PTX)
    return loadText();
  return device.api().check(
      device.api().hipModuleLoadData(&loaded, object->data),
      "cannot load the artefact's code for '%s' on device '%s'", object->target,
      device.name());
}

Status HipProgram::loadText() {
  // Numbers of CUjit_option.
  constexpr int errorLogBuffer = 5, errorLogBufferSize = 6;
  char log[1024] = "";
  int options[] = {errorLogBuffer, errorLogBufferSize};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  int result = device.api().cuModuleLoadDataEx(&loaded, object->data, 2,
                                               options, values);
  return device.api().check(
      result, "cannot compile the artefact's text for '%s' on device '%s'%s%s",
      object->target, device.name(), *log ? ": " : "", log);
}

Status HipProgram::findKernels() {
  const HipLibrary &api = device.api();
  kernels.resize(object->n_kernels);
  for (uint32_t i = 0; i < object->n_kernels; ++i) {
    const hipfuse_rt_kernel_desc &kernel = object->kernels[i];
    HIPFUSE_RT_RETURN_IF_ERROR(api.check(
        api.hipModuleGetFunction(&kernels[i], loaded, kernel.name),
        "cannot find kernel '%s' on device '%s'", kernel.name, device.name()));
    // CUDA gives a block more than 48 KiB only if its function allows that.
    constexpr int maxDynamicSharedSize = 8;
    if (api.isCuda())
      HIPFUSE_RT_RETURN_IF_ERROR(api.check(
          api.cuFuncSetAttribute(kernels[i], maxDynamicSharedSize,
                                 int(device.limits().lds - kernel.static_lds)),
          "cannot set up kernel '%s' on device '%s'", kernel.name,
          device.name()));
  }
  for (uint32_t i = 0; i < module.n_functions; ++i) {
    const hipfuse_rt_function_desc &function = module.functions[i];
    for (uint32_t j = 0; j < function.n_device_codes; ++j)
      if (std::strcmp(function.device_codes[j].target, object->target) == 0)
        launchFunctions[i] = function.device_codes[j].launch_fn;
  }
  return Status();
}

//===----------------------------------------------------------------------===//
// Launching
//===----------------------------------------------------------------------===//

/// What a function's launch code calls. A dry one enqueues nothing and counts
/// the workspace.
class HipProgram::Launcher {
public:
  Launcher(const HipProgram &program, const char *function)
      : Launcher(program, function, /*dry=*/true, nullptr, nullptr, 0) {}
  Launcher(const HipProgram &program, const char *function, void *stream,
           void *workspace, uint64_t capacity)
      : Launcher(program, function, /*dry=*/false, stream, workspace,
                 capacity) {}

  const hipfuse_rt_launch_api &api() const { return table; }
  uint64_t allocated() const { return used; }
  Status takeError() { return std::move(error); }

private:
  Launcher(const HipProgram &program, const char *function, bool dry,
           void *stream, void *workspace, uint64_t capacity)
      : program(program), function(function), dry(dry), stream(stream),
        workspace(static_cast<char *>(workspace)), capacity(capacity) {
    table.size = sizeof(table);
    table.context = this;
    table.launch = [](void *context, uint32_t kernel, uint32_t x, uint32_t y,
                      uint32_t z, uint32_t lds, void **params) {
      auto *self = static_cast<Launcher *>(context);
      return self->fail(self->launch(kernel, x, y, z, lds, params));
    };
    table.copy = [](void *context, void *to, const void *from, uint64_t size) {
      auto *self = static_cast<Launcher *>(context);
      return self->fail(self->copy(to, from, size));
    };
    table.allocate = [](void *context, uint64_t size) {
      return static_cast<Launcher *>(context)->allocate(size);
    };
  }

  /// Keeps the first failure and gives the code for it.
  int32_t fail(Status status) {
    if (error.ok())
      error = std::move(status);
    return error.ok() ? 0 : 1;
  }

  Status launch(uint32_t kernel, uint32_t x, uint32_t y, uint32_t z,
                uint32_t lds, void **params);
  Status copy(void *to, const void *from, uint64_t size);
  void *allocate(uint64_t size);

  const HipProgram &program;
  const char *function;
  const bool dry;
  void *const stream;
  char *const workspace;
  const uint64_t capacity;
  uint64_t used = 0;
  Status error;
  hipfuse_rt_launch_api table;
};

/// CUlaunchAttribute and CUlaunchConfig of CUDA's driver.
struct CudaLaunchAttribute {
  int id;
  int padding;
  union {
    int value;
    char bytes[64];
  };
};
struct CudaLaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  void *stream;
  CudaLaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(CudaLaunchAttribute) == 72 &&
              sizeof(CudaLaunchConfig) == 56);

/// Enqueues a kernel that waits by itself for the work before it.
static int launchEarly(const HipLibrary &api, void *function,
                       const uint32_t *grid, const uint32_t *block,
                       uint32_t lds, void *stream, void **params) {
  constexpr int programmaticStreamSerialization = 6;
  CudaLaunchAttribute attribute = {};
  attribute.id = programmaticStreamSerialization;
  attribute.value = 1;
  CudaLaunchConfig config = {{grid[0], grid[1], grid[2]},
                             {block[0], block[1], block[2]},
                             lds,
                             stream,
                             &attribute,
                             /*numAttributes=*/1};
  return api.hipDrvLaunchKernelEx(&config, function, params,
                                  /*extra=*/nullptr);
}

Status HipProgram::Launcher::launch(uint32_t kernel, uint32_t x, uint32_t y,
                                    uint32_t z, uint32_t lds, void **params) {
  // After a failure nothing more is enqueued, whatever the code does.
  if (!error.ok())
    return Status();
  const HipDevice &device = program.device;
  if (kernel >= program.kernels.size())
    return Status::error(HIPFUSE_RT_INTERNAL, "'%s' launches kernel %u of %zu",
                         function, kernel, program.kernels.size());
  const hipfuse_rt_kernel_desc &desc = program.object->kernels[kernel];
  if (x == 0 || y == 0 || z == 0)
    return Status::error(HIPFUSE_RT_INTERNAL,
                         "'%s' launches kernel '%s' with an empty grid",
                         function, desc.name);
  if (uint64_t(desc.static_lds) + lds > device.limits().lds)
    return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                         "'%s' launches kernel '%s' with %" PRIu64
                         " bytes of local memory, device '%s' has %u",
                         function, desc.name, uint64_t(desc.static_lds) + lds,
                         device.name(), device.limits().lds);
  if (dry)
    return Status();
  uint64_t begin = program.device.trace().enabled() ? Trace::now() : 0;
  const HipLibrary &api = device.api();
  const uint32_t grid[3] = {x, y, z};
  // Waiting where there is nothing to wait for is allowed.
  bool early = desc.flags & HIPFUSE_RT_KERNEL_STARTS_EARLY && api.isCuda() &&
               api.hipDrvLaunchKernelEx;
  int result = early ? launchEarly(api, program.kernels[kernel], grid,
                                   desc.block, lds, stream, params)
                     : api.hipModuleLaunchKernel(
                           program.kernels[kernel], x, y, z, desc.block[0],
                           desc.block[1], desc.block[2], lds, stream, params,
                           /*extra=*/nullptr);
  if (result != hipSuccess)
    return api.check(result,
                     "cannot launch kernel '%s' of '%s' on device '%s', grid "
                     "%ux%ux%u",
                     desc.name, function, device.name(), x, y, z);
  if (begin) {
    char arguments[256];
    std::snprintf(arguments, sizeof(arguments),
                  "\"grid\": [%u, %u, %u], \"block\": [%u, %u, %u], \"lds\": "
                  "%" PRIu64 ", %s",
                  x, y, z, desc.block[0], desc.block[1], desc.block[2],
                  uint64_t(desc.static_lds) + lds, traceStream(stream).c_str());
    program.device.trace().record("kernel", desc.name, begin, arguments);
  }
  return Status();
}

Status HipProgram::Launcher::copy(void *to, const void *from, uint64_t size) {
  if (!error.ok() || dry || size == 0)
    return Status();
  TraceScope scope(program.device.trace(), "copy", "copy", stream);
  const HipLibrary &api = program.device.api();
  return api.check(api.hipMemcpyDtoDAsync(to, from, size, stream),
                   "cannot copy %" PRIu64 " bytes in '%s' on device '%s'", size,
                   function, program.device.name());
}

void *HipProgram::Launcher::allocate(uint64_t size) {
  uint64_t begin = used;
  uint64_t rounded = (size + memoryAlignment - 1) & ~(memoryAlignment - 1);
  if (rounded < size || __builtin_add_overflow(used, rounded, &used)) {
    (void)fail(Status::error(HIPFUSE_RT_OUT_OF_MEMORY,
                             "'%s' needs a workspace of more bytes than can be",
                             function));
    used = begin;
  } else if (!dry && used > capacity) {
    (void)fail(Status::error(HIPFUSE_RT_INTERNAL,
                             "'%s' takes more workspace than it said: %" PRIu64
                             " bytes, not %" PRIu64,
                             function, used, capacity));
  }
  // Never null; what is given after a failure is not used, as nothing is
  // launched any more.
  if (dry || !error.ok())
    return reinterpret_cast<void *>(memoryAlignment);
  return workspace + begin;
}

Status HipProgram::run(uint32_t index, Launcher &launcher, void *const *data,
                       const int64_t *dims) const {
  int32_t code = launchFunctions[index](&launcher.api(), data, dims);
  HIPFUSE_RT_RETURN_IF_ERROR(launcher.takeError());
  if (code)
    return Status::error(HIPFUSE_RT_INTERNAL,
                         "the launch code of '%s' failed with code %d",
                         module.functions[index].name, code);
  return Status();
}

/// What the artefact has code for: "gfx950, sm_90, host".
std::string HipProgram::targets(uint32_t index) const {
  const hipfuse_rt_function_desc &function = module.functions[index];
  std::string text;
  for (uint32_t i = 0; i < function.n_device_codes; ++i)
    text += (i ? ", " : "") + std::string(function.device_codes[i].target);
  if (function.host_fn)
    text += text.empty() ? "host" : ", host";
  return text.empty() ? "nothing" : text;
}

Status HipProgram::check(uint32_t index) {
  if (launchFunctions[index])
    return Status();
  return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                       "function '%s' has no code for device '%s', which is "
                       "%s; it has code for: %s",
                       module.functions[index].name, device.name(),
                       device.info().architecture, targets(index).c_str());
}

Status HipProgram::workspaceSize(uint32_t index, void *const *data,
                                 const int64_t *dims, uint64_t &size) {
  Launcher launcher(*this, module.functions[index].name);
  HIPFUSE_RT_RETURN_IF_ERROR(run(index, launcher, data, dims));
  size = launcher.allocated();
  return Status();
}

Status HipProgram::launch(uint32_t index, void *stream, void *memory,
                          uint64_t size, void *const *data, size_t,
                          const int64_t *dims, size_t) {
  HipDevice::Scope scope(device);
  HIPFUSE_RT_RETURN_IF_ERROR(device.api().check(
      scope.result(), "cannot use device '%s'", device.name()));
  Launcher launcher(*this, module.functions[index].name, stream, memory, size);
  return run(index, launcher, data, dims);
}

Status HipProgram::call(uint32_t index, void *const *data, size_t numData,
                        const int64_t *dims, size_t numDims) {
  std::vector<void *> nulls(numData);
  uint64_t needed = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(workspaceSize(index, nulls.data(), dims, needed));
  // Held until the work has finished, as the workspace is in use.
  std::lock_guard<std::mutex> lock(mutex);
  if (needed > workspaceCapacity) {
    void *grown = nullptr;
    HIPFUSE_RT_RETURN_IF_ERROR(device.allocate(needed, grown));
    std::swap(workspace, grown);
    workspaceCapacity = needed;
    if (grown)
      HIPFUSE_RT_RETURN_IF_ERROR(device.free(grown));
  }
  HIPFUSE_RT_RETURN_IF_ERROR(launch(index, /*stream=*/nullptr, workspace,
                                    needed, data, numData, dims, numDims));
  HipDevice::Scope scope(device);
  return device.api().check(device.api().hipStreamSynchronize(nullptr),
                            "'%s' failed on device '%s'",
                            module.functions[index].name, device.name());
}
