// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-materialize-plans --remarks-filter=lm-materialize-plans 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-materialize-plans=overhead-tokens=130 | FileCheck %s --check-prefix=OVERHEAD
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-materialize-plans=overhead-tokens=130 | FileCheck %s --check-prefix=APART
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-materialize-plans="block-tokens=128 overhead-tokens=130" | FileCheck %s --check-prefix=LARGE
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-materialize-plans="block-tokens=16 overhead-tokens=130" | FileCheck %s --check-prefix=OVERHEAD
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-materialize-plans=even-split=false | FileCheck %s --check-prefix=PAYLOAD
// RUN: hipfuse-opt %s --lm-attach-target=chip=host --lm-materialize-plans=num-clusters=8 | FileCheck %s --check-prefix=HOST
// RUN: not hipfuse-opt %s --lm-materialize-plans=overhead-tokens=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not hipfuse-opt %s --lm-materialize-plans=block-tokens=-1 2>&1 | FileCheck %s --check-prefix=BLOCK-NEGATIVE
// RUN: not hipfuse-opt %s --lm-materialize-plans=block-tokens=96 2>&1 | FileCheck %s --check-prefix=BLOCK-POWER

// NEGATIVE: error: overhead-tokens is -1, but must be at least 0
// BLOCK-NEGATIVE: error: block-tokens is -1, but must be at least 0
// BLOCK-POWER: error: block-tokens is 96, but must be a power of two

// One launch, one plan of both scopes, right after the later of the lengths,
// whichever that is. Blocks and overhead are the target's: of 64 keys, so that
// none is of both scopes.
// CHECK-LABEL: func.func @together
// CHECK-SAME: %[[N:[a-z0-9]+]]: tensor<4xi32>, %[[POS:[a-z0-9]+]]: tensor<4xi32>
// CHECK: %[[W:.*]]:2 = lm.swa_slots
// CHECK-DAG: %[[P:.*]]:5 = lm.attention_plan {even_split, extra_topk = 64 : i64, granularity = 64 : i64, num_clusters = 132 : i64, overhead = 2 : i64, topk = 64 : i64} ins(%[[N]] : tensor<4xi32>) extra_lengths(%[[W]]#1 : tensor<4xi32>)
// CHECK-DAG: %[[S:.*]]:5 = lm.attention_plan {{.*}} ins(%[[W]]#1 : tensor<4xi32>) extra_lengths(%[[N]] : tensor<4xi32>)
// CHECK-NOT: lm.attention_plan
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P]]#0, %[[P]]#1, %[[P]]#2, %[[P]]#3, %[[P]]#4 : {{[^)]*}}) outs(
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[S]]#0, {{[^)]*}}) outs(
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P]]#0, {{[^)]*}}) outs(

