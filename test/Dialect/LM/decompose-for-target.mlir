// Operations whose kernel the target must not or cannot run are replaced by their
// parts, with the reason; all others stay.

// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-decompose=for-target 2>&1 | FileCheck %s --check-prefixes=CHECK,RIGHT
// RUN: hipfuse-opt %s --lm-attach-target="chip=gfx950 revisions=mhc_pre:0.1.13" --lm-decompose=for-target 2>&1 | FileCheck %s --check-prefixes=CHECK,WRONG
// RUN: hipfuse-opt %s --lm-attach-target="chip=gfx950 revisions=mhc_pre:0.1.14" --lm-decompose=for-target 2>&1 | FileCheck %s --check-prefixes=CHECK,RIGHT
// RUN: hipfuse-opt %s --lm-attach-target=chip=host --lm-decompose=for-target 2>&1 | FileCheck %s --check-prefix=ALL
// RUN: hipfuse-opt %s --lm-decompose=for-target 2>&1 | FileCheck %s --check-prefix=ALL

// WRONG: remark: decomposed: revision 0.1.13 of mhc_pre on gfx950 is older than 0.1.14: earlier ones store the sum of squares over rows of other waves (ROCm/aiter#3033)
// RIGHT-NOT: remark: decomposed: revision
// CHECK: remark: decomposed: mhc_head of gfx950 takes 4 streams, not 2
// ALL-NOT: remark

// CHECK-LABEL: func.func @pre(
// WRONG: lm.mhc_logits
// WRONG: lm.mhc_coefficients
// WRONG: lm.mhc_collapse
// RIGHT: lm.mhc_pre
// ALL: lm.mhc_pre
func.func @pre(%r: tensor<?x4x256xbf16>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %x: tensor<?x256xbf16>, %p: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) -> tensor<?x256xbf16> {
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %p, %c : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %0#0 : tensor<?x256xbf16>
}

// CHECK-LABEL: func.func @head_of_two(
// CHECK: lm.mhc_logits
// ALL: lm.mhc_head
func.func @head_of_two(%r: tensor<?x2x256xbf16>, %fn: tensor<2x512xf32>, %s: tensor<1xf32>, %b: tensor<2xf32>, %x: tensor<?x256xbf16>) -> tensor<?x256xbf16> {
  %0 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<?x2x256xbf16>) fn(%fn : tensor<2x512xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<2xf32>) outs(%x : tensor<?x256xbf16>)
  return %0 : tensor<?x256xbf16>
}

// What has no kernel of this kind is not touched.
// CHECK-LABEL: func.func @other(
// CHECK: lm.dual_rms_norm
// ALL: lm.dual_rms_norm
func.func @other(%x: tensor<?x64xbf16>, %y: tensor<?x32xbf16>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>) {
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %y : tensor<?x64xbf16>, tensor<?x32xbf16>) outs(%x, %y : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return %0#0, %0#1 : tensor<?x64xbf16>, tensor<?x32xbf16>
}
