// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of the fused operations: those of their parts, and
// those of putting them together.

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_norm(%x: tensor<?x64xbf16>, %w: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op weight has the shape [32], but must have [64]}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_epsilon(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op epsilon is 0, but must be finite and positive}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 0.0 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_offset(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op weight_offset is given, but weight is not}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32} ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_data(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x64xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op data has the shape [?, 64], but must have [?, 32]}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x64xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_scale(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op the scheme computes scales, but scale is missing}}
  %0 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d : tensor<?x32xi8>)
  return
}

// -----

#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>
func.func @rms_norm_quantize_c1_input_scale(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x64xf8E4M3FN>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op granularity tensor needs input_scale}}
  %0 = lm.rms_norm_quantize #static {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d : tensor<?x64xf8E4M3FN>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_residual_shape(%x: tensor<?x64xbf16>, %r: tensor<?x32xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %r1: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op residual has the shape [?, 32], but must have [?, 64]}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) residual(%r : tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) residual_out(%r1 : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_residual_type(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %r1: tensor<?x64xf32>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op residual_out has element type 'f32', but residual has 'bf16'}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) residual(%r : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) residual_out(%r1 : tensor<?x64xf32>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c1_norm_out(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %n: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op norm_out has the shape [?, 32], but must have [?, 64]}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) norm_out(%n : tensor<?x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c2_residual_out_missing(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op residual and residual_out must be given together}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) residual(%r : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c2_residual_missing(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %r1: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op residual and residual_out must be given together}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) residual_out(%r1 : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c2_numerics_without_residual(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op norm_from_rounded_residual and round_sum_before_residual need a residual}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, norm_from_rounded_residual} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c2_sum_without_residual(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op norm_from_rounded_residual and round_sum_before_residual need a residual}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_sum_before_residual} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c3_norm_out_type(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %n: tensor<?x64xf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op norm_out has element type 'f16', but round_before_quant is 'bf16'}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) norm_out(%n : tensor<?x64xf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_out_missing(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op the second input needs second_out and second_epsilon}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x32xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_epsilon_missing(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op the second input needs second_out and second_epsilon}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x32xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_missing(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second_out and second_epsilon need the second input}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_epsilon_alone(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second_out and second_epsilon need the second input}}
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_epsilon(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second_epsilon is -1, but must be finite and positive}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = -1.0 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x32xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_rows(%x: tensor<4x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<5x32xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<5x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second input has the shape [5, 32], but must have [4, 32]}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<4x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<5x32xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<5x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_columns(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x?xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second input has a dynamic last dimension, but it must be static}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x?xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_weight(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second weight has the shape [64], but must have [32]}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x32xbf16>, tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_second_out(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op second_out has the shape [?, 64], but must have [?, 32]}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x32xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @rms_norm_quantize_c4_offset_without_second_weight(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op weight_offset is given, but the second weight is not}}
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2 : tensor<?x32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_table(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x32xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_pe and k_pe have 64 and 64 columns, but the tables rotate 32}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x32xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_cache(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x512xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op cache has the shape [?, 64, 512], but must have [?, ?, 576]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x512xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_q_rank(%qn: tensor<?x4x512xbf16>, %qp: tensor<64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_pe has rank 1, but must have rank 2 or more}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_q_and_k_columns(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x32xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x544xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_pe and k_pe have 64 and 32 columns, but the tables rotate 64}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x32xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x544xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_tokens(%qn: tensor<4x4x512xbf16>, %qp: tensor<4x4x64xbf16>, %kv: tensor<5x512xbf16>, %kp: tensor<5x64xbf16>, %p: tensor<4xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<4x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op k_pe has the shape [5, 64], but must have [4, 64]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<4x4x512xbf16>) q_pe(%qp : tensor<4x4x64xbf16>) kv(%kv, %kp : tensor<5x512xbf16>, tensor<5x64xbf16>) positions(%p : tensor<4xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<4x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_positions(%qn: tensor<?x4x512xbf16>, %qp: tensor<4x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<5xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op positions has the shape [5], but must have [4]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<4x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<5xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_slots(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<4x512xbf16>, %kp: tensor<4x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<5xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op has 5 slots for 4 tokens}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<4x512xbf16>, tensor<4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<5xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c1_k_rot(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>, %kr: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op k_rot has the shape [?, 32], but must have [?, 64]}}
  %0:3 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>) k_rot(%kr : tensor<?x32xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_nope_heads(%qn: tensor<?x8x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_nope has the shape [?, 8, 512], but must have [?, 4, 512]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x8x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_nope_rank(%qn: tensor<?x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_nope has the shape [?, 512], but must have [?, 4, 512]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_nope_type(%qn: tensor<?x4x512xf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_nope and q_pe must have one element type}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_out_columns(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x512xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_out has the shape [?, 4, 512], but must have [?, 4, 576]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x512xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_out_without_nope(%qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_out has the shape [?, 4, 576], but must have [?, 4, 64]}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_out_type(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x4x576xf32>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_out has element type 'f32', but q_pe has 'bf16'}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %cache : tensor<?x4x576xf32>, tensor<?x64x576xbf16>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_scale_missing(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %s: tensor<1xf32>, %q: tensor<?x4x576xf8E4M3FN>, %cache: tensor<?x64x576xf8E4M3FN>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op an FP8 q_out needs q_scale}}
  %0:2 = lm.rope_mla_cache_write interleaved fp8 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) scale(%s : tensor<1xf32>) outs(%q, %cache : tensor<?x4x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_scale_not_fp8(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %s: tensor<1xf32>, %qs: tensor<1xf32>, %q: tensor<?x4x576xbf16>, %cache: tensor<?x64x576xf8E4M3FN>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_scale needs an FP8 q_out}}
  %0:2 = lm.rope_mla_cache_write interleaved fp8 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) scale(%s : tensor<1xf32>) q_scale(%qs : tensor<1xf32>) outs(%q, %cache : tensor<?x4x576xbf16>, tensor<?x64x576xf8E4M3FN>)
  return
}

// -----

func.func @rope_mla_cache_write_c2_q_scale_shape(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %s: tensor<1xf32>, %qs: tensor<4xf32>, %q: tensor<?x4x576xf8E4M3FN>, %cache: tensor<?x64x576xf8E4M3FN>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op q_scale has the shape [4], but must have [1]}}
  %0:2 = lm.rope_mla_cache_write interleaved fp8 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) scale(%s : tensor<1xf32>) q_scale(%qs : tensor<4xf32>) outs(%q, %cache : tensor<?x4x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>)
  return
}

