//===-- device.cpp - What every kind of device implements -----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "device.h"

#include "hip/hip_device.h"
#include "host/host_device.h"

#include <cstring>

using namespace hipfuse::rt;

namespace {
/// In the order in which devices are listed.
constexpr const DeviceDriver *drivers[] = {&hostDriver, &hipDriver,
                                           &cudaDriver};

/// Opens the first kind of GPU that can be opened, otherwise the host, and says
/// in its description why it is none of the kinds before it.
Status openAny(const char *library, std::shared_ptr<Device> &device) {
  if (library)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "device 'auto' takes no library, found '%s'", library);
  std::string reasons;
  for (const DeviceDriver *driver : {&hipDriver, &cudaDriver, &hostDriver}) {
    Status status = driver->open(driver->name, /*options=*/nullptr,
                                 /*library=*/nullptr, device);
    if (status.ok() && !reasons.empty())
      device->addRemark(reasons);
    if (status.ok() || driver == &hostDriver)
      return status;
    reasons += (reasons.empty() ? "not " : "; not ") +
               std::string(driver->name) + ": " + status.message();
  }
  return Status();
}
} // namespace

Program::~Program() = default;
Graph::~Graph() = default;
Event::~Event() = default;
Device::~Device() = default;

void Device::addRemark(const std::string &remark) {
  setText(deviceInfo.description,
          std::string(deviceInfo.description) + "; " + remark);
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
  if (std::strcmp(name, "auto") == 0)
    return openAny(library, device);
  return Status::error(HIPFUSE_RT_NOT_FOUND,
                       "unknown device '%s'; this runtime has: %s, auto", name,
                       known.c_str());
}
