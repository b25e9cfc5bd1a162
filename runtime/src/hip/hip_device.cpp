//===-- hip_device.cpp - GPUs, through the functions of HIP ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hip/hip_device.h"

#include "bytes.h"
#include "hip/hip_program.h"

#include <atomic>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>

using namespace hipfuse::rt;

//===----------------------------------------------------------------------===//
// Finding out about a device
//===----------------------------------------------------------------------===//

namespace {

/// The bytes of HIP's hipDeviceProp_t, of which only a few fields are read. The
/// layout is that of HIP 6 and 7, which hipGetDevicePropertiesR0600 promises by
/// its name; there is room for it to grow.
struct HipProperties {
  static constexpr size_t sharedMemPerBlock = 296;   // size_t
  static constexpr size_t maxThreadsPerBlock = 320;  // int
  static constexpr size_t multiProcessorCount = 388; // int
  static constexpr size_t l2CacheSize = 616;         // int
  static constexpr size_t gcnArchName = 1160;        // char[256]
  alignas(16) unsigned char bytes[4096] = {};
};

/// Numbers of CUdevice_attribute.
enum CudaAttribute {
  maxThreadsPerBlock = 1,
  multiprocessorCount = 16,
  l2CacheSize = 38,
  capabilityMajor = 75,
  capabilityMinor = 76,
  maxSharedMemoryPerBlockOptin = 97
};

struct HipDescription {
  hipfuse_rt_device_info info = {};
  HipLimits limits;
  int capability = 0;
};

Status describeHip(const HipLibrary &api, int device, HipDescription &result) {
  HipProperties properties;
  const unsigned char *bytes = properties.bytes;
  HIPFUSE_RT_RETURN_IF_ERROR(
      api.check(api.hipGetDevicePropertiesR0600(properties.bytes, device),
                "cannot get the properties of device '%s'", result.info.name));
  const char *name =
      reinterpret_cast<const char *>(bytes) + HipProperties::gcnArchName;
  std::string architecture(name, ::strnlen(name, 256));
  if (architecture.compare(0, 3, "gfx") != 0 ||
      architecture.size() >= sizeof(result.info.architecture))
    return Status::error(HIPFUSE_RT_UNAVAILABLE,
                         "device '%s' has no architecture's name where HIP %s "
                         "should have put it",
                         result.info.name, api.version().c_str());
  setText(result.info.architecture, architecture);
  result.limits.lds = static_cast<uint32_t>(
      readAt<size_t>(bytes, HipProperties::sharedMemPerBlock));
  result.limits.blockThreads =
      readAt<uint32_t>(bytes, HipProperties::maxThreadsPerBlock);
  result.info.compute_units =
      readAt<uint32_t>(bytes, HipProperties::multiProcessorCount);
  result.info.cache_size = readAt<uint32_t>(bytes, HipProperties::l2CacheSize);
  return Status();
}

Status describeCuda(const HipLibrary &api, int device, HipDescription &result) {
  auto get = [&](CudaAttribute attribute, int &value) {
    return api.check(api.cuDeviceGetAttribute(&value, attribute, device),
                     "cannot get attribute %d of device '%s'", int(attribute),
                     result.info.name);
  };
  int major = 0, minor = 0, units = 0, cache = 0, threads = 0, shared = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(get(capabilityMajor, major));
  HIPFUSE_RT_RETURN_IF_ERROR(get(capabilityMinor, minor));
  HIPFUSE_RT_RETURN_IF_ERROR(get(multiprocessorCount, units));
  HIPFUSE_RT_RETURN_IF_ERROR(get(l2CacheSize, cache));
  HIPFUSE_RT_RETURN_IF_ERROR(get(maxThreadsPerBlock, threads));
  HIPFUSE_RT_RETURN_IF_ERROR(get(maxSharedMemoryPerBlockOptin, shared));
  result.capability = major * 10 + minor;
  setText(result.info.architecture, "sm_" + std::to_string(result.capability));
  result.info.compute_units = static_cast<uint32_t>(units);
  result.info.cache_size = static_cast<uint64_t>(cache);
  result.limits.blockThreads = static_cast<uint32_t>(threads);
  result.limits.lds = static_cast<uint32_t>(shared);
  return Status();
}

/// Describes device number `ordinal`; `device` is the vendor's handle.
Status describe(const HipLibrary &api, int ordinal, int &device,
                HipDescription &result) {
  bool cuda = api.isCuda();
  setText(result.info.name,
          (cuda ? "cuda:" : "hip:") + std::to_string(ordinal));
  result.info.kind = cuda ? HIPFUSE_RT_DEVICE_CUDA : HIPFUSE_RT_DEVICE_HIP;
  const char *name = result.info.name;
  HIPFUSE_RT_RETURN_IF_ERROR(api.check(api.hipDeviceGet(&device, ordinal),
                                       "cannot open device '%s'", name));
  char model[256] = "";
  HIPFUSE_RT_RETURN_IF_ERROR(
      api.check(api.hipDeviceGetName(model, sizeof(model) - 1, device),
                "cannot get the name of device '%s'", name));
  size_t memory = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(
      api.check(api.hipDeviceTotalMem(&memory, device),
                "cannot get the memory size of device '%s'", name));
  result.info.memory_size = memory;
  HIPFUSE_RT_RETURN_IF_ERROR(cuda ? describeCuda(api, device, result)
                                  : describeHip(api, device, result));
  std::snprintf(
      result.info.description, sizeof(result.info.description),
      "%s, %s, %u %s, %.0f GiB, %s %s", model, result.info.architecture,
      result.info.compute_units, cuda ? "multiprocessors" : "compute units",
      double(memory) / double(1u << 30), api.vendor(), api.version().c_str());
  return Status();
}

Status enumerate(bool cuda, std::vector<hipfuse_rt_device_info> &infos) {
  // Without a library that works there are no devices; who opens one is told
  // why.
  const HipLibrary *api = nullptr;
  int count = 0;
  if (!HipLibrary::open(cuda, nullptr, api).ok() ||
      !api->countDevices(count).ok())
    return Status();
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    HipDescription description;
    int device = 0;
    if (describe(*api, ordinal, device, description).ok())
      infos.push_back(description.info);
  }
  return Status();
}

