//===-- device_artifact.c - An artefact with code for host and GPUs -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../note.h"

#include "hipfuse-rt/artifact.h"

#include <stddef.h>
#include <stdlib.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/*===----------------------------------------------------------------------===*/
/* Kernels: test_kernels.c                                                    */
/*===----------------------------------------------------------------------===*/

enum { ADD, STEP, REVERSE, REVERSE_DYNAMIC };
#define THREADS 256

static const uint8_t add_params[] = {8, 8, 8, 4};
static const uint8_t step_params[] = {8, 4, 4, 8};
static const uint8_t reverse_params[] = {8, 8, 4};

/* The kernels of the test do not wait by themselves, so only fakes take one for
 * such a kernel. */
#ifdef WITH_CUBIN
#define ADD_FLAGS HIPFUSE_RT_KERNEL_STARTS_EARLY
#else
#define ADD_FLAGS 0
#endif

static const hipfuse_rt_kernel_desc kernels[] = {
    {"add", {THREADS, 1, 1}, 0, 28, 4, ADD_FLAGS, add_params},
    {"step", {THREADS, 1, 1}, 0, 24, 4, 0, step_params},
    {"reverse", {THREADS, 1, 1}, THREADS * 4, 16, 2, 0, reverse_params},
    {"reverse_dynamic", {THREADS, 1, 1}, 0, 20, 3, 0, reverse_params}};

static _Alignas(16) const unsigned char hsaco[] = {
#include "test_kernels_gfx950.inc"
};
static _Alignas(16) const unsigned char text75[] = {
#include "test_kernels_sm_75.inc"
    0};
static _Alignas(16) const unsigned char text80[] = {
#include "test_kernels_sm_80.inc"
    0};
static _Alignas(16) const unsigned char text90[] = {
#include "test_kernels_sm_90.inc"
    0};

#define OBJECT(target, kind, data)                                             \
  {target, kind, 0, data, sizeof(data), COUNT(kernels), kernels}

#ifdef WITH_CUBIN
/* Nothing but the header of a cubin for sm_90, which fakes take for one. */
static _Alignas(16) const unsigned char cubin[64] = {
    0x7f, 'E', 'L', 'F', 2, 1, 1, 41, 8, [18] = 190, [48] = 4, 0x5a, 0, 6};
#endif

/* The text for the latest chips is neither the first nor the last. */
static const hipfuse_rt_code_object code_objects[] = {
    OBJECT("sm_75", HIPFUSE_RT_CODE_OBJECT_PTX, text75),
    OBJECT("sm_90", HIPFUSE_RT_CODE_OBJECT_PTX, text90),
    OBJECT("gfx950", HIPFUSE_RT_CODE_OBJECT_HSACO, hsaco),
    OBJECT("sm_80", HIPFUSE_RT_CODE_OBJECT_PTX, text80),
#ifdef WITH_CUBIN
    OBJECT("sm_90", HIPFUSE_RT_CODE_OBJECT_CUBIN, cubin),
#endif
};

/*===----------------------------------------------------------------------===*/
/* Launch code, written as the compiler writes it                             */
/*===----------------------------------------------------------------------===*/

#define TRY(call)                                                              \
  do {                                                                         \
    int32_t code = (call);                                                     \
    if (code)                                                                  \
      return code;                                                             \
  } while (0)

static uint32_t blocks(int64_t n) {
  return (uint32_t)((n + THREADS - 1) / THREADS);
}

static int32_t launch_add(const hipfuse_rt_launch_api *api, void *sum, void *x,
                          void *y, int64_t n) {
  uint32_t count = (uint32_t)n;
  void *params[] = {&sum, &x, &y, &count};
  if (n == 0)
    return 0;
  return api->launch(api->context, ADD, blocks(n), 1, 1, 0, params);
}

/* triple: y = x + x + x, through two pieces of workspace and a copy. */
static int32_t triple_launch(const hipfuse_rt_launch_api *api,
                             void *const *data, const int64_t *dims) {
  int64_t n = dims[0];
  void *twice = api->allocate(api->context, (uint64_t)n * 4);
  void *copy = api->allocate(api->context, (uint64_t)n * 4);
  TRY(launch_add(api, twice, data[0], data[0], n));
  if (n)
    TRY(api->copy(api->context, copy, twice, (uint64_t)n * 4));
  return launch_add(api, data[1], copy, data[0], n);
}

