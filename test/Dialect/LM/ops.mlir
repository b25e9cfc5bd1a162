// RUN: hipfuse-opt %s --verify-roundtrip | FileCheck %s
// RUN: hipfuse-opt %s --mlir-print-op-generic | hipfuse-opt | FileCheck %s

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#mxfp4_shuffled = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = rceil, layout = cdna4_shuffled>
#fp8_group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major, amax_floor = 1.0e-10 : f32>
#fp8_token = #lm.scheme<element = f8E4M3FN, granularity = token>
#fp8_tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>
#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate>

// CHECK-LABEL: @rms_norm
func.func @rms_norm(%x: tensor<?x7168xbf16>, %w: tensor<7168xbf16>, %init: tensor<?x7168xbf16>) -> (tensor<?x7168xbf16>, tensor<?x7168xbf16>) {
  // CHECK: lm.rms_norm {epsilon = 9.99999997E-7 : f32} ins(%{{.*}} : tensor<?x7168xbf16>) weight(%{{.*}} : tensor<7168xbf16>) outs(%{{.*}} : tensor<?x7168xbf16>)
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>) outs(%init : tensor<?x7168xbf16>)
  // CHECK: lm.rms_norm {{.*}} ins(%{{.*}}) outs
  %1 = lm.rms_norm {epsilon = 1.0e-06 : f32, round_norm_before_weight} ins(%x : tensor<?x7168xbf16>) outs(%init : tensor<?x7168xbf16>)
  return %0, %1 : tensor<?x7168xbf16>, tensor<?x7168xbf16>
}

// CHECK-LABEL: @rms_norm_memref
func.func @rms_norm_memref(%x: memref<?x1536xbf16, strided<[2112, 1], offset: ?>>, %w: memref<1536xbf16>, %y: memref<?x1536xbf16>) {
  // CHECK: lm.rms_norm
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x1536xbf16, strided<[2112, 1], offset: ?>>) weight(%w : memref<1536xbf16>) outs(%y : memref<?x1536xbf16>)
  return
}

// CHECK-LABEL: @add_rms_norm
func.func @add_rms_norm(%x: tensor<?x7168xbf16>, %r: tensor<?x7168xbf16>, %w: tensor<7168xbf16>) -> (tensor<?x7168xbf16>, tensor<?x7168xbf16>) {
  // CHECK: %{{.*}}:2 = lm.add_rms_norm
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32, norm_from_rounded_residual} ins(%x, %r : tensor<?x7168xbf16>, tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>) outs(%x, %r : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
  return %0#0, %0#1 : tensor<?x7168xbf16>, tensor<?x7168xbf16>
}

