//===-- device.h - What every kind of device implements ------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_DEVICE_H
#define HIPFUSE_RT_SRC_DEVICE_H

#include "hipfuse-rt/artifact.h"
#include "hipfuse-rt/device.h"
#include "status.h"
#include "trace.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hipfuse::rt {

/// What workspaces and device memory are aligned to.
constexpr uint64_t memoryAlignment = 256;

/// What the buffers of a GPU's calls are aligned to: its kernels access 16
/// bytes at a time.
constexpr uint64_t kernelAlignment = 16;

/// A module made ready to run on one device. It borrows the module's
/// descriptor and its device, both of which outlive it. Functions are named by
/// number; `data` and `dims` are laid out as hipfuse_rt_host_fn takes them, and
/// valid.
class Program {
public:
  virtual ~Program();

  /// What buffers must be aligned to beyond the size of their elements.
  virtual uint64_t bufferAlignment() const { return 1; }

  /// Can the function run on the device? If not, the message says why.
  virtual Status check(uint32_t index) = 0;

  /// The workspace that a launch with `dims` needs, in bytes. `data` is room
  /// for as many pointers as a launch takes, all null.
  virtual Status workspaceSize(uint32_t index, void *const *data,
                               const int64_t *dims, uint64_t &size) = 0;

  /// Enqueues the function. The workspace is large enough and aligned.
  virtual Status launch(uint32_t index, void *stream, void *workspace,
                        uint64_t workspaceSize, void *const *data,
                        size_t numData, const int64_t *dims,
                        size_t numDims) = 0;

  /// Runs the function and returns when it has finished.
  virtual Status call(uint32_t index, void *const *data, size_t numData,
                      const int64_t *dims, size_t numDims) = 0;
};

/// Launches that were recorded, to be repeated.
class Graph {
public:
  virtual ~Graph();
  virtual Status launch(void *stream) = 0;
};

/// A point in time of a stream.
class Event {
public:
  virtual ~Event();
  virtual Status record(void *stream) = 0;
  /// `end` is of the same device.
  virtual Status elapsed(Event &end, double &milliseconds) = 0;
};

/// A device that artefacts run on. All members may be called from any thread;
/// hipfuse-rt/device.h says what they do.
class Device {
public:
  explicit Device(const hipfuse_rt_device_info &info) : deviceInfo(info) {}
  virtual ~Device();

  const hipfuse_rt_device_info &info() const { return deviceInfo; }
  const char *name() const { return deviceInfo.name; }
  Trace &trace() { return deviceTrace; }

  /// Adds a remark to the description, as far as there is room.
  void addRemark(const std::string &remark);

  virtual Status prepare(const hipfuse_rt_module_desc &module,
                         std::unique_ptr<Program> &program) = 0;

  virtual Status allocate(uint64_t size, void *&memory) = 0;
  virtual Status free(void *memory) = 0;
  virtual Status copyTo(void *to, const void *from, uint64_t size) = 0;
  virtual Status copyFrom(void *to, const void *from, uint64_t size) = 0;
  virtual Status fill(void *to, uint8_t value, uint64_t size) = 0;

  virtual Status createStream(void *&stream) = 0;
  virtual Status destroyStream(void *stream) = 0;
  virtual Status synchronize(void *stream) = 0;
  virtual Status copy(void *stream, void *to, const void *from,
                      uint64_t size) = 0;

  virtual Status beginCapture(void *stream) = 0;
  virtual Status endCapture(void *stream, std::unique_ptr<Graph> &graph) = 0;
  virtual Status createEvent(std::unique_ptr<Event> &event) = 0;

private:
  hipfuse_rt_device_info deviceInfo;
  Trace deviceTrace;
};

/// One kind of device; there is one constant object per kind, listed in
/// device.cpp.
struct DeviceDriver {
  /// What a device's name starts with, up to the first colon.
  const char *name;
  /// Appends the devices of this kind.
  Status (*enumerate)(std::vector<hipfuse_rt_device_info> &infos);
  /// Opens a device. `name` is the whole name; `options` is what follows the
  /// first colon, null without one. `library` is the vendor library to use, or
  /// null.
  Status (*open)(const char *name, const char *options, const char *library,
                 std::shared_ptr<Device> &device);
};

/// Lists the devices of all kinds.
Status enumerateDevices(std::vector<hipfuse_rt_device_info> &infos);

/// Opens the device `name` with the driver that the name asks for.
Status openDevice(const char *name, const char *library,
                  std::shared_ptr<Device> &device);

/// Copies as much of `text` as there is room for into an array of an info.
template <size_t n>
void setText(char (&to)[n], const std::string &text) {
  to[text.copy(to, n - 1)] = '\0';
}

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_DEVICE_H
