// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of quantisation and of the scale shuffle.

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c1_dynamic_columns(%x: tensor<?x?xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op x has a dynamic last dimension, but it must be static}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x?xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c1_odd_columns(%x: tensor<?x33xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op has 33 columns, but FP4 needs an even number}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x33xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c1_data_type(%x: tensor<?x64xbf16>, %d: tensor<?x32xf8E4M3FN>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op data has element type 'f8E4M3FN', but the scheme stores 'i8'}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xf8E4M3FN>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
// Packed data has half the columns.
func.func @quantize_c1_data_shape(%x: tensor<?x64xbf16>, %d: tensor<?x64xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op data has the shape [?, 64], but must have [?, 32]}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x64xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c1_data_dynamic_columns(%x: tensor<?x64xbf16>, %d: tensor<?x?xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op data has a dynamic last dimension, but must have [?, 32]}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x?xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c2_scale_missing(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>) {
  // expected-error @+1 {{'lm.quantize' op the scheme computes scales, but scale is missing}}
  %0 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d : tensor<?x32xi8>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c2_scale_type(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf32>) {
  // expected-error @+1 {{'lm.quantize' op scale has element type 'f32', but the scheme's is 'f8E8M0FNU'}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf32>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c2_scale_shape(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x4xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op scale has the shape [?, 4], but must have [?, 2]}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x4xf8E8M0FNU>)
  return
}

// -----

#token = #lm.scheme<element = f8E4M3FN, granularity = token>
func.func @quantize_c2_scale_of_token(%x: tensor<?x64xbf16>, %d: tensor<?x64xf8E4M3FN>, %s: tensor<?x2xf32>) {
  // expected-error @+1 {{'lm.quantize' op scale has the shape [?, 2], but must have [?, 1]}}
  %0:2 = lm.quantize #token ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x64xf8E4M3FN>, tensor<?x2xf32>)
  return
}

// -----

#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>
func.func @quantize_c2_scale_with_operand(%x: tensor<?x64xbf16>, %i: tensor<1xf32>, %d: tensor<?x64xf8E4M3FN>, %s: tensor<?x1xf32>) {
  // expected-error @+1 {{'lm.quantize' op scale is given, but with granularity tensor it is an operand}}
  %0:2 = lm.quantize #static ins(%x : tensor<?x64xbf16>) input_scale(%i : tensor<1xf32>) outs(%d, %s : tensor<?x64xf8E4M3FN>, tensor<?x1xf32>)
  return
}

// -----

#colmaj = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major>
func.func @quantize_c2_column_major_shape(%x: tensor<?x256xbf16>, %d: tensor<?x256xf8E4M3FN>, %s: tensor<4x?xf32>) {
  // expected-error @+1 {{'lm.quantize' op scale has the shape [4, ?], but must have [2, ?]}}
  %0:2 = lm.quantize #colmaj ins(%x : tensor<?x256xbf16>) outs(%d, %s : tensor<?x256xf8E4M3FN>, tensor<4x?xf32>)
  return
}

// -----

#shuf = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled>
// Two scales in a row are padded to eight.
func.func @quantize_c2_shuffled_columns(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op scale has the shape [?, 2], but must have [?, 8]}}
  %0:2 = lm.quantize #shuf ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#shuf = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled>
func.func @quantize_c2_shuffled_rows(%x: tensor<17x64xbf16>, %d: tensor<17x32xi8>, %s: tensor<17x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op scale has 17 rows, but cdna4_shuffled needs a multiple of 32, and no fewer than the data's}}
  %0:2 = lm.quantize #shuf ins(%x : tensor<17x64xbf16>) outs(%d, %s : tensor<17x32xi8>, tensor<17x8xf8E8M0FNU>)
  return
}

// -----

