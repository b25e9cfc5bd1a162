// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=silu-mul-quantize=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = rceil>

// OFF-NOT: lm.silu_mul_quantize
// PLAN: fusion plan: 4 planned, 1 refused

// PLAN-NEXT: @plain {{.*}} planned: lm.silu_mul + lm.quantize -> lm.silu_mul_quantize
// CHECK-LABEL: @plain
func.func @plain(%x: tensor<?x512xbf16>, %h0: tensor<?x256xbf16>, %d0: tensor<?x128xi8>, %s0: tensor<?x8xf8E8M0FNU>) -> (tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>) {
  // CHECK-NEXT: %[[F:.*]]:2 = lm.silu_mul_quantize <element = f4E2M1FN, {{.*}}> {clamp = 1.000000e+01 : f32, round_activation, round_before_quant = bf16} ins(%arg0 : tensor<?x512xbf16>) outs(%arg2, %arg3 :
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %h = lm.silu_mul {clamp = 10.0 : f32, round_activation} ins(%x : tensor<?x512xbf16>) outs(%h0 : tensor<?x256xbf16>)
  %d, %s = lm.quantize #mxfp4 ins(%h : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
  return %d, %s : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>
}

// PLAN-NEXT: @split_k {{.*}} planned: lm.split_k_reduce + lm.silu_mul + lm.quantize
// CHECK-LABEL: @split_k
func.func @split_k(%p: tensor<4x8x512xf32>, %x0: tensor<8x512xbf16>, %h0: tensor<8x256xf32>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  // CHECK-NEXT: lm.silu_mul_quantize {{.*}} {split_k_type = bf16} ins(%arg0 : tensor<4x8x512xf32>)
  // CHECK-NEXT: return
  %x = lm.split_k_reduce ins(%p : tensor<4x8x512xf32>) outs(%x0 : tensor<8x512xbf16>)
  %h = lm.silu_mul ins(%x : tensor<8x512xbf16>) outs(%h0 : tensor<8x256xf32>)
  %d, %s = lm.quantize #group ins(%h : tensor<8x256xf32>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// A reduced tensor with another user is computed apart.
// PLAN-NEXT: @split_k_used {{.*}} refused [split-k-shared]: lm.split_k_reduce has 2 uses and stays apart from lm.silu_mul_quantize
// PLAN-NEXT: @split_k_used {{.*}} planned: lm.silu_mul + lm.quantize
// CHECK-LABEL: @split_k_used
func.func @split_k_used(%p: tensor<4x8x512xf32>, %x0: tensor<8x512xbf16>, %h0: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x512xbf16>) {
  // CHECK-NEXT: %[[X:.*]] = lm.split_k_reduce
  // CHECK-NEXT: lm.silu_mul_quantize {{.*}} {round_before_quant = bf16} ins(%[[X]] :
  %x = lm.split_k_reduce ins(%p : tensor<4x8x512xf32>) outs(%x0 : tensor<8x512xbf16>)
  %h = lm.silu_mul ins(%x : tensor<8x512xbf16>) outs(%h0 : tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%h : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %x : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x512xbf16>
}

// Split-K partials and a reshape: the sizes of new destinations skip the splits.
// PLAN-NEXT: @split_k_reshape {{.*}} planned
// CHECK-LABEL: @split_k_reshape
func.func @split_k_reshape(%p: tensor<4x?x2x512xf32>, %x0: tensor<?x2x512xbf16>, %h0: tensor<?x2x256xbf16>, %d0: tensor<?x256xf8E4M3FN>, %s0: tensor<?x2xf32>) -> (tensor<?x256xf8E4M3FN>, tensor<?x2xf32>) {
  // CHECK: %[[T:.*]] = tensor.dim %arg0, %c1
  // CHECK: %[[D:.*]] = tensor.empty(%[[T]]) : tensor<?x2x256xf8E4M3FN>
  // CHECK: %[[F:.*]]:2 = lm.silu_mul_quantize {{.*}} outs(%[[D]],
  // CHECK: tensor.collapse_shape %[[F]]#0
  // CHECK: tensor.collapse_shape %[[F]]#1
  %x = lm.split_k_reduce ins(%p : tensor<4x?x2x512xf32>) outs(%x0 : tensor<?x2x512xbf16>)
  %h = lm.silu_mul ins(%x : tensor<?x2x512xbf16>) outs(%h0 : tensor<?x2x256xbf16>)
  %v = tensor.collapse_shape %h [[0, 1], [2]] : tensor<?x2x256xbf16> into tensor<?x256xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
  return %d, %s : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>
}
