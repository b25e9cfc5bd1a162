// RUN: hipfuse-opt %s --verify-roundtrip | FileCheck %s
// RUN: hipfuse-opt %s --mlir-print-op-generic | hipfuse-opt | FileCheck %s

// CHECK-LABEL: @mla_decode
func.func @mla_decode(%q: tensor<?x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<?x?xi32>, %n: tensor<?xi32>, %o: tensor<?x16x512xbf16>, %l: tensor<?x16xf32>) {
  // CHECK: lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32} ins(%{{.*}} : tensor<?x16x576xbf16>) cache(%{{.*}} : tensor<?x64x576xbf16>) block_table(%{{.*}} : tensor<?x?xi32>) lengths(%{{.*}} : tensor<?xi32>) outs(%{{.*}} : tensor<?x16x512xbf16>)
  %0 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<?x?xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  // CHECK: lm.mla_decode bf16 {q_len = 4 : i64, sm_scale = {{.*}}} {{.*}} lse(%{{.*}} : tensor<?x16xf32>)
  %1:2 = lm.mla_decode bf16 {q_len = 4, sm_scale = 0.0416666679 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<?x?xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>) lse(%l : tensor<?x16xf32>)
  return
}

// CHECK-LABEL: @mla_decode_fp8_memref
func.func @mla_decode_fp8_memref(%q: memref<8x16x576xf8E4M3FN>, %c: memref<?x1x576xf8E4M3FN>, %bt: memref<8x?xi64>, %n: memref<8xi64>, %s: memref<1xf32>, %o: memref<8x16x512xbf16>) {
  // CHECK: lm.mla_decode fp8 {compute = #lm.attention_compute<a8w8>, sm_scale = {{.*}}} {{.*}} q_scale(%{{.*}} : memref<1xf32>) kv_scale(%{{.*}} : memref<1xf32>) outs
  lm.mla_decode fp8 {compute = #lm.attention_compute<a8w8>, sm_scale = 0.0416666679 : f32} ins(%q : memref<8x16x576xf8E4M3FN>) cache(%c : memref<?x1x576xf8E4M3FN>) block_table(%bt : memref<8x?xi64>) lengths(%n : memref<8xi64>) q_scale(%s : memref<1xf32>) kv_scale(%s : memref<1xf32>) outs(%o : memref<8x16x512xbf16>)
  return
}

// CHECK-LABEL: @sparse_two_scopes
func.func @sparse_two_scopes(%q: tensor<?x64x512xbf16>, %c0: tensor<?x37440xi8>, %s0: tensor<?x128xi32>, %n0: tensor<?xi32>, %c1: tensor<?x1728xi8>, %s1: tensor<?x512xi32>, %n1: tensor<?xi32>, %sink: tensor<64xf32>, %o: tensor<?x64x512xbf16>, %l: tensor<?x64xf32>) {
  // CHECK: lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2 : i64, page_size = 64 : i64, sm_scale = {{.*}}} ins({{.*}}) cache({{.*}}) slots({{.*}}) lengths({{.*}}) extra_cache({{.*}}) extra_slots({{.*}}) extra_lengths({{.*}}) sink(%{{.*}} : tensor<64xf32>) outs({{.*}}) lse({{.*}})
  %0:2 = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2, page_size = 64, sm_scale = 0.0441941738 : f32} ins(%q : tensor<?x64x512xbf16>) cache(%c0 : tensor<?x37440xi8>) slots(%s0 : tensor<?x128xi32>) lengths(%n0 : tensor<?xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<?x512xi32>) extra_lengths(%n1 : tensor<?xi32>) sink(%sink : tensor<64xf32>) outs(%o : tensor<?x64x512xbf16>) lse(%l : tensor<?x64xf32>)
  return
}

