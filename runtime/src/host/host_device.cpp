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
#include <atomic>
#include <charconv>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

#include <sched.h>
#include <unistd.h>

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

/// What a stream of a host device was told while it captured.
using Recording = std::vector<std::function<Status()>>;

/// A stream of a host device. What is enqueued runs at once, so all that a
/// stream holds is a capture.
struct HostStream {
  std::mutex mutex;
  std::unique_ptr<Recording> recording;
};

/// Runs `work` now, or records it if the stream captures. `describe` makes the
/// function object that is recorded.
template <typename Work, typename Describe>
Status enqueue(void *stream, Work &&work, Describe &&describe) {
  if (auto *host = static_cast<HostStream *>(stream)) {
    std::lock_guard<std::mutex> lock(host->mutex);
    if (host->recording) {
      host->recording->push_back(describe());
      return Status();
    }
  }
  return work();
}

class HostGraph final : public Graph {
public:
  explicit HostGraph(Recording recording) : recording(std::move(recording)) {}

  Status launch(void *) override {
    for (const auto &work : recording)
      HIPFUSE_RT_RETURN_IF_ERROR(work());
    return Status();
  }

private:
  Recording recording;
};

class HostEvent final : public Event {
public:
  Status record(void *stream) override {
    if (auto *host = static_cast<HostStream *>(stream)) {
      std::lock_guard<std::mutex> lock(host->mutex);
      if (host->recording)
        return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                             "an event cannot be recorded while its stream "
                             "captures");
    }
    time = Trace::now();
    return Status();
  }

  Status elapsed(Event &end, double &milliseconds) override {
    uint64_t from = time, to = static_cast<HostEvent &>(end).time;
    if (!from || !to)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "an event has not been recorded");
    milliseconds = double(int64_t(to - from)) * 1e-6;
    return Status();
  }

private:
  std::atomic<uint64_t> time{0};
};

class HostDevice final : public Device {
public:
  HostDevice(const hipfuse_rt_device_info &info, unsigned threads)
      : Device(info), pool(threads, threads <= usableCpus()) {
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

  Status allocate(uint64_t size, void *&memory) override {
    uint64_t rounded = (size + memoryAlignment - 1) & -memoryAlignment;
    memory =
        rounded < size ? nullptr : std::aligned_alloc(memoryAlignment, rounded);
    return memory ? Status()
                  : Status::error(HIPFUSE_RT_OUT_OF_MEMORY,
                                  "cannot allocate %" PRIu64
                                  " bytes on device '%s'",
                                  size, name());
  }
  Status free(void *memory) override {
    std::free(memory);
    return Status();
  }
  Status copyTo(void *to, const void *from, uint64_t size) override {
    std::memcpy(to, from, size);
    return Status();
  }
  Status copyFrom(void *to, const void *from, uint64_t size) override {
    std::memcpy(to, from, size);
    return Status();
  }
  Status fill(void *to, uint8_t value, uint64_t size) override {
    std::memset(to, value, size);
    return Status();
  }

  Status createStream(void *&stream) override {
    stream = new HostStream;
    return Status();
  }
  Status destroyStream(void *stream) override {
    delete static_cast<HostStream *>(stream);
    return Status();
  }
  Status synchronize(void *) override { return Status(); }
  Status copy(void *stream, void *to, const void *from,
              uint64_t size) override {
    auto work = [=] {
      std::memcpy(to, from, size);
      return Status();
    };
    return enqueue(stream, work, [&] { return work; });
  }

  Status beginCapture(void *stream) override {
    auto *host = static_cast<HostStream *>(stream);
    std::lock_guard<std::mutex> lock(host->mutex);
    if (host->recording)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "the stream captures already");
    host->recording = std::make_unique<Recording>();
    return Status();
  }
  Status endCapture(void *stream, std::unique_ptr<Graph> &graph) override {
    auto *host = static_cast<HostStream *>(stream);
    std::lock_guard<std::mutex> lock(host->mutex);
    if (!host->recording)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "the stream does not capture");
    std::unique_ptr<Recording> recording = std::move(host->recording);
    graph = std::make_unique<HostGraph>(std::move(*recording));
    return Status();
  }
  Status createEvent(std::unique_ptr<Event> &event) override {
    event = std::make_unique<HostEvent>();
    return Status();
  }

  const hipfuse_rt_host_api &hostApi() const { return api; }

