//===-- handles.h - What the handles of the C API stand for --- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HANDLES_H
#define HIPFUSE_RT_SRC_HANDLES_H

#include "artifact.h"
#include "device.h"
#include "hipfuse-rt/runtime.h"
#include "status.h"

#include <memory>
#include <vector>

struct hipfuse_rt_device {
  std::shared_ptr<hipfuse::rt::Device> device;
};

struct hipfuse_rt_graph {
  // In the order of use: the graph borrows from its device.
  std::shared_ptr<hipfuse::rt::Device> device;
  std::unique_ptr<hipfuse::rt::Graph> graph;
};

struct hipfuse_rt_event {
  std::shared_ptr<hipfuse::rt::Device> device;
  std::unique_ptr<hipfuse::rt::Event> event;
};

struct hipfuse_rt_function {
  const hipfuse_rt_function_desc *desc;
  hipfuse::rt::Device *device;
  hipfuse::rt::Program *program;
  uint32_t index;
};

struct hipfuse_rt_module {
  // In the order of use: the program borrows from both above it.
  std::shared_ptr<hipfuse::rt::Device> device;
  hipfuse::rt::Artifact artifact;
  std::unique_ptr<hipfuse::rt::Program> program;
  std::vector<hipfuse_rt_function> functions;
};

namespace hipfuse::rt {

/// The failure of a call whose argument of that name is null.
Status nullArgument(const char *call, const char *argument);

} // namespace hipfuse::rt

#define HIPFUSE_RT_REQUIRE(argument)                                           \
  do {                                                                         \
    if (!(argument))                                                           \
      return ::hipfuse::rt::nullArgument(__func__, #argument).release();       \
  } while (false)

#endif // HIPFUSE_RT_SRC_HANDLES_H
