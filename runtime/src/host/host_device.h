//===-- host_device.h - Devices that run host code ------------ -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HOST_HOST_DEVICE_H
#define HIPFUSE_RT_SRC_HOST_HOST_DEVICE_H

#include "device.h"

namespace hipfuse::rt {

/// "host" and "host:N": the CPU that the process runs on.
extern const DeviceDriver hostDriver;

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_HOST_HOST_DEVICE_H
