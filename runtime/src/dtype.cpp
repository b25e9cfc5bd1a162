//===-- dtype.cpp - Element types -----------------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dtype.h"

#include "hipfuse-rt/artifact.h"

using namespace hipfuse::rt;

size_t hipfuse::rt::dtypeSize(int32_t dtype) {
  switch (dtype) {
  case HIPFUSE_RT_F64:
  case HIPFUSE_RT_I64:
    return 8;
  case HIPFUSE_RT_F32:
  case HIPFUSE_RT_I32:
    return 4;
  case HIPFUSE_RT_F16:
  case HIPFUSE_RT_BF16:
  case HIPFUSE_RT_I16:
    return 2;
  case HIPFUSE_RT_I1:
  case HIPFUSE_RT_I8:
  case HIPFUSE_RT_F8E4M3FN:
  case HIPFUSE_RT_F8E4M3FNUZ:
  case HIPFUSE_RT_F8E5M2:
  case HIPFUSE_RT_F8E8M0FNU:
    return 1;
  }
  return 0;
}

const char *hipfuse::rt::dtypeName(int32_t dtype) {
  switch (dtype) {
  case HIPFUSE_RT_F64:
    return "f64";
  case HIPFUSE_RT_F32:
    return "f32";
  case HIPFUSE_RT_F16:
    return "f16";
  case HIPFUSE_RT_BF16:
    return "bf16";
  case HIPFUSE_RT_I1:
    return "i1";
  case HIPFUSE_RT_I8:
    return "i8";
  case HIPFUSE_RT_I16:
    return "i16";
  case HIPFUSE_RT_I32:
    return "i32";
  case HIPFUSE_RT_I64:
    return "i64";
  case HIPFUSE_RT_F8E4M3FN:
    return "f8E4M3FN";
  case HIPFUSE_RT_F8E4M3FNUZ:
    return "f8E4M3FNUZ";
  case HIPFUSE_RT_F8E5M2:
    return "f8E5M2";
  case HIPFUSE_RT_F8E8M0FNU:
    return "f8E8M0FNU";
  }
  return "unknown";
}
