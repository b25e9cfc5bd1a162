//===-- KnownTargets.cpp - What each target offers ------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources of the figures:
//
//   [CDNA3]  AMD, "CDNA 3 Architecture" white paper and "Instinct MI300X" data
//            sheet: 304 CUs, 64 KiB LDS per CU, 5.3 TB/s.
//   [ISA3]   AMD, "Instinct MI300 Instruction Set Architecture": 512 vector
//            registers per lane (256 of them accumulation registers), FP8 in
//            the FNUZ format, matrix instructions.
//   [CDNA4]  AMD, "CDNA 4 Architecture" white paper and "Instinct MI355X" data
//            sheet: 256 CUs, 160 KiB LDS per CU, 8 TB/s.
//   [ISA4]   AMD, "CDNA4 Instruction Set Architecture": OCP FP8, FP6 and FP4,
//            v_cvt_scalef32_*, v_mfma_scale_*, ds_read_*_tr_*,
//            global_load_lds_dwordx4.
//   [LLVM]   LLVM, "User Guide for AMDGPU Backend": wave size 64, workgroups of
//            at most 1024 work-items.
//   [CUDA]   NVIDIA, "CUDA C++ Programming Guide", table of compute
//            capabilities, 9.0: 227 KB of shared memory and 1024 threads per
//            block, 255 registers per thread, warps of 32.
//   [H200]   NVIDIA, "H200 Tensor Core GPU" data sheet: 4.8 TB/s; 132 SMs.
//   [HEADS]  ROCm/vllm#901 to #903: the gfx950 decode kernel behind them takes
//            32 query heads, so that the heads are split around the launch.
//   [MLA]    deepseek-ai/FlashMLA `flash_mla/flash_mla_interface.py`: 64 or 128
//            query heads, and a second scope (`extra_k_cache`) in the launch;
//            blocks of 64 keys.
//   [PLAN]   ROCm/aiter `csrc/kernels/mla/metadata/v1_2_device.cuh`: blocks of
//            16 tokens, or of a page if that has more; besides its keys a work
//            costs max(1, 16 / page size) blocks, 256 tokens with pages of 1.
//   [MHC]    ROCm/aiter `aiter/ops/mhc.py` (`mhc_fused_post_pre`): fused below
//            1024 tokens on gfx950 and below 128 on gfx942, for 4 streams and
//            hidden sizes that 256 divides.
//   [VMHC]   vllm-project/vllm#47518: fused up to 512 tokens on CUDA.
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Target/KnownTargets.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace hipfuse;

// A vendor's kernel library may serve an operation; these of its revisions must
// not. In AITER before 0.1.14 all 64 lanes of a wave stored the sum of squares
// of a row, over rows of other waves.
static constexpr RevisionRequirement kAiterRequirements[] = {
    {"mhc_pre", "0.1.14",
     "earlier ones store the sum of squares over rows of other waves "
     "(ROCm/aiter#3033)"},
    {"mhc_post_pre", "0.1.14",
     "earlier ones store the sum of squares over rows of other waves "
     "(ROCm/aiter#3033)"},
};

