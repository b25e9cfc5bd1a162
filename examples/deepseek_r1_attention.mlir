// Written by scripts/generate_model.py --model r1-attention; docs/Models.md has the graph.
//
// DeepSeek-R1 (V3), one decode step of a decoder layer with its attention: the
// latent row of each token is written to the paged cache, and the absorbed queries
// attend to the cache with those rows. Request b has `lengths[b]` tokens, the new
// ones included, in the pages `block_table[b]`; its tokens of this step are
// successive rows (one, unless several are predicted), masked causally. The widths
// are those of one of eight tensor parallel ranks; the sums over the ranks (of
// `o_sum` and of the MLP's output) are not part of the graph.
//
// @dense_attention_layer has a dense MLP (the first three layers),
// @moe_attention_layer routed experts, for which x2 is a result. The scale of the
// logits is that of 192 columns times the square of YaRN's 0.1 ln 40 + 1.
//
// Shapes: config.json of deepseek-ai/DeepSeek-R1 (hidden 7168, 128 heads,
// q_lora_rank 1536, kv_lora_rank 512, qk_nope 128, qk_rope 64, v 128, MLP 18432,
// shared expert 2048, 256 experts). Graph: vllm-project/vllm,
// vllm/model_executor/models/deepseek_v2.py and layers/mla.py.
//
// Try: hipfuse-opt FILE --lm-fuse --canonicalize --cse

#rows = affine_map<(t, n, k) -> (t, k)>
#weight = affine_map<(t, n, k) -> (n, k)>
#result = affine_map<(t, n, k) -> (t, n)>
#scheme = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>

