/*===-- hipfuse-rt/device.h - Devices, memory, streams, graphs ---*- C -*-===*\
|*                                                                            *|
|* Part of the Hipfuse Project, under the Apache License v2.0 with LLVM       *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Devices, and what can be done with one without any artefact: memory,       *|
|* streams, events, captured graphs, a trace of what was launched.            *|
|* hipfuse-rt/runtime.h includes it; that header's rules on threads and       *|
|* failures hold here too.                                                    *|
|*                                                                            *|
|* A device is the host, an AMD GPU (through the HIP runtime library) or an   *|
|* NVIDIA GPU (through the CUDA driver library). The vendor libraries are     *|
|* opened when a device is listed or opened; nothing else needs them. All     *|
|* calls mean the same on every kind of device. On the host, memory is the    *|
|* process's own, and what is enqueued runs before the call returns.          *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef HIPFUSE_RT_DEVICE_H
#define HIPFUSE_RT_DEVICE_H

#include "hipfuse-rt/status.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*===----------------------------------------------------------------------===*/
/* Devices                                                                    */
/*===----------------------------------------------------------------------===*/

typedef struct hipfuse_rt_device hipfuse_rt_device_t;

enum hipfuse_rt_device_kind {
  HIPFUSE_RT_DEVICE_HOST = 1,
  HIPFUSE_RT_DEVICE_HIP = 2, /* an AMD GPU */
  HIPFUSE_RT_DEVICE_CUDA = 3 /* an NVIDIA GPU */
};

typedef struct hipfuse_rt_device_info {
  char name[64];          /* what hipfuse_rt_device_open takes: "host:16",
                             "hip:0", "cuda:1" */
  char description[1024]; /* for people, one line: "host CPU, 16 threads"; that
                             of a device opened as "auto" says why it is none
                             of the kinds that come first */
  char architecture[64];  /* "x86-64"; with the features that it runs with:
                             "gfx950:sramecc+:xnack-"; "sm_90" */
  int32_t kind;           /* enum hipfuse_rt_device_kind */
  uint32_t compute_units; /* CPUs, compute units or multiprocessors */
  uint64_t memory_size;   /* bytes of device memory */
  uint64_t cache_size;    /* bytes of the last cache that the vendor library
                             tells of; 0 if unknown */
} hipfuse_rt_device_info;

/* Writes the first `capacity` devices of this machine to `infos` (owned by the
 * caller; may be NULL if capacity is 0) and the number of all of them to
 * `count`: the host, then AMD's, then NVIDIA's. A vendor library that is not
 * there or finds no device adds none. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_enumerate_devices(
    size_t capacity, hipfuse_rt_device_info *infos, size_t *count);

/* Opens the device `name`, which the caller owns and closes:
 *   "host"    the CPU with as many threads as the process may use CPUs
 *   "host:N"  the CPU with N threads (1 to 1024, the calling one included)
 *   "hip"     the first AMD GPU; "hip:n" is number n, counted from 0
 *   "cuda"    the first NVIDIA GPU; "cuda:n" is number n, counted from 0
 *   "auto"    "hip" if that opens, otherwise "cuda", otherwise "host"; the
 *             device's name tells which */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_open(const char *name, hipfuse_rt_device_t **device);

/* As hipfuse_rt_device_open("hip..." or "cuda..."), with the vendor library at
 * `library` (borrowed for the time of the call) instead of the one that the
 * dynamic linker finds by its usual name. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_device_open_with_library(
    const char *name, const char *library, hipfuse_rt_device_t **device);

/* The device's name, such as "host:2" or "hip:0"; borrowed from the device. */
HIPFUSE_RT_EXPORT const char *
hipfuse_rt_device_name(const hipfuse_rt_device_t *device);

/* All about the device; borrowed from it. */
HIPFUSE_RT_EXPORT const hipfuse_rt_device_info *
hipfuse_rt_device_get_info(const hipfuse_rt_device_t *device);

/* Gives the caller's reference up; NULL is allowed. Modules, events and graphs
 * keep their device alive, so the order of closing does not matter. Memory and
 * streams do not: free and destroy them first. */
HIPFUSE_RT_EXPORT void hipfuse_rt_device_close(hipfuse_rt_device_t *device);

/*===----------------------------------------------------------------------===*/
/* Memory                                                                     */
/*===----------------------------------------------------------------------===*/

