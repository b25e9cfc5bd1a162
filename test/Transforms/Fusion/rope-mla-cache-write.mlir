// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=rope-mla-cache-write=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN

#tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>

// OFF-NOT: lm.rope_mla_cache_write
// PLAN: fusion plan: 9 planned, 7 refused

// CHECK-LABEL: @concat
// PLAN-NEXT: @concat rope-mla-cache-write.mlir:{{[0-9]+}}:{{[0-9]+}} rope-mla-cache-write planned: lm.rope + lm.rope + tensor.concat + lm.mla_cache_write -> lm.rope_mla_cache_write{{$}}
func.func @concat(%qn: tensor<?x16x512xbf16>, %qp: tensor<?x16x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<?x16x576xbf16>, tensor<?x64x576xbf16>) {
  // CHECK: %[[Q0:.*]] = tensor.empty({{.*}}) : tensor<?x16x576xbf16>
  // CHECK: %[[F:.*]]:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative_or_zero>}
  // CHECK-SAME: q_nope(%arg0 : tensor<?x16x512xbf16>) q_pe(%arg1 : tensor<?x16x64xbf16>) kv(%arg2, %arg3 : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%arg4 : tensor<?xi64>) tables(%arg5 : tensor<4096x64xf32>) slots(%arg6 : tensor<?xi64>) outs(%[[Q0]], %arg7 :
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %q = lm.rope interleaved ins(%qp : tensor<?x16x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<?x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<?x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<?x64xbf16>)
  %query = tensor.concat dim(2) %qn, %q : (tensor<?x16x512xbf16>, tensor<?x16x64xbf16>) -> tensor<?x16x576xbf16>
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative_or_zero>} ins(%kv, %k : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %query, %c1 : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>
}

