//===-- hip_program.h - A module's kernels, loaded on a GPU --- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HIP_HIP_PROGRAM_H
#define HIPFUSE_RT_SRC_HIP_HIP_PROGRAM_H

#include "device.h"
#include "hip/hip_device.h"

#include <mutex>
#include <string>
#include <vector>

namespace hipfuse::rt {

/// A module on a GPU: the code object for the device's architecture, loaded
/// once, and its kernels' handles. Without code for the device, it is empty and
/// says so when a function is called.
class HipProgram final : public Program {
public:
  /// The device is the calling thread's.
  static Status create(HipDevice &device, const hipfuse_rt_module_desc &module,
                       std::unique_ptr<Program> &program);
  ~HipProgram() override;

  uint64_t bufferAlignment() const override { return kernelAlignment; }
  Status check(uint32_t index) override;
  Status workspaceSize(uint32_t index, void *const *data, const int64_t *dims,
                       uint64_t &size) override;
  Status launch(uint32_t index, void *stream, void *workspace,
                uint64_t workspaceSize, void *const *data, size_t numData,
                const int64_t *dims, size_t numDims) override;
  Status call(uint32_t index, void *const *data, size_t numData,
              const int64_t *dims, size_t numDims) override;

private:
  class Launcher;

  HipProgram(HipDevice &device, const hipfuse_rt_module_desc &module)
      : device(device), module(module) {}

  std::vector<const hipfuse_rt_code_object *> findCodeObjects() const;
  Status
  loadFirst(const std::vector<const hipfuse_rt_code_object *> &candidates);
  Status validate() const;
  Status load();
  Status loadText();
  Status findKernels();
  std::string targets(uint32_t index) const;
  Status run(uint32_t index, Launcher &launcher, void *const *data,
             const int64_t *dims) const;

  HipDevice &device;
  const hipfuse_rt_module_desc &module;
  const hipfuse_rt_code_object *object = nullptr;
  void *loaded = nullptr;
  /// One per kernel of the code object.
  std::vector<void *> kernels;
  /// One per function; null where there is none for the code object's target.
  std::vector<hipfuse_rt_launch_fn> launchFunctions;

  /// The workspace of call(), held while a call runs.
  std::mutex mutex;
  void *workspace = nullptr;
  uint64_t workspaceCapacity = 0;
};

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_HIP_HIP_PROGRAM_H
