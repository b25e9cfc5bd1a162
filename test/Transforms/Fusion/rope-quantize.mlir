// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=rope-quantize=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN
// RUN: hipfuse-opt %s --lm-fuse --remarks-filter=lm-fuse -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate>
#token = #lm.scheme<element = f8E4M3FN, granularity = token>
#tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor>

// OFF-NOT: lm.rope_quantize
// PLAN: fusion plan: 4 planned, 11 refused

// DeepSeek-V4: the attention output is rotated back and quantised by groups of heads.
// PLAN-NEXT: @groups {{.*}} rope-quantize planned: lm.rope + lm.quantize -> lm.rope_quantize, columns 448+64
// CHECK-LABEL: @groups
func.func @groups(%t: index, %o: tensor<?x64x512xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<?x8x4096xf8E4M3FN>, %s0: tensor<?x8x32xf8E8M0FNU>) -> (tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>) {
  // CHECK-NEXT: %[[F:.*]]:2 = lm.rope_quantize interleaved inverse <element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate> ins(%arg1 : tensor<?x64x512xbf16>) positions(%arg2 : tensor<?xi64>) tables(%arg3 : tensor<4096x64xf32>) outs(%arg4, %arg5 :
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %r = tensor.extract_slice %o[0, 0, 448] [%t, 64, 64] [1, 1, 1] : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
  %p = lm.rope interleaved inverse ins(%r : tensor<?x64x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<?x64x64xbf16>)
  %c0 = arith.constant 0 : index
  %t0 = tensor.dim %o, %c0 : tensor<?x64x512xbf16>
  %o1 = tensor.insert_slice %p into %o[0, 0, 448] [%t0, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>
  %flat = tensor.collapse_shape %o1 [[0], [1, 2]] : tensor<?x64x512xbf16> into tensor<?x32768xbf16>
  %v = tensor.expand_shape %flat [[0], [1, 2]] output_shape [%t, 8, 4096] : tensor<?x32768xbf16> into tensor<?x8x4096xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%v : tensor<?x8x4096xbf16>) outs(%d0, %s0 : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
  return %d, %s : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>
}

// The rotated columns behind the others, by concatenation; one row per token.
// PLAN-NEXT: @concat {{.*}} planned
// CHECK-LABEL: @concat
func.func @concat(%o: tensor<8x16x256xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x4096xf8E4M3FN>, %s0: tensor<8x32xf8E8M0FNU>) -> (tensor<8x4096xf8E4M3FN>, tensor<8x32xf8E8M0FNU>) {
  // CHECK-NEXT: %[[F:.*]]:2 = lm.rope_quantize neox <{{.*}}> {compute = #lm.rope_compute<operand>} ins(%arg0 :
  // CHECK-NEXT: return
  %n = tensor.extract_slice %o[0, 0, 0] [8, 16, 192] [1, 1, 1] : tensor<8x16x256xbf16> to tensor<8x16x192xbf16>
  %r = tensor.extract_slice %o[0, 0, 192] [8, 16, 64] [1, 1, 1] : tensor<8x16x256xbf16> to tensor<8x16x64xbf16>
  %p = lm.rope neox {compute = #lm.rope_compute<operand>} ins(%r : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<8x16x64xbf16>)
  %o1 = tensor.concat dim(2) %n, %p : (tensor<8x16x192xbf16>, tensor<8x16x64xbf16>) -> tensor<8x16x256xbf16>
  %v = tensor.collapse_shape %o1 [[0], [1, 2]] : tensor<8x16x256xbf16> into tensor<8x4096xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%v : tensor<8x4096xbf16>) outs(%d0, %s0 : tensor<8x4096xf8E4M3FN>, tensor<8x32xf8E8M0FNU>)
  return %d, %s : tensor<8x4096xf8E4M3FN>, tensor<8x32xf8E8M0FNU>
}

// Whole heads, a static scale, no view.
// PLAN-NEXT: @whole {{.*}} planned: {{.*}} columns 0+64
// CHECK-LABEL: @whole
func.func @whole(%o: tensor<8x16x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %qs: tensor<1xf32>, %d0: tensor<8x16x64xf8E4M3FN>) -> tensor<8x16x64xf8E4M3FN> {
  // CHECK-NEXT: lm.rope_quantize interleaved <{{.*}}> ins(%arg0 : {{.*}} input_scale(%arg3 : tensor<1xf32>) outs(%arg4 :
  %p = lm.rope interleaved ins(%o : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%o : tensor<8x16x64xbf16>)
  %d = lm.quantize #tensor ins(%p : tensor<8x16x64xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<8x16x64xf8E4M3FN>)
  return %d : tensor<8x16x64xf8E4M3FN>
}

// PLAN-NEXT: @used {{.*}} refused [extra-uses]: the result of tensor.insert_slice has 2 uses, but lm.rope_quantize has no result for it
func.func @used(%o: tensor<8x16x256xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x16x256xf8E4M3FN>, %s0: tensor<8x16x2xf8E8M0FNU>) -> (tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>, tensor<8x16x256xbf16>) {
  %r = tensor.extract_slice %o[0, 0, 192] [8, 16, 64] [1, 1, 1] : tensor<8x16x256xbf16> to tensor<8x16x64xbf16>
  %p = lm.rope neox ins(%r : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<8x16x64xbf16>)
  %o1 = tensor.insert_slice %p into %o[0, 0, 192] [8, 16, 64] [1, 1, 1] : tensor<8x16x64xbf16> into tensor<8x16x256xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%o1 : tensor<8x16x256xbf16>) outs(%d0, %s0 : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>)
  return %d, %s, %o1 : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>, tensor<8x16x256xbf16>
}

