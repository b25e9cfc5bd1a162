//===-- host_device.cpp - Devices that run host code ----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "host/host_device.h"

#include "host/thread_pool.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <thread>

#include <sched.h>

using namespace hipfuse::rt;

namespace {

constexpr unsigned maxThreads = 1024;

/// The CPUs that the process may use: containers and taskset narrow them.
unsigned usableCpus() {
  cpu_set_t set;
  unsigned count = ::sched_getaffinity(0, sizeof(set), &set) == 0
                       ? static_cast<unsigned>(CPU_COUNT(&set))
                       : std::thread::hardware_concurrency();
  return std::clamp(count, 1u, maxThreads);
}

class HostDevice final : public Device {
public:
  HostDevice(std::string name, unsigned threads)
      : Device(std::move(name)), pool(threads, threads <= usableCpus()) {
    api.size = sizeof(api);
    api.pool = &pool;
    api.parallel_for = [](void *pool, void (*body)(void *, int64_t, int64_t),
                          void *ctx, int64_t begin, int64_t end,
                          int64_t grain) {
      static_cast<ThreadPool *>(pool)->parallelFor(body, ctx, begin, end,
                                                   grain);
    };
  }

  Status prepare(const hipfuse_rt_module_desc &module,
                 std::unique_ptr<Program> &program) override;

  const hipfuse_rt_host_api &hostApi() const { return api; }

private:
  ThreadPool pool;
  hipfuse_rt_host_api api;
};

class HostProgram final : public Program {
public:
  HostProgram(const HostDevice &device, const hipfuse_rt_module_desc &module)
      : device(device), module(module) {}

  Status call(uint32_t index, void *const *data, const int64_t *dims) override {
    const hipfuse_rt_function_desc &function = module.functions[index];
    if (!function.host_fn)
      return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                           "function '%s' has no code for device '%s'",
                           function.name, device.name().c_str());
    if (int32_t code = function.host_fn(&device.hostApi(), data, dims))
      return Status::error(HIPFUSE_RT_INTERNAL,
                           "function '%s' failed with code %d", function.name,
                           code);
    return Status();
  }

private:
  const HostDevice &device;
  const hipfuse_rt_module_desc &module;
};

Status HostDevice::prepare(const hipfuse_rt_module_desc &module,
                           std::unique_ptr<Program> &program) {
  program = std::make_unique<HostProgram>(*this, module);
  return Status();
}

Status enumerateHost(std::vector<hipfuse_rt_device_info> &infos) {
  hipfuse_rt_device_info info = {};
  std::snprintf(info.name, sizeof(info.name), "host");
  unsigned cpus = usableCpus();
  std::snprintf(info.description, sizeof(info.description),
                "host CPU, %u thread%s", cpus, cpus == 1 ? "" : "s");
  infos.push_back(info);
  return Status();
}

Status openHost(const char *name, const char *options,
                std::shared_ptr<Device> &device) {
  unsigned threads = usableCpus();
  if (options) {
    const char *end = options + std::strlen(options);
    auto [rest, error] = std::from_chars(options, end, threads);
    if (error != std::errc() || rest != end || threads < 1 ||
        threads > maxThreads)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "device '%s': expected host:N with N from 1 to %u "
                           "threads",
                           name, maxThreads);
  }
  try {
    device = std::make_shared<HostDevice>("host:" + std::to_string(threads),
                                          threads);
  } catch (const std::system_error &e) {
    return Status::error(HIPFUSE_RT_UNAVAILABLE,
                         "device '%s': cannot start its threads: %s", name,
                         e.what());
  }
  return Status();
}

} // namespace

const DeviceDriver hipfuse::rt::hostDriver = {"host", enumerateHost, openHost};
