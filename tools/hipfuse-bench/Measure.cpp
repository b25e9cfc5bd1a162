//===-- Measure.cpp - Times of replays ------------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Measure.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace hipfuse::tools;

//===----------------------------------------------------------------------===//
// Timer
//===----------------------------------------------------------------------===//

static Event makeEvent(hipfuse_rt_device_t *device) {
  hipfuse_rt_event_t *event = nullptr;
  check(hipfuse_rt_event_create(device, &event));
  return Event(event);
}

Timer::Timer(hipfuse_rt_device_t *device)
    : device(device), start(makeEvent(device)), end(makeEvent(device)) {
  check(hipfuse_rt_stream_create(device, &handle));
}

Timer::~Timer() {
  hipfuse_rt_status_free(hipfuse_rt_stream_destroy(device, handle));
}

double Timer::time(const std::function<void()> &work) {
  check(hipfuse_rt_event_record(start.get(), handle));
  work();
  check(hipfuse_rt_event_record(end.get(), handle));
  // Reports what went wrong in the work, which events do not.
  check(hipfuse_rt_stream_synchronize(device, handle));
  double milliseconds = 0;
  check(hipfuse_rt_event_elapsed(start.get(), end.get(), &milliseconds));
  return milliseconds * 1000;
}

//===----------------------------------------------------------------------===//
// Measurements
//===----------------------------------------------------------------------===//

/// The value below which a part of the sorted values lies, between two of them
/// where it falls between two.
static double quantile(const std::vector<double> &sorted, double part) {
  double position = part * static_cast<double>(sorted.size() - 1);
  auto below = static_cast<size_t>(position);
  size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] +
         (sorted[above] - sorted[below]) * (position - std::floor(position));
}

Times hipfuse::tools::summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), values.front(), quantile(values, 0.1),
          quantile(values, 0.9)};
}

/// Captures `calls` calls on the sets in turn. None if the device has no
/// graphs.
static Graph capture(Timer &timer, const Program &program,
                     std::vector<std::unique_ptr<CallBuffers>> &sets,
                     uint32_t calls) {
  hipfuse_rt_status_t status =
      hipfuse_rt_graph_begin_capture(program.device(), timer.stream());
  if (status &&
      hipfuse_rt_status_get_code(status) == HIPFUSE_RT_UNIMPLEMENTED) {
    hipfuse_rt_status_free(status);
    return nullptr;
  }
  check(status);
  hipfuse_rt_graph_t *graph = nullptr;
  try {
    for (uint32_t i = 0; i < calls; ++i)
      sets[i % sets.size()]->launch(timer.stream());
  } catch (...) {
    hipfuse_rt_status_free(
        hipfuse_rt_graph_end_capture(program.device(), timer.stream(), &graph));
    hipfuse_rt_graph_destroy(graph);
    throw;
  }
  check(hipfuse_rt_graph_end_capture(program.device(), timer.stream(), &graph));
  return Graph(graph);
}

/// How many calls take about two milliseconds; all sets are used equally.
static uint32_t chooseCalls(Timer &timer,
                            std::vector<std::unique_ptr<CallBuffers>> &sets) {
  constexpr double target = 2000;
  constexpr uint32_t most = 1000;
  double rest = timer.time([&] {
    for (auto &set : sets)
      set->launch(timer.stream());
  });
  auto count = static_cast<uint32_t>(sets.size());
  // At least a nanosecond: a clock may not see a short time.
  double perCall = std::max(rest / count, 0.001);
  auto calls = static_cast<uint32_t>(
      std::min(std::ceil(target / perCall), static_cast<double>(most)));
  return (std::max(calls, 1u) + count - 1) / count * count;
}

Measurement
hipfuse::tools::measure(Timer &timer, const Program &program,
                        std::vector<std::unique_ptr<CallBuffers>> &sets,
                        uint32_t calls, uint32_t warmup, uint32_t replays) {
  // The first launch of a thread may allocate, which a capture must not.
  timer.time([&] { sets.front()->launch(timer.stream()); });
  Measurement result;
  result.calls = calls ? calls : chooseCalls(timer, sets);
  Graph graph = capture(timer, program, sets, result.calls);
  result.isGraph = graph != nullptr;
  auto replay = [&] {
    if (graph)
      return check(hipfuse_rt_graph_launch(graph.get(), timer.stream()));
    for (uint32_t i = 0; i < result.calls; ++i)
      sets[i % sets.size()]->launch(timer.stream());
  };
  for (uint32_t i = 0; i < warmup; ++i)
    timer.time(replay);
  std::vector<double> times;
  for (uint32_t i = 0; i < replays; ++i)
    times.push_back(timer.time(replay) / result.calls);
  result.perCall = summarize(std::move(times));
  return result;
}

double hipfuse::tools::measureCopyRate(Timer &timer,
                                       hipfuse_rt_device_t *device,
                                       uint64_t size) {
  DeviceMemory from(device, size), to(device, size);
  check(hipfuse_rt_device_fill(device, from.get(), 0, size));
  std::vector<double> times;
  for (int i = 0; i < 12; ++i) {
    double time = timer.time([&] {
      check(hipfuse_rt_stream_copy(device, timer.stream(), to.get(), from.get(),
                                   size));
    });
    if (i >= 2) // the first ones warm up
      times.push_back(time);
  }
  return 2.0 * static_cast<double>(size) / (summarize(times).median * 1e-6);
}

uint64_t hipfuse::tools::lastCacheSize(const hipfuse_rt_device_info &info) {
  // HIP tells of the L2 of one die; behind it lies the Infinity Cache (AMD
  // CDNA 3 and CDNA 4 architecture white papers: 256 MB).
  for (const char *chip : {"gfx942", "gfx950"})
    if (std::strncmp(info.architecture, chip, std::strlen(chip)) == 0)
      return uint64_t(256) << 20;
  return info.cache_size;
}
