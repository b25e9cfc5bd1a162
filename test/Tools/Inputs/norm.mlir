func.func @norm(%x: tensor<?x512xbf16>, %w: tensor<512xbf16>) -> tensor<?x512xbf16> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x512xbf16>
  %init = tensor.empty(%m) : tensor<?x512xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x512xbf16>) weight(%w : tensor<512xbf16>) outs(%init : tensor<?x512xbf16>)
  return %y : tensor<?x512xbf16>
}
