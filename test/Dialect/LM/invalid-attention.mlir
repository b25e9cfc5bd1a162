// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of the attention operations.

func.func @mla_decode_c1_rank(%q: tensor<8x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op q has rank 2, but must have rank 3}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c1_heads(%q: tensor<8x?x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op q has the shape [8, ?, 576], but needs a static number of heads}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x?x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c1_columns(%q: tensor<8x16x320xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op has 320 query and 512 value columns, but takes 576 and 512, or 512 and 512}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x320xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c1_values(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x256xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op has 576 query and 256 value columns, but takes 576 and 512, or 512 and 512}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x256xbf16>)
  return
}

// -----

func.func @mla_decode_c1_out(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x8x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op out has the shape [8, 8, 512], but must have [8, 16, 512]}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x8x512xbf16>)
  return
}

// -----

func.func @mla_decode_c1_lse(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x8xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op lse has the shape [8, 8], but must have [8, 16]}}
  %0:2 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>) lse(%l : tensor<8x8xf32>)
  return
}

// -----

func.func @mla_decode_c2_layout(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x656xi8>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op layout ds_mla_656 is not possible, only bf16 and fp8}}
  %0 = lm.mla_decode ds_mla_656 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x656xi8>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c2_element(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xf8E4M3FN>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op cache has element type 'f8E4M3FN', which layout bf16 does not allow}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xf8E4M3FN>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c2_columns(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x512xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op cache has the shape [?, 64, 512], but must have [?, ?, 576]}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x512xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c3_table_rank(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op block_table has rank 1, but must have rank 2}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c3_lengths(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<4xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op lengths has the shape [4], but must have [8]}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<4xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c3_rows(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op q has 8 rows, but must have 16}}
  %0 = lm.mla_decode bf16 {q_len = 2, sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c3_q_len(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op q_len is 0, but must be positive}}
  %0 = lm.mla_decode bf16 {q_len = 0, sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c4_kv_scale(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xf8E4M3FN>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op layout fp8 needs kv_scale}}
  %0 = lm.mla_decode fp8 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xf8E4M3FN>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c4_kv_scale_unused(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>, %ks: tensor<1xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op kv_scale needs layout fp8 or compute a8w8}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) kv_scale(%ks : tensor<1xf32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c4_q_scale(%q: tensor<8x16x576xf8E4M3FN>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op an FP8 q needs q_scale}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xf8E4M3FN>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c4_q_scale_unused(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>, %qs: tensor<1xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op q_scale needs an FP8 q or compute a8w8}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) q_scale(%qs : tensor<1xf32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c4_scale_shape(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>, %ks: tensor<2xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op kv_scale has the shape [2], but must have [1]}}
  %0 = lm.mla_decode bf16 {compute = #lm.attention_compute<a8w8>, sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) kv_scale(%ks : tensor<2xf32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c4_types(%q: tensor<8x16x576xf8E4M3FN>, %c: tensor<?x64x576xf8E4M3FNUZ>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>, %qs: tensor<1xf32>, %ks: tensor<1xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op q has element type 'f8E4M3FN', but cache has 'f8E4M3FNUZ'}}
  %0 = lm.mla_decode fp8 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xf8E4M3FN>) cache(%c : tensor<?x64x576xf8E4M3FNUZ>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) q_scale(%qs : tensor<1xf32>) kv_scale(%ks : tensor<1xf32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c5(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op sm_scale is -1, but must be finite and positive}}
  %0 = lm.mla_decode bf16 {sm_scale = -1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c5_nan(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>) {
  // expected-error @+1 {{'lm.mla_decode' op sm_scale is NaN, but must be finite and positive}}
  %0 = lm.mla_decode bf16 {sm_scale = 0x7FC00000 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c6(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>, %p0: tensor<7x8xi32>, %p1: tensor<5xi32>) {
  // expected-error @+1 {{'lm.mla_decode' op plan has 2 operands, but needs the five results of lm.attention_plan}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) plan(%p0, %p1 : tensor<7x8xi32>, tensor<5xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @mla_decode_c6_works(%q: tensor<8x16x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<8x4xi32>, %n: tensor<8xi32>, %o: tensor<8x16x512xbf16>, %l: tensor<8x16xf32>, %p0: tensor<7x4xi32>, %p1: tensor<5xi32>, %p2: tensor<9xi32>, %p3: tensor<8x2xi32>, %p4: tensor<6xi32>) {
  // expected-error @+1 {{'lm.mla_decode' op plan's works has the shape [7, 4], but must have [?, 8]}}
  %0 = lm.mla_decode bf16 {sm_scale = 1.0 : f32} ins(%q : tensor<8x16x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<8x4xi32>) lengths(%n : tensor<8xi32>) plan(%p0, %p1, %p2, %p3, %p4 : tensor<7x4xi32>, tensor<5xi32>, tensor<9xi32>, tensor<8x2xi32>, tensor<6xi32>) outs(%o : tensor<8x16x512xbf16>)
  return
}

// -----

func.func @sparse_c1(%q: tensor<8x64x448xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op has 448 query and 512 value columns, but takes 576 and 512, or 512 and 512}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x448xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_584(%q: tensor<8x64x576xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op layout ds_mla_584 has 512 columns, but q has 576}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x576xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_656(%q: tensor<8x64x512xbf16>, %c: tensor<?x64x656xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op layout ds_mla_656 has 576 columns, but q has 512}}
  %0 = lm.sparse_mla_decode ds_mla_656 {sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x64x656xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_page(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op layout ds_mla_584 needs page_size}}
  %0 = lm.sparse_mla_decode ds_mla_584 {sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_page_zero(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op page_size must be positive}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 0, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_page_given(%q: tensor<8x64x512xbf16>, %c: tensor<?x64x512xbf16>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op page_size is given, but the cache's shape has it}}
  %0 = lm.sparse_mla_decode bf16 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x64x512xbf16>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_stride(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op cache has pages of 37440 bytes, but ds_mla_584 with page_size 128 needs a multiple of 576, at least 584 per token}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 128, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_extra_page(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x1728xi8>, %s1: tensor<8x512xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op layout ds_mla_584 needs extra_page_size}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<8x512xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c2_extra_stride(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x1728xi8>, %s1: tensor<8x512xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op extra_cache has pages of 1728 bytes, but ds_mla_584 with extra_page_size 4 needs a multiple of 576, at least 584 per token}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 4, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<8x512xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c3_slots(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<4x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op slots has the shape [4, 128], but must have [8, 128]}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<4x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c3_dynamic(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x?xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op slots has a dynamic last dimension, but it must be static}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x?xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c3_lengths(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<4xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op lengths has the shape [4], but must have [8]}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<4xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c3_extra_slots(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x1728xi8>, %s1: tensor<4x512xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op extra_slots has the shape [4, 512], but must have [8, 512]}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<4x512xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c3_extra_lengths(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x1728xi8>, %s1: tensor<8x512xi32>, %n1: tensor<4xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op extra_lengths has the shape [4], but must have [8]}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<8x512xi32>) extra_lengths(%n1 : tensor<4xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c4(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %ks: tensor<1xf32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op kv_scale needs layout fp8 or compute a8w8}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) kv_scale(%ks : tensor<1xf32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c4_extra(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x64x512xf8E4M3FN>, %s1: tensor<8x512xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op layout fp8 needs extra_kv_scale}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, extra_layout = #lm.cache_layout<fp8>, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x64x512xf8E4M3FN>) extra_slots(%s1 : tensor<8x512xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c5(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x1728xi8>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op extra_cache, extra_slots and extra_layout must be given together}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x1728xi8>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c5_layout(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %c1: tensor<?x1728xi8>, %s1: tensor<8x512xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op extra_cache, extra_slots and extra_layout must be given together}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, extra_page_size = 2, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c1 : tensor<?x1728xi8>) extra_slots(%s1 : tensor<8x512xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c5_lengths(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %n1: tensor<8xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op extra_lengths, extra_kv_scale, extra_page_size and extra_plan need extra_cache}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_lengths(%n1 : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c6(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %sink: tensor<32xf32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op sink has the shape [32], but must have [64]}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) sink(%sink : tensor<32xf32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c7(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op sm_scale is 0, but must be finite and positive}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 0.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c8(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %p0: tensor<11x8xi32>, %p1: tensor<5xi32>, %p2: tensor<9xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op plan has 3 operands, but needs the five results of lm.attention_plan}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) plan(%p0, %p1, %p2 : tensor<11x8xi32>, tensor<5xi32>, tensor<9xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c8_lengths(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %o: tensor<8x64x512xbf16>, %p0: tensor<11x8xi32>, %p1: tensor<5xi32>, %p2: tensor<9xi32>, %p3: tensor<8x2xi32>, %p4: tensor<6xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op plan needs lengths}}
  %0 = lm.sparse_mla_decode ds_mla_584 {page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) plan(%p0, %p1, %p2, %p3, %p4 : tensor<11x8xi32>, tensor<5xi32>, tensor<9xi32>, tensor<8x2xi32>, tensor<6xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @sparse_c8_both(%q: tensor<8x64x512xbf16>, %c: tensor<?x37440xi8>, %s: tensor<8x128xi32>, %n: tensor<8xi32>, %o: tensor<8x64x512xbf16>, %p0: tensor<11x8xi32>, %p1: tensor<5xi32>, %p2: tensor<9xi32>, %p3: tensor<8x2xi32>, %p4: tensor<6xi32>) {
  // expected-error @+1 {{'lm.sparse_mla_decode' op a plan of both scopes needs extra_lengths}}
  %0 = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 64, page_size = 64, sm_scale = 1.0 : f32} ins(%q : tensor<8x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<8x128xi32>) lengths(%n : tensor<8xi32>) extra_cache(%c : tensor<?x37440xi8>) extra_slots(%s : tensor<8x128xi32>) plan(%p0, %p1, %p2, %p3, %p4 : tensor<11x8xi32>, tensor<5xi32>, tensor<9xi32>, tensor<8x2xi32>, tensor<6xi32>) outs(%o : tensor<8x64x512xbf16>)
  return
}

// -----

func.func @merge_c1_count(%x: tensor<4x8x512xf32>, %l: tensor<4x8xf32>) {
  // expected-error @+1 {{'lm.merge_attention' op has 1 partial results and 2 lse, but needs one lse for each of one or more}}
  %0 = lm.merge_attention ins(%x : tensor<4x8x512xf32>) lse(%l, %l : tensor<4x8xf32>, tensor<4x8xf32>) outs(%x : tensor<4x8x512xf32>)
  return
}

// -----

func.func @merge_c1_x(%x: tensor<4x8x512xf32>, %y: tensor<4x4x512xf32>, %l: tensor<4x8xf32>) {
  // expected-error @+1 {{'lm.merge_attention' op x has the shape [4, 4, 512], but must have [4, 8, 512]}}
  %0 = lm.merge_attention ins(%y : tensor<4x4x512xf32>) lse(%l : tensor<4x8xf32>) outs(%x : tensor<4x8x512xf32>)
  return
}

// -----

func.func @merge_c1_lse(%x: tensor<4x8x512xf32>, %l: tensor<4xf32>) {
  // expected-error @+1 {{'lm.merge_attention' op lse has the shape [4], but must have [4, 8]}}
  %0 = lm.merge_attention ins(%x : tensor<4x8x512xf32>) lse(%l : tensor<4xf32>) outs(%x : tensor<4x8x512xf32>)
  return
}

// -----

func.func @merge_c1_lse_out(%x: tensor<4x8x512xf32>, %l: tensor<4x8xf32>, %m: tensor<4x4xf32>) {
  // expected-error @+1 {{'lm.merge_attention' op lse_out has the shape [4, 4], but must have [4, 8]}}
  %0:2 = lm.merge_attention ins(%x : tensor<4x8x512xf32>) lse(%l : tensor<4x8xf32>) outs(%x : tensor<4x8x512xf32>) lse_out(%m : tensor<4x4xf32>)
  return
}

// -----

func.func @apply_sink_c1_sink(%x: tensor<4x8x512xf32>, %l: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+1 {{'lm.apply_sink' op sink has the shape [4], but must have [8]}}
  %0 = lm.apply_sink ins(%x : tensor<4x8x512xf32>) lse(%l : tensor<4x8xf32>) sink(%s : tensor<4xf32>) outs(%x : tensor<4x8x512xf32>)
  return
}

// -----

func.func @apply_sink_c1_lse(%x: tensor<4x8x512xf32>, %l: tensor<4x4xf32>, %s: tensor<8xf32>) {
  // expected-error @+1 {{'lm.apply_sink' op lse has the shape [4, 4], but must have [4, 8]}}
  %0 = lm.apply_sink ins(%x : tensor<4x8x512xf32>) lse(%l : tensor<4x4xf32>) sink(%s : tensor<8xf32>) outs(%x : tensor<4x8x512xf32>)
  return
}

// -----

func.func @apply_sink_c1_out(%x: tensor<4x8x512xf32>, %o: tensor<4x8x576xf32>, %l: tensor<4x8xf32>, %s: tensor<8xf32>) {
  // expected-error @+1 {{'lm.apply_sink' op out has the shape [4, 8, 576], but must have [4, 8, 512]}}
  %0 = lm.apply_sink ins(%x : tensor<4x8x512xf32>) lse(%l : tensor<4x8xf32>) sink(%s : tensor<8xf32>) outs(%o : tensor<4x8x576xf32>)
  return
}

// -----

func.func @swa_slots_c1_positions(%p: tensor<4x1xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op positions has rank 2, but must have rank 1}}
  %0:2 = lm.swa_slots {page_size = 64, window = 128} ins(%p : tensor<4x1xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c1_table(%p: tensor<4xi32>, %bt: tensor<4xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op block_table has rank 1, but must have rank 2}}
  %0:2 = lm.swa_slots {page_size = 64, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c1_requests(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %r: tensor<2xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op requests has the shape [2], but must have [4]}}
  %0:2 = lm.swa_slots {page_size = 64, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) requests(%r : tensor<2xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c1_rows(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op positions has 4 rows, but must have 8}}
  %0:2 = lm.swa_slots {page_size = 64, q_len = 2, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c2_columns(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x64xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op slots has 64 columns, but the window has 128}}
  %0:2 = lm.swa_slots {page_size = 64, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x64xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c2_lengths(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<8xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op lengths has the shape [8], but must have [4]}}
  %0:2 = lm.swa_slots {page_size = 64, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<8xi32>)
  return
}

// -----

func.func @swa_slots_c3_window(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op window is 0, but must be positive}}
  %0:2 = lm.swa_slots {page_size = 64, window = 0} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c3_page_size(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op page_size is -1, but must be positive}}
  %0:2 = lm.swa_slots {page_size = -1, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c3_compress_ratio(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op compress_ratio is 0, but must be positive}}
  %0:2 = lm.swa_slots {compress_ratio = 0, page_size = 64, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @swa_slots_c3_q_len(%p: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x128xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.swa_slots' op q_len is 0, but must be positive}}
  %0:2 = lm.swa_slots {page_size = 64, q_len = 0, window = 128} ins(%p : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x128xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c1_rank(%i: tensor<4xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op indices has rank 1, but must have rank 2}}
  %0:2 = lm.topk_slots {page_size = 64} ins(%i : tensor<4xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c1_columns(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x256xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op indices has the shape [4, 512], but must have [4, 256]}}
  %0:2 = lm.topk_slots {page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x256xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c1_lengths(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x512xi32>, %n: tensor<8xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op lengths has the shape [8], but must have [4]}}
  %0:2 = lm.topk_slots {page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<8xi32>)
  return
}

// -----

func.func @topk_slots_c1_positions(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %p: tensor<8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op positions has the shape [8], but must have [4]}}
  %0:2 = lm.topk_slots {page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) positions(%p : tensor<8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c2_requests(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %r: tensor<2xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op requests has the shape [2], but must have [4]}}
  %0:2 = lm.topk_slots {page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) requests(%r : tensor<2xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c2_rows(%i: tensor<4x512xi32>, %bt: tensor<2x8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op indices has 4 rows, but must have 2}}
  %0:2 = lm.topk_slots {page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<2x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c3_page_size(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op page_size is 0, but must be positive}}
  %0:2 = lm.topk_slots {page_size = 0} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c3_ratio(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op compress_ratio is -4, but must be positive}}
  %0:2 = lm.topk_slots {compress_ratio = -4, page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c3_q_len(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op q_len is 0, but must be positive}}
  %0:2 = lm.topk_slots {page_size = 64, q_len = 0} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c4_positions(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op full needs positions}}
  %0:2 = lm.topk_slots {full, page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @topk_slots_c4_keep_holes(%i: tensor<4x512xi32>, %bt: tensor<4x8xi32>, %p: tensor<4xi32>, %s: tensor<4x512xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.topk_slots' op full and keep_holes exclude each other}}
  %0:2 = lm.topk_slots {full, keep_holes, page_size = 64} ins(%i : tensor<4x512xi32>) block_table(%bt : tensor<4x8xi32>) positions(%p : tensor<4xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @slot_lengths_c1_rank(%p: tensor<4x1xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.slot_lengths' op positions has rank 2, but must have rank 1}}
  %0 = lm.slot_lengths {window = 512} ins(%p : tensor<4x1xi32>) outs(%n : tensor<4xi32>)
  return
}

// -----

func.func @slot_lengths_c1_rows(%p: tensor<4xi32>, %n: tensor<8xi32>) {
  // expected-error @+1 {{'lm.slot_lengths' op lengths has the shape [8], but must have [4]}}
  %0 = lm.slot_lengths {window = 512} ins(%p : tensor<4xi32>) outs(%n : tensor<8xi32>)
  return
}

// -----

func.func @slot_lengths_c2_window(%p: tensor<4xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.slot_lengths' op window is 0, but must be positive}}
  %0 = lm.slot_lengths {window = 0} ins(%p : tensor<4xi32>) outs(%n : tensor<4xi32>)
  return
}

// -----

func.func @slot_lengths_c2_ratio(%p: tensor<4xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.slot_lengths' op compress_ratio is -4, but must be positive}}
  %0 = lm.slot_lengths {compress_ratio = -4, window = 512} ins(%p : tensor<4xi32>) outs(%n : tensor<4xi32>)
  return
}

// -----

func.func @compact_slots_c1_packed(%s: tensor<4x512xi32>, %p: tensor<4x256xi32>, %n: tensor<4xi32>) {
  // expected-error @+1 {{'lm.compact_slots' op packed has the shape [4, 256], but must have [4, 512]}}
  %0:2 = lm.compact_slots ins(%s : tensor<4x512xi32>) outs(%p, %n : tensor<4x256xi32>, tensor<4xi32>)
  return
}

// -----

func.func @compact_slots_c1_lengths(%s: tensor<4x512xi32>, %n: tensor<4xi32>, %m: tensor<8xi32>) {
  // expected-error @+1 {{'lm.compact_slots' op lengths has the shape [8], but must have [4]}}
  %0:2 = lm.compact_slots ins(%s : tensor<4x512xi32>) lengths(%m : tensor<8xi32>) outs(%s, %n : tensor<4x512xi32>, tensor<4xi32>)
  return
}

// -----

func.func @compact_slots_c1_packed_lengths(%s: tensor<4x512xi32>, %m: tensor<8xi32>) {
  // expected-error @+1 {{'lm.compact_slots' op packed_lengths has the shape [8], but must have [4]}}
  %0:2 = lm.compact_slots ins(%s : tensor<4x512xi32>) outs(%s, %m : tensor<4x512xi32>, tensor<8xi32>)
  return
}

// -----

func.func @plan_c1(%n: tensor<4x1xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op lengths has rank 2, but must have rank 1}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4x1xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_works(%n: tensor<4xi32>, %w: tensor<6x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op works has 6 rows, but must have at least 7}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<6x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_works_columns(%n: tensor<4xi32>, %w: tensor<7x7xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op works has the shape [7, 7], but must have [?, 8]}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x7xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_work_indptr(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<4xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op work_indptr has the shape [4], but must have [5]}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<4xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_reduce_indptr(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<4xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op reduce_indptr has 4 rows, but must have 5}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<4xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_tiles(%n: tensor<4xi32>, %w: tensor<11x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op reduce_indptr has 5 rows, but must have 9}}
  %0:5 = lm.attention_plan {num_clusters = 4, q_len = 2, q_tile = 1} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<11x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_final_map(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<5x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op reduce_final_map has 5 rows, but must have 4}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<5x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c2_partial_map(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<5xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op reduce_partial_map has the shape [5], but must have at least 6 rows, a static number}}
  %0:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<5xi32>)
  return
}

