//===-- trace.h - What is launched, for chrome://tracing ------ -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_TRACE_H
#define HIPFUSE_RT_SRC_TRACE_H

#include "status.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace hipfuse::rt {

/// Writes events as JSON while it is on. All members may be called from any
/// thread. While it is off, it costs a load of `enabled()`.
class Trace {
public:
  Trace() = default;
  Trace(const Trace &) = delete;
  Trace &operator=(const Trace &) = delete;
  ~Trace();

  Status start(const char *path);
  Status stop();
  bool enabled() const { return on.load(std::memory_order_relaxed); }

  /// Nanoseconds of a clock that never goes back.
  static uint64_t now();

  /// Writes an event that began at `begin` and ends now. `arguments` is the
  /// inside of a JSON object, or empty.
  void record(const char *category, const char *name, uint64_t begin,
              const std::string &arguments);

private:
  std::atomic<bool> on{false};
  std::mutex mutex;
  std::FILE *file = nullptr;
  std::string filePath;
  uint64_t origin = 0;
  bool first = true;
};

/// An event that lasts as long as this object; nothing if tracing is off.
class TraceScope {
public:
  TraceScope(Trace &trace, const char *category, const char *name, void *stream)
      : trace(trace.enabled() ? &trace : nullptr), category(category),
        name(name), stream(stream), begin(this->trace ? Trace::now() : 0) {}
  TraceScope(const TraceScope &) = delete;
  TraceScope &operator=(const TraceScope &) = delete;
  ~TraceScope();

private:
  Trace *trace;
  const char *category;
  const char *name;
  void *stream;
  uint64_t begin;
};

/// `"stream": "0x..."`, for the arguments of an event.
std::string traceStream(void *stream);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_TRACE_H