Status openGpu(bool cuda, const char *name, const char *options,
               const char *library, std::shared_ptr<Device> &device) {
  int ordinal = 0;
  if (options) {
    const char *end = options + std::strlen(options);
    auto [rest, error] = std::from_chars(options, end, ordinal);
    if (error != std::errc() || rest != end || ordinal < 0)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "device '%s': expected %s:n with the number n of a "
                           "device, counted from 0",
                           name, cuda ? "cuda" : "hip");
  }
  return HipDevice::open(cuda, ordinal, library, device);
}

} // namespace

const DeviceDriver hipfuse::rt::hipDriver = {
    "hip",
    [](std::vector<hipfuse_rt_device_info> &infos) {
      return enumerate(/*cuda=*/false, infos);
    },
    [](const char *name, const char *options, const char *library,
       std::shared_ptr<Device> &device) {
      return openGpu(/*cuda=*/false, name, options, library, device);
    }};

const DeviceDriver hipfuse::rt::cudaDriver = {
    "cuda",
    [](std::vector<hipfuse_rt_device_info> &infos) {
      return enumerate(/*cuda=*/true, infos);
    },
    [](const char *name, const char *options, const char *library,
       std::shared_ptr<Device> &device) {
      return openGpu(/*cuda=*/true, name, options, library, device);
    }};

Status HipDevice::open(bool cuda, int ordinal, const char *libraryPath,
                       std::shared_ptr<Device> &result) {
  const HipLibrary *api = nullptr;
  HIPFUSE_RT_RETURN_IF_ERROR(HipLibrary::open(cuda, libraryPath, api));
  int count = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(api->countDevices(count));
  if (ordinal >= count)
    return Status::error(
        HIPFUSE_RT_NOT_FOUND, "no device '%s:%d'; there %s %d %s device%s",
        cuda ? "cuda" : "hip", ordinal, count == 1 ? "is" : "are", count,
        api->vendor(), count == 1 ? "" : "s");
  HipDescription description;
  int handle = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(describe(*api, ordinal, handle, description));
  std::shared_ptr<HipDevice> device(
      new HipDevice(*api, description.info, handle));
  device->deviceLimits = description.limits;
  device->capability = description.capability;
  if (cuda)
    HIPFUSE_RT_RETURN_IF_ERROR(
        api->check(api->cuDevicePrimaryCtxRetain(&device->context, handle),
                   "cannot open device '%s'", device->name()));
  result = std::move(device);
  return Status();
}

HipDevice::~HipDevice() {
  if (context)
    library.cuDevicePrimaryCtxRelease_v2(ordinal);
}

