// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of the rotary embedding and the cache write.

func.func @rope_c1_shape(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x64xf32>, %y: tensor<?x8x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op out has the shape [?, 8, 64], but must have [?, 4, 64]}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x64xf32>) outs(%y : tensor<?x8x64xbf16>)
  return
}

// -----

func.func @rope_c1_rank(%x: tensor<64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x64xf32>, %y: tensor<64xbf16>) {
  // expected-error @+1 {{'lm.rope' op x has rank 1, but must have rank 2 or more}}
  %0 = lm.rope neox ins(%x : tensor<64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x64xf32>) outs(%y : tensor<64xbf16>)
  return
}

// -----

func.func @rope_c1_odd(%x: tensor<?x4x63xbf16>, %p: tensor<?xi64>, %t0: tensor<128x63xf32>, %y: tensor<?x4x63xbf16>) {
  // expected-error @+1 {{'lm.rope' op the tables rotate 63 columns, but must rotate an even number of them}}
  %0 = lm.rope neox ins(%x : tensor<?x4x63xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x63xf32>) outs(%y : tensor<?x4x63xbf16>)
  return
}

// -----

func.func @rope_c1_dynamic_columns(%x: tensor<?x4x?xbf16>, %p: tensor<?xi64>, %t0: tensor<128x64xf32>, %y: tensor<?x4x?xbf16>) {
  // expected-error @+1 {{'lm.rope' op x has a dynamic last dimension, but it must be static}}
  %0 = lm.rope neox ins(%x : tensor<?x4x?xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x64xf32>) outs(%y : tensor<?x4x?xbf16>)
  return
}

// -----

func.func @rope_c2_positions_rank(%x: tensor<?x4x64xbf16>, %p: tensor<?x1xi64>, %t0: tensor<128x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op positions has the shape [?, 1], but must have [?]}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?x1xi64>) tables(%t0 : tensor<128x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c2_positions_length(%x: tensor<4x4x64xbf16>, %p: tensor<5xi64>, %t0: tensor<128x64xf32>, %y: tensor<4x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op positions has the shape [5], but must have [4]}}
  %0 = lm.rope neox ins(%x : tensor<4x4x64xbf16>) positions(%p : tensor<5xi64>) tables(%t0 : tensor<128x64xf32>) outs(%y : tensor<4x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_three_tables(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x32xf32>, %t1: tensor<128x32xf32>, %t2: tensor<128x32xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op has 3 tables, but needs one packed table or cosines and sines}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0, %t1, %t2 : tensor<128x32xf32>, tensor<128x32xf32>, tensor<128x32xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_no_table(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>) {
  // expected-error @+1 {{'lm.rope' op has 0 tables, but needs one packed table or cosines and sines}}
  %0 = "lm.rope"(%x, %p, %x) <{style = #lm.rope_style<neox>}> : (tensor<?x4x64xbf16>, tensor<?xi64>, tensor<?x4x64xbf16>) -> tensor<?x4x64xbf16>
  return
}

// -----

func.func @rope_c3_table_rank(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x1x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op the table has the shape [128, 1, 64], but must be [P, columns] with static columns}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x1x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_table_columns(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x?xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op the table has the shape [128, ?], but must be [P, columns] with static columns}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x?xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_table_empty(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<0x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op the table has no positions}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<0x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_table_types(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x32xf32>, %t1: tensor<128x32xbf16>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op cosines and sines must have one type}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0, %t1 : tensor<128x32xf32>, tensor<128x32xbf16>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_table_shapes(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x32xf32>, %t1: tensor<64x32xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op cosines and sines must have one type}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0, %t1 : tensor<128x32xf32>, tensor<64x32xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_table_width(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x32xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op x has 64 columns, but the tables rotate 32}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x32xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_c3_table_no_columns(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t0: tensor<128x0xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.rope' op the tables rotate 0 columns, but must rotate an even number of them}}
  %0 = lm.rope neox ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t0 : tensor<128x0xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mla_cache_write_c1_rank(%kv: tensor<?x1x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op kv_c and k_pe have ranks 3 and 2, but must have rank 2}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x1x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c1_dynamic_latent(%kv: tensor<?x?xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op kv_c has a dynamic last dimension, but it must be static}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x?xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c1_dynamic_rope(%kv: tensor<?x512xbf16>, %pe: tensor<?x?xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op k_pe has a dynamic last dimension, but it must be static}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x?xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c1_tokens(%kv: tensor<4x512xbf16>, %pe: tensor<5x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op k_pe has the shape [5, 64], but must have [4, 64]}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<4x512xbf16>, tensor<5x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c1_slots_rank(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?x1xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op slots has rank 2, but must have rank 1}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?x1xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c1_slots_length(%kv: tensor<4x512xbf16>, %pe: tensor<4x64xbf16>, %slots: tensor<5xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op has 5 slots for 4 tokens}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<4x512xbf16>, tensor<4x64xbf16>) slots(%slots : tensor<5xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c2_element(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has element type 'i8', which layout bf16 does not allow}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_row(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x512xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has the shape [?, 64, 512], but must have [?, ?, 576]}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x512xbf16>)
  return
}

// -----

func.func @mla_cache_write_c2_dynamic_row(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x?xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has a dynamic last dimension, but must have [?, ?, 576]}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x?xbf16>)
  return
}

