// RUN: hipfuse-opt %s --lm-decompose-attention=scopes=separate | FileCheck %s --check-prefix=SEPARATE
// RUN: hipfuse-opt %s --lm-decompose-attention=scopes=separate --lm-decompose-attention=scopes=together | FileCheck %s --check-prefix=TOGETHER
// RUN: hipfuse-opt %s --lm-decompose-attention --remarks-filter=lm-decompose-attention 2>&1 | FileCheck %s --check-prefix=UNCHANGED
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-decompose-attention | FileCheck %s --check-prefix=SEPARATE
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-decompose-attention | FileCheck %s --check-prefix=UNCHANGED
// RUN: hipfuse-opt %s --lm-decompose-attention=scopes=together --remarks-filter=lm-decompose-attention -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hipfuse-opt %s --lm-decompose-attention=scopes=separate --remarks-filter=lm-decompose-attention -o /dev/null 2>&1 | FileCheck %s --check-prefix=MEMREF

// Without a target, or where one launch takes both scopes, nothing changes.
// UNCHANGED-NOT: Missed
// UNCHANGED-LABEL: func.func @two_scopes
// UNCHANGED: lm.sparse_mla_decode {{.*}} extra_cache
// UNCHANGED-NOT: lm.merge_attention
// UNCHANGED: return


// Partial results in f32, merged, scaled by the sink, rounded once.
// SEPARATE-LABEL: func.func @two_scopes
// SEPARATE-SAME: %[[Q:[a-z0-9]+]]: tensor<?x64x512xbf16>, %[[C0:[a-z0-9]+]]: {{[^,]*}}, %[[S0:[a-z0-9]+]]: {{[^,]*}}, %[[N0:[a-z0-9]+]]: {{[^,]*}}, %[[C1:[a-z0-9]+]]: {{[^,]*}}, %[[S1:[a-z0-9]+]]: {{[^,]*}}, %[[SINK:[a-z0-9]+]]: {{[^,]*}}, %[[OUT:[a-z0-9]+]]:
// SEPARATE: %[[A:.*]]:2 = lm.sparse_mla_decode ds_mla_584 {page_size = 64 : i64, sm_scale = {{.*}}} ins(%[[Q]] {{.*}}) cache(%[[C0]] {{.*}}) slots(%[[S0]] {{.*}}) lengths(%[[N0]] {{.*}}) outs(%{{.*}} : tensor<?x64x512xf32>) lse(
// SEPARATE: %[[B:.*]]:2 = lm.sparse_mla_decode ds_mla_584 {page_size = 2 : i64, sm_scale = {{.*}}} ins(%[[Q]] {{.*}}) cache(%[[C1]] {{.*}}) slots(%[[S1]] : tensor<?x512xi32>) outs(%{{.*}} : tensor<?x64x512xf32>) lse(
// SEPARATE: %[[M:.*]]:2 = lm.merge_attention ins(%[[A]]#0, %[[B]]#0 {{.*}}) lse(%[[A]]#1, %[[B]]#1 {{.*}}) outs(%{{.*}} : tensor<?x64x512xf32>) lse_out(
// SEPARATE: %[[R:.*]] = lm.apply_sink ins(%[[M]]#0 {{.*}}) lse(%[[M]]#1 {{.*}}) sink(%[[SINK]] {{.*}}) outs(%[[OUT]] : tensor<?x64x512xbf16>)
// SEPARATE: return %[[R]]

// The inverse gives the operation back.
// TOGETHER-LABEL: func.func @two_scopes
// TOGETHER: %[[R:.*]] = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2 : i64, page_size = 64 : i64, {{.*}} extra_slots({{.*}}) sink({{.*}}) outs(%{{.*}} : tensor<?x64x512xbf16>)
// TOGETHER-NOT: lm.
// TOGETHER: return %[[R]]
func.func @two_scopes(%q: tensor<?x64x512xbf16>, %c0: tensor<?x37440xi8>, %s0: tensor<?x128xi32>, %n0: tensor<?xi32>, %c1: tensor<?x1728xi8>, %s1: tensor<?x512xi32>, %sink: tensor<64xf32>, %o: tensor<?x64x512xbf16>) -> tensor<?x64x512xbf16> {
  %0 = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2, page_size = 64, sm_scale = 0.0441941738 : f32} ins(%q : tensor<?x64x512xbf16>) cache(%c0 : tensor<?x37440xi8>) slots(%s0 : tensor<?x128xi32>) lengths(%n0 : tensor<?xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<?x512xi32>) sink(%sink : tensor<64xf32>) outs(%o : tensor<?x64x512xbf16>)
  return %0 : tensor<?x64x512xbf16>
}

