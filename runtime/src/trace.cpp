//===-- trace.cpp - What is launched, for chrome://tracing ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "trace.h"

#include <cerrno>
#include <cinttypes>
#include <ctime>

#include <sys/syscall.h>
#include <unistd.h>

using namespace hipfuse::rt;

namespace {

/// `text` as a JSON string, quotes included.
std::string quoted(const char *text) {
  std::string result = "\"";
  for (; *text; ++text) {
    auto c = static_cast<unsigned char>(*text);
    if (c == '"' || c == '\\')
      result += '\\';
    if (c < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", c);
      result += escape;
    } else {
      result += *text;
    }
  }
  return result + '"';
}

Status writeError(const std::string &path, int error) {
  return Status::error(HIPFUSE_RT_UNAVAILABLE, "cannot write trace '%s': %s",
                       path.c_str(), errnoText(error).c_str());
}

} // namespace

Trace::~Trace() { (void)stop(); }

uint64_t Trace::now() {
  std::timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return uint64_t(time.tv_sec) * 1000000000u + uint64_t(time.tv_nsec);
}

Status Trace::start(const char *path) {
  std::lock_guard<std::mutex> lock(mutex);
  if (file)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "tracing to '%s' has not been stopped",
                         filePath.c_str());
  filePath = path;
  file = std::fopen(path, "we");
  if (!file)
    return writeError(filePath, errno);
  std::fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [", file);
  origin = now();
  first = true;
  on = true;
  return Status();
}

Status Trace::stop() {
  std::lock_guard<std::mutex> lock(mutex);
  on = false;
  if (!file)
    return Status();
  std::fputs("\n]}\n", file);
  bool failed = std::ferror(file);
  failed |= std::fclose(file) != 0;
  file = nullptr;
  return failed ? writeError(filePath, errno) : Status();
}

void Trace::record(const char *category, const char *name, uint64_t begin,
                   const std::string &arguments) {
  uint64_t end = now();
  std::string quotedName = quoted(name);
  std::lock_guard<std::mutex> lock(mutex);
  // Events of before the start, or after the stop, of another thread.
  if (!file || begin < origin)
    return;
  std::fprintf(file,
               "%s\n{\"name\": %s, \"cat\": \"%s\", \"ph\": \"X\", \"ts\": "
               "%.3f, \"dur\": %.3f, \"pid\": %ld, \"tid\": %ld, \"args\": "
               "{%s}}",
               first ? "" : ",", quotedName.c_str(), category,
               double(begin - origin) * 1e-3, double(end - begin) * 1e-3,
               long(::getpid()), ::syscall(SYS_gettid), arguments.c_str());
  first = false;
}

TraceScope::~TraceScope() {
  if (trace)
    trace->record(category, name, begin, traceStream(stream));
}

std::string hipfuse::rt::traceStream(void *stream) {
  char text[40];
  std::snprintf(text, sizeof(text), "\"stream\": \"0x%" PRIxPTR "\"",
                reinterpret_cast<uintptr_t>(stream));
  return text;
}
