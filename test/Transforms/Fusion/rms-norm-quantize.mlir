// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=rms-norm-quantize=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
#column = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major>
#token = #lm.scheme<element = f8E4M3FN, granularity = token>
#tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>

// OFF-NOT: lm.rms_norm_quantize
// PLAN: fusion plan: 12 planned, 5 refused

// Every numerics attribute travels; the norm's type is a rounding point.
// CHECK-LABEL: @mxfp4
// PLAN-NEXT: @mxfp4 rms-norm-quantize.mlir:{{[0-9]+}}:{{[0-9]+}} rms-norm-quantize planned: lm.rms_norm + lm.quantize -> lm.rms_norm_quantize{{$}}
func.func @mxfp4(%x: tensor<?x7168xbf16>, %w: tensor<7168xbf16>, %y0: tensor<?x7168xbf16>, %d0: tensor<?x3584xi8>, %s0: tensor<?x224xf8E8M0FNU>) -> (tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>) {
  // CHECK-NOT: lm.rms_norm{{ }}
  // CHECK: %[[F:.*]]:2 = lm.rms_norm_quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
  // CHECK-SAME: {epsilon = 9.99999997E-7 : f32, round_before_quant = bf16, round_norm_before_weight, weight_offset = 1.000000e+00 : f32}
  // CHECK-SAME: ins(%arg0 : tensor<?x7168xbf16>) weight(%arg1 : tensor<7168xbf16>) outs(%arg3, %arg4 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %init = tensor.empty(%t) : tensor<?x7168xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-06 : f32, round_norm_before_weight, weight_offset = 1.0 : f32} ins(%x : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>) outs(%init : tensor<?x7168xbf16>)
  %d, %s = lm.quantize #mxfp4 ins(%y : tensor<?x7168xbf16>) outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
  return %d, %s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>
}

// A norm in f32 is not rounded before it is quantised.
// CHECK-LABEL: @f32_norm
// PLAN-NEXT: @f32_norm {{.*}} planned
func.func @f32_norm(%x: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<2x8xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<2x8xf32>) {
  // CHECK: lm.rms_norm_quantize <{{.*}}layout = column_major> {epsilon = 9.99999974E-6 : f32} ins
  %init = tensor.empty() : tensor<8x256xf32>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%init : tensor<8x256xf32>)
  %d, %s = lm.quantize #column ins(%y : tensor<8x256xf32>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<2x8xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<2x8xf32>
}

// A static scale is an operand.
// CHECK-LABEL: @static_scale
// PLAN-NEXT: @static_scale {{.*}} planned
func.func @static_scale(%x: tensor<8x256xbf16>, %scale: tensor<1xf32>, %d0: tensor<8x256xf8E4M3FN>) -> tensor<8x256xf8E4M3FN> {
  // CHECK: lm.rms_norm_quantize {{.*}} input_scale(%arg1 : tensor<1xf32>) outs(%arg2 : tensor<8x256xf8E4M3FN>)
  %init = tensor.empty() : tensor<8x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%init : tensor<8x256xbf16>)
  %d = lm.quantize #tensor ins(%y : tensor<8x256xbf16>) input_scale(%scale : tensor<1xf32>) outs(%d0 : tensor<8x256xf8E4M3FN>)
  return %d : tensor<8x256xf8E4M3FN>
}

// A norm with a second user is one of the results; it is not computed twice.
// The fused operation moves up before that user, with its destinations.
// CHECK-LABEL: @norm_kept
// PLAN-NEXT: @norm_kept {{.*}} planned: lm.rms_norm + lm.quantize -> lm.rms_norm_quantize, norm kept for other users
func.func @norm_kept(%x: tensor<?x256xbf16>, %y0: tensor<?x256xbf16>) -> (tensor<?x256xf8E4M3FN>, tensor<?x1xf32>, tensor<?x256xf32>) {
  // CHECK-DAG: %[[Y0:.*]] = tensor.empty({{.*}}) : tensor<?x256xbf16>
  // CHECK-DAG: %[[D0:.*]] = tensor.empty({{.*}}) : tensor<?x256xf8E4M3FN>
  // CHECK-DAG: %[[S0:.*]] = tensor.empty({{.*}}) : tensor<?x1xf32>
  // CHECK: %[[F:.*]]:3 = lm.rms_norm_quantize {{.*}} outs(%[[D0]], %[[S0]] : {{.*}}) norm_out(%[[Y0]] : tensor<?x256xbf16>)
  // CHECK: arith.extf %[[F]]#2
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x256xbf16>
  %init = tensor.empty(%t) : tensor<?x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<?x256xbf16>) outs(%init : tensor<?x256xbf16>)
  %wide = arith.extf %y : tensor<?x256xbf16> to tensor<?x256xf32>
  // The size of the norm's result is no use of its rows.
  %t1 = tensor.dim %y, %c0 : tensor<?x256xbf16>
  %d0 = tensor.empty(%t1) : tensor<?x256xf8E4M3FN>
  %s0 = tensor.empty(%t1) : tensor<?x1xf32>
  %d, %s = lm.quantize #token ins(%y : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x1xf32>)
  return %d, %s, %wide : tensor<?x256xf8E4M3FN>, tensor<?x1xf32>, tensor<?x256xf32>
}

