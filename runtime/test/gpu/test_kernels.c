//===-- test_kernels.c - Kernels for the tests, for any GPU ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Compiled by Clang without any toolkit, for AMD's chips and to NVIDIA's text.

#if defined(__AMDGPU__)
#define KERNEL                                                                 \
  __attribute__((amdgpu_kernel, amdgpu_flat_work_group_size(1, 256)))
#define THREAD __builtin_amdgcn_workitem_id_x()
#define BLOCK __builtin_amdgcn_workgroup_id_x()
#define BARRIER()                                                              \
  do {                                                                         \
    __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");                     \
    __builtin_amdgcn_s_barrier();                                              \
    __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");                     \
  } while (0)
#else
#define KERNEL __attribute__((nvptx_kernel))
#define THREAD __nvvm_read_ptx_sreg_tid_x()
#define BLOCK __nvvm_read_ptx_sreg_ctaid_x()
#define BARRIER() __nvvm_bar_sync(0)
#endif

#define GLOBAL __attribute__((address_space(1)))
#define LDS __attribute__((address_space(3), loader_uninitialized))
#define THREADS 256u

/* sum[i] = x[i] + y[i] for i < n */
KERNEL void add(GLOBAL float *sum, const GLOBAL float *x, const GLOBAL float *y,
                unsigned n) {
  unsigned i = BLOCK * THREADS + THREAD;
  if (i < n)
    sum[i] = x[i] + y[i];
}

/* state[i] = state[i] * a + b for i < n: the order of two steps shows. */
KERNEL void step(GLOBAL unsigned *state, unsigned n, unsigned a,
                 unsigned long b) {
  unsigned i = BLOCK * THREADS + THREAD;
  if (i < n)
    state[i] = state[i] * a + (unsigned)b;
}

/* Each block of 256 elements backwards, through static local memory. */
static LDS float held[THREADS];
KERNEL void reverse(GLOBAL float *y, const GLOBAL float *x) {
  unsigned i = BLOCK * THREADS + THREAD;
  held[THREAD] = x[i];
  BARRIER();
  y[i] = held[THREADS - 1 - THREAD];
}

/* The same through dynamic local memory, at its end. */
extern __attribute__((address_space(3))) float dynamic[];
KERNEL void reverse_dynamic(GLOBAL float *y, const GLOBAL float *x,
                            unsigned first) {
  unsigned i = BLOCK * THREADS + THREAD;
  dynamic[first + THREAD] = x[i];
  BARRIER();
  y[i] = dynamic[first + THREADS - 1 - THREAD];
}