// PLAN-NEXT: @leading {{.*}} refused [not-trailing-columns]: the rotated columns start at 0, but lm.rope_quantize rotates the last 64 of 256
func.func @leading(%o: tensor<8x16x256xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x16x256xf8E4M3FN>, %s0: tensor<8x16x2xf8E8M0FNU>) -> (tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>) {
  %r = tensor.extract_slice %o[0, 0, 0] [8, 16, 64] [1, 1, 1] : tensor<8x16x256xbf16> to tensor<8x16x64xbf16>
  %p = lm.rope neox ins(%r : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<8x16x64xbf16>)
  %o1 = tensor.insert_slice %p into %o[0, 0, 0] [8, 16, 64] [1, 1, 1] : tensor<8x16x64xbf16> into tensor<8x16x256xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%o1 : tensor<8x16x256xbf16>) outs(%d0, %s0 : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>)
  return %d, %s : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>
}

// One scale for all heads of a token.
// PLAN-NEXT: @token {{.*}} refused [scheme-crosses-heads]: granularity token with blocks of 0 does not divide heads of 64 columns
func.func @token(%o: tensor<8x16x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x1024xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x1024xf8E4M3FN>, tensor<8x1xf32>) {
  %p = lm.rope interleaved ins(%o : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%o : tensor<8x16x64xbf16>)
  %v = tensor.collapse_shape %p [[0], [1, 2]] : tensor<8x16x64xbf16> into tensor<8x1024xbf16>
  %d, %s = lm.quantize #token ins(%v : tensor<8x1024xbf16>) outs(%d0, %s0 : tensor<8x1024xf8E4M3FN>, tensor<8x1xf32>)
  return %d, %s : tensor<8x1024xf8E4M3FN>, tensor<8x1xf32>
}

// PLAN-NEXT: @rows {{.*}} refused [view-not-rows]: rows of shape [128, 64] are not [T, 1024] or [T, G, 1024/G]
func.func @rows(%o: tensor<8x16x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %qs: tensor<1xf32>, %d0: tensor<128x64xf8E4M3FN>) -> tensor<128x64xf8E4M3FN> {
  %p = lm.rope interleaved ins(%o : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%o : tensor<8x16x64xbf16>)
  %v = tensor.collapse_shape %p [[0, 1], [2]] : tensor<8x16x64xbf16> into tensor<128x64xbf16>
  %d = lm.quantize #tensor ins(%v : tensor<128x64xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<128x64xf8E4M3FN>)
  return %d : tensor<128x64xf8E4M3FN>
}

// PLAN-NEXT: @rank {{.*}} refused [operand-rank]: the rotated tensor has rank 2, but lm.rope_quantize needs rank 3
func.func @rank(%o: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %qs: tensor<1xf32>, %d0: tensor<8x64xf8E4M3FN>) -> tensor<8x64xf8E4M3FN> {
  %p = lm.rope interleaved ins(%o : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%o : tensor<8x64xbf16>)
  %d = lm.quantize #tensor ins(%p : tensor<8x64xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<8x64xf8E4M3FN>)
  return %d : tensor<8x64xf8E4M3FN>
}

