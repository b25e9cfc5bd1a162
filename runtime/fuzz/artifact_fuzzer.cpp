//===-- artifact_fuzzer.cpp - Fuzz the validation of an artefact's bytes --===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading an artefact maps its code, so what has to withstand any bytes is what
// comes before: finding the seal, sealing, and validating the image.
//
//===----------------------------------------------------------------------===//

#include "artifact.h"
#include "artifact_seal.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

using namespace hipfuse::rt;

/// Ends the run; the fuzzer keeps the input that led here.
static void require(bool holds) {
  if (!holds)
    std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // In memory of its own, so that a read beyond its end is noticed.
  std::vector<unsigned char> image(data, data + size);
  Status asIs = validateImage("fuzz", image.data(), size);
  require(asIs.ok() || std::strlen(asIs.message()) > 0);
  require(std::equal(image.begin(), image.end(), data));

  // Changed bytes fail by their checksum; sealed anew they get further.
  if (!sealImage("fuzz", image.data(), size).ok())
    return 0;
  if (!validateImage("fuzz", image.data(), size).ok())
    return 0;

  // A valid image is invalid with any byte changed, and with any number of
  // bytes missing at its end.
  size_t at = size / 2;
  for (unsigned char bit : {0x01, 0x80}) {
    image[at] ^= bit;
    require(!validateImage("fuzz", image.data(), size).ok());
    image[at] ^= bit;
    at = size * 7 / 8;
  }
  for (size_t kept : {size_t(0), size / 3, size - 1}) {
    std::vector<unsigned char> cut(image.begin(), image.begin() + kept);
    require(!validateImage("fuzz", cut.data(), cut.size()).ok());
  }
  return 0;
}
