/*===-- hipfuse-rt/artifact.h - What a compiled artefact contains -*- C -*-===*\
|*                                                                            *|
|* Part of the Hipfuse Project, under the Apache License v2.0 with LLVM       *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* The contract between the compiler, which writes artefacts, and the         *|
|* runtime, which reads them. An artefact is an ELF shared object that        *|
|*  - exports one data symbol, HIPFUSE_RT_MODULE_SYMBOL, of type              *|
|*    hipfuse_rt_module_desc, from which everything else is reached;          *|
|*  - carries one ELF note, described at hipfuse_rt_note_desc, that seals it; *|
|*  - needs nothing of the runtime at link time: what host code calls is      *|
|*    handed to it in a hipfuse_rt_host_api table.                            *|
|*                                                                            *|
|* Every pointer in a descriptor is owned by the artefact and is valid while  *|
|* the artefact is loaded. Tables are constant; nothing writes to them.       *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef HIPFUSE_RT_ARTIFACT_H
#define HIPFUSE_RT_ARTIFACT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Incremented by every incompatible change of this file. A runtime reads
 * exactly one version. */
#define HIPFUSE_RT_ABI_VERSION 3u

/* "HFRT" in the order of the bytes in memory (little endian). */
#define HIPFUSE_RT_MODULE_MAGIC 0x54524648u

/* The exported data symbol, a hipfuse_rt_module_desc (the object itself, not
 * a pointer to it). */
#define HIPFUSE_RT_MODULE_SYMBOL "hipfuse_module"

/*===----------------------------------------------------------------------===*/
/* The seal                                                                   */
/*===----------------------------------------------------------------------===*/

#define HIPFUSE_RT_NOTE_SECTION ".note.hipfuse"
/* The note's owner; its n_namesz is 8, the terminating NUL included. */
#define HIPFUSE_RT_NOTE_NAME "Hipfuse"
#define HIPFUSE_RT_NOTE_TYPE 1u

/* The descriptor of the note: n_descsz is 16, all fields little endian.
 *
 * The section is allocated (SHF_ALLOC, SHT_NOTE, alignment 4), so a PT_NOTE
 * segment covers it; the reader finds it through the program headers. A file
 * has exactly one such note. The descriptor follows the owner without padding,
 * 20 bytes into the note, so it is aligned to 4 bytes only: a C struct of the
 * whole note has to spell file_size as two words.
 *
 * Sealing is the last step of writing an artefact. With the linked file in a
 * byte buffer and the note's descriptor at byte offset D of it:
 *   1. store HIPFUSE_RT_ABI_VERSION at D, 0 at D + 4 and the length of the
 *      buffer at D + 8;
 *   2. compute the CRC-32 of the whole buffer (CRC-32/ISO-HDLC: polynomial
 *      0x04C11DB7 reflected, initial value and final xor 0xFFFFFFFF, as
 *      zlib's crc32() and llvm::crc32() compute it; "123456789" gives
 *      0xCBF43926);
 *   3. store it at D + 4.
 * The reader checks file_size against the size of the file, then abi_version,
 * then the CRC with the four bytes at D + 4 taken as zero. */
typedef struct hipfuse_rt_note_desc {
  uint32_t abi_version;
  uint32_t crc32;
  uint64_t file_size; /* in bytes */
} hipfuse_rt_note_desc;

/*===----------------------------------------------------------------------===*/
/* Tensors                                                                    */
/*===----------------------------------------------------------------------===*/

/* Element types. Multi-byte types are in the machine's byte order (little
 * endian). i1 takes one byte per element, 0 or 1. Packed FP4 data is i8 with
 * the last dimension halved, the even element in the low nibble. */
enum hipfuse_rt_dtype {
  HIPFUSE_RT_F64 = 1,
  HIPFUSE_RT_F32 = 2,
  HIPFUSE_RT_F16 = 3,
  HIPFUSE_RT_BF16 = 4,
  HIPFUSE_RT_I1 = 5,
  HIPFUSE_RT_I8 = 6,
  HIPFUSE_RT_I16 = 7,
  HIPFUSE_RT_I32 = 8,
  HIPFUSE_RT_I64 = 9,
  HIPFUSE_RT_F8E4M3FN = 10,
  HIPFUSE_RT_F8E4M3FNUZ = 11,
  HIPFUSE_RT_F8E5M2 = 12,
  HIPFUSE_RT_F8E8M0FNU = 13
};

/* A dimension whose size is known only when the function is called. */
#define HIPFUSE_RT_DYNAMIC (-1)

/* The largest rank a tensor may have. */
#define HIPFUSE_RT_MAX_RANK 16