// A rotated query that a cache write took in is not quantised by this fusion as well.
// PLAN-NEXT: @claimed {{.*}} rope-mla-cache-write planned
// PLAN-NEXT: @claimed {{.*}} rope-quantize refused [already-fused]: lm.rope is already a part of lm.rope_mla_cache_write
func.func @claimed(%qp: tensor<8x16x64xbf16>, %kv: tensor<8x512xbf16>, %kp: tensor<8x64xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<8xi64>, %cache: tensor<?x64x576xbf16>, %qs: tensor<1xf32>, %d0: tensor<8x16x64xf8E4M3FN>) -> (tensor<8x16x64xf8E4M3FN>, tensor<?x64x576xbf16>) {
  %q = lm.rope interleaved ins(%qp : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%qp : tensor<8x16x64xbf16>)
  %k = lm.rope interleaved ins(%kp : tensor<8x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%kp : tensor<8x64xbf16>)
  %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %k : tensor<8x512xbf16>, tensor<8x64xbf16>) slots(%slots : tensor<8xi64>) outs(%cache : tensor<?x64x576xbf16>)
  %d = lm.quantize #tensor ins(%q : tensor<8x16x64xbf16>) input_scale(%qs : tensor<1xf32>) outs(%d0 : tensor<8x16x64xf8E4M3FN>)
  return %d, %c1 : tensor<8x16x64xf8E4M3FN>, tensor<?x64x576xbf16>
}

// Nothing says that the positions' rows are all rows of the heads.
// PLAN-NEXT: @other_rows {{.*}} rope-quantize refused [columns-not-whole]: tensor.insert_slice of [?, 64, 64] in [?, 64, 512] cannot be shown to be whole columns: all rows, without gaps
// CHECK-LABEL: @other_rows
// CHECK: lm.rope interleaved
// CHECK: lm.quantize
// REMARK: remark: [Missed] rope-quantize | Category:lm-fuse | Function=other_rows | Reason=columns-not-whole, Remark="tensor.insert_slice of [?, 64, 64] in [?, 64, 512] cannot be shown to be whole columns: all rows, without gaps"
func.func @other_rows(%o: tensor<?x64x512xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<?x32768xf8E4M3FN>, %s0: tensor<?x256xf8E8M0FNU>) -> (tensor<?x32768xf8E4M3FN>, tensor<?x256xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %pos, %c0 : tensor<?xi64>
  %r = tensor.extract_slice %o[0, 0, 448] [%t, 64, 64] [1, 1, 1] : tensor<?x64x512xbf16> to tensor<?x64x64xbf16>
  %p = lm.rope interleaved inverse ins(%r : tensor<?x64x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<?x64x64xbf16>)
  %o1 = tensor.insert_slice %p into %o[0, 0, 448] [%t, 64, 64] [1, 1, 1] : tensor<?x64x64xbf16> into tensor<?x64x512xbf16>
  %v = tensor.collapse_shape %o1 [[0], [1, 2]] : tensor<?x64x512xbf16> into tensor<?x32768xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%v : tensor<?x32768xbf16>) outs(%d0, %s0 : tensor<?x32768xf8E4M3FN>, tensor<?x256xf8E8M0FNU>)
  return %d, %s : tensor<?x32768xf8E4M3FN>, tensor<?x256xf8E8M0FNU>
}

// PLAN-NEXT: @other_rows_concat {{.*}} refused [columns-not-whole]: tensor.extract_slice of [?, 16, 192] in [?, 16, 256] cannot
func.func @other_rows_concat(%o: tensor<?x16x256xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<?x4096xf8E4M3FN>, %s0: tensor<?x32xf8E8M0FNU>) -> (tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %pos, %c0 : tensor<?xi64>
  %n = tensor.extract_slice %o[0, 0, 0] [%t, 16, 192] [1, 1, 1] : tensor<?x16x256xbf16> to tensor<?x16x192xbf16>
  %r = tensor.extract_slice %o[0, 0, 192] [%t, 16, 64] [1, 1, 1] : tensor<?x16x256xbf16> to tensor<?x16x64xbf16>
  %p = lm.rope neox ins(%r : tensor<?x16x64xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<?x16x64xbf16>)
  %o1 = tensor.concat dim(2) %n, %p : (tensor<?x16x192xbf16>, tensor<?x16x64xbf16>) -> tensor<?x16x256xbf16>
  %v = tensor.collapse_shape %o1 [[0], [1, 2]] : tensor<?x16x256xbf16> into tensor<?x4096xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%v : tensor<?x4096xbf16>) outs(%d0, %s0 : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>)
  return %d, %s : tensor<?x4096xf8E4M3FN>, tensor<?x32xf8E8M0FNU>
}

