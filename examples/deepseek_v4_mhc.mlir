// DeepSeek-V4-Flash: the residual streams of three decoder layers in one decode
// step, with the sublayers left out.
//
// A layer hands on (x, residual, post, comb): the output of its last sublayer is
// mixed into the residual by the next layer, whose first mhc_pre reads the result.
// So mhc_post and mhc_pre meet at every seam but the first. @first_layer has no
// pending mhc_post: all streams are the token's embedding.
//
// What the sublayers compute is an argument (`attn`, `ffn`), what they are given
// a result (`x_attn`, `x_ffn`, normed). In @three_layers the last mhc_post closes
// the residual, and mhc_head gives the input of the final norm.
//
// Numbers: config.json of deepseek-ai/DeepSeek-V4-Flash (hidden 4096, hc_mult 4,
// hc_eps 1e-6, 20 Sinkhorn iterations). Graph: vllm-project/vllm,
// vllm/model_executor/models/deepseek_v4.py, and vllm-project/vllm#43950 for the
// state between layers.
//
// Try: hipfuse-opt FILE --inline --lm-attach-target=chip=gfx950 --lm-fuse=mhc=fused
//      --remarks-filter=lm-fuse --remark-policy=all

module {
  // The first layer: the streams repeat the embedding.
  func.func @first_layer(
      %emb: tensor<?x4096xbf16>, %attn: tensor<?x4096xbf16>,
      %fn_a: tensor<24x16384xf32>, %scale_a: tensor<3xf32>, %base_a: tensor<24xf32>, %g_a: tensor<4096xbf16>,
      %fn_f: tensor<24x16384xf32>, %scale_f: tensor<3xf32>, %base_f: tensor<24xf32>, %g_f: tensor<4096xbf16>
  ) -> (tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %emb, %c0 : tensor<?x4096xbf16>
    %r_init = tensor.empty(%t) : tensor<?x4x4096xbf16>
    %r = linalg.broadcast ins(%emb : tensor<?x4096xbf16>) outs(%r_init : tensor<?x4x4096xbf16>)
        dimensions = [1]

    // To attention.
    %y_a_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %post_a_init = tensor.empty(%t) : tensor<?x4xf32>
    %comb_a_init = tensor.empty(%t) : tensor<?x4x4xf32>
    %y_a, %post_a, %comb_a = lm.mhc_pre
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32,
        sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64}
        ins(%r : tensor<?x4x4096xbf16>) fn(%fn_a : tensor<24x16384xf32>)
        scale(%scale_a : tensor<3xf32>) base(%base_a : tensor<24xf32>)
        outs(%y_a_init, %post_a_init, %comb_a_init : tensor<?x4096xbf16>, tensor<?x4xf32>,
             tensor<?x4x4xf32>)
    %x_a_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_a = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y_a : tensor<?x4096xbf16>)
        weight(%g_a : tensor<4096xbf16>) outs(%x_a_init : tensor<?x4096xbf16>)

    // From attention to the feed-forward network.
    %r_f_init = tensor.empty(%t) : tensor<?x4x4096xbf16>
    %r_f = lm.mhc_post ins(%attn, %r : tensor<?x4096xbf16>, tensor<?x4x4096xbf16>)
        mix(%post_a, %comb_a : tensor<?x4xf32>, tensor<?x4x4xf32>)
        outs(%r_f_init : tensor<?x4x4096xbf16>)
    %y_f_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %post_f_init = tensor.empty(%t) : tensor<?x4xf32>
    %comb_f_init = tensor.empty(%t) : tensor<?x4x4xf32>
    %y_f, %post_f, %comb_f = lm.mhc_pre
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32,
        sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64}
        ins(%r_f : tensor<?x4x4096xbf16>) fn(%fn_f : tensor<24x16384xf32>)
        scale(%scale_f : tensor<3xf32>) base(%base_f : tensor<24xf32>)
        outs(%y_f_init, %post_f_init, %comb_f_init : tensor<?x4096xbf16>, tensor<?x4xf32>,
             tensor<?x4x4xf32>)
    %x_f_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_f = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y_f : tensor<?x4096xbf16>)
        weight(%g_f : tensor<4096xbf16>) outs(%x_f_init : tensor<?x4096xbf16>)
    return %r_f, %post_f, %comb_f, %x_a, %x_f
        : tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>
  }

  // Any other layer: first the pending mhc_post of the layer before.
  func.func @layer(
      %x: tensor<?x4096xbf16>, %residual: tensor<?x4x4096xbf16>, %post: tensor<?x4xf32>,
      %comb: tensor<?x4x4xf32>, %attn: tensor<?x4096xbf16>,
      %fn_a: tensor<24x16384xf32>, %scale_a: tensor<3xf32>, %base_a: tensor<24xf32>, %g_a: tensor<4096xbf16>,
      %fn_f: tensor<24x16384xf32>, %scale_f: tensor<3xf32>, %base_f: tensor<24xf32>, %g_f: tensor<4096xbf16>
  ) -> (tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %x, %c0 : tensor<?x4096xbf16>

    // From the layer before to attention.
    %r_a_init = tensor.empty(%t) : tensor<?x4x4096xbf16>
    %r_a = lm.mhc_post ins(%x, %residual : tensor<?x4096xbf16>, tensor<?x4x4096xbf16>)
        mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>)
        outs(%r_a_init : tensor<?x4x4096xbf16>)
    %y_a_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %post_a_init = tensor.empty(%t) : tensor<?x4xf32>
    %comb_a_init = tensor.empty(%t) : tensor<?x4x4xf32>
    %y_a, %post_a, %comb_a = lm.mhc_pre
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32,
        sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64}
        ins(%r_a : tensor<?x4x4096xbf16>) fn(%fn_a : tensor<24x16384xf32>)
        scale(%scale_a : tensor<3xf32>) base(%base_a : tensor<24xf32>)
        outs(%y_a_init, %post_a_init, %comb_a_init : tensor<?x4096xbf16>, tensor<?x4xf32>,
             tensor<?x4x4xf32>)
    %x_a_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_a = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y_a : tensor<?x4096xbf16>)
        weight(%g_a : tensor<4096xbf16>) outs(%x_a_init : tensor<?x4096xbf16>)

    // From attention to the feed-forward network.
    %r_f_init = tensor.empty(%t) : tensor<?x4x4096xbf16>
    %r_f = lm.mhc_post ins(%attn, %r_a : tensor<?x4096xbf16>, tensor<?x4x4096xbf16>)
        mix(%post_a, %comb_a : tensor<?x4xf32>, tensor<?x4x4xf32>)
        outs(%r_f_init : tensor<?x4x4096xbf16>)
    %y_f_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %post_f_init = tensor.empty(%t) : tensor<?x4xf32>
    %comb_f_init = tensor.empty(%t) : tensor<?x4x4xf32>
    %y_f, %post_f, %comb_f = lm.mhc_pre
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32,
        sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64}
        ins(%r_f : tensor<?x4x4096xbf16>) fn(%fn_f : tensor<24x16384xf32>)
        scale(%scale_f : tensor<3xf32>) base(%base_f : tensor<24xf32>)
        outs(%y_f_init, %post_f_init, %comb_f_init : tensor<?x4096xbf16>, tensor<?x4xf32>,
             tensor<?x4x4xf32>)
    %x_f_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %x_f = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y_f : tensor<?x4096xbf16>)
        weight(%g_f : tensor<4096xbf16>) outs(%x_f_init : tensor<?x4096xbf16>)
    return %r_f, %post_f, %comb_f, %x_a, %x_f
        : tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>
  }

  func.func @three_layers(
      %emb: tensor<?x4096xbf16>,
      %attn_0: tensor<?x4096xbf16>, %ffn_0: tensor<?x4096xbf16>,
      %attn_1: tensor<?x4096xbf16>, %ffn_1: tensor<?x4096xbf16>,
      %attn_2: tensor<?x4096xbf16>, %ffn_2: tensor<?x4096xbf16>,
      %fn_a_0: tensor<24x16384xf32>, %scale_a_0: tensor<3xf32>, %base_a_0: tensor<24xf32>, %g_a_0: tensor<4096xbf16>,
      %fn_f_0: tensor<24x16384xf32>, %scale_f_0: tensor<3xf32>, %base_f_0: tensor<24xf32>, %g_f_0: tensor<4096xbf16>,
      %fn_a_1: tensor<24x16384xf32>, %scale_a_1: tensor<3xf32>, %base_a_1: tensor<24xf32>, %g_a_1: tensor<4096xbf16>,
      %fn_f_1: tensor<24x16384xf32>, %scale_f_1: tensor<3xf32>, %base_f_1: tensor<24xf32>, %g_f_1: tensor<4096xbf16>,
      %fn_a_2: tensor<24x16384xf32>, %scale_a_2: tensor<3xf32>, %base_a_2: tensor<24xf32>, %g_a_2: tensor<4096xbf16>,
      %fn_f_2: tensor<24x16384xf32>, %scale_f_2: tensor<3xf32>, %base_f_2: tensor<24xf32>, %g_f_2: tensor<4096xbf16>,
      %fn_head: tensor<4x16384xf32>, %scale_head: tensor<1xf32>, %base_head: tensor<4xf32>
  ) -> (tensor<?x4096xbf16>, tensor<?x4096xbf16>, tensor<?x4096xbf16>,
        tensor<?x4096xbf16>, tensor<?x4096xbf16>, tensor<?x4096xbf16>,
        tensor<?x4096xbf16>) {
    %c0 = arith.constant 0 : index
    %t = tensor.dim %emb, %c0 : tensor<?x4096xbf16>

    %r_0, %post_0, %comb_0, %x_attn_0, %x_ffn_0 = func.call @first_layer(%emb, %attn_0,
        %fn_a_0, %scale_a_0, %base_a_0, %g_a_0, %fn_f_0, %scale_f_0, %base_f_0, %g_f_0)
        : (tensor<?x4096xbf16>, tensor<?x4096xbf16>, tensor<24x16384xf32>, tensor<3xf32>, tensor<24xf32>, tensor<4096xbf16>, tensor<24x16384xf32>, tensor<3xf32>, tensor<24xf32>, tensor<4096xbf16>)
        -> (tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>)
    %r_1, %post_1, %comb_1, %x_attn_1, %x_ffn_1 = func.call @layer(%ffn_0, %r_0, %post_0, %comb_0, %attn_1,
        %fn_a_1, %scale_a_1, %base_a_1, %g_a_1, %fn_f_1, %scale_f_1, %base_f_1, %g_f_1)
        : (tensor<?x4096xbf16>, tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<24x16384xf32>, tensor<3xf32>, tensor<24xf32>, tensor<4096xbf16>, tensor<24x16384xf32>, tensor<3xf32>, tensor<24xf32>, tensor<4096xbf16>)
        -> (tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>)
    %r_2, %post_2, %comb_2, %x_attn_2, %x_ffn_2 = func.call @layer(%ffn_1, %r_1, %post_1, %comb_1, %attn_2,
        %fn_a_2, %scale_a_2, %base_a_2, %g_a_2, %fn_f_2, %scale_f_2, %base_f_2, %g_f_2)
        : (tensor<?x4096xbf16>, tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<24x16384xf32>, tensor<3xf32>, tensor<24xf32>, tensor<4096xbf16>, tensor<24x16384xf32>, tensor<3xf32>, tensor<24xf32>, tensor<4096xbf16>)
        -> (tensor<?x4x4096xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>, tensor<?x4096xbf16>, tensor<?x4096xbf16>)

    // The last sublayer's output closes the residual.
    %r_init = tensor.empty(%t) : tensor<?x4x4096xbf16>
    %r = lm.mhc_post ins(%ffn_2, %r_2 : tensor<?x4096xbf16>, tensor<?x4x4096xbf16>)
        mix(%post_2, %comb_2 : tensor<?x4xf32>, tensor<?x4x4xf32>)
        outs(%r_init : tensor<?x4x4096xbf16>)
    %y_init = tensor.empty(%t) : tensor<?x4096xbf16>
    %y = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32}
        ins(%r : tensor<?x4x4096xbf16>) fn(%fn_head : tensor<4x16384xf32>)
        scale(%scale_head : tensor<1xf32>) base(%base_head : tensor<4xf32>)
        outs(%y_init : tensor<?x4096xbf16>)
    return %x_attn_0, %x_ffn_0, %x_attn_1, %x_ffn_1, %x_attn_2, %x_ffn_2, %y
        : tensor<?x4096xbf16>, tensor<?x4096xbf16>, tensor<?x4096xbf16>, tensor<?x4096xbf16>,
          tensor<?x4096xbf16>, tensor<?x4096xbf16>, tensor<?x4096xbf16>
  }
}
