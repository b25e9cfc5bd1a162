//===-- code_object.h - Validate AMD code objects, choose among targets  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HIP_CODE_OBJECT_H
#define HIPFUSE_RT_SRC_HIP_CODE_OBJECT_H

#include "hipfuse-rt/artifact.h"
#include "status.h"

#include <string>

namespace hipfuse::rt {

/// Checks an AMD code object against what the artefact says about it and what
/// the device is, before any of it goes to the driver: ELF machine and chip,
/// the features xnack and sramecc, and the descriptor of each kernel.
/// `architecture` is the device's, such as "gfx950:sramecc+:xnack-".
Status validateHsaco(const hipfuse_rt_code_object &object,
                     const std::string &architecture);

/// Checks that a cubin is an ELF file of NVIDIA's for the chip that its target
/// names.
Status validateCubin(const hipfuse_rt_code_object &object);

/// The chip's name in an architecture: "gfx950" of "gfx950:sramecc+:xnack-".
std::string chipName(const std::string &architecture);

/// Can NVIDIA devices of compute capability `capability` (90 for 9.0) run this
/// code object? Cubins, and text for chips with a letter ("sm_90a"), run on
/// that very capability; other text runs on later ones too. `rank` orders those
/// that can: the greater the better.
bool runsOnCapability(const hipfuse_rt_code_object &object, int capability,
                      int &rank);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_HIP_CODE_OBJECT_H
