// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=dual-rms-norm=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>

// OFF-NOT: second(
// OFF-NOT: lm.dual_rms_norm
// PLAN: fusion plan: 9 planned, 6 refused

// DeepSeek's a-projection: the query part is quantised, the latent part is not. The latent is
// split off in two steps, as vLLM does, and its norm comes last.
// PLAN-NEXT: @quantized {{.*}} rms-norm-quantize planned
// PLAN-NEXT: @quantized {{.*}} dual-rms-norm planned: lm.rms_norm joins lm.rms_norm_quantize as its second, columns 0+1536 and 1536+512
// CHECK-LABEL: @quantized
func.func private @gemm(tensor<?x1536xf8E4M3FN>, tensor<?x12xf32>) -> tensor<?x3072xbf16>
func.func @quantized(%a: tensor<?x2112xbf16>, %wq: tensor<1536xbf16>, %wk: tensor<512xbf16>) -> (tensor<?x3072xbf16>, tensor<?x512xbf16>) {
  // CHECK-DAG: %[[Q:.*]] = tensor.extract_slice %arg0[0, 0]
  // CHECK-DAG: %[[REST:.*]] = tensor.extract_slice %arg0[0, 1536]
  // CHECK-DAG: %[[KV:.*]] = tensor.extract_slice %[[REST]][0, 0]
  // CHECK: %[[F:.*]]:3 = lm.rms_norm_quantize {{.*}} second_epsilon = 9.99999997E-7 : f32}
  // CHECK-SAME: ins(%[[Q]] : {{.*}}) weight(%arg1 : {{.*}}) second(%[[KV]], %arg2 : tensor<?x512xbf16>, tensor<512xbf16>) outs({{.*}}) second_out(%{{.*}} : tensor<?x512xbf16>)
  // CHECK: call @gemm(%[[F]]#0, %[[F]]#1)
  // CHECK: return %{{.*}}, %[[F]]#2
  %c0 = arith.constant 0 : index
  %t = tensor.dim %a, %c0 : tensor<?x2112xbf16>
  %q = tensor.extract_slice %a[0, 0] [%t, 1536] [1, 1] : tensor<?x2112xbf16> to tensor<?x1536xbf16>
  %rest = tensor.extract_slice %a[0, 1536] [%t, 576] [1, 1] : tensor<?x2112xbf16> to tensor<?x576xbf16>
  %qi = tensor.empty(%t) : tensor<?x1536xbf16>
  %qn = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%q : tensor<?x1536xbf16>) weight(%wq : tensor<1536xbf16>) outs(%qi : tensor<?x1536xbf16>)
  %t1 = tensor.dim %qn, %c0 : tensor<?x1536xbf16>
  %d0 = tensor.empty(%t1) : tensor<?x1536xf8E4M3FN>
  %s0 = tensor.empty(%t1) : tensor<?x12xf32>
  %d, %s = lm.quantize #group ins(%qn : tensor<?x1536xbf16>) outs(%d0, %s0 : tensor<?x1536xf8E4M3FN>, tensor<?x12xf32>)
  %g = func.call @gemm(%d, %s) : (tensor<?x1536xf8E4M3FN>, tensor<?x12xf32>) -> tensor<?x3072xbf16>
  %t2 = tensor.dim %rest, %c0 : tensor<?x576xbf16>
  %kv = tensor.extract_slice %rest[0, 0] [%t2, 512] [1, 1] : tensor<?x576xbf16> to tensor<?x512xbf16>
  %ki = tensor.empty(%t2) : tensor<?x512xbf16>
  %kn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%kv : tensor<?x512xbf16>) weight(%wk : tensor<512xbf16>) outs(%ki : tensor<?x512xbf16>)
  return %g, %kn : tensor<?x3072xbf16>, tensor<?x512xbf16>
}

