// RUN: hipfuse-opt %s --lm-fuse=mhc=fused | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse="mhc=fused mhc-pre-rms-norm=false mhc-post-pre=false" | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan=mhc=fused -o /dev/null | FileCheck %s --check-prefix=PLAN

// OFF-NOT: lm.mhc_post_pre
// OFF-NOT: norm_epsilon

// PLAN: fusion plan: 9 planned, 6 refused

// The new residual has other users: it is a result.
// PLAN-NEXT: @post_pre {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// CHECK-LABEL: func.func @post_pre(
// CHECK-NEXT: %[[F:.*]]:4 = lm.mhc_post_pre {post_mult = 2.000000e+00 : f32, pre_epsilon = 9.99999997E-7 : f32, rms_epsilon = 9.99999997E-7 : f32, sinkhorn_epsilon = 9.99999997E-7 : f32, sinkhorn_iterations = 20 : i64} ins(%arg0, %arg1 : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%arg2, %arg3 : {{.*}}) fn(%arg4 : {{.*}}) scale(%arg5 : {{.*}}) base(%arg6 : {{.*}}) outs(%arg1, %arg0, %arg2, %arg3 :
// CHECK-NEXT: return %[[F]]#0, %[[F]]#1, %[[F]]#2, %[[F]]#3
// OFF-LABEL: func.func @post_pre(
func.func @post_pre(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r1, %y, %t1, %c1 : tensor<?x4x256xbf16>, tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>
}

// The norm reads the row as it was stored, in bf16.
// PLAN-NEXT: @pre_norm {{.*}} mhc-pre-rms-norm planned: lm.mhc_pre + lm.rms_norm -> lm.mhc_pre
// CHECK-LABEL: func.func @pre_norm(
// CHECK-NEXT: %[[F:.*]]:3 = lm.mhc_pre {norm_epsilon = 9.99999974E-6 : f32, {{.*}}round_before_norm = bf16, {{.*}}} ins(%arg1 : {{.*}}) {{.*}} norm_weight(%arg7 : tensor<256xbf16>) outs(%arg0, %arg2, %arg3 :
// CHECK-NEXT: return %[[F]]#0, %[[F]]#1, %[[F]]#2
// OFF-LABEL: func.func @pre_norm(
func.func @pre_norm(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) {
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  %n = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<?x256xbf16>) weight(%w : tensor<256xbf16>) outs(%x : tensor<?x256xbf16>)
  return %n, %t1, %c1 : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>
}

// All three become one.
// PLAN-NEXT: @post_pre_norm {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre, with the norm
// PLAN-NEXT: @post_pre_norm {{.*}} mhc-pre-rms-norm planned
// CHECK-LABEL: func.func @post_pre_norm(
// CHECK-NEXT: %[[F:.*]]:4 = lm.mhc_post_pre {norm_epsilon = {{.*}} norm_weight(%arg7 :
// CHECK-NEXT: return %[[F]]#0, %[[F]]#1
// OFF-LABEL: func.func @post_pre_norm(
func.func @post_pre_norm(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  %n = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<?x256xbf16>) weight(%w : tensor<256xbf16>) outs(%x : tensor<?x256xbf16>)
  return %r1, %n : tensor<?x4x256xbf16>, tensor<?x256xbf16>
}

// The row is needed by itself: the norm stays apart, post does not.
// PLAN-NEXT: @norm_has_other_users {{.*}} mhc-post-pre planned
// PLAN-NEXT: @norm_has_other_users {{.*}} mhc-pre-rms-norm refused [extra-uses]: the layer_input of lm.mhc_pre has 2 uses, but lm.mhc_pre has no result for it
// CHECK-LABEL: func.func @norm_has_other_users(
// CHECK-NEXT: lm.mhc_post_pre {post_mult
// CHECK-NEXT: lm.rms_norm
// OFF-LABEL: func.func @norm_has_other_users(
func.func @norm_has_other_users(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  %n = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<?x256xbf16>) weight(%w : tensor<256xbf16>) outs(%x : tensor<?x256xbf16>)
  return %r1, %n, %y : tensor<?x4x256xbf16>, tensor<?x256xbf16>, tensor<?x256xbf16>
}

// An Engram adds to the residual between post and pre: they stay apart.
// PLAN-NEXT: @engram {{.*}} mhc-post-pre refused [operation-between]: arith.addf stands between lm.mhc_post and lm.mhc_pre and changes the residual
// CHECK-LABEL: func.func @engram(
// CHECK-NEXT: lm.mhc_post ins
// CHECK-NEXT: arith.addf
// CHECK-NEXT: lm.mhc_pre
// OFF-LABEL: func.func @engram(
func.func @engram(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>, %e: tensor<?x4x256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %r2 = arith.addf %r1, %e : tensor<?x4x256xbf16>
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r2 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r2, %y : tensor<?x4x256xbf16>, tensor<?x256xbf16>
}

