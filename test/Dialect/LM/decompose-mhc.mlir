// RUN: hipfuse-opt %s --lm-decompose --mlir-print-local-scope | FileCheck %s

// What the fused hyper-connections stand for, one layer at a time. Every
// attribute is copied.

// CHECK-LABEL: func.func @pre(
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK-SAME: %[[FN:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK-SAME: %[[B:[a-z0-9]+]]:
// CHECK-SAME: %[[Y:[a-z0-9]+]]:
// CHECK-SAME: %[[T:[a-z0-9]+]]:
// CHECK-SAME: %[[C:[a-z0-9]+]]:
// CHECK: %[[L:.*]]:2 = lm.mhc_logits ins(%[[R]] : tensor<?x4x64xbf16>) fn(%[[FN]] : tensor<24x256xf32>) outs(%{{.*}}, %{{.*}} : tensor<?x24xf32>, tensor<?xf32>)
// CHECK: %[[K:.*]]:3 = lm.mhc_coefficients {columns = 256 : i64, post_mult = 2.000000e+00 : f32, pre_epsilon = 3.000000e+00 : f32, rms_epsilon = 4.000000e+00 : f32, sinkhorn_epsilon = 5.000000e+00 : f32, sinkhorn_iterations = 20 : i64} ins(%[[L]]#0, %[[L]]#1 : tensor<?x24xf32>, tensor<?xf32>) scale(%[[S]] : tensor<3xf32>) base(%[[B]] : tensor<24xf32>) outs(%{{.*}}, %[[T]], %[[C]] :
// CHECK: %[[IN:.*]] = lm.mhc_collapse ins(%[[R]] : tensor<?x4x64xbf16>) pre(%[[K]]#0 : tensor<?x4xf32>) outs(%[[Y]] : tensor<?x64xbf16>)
// CHECK: return %[[IN]], %[[K]]#1, %[[K]]#2 :
func.func @pre(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> (tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) {
  %0:3 = lm.mhc_pre {post_mult = 2.0 : f32, pre_epsilon = 3.0 : f32, rms_epsilon = 4.0 : f32, sinkhorn_epsilon = 5.0 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %0#0, %0#1, %0#2 : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>
}

// The norm reads the input as the unfused chain stores it, rounded to bf16.

// CHECK-LABEL: func.func @pre_norm(
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<64xf32>
// CHECK-SAME: %[[Y:[a-z0-9]+]]: tensor<?x64xf16>
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xbf16>
// CHECK: %[[PRE:.*]]:3 = lm.mhc_pre {post_mult = 2.000000e+00 : f32, pre_epsilon = 3.000000e+00 : f32, rms_epsilon = 4.000000e+00 : f32, sinkhorn_epsilon = 5.000000e+00 : f32, sinkhorn_iterations = 20 : i64} ins(%[[R]] : {{.*}} outs(%[[EMPTY]], %{{.*}}, %{{.*}} : tensor<?x64xbf16>,
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 6.000000e+00 : f32, round_norm_before_weight, weight_offset = 1.000000e+00 : f32} ins(%[[PRE]]#0 : tensor<?x64xbf16>) weight(%[[W]] : tensor<64xf32>) outs(%[[Y]] : tensor<?x64xf16>)
// CHECK: return %[[NORM]]
func.func @pre_norm(%r: tensor<?x4x64xbf16>, %w: tensor<64xf32>, %y: tensor<?x64xf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> tensor<?x64xf16> {
  %0:3 = lm.mhc_pre {post_mult = 2.0 : f32, pre_epsilon = 3.0 : f32, rms_epsilon = 4.0 : f32, sinkhorn_epsilon = 5.0 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 6.0 : f32, norm_weight_offset = 1.0 : f32, round_norm_before_weight, round_before_norm = bf16} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) norm_weight(%w : tensor<64xf32>) outs(%y, %t, %c : tensor<?x64xf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %0#0 : tensor<?x64xf16>
}

// The delayed collapse takes the previous sublayer's weights, and hands on its
// own.

// CHECK-LABEL: func.func @delayed(
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK-SAME: %[[IN:[a-z0-9]+]]: tensor<?x4xf32>
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: tensor<?x4xf32>
// CHECK: %[[K:.*]]:3 = lm.mhc_coefficients {{.*}} outs(%[[OUT]], %{{.*}}, %{{.*}} :
// CHECK: %[[X:.*]] = lm.mhc_collapse ins(%[[R]] : {{.*}}) pre(%[[IN]] : tensor<?x4xf32>)
// CHECK: return %[[X]], %[[K]]#0
func.func @delayed(%r: tensor<?x4x64xbf16>, %pi: tensor<?x4xf32>, %po: tensor<?x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> (tensor<?x64xbf16>, tensor<?x4xf32>) {
  %0:4 = lm.mhc_pre {post_mult = 2.0 : f32, pre_epsilon = 3.0 : f32, rms_epsilon = 4.0 : f32, sinkhorn_epsilon = 5.0 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x4xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4xf32>)
  return %0#0, %0#3 : tensor<?x64xbf16>, tensor<?x4xf32>
}

// Without carried weights the input is the first stream.

// CHECK-LABEL: func.func @delayed_first(
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK: %[[K:.*]]:3 = lm.mhc_coefficients
// CHECK-NOT: lm.mhc_collapse
// CHECK: %[[X:.*]] = tensor.extract_slice %[[R]][0, 0, 0] [%{{.*}}, 1, 64] [1, 1, 1] : tensor<?x4x64xbf16> to tensor<?x64xbf16>
// CHECK: %[[Y:.*]] = arith.extf %[[X]] : tensor<?x64xbf16> to tensor<?x64xf32>
// CHECK: return %[[Y]], %[[K]]#0
func.func @delayed_first(%r: tensor<?x4x64xbf16>, %po: tensor<?x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> (tensor<?x64xf32>, tensor<?x4xf32>) {
  %0:4 = lm.mhc_pre {post_mult = 2.0 : f32, pre_epsilon = 3.0 : f32, rms_epsilon = 4.0 : f32, sinkhorn_epsilon = 5.0 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4xf32>)
  return %0#0, %0#3 : tensor<?x64xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @post_pre(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK-SAME: %[[T:[a-z0-9]+]]:
// CHECK-SAME: %[[C:[a-z0-9]+]]:
// CHECK: %[[NEW:.*]] = lm.mhc_post ins(%[[X]], %[[R]] : {{.*}}) mix(%[[T]], %[[C]] :
// CHECK: %[[PRE:.*]]:4 = lm.mhc_pre {norm_epsilon = 6.000000e+00 : f32, post_mult = 2.000000e+00 : f32, pre_epsilon = 3.000000e+00 : f32, rms_epsilon = 4.000000e+00 : f32, round_before_norm = bf16, sinkhorn_epsilon = 5.000000e+00 : f32, sinkhorn_iterations = 20 : i64} ins(%[[NEW]] : {{.*}} pre_in({{.*}} norm_weight({{.*}} pre_out(
// CHECK: return %[[NEW]], %[[PRE]]#0, %[[PRE]]#3
func.func @post_pre(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %pi: tensor<?x4xf32>, %w: tensor<64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>) -> (tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>) {
  %0:5 = lm.mhc_post_pre {post_mult = 2.0 : f32, pre_epsilon = 3.0 : f32, rms_epsilon = 4.0 : f32, sinkhorn_epsilon = 5.0 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 6.0 : f32, round_before_norm = bf16} ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x4xf32>) norm_weight(%w : tensor<64xbf16>) outs(%r, %x, %t, %c : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%pi : tensor<?x4xf32>)
  return %0#0, %0#1, %0#4 : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>
}

// CHECK-LABEL: func.func @head(
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK: %[[L:.*]]:2 = lm.mhc_logits ins(%[[R]] :
// CHECK: %[[K:.*]] = lm.mhc_coefficients {columns = 256 : i64, pre_epsilon = 3.000000e+00 : f32, rms_epsilon = 4.000000e+00 : f32} ins(%[[L]]#0, %[[L]]#1 :
// CHECK: lm.mhc_collapse ins(%[[R]] : {{.*}}) pre(%[[K]] : tensor<?x4xf32>)
func.func @head(%r: tensor<?x4x64xbf16>, %fn: tensor<4x256xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %y: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = lm.mhc_head {pre_epsilon = 3.0 : f32, rms_epsilon = 4.0 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<4x256xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%y : tensor<?x64xbf16>)
  return %0 : tensor<?x64xbf16>
}
