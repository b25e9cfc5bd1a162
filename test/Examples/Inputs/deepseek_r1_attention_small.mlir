// Written by scripts/generate_model.py --model r1-attention --preset small; docs/Models.md has the graph.
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
// The options above change the dimensions; those named here are the published ones.
//
// Try: hipfuse-opt FILE --lm-fuse --canonicalize --cse

#rows = affine_map<(t, n, k) -> (t, k)>
#weight = affine_map<(t, n, k) -> (n, k)>
#result = affine_map<(t, n, k) -> (t, n)>
#scheme = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>

module {
  func.func @dense_attention_layer(
      %h: tensor<?x256xbf16>,
      %r: tensor<?x256xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<512x64xf32>,
      %block_table: tensor<?x?xi32>,
      %lengths: tensor<?xi32>,
      %cache: tensor<?x16x576xbf16>,
      %g_x: tensor<256xbf16>,
      %w_qkv_a: tensor<704x256xbf16>,
      %g_q_n: tensor<128xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<384x128xbf16>,
      %w_uk: tensor<4x32x512xbf16>,
      %w_uv: tensor<4x512x32xbf16>,
      %w_o_sum: tensor<256x128xbf16>,
      %g_x2: tensor<256xbf16>,
      %w_gate_up: tensor<512x256xbf16>,
      %w_down: tensor<256x256xbf16>
  ) -> (tensor<?x16x576xbf16>, tensor<?x256xbf16>, tensor<?x256xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %h, %c0 : tensor<?x256xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x256xbf16>
    %r1_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x, %r1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%h, %r : tensor<?x256xbf16>, tensor<?x256xbf16>) weight(%g_x : tensor<256xbf16>)
        outs(%x_init, %r1_init : tensor<?x256xbf16>, tensor<?x256xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x128xi8>
    %x_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x256xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x256xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x704xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x704xf32>) -> tensor<?x704xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x256xbf16>, tensor<704x256xbf16>)
        outs(%qkv_a_zero : tensor<?x704xf32>) -> tensor<?x704xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x704xf32> to tensor<?x704xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 128] [1, 1]
        : tensor<?x704xbf16> to tensor<?x128xbf16>
    %kv = tensor.extract_slice %qkv_a[0, 128] [%t, 576] [1, 1]
        : tensor<?x704xbf16> to tensor<?x576xbf16>
    %kv_c = tensor.extract_slice %kv[0, 0] [%t, 512] [1, 1]
        : tensor<?x576xbf16> to tensor<?x512xbf16>
    %k_pe = tensor.extract_slice %kv[0, 512] [%t, 64] [1, 1]
        : tensor<?x576xbf16> to tensor<?x64xbf16>
    %q_n_init = tensor.empty(%t) : tensor<?x128xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x128xbf16>)
        weight(%g_q_n : tensor<128xbf16>) outs(%q_n_init : tensor<?x128xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads; the rotated part is assigned back into them.
    %q_n_q_init = tensor.empty(%t) : tensor<?x64xi8>
    %q_n_s_init = tensor.empty(%t) : tensor<?x4xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x128xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x128xbf16>
    %q_n_d = lm.dequantize #scheme ins(%q_n_q, %q_n_s : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x128xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x384xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x384xf32>) -> tensor<?x384xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x128xbf16>, tensor<384x128xbf16>)
        outs(%q_b_zero : tensor<?x384xf32>) -> tensor<?x384xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x384xf32> to tensor<?x384xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 4, 96] : tensor<?x384xbf16> into tensor<?x4x96xbf16>
    %q_pe = tensor.extract_slice %q[0, 0, 32] [%t, 4, 64] [1, 1, 1]
        : tensor<?x4x96xbf16> to tensor<?x4x64xbf16>
    %k_pe_heads = tensor.expand_shape %k_pe [[0], [1, 2]]
        output_shape [%t, 1, 64] : tensor<?x64xbf16> into tensor<?x1x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x4x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x4x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<512x64xf32>)
        outs(%q_rot_init : tensor<?x4x64xbf16>)
    %k_rot_init = tensor.empty(%t) : tensor<?x1x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe_heads : tensor<?x1x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<512x64xf32>)
        outs(%k_rot_init : tensor<?x1x64xbf16>)
    %q_rotated = tensor.insert_slice %q_rot into %q[0, 0, 32] [%t, 4, 64] [1, 1, 1]
        : tensor<?x4x64xbf16> into tensor<?x4x96xbf16>
    %k_rot_rows = tensor.collapse_shape %k_rot [[0], [1, 2]]
        : tensor<?x1x64xbf16> into tensor<?x64xbf16>
    %cache_out = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
        ins(%kv_n, %k_rot_rows : tensor<?x512xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x16x576xbf16>)

    // The absorbed query that attends to the latent cache.
    %q_nope = tensor.extract_slice %q_rotated[0, 0, 0] [%t, 4, 32] [1, 1, 1]
        : tensor<?x4x96xbf16> to tensor<?x4x32xbf16>
    %q_nope_heads_init = tensor.empty(%t) : tensor<4x?x32xbf16>
    %q_nope_heads = linalg.transpose ins(%q_nope : tensor<?x4x32xbf16>)
        outs(%q_nope_heads_init : tensor<4x?x32xbf16>) permutation = [1, 0, 2]
    %uk_init = tensor.empty(%t) : tensor<4x?x512xf32>
    %uk_zero = linalg.fill ins(%zero : f32)
        outs(%uk_init : tensor<4x?x512xf32>) -> tensor<4x?x512xf32>
    %uk_f32 = linalg.batch_matmul
        ins(%q_nope_heads, %w_uk : tensor<4x?x32xbf16>, tensor<4x32x512xbf16>)
        outs(%uk_zero : tensor<4x?x512xf32>) -> tensor<4x?x512xf32>
    %uk = arith.truncf %uk_f32 : tensor<4x?x512xf32> to tensor<4x?x512xbf16>
    %q_latent_init = tensor.empty(%t) : tensor<?x4x512xbf16>
    %q_latent = linalg.transpose ins(%uk : tensor<4x?x512xbf16>)
        outs(%q_latent_init : tensor<?x4x512xbf16>) permutation = [1, 0, 2]
    %q_pe_rotated = tensor.extract_slice %q_rotated[0, 0, 32] [%t, 4, 64] [1, 1, 1]
        : tensor<?x4x96xbf16> to tensor<?x4x64xbf16>
    %query = tensor.concat dim(2) %q_latent, %q_pe_rotated
        : (tensor<?x4x512xbf16>, tensor<?x4x64xbf16>) -> tensor<?x4x576xbf16>

    // Attention over the cache with the rows of this step.
    %attn_init = tensor.empty(%t) : tensor<?x4x512xbf16>
    %attn = lm.mla_decode bf16 {sm_scale = 1.91249444e-01 : f32}
        ins(%query : tensor<?x4x576xbf16>) cache(%cache_out : tensor<?x16x576xbf16>)
        block_table(%block_table : tensor<?x?xi32>) lengths(%lengths : tensor<?xi32>)
        outs(%attn_init : tensor<?x4x512xbf16>)

    // Attention output to value heads, o projection.
    %attn_heads_init = tensor.empty(%t) : tensor<4x?x512xbf16>
    %attn_heads = linalg.transpose ins(%attn : tensor<?x4x512xbf16>)
        outs(%attn_heads_init : tensor<4x?x512xbf16>) permutation = [1, 0, 2]
    %uv_init = tensor.empty(%t) : tensor<4x?x32xf32>
    %uv_zero = linalg.fill ins(%zero : f32)
        outs(%uv_init : tensor<4x?x32xf32>) -> tensor<4x?x32xf32>
    %uv_f32 = linalg.batch_matmul
        ins(%attn_heads, %w_uv : tensor<4x?x512xbf16>, tensor<4x512x32xbf16>)
        outs(%uv_zero : tensor<4x?x32xf32>) -> tensor<4x?x32xf32>
    %uv = arith.truncf %uv_f32 : tensor<4x?x32xf32> to tensor<4x?x32xbf16>
    %o_init = tensor.empty(%t) : tensor<?x4x32xbf16>
    %o = linalg.transpose ins(%uv : tensor<4x?x32xbf16>)
        outs(%o_init : tensor<?x4x32xbf16>) permutation = [1, 0, 2]
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x4x32xbf16> into tensor<?x128xbf16>
    %o_rows_q_init = tensor.empty(%t) : tensor<?x64xi8>
    %o_rows_s_init = tensor.empty(%t) : tensor<?x4xf8E8M0FNU>
    %o_rows_q, %o_rows_s = lm.quantize #scheme ins(%o_rows : tensor<?x128xbf16>)
        outs(%o_rows_q_init, %o_rows_s_init : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
    %o_rows_d_init = tensor.empty(%t) : tensor<?x128xbf16>
    %o_rows_d = lm.dequantize #scheme
        ins(%o_rows_q, %o_rows_s : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
        outs(%o_rows_d_init : tensor<?x128xbf16>)
    %o_sum_init = tensor.empty(%t) : tensor<?x256xf32>
    %o_sum_zero = linalg.fill ins(%zero : f32)
        outs(%o_sum_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %o_sum_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_rows_d, %w_o_sum : tensor<?x128xbf16>, tensor<256x128xbf16>)
        outs(%o_sum_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %o_sum = arith.truncf %o_sum_f32 : tensor<?x256xf32> to tensor<?x256xbf16>

    // MLP.
    %x2_init = tensor.empty(%t) : tensor<?x256xbf16>
    %r2_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x2, %r2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%o_sum, %r1 : tensor<?x256xbf16>, tensor<?x256xbf16>) weight(%g_x2 : tensor<256xbf16>)
        outs(%x2_init, %r2_init : tensor<?x256xbf16>, tensor<?x256xbf16>)
    %x2_q_init = tensor.empty(%t) : tensor<?x128xi8>
    %x2_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %x2_q, %x2_s = lm.quantize #scheme ins(%x2 : tensor<?x256xbf16>)
        outs(%x2_q_init, %x2_s_init : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
    %x2_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x2_d = lm.dequantize #scheme ins(%x2_q, %x2_s : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
        outs(%x2_d_init : tensor<?x256xbf16>)
    %gate_up_init = tensor.empty(%t) : tensor<?x512xf32>
    %gate_up_zero = linalg.fill ins(%zero : f32)
        outs(%gate_up_init : tensor<?x512xf32>) -> tensor<?x512xf32>
    %gate_up_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x2_d, %w_gate_up : tensor<?x256xbf16>, tensor<512x256xbf16>)
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
    %down_init = tensor.empty(%t) : tensor<?x256xf32>
    %down_zero = linalg.fill ins(%zero : f32)
        outs(%down_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %down_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%act_d, %w_down : tensor<?x256xbf16>, tensor<256x256xbf16>)
        outs(%down_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %down = arith.truncf %down_f32 : tensor<?x256xf32> to tensor<?x256xbf16>
    return %cache_out, %down, %r2
      : tensor<?x16x576xbf16>, tensor<?x256xbf16>, tensor<?x256xbf16>
  }

  func.func @moe_attention_layer(
      %h: tensor<?x256xbf16>,
      %r: tensor<?x256xbf16>,
      %positions: tensor<?xi64>,
      %slots: tensor<?xi64>,
      %rope_table: tensor<512x64xf32>,
      %block_table: tensor<?x?xi32>,
      %lengths: tensor<?xi32>,
      %cache: tensor<?x16x576xbf16>,
      %g_x: tensor<256xbf16>,
      %w_qkv_a: tensor<704x256xbf16>,
      %g_q_n: tensor<128xbf16>,
      %g_kv_n: tensor<512xbf16>,
      %w_q_b: tensor<384x128xbf16>,
      %w_uk: tensor<4x32x512xbf16>,
      %w_uv: tensor<4x512x32xbf16>,
      %w_o_sum: tensor<256x128xbf16>,
      %g_x2: tensor<256xbf16>,
      %w_logits: tensor<8x256xbf16>,
      %w_gate_up: tensor<256x256xbf16>,
      %w_down: tensor<256x128xbf16>
  ) -> (tensor<?x16x576xbf16>, tensor<?x8xf32>, tensor<?x256xbf16>, tensor<?x256xbf16>,
        tensor<?x256xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %h, %c0 : tensor<?x256xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm and the fused a-projection of query and latent.
    %x_init = tensor.empty(%t) : tensor<?x256xbf16>
    %r1_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x, %r1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%h, %r : tensor<?x256xbf16>, tensor<?x256xbf16>) weight(%g_x : tensor<256xbf16>)
        outs(%x_init, %r1_init : tensor<?x256xbf16>, tensor<?x256xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x128xi8>
    %x_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x256xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
    %x_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
        outs(%x_d_init : tensor<?x256xbf16>)
    %qkv_a_init = tensor.empty(%t) : tensor<?x704xf32>
    %qkv_a_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_a_init : tensor<?x704xf32>) -> tensor<?x704xf32>
    %qkv_a_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv_a : tensor<?x256xbf16>, tensor<704x256xbf16>)
        outs(%qkv_a_zero : tensor<?x704xf32>) -> tensor<?x704xf32>
    %qkv_a = arith.truncf %qkv_a_f32 : tensor<?x704xf32> to tensor<?x704xbf16>
    %q_c = tensor.extract_slice %qkv_a[0, 0] [%t, 128] [1, 1]
        : tensor<?x704xbf16> to tensor<?x128xbf16>
    %kv = tensor.extract_slice %qkv_a[0, 128] [%t, 576] [1, 1]
        : tensor<?x704xbf16> to tensor<?x576xbf16>
    %kv_c = tensor.extract_slice %kv[0, 0] [%t, 512] [1, 1]
        : tensor<?x576xbf16> to tensor<?x512xbf16>
    %k_pe = tensor.extract_slice %kv[0, 512] [%t, 64] [1, 1]
        : tensor<?x576xbf16> to tensor<?x64xbf16>
    %q_n_init = tensor.empty(%t) : tensor<?x128xbf16>
    %q_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q_c : tensor<?x128xbf16>)
        weight(%g_q_n : tensor<128xbf16>) outs(%q_n_init : tensor<?x128xbf16>)
    %kv_n_init = tensor.empty(%t) : tensor<?x512xbf16>
    %kv_n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv_c : tensor<?x512xbf16>)
        weight(%g_kv_n : tensor<512xbf16>) outs(%kv_n_init : tensor<?x512xbf16>)

    // Query heads; the rotated part is assigned back into them.
    %q_n_q_init = tensor.empty(%t) : tensor<?x64xi8>
    %q_n_s_init = tensor.empty(%t) : tensor<?x4xf8E8M0FNU>
    %q_n_q, %q_n_s = lm.quantize #scheme ins(%q_n : tensor<?x128xbf16>)
        outs(%q_n_q_init, %q_n_s_init : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
    %q_n_d_init = tensor.empty(%t) : tensor<?x128xbf16>
    %q_n_d = lm.dequantize #scheme ins(%q_n_q, %q_n_s : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
        outs(%q_n_d_init : tensor<?x128xbf16>)
    %q_b_init = tensor.empty(%t) : tensor<?x384xf32>
    %q_b_zero = linalg.fill ins(%zero : f32)
        outs(%q_b_init : tensor<?x384xf32>) -> tensor<?x384xf32>
    %q_b_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%q_n_d, %w_q_b : tensor<?x128xbf16>, tensor<384x128xbf16>)
        outs(%q_b_zero : tensor<?x384xf32>) -> tensor<?x384xf32>
    %q_b = arith.truncf %q_b_f32 : tensor<?x384xf32> to tensor<?x384xbf16>
    %q = tensor.expand_shape %q_b [[0], [1, 2]]
        output_shape [%t, 4, 96] : tensor<?x384xbf16> into tensor<?x4x96xbf16>
    %q_pe = tensor.extract_slice %q[0, 0, 32] [%t, 4, 64] [1, 1, 1]
        : tensor<?x4x96xbf16> to tensor<?x4x64xbf16>
    %k_pe_heads = tensor.expand_shape %k_pe [[0], [1, 2]]
        output_shape [%t, 1, 64] : tensor<?x64xbf16> into tensor<?x1x64xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x4x64xbf16>
    %q_rot = lm.rope interleaved ins(%q_pe : tensor<?x4x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<512x64xf32>)
        outs(%q_rot_init : tensor<?x4x64xbf16>)
    %k_rot_init = tensor.empty(%t) : tensor<?x1x64xbf16>
    %k_rot = lm.rope interleaved ins(%k_pe_heads : tensor<?x1x64xbf16>)
        positions(%positions : tensor<?xi64>) tables(%rope_table : tensor<512x64xf32>)
        outs(%k_rot_init : tensor<?x1x64xbf16>)
    %q_rotated = tensor.insert_slice %q_rot into %q[0, 0, 32] [%t, 4, 64] [1, 1, 1]
        : tensor<?x4x64xbf16> into tensor<?x4x96xbf16>
    %k_rot_rows = tensor.collapse_shape %k_rot [[0], [1, 2]]
        : tensor<?x1x64xbf16> into tensor<?x64xbf16>
    %cache_out = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
        ins(%kv_n, %k_rot_rows : tensor<?x512xbf16>, tensor<?x64xbf16>)
        slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x16x576xbf16>)

    // The absorbed query that attends to the latent cache.
    %q_nope = tensor.extract_slice %q_rotated[0, 0, 0] [%t, 4, 32] [1, 1, 1]
        : tensor<?x4x96xbf16> to tensor<?x4x32xbf16>
    %q_nope_heads_init = tensor.empty(%t) : tensor<4x?x32xbf16>
    %q_nope_heads = linalg.transpose ins(%q_nope : tensor<?x4x32xbf16>)
        outs(%q_nope_heads_init : tensor<4x?x32xbf16>) permutation = [1, 0, 2]
    %uk_init = tensor.empty(%t) : tensor<4x?x512xf32>
    %uk_zero = linalg.fill ins(%zero : f32)
        outs(%uk_init : tensor<4x?x512xf32>) -> tensor<4x?x512xf32>
    %uk_f32 = linalg.batch_matmul
        ins(%q_nope_heads, %w_uk : tensor<4x?x32xbf16>, tensor<4x32x512xbf16>)
        outs(%uk_zero : tensor<4x?x512xf32>) -> tensor<4x?x512xf32>
    %uk = arith.truncf %uk_f32 : tensor<4x?x512xf32> to tensor<4x?x512xbf16>
    %q_latent_init = tensor.empty(%t) : tensor<?x4x512xbf16>
    %q_latent = linalg.transpose ins(%uk : tensor<4x?x512xbf16>)
        outs(%q_latent_init : tensor<?x4x512xbf16>) permutation = [1, 0, 2]
    %q_pe_rotated = tensor.extract_slice %q_rotated[0, 0, 32] [%t, 4, 64] [1, 1, 1]
        : tensor<?x4x96xbf16> to tensor<?x4x64xbf16>
    %query = tensor.concat dim(2) %q_latent, %q_pe_rotated
        : (tensor<?x4x512xbf16>, tensor<?x4x64xbf16>) -> tensor<?x4x576xbf16>

    // Attention over the cache with the rows of this step.
    %attn_init = tensor.empty(%t) : tensor<?x4x512xbf16>
    %attn = lm.mla_decode bf16 {sm_scale = 1.91249444e-01 : f32}
        ins(%query : tensor<?x4x576xbf16>) cache(%cache_out : tensor<?x16x576xbf16>)
        block_table(%block_table : tensor<?x?xi32>) lengths(%lengths : tensor<?xi32>)
        outs(%attn_init : tensor<?x4x512xbf16>)

    // Attention output to value heads, o projection.
    %attn_heads_init = tensor.empty(%t) : tensor<4x?x512xbf16>
    %attn_heads = linalg.transpose ins(%attn : tensor<?x4x512xbf16>)
        outs(%attn_heads_init : tensor<4x?x512xbf16>) permutation = [1, 0, 2]
    %uv_init = tensor.empty(%t) : tensor<4x?x32xf32>
    %uv_zero = linalg.fill ins(%zero : f32)
        outs(%uv_init : tensor<4x?x32xf32>) -> tensor<4x?x32xf32>
    %uv_f32 = linalg.batch_matmul
        ins(%attn_heads, %w_uv : tensor<4x?x512xbf16>, tensor<4x512x32xbf16>)
        outs(%uv_zero : tensor<4x?x32xf32>) -> tensor<4x?x32xf32>
    %uv = arith.truncf %uv_f32 : tensor<4x?x32xf32> to tensor<4x?x32xbf16>
    %o_init = tensor.empty(%t) : tensor<?x4x32xbf16>
    %o = linalg.transpose ins(%uv : tensor<4x?x32xbf16>)
        outs(%o_init : tensor<?x4x32xbf16>) permutation = [1, 0, 2]
    %o_rows = tensor.collapse_shape %o [[0], [1, 2]] : tensor<?x4x32xbf16> into tensor<?x128xbf16>
    %o_rows_q_init = tensor.empty(%t) : tensor<?x64xi8>
    %o_rows_s_init = tensor.empty(%t) : tensor<?x4xf8E8M0FNU>
    %o_rows_q, %o_rows_s = lm.quantize #scheme ins(%o_rows : tensor<?x128xbf16>)
        outs(%o_rows_q_init, %o_rows_s_init : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
    %o_rows_d_init = tensor.empty(%t) : tensor<?x128xbf16>
    %o_rows_d = lm.dequantize #scheme
        ins(%o_rows_q, %o_rows_s : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
        outs(%o_rows_d_init : tensor<?x128xbf16>)
    %o_sum_init = tensor.empty(%t) : tensor<?x256xf32>
    %o_sum_zero = linalg.fill ins(%zero : f32)
        outs(%o_sum_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %o_sum_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%o_rows_d, %w_o_sum : tensor<?x128xbf16>, tensor<256x128xbf16>)
        outs(%o_sum_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %o_sum = arith.truncf %o_sum_f32 : tensor<?x256xf32> to tensor<?x256xbf16>

    // Router gate and shared expert; x2 also feeds the routed experts.
    %x2_init = tensor.empty(%t) : tensor<?x256xbf16>
    %r2_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x2, %r2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
        ins(%o_sum, %r1 : tensor<?x256xbf16>, tensor<?x256xbf16>) weight(%g_x2 : tensor<256xbf16>)
        outs(%x2_init, %r2_init : tensor<?x256xbf16>, tensor<?x256xbf16>)
    %logits_init = tensor.empty(%t) : tensor<?x8xf32>
    %logits_zero = linalg.fill ins(%zero : f32)
        outs(%logits_init : tensor<?x8xf32>) -> tensor<?x8xf32>
    %logits = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x2, %w_logits : tensor<?x256xbf16>, tensor<8x256xbf16>)
        outs(%logits_zero : tensor<?x8xf32>) -> tensor<?x8xf32>
    %x2_q_init = tensor.empty(%t) : tensor<?x128xi8>
    %x2_s_init = tensor.empty(%t) : tensor<?x8xf8E8M0FNU>
    %x2_q, %x2_s = lm.quantize #scheme ins(%x2 : tensor<?x256xbf16>)
        outs(%x2_q_init, %x2_s_init : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
    %x2_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x2_d = lm.dequantize #scheme ins(%x2_q, %x2_s : tensor<?x128xi8>, tensor<?x8xf8E8M0FNU>)
        outs(%x2_d_init : tensor<?x256xbf16>)
    %gate_up_init = tensor.empty(%t) : tensor<?x256xf32>
    %gate_up_zero = linalg.fill ins(%zero : f32)
        outs(%gate_up_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %gate_up_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x2_d, %w_gate_up : tensor<?x256xbf16>, tensor<256x256xbf16>)
        outs(%gate_up_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %gate_up = arith.truncf %gate_up_f32 : tensor<?x256xf32> to tensor<?x256xbf16>
    %act_init = tensor.empty(%t) : tensor<?x128xbf16>
    %act = lm.silu_mul ins(%gate_up : tensor<?x256xbf16>) outs(%act_init : tensor<?x128xbf16>)
    %act_q_init = tensor.empty(%t) : tensor<?x64xi8>
    %act_s_init = tensor.empty(%t) : tensor<?x4xf8E8M0FNU>
    %act_q, %act_s = lm.quantize #scheme ins(%act : tensor<?x128xbf16>)
        outs(%act_q_init, %act_s_init : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
    %act_d_init = tensor.empty(%t) : tensor<?x128xbf16>
    %act_d = lm.dequantize #scheme ins(%act_q, %act_s : tensor<?x64xi8>, tensor<?x4xf8E8M0FNU>)
        outs(%act_d_init : tensor<?x128xbf16>)
    %down_init = tensor.empty(%t) : tensor<?x256xf32>
    %down_zero = linalg.fill ins(%zero : f32)
        outs(%down_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %down_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%act_d, %w_down : tensor<?x128xbf16>, tensor<256x128xbf16>)
        outs(%down_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %down = arith.truncf %down_f32 : tensor<?x256xf32> to tensor<?x256xbf16>
    return %cache_out, %logits, %x2, %down, %r2
      : tensor<?x16x576xbf16>, tensor<?x8xf32>, tensor<?x256xbf16>, tensor<?x256xbf16>,
          tensor<?x256xbf16>
  }
}
