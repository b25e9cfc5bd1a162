//===-- hip_library.h - The functions of HIP, or of CUDA in their place  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HIP_HIP_LIBRARY_H
#define HIPFUSE_RT_SRC_HIP_HIP_LIBRARY_H

#include "dynamic_library.h"
#include "status.h"

#include <cstddef>
#include <cstdint>
#include <string>

// What the runtime calls, by the names that HIP has for it, each with the
// function of the CUDA driver that does the same with the same arguments: HIP's
// module API was made after CUDA's. Handles are pointers in both; a CUdeviceptr
// is an integer as wide as the pointer in its place, which x86-64 passes alike.
// Without a REQUIRED function a library is refused.
#define HIPFUSE_RT_HIP_FUNCTIONS(REQUIRED, OPTIONAL)                           \
  REQUIRED(hipInit, cuInit, (unsigned flags))                                  \
  REQUIRED(hipDriverGetVersion, cuDriverGetVersion, (int *version))            \
  REQUIRED(hipGetDeviceCount, cuDeviceGetCount, (int *count))                  \
  REQUIRED(hipDeviceGet, cuDeviceGet, (int *device, int ordinal))              \
  REQUIRED(hipDeviceGetName, cuDeviceGetName,                                  \
           (char *name, int size, int device))                                 \
  REQUIRED(hipDeviceTotalMem, cuDeviceTotalMem_v2, (size_t *size, int device)) \
  REQUIRED(hipMalloc, cuMemAlloc_v2, (void **memory, size_t size))             \
  REQUIRED(hipFree, cuMemFree_v2, (void *memory))                              \
  REQUIRED(hipMemcpyHtoD, cuMemcpyHtoD_v2,                                     \
           (void *to, const void *from, size_t size))                          \
  REQUIRED(hipMemcpyDtoH, cuMemcpyDtoH_v2,                                     \
           (void *to, const void *from, size_t size))                          \
  REQUIRED(hipMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2,                           \
           (void *to, const void *from, size_t size, void *stream))            \
  REQUIRED(hipMemsetD8, cuMemsetD8_v2,                                         \
           (void *to, unsigned char value, size_t size))                       \
  REQUIRED(hipStreamCreateWithFlags, cuStreamCreate,                           \
           (void **stream, unsigned flags))                                    \
  REQUIRED(hipStreamDestroy, cuStreamDestroy_v2, (void *stream))               \
  REQUIRED(hipStreamSynchronize, cuStreamSynchronize, (void *stream))          \
  REQUIRED(hipStreamBeginCapture, cuStreamBeginCapture_v2,                     \
           (void *stream, int mode))                                           \
  REQUIRED(hipStreamEndCapture, cuStreamEndCapture,                            \
           (void *stream, void **graph))                                       \
  REQUIRED(hipStreamIsCapturing, cuStreamIsCapturing,                          \
           (void *stream, int *status))                                        \
  REQUIRED(hipGraphInstantiateWithFlags, cuGraphInstantiateWithFlags,          \
           (void **executable, void *graph, unsigned long long flags))         \
  REQUIRED(hipGraphLaunch, cuGraphLaunch, (void *executable, void *stream))    \
  REQUIRED(hipGraphExecDestroy, cuGraphExecDestroy, (void *executable))        \
  REQUIRED(hipGraphDestroy, cuGraphDestroy, (void *graph))                     \
  REQUIRED(hipEventCreateWithFlags, cuEventCreate,                             \
           (void **event, unsigned flags))                                     \
  REQUIRED(hipEventRecord, cuEventRecord, (void *event, void *stream))         \
  REQUIRED(hipEventSynchronize, cuEventSynchronize, (void *event))             \
  REQUIRED(hipEventElapsedTime, cuEventElapsedTime,                            \
           (float *milliseconds, void *start, void *end))                      \
  REQUIRED(hipEventDestroy, cuEventDestroy_v2, (void *event))                  \
  REQUIRED(hipModuleLoadData, cuModuleLoadData,                                \
           (void **module, const void *image))                                 \
  REQUIRED(hipModuleUnload, cuModuleUnload, (void *module))                    \
  REQUIRED(hipModuleGetFunction, cuModuleGetFunction,                          \
           (void **function, void *module, const char *name))                  \
  REQUIRED(hipModuleLaunchKernel, cuLaunchKernel,                              \
           (void *function, unsigned gridX, unsigned gridY, unsigned gridZ,    \
            unsigned blockX, unsigned blockY, unsigned blockZ, unsigned lds,   \
            void *stream, void **params, void **extra))                        \
  OPTIONAL(hipDrvLaunchKernelEx, cuLaunchKernelEx,                             \
           (const void *config, void *function, void **params, void **extra))  \
  OPTIONAL(hipMemGetInfo, cuMemGetInfo_v2, (size_t *free, size_t *total))      \
  OPTIONAL(hipDrvGetErrorName, cuGetErrorName, (int error, const char **name)) \
  OPTIONAL(hipDrvGetErrorString, cuGetErrorString,                             \
           (int error, const char **text))

