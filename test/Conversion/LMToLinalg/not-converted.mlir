// RUN: hipfuse-opt %s --convert-lm-to-linalg --verify-diagnostics | FileCheck %s

// What linalg on tensors cannot say stays as it is, beside what it can.
// CHECK-LABEL: @memref
// CHECK: lm.silu_mul
// CHECK: lm.dual_rms_norm
// CHECK: linalg.generic
func.func @memref(%x: memref<?x128xbf16>, %y: memref<?x64xbf16>, %z: memref<?x64xbf16>, %t: tensor<2x64xbf16>, %o: tensor<2x32xbf16>) -> tensor<2x32xbf16> {
  // expected-remark @+1 {{not converted: it is on memrefs, and its definition in linalg is on tensors}}
  lm.silu_mul ins(%x : memref<?x128xbf16>) outs(%y : memref<?x64xbf16>)
  // expected-remark @+1 {{not converted: it is on memrefs, and its definition in linalg is on tensors}}
  lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%y, %y : memref<?x64xbf16>, memref<?x64xbf16>) outs(%z, %y : memref<?x64xbf16>, memref<?x64xbf16>)
  %0 = lm.silu_mul ins(%t : tensor<2x64xbf16>) outs(%o : tensor<2x32xbf16>)
  return %0 : tensor<2x32xbf16>
}

// CHECK-LABEL: @attention
// CHECK: lm.mla_decode
func.func @attention(%q: tensor<2x16x576xbf16>, %c: tensor<8x64x576xbf16>, %bt: tensor<2x4xi32>, %n: tensor<2xi32>, %o: tensor<2x16x512xbf16>) -> tensor<2x16x512xbf16> {
  // expected-remark @+1 {{not converted: it has no definition in linalg}}
  %0 = lm.mla_decode bf16 {q_len = 1, sm_scale = 0.0416666679 : f32} ins(%q : tensor<2x16x576xbf16>) cache(%c : tensor<8x64x576xbf16>) block_table(%bt : tensor<2x4xi32>) lengths(%n : tensor<2xi32>) outs(%o : tensor<2x16x512xbf16>)
  return %0 : tensor<2x16x512xbf16>
}