// The concatenation as two insertions; the key first, rotated as [T, 1, R]; its rotation has another user.
// CHECK-LABEL: @insertions
// PLAN-NEXT: @insertions {{.*}} planned: lm.rope + lm.rope + tensor.insert_slice + lm.mla_cache_write -> lm.rope_mla_cache_write, key kept for other users
func.func @insertions(%qn: tensor<8x16x512xbf16>, %qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %c: tensor<4096x32xf32>, %s: tensor<4096x32xf32>, %slots: tensor<6xi64>, %cache: tensor<?x64x576xbf16>, %q0: tensor<8x16x576xbf16>) -> (tensor<8x16x576xbf16>, tensor<?x64x576xbf16>, tensor<8x1x64xbf16>) {
  // CHECK: %[[K0:.*]] = tensor.empty() : tensor<8x64xbf16>
  // CHECK: %[[F:.*]]:3 = lm.rope_mla_cache_write neox bf16 {compute = #lm.rope_compute<operand>, rope_first, skip_rule = #lm.skip_rule<negative>}
  // CHECK-SAME: kv(%arg2, %arg3 : {{.*}} tables(%arg5, %arg6 : {{.*}} outs(%arg9, %arg8 : {{.*}}) k_rot(%[[K0]] : tensor<8x64xbf16>)
  // CHECK-NEXT: %[[K:.*]] = tensor.expand_shape %[[F]]#2
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1, %[[K]]
  %e = tensor.expand_shape %kp [[0, 1], [2]] output_shape [8, 1, 64] : tensor<8x64xbf16> into tensor<8x1x64xbf16>
  %k0 = tensor.empty() : tensor<8x1x64xbf16>
  %k3 = lm.rope neox {compute = #lm.rope_compute<operand>} ins(%e : tensor<8x1x64xbf16>) positions(%pos : tensor<8xi64>) tables(%c, %s : tensor<4096x32xf32>, tensor<4096x32xf32>) outs(%k0 : tensor<8x1x64xbf16>)
  %k = tensor.collapse_shape %k3 [[0, 1], [2]] : tensor<8x1x64xbf16> into tensor<8x64xbf16>
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>, rope_first} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<6xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %q = lm.rope neox {compute = #lm.rope_compute<operand>} ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%c, %s : tensor<4096x32xf32>, tensor<4096x32xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %q1 = tensor.insert_slice %qn into %q0[0, 0, 0] [8, 16, 512] [1, 1, 1] : tensor<8x16x512xbf16> into tensor<8x16x576xbf16>
  %q2 = tensor.insert_slice %q into %q1[0, 0, 512] [8, 16, 64] [1, 1, 1] : tensor<8x16x64xbf16> into tensor<8x16x576xbf16>
  return %q2, %c1, %k3 : tensor<8x16x576xbf16>, tensor<?x64x576xbf16>, tensor<8x1x64xbf16>
}

// The query as frameworks spell it: rotated columns are assigned back, then taken out again;
// the part beside them is computed from the other columns later.
// CHECK-LABEL: @slice_assignment
// PLAN-NEXT: @slice_assignment {{.*}} planned: lm.rope + lm.rope + tensor.concat + lm.mla_cache_write
func.func private @absorb(tensor<?x16x128xbf16>) -> tensor<?x16x512xbf16>
func.func @slice_assignment(%t: index, %qa: tensor<?x16x192xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<?x16x576xbf16>, tensor<?x64x576xbf16>) {
  // CHECK-DAG: %[[PE:.*]] = tensor.extract_slice %arg1[0, 0, 128] [%arg0, 16, 64]
  // CHECK-DAG: %[[NOPE:.*]] = tensor.extract_slice %arg1[0, 0, 0] [%arg0, 16, 128]
  // CHECK-DAG: %[[L:.*]] = call @absorb(%[[NOPE]])
  // CHECK-NOT: tensor.insert_slice
  // CHECK: lm.rope_mla_cache_write {{.*}} q_nope(%[[L]] : tensor<?x16x512xbf16>) q_pe(%[[PE]] : tensor<?x16x64xbf16>)
  %qp = tensor.extract_slice %qa[0, 0, 128] [%t, 16, 64] [1, 1, 1] : tensor<?x16x192xbf16> to tensor<?x16x64xbf16>
  %q = lm.rope interleaved ins(%qp : tensor<?x16x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<?x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<?x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<?x64xbf16>)
  %qb = tensor.insert_slice %q into %qa[0, 0, 128] [%t, 16, 64] [1, 1, 1] : tensor<?x16x64xbf16> into tensor<?x16x192xbf16>
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %nope = tensor.extract_slice %qb[0, 0, 0] [%t, 16, 128] [1, 1, 1] : tensor<?x16x192xbf16> to tensor<?x16x128xbf16>
  %rot = tensor.extract_slice %qb[0, 0, 128] [%t, 16, 64] [1, 1, 1] : tensor<?x16x192xbf16> to tensor<?x16x64xbf16>
  %ql = func.call @absorb(%nope) : (tensor<?x16x128xbf16>) -> tensor<?x16x512xbf16>
  %query = tensor.concat dim(2) %ql, %rot : (tensor<?x16x512xbf16>, tensor<?x16x64xbf16>) -> tensor<?x16x576xbf16>
  return %query, %c1 : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>
}

// The static quantisation of the query, through the reshapes around it.
// CHECK-LABEL: @quantized_query
// PLAN-NEXT: @quantized_query {{.*}} planned: lm.rope + lm.rope + tensor.concat + lm.quantize + lm.mla_cache_write
func.func @quantized_query(%qn: tensor<8x16x512xbf16>, %qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xf8E4M3FN>, %ks: tensor<1xf32>, %qs: tensor<1xf32>, %d0: tensor<8x9216xf8E4M3FN>) -> (tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>) {
  // CHECK: %[[F:.*]]:2 = lm.rope_mla_cache_write {{.*}} fp8 {{.*}} scale(%arg8 : tensor<1xf32>) q_scale(%arg9 : tensor<1xf32>) outs(%{{.*}}, %arg7 : tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>)
  // CHECK-NEXT: %[[FLAT:.*]] = tensor.collapse_shape %[[F]]#0 {{\[\[}}0], [1, 2]] : tensor<8x16x576xf8E4M3FN> into tensor<8x9216xf8E4M3FN>
  // CHECK-NEXT: tensor.expand_shape %[[FLAT]]
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) scale(%ks : tensor<1xf32>) outs(%cache : tensor<?x64x576xf8E4M3FN>)
  %query = tensor.concat dim(2) %qn, %q : (tensor<8x16x512xbf16>, tensor<8x16x64xbf16>) -> tensor<8x16x576xbf16>
  %flat = tensor.collapse_shape %query [[0], [1, 2]] : tensor<8x16x576xbf16> into tensor<8x9216xbf16>
  %d = lm.quantize #tensor ins(%flat : tensor<8x9216xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<8x9216xf8E4M3FN>)
  %query8 = tensor.expand_shape %d [[0], [1, 2]] output_shape [8, 16, 576] : tensor<8x9216xf8E4M3FN> into tensor<8x16x576xf8E4M3FN>
  return %query8, %c1 : tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>
}

