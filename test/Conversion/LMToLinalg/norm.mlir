// RUN: hipfuse-opt %s --convert-lm-to-linalg | FileCheck %s

// Sums of blocks, their sum, one factor per row, and the norm: every map is a
// projected permutation, so that upstream tiling and fusion apply.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[$ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-DAG: #[[$COL:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: @rms_norm
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x128xbf16>, %[[W:[a-z0-9]+]]: tensor<128xbf16>, %[[Y:[a-z0-9]+]]: tensor<?x128xbf16>)
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2]]
// CHECK: %[[PARTIAL:.*]] = linalg.generic {{.*}}"parallel", "parallel", "reduction"]} ins(%[[BLOCKS]]
// CHECK: %[[V:.*]] = arith.extf
// CHECK: %[[SQUARE:.*]] = arith.mulf %[[V]], %[[V]] : f32
// CHECK: arith.addf %{{.*}}, %[[SQUARE]] : f32
// CHECK: %[[SUM:.*]] = linalg.generic {{.*}}"parallel", "reduction"]} ins(%[[PARTIAL]]
// CHECK: %[[FACTOR:.*]] = linalg.generic {{.*}} ins(%[[SUM]]
// CHECK: arith.divf %{{.*}}, %{{.*}} : f32
// CHECK: math.sqrt
// CHECK: arith.divf
// CHECK: linalg.generic {indexing_maps = [#[[$ID]], #[[$ROW]], #[[$COL]], #[[$ID]]]
// CHECK-SAME: ins(%[[X]], %[[FACTOR]], %[[W]] :
// CHECK-SAME: outs(%[[Y]] :
// CHECK-NOT: arith.truncf
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: linalg.yield
// CHECK-NOT: lm.
func.func @rms_norm(%x: tensor<?x128xbf16>, %w: tensor<128xbf16>, %y: tensor<?x128xbf16>) -> tensor<?x128xbf16> {
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x128xbf16>) weight(%w : tensor<128xbf16>) outs(%y : tensor<?x128xbf16>)
  return %0 : tensor<?x128xbf16>
}

// The rounding before the weight and the weight's offset are visible steps; a
// row of rank 1 has no parallel loop in its reduction.
// CHECK-LABEL: @rounded
// CHECK: linalg.generic {{.*}} iterator_types = ["reduction"]
// CHECK: math.sqrt
// CHECK: arith.mulf
// CHECK-NEXT: %[[ROUNDED:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: %[[N:.*]] = arith.extf %[[ROUNDED]]
// CHECK: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK-NEXT: %[[WEIGHT:.*]] = arith.addf %{{.*}}, %[[ONE]]
// CHECK-NEXT: %[[PRODUCT:.*]] = arith.mulf %[[N]], %[[WEIGHT]]
// CHECK-NEXT: linalg.yield %[[PRODUCT]] : f32
func.func @rounded(%x: tensor<200xbf16>, %w: tensor<200xf32>, %y: tensor<200xf32>) -> tensor<200xf32> {
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32, round_norm_before_weight} ins(%x : tensor<200xbf16>) weight(%w : tensor<200xf32>) outs(%y : tensor<200xf32>)
  return %0 : tensor<200xf32>
}

// The sum is written once, rounded for the residual and in f32 for the norm.
// CHECK-LABEL: @add_rms_norm
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x64xbf16>, %[[R:[a-z0-9]+]]: tensor<?x64xbf16>, %[[Y:[a-z0-9]+]]: tensor<?x64xbf16>, %[[R1:[a-z0-9]+]]: tensor<?x64xbf16>)
// CHECK: %[[SUMS:.*]]:2 = linalg.generic {{.*}} ins(%[[X]], %[[R]] : {{.*}} outs(%[[R1]], %{{.*}} : tensor<?x64xbf16>, tensor<?x64xf32>)
// CHECK: %[[S:.*]] = arith.addf
// CHECK-NEXT: %[[ROUNDED:.*]] = arith.truncf %[[S]]
// CHECK-NEXT: linalg.yield %[[ROUNDED]], %[[S]] : bf16, f32
// CHECK: tensor.expand_shape %[[SUMS]]#1
// CHECK: %[[NORM:.*]] = linalg.generic {{.*}} ins(%[[SUMS]]#1, %{{.*}} outs(%[[Y]]
// CHECK: return %[[NORM]], %[[SUMS]]#0
func.func @add_rms_norm(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %r1: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) outs(%y, %r1 : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return %0#0, %0#1 : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// The norm is taken of what was stored.
// CHECK-LABEL: @add_rms_norm_rounded
// CHECK: %[[ROUNDED:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: %[[T:.*]] = arith.extf %[[ROUNDED]]
// CHECK-NEXT: linalg.yield %[[ROUNDED]], %[[T]] : bf16, f32
func.func @add_rms_norm_rounded(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %r1: tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32, norm_from_rounded_residual} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) outs(%y, %r1 : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return %0#0, %0#1 : tensor<?x64xbf16>, tensor<?x64xbf16>
}