// The quantised norm may come second.
// PLAN-NEXT: @second_quantized {{.*}} dual-rms-norm planned: {{.*}} columns 128+128 and 0+128
// PLAN-NEXT: @second_quantized {{.*}} rms-norm-quantize planned
// CHECK-LABEL: @second_quantized
func.func @second_quantized(%a: tensor<8x256xbf16>, %d0: tensor<8x128xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xbf16>) {
  // CHECK-DAG: %[[X:.*]] = tensor.extract_slice %arg0[0, 0]
  // CHECK-DAG: %[[Y:.*]] = tensor.extract_slice %arg0[0, 128]
  // CHECK: lm.rms_norm_quantize {{.*}} ins(%[[Y]] : {{.*}}) second(%[[X]] : tensor<8x128xbf16>)
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) outs(%x : tensor<8x128xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<8x128xbf16>) outs(%y : tensor<8x128xbf16>)
  %d, %s = lm.quantize #group ins(%yn : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  return %d, %s, %xn : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xbf16>
}

// PLAN-NEXT: @plain {{.*}} planned: lm.rms_norm + lm.rms_norm -> lm.dual_rms_norm, columns 0+192 and 192+64
// CHECK-LABEL: @plain
func.func @plain(%a: tensor<8x256xbf16>, %w: tensor<64xbf16>, %x0: tensor<8x192xbf16>) -> (tensor<8x192xbf16>, tensor<8x64xbf16>) {
  // CHECK: %[[F:.*]]:2 = lm.dual_rms_norm {epsilon = 9.99999997E-7 : f32, round_norm_before_weight, second_epsilon = 9.99999974E-6 : f32} ins({{.*}}) second_weight(%arg1 : tensor<64xbf16>) outs(%arg2,
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %x = tensor.extract_slice %a[0, 0] [8, 192] [1, 1] : tensor<8x256xbf16> to tensor<8x192xbf16>
  %y = tensor.extract_slice %a[0, 192] [8, 64] [1, 1] : tensor<8x256xbf16> to tensor<8x64xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32, round_norm_before_weight} ins(%x : tensor<8x192xbf16>) outs(%x0 : tensor<8x192xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-05 : f32, round_norm_before_weight} ins(%y : tensor<8x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<8x64xbf16>)
  return %xn, %yn : tensor<8x192xbf16>, tensor<8x64xbf16>
}

// Norms of different tensors are no pair.
// CHECK-LABEL: @two_tensors
// CHECK-COUNT-2: lm.rms_norm{{ }}
func.func @two_tensors(%a: tensor<8x256xbf16>, %b: tensor<8x256xbf16>) -> (tensor<8x192xbf16>, tensor<8x64xbf16>) {
  %x = tensor.extract_slice %a[0, 0] [8, 192] [1, 1] : tensor<8x256xbf16> to tensor<8x192xbf16>
  %y = tensor.extract_slice %b[0, 192] [8, 64] [1, 1] : tensor<8x256xbf16> to tensor<8x64xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x192xbf16>) outs(%x : tensor<8x192xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<8x64xbf16>) outs(%y : tensor<8x64xbf16>)
  return %xn, %yn : tensor<8x192xbf16>, tensor<8x64xbf16>
}

// PLAN-NEXT: @rows {{.*}} refused [rows-differ]: the norms are over different rows of one tensor: [8] and [4]
func.func @rows(%a: tensor<8x256xbf16>) -> (tensor<8x192xbf16>, tensor<4x64xbf16>) {
  %x = tensor.extract_slice %a[0, 0] [8, 192] [1, 1] : tensor<8x256xbf16> to tensor<8x192xbf16>
  %y = tensor.extract_slice %a[0, 192] [4, 64] [1, 1] : tensor<8x256xbf16> to tensor<4x64xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x192xbf16>) outs(%x : tensor<8x192xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<4x64xbf16>) outs(%y : tensor<4x64xbf16>)
  return %xn, %yn : tensor<8x192xbf16>, tensor<4x64xbf16>
}

