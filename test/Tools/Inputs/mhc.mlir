func.func @post_pre(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r1, %y, %t1, %c1 : tensor<?x4x256xbf16>, tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>
}
