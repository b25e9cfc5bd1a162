// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-legalize-for-target --remarks-filter=lm-legalize-for-target 2>&1 | FileCheck %s

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>

// A workgroup cannot hold the row, and no part makes it shorter.

// CHECK: 'lm.rms_norm_quantize' stays, though there is no sm_90 kernel: rows of 131072 columns; kernels hold 1 to 65536; its part 'lm.rms_norm' has no kernel either: rows of 131072 columns; kernels hold 1 to 65536
// CHECK: 'lm.silu_mul_quantize' stays: on memrefs its parts would have no buffers
// CHECK: lm.rms_norm_quantize
// CHECK: lm.silu_mul_quantize
func.func @too_wide(%x: tensor<?x131072xbf16>, %d0: tensor<?x131072xf8E4M3FN>, %s0: tensor<?x1024xf32>) -> (tensor<?x131072xf8E4M3FN>, tensor<?x1024xf32>) {
  %d, %s = lm.rms_norm_quantize #group {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
    ins(%x : tensor<?x131072xbf16>) outs(%d0, %s0 : tensor<?x131072xf8E4M3FN>, tensor<?x1024xf32>)
  return %d, %s : tensor<?x131072xf8E4M3FN>, tensor<?x1024xf32>
}

func.func @memrefs(%x: memref<?x1024xbf16>, %d: memref<?x512xf8E4M3FN>, %s: memref<?x4xf32>) {
  lm.silu_mul_quantize #group {round_before_quant = bf16}
    ins(%x : memref<?x1024xbf16>) outs(%d, %s : memref<?x512xf8E4M3FN>, memref<?x4xf32>)
  return
}