HipDevice::Scope::Scope(const HipDevice &device) : device(device) {
  const HipLibrary &api = device.library;
  if (api.isCuda()) {
    switchResult = api.cuCtxGetCurrent(&previousContext);
    if (switchResult != hipSuccess || previousContext == device.context)
      return;
    switchResult = api.cuCtxSetCurrent(device.context);
  } else {
    switchResult = api.hipGetDevice(&previousDevice);
    if (switchResult != hipSuccess || previousDevice == device.ordinal)
      return;
    switchResult = api.hipSetDevice(device.ordinal);
  }
  switched = switchResult == hipSuccess;
}

HipDevice::Scope::~Scope() {
  if (!switched)
    return;
  if (device.library.isCuda())
    device.library.cuCtxSetCurrent(previousContext);
  else
    device.library.hipSetDevice(previousDevice);
}

/// Makes the device the thread's until the end of the block, or returns.
#define HIPFUSE_RT_ON_DEVICE()                                                 \
  Scope scope(*this);                                                          \
  HIPFUSE_RT_RETURN_IF_ERROR(                                                  \
      library.check(scope.result(), "cannot use device '%s'", name()))

//===----------------------------------------------------------------------===//
// Memory and streams
//===----------------------------------------------------------------------===//

Status HipDevice::prepare(const hipfuse_rt_module_desc &module,
                          std::unique_ptr<Program> &program) {
  HIPFUSE_RT_ON_DEVICE();
  return HipProgram::create(*this, module, program);
}

Status HipDevice::allocate(uint64_t size, void *&memory) {
  HIPFUSE_RT_ON_DEVICE();
  void *allocated = nullptr;
  int result = library.hipMalloc(&allocated, size);
  if (result == hipErrorOutOfMemory && library.hipMemGetInfo) {
    size_t free = 0, total = 0;
    if (library.hipMemGetInfo(&free, &total) == hipSuccess)
      return library.check(result,
                           "cannot allocate %" PRIu64
                           " bytes on device '%s', which has %zu of %zu free",
                           size, name(), free, total);
  }
  HIPFUSE_RT_RETURN_IF_ERROR(
      library.check(result, "cannot allocate %" PRIu64 " bytes on device '%s'",
                    size, name()));
  memory = allocated;
  return Status();
}

Status HipDevice::free(void *memory) {
  HIPFUSE_RT_ON_DEVICE();
  return library.check(library.hipFree(memory),
                       "cannot free memory of device '%s'", name());
}

Status HipDevice::copyTo(void *to, const void *from, uint64_t size) {
  HIPFUSE_RT_ON_DEVICE();
  int result = library.hipMemcpyHtoD(to, from, size);
  // The copy of pageable memory may return when the source has been read, so
  // that other streams would not see its end.
  if (result == hipSuccess)
    result = library.hipStreamSynchronize(nullptr);
  return library.check(result, "cannot copy %" PRIu64 " bytes to device '%s'",
                       size, name());
}

Status HipDevice::copyFrom(void *to, const void *from, uint64_t size) {
  HIPFUSE_RT_ON_DEVICE();
  return library.check(library.hipMemcpyDtoH(to, from, size),
                       "cannot copy %" PRIu64 " bytes from device '%s'", size,
                       name());
}

Status HipDevice::fill(void *to, uint8_t value, uint64_t size) {
  HIPFUSE_RT_ON_DEVICE();
  int result = library.hipMemsetD8(to, value, size);
  if (result == hipSuccess)
    result = library.hipStreamSynchronize(nullptr);
  return library.check(result, "cannot fill %" PRIu64 " bytes of device '%s'",
                       size, name());
}

Status HipDevice::createStream(void *&stream) {
  HIPFUSE_RT_ON_DEVICE();
  // Does not wait for the default stream, in HIP's and CUDA's numbering.
  constexpr unsigned nonBlocking = 1;
  void *created = nullptr;
  HIPFUSE_RT_RETURN_IF_ERROR(
      library.check(library.hipStreamCreateWithFlags(&created, nonBlocking),
                    "cannot create a stream on device '%s'", name()));
  stream = created;
  return Status();
}

Status HipDevice::destroyStream(void *stream) {
  HIPFUSE_RT_ON_DEVICE();
  return library.check(library.hipStreamDestroy(stream),
                       "cannot destroy a stream of device '%s'", name());
}

Status HipDevice::synchronize(void *stream) {
  HIPFUSE_RT_ON_DEVICE();
  return library.check(library.hipStreamSynchronize(stream),
                       "the work of a stream of device '%s' failed", name());
}

Status HipDevice::copy(void *stream, void *to, const void *from,
                       uint64_t size) {
  HIPFUSE_RT_ON_DEVICE();
  return library.check(library.hipMemcpyDtoDAsync(to, from, size, stream),
                       "cannot copy %" PRIu64 " bytes within device '%s'", size,
                       name());
}

