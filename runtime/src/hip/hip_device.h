//===-- hip_device.h - GPUs, through the functions of HIP ----- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HIP_HIP_DEVICE_H
#define HIPFUSE_RT_SRC_HIP_HIP_DEVICE_H

#include "device.h"
#include "hip/hip_library.h"

namespace hipfuse::rt {

/// "hip:n", AMD's GPUs, and "cuda:n", NVIDIA's.
extern const DeviceDriver hipDriver;
extern const DeviceDriver cudaDriver;

/// What kernels may ask of a device.
struct HipLimits {
  uint32_t blockThreads = 0;
  /// Bytes of local memory per block, static and dynamic together.
  uint32_t lds = 0;
};

class HipDevice final : public Device {
public:
  static Status open(bool cuda, int ordinal, const char *library,
                     std::shared_ptr<Device> &device);
  ~HipDevice() override;

  const HipLibrary &api() const { return library; }
  const HipLimits &limits() const { return deviceLimits; }

  /// Compute capability of NVIDIA's: 90 for 9.0.
  int computeCapability() const { return capability; }

  /// Makes the device the calling thread's for as long as this object lives,
  /// and the one that it was before then: an application's own calls must not
  /// see a difference.
  class Scope {
  public:
    explicit Scope(const HipDevice &device);
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
    ~Scope();
    /// The vendor's result of making it the thread's.
    int result() const { return switchResult; }

  private:
    const HipDevice &device;
    int switchResult = hipSuccess;
    bool switched = false;
    int previousDevice = 0;
    void *previousContext = nullptr;
  };

  Status prepare(const hipfuse_rt_module_desc &module,
                 std::unique_ptr<Program> &program) override;

  Status allocate(uint64_t size, void *&memory) override;
  Status free(void *memory) override;
  Status copyTo(void *to, const void *from, uint64_t size) override;
  Status copyFrom(void *to, const void *from, uint64_t size) override;
  Status fill(void *to, uint8_t value, uint64_t size) override;
  Status createStream(void *&stream) override;
  Status destroyStream(void *stream) override;
  Status synchronize(void *stream) override;
  Status copy(void *stream, void *to, const void *from, uint64_t size) override;
  Status beginCapture(void *stream) override;
  Status endCapture(void *stream, std::unique_ptr<Graph> &graph) override;
  Status createEvent(std::unique_ptr<Event> &event) override;

  /// Fails if the stream captures.
  Status checkNotCapturing(void *stream, const char *what) const;

private:
  HipDevice(const HipLibrary &library, const hipfuse_rt_device_info &info,
            int ordinal)
      : Device(info), library(library), ordinal(ordinal) {}

  const HipLibrary &library;
  const int ordinal;
  HipLimits deviceLimits;
  int capability = 0;
  /// The primary context of a CUDA device, which is retained; null on HIP.
  void *context = nullptr;
};

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_HIP_HIP_DEVICE_H
