// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --split-input-file --verify-diagnostics

func.func @not_adjacent(%x: memref<?x512xbf16, strided<[1024, 2]>>, %y: memref<?x512xbf16>) {
  // expected-error @below {{'lm.rms_norm' op has no kernel for gfx950: columns that are not adjacent in memory}}
  lm.rms_norm {epsilon = 1.0e-06 : f32}
    ins(%x : memref<?x512xbf16, strided<[1024, 2]>>) outs(%y : memref<?x512xbf16>)
  return
}

// -----

func.func @too_wide(%x: memref<?x131072xbf16>, %y: memref<?x131072xbf16>) {
  // expected-error @below {{'lm.rms_norm' op has no kernel for gfx950: rows of 131072 columns; kernels hold 1 to 65536}}
  lm.rms_norm {epsilon = 1.0e-06 : f32}
    ins(%x : memref<?x131072xbf16>) outs(%y : memref<?x131072xbf16>)
  return
}

// -----

func.func @tensors(%x: tensor<4x512xbf16>, %y: tensor<4x512xbf16>) -> tensor<4x512xbf16> {
  // expected-error @below {{'lm.rms_norm' op has no kernel for gfx950: operands that are not memrefs}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32}
    ins(%x : tensor<4x512xbf16>) outs(%y : tensor<4x512xbf16>)
  return %0 : tensor<4x512xbf16>
}

// -----

func.func @many_clusters(%n: memref<?xi32>, %w: memref<?x8xi32>, %wi: memref<1026xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<2048xi32>) {
  // expected-error @below {{'lm.attention_plan' op has no kernel for gfx950: plans of 1025 clusters; a kernel holds up to 1024}}
  lm.attention_plan {num_clusters = 1025} ins(%n : memref<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<1026xi32>, memref<?xi32>, memref<?x2xi32>, memref<2048xi32>)
  return
}
