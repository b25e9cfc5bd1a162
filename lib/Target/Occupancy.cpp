//===-- Occupancy.cpp - How many waves a target holds at once -------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources of the figures:
//
//   [LLVM]   LLVM's AMDGPU back end: `AMDGPUBaseInfo.cpp` (gfx90a and later
//            have 512 vector registers per lane in granules of 8, 8 waves per
//            SIMD, 16 barriers per unit) and the features of gfx942 and gfx950
//            (LDS in granules of 512 and 1280 bytes).
//   [CUDA]   NVIDIA, "CUDA C++ Programming Guide", compute capability 9.0: 64K
//            registers (512 per lane of each of 4 partitions), 64 warps and 32
//            blocks per SM, 228 KB of shared memory of which each block takes
//            1 KB for the system; registers are given to warps by 256.
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Target/Occupancy.h"

#include "llvm/Support/MathExtras.h"

using namespace hipfuse;

namespace {

struct Entry {
  llvm::StringLiteral chip;
  OccupancyLimits limits;
};

} // namespace

static constexpr Entry kEntries[] = {
    {"gfx942", {4, 8, 512, 8, 64 * 1024, 512, 0, 16}},    // [LLVM]
    {"gfx950", {4, 8, 512, 8, 160 * 1024, 1280, 0, 16}},  // [LLVM]
    {"sm_90", {4, 16, 512, 8, 228 * 1024, 128, 1024, 32}} // [CUDA]
};

const OccupancyLimits &hipfuse::getOccupancyLimits(const TargetInfo &target) {
  for (const Entry &entry : kEntries)
    if (entry.chip == target.chip)
      return entry.limits;
  llvm_unreachable("the host holds no waves");
}

uint32_t hipfuse::getOccupancy(const TargetInfo &target, uint32_t vgprs,
                               uint32_t lds, uint32_t threads) {
  const OccupancyLimits &limits = getOccupancyLimits(target);
  uint32_t wavesPerBlock = llvm::divideCeil(threads, target.waveSize);
  uint32_t registers =
      llvm::alignTo(std::max(vgprs, 1u), limits.registerGranule);
  // The waves of a block may lie on any SIMD of its unit.
  uint32_t waves =
      limits.simdsPerUnit *
      std::min(limits.maxWavesPerSimd, limits.registersPerSimd / registers);
  uint32_t blocks = waves / wavesPerBlock;
  // A block of one wave needs no barrier, of which AMD's units have few.
  if (wavesPerBlock > 1 || target.vendor == Vendor::NVIDIA)
    blocks = std::min(blocks, limits.maxBlocksPerUnit);
  if (uint32_t bytes =
          llvm::alignTo(lds + limits.ldsReserved, limits.ldsGranule))
    blocks = std::min(blocks, limits.ldsPerUnit / bytes);
  return llvm::divideCeil(blocks * wavesPerBlock, limits.simdsPerUnit);
}
