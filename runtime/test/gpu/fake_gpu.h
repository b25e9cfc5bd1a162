//===-- fake_gpu.h - What tests see and set of the fake GPU library  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_TEST_GPU_FAKE_GPU_H
#define HIPFUSE_RT_TEST_GPU_FAKE_GPU_H

#include <stddef.h>

/* The one of these that fake_gpu_state() of each library returns. Zero it and
 * set the first fields to start anew. */
struct fake_gpu_state {
  /* The machine: fake_gpu_reset() gives one device that works. */
  int version; /* as hipDriverGetVersion gives it */
  int devices;
  char architecture[64]; /* HIP: what a device runs as */
  int capability;        /* CUDA: 90 for 9.0 */
  size_t lds;            /* bytes per block */
  size_t memory;         /* bytes of device memory */

  /* The call number `fail_after`, counted from 0, of the function that HIP
   * calls `fail_function` gives `fail_code`. */
  char fail_function[64];
  int fail_after;
  int fail_code;

  /* What is alive, and what has been called. */
  int allocations, streams, events, graphs, executables, modules, contexts;
  int loads, text_loads, launches, synchronizations, calls_of_malloc;
  char last_kernel[64];
  unsigned last_grid[3], last_block[3], last_lds;
  int early_launches; /* CUDA: that need not wait for the work before them */
};

#endif /* HIPFUSE_RT_TEST_GPU_FAKE_GPU_H */
