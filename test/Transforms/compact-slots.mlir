// RUN: hipfuse-opt %s --lm-compact-slots=packed=yes | FileCheck %s
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-compact-slots | FileCheck %s
// RUN: hipfuse-opt %s --lm-compact-slots | FileCheck %s --check-prefix=NONE
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-compact-slots=packed=no | FileCheck %s --check-prefix=NONE
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-compact-slots | FileCheck %s --check-prefix=NONE
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-compact-slots | FileCheck %s --check-prefix=NONE
// RUN: hipfuse-opt %s --lm-compact-slots=packed=yes --remarks-filter=lm-compact-slots -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// A kernel that skips holes needs nothing, and nothing is assumed without a
// target.
// NONE-NOT: lm.compact_slots

// A list that anybody may have made is packed, once for both attentions; its
// length is the packed one.
// CHECK-LABEL: func.func @unknown
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?x64xi32>, %[[N:[a-z0-9]+]]: tensor<?xi32>
// CHECK: %[[P:.*]]:2 = lm.compact_slots ins(%[[S]] {{.*}}) lengths(%[[N]] {{.*}})
// CHECK-NOT: lm.compact_slots
// CHECK: lm.sparse_mla_decode {{.*}} slots(%[[P]]#0 {{.*}}) lengths(%[[P]]#1
// CHECK: lm.sparse_mla_decode {{.*}} slots(%[[P]]#0 {{.*}}) lengths(%[[P]]#1
func.func @unknown(%q: tensor<?x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<?x64xi32>, %n: tensor<?xi32>, %o: tensor<?x16x512xbf16>) -> (tensor<?x16x512xbf16>, tensor<?x16x512xbf16>) {
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<?x64xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {sm_scale = 0.25 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<?x64xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  return %0, %1 : tensor<?x16x512xbf16>, tensor<?x16x512xbf16>
}

// Without lengths packing gives them; a second scope has its own list.
// CHECK-LABEL: func.func @two_scopes
// CHECK: %[[P:.*]]:2 = lm.swa_slots
// CHECK: %[[T:.*]]:2 = lm.topk_slots {keep_holes
// CHECK: %[[E:.*]]:2 = lm.compact_slots ins(%[[T]]#0 {{[^)]*}}) outs
// CHECK-NOT: lm.compact_slots
// CHECK: lm.sparse_mla_decode {{.*}} slots(%[[P]]#0 {{.*}}) lengths(%[[P]]#1 {{.*}} extra_slots(%[[E]]#0 {{.*}}) extra_lengths(%[[E]]#1
func.func @two_scopes(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %pos: tensor<4xi32>, %idx: tensor<4x64xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %w:2 = lm.swa_slots {page_size = 64, window = 64} ins(%pos : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  %t:2 = lm.topk_slots {keep_holes, page_size = 64} ins(%idx : tensor<4x64xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%w#0 : tensor<4x64xi32>) lengths(%w#1 : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%t#0 : tensor<4x64xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// Producers that promise it.
// CHECK-LABEL: func.func @promised
// CHECK-NOT: lm.compact_slots
func.func @promised(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %idx: tensor<4x64xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %t:2 = lm.topk_slots {page_size = 64} ins(%idx : tensor<4x64xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%t#0 : tensor<4x64xi32>) lengths(%t#1 : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// Lengths that the producer of the list promises are those of a packed list;
// lengths of other positions are not.
// CHECK-LABEL: func.func @full
// CHECK-COUNT-1: lm.compact_slots
// CHECK-NOT: lm.compact_slots
func.func @full(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %idx: tensor<4x64xi32>, %pos: tensor<4xi32>, %other: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %o: tensor<4x16x512xbf16>) -> (tensor<4x16x512xbf16>, tensor<4x16x512xbf16>) {
  %m = lm.slot_lengths {compress_ratio = 4, window = 64} ins(%pos : tensor<4xi32>) outs(%n : tensor<4xi32>)
  %k = lm.slot_lengths {compress_ratio = 4, window = 64} ins(%other : tensor<4xi32>) outs(%n : tensor<4xi32>)
  %t:2 = lm.topk_slots {compress_ratio = 4, full, page_size = 64} ins(%idx : tensor<4x64xi32>) block_table(%bt : tensor<4x8xi32>) positions(%pos : tensor<4xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%t#0 : tensor<4x64xi32>) lengths(%m : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%t#0 : tensor<4x64xi32>) lengths(%k : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0, %1 : tensor<4x16x512xbf16>, tensor<4x16x512xbf16>
}

// REMARK: [Missed] slot-lists | Category:lm-compact-slots | {{.*}}Reason=memref-attention, Remark="memrefs are not packed: do this on tensors"
func.func @memref(%q: memref<4x16x576xbf16>, %c: memref<?x64x576xbf16>, %s: memref<4x64xi32>, %o: memref<4x16x512xbf16>) {
  lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<4x16x576xbf16>) cache(%c : memref<?x64x576xbf16>) slots(%s : memref<4x64xi32>) outs(%o : memref<4x16x512xbf16>)
  return
}