// Reshapes that keep the last dimension are applied to data and scale.
// CHECK-LABEL: @reshape
// PLAN-NEXT: @reshape {{.*}} planned: {{.*}} through 1 reshape{{$}}
func.func @reshape(%x: tensor<4x2x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  // CHECK: %[[F:.*]]:2 = lm.rms_norm_quantize {{.*}} ins(%arg0 : tensor<4x2x256xbf16>) outs({{.*}} : tensor<4x2x256xf8E4M3FN>, tensor<4x2x2xf32>)
  // CHECK-DAG: %[[D:.*]] = tensor.collapse_shape %[[F]]#0 {{\[\[}}0, 1], [2]] : tensor<4x2x256xf8E4M3FN> into tensor<8x256xf8E4M3FN>
  // CHECK-DAG: %[[S:.*]] = tensor.collapse_shape %[[F]]#1 {{\[\[}}0, 1], [2]] : tensor<4x2x2xf32> into tensor<8x2xf32>
  // CHECK: return %[[D]], %[[S]]
  %init = tensor.empty() : tensor<4x2x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<4x2x256xbf16>) outs(%init : tensor<4x2x256xbf16>)
  %v = tensor.collapse_shape %y [[0, 1], [2]] : tensor<4x2x256xbf16> into tensor<8x256xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// Dynamic sizes of an expansion travel with it.
// CHECK-LABEL: @expand
// PLAN-NEXT: @expand {{.*}} planned
func.func @expand(%x: tensor<?x256xbf16>, %b: index, %d0: tensor<?x2x256xf8E4M3FN>, %s0: tensor<?x2x2xf32>) -> (tensor<?x2x256xf8E4M3FN>, tensor<?x2x2xf32>) {
  // CHECK: %[[F:.*]]:2 = lm.rms_norm_quantize
  // CHECK-DAG: tensor.expand_shape %[[F]]#0 {{\[\[}}0, 1], [2]] output_shape [%arg1, 2, 256] : tensor<?x256xf8E4M3FN> into tensor<?x2x256xf8E4M3FN>
  // CHECK-DAG: tensor.expand_shape %[[F]]#1 {{\[\[}}0, 1], [2]] output_shape [%arg1, 2, 2] : tensor<?x2xf32> into tensor<?x2x2xf32>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<?x256xbf16>) outs(%x : tensor<?x256xbf16>)
  %v = tensor.expand_shape %y [[0, 1], [2]] output_shape [%b, 2, 256] : tensor<?x256xbf16> into tensor<?x2x256xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<?x2x256xbf16>) outs(%d0, %s0 : tensor<?x2x256xf8E4M3FN>, tensor<?x2x2xf32>)
  return %d, %s : tensor<?x2x256xf8E4M3FN>, tensor<?x2x2xf32>
}

// Equal quantisations become one; another scheme reads the fused norm.
// CHECK-LABEL: @two_schemes
// PLAN-NEXT: @two_schemes {{.*}} planned: {{.*}} norm kept for other users
// PLAN-NEXT: @two_schemes {{.*}} refused [already-fused]: lm.rms_norm is already a part of lm.rms_norm_quantize
func.func @two_schemes(%x: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>, %st: tensor<8x1xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xf8E4M3FN>, tensor<8x1xf32>) {
  // CHECK: %[[F:.*]]:3 = lm.rms_norm_quantize
  // CHECK-NOT: lm.rms_norm{{ }}
  // CHECK: %[[Q:.*]]:2 = lm.quantize {{.*}} ins(%[[F]]#2 : tensor<8x256xbf16>)
  // CHECK: return %[[F]]#0, %[[F]]#1, %[[F]]#0, %[[F]]#1, %[[Q]]#0, %[[Q]]#1
  %init = tensor.empty() : tensor<8x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%init : tensor<8x256xbf16>)
  %d1, %s1 = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  %d2, %s2 = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  %d3, %s3 = lm.quantize #token ins(%y : tensor<8x256xbf16>) outs(%d0, %st : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>)
  return %d1, %s1, %d2, %s2, %d3, %s3 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xf8E4M3FN>, tensor<8x1xf32>
}

// A destination that is a live tensor keeps its value.
// CHECK-LABEL: @live_destination
// PLAN-NEXT: @live_destination {{.*}} planned
func.func @live_destination(%x: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>) {
  // CHECK: lm.rms_norm_quantize
  // CHECK: return {{.*}}, %arg0
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x : tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %x : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>
}