// -----

func.func @rope_mla_cache_write_c3_layout(%qn: tensor<?x4x512xbf16>, %qp: tensor<?x4x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %slots: tensor<?xi64>, %qs: tensor<1xf32>, %q: tensor<?x4x576xf8E4M3FN>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.rope_mla_cache_write' op an FP8 q_out needs layout fp8}}
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x4x512xbf16>) q_pe(%qp : tensor<?x4x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) q_scale(%qs : tensor<1xf32>) outs(%q, %cache : tensor<?x4x576xf8E4M3FN>, tensor<?x64x576xbf16>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c1_rotated_columns(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x256xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op the tables rotate 256 columns, but a head has 128}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x256xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c1_rank(%x: tensor<?x1024xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op x has rank 2, but must have rank 3 or more}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x1024xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c1_rank_four(%x: tensor<?x2x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op x has the shape [?, 2, 8, 128], but must be [T, H, D] with static H and D}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x2x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c1_dynamic_heads(%x: tensor<?x?x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op x has the shape [?, ?, 128], but must be [T, H, D] with static H and D}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x?x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c1_positions(%x: tensor<4x8x128xbf16>, %p: tensor<5xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op positions has the shape [5], but must have [4]}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<4x8x128xbf16>) positions(%p : tensor<5xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c2_elements(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x512xf8E4M3FN>, %s: tensor<?x4xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op data has rows of the shape [?, 512], but must be [T, 1024] or [T, G, 1024/G]}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x512xf8E4M3FN>, tensor<?x4xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c2_group_elements(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x4x128xf8E4M3FN>, %s: tensor<?x4x1xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op data has rows of the shape [?, 4, 128], but must be [T, 1024] or [T, G, 1024/G]}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x4x128xf8E4M3FN>, tensor<?x4x1xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c2_data_rank(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x2x4x128xf8E4M3FN>, %s: tensor<?x2x4x1xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op data has rows of the shape [?, 2, 4, 128], but must be [T, 1024] or [T, G, 1024/G]}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x2x4x128xf8E4M3FN>, tensor<?x2x4x1xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c2_tokens(%x: tensor<4x8x128xbf16>, %p: tensor<4xi64>, %t: tensor<128x64xf32>, %d: tensor<5x1024xf8E4M3FN>, %s: tensor<5x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op data has rows of the shape [5, 1024], but must be [T, 1024] or [T, G, 1024/G]}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<4x8x128xbf16>) positions(%p : tensor<4xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<5x1024xf8E4M3FN>, tensor<5x8xf8E8M0FNU>)
  return
}

// -----

#token = #lm.scheme<element = f8E4M3FN, granularity = token>
func.func @rope_quantize_c2_token_scheme(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x1xf32>) {
  // expected-error @+1 {{'lm.rope_quantize' op the scheme needs granularity block with a block that divides the head size 128}}
  %0:2 = lm.rope_quantize interleaved inverse #token ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x1xf32>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
// A block of 128 columns would span two heads of 64.
func.func @rope_quantize_c2_block_over_heads(%x: tensor<?x16x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op the scheme needs granularity block with a block that divides the head size 64}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x16x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c3_scale(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x4xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op scale has the shape [?, 4], but must have [?, 8]}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x4xf8E8M0FNU>)
  return
}

// -----

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>
func.func @rope_quantize_c3_data_type(%x: tensor<?x8x128xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %d: tensor<?x1024xi8>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.rope_quantize' op data has element type 'i8', but the scheme stores 'f8E4M3FN'}}
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%x : tensor<?x8x128xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xi8>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
func.func @rms_norm_quantize_c5(%x: tensor<?x8x256xf32>, %d: tensor<8x256xf8E4M3FN>, %s: tensor<8x2xf32>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op x needs a static leading dimension of at least 1 (the splits)}}
  %0:2 = lm.rms_norm_quantize #group {epsilon = 1.0e-06 : f32, split_k_type = bf16} ins(%x : tensor<?x8x256xf32>) outs(%d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return
}

// -----

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
func.func @rms_norm_quantize_c5_type(%x: tensor<4x8x256xbf16>, %d: tensor<8x256xf8E4M3FN>, %s: tensor<8x2xf32>) {
  // expected-error @+1 {{'lm.rms_norm_quantize' op split-K partials must be f32}}
  %0:2 = lm.rms_norm_quantize #group {epsilon = 1.0e-06 : f32, split_k_type = bf16} ins(%x : tensor<4x8x256xbf16>) outs(%d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return
}