#shuf = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled>
func.func @quantize_c2_shuffled_few_rows(%x: tensor<33x64xbf16>, %d: tensor<33x32xi8>, %s: tensor<32x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op scale has 32 rows, but cdna4_shuffled needs a multiple of 32, and no fewer than the data's}}
  %0:2 = lm.quantize #shuf ins(%x : tensor<33x64xbf16>) outs(%d, %s : tensor<33x32xi8>, tensor<32x8xf8E8M0FNU>)
  return
}

// -----

#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>
func.func @quantize_c3_input_scale_missing(%x: tensor<?x64xbf16>, %d: tensor<?x64xf8E4M3FN>) {
  // expected-error @+1 {{'lm.quantize' op granularity tensor needs input_scale}}
  %0 = lm.quantize #static ins(%x : tensor<?x64xbf16>) outs(%d : tensor<?x64xf8E4M3FN>)
  return
}

// -----

#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>
func.func @quantize_c3_input_scale_shape(%x: tensor<?x64xbf16>, %i: tensor<2xf32>, %d: tensor<?x64xf8E4M3FN>) {
  // expected-error @+1 {{'lm.quantize' op input_scale has the shape [2], but must have [1]}}
  %0 = lm.quantize #static ins(%x : tensor<?x64xbf16>) input_scale(%i : tensor<2xf32>) outs(%d : tensor<?x64xf8E4M3FN>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @quantize_c3_input_scale_not_tensor(%x: tensor<?x64xbf16>, %i: tensor<1xf32>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op input_scale needs granularity tensor}}
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) input_scale(%i : tensor<1xf32>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

#colmaj = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major>
func.func @quantize_c4_column_major_rank(%x: tensor<?x2x128xbf16>, %d: tensor<?x2x128xf8E4M3FN>, %s: tensor<1x?xf32>) {
  // expected-error @+1 {{'lm.quantize' op scale layout column_major needs rank 2, but the rank is 3}}
  %0:2 = lm.quantize #colmaj ins(%x : tensor<?x2x128xbf16>) outs(%d, %s : tensor<?x2x128xf8E4M3FN>, tensor<1x?xf32>)
  return
}

// -----

#shuf = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled>
func.func @quantize_c4_shuffled_rank(%x: tensor<?x2x64xbf16>, %d: tensor<?x2x32xi8>, %s: tensor<?x8xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.quantize' op scale layout cdna4_shuffled needs rank 2, but the rank is 3}}
  %0:2 = lm.quantize #shuf ins(%x : tensor<?x2x64xbf16>) outs(%d, %s : tensor<?x2x32xi8>, tensor<?x8xf8E8M0FNU>)
  return
}

// -----

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
func.func @quantize_c5_f32_scales(%x: tensor<?x200xbf16>, %d: tensor<?x200xf8E4M3FN>, %s: tensor<?x2xf32>) {
  // expected-error @+1 {{'lm.quantize' op has 200 columns, but f32 scales need a multiple of 128}}
  %0:2 = lm.quantize #group ins(%x : tensor<?x200xbf16>) outs(%d, %s : tensor<?x200xf8E4M3FN>, tensor<?x2xf32>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @dequantize_c1_data_type(%d: tensor<?x32xf8E4M3FN>, %s: tensor<?x2xf8E8M0FNU>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op data has element type 'f8E4M3FN', but the scheme stores 'i8'}}
  %0 = lm.dequantize #mxfp4 ins(%d, %s : tensor<?x32xf8E4M3FN>, tensor<?x2xf8E8M0FNU>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @dequantize_c1_data_shape(%d: tensor<?x64xi8>, %s: tensor<?x2xf8E8M0FNU>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op data has the shape [?, 64], but must have [?, 32]}}
  %0 = lm.dequantize #mxfp4 ins(%d, %s : tensor<?x64xi8>, tensor<?x2xf8E8M0FNU>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @dequantize_c1_dynamic_columns(%d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y: tensor<?x?xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op out has a dynamic last dimension, but it must be static}}
  %0 = lm.dequantize #mxfp4 ins(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) outs(%y : tensor<?x?xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @dequantize_c2_scale_type(%d: tensor<?x32xi8>, %s: tensor<?x2xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op scale has element type 'f32', but the scheme's is 'f8E8M0FNU'}}
  %0 = lm.dequantize #mxfp4 ins(%d, %s : tensor<?x32xi8>, tensor<?x2xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @dequantize_c2_scale_shape(%d: tensor<?x32xi8>, %s: tensor<?x1xf8E8M0FNU>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op scale has the shape [?, 1], but must have [?, 2]}}
  %0 = lm.dequantize #mxfp4 ins(%d, %s : tensor<?x32xi8>, tensor<?x1xf8E8M0FNU>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>
func.func @dequantize_c2_tensor_scale_type(%d: tensor<?x64xf8E4M3FN>, %s: tensor<1xf8E8M0FNU>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op scale must be f32 with granularity tensor}}
  %0 = lm.dequantize #static ins(%d, %s : tensor<?x64xf8E4M3FN>, tensor<1xf8E8M0FNU>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>
func.func @dequantize_c2_tensor_scale_shape(%d: tensor<?x64xf8E4M3FN>, %s: tensor<2xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op scale has the shape [2], but must have [1]}}
  %0 = lm.dequantize #static ins(%d, %s : tensor<?x64xf8E4M3FN>, tensor<2xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

