// RUN: hipfuse-opt %s --lm-decompose --mlir-print-local-scope | FileCheck %s

// What the fused rotations stand for.

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate>

// The query is put together in its destination.

// CHECK-LABEL: func.func @rope_cache(
// CHECK-SAME: %[[QN:[a-z0-9]+]]:
// CHECK-SAME: %[[QP:[a-z0-9]+]]:
// CHECK-SAME: %[[KV:[a-z0-9]+]]:
// CHECK-SAME: %[[KP:[a-z0-9]+]]:
// CHECK-SAME: %[[POS:[a-z0-9]+]]:
// CHECK-SAME: %[[CS:[a-z0-9]+]]:
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]:
// CHECK-SAME: %[[Q:[a-z0-9]+]]:
// CHECK-SAME: %[[C:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x2x64xbf16>
// CHECK: %[[ROT:.*]] = lm.rope interleaved {compute = #lm.rope_compute<operand>} ins(%[[QP]] : tensor<?x2x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[CS]] : tensor<128x64xf32>) outs(%[[EMPTY]] : tensor<?x2x64xbf16>)
// CHECK: %[[INS:.*]] = tensor.insert_slice %[[QN]] into %[[Q]][0, 0, 0] [%{{.*}}, 2, 512] [1, 1, 1] : tensor<?x2x512xbf16> into tensor<?x2x576xbf16>
// CHECK: %[[INS2:.*]] = tensor.insert_slice %[[ROT]] into %[[INS]][0, 0, 512] [%{{.*}}, 2, 64] [1, 1, 1] : tensor<?x2x64xbf16> into tensor<?x2x576xbf16>
// CHECK: %[[EMPTY2:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xbf16>
// CHECK: %[[ROT2:.*]] = lm.rope interleaved {compute = #lm.rope_compute<operand>} ins(%[[KP]] : tensor<?x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[CS]] : tensor<128x64xf32>) outs(%[[EMPTY2]] : tensor<?x64xbf16>)
// CHECK: %[[WRITTEN:.*]] = lm.mla_cache_write bf16 {rope_first, skip_rule = #lm.skip_rule<negative_or_zero>} ins(%[[KV]], %[[ROT2]] : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%[[SLOTS]] : tensor<?xi64>) outs(%[[C]] : tensor<?x64x576xbf16>)
// CHECK: return %[[INS2]], %[[WRITTEN]] : tensor<?x2x576xbf16>, tensor<?x64x576xbf16>
func.func @rope_cache(%qn: tensor<?x2x512xbf16>, %qp: tensor<?x2x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<128x64xf32>, %slots: tensor<?xi64>, %q: tensor<?x2x576xbf16>, %c: tensor<?x64x576xbf16>) -> (tensor<?x2x576xbf16>, tensor<?x64x576xbf16>) {
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative_or_zero>, rope_first, compute = #lm.rope_compute<operand>} q_nope(%qn : tensor<?x2x512xbf16>) q_pe(%qp : tensor<?x2x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) outs(%q, %c : tensor<?x2x576xbf16>, tensor<?x64x576xbf16>)
  return %0#0, %0#1 : tensor<?x2x576xbf16>, tensor<?x64x576xbf16>
}

// Without q_nope the rotated query goes straight into its destination, and so
// does k_rot.

