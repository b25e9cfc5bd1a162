//===-- fake_gpu.c - A HIP or CUDA library without a GPU, for tests -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Built twice: as a libamdhip64.so.7, and with FAKE_CUDA as a libcuda.so.1. It
// fails when it is told to, counts what is alive, and is strict about what the
// vendors' libraries forbid: calls without the device's context, waiting while
// the thread captures. It knows the kernels of test_kernels.c by name and runs
// them on the spot. WITHOUT_LAUNCH leaves a function out.

#include "fake_gpu.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* An API function, by its name in either library. */
#ifdef FAKE_CUDA
#define API(hip, cuda) EXPORT int cuda
#else
#define API(hip, cuda) EXPORT int hip
#endif

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  NOT_INITIALIZED = 3,
  NO_DEVICE = 100,
  INVALID_DEVICE = 101,
  INVALID_CONTEXT = 201,
  INVALID_HANDLE = 400,
  NOT_FOUND = 500,
  CAPTURE_UNSUPPORTED = 900
};

static struct fake_gpu_state state;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

EXPORT struct fake_gpu_state *fake_gpu_state(void) { return &state; }

EXPORT void fake_gpu_reset(void) {
  memset(&state, 0, sizeof(state));
#ifdef FAKE_CUDA
  state.version = 12040;
#else
  state.version = 60300000;
#endif
  state.devices = 1;
  strcpy(state.architecture, "gfx950:sramecc+:xnack-");
  state.capability = 90;
  state.lds = 160 * 1024;
  state.memory = (size_t)1 << 34;
}

__attribute__((constructor)) static void start(void) { fake_gpu_reset(); }

/* Should this call of `function` fail? Gives the code. */
static int scripted(const char *function) {
  int code = SUCCESS;
  pthread_mutex_lock(&lock);
  if (strcmp(function, state.fail_function) == 0 && state.fail_after-- == 0)
    code = state.fail_code;
  pthread_mutex_unlock(&lock);
  return code;
}