// 130 tokens are three blocks of 64 and nine of 16. A target that launches
// scopes apart has a plan for each.
// Requests are split evenly where the target's plans do that and it is not
// forbidden. Other blocks may be asked for; of both lists they have 64 tokens at least,
// also on a target with smaller ones.
// LARGE-LABEL: func.func @together
// LARGE: lm.attention_plan {even_split, extra_topk = 64 : i64, granularity = 128 : i64, num_clusters = 132 : i64, overhead = 2 : i64, topk = 64 : i64}
// PAYLOAD-LABEL: func.func @together
// PAYLOAD: lm.attention_plan {extra_topk = 64 : i64, granularity = 64 : i64, num_clusters = 132 : i64, overhead = 2 : i64, topk = 64 : i64}
// HOST-LABEL: func.func @together
// HOST: lm.attention_plan {extra_topk = 64 : i64, granularity = 64 : i64, num_clusters = 8 : i64, topk = 64 : i64}
// OVERHEAD-LABEL: func.func @together
// OVERHEAD: lm.attention_plan {even_split, extra_topk = 64 : i64, granularity = 64 : i64, num_clusters = 132 : i64, overhead = 3 : i64, topk = 64 : i64}
// APART-LABEL: func.func @together
// APART-DAG: %[[P:.*]]:5 = lm.attention_plan {num_clusters = 304 : i64, overhead = 9 : i64, topk = 64 : i64} ins(%{{[a-z0-9]+}} :
// APART-DAG: %[[X:.*]]:5 = lm.attention_plan {num_clusters = 304 : i64, overhead = 9 : i64, topk = 64 : i64} ins(%{{.*}}#1 :
// APART: lm.sparse_mla_decode {{.*}} plan(%[[P]]#0, {{.*}} extra_plan(%[[X]]#0,
func.func @together(%n: tensor<4xi32>, %pos: tensor<4xi32>, %bt: tensor<4x8xi32>, %q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %o: tensor<4x16x512xbf16>) -> (tensor<4x16x512xbf16>, tensor<4x16x512xbf16>, tensor<4x16x512xbf16>) {
  %w:2 = lm.swa_slots {page_size = 64, window = 64} ins(%pos : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%w#0 : tensor<4x64xi32>) extra_lengths(%w#1 : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%w#0 : tensor<4x64xi32>) lengths(%w#1 : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%n : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  %2 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%w#0 : tensor<4x64xi32>) extra_lengths(%w#1 : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0, %1, %2 : tensor<4x16x512xbf16>, tensor<4x16x512xbf16>, tensor<4x16x512xbf16>
}

// Lengths that are promised come from the positions, in either list.
// CHECK-LABEL: func.func @promised
// CHECK-SAME: %[[POS:[a-z0-9]+]]: tensor<?xi64>, %[[M:[a-z0-9]+]]: tensor<?xi32>
// CHECK: %[[N:.*]] = lm.slot_lengths
// CHECK-DAG: %[[P:.*]]:5 = lm.attention_plan {{.*}} ins(%[[M]] : tensor<?xi32>) extra_lengths(%[[N]] : tensor<?xi32>)
// CHECK-DAG: %[[S:.*]]:5 = lm.attention_plan {{.*}} ins(%[[N]] : tensor<?xi32>) extra_lengths(%[[N]] : tensor<?xi32>)
// CHECK-NOT: lm.attention_plan
// CHECK: lm.sparse_mla_decode {{.*}} lengths(%[[M]] {{.*}} extra_lengths(%[[N]] {{.*}} plan(%[[P]]#0
// CHECK: lm.sparse_mla_decode {{.*}} lengths(%[[N]] {{.*}} extra_lengths(%[[N]] {{.*}} plan(%[[S]]#0
// CHECK: lm.sparse_mla_decode {{.*}} lengths(%[[M]] {{.*}} extra_lengths(%[[N]] {{.*}} plan(%[[P]]#0
func.func @promised(%pos: tensor<?xi64>, %m: tensor<?xi32>, %q: tensor<?x16x576xbf16>, %c: tensor<?x64x576xbf16>, %i: tensor<?x64xi32>, %j: tensor<?x64xi32>, %bt: tensor<?x8xi32>, %s: tensor<?x64xi32>, %o: tensor<?x16x512xbf16>) -> (tensor<?x16x512xbf16>, tensor<?x16x512xbf16>, tensor<?x16x512xbf16>) {
  %a:2 = lm.topk_slots {compress_ratio = 4, full, page_size = 64} ins(%i : tensor<?x64xi32>) block_table(%bt : tensor<?x8xi32>) positions(%pos : tensor<?xi64>) outs(%s, %m : tensor<?x64xi32>, tensor<?xi32>)
  %b:2 = lm.topk_slots {compress_ratio = 4, full, page_size = 64} ins(%j : tensor<?x64xi32>) block_table(%bt : tensor<?x8xi32>) positions(%pos : tensor<?xi64>) outs(%s, %m : tensor<?x64xi32>, tensor<?xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<?x64xi32>) lengths(%m : tensor<?xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%a#0 : tensor<?x64xi32>) extra_lengths(%a#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%a#0 : tensor<?x64xi32>) lengths(%a#1 : tensor<?xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%b#0 : tensor<?x64xi32>) extra_lengths(%b#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  %2 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<?x64xi32>) lengths(%m : tensor<?xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%b#0 : tensor<?x64xi32>) extra_lengths(%b#1 : tensor<?xi32>) outs(%o : tensor<?x16x512xbf16>)
  return %0, %1, %2 : tensor<?x16x512xbf16>, tensor<?x16x512xbf16>, tensor<?x16x512xbf16>
}

// Lengths of different blocks: the plan stands where both are known, in the
// inner one, whichever list has it; one of outer lengths stands outside.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: %[[N:[a-z0-9]+]]: tensor<4xi32>
// CHECK: lm.attention_plan {{.*}} ins(%[[N]] : tensor<4xi32>) extra_lengths(%[[N]] : tensor<4xi32>)
// CHECK: scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[LAST:.*]] = %{{.*}}) ->
// CHECK-NEXT: tensor.empty
// CHECK: %[[P:.*]]:5 = lm.attention_plan {{.*}} ins(%[[LAST]] : tensor<4xi32>) extra_lengths(%[[N]] : tensor<4xi32>)
// CHECK: %[[NEXT:.*]] = arith.addi %[[LAST]]
// CHECK: %[[S:.*]]:5 = lm.attention_plan {{.*}} ins(%[[N]] : tensor<4xi32>) extra_lengths(%[[NEXT]] : tensor<4xi32>)
// CHECK-NOT: lm.attention_plan
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P]]#0
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[S]]#0
func.func @loop(%n: tensor<4xi32>, %q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %o: tensor<4x16x512xbf16>, %lb: index, %ub: index, %step: index) -> tensor<4x16x512xbf16> {
  %x:2 = scf.for %k = %lb to %ub step %step iter_args(%a = %o, %last = %n) -> (tensor<4x16x512xbf16>, tensor<4xi32>) {
    %next = arith.addi %last, %n : tensor<4xi32>
    %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%last : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%n : tensor<4xi32>) outs(%a : tensor<4x16x512xbf16>)
    %1 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%next : tensor<4xi32>) outs(%0 : tensor<4x16x512xbf16>)
    %2 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%n : tensor<4xi32>) outs(%1 : tensor<4x16x512xbf16>)
    scf.yield %2, %next : tensor<4x16x512xbf16>, tensor<4xi32>
  }
  return %x#0 : tensor<4x16x512xbf16>
}

