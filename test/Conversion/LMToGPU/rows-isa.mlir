// What the code generator makes of a row-wise kernel: each byte of the input is
// read once, 16 bytes at a time, and codes come from the target's converts.

// RUN: hipfuse-compile %s --target=gfx950 --emit=isa -o %t.gfx950.s
// RUN: grep -oE "^[[:space:]]+(global|scratch|buffer|flat)_(load|store)[a-z0-9_]*" %t.gfx950.s | sort | uniq -c | FileCheck %s --check-prefix=MEMORY
// RUN: grep -oE "^[[:space:]]+v_(cvt|rsq)[a-z0-9_]*" %t.gfx950.s | sort | uniq -c | FileCheck %s --check-prefix=CONVERTS
// RUN: FileCheck %s --check-prefix=FACTS < %t.gfx950.s
// RUN: hipfuse-compile %s --target=sm_90 --ptxas=none --emit=isa -o %t.ptx
// RUN: grep -oE "(ld|st)\.global[a-z0-9.]*" %t.ptx | sort | uniq -c | FileCheck %s --check-prefix=PTX
// RUN: FileCheck %s --check-prefix=PTXFACTS < %t.ptx

// Two loads for each of x, the residual and the weight; the residual goes back
// by two stores, the codes by two of four bytes a lane, the scales by two of a
// byte for each block.
// MEMORY:      6 global_load_dwordx4
// MEMORY-NEXT: 2 global_store_byte
// MEMORY-NEXT: 2 global_store_dword
// MEMORY-NEXT: 2 global_store_dwordx4
// MEMORY-NOT:  scratch
// MEMORY-NOT:  flat

// Sixteen columns of a thread: eight pairs are rounded to bf16 for the residual
// and eight before they are quantised, and eight become FP4.
// CONVERTS:      16 v_cvt_pk_bf16_f32
// CONVERTS-NEXT: 8 v_cvt_scalef32_pk_fp4_bf16
// CONVERTS-NEXT: 1 v_rsq_f32

// The sum crosses the lanes of a row of 16 by DPP, the wave by lane swaps, the
// workgroup by LDS.
// FACTS-COUNT-4: v_add_f32_dpp
// FACTS: v_permlane16_swap_b32
// FACTS: v_permlane32_swap_b32
// FACTS: s_barrier
// FACTS: .group_segment_fixed_size: 28
// FACTS: .max_flat_workgroup_size: 448
// FACTS: .private_segment_fixed_size: 0
// FACTS: .sgpr_spill_count: 0
// FACTS: .vgpr_spill_count: 0

// PTX:      2 ld.global.nc.v4
// PTX-NEXT: 4 ld.global.v4
// PTX-NEXT: 2 st.global.b32
// PTX-NEXT: 2 st.global.b8
// PTX-NEXT: 2 st.global.v4
// PTXFACTS: .reqntid 448
// PTXFACTS-COUNT-5: shfl.sync.bfly
// PTXFACTS: fma.rn.bf16x2
// PTXFACTS-NOT: call
// PTXFACTS-NOT: .local

#mx = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @add_norm_mxfp4(%x: tensor<?x7168xbf16>, %r: tensor<?x7168xbf16>, %w: tensor<7168xbf16>)
    -> (tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>, tensor<?x7168xbf16>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x3584xi8>
  %s0 = tensor.empty(%tokens) : tensor<?x224xf8E8M0FNU>
  %q0 = tensor.empty(%tokens) : tensor<?x7168xbf16>
  %d, %s, %q = lm.rms_norm_quantize #mx
      {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
      ins(%x : tensor<?x7168xbf16>) residual(%r : tensor<?x7168xbf16>)
      weight(%w : tensor<7168xbf16>)
      outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
      residual_out(%q0 : tensor<?x7168xbf16>)
  return %d, %s, %q : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>, tensor<?x7168xbf16>
}
