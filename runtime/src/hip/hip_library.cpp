//===-- hip_library.cpp - The functions of HIP, or of CUDA in their place -===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hip/hip_library.h"

#include <cstdarg>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

using namespace hipfuse::rt;

namespace {

/// What the linker is asked for, in this order.
constexpr const char *hipNames[] = {"libamdhip64.so.7", "libamdhip64.so.6",
                                    "libamdhip64.so"};
constexpr const char *cudaNames[] = {"libcuda.so.1"};

/// HIP 6.0 has today's layout of the device's properties; CUDA 11.8 knows
/// sm_90. In each vendor's own way of writing a version as a number.
constexpr int minHipVersion = 60000000;
constexpr int minCudaVersion = 11080;

/// Major and minor of a vendor's version number.
std::string versionString(bool cuda, int version) {
  int major = cuda ? version / 1000 : version / 10000000;
  int minor = cuda ? version % 1000 / 10 : version % 10000000 / 100000;
  return std::to_string(major) + "." + std::to_string(minor);
}

StatusCode statusCode(int result) {
  switch (result) {
  case hipErrorInvalidValue:
  case hipErrorInvalidHandle:
    return HIPFUSE_RT_INVALID_ARGUMENT;
  case hipErrorOutOfMemory:
    return HIPFUSE_RT_OUT_OF_MEMORY;
  case hipErrorInsufficientDriver:
  case hipErrorNoDevice:
  case hipErrorInvalidDevice:
    return HIPFUSE_RT_UNAVAILABLE;
  case hipErrorNoBinaryForGpu:
    return HIPFUSE_RT_UNIMPLEMENTED;
  default:
    return HIPFUSE_RT_INTERNAL;
  }
}

} // namespace

Status HipLibrary::open(bool cuda, const char *path,
                        const HipLibrary *&library) {
  using Key = std::pair<bool, std::string>;
  static std::mutex mutex;
  // Reachable and never destroyed, as nothing may be closed at exit either.
  static auto &libraries = *new std::map<Key, std::unique_ptr<HipLibrary>>;
  std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<HipLibrary> &entry =
      libraries[{cuda, path ? std::string(path) : std::string()}];
  if (!entry) {
    std::unique_ptr<HipLibrary> opened(new HipLibrary);
    opened->cuda = cuda;
    HIPFUSE_RT_RETURN_IF_ERROR(opened->load(path));
    HIPFUSE_RT_RETURN_IF_ERROR(opened->resolve());
    HIPFUSE_RT_RETURN_IF_ERROR(opened->checkVersion());
    entry = std::move(opened);
  }
  library = entry.get();
  return Status();
}

Status HipLibrary::load(const char *explicitPath) {
  const char *const *begin =
      cuda ? std::begin(cudaNames) : std::begin(hipNames);
  const char *const *end = cuda ? std::end(cudaNames) : std::end(hipNames);
  if (explicitPath) {
    begin = &explicitPath;
    end = begin + 1;
  }
  std::string tried;
  for (const char *const *name = begin; name != end; ++name) {
    std::string error;
    if (DynamicLibrary::open(*name, library, error)) {
      path = *name;
      return Status();
    }
    // The linker's messages begin with the name in most cases.
    if (error.compare(0, std::string(*name).size(), *name) != 0)
      error = std::string(*name) + ": " + error;
    tried += (tried.empty() ? "" : "; ") + error;
  }
  return Status::error(HIPFUSE_RT_UNAVAILABLE,
                       "cannot open the %s library; tried %s", vendor(),
                       tried.c_str());
}

Status HipLibrary::resolve() {
  std::string missing;
  auto find = [&](auto &member, const char *name, bool wanted, bool required) {
    using Function = std::remove_reference_t<decltype(member)>;
    member =
        wanted ? reinterpret_cast<Function>(library.symbol(name)) : nullptr;
    if (wanted && required && !member)
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
#define HIPFUSE_RT_REQUIRED(name, cudaName, parameters)                        \
  find(name, cuda ? #cudaName : #name, true, true);
#define HIPFUSE_RT_OPTIONAL(name, cudaName, parameters)                        \
  find(name, cuda ? #cudaName : #name, true, false);
  HIPFUSE_RT_HIP_FUNCTIONS(HIPFUSE_RT_REQUIRED, HIPFUSE_RT_OPTIONAL)
#undef HIPFUSE_RT_REQUIRED
#undef HIPFUSE_RT_OPTIONAL
#define HIPFUSE_RT_REQUIRED(name, parameters) find(name, #name, !cuda, true);
  HIPFUSE_RT_HIP_ONLY_FUNCTIONS(HIPFUSE_RT_REQUIRED)
#undef HIPFUSE_RT_REQUIRED
#define HIPFUSE_RT_REQUIRED(name, parameters) find(name, #name, cuda, true);
  HIPFUSE_RT_CUDA_ONLY_FUNCTIONS(HIPFUSE_RT_REQUIRED)
#undef HIPFUSE_RT_REQUIRED
  if (missing.empty())
    return Status();
  return Status::error(HIPFUSE_RT_UNAVAILABLE,
                       "the %s library '%s' is of another version than this "
                       "runtime can use: it lacks %s",
                       vendor(), path.c_str(), missing.c_str());
}

Status HipLibrary::checkVersion() {
  int version = 0;
  HIPFUSE_RT_RETURN_IF_ERROR(
      checkDevices(hipDriverGetVersion(&version), /*count=*/1));
  versionText = versionString(cuda, version);
  int least = cuda ? minCudaVersion : minHipVersion;
  if (version < least)
    return Status::error(HIPFUSE_RT_UNAVAILABLE,
                         "the %s driver is too old: '%s' is of %s %s, this "
                         "runtime needs %s",
                         vendor(), path.c_str(), vendor(), versionText.c_str(),
                         versionString(cuda, least).c_str());
  return Status();
}

/// Success, or the failure `result` of a call that needs a device.
Status HipLibrary::checkDevices(int result, int count) const {
  // Without a device, versions of HIP differ in which of these they give, and
  // in whether they do so when asked for their version.
  if (result == hipErrorNoDevice || result == hipErrorInvalidDevice ||
      (result == hipSuccess && count == 0))
    return Status::error(
        HIPFUSE_RT_UNAVAILABLE, "there is no %s device: %s", vendor(),
        result ? errorText(result).c_str() : "none is counted");
  return check(result, "cannot initialise the %s library '%s'", vendor(),
               path.c_str());
}

Status HipLibrary::countDevices(int &count) const {
  count = 0;
  int result = hipInit(0);
  if (result == hipSuccess)
    result = hipGetDeviceCount(&count);
  return checkDevices(result, count);
}

std::string HipLibrary::errorText(int result) const {
  const char *name = nullptr, *text = nullptr;
  if (hipDrvGetErrorName && hipDrvGetErrorName(result, &name) != hipSuccess)
    name = nullptr;
  if (hipDrvGetErrorString && hipDrvGetErrorString(result, &text) != hipSuccess)
    text = nullptr;
  std::string message =
      name ? std::string(name) : "error " + std::to_string(result);
  return text ? message + " (" + text + ")" : message;
}

Status HipLibrary::check(int result, const char *format, ...) const {
  if (result == hipSuccess)
    return Status();
  char action[512];
  std::va_list args;
  va_start(args, format);
  std::vsnprintf(action, sizeof(action), format, args);
  va_end(args);
  return Status::error(statusCode(result), "%s: %s", action,
                       errorText(result).c_str());
}
