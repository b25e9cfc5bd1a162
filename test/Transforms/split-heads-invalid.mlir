// RUN: hipfuse-opt %s --verify-diagnostics --lm-split-heads=max-heads=16
// RUN: not hipfuse-opt %s --lm-split-heads=max-heads=-1 2>&1 | FileCheck %s
// CHECK: error: max-heads is -1, but must not be negative

func.func @odd(%q: tensor<4x34x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %o: tensor<4x34x512xbf16>) -> tensor<4x34x512xbf16> {
  // expected-error @+1 {{has 17 heads, a number that cannot be halved, but a launch takes 16}}
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x34x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%o : tensor<4x34x512xbf16>)
  return %0 : tensor<4x34x512xbf16>
}
