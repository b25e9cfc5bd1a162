// RUN: hipfuse-opt %s --inline --symbol-dce | FileCheck %s

// Layers are functions; fusion and entry points need their bodies in the caller.

// CHECK-NOT: func.func private @norm
func.func private @norm(%x: tensor<4x64xbf16>) -> tensor<4x64xbf16> {
  %init = tensor.empty() : tensor<4x64xbf16>
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<4x64xbf16>) outs(%init : tensor<4x64xbf16>)
  return %0 : tensor<4x64xbf16>
}

// CHECK-LABEL: func.func @twice(
// CHECK-NOT: call
// CHECK-COUNT-2: lm.rms_norm
func.func @twice(%x: tensor<4x64xbf16>) -> tensor<4x64xbf16> {
  %0 = func.call @norm(%x) : (tensor<4x64xbf16>) -> tensor<4x64xbf16>
  %1 = func.call @norm(%0) : (tensor<4x64xbf16>) -> tensor<4x64xbf16>
  return %1 : tensor<4x64xbf16>
}
