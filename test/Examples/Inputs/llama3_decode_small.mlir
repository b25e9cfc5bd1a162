// Written by scripts/generate_model.py --model llama3 --preset small; docs/Models.md has the graph.
//
// Llama 3 70B, one decode step of a decoder layer: for contrast, without latent
// attention. Query and key are rotated whole (NeoX pairs) and are results, as is
// the value: the grouped-query attention with its caches is not part of it. `attn`
// is its output. The widths are those of one of eight tensor parallel ranks; the
// sums over the ranks are not part of the graph.
//
// Shapes: config.json of meta-llama/Meta-Llama-3-70B (hidden 8192, 64 heads of
// 128, 8 key-value heads, MLP 28672, epsilon 1e-5). Graph: vllm-project/vllm,
// vllm/model_executor/models/llama.py.
//
// The options above change the dimensions; those named here are the published ones.
//
// Try: hipfuse-opt FILE --lm-fuse --canonicalize --cse

#rows = affine_map<(t, n, k) -> (t, k)>
#weight = affine_map<(t, n, k) -> (n, k)>
#result = affine_map<(t, n, k) -> (t, n)>
#scheme = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, amax_floor = 1.0e-10 : f32>

module {
  func.func @layer(
      %h: tensor<?x256xbf16>,
      %r: tensor<?x256xbf16>,
      %positions: tensor<?xi64>,
      %rope_table: tensor<64x32xf32>,
      %attn: tensor<?x128xbf16>,
      %g_x: tensor<256xbf16>,
      %w_qkv: tensor<256x256xbf16>,
      %w_o_sum: tensor<256x128xbf16>,
      %g_x2: tensor<256xbf16>,
      %w_gate_up: tensor<512x256xbf16>,
      %w_down: tensor<256x256xbf16>
  ) -> (tensor<?x4x32xbf16>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, tensor<?x256xbf16>,
        tensor<?x256xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %h, %c0 : tensor<?x256xbf16>
    %zero = arith.constant 0.0 : f32

    // Input norm, fused query, key and value projection.
    %x_init = tensor.empty(%t) : tensor<?x256xbf16>
    %r1_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x, %r1 = lm.add_rms_norm {epsilon = 1.0e-05 : f32}
        ins(%h, %r : tensor<?x256xbf16>, tensor<?x256xbf16>) weight(%g_x : tensor<256xbf16>)
        outs(%x_init, %r1_init : tensor<?x256xbf16>, tensor<?x256xbf16>)
    %x_q_init = tensor.empty(%t) : tensor<?x256xf8E4M3FN>
    %x_s_init = tensor.empty(%t) : tensor<?x2xf32>
    %x_q, %x_s = lm.quantize #scheme ins(%x : tensor<?x256xbf16>)
        outs(%x_q_init, %x_s_init : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
    %x_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x_d = lm.dequantize #scheme ins(%x_q, %x_s : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
        outs(%x_d_init : tensor<?x256xbf16>)
    %qkv_init = tensor.empty(%t) : tensor<?x256xf32>
    %qkv_zero = linalg.fill ins(%zero : f32)
        outs(%qkv_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %qkv_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%x_d, %w_qkv : tensor<?x256xbf16>, tensor<256x256xbf16>)
        outs(%qkv_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %qkv = arith.truncf %qkv_f32 : tensor<?x256xf32> to tensor<?x256xbf16>
    %q_rows = tensor.extract_slice %qkv[0, 0] [%t, 128] [1, 1]
        : tensor<?x256xbf16> to tensor<?x128xbf16>
    %k_rows = tensor.extract_slice %qkv[0, 128] [%t, 64] [1, 1]
        : tensor<?x256xbf16> to tensor<?x64xbf16>
    %v_rows = tensor.extract_slice %qkv[0, 192] [%t, 64] [1, 1]
        : tensor<?x256xbf16> to tensor<?x64xbf16>
    %q = tensor.expand_shape %q_rows [[0], [1, 2]]
        output_shape [%t, 4, 32] : tensor<?x128xbf16> into tensor<?x4x32xbf16>
    %q_rot_init = tensor.empty(%t) : tensor<?x4x32xbf16>
    %q_rot = lm.rope neox ins(%q : tensor<?x4x32xbf16>) positions(%positions : tensor<?xi64>)
        tables(%rope_table : tensor<64x32xf32>) outs(%q_rot_init : tensor<?x4x32xbf16>)
    %k = tensor.expand_shape %k_rows [[0], [1, 2]]
        output_shape [%t, 2, 32] : tensor<?x64xbf16> into tensor<?x2x32xbf16>
    %k_rot_init = tensor.empty(%t) : tensor<?x2x32xbf16>
    %k_rot = lm.rope neox ins(%k : tensor<?x2x32xbf16>) positions(%positions : tensor<?xi64>)
        tables(%rope_table : tensor<64x32xf32>) outs(%k_rot_init : tensor<?x2x32xbf16>)
    %v = tensor.expand_shape %v_rows [[0], [1, 2]]
        output_shape [%t, 2, 32] : tensor<?x64xbf16> into tensor<?x2x32xbf16>

    // o projection, MLP.
    %attn_q_init = tensor.empty(%t) : tensor<?x128xf8E4M3FN>
    %attn_s_init = tensor.empty(%t) : tensor<?x1xf32>
    %attn_q, %attn_s = lm.quantize #scheme ins(%attn : tensor<?x128xbf16>)
        outs(%attn_q_init, %attn_s_init : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>)
    %attn_d_init = tensor.empty(%t) : tensor<?x128xbf16>
    %attn_d = lm.dequantize #scheme
        ins(%attn_q, %attn_s : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>)
        outs(%attn_d_init : tensor<?x128xbf16>)
    %o_sum_init = tensor.empty(%t) : tensor<?x256xf32>
    %o_sum_zero = linalg.fill ins(%zero : f32)
        outs(%o_sum_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %o_sum_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%attn_d, %w_o_sum : tensor<?x128xbf16>, tensor<256x128xbf16>)
        outs(%o_sum_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %o_sum = arith.truncf %o_sum_f32 : tensor<?x256xf32> to tensor<?x256xbf16>
    %x2_init = tensor.empty(%t) : tensor<?x256xbf16>
    %r2_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x2, %r2 = lm.add_rms_norm {epsilon = 1.0e-05 : f32}
        ins(%o_sum, %r1 : tensor<?x256xbf16>, tensor<?x256xbf16>) weight(%g_x2 : tensor<256xbf16>)
        outs(%x2_init, %r2_init : tensor<?x256xbf16>, tensor<?x256xbf16>)
    %x2_q_init = tensor.empty(%t) : tensor<?x256xf8E4M3FN>
    %x2_s_init = tensor.empty(%t) : tensor<?x2xf32>
    %x2_q, %x2_s = lm.quantize #scheme ins(%x2 : tensor<?x256xbf16>)
        outs(%x2_q_init, %x2_s_init : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
    %x2_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %x2_d = lm.dequantize #scheme ins(%x2_q, %x2_s : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
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
    %act_q_init = tensor.empty(%t) : tensor<?x256xf8E4M3FN>
    %act_s_init = tensor.empty(%t) : tensor<?x2xf32>
    %act_q, %act_s = lm.quantize #scheme ins(%act : tensor<?x256xbf16>)
        outs(%act_q_init, %act_s_init : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
    %act_d_init = tensor.empty(%t) : tensor<?x256xbf16>
    %act_d = lm.dequantize #scheme ins(%act_q, %act_s : tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
        outs(%act_d_init : tensor<?x256xbf16>)
    %down_init = tensor.empty(%t) : tensor<?x256xf32>
    %down_zero = linalg.fill ins(%zero : f32)
        outs(%down_init : tensor<?x256xf32>) -> tensor<?x256xf32>
    %down_f32 = linalg.matmul indexing_maps = [#rows, #weight, #result]
        ins(%act_d, %w_down : tensor<?x256xbf16>, tensor<256x256xbf16>)
        outs(%down_zero : tensor<?x256xf32>) -> tensor<?x256xf32>
    %down = arith.truncf %down_f32 : tensor<?x256xf32> to tensor<?x256xbf16>
    return %q_rot, %k_rot, %v, %down, %r2
      : tensor<?x4x32xbf16>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>, tensor<?x256xbf16>,
          tensor<?x256xbf16>
  }
}