// Another reader of the residual is no obstacle.
// PLAN-NEXT: @engram_elsewhere {{.*}} mhc-post-pre planned
// CHECK-LABEL: func.func @engram_elsewhere(
// CHECK-NEXT: %[[F:.*]]:4 = lm.mhc_post_pre
// CHECK-NEXT: arith.addf %[[F]]#0
// OFF-LABEL: func.func @engram_elsewhere(
func.func @engram_elsewhere(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>, %e: tensor<?x4x256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x4x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %r2 = arith.addf %r1, %e : tensor<?x4x256xbf16>
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r1, %r2, %y : tensor<?x4x256xbf16>, tensor<?x4x256xbf16>, tensor<?x256xbf16>
}

// One post is fused once.
// PLAN-NEXT: @two_readers {{.*}} mhc-post-pre planned
// PLAN-NEXT: @two_readers {{.*}} mhc-post-pre refused [already-fused]: lm.mhc_post is already a part of lm.mhc_post_pre
// CHECK-LABEL: func.func @two_readers(
// CHECK-NEXT: %[[F:.*]]:4 = lm.mhc_post_pre
// CHECK-NEXT: lm.mhc_pre {{.*}} ins(%[[F]]#0
// OFF-LABEL: func.func @two_readers(
func.func @two_readers(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x256xbf16>, tensor<?x256xbf16>, tensor<?x4xf32>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  %y2, %t2, %c2 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %y, %y2, %t2 : tensor<?x256xbf16>, tensor<?x256xbf16>, tensor<?x4xf32>
}

// Without a post there is nothing to fuse, and nothing to say.
// CHECK-LABEL: func.func @first_layer(
// CHECK-NEXT: lm.mhc_pre
// OFF-LABEL: func.func @first_layer(
func.func @first_layer(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x256xbf16>) {
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %y : tensor<?x256xbf16>
}

// A norm that is quantised belongs to its quantisation.
// PLAN-NEXT: @quantized_norm {{.*}} mhc-pre-rms-norm refused [already-fused]: lm.rms_norm is already a part of lm.rms_norm_quantize
// PLAN-NEXT: @quantized_norm {{.*}} rms-norm-quantize planned
// CHECK-LABEL: func.func @quantized_norm(
// CHECK-NEXT: lm.mhc_pre {post_mult
// CHECK-NEXT: lm.rms_norm_quantize
// OFF-LABEL: func.func @quantized_norm(
func.func @quantized_norm(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>, %d0: tensor<?x256xf8E4M3FN>, %s0: tensor<?x2xf32>) -> (tensor<?x256xf8E4M3FN>, tensor<?x2xf32>) {
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  %n = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<?x256xbf16>) weight(%w : tensor<256xbf16>) outs(%x : tensor<?x256xbf16>)
  %d, %sc = lm.quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128> ins(%n : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
  return %d, %sc : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>
}

// The delayed collapse is carried along.
// PLAN-NEXT: @delayed {{.*}} mhc-post-pre planned
// CHECK-LABEL: func.func @delayed(
// CHECK-NEXT: %[[F:.*]]:5 = lm.mhc_post_pre {{.*}} pre_in(%arg8 : tensor<?x4xf32>) outs({{.*}}) pre_out(%arg8 :
// CHECK-NEXT: return %[[F]]#1, %[[F]]#4
// OFF-LABEL: func.func @delayed(
func.func @delayed(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>, %pi: tensor<?x4xf32>) -> (tensor<?x256xbf16>, tensor<?x4xf32>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1, %p1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x4xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%pi : tensor<?x4xf32>)
  return %y, %p1 : tensor<?x256xbf16>, tensor<?x4xf32>
}

// Where values are not tracked nothing is fused.
// PLAN-NEXT: @memrefs {{.*}} mhc-post-pre refused [memref-semantics]: lm.mhc_post works on memrefs
// PLAN-NEXT: @memrefs {{.*}} mhc-pre-rms-norm refused [memref-semantics]: lm.mhc_pre works on memrefs
// CHECK-LABEL: func.func @memrefs(
// OFF-LABEL: func.func @memrefs(
func.func @memrefs(%x: memref<?x256xbf16>, %r: memref<?x4x256xbf16>, %post: memref<?x4xf32>, %comb: memref<?x4x4xf32>, %fn: memref<24x1024xf32>, %s: memref<3xf32>, %b: memref<24xf32>, %w: memref<256xbf16>) {
  lm.mhc_post ins(%x, %r : memref<?x256xbf16>, memref<?x4x256xbf16>) mix(%post, %comb : memref<?x4xf32>, memref<?x4x4xf32>) outs(%r : memref<?x4x256xbf16>)
  lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : memref<?x4x256xbf16>) fn(%fn : memref<24x1024xf32>) scale(%s : memref<3xf32>) base(%b : memref<24xf32>) outs(%x, %post, %comb : memref<?x256xbf16>, memref<?x4xf32>, memref<?x4x4xf32>)
  return
}