/* An argument or a result. All tensors are contiguous and row-major. */
typedef struct hipfuse_rt_tensor_desc {
  const char *name;    /* borrowed; not NULL, may be "" */
  int32_t dtype;       /* enum hipfuse_rt_dtype */
  int32_t rank;        /* 0 to HIPFUSE_RT_MAX_RANK */
  const int64_t *dims; /* borrowed; `rank` sizes in elements, or
                          HIPFUSE_RT_DYNAMIC; NULL if rank is 0 */
  int32_t tied_arg;    /* results: index of the argument that is updated in
                          place and holds this result after the call, or -1;
                          arguments: -1 */
  uint32_t flags;      /* 0 */
} hipfuse_rt_tensor_desc;

/*===----------------------------------------------------------------------===*/
/* Host code                                                                  */
/*===----------------------------------------------------------------------===*/

/* What host code may call, handed to it by the runtime. `size` is
 * sizeof(hipfuse_rt_host_api) as the runtime knows it; later versions append
 * members. */
typedef struct hipfuse_rt_host_api {
  uint32_t size; /* in bytes */
  void *pool;    /* owned by the runtime; first argument of parallel_for */

  /* Calls `body` on disjoint ranges [b, e) that together are [begin, end),
   * possibly from several threads at once, and returns when all calls have
   * returned. A range has at least `grain` elements (values below 1 mean 1)
   * unless it is the only one or the last. An empty range calls nothing. A
   * call from inside `body` runs on the calling thread. `ctx` is borrowed for
   * the time of the call and is passed through. `body` must not throw. */
  void (*parallel_for)(void *pool,
                       void (*body)(void *ctx, int64_t begin, int64_t end),
                       void *ctx, int64_t begin, int64_t end, int64_t grain);
} hipfuse_rt_host_api;

/* A function's code for the host.
 *
 * data: one pointer per argument in order, then one per result that is not
 *   tied to an argument, in order. Buffers are borrowed for the time of the
 *   call, contiguous and row-major, and aligned at least to their element
 *   size. A buffer without elements may be NULL. Results are uninitialised.
 *   No buffer that is written overlaps another one.
 * dims: all dimensions of all arguments, then of all results that are not
 *   tied, flattened in that order, the static ones included. Borrowed. They
 *   satisfy the shape constraints.
 *
 * Returns 0, or a code of its own for a failure. Must be callable from
 * several threads at once. */
typedef int32_t (*hipfuse_rt_host_fn)(const hipfuse_rt_host_api *api,
                                      void *const *data, const int64_t *dims);

/* Computes the shapes of a function's results and checks its constraints.
 *
 * arg_dims: all dimensions of all arguments, flattened; ranks and static
 *   dimensions have been checked. Borrowed.
 * result_dims: receives all dimensions of ALL results, tied ones included,
 *   flattened, the static ones included. Borrowed.
 *
 * Returns 0, or 1 + the index of the first constraint that does not hold (and
 * then result_dims is unspecified). */
typedef int32_t (*hipfuse_rt_shape_fn)(const int64_t *arg_dims,
                                       int64_t *result_dims);

/*===----------------------------------------------------------------------===*/
/* Device code                                                                */
/*===----------------------------------------------------------------------===*/

/* What a function's launch code may call, handed to it by the runtime. `size`
 * is sizeof(hipfuse_rt_launch_api) as the runtime knows it; later versions
 * append members. `context` is owned by the runtime and is the first argument
 * of every member. Pointers are addresses in the device's memory, except
 * `params`. */
typedef struct hipfuse_rt_launch_api {
  uint32_t size; /* in bytes */
  void *context;

  /* Enqueues kernel number `kernel` of the code object's table. The grid is in
   * blocks and not empty; `dynamic_lds` is in bytes and comes on top of the
   * kernel's static_lds. `params` has one pointer to host memory per parameter
   * of the kernel; what it points at is read before the call returns. Returns
   * 0, or a code to hand on. */
  int32_t (*launch)(void *context, uint32_t kernel, uint32_t grid_x,
                    uint32_t grid_y, uint32_t grid_z, uint32_t dynamic_lds,
                    void **params);

  /* Enqueues a copy of `size` bytes from device memory to device memory; the
   * two ranges do not overlap. Returns 0, or a code to hand on. */
  int32_t (*copy)(void *context, void *destination, const void *source,
                  uint64_t size);

  /* A piece of this call's workspace, of `size` bytes and aligned to 256. It
   * is uninitialised and valid until the work of the call has finished. Never
   * NULL. */
  void *(*allocate)(void *context, uint64_t size);
} hipfuse_rt_launch_api;

/* A function's launch code for one target, which runs on the host.
 *
 * data and dims: as for hipfuse_rt_host_fn, but the buffers are in the
 *   device's memory.
 *
 * It only enqueues, in the order of the program, and skips what has an empty
 * grid or no bytes. It never reads or writes the device's memory. Which members
 * of `api` it calls, and with which sizes, depends on `dims` alone, so the
 * runtime finds the size of the workspace by a run whose launches and copies do
 * nothing and whose `data` are NULL pointers.
 *
 * Returns 0, or at once the first other value that a member returned. Must be
 * callable from several threads at once. */
typedef int32_t (*hipfuse_rt_launch_fn)(const hipfuse_rt_launch_api *api,
                                        void *const *data, const int64_t *dims);

