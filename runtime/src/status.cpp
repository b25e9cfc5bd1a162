//===-- status.cpp - Result of an operation inside the runtime ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "status.h"

#include <cstdarg>
#include <cstdio>
#include <system_error>

using namespace hipfuse::rt;

struct hipfuse_rt_status {
  StatusCode code;
  std::string message;
};

namespace {
/// Stands for every "out of memory": its address is the status, its contents
/// are never read.
alignas(hipfuse_rt_status) const
    char outOfMemoryStorage[sizeof(hipfuse_rt_status)] = {};

hipfuse_rt_status_t outOfMemoryStatus() {
  return reinterpret_cast<hipfuse_rt_status_t>(
      const_cast<char *>(outOfMemoryStorage));
}
} // namespace

Status Status::outOfMemory() noexcept {
  Status status;
  status.raw = outOfMemoryStatus();
  return status;
}

Status Status::error(StatusCode code, const char *format, ...) noexcept {
  std::va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  Status status;
  try {
    int length = std::vsnprintf(nullptr, 0, format, args);
    std::string message(length > 0 ? length : 0, '\0');
    std::vsnprintf(message.data(), message.size() + 1, format, again);
    // A message is one line, whatever names were put into it.
    for (char &c : message)
      if (c == '\n' || c == '\r')
        c = ' ';
    status.raw = new hipfuse_rt_status{code, std::move(message)};
  } catch (const std::bad_alloc &) {
    status = outOfMemory();
  }
  va_end(again);
  va_end(args);
  return status;
}

std::string hipfuse::rt::errnoText(int error) {
  return std::system_category().message(error);
}

hipfuse_rt_status_code hipfuse_rt_status_get_code(hipfuse_rt_status_t status) {
  if (!status)
    return HIPFUSE_RT_OK;
  return status == outOfMemoryStatus() ? HIPFUSE_RT_OUT_OF_MEMORY
                                       : status->code;
}

const char *hipfuse_rt_status_get_message(hipfuse_rt_status_t status) {
  if (!status)
    return "";
  return status == outOfMemoryStatus() ? "out of memory"
                                       : status->message.c_str();
}

const char *hipfuse_rt_status_code_name(hipfuse_rt_status_code code) {
  switch (code) {
  case HIPFUSE_RT_OK:
    return "ok";
  case HIPFUSE_RT_INVALID_ARGUMENT:
    return "invalid argument";
  case HIPFUSE_RT_NOT_FOUND:
    return "not found";
  case HIPFUSE_RT_DATA_LOSS:
    return "data loss";
  case HIPFUSE_RT_VERSION_MISMATCH:
    return "version mismatch";
  case HIPFUSE_RT_UNAVAILABLE:
    return "unavailable";
  case HIPFUSE_RT_OUT_OF_MEMORY:
    return "out of memory";
  case HIPFUSE_RT_INTERNAL:
    return "internal";
  case HIPFUSE_RT_UNIMPLEMENTED:
    return "unimplemented";
  }
  return "unknown";
}

void hipfuse_rt_status_free(hipfuse_rt_status_t status) {
  if (status != outOfMemoryStatus())
    delete status;
}
