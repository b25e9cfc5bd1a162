// RUN: hipfuse-opt %s --convert-lm-to-linalg | FileCheck %s

// CHECK-LABEL: @silu_mul
// CHECK-SAME: (%[[X:.*]]: tensor<?x128xbf16>, %[[Y:.*]]: tensor<?x64xbf16>)
// CHECK: %[[GATE:.*]] = tensor.extract_slice %[[X]][0, 0] [%{{.*}}, 64] [1, 1]
// CHECK: %[[UP:.*]] = tensor.extract_slice %[[X]][0, 64] [%{{.*}}, 64] [1, 1]
// CHECK: linalg.generic {{.*}} ins(%[[GATE]], %[[UP]] : {{.*}} outs(%[[Y]] :
// CHECK-NOT: minimumf
// CHECK: math.exp
// CHECK: arith.divf
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.truncf
// CHECK-NEXT: linalg.yield
func.func @silu_mul(%x: tensor<?x128xbf16>, %y: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = lm.silu_mul ins(%x : tensor<?x128xbf16>) outs(%y : tensor<?x64xbf16>)
  return %0 : tensor<?x64xbf16>
}

// The gate is clamped from above, the other factor from both sides, and the
// activation is rounded before the product.
// CHECK-LABEL: @clamped
// CHECK-COUNT-2: arith.minimumf
// CHECK: arith.maximumf
// CHECK: arith.divf
// CHECK-NEXT: arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: arith.extf
// CHECK-NEXT: arith.mulf
func.func @clamped(%x: tensor<?x128xbf16>, %y: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = lm.silu_mul {clamp = 7.0 : f32, round_activation} ins(%x : tensor<?x128xbf16>) outs(%y : tensor<?x64xbf16>)
  return %0 : tensor<?x64xbf16>
}

// The order of the sum is written down: no reduction.
// CHECK-LABEL: @split_k_reduce
// CHECK-SAME: (%[[X:.*]]: tensor<3x?x64xf32>,
// CHECK: %[[P0:.*]] = tensor.extract_slice %[[X]][0, 0, 0]
// CHECK: %[[P1:.*]] = tensor.extract_slice %[[X]][1, 0, 0]
// CHECK: %[[P2:.*]] = tensor.extract_slice %[[X]][2, 0, 0]
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]} ins(%[[P0]], %[[P1]], %[[P2]] :
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32, %{{.*}}: bf16):
// CHECK-NEXT: %[[AB:.*]] = arith.addf %[[A]], %[[B]]
// CHECK-NEXT: %[[ABC:.*]] = arith.addf %[[AB]], %[[C]]
// CHECK-NEXT: arith.truncf %[[ABC]]
func.func @split_k_reduce(%x: tensor<3x?x64xf32>, %y: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = lm.split_k_reduce ins(%x : tensor<3x?x64xf32>) outs(%y : tensor<?x64xbf16>)
  return %0 : tensor<?x64xbf16>
}