static constexpr TargetInfo kKnownTargets[] = {
    {"gfx942",
     "AMD Instinct MI300X",
     Vendor::AMD,
     /*waveSize=*/64,                 // [LLVM]
     /*computeUnits=*/304,            // [CDNA3]
     /*ldsBytes=*/64 * 1024,          // [CDNA3]
     /*maxThreadsPerBlock=*/1024,     // [LLVM]
     /*maxVgprs=*/512,                // [ISA3]
     /*memoryBytesPerSecond=*/5.3e12, // [CDNA3]
     Fp8Flavour::FNUZ,                // [ISA3]
     // The tile of [HEADS] is no larger where the LDS is smaller.
     /*maxHeadsPerLaunch=*/32,
     /*attentionRowsPerGroup=*/0,
     /*planBlockTokens=*/16,     // [PLAN]
     /*planOverheadTokens=*/0,   // [PLAN]
     /*planSplitsEvenly=*/false, // [PLAN]
     /*fusedMhcTokenLimit=*/128, // [MHC]
     /*mhcStreams=*/4,           // [MHC]
     /*mhcHiddenMultiple=*/256,  // [MHC]
     {
         {true, "v_cvt_pk_fp8_f32, FNUZ format"},
         {false, "no v_cvt_scalef32_pk_fp4_f32 before CDNA4; FP4 codes are "
                 "computed with integers"},
         {false, "bf16 becomes f32 for arithmetic"},
         {true, "v_mfma_f32_16x16x16_bf16, 32x32x8"},
         {false, "v_mfma_f32_16x16x32_bf16 is CDNA4's"},
         {false, "v_mfma_scale_* is CDNA4's; scales are applied to f32 sums"},
         {false, "ds_read_b64_tr_b16 is CDNA4's"},
         {false, "global_load_lds copies 4 bytes a lane before CDNA4"},
         {false, "a matrix instruction of NVIDIA"},
         {false, "one launch per scope, then lm.merge_attention"},
         {false, "persistent kernels read the first slots of a row untested "
                 "(ROCm/aiter aiter/mla.py)"},
         {false, "post and pre are separate on ROCm unless mhc=fused asks for "
                 "the fused kernel (vllm-project/vllm#43950)"},
     },
     kAiterRequirements},
    {"gfx950",
     "AMD Instinct MI355X",
     Vendor::AMD,
     /*waveSize=*/64,                 // [LLVM]
     /*computeUnits=*/256,            // [CDNA4]
     /*ldsBytes=*/160 * 1024,         // [CDNA4]
     /*maxThreadsPerBlock=*/1024,     // [LLVM]
     /*maxVgprs=*/512,                // [ISA4]
     /*memoryBytesPerSecond=*/8.0e12, // [CDNA4]
     Fp8Flavour::FN,                  // [ISA4]
     // As many rows to a workgroup as in [HEADS].
     /*maxHeadsPerLaunch=*/128,
     /*attentionRowsPerGroup=*/32,
     /*planBlockTokens=*/64,    // a tile of keys
     /*planOverheadTokens=*/64, // what they take to come from memory
     /*planSplitsEvenly=*/true,
     /*fusedMhcTokenLimit=*/1024, // [MHC]
     /*mhcStreams=*/4,            // [MHC]
     /*mhcHiddenMultiple=*/256,   // [MHC]
     {
         {true, "v_cvt_pk_fp8_f32, OCP format"},
         {true, "v_cvt_scalef32_pk_fp4_{f32,bf16,f16}"},
         {false, "bf16 becomes f32 for arithmetic"},
         {true, "v_mfma_f32_16x16x16_bf16, 32x32x8"},
         {true, "v_mfma_f32_16x16x32_bf16, 32x32x16"},
         {true, "v_mfma_scale_f32_16x16x128_f8f6f4, 32x32x64"},
         {true, "ds_read_b64_tr_b16, tr_b8, tr_b4"},
         {true, "global_load_lds_dwordx4"},
         {false, "a matrix instruction of NVIDIA"},
         {true,
          "a tile of keys is of one scope; the second's follow the first's"},
         {true, "an invalid slot is read as a row of zeros, and masked"},
         {false, "post and pre are separate on ROCm unless mhc=fused asks for "
                 "the fused kernel (vllm-project/vllm#43950)"},
     },
     kAiterRequirements},
    {"sm_90",
     "NVIDIA H200",
     Vendor::NVIDIA,
     /*waveSize=*/32,                 // [CUDA]
     /*computeUnits=*/132,            // [H200]
     /*ldsBytes=*/227 * 1024,         // [CUDA]
     /*maxThreadsPerBlock=*/1024,     // [CUDA]
     /*maxVgprs=*/255,                // [CUDA]
     /*memoryBytesPerSecond=*/4.8e12, // [H200]
     Fp8Flavour::FN,                  // [CUDA]: cvt.rn.satfinite.e4m3x2.f32
     /*maxHeadsPerLaunch=*/128,       // [MLA]
     /*attentionRowsPerGroup=*/64,    // what its registers hold of the output
     /*planBlockTokens=*/64,          // [MLA]
     /*planOverheadTokens=*/128,      // measured: two tiles of its kernel
     /*planSplitsEvenly=*/true,       // measured
     /*fusedMhcTokenLimit=*/513,      // [VMHC]: up to 512
     /*mhcStreams=*/4,                // [VMHC]
     /*mhcHiddenMultiple=*/256,       // [VMHC]
     {
         {true, "cvt.rn.satfinite.e4m3x2.f32, OCP format"},
         {false, "cvt to e2m1x2 is sm_100's; FP4 codes are computed with "
                 "packed bf16"},
         {true, "fma.rn.bf16x2, min.u16x2"},
         {false, "a matrix instruction of AMD"},
         {false, "a matrix instruction of AMD"},
         {false, "block-scaled tensor cores are sm_100's"},
         {false, "ldmatrix.trans instead, through registers"},
         {true, "cp.async of 16 bytes a lane, cp.async.bulk.tensor"},
         {true, "wgmma.mma_async"},
         {true, "the second scope's slots follow the first's in one loop"},
         {true, "an invalid slot is masked (FlashMLA)"},
         {true, "fused up to 512 tokens (vllm-project/vllm#47518)"},
     },
     {}},
    {"host",
     "the machine that runs the program",
     Vendor::Host,
     /*waveSize=*/1,
     /*computeUnits=*/0,
     /*ldsBytes=*/0,
     /*maxThreadsPerBlock=*/0,
     /*maxVgprs=*/0,
     /*memoryBytesPerSecond=*/0,
     Fp8Flavour::FN,
     /*maxHeadsPerLaunch=*/kNoLimit,
     /*attentionRowsPerGroup=*/0,
     /*planBlockTokens=*/16, // as a plan without a target
     /*planOverheadTokens=*/0,
     /*planSplitsEvenly=*/false,
     /*fusedMhcTokenLimit=*/kNoLimit,
     /*mhcStreams=*/0,
     /*mhcHiddenMultiple=*/1,
     {
         {false, "FP8 codes are computed with integers"},
         {false, "FP4 codes are computed with integers"},
         {false, "the host has vectors"},
         {false, "the host has vectors"},
         {false, "the host has vectors"},
         {false, "the host has vectors"},
         {false, "the host has no LDS"},
         {false, "the host has no LDS"},
         {false, "the host has vectors"},
         {true, "scopes are loops"},
         {true, "a hole is tested for"},
         {false, "both forms take the same passes over a row that is in cache"},
     },
     {}},
};