// Within a loop body the same holds as in a function.
// CHECK-LABEL: @in_loop
// PLAN-NEXT: @in_loop {{.*}} planned
func.func @in_loop(%x: tensor<8x256xbf16>, %n: index, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  // CHECK: scf.for
  // CHECK: lm.rms_norm_quantize
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %init = tensor.empty() : tensor<8x256xbf16>
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%d1 = %d0, %s1 = %s0) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
    %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%init : tensor<8x256xbf16>)
    %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d1, %s1 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
    scf.yield %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
  }
  return %r#0, %r#1 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// A reshape with a user of its own reads the fused norm.
// CHECK-LABEL: @shared_reshape
// PLAN-NEXT: @shared_reshape {{.*}} planned: {{.*}} through 1 reshape, norm kept
func.func @shared_reshape(%x: tensor<4x2x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>) {
  // CHECK: %[[F:.*]]:3 = lm.rms_norm_quantize
  // CHECK: %[[V:.*]] = tensor.collapse_shape %[[F]]#2
  // CHECK: return {{.*}}, %[[V]]
  %init = tensor.empty() : tensor<4x2x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<4x2x256xbf16>) outs(%init : tensor<4x2x256xbf16>)
  %v = tensor.collapse_shape %y [[0, 1], [2]] : tensor<4x2x256xbf16> into tensor<8x256xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %v : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>
}

// A scale that is computed from the norm through other operations: the norm is needed
// before everything that the fused operation reads is there.
// CHECK-LABEL: @scale_from_norm
// PLAN-NEXT: @scale_from_norm {{.*}} refused [operand-not-available]: the result of lm.rms_norm is used by func.call before func.call, an operand of the fused operation, is computed
func.func private @amax(tensor<8x256xbf16>) -> tensor<1xf32>
func.func @scale_from_norm(%x: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>) -> tensor<8x256xf8E4M3FN> {
  // CHECK: lm.rms_norm{{ }}
  // CHECK: lm.quantize
  %init = tensor.empty() : tensor<8x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%init : tensor<8x256xbf16>)
  %scale = func.call @amax(%y) : (tensor<8x256xbf16>) -> tensor<1xf32>
  %d = lm.quantize #tensor ins(%y : tensor<8x256xbf16>) input_scale(%scale : tensor<1xf32>) outs(%d0 : tensor<8x256xf8E4M3FN>)
  return %d : tensor<8x256xf8E4M3FN>
}

// On memrefs nothing says who else writes.
// CHECK-LABEL: @memrefs
// PLAN-NEXT: @memrefs {{.*}} refused [memref-semantics]: lm.rms_norm works on memrefs; fusion follows values and needs tensors
func.func @memrefs(%x: memref<8x256xbf16>, %y: memref<8x256xbf16>, %d: memref<8x256xf8E4M3FN>, %s: memref<8x2xf32>) {
  lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : memref<8x256xbf16>) outs(%y : memref<8x256xbf16>)
  lm.quantize #group ins(%y : memref<8x256xbf16>) outs(%d, %s : memref<8x256xf8E4M3FN>, memref<8x2xf32>)
  return
}

// The norm and the quantisation must be in one block.
// CHECK-LABEL: @other_block
// PLAN-NEXT: @other_block {{.*}} refused [different-blocks]: lm.rms_norm and lm.quantize are in different blocks
func.func @other_block(%x: tensor<8x256xbf16>, %c: i1, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  %init = tensor.empty() : tensor<8x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%init : tensor<8x256xbf16>)
  cf.cond_br %c, ^a, ^b
^a:
  %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
^b:
  return %d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// A split-K reduction before the norm is taken in.
// PLAN-NEXT: @split_k {{.*}} planned: lm.split_k_reduce + lm.rms_norm + lm.quantize
// CHECK-LABEL: @split_k
func.func @split_k(%p: tensor<4x8x256xf32>, %x0: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  // CHECK-NEXT: lm.rms_norm_quantize {{.*}}split_k_type = bf16{{.*}} ins(%arg0 : tensor<4x8x256xf32>)
  %x = lm.split_k_reduce ins(%p : tensor<4x8x256xf32>) outs(%x0 : tensor<8x256xbf16>)
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x0 : tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// A reduced tensor with another user is computed apart.
// PLAN-NEXT: @split_k_used {{.*}} refused [split-k-shared]: lm.split_k_reduce has 2 uses and stays apart from lm.rms_norm_quantize
// PLAN-NEXT: @split_k_used {{.*}} planned: lm.rms_norm + lm.quantize
// CHECK-LABEL: @split_k_used
func.func @split_k_used(%p: tensor<4x8x256xf32>, %x0: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>) {
  // CHECK-NEXT: %[[X:.*]] = lm.split_k_reduce
  // CHECK-NEXT: lm.rms_norm_quantize {{.*}} ins(%[[X]] :
  %x = lm.split_k_reduce ins(%p : tensor<4x8x256xf32>) outs(%x0 : tensor<8x256xbf16>)
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x0 : tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %x : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>
}
