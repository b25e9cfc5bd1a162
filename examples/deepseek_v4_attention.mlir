// Written by scripts/generate_model.py --model v4-attention; docs/Models.md has the graph.
//
// DeepSeek-V4, the attention sublayer of one decode step from the output of the
// hyper-connections, `y`, to the o projection, with the attention itself. With
// --preset pro it is DeepSeek-V4-Pro's, else Flash's. The sum over the ranks of
// `o_b` is not part of the graph.
//
// Token t belongs to request requests[t]; a block table has a row per request.
// Every layer attends to a sliding window of the cache that this step's latent row
// was written to: the window's slots come from the positions. @attention_ratio_4
// and @attention_ratio_128 also attend to a compressed cache, one entry per 4 or
// 128 tokens, which the compressor has written: with 4 to the entries that the
// indexer chose (`indices`: as many as there are, else -1), with 128 to all of
// them.
// The sink is a logit per head. Projections for compressor and indexer are results.
//
// Shapes: config.json of deepseek-ai/DeepSeek-V4-Flash and DeepSeek-V4-Pro (hidden
// 4096 and 7168, 64 and 128 heads of 512, q_lora_rank 1024 and 1536, 8 and 16
// output groups of rank 1024, index_topk 512 and 1024, window 128). Graph:
// vllm-project/vllm, vllm/model_executor/models/deepseek_v4.py.
//
// Try: hipfuse-opt FILE --lm-fuse --canonicalize --cse

#rows = affine_map<(t, n, k) -> (t, k)>
#weight = affine_map<(t, n, k) -> (n, k)>
#result = affine_map<(t, n, k) -> (t, n)>
#scheme = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate, amax_floor = 1.0e-4 : f32>

