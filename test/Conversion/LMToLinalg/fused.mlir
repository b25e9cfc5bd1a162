// RUN: hipfuse-opt %s --convert-lm-to-linalg -o %t.direct
// RUN: hipfuse-opt %s --lm-decompose --convert-lm-to-linalg -o %t.decomposed
// RUN: FileCheck %s --input-file=%t.direct
// RUN: cmp %t.direct %t.decomposed

// A fused operation means what its decomposition means.
// CHECK-NOT: lm.{{[a-z_]+}}
// CHECK-LABEL: @rms_norm_quantize
// CHECK: math.sqrt
// CHECK: arith.maxui
// CHECK-LABEL: @rope_mla_cache_write
// CHECK: tensor.insert_slice
// CHECK: scf.for
// CHECK-NOT: lm.{{[a-z_]+}}
#fp8 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
func.func @rms_norm_quantize(%x: tensor<?x512xbf16>, %r: tensor<?x512xbf16>, %d: tensor<?x512xf8E4M3FN>, %s: tensor<?x4xf32>, %r1: tensor<?x512xbf16>) -> (tensor<?x512xf8E4M3FN>, tensor<?x4xf32>, tensor<?x512xbf16>) {
  %0:3 = lm.rms_norm_quantize #fp8 {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
    ins(%x : tensor<?x512xbf16>) residual(%r : tensor<?x512xbf16>)
    outs(%d, %s : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>) residual_out(%r1 : tensor<?x512xbf16>)
  return %0#0, %0#1, %0#2 : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>, tensor<?x512xbf16>
}

func.func @rope_mla_cache_write(%qn: tensor<?x16x512xbf16>, %qp: tensor<?x16x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x16x576xbf16>, %cache: tensor<?x64x576xbf16>) -> (tensor<?x16x576xbf16>, tensor<?x64x576xbf16>) {
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>}
    q_nope(%qn : tensor<?x16x512xbf16>) q_pe(%qp : tensor<?x16x64xbf16>)
    kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>)
    positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>)
    slots(%slots : tensor<?xi64>)
    outs(%q, %cache : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>)
  return %0#0, %0#1 : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>
}