// CHECK-LABEL: func.func @rope_cache_rotated_only(
// CHECK-SAME: %[[QP:[a-z0-9]+]]:
// CHECK-SAME: %[[KV:[a-z0-9]+]]:
// CHECK-SAME: %[[KP:[a-z0-9]+]]:
// CHECK-SAME: %[[POS:[a-z0-9]+]]:
// CHECK-SAME: %[[C0:[a-z0-9]+]]:
// CHECK-SAME: %[[S0:[a-z0-9]+]]:
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]:
// CHECK-SAME: %[[Q:[a-z0-9]+]]:
// CHECK-SAME: %[[C:[a-z0-9]+]]:
// CHECK-SAME: %[[KR:[a-z0-9]+]]:
// CHECK: %[[ROT:.*]] = lm.rope neox ins(%[[QP]] : tensor<?x2x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[C0]], %[[S0]] : tensor<128x32xf32>, tensor<128x32xf32>) outs(%[[Q]] : tensor<?x2x64xbf16>)
// CHECK: %[[ROT2:.*]] = lm.rope neox ins(%[[KP]] : tensor<?x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[C0]], %[[S0]] : tensor<128x32xf32>, tensor<128x32xf32>) outs(%[[KR]] : tensor<?x64xbf16>)
// CHECK: %[[WRITTEN:.*]] = lm.mla_cache_write ds_mla_584 {page_size = 64 : i64, skip_rule = #lm.skip_rule<negative>} ins(%[[KV]], %[[ROT2]] : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%[[SLOTS]] : tensor<?xi64>) outs(%[[C]] : tensor<?x37440xi8>)
// CHECK: return %[[ROT]], %[[WRITTEN]], %[[ROT2]] : tensor<?x2x64xbf16>, tensor<?x37440xi8>, tensor<?x64xbf16>
func.func @rope_cache_rotated_only(%qp: tensor<?x2x64xbf16>, %kv: tensor<?x448xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %c0: tensor<128x32xf32>, %s0: tensor<128x32xf32>, %slots: tensor<?xi64>, %q: tensor<?x2x64xbf16>, %c: tensor<?x37440xi8>, %kr: tensor<?x64xbf16>) -> (tensor<?x2x64xbf16>, tensor<?x37440xi8>, tensor<?x64xbf16>) {
  %0:3 = lm.rope_mla_cache_write neox ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} q_pe(%qp : tensor<?x2x64xbf16>) kv(%kv, %kp : tensor<?x448xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>) tables(%c0, %s0 : tensor<128x32xf32>, tensor<128x32xf32>) slots(%slots : tensor<?xi64>) outs(%q, %c : tensor<?x2x64xbf16>, tensor<?x37440xi8>) k_rot(%kr : tensor<?x64xbf16>)
  return %0#0, %0#1, %0#2 : tensor<?x2x64xbf16>, tensor<?x37440xi8>, tensor<?x64xbf16>
}

// An FP8 query is concatenated first, then quantised by its scale.

// CHECK-LABEL: func.func @rope_cache_fp8(
// CHECK-SAME: %[[QN:[a-z0-9]+]]:
// CHECK-SAME: %[[QP:[a-z0-9]+]]:
// CHECK-SAME: %[[KV:[a-z0-9]+]]:
// CHECK-SAME: %[[KP:[a-z0-9]+]]:
// CHECK-SAME: %[[POS:[a-z0-9]+]]:
// CHECK-SAME: %[[CS:[a-z0-9]+]]:
// CHECK-SAME: %[[SLOTS:[a-z0-9]+]]:
// CHECK-SAME: %[[KS:[a-z0-9]+]]:
// CHECK-SAME: %[[QS:[a-z0-9]+]]:
// CHECK-SAME: %[[Q:[a-z0-9]+]]:
// CHECK-SAME: %[[C:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x2x64xbf16>
// CHECK: %[[ROT:.*]] = lm.rope interleaved ins(%[[QP]] : tensor<?x2x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[CS]] : tensor<128x64xf32>) outs(%[[EMPTY]] : tensor<?x2x64xbf16>)
// CHECK: %[[EMPTY2:.*]] = tensor.empty(%{{.*}}) : tensor<?x2x576xbf16>
// CHECK: %[[INS:.*]] = tensor.insert_slice %[[QN]] into %[[EMPTY2]][0, 0, 0] [%{{.*}}, 2, 512] [1, 1, 1] : tensor<?x2x512xbf16> into tensor<?x2x576xbf16>
// CHECK: %[[INS2:.*]] = tensor.insert_slice %[[ROT]] into %[[INS]][0, 0, 512] [%{{.*}}, 2, 64] [1, 1, 1] : tensor<?x2x64xbf16> into tensor<?x2x576xbf16>
// CHECK: %[[QUANT:.*]] = lm.quantize <element = f8E4M3FN, granularity = tensor> ins(%[[INS2]] : tensor<?x2x576xbf16>) input_scale(%[[QS]] : tensor<1xf32>) outs(%[[Q]] : tensor<?x2x576xf8E4M3FN>)
// CHECK: %[[EMPTY3:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xbf16>
// CHECK: %[[ROT2:.*]] = lm.rope interleaved ins(%[[KP]] : tensor<?x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[CS]] : tensor<128x64xf32>) outs(%[[EMPTY3]] : tensor<?x64xbf16>)
// CHECK: %[[WRITTEN:.*]] = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%[[KV]], %[[ROT2]] : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%[[SLOTS]] : tensor<?xi64>) scale(%[[KS]] : tensor<1xf32>) outs(%[[C]] : tensor<?x64x576xf8E4M3FN>)
// CHECK: return %[[QUANT]], %[[WRITTEN]] : tensor<?x2x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>
func.func @rope_cache_fp8(%qn: tensor<?x2x512xbf16>, %qp: tensor<?x2x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<128x64xf32>, %slots: tensor<?xi64>, %ks: tensor<1xf32>, %qs: tensor<1xf32>, %q: tensor<?x2x576xf8E4M3FN>, %c: tensor<?x64x576xf8E4M3FN>) -> (tensor<?x2x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>) {
  %0:2 = lm.rope_mla_cache_write interleaved fp8 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<?x2x512xbf16>) q_pe(%qp : tensor<?x2x64xbf16>) kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<128x64xf32>) slots(%slots : tensor<?xi64>) scale(%ks : tensor<1xf32>) q_scale(%qs : tensor<1xf32>) outs(%q, %c : tensor<?x2x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>)
  return %0#0, %0#1 : tensor<?x2x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>
}