llvm::ArrayRef<TargetInfo> hipfuse::getKnownTargets() { return kKnownTargets; }

const TargetInfo *hipfuse::lookupTarget(llvm::StringRef chip) {
  for (const TargetInfo &target : kKnownTargets)
    if (target.chip == chip)
      return &target;
  return nullptr;
}

std::string hipfuse::listKnownTargets() {
  return llvm::join(
      llvm::map_range(kKnownTargets,
                      [](const TargetInfo &target) { return target.chip; }),
      ", ");
}

llvm::StringRef hipfuse::stringifyTargetFeature(TargetFeature feature) {
  static constexpr llvm::StringLiteral kNames[kNumTargetFeatures] = {
      "fp8-convert",
      "fp4-convert",
      "packed-bf16",
      "mfma",
      "mfma-double-rate",
      "scaled-mfma",
      "transposed-lds-read",
      "lds-dma-128",
      "wgmma",
      "both-scopes-per-launch",
      "slot-holes",
      "fused-mhc-by-default"};
  return kNames[static_cast<unsigned>(feature)];
}

llvm::StringRef hipfuse::stringifyVendor(Vendor vendor) {
  switch (vendor) {
  case Vendor::AMD:
    return "AMD";
  case Vendor::NVIDIA:
    return "NVIDIA";
  case Vendor::Host:
    return "host";
  }
  return "";
}
