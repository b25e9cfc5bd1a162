// RUN: hipfuse-opt %s --lm-fuse | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=shuffle-scale=false | FileCheck %s --check-prefix=OFF
// RUN: hipfuse-opt %s --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=PLAN

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#mxfp8 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 32, scale_rounding = rceil>
#ue8m0 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil>

// OFF-NOT: cdna4_shuffled
// PLAN: fusion plan: 6 planned, 4 refused

// A quantisation that nothing else takes in.
// PLAN-NEXT: @plain {{.*}} shuffle-scale planned: lm.quantize + lm.shuffle_scale -> lm.quantize
// CHECK-LABEL: @plain
func.func @plain(%x: tensor<17x256xbf16>, %d0: tensor<17x128xi8>, %s0: tensor<17x8xf8E8M0FNU>, %p0: tensor<32x8xf8E8M0FNU>) -> (tensor<17x128xi8>, tensor<32x8xf8E8M0FNU>) {
  // CHECK-NEXT: %[[F:.*]]:2 = lm.quantize <element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled> ins(%arg0 : {{.*}}) outs(%arg1, %arg3 : tensor<17x128xi8>, tensor<32x8xf8E8M0FNU>)
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1
  %d, %s = lm.quantize #mxfp4 ins(%x : tensor<17x256xbf16>) outs(%d0, %s0 : tensor<17x128xi8>, tensor<17x8xf8E8M0FNU>)
  %p = lm.shuffle_scale ins(%s : tensor<17x8xf8E8M0FNU>) outs(%p0 : tensor<32x8xf8E8M0FNU>)
  return %d, %p : tensor<17x128xi8>, tensor<32x8xf8E8M0FNU>
}

// A quantisation that a norm has taken in; its codes are read before the scales are shuffled.
// PLAN-NEXT: @norm {{.*}} rms-norm-quantize planned
// PLAN-NEXT: @norm {{.*}} shuffle-scale planned: lm.shuffle_scale joins lm.rms_norm_quantize
// CHECK-LABEL: @norm
func.func private @codes(tensor<8x128xi8>)
func.func @norm(%x: tensor<8x256xbf16>, %d0: tensor<8x128xi8>, %s0: tensor<8x8xf8E8M0FNU>) -> tensor<32x8xf8E8M0FNU> {
  // CHECK-NEXT: %[[P0:.*]] = tensor.empty() : tensor<32x8xf8E8M0FNU>
  // CHECK-NEXT: %[[F:.*]]:2 = lm.rms_norm_quantize <{{.*}} layout = cdna4_shuffled> {{.*}} outs(%arg1, %[[P0]] :
  // CHECK-NEXT: call @codes(%[[F]]#0)
  // CHECK-NEXT: return %[[F]]#1
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x : tensor<8x256xbf16>)
  %d, %s = lm.quantize #mxfp4 ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>)
  func.call @codes(%d) : (tensor<8x128xi8>) -> ()
  %p0 = tensor.empty() : tensor<32x8xf8E8M0FNU>
  %p = lm.shuffle_scale ins(%s : tensor<8x8xf8E8M0FNU>) outs(%p0 : tensor<32x8xf8E8M0FNU>)
  return %p : tensor<32x8xf8E8M0FNU>
}

// PLAN-NEXT: @silu {{.*}} silu-mul-quantize planned
// PLAN-NEXT: @silu {{.*}} shuffle-scale planned: lm.shuffle_scale joins lm.silu_mul_quantize
// CHECK-LABEL: @silu
func.func @silu(%x: tensor<?x512xbf16>, %h0: tensor<?x256xbf16>, %d0: tensor<?x256xf8E4M3FN>, %s0: tensor<?x8xf8E8M0FNU>, %p0: tensor<?x8xf8E8M0FNU>) -> (tensor<?x256xf8E4M3FN>, tensor<?x8xf8E8M0FNU>) {
  // CHECK-NEXT: lm.silu_mul_quantize <{{.*}} layout = cdna4_shuffled> {{.*}} outs(%arg2, %arg4 :
  // CHECK-NEXT: return
  %h = lm.silu_mul ins(%x : tensor<?x512xbf16>) outs(%h0 : tensor<?x256xbf16>)
  %d, %s = lm.quantize #mxfp8 ins(%h : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x8xf8E8M0FNU>)
  %p = lm.shuffle_scale ins(%s : tensor<?x8xf8E8M0FNU>) outs(%p0 : tensor<?x8xf8E8M0FNU>)
  return %d, %p : tensor<?x256xf8E4M3FN>, tensor<?x8xf8E8M0FNU>
}