// CHECK-LABEL: @sparse_plan
func.func @sparse_plan(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x656xi8>, %s: tensor<4x2048xi32>, %n: tensor<4xi32>, %o: tensor<4x16x512xbf16>) {
  %w = tensor.empty() : tensor<7x8xi32>
  %i = tensor.empty() : tensor<5xi32>
  %f = tensor.empty() : tensor<4x2xi32>
  %r = tensor.empty() : tensor<6xi32>
  // CHECK: %[[P:.*]]:5 = lm.attention_plan {num_clusters = 4 : i64, topk = 2048 : i64} ins(%{{.*}} : tensor<4xi32>) outs(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %p:5 = lm.attention_plan {num_clusters = 4, topk = 2048} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // CHECK: lm.sparse_mla_decode ds_mla_656 {{.*}} plan(%[[P]]#0, %[[P]]#1, %[[P]]#2, %[[P]]#3, %[[P]]#4 :
  %0 = lm.sparse_mla_decode ds_mla_656 {sm_scale = 0.0416666679 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x656xi8>) slots(%s : tensor<4x2048xi32>) lengths(%n : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return
}

// CHECK-LABEL: @partials
func.func @partials(%x: tensor<?x8x512xf32>, %l: tensor<?x8xf32>, %s: tensor<8xf32>, %o: tensor<?x8x512xbf16>) {
  // CHECK: lm.merge_attention ins(%{{.*}}, %{{.*}} : tensor<?x8x512xf32>, tensor<?x8x512xf32>) lse(%{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<?x8xf32>) outs(%{{.*}} : tensor<?x8x512xbf16>)
  %0 = lm.merge_attention ins(%x, %x : tensor<?x8x512xf32>, tensor<?x8x512xf32>) lse(%l, %l : tensor<?x8xf32>, tensor<?x8xf32>) outs(%o : tensor<?x8x512xbf16>)
  // CHECK: lm.merge_attention {empty = #lm.empty_lse<pos_inf>} {{.*}} lse_out(%{{.*}} : tensor<?x8xf32>)
  %1:2 = lm.merge_attention {empty = #lm.empty_lse<pos_inf>} ins(%x : tensor<?x8x512xf32>) lse(%l : tensor<?x8xf32>) outs(%x : tensor<?x8x512xf32>) lse_out(%l : tensor<?x8xf32>)
  // CHECK: lm.apply_sink ins(%{{.*}}) lse(%{{.*}}) sink(%{{.*}}) outs(%{{.*}})
  %2 = lm.apply_sink ins(%x : tensor<?x8x512xf32>) lse(%l : tensor<?x8xf32>) sink(%s : tensor<8xf32>) outs(%o : tensor<?x8x512xbf16>)
  return
}

// CHECK-LABEL: @slots
func.func @slots(%pos: tensor<?xi64>, %bt: tensor<?x?xi32>, %r: tensor<?xi32>, %idx: tensor<?x512xi32>, %s0: tensor<?x128xi32>, %s1: tensor<?x512xi32>, %n: tensor<?xi32>) {
  // CHECK: lm.swa_slots {page_size = 64 : i64, window = 128 : i64} ins(%{{.*}} : tensor<?xi64>) block_table(%{{.*}} : tensor<?x?xi32>) outs(%{{.*}}, %{{.*}} : tensor<?x128xi32>, tensor<?xi32>)
  %0:2 = lm.swa_slots {page_size = 64, window = 128} ins(%pos : tensor<?xi64>) block_table(%bt : tensor<?x?xi32>) outs(%s0, %n : tensor<?x128xi32>, tensor<?xi32>)
  // CHECK: lm.swa_slots {compress_ratio = 128 : i64, {{.*}}} {{.*}} requests(%{{.*}} : tensor<?xi32>)
  %1:2 = lm.swa_slots {compress_ratio = 128, page_size = 2, window = 512} ins(%pos : tensor<?xi64>) block_table(%bt : tensor<?x?xi32>) requests(%r : tensor<?xi32>) outs(%s1, %n : tensor<?x512xi32>, tensor<?xi32>)
  // CHECK: lm.topk_slots {keep_holes, page_size = 64 : i64, q_len = 2 : i64} {{.*}} positions(%{{.*}} : tensor<?xi64>)
  %2:2 = lm.topk_slots {keep_holes, page_size = 64, q_len = 2} ins(%idx : tensor<?x512xi32>) block_table(%bt : tensor<?x?xi32>) positions(%pos : tensor<?xi64>) outs(%s1, %n : tensor<?x512xi32>, tensor<?xi32>)
  // CHECK: lm.topk_slots {compress_ratio = 4 : i64, full, page_size = 64 : i64}
  %5:2 = lm.topk_slots {compress_ratio = 4, full, page_size = 64} ins(%idx : tensor<?x512xi32>) block_table(%bt : tensor<?x?xi32>) positions(%pos : tensor<?xi64>) outs(%s1, %n : tensor<?x512xi32>, tensor<?xi32>)
  // CHECK: lm.slot_lengths {compress_ratio = 4 : i64, window = 512 : i64} ins(%{{.*}} : tensor<?xi64>) outs(%{{.*}} : tensor<?xi32>)
  %6 = lm.slot_lengths {compress_ratio = 4, window = 512} ins(%pos : tensor<?xi64>) outs(%n : tensor<?xi32>)
  // CHECK: lm.compact_slots ins(%{{.*}} : tensor<?x512xi32>) lengths(%{{.*}} : tensor<?xi32>) outs
  %3:2 = lm.compact_slots ins(%2#0 : tensor<?x512xi32>) lengths(%2#1 : tensor<?xi32>) outs(%s1, %n : tensor<?x512xi32>, tensor<?xi32>)
  // CHECK: lm.compact_slots ins(%{{.*}} : tensor<?x512xi32>) outs
  %4:2 = lm.compact_slots ins(%s1 : tensor<?x512xi32>) outs(%s1, %n : tensor<?x512xi32>, tensor<?xi32>)
  return
}

// One plan of both scopes.
// CHECK-LABEL: @plan_two_lists
func.func @plan_two_lists(%q: tensor<4x64x512xbf16>, %c: tensor<?x37440xi8>, %s0: tensor<4x128xi32>, %n0: tensor<4xi32>, %s1: tensor<4x512xi32>, %n1: tensor<4xi64>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x64x512xbf16>) {
  // CHECK: %[[P:.*]]:5 = lm.attention_plan {extra_topk = 512 : i64, granularity = 64 : i64, num_clusters = 4 : i64, topk = 128 : i64} ins(%{{.*}} : tensor<4xi32>) extra_lengths(%{{.*}} : tensor<4xi64>) outs(
  %p:5 = lm.attention_plan {extra_topk = 512, granularity = 64, num_clusters = 4, topk = 128} ins(%n0 : tensor<4xi32>) extra_lengths(%n1 : tensor<4xi64>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P]]#0, %[[P]]#1, %[[P]]#2, %[[P]]#3, %[[P]]#4 : {{[^)]*}}) outs(
  %0 = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 64, page_size = 64, sm_scale = 0.5 : f32} ins(%q : tensor<4x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s0 : tensor<4x128xi32>) lengths(%n0 : tensor<4xi32>) extra_cache(%c : tensor<?x37440xi8>) extra_slots(%s1 : tensor<4x512xi32>) extra_lengths(%n1 : tensor<4xi64>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x64x512xbf16>)
  return
}

// CHECK-LABEL: @plan_dense
func.func @plan_dense(%n: tensor<?xi32>, %w: tensor<?x8xi32>, %i: tensor<257xi32>, %r: tensor<?xi32>, %f: tensor<?x2xi32>, %p: tensor<510xi32>) {
  // CHECK: lm.attention_plan {even_split, granularity = 1 : i64, max_split = 8 : i64, num_clusters = 256 : i64, overhead = 2 : i64, page_size = 64 : i64, q_len = 4 : i64, q_tile = 1 : i64}
  %0:5 = lm.attention_plan {even_split, granularity = 1, max_split = 8, num_clusters = 256, overhead = 2, page_size = 64, q_len = 4, q_tile = 1} ins(%n : tensor<?xi32>) outs(%w, %i, %r, %f, %p : tensor<?x8xi32>, tensor<257xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>)
  return
}
