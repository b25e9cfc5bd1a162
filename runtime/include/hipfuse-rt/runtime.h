/*===-- hipfuse-rt/runtime.h - Load and call compiled artefacts ---*- C -*-===*\
|*                                                                            *|
|* Part of the Hipfuse Project, under the Apache License v2.0 with LLVM       *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* The runtime's C API: open a device (hipfuse-rt/device.h), load an artefact *|
|* on it, look at its functions, call them.                                   *|
|*                                                                            *|
|* All functions may be called from any thread at any time, on the same       *|
|* objects too, except that an object must not be closed while another thread *|
|* uses it. A failing call leaves its outputs and all buffers unchanged. The  *|
|* runtime reads no environment variable and prints nothing.                  *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef HIPFUSE_RT_RUNTIME_H
#define HIPFUSE_RT_RUNTIME_H

#include "hipfuse-rt/artifact.h"
#include "hipfuse-rt/device.h"
#include "hipfuse-rt/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*===----------------------------------------------------------------------===*/
/* Modules and functions                                                      */
/*===----------------------------------------------------------------------===*/

typedef struct hipfuse_rt_module hipfuse_rt_module_t;
typedef struct hipfuse_rt_function hipfuse_rt_function_t;

/* Loads the artefact at `path` for `device`. The whole file is validated
 * before any of its code is mapped for execution. On a GPU, the code object for
 * its architecture is validated, loaded and its kernels looked up here, so that
 * no call has to. An artefact without code for the device loads too; calling a
 * function that has none fails. The module is owned by the caller, who closes
 * it. To replace an artefact that may be in use, write a
 * new file and rename it over the old one, as for any shared object. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_module_load(hipfuse_rt_device_t *device, const char *path,
                       hipfuse_rt_module_t **module);

/* Unloads the module; its functions and descriptors become invalid. NULL is
 * allowed. */
HIPFUSE_RT_EXPORT void hipfuse_rt_module_close(hipfuse_rt_module_t *module);

/* The artefact's own descriptor, validated; borrowed from the module. */
HIPFUSE_RT_EXPORT const hipfuse_rt_module_desc *
hipfuse_rt_module_get_desc(const hipfuse_rt_module_t *module);

/* Finds the function `name`; borrowed from the module. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_module_lookup(const hipfuse_rt_module_t *module, const char *name,
                         const hipfuse_rt_function_t **function);

/* The function number `index`, counted from 0 as in the module's descriptor;
 * NULL beyond the last one. Borrowed from the module. */
HIPFUSE_RT_EXPORT const hipfuse_rt_function_t *
hipfuse_rt_module_get_function(const hipfuse_rt_module_t *module,
                               uint32_t index);

/* The function's descriptor, with names, types, shapes and constraints;
 * borrowed from the module. */
HIPFUSE_RT_EXPORT const hipfuse_rt_function_desc *
hipfuse_rt_function_get_desc(const hipfuse_rt_function_t *function);

/*===----------------------------------------------------------------------===*/
/* Calls                                                                      */
/*===----------------------------------------------------------------------===*/

/* A contiguous row-major tensor in the device's memory. */
typedef struct hipfuse_rt_tensor {
  void *data;          /* borrowed for the time of the call; may be NULL if the
                          tensor has no elements */
  uint64_t size;       /* bytes that may be accessed at `data` */
  int32_t dtype;       /* enum hipfuse_rt_dtype */
  int32_t rank;        /* number of dimensions */
  const int64_t *dims; /* borrowed for the time of the call; `rank` sizes */
} hipfuse_rt_tensor;

/* The bytes that one element takes; 0 if `dtype` is not a known type. */
HIPFUSE_RT_EXPORT size_t hipfuse_rt_dtype_size(int32_t dtype);

/* The type's name as MLIR spells it ("bf16", "f8E4M3FN"); "unknown" if `dtype`
 * is not a known type. Static storage. */
HIPFUSE_RT_EXPORT const char *hipfuse_rt_dtype_name(int32_t dtype);

/* Computes the shapes that the results of a call with `args` have. Only dtype,
 * rank and dims of the arguments are read. Writes all dimensions of all
 * results, tied ones included, flattened, to `result_dims` (owned by the
 * caller; room for the sum of the result ranks). */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_function_result_shapes(
    const hipfuse_rt_function_t *function, size_t n_args,
    const hipfuse_rt_tensor *args, int64_t *result_dims);

/* Computes the bytes of device memory that a launch with `args` needs as
 * workspace; 0 if none. It depends on the arguments' shapes alone. Only dtype,
 * rank and dims are read. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_function_workspace_size(
    const hipfuse_rt_function_t *function, size_t n_args,
    const hipfuse_rt_tensor *args, uint64_t *size);

/* Enqueues the function on `stream`, a stream of the module's device or NULL
 * for the default one, and returns; on the host, when it has finished.
 *
 * `workspace` is device memory, aligned to 256 and of at least the size that
 * hipfuse_rt_function_workspace_size gives; NULL if that is 0. Workspace and
 * all buffers must stay valid until the work has finished, and the workspace
 * must not be used by anything else until then. The arrays of tensors are
 * borrowed for the time of the call.
 *
 * Everything is validated before anything is enqueued, as described at
 * hipfuse_rt_function_call. After the first launch on a thread, launching
 * allocates nothing, loads nothing and waits for nothing, so it can be captured
 * in a graph. A failure of the enqueued work is reported by what waits for
 * it. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_function_launch(
    const hipfuse_rt_function_t *function, void *stream, void *workspace,
    uint64_t workspace_size, size_t n_args, const hipfuse_rt_tensor *args,
    size_t n_results, const hipfuse_rt_tensor *results);

/* Calls the function and returns when it has finished. On a GPU it runs on the
 * default stream, in a workspace that the module keeps for such calls; calls of
 * functions of one module wait for each other.
 *
 * `args` and `results` have one entry per argument and per result of the
 * function, in order; both arrays are borrowed for the time of the call. For a
 * result that is tied to an argument, `data` is NULL or the argument's own
 * pointer, and the rest of the entry is ignored: the argument's buffer holds
 * the result.
 *
 * Everything is validated before anything runs: number of arguments and
 * results, element types, ranks, static dimensions, the function's shape
 * constraints, sizes, null and misaligned pointers (buffers are aligned to
 * their elements' size, on a GPU to 16 bytes too), and that no buffer which is
 * written (a result, or an argument with a tied result) overlaps another
 * buffer. If the function's own code fails, results are unspecified. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_function_call(const hipfuse_rt_function_t *function, size_t n_args,
                         const hipfuse_rt_tensor *args, size_t n_results,
                         const hipfuse_rt_tensor *results);

#ifdef __cplusplus
}
#endif

#endif /* HIPFUSE_RT_RUNTIME_H */
