// RUN: hipfuse-opt %s --lm-fuse --canonicalize | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=fast-numerics --canonicalize | FileCheck %s --check-prefix=FAST
// RUN: hipfuse-opt %s --lm-fuse=mhc-broadcast=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN

// Before the first sublayer all streams are one row, which the operations read in
// place of its copies. The program with the copies has the same bits.

// PLAN: fusion plan: 5 planned, 1 refused

// Both readers of the copies lose them.
// PLAN-NEXT: @broadcast {{.*}} mhc-broadcast planned: lm.mhc_pre reads one row for all streams
// PLAN-NEXT: @broadcast {{.*}} mhc-broadcast planned: lm.mhc_post reads one row for all streams
// CHECK-LABEL: func.func @broadcast(
// CHECK-SAME: %[[E:[a-z0-9]+]]: tensor<?x8xbf16>
// CHECK-NOT: linalg.broadcast
// CHECK: lm.mhc_pre {{.*}} ins(%[[E]] : tensor<?x8xbf16>) fn(%{{.*}} : tensor<24x32xf32>)
// CHECK: lm.mhc_post ins(%{{.*}}, %[[E]] : tensor<?x8xbf16>, tensor<?x8xbf16>)
// OFF-LABEL: func.func @broadcast(
// OFF: %[[R:.*]] = linalg.broadcast
// OFF: lm.mhc_pre {{.*}} ins(%[[R]] :
func.func @broadcast(%e: tensor<?x8xbf16>, %init: tensor<?x4x8xbf16>, %fn: tensor<24x32xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> (tensor<?x8xbf16>, tensor<?x4x8xbf16>) {
  %r = linalg.broadcast ins(%e : tensor<?x8xbf16>) outs(%init : tensor<?x4x8xbf16>) dimensions = [1]
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x8xbf16>) fn(%fn : tensor<24x32xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%e, %p, %c : tensor<?x8xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  %r1 = lm.mhc_post ins(%y, %r : tensor<?x8xbf16>, tensor<?x4x8xbf16>) mix(%t1, %c1 : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%init : tensor<?x4x8xbf16>)
  return %y, %r1 : tensor<?x8xbf16>, tensor<?x4x8xbf16>
}

// The copy as a generic operation.
// PLAN-NEXT: @generic {{.*}} mhc-broadcast planned: lm.mhc_post reads one row for all streams
// CHECK-LABEL: func.func @generic(
// CHECK-NOT: linalg.generic
// CHECK: lm.mhc_post ins(%{{.*}}, %{{.*}} : tensor<?x8xbf16>, tensor<?x8xbf16>)
func.func @generic(%e: tensor<?x8xbf16>, %init: tensor<?x2x8xbf16>, %p: tensor<?x2xf32>, %c: tensor<?x2x2xf32>) -> tensor<?x2x8xbf16> {
  %r = linalg.generic {indexing_maps = [affine_map<(t, i, h) -> (t, h)>, affine_map<(t, i, h) -> (t, i, h)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%e : tensor<?x8xbf16>) outs(%init : tensor<?x2x8xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  } -> tensor<?x2x8xbf16>
  %r1 = lm.mhc_post ins(%e, %r : tensor<?x8xbf16>, tensor<?x2x8xbf16>) mix(%p, %c : tensor<?x2xf32>, tensor<?x2x2xf32>) outs(%init : tensor<?x2x8xbf16>)
  return %r1 : tensor<?x2x8xbf16>
}

// The copy as a concatenation (`repeat`). A constant projection is folded where
// another order of additions is allowed: 1 + 3 and 2 + 4.
// PLAN-NEXT: @concat {{.*}} mhc-broadcast planned: lm.mhc_head reads one row for all streams
// CHECK-LABEL: func.func @concat(
// CHECK: lm.mhc_head {{.*}} ins(%{{.*}} : tensor<3x2xbf16>) fn(%{{.*}} : tensor<2x4xf32>)
// FAST-LABEL: func.func @concat(
// FAST: %[[FN:.*]] = arith.constant dense<{{\[\[}}4.000000e+00, 6.000000e+00], [4.000000e+01, 6.000000e+01]]> : tensor<2x2xf32>
// FAST: lm.mhc_head {{.*}} ins(%{{.*}} : tensor<3x2xbf16>) fn(%[[FN]] : tensor<2x2xf32>)
func.func @concat(%e: tensor<3x2xbf16>, %s: tensor<1xf32>, %b: tensor<2xf32>) -> tensor<3x2xbf16> {
  %fn = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 40.0]]> : tensor<2x4xf32>
  %1 = tensor.expand_shape %e [[0], [1, 2]] output_shape [3, 1, 2] : tensor<3x2xbf16> into tensor<3x1x2xbf16>
  %r = tensor.concat dim(1) %1, %1 : (tensor<3x1x2xbf16>, tensor<3x1x2xbf16>) -> tensor<3x2x2xbf16>
  %y = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<3x2x2xbf16>) fn(%fn : tensor<2x4xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<2xf32>) outs(%e : tensor<3x2xbf16>)
  return %y : tensor<3x2xbf16>
}

// Different rows are not one row, nor is a repetition along tokens.
// CHECK-LABEL: func.func @not_one_row(
// CHECK: %[[R:.*]] = tensor.concat
// CHECK: lm.mhc_head {{.*}} ins(%[[R]] :
// CHECK: %[[B:.*]] = linalg.broadcast
// CHECK: lm.mhc_head {{.*}} ins(%{{.*}} :
func.func @not_one_row(%e: tensor<2x1x2xbf16>, %g: tensor<2x1x2xbf16>, %k: tensor<2x2xbf16>, %i: tensor<2x2x2xbf16>, %fn: tensor<2x4xf32>, %s: tensor<1xf32>, %b: tensor<2xf32>, %y0: tensor<2x2xbf16>) -> (tensor<2x2xbf16>, tensor<2x2xbf16>) {
  %r = tensor.concat dim(1) %e, %g : (tensor<2x1x2xbf16>, tensor<2x1x2xbf16>) -> tensor<2x2x2xbf16>
  %y = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<2x2x2xbf16>) fn(%fn : tensor<2x4xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<2xf32>) outs(%y0 : tensor<2x2xbf16>)
  %r2 = linalg.broadcast ins(%k : tensor<2x2xbf16>) outs(%i : tensor<2x2x2xbf16>) dimensions = [0]
  %y2 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r2 : tensor<2x2x2xbf16>) fn(%fn : tensor<2x4xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<2xf32>) outs(%y0 : tensor<2x2xbf16>)
  return %y, %y2 : tensor<2x2xbf16>, tensor<2x2xbf16>
}

// The first post and the second pre still meet.
// PLAN-NEXT: @first_seam {{.*}} mhc-broadcast planned: lm.mhc_post
// PLAN-NEXT: @first_seam {{.*}} mhc-post-pre refused [mhc-no-target]
func.func @first_seam(%e: tensor<?x8xbf16>, %init: tensor<?x4x8xbf16>, %fn: tensor<24x32xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> (tensor<?x8xbf16>, tensor<?x4x8xbf16>) {
  %r = linalg.broadcast ins(%e : tensor<?x8xbf16>) outs(%init : tensor<?x4x8xbf16>) dimensions = [1]
  %r1 = lm.mhc_post ins(%e, %r : tensor<?x8xbf16>, tensor<?x4x8xbf16>) mix(%p, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%init : tensor<?x4x8xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x8xbf16>) fn(%fn : tensor<24x32xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%e, %p, %c : tensor<?x8xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %y, %r1 : tensor<?x8xbf16>, tensor<?x4x8xbf16>
}