static int32_t triple_host(const hipfuse_rt_host_api *api, void *const *data,
                           const int64_t *dims) {
  const float *x = data[0];
  float *y = data[1];
  (void)api;
  for (int64_t i = 0; i < dims[0]; ++i)
    y[i] = (x[i] + x[i]) + x[i];
  return 0;
}

/* steps: state = ((state * 3 + 1) * 5 + 2) * 7 + 4, in place, in that order. */
static const uint32_t step_factors[][2] = {{3, 1}, {5, 2}, {7, 4}};

static int32_t steps_launch(const hipfuse_rt_launch_api *api, void *const *data,
                            const int64_t *dims) {
  void *state = data[0];
  uint32_t n = (uint32_t)dims[0];
  if (n == 0)
    return 0;
  for (size_t i = 0; i < COUNT(step_factors); ++i) {
    uint32_t a = step_factors[i][0];
    uint64_t b = step_factors[i][1];
    void *params[] = {&state, &n, &a, &b};
    TRY(api->launch(api->context, STEP, blocks(n), 1, 1, 0, params));
  }
  return 0;
}

static int32_t steps_host(const hipfuse_rt_host_api *api, void *const *data,
                          const int64_t *dims) {
  uint32_t *state = data[0];
  (void)api;
  for (int64_t i = 0; i < dims[0]; ++i)
    for (size_t s = 0; s < COUNT(step_factors); ++s)
      state[i] = state[i] * step_factors[s][0] + step_factors[s][1];
  return 0;
}

/* reverse, reverse_dynamic: each 256 elements backwards. */
static int32_t reverse_launch(const hipfuse_rt_launch_api *api,
                              void *const *data, const int64_t *dims) {
  void *x = data[0], *y = data[1];
  void *params[] = {&y, &x};
  return dims[0] == 0 ? 0
                      : api->launch(api->context, REVERSE, (uint32_t)dims[0], 1,
                                    1, 0, params);
}

/* Takes 60 KiB: more than CUDA gives without being asked to. */
static int32_t reverse_dynamic_launch(const hipfuse_rt_launch_api *api,
                                      void *const *data, const int64_t *dims) {
  void *x = data[0], *y = data[1];
  uint32_t first = 15 * 1024 - THREADS;
  void *params[] = {&y, &x, &first};
  return dims[0] == 0 ? 0
                      : api->launch(api->context, REVERSE_DYNAMIC,
                                    (uint32_t)dims[0], 1, 1, 60 * 1024, params);
}

static int32_t reverse_host(const hipfuse_rt_host_api *api, void *const *data,
                            const int64_t *dims) {
  const float *x = data[0];
  float *y = data[1];
  (void)api;
  for (int64_t b = 0; b < dims[0]; ++b)
    for (int64_t i = 0; i < THREADS; ++i)
      y[b * THREADS + i] = x[b * THREADS + THREADS - 1 - i];
  return 0;
}

/*===-- Launch code that breaks its contract, each in one way -------------===*/

static int32_t no_kernel_launch(const hipfuse_rt_launch_api *api,
                                void *const *data, const int64_t *dims) {
  (void)data;
  (void)dims;
  return api->launch(api->context, 99, 1, 1, 1, 0, NULL);
}

static int32_t empty_grid_launch(const hipfuse_rt_launch_api *api,
                                 void *const *data, const int64_t *dims) {
  (void)data;
  (void)dims;
  return api->launch(api->context, ADD, 1, 0, 1, 0, NULL);
}

static int32_t much_lds_launch(const hipfuse_rt_launch_api *api,
                               void *const *data, const int64_t *dims) {
  (void)data;
  (void)dims;
  return api->launch(api->context, REVERSE, 1, 1, 1, 1u << 20, NULL);
}