// Without a sink the merge rounds, and the lse is its own.
// SEPARATE-LABEL: func.func @with_lse
// SEPARATE: %[[M:.*]]:2 = lm.merge_attention {{.*}} outs(%{{.*}} : tensor<4x16x512xbf16>) lse_out(
// SEPARATE-NOT: lm.apply_sink
// SEPARATE: return %[[M]]#0, %[[M]]#1
// TOGETHER-LABEL: func.func @with_lse
// TOGETHER: %[[R:.*]]:2 = lm.sparse_mla_decode {{.*}} extra_slots
// TOGETHER-NEXT: return %[[R]]#0, %[[R]]#1
func.func @with_lse(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %o: tensor<4x16x512xbf16>, %l: tensor<4x16xf32>) -> (tensor<4x16x512xbf16>, tensor<4x16xf32>) {
  %0:2 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.0441941738 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) outs(%o : tensor<4x16x512xbf16>) lse(%l : tensor<4x16xf32>)
  return %0#0, %0#1 : tensor<4x16x512xbf16>, tensor<4x16xf32>
}

// One scope with a sink is one launch anyway.
// SEPARATE-LABEL: func.func @one_scope
// SEPARATE: lm.sparse_mla_decode {{.*}} sink(
// SEPARATE-NOT: lm.
// SEPARATE: return
func.func @one_scope(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %sink: tensor<16xf32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.0441941738 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) sink(%sink : tensor<16xf32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// Merges that are not two scopes of one attention stay, and say why.
// TOGETHER-LABEL: func.func @refused
// TOGETHER-COUNT-4: lm.merge_attention
// REMARK: [Missed] attention-scopes | Category:lm-decompose-attention | {{.*}}Reason=partial-count, Remark="it merges 3 partial results, but one launch takes two scopes"
// REMARK: Reason=partial-source, Remark="a partial result is not that of an lm.sparse_mla_decode with its lse"
// REMARK: Reason=partials-differ, Remark="the partial results differ in queries, scale or precision"
// REMARK: Reason=partial-uses, Remark="a partial result has other uses"
func.func @refused(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %x: tensor<4x16x512xf32>, %l: tensor<4x16xf32>) -> (tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>) {
  %0 = lm.merge_attention ins(%x, %x, %x : tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>) lse(%l, %l, %l : tensor<4x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>) outs(%x : tensor<4x16x512xf32>)
  %1 = lm.merge_attention ins(%x, %x : tensor<4x16x512xf32>, tensor<4x16x512xf32>) lse(%l, %l : tensor<4x16xf32>, tensor<4x16xf32>) outs(%x : tensor<4x16x512xf32>)
  %2:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %3:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.25 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %4 = lm.merge_attention ins(%2#0, %3#0 : tensor<4x16x512xf32>, tensor<4x16x512xf32>) lse(%2#1, %3#1 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%x : tensor<4x16x512xf32>)
  %5:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %6:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %7 = lm.merge_attention ins(%5#0, %6#0 : tensor<4x16x512xf32>, tensor<4x16x512xf32>) lse(%5#1, %6#1 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%x : tensor<4x16x512xf32>)
  return %0, %1, %4, %7, %5#0 : tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>, tensor<4x16x512xf32>
}

// A partial result that is scaled by a sink already is no scope of one launch.
// TOGETHER-LABEL: func.func @partial_with_sink
// TOGETHER: lm.merge_attention
// REMARK: Reason=partial-form, Remark="a partial result has two scopes or a sink"
func.func @partial_with_sink(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %sink: tensor<16xf32>, %x: tensor<4x16x512xf32>, %l: tensor<4x16xf32>) -> tensor<4x16x512xf32> {
  %0:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) sink(%sink : tensor<16xf32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %1:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %2 = lm.merge_attention ins(%0#0, %1#0 : tensor<4x16x512xf32>, tensor<4x16x512xf32>) lse(%0#1, %1#1 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%x : tensor<4x16x512xf32>)
  return %2 : tensor<4x16x512xf32>
}

// The one operation would stand where the sink is applied, after a user of the
// lse.
// TOGETHER-LABEL: func.func @lse_first
// TOGETHER: lm.merge_attention
// REMARK: Reason=lse-used-early, Remark="the lse is used before the sink is applied"
func.func @lse_first(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %sink: tensor<16xf32>, %x: tensor<4x16x512xf32>, %l: tensor<4x16xf32>, %o: tensor<4x16x512xbf16>) -> (tensor<4x16x512xbf16>, tensor<4x16xf32>) {
  %0:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %1:2 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%x : tensor<4x16x512xf32>) lse(%l : tensor<4x16xf32>)
  %2:2 = lm.merge_attention ins(%0#0, %1#0 : tensor<4x16x512xf32>, tensor<4x16x512xf32>) lse(%0#1, %1#1 : tensor<4x16xf32>, tensor<4x16xf32>) outs(%x : tensor<4x16x512xf32>) lse_out(%l : tensor<4x16xf32>)
  %early = arith.addf %2#1, %l : tensor<4x16xf32>
  %3 = lm.apply_sink ins(%2#0 : tensor<4x16x512xf32>) lse(%2#1 : tensor<4x16xf32>) sink(%sink : tensor<16xf32>) outs(%o : tensor<4x16x512xbf16>)
  return %3, %early : tensor<4x16x512xbf16>, tensor<4x16xf32>
}

// MEMREF: Reason=memref-attention, Remark="memrefs are not decomposed: do this on tensors"
// REMARK: Reason=memref-attention, Remark="memrefs are not merged: do this on tensors"
func.func @memref(%q: memref<4x16x576xbf16>, %c: memref<?x64x576xbf16>, %s: memref<4x64xi32>, %o: memref<4x16x512xbf16>) {
  lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : memref<4x16x576xbf16>) cache(%c : memref<?x64x576xbf16>) slots(%s : memref<4x64xi32>) extra_cache(%c : memref<?x64x576xbf16>) extra_slots(%s : memref<4x64xi32>) outs(%o : memref<4x16x512xbf16>)
  return
}
func.func @merge_memref(%x: memref<4x16x512xf32>, %l: memref<4x16xf32>, %o: memref<4x16x512xbf16>) {
  lm.merge_attention ins(%x, %x : memref<4x16x512xf32>, memref<4x16x512xf32>) lse(%l, %l : memref<4x16xf32>, memref<4x16xf32>) outs(%o : memref<4x16x512xbf16>)
  return
}

// Scopes keep plans of their own where they are separated, and lose one of both;
// joined, they lose theirs.
// SEPARATE-LABEL: func.func @plans
// SEPARATE: %[[P:.*]]:5 = lm.attention_plan {extra_topk
// SEPARATE: %[[A:.*]]:5 = lm.attention_plan
// SEPARATE: %[[B:.*]]:5 = lm.attention_plan
// SEPARATE: lm.sparse_mla_decode {{.*}} lengths({{[^)]*}}) outs(
// SEPARATE: lm.sparse_mla_decode {{.*}} lengths({{[^)]*}}) outs(
// SEPARATE: lm.sparse_mla_decode {{.*}} plan(%[[A]]#0, {{[^)]*}}) outs(
// SEPARATE: lm.sparse_mla_decode {{.*}} plan(%[[B]]#0, {{[^)]*}}) outs(
// TOGETHER-LABEL: func.func @plans
// TOGETHER: lm.sparse_mla_decode {{.*}} extra_lengths({{[^)]*}}) outs(
// TOGETHER: lm.sparse_mla_decode {{.*}} extra_lengths({{[^)]*}}) outs(
func.func @plans(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> (tensor<4x16x512xbf16>, tensor<4x16x512xbf16>) {
  %p:5 = lm.attention_plan {extra_topk = 64, granularity = 64, num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %a:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %b:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%a#0, %a#1, %a#2, %a#3, %a#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) extra_plan(%b#0, %b#1, %b#2, %b#3, %b#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0, %1 : tensor<4x16x512xbf16>, tensor<4x16x512xbf16>
}