// A quantised query beside a bf16 cache is no pair: the quantisation stays outside.
// CHECK-LABEL: @bf16_cache_fp8_query
// PLAN-NEXT: @bf16_cache_fp8_query {{.*}} planned: lm.rope + lm.rope + tensor.concat + lm.mla_cache_write -> lm.rope_mla_cache_write{{$}}
func.func @bf16_cache_fp8_query(%qn: tensor<8x16x512xbf16>, %qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>, %qs: tensor<1xf32>, %d0: tensor<8x16x576xf8E4M3FN>) -> (tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xbf16>) {
  // CHECK: %[[F:.*]]:2 = lm.rope_mla_cache_write
  // CHECK: lm.quantize {{.*}} ins(%[[F]]#0
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %query = tensor.concat dim(2) %qn, %q : (tensor<8x16x512xbf16>, tensor<8x16x64xbf16>) -> tensor<8x16x576xbf16>
  %d = lm.quantize #tensor ins(%query : tensor<8x16x576xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<8x16x576xf8E4M3FN>)
  return %d, %c1 : tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xbf16>
}

// Without a concatenation the query is the rotated one.
// CHECK-LABEL: @bare
// PLAN-NEXT: @bare {{.*}} planned: lm.rope + lm.rope + lm.mla_cache_write -> lm.rope_mla_cache_write, key kept for other users
func.func @bare(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>, tensor<8x64xbf16>) {
  // CHECK: %[[F:.*]]:3 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_pe(%arg0 : tensor<8x16x64xbf16>) {{.*}} outs(%arg0, %arg6 : {{.*}}) k_rot(%arg2 : tensor<8x64xbf16>)
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1, %[[F]]#2
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %q, %c1, %k : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>, tensor<8x64xbf16>
}

// The cache is read before the query's other part is computed: the concatenation stays outside.
// CHECK-LABEL: @early_read
// PLAN-NEXT: @early_read {{.*}} planned: lm.rope + lm.rope + lm.mla_cache_write -> lm.rope_mla_cache_write, without what follows the query's rope: the result of lm.mla_cache_write is used by func.call before func.call, an operand of the fused operation, is computed
func.func private @read(tensor<?x64x576xbf16>) -> tensor<8x16x512xbf16>
func.func @early_read(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x576xbf16>, tensor<?x64x576xbf16>) {
  // CHECK: %[[F:.*]]:2 = lm.rope_mla_cache_write
  // CHECK: %[[N:.*]] = call @read(%[[F]]#1)
  // CHECK: tensor.concat dim(2) %[[N]], %[[F]]#0
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %qn = func.call @read(%c1) : (tensor<?x64x576xbf16>) -> tensor<8x16x512xbf16>
  %query = tensor.concat dim(2) %qn, %q : (tensor<8x16x512xbf16>, tensor<8x16x64xbf16>) -> tensor<8x16x576xbf16>
  return %query, %c1 : tensor<8x16x576xbf16>, tensor<?x64x576xbf16>
}