module {
  func.func @dense_attention_layer(
      %h: tensor<?x7168xbf16>,
      %r: tensor<?x7168xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<163840x64xf32>,
      %block_table: tensor<?x?xi32>,
      %lengths: tensor<?xi32>,
      %cache: tensor<?x64x576xbf16>,
      %g_x: tensor<7168xbf16>,
      %w_qkv_a: tensor<2112x7168xbf16>,
      %g_q_n: tensor<1536xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<3072x1536xbf16>,
      %w_uk: tensor<16x128x512xbf16>,
      %w_uv: tensor<16x512x128xbf16>,
      %w_o_sum: tensor<7168x2048xbf16>,
      %g_x2: tensor<7168xbf16>,
      %w_gate_up: tensor<4608x7168xbf16>,
      %w_down: tensor<7168x2304xbf16>
  ) -> (tensor<?x64x576xbf16>, tensor<?x7168xbf16>, tensor<?x7168xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %h, %c0 : tensor<?x7168xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %r1_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x, %r1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%h, %r : tensor<?x7168xbf16>, tensor<?x7168xbf16>) weight(%g_x : tensor<7168xbf16>)
        outs(%x_init, %r1_init : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x3584xi8>
    %x_s_init = tensor.empty(%t) : tensor<?x224xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x7168xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x7168xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x2112xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x2112xf32>) -> tensor<?x2112xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x7168xbf16>, tensor<2112x7168xbf16>)
        outs(%qkv_a_zero : tensor<?x2112xf32>) -> tensor<?x2112xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x2112xf32> to tensor<?x2112xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 1536] [1, 1]
        : tensor<?x2112xbf16> to tensor<?x1536xbf16>
    %kv = tensor.extract_slice %qkv_a[0, 1536] [%t, 576] [1, 1]
        : tensor<?x2112xbf16> to tensor<?x576xbf16>
    %kv_c = tensor.extract_slice %kv[0, 0] [%t, 512] [1, 1]
        : tensor<?x576xbf16> to tensor<?x512xbf16>
    %k_pe = tensor.extract_slice %kv[0, 512] [%t, 64] [1, 1]
        : tensor<?x576xbf16> to tensor<?x64xbf16>
    %q_n_init = tensor.empty(%t) : tensor<?x1536xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x1536xbf16>)
        weight(%g_q_n : tensor<1536xbf16>) outs(%q_n_init : tensor<?x1536xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads; the rotated part is assigned back into them.
    %q_n_q_init = tensor.empty(%t) : tensor<?x768xi8>
    %q_n_s_init = tensor.empty(%t) : tensor<?x48xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x1536xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x768xi8>, tensor<?x48xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x1536xbf16>
    %q_n_d = lm.dequantize #scheme ins(%q_n_q, %q_n_s : tensor<?x768xi8>, tensor<?x48xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x1536xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x3072xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x3072xf32>) -> tensor<?x3072xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x1536xbf16>, tensor<3072x1536xbf16>)
        outs(%q_b_zero : tensor<?x3072xf32>) -> tensor<?x3072xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x3072xf32> to tensor<?x3072xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 16, 192] : tensor<?x3072xbf16> into tensor<?x16x192xbf16>
    %q_pe = tensor.extract_slice %q[0, 0, 128] [%t, 16, 64] [1, 1, 1]
        : tensor<?x16x192xbf16> to tensor<?x16x64xbf16>
    %k_pe_heads = tensor.expand_shape %k_pe [[0], [1, 2]]
        output_shape [%t, 1, 64] : tensor<?x64xbf16> into tensor<?x1x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x16x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x16x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<163840x64xf32>)
        outs(%q_rot_init : tensor<?x16x64xbf16>)
    %k_rot_init = tensor.empty(%t) : tensor<?x1x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe_heads : tensor<?x1x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<163840x64xf32>)
        outs(%k_rot_init : tensor<?x1x64xbf16>)
    %q_rotated = tensor.insert_slice %q_rot into %q[0, 0, 128] [%t, 16, 64] [1, 1, 1]
        : tensor<?x16x64xbf16> into tensor<?x16x192xbf16>
    %k_rot_rows = tensor.collapse_shape %k_rot [[0], [1, 2]]
        : tensor<?x1x64xbf16> into tensor<?x64xbf16>
    %cache_out = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
        ins(%kv_n, %k_rot_rows : tensor<?x512xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)

    // The absorbed query that attends to the latent cache.
    %q_nope = tensor.extract_slice %q_rotated[0, 0, 0] [%t, 16, 128] [1, 1, 1]
        : tensor<?x16x192xbf16> to tensor<?x16x128xbf16>
    %q_nope_heads_init = tensor.empty(%t) : tensor<16x?x128xbf16>
    %q_nope_heads = linalg.transpose ins(%q_nope : tensor<?x16x128xbf16>)
        outs(%q_nope_heads_init : tensor<16x?x128xbf16>) permutation = [1, 0, 2]
    %uk_init = tensor.empty(%t) : tensor<16x?x512xf32>
    %uk_zero = linalg.fill ins(%zero : f32)
        outs(%uk_init : tensor<16x?x512xf32>) -> tensor<16x?x512xf32>
    %uk_f32 = linalg.batch_matmul
        ins(%q_nope_heads, %w_uk : tensor<16x?x128xbf16>, tensor<16x128x512xbf16>)
        outs(%uk_zero : tensor<16x?x512xf32>) -> tensor<16x?x512xf32>
    %uk = arith.truncf %uk_f32 : tensor<16x?x512xf32> to tensor<16x?x512xbf16>
    %q_latent_init = tensor.empty(%t) : tensor<?x16x512xbf16>
    %q_latent = linalg.transpose ins(%uk : tensor<16x?x512xbf16>)
        outs(%q_latent_init : tensor<?x16x512xbf16>) permutation = [1, 0, 2]
    %q_pe_rotated = tensor.extract_slice %q_rotated[0, 0, 128] [%t, 16, 64] [1, 1, 1]
        : tensor<?x16x192xbf16> to tensor<?x16x64xbf16>
    %query = tensor.concat dim(2) %q_latent, %q_pe_rotated
        : (tensor<?x16x512xbf16>, tensor<?x16x64xbf16>) -> tensor<?x16x576xbf16>

    // Attention over the cache with the rows of this step.
    %attn_init = tensor.empty(%t) : tensor<?x16x512xbf16>
    %attn = lm.mla_decode bf16 {sm_scale = 1.35233779e-01 : f32}
        ins(%query : tensor<?x16x576xbf16>) cache(%cache_out : tensor<?x64x576xbf16>)
        block_table(%block_table : tensor<?x?xi32>) lengths(%lengths : tensor<?xi32>)
        outs(%attn_init : tensor<?x16x512xbf16>)

    // Attention output to value heads, o projection.
    %attn_heads_init = tensor.empty(%t) : tensor<16x?x512xbf16>
    %attn_heads = linalg.transpose ins(%attn : tensor<?x16x512xbf16>)
        outs(%attn_heads_init : tensor<16x?x512xbf16>) permutation = [1, 0, 2]
    %uv_init = tensor.empty(%t) : tensor<16x?x128xf32>
    %uv_zero = linalg.fill ins(%zero : f32)
        outs(%uv_init : tensor<16x?x128xf32>) -> tensor<16x?x128xf32>
    %uv_f32 = linalg.batch_matmul
        ins(%attn_heads, %w_uv : tensor<16x?x512xbf16>, tensor<16x512x128xbf16>)
        outs(%uv_zero : tensor<16x?x128xf32>) -> tensor<16x?x128xf32>
    %uv = arith.truncf %uv_f32 : tensor<16x?x128xf32> to tensor<16x?x128xbf16>
    %o_init = tensor.empty(%t) : tensor<?x16x128xbf16>
    %o = linalg.transpose ins(%uv : tensor<16x?x128xbf16>)
        outs(%o_init : tensor<?x16x128xbf16>) permutation = [1, 0, 2]
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]]
        : tensor<?x16x128xbf16> into tensor<?x2048xbf16>
    %o_rows_q_init = tensor.empty(%t) : tensor<?x1024xi8>
    %o_rows_s_init = tensor.empty(%t) : tensor<?x64xf8E8M0FNU>
    %o_rows_q, %o_rows_s = lm.quantize #scheme ins(%o_rows : tensor<?x2048xbf16>)
        outs(%o_rows_q_init, %o_rows_s_init : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>)
    %o_rows_d_init = tensor.empty(%t) : tensor<?x2048xbf16>
    %o_rows_d = lm.dequantize #scheme
        ins(%o_rows_q, %o_rows_s : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>)
        outs(%o_rows_d_init : tensor<?x2048xbf16>)
    %o_sum_init = tensor.empty(%t) : tensor<?x7168xf32>
    %o_sum_zero = linalg.fill ins(%zero : f32)
        outs(%o_sum_init : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %o_sum_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_rows_d, %w_o_sum : tensor<?x2048xbf16>, tensor<7168x2048xbf16>)
        outs(%o_sum_zero : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %o_sum = arith.truncf %o_sum_f32 : tensor<?x7168xf32> to tensor<?x7168xbf16>

    // MLP.
    %x2_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %r2_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x2, %r2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%o_sum, %r1 : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
        weight(%g_x2 : tensor<7168xbf16>)
        outs(%x2_init, %r2_init : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
    %x2_q_init = tensor.empty(%t) : tensor<?x3584xi8>
    %x2_s_init = tensor.empty(%t) : tensor<?x224xf8E8M0FNU>
    %x2_q, %x2_s = lm.quantize #scheme ins(%x2 : tensor<?x7168xbf16>)
        outs(%x2_q_init, %x2_s_init : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    %x2_d_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x2_d = lm.dequantize #scheme ins(%x2_q, %x2_s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
        outs(%x2_d_init : tensor<?x7168xbf16>)
    %gate_up_init = tensor.empty(%t) : tensor<?x4608xf32>
    %gate_up_zero = linalg.fill ins(%zero : f32)
        outs(%gate_up_init : tensor<?x4608xf32>) -> tensor<?x4608xf32>
    %gate_up_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x2_d, %w_gate_up : tensor<?x7168xbf16>, tensor<4608x7168xbf16>)
        outs(%gate_up_zero : tensor<?x4608xf32>) -> tensor<?x4608xf32>
    %gate_up = arith.truncf %gate_up_f32 : tensor<?x4608xf32> to tensor<?x4608xbf16>
    %act_init = tensor.empty(%t) : tensor<?x2304xbf16>
    %act = lm.silu_mul ins(%gate_up : tensor<?x4608xbf16>) outs(%act_init : tensor<?x2304xbf16>)
    %act_q_init = tensor.empty(%t) : tensor<?x1152xi8>
    %act_s_init = tensor.empty(%t) : tensor<?x72xf8E8M0FNU>
    %act_q, %act_s = lm.quantize #scheme ins(%act : tensor<?x2304xbf16>)
        outs(%act_q_init, %act_s_init : tensor<?x1152xi8>, tensor<?x72xf8E8M0FNU>)
    %act_d_init = tensor.empty(%t) : tensor<?x2304xbf16>
    %act_d = lm.dequantize #scheme ins(%act_q, %act_s : tensor<?x1152xi8>, tensor<?x72xf8E8M0FNU>)
        outs(%act_d_init : tensor<?x2304xbf16>)
    %down_init = tensor.empty(%t) : tensor<?x7168xf32>
    %down_zero = linalg.fill ins(%zero : f32)
        outs(%down_init : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %down_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%act_d, %w_down : tensor<?x2304xbf16>, tensor<7168x2304xbf16>)
        outs(%down_zero : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %down = arith.truncf %down_f32 : tensor<?x7168xf32> to tensor<?x7168xbf16>
    return %cache_out, %down, %r2
      : tensor<?x64x576xbf16>, tensor<?x7168xbf16>, tensor<?x7168xbf16>
  }

  func.func @moe_attention_layer(
      %h: tensor<?x7168xbf16>,
      %r: tensor<?x7168xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<163840x64xf32>,
      %block_table: tensor<?x?xi32>,
      %lengths: tensor<?xi32>,
      %cache: tensor<?x64x576xbf16>,
      %g_x: tensor<7168xbf16>,
      %w_qkv_a: tensor<2112x7168xbf16>,
      %g_q_n: tensor<1536xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<3072x1536xbf16>,
      %w_uk: tensor<16x128x512xbf16>,
      %w_uv: tensor<16x512x128xbf16>,
      %w_o_sum: tensor<7168x2048xbf16>,
      %g_x2: tensor<7168xbf16>,
      %w_logits: tensor<256x7168xbf16>,
      %w_gate_up: tensor<512x7168xbf16>,
      %w_down: tensor<7168x256xbf16>
  ) -> (tensor<?x64x576xbf16>, tensor<?x256xf32>, tensor<?x7168xbf16>, tensor<?x7168xbf16>,
        tensor<?x7168xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %h, %c0 : tensor<?x7168xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %r1_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x, %r1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%h, %r : tensor<?x7168xbf16>, tensor<?x7168xbf16>) weight(%g_x : tensor<7168xbf16>)
        outs(%x_init, %r1_init : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x3584xi8>
    %x_s_init = tensor.empty(%t) : tensor<?x224xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x7168xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x7168xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x2112xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x2112xf32>) -> tensor<?x2112xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x7168xbf16>, tensor<2112x7168xbf16>)
        outs(%qkv_a_zero : tensor<?x2112xf32>) -> tensor<?x2112xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x2112xf32> to tensor<?x2112xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 1536] [1, 1]
        : tensor<?x2112xbf16> to tensor<?x1536xbf16>
    %kv = tensor.extract_slice %qkv_a[0, 1536] [%t, 576] [1, 1]
        : tensor<?x2112xbf16> to tensor<?x576xbf16>
    %kv_c = tensor.extract_slice %kv[0, 0] [%t, 512] [1, 1]
        : tensor<?x576xbf16> to tensor<?x512xbf16>
    %k_pe = tensor.extract_slice %kv[0, 512] [%t, 64] [1, 1]
        : tensor<?x576xbf16> to tensor<?x64xbf16>
    %q_n_init = tensor.empty(%t) : tensor<?x1536xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x1536xbf16>)
        weight(%g_q_n : tensor<1536xbf16>) outs(%q_n_init : tensor<?x1536xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads; the rotated part is assigned back into them.
    %q_n_q_init = tensor.empty(%t) : tensor<?x768xi8>
    %q_n_s_init = tensor.empty(%t) : tensor<?x48xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x1536xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x768xi8>, tensor<?x48xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x1536xbf16>
    %q_n_d = lm.dequantize #scheme ins(%q_n_q, %q_n_s : tensor<?x768xi8>, tensor<?x48xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x1536xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x3072xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x3072xf32>) -> tensor<?x3072xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x1536xbf16>, tensor<3072x1536xbf16>)
        outs(%q_b_zero : tensor<?x3072xf32>) -> tensor<?x3072xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x3072xf32> to tensor<?x3072xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 16, 192] : tensor<?x3072xbf16> into tensor<?x16x192xbf16>
    %q_pe = tensor.extract_slice %q[0, 0, 128] [%t, 16, 64] [1, 1, 1]
        : tensor<?x16x192xbf16> to tensor<?x16x64xbf16>
    %k_pe_heads = tensor.expand_shape %k_pe [[0], [1, 2]]
        output_shape [%t, 1, 64] : tensor<?x64xbf16> into tensor<?x1x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x16x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x16x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<163840x64xf32>)
        outs(%q_rot_init : tensor<?x16x64xbf16>)
    %k_rot_init = tensor.empty(%t) : tensor<?x1x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe_heads : tensor<?x1x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<163840x64xf32>)
        outs(%k_rot_init : tensor<?x1x64xbf16>)
    %q_rotated = tensor.insert_slice %q_rot into %q[0, 0, 128] [%t, 16, 64] [1, 1, 1]
        : tensor<?x16x64xbf16> into tensor<?x16x192xbf16>
    %k_rot_rows = tensor.collapse_shape %k_rot [[0], [1, 2]]
        : tensor<?x1x64xbf16> into tensor<?x64xbf16>
    %cache_out = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
        ins(%kv_n, %k_rot_rows : tensor<?x512xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)

    // The absorbed query that attends to the latent cache.
    %q_nope = tensor.extract_slice %q_rotated[0, 0, 0] [%t, 16, 128] [1, 1, 1]
        : tensor<?x16x192xbf16> to tensor<?x16x128xbf16>
    %q_nope_heads_init = tensor.empty(%t) : tensor<16x?x128xbf16>
    %q_nope_heads = linalg.transpose ins(%q_nope : tensor<?x16x128xbf16>)
        outs(%q_nope_heads_init : tensor<16x?x128xbf16>) permutation = [1, 0, 2]
    %uk_init = tensor.empty(%t) : tensor<16x?x512xf32>
    %uk_zero = linalg.fill ins(%zero : f32)
        outs(%uk_init : tensor<16x?x512xf32>) -> tensor<16x?x512xf32>
    %uk_f32 = linalg.batch_matmul
        ins(%q_nope_heads, %w_uk : tensor<16x?x128xbf16>, tensor<16x128x512xbf16>)
        outs(%uk_zero : tensor<16x?x512xf32>) -> tensor<16x?x512xf32>
    %uk = arith.truncf %uk_f32 : tensor<16x?x512xf32> to tensor<16x?x512xbf16>
    %q_latent_init = tensor.empty(%t) : tensor<?x16x512xbf16>
    %q_latent = linalg.transpose ins(%uk : tensor<16x?x512xbf16>)
        outs(%q_latent_init : tensor<?x16x512xbf16>) permutation = [1, 0, 2]
    %q_pe_rotated = tensor.extract_slice %q_rotated[0, 0, 128] [%t, 16, 64] [1, 1, 1]
        : tensor<?x16x192xbf16> to tensor<?x16x64xbf16>
    %query = tensor.concat dim(2) %q_latent, %q_pe_rotated
        : (tensor<?x16x512xbf16>, tensor<?x16x64xbf16>) -> tensor<?x16x576xbf16>

    // Attention over the cache with the rows of this step.
    %attn_init = tensor.empty(%t) : tensor<?x16x512xbf16>
    %attn = lm.mla_decode bf16 {sm_scale = 1.35233779e-01 : f32}
        ins(%query : tensor<?x16x576xbf16>) cache(%cache_out : tensor<?x64x576xbf16>)
        block_table(%block_table : tensor<?x?xi32>) lengths(%lengths : tensor<?xi32>)
        outs(%attn_init : tensor<?x16x512xbf16>)

    // Attention output to value heads, o projection.
    %attn_heads_init = tensor.empty(%t) : tensor<16x?x512xbf16>
    %attn_heads = linalg.transpose ins(%attn : tensor<?x16x512xbf16>)
        outs(%attn_heads_init : tensor<16x?x512xbf16>) permutation = [1, 0, 2]
    %uv_init = tensor.empty(%t) : tensor<16x?x128xf32>
    %uv_zero = linalg.fill ins(%zero : f32)
        outs(%uv_init : tensor<16x?x128xf32>) -> tensor<16x?x128xf32>
    %uv_f32 = linalg.batch_matmul
        ins(%attn_heads, %w_uv : tensor<16x?x512xbf16>, tensor<16x512x128xbf16>)
        outs(%uv_zero : tensor<16x?x128xf32>) -> tensor<16x?x128xf32>
    %uv = arith.truncf %uv_f32 : tensor<16x?x128xf32> to tensor<16x?x128xbf16>
    %o_init = tensor.empty(%t) : tensor<?x16x128xbf16>
    %o = linalg.transpose ins(%uv : tensor<16x?x128xbf16>)
        outs(%o_init : tensor<?x16x128xbf16>) permutation = [1, 0, 2]
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]]
        : tensor<?x16x128xbf16> into tensor<?x2048xbf16>
    %o_rows_q_init = tensor.empty(%t) : tensor<?x1024xi8>
    %o_rows_s_init = tensor.empty(%t) : tensor<?x64xf8E8M0FNU>
    %o_rows_q, %o_rows_s = lm.quantize #scheme ins(%o_rows : tensor<?x2048xbf16>)
        outs(%o_rows_q_init, %o_rows_s_init : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>)
    %o_rows_d_init = tensor.empty(%t) : tensor<?x2048xbf16>
    %o_rows_d = lm.dequantize #scheme
        ins(%o_rows_q, %o_rows_s : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>)
        outs(%o_rows_d_init : tensor<?x2048xbf16>)
    %o_sum_init = tensor.empty(%t) : tensor<?x7168xf32>
    %o_sum_zero = linalg.fill ins(%zero : f32)
        outs(%o_sum_init : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %o_sum_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_rows_d, %w_o_sum : tensor<?x2048xbf16>, tensor<7168x2048xbf16>)
        outs(%o_sum_zero : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %o_sum = arith.truncf %o_sum_f32 : tensor<?x7168xf32> to tensor<?x7168xbf16>

    // Router gate and shared expert; x2 also feeds the routed experts.
    %x2_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %r2_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x2, %r2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%o_sum, %r1 : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
        weight(%g_x2 : tensor<7168xbf16>)
        outs(%x2_init, %r2_init : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
    %logits_init = tensor.empty(%t) : tensor<?x256xf32>
    %logits_zero = linalg.fill ins(%zero : f32)
        outs(%logits_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %logits = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x2, %w_logits : tensor<?x7168xbf16>, tensor<256x7168xbf16>)
        outs(%logits_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %x2_q_init = tensor.empty(%t) : tensor<?x3584xi8>
    %x2_s_init = tensor.empty(%t) : tensor<?x224xf8E8M0FNU>
    %x2_q, %x2_s = lm.quantize #scheme ins(%x2 : tensor<?x7168xbf16>)
        outs(%x2_q_init, %x2_s_init : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    %x2_d_init = tensor.empty(%t) : tensor<?x7168xbf16>
    %x2_d = lm.dequantize #scheme ins(%x2_q, %x2_s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
        outs(%x2_d_init : tensor<?x7168xbf16>)
    %gate_up_init = tensor.empty(%t) : tensor<?x512xf32>
    %gate_up_zero = linalg.fill ins(%zero : f32)
        outs(%gate_up_init : tensor<?x512xf32>) -> tensor<?x512xf32>
    %gate_up_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x2_d, %w_gate_up : tensor<?x7168xbf16>, tensor<512x7168xbf16>)
        outs(%gate_up_zero : tensor<?x512xf32>) -> tensor<?x512xf32>
    %gate_up = arith.truncf %gate_up_f32 : tensor<?x512xf32> to tensor<?x512xbf16>
    %act_init = tensor.empty(%t) : tensor<?x256xbf16>
    %act = lm.silu_mul ins(%gate_up : tensor<?x512xbf16>) outs(%act_init : tensor<?x256xbf16>)
    %act_q_init = tensor.empty(%t) : tensor<?x128xi8>
    %act_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %act_q, %act_s = lm.quantize #scheme ins(%act : tensor<?x256xbf16>)
        outs(%act_q_init, %act_s_init : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
    %act_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %act_d = lm.dequantize #scheme ins(%act_q, %act_s : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
        outs(%act_d_init : tensor<?x256xbf16>)
    %down_init = tensor.empty(%t) : tensor<?x7168xf32>
    %down_zero = linalg.fill ins(%zero : f32)
        outs(%down_init : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %down_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%act_d, %w_down : tensor<?x256xbf16>, tensor<7168x256xbf16>)
        outs(%down_zero : tensor<?x7168xf32>) -> tensor<?x7168xf32>
    %down = arith.truncf %down_f32 : tensor<?x7168xf32> to tensor<?x7168xbf16>
    return %cache_out, %logits, %x2, %down, %r2
      : tensor<?x64x576xbf16>, tensor<?x256xf32>, tensor<?x7168xbf16>, tensor<?x7168xbf16>,
          tensor<?x7168xbf16>
  }
}
