func.func @f(%x: tensor<?x64xbf16>, %residual: tensor<?x64xbf16> {lm.name = "r"}, %w: tensor<64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16> {lm.name = "sum"}, tensor<?x64xbf16> {lm.name = "arg"}) {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %init = tensor.empty(%rows) : tensor<?x64xbf16>
  %y, %1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %residual : tensor<?x64xbf16>, tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%init, %init : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return %y, %1, %x : tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>
}
