// A program that uses all that launch code has: launches, a buffer of the
// workspace between two of them, a copy, and a result that is an argument
// updated in place.
func.func @mix(%x: tensor<?x512xbf16>, %r: tensor<?x512xbf16>, %w: tensor<512xbf16>) -> (tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>, tensor<?x512xbf16>, tensor<?x512xbf16>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x512xbf16>
  %e = tensor.empty(%m) : tensor<?x512xbf16>
  %n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x512xbf16>) weight(%w : tensor<512xbf16>) outs(%e : tensor<?x512xbf16>)
  %u = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%n : tensor<?x512xbf16>) weight(%w : tensor<512xbf16>) outs(%r : tensor<?x512xbf16>)
  %d0 = tensor.empty(%m) : tensor<?x256xi8>
  %s0 = tensor.empty(%m) : tensor<?x16xf8E8M0FNU>
  %d, %s = lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%n : tensor<?x512xbf16>) outs(%d0, %s0 : tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>)
  return %d, %s, %u, %x : tensor<?x256xi8>, tensor<?x16xf8E8M0FNU>, tensor<?x512xbf16>, tensor<?x512xbf16>
}

// The norm is stored as bf16 and quantised as stored: its row is rounded once.
func.func @stored(%x: tensor<?x512xbf16>, %w: tensor<512xbf16>) -> (tensor<?x512xbf16>, tensor<?x4xf32>, tensor<?x512xf8E4M3FN>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x512xbf16>
  %e = tensor.empty(%m) : tensor<?x512xbf16>
  %n = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x512xbf16>) weight(%w : tensor<512xbf16>) outs(%e : tensor<?x512xbf16>)
  %d0 = tensor.empty(%m) : tensor<?x512xf8E4M3FN>
  %s0 = tensor.empty(%m) : tensor<?x4xf32>
  %d, %s = lm.quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = none> ins(%n : tensor<?x512xbf16>) outs(%d0, %s0 : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>)
  return %n, %s, %d : tensor<?x512xbf16>, tensor<?x4xf32>, tensor<?x512xf8E4M3FN>
}
