// RUN: hipfuse-opt %s --lm-split-heads=max-heads=32 | FileCheck %s --check-prefix=SPLIT
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-split-heads | FileCheck %s --check-prefix=SPLIT
// RUN: hipfuse-opt %s --lm-split-heads=max-heads=16 | FileCheck %s --check-prefix=FOUR
// RUN: hipfuse-opt %s --lm-split-heads | FileCheck %s --check-prefix=WHOLE
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-split-heads | FileCheck %s --check-prefix=WHOLE
// RUN: hipfuse-opt %s --lm-split-heads=max-heads=16 --remarks-filter=lm-split-heads -o /dev/null 2>&1 | FileCheck %s --check-prefix=MEMREF

// Without a target, and where a launch takes as many heads, nothing changes.
// WHOLE-LABEL: func.func @sparse
// WHOLE-NOT: tensor.extract_slice


// Queries, sink and destinations are sliced; slots, caches and lengths are not.
// SPLIT-LABEL: func.func @sparse
// SPLIT-SAME: %[[Q:[a-z0-9]+]]: tensor<?x64x512xbf16>, %[[C:[a-z0-9]+]]: {{[^,]*}}, %[[S:[a-z0-9]+]]: {{[^,]*}}, %[[N:[a-z0-9]+]]: {{[^,]*}}, %[[SINK:[a-z0-9]+]]: {{[^,]*}}, %[[O:[a-z0-9]+]]: {{[^,]*}}, %[[L:[a-z0-9]+]]:
// SPLIT: %[[Q0:.*]] = tensor.extract_slice %[[Q]][0, 0, 0] [%{{.*}}, 32, 512]
// SPLIT: %[[SINK0:.*]] = tensor.extract_slice %[[SINK]][0] [32]
// SPLIT: %[[R0:.*]]:2 = lm.sparse_mla_decode {{.*}} ins(%[[Q0]] : {{.*}}) cache(%[[C]] {{.*}}) slots(%[[S]] {{.*}}) lengths(%[[N]] {{.*}}) extra_cache(%[[C]] {{.*}}) extra_slots(%[[S]] {{.*}}) sink(%[[SINK0]] {{.*}}) outs(%{{.*}} : tensor<?x32x512xbf16>) lse(%{{.*}} : tensor<?x32xf32>)
// SPLIT: %[[O0:.*]] = tensor.insert_slice %[[R0]]#0 into %[[O]][0, 0, 0]
// SPLIT: %[[L0:.*]] = tensor.insert_slice %[[R0]]#1 into %[[L]][0, 0]
// SPLIT: %[[Q1:.*]] = tensor.extract_slice %[[Q]][0, 32, 0] [%{{.*}}, 32, 512]
// SPLIT: %[[SINK1:.*]] = tensor.extract_slice %[[SINK]][32] [32]
// SPLIT: %[[R1:.*]]:2 = lm.sparse_mla_decode {{.*}} ins(%[[Q1]] : {{.*}}) cache(%[[C]] {{.*}}) slots(%[[S]] {{.*}}) lengths(%[[N]] {{.*}}) {{.*}} sink(%[[SINK1]]
// SPLIT: %[[O1:.*]] = tensor.insert_slice %[[R1]]#0 into %[[O0]][0, 32, 0]
// SPLIT: %[[L1:.*]] = tensor.insert_slice %[[R1]]#1 into %[[L0]][0, 32]
// SPLIT: return %[[O1]], %[[L1]]
// FOUR-LABEL: func.func @sparse
// FOUR-COUNT-4: lm.sparse_mla_decode {{.*}} outs(%{{.*}} : tensor<?x16x512xbf16>)
// FOUR-NOT: lm.sparse_mla_decode
// FOUR: return
func.func @sparse(%q: tensor<?x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<?x128xi32>, %n: tensor<?xi32>, %sink: tensor<64xf32>, %o: tensor<?x64x512xbf16>, %l: tensor<?x64xf32>) -> (tensor<?x64x512xbf16>, tensor<?x64xf32>) {
  %0:2 = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 64, page_size = 64, sm_scale = 0.0441941738 : f32} ins(%q : tensor<?x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<?x128xi32>) lengths(%n : tensor<?xi32>) extra_cache(%c : tensor<?x37440xi8>) extra_slots(%s : tensor<?x128xi32>) sink(%sink : tensor<64xf32>) outs(%o : tensor<?x64x512xbf16>) lse(%l : tensor<?x64xf32>)
  return %0#0, %0#1 : tensor<?x64x512xbf16>, tensor<?x64xf32>
}

// The halves share the plan.
// FOUR-LABEL: func.func @dense
// FOUR: %[[P:.*]]:5 = lm.attention_plan
// FOUR-COUNT-2: lm.mla_decode {{.*}} plan(%[[P]]#0, %[[P]]#1, %[[P]]#2, %[[P]]#3, %[[P]]#4
// FOUR-NOT: lm.mla_decode
// FOUR: return
func.func @dense(%q: tensor<8x32x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<4x8xi32>, %n: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %p: tensor<6xi32>, %o: tensor<8x32x512xbf16>) -> tensor<8x32x512xbf16> {
  %plan:5 = lm.attention_plan {num_clusters = 4, page_size = 64, q_len = 2} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %p : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %0 = lm.mla_decode bf16 {q_len = 2, sm_scale = 0.0416666679 : f32} ins(%q : tensor<8x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<4x8xi32>) lengths(%n : tensor<4xi32>) plan(%plan#0, %plan#1, %plan#2, %plan#3, %plan#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<8x32x512xbf16>)
  return %0 : tensor<8x32x512xbf16>
}

// MEMREF: [Missed] attention-heads | Category:lm-split-heads | {{.*}}Reason=memref-attention, Remark="memrefs are not split: do this on tensors"
func.func @memref(%q: memref<4x32x576xbf16>, %c: memref<?x64x576xbf16>, %s: memref<4x64xi32>, %o: memref<4x32x512xbf16>) {
  lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<4x32x576xbf16>) cache(%c : memref<?x64x576xbf16>) slots(%s : memref<4x64xi32>) outs(%o : memref<4x32x512xbf16>)
  return
}

// So do they one of both scopes.
// FOUR-LABEL: func.func @plan_of_both
// FOUR: %[[P:.*]]:5 = lm.attention_plan
// FOUR-COUNT-2: lm.sparse_mla_decode {{.*}} extra_lengths({{[^)]*}}) plan(%[[P]]#0, %[[P]]#1, %[[P]]#2, %[[P]]#3, %[[P]]#4 : {{[^)]*}}) outs(
func.func @plan_of_both(%q: tensor<4x32x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %p: tensor<6xi32>, %o: tensor<4x32x512xbf16>) -> tensor<4x32x512xbf16> {
  %plan:5 = lm.attention_plan {extra_topk = 64, granularity = 64, num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) extra_lengths(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %p : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%n : tensor<4xi32>) plan(%plan#0, %plan#1, %plan#2, %plan#3, %plan#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x32x512xbf16>)
  return %0 : tensor<4x32x512xbf16>
}
