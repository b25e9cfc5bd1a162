//===-- test_support.h - What tests of the C API share -------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_TEST_TEST_SUPPORT_H
#define HIPFUSE_RT_TEST_TEST_SUPPORT_H

#include "hipfuse-rt/runtime.h"

#include <string>

/// "CODE: MESSAGE", "" for success; frees the status.
inline std::string text(hipfuse_rt_status_t status) {
  if (!status)
    return "";
  std::string result = std::string(hipfuse_rt_status_code_name(
                           hipfuse_rt_status_get_code(status))) +
                       ": " + hipfuse_rt_status_get_message(status);
  hipfuse_rt_status_free(status);
  return result;
}

#endif // HIPFUSE_RT_TEST_TEST_SUPPORT_H