// An operation that was fused before; its other results stay.
// PLAN-NEXT: @fused {{.*}} planned: lm.rms_norm_quantize + lm.shuffle_scale -> lm.rms_norm_quantize
// CHECK-LABEL: @fused
func.func @fused(%x: tensor<8x256xbf16>, %r: tensor<8x256xbf16>, %d0: tensor<8x128xi8>, %s0: tensor<8x8xf8E8M0FNU>, %p0: tensor<32x8xf8E8M0FNU>) -> (tensor<8x128xi8>, tensor<32x8xf8E8M0FNU>, tensor<8x256xbf16>) {
  // CHECK-NEXT: %[[F:.*]]:3 = lm.rms_norm_quantize <{{.*}} layout = cdna4_shuffled> {{.*}} outs(%arg2, %arg4 : {{.*}}) residual_out(%arg1
  // CHECK-NEXT: return %[[F]]#0, %[[F]]#1, %[[F]]#2
  %d, %s, %r1 = lm.rms_norm_quantize #mxfp4 {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) residual(%r : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>) residual_out(%r : tensor<8x256xbf16>)
  %p = lm.shuffle_scale ins(%s : tensor<8x8xf8E8M0FNU>) outs(%p0 : tensor<32x8xf8E8M0FNU>)
  return %d, %p, %r1 : tensor<8x128xi8>, tensor<32x8xf8E8M0FNU>, tensor<8x256xbf16>
}

// PLAN-NEXT: @scale_used {{.*}} refused [extra-uses]: the scale of lm.quantize has 2 uses
func.func @scale_used(%x: tensor<8x256xbf16>, %d0: tensor<8x128xi8>, %s0: tensor<8x8xf8E8M0FNU>, %p0: tensor<32x8xf8E8M0FNU>) -> (tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>, tensor<32x8xf8E8M0FNU>) {
  %d, %s = lm.quantize #mxfp4 ins(%x : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>)
  %p = lm.shuffle_scale ins(%s : tensor<8x8xf8E8M0FNU>) outs(%p0 : tensor<32x8xf8E8M0FNU>)
  return %d, %s, %p : tensor<8x128xi8>, tensor<8x8xf8E8M0FNU>, tensor<32x8xf8E8M0FNU>
}

// PLAN-NEXT: @block {{.*}} refused [scheme-not-shufflable]: the scale is in layout row_major with blocks of 128, but cdna4_shuffled needs row_major E8M0 scales of blocks of 32
func.func @block(%x: tensor<8x1024xbf16>, %d0: tensor<8x1024xf8E4M3FN>, %s0: tensor<8x8xf8E8M0FNU>, %p0: tensor<32x8xf8E8M0FNU>) -> (tensor<8x1024xf8E4M3FN>, tensor<32x8xf8E8M0FNU>) {
  %d, %s = lm.quantize #ue8m0 ins(%x : tensor<8x1024xbf16>) outs(%d0, %s0 : tensor<8x1024xf8E4M3FN>, tensor<8x8xf8E8M0FNU>)
  %p = lm.shuffle_scale ins(%s : tensor<8x8xf8E8M0FNU>) outs(%p0 : tensor<32x8xf8E8M0FNU>)
  return %d, %p : tensor<8x1024xf8E4M3FN>, tensor<32x8xf8E8M0FNU>
}

// PLAN-NEXT: @view {{.*}} refused [reshape-before-scale-layout]: the rows of lm.quantize have rank 3, but scale layout cdna4_shuffled needs rank 2
func.func @view(%x: tensor<4x2x256xbf16>, %d0: tensor<4x2x128xi8>, %s0: tensor<4x2x8xf8E8M0FNU>, %p0: tensor<32x8xf8E8M0FNU>) -> (tensor<4x2x128xi8>, tensor<32x8xf8E8M0FNU>) {
  %d, %s = lm.quantize #mxfp4 ins(%x : tensor<4x2x256xbf16>) outs(%d0, %s0 : tensor<4x2x128xi8>, tensor<4x2x8xf8E8M0FNU>)
  %v = tensor.collapse_shape %s [[0, 1], [2]] : tensor<4x2x8xf8E8M0FNU> into tensor<8x8xf8E8M0FNU>
  %p = lm.shuffle_scale ins(%v : tensor<8x8xf8E8M0FNU>) outs(%p0 : tensor<32x8xf8E8M0FNU>)
  return %d, %p : tensor<4x2x128xi8>, tensor<32x8xf8E8M0FNU>
}

// PLAN-NEXT: @memrefs {{.*}} refused [memref-semantics]
func.func @memrefs(%s: memref<8x8xf8E8M0FNU>, %p: memref<32x8xf8E8M0FNU>) {
  lm.shuffle_scale ins(%s : memref<8x8xf8E8M0FNU>) outs(%p : memref<32x8xf8E8M0FNU>)
  return
}