private:
  ThreadPool pool;
  hipfuse_rt_host_api api;
};

class HostProgram final : public Program {
public:
  HostProgram(const HostDevice &device, const hipfuse_rt_module_desc &module)
      : device(device), module(module) {}

  Status check(uint32_t index) override {
    const hipfuse_rt_function_desc &function = module.functions[index];
    if (!function.host_fn)
      return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                           "function '%s' has no code for device '%s'",
                           function.name, device.name());
    return Status();
  }

  /// Host code allocates what it needs by itself.
  Status workspaceSize(uint32_t, void *const *, const int64_t *,
                       uint64_t &size) override {
    size = 0;
    return Status();
  }

  Status launch(uint32_t index, void *stream, void *, uint64_t,
                void *const *data, size_t numData, const int64_t *dims,
                size_t numDims) override {
    return enqueue(
        stream, [&] { return run(index, data, dims); },
        [&] {
          return [this, index, data = std::vector<void *>(data, data + numData),
                  dims = std::vector<int64_t>(dims, dims + numDims)] {
            return run(index, data.data(), dims.data());
          };
        });
  }

  Status call(uint32_t index, void *const *data, size_t, const int64_t *dims,
              size_t) override {
    return run(index, data, dims);
  }

private:
  Status run(uint32_t index, void *const *data, const int64_t *dims) const {
    const hipfuse_rt_function_desc &function = module.functions[index];
    if (int32_t code = function.host_fn(&device.hostApi(), data, dims))
      return Status::error(HIPFUSE_RT_INTERNAL,
                           "function '%s' failed with code %d", function.name,
                           code);
    return Status();
  }

  const HostDevice &device;
  const hipfuse_rt_module_desc &module;
};

Status HostDevice::prepare(const hipfuse_rt_module_desc &module,
                           std::unique_ptr<Program> &program) {
  program = std::make_unique<HostProgram>(*this, module);
  return Status();
}

/// The value of a system parameter, 0 if the system does not tell.
uint64_t systemValue(int name) {
  long value = ::sysconf(name);
  return value > 0 ? uint64_t(value) : 0;
}

hipfuse_rt_device_info describeHost(const std::string &name, unsigned threads) {
  hipfuse_rt_device_info info = {};
  setText(info.name, name);
  setText(info.description, "host CPU, " + std::to_string(threads) +
                                (threads == 1 ? " thread" : " threads"));
  setText(info.architecture, "x86-64");
  info.kind = HIPFUSE_RT_DEVICE_HOST;
  info.compute_units = usableCpus();
  info.memory_size = systemValue(_SC_PHYS_PAGES) * systemValue(_SC_PAGESIZE);
  info.cache_size = systemValue(_SC_LEVEL3_CACHE_SIZE);
  return info;
}

Status enumerateHost(std::vector<hipfuse_rt_device_info> &infos) {
  infos.push_back(describeHost("host", usableCpus()));
  return Status();
}

Status openHost(const char *name, const char *options, const char *library,
                std::shared_ptr<Device> &device) {
  if (library)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "device '%s' needs no library, found '%s'", name,
                         library);
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
    std::string full = "host:" + std::to_string(threads);
    device = std::make_shared<HostDevice>(describeHost(full, threads), threads);
  } catch (const std::system_error &e) {
    return Status::error(HIPFUSE_RT_UNAVAILABLE,
                         "device '%s': cannot start its threads: %s", name,
                         e.what());
  }
  return Status();
}

} // namespace

const DeviceDriver hipfuse::rt::hostDriver = {"host", enumerateHost, openHost};