#define SCRIPTED(function)                                                     \
  do {                                                                         \
    int code_ = scripted(#function);                                           \
    if (code_)                                                                 \
      return code_;                                                            \
  } while (0)

static void count(int *counter, int by) {
  __atomic_add_fetch(counter, by, __ATOMIC_SEQ_CST);
}

/*===-- Initialisation and devices ---------------------------------------===*/

static int initialized;

API(hipInit, cuInit)(unsigned flags) {
  SCRIPTED(hipInit);
  initialized = 1;
  return flags ? INVALID_VALUE : SUCCESS;
}

API(hipDriverGetVersion, cuDriverGetVersion)(int *version) {
  SCRIPTED(hipDriverGetVersion);
  *version = state.version;
  return SUCCESS;
}

API(hipGetDeviceCount, cuDeviceGetCount)(int *devices) {
  SCRIPTED(hipGetDeviceCount);
  *devices = state.devices;
  return !initialized ? NOT_INITIALIZED : state.devices ? SUCCESS : NO_DEVICE;
}

API(hipDeviceGet, cuDeviceGet)(int *device, int ordinal) {
  SCRIPTED(hipDeviceGet);
  *device = ordinal;
  return ordinal < state.devices ? SUCCESS : INVALID_DEVICE;
}

API(hipDeviceGetName, cuDeviceGetName)(char *name, int size, int device) {
  (void)device;
  strncpy(name, "Fake", (size_t)size);
  return SUCCESS;
}

API(hipDeviceTotalMem, cuDeviceTotalMem_v2)(size_t *size, int device) {
  (void)device;
  *size = state.memory;
  return SUCCESS;
}

#ifdef FAKE_CUDA
static char context_storage;
static _Thread_local void *current;

API(, cuCtxGetCurrent)(void **context) {
  *context = current;
  return initialized ? SUCCESS : NOT_INITIALIZED;
}

API(, cuCtxSetCurrent)(void *context) {
  current = context;
  return SUCCESS;
}

API(, cuDevicePrimaryCtxRetain)(void **context, int device) {
  (void)device;
  SCRIPTED(cuDevicePrimaryCtxRetain);
  count(&state.contexts, 1);
  *context = &context_storage;
  return SUCCESS;
}

API(, cuDevicePrimaryCtxRelease_v2)(int device) {
  (void)device;
  count(&state.contexts, -1);
  return SUCCESS;
}

API(, cuDeviceGetAttribute)(int *value, int attribute, int device) {
  (void)device;
  switch (attribute) {
  case 1:
    *value = 1024;
    return SUCCESS;
  case 16:
    *value = 132;
    return SUCCESS;
  case 38:
    *value = 50 << 20;
    return SUCCESS;
  case 75:
    *value = state.capability / 10;
    return SUCCESS;
  case 76:
    *value = state.capability % 10;
    return SUCCESS;
  case 97:
    *value = (int)state.lds;
    return SUCCESS;
  default:
    return INVALID_VALUE;
  }
}

static int has_context(void) { return current == &context_storage; }
#else
static _Thread_local int current;

API(hipGetDevice, )(int *device) {
  *device = current;
  return SUCCESS;
}

API(hipSetDevice, )(int device) {
  SCRIPTED(hipSetDevice);
  current = device;
  return SUCCESS;
}

API(hipGetDevicePropertiesR0600, )(void *properties, int device) {
  SCRIPTED(hipGetDevicePropertiesR0600);
  (void)device;
  char *bytes = properties;
  memset(bytes, 0, 1472);
  memcpy(bytes + 296, &state.lds, sizeof(size_t));
  int threads = 1024, units = 256, cache = 4 << 20;
  memcpy(bytes + 320, &threads, sizeof(int));
  memcpy(bytes + 388, &units, sizeof(int));
  memcpy(bytes + 616, &cache, sizeof(int));
  strcpy(bytes + 1160, state.architecture);
  return SUCCESS;
}

static int has_context(void) { return current < state.devices; }
#endif

#define NEEDS_CONTEXT()                                                        \
  do {                                                                         \
    if (!has_context())                                                        \
      return INVALID_CONTEXT;                                                  \
  } while (0)

API(hipDrvGetErrorName, cuGetErrorName)(int error, const char **name) {
  switch (error) {
  case OUT_OF_MEMORY:
    *name = "fakeErrorOutOfMemory";
    return SUCCESS;
  case 35:
    *name = "fakeErrorInsufficientDriver";
    return SUCCESS;
  case NO_DEVICE:
    *name = "fakeErrorNoDevice";
    return SUCCESS;
  case 218:
    *name = "fakeErrorInvalidPtx";
    return SUCCESS;
  case 700:
    *name = "fakeErrorIllegalAddress";
    return SUCCESS;
  case 719:
    *name = "fakeErrorLaunchFailure";
    return SUCCESS;
  default:
    return INVALID_VALUE;
  }
}

/*===-- Streams, which do their work at once or record it ----------------===*/

struct work {
  struct work *next;
  int is_copy;
  void *to;
  const void *from;
  size_t size;
  const char *kernel;
  unsigned grid;
  unsigned lds;
  uint64_t params[4];
};

struct stream {
  int capturing;
  struct work *first, *last;
};

static _Thread_local int thread_captures;

#define NOT_WHILE_CAPTURING()                                                  \
  do {                                                                         \
    if (thread_captures)                                                       \
      return CAPTURE_UNSUPPORTED;                                              \
  } while (0)

static void run_kernel(const struct work *w) {
  const uint64_t *p = w->params;
  char *lds = calloc(1, w->lds ? w->lds : 1);
  for (unsigned i = 0; i < w->grid * 256; ++i) {
    unsigned backwards = i / 256 * 256 + 255 - i % 256;
    float *out = (float *)p[0];
    const float *x = (const float *)p[1], *y = (const float *)p[2];
    if (strcmp(w->kernel, "add") == 0 && i < (uint32_t)p[3])
      out[i] = x[i] + y[i];
    if (strcmp(w->kernel, "step") == 0 && i < (uint32_t)p[1])
      ((uint32_t *)p[0])[i] =
          ((uint32_t *)p[0])[i] * (uint32_t)p[2] + (uint32_t)p[3];
    if (strncmp(w->kernel, "reverse", 7) == 0)
      out[i] = x[backwards];
    if (strcmp(w->kernel, "reverse_dynamic") == 0)
      lds[((uint32_t)p[2] + i % 256) * 4 + 3] = 1;
  }
  free(lds);
}

static void run(const struct work *w) {
  if (w->is_copy)
    memcpy(w->to, w->from, w->size);
  else
    run_kernel(w);
}

static int enqueue(struct stream *stream, const struct work *w) {
  pthread_mutex_lock(&lock);
  if (stream && stream->capturing) {
    struct work *copy = malloc(sizeof(*copy));
    *copy = *w;
    copy->next = NULL;
    if (stream->last)
      stream->last->next = copy;
    else
      stream->first = copy;
    stream->last = copy;
  } else {
    run(w);
  }
  pthread_mutex_unlock(&lock);
  return SUCCESS;
}

API(hipStreamCreateWithFlags, cuStreamCreate)(void **stream, unsigned flags) {
  SCRIPTED(hipStreamCreateWithFlags);
  NEEDS_CONTEXT();
  if (flags != 1)
    return INVALID_VALUE;
  *stream = calloc(1, sizeof(struct stream));
  count(&state.streams, 1);
  return SUCCESS;
}

API(hipStreamDestroy, cuStreamDestroy_v2)(void *stream) {
  NEEDS_CONTEXT();
  if (!stream)
    return INVALID_HANDLE;
  free(stream);
  count(&state.streams, -1);
  return SUCCESS;
}

API(hipStreamSynchronize, cuStreamSynchronize)(void *stream) {
  SCRIPTED(hipStreamSynchronize);
  NEEDS_CONTEXT();
  NOT_WHILE_CAPTURING();
  (void)stream;
  count(&state.synchronizations, 1);
  return SUCCESS;
}

API(hipStreamBeginCapture, cuStreamBeginCapture_v2)(void *stream, int mode) {
  SCRIPTED(hipStreamBeginCapture);
  NEEDS_CONTEXT();
  struct stream *s = stream;
  if (!s || s->capturing || mode != 1)
    return INVALID_VALUE;
  s->capturing = 1;
  ++thread_captures;
  return SUCCESS;
}

API(hipStreamIsCapturing, cuStreamIsCapturing)(void *stream, int *status) {
  NEEDS_CONTEXT();
  *status = stream && ((struct stream *)stream)->capturing;
  return SUCCESS;
}

static void free_work(struct work *w) {
  while (w) {
    struct work *next = w->next;
    free(w);
    w = next;
  }
}

API(hipStreamEndCapture, cuStreamEndCapture)(void *stream, void **graph) {
  NEEDS_CONTEXT();
  struct stream *s = stream;
  if (!s || !s->capturing)
    return INVALID_VALUE;
  struct work *first = s->first;
  s->capturing = 0;
  s->first = s->last = NULL;
  --thread_captures;
  int code = scripted("hipStreamEndCapture");
  if (code) {
    free_work(first);
    *graph = NULL;
    return code;
  }
  *graph = malloc(sizeof(struct work *));
  *(struct work **)*graph = first;
  count(&state.graphs, 1);
  return SUCCESS;
}

API(hipGraphInstantiateWithFlags,
    cuGraphInstantiateWithFlags)(void **executable, void *graph,
                                 unsigned long long flags) {
  SCRIPTED(hipGraphInstantiateWithFlags);
  NEEDS_CONTEXT();
  if (flags)
    return INVALID_VALUE;
  struct work *first = NULL, **end = &first;
  for (struct work *w = *(struct work **)graph; w; w = w->next) {
    *end = malloc(sizeof(*w));
    **end = *w;
    (*end)->next = NULL;
    end = &(*end)->next;
  }
  *executable = malloc(sizeof(struct work *));
  *(struct work **)*executable = first;
  count(&state.executables, 1);
  return SUCCESS;
}

API(hipGraphLaunch, cuGraphLaunch)(void *executable, void *stream) {
  SCRIPTED(hipGraphLaunch);
  NEEDS_CONTEXT();
  for (struct work *w = *(struct work **)executable; w; w = w->next)
    enqueue(stream, w);
  return SUCCESS;
}

API(hipGraphExecDestroy, cuGraphExecDestroy)(void *executable) {
  NEEDS_CONTEXT();
  free_work(*(struct work **)executable);
  free(executable);
  count(&state.executables, -1);
  return SUCCESS;
}

API(hipGraphDestroy, cuGraphDestroy)(void *graph) {
  free_work(*(struct work **)graph);
  free(graph);
  count(&state.graphs, -1);
  return SUCCESS;
}

/*===-- Events ------------------------------------------------------------===*/

API(hipEventCreateWithFlags, cuEventCreate)(void **event, unsigned flags) {
  SCRIPTED(hipEventCreateWithFlags);
  NEEDS_CONTEXT();
  *event = malloc(1);
  count(&state.events, 1);
  return flags ? INVALID_VALUE : SUCCESS;
}

API(hipEventRecord, cuEventRecord)(void *event, void *stream) {
  NEEDS_CONTEXT();
  (void)stream;
  return event ? SUCCESS : INVALID_HANDLE;
}

API(hipEventSynchronize, cuEventSynchronize)(void *event) {
  SCRIPTED(hipEventSynchronize);
  NOT_WHILE_CAPTURING();
  return event ? SUCCESS : INVALID_HANDLE;
}

API(hipEventElapsedTime, cuEventElapsedTime)(float *milliseconds, void *from,
                                             void *to) {
  *milliseconds = 0.25f;
  return from && to ? SUCCESS : INVALID_HANDLE;
}

API(hipEventDestroy, cuEventDestroy_v2)(void *event) {
  NEEDS_CONTEXT();
  free(event);
  count(&state.events, -1);
  return SUCCESS;
}

/*===-- Memory ------------------------------------------------------------===*/

API(hipMalloc, cuMemAlloc_v2)(void **memory, size_t size) {
  count(&state.calls_of_malloc, 1);
  SCRIPTED(hipMalloc);
  NEEDS_CONTEXT();
  NOT_WHILE_CAPTURING();
  if (size > state.memory)
    return OUT_OF_MEMORY;
  *memory = aligned_alloc(256, (size + 255) / 256 * 256);
  count(&state.allocations, 1);
  return SUCCESS;
}

API(hipFree, cuMemFree_v2)(void *memory) {
  NEEDS_CONTEXT();
  NOT_WHILE_CAPTURING();
  free(memory);
  count(&state.allocations, -1);
  return SUCCESS;
}

API(hipMemcpyHtoD, cuMemcpyHtoD_v2)(void *to, const void *from, size_t size) {
  SCRIPTED(hipMemcpyHtoD);
  NEEDS_CONTEXT();
  NOT_WHILE_CAPTURING();
  memcpy(to, from, size);
  return SUCCESS;
}

API(hipMemcpyDtoH, cuMemcpyDtoH_v2)(void *to, const void *from, size_t size) {
  SCRIPTED(hipMemcpyDtoH);
  NEEDS_CONTEXT();
  NOT_WHILE_CAPTURING();
  memcpy(to, from, size);
  return SUCCESS;
}

API(hipMemcpyDtoDAsync, cuMemcpyDtoDAsync_v2)(void *to, const void *from,
                                              size_t size, void *stream) {
  SCRIPTED(hipMemcpyDtoDAsync);
  NEEDS_CONTEXT();
  struct work w = {.is_copy = 1, .to = to, .from = from, .size = size};
  return enqueue(stream, &w);
}

API(hipMemsetD8, cuMemsetD8_v2)(void *to, unsigned char value, size_t size) {
  NEEDS_CONTEXT();
  NOT_WHILE_CAPTURING();
  memset(to, value, size);
  return SUCCESS;
}

API(hipMemGetInfo, cuMemGetInfo_v2)(size_t *available, size_t *total) {
  NEEDS_CONTEXT();
  *available = state.memory;
  *total = state.memory;
  return SUCCESS;
}

/*===-- Modules and launches ---------------------------------------------===*/

static const char *const kernel_names[] = {"add", "step", "reverse",
                                           "reverse_dynamic"};

static int load(void **module) {
  SCRIPTED(hipModuleLoadData);
  NEEDS_CONTEXT();
  count(&state.loads, 1);
  count(&state.modules, 1);
  *module = malloc(1);
  return SUCCESS;
}

API(hipModuleLoadData, cuModuleLoadData)(void **module, const void *image) {
  (void)image;
  return load(module);
}

#ifdef FAKE_CUDA
API(, cuModuleLoadDataEx)(void **module, const void *image, unsigned options,
                          int *option, void **value) {
  int code = load(module);
  count(&state.text_loads, 1);
  if (!code && !strstr(image, ".target sm_90"))
    code = INVALID_VALUE;
  for (unsigned i = 0; code && i + 1 < options; ++i)
    if (option[i] == 5 && option[i + 1] == 6)
      strncpy(value[i], "line 1: fake\n", (size_t)value[i + 1]);
  return code;
}

API(, cuFuncSetAttribute)(void *function, int attribute, int value) {
  NEEDS_CONTEXT();
  (void)function;
  return attribute == 8 && value >= 0 && (size_t)value <= state.lds
             ? SUCCESS
             : INVALID_VALUE;
}
#endif

API(hipModuleUnload, cuModuleUnload)(void *module) {
  NEEDS_CONTEXT();
  free(module);
  count(&state.modules, -1);
  return SUCCESS;
}

API(hipModuleGetFunction, cuModuleGetFunction)(void **function, void *module,
                                               const char *name) {
  SCRIPTED(hipModuleGetFunction);
  (void)module;
  for (size_t i = 0; i < sizeof(kernel_names) / sizeof(*kernel_names); ++i)
    if (strcmp(kernel_names[i], name) == 0) {
      *function = (void *)kernel_names[i];
      return SUCCESS;
    }
  return NOT_FOUND;
}

#ifndef WITHOUT_LAUNCH
API(hipModuleLaunchKernel,
    cuLaunchKernel)(void *function, unsigned gx, unsigned gy, unsigned gz,
                    unsigned bx, unsigned by, unsigned bz, unsigned lds,
                    void *stream, void **params, void **extra) {
  SCRIPTED(hipModuleLaunchKernel);
  NEEDS_CONTEXT();
  if (extra || gx * gy * gz == 0 || bx * by * bz > 1024)
    return INVALID_VALUE;
  static const int sizes[4][4] = {
      {8, 8, 8, 4}, {8, 4, 4, 8}, {8, 8}, {8, 8, 4}};
  struct work w = {.kernel = function, .grid = gx, .lds = lds};
  for (int k = 0; k < 4; ++k)
    for (int i = 0; i < 4; ++i)
      if (strcmp(kernel_names[k], w.kernel) == 0 && sizes[k][i])
        memcpy(&w.params[i], params[i], (size_t)sizes[k][i]);
  pthread_mutex_lock(&lock);
  ++state.launches;
  strcpy(state.last_kernel, w.kernel);
  memcpy(state.last_grid, (unsigned[]){gx, gy, gz}, sizeof(state.last_grid));
  memcpy(state.last_block, (unsigned[]){bx, by, bz}, sizeof(state.last_block));
  state.last_lds = lds;
  pthread_mutex_unlock(&lock);
  return enqueue(stream, &w);
}

#ifdef FAKE_CUDA
/* As CUlaunchConfig and CUlaunchAttribute are laid out. */
struct launch_attribute {
  int id, pad, value, rest[15];
};
struct launch_config {
  unsigned grid[3], block[3], lds;
  void *stream;
  const struct launch_attribute *attributes;
  unsigned n_attributes;
};

EXPORT int cuLaunchKernelEx(const struct launch_config *c, void *function,
                     void **params, void **extra) {
  if (c->n_attributes != 1 || c->attributes[0].id != 6 ||
      c->attributes[0].value != 1)
    return INVALID_VALUE;
  count(&state.early_launches, 1);
  return cuLaunchKernel(function, c->grid[0], c->grid[1], c->grid[2],
                        c->block[0], c->block[1], c->block[2], c->lds,
                        c->stream, params, extra);
}
#endif
#endif
