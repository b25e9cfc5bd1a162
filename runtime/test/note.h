//===-- note.h - The note of artefacts that tests are made of ---*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_TEST_NOTE_H
#define HIPFUSE_RT_TEST_NOTE_H

#include "hipfuse-rt/artifact.h"

/* The note as the compiler emits it; sealing fills it in. */
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

#endif // HIPFUSE_RT_TEST_NOTE_H
