// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse="duplicate-cache-write=false rope-mla-cache-write=false" | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan=rope-mla-cache-write=false -o /dev/null | FileCheck %s --check-prefix=PLAN

// PLAN: fusion plan: 3 planned, 2 refused

// The second write rotates the key again: it goes, and the rotation with it. What is left is fused.
// PLAN-NEXT: @rotated_again {{.*}} duplicate-cache-write planned: lm.mla_cache_write repeats lm.mla_cache_write and is removed
// CHECK-LABEL: @rotated_again
// OFF-LABEL: @rotated_again
// OFF-COUNT-2: lm.mla_cache_write
func.func @rotated_again(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) {
  // CHECK-NEXT: %[[F:.*]]:2 = lm.rope_mla_cache_write
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %again = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c2 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %again : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%c1 : tensor<?x64x576xbf16>)
  return %q, %c2 : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>
}

// The first write is fused already, and a third one repeats it once more.
// PLAN-NEXT: @after_fused {{.*}} planned: lm.mla_cache_write repeats lm.rope_mla_cache_write and is removed
// PLAN-NEXT: @after_fused {{.*}} planned: lm.mla_cache_write repeats lm.rope_mla_cache_write and is removed
// CHECK-LABEL: @after_fused
func.func @after_fused(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  // CHECK-NEXT: %[[F:.*]]:3 = lm.rope_mla_cache_write
  // CHECK-NEXT: return %[[F]]#1
  %q, %c1, %k = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_pe(%qp : tensor<8x16x64xbf16>) kv(%kv, %kp : tensor<8x512xbf16>, tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) slots(%slots : tensor<8xi64>) outs(%qp, %cache : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) k_rot(%kp : tensor<8x64xbf16>)
  %c2 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%c1 : tensor<?x64x576xbf16>)
  %again = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c3 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %again : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%c2 : tensor<?x64x576xbf16>)
  return %c3 : tensor<?x64x576xbf16>
}

// PLAN-NEXT: @key_differs {{.*}} refused [duplicate-differs]: a second write of one kv_c to the same slots differs in k_pe
func.func @key_differs(%kv: tensor<8x512xbf16>, %k1: tensor<8x64xbf16>, %k2: tensor<8x64xbf16>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k1 : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %c2 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k2 : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%c1 : tensor<?x64x576xbf16>)
  return %c2 : tensor<?x64x576xbf16>
}

// PLAN-NEXT: @attributes_differ {{.*}} refused [duplicate-differs]: a second write of one kv_c to the same slots differs in scale and skip_rule and rope_first
func.func @attributes_differ(%kv: tensor<8x512xbf16>, %k: tensor<8x64xbf16>, %s1: tensor<1xf32>, %s2: tensor<1xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xf8E4M3FN>) -> tensor<?x64x576xf8E4M3FN> {
  %c1 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) scale(%s1 : tensor<1xf32>) outs(%cache : tensor<?x64x576xf8E4M3FN>)
  %c2 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative_or_zero>, rope_first} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) scale(%s2 : tensor<1xf32>) outs(%c1 : tensor<?x64x576xf8E4M3FN>)
  return %c2 : tensor<?x64x576xf8E4M3FN>
}

// Writes of other rows or slots, and one with another write in between, are no duplicates.
// PLAN-NOT: @other
// CHECK-LABEL: @other
// CHECK-COUNT-3: lm.mla_cache_write
func.func @other(%kv: tensor<8x512xbf16>, %k: tensor<8x64xbf16>, %slots: tensor<8xi64>, %more: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %c2 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%more : tensor<8xi64>) outs(%c1 : tensor<?x64x576xbf16>)
  %c3 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%c2 : tensor<?x64x576xbf16>)
  return %c3 : tensor<?x64x576xbf16>
}
