// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics --lm-materialize-plans=num-clusters=4

// A plan of other lengths would be out of date.
func.func @stale(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<4x8xi32>, %n: tensor<4xi32>, %old: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {num_clusters = 4, page_size = 64} ins(%old : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan of other lengths than its own}}
  %0 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<4x8xi32>) lengths(%n : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

func.func @other_shape(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<4x8xi32>, %n: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan for q_len 1, page_size 1 and topk 0, but needs one for 1, 64 and 0}}
  %0 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<4x8xi32>) lengths(%n : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

func.func @order(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<4x8xi32>, %n: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {num_clusters = 4, page_size = 64} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has results of its plan in another order}}
  %0 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<4x8xi32>) lengths(%n : tensor<4xi32>) plan(%p#0, %p#2, %p#1, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

// One plan for two scopes is of both lengths.
func.func @one_list(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan of other lengths than its own}}
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

// The scopes are not interchangeable.
func.func @lists_swapped(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {extra_topk = 64, granularity = 64, num_clusters = 4, topk = 64} ins(%m : tensor<4xi32>) extra_lengths(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan of other lengths than its own}}
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

// Of two plans each is of its scope alone.
func.func @both_and_extra(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {extra_topk = 64, granularity = 64, num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %x:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan of other lengths than its own}}
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) extra_plan(%x#0, %x#1, %x#2, %x#3, %x#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}

// -----

// A second list of other columns would start requests elsewhere.
func.func @extra_topk(%q: tensor<4x16x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x16x512xbf16>) -> tensor<4x16x512xbf16> {
  %p:5 = lm.attention_plan {extra_topk = 32, granularity = 64, num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  // expected-error @+1 {{has a plan for extra_topk 32, but needs one for 64}}
  %0 = lm.sparse_mla_decode bf16 {extra_layout = #lm.cache_layout<bf16>, sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) extra_cache(%c : tensor<?x64x576xbf16>) extra_slots(%s : tensor<4x64xi32>) extra_lengths(%m : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x16x512xbf16>)
  return %0 : tensor<4x16x512xbf16>
}
