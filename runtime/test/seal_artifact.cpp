//===-- seal_artifact.cpp - Seal an artefact written by hand --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "artifact_seal.h"

#include <cstdio>

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s ARTEFACT\n", argv[0]);
    return 2;
  }
  hipfuse::rt::Status status = hipfuse::rt::sealFile(argv[1]);
  if (status.ok())
    return 0;
  std::fprintf(stderr, "%s: error: %s\n", argv[0], status.message());
  return 1;
}