// Two layers, the query first in one and the key first in the other, find their own partners.
// CHECK-LABEL: @two_layers
// PLAN-NEXT: @two_layers {{.*}} planned: {{.*}}-> lm.rope_mla_cache_write{{$}}
// PLAN-NEXT: @two_layers {{.*}} planned: {{.*}}-> lm.rope_mla_cache_write{{$}}
func.func @two_layers(%qa: tensor<8x16x64xbf16>, %qb: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %ka: tensor<8x64xbf16>, %kb: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %ca: tensor<?x64x576xbf16>, %cb: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>, tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) {
  // CHECK: lm.rope_mla_cache_write {{.*}} q_pe(%arg0 : {{.*}}) kv(%arg2, %arg3 :
  // CHECK: lm.rope_mla_cache_write {{.*}} q_pe(%arg1 : {{.*}}) kv(%arg2, %arg4 :
  %q1 = lm.rope interleaved ins(%qa : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qa : tensor<8x16x64xbf16>)
  %k1 = lm.rope interleaved ins(%ka : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%ka : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k1 : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%ca : tensor<?x64x576xbf16>)
  %k2 = lm.rope interleaved ins(%kb : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kb : tensor<8x64xbf16>)
  %c2 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k2 : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cb : tensor<?x64x576xbf16>)
  %q2 = lm.rope interleaved ins(%qb : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qb : tensor<8x16x64xbf16>)
  return %q1, %c1, %q2, %c2 : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>, tensor<8x16x64xbf16>, tensor<?x64x576xbf16>
}

// PLAN-NEXT: @mismatch {{.*}} refused [rope-mismatch]: the ropes of query and key differ in positions and tables and style and compute
func.func @mismatch(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %pos2: tensor<8xi64>, %cs: tensor<4096x64xf32>, %cs2: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) {
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope neox {compute = #lm.rope_compute<operand>} ins(%kp : tensor<8x64xbf16>) positions(%pos2 : tensor<8xi64>) tables(%cs2 : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %q, %c1 : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>
}

// PLAN-NEXT: @one_inverse {{.*}} refused [rope-mismatch]: the ropes of query and key differ in inverse
func.func @one_inverse(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) {
  %q = lm.rope interleaved inverse ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %q, %c1 : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>
}

// PLAN-NEXT: @both_inverse {{.*}} refused [inverse-rope]: the rope of the key is inverse, but lm.rope_mla_cache_write rotates forward
func.func @both_inverse(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) {
  %q = lm.rope interleaved inverse ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved inverse ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %q, %c1 : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>
}

// PLAN-NEXT: @type_changes {{.*}} refused [element-type-changes]: lm.rope turns bf16 into f32, but lm.rope_mla_cache_write keeps the element type
func.func @type_changes(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %k0: tensor<8x64xf32>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<8x16x64xbf16>, tensor<?x64x576xbf16>) {
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%k0 : tensor<8x64xf32>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xf32>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %q, %c1 : tensor<8x16x64xbf16>, tensor<?x64x576xbf16>
}

// PLAN-NEXT: @no_key {{.*}} refused [no-key-rope]: k_pe comes from a block argument, not from lm.rope
func.func @no_key(%kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %kp : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %c1 : tensor<?x64x576xbf16>
}

// PLAN-NEXT: @no_query {{.*}} refused [no-query-rope]: no lm.rope of a query stands beside that of the key
func.func @no_query(%kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %c1 : tensor<?x64x576xbf16>
}

// PLAN-NEXT: @memrefs {{.*}} refused [memref-semantics]
func.func @memrefs(%kv: memref<8x512xbf16>, %kp: memref<8x64xbf16>, %slots: memref<8xi64>, %cache: memref<?x64x576xbf16>) {
  lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %kp : memref<8x512xbf16>, memref<8x64xbf16>) slots(%slots : memref<8xi64>) outs(%cache : memref<?x64x576xbf16>)
  return
}
