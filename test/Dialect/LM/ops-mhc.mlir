// RUN: hipfuse-opt %s --verify-roundtrip | FileCheck %s
// RUN: hipfuse-opt %s --mlir-print-op-generic | hipfuse-opt | FileCheck %s

// CHECK-LABEL: @logits(
func.func @logits(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // CHECK: %{{.*}}:2 = lm.mhc_logits ins(%{{.*}} : tensor<?x4x64xbf16>) fn(%{{.*}} : tensor<24x256xf32>) outs(%{{.*}}, %{{.*}} : tensor<?x24xf32>, tensor<?xf32>)
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// All streams are one row; fn has the columns of all streams.
// CHECK-LABEL: @logits_one_row(
func.func @logits_one_row(%r: tensor<?x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // CHECK: lm.mhc_logits
  %0:2 = lm.mhc_logits ins(%r : tensor<?x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// fn is the sum over the streams.
// CHECK-LABEL: @logits_folded(
func.func @logits_folded(%r: tensor<?x64xbf16>, %fn: tensor<24x64xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // CHECK: lm.mhc_logits
  %0:2 = lm.mhc_logits ins(%r : tensor<?x64xbf16>) fn(%fn : tensor<24x64xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// CHECK-LABEL: @coefficients(
func.func @coefficients(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // CHECK: %{{.*}}:3 = lm.mhc_coefficients {columns = 256 : i64, post_mult = 2.000000e+00 : f32, pre_epsilon = 9.99999997E-7 : f32, rms_epsilon = 9.99999997E-7 : f32, sinkhorn_epsilon = 9.99999997E-7 : f32, sinkhorn_iterations = 20 : i64} ins(
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// CHECK-LABEL: @coefficients_head(
func.func @coefficients_head(%l: tensor<?x4xf32>, %q: tensor<?xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %p: tensor<?x4xf32>) {
  // CHECK: %{{.*}} = lm.mhc_coefficients {{.*}} outs(%{{[a-z0-9]+}} : tensor<?x4xf32>)
  %0 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%l, %q : tensor<?x4xf32>, tensor<?xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%p : tensor<?x4xf32>)
  return
}

// CHECK-LABEL: @collapse(
func.func @collapse(%r: tensor<?x4x64xbf16>, %p: tensor<?x4xf32>, %y: tensor<?x64xbf16>) {
  // CHECK: lm.mhc_collapse ins(%{{.*}} : tensor<?x4x64xbf16>) pre(%{{.*}} : tensor<?x4xf32>) outs(%{{.*}} : tensor<?x64xbf16>)
  %0 = lm.mhc_collapse ins(%r : tensor<?x4x64xbf16>) pre(%p : tensor<?x4xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// CHECK-LABEL: @post(
func.func @post(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xbf16>) {
  // CHECK: lm.mhc_post ins(%{{.*}}, %{{.*}} : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%{{.*}} : tensor<?x4x64xbf16>)
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// CHECK-LABEL: @post_one_row(
func.func @post_one_row(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xbf16>) {
  // CHECK: lm.mhc_post
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// CHECK-LABEL: @pre(
func.func @pre(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // CHECK: %{{.*}}:3 = lm.mhc_pre {{.*}} base(%{{.*}} : tensor<24xf32>) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>){{$}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// CHECK-LABEL: @pre_norm(
func.func @pre_norm(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // CHECK: lm.mhc_pre {norm_epsilon = 9.99999997E-7 : f32, norm_weight_offset = 1.000000e+00 : f32, {{.*}}round_before_norm = bf16, round_norm_before_weight, {{.*}} norm_weight(%{{.*}} : tensor<64xbf16>) outs(
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 1.0e-06 : f32, round_before_norm = bf16, norm_weight_offset = 1.0 : f32, round_norm_before_weight} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) norm_weight(%w : tensor<64xbf16>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// CHECK-LABEL: @pre_delayed(
func.func @pre_delayed(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %pi: tensor<?x4xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %po: tensor<?x4xf32>) {
  // CHECK: %{{.*}}:4 = lm.mhc_pre {{.*}} pre_in(%{{.*}} : tensor<?x4xf32>) outs({{.*}}) pre_out(%{{.*}} : tensor<?x4xf32>)
  %0:4 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x4xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4xf32>)
  return
}

// CHECK-LABEL: @pre_delayed_first(
func.func @pre_delayed_first(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %po: tensor<?x4xf32>) {
  // CHECK: %{{.*}}:4 = lm.mhc_pre {{.*}} base({{[^)]*}}) outs({{.*}}) pre_out(
  %0:4 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4xf32>)
  return
}

// Any number of streams.
// CHECK-LABEL: @pre_one_stream(
func.func @pre_one_stream(%r: tensor<?x1x64xf16>, %fn: tensor<3x64xf32>, %s: tensor<3xf32>, %b: tensor<3xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x1xf32>, %c: tensor<?x1x1xf32>) {
  // CHECK: lm.mhc_pre
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x1x64xf16>) fn(%fn : tensor<3x64xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<3xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x1xf32>, tensor<?x1x1xf32>)
  return
}

// CHECK-LABEL: @pre_memref(
func.func @pre_memref(%r: memref<?x4x64xbf16>, %fn: memref<24x256xf32>, %s: memref<3xf32>, %b: memref<24xf32>, %y: memref<?x64xbf16>, %t: memref<?x4xf32>, %c: memref<?x4x4xf32>) {
  // CHECK: lm.mhc_pre
  lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : memref<?x4x64xbf16>) fn(%fn : memref<24x256xf32>) scale(%s : memref<3xf32>) base(%b : memref<24xf32>) outs(%y, %t, %c : memref<?x64xbf16>, memref<?x4xf32>, memref<?x4x4xf32>)
  return
}

// CHECK-LABEL: @post_pre(
func.func @post_pre(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %ro: tensor<?x4x64xbf16>, %y: tensor<?x64xbf16>, %to: tensor<?x4xf32>, %co: tensor<?x4x4xf32>) {
  // CHECK: %{{.*}}:4 = lm.mhc_post_pre {{.*}} ins(%{{.*}}, %{{.*}} : {{.*}}) mix(%{{.*}}, %{{.*}} : {{.*}}) fn(
  %0:4 = lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%ro, %y, %to, %co : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// CHECK-LABEL: @post_pre_all(
func.func @post_pre_all(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %pi: tensor<?x4xf32>, %w: tensor<64xf32>, %ro: tensor<?x4x64xbf16>, %y: tensor<?x64xbf16>, %to: tensor<?x4xf32>, %co: tensor<?x4x4xf32>, %po: tensor<?x4xf32>) {
  // CHECK: %{{.*}}:5 = lm.mhc_post_pre
  %0:5 = lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x4xf32>) norm_weight(%w : tensor<64xf32>) outs(%ro, %y, %to, %co : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4xf32>)
  return
}

// CHECK-LABEL: @head(
func.func @head(%r: tensor<?x4x64xbf16>, %fn: tensor<4x256xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %y: tensor<?x64xbf16>) {
  // CHECK: lm.mhc_head {pre_epsilon = 9.99999997E-7 : f32, rms_epsilon = 9.99999997E-7 : f32} ins(
  %0 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<4x256xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%y : tensor<?x64xbf16>)
  return
}