// -----

func.func @plan_c3_num_clusters(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op num_clusters is 0, but must be positive}}
  %0:5 = lm.attention_plan {num_clusters = 0} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c3_q_len(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op q_len is 0, but must be positive}}
  %0:5 = lm.attention_plan {num_clusters = 4, q_len = 0} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c3_q_tile(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op q_tile is 0, but must be positive}}
  %0:5 = lm.attention_plan {num_clusters = 4, q_tile = 0} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c3_overhead(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op overhead is 0, but must be positive}}
  %0:5 = lm.attention_plan {num_clusters = 4, overhead = 0} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c3_topk(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op topk is 0, but must be positive}}
  %0:5 = lm.attention_plan {num_clusters = 4, topk = 0} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c3_max_split(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op max_split is 0, but must be positive}}
  %0:5 = lm.attention_plan {num_clusters = 4, max_split = 0} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c3_tile(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op q_tile is 2, but q_len is 1}}
  %0:5 = lm.attention_plan {num_clusters = 4, q_tile = 2} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c4_page_size(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op page_size is 48, but must be a power of two}}
  %0:5 = lm.attention_plan {num_clusters = 4, page_size = 48} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c4_granularity(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op granularity is 0, but must be a power of two}}
  %0:5 = lm.attention_plan {granularity = 0, num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c5(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op topk needs page_size 1 and q_len 1}}
  %0:5 = lm.attention_plan {num_clusters = 4, page_size = 2, topk = 64} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c6(%n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op extra_topk is 0, but must be positive}}
  %0:5 = lm.attention_plan {extra_topk = 0, topk = 64, num_clusters = 4} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c6_topk(%n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op extra_lengths and extra_topk must be given together}}
  %0:5 = lm.attention_plan {topk = 64, num_clusters = 4} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c6_lengths(%n: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op extra_lengths and extra_topk must be given together}}
  %0:5 = lm.attention_plan {extra_topk = 64, topk = 64, num_clusters = 4} ins(%n : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c6_alone(%n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op extra_topk needs topk}}
  %0:5 = lm.attention_plan {extra_topk = 64, num_clusters = 4} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

func.func @plan_c6_shape(%n: tensor<4xi32>, %m: tensor<5xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op extra_lengths has the shape [5], but must have [4]}}
  %0:5 = lm.attention_plan {extra_topk = 64, granularity = 64, topk = 64, num_clusters = 4} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<5xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}

// -----

// The kernels read both lists in tiles of 64.
func.func @plan_c6_granularity(%n: tensor<4xi32>, %m: tensor<4xi32>, %w: tensor<7x8xi32>, %wi: tensor<5xi32>, %ri: tensor<5xi32>, %rf: tensor<4x2xi32>, %rp: tensor<6xi32>) {
  // expected-error @+1 {{'lm.attention_plan' op granularity is 32, but must be at least 64 for two lists}}
  %0:5 = lm.attention_plan {extra_topk = 64, granularity = 32, topk = 64, num_clusters = 4} ins(%n : tensor<4xi32>) extra_lengths(%m : tensor<4xi32>) outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  return
}
