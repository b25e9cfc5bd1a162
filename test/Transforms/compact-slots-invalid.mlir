// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics --lm-compact-slots=packed=yes

func.func @planned(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan of the lengths of its unpacked slots: run lm-compact-slots before lm-materialize-plans}}
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

// The plan of both lists has the lengths of the second, too.
func.func @planned_both(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %k:2 = lm.compact_slots ins(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  %p:5 = lm.attention_plan {extra_topk = 64, granularity = 64, num_clusters = 4, topk = 64} ins(%k#1 : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan of the lengths of its unpacked slots: run lm-compact-slots before lm-materialize-plans}}
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%k#0 : tensor<4x64xi32>) lengths(%k#1 : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}
