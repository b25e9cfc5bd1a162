//===-- Runtime.h - Owners for the runtime's objects ---------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_RUNTIME_H
#define HIPFUSE_TOOLS_COMMON_RUNTIME_H

#include "Element.h"

#include "hipfuse-rt/runtime.h"

#include <memory>
#include <string>

namespace hipfuse::tools {

/// Throws the failure of a runtime call as an Error.
inline void check(hipfuse_rt_status_t status) {
  if (!status)
    return;
  std::string message = hipfuse_rt_status_get_message(status);
  hipfuse_rt_status_free(status);
  throw Error(message);
}

struct Closer {
  void operator()(hipfuse_rt_device_t *device) const {
    hipfuse_rt_device_close(device);
  }
  void operator()(hipfuse_rt_module_t *module) const {
    hipfuse_rt_module_close(module);
  }
  void operator()(hipfuse_rt_graph_t *graph) const {
    hipfuse_rt_graph_destroy(graph);
  }
  void operator()(hipfuse_rt_event_t *event) const {
    hipfuse_rt_event_destroy(event);
  }
};
using Device = std::unique_ptr<hipfuse_rt_device_t, Closer>;
using Module = std::unique_ptr<hipfuse_rt_module_t, Closer>;
using Graph = std::unique_ptr<hipfuse_rt_graph_t, Closer>;
using Event = std::unique_ptr<hipfuse_rt_event_t, Closer>;

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_RUNTIME_H