static int32_t own_code_launch(const hipfuse_rt_launch_api *api,
                               void *const *data, const int64_t *dims) {
  (void)api;
  (void)data;
  (void)dims;
  return 42;
}

/* Takes more workspace when it runs than when it is asked for it, and goes on
 * in spite of failures. */
static int32_t greedy_launch(const hipfuse_rt_launch_api *api,
                             void *const *data, const int64_t *dims) {
  void *piece =
      api->allocate(api->context, data[0] ? 1u << 30 : (uint64_t)dims[0]);
  (void)launch_add(api, piece, data[0], data[0], dims[0]);
  return 0;
}

static int32_t huge_launch(const hipfuse_rt_launch_api *api, void *const *data,
                           const int64_t *dims) {
  (void)data;
  (void)dims;
  for (int i = 0; i < 3; ++i)
    if (!api->allocate(api->context, UINT64_MAX / 2))
      abort();
  return 0;
}

/*===----------------------------------------------------------------------===*/
/* The module                                                                 */
/*===----------------------------------------------------------------------===*/

static const int64_t dyn1[] = {-1};
static const int64_t rows256[] = {-1, THREADS};

static const hipfuse_rt_tensor_desc x1[] = {
    {"x", HIPFUSE_RT_F32, 1, dyn1, -1, 0}};
static const hipfuse_rt_tensor_desc y1[] = {
    {"y", HIPFUSE_RT_F32, 1, dyn1, -1, 0}};
static const hipfuse_rt_tensor_desc x2[] = {
    {"x", HIPFUSE_RT_F32, 2, rows256, -1, 0}};
static const hipfuse_rt_tensor_desc y2[] = {
    {"y", HIPFUSE_RT_F32, 2, rows256, -1, 0}};
static const hipfuse_rt_tensor_desc state_arg[] = {
    {"state", HIPFUSE_RT_I32, 1, dyn1, -1, 0}};
static const hipfuse_rt_tensor_desc state_result[] = {
    {"state", HIPFUSE_RT_I32, 1, dyn1, 0, 0}};

static int32_t same1(const int64_t *args, int64_t *results) {
  results[0] = args[0];
  return 0;
}

static int32_t same2(const int64_t *args, int64_t *results) {
  results[0] = args[0];
  results[1] = args[1];
  return 0;
}

#define CODES(name)                                                            \
  static const hipfuse_rt_device_code name##_codes[] = {                       \
      {"gfx950", name##_launch},                                               \
      {"sm_75", name##_launch},                                                \
      {"sm_80", name##_launch},                                                \
      {"sm_90", name##_launch}};
CODES(triple)
CODES(steps)
CODES(reverse)
CODES(reverse_dynamic)
CODES(no_kernel)
CODES(empty_grid)
CODES(much_lds)
CODES(own_code)
CODES(greedy)
CODES(huge)

#define FUNCTION(name, args, results, host, shape)                             \
  {#name, 1, 1, args, results, host, shape, NULL, 0, 4, name##_codes}
#define BROKEN(name)                                                           \
  {#name, 1, 0, x1, NULL, NULL, NULL, NULL, 0, 4, name##_codes}

static const hipfuse_rt_function_desc functions[] = {
    FUNCTION(triple, x1, y1, triple_host, same1),
    FUNCTION(steps, state_arg, state_result, steps_host, same1),
    FUNCTION(reverse, x2, y2, reverse_host, same2),
    FUNCTION(reverse_dynamic, x2, y2, reverse_host, same2),
    BROKEN(no_kernel),
    BROKEN(empty_grid),
    BROKEN(much_lds),
    BROKEN(own_code),
    BROKEN(greedy),
    BROKEN(huge),
    {"host_only", 1, 1, x1, y1, triple_host, same1, NULL, 0, 0, NULL},
};

__attribute__((visibility("default")))
const hipfuse_rt_module_desc hipfuse_module = {HIPFUSE_RT_MODULE_MAGIC,
                                               HIPFUSE_RT_ABI_VERSION,
                                               sizeof(hipfuse_rt_module_desc),
                                               0,
                                               "a C file with kernels",
                                               COUNT(functions),
                                               COUNT(code_objects),
                                               functions,
                                               code_objects};
