// Fusing changes no bit: each function, fused and decomposed again, is the function it was.

// RUN: hipfuse-opt %s --canonicalize --cse -o %t.before
// RUN: hipfuse-opt %s --lm-fuse="require-match=add-rms-norm-quantize:1,rms-norm-quantize:3,silu-mul-quantize:2,rope-mla-cache-write:3,rope-quantize:1,dual-rms-norm:2" -o %t.fused
// RUN: hipfuse-opt %t.fused --lm-decompose --canonicalize --cse -o %t.after
// RUN: diff %t.before %t.after
// What is compared was really fused.
// RUN: FileCheck %s --implicit-check-not="{{lm.rms_norm[^_]}}" --implicit-check-not=lm.quantize --implicit-check-not="{{lm.rope[^_]}}" --implicit-check-not=lm.mla_cache_write < %t.fused

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
#token = #lm.scheme<element = f8E4M3FN, granularity = token>
#tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>

// CHECK-LABEL: @norm
func.func @norm(%x: tensor<8x256xbf16>, %w: tensor<256xbf16>, %d0: tensor<8x128xi8>, %s0: tensor<8x8xf8E8M0FNU>) -> (tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>) {
  %init = tensor.empty() : tensor<8x256xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32, weight_offset = 1.0 : f32, round_norm_before_weight} ins(%x : tensor<8x256xbf16>) weight(%w : tensor<256xbf16>) outs(%init : tensor<8x256xbf16>)
  %d, %s = lm.quantize #mxfp4 ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>)
  return %d, %s : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>
}

// CHECK-LABEL: @norm_f32
func.func @norm_f32(%x: tensor<?x256xbf16>, %d0: tensor<?x256xf8E4M3FN>, %s0: tensor<?x1xf32>) -> (tensor<?x256xf8E4M3FN>, tensor<?x1xf32>) {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x256xbf16>
  %init = tensor.empty(%t) : tensor<?x256xf32>
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<?x256xbf16>) outs(%init : tensor<?x256xf32>)
  %d, %s = lm.quantize #token ins(%y : tensor<?x256xf32>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x1xf32>)
  return %d, %s : tensor<?x256xf8E4M3FN>, tensor<?x1xf32>
}

// CHECK-LABEL: @add_norm
func.func @add_norm(%x: tensor<8x256xbf16>, %r: tensor<8x256xbf16>, %w: tensor<256xf32>, %y0: tensor<8x256xbf16>, %r0: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>, tensor<8x256xbf16>) {
  %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32, norm_from_rounded_residual, round_sum_before_residual} ins(%x, %r : tensor<8x256xbf16>, tensor<8x256xbf16>) weight(%w : tensor<256xf32>) outs(%y0, %r0 : tensor<8x256xbf16>, tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %y, %r1 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>, tensor<8x256xbf16>
}

// CHECK-LABEL: @dual
func.func @dual(%a: tensor<8x256xbf16>, %w: tensor<128xbf16>, %d0: tensor<8x128xf8E4M3FN>, %s0: tensor<8x1xf32>, %k0: tensor<8x128xbf16>) -> (tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xbf16>) {
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %init = tensor.empty() : tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%init : tensor<8x128xbf16>)
  %d, %s = lm.quantize #group ins(%xn : tensor<8x128xbf16>) outs(%d0, %s0 : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>)
  %yn = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<8x128xbf16>) outs(%k0 : tensor<8x128xbf16>)
  return %d, %s, %yn : tensor<8x128xf8E4M3FN>, tensor<8x1xf32>, tensor<8x128xbf16>
}

// CHECK-LABEL: @dual_plain
func.func @dual_plain(%a: tensor<8x256xbf16>, %w: tensor<128xbf16>, %x0: tensor<8x128xbf16>, %y0: tensor<8x128xf32>) -> (tensor<8x128xbf16>, tensor<8x128xf32>) {
  %x = tensor.extract_slice %a[0, 0] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %y = tensor.extract_slice %a[0, 128] [8, 128] [1, 1] : tensor<8x256xbf16> to tensor<8x128xbf16>
  %xn = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<8x128xbf16>) outs(%x0 : tensor<8x128xbf16>)
  %yn = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%y : tensor<8x128xbf16>) weight(%w : tensor<128xbf16>) outs(%y0 : tensor<8x128xf32>)
  return %xn, %yn : tensor<8x128xbf16>, tensor<8x128xf32>
}

// CHECK-LABEL: @silu
func.func @silu(%x: tensor<8x512xbf16>, %d0: tensor<8x128xi8>, %s0: tensor<8x8xf8E8M0FNU>) -> (tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>) {
  %h0 = tensor.empty() : tensor<8x256xbf16>
  %h = lm.silu_mul {clamp = 10.0 : f32, round_activation} ins(%x : tensor<8x512xbf16>) outs(%h0 : tensor<8x256xbf16>)
  %d, %s = lm.quantize #mxfp4 ins(%h : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>)
  return %d, %s : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>
}

// CHECK-LABEL: @norm_split_k
func.func @norm_split_k(%p: tensor<4x8x256xf32>, %r: tensor<8x256xbf16>, %r0: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>) {
  %x0 = tensor.empty() : tensor<8x256xf16>
  %x = lm.split_k_reduce ins(%p : tensor<4x8x256xf32>) outs(%x0 : tensor<8x256xf16>)
  %y0 = tensor.empty() : tensor<8x256xbf16>
  %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-05 : f32} ins(%x, %r : tensor<8x256xf16>, tensor<8x256xbf16>) outs(%y0, %r0 : tensor<8x256xbf16>, tensor<8x256xbf16>)
  %d, %s = lm.quantize #group ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s, %r1 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>, tensor<8x256xbf16>
}