//===----------------------------------------------------------------------===//
// Graphs and events
//===----------------------------------------------------------------------===//

namespace {

class HipGraph final : public Graph {
public:
  HipGraph(HipDevice &device, void *executable)
      : device(device), executable(executable) {}
  ~HipGraph() override {
    HipDevice::Scope scope(device);
    device.api().hipGraphExecDestroy(executable);
  }

  Status launch(void *stream) override {
    HipDevice::Scope scope(device);
    int result = scope.result();
    if (result == hipSuccess)
      result = device.api().hipGraphLaunch(executable, stream);
    return device.api().check(result, "cannot launch a graph on device '%s'",
                              device.name());
  }

private:
  HipDevice &device;
  void *executable;
};

class HipEvent final : public Event {
public:
  HipEvent(HipDevice &device, void *event) : device(device), event(event) {}
  ~HipEvent() override {
    HipDevice::Scope scope(device);
    device.api().hipEventDestroy(event);
  }

  Status record(void *stream) override {
    HipDevice::Scope scope(device);
    HIPFUSE_RT_RETURN_IF_ERROR(
        device.checkNotCapturing(stream, "an event cannot be recorded"));
    int result = scope.result();
    if (result == hipSuccess)
      result = device.api().hipEventRecord(event, stream);
    recorded = recorded || result == hipSuccess;
    return device.api().check(result, "cannot record an event on device '%s'",
                              device.name());
  }

  Status elapsed(Event &end, double &milliseconds) override {
    auto &last = static_cast<HipEvent &>(end);
    if (!recorded || !last.recorded)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "an event has not been recorded");
    HipDevice::Scope scope(device);
    const HipLibrary &api = device.api();
    float time = 0;
    int result = scope.result();
    for (void *each : {event, last.event})
      if (result == hipSuccess)
        result = api.hipEventSynchronize(each);
    if (result == hipSuccess)
      result = api.hipEventElapsedTime(&time, event, last.event);
    HIPFUSE_RT_RETURN_IF_ERROR(
        api.check(result, "the work before an event of device '%s' failed",
                  device.name()));
    milliseconds = time;
    return Status();
  }

private:
  HipDevice &device;
  void *event;
  std::atomic<bool> recorded{false};
};

} // namespace

Status HipDevice::checkNotCapturing(void *stream, const char *what) const {
  int status = 0;
  if (stream)
    HIPFUSE_RT_RETURN_IF_ERROR(
        library.check(library.hipStreamIsCapturing(stream, &status),
                      "cannot use a stream of device '%s'", name()));
  if (status != 0)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "%s while its stream captures", what);
  return Status();
}

Status HipDevice::beginCapture(void *stream) {
  HIPFUSE_RT_ON_DEVICE();
  int status = 0;
  if (library.hipStreamIsCapturing(stream, &status) == hipSuccess &&
      status != 0)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "the stream captures already");
  // Other threads may go on allocating and waiting, in HIP's and CUDA's
  // numbering.
  constexpr int threadLocal = 1;
  return library.check(library.hipStreamBeginCapture(stream, threadLocal),
                       "cannot capture a stream of device '%s'", name());
}

Status HipDevice::endCapture(void *stream, std::unique_ptr<Graph> &graph) {
  HIPFUSE_RT_ON_DEVICE();
  int status = 0;
  if (library.hipStreamIsCapturing(stream, &status) == hipSuccess &&
      status == 0)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "the stream does not capture");
  void *captured = nullptr;
  HIPFUSE_RT_RETURN_IF_ERROR(
      library.check(library.hipStreamEndCapture(stream, &captured),
                    "the capture of a stream of device '%s' failed", name()));
  void *executable = nullptr;
  int result = library.hipGraphInstantiateWithFlags(&executable, captured, 0);
  if (captured)
    library.hipGraphDestroy(captured);
  HIPFUSE_RT_RETURN_IF_ERROR(library.check(
      result, "cannot make a graph of what device '%s' captured", name()));
  graph = std::make_unique<HipGraph>(*this, executable);
  return Status();
}

Status HipDevice::createEvent(std::unique_ptr<Event> &event) {
  HIPFUSE_RT_ON_DEVICE();
  void *created = nullptr;
  HIPFUSE_RT_RETURN_IF_ERROR(
      library.check(library.hipEventCreateWithFlags(&created, 0),
                    "cannot create an event on device '%s'", name()));
  event = std::make_unique<HipEvent>(*this, created);
  return Status();
}
