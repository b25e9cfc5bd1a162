//===-- empty_artifact.c - A sealed shared object without a module --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse-rt/artifact.h"

static const struct {
  uint32_t namesz, descsz, type;
  char name[8];
  /* A hipfuse_rt_note_desc in words: no padding may come before it. */
  uint32_t desc[4];
} note __attribute__((section(HIPFUSE_RT_NOTE_SECTION), used, aligned(4))) = {
    sizeof(HIPFUSE_RT_NOTE_NAME),
    sizeof(hipfuse_rt_note_desc),
    HIPFUSE_RT_NOTE_TYPE,
    HIPFUSE_RT_NOTE_NAME,
    {0, 0, 0, 0}};