// CHECK-LABEL: @silu_split_k
func.func @silu_split_k(%p: tensor<4x8x512xf32>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x2xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x2xf32>) {
  %x0 = tensor.empty() : tensor<8x512xbf16>
  %x = lm.split_k_reduce ins(%p : tensor<4x8x512xf32>) outs(%x0 : tensor<8x512xbf16>)
  %h0 = tensor.empty() : tensor<8x256xf16>
  %h = lm.silu_mul ins(%x : tensor<8x512xbf16>) outs(%h0 : tensor<8x256xf16>)
  %d, %s = lm.quantize #group ins(%h : tensor<8x256xf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x2xf32>
}

// The rotations are in the order in which the decomposition writes them.
// CHECK-LABEL: @cache
func.func @cache(%qn: tensor<8x16x512xbf16>, %qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>, %q0: tensor<8x16x576xbf16>) -> (tensor<8x16x576xbf16>, tensor<?x64x576xbf16>) {
  %qi = tensor.empty() : tensor<8x16x64xbf16>
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qi : tensor<8x16x64xbf16>)
  %q1 = tensor.insert_slice %qn into %q0[0, 0, 0] [8, 16, 512] [1, 1, 1] : tensor<8x16x512xbf16> into tensor<8x16x576xbf16>
  %q2 = tensor.insert_slice %q into %q1[0, 0, 512] [8, 16, 64] [1, 1, 1] : tensor<8x16x64xbf16> into tensor<8x16x576xbf16>
  %ki = tensor.empty() : tensor<8x64xbf16>
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%ki : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative_or_zero>, rope_first} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %q2, %c1 : tensor<8x16x576xbf16>, tensor<?x64x576xbf16>
}

// CHECK-LABEL: @cache_bare
func.func @cache_bare(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x448xbf16>, %kp: tensor<8x64xbf16>, %k0: tensor<8x64xbf16>, %pos: tensor<8xi64>, %c: tensor<4096x32xbf16>, %s: tensor<4096x32xbf16>, %slots: tensor<6xi64>, %cache: tensor<?x37440xi8>) -> (tensor<8x16x64xbf16>, tensor<?x37440xi8>, tensor<8x64xbf16>) {
  %q = lm.rope neox {compute = #lm.rope_compute<operand>} ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%c, %s : tensor<4096x32xbf16>, tensor<4096x32xbf16>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope neox {compute = #lm.rope_compute<operand>} ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%c, %s : tensor<4096x32xbf16>, tensor<4096x32xbf16>) outs(%k0 : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %k : tensor<8x448xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<6xi64>) outs(%cache : tensor<?x37440xi8>)
  return %q, %c1, %k : tensor<8x16x64xbf16>, tensor<?x37440xi8>, tensor<8x64xbf16>
}

// CHECK-LABEL: @cache_fp8
func.func @cache_fp8(%qn: tensor<8x16x512xbf16>, %qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xf8E4M3FN>, %ks: tensor<1xf32>, %qs: tensor<1xf32>, %d0: tensor<8x16x576xf8E4M3FN>) -> (tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>) {
  %qi = tensor.empty() : tensor<8x16x64xbf16>
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qi : tensor<8x16x64xbf16>)
  %q0 = tensor.empty() : tensor<8x16x576xbf16>
  %q1 = tensor.insert_slice %qn into %q0[0, 0, 0] [8, 16, 512] [1, 1, 1] : tensor<8x16x512xbf16> into tensor<8x16x576xbf16>
  %q2 = tensor.insert_slice %q into %q1[0, 0, 512] [8, 16, 64] [1, 1, 1] : tensor<8x16x64xbf16> into tensor<8x16x576xbf16>
  %d = lm.quantize #tensor ins(%q2 : tensor<8x16x576xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<8x16x576xf8E4M3FN>)
  %ki = tensor.empty() : tensor<8x64xbf16>
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%ki : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) scale(%ks : tensor<1xf32>) outs(%cache : tensor<?x64x576xf8E4M3FN>)
  return %d, %c1 : tensor<8x16x576xf8E4M3FN>, tensor<?x64x576xf8E4M3FN>
}

// CHECK-LABEL: @rope_quantize
func.func @rope_quantize(%o: tensor<8x64x512xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x8x4096xf8E4M3FN>, %s0: tensor<8x8x32xf32>) -> (tensor<8x8x4096xf8E4M3FN>, tensor<8x8x32xf32>) {
  %r = tensor.extract_slice %o[0, 0, 448] [8, 64, 64] [1, 1, 1] : tensor<8x64x512xbf16> to tensor<8x64x64xbf16>
  %p0 = tensor.empty() : tensor<8x64x64xbf16>
  %p = lm.rope interleaved inverse ins(%r : tensor<8x64x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%p0 : tensor<8x64x64xbf16>)
  %o1 = tensor.insert_slice %p into %o[0, 0, 448] [8, 64, 64] [1, 1, 1] : tensor<8x64x64xbf16> into tensor<8x64x512xbf16>
  %flat = tensor.collapse_shape %o1 [[0], [1, 2]] : tensor<8x64x512xbf16> into tensor<8x32768xbf16>
  %v = tensor.expand_shape %flat [[0], [1, 2]] output_shape [8, 8, 4096] : tensor<8x32768xbf16> into tensor<8x8x4096xbf16>
  %d, %s = lm.quantize #group ins(%v : tensor<8x8x4096xbf16>) outs(%d0, %s0 : tensor<8x8x4096xf8E4M3FN>, tensor<8x8x32xf32>)
  return %d, %s : tensor<8x8x4096xf8E4M3FN>, tensor<8x8x32xf32>
}
