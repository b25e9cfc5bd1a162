// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-print-target -o /dev/null | FileCheck %s --check-prefix=GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-print-target -o /dev/null | FileCheck %s --check-prefix=GFX942
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-print-target -o /dev/null | FileCheck %s --check-prefix=SM90
// RUN: hipfuse-opt %s --lm-attach-target=chip=host --lm-print-target -o /dev/null | FileCheck %s --check-prefix=HOST
// RUN: hipfuse-opt %s --lm-attach-target="chip=gfx950 max-heads-per-launch=16 revisions=mhc_pre:0.1.13,mhc_post_pre:0.1.14,mhc_post:1.0:1.1" --lm-print-target -o /dev/null | FileCheck %s --check-prefix=REVISIONS
// RUN: not hipfuse-opt %s --lm-print-target 2>&1 | FileCheck %s --check-prefix=NONE

// Every figure that a pass may ask for, and for what is off the reason.
// GFX950:      target gfx950: AMD Instinct MI355X
// GFX950-NEXT:   vendor                   AMD
// GFX950-NEXT:   wave size                64
// GFX950-NEXT:   compute units            256
// GFX950-NEXT:   LDS per workgroup        163840 bytes
// GFX950-NEXT:   threads per workgroup    1024
// GFX950-NEXT:   vector registers         512
// GFX950-NEXT:   memory bandwidth         8.0 TB/s
// GFX950-NEXT:   FP8 format               f8E4M3FN
// GFX950-NEXT:   heads per launch         128
// GFX950-NEXT:   attention rows           32 per workgroup
// GFX950-NEXT:   plan block               64 tokens
// GFX950-NEXT:   plan overhead            64 tokens
// GFX950-NEXT:   plan split               even
// GFX950-NEXT:   fused mHC below tokens   1024
// GFX950-NEXT:   fp8-convert              on: v_cvt_pk_fp8_f32
// GFX950-NEXT:   fp4-convert              on: v_cvt_scalef32_pk_fp4
// GFX950-NEXT:   packed-bf16              off: bf16 becomes f32 for arithmetic
// GFX950-NEXT:   mfma                     on:
// GFX950-NEXT:   mfma-double-rate         on:
// GFX950-NEXT:   scaled-mfma              on: v_mfma_scale_f32_16x16x128_f8f6f4
// GFX950-NEXT:   transposed-lds-read      on:
// GFX950-NEXT:   lds-dma-128              on: global_load_lds_dwordx4
// GFX950-NEXT:   wgmma                    off:
// GFX950-NEXT:   both-scopes-per-launch   on: a tile of keys is of one scope; the second's follow the first's
// GFX950-NEXT:   slot-holes               on: an invalid slot is read as a row of zeros, and masked
// GFX950-NEXT:   fused-mhc-by-default     off: post and pre are separate on ROCm unless mhc=fused asks for the fused kernel (vllm-project/vllm#43950){{$}}
// GFX950-NOT:  {{.}}

// GFX942:      target gfx942: AMD Instinct MI300X
// GFX942:        compute units            304
// GFX942:        LDS per workgroup        65536 bytes
// GFX942:        memory bandwidth         5.3 TB/s
// GFX942:        FP8 format               f8E4M3FNUZ
// GFX942:        fused mHC below tokens   128
// GFX942:        fp4-convert              off: no v_cvt_scalef32_pk_fp4_f32 before CDNA4
// GFX942:        scaled-mfma              off:
// GFX942:        lds-dma-128              off: global_load_lds copies 4 bytes a lane before CDNA4

// SM90:        target sm_90: NVIDIA H200
// SM90:          wave size                32
// SM90:          compute units            132
// SM90:          LDS per workgroup        232448 bytes
// SM90:          vector registers         255
// SM90:          memory bandwidth         4.8 TB/s
// SM90:          heads per launch         128
// SM90-NEXT:     attention rows           64 per workgroup
// SM90-NEXT:     plan block               64 tokens
// SM90-NEXT:     plan overhead           128 tokens
// SM90-NEXT:     plan split              even
// SM90:          wgmma                    on: wgmma.mma_async
// SM90:          both-scopes-per-launch   on:
// SM90:          slot-holes               on:
// SM90:          fused-mhc-by-default     on: fused up to 512 tokens

// HOST:        target host: the machine that runs the program
// HOST-NEXT:     vendor                   host
// HOST-NEXT:     FP8 format               f8E4M3FN
// HOST-NEXT:     heads per launch         no limit

// The attribute's figure replaces the table's, and both versions are named.
// REVISIONS:     heads per launch         16
// REVISIONS:     mhc_pre                  off: revision 0.1.13, but 0.1.14 is needed: earlier ones store the sum of squares over rows of other waves (ROCm/aiter#3033)
// REVISIONS-NEXT: mhc_post_pre            on: revision 0.1.14
// REVISIONS-NEXT: mhc_post                off: revision 1.0, but 1.1 is needed{{$}}

// NONE: error: has no 'lm.target'; lm-attach-target gives it one
module {}
