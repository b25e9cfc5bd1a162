// RUN: hipfuse-opt %s --lm-decompose="ops=lm.dual_rms_norm" | FileCheck %s --check-prefix=ONE
// RUN: hipfuse-opt %s --lm-decompose="ops=lm.dual_rms_norm,lm.silu_mul_quantize" | FileCheck %s --check-prefix=TWO

// The option `ops` chooses which operations are decomposed.

// ONE-NOT: lm.dual_rms_norm
// ONE-COUNT-2: lm.rms_norm {
// ONE: lm.silu_mul_quantize

// TWO-NOT: lm.dual_rms_norm
// TWO-COUNT-2: lm.rms_norm {
// TWO-NOT: lm.silu_mul_quantize
// TWO: lm.silu_mul ins
// TWO: lm.quantize

func.func @two(%x: tensor<?x64xbf16>, %y: tensor<?x32xbf16>, %d: tensor<?x32xf8E4M3FN>, %s: tensor<1xf32>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xf8E4M3FN>) {
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %y : tensor<?x64xbf16>, tensor<?x32xbf16>) outs(%x, %y : tensor<?x64xbf16>, tensor<?x32xbf16>)
  %1 = lm.silu_mul_quantize #lm.scheme<element = f8E4M3FN, granularity = tensor> {round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) input_scale(%s : tensor<1xf32>) outs(%d : tensor<?x32xf8E4M3FN>)
  return %0#0, %0#1, %1 : tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?x32xf8E4M3FN>
}
