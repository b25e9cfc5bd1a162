// RUN: hipfuse-opt %s --lm-decompose --verify-diagnostics | FileCheck %s

// On memrefs the intermediate values would need buffers: the operation stays.

// CHECK-LABEL: func.func @memref
// CHECK-NEXT: lm.dual_rms_norm
// CHECK-NEXT: return
func.func @memref(%x: memref<?x64xbf16>, %y: memref<?x32xbf16>) {
  // expected-remark @+1 {{not decomposed: its intermediate values have no buffers on memrefs}}
  lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %y : memref<?x64xbf16>, memref<?x32xbf16>) outs(%x, %y : memref<?x64xbf16>, memref<?x32xbf16>)
  return
}