// Where the two differ: how a thread's device is set and a device described.
#define HIPFUSE_RT_HIP_ONLY_FUNCTIONS(REQUIRED)                                \
  REQUIRED(hipGetDevice, (int *device))                                        \
  REQUIRED(hipSetDevice, (int device))                                         \
  REQUIRED(hipGetDevicePropertiesR0600, (void *properties, int device))

#define HIPFUSE_RT_CUDA_ONLY_FUNCTIONS(REQUIRED)                               \
  REQUIRED(cuCtxGetCurrent, (void **context))                                  \
  REQUIRED(cuCtxSetCurrent, (void *context))                                   \
  REQUIRED(cuDevicePrimaryCtxRetain, (void **context, int device))             \
  REQUIRED(cuDevicePrimaryCtxRelease_v2, (int device))                         \
  REQUIRED(cuDeviceGetAttribute, (int *value, int attribute, int device))      \
  REQUIRED(cuFuncSetAttribute, (void *function, int attribute, int value))     \
  REQUIRED(cuModuleLoadDataEx, (void **module, const void *image,              \
                                unsigned count, int *options, void **values))

namespace hipfuse::rt {

/// The results of HIP and CUDA functions that the runtime tells apart.
enum HipResult : int {
  hipSuccess = 0,
  hipErrorInvalidValue = 1,
  hipErrorOutOfMemory = 2,
  hipErrorInsufficientDriver = 35,
  hipErrorNoDevice = 100,
  hipErrorInvalidDevice = 101,
  hipErrorNoBinaryForGpu = 209,
  hipErrorInvalidHandle = 400
};

/// An opened vendor library. It is never closed: the vendors' libraries start
/// threads and do not stop them.
class HipLibrary {
public:
  /// Opens the library at `path`, or, if that is null, the one that the dynamic
  /// linker finds. A library that is open already is not opened again.
  static Status open(bool cuda, const char *path, const HipLibrary *&library);

  bool isCuda() const { return cuda; }
  /// "HIP" or "CUDA".
  const char *vendor() const { return cuda ? "CUDA" : "HIP"; }
  /// Major and minor version, such as "7.1".
  const std::string &version() const { return versionText; }

  /// Makes the vendor's library ready and counts the devices; none are a
  /// failure.
  Status countDevices(int &count) const;

  /// Success, or the failure `result` of an action, such as "device 'hip:0':
  /// cannot launch kernel 'k'", with the vendor's name for it.
  Status check(int result, const char *format, ...) const
      __attribute__((format(printf, 3, 4)));

  /// "hipErrorLaunchFailure (unspecified launch failure)".
  std::string errorText(int result) const;

#define HIPFUSE_RT_MEMBER(name, cudaName, parameters) int(*name) parameters;
  HIPFUSE_RT_HIP_FUNCTIONS(HIPFUSE_RT_MEMBER, HIPFUSE_RT_MEMBER)
#undef HIPFUSE_RT_MEMBER
#define HIPFUSE_RT_MEMBER(name, parameters) int(*name) parameters;
  HIPFUSE_RT_HIP_ONLY_FUNCTIONS(HIPFUSE_RT_MEMBER)
  HIPFUSE_RT_CUDA_ONLY_FUNCTIONS(HIPFUSE_RT_MEMBER)
#undef HIPFUSE_RT_MEMBER

private:
  HipLibrary() = default;
  Status load(const char *path);
  Status resolve();
  Status checkVersion();
  Status checkDevices(int result, int count) const;

  bool cuda = false;
  std::string path;
  std::string versionText;
  DynamicLibrary library;
};

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_HIP_HIP_LIBRARY_H
