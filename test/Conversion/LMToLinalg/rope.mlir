// RUN: hipfuse-opt %s --convert-lm-to-linalg | FileCheck %s

// Interleaved pairs are slices of stride 2; sines begin in the middle of a
// packed table; positions are clamped to the table.
// CHECK-DAG: #[[$ID:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[$TABLE:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-LABEL: @interleaved
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x16x64xbf16>, %[[P:[a-z0-9]+]]: tensor<?xi64>, %[[CS:[a-z0-9]+]]: tensor<4096x64xf32>, %[[Y:[a-z0-9]+]]: tensor<?x16x64xbf16>)
// CHECK: %[[COS:.*]] = linalg.generic {{.*}} ins(%[[P]] : {{.*}} outs(%{{.*}} : tensor<?x32xf32>)
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: tensor.extract %[[CS]]
// CHECK: %[[SIN:.*]] = linalg.generic {{.*}} ins(%[[P]]
// CHECK: arith.constant 32 : index
// CHECK: tensor.extract %[[CS]]
// CHECK-NOT: arith.negf
// CHECK: %[[A:.*]] = tensor.extract_slice %[[X]][0, 0, 0] [%{{.*}}, 16, 32] [1, 1, 2]
// CHECK: %[[B:.*]] = tensor.extract_slice %[[X]][0, 0, 1] [%{{.*}}, 16, 32] [1, 1, 2]
// CHECK: %[[R:.*]]:2 = linalg.generic {indexing_maps = [#[[$ID]], #[[$ID]], #[[$TABLE]], #[[$TABLE]], #[[$ID]], #[[$ID]]]
// CHECK-SAME: ins(%[[A]], %[[B]], %[[COS]], %[[SIN]] :
// CHECK: arith.subf
// CHECK: arith.addf
// CHECK: %[[FIRST:.*]] = tensor.insert_slice %[[R]]#0 into %[[Y]][0, 0, 0]
// CHECK: tensor.insert_slice %[[R]]#1 into %[[FIRST]][0, 0, 1]
func.func @interleaved(%x: tensor<?x16x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %y: tensor<?x16x64xbf16>) -> tensor<?x16x64xbf16> {
  %0 = lm.rope interleaved ins(%x : tensor<?x16x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%y : tensor<?x16x64xbf16>)
  return %0 : tensor<?x16x64xbf16>
}

// NeoX pairs are halves; the inverse negates the sine; in the operand's type
// every step is rounded.
// CHECK-LABEL: @neox_operand
// CHECK-SAME: %[[COS:[a-z0-9]+]]: tensor<?x32xf32>, %[[SIN:[a-z0-9]+]]: tensor<?x32xf32>,
// CHECK: %[[LAST:.*]] = arith.subi
// CHECK: arith.minsi %{{.*}}, %[[LAST]]
// CHECK: tensor.extract %[[COS]]
// CHECK: tensor.extract %[[SIN]]
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: arith.negf
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [%{{.*}}, 32] [1, 1]
// CHECK: tensor.extract_slice %{{.*}}[0, 32] [%{{.*}}, 32] [1, 1]
// CHECK: linalg.generic
// CHECK-COUNT-4: arith.mulf {{.*}}{{[[:space:]]+}}{{.*}}arith.truncf
// CHECK: arith.subf
// CHECK-NEXT: arith.truncf
// CHECK: arith.addf
// CHECK-NEXT: arith.truncf
func.func @neox_operand(%x: tensor<?x64xbf16>, %pos: tensor<?xi32>, %c: tensor<?x32xf32>, %s: tensor<?x32xf32>, %y: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %0 = lm.rope neox inverse {compute = #lm.rope_compute<operand>} ins(%x : tensor<?x64xbf16>) positions(%pos : tensor<?xi32>) tables(%c, %s : tensor<?x32xf32>, tensor<?x32xf32>) outs(%y : tensor<?x64xbf16>)
  return %0 : tensor<?x64xbf16>
}
