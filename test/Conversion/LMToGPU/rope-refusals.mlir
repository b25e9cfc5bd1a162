// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --split-input-file --verify-diagnostics

func.func @not_adjacent(%x: memref<?x64xbf16, strided<[128, 2]>>, %pos: memref<?xi64>, %cs: memref<64x64xf32>, %y: memref<?x64xbf16>) {
  // expected-error @below {{'lm.rope' op has no kernel for gfx950: columns that are not adjacent in memory}}
  lm.rope interleaved ins(%x : memref<?x64xbf16, strided<[128, 2]>>) positions(%pos : memref<?xi64>)
    tables(%cs : memref<64x64xf32>) outs(%y : memref<?x64xbf16>)
  return
}

// -----

func.func @latent_too_wide(%kv: memref<?x16384xbf16>, %kp: memref<?x64xbf16>, %slots: memref<?xi64>, %cache: memref<?x64x16448xbf16>) {
  // expected-error @below {{'lm.mla_cache_write' op has no kernel for gfx950: rows of 16384 columns; a wave holds 8192}}
  lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
    ins(%kv, %kp : memref<?x16384xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>)
    outs(%cache : memref<?x64x16448xbf16>)
  return
}

// -----

func.func @short_block(%o: memref<?x3x64xbf16>, %pos: memref<?xi64>, %cs: memref<64x64xf32>, %d: memref<?x4x48xf8E4M3FN>, %s: memref<?x4x2xf8E8M0FNU>) {
  // expected-error @below {{'lm.rope_quantize' op has no kernel for gfx950: rows of 48 columns, which blocks of 32 do not fill}}
  lm.rope_quantize interleaved #lm.scheme<element = f8E4M3FN, granularity = block, block = 32, scale_rounding = even>
    ins(%o : memref<?x3x64xbf16>) positions(%pos : memref<?xi64>) tables(%cs : memref<64x64xf32>)
    outs(%d, %s : memref<?x4x48xf8E4M3FN>, memref<?x4x2xf8E8M0FNU>)
  return
}

// -----

func.func @odd_heads(%o: memref<?x2x5xbf16>, %pos: memref<?xi64>, %cs: memref<64x4xf32>, %d: memref<?x10xf8E4M3FN>, %s: memref<1xf32>) {
  // expected-error @below {{'lm.rope_quantize' op has no kernel for gfx950: heads of an odd number of columns}}
  lm.rope_quantize interleaved #lm.scheme<element = f8E4M3FN, granularity = tensor>
    ins(%o : memref<?x2x5xbf16>) positions(%pos : memref<?xi64>) tables(%cs : memref<64x4xf32>)
    input_scale(%s : memref<1xf32>) outs(%d : memref<?x10xf8E4M3FN>)
  return
}