// PLAN-NEXT: @offset {{.*}} refused [attribute-mismatch]: weight_offset is 0 on the first and 1 on the second
func.func @offset(%a: tensor<8x256xbf16>, %w: tensor<128xbf16>) -> (tensor<8x128xbf16>, tensor<8x128xbf16>) {
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%x : tensor<8x128xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32} ins(%y : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%y : tensor<8x128xbf16>)
  return %xn, %yn : tensor<8x128xbf16>, tensor<8x128xbf16>
}

// PLAN-NEXT: @rounding {{.*}} rms-norm-quantize planned
// PLAN-NEXT: @rounding {{.*}} refused [attribute-mismatch]: round_norm_before_weight is set on the first and not set on the second
func.func @rounding(%a: tensor<8x256xbf16>, %w: tensor<128xbf16>, %d0: tensor<8x128xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xbf16>) {
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32, round_norm_before_weight} ins(%x : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%x : tensor<8x128xbf16>)
  %d, %s = lm.quantize #group ins(%xn : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  %yn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%y : tensor<8x128xbf16>)
  return %d, %s, %yn : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xbf16>
}

// PLAN-NEXT: @both {{.*}} rms-norm-quantize planned
// PLAN-NEXT: @both {{.*}} dual-rms-norm refused [both-quantized]: both norms are quantised, but lm.rms_norm_quantize quantises only its first
// PLAN-NEXT: @both {{.*}} rms-norm-quantize planned
func.func @both(%a: tensor<8x256xbf16>, %d0: tensor<8x128xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xf8E4M3FN>, tensor<8x1xf32>) {
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) outs(%x : tensor<8x128xbf16>)
  %d, %s = lm.quantize #group ins(%xn : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  %yn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<8x128xbf16>) outs(%y : tensor<8x128xbf16>)
  %e, %f = lm.quantize #group ins(%yn : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  return %d, %s, %e, %f : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xf8E4M3FN>, tensor<8x1xf32>
}

// PLAN-NEXT: @three {{.*}} refused [too-many-norms]: 3 norms are over slices of one tensor, but lm.dual_rms_norm takes two
func.func @three(%a: tensor<8x384xbf16>) -> (tensor<8x128xbf16>, tensor<8x128xbf16>, tensor<8x128xbf16>) {
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x384xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x384xbf16> to tensor<8x128xbf16>
  %z = tensor.extract_slice %a[0, 256] [8, 128] [1, 1] : tensor<8x384xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) outs(%x : tensor<8x128xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<8x128xbf16>) outs(%y : tensor<8x128xbf16>)
  %zn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%z : tensor<8x128xbf16>) outs(%z : tensor<8x128xbf16>)
  return %xn, %yn, %zn : tensor<8x128xbf16>, tensor<8x128xbf16>, tensor<8x128xbf16>
}

// What the second norm needs depends on the first: the fusion that stands is kept as it was.
// PLAN-NEXT: @dependent {{.*}} rms-norm-quantize planned
// PLAN-NEXT: @dependent {{.*}} dual-rms-norm refused [operand-not-available]: the result of lm.quantize is used by func.call before func.call, an operand of the fused operation, is computed
// CHECK-LABEL: @dependent
func.func private @weight(tensor<8x1xf32>) -> tensor<128xbf16>
func.func @dependent(%a: tensor<8x256xbf16>, %d0: tensor<8x128xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x128xf8E4M3FN>, tensor<8x128xbf16>) {
  // CHECK: lm.rms_norm_quantize
  // CHECK: call @weight
  // CHECK: lm.rms_norm{{ }}
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) outs(%x : tensor<8x128xbf16>)
  %d, %s = lm.quantize #group ins(%xn : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  %w = func.call @weight(%s) : (tensor<8x1xf32>) -> tensor<128xbf16>
  %yn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%y : tensor<8x128xbf16>)
  return %d, %yn : tensor<8x128xf8E4M3FN>, tensor<8x128xbf16>
}
