// RUN: not hipfuse-opt %s --convert-lm-to-loops 2>&1 | FileCheck %s
// RUN: not hipfuse-opt %s --convert-lm-to-loops=vector-width=12 2>&1 | FileCheck %s --check-prefix=WIDTH

// WIDTH: error: vector-width is 12, but must be 4, 8, 16 or 32

// CHECK: error: 'lm.rms_norm' op cannot be lowered to loops: only operations on memrefs can
func.func @tensors(%x: tensor<?x512xbf16>, %y: tensor<?x512xbf16>) -> tensor<?x512xbf16> {
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x512xbf16>) outs(%y : tensor<?x512xbf16>)
  return %0 : tensor<?x512xbf16>
}
