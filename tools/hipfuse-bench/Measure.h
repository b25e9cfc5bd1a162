//===-- Measure.h - Times of replays ----------------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_HIPFUSE_BENCH_MEASURE_H
#define HIPFUSE_TOOLS_HIPFUSE_BENCH_MEASURE_H

#include "Program.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hipfuse::tools {

/// A stream of its own, with a pair of events on it.
class Timer {
public:
  explicit Timer(hipfuse_rt_device_t *device);
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;
  ~Timer();

  void *stream() const { return handle; }

  /// Enqueues by `work`, waits for it, and returns its time in microseconds.
  double time(const std::function<void()> &work);

private:
  hipfuse_rt_device_t *device;
  void *handle = nullptr;
  Event start, end;
};

/// Microseconds, of one call or copy.
struct Times {
  double median, min, p10, p90;
};

/// Quantiles of times; there is at least one.
Times summarize(std::vector<double> microseconds);

struct Measurement {
  Times perCall;
  uint32_t calls = 0;   // in one replay
  bool isGraph = false; // or else single launches
};

/// Replays `calls` calls on the sets in turn (chosen by their time if 0).
Measurement measure(Timer &timer, const Program &program,
                    std::vector<std::unique_ptr<CallBuffers>> &sets,
                    uint32_t calls, uint32_t warmup, uint32_t replays);

/// The bytes per second that copies of `size` bytes within the device's memory
/// move, read and written ones counted.
double measureCopyRate(Timer &timer, hipfuse_rt_device_t *device,
                       uint64_t size);

/// The bytes of the device's last cache; 0 if unknown.
uint64_t lastCacheSize(const hipfuse_rt_device_info &info);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_HIPFUSE_BENCH_MEASURE_H