// -----

func.func @mla_cache_write_c2_fp8_element(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %s: tensor<1xf32>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has element type 'bf16', which layout fp8 does not allow}}
  %0 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) scale(%s : tensor<1xf32>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c2_656_row(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has the shape [?, 64, 576], but must have [?, ?, 656]}}
  %0 = lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_656_columns(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x656xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op layout ds_mla_656 takes 512 latent and 64 rope columns, but got 448 and 64}}
  %0 = lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x656xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_columns(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37440xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op layout ds_mla_584 takes 448 latent and 64 rope columns, but got 512 and 64}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_rank(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x584xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has the shape [?, 64, 584], but must have [?, ?]}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x584xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_dynamic_stride(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x?xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has a dynamic last dimension, but it must be static}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x?xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_page_size_missing(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37440xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op layout ds_mla_584 needs page_size}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_page_size(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37440xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op page_size must be positive}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 0 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_page_size_negative(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37440xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op page_size must be positive}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = -1 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)
  return
}

// -----

// 64 tokens of 584 bytes, but no multiple of 576.
func.func @mla_cache_write_c2_584_stride(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37376xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has pages of 37376 bytes, but ds_mla_584 with page_size 64 needs a multiple of 576, at least 584 per token}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37376xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_584_short_page(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x36864xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has pages of 36864 bytes, but ds_mla_584 with page_size 64 needs a multiple of 576, at least 584 per token}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x36864xi8>)
  return
}

// -----

// The bytes of a page do not overflow 64 bits.
func.func @mla_cache_write_c2_584_huge_page(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37440xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op cache has pages of 37440 bytes, but ds_mla_584 with page_size 9223372036854775807 needs a multiple of 576, at least 584 per token}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 9223372036854775807 : i64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)
  return
}

// -----

func.func @mla_cache_write_c2_page_size_in_shape(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op page_size is given, but the cache's shape has it}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c3_scale_missing(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xf8E4M3FN>) {
  // expected-error @+1 {{'lm.mla_cache_write' op layout fp8 needs scale}}
  %0 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xf8E4M3FN>)
  return
}

// -----

func.func @mla_cache_write_c3_scale_not_fp8(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %s: tensor<1xf32>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op scale needs layout fp8}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) scale(%s : tensor<1xf32>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @mla_cache_write_c3_scale_shape(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %s: tensor<4xf32>, %cache: tensor<?x64x576xf8E4M3FN>) {
  // expected-error @+1 {{'lm.mla_cache_write' op scale has the shape [4], but must have [1]}}
  %0 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) scale(%s : tensor<4xf32>) outs(%cache : tensor<?x64x576xf8E4M3FN>)
  return
}

// -----

func.func @mla_cache_write_c4_rope_first(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x656xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op rope_first is not possible in layout ds_mla_656}}
  %0 = lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>, rope_first} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x656xi8>)
  return
}

// -----

func.func @mla_cache_write_c4_rope_first_584(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x37440xi8>) {
  // expected-error @+1 {{'lm.mla_cache_write' op rope_first is not possible in layout ds_mla_584}}
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64, rope_first} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)
  return
}
