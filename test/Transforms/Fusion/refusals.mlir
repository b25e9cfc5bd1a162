// What may not stand between a producer and its quantisation.

// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN
// RUN: hipfuse-opt %s --canonicalize -o %t.before
// RUN: hipfuse-opt %s --lm-fuse --canonicalize -o %t.after
// RUN: diff %t.before %t.after

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
#column = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major>

// PLAN: fusion plan: 0 planned, 7 refused

// PLAN-NEXT: @cast {{.*}} rms-norm-quantize refused [cast-between]: arith.extf from bf16 to f32 stands between lm.rms_norm and lm.quantize
func.func @cast(%x: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x : tensor<8x256xbf16>)
  %w = arith.extf %y : tensor<8x256xbf16> to tensor<8x256xf32>
  %d, %s = lm.quantize #group ins(%w : tensor<8x256xf32>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// PLAN-NEXT: @slice {{.*}} add-rms-norm-quantize refused [slice-between]: tensor.extract_slice takes [8, 128] out of [8, 256] between lm.add_rms_norm and lm.quantize
func.func @slice(%x: tensor<8x256xbf16>, %r: tensor<8x256xbf16>, %d0: tensor<8x128xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x256xbf16>) {
  %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-05 : f32} ins(%x, %r : tensor<8x256xbf16>, tensor<8x256xbf16>) outs(%x, %r : tensor<8x256xbf16>, tensor<8x256xbf16>)
  %h = tensor.extract_slice %y[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %d, %s = lm.quantize #group ins(%h : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  return %d, %s, %r1 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x256xbf16>
}

// PLAN-NEXT: @reshape {{.*}} silu-mul-quantize refused [reshape-changes-last-dim]: tensor.collapse_shape changes the last dimension from 256 to 2048 between lm.silu_mul and lm.quantize
func.func @reshape(%x: tensor<4x8x512xbf16>, %h0: tensor<4x8x256xbf16>, %d0: tensor<4x2048xf8E4M3FN>, %s0: tensor<4x16xf32>) -> (tensor<4x2048xf8E4M3FN>, tensor<4x16xf32>) {
  %h = lm.silu_mul ins(%x : tensor<4x8x512xbf16>) outs(%h0 : tensor<4x8x256xbf16>)
  %v = tensor.collapse_shape %h [[0], [1, 2]] : tensor<4x8x256xbf16> into tensor<4x2048xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<4x2048xbf16>) outs(%d0, %s0 : tensor<4x2048xf8E4M3FN>, tensor<4x16xf32>)
  return %d, %s : tensor<4x2048xf8E4M3FN>, tensor<4x16xf32>
}

// A scale layout of rank 2 does not fit the norm's three dimensions.
// PLAN-NEXT: @layout {{.*}} refused [reshape-before-scale-layout]: the rows of lm.rms_norm have rank 3, but scale layout column_major needs rank 2
func.func @layout(%x: tensor<4x2x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<2x8xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<2x8xf32>) {
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<4x2x256xbf16>) outs(%x : tensor<4x2x256xbf16>)
  %v = tensor.collapse_shape %y [[0, 1], [2]] : tensor<4x2x256xbf16> into tensor<8x256xbf16>
  %d, %s = lm.quantize #column ins(%v : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<2x8xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<2x8xf32>
}

// PLAN-NEXT: @static_cast {{.*}} refused [cast-between]: tensor.cast from tensor<8x256xbf16> to tensor<?x256xbf16> stands between lm.rms_norm and lm.quantize
func.func private @rows(tensor<?x256xf8E4M3FN>)
func.func @static_cast(%x: tensor<8x256xbf16>, %d0: tensor<?x256xf8E4M3FN>, %s0: tensor<?x2xf32>) -> (tensor<?x256xf8E4M3FN>, tensor<?x2xf32>) {
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x : tensor<8x256xbf16>)
  %v = tensor.cast %y : tensor<8x256xbf16> to tensor<?x256xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
  return %d, %s : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>
}

// The activation is not a result of the fused operation.
// PLAN-NEXT: @activation_used {{.*}} silu-mul-quantize refused [extra-uses]: the result of lm.silu_mul has 2 uses, but lm.silu_mul_quantize has no result for it
func.func @activation_used(%x: tensor<8x512xbf16>, %h0: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>) {
  %h = lm.silu_mul ins(%x : tensor<8x512xbf16>) outs(%h0 : tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%h : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %h : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>
}

// PLAN-NEXT: @silu_memrefs {{.*}} silu-mul-quantize refused [memref-semantics]
func.func @silu_memrefs(%x: memref<8x512xbf16>, %h: memref<8x256xbf16>) {
  lm.silu_mul ins(%x : memref<8x512xbf16>) outs(%h : memref<8x256xbf16>)
  return
}

// The residual is no norm: nothing to fuse, nothing to refuse.
// PLAN-NOT: @residual
func.func @residual(%x: tensor<8x256xbf16>, %r: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>) {
  %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-05 : f32} ins(%x, %r : tensor<8x256xbf16>, tensor<8x256xbf16>) outs(%x, %r : tensor<8x256xbf16>, tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%r1 : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %y : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>
}
