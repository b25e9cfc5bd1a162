// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=add-rms-norm-quantize=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-fuse=rms-norm-quantize=false | FileCheck %s
// RUN: hipfuse-opt %s --lm-print-fusion-plan=add-rms-norm-quantize=false -o /dev/null | FileCheck %s --check-prefix=NONE

// OFF-NOT: lm.rms_norm_quantize
// NONE: fusion plan: 0 planned, 0 refused

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>

// CHECK-LABEL: @numerics
func.func @numerics(%x: tensor<8x256xbf16>, %r: tensor<8x256xbf16>, %w: tensor<256xbf16>, %y0: tensor<8x256xbf16>, %r0: tensor<8x256xbf16>, %d0: tensor<8x128xi8>, %s0: tensor<8x8xf8E8M0FNU>) -> (tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>, tensor<8x256xbf16>) {
  // CHECK-NEXT: %[[F:.*]]:3 = lm.rms_norm_quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
  // CHECK-SAME: {epsilon = 9.99999974E-6 : f32, norm_from_rounded_residual, round_before_quant = bf16, round_norm_before_weight, round_sum_before_residual, weight_offset = 1.000000e+00 : f32}
  // CHECK-SAME: ins(%arg0 : {{.*}}) residual(%arg1 : {{.*}}) weight(%arg2 : {{.*}}) outs(%arg5, %arg6 : {{.*}}) residual_out(%arg4 :
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1, %[[F]]#2
  %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-05 : f32, weight_offset = 1.0 : f32, round_norm_before_weight, norm_from_rounded_residual, round_sum_before_residual} ins(%x, %r : tensor<8x256xbf16>, tensor<8x256xbf16>) weight(%w : tensor<256xbf16>) outs(%y0, %r0 : tensor<8x256xbf16>, tensor<8x256xbf16>)
  %d, %s = lm.quantize #mxfp4 ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>)
  return %d, %s, %r1 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>, tensor<8x256xbf16>
}

// The fan-out of a mixture of experts: the router and the shared expert read the norm
// before it is quantised, and the residual is read as early.
// CHECK-LABEL: @fan_out
func.func private @router(tensor<?x256xbf16>, tensor<?x256xbf16>) -> tensor<?x64xbf16>
func.func @fan_out(%t: index, %x: tensor<?x256xbf16>, %r: tensor<?x256xbf16>) -> (tensor<?x64xbf16>, tensor<?x256xf8E4M3FN>, tensor<?x2xf32>, tensor<?x256xbf16>) {
  // CHECK: %[[F:.*]]:4 = lm.rms_norm_quantize {{.*}} norm_out(%{{.*}} : tensor<?x256xbf16>) residual_out(
  // CHECK: %[[L:.*]] = call @router(%[[F]]#2, %[[F]]#3)
  // CHECK: return %[[L]], %[[F]]#0, %[[F]]#1, %[[F]]#3
  %n0 = tensor.empty(%t) : tensor<?x256xbf16>
  %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-05 : f32} ins(%x, %r : tensor<?x256xbf16>, tensor<?x256xbf16>) outs(%n0, %r : tensor<?x256xbf16>, tensor<?x256xbf16>)
  %l = func.call @router(%y, %r1) : (tensor<?x256xbf16>, tensor<?x256xbf16>) -> tensor<?x64xbf16>
  %d0 = tensor.empty(%t) : tensor<?x256xf8E4M3FN>
  %s0 = tensor.empty(%t) : tensor<?x2xf32>
  %d, %s = lm.quantize #group ins(%y : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
  return %l, %d, %s, %r1 : tensor<?x64xbf16>, tensor<?x256xf8E4M3FN>, tensor<?x2xf32>, tensor<?x256xbf16>
}