// All but the first row are rotated.
// PLAN-NEXT: @later_rows {{.*}} refused [columns-not-whole]: tensor.extract_slice of [7, 16, 64] in [8, 16, 256] cannot
func.func @later_rows(%o: tensor<8x16x256xbf16>, %pos: tensor<7xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x16x256xf8E4M3FN>, %s0: tensor<8x16x2xf8E8M0FNU>) -> (tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>) {
  %r = tensor.extract_slice %o[1, 0, 192] [7, 16, 64] [1, 1, 1] : tensor<8x16x256xbf16> to tensor<7x16x64xbf16>
  %p = lm.rope neox ins(%r : tensor<7x16x64xbf16>) positions(%pos : tensor<7xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<7x16x64xbf16>)
  %o1 = tensor.insert_slice %p into %o[1, 0, 192] [7, 16, 64] [1, 1, 1] : tensor<7x16x64xbf16> into tensor<8x16x256xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%o1 : tensor<8x16x256xbf16>) outs(%d0, %s0 : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>)
  return %d, %s : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>
}

// PLAN-NEXT: @moved {{.*}} refused [columns-moved]: the rotated columns start at 0 and are put back at 192
func.func @moved(%o: tensor<8x16x256xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x16x256xf8E4M3FN>, %s0: tensor<8x16x2xf8E8M0FNU>) -> (tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>) {
  %r = tensor.extract_slice %o[0, 0, 0] [8, 16, 64] [1, 1, 1] : tensor<8x16x256xbf16> to tensor<8x16x64xbf16>
  %p = lm.rope neox ins(%r : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<8x16x64xbf16>)
  %o1 = tensor.insert_slice %p into %o[0, 0, 192] [8, 16, 64] [1, 1, 1] : tensor<8x16x64xbf16> into tensor<8x16x256xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%o1 : tensor<8x16x256xbf16>) outs(%d0, %s0 : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>)
  return %d, %s : tensor<8x16x256xf8E4M3FN>, tensor<8x16x2xf8E8M0FNU>
}

// The columns before the rotated ones are left out.
// PLAN-NEXT: @moved_concat {{.*}} refused [columns-moved]: the rotated columns start at 128 and are put back at 64
func.func @moved_concat(%o: tensor<8x16x192xbf16>, %pos: tensor<8xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<8x16x128xf8E4M3FN>, %s0: tensor<8x16x1xf8E8M0FNU>) -> (tensor<8x16x128xf8E4M3FN>, tensor<8x16x1xf8E8M0FNU>) {
  %n = tensor.extract_slice %o[0, 0, 0] [8, 16, 64] [1, 1, 1] : tensor<8x16x192xbf16> to tensor<8x16x64xbf16>
  %r = tensor.extract_slice %o[0, 0, 128] [8, 16, 64] [1, 1, 1] : tensor<8x16x192xbf16> to tensor<8x16x64xbf16>
  %p = lm.rope neox ins(%r : tensor<8x16x64xbf16>) positions(%pos : tensor<8xi64>) tables(%cs : tensor<4096x64xf32>) outs(%r : tensor<8x16x64xbf16>)
  %o1 = tensor.concat dim(2) %n, %p : (tensor<8x16x64xbf16>, tensor<8x16x64xbf16>) -> tensor<8x16x128xbf16>
  %d, %s = lm.quantize #ue8m0 ins(%o1 : tensor<8x16x128xbf16>) outs(%d0, %s0 : tensor<8x16x128xf8E4M3FN>, tensor<8x16x1xf8E8M0FNU>)
  return %d, %s : tensor<8x16x128xf8E4M3FN>, tensor<8x16x1xf8E8M0FNU>
}
