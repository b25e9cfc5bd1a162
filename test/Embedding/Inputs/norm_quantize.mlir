#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
func.func @norm_quantize(%x: tensor<?x512xbf16>, %w: tensor<512xbf16>, %y: tensor<?x512xbf16>, %d: tensor<?x256xi8>, %s: tensor<?x16xf8E8M0FNU>) -> (tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>) {
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x512xbf16>) weight(%w : tensor<512xbf16>) outs(%y : tensor<?x512xbf16>)
  %1:2 = lm.quantize #mxfp4 ins(%0 : tensor<?x512xbf16>) outs(%d, %s : tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>)
  return %1#0, %1#1 : tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>
}
