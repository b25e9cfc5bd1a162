// FP8 codes come from the converts that gfx950, gfx942 and sm_90 have for their
// own format; the other format is computed with integers.

// RUN: hipfuse-compile %s --target=gfx950,gfx942,sm_90 --ptxas=none --emit=isa -o %t.s
// RUN: grep -oE "v_cvt_pk_fp8_f32|v_cvt_scalef32[a-z0-9_]*" %t.gfx950.s | sort | uniq -c | FileCheck %s --check-prefix=GFX950
// RUN: not grep -E "v_cvt_pk_fp8_f32" %t.gfx942.s
// RUN: grep -oE "cvt.rn.satfinite.e4m3x2.f32" %t.sm_90.s | sort | uniq -c | FileCheck %s --check-prefix=SM90
// RUN: FileCheck %s --check-prefix=FACTS < %t.gfx950.s
// RUN: FileCheck %s --check-prefix=FACTS < %t.gfx942.s

// Sixteen columns of a thread, two to an instruction.
// GFX950: {{^ *}}8 v_cvt_pk_fp8_f32
// SM90: {{^ *}}8 cvt.rn.satfinite.e4m3x2.f32
// FACTS-COUNT-2: global_load_dwordx4
// FACTS: .private_segment_fixed_size: 0
// FACTS: .sgpr_spill_count: 0
// FACTS: .vgpr_spill_count: 0

func.func @fp8_group(%x: tensor<?x7168xbf16>) -> (tensor<?x7168xf8E4M3FN>, tensor<?x56xf32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x7168xf8E4M3FN>
  %s0 = tensor.empty(%tokens) : tensor<?x56xf32>
  %d, %s = lm.quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
      ins(%x : tensor<?x7168xbf16>) outs(%d0, %s0 : tensor<?x7168xf8E4M3FN>, tensor<?x56xf32>)
  return %d, %s : tensor<?x7168xf8E4M3FN>, tensor<?x56xf32>
}
