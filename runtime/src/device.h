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
#include "hipfuse-rt/runtime.h"
#include "status.h"

#include <memory>
#include <string>
#include <vector>

namespace hipfuse::rt {

/// A module made ready to run on one device. It borrows the module's
/// descriptor and its device, both of which outlive it.
class Program {
public:
  virtual ~Program();

  /// Runs function number `index` and returns when it has finished. `data` and
  /// `dims` are laid out as hipfuse_rt_host_fn takes them and are valid.
  virtual Status call(uint32_t index, void *const *data,
                      const int64_t *dims) = 0;
};

/// A device that artefacts run on. All members may be called from any thread.
class Device {
public:
  explicit Device(std::string name) : deviceName(std::move(name)) {}
  virtual ~Device();

  const std::string &name() const { return deviceName; }

  virtual Status prepare(const hipfuse_rt_module_desc &module,
                         std::unique_ptr<Program> &program) = 0;

private:
  std::string deviceName;
};

/// One kind of device; there is one constant object per folder beside this
/// file, listed in device.cpp.
struct DeviceDriver {
  /// What a device's name starts with, up to the first colon.
  const char *name;
  /// Appends the devices of this kind.
  Status (*enumerate)(std::vector<hipfuse_rt_device_info> &infos);
  /// Opens a device. `name` is the whole name; `options` is what follows the
  /// first colon, null without one.
  Status (*open)(const char *name, const char *options,
                 std::shared_ptr<Device> &device);
};

/// Lists the devices of all kinds.
Status enumerateDevices(std::vector<hipfuse_rt_device_info> &infos);

/// Opens the device `name` with the driver that the name asks for.
Status openDevice(const char *name, std::shared_ptr<Device> &device);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_DEVICE_H
