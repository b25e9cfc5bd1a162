// RUN: hipfuse-opt %s --lm-decompose --mlir-print-local-scope | FileCheck %s

// What the fused norms stand for.

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>

// Every attribute of the norm is copied; round_before_quant is the type of the
// norm's result.

// CHECK-LABEL: func.func @norm(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[W:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xbf16>
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32, round_norm_before_weight, weight_offset = 1.000000e+00 : f32} ins(%[[X]] : tensor<?x64xbf16>) weight(%[[W]] : tensor<64xbf16>) outs(%[[EMPTY]] : tensor<?x64xbf16>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[NORM]] : tensor<?x64xbf16>) outs(%[[D]], %[[S]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>
func.func @norm(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) {
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16, weight_offset = 1.0 : f32, round_norm_before_weight} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>
}

// Without round_before_quant the norm is not rounded before it is quantised.

// CHECK-LABEL: func.func @norm_f32(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xf32>
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32} ins(%[[X]] : tensor<?x64xbf16>) outs(%[[EMPTY]] : tensor<?x64xf32>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[NORM]] : tensor<?x64xf32>) outs(%[[D]], %[[S]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>
func.func @norm_f32(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) {
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>
}

// norm_out is the destination of the norm, which has two users.

// CHECK-LABEL: func.func @norm_out(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK-SAME: %[[N:[a-z0-9]+]]:
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32} ins(%[[X]] : tensor<?x64xbf16>) outs(%[[N]] : tensor<?x64xbf16>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[NORM]] : tensor<?x64xbf16>) outs(%[[D]], %[[S]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1, %[[NORM]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<?x64xbf16>
func.func @norm_out(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %n: tensor<?x64xbf16>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<?x64xbf16>) {
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) norm_out(%n : tensor<?x64xbf16>)
  return %0#0, %0#1, %0#2 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<?x64xbf16>
}

// norm_out is rounded apart from the value that is quantised, and takes the type
// of its destination where that knows more of the shape.

// CHECK-LABEL: func.func @norm_out_f32(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK-SAME: %[[N:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xf32>
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32} ins(%[[X]] : tensor<?x64xbf16>) outs(%[[EMPTY]] : tensor<?x64xf32>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[NORM]] : tensor<?x64xf32>) outs(%[[D]], %[[S]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
// CHECK: %[[TRUNC:.*]] = arith.truncf %[[NORM]] : tensor<?x64xf32> to tensor<?x64xbf16>
// CHECK: %[[CAST:.*]] = tensor.cast %[[TRUNC]] : tensor<?x64xbf16> to tensor<4x64xbf16>
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1, %[[CAST]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<4x64xbf16>
func.func @norm_out_f32(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %n: tensor<4x64xbf16>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<4x64xbf16>) {
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) norm_out(%n : tensor<4x64xbf16>)
  return %0#0, %0#1, %0#2 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<4x64xbf16>
}

// With a residual it is lm.add_rms_norm, with all its numerics.

// CHECK-LABEL: func.func @residual(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[R:[a-z0-9]+]]:
// CHECK-SAME: %[[W:[a-z0-9]+]]:
// CHECK-SAME: %[[I:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[N:[a-z0-9]+]]:
// CHECK-SAME: %[[RO:[a-z0-9]+]]:
// CHECK: %[[NORM:.*]]:2 = lm.add_rms_norm {epsilon = 9.99999974E-6 : f32, norm_from_rounded_residual, round_sum_before_residual} ins(%[[X]], %[[R]] : tensor<?x64xbf16>, tensor<?x64xf32>) weight(%[[W]] : tensor<64xbf16>) outs(%[[N]], %[[RO]] : tensor<?x64xbf16>, tensor<?x64xf32>)
// CHECK: %[[QUANT:.*]] = lm.quantize <element = f8E4M3FN, granularity = tensor> ins(%[[NORM]]#0 : tensor<?x64xbf16>) input_scale(%[[I]] : tensor<1xf32>) outs(%[[D]] : tensor<?x64xf8E4M3FN>)
// CHECK: return %[[QUANT]], %[[NORM]]#0, %[[NORM]]#1 : tensor<?x64xf8E4M3FN>, tensor<?x64xbf16>, tensor<?x64xf32>
func.func @residual(%x: tensor<?x64xbf16>, %r: tensor<?x64xf32>, %w: tensor<64xbf16>, %i: tensor<1xf32>, %d: tensor<?x64xf8E4M3FN>, %n: tensor<?x64xbf16>, %ro: tensor<?x64xf32>) -> (tensor<?x64xf8E4M3FN>, tensor<?x64xbf16>, tensor<?x64xf32>) {
  %0:3 = lm.rms_norm_quantize #tensor {epsilon = 1.0e-05 : f32, round_before_quant = bf16, norm_from_rounded_residual, round_sum_before_residual} ins(%x : tensor<?x64xbf16>) residual(%r : tensor<?x64xf32>) weight(%w : tensor<64xbf16>) input_scale(%i : tensor<1xf32>) outs(%d : tensor<?x64xf8E4M3FN>) norm_out(%n : tensor<?x64xbf16>) residual_out(%ro : tensor<?x64xf32>)
  return %0#0, %0#1, %0#2 : tensor<?x64xf8E4M3FN>, tensor<?x64xbf16>, tensor<?x64xf32>
}

// The second norm has its own epsilon and weight and shares the other attributes.

// CHECK-LABEL: func.func @second(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[W:[a-z0-9]+]]:
// CHECK-SAME: %[[X2:[a-z0-9]+]]:
// CHECK-SAME: %[[W2:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK-SAME: %[[Y2:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x64xbf16>
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32, round_norm_before_weight, weight_offset = 1.000000e+00 : f32} ins(%[[X]] : tensor<?x64xbf16>) weight(%[[W]] : tensor<64xbf16>) outs(%[[EMPTY]] : tensor<?x64xbf16>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[NORM]] : tensor<?x64xbf16>) outs(%[[D]], %[[S]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
// CHECK: %[[NORM2:.*]] = lm.rms_norm {epsilon = 9.99999974E-6 : f32, round_norm_before_weight, weight_offset = 1.000000e+00 : f32} ins(%[[X2]] : tensor<?x32xbf16>) weight(%[[W2]] : tensor<32xbf16>) outs(%[[Y2]] : tensor<?x32xbf16>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1, %[[NORM2]] : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<?x32xbf16>
func.func @second(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<32xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>, %y2: tensor<?x32xbf16>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<?x32xbf16>) {
  %0:3 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-05 : f32, round_before_quant = bf16, weight_offset = 1.0 : f32, round_norm_before_weight} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) second(%x2, %w2 : tensor<?x32xbf16>, tensor<32xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) second_out(%y2 : tensor<?x32xbf16>)
  return %0#0, %0#1, %0#2 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>, tensor<?x32xbf16>
}

