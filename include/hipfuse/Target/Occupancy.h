//===-- Occupancy.h - How many waves a target holds at once -----*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TARGET_OCCUPANCY_H
#define HIPFUSE_TARGET_OCCUPANCY_H

#include "hipfuse/Target/KnownTargets.h"

namespace hipfuse {

/// What the waves of one compute unit (SM) share. A unit has `simdsPerUnit`
/// SIMDs (NVIDIA: partitions), each with registers of its own.
struct OccupancyLimits {
  uint32_t simdsPerUnit;
  uint32_t maxWavesPerSimd;
  uint32_t registersPerSimd; ///< 32-bit vector registers of one lane
  uint32_t registerGranule;  ///< a wave gets multiples of this many
  uint32_t ldsPerUnit;       ///< bytes
  uint32_t ldsGranule;       ///< a block gets multiples of this many bytes
  uint32_t ldsReserved;      ///< bytes that each block takes besides its own
  uint32_t maxBlocksPerUnit; ///< of more than one wave
};

/// The limits of a device.
const OccupancyLimits &getOccupancyLimits(const TargetInfo &target);

/// Waves that one SIMD holds at once of a kernel with `vgprs` vector registers
/// per lane and `lds` bytes per block of `threads`: what its registers, its LDS
/// and the number of blocks allow. 0 if not even one block fits.
uint32_t getOccupancy(const TargetInfo &target, uint32_t vgprs, uint32_t lds,
                      uint32_t threads);

} // namespace hipfuse

#endif // HIPFUSE_TARGET_OCCUPANCY_H
