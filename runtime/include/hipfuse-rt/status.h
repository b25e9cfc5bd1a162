/*===-- hipfuse-rt/status.h - Result of a runtime call ------------*- C -*-===*\
|*                                                                            *|
|* Part of the Hipfuse Project, under the Apache License v2.0 with LLVM       *|
|* Exceptions. See LICENSE for license information.                           *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Every runtime call that can fail returns a hipfuse_rt_status_t. NULL means *|
|* success and costs nothing; any other value is owned by the caller, who     *|
|* frees it with hipfuse_rt_status_free.                                      *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef HIPFUSE_RT_STATUS_H
#define HIPFUSE_RT_STATUS_H

#if defined(__GNUC__)
#define HIPFUSE_RT_EXPORT __attribute__((visibility("default")))
#else
#define HIPFUSE_RT_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of failure a status stands for. The values are part of the ABI:
 * new codes are appended, existing ones never change. */
enum hipfuse_rt_status_code {
  HIPFUSE_RT_OK = 0,
  /* A call's own arguments are wrong: null pointer, dtype, rank, shape, ... */
  HIPFUSE_RT_INVALID_ARGUMENT = 1,
  /* A file, device or function of that name does not exist. */
  HIPFUSE_RT_NOT_FOUND = 2,
  /* An artefact is not what its note says: truncated, altered, or not an
   * artefact at all. */
  HIPFUSE_RT_DATA_LOSS = 3,
  /* An artefact of another ABI version. */
  HIPFUSE_RT_VERSION_MISMATCH = 4,
  /* A resource cannot be had now: thread creation, I/O, a driver. */
  HIPFUSE_RT_UNAVAILABLE = 5,
  HIPFUSE_RT_OUT_OF_MEMORY = 6,
  /* The artefact broke the ABI contract, or its code reported a failure. */
  HIPFUSE_RT_INTERNAL = 7,
  /* The artefact has no code for this device, or the runtime no such device
   * in this build. */
  HIPFUSE_RT_UNIMPLEMENTED = 8
};

/* NULL is success; otherwise an object owned by the receiver. */
typedef struct hipfuse_rt_status *hipfuse_rt_status_t;

/* The code of `status` (HIPFUSE_RT_OK for NULL). */
HIPFUSE_RT_EXPORT enum hipfuse_rt_status_code
hipfuse_rt_status_get_code(hipfuse_rt_status_t status);

/* One line without a trailing newline, "" for NULL; borrowed, valid until the
 * status is freed. */
HIPFUSE_RT_EXPORT const char *
hipfuse_rt_status_get_message(hipfuse_rt_status_t status);

/* The code in words, such as "invalid argument"; static storage. */
HIPFUSE_RT_EXPORT const char *
hipfuse_rt_status_code_name(enum hipfuse_rt_status_code code);

/* Frees `status`; NULL is allowed. */
HIPFUSE_RT_EXPORT void hipfuse_rt_status_free(hipfuse_rt_status_t status);

#ifdef __cplusplus
}
#endif

#endif /* HIPFUSE_RT_STATUS_H */
