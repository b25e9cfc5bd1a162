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

/// The bytes of a buffer, for the check that nothing overlaps what is written.
struct Extent {
  uintptr_t begin;
  uintptr_t end;
  bool written;
  bool isResult;
  size_t index;
};

/// A validated call, and the memory that validating it takes: a frame that is
/// used again allocates only if it has to grow.
struct CallFrame {
  /// What hipfuse_rt_host_fn takes.
  std::vector<void *> data;
  std::vector<int64_t> dims;
  /// All dimensions of all results, tied ones included.
  std::vector<int64_t> resultDims;

  std::vector<const int64_t *> dimsOfArg;
  std::vector<Extent> extents;
  std::vector<size_t> extentOfArg;
  std::vector<void *> nulls;
};

/// Checks types and shapes of the arguments and computes `dims` and
/// `resultDims` of the frame.
Status inferShapes(const hipfuse_rt_function_desc &function, size_t numArgs,
                   const hipfuse_rt_tensor *args, CallFrame &frame);

/// Checks everything about a call and lays its buffers and dimensions out.
/// Buffers are aligned to `alignment` bytes and to the size of their elements.
Status buildCallFrame(const hipfuse_rt_function_desc &function,
                      uint64_t alignment, size_t numArgs,
                      const hipfuse_rt_tensor *args, size_t numResults,
                      const hipfuse_rt_tensor *results, CallFrame &frame);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_FUNCTION_H