// CHECK-LABEL: @quantize
func.func @quantize(%x: tensor<?x512xbf16>, %s: tensor<1xf32>, %d4: tensor<?x256xi8>, %s4: tensor<?x16xf8E8M0FNU>, %p4: tensor<?x16xf8E8M0FNU>, %d8: tensor<?x512xf8E4M3FN>, %sg: tensor<4x?xf32>, %st: tensor<?x1xf32>) {
  // CHECK: lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x512xbf16>) outs(%d4, %s4 : tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>)
  %1:2 = lm.quantize #mxfp4_shuffled ins(%x : tensor<?x512xbf16>) outs(%d4, %p4 : tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>)
  // CHECK: lm.quantize <element = f8E4M3FN, granularity = block, block = 128, layout = column_major, amax_floor = 1.000000e-10 : f32>
  %2:2 = lm.quantize #fp8_group ins(%x : tensor<?x512xbf16>) outs(%d8, %sg : tensor<?x512xf8E4M3FN>, tensor<4x?xf32>)
  %3:2 = lm.quantize #fp8_token ins(%x : tensor<?x512xbf16>) outs(%d8, %st : tensor<?x512xf8E4M3FN>, tensor<?x1xf32>)
  // CHECK: lm.quantize {{.*}} input_scale(%{{.*}} : tensor<1xf32>) outs(%{{.*}} : tensor<?x512xf8E4M3FN>)
  %4 = lm.quantize #fp8_tensor ins(%x : tensor<?x512xbf16>) input_scale(%s : tensor<1xf32>) outs(%d8 : tensor<?x512xf8E4M3FN>)
  // CHECK: lm.dequantize
  %5 = lm.dequantize #fp8_group ins(%2#0, %2#1 : tensor<?x512xf8E4M3FN>, tensor<4x?xf32>) outs(%x : tensor<?x512xbf16>)
  // CHECK: lm.shuffle_scale
  %6 = lm.shuffle_scale ins(%0#1 : tensor<?x16xf8E8M0FNU>) outs(%p4 : tensor<?x16xf8E8M0FNU>)
  return
}

// CHECK-LABEL: @activation
func.func @activation(%p: tensor<4x?x4096xf32>, %x: tensor<?x4096xbf16>, %h: tensor<?x2048xbf16>, %d: tensor<?x2048xf8E4M3FN>, %s: tensor<?x16xf32>) {
  // CHECK: lm.split_k_reduce
  %0 = lm.split_k_reduce ins(%p : tensor<4x?x4096xf32>) outs(%x : tensor<?x4096xbf16>)
  // CHECK: lm.silu_mul {clamp = 1.000000e+01 : f32, round_activation}
  %1 = lm.silu_mul {clamp = 10.0 : f32, round_activation} ins(%0 : tensor<?x4096xbf16>) outs(%h : tensor<?x2048xbf16>)
  // CHECK: lm.silu_mul_quantize
  %2:2 = lm.silu_mul_quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128> {round_before_quant = bf16} ins(%x : tensor<?x4096xbf16>) outs(%d, %s : tensor<?x2048xf8E4M3FN>, tensor<?x16xf32>)
  return
}

// CHECK-LABEL: @rope
func.func @rope(%q: tensor<?x16x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<163840x64xf32>, %c: tensor<4096x32xbf16>) {
  // CHECK: lm.rope interleaved ins
  %0 = lm.rope interleaved ins(%q : tensor<?x16x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<163840x64xf32>) outs(%q : tensor<?x16x64xbf16>)
  // CHECK: lm.rope neox inverse {compute = #lm.rope_compute<operand>} ins
  %1 = lm.rope neox inverse {compute = #lm.rope_compute<operand>} ins(%q : tensor<?x16x64xbf16>) positions(%pos : tensor<?xi64>) tables(%c, %c : tensor<4096x32xbf16>, tensor<4096x32xbf16>) outs(%q : tensor<?x16x64xbf16>)
  return
}

// CHECK-LABEL: @cache
func.func @cache(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %kv4: tensor<?x448xbf16>, %slots: tensor<?xi64>, %s: tensor<1xf32>,
                 %c: tensor<?x64x576xbf16>, %c8: tensor<?x64x576xf8E4M3FN>, %c656: tensor<?x64x656xi8>, %c584: tensor<?x37440xi8>) {
  // CHECK: lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%c : tensor<?x64x576xbf16>)
  %1 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative_or_zero>, rope_first} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) scale(%s : tensor<1xf32>) outs(%c8 : tensor<?x64x576xf8E4M3FN>)
  // CHECK: lm.mla_cache_write ds_mla_656
  %2 = lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%c656 : tensor<?x64x656xi8>)
  // CHECK: lm.mla_cache_write ds_mla_584 {page_size = 64 : i64
  %3 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv4, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%c584 : tensor<?x37440xi8>)
  return
}

// CHECK-LABEL: @fused
func.func @fused(%x: tensor<?x1536xbf16>, %w: tensor<1536xbf16>, %kv: tensor<?x512xbf16>, %wk: tensor<512xbf16>, %d: tensor<?x768xi8>, %s: tensor<?x48xf8E8M0FNU>,
                 %qn: tensor<?x16x512xbf16>, %qp: tensor<?x16x64xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x16x576xbf16>, %c: tensor<?x64x576xbf16>,
                 %o: tensor<?x64x512xbf16>, %d8: tensor<?x8x4096xf8E4M3FN>, %s8: tensor<?x8x32xf8E8M0FNU>) {
  // CHECK: %{{.*}}:4 = lm.rms_norm_quantize <{{.*}}> {{.*}} ins(%{{.*}}) residual(%{{.*}}) weight(%{{.*}}) outs(%{{.*}}) norm_out(%{{.*}}) residual_out(%{{.*}})
  %0:4 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x1536xbf16>) residual(%x : tensor<?x1536xbf16>) weight(%w : tensor<1536xbf16>) outs(%d, %s : tensor<?x768xi8>, tensor<?x48xf8E8M0FNU>) norm_out(%x : tensor<?x1536xbf16>) residual_out(%x : tensor<?x1536xbf16>)
  // CHECK: %{{.*}}:3 = lm.rms_norm_quantize <{{.*}}> {{.*}} second(%{{.*}}, %{{.*}}) outs(%{{.*}}) second_out(%{{.*}})
  %1:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x1536xbf16>) weight(%w : tensor<1536xbf16>) second(%kv, %wk : tensor<?x512xbf16>, tensor<512xbf16>) outs(%d, %s : tensor<?x768xi8>, tensor<?x48xf8E8M0FNU>) second_out(%kv : tensor<?x512xbf16>)
  // CHECK: lm.dual_rms_norm
  %2:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %kv : tensor<?x1536xbf16>, tensor<?x512xbf16>) weight(%w : tensor<1536xbf16>) second_weight(%wk : tensor<512xbf16>) outs(%x, %kv : tensor<?x1536xbf16>, tensor<?x512xbf16>)
  // CHECK: lm.rope_mla_cache_write interleaved bf16
  %3:3 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x16x512xbf16>) q_pe(%qp : tensor<?x16x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %c : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>) k_rot(%kp : tensor<?x64xbf16>)
  // CHECK: lm.rope_quantize interleaved inverse
  %4:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%o : tensor<?x64x512xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%d8, %s8 : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
  return
}
