//===-- Program.h - A function on a device, and its buffers -----*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_PROGRAM_H
#define HIPFUSE_TOOLS_COMMON_PROGRAM_H

#include "CommandLine.h"
#include "Runtime.h"
#include "Tensor.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hipfuse::tools {

/// An artefact loaded on a device, and the function to run.
class Program {
public:
  /// Opens the device that the options name and loads their artefact.
  explicit Program(const CommonOptions &options);

  /// Takes the function that the options name, without which a program can be
  /// listed only.
  void selectFunction();

  /// Finds out how much workspace a call with these arguments needs, and that
  /// the artefact has code for the device. Where the device was left to be
  /// chosen ("auto") and there is no code for it, the host takes its place.
  void prepare(std::vector<Tensor> &args);

  hipfuse_rt_device_t *device() const { return openedDevice.get(); }
  const hipfuse_rt_device_info &info() const {
    return *hipfuse_rt_device_get_info(device());
  }
  const hipfuse_rt_module_t *module() const { return loadedModule.get(); }
  const hipfuse_rt_function_t *function() const { return chosen; }
  const hipfuse_rt_function_desc &desc() const {
    return *hipfuse_rt_function_get_desc(chosen);
  }
  uint64_t workspaceSize() const { return workspaceBytes; }

  /// For a device that was left to be chosen, which it is and why: one line.
  /// Empty for others.
  const std::string &choice() const { return choiceText; }

private:
  void open(const std::string &name);

  const CommonOptions &options;
  // In this order: a module is closed before its device.
  Device openedDevice;
  Module loadedModule;
  const hipfuse_rt_function_t *chosen = nullptr;
  uint64_t workspaceBytes = 0;
  std::string choiceText;
};

/// Memory of a device.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(hipfuse_rt_device_t *device, uint64_t size);
  DeviceMemory(DeviceMemory &&other) noexcept
      : device(other.device), memory(std::exchange(other.memory, nullptr)) {}
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    std::swap(device, other.device);
    std::swap(memory, other.memory);
    return *this;
  }
  ~DeviceMemory();

  void *get() const { return memory; }

private:
  hipfuse_rt_device_t *device = nullptr;
  void *memory = nullptr;
};

/// The buffers of one call in the device's memory.
class CallBuffers {
public:
  /// Copies the arguments to the device and poisons the results.
  CallBuffers(const Program &program, const std::vector<Tensor> &args,
              const std::vector<std::vector<int64_t>> &resultShapes);

  /// Calls the function and waits for it.
  void call();

  /// Enqueues the function on a stream, in a workspace of its own.
  void launch(void *stream);

  /// Copies an argument to the device again.
  void upload(size_t index, const Tensor &arg);

  /// Result `index`, or the argument that holds it, as it is on the device.
  Tensor download(size_t index) const;

  /// Bytes of all arguments and of all results that are in no argument.
  uint64_t size() const { return totalSize; }

private:
  void add(std::vector<hipfuse_rt_tensor> &views, const Tensor &contents,
           const std::vector<int64_t> &dims);

  const Program &program;
  std::vector<DeviceMemory> memory;
  std::vector<std::vector<int64_t>> argShapes;
  std::vector<std::vector<int64_t>> resultShapes;
  std::vector<hipfuse_rt_tensor> args;
  std::vector<hipfuse_rt_tensor> results;
  void *workspace = nullptr;
  uint64_t totalSize = 0;
};

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_PROGRAM_H
