// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of the gated activation and of split-K.

func.func @silu_mul_c1_out(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.silu_mul' op out has the shape [?, 64], but must have [?, 32]}}
  %0 = lm.silu_mul ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @silu_mul_c1_odd(%x: tensor<?x63xbf16>, %y: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.silu_mul' op x has 63 columns, but needs gate and up of equal width}}
  %0 = lm.silu_mul ins(%x : tensor<?x63xbf16>) outs(%y : tensor<?x32xbf16>)
  return
}

// -----

func.func @silu_mul_c1_dynamic_columns(%x: tensor<?x?xbf16>, %y: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.silu_mul' op x has a dynamic last dimension, but it must be static}}
  %0 = lm.silu_mul ins(%x : tensor<?x?xbf16>) outs(%y : tensor<?x32xbf16>)
  return
}

// -----

func.func @silu_mul_c1_dynamic_out_columns(%x: tensor<?x64xbf16>, %y: tensor<?x?xbf16>) {
  // expected-error @+1 {{'lm.silu_mul' op out has a dynamic last dimension, but must have [?, 32]}}
  %0 = lm.silu_mul ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x?xbf16>)
  return
}

// -----

func.func @silu_mul_c2_clamp_zero(%x: tensor<?x64xbf16>, %y: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.silu_mul' op clamp must be finite and positive}}
  %0 = lm.silu_mul {clamp = 0.0 : f32} ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x32xbf16>)
  return
}

// -----

func.func @silu_mul_c2_clamp_infinite(%x: tensor<?x64xbf16>, %y: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.silu_mul' op clamp must be finite and positive}}
  %0 = lm.silu_mul {clamp = 0x7F800000 : f32} ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x32xbf16>)
  return
}

// -----

func.func @split_k_reduce_c1_rank(%x: tensor<4x?x64xf32>, %y: tensor<4x?x64xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op out has the shape [4, ?, 64], but must have [?, 64]}}
  %0 = lm.split_k_reduce ins(%x : tensor<4x?x64xf32>) outs(%y : tensor<4x?x64xbf16>)
  return
}

// -----

func.func @split_k_reduce_c1_no_splits(%x: tensor<0x?x64xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op x needs a static leading dimension of at least 1 (the splits)}}
  %0 = lm.split_k_reduce ins(%x : tensor<0x?x64xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @split_k_reduce_c1_dynamic_splits(%x: tensor<?x?x64xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op x needs a static leading dimension of at least 1 (the splits)}}
  %0 = lm.split_k_reduce ins(%x : tensor<?x?x64xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @split_k_reduce_c1_shape(%x: tensor<4x?x64xf32>, %y: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op out has the shape [?, 32], but must have [?, 64]}}
  %0 = lm.split_k_reduce ins(%x : tensor<4x?x64xf32>) outs(%y : tensor<?x32xbf16>)
  return
}

// -----

func.func @split_k_reduce_c1_dynamic_columns(%x: tensor<4x?x?xf32>, %y: tensor<?x?xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op x has a dynamic last dimension, but it must be static}}
  %0 = lm.split_k_reduce ins(%x : tensor<4x?x?xf32>) outs(%y : tensor<?x?xbf16>)
  return
}

// -----

func.func @split_k_reduce_c1_one_dimension(%x: tensor<64xf32>, %y: tensor<64xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op x has rank 1, but must have rank 2 or more}}
  %0 = lm.split_k_reduce ins(%x : tensor<64xf32>) outs(%y : tensor<64xbf16>)
  return
}

// -----

// Partial products are f32.
func.func @split_k_reduce_bf16(%x: tensor<4x?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.split_k_reduce' op operand #0 must be ranked tensor or strided memref of 32-bit float, but got 'tensor<4x?x64xbf16>'}}
  %0 = lm.split_k_reduce ins(%x : tensor<4x?x64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_activation(%x: tensor<?x127xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op x has 127 columns, but needs gate and up of equal width}}
  %0:2 = lm.silu_mul_quantize #mxfp4 ins(%x : tensor<?x127xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_clamp(%x: tensor<?x128xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op clamp must be finite and positive}}
  %0:2 = lm.silu_mul_quantize #mxfp4 {clamp = -1.0 : f32} ins(%x : tensor<?x128xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_data(%x: tensor<?x128xbf16>, %d: tensor<?x64xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op data has the shape [?, 64], but must have [?, 32]}}
  %0:2 = lm.silu_mul_quantize #mxfp4 ins(%x : tensor<?x128xbf16>) outs(%d, %s : tensor<?x64xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_scale(%x: tensor<?x128xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x4xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op scale has the shape [?, 4], but must have [?, 2]}}
  %0:2 = lm.silu_mul_quantize #mxfp4 ins(%x : tensor<?x128xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x4xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_input_scale(%x: tensor<?x128xbf16>, %i: tensor<1xf32>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op input_scale needs granularity tensor}}
  %0:2 = lm.silu_mul_quantize #mxfp4 ins(%x : tensor<?x128xbf16>) input_scale(%i : tensor<1xf32>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_split_type(%x: tensor<4x?x128xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op split-K partials must be f32}}
  %0:2 = lm.silu_mul_quantize #mxfp4 {split_k_type = bf16} ins(%x : tensor<4x?x128xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_split_rank(%x: tensor<128xf32>, %d: tensor<32xi8>, %s: tensor<2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op x has rank 1, but must have rank 2 or more}}
  %0:2 = lm.silu_mul_quantize #mxfp4 {split_k_type = bf16} ins(%x : tensor<128xf32>) outs(%d, %s : tensor<32xi8>, tensor<2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_c1_split_rows(%x: tensor<4x?x128xf32>, %d: tensor<4x?x32xi8>, %s: tensor<4x?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.silu_mul_quantize' op data has the shape [4, ?, 32], but must have [?, 32]}}
  %0:2 = lm.silu_mul_quantize #mxfp4 {split_k_type = bf16} ins(%x : tensor<4x?x128xf32>) outs(%d, %s : tensor<4x?x32xi8>, tensor<4x?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @silu_mul_quantize_round_type(%x: tensor<?x128xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{custom op 'lm.silu_mul_quantize' 'lm.silu_mul_quantize' op attribute 'round_before_quant' failed to satisfy constraint: type attribute of 16-bit float or bfloat16 type or 32-bit float}}
  %0:2 = lm.silu_mul_quantize #mxfp4 {round_before_quant = f64} ins(%x : tensor<?x128xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}
