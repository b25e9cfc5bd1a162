//===-- test_artifact.c - An artefact written by hand ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "note.h"

#include "hipfuse-rt/artifact.h"

#include <stddef.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const int64_t dyn1[] = {-1};
static const int64_t dyn2[] = {-1, -1};
static const int64_t rows4[] = {-1, 4};
static const int64_t static23[] = {2, 3};

/*===-- add: sum = x + y, in parallel ------------------------------------===*/

struct add_context {
  const float *x, *y;
  float *sum;
};

static void add_body(void *ctx, int64_t begin, int64_t end) {
  struct add_context *c = ctx;
  for (int64_t i = begin; i < end; ++i)
    c->sum[i] = c->x[i] + c->y[i];
}

static int32_t add_host(const hipfuse_rt_host_api *api, void *const *data,
                        const int64_t *dims) {
  struct add_context c = {data[0], data[1], data[2]};
  /* dims: x, y, sum. */
  api->parallel_for(api->pool, add_body, &c, 0, dims[4] * dims[5], 16);
  return 0;
}

static int32_t add_shape(const int64_t *args, int64_t *results) {
  if (args[0] != args[2])
    return 1;
  results[0] = args[0];
  results[1] = 4;
  return 0;
}

static const hipfuse_rt_tensor_desc add_args[] = {
    {"x", HIPFUSE_RT_F32, 2, rows4, -1, 0},
    {"y", HIPFUSE_RT_F32, 2, rows4, -1, 0}};
static const hipfuse_rt_tensor_desc add_results[] = {
    {"sum", HIPFUSE_RT_F32, 2, rows4, -1, 0}};
static const char *const add_constraints[] = {
    "dim 0 of argument 'x' equals dim 0 of argument 'y'"};

/*===-- scale: state *= factor in place; n = number of elements
 * ------------===*/

static int32_t scale_host(const hipfuse_rt_host_api *api, void *const *data,
                          const int64_t *dims) {
  (void)api;
  double *state = data[0];
  const double *factor = data[1];
  int64_t *n = data[2];
  for (int64_t i = 0; i < dims[0]; ++i)
    state[i] *= *factor;
  *n = dims[0];
  return 0;
}

static int32_t scale_shape(const int64_t *args, int64_t *results) {
  results[0] = args[0];
  return 0;
}

static const hipfuse_rt_tensor_desc scale_args[] = {
    {"state", HIPFUSE_RT_F64, 1, dyn1, -1, 0},
    {"factor", HIPFUSE_RT_F64, 0, NULL, -1, 0}};
static const hipfuse_rt_tensor_desc scale_results[] = {
    {"state", HIPFUSE_RT_F64, 1, dyn1, 0, 0},
    {"n", HIPFUSE_RT_I64, 0, NULL, -1, 0}};

/*===-- copy_T: y = x for every element type
 * -------------------------------===*/

static int32_t same_shape(const int64_t *args, int64_t *results) {
  results[0] = args[0];
  results[1] = args[1];
  return 0;
}

#define COPY(suffix, type, bytes)                                              \
  static int32_t copy_##suffix(const hipfuse_rt_host_api *api,                 \
                               void *const *data, const int64_t *dims) {       \
    (void)api;                                                                 \
    if (dims[0] * dims[1] != 0)                                                \
      memcpy(data[1], data[0], (size_t)(dims[0] * dims[1] * bytes));           \
    return 0;                                                                  \
  }                                                                            \
  static const hipfuse_rt_tensor_desc copy_##suffix##_args[] = {               \
      {"x", type, 2, dyn2, -1, 0}};                                            \
  static const hipfuse_rt_tensor_desc copy_##suffix##_results[] = {            \
      {"y", type, 2, dyn2, -1, 0}};

#define FOR_EACH_TYPE(X)                                                       \
  X(f64, HIPFUSE_RT_F64, 8)                                                    \
  X(f32, HIPFUSE_RT_F32, 4)                                                    \
  X(f16, HIPFUSE_RT_F16, 2)                                                    \
  X(bf16, HIPFUSE_RT_BF16, 2)                                                  \
  X(i1, HIPFUSE_RT_I1, 1)                                                      \
  X(i8, HIPFUSE_RT_I8, 1)                                                      \
  X(i16, HIPFUSE_RT_I16, 2)                                                    \
  X(i32, HIPFUSE_RT_I32, 4)                                                    \
  X(i64, HIPFUSE_RT_I64, 8)                                                    \
  X(f8e4m3fn, HIPFUSE_RT_F8E4M3FN, 1)                                          \
  X(f8e4m3fnuz, HIPFUSE_RT_F8E4M3FNUZ, 1)                                      \
  X(f8e5m2, HIPFUSE_RT_F8E5M2, 1)                                              \
  X(f8e8m0fnu, HIPFUSE_RT_F8E8M0FNU, 1)

FOR_EACH_TYPE(COPY)

/*===-- leave: writes nothing; fail: returns a code; no_host: no code
 * ------===*/

static int32_t leave_host(const hipfuse_rt_host_api *api, void *const *data,
                          const int64_t *dims) {
  (void)api;
  (void)data;
  (void)dims;
  return 0;
}

static int32_t fail_host(const hipfuse_rt_host_api *api, void *const *data,
                         const int64_t *dims) {
  (void)api;
  (void)data;
  (void)dims;
  return 42;
}

static const hipfuse_rt_tensor_desc leave_results[] = {
    {"i", HIPFUSE_RT_I32, 2, static23, -1, 0},
    {"f", HIPFUSE_RT_F32, 2, static23, -1, 0}};
static const hipfuse_rt_tensor_desc static_args[] = {
    {"", HIPFUSE_RT_I32, 2, static23, -1, 0}};

/*===-- The module
 * ---------------------------------------------------------===*/

#define FUNCTION(name, args, results, host, shape, constraints, n_constraints) \
  {name,  COUNT(args), COUNT(results), args, results, host,                    \
   shape, constraints, n_constraints,  0,    NULL}

#define COPY_ENTRY(suffix, type, bytes)                                        \
  FUNCTION("copy_" #suffix, copy_##suffix##_args, copy_##suffix##_results,     \
           copy_##suffix, same_shape, NULL, 0),

static const hipfuse_rt_function_desc functions[] = {
    FUNCTION("add", add_args, add_results, add_host, add_shape, add_constraints,
             1),
    FUNCTION("scale", scale_args, scale_results, scale_host, scale_shape, NULL,
             0),
    FOR_EACH_TYPE(COPY_ENTRY){"leave", 0, COUNT(leave_results), NULL,
                              leave_results, leave_host, NULL, NULL, 0, 0,
                              NULL},
    {"fail", COUNT(static_args), 0, static_args, NULL, fail_host, NULL, NULL, 0,
     0, NULL},
    {"no_host", COUNT(static_args), 0, static_args, NULL, NULL, NULL, NULL, 0,
     0, NULL},
};

__attribute__((visibility("default")))
const hipfuse_rt_module_desc hipfuse_module = {HIPFUSE_RT_MODULE_MAGIC,
                                               HIPFUSE_RT_ABI_VERSION,
                                               sizeof(hipfuse_rt_module_desc),
                                               0,
                                               "a C file",
                                               COUNT(functions),
                                               0,
                                               functions,
                                               NULL};
