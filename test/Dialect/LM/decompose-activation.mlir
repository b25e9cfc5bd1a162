// RUN: hipfuse-opt %s --lm-decompose --mlir-print-local-scope | FileCheck %s

// What the fused gated activation stands for.

#tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>
#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>

// CHECK-LABEL: func.func @silu(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x128xbf16>
// CHECK: %[[ACT:.*]] = lm.silu_mul {clamp = 1.000000e+01 : f32, round_activation} ins(%[[X]] : tensor<?x256xbf16>) outs(%[[EMPTY]] : tensor<?x128xbf16>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f8E4M3FN, granularity = block, block = 128> ins(%[[ACT]] : tensor<?x128xbf16>) outs(%[[D]], %[[S]] : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>
func.func @silu(%x: tensor<?x256xbf16>, %d: tensor<?x128xf8E4M3FN>, %s: tensor<?x1xf32>) -> (tensor<?x128xf8E4M3FN>, tensor<?x1xf32>) {
  %0:2 = lm.silu_mul_quantize #group {clamp = 10.0 : f32, round_activation, round_before_quant = bf16} ins(%x : tensor<?x256xbf16>) outs(%d, %s : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>)
  return %0#0, %0#1 : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>
}

// CHECK-LABEL: func.func @silu_f32(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[I:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x128xf32>
// CHECK: %[[ACT:.*]] = lm.silu_mul ins(%[[X]] : tensor<?x256xbf16>) outs(%[[EMPTY]] : tensor<?x128xf32>)
// CHECK: %[[QUANT:.*]] = lm.quantize <element = f8E4M3FN, granularity = tensor> ins(%[[ACT]] : tensor<?x128xf32>) input_scale(%[[I]] : tensor<1xf32>) outs(%[[D]] : tensor<?x128xf8E4M3FN>)
// CHECK: return %[[QUANT]] : tensor<?x128xf8E4M3FN>
func.func @silu_f32(%x: tensor<?x256xbf16>, %i: tensor<1xf32>, %d: tensor<?x128xf8E4M3FN>) -> tensor<?x128xf8E4M3FN> {
  %0 = lm.silu_mul_quantize #tensor ins(%x : tensor<?x256xbf16>) input_scale(%i : tensor<1xf32>) outs(%d : tensor<?x128xf8E4M3FN>)
  return %0 : tensor<?x128xf8E4M3FN>
}

// The partial products are reduced into split_k_type first.

// CHECK-LABEL: func.func @silu_split_k(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x256xbf16>
// CHECK: %[[SUM:.*]] = lm.split_k_reduce ins(%[[X]] : tensor<4x?x256xf32>) outs(%[[EMPTY]] : tensor<?x256xbf16>)
// CHECK: %[[EMPTY2:.*]] = tensor.empty(%{{.*}}) : tensor<?x128xbf16>
// CHECK: %[[ACT:.*]] = lm.silu_mul ins(%[[SUM]] : tensor<?x256xbf16>) outs(%[[EMPTY2]] : tensor<?x128xbf16>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f8E4M3FN, granularity = block, block = 128> ins(%[[ACT]] : tensor<?x128xbf16>) outs(%[[D]], %[[S]] : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>
func.func @silu_split_k(%x: tensor<4x?x256xf32>, %d: tensor<?x128xf8E4M3FN>, %s: tensor<?x1xf32>) -> (tensor<?x128xf8E4M3FN>, tensor<?x1xf32>) {
  %0:2 = lm.silu_mul_quantize #group {split_k_type = bf16, round_before_quant = bf16} ins(%x : tensor<4x?x256xf32>) outs(%d, %s : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>)
  return %0#0, %0#1 : tensor<?x128xf8E4M3FN>, tensor<?x1xf32>
}
