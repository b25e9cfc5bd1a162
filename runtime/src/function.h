//===-- function.h - Validate and run the call of a function -- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_FUNCTION_H
#define HIPFUSE_RT_SRC_FUNCTION_H

#include "hipfuse-rt/artifact.h"
#include "hipfuse-rt/runtime.h"
#include "status.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hipfuse::rt {

/// A validated call: what hipfuse_rt_host_fn takes.
struct CallFrame {
  std::vector<void *> data;
  std::vector<int64_t> dims;
};

/// Checks types and shapes of the arguments and computes all dimensions of all
/// results.
Status inferShapes(const hipfuse_rt_function_desc &function, size_t numArgs,
                   const hipfuse_rt_tensor *args, std::vector<int64_t> &argDims,
                   std::vector<int64_t> &resultDims);

/// Checks everything about a call and lays its buffers and dimensions out.
Status buildCallFrame(const hipfuse_rt_function_desc &function, size_t numArgs,
                      const hipfuse_rt_tensor *args, size_t numResults,
                      const hipfuse_rt_tensor *results, CallFrame &frame);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_FUNCTION_H