// Only the trailing columns of each head are rotated.

// CHECK-LABEL: func.func @rope_quantize(
// CHECK-SAME: %[[O:[a-z0-9]+]]:
// CHECK-SAME: %[[POS:[a-z0-9]+]]:
// CHECK-SAME: %[[CS:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[TAIL:.*]] = tensor.extract_slice %[[O]][0, 0, 64] [%{{.*}}, 8, 64] [1, 1, 1] : tensor<?x8x128xbf16> to tensor<?x8x64xbf16>
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x8x64xbf16>
// CHECK: %[[ROT:.*]] = lm.rope interleaved inverse ins(%[[TAIL]] : tensor<?x8x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[CS]] : tensor<128x64xf32>) outs(%[[EMPTY]] : tensor<?x8x64xbf16>)
// CHECK: %[[INS:.*]] = tensor.insert_slice %[[ROT]] into %[[O]][0, 0, 64] [%{{.*}}, 8, 64] [1, 1, 1] : tensor<?x8x64xbf16> into tensor<?x8x128xbf16>
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[INS]] {{\[\[}}0], [1, 2]] : tensor<?x8x128xbf16> into tensor<?x1024xbf16>
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate> ins(%[[ROWS]] : tensor<?x1024xbf16>) outs(%[[D]], %[[S]] : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>
func.func @rope_quantize(%o: tensor<?x8x128xbf16>, %pos: tensor<?xi64>, %cs: tensor<128x64xf32>, %d: tensor<?x1024xf8E4M3FN>, %s: tensor<?x8xf8E8M0FNU>) -> (tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>) {
  %0:2 = lm.rope_quantize interleaved inverse #ue8m0 ins(%o : tensor<?x8x128xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<128x64xf32>) outs(%d, %s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>
}

// Packed FP4 rows of groups.

// CHECK-LABEL: func.func @rope_quantize_groups(
// CHECK-SAME: %[[O:[a-z0-9]+]]:
// CHECK-SAME: %[[POS:[a-z0-9]+]]:
// CHECK-SAME: %[[CS:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[TAIL:.*]] = tensor.extract_slice %[[O]][0, 0, 64] [%{{.*}}, 8, 64] [1, 1, 1] : tensor<?x8x128xbf16> to tensor<?x8x64xbf16>
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x8x64xbf16>
// CHECK: %[[ROT:.*]] = lm.rope neox ins(%[[TAIL]] : tensor<?x8x64xbf16>) positions(%[[POS]] : tensor<?xi64>) tables(%[[CS]] : tensor<128x64xf32>) outs(%[[EMPTY]] : tensor<?x8x64xbf16>)
// CHECK: %[[INS:.*]] = tensor.insert_slice %[[ROT]] into %[[O]][0, 0, 64] [%{{.*}}, 8, 64] [1, 1, 1] : tensor<?x8x64xbf16> into tensor<?x8x128xbf16>
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[INS]] {{\[\[}}0], [1, 2]] : tensor<?x8x128xbf16> into tensor<?x1024xbf16>
// CHECK: %[[GROUPS:.*]] = tensor.expand_shape %[[ROWS]] {{\[\[}}0], [1, 2]] output_shape [%{{.*}}, 2, 512] : tensor<?x1024xbf16> into tensor<?x2x512xbf16>
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[GROUPS]] : tensor<?x2x512xbf16>) outs(%[[D]], %[[S]] : tensor<?x2x256xi8>, tensor<?x2x16xf8E8M0FNU>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x2x256xi8>, tensor<?x2x16xf8E8M0FNU>
func.func @rope_quantize_groups(%o: tensor<?x8x128xbf16>, %pos: tensor<?xi64>, %cs: tensor<128x64xf32>, %d: tensor<?x2x256xi8>, %s: tensor<?x2x16xf8E8M0FNU>) -> (tensor<?x2x256xi8>, tensor<?x2x16xf8E8M0FNU>) {
  %0:2 = lm.rope_quantize neox #mxfp4 ins(%o : tensor<?x8x128xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<128x64xf32>) outs(%d, %s : tensor<?x2x256xi8>, tensor<?x2x16xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x2x256xi8>, tensor<?x2x16xf8E8M0FNU>
}