// Without the lengths of a scope there is no plan: one alone would be taken for
// that of both.
// CHECK-LABEL: func.func @no_lengths
// CHECK-NOT: lm.attention_plan
// REMARK: Reason=no-lengths, Remark="has no lengths"
// REMARK: Reason=no-lengths, Remark="has no lengths"
// APART-LABEL: func.func @no_lengths
// APART-NOT: lm.attention_plan
// APART-LABEL: func.func @
func.func @no_lengths(%n: tensor<4xi32>, %q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %o: tensor<4x16x512xbf16>) -> (tensor<4x16x512xbf16>, tensor<4x16x512xbf16>) {
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) outs(%o : tensor<4x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%n : tensor<4xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0, %1 : tensor<4x16x512xbf16>, tensor<4x16x512xbf16>
}

// A plan of both scopes that the program has is as good, also in larger blocks
// than the target's. Two plans stay, though one launch takes one.
// CHECK-LABEL: func.func @given
// CHECK: %[[P:.*]]:5 = lm.attention_plan {extra_topk = 64 : i64, granularity = 128 : i64,
// CHECK-COUNT-2: lm.attention_plan
// CHECK-NOT: lm.attention_plan
// CHECK: lm.sparse_mla_decode {{.*}} plan(%[[P]]#0, {{[^)]*}}) outs(
// CHECK: lm.sparse_mla_decode {{.*}} plan({{[^)]*}}) extra_plan(
// REMARK: [Missed] attention-plan | Category:lm-materialize-plans | {{.*}}Reason=scope-plans, Remark="it has a plan for each scope, but one launch takes both with one plan"
// REMARK-NOT: Missed
func.func @given(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> (tensor<4x16x512xbf16>, tensor<4x16x512xbf16>) {
  %p:5 = lm.attention_plan {extra_topk = 64, granularity = 128, num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %a:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %b:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  %1 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%a#0, %a#1, %a#2, %a#3, %a#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) extra_plan(%b#0, %b#1, %b#2, %b#3, %b#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0, %1 : tensor<4x16x512xbf16>, tensor<4x16x512xbf16>
}
