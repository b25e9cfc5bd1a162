//===-- Program.cpp - A function on a device, and its buffers -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include "Arguments.h"
#include "Listing.h"

using namespace hipfuse::tools;

//===----------------------------------------------------------------------===//
// Program
//===----------------------------------------------------------------------===//

Program::Program(const CommonOptions &options) : options(options) {
  open(options.device);
  if (options.device == "auto")
    choiceText = std::string(info().name) + ": " + info().description;
}

void Program::open(const std::string &name) {
  chosen = nullptr;
  loadedModule.reset();
  hipfuse_rt_device_t *device = nullptr;
  check(hipfuse_rt_device_open(name.c_str(), &device));
  openedDevice.reset(device);
  hipfuse_rt_module_t *module = nullptr;
  check(hipfuse_rt_module_load(device, options.artifact.c_str(), &module));
  loadedModule.reset(module);
}

void Program::selectFunction() { chosen = findEntry(module(), options.entry); }

void Program::prepare(std::vector<Tensor> &args) {
  std::vector<hipfuse_rt_tensor> views;
  for (Tensor &arg : args)
    views.push_back(arg.view());
  hipfuse_rt_status_t status = hipfuse_rt_function_workspace_size(
      chosen, views.size(), views.data(), &workspaceBytes);
  bool isHost = info().kind == HIPFUSE_RT_DEVICE_HOST;
  if (status && options.device == "auto" && !isHost &&
      hipfuse_rt_status_get_code(status) == HIPFUSE_RT_UNIMPLEMENTED) {
    std::string reason = hipfuse_rt_status_get_message(status);
    hipfuse_rt_status_free(status);
    open("host");
    choiceText = std::string(info().name) + ": " + info().description +
                 "; not " + choiceText + ": " + reason;
    selectFunction();
    return prepare(args);
  }
  check(status);
}

//===----------------------------------------------------------------------===//
// DeviceMemory
//===----------------------------------------------------------------------===//

DeviceMemory::DeviceMemory(hipfuse_rt_device_t *device, uint64_t size)
    : device(device) {
  check(hipfuse_rt_device_allocate(device, size, &memory));
}

DeviceMemory::~DeviceMemory() {
  // What fails here has failed, and been reported, before.
  if (memory)
    hipfuse_rt_status_free(hipfuse_rt_device_free(device, memory));
}

//===----------------------------------------------------------------------===//
// CallBuffers
//===----------------------------------------------------------------------===//

CallBuffers::CallBuffers(const Program &program,
                         const std::vector<Tensor> &hostArgs,
                         const std::vector<std::vector<int64_t>> &shapes)
    : program(program), resultShapes(shapes) {
  for (const Tensor &arg : hostArgs)
    argShapes.push_back(arg.dims());
  for (size_t i = 0; i < hostArgs.size(); ++i)
    add(args, hostArgs[i], argShapes[i]);
  const hipfuse_rt_function_desc &desc = program.desc();
  for (uint32_t i = 0; i < desc.n_results; ++i) {
    if (desc.results[i].tied_arg >= 0) {
      results.push_back({});
      continue;
    }
    Tensor poisoned(nameOf("result", i, desc.results[i]), desc.results[i].dtype,
                    resultShapes[i]);
    poison(poisoned);
    add(results, poisoned, resultShapes[i]);
  }
  if (uint64_t size = program.workspaceSize()) {
    memory.emplace_back(program.device(), size);
    workspace = memory.back().get();
    check(hipfuse_rt_device_fill(program.device(), workspace, 0xA5, size));
  }
}

void CallBuffers::add(std::vector<hipfuse_rt_tensor> &views,
                      const Tensor &contents,
                      const std::vector<int64_t> &dims) {
  memory.emplace_back(program.device(), contents.size());
  void *data = memory.back().get();
  if (contents.size())
    check(hipfuse_rt_device_copy_to(program.device(), data, contents.data(),
                                    contents.size()));
  views.push_back({data, contents.size(), contents.dtype(),
                   static_cast<int32_t>(dims.size()), dims.data()});
  totalSize += contents.size();
}

void CallBuffers::call() {
  check(hipfuse_rt_function_call(program.function(), args.size(), args.data(),
                                 results.size(), results.data()));
}

void CallBuffers::launch(void *stream) {
  check(hipfuse_rt_function_launch(
      program.function(), stream, workspace, program.workspaceSize(),
      args.size(), args.data(), results.size(), results.data()));
}

void CallBuffers::upload(size_t index, const Tensor &arg) {
  if (arg.size())
    check(hipfuse_rt_device_copy_to(program.device(), args[index].data,
                                    arg.data(), arg.size()));
}

Tensor CallBuffers::download(size_t index) const {
  const hipfuse_rt_tensor_desc &desc = program.desc().results[index];
  const hipfuse_rt_tensor &source =
      desc.tied_arg >= 0 ? args[desc.tied_arg] : results[index];
  Tensor tensor(nameOf("result", index, desc), source.dtype,
                {source.dims, source.dims + source.rank});
  if (tensor.size())
    check(hipfuse_rt_device_copy_from(program.device(), tensor.data(),
                                      source.data, tensor.size()));
  return tensor;
}