module {
  func.func @attention_ratio_0(
      %y: tensor<?x4096xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<1048576x64xf32>,
      %requests: tensor<?xi32>,
      %window_table: tensor<?x?xi32>,
      %cache: tensor<?x37440xi8>,
      %sink: tensor<64xf32>,
      %g_x: tensor<4096xbf16>,
      %w_qkv_a: tensor<1536x4096xbf16>,
      %g_q_n: tensor<1024xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<32768x1024xbf16>,
      %w_o_a: tensor<8x4096x1024xbf16>,
      %w_o_b: tensor<4096x8192xbf16>
  ) -> (tensor<?x37440xi8>, tensor<?x4096xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %y, %c0 : tensor<?x4096xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<?x4096xbf16>)
        weight(%g_x : tensor<4096xbf16>) outs(%x_init : tensor<?x4096xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x4096xf8E4M3FN>
    %x_s_init = tensor.empty(%t) : tensor<?x32xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x4096xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x4096xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x1536xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x1536xf32>) -> tensor<?x1536xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x4096xbf16>, tensor<1536x4096xbf16>)
        outs(%qkv_a_zero : tensor<?x1536xf32>) -> tensor<?x1536xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x1536xf32> to tensor<?x1536xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 1024] [1, 1]
        : tensor<?x1536xbf16> to tensor<?x1024xbf16>
    %kv_c = tensor.extract_slice %qkv_a[0, 1024] [%t, 512] [1, 1]
        : tensor<?x1536xbf16> to tensor<?x512xbf16>
    %q_n_init = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x1024xbf16>)
        weight(%g_q_n : tensor<1024xbf16>) outs(%q_n_init : tensor<?x1024xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads: norm without weight, trailing columns rotated.
    %q_n_q_init = tensor.empty(%t) : tensor<?x1024xf8E4M3FN>
    %q_n_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x1024xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n_d = lm.dequantize #scheme
        ins(%q_n_q, %q_n_s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x1024xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x32768xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x32768xf32>) -> tensor<?x32768xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x1024xbf16>, tensor<32768x1024xbf16>)
        outs(%q_b_zero : tensor<?x32768xf32>) -> tensor<?x32768xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x32768xf32> to tensor<?x32768xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 64, 512] : tensor<?x32768xbf16> into tensor<?x64x512xbf16>
    %q_heads_init = tensor.empty(%t) : tensor<?x64x512xbf16>
    %q_heads = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q : tensor<?x64x512xbf16>)
        outs(%q_heads_init : tensor<?x64x512xbf16>)
    %q_pe = tensor.extract_slice %q_heads[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x64x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x64x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%q_rot_init : tensor<?x64x64xbf16>)
    %query = tensor.insert_slice %q_rot into %q_heads[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>

    // Latent row of the sliding window's cache.
    %kv_nope = tensor.extract_slice %kv_n[0, 0] [%t, 448] [1, 1]
        : tensor<?x512xbf16> to tensor<?x448xbf16>
    %k_pe = tensor.extract_slice %kv_n[0, 448] [%t, 64] [1, 1]
        : tensor<?x512xbf16> to tensor<?x64xbf16>
    %k_rot_init = tensor.empty(%t) : tensor<?x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe : tensor<?x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%k_rot_init : tensor<?x64xbf16>)
    %cache_out = lm.mla_cache_write ds_mla_584
        {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64}
        ins(%kv_nope, %k_rot : tensor<?x448xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)

    // Slots of the window.
    %window_slots_init = tensor.empty(%t) : tensor<?x128xi32>
    %window_lengths_init = tensor.empty(%t) : tensor<?xi32>
    %window_slots, %window_lengths = lm.swa_slots {window = 128, page_size = 64}
        ins(%positions : tensor<?xi64>) block_table(%window_table : tensor<?x?xi32>)
        requests(%requests : tensor<?xi32>)
        outs(%window_slots_init, %window_lengths_init : tensor<?x128xi32>, tensor<?xi32>)

    // Attention with a sink.
    %attn_init = tensor.empty(%t) : tensor<?x64x512xbf16>
    %attn = lm.sparse_mla_decode ds_mla_584 {sm_scale = 4.41941738e-02 : f32, page_size = 64}
        ins(%query : tensor<?x64x512xbf16>) cache(%cache_out : tensor<?x37440xi8>)
        slots(%window_slots : tensor<?x128xi32>) lengths(%window_lengths : tensor<?xi32>)
        sink(%sink : tensor<64xf32>) outs(%attn_init : tensor<?x64x512xbf16>)

    // Attention output rotated back, quantised, grouped o projection.
    %o_pe = tensor.extract_slice %attn[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
    %o_rot_init = tensor.empty(%t) : tensor<?x64x64xbf16>
    %o_rot = lm.rope interleaved inverse ins(%o_pe : tensor<?x64x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%o_rot_init : tensor<?x64x64xbf16>)
    %o = tensor.insert_slice %o_rot into %attn[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]]
        : tensor<?x64x512xbf16> into tensor<?x32768xbf16>
    %o_groups = tensor.expand_shape %o_rows [[0], [1, 2]]
        output_shape [%t, 8, 4096] : tensor<?x32768xbf16> into tensor<?x8x4096xbf16>
    %o_groups_q_init = tensor.empty(%t) : tensor<?x8x4096xf8E4M3FN>
    %o_groups_s_init = tensor.empty(%t) : tensor<?x8x32xf8E8M0FNU>
    %o_groups_q, %o_groups_s = lm.quantize #scheme ins(%o_groups : tensor<?x8x4096xbf16>)
        outs(%o_groups_q_init, %o_groups_s_init : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
    %o_groups_d_init = tensor.empty(%t) : tensor<?x8x4096xbf16>
    %o_groups_d = lm.dequantize #scheme
        ins(%o_groups_q, %o_groups_s : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
        outs(%o_groups_d_init : tensor<?x8x4096xbf16>)
    %o_heads_init = tensor.empty(%t) : tensor<8x?x4096xbf16>
    %o_heads = linalg.transpose ins(%o_groups_d : tensor<?x8x4096xbf16>)
        outs(%o_heads_init : tensor<8x?x4096xbf16>) permutation = [1, 0, 2]
    %o_a_init = tensor.empty(%t) : tensor<8x?x1024xf32>
    %o_a_zero = linalg.fill ins(%zero : f32)
        outs(%o_a_init : tensor<8x?x1024xf32>) -> tensor<8x?x1024xf32>
    %o_a_f32 = linalg.batch_matmul
        ins(%o_heads, %w_o_a : tensor<8x?x4096xbf16>, tensor<8x4096x1024xbf16>)
        outs(%o_a_zero : tensor<8x?x1024xf32>) -> tensor<8x?x1024xf32>
    %o_a = arith.truncf %o_a_f32 : tensor<8x?x1024xf32> to tensor<8x?x1024xbf16>
    %o_latent_init = tensor.empty(%t) : tensor<?x8x1024xbf16>
    %o_latent = linalg.transpose ins(%o_a : tensor<8x?x1024xbf16>)
        outs(%o_latent_init : tensor<?x8x1024xbf16>) permutation = [1, 0, 2]
    %o_latent_rows = tensor.collapse_shape %o_latent [[0], [1, 2]]
        : tensor<?x8x1024xbf16> into tensor<?x8192xbf16>
    %o_latent_rows_q_init = tensor.empty(%t) : tensor<?x8192xf8E4M3FN>
    %o_latent_rows_s_init = tensor.empty(%t) : tensor<?x64xf8E8M0FNU>
    %o_latent_rows_q, %o_latent_rows_s = lm.quantize #scheme
        ins(%o_latent_rows : tensor<?x8192xbf16>)
        outs(%o_latent_rows_q_init, %o_latent_rows_s_init : tensor<?x8192xf8E4M3FN>, tensor<?x64xf8E8M0FNU>)
    %o_latent_rows_d_init = tensor.empty(%t) : tensor<?x8192xbf16>
    %o_latent_rows_d = lm.dequantize #scheme
        ins(%o_latent_rows_q, %o_latent_rows_s : tensor<?x8192xf8E4M3FN>, tensor<?x64xf8E8M0FNU>)
        outs(%o_latent_rows_d_init : tensor<?x8192xbf16>)
    %o_b_init = tensor.empty(%t) : tensor<?x4096xf32>
    %o_b_zero = linalg.fill ins(%zero : f32)
        outs(%o_b_init : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %o_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_latent_rows_d, %w_o_b : tensor<?x8192xbf16>, tensor<4096x8192xbf16>)
        outs(%o_b_zero : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %o_b = arith.truncf %o_b_f32 : tensor<?x4096xf32> to tensor<?x4096xbf16>
    return %cache_out, %o_b
      : tensor<?x37440xi8>, tensor<?x4096xbf16>
  }

  func.func @attention_ratio_128(
      %y: tensor<?x4096xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<1048576x64xf32>,
      %requests: tensor<?xi32>,
      %window_table: tensor<?x?xi32>,
      %table_128: tensor<?x?xi32>,
      %cache: tensor<?x37440xi8>,
      %sink: tensor<64xf32>,
      %compressed_cache: tensor<?x1728xi8>,
      %g_x: tensor<4096xbf16>,
      %w_qkv_a: tensor<1536x4096xbf16>,
      %w_compressor: tensor<1024x4096xbf16>,
      %g_q_n: tensor<1024xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<32768x1024xbf16>,
      %w_o_a: tensor<8x4096x1024xbf16>,
      %w_o_b: tensor<4096x8192xbf16>
  ) -> (tensor<?x1024xf32>, tensor<?x37440xi8>, tensor<?x4096xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %y, %c0 : tensor<?x4096xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<?x4096xbf16>)
        weight(%g_x : tensor<4096xbf16>) outs(%x_init : tensor<?x4096xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x4096xf8E4M3FN>
    %x_s_init = tensor.empty(%t) : tensor<?x32xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x4096xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x4096xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x1536xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x1536xf32>) -> tensor<?x1536xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x4096xbf16>, tensor<1536x4096xbf16>)
        outs(%qkv_a_zero : tensor<?x1536xf32>) -> tensor<?x1536xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x1536xf32> to tensor<?x1536xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 1024] [1, 1]
        : tensor<?x1536xbf16> to tensor<?x1024xbf16>
    %kv_c = tensor.extract_slice %qkv_a[0, 1024] [%t, 512] [1, 1]
        : tensor<?x1536xbf16> to tensor<?x512xbf16>

    // Projection for the compressor, f32.
    %compressor_init = tensor.empty(%t) : tensor<?x1024xf32>
    %compressor_zero = linalg.fill ins(%zero : f32)
        outs(%compressor_init : tensor<?x1024xf32>) -> tensor<?x1024xf32>
    %compressor = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x, %w_compressor : tensor<?x4096xbf16>, tensor<1024x4096xbf16>)
        outs(%compressor_zero : tensor<?x1024xf32>) -> tensor<?x1024xf32>
    %q_n_init = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x1024xbf16>)
        weight(%g_q_n : tensor<1024xbf16>) outs(%q_n_init : tensor<?x1024xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads: norm without weight, trailing columns rotated.
    %q_n_q_init = tensor.empty(%t) : tensor<?x1024xf8E4M3FN>
    %q_n_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x1024xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n_d = lm.dequantize #scheme
        ins(%q_n_q, %q_n_s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x1024xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x32768xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x32768xf32>) -> tensor<?x32768xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x1024xbf16>, tensor<32768x1024xbf16>)
        outs(%q_b_zero : tensor<?x32768xf32>) -> tensor<?x32768xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x32768xf32> to tensor<?x32768xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 64, 512] : tensor<?x32768xbf16> into tensor<?x64x512xbf16>
    %q_heads_init = tensor.empty(%t) : tensor<?x64x512xbf16>
    %q_heads = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q : tensor<?x64x512xbf16>)
        outs(%q_heads_init : tensor<?x64x512xbf16>)
    %q_pe = tensor.extract_slice %q_heads[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x64x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x64x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%q_rot_init : tensor<?x64x64xbf16>)
    %query = tensor.insert_slice %q_rot into %q_heads[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>

    // Latent row of the sliding window's cache.
    %kv_nope = tensor.extract_slice %kv_n[0, 0] [%t, 448] [1, 1]
        : tensor<?x512xbf16> to tensor<?x448xbf16>
    %k_pe = tensor.extract_slice %kv_n[0, 448] [%t, 64] [1, 1]
        : tensor<?x512xbf16> to tensor<?x64xbf16>
    %k_rot_init = tensor.empty(%t) : tensor<?x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe : tensor<?x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%k_rot_init : tensor<?x64xbf16>)
    %cache_out = lm.mla_cache_write ds_mla_584
        {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64}
        ins(%kv_nope, %k_rot : tensor<?x448xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)

    // Slots of the window and of the whole compressed cache.
    %window_slots_init = tensor.empty(%t) : tensor<?x128xi32>
    %window_lengths_init = tensor.empty(%t) : tensor<?xi32>
    %window_slots, %window_lengths = lm.swa_slots {window = 128, page_size = 64}
        ins(%positions : tensor<?xi64>) block_table(%window_table : tensor<?x?xi32>)
        requests(%requests : tensor<?xi32>)
        outs(%window_slots_init, %window_lengths_init : tensor<?x128xi32>, tensor<?xi32>)
    %entry_slots_init = tensor.empty(%t) : tensor<?x8192xi32>
    %entry_lengths_init = tensor.empty(%t) : tensor<?xi32>
    %entry_slots, %entry_lengths = lm.swa_slots {window = 8192, page_size = 2, compress_ratio = 128}
        ins(%positions : tensor<?xi64>) block_table(%table_128 : tensor<?x?xi32>)
        requests(%requests : tensor<?xi32>)
        outs(%entry_slots_init, %entry_lengths_init : tensor<?x8192xi32>, tensor<?xi32>)

    // Attention with a sink.
    %attn_init = tensor.empty(%t) : tensor<?x64x512xbf16>
    %attn = lm.sparse_mla_decode ds_mla_584
        {sm_scale = 4.41941738e-02 : f32, page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2}
        ins(%query : tensor<?x64x512xbf16>) cache(%cache_out : tensor<?x37440xi8>)
        slots(%window_slots : tensor<?x128xi32>) lengths(%window_lengths : tensor<?xi32>)
        extra_cache(%compressed_cache : tensor<?x1728xi8>)
        extra_slots(%entry_slots : tensor<?x8192xi32>)
        extra_lengths(%entry_lengths : tensor<?xi32>) sink(%sink : tensor<64xf32>)
        outs(%attn_init : tensor<?x64x512xbf16>)

    // Attention output rotated back, quantised, grouped o projection.
    %o_pe = tensor.extract_slice %attn[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
    %o_rot_init = tensor.empty(%t) : tensor<?x64x64xbf16>
    %o_rot = lm.rope interleaved inverse ins(%o_pe : tensor<?x64x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%o_rot_init : tensor<?x64x64xbf16>)
    %o = tensor.insert_slice %o_rot into %attn[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]]
        : tensor<?x64x512xbf16> into tensor<?x32768xbf16>
    %o_groups = tensor.expand_shape %o_rows [[0], [1, 2]]
        output_shape [%t, 8, 4096] : tensor<?x32768xbf16> into tensor<?x8x4096xbf16>
    %o_groups_q_init = tensor.empty(%t) : tensor<?x8x4096xf8E4M3FN>
    %o_groups_s_init = tensor.empty(%t) : tensor<?x8x32xf8E8M0FNU>
    %o_groups_q, %o_groups_s = lm.quantize #scheme ins(%o_groups : tensor<?x8x4096xbf16>)
        outs(%o_groups_q_init, %o_groups_s_init : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
    %o_groups_d_init = tensor.empty(%t) : tensor<?x8x4096xbf16>
    %o_groups_d = lm.dequantize #scheme
        ins(%o_groups_q, %o_groups_s : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
        outs(%o_groups_d_init : tensor<?x8x4096xbf16>)
    %o_heads_init = tensor.empty(%t) : tensor<8x?x4096xbf16>
    %o_heads = linalg.transpose ins(%o_groups_d : tensor<?x8x4096xbf16>)
        outs(%o_heads_init : tensor<8x?x4096xbf16>) permutation = [1, 0, 2]
    %o_a_init = tensor.empty(%t) : tensor<8x?x1024xf32>
    %o_a_zero = linalg.fill ins(%zero : f32)
        outs(%o_a_init : tensor<8x?x1024xf32>) -> tensor<8x?x1024xf32>
    %o_a_f32 = linalg.batch_matmul
        ins(%o_heads, %w_o_a : tensor<8x?x4096xbf16>, tensor<8x4096x1024xbf16>)
        outs(%o_a_zero : tensor<8x?x1024xf32>) -> tensor<8x?x1024xf32>
    %o_a = arith.truncf %o_a_f32 : tensor<8x?x1024xf32> to tensor<8x?x1024xbf16>
    %o_latent_init = tensor.empty(%t) : tensor<?x8x1024xbf16>
    %o_latent = linalg.transpose ins(%o_a : tensor<8x?x1024xbf16>)
        outs(%o_latent_init : tensor<?x8x1024xbf16>) permutation = [1, 0, 2]
    %o_latent_rows = tensor.collapse_shape %o_latent [[0], [1, 2]]
        : tensor<?x8x1024xbf16> into tensor<?x8192xbf16>
    %o_latent_rows_q_init = tensor.empty(%t) : tensor<?x8192xf8E4M3FN>
    %o_latent_rows_s_init = tensor.empty(%t) : tensor<?x64xf8E8M0FNU>
    %o_latent_rows_q, %o_latent_rows_s = lm.quantize #scheme
        ins(%o_latent_rows : tensor<?x8192xbf16>)
        outs(%o_latent_rows_q_init, %o_latent_rows_s_init : tensor<?x8192xf8E4M3FN>, tensor<?x64xf8E8M0FNU>)
    %o_latent_rows_d_init = tensor.empty(%t) : tensor<?x8192xbf16>
    %o_latent_rows_d = lm.dequantize #scheme
        ins(%o_latent_rows_q, %o_latent_rows_s : tensor<?x8192xf8E4M3FN>, tensor<?x64xf8E8M0FNU>)
        outs(%o_latent_rows_d_init : tensor<?x8192xbf16>)
    %o_b_init = tensor.empty(%t) : tensor<?x4096xf32>
    %o_b_zero = linalg.fill ins(%zero : f32)
        outs(%o_b_init : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %o_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_latent_rows_d, %w_o_b : tensor<?x8192xbf16>, tensor<4096x8192xbf16>)
        outs(%o_b_zero : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %o_b = arith.truncf %o_b_f32 : tensor<?x4096xf32> to tensor<?x4096xbf16>
    return %compressor, %cache_out, %o_b
      : tensor<?x1024xf32>, tensor<?x37440xi8>, tensor<?x4096xbf16>
  }

  func.func @attention_ratio_4(
      %y: tensor<?x4096xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<1048576x64xf32>,
      %requests: tensor<?xi32>,
      %window_table: tensor<?x?xi32>,
      %table_4: tensor<?x?xi32>,
      %cache: tensor<?x37440xi8>,
      %sink: tensor<64xf32>,
      %compressed_cache: tensor<?x37440xi8>,
      %indices: tensor<?x512xi32>,
      %g_x: tensor<4096xbf16>,
      %w_qkv_a: tensor<1536x4096xbf16>,
      %w_compressor: tensor<2048x4096xbf16>,
      %w_index_compressor: tensor<512x4096xbf16>,
      %w_index_weights: tensor<64x4096xbf16>,
      %g_q_n: tensor<1024xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<32768x1024xbf16>,
      %w_index_q: tensor<8192x1024xbf16>,
      %w_o_a: tensor<8x4096x1024xbf16>,
      %w_o_b: tensor<4096x8192xbf16>
  ) -> (tensor<?x2048xf32>, tensor<?x512xf32>, tensor<?x64xbf16>, tensor<?x64x128xbf16>,
        tensor<?x37440xi8>, tensor<?x4096xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %y, %c0 : tensor<?x4096xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<?x4096xbf16>)
        weight(%g_x : tensor<4096xbf16>) outs(%x_init : tensor<?x4096xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x4096xf8E4M3FN>
    %x_s_init = tensor.empty(%t) : tensor<?x32xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x4096xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x4096xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x1536xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x1536xf32>) -> tensor<?x1536xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x4096xbf16>, tensor<1536x4096xbf16>)
        outs(%qkv_a_zero : tensor<?x1536xf32>) -> tensor<?x1536xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x1536xf32> to tensor<?x1536xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 1024] [1, 1]
        : tensor<?x1536xbf16> to tensor<?x1024xbf16>
    %kv_c = tensor.extract_slice %qkv_a[0, 1024] [%t, 512] [1, 1]
        : tensor<?x1536xbf16> to tensor<?x512xbf16>

    // Projection for the compressor, f32.
    %compressor_init = tensor.empty(%t) : tensor<?x2048xf32>
    %compressor_zero = linalg.fill ins(%zero : f32)
        outs(%compressor_init : tensor<?x2048xf32>) -> tensor<?x2048xf32>
    %compressor = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x, %w_compressor : tensor<?x4096xbf16>, tensor<2048x4096xbf16>)
        outs(%compressor_zero : tensor<?x2048xf32>) -> tensor<?x2048xf32>

    // Projections for the indexer.
    %index_compressor_init = tensor.empty(%t) : tensor<?x512xf32>
    %index_compressor_zero = linalg.fill ins(%zero : f32)
        outs(%index_compressor_init : tensor<?x512xf32>) -> tensor<?x512xf32>
    %index_compressor = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x, %w_index_compressor : tensor<?x4096xbf16>, tensor<512x4096xbf16>)
        outs(%index_compressor_zero : tensor<?x512xf32>) -> tensor<?x512xf32>
    %index_weights_init = tensor.empty(%t) : tensor<?x64xf32>
    %index_weights_zero = linalg.fill ins(%zero : f32)
        outs(%index_weights_init : tensor<?x64xf32>) -> tensor<?x64xf32>
    %index_weights_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x, %w_index_weights : tensor<?x4096xbf16>, tensor<64x4096xbf16>)
        outs(%index_weights_zero : tensor<?x64xf32>) -> tensor<?x64xf32>
    %index_weights = arith.truncf %index_weights_f32 : tensor<?x64xf32> to tensor<?x64xbf16>
    %q_n_init = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x1024xbf16>)
        weight(%g_q_n : tensor<1024xbf16>) outs(%q_n_init : tensor<?x1024xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads: norm without weight, trailing columns rotated.
    %q_n_q_init = tensor.empty(%t) : tensor<?x1024xf8E4M3FN>
    %q_n_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x1024xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n_d = lm.dequantize #scheme
        ins(%q_n_q, %q_n_s : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x1024xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x32768xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x32768xf32>) -> tensor<?x32768xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x1024xbf16>, tensor<32768x1024xbf16>)
        outs(%q_b_zero : tensor<?x32768xf32>) -> tensor<?x32768xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x32768xf32> to tensor<?x32768xbf16>
    %q_n_q_init_1 = tensor.empty(%t) : tensor<?x1024xf8E4M3FN>
    %q_n_s_init_1 = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %q_n_q_1, %q_n_s_1 = lm.quantize #scheme ins(%q_n : tensor<?x1024xbf16>)
        outs(%q_n_q_init_1, %q_n_s_init_1 : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
    %q_n_d_init_1 = tensor.empty(%t) : tensor<?x1024xbf16>
    %q_n_d_1 = lm.dequantize #scheme
        ins(%q_n_q_1, %q_n_s_1 : tensor<?x1024xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
        outs(%q_n_d_init_1 : tensor<?x1024xbf16>)
    %index_q_init = tensor.empty(%t) : tensor<?x8192xf32>
    %index_q_zero = linalg.fill ins(%zero : f32)
        outs(%index_q_init : tensor<?x8192xf32>) -> tensor<?x8192xf32>
    %index_q_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d_1, %w_index_q : tensor<?x1024xbf16>, tensor<8192x1024xbf16>)
        outs(%index_q_zero : tensor<?x8192xf32>) -> tensor<?x8192xf32>
    %index_q = arith.truncf %index_q_f32 : tensor<?x8192xf32> to tensor<?x8192xbf16>
    %index_query = tensor.expand_shape %index_q [[0], [1, 2]]
        output_shape [%t, 64, 128] : tensor<?x8192xbf16> into tensor<?x64x128xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 64, 512] : tensor<?x32768xbf16> into tensor<?x64x512xbf16>
    %q_heads_init = tensor.empty(%t) : tensor<?x64x512xbf16>
    %q_heads = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q : tensor<?x64x512xbf16>)
        outs(%q_heads_init : tensor<?x64x512xbf16>)
    %q_pe = tensor.extract_slice %q_heads[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x64x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x64x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%q_rot_init : tensor<?x64x64xbf16>)
    %query = tensor.insert_slice %q_rot into %q_heads[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>

    // Latent row of the sliding window's cache.
    %kv_nope = tensor.extract_slice %kv_n[0, 0] [%t, 448] [1, 1]
        : tensor<?x512xbf16> to tensor<?x448xbf16>
    %k_pe = tensor.extract_slice %kv_n[0, 448] [%t, 64] [1, 1]
        : tensor<?x512xbf16> to tensor<?x64xbf16>
    %k_rot_init = tensor.empty(%t) : tensor<?x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe : tensor<?x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%k_rot_init : tensor<?x64xbf16>)
    %cache_out = lm.mla_cache_write ds_mla_584
        {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64}
        ins(%kv_nope, %k_rot : tensor<?x448xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x37440xi8>)

    // Slots of the window and of the entries that the indexer chose.
    %window_slots_init = tensor.empty(%t) : tensor<?x128xi32>
    %window_lengths_init = tensor.empty(%t) : tensor<?xi32>
    %window_slots, %window_lengths = lm.swa_slots {window = 128, page_size = 64}
        ins(%positions : tensor<?xi64>) block_table(%window_table : tensor<?x?xi32>)
        requests(%requests : tensor<?xi32>)
        outs(%window_slots_init, %window_lengths_init : tensor<?x128xi32>, tensor<?xi32>)
    %chosen_slots_init = tensor.empty(%t) : tensor<?x512xi32>
    %chosen_lengths_init = tensor.empty(%t) : tensor<?xi32>
    %chosen_slots, %chosen_lengths = lm.topk_slots {page_size = 64, compress_ratio = 4, full}
        ins(%indices : tensor<?x512xi32>) block_table(%table_4 : tensor<?x?xi32>)
        requests(%requests : tensor<?xi32>) positions(%positions : tensor<?xi64>)
        outs(%chosen_slots_init, %chosen_lengths_init : tensor<?x512xi32>, tensor<?xi32>)

    // Attention with a sink.
    %attn_init = tensor.empty(%t) : tensor<?x64x512xbf16>
    %attn = lm.sparse_mla_decode ds_mla_584
        {sm_scale = 4.41941738e-02 : f32, page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 64}
        ins(%query : tensor<?x64x512xbf16>) cache(%cache_out : tensor<?x37440xi8>)
        slots(%window_slots : tensor<?x128xi32>) lengths(%window_lengths : tensor<?xi32>)
        extra_cache(%compressed_cache : tensor<?x37440xi8>)
        extra_slots(%chosen_slots : tensor<?x512xi32>)
        extra_lengths(%chosen_lengths : tensor<?xi32>) sink(%sink : tensor<64xf32>)
        outs(%attn_init : tensor<?x64x512xbf16>)

    // Attention output rotated back, quantised, grouped o projection.
    %o_pe = tensor.extract_slice %attn[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
    %o_rot_init = tensor.empty(%t) : tensor<?x64x64xbf16>
    %o_rot = lm.rope interleaved inverse ins(%o_pe : tensor<?x64x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<1048576x64xf32>)
        outs(%o_rot_init : tensor<?x64x64xbf16>)
    %o = tensor.insert_slice %o_rot into %attn[0, 0, 448] [%t, 64, 64] [1, 1, 1]
        : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]]
        : tensor<?x64x512xbf16> into tensor<?x32768xbf16>
    %o_groups = tensor.expand_shape %o_rows [[0], [1, 2]]
        output_shape [%t, 8, 4096] : tensor<?x32768xbf16> into tensor<?x8x4096xbf16>
    %o_groups_q_init = tensor.empty(%t) : tensor<?x8x4096xf8E4M3FN>
    %o_groups_s_init = tensor.empty(%t) : tensor<?x8x32xf8E8M0FNU>
    %o_groups_q, %o_groups_s = lm.quantize #scheme ins(%o_groups : tensor<?x8x4096xbf16>)
        outs(%o_groups_q_init, %o_groups_s_init : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
    %o_groups_d_init = tensor.empty(%t) : tensor<?x8x4096xbf16>
    %o_groups_d = lm.dequantize #scheme
        ins(%o_groups_q, %o_groups_s : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
        outs(%o_groups_d_init : tensor<?x8x4096xbf16>)
    %o_heads_init = tensor.empty(%t) : tensor<8x?x4096xbf16>
    %o_heads = linalg.transpose ins(%o_groups_d : tensor<?x8x4096xbf16>)
        outs(%o_heads_init : tensor<8x?x4096xbf16>) permutation = [1, 0, 2]
    %o_a_init = tensor.empty(%t) : tensor<8x?x1024xf32>
    %o_a_zero = linalg.fill ins(%zero : f32)
        outs(%o_a_init : tensor<8x?x1024xf32>) -> tensor<8x?x1024xf32>
    %o_a_f32 = linalg.batch_matmul
        ins(%o_heads, %w_o_a : tensor<8x?x4096xbf16>, tensor<8x4096x1024xbf16>)
        outs(%o_a_zero : tensor<8x?x1024xf32>) -> tensor<8x?x1024xf32>
    %o_a = arith.truncf %o_a_f32 : tensor<8x?x1024xf32> to tensor<8x?x1024xbf16>
    %o_latent_init = tensor.empty(%t) : tensor<?x8x1024xbf16>
    %o_latent = linalg.transpose ins(%o_a : tensor<8x?x1024xbf16>)
        outs(%o_latent_init : tensor<?x8x1024xbf16>) permutation = [1, 0, 2]
    %o_latent_rows = tensor.collapse_shape %o_latent [[0], [1, 2]]
        : tensor<?x8x1024xbf16> into tensor<?x8192xbf16>
    %o_latent_rows_q_init = tensor.empty(%t) : tensor<?x8192xf8E4M3FN>
    %o_latent_rows_s_init = tensor.empty(%t) : tensor<?x64xf8E8M0FNU>
    %o_latent_rows_q, %o_latent_rows_s = lm.quantize #scheme
        ins(%o_latent_rows : tensor<?x8192xbf16>)
        outs(%o_latent_rows_q_init, %o_latent_rows_s_init : tensor<?x8192xf8E4M3FN>, tensor<?x64xf8E8M0FNU>)
    %o_latent_rows_d_init = tensor.empty(%t) : tensor<?x8192xbf16>
    %o_latent_rows_d = lm.dequantize #scheme
        ins(%o_latent_rows_q, %o_latent_rows_s : tensor<?x8192xf8E4M3FN>, tensor<?x64xf8E8M0FNU>)
        outs(%o_latent_rows_d_init : tensor<?x8192xbf16>)
    %o_b_init = tensor.empty(%t) : tensor<?x4096xf32>
    %o_b_zero = linalg.fill ins(%zero : f32)
        outs(%o_b_init : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %o_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_latent_rows_d, %w_o_b : tensor<?x8192xbf16>, tensor<4096x8192xbf16>)
        outs(%o_b_zero : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %o_b = arith.truncf %o_b_f32 : tensor<?x4096xf32> to tensor<?x4096xbf16>
    return %compressor, %index_compressor, %index_weights, %index_query, %cache_out, %o_b
      : tensor<?x2048xf32>, tensor<?x512xf32>, tensor<?x64xbf16>, tensor<?x64x128xbf16>,
          tensor<?x37440xi8>, tensor<?x4096xbf16>
  }
}
