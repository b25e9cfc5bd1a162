// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --split-input-file --verify-diagnostics
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --convert-lm-to-gpu --remarks-filter=convert-lm-to-gpu --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=GFX942

// Nothing of gfx942 is like it: neither products of 32 inner values nor copies
// of 16 bytes to LDS nor LDS for two tiles.
// GFX942: no gfx942 kernel for 'lm.mla_decode': matrix instructions that no attention kernel is written for

func.func @rows_apart(%q: memref<?x16x576xbf16>, %c: memref<?x64x576xbf16, strided<[36928, 577, 1]>>, %t: memref<?x?xi32>, %n: memref<?xi32>, %o: memref<?x16x512xbf16>) {
  // expected-error @below {{'lm.mla_decode' op has no kernel for gfx950: a cache whose keys do not start at multiples of 16 bytes}}
  lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<?x16x576xbf16>) cache(%c : memref<?x64x576xbf16, strided<[36928, 577, 1]>>)
    block_table(%t : memref<?x?xi32>) lengths(%n : memref<?xi32>) outs(%o : memref<?x16x512xbf16>)
  return
}
