//===-- code_object_fuzzer.cpp - Fuzz the validation of AMD code objects --===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A code object is checked against the artefact's kernel table before the
// driver sees it. Any bytes may stand for one.
//
//===----------------------------------------------------------------------===//

#include "hip/code_object.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using namespace hipfuse::rt;

static void require(bool holds) {
  if (!holds)
    std::abort();
}

/// Validates the bytes as the code object of the seed: kernels `add` and
/// `step` of test_kernels.c.
static Status validate(const std::vector<unsigned char> &bytes,
                       const char *target) {
  static const uint8_t addParams[] = {8, 8, 8, 4};
  static const uint8_t stepParams[] = {8, 4, 4, 8};
  static const hipfuse_rt_kernel_desc kernels[] = {
      {"add", {256, 1, 1}, 0, 28, 4, 0, addParams},
      {"step", {256, 1, 1}, 0, 24, 4, 0, stepParams},
  };
  hipfuse_rt_code_object object = {};
  object.target = target;
  object.kind = HIPFUSE_RT_CODE_OBJECT_HSACO;
  object.data = bytes.data();
  object.size = bytes.size();
  object.n_kernels = 2;
  object.kernels = kernels;
  return validateHsaco(object, std::string(target) + ":sramecc+:xnack-");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // In memory of its own, so that a read beyond its end is noticed.
  std::vector<unsigned char> bytes(data, data + size);
  if (bytes.empty())
    return 0;
  Status status = validate(bytes, "gfx950");
  require(status.ok() || std::strlen(status.message()) > 0);
  require(std::equal(bytes.begin(), bytes.end(), data));
  // Never for two chips at once.
  if (status.ok())
    require(!validate(bytes, "gfx942").ok());
  return 0;
}