/* A function's code for the devices of one target. */
typedef struct hipfuse_rt_device_code {
  const char *target;             /* borrowed; that of at least one of the
                                     module's code objects, unique in its
                                     function */
  hipfuse_rt_launch_fn launch_fn; /* not NULL */
} hipfuse_rt_device_code;

/* The most threads that a block of a kernel may have, on any target. */
#define HIPFUSE_RT_MAX_BLOCK_THREADS 1024u

/* Flag of a kernel that may start while the work enqueued before it still runs,
 * where the device can do that: it waits for that work by itself, before it
 * writes memory or reads what that work may write (on NVIDIA GPUs by
 * griddepcontrol.wait). */
#define HIPFUSE_RT_KERNEL_STARTS_EARLY 1u

/* A kernel of a code object. */
typedef struct hipfuse_rt_kernel_desc {
  const char *name;           /* borrowed; the symbol's, not empty, unique in
                                 its code object */
  uint32_t block[3];          /* threads per block in x, y, z; each at least 1,
                                 their product at most
                                 HIPFUSE_RT_MAX_BLOCK_THREADS */
  uint32_t static_lds;        /* bytes of local (shared) memory per block */
  uint32_t kernarg_size;      /* bytes of the parameters, each at the next
                                 multiple of its own size; nothing after the
                                 last one */
  uint32_t n_params;          /* number of parameters */
  uint32_t flags;             /* HIPFUSE_RT_KERNEL_STARTS_EARLY, or 0 */
  const uint8_t *param_sizes; /* borrowed; 4 or 8 bytes for each parameter;
                                 NULL if n_params is 0 */
} hipfuse_rt_kernel_desc;

/*===----------------------------------------------------------------------===*/
/* Functions and modules                                                      */
/*===----------------------------------------------------------------------===*/

typedef struct hipfuse_rt_function_desc {
  const char *name; /* borrowed; not empty, unique in its module */

  uint32_t n_args;
  uint32_t n_results;
  const hipfuse_rt_tensor_desc *args;    /* borrowed; NULL if n_args is 0 */
  const hipfuse_rt_tensor_desc *results; /* borrowed; NULL if n_results is 0 */

  hipfuse_rt_host_fn host_fn;   /* NULL if there is no code for the host */
  hipfuse_rt_shape_fn shape_fn; /* may be NULL if all results are static and
                                   there is no constraint */

  /* What shape_fn checks, for messages, such as "dim 0 of argument 'x' equals
   * dim 0 of argument 'residual'". Borrowed; NULL if n_constraints is 0. */
  const char *const *constraints;
  uint32_t n_constraints;

  uint32_t n_device_codes;
  const hipfuse_rt_device_code *device_codes; /* borrowed; NULL if there is no
                                                 code for any device */
} hipfuse_rt_function_desc;

enum hipfuse_rt_code_object_kind {
  HIPFUSE_RT_CODE_OBJECT_HSACO = 1, /* AMD code object (ELF) */
  HIPFUSE_RT_CODE_OBJECT_CUBIN = 2, /* NVIDIA cubin */
  HIPFUSE_RT_CODE_OBJECT_PTX = 3    /* NVIDIA PTX text, NUL included in size */
};

/* The kernels of one target. A module has at most one code object of a target
 * and kind. A cubin and PTX text of the same target have the same kernels in
 * the same order; a device whose architecture is the cubin's takes that, newer
 * ones the text. Which features (xnack, sramecc) an AMD code object needs is
 * in its own ELF header. */
typedef struct hipfuse_rt_code_object {
  const char *target; /* borrowed; the chip's name: "gfx950", "sm_90" */
  uint32_t kind;      /* enum hipfuse_rt_code_object_kind */
  uint32_t flags;     /* 0 */
  const void *data;   /* borrowed; not NULL; aligned to 16 bytes */
  uint64_t size;      /* in bytes */
  uint32_t n_kernels;
  const hipfuse_rt_kernel_desc *kernels; /* borrowed; NULL if n_kernels is 0 */
} hipfuse_rt_code_object;

/* What HIPFUSE_RT_MODULE_SYMBOL names. */
typedef struct hipfuse_rt_module_desc {
  uint32_t magic;       /* HIPFUSE_RT_MODULE_MAGIC */
  uint32_t abi_version; /* HIPFUSE_RT_ABI_VERSION */
  uint32_t struct_size; /* sizeof(hipfuse_rt_module_desc), in bytes */
  uint32_t flags;       /* 0 */
  const char *producer; /* borrowed; which compiler wrote this, for people */

  uint32_t n_functions;
  uint32_t n_code_objects;
  const hipfuse_rt_function_desc *functions;  /* borrowed; NULL if none */
  const hipfuse_rt_code_object *code_objects; /* borrowed; NULL if none */
} hipfuse_rt_module_desc;

#ifdef __cplusplus
}
#endif

#endif /* HIPFUSE_RT_ARTIFACT_H */