// Rows of a tensor of rank 3.

// CHECK-LABEL: func.func @rank3(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[D:[a-z0-9]+]]:
// CHECK-SAME: %[[S:[a-z0-9]+]]:
// CHECK: %[[EMPTY:.*]] = tensor.empty(%{{.*}}) : tensor<?x4x64xf16>
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32} ins(%[[X]] : tensor<?x4x64xbf16>) outs(%[[EMPTY]] : tensor<?x4x64xf16>)
// CHECK: %[[QUANT:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%[[NORM]] : tensor<?x4x64xf16>) outs(%[[D]], %[[S]] : tensor<?x4x32xi8>, tensor<?x4x2xf8E8M0FNU>)
// CHECK: return %[[QUANT]]#0, %[[QUANT]]#1 : tensor<?x4x32xi8>, tensor<?x4x2xf8E8M0FNU>
func.func @rank3(%x: tensor<?x4x64xbf16>, %d: tensor<?x4x32xi8>, %s: tensor<?x4x2xf8E8M0FNU>) -> (tensor<?x4x32xi8>, tensor<?x4x2xf8E8M0FNU>) {
  %0:2 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-06 : f32, round_before_quant = f16} ins(%x : tensor<?x4x64xbf16>) outs(%d, %s : tensor<?x4x32xi8>, tensor<?x4x2xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x4x32xi8>, tensor<?x4x2xf8E8M0FNU>
}

// CHECK-LABEL: func.func @dual(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK-SAME: %[[W:[a-z0-9]+]]:
// CHECK-SAME: %[[X2:[a-z0-9]+]]:
// CHECK-SAME: %[[W2:[a-z0-9]+]]:
// CHECK-SAME: %[[Y:[a-z0-9]+]]:
// CHECK-SAME: %[[Y2:[a-z0-9]+]]:
// CHECK: %[[NORM:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32, round_norm_before_weight, weight_offset = 1.000000e+00 : f32} ins(%[[X]] : tensor<?x64xbf16>) weight(%[[W]] : tensor<64xbf16>) outs(%[[Y]] : tensor<?x64xbf16>)
// CHECK: %[[NORM2:.*]] = lm.rms_norm {epsilon = 9.99999974E-6 : f32, round_norm_before_weight, weight_offset = 1.000000e+00 : f32} ins(%[[X2]] : tensor<?x32xbf16>) weight(%[[W2]] : tensor<32xbf16>) outs(%[[Y2]] : tensor<?x32xbf16>)
// CHECK: return %[[NORM]], %[[NORM2]] : tensor<?x64xbf16>, tensor<?x32xbf16>
func.func @dual(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %x2: tensor<?x32xbf16>, %w2: tensor<32xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x32xbf16>) -> (tensor<?x64xbf16>, tensor<?x32xbf16>) {
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-05 : f32, weight_offset = 1.0 : f32, round_norm_before_weight} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<32xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return %0#0, %0#1 : tensor<?x64xbf16>, tensor<?x32xbf16>
}
