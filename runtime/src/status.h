//===-- status.h - Result of an operation inside the runtime -- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_STATUS_H
#define HIPFUSE_RT_SRC_STATUS_H

#include "hipfuse-rt/status.h"

#include <new>
#include <string>
#include <utility>

namespace hipfuse::rt {

using StatusCode = hipfuse_rt_status_code;

/// Owns a hipfuse_rt_status_t. Default-constructed it is success.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Status &&other) noexcept : raw(other.release()) {}
  Status &operator=(Status &&other) noexcept {
    std::swap(raw, other.raw);
    return *this;
  }
  ~Status() { hipfuse_rt_status_free(raw); }

  /// A failure with a printf-formatted message of one line. Becomes "out of
  /// memory" if there is no memory for it.
  static Status error(StatusCode code, const char *format, ...) noexcept
      __attribute__((format(printf, 2, 3)));

  /// The failure that needs no memory.
  static Status outOfMemory() noexcept;

  bool ok() const { return !raw; }
  StatusCode code() const { return hipfuse_rt_status_get_code(raw); }
  const char *message() const { return hipfuse_rt_status_get_message(raw); }

  /// Hands the status to the caller of the C API.
  hipfuse_rt_status_t release() noexcept { return std::exchange(raw, nullptr); }

private:
  hipfuse_rt_status_t raw = nullptr;
};

/// Runs `body`, which returns a Status, and hands its result to the caller of
/// the C API. The standard library reports exhausted memory by throwing; no
/// exception leaves the runtime.
template <typename Body>
hipfuse_rt_status_t guarded(Body &&body) noexcept {
  try {
    return body().release();
  } catch (const std::bad_alloc &) {
    return Status::outOfMemory().release();
  } catch (const std::exception &e) {
    return Status::error(HIPFUSE_RT_INTERNAL, "unexpected failure: %s",
                         e.what())
        .release();
  }
}

/// The text of `errno` value `error`.
std::string errnoText(int error);

} // namespace hipfuse::rt

/// Returns from the calling function if `expr` is a failure.
#define HIPFUSE_RT_RETURN_IF_ERROR(expr)                                       \
  do {                                                                         \
    if (::hipfuse::rt::Status status_ = (expr); !status_.ok())                 \
      return status_;                                                          \
  } while (false)

#endif // HIPFUSE_RT_SRC_STATUS_H
