// RUN: hipfuse-opt %s --lm-materialize-plans=num-clusters=8 | FileCheck %s
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-materialize-plans="max-split=4 tile-rows=64" | FileCheck %s --check-prefix=OPTIONS
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-materialize-plans | FileCheck %s --check-prefix=GROUPS
// RUN: hipfuse-opt %s --lm-materialize-plans --remarks-filter=lm-materialize-plans 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: hipfuse-opt %s --lm-materialize-plans=num-clusters=8 --remarks-filter=lm-materialize-plans -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not hipfuse-opt %s --lm-materialize-plans=tile-rows=0 2>&1 | FileCheck %s --check-prefix=ZERO

// ZERO: error: tile-rows is 0, but must be at least 1

// NONE: [Missed] attention-plan | Category:lm-materialize-plans | {{.*}}Reason=no-persistent-kernel, Remark="the target has no persistent kernel, and num-clusters is not given"
// NONE-NOT: lm.attention_plan

// Three attentions, two lengths: two plans, each right after its lengths.
// CHECK-LABEL: func.func @sparse
// CHECK-SAME: %[[N1:[a-z0-9]+]]: tensor<?xi32>, %[[O:[a-z0-9]+]]: tensor<?x16x512xbf16>)
// CHECK-DAG: %[[P1:.*]]:5 = lm.attention_plan {num_clusters = 8 : i64, topk = 64 : i64} ins(%[[N1]] : tensor<?xi32>)
// CHECK-DAG: %[[S:.*]]:2 = lm.swa_slots
// CHECK: %[[P0:.*]]:5 = lm.attention_plan {num_clusters = 8 : i64, topk = 64 : i64} ins(%[[S]]#1 : tensor<?xi32>)
// CHECK-NOT: lm.attention_plan
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P0]]#0, %[[P0]]#1, %[[P0]]#2, %[[P0]]#3, %[[P0]]#4 : {{.*}} extra_plan(%[[P1]]#0,
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P0]]#0
func.func @sparse(%q: tensor<?x16x576xbf16>, %c: tensor<?x64x576xbf16>, %pos: tensor<?xi32>, %bt: tensor<?x8xi32>, %s: tensor<?x64xi32>, %n1: tensor<?xi32>, %o: tensor<?x16x512xbf16>) -> (tensor<?x16x512xbf16>, tensor<?x16x512xbf16>) {
  %w:2 = lm.swa_slots {page_size = 64, window = 64} ins(%pos : tensor<?xi32>) block_table(%bt : tensor<?x8xi32>) outs(%s, %n1 : tensor<?x64xi32>, tensor<?xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%w#0 : tensor<?x64xi32>) lengths(%w#1 : tensor<?xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<?x64xi32>) extra_lengths(%n1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%w#0 : tensor<?x64xi32>) lengths(%w#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  return %0, %1 : tensor<?x16x512xbf16>, tensor<?x16x512xbf16>
}

// Two lists of chosen entries, each full: one plan of lengths that come from the
// positions. A list without the promise has a plan of its own.
// CHECK-LABEL: func.func @full
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<?xi64>
// CHECK: %[[N:.*]] = lm.slot_lengths {compress_ratio = 4 : i64, window = 64 : i64} ins(%[[POS]] : tensor<?xi64>) outs(%{{.*}} : tensor<?xi32>)
// CHECK: %[[P:.*]]:5 = lm.attention_plan {num_clusters = 8 : i64, topk = 64 : i64} ins(%[[N]] :
// CHECK: %[[A:.*]]:2 = lm.topk_slots {compress_ratio = 4 : i64, full,
// CHECK: %[[B:.*]]:2 = lm.topk_slots {compress_ratio = 4 : i64, full,
// CHECK: %[[C:.*]]:2 = lm.topk_slots {compress_ratio = 4 : i64, page_size
// CHECK: %[[Q:.*]]:5 = lm.attention_plan {{.*}} ins(%[[C]]#1 :
// CHECK-NOT: lm.attention_plan
// CHECK: lm.sparse_mla_decode {{.*}} slots(%[[A]]#0 {{.*}}) lengths(%[[N]] {{.*}}) plan(%[[P]]#0
// CHECK: lm.sparse_mla_decode {{.*}} slots(%[[B]]#0 {{.*}}) lengths(%[[N]] {{.*}}) plan(%[[P]]#0
// CHECK: lm.sparse_mla_decode {{.*}} slots(%[[C]]#0 {{.*}}) lengths(%[[C]]#1 {{.*}}) plan(%[[Q]]#0
// NONE-LABEL: func.func @full
// NONE-NOT: lm.slot_lengths
func.func @full(%pos: tensor<?xi64>, %q: tensor<?x16x576xbf16>, %c: tensor<?x64x576xbf16>, %i: tensor<?x64xi32>, %j: tensor<?x64xi32>, %bt: tensor<?x8xi32>, %s: tensor<?x64xi32>, %n: tensor<?xi32>, %o: tensor<?x16x512xbf16>) -> (tensor<?x16x512xbf16>, tensor<?x16x512xbf16>, tensor<?x16x512xbf16>) {
  %a:2 = lm.topk_slots {compress_ratio = 4, full, page_size = 64} ins(%i : tensor<?x64xi32>) block_table(%bt : tensor<?x8xi32>) positions(%pos : tensor<?xi64>) outs(%s, %n : tensor<?x64xi32>, tensor<?xi32>)
  %b:2 = lm.topk_slots {compress_ratio = 4, full, page_size = 64} ins(%j : tensor<?x64xi32>) block_table(%bt : tensor<?x8xi32>) positions(%pos : tensor<?xi64>) outs(%s, %n : tensor<?x64xi32>, tensor<?xi32>)
  %d:2 = lm.topk_slots {compress_ratio = 4, page_size = 64} ins(%j : tensor<?x64xi32>) block_table(%bt : tensor<?x8xi32>) positions(%pos : tensor<?xi64>) outs(%s, %n : tensor<?x64xi32>, tensor<?xi32>)
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%a#0 : tensor<?x64xi32>) lengths(%a#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%b#0 : tensor<?x64xi32>) lengths(%b#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  %2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%d#0 : tensor<?x64xi32>) lengths(%d#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  return %0, %1, %2 : tensor<?x16x512xbf16>, tensor<?x16x512xbf16>, tensor<?x16x512xbf16>
}

// Dense: blocks of a page, sizes from the number of requests, tiles of queries
// where they exceed the rows of a tile.
// CHECK-LABEL: func.func @dense
// CHECK: %[[P:.*]]:5 = lm.attention_plan {granularity = 1 : i64, num_clusters = 8 : i64, page_size = 64 : i64, q_len = 4 : i64} ins
// CHECK: lm.mla_decode {{.*}} plan(%[[P]]#0
// OPTIONS-LABEL: func.func @dense
// OPTIONS: lm.attention_plan {granularity = 1 : i64, max_split = 4 : i64, num_clusters = 304 : i64, page_size = 64 : i64, q_len = 4 : i64, q_tile = 2 : i64} ins(%{{.*}} : tensor<?xi32>) outs({{.*}} : tensor<?x8xi32>, tensor<305xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<606xi32>)
// 128 rows are four workgroups, a quarter of the compute units for each.
// GROUPS-LABEL: func.func @dense
// GROUPS: lm.attention_plan {even_split, granularity = 1 : i64, num_clusters = 64 : i64, overhead = 1 : i64, page_size = 64 : i64, q_len = 4 : i64} ins
func.func @dense(%q: tensor<?x32x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<?x8xi32>, %n: tensor<?xi32>, %o: tensor<?x32x512xbf16>) -> tensor<?x32x512xbf16> {
  %0 = lm.mla_decode bf16 {q_len = 4, sm_scale = 0.5 : f32} ins(%q : tensor<?x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<?x8xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x32x512xbf16>)
  return %0 : tensor<?x32x512xbf16>
}

// What has no lengths, or pages that a plan cannot count, has no plan.
// CHECK-LABEL: func.func @refused
// CHECK-NOT: lm.attention_plan
// REMARK-DAG: Reason=no-lengths, Remark="has no lengths"
// REMARK-DAG: Reason=page-size, Remark="its page size is not a static power of two"
// REMARK-DAG: Reason=memref-attention, Remark="memrefs are not planned: do this on tensors"
func.func @refused(%q: tensor<4x32x576xbf16>, %c: tensor<?x?x576xbf16>, %s: tensor<4x64xi32>, %bt: tensor<4x8xi32>, %n: tensor<4xi32>, %o: tensor<4x32x512xbf16>, %mq: memref<4x16x576xbf16>, %mc: memref<?x64x576xbf16>, %ms: memref<4x64xi32>, %mn: memref<4xi32>, %mo: memref<4x16x512xbf16>) -> (tensor<4x32x512xbf16>, tensor<4x32x512xbf16>) {
  %0 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x32x576xbf16>) cache(%c : tensor<?x?x576xbf16>) block_table(%bt : tensor<4x8xi32>) lengths(%n : tensor<4xi32>) outs(%o : tensor<4x32x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x32x576xbf16>) cache(%c : tensor<?x?x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%o : tensor<4x32x512xbf16>)
  lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%mq : memref<4x16x576xbf16>) cache(%mc : memref<?x64x576xbf16>) slots(%ms : memref<4x64xi32>) lengths(%mn : memref<4xi32>) outs(%mo : memref<4x16x512xbf16>)
  return %0, %1 : tensor<4x32x512xbf16>, tensor<4x32x512xbf16>
}