/* Allocates `size` bytes of device memory, aligned to 256, uninitialised and
 * owned by the caller. 0 bytes give NULL. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_device_allocate(
    hipfuse_rt_device_t *device, uint64_t size, void **memory);

/* Frees what hipfuse_rt_device_allocate gave; NULL is allowed. No work that
 * uses it may be pending. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_free(hipfuse_rt_device_t *device, void *memory);

/* Copy `size` bytes from host to device memory, from device to host memory, or
 * set all bytes of device memory to `value`. They return when that is done.
 * They come after the work of the default stream, but do not wait for other
 * streams: synchronise those first. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_copy_to(hipfuse_rt_device_t *device, void *destination,
                          const void *source, uint64_t size);
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_copy_from(hipfuse_rt_device_t *device, void *destination,
                            const void *source, uint64_t size);
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_fill(hipfuse_rt_device_t *device, void *destination,
                       uint8_t value, uint64_t size);

/*===----------------------------------------------------------------------===*/
/* Streams                                                                    */
/*===----------------------------------------------------------------------===*/

/* A stream is the vendor's own handle - a hipStream_t, a CUstream - so that an
 * application passes the streams it has. NULL is the default stream of the
 * device. What is enqueued on one stream runs in that order; streams made here
 * do not wait for each other nor for the default stream. */

/* Makes a stream, which the caller owns and destroys. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_stream_create(hipfuse_rt_device_t *device, void **stream);

/* Destroys what hipfuse_rt_stream_create gave; NULL is allowed. Work that is
 * pending on it still finishes. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_stream_destroy(hipfuse_rt_device_t *device, void *stream);

/* Waits until all work of the stream has finished. A failure of that work is
 * reported here. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_stream_synchronize(hipfuse_rt_device_t *device, void *stream);

/* Enqueues a copy of `size` bytes within device memory; the two ranges must
 * not overlap. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_stream_copy(hipfuse_rt_device_t *device, void *stream,
                       void *destination, const void *source, uint64_t size);

/*===----------------------------------------------------------------------===*/
/* Graphs                                                                     */
/*===----------------------------------------------------------------------===*/

typedef struct hipfuse_rt_graph hipfuse_rt_graph_t;

/* From here on, launches and copies on `stream` are recorded instead of
 * executed. The stream is not the default stream. While it captures, the thread
 * must not allocate, copy or synchronise on the device. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_graph_begin_capture(hipfuse_rt_device_t *device, void *stream);

/* Ends the capture, also if it fails, and makes a graph of what was recorded.
 * The caller owns and destroys it. The modules whose functions were launched,
 * and all buffers and workspaces, must outlive it. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_graph_end_capture(
    hipfuse_rt_device_t *device, void *stream, hipfuse_rt_graph_t **graph);

/* Enqueues all that was recorded. `stream` may be any stream of the device. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_graph_launch(hipfuse_rt_graph_t *graph, void *stream);

/* NULL is allowed. No launch of the graph may be pending. */
HIPFUSE_RT_EXPORT void hipfuse_rt_graph_destroy(hipfuse_rt_graph_t *graph);

/*===----------------------------------------------------------------------===*/
/* Events                                                                     */
/*===----------------------------------------------------------------------===*/

typedef struct hipfuse_rt_event hipfuse_rt_event_t;

/* Makes an event, which the caller owns and destroys. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_event_create(
    hipfuse_rt_device_t *device, hipfuse_rt_event_t **event);

/* Enqueues the event, which takes the time when the work before it on the
 * stream has finished. Recording again replaces the time. The stream must not
 * be capturing. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_event_record(hipfuse_rt_event_t *event, void *stream);

/* Waits for both events, which must have been recorded, and writes the time
 * from `start` to `end` to `milliseconds`. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t hipfuse_rt_event_elapsed(
    hipfuse_rt_event_t *start, hipfuse_rt_event_t *end, double *milliseconds);

/* NULL is allowed. */
HIPFUSE_RT_EXPORT void hipfuse_rt_event_destroy(hipfuse_rt_event_t *event);

/*===----------------------------------------------------------------------===*/
/* Trace                                                                      */
/*===----------------------------------------------------------------------===*/

/* Starts to write what is launched on the device - functions, their kernels
 * and copies, graphs - to the file `path`, which is created or replaced: JSON
 * in the format of chrome://tracing. Times are those of the launching thread,
 * in microseconds; a kernel's own time on a GPU is not in it. Tracing that is
 * on already is an error. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_trace_start(hipfuse_rt_device_t *device, const char *path);

/* Completes and closes the file. Nothing happens if tracing is off. A device
 * does this when it goes away. */
HIPFUSE_RT_EXPORT hipfuse_rt_status_t
hipfuse_rt_device_trace_stop(hipfuse_rt_device_t *device);

#ifdef __cplusplus
}
#endif

#endif /* HIPFUSE_RT_DEVICE_H */