#colmaj = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major>
func.func @dequantize_c3_rank(%d: tensor<?x2x128xf8E4M3FN>, %s: tensor<1x?xf32>, %y: tensor<?x2x128xbf16>) {
  // expected-error @+1 {{'lm.dequantize' op scale layout column_major needs rank 2, but the rank is 3}}
  %0 = lm.dequantize #colmaj ins(%d, %s : tensor<?x2x128xf8E4M3FN>, tensor<1x?xf32>) outs(%y : tensor<?x2x128xbf16>)
  return
}

// -----

func.func @shuffle_scale_c1_rank(%s: tensor<?x1x16xf8E8M0FNU>, %y: tensor<?x1x16xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.shuffle_scale' op scale and out have ranks 3 and 3, but must have rank 2}}
  %0 = lm.shuffle_scale ins(%s : tensor<?x1x16xf8E8M0FNU>) outs(%y : tensor<?x1x16xf8E8M0FNU>)
  return
}

// -----

func.func @shuffle_scale_c1_columns(%s: tensor<17x12xf8E8M0FNU>, %y: tensor<32x12xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.shuffle_scale' op out has the shape [32, 12], but must have [?, 16]}}
  %0 = lm.shuffle_scale ins(%s : tensor<17x12xf8E8M0FNU>) outs(%y : tensor<32x12xf8E8M0FNU>)
  return
}

// -----

func.func @shuffle_scale_c1_rows(%s: tensor<17x16xf8E8M0FNU>, %y: tensor<17x16xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.shuffle_scale' op out has 17 rows, but needs a multiple of 32, and no fewer than scale}}
  %0 = lm.shuffle_scale ins(%s : tensor<17x16xf8E8M0FNU>) outs(%y : tensor<17x16xf8E8M0FNU>)
  return
}

// -----

func.func @shuffle_scale_c1_few_rows(%s: tensor<33x16xf8E8M0FNU>, %y: tensor<32x16xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.shuffle_scale' op out has 32 rows, but needs a multiple of 32, and no fewer than scale}}
  %0 = lm.shuffle_scale ins(%s : tensor<33x16xf8E8M0FNU>) outs(%y : tensor<32x16xf8E8M0FNU>)
  return
}

// -----

// A row of scales alone has no tiles.
func.func @shuffle_scale_c1_vector(%s: tensor<16xf8E8M0FNU>, %y: tensor<32x16xf8E8M0FNU>) {
  // expected-error @+1 {{'lm.shuffle_scale' op scale has rank 1, but must have rank 2 or more}}
  %0 = lm.shuffle_scale ins(%s : tensor<16xf8E8M0FNU>) outs(%y : tensor<32x16xf8E8M0FNU>)
  return
}
