//===-- device.cpp - What every kind of device implements -----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "device.h"

#include "host/host_device.h"

#include <cstring>

using namespace hipfuse::rt;

namespace {
/// In the order in which devices are listed.
constexpr const DeviceDriver *drivers[] = {&hostDriver};
} // namespace

Program::~Program() = default;
Graph::~Graph() = default;
Event::~Event() = default;
Device::~Device() = default;

void Device::describe(const std::string &sentence) {
  setText(deviceInfo.description,
          std::string(deviceInfo.description) + "; " + sentence);
}

Status
hipfuse::rt::enumerateDevices(std::vector<hipfuse_rt_device_info> &infos) {
  for (const DeviceDriver *driver : drivers)
    HIPFUSE_RT_RETURN_IF_ERROR(driver->enumerate(infos));
  return Status();
}

Status hipfuse::rt::openDevice(const char *name, const char *library,
                               std::shared_ptr<Device> &device) {
  const char *colon = std::strchr(name, ':');
  std::string kind = colon ? std::string(name, colon) : std::string(name);
  std::string known;
  for (const DeviceDriver *driver : drivers) {
    if (kind == driver->name)
      return driver->open(name, colon ? colon + 1 : nullptr, library, device);
    known += known.empty() ? "" : ", ";
    known += driver->name;
  }
  return Status::error(HIPFUSE_RT_NOT_FOUND,
                       "unknown device '%s'; this runtime has: %s", name,
                       known.c_str());
}
