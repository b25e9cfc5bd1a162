// RUN: hipfuse-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize | FileCheck %s

// An empty destination becomes the one allocation; nothing is copied.

// CHECK-LABEL: func.func @empty_destination
// CHECK-SAME: %[[X:.*]]: memref<?x64xbf16>, %[[W:.*]]: memref<64xbf16>, %[[T:.*]]: index
// CHECK-NEXT: %[[Y:.*]] = memref.alloc(%[[T]])
// CHECK-NEXT: lm.rms_norm {{.*}} ins(%[[X]] : {{.*}}) weight(%[[W]] : {{.*}}) outs(%[[Y]] :
// CHECK-NEXT: return %[[Y]]
func.func @empty_destination(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %t: index) -> tensor<?x64xbf16> {
  %init = tensor.empty(%t) : tensor<?x64xbf16>
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%init : tensor<?x64xbf16>)
  return %0 : tensor<?x64xbf16>
}

// Two operations that share a dead destination get a buffer each, without a copy.

// CHECK-LABEL: func.func @shared_empty
// CHECK-SAME: %[[X:.*]]: memref<4x64xbf16>, %[[Y:.*]]: memref<4x64xbf16>
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK: %[[B:.*]] = memref.alloc()
// CHECK-NOT: memref.copy
// CHECK: lm.rms_norm {{.*}} ins(%[[X]] : {{.*}}) outs(%[[B]] :
// CHECK: lm.rms_norm {{.*}} ins(%[[Y]] : {{.*}}) outs(%[[A]] :
// CHECK: return %[[B]], %[[A]]
func.func @shared_empty(%x: tensor<4x64xbf16>, %y: tensor<4x64xbf16>) -> (tensor<4x64xbf16>, tensor<4x64xbf16>) {
  %init = tensor.empty() : tensor<4x64xbf16>
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<4x64xbf16>) outs(%init : tensor<4x64xbf16>)
  %1 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%y : tensor<4x64xbf16>) outs(%init : tensor<4x64xbf16>)
  return %0, %1 : tensor<4x64xbf16>, tensor<4x64xbf16>
}

// The cache is written in place.

// CHECK-LABEL: func.func @cache_in_place
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<?x64x576xbf16>)
// CHECK-NEXT: lm.mla_cache_write bf16 {{.*}} outs(%[[CACHE]] : memref<?x64x576xbf16>)
// CHECK-NEXT: return %[[CACHE]]
func.func @cache_in_place(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %0 : tensor<?x64x576xbf16>
}

// So is the cache of the fused operation, and its query stays a buffer of its own.

// CHECK-LABEL: func.func @fused_cache_in_place
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<8x64x576xbf16>)
// CHECK-NEXT: %[[Q:.*]] = memref.alloc() {{.*}} : memref<4x2x576xbf16>
// CHECK-NEXT: lm.rope_mla_cache_write {{.*}} outs(%[[Q]], %[[CACHE]] :
// CHECK-NEXT: return %[[Q]], %[[CACHE]]
func.func @fused_cache_in_place(%qn: tensor<4x2x512xbf16>, %qp: tensor<4x2x64xbf16>, %kv: tensor<4x512xbf16>, %kp: tensor<4x64xbf16>, %pos: tensor<4xi64>, %cs: tensor<128x64xf32>, %slots: tensor<4xi64>, %cache: tensor<8x64x576xbf16>) -> (tensor<4x2x576xbf16>, tensor<8x64x576xbf16>) {
  %init = tensor.empty() : tensor<4x2x576xbf16>
  %0:2 = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : tensor<4x2x512xbf16>) q_pe(%qp : tensor<4x2x64xbf16>) kv(%kv, %kp : tensor<4x512xbf16>, tensor<4x64xbf16>) positions(%pos : tensor<4xi64>) tables(%cs : tensor<128x64xf32>) slots(%slots : tensor<4xi64>) outs(%init, %cache : tensor<4x2x576xbf16>, tensor<8x64x576xbf16>)
  return %0#0, %0#1 : tensor<4x2x576xbf16>, tensor<8x64x576xbf16>
}

// A cache whose old content is still wanted is copied first: the operation
// keeps what it does not write.

// CHECK-LABEL: func.func @cache_kept
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<?x64x576xbf16>)
// CHECK: %[[NEW:.*]] = memref.alloc
// CHECK-NEXT: memref.copy %[[CACHE]], %[[NEW]]
// CHECK-NEXT: lm.mla_cache_write bf16 {{.*}} outs(%[[NEW]] :
// CHECK-NEXT: return %[[CACHE]], %[[NEW]]
func.func @cache_kept(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) -> (tensor<?x64x576xbf16>, tensor<?x64x576xbf16>) {
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %cache, %0 : tensor<?x64x576xbf16>, tensor<?x64x576xbf16>
}

// A destination that is written in full is not: its content has no meaning.

// CHECK-LABEL: func.func @overwritten_destination
// CHECK-SAME: %[[Y:[a-z0-9]+]]: memref<4x64xbf16>)
// CHECK-NEXT: %[[NEW:.*]] = memref.alloc
// CHECK-NEXT: lm.rms_norm {{.*}} outs(%[[NEW]] :
// CHECK-NEXT: return %[[NEW]], %[[Y]]
func.func @overwritten_destination(%x: tensor<4x64xbf16>, %y: tensor<4x64xbf16>) -> (tensor<4x64xbf16>, tensor<4x64xbf16>) {
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<4x64xbf16>) outs(%y : tensor<4x64xbf16>)
  return %0, %y : tensor<4x64xbf16>, tensor<4x64xbf16>
}

// Shuffled scales keep their padding rows, so they are copied; the data is not.

// CHECK-LABEL: func.func @shuffled_scales_kept
// CHECK-SAME: %[[D:[a-z0-9]+]]: memref<17x32xi8>, %[[S:[a-z0-9]+]]: memref<32x8xf8E8M0FNU>)
// CHECK-NEXT: %[[D1:.*]] = memref.alloc() {{.*}} : memref<17x32xi8>
// CHECK-NEXT: %[[S1:.*]] = memref.alloc() {{.*}} : memref<32x8xf8E8M0FNU>
// CHECK-NEXT: memref.copy %[[S]], %[[S1]]
// CHECK-NEXT: lm.quantize {{.*}} outs(%[[D1]], %[[S1]] :
func.func @shuffled_scales_kept(%x: tensor<17x64xbf16>, %d: tensor<17x32xi8>, %s: tensor<32x8xf8E8M0FNU>) -> (tensor<17x32xi8>, tensor<32x8xf8E8M0FNU>, tensor<17x32xi8>, tensor<32x8xf8E8M0FNU>) {
  %0:2 = lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled> ins(%x : tensor<17x64xbf16>) outs(%d, %s : tensor<17x32xi8>, tensor<32x8xf8E8M0FNU>)
  return %0#0, %0#1, %d, %s : tensor<17x32xi8>, tensor<32x8xf8E8M0FNU>, tensor<17x32xi8>, tensor<32x8xf8E8M0FNU>
}

// A slice of a projection feeds a norm as a strided view.

// CHECK-LABEL: func.func @strided_input
// CHECK: %[[VIEW:.*]] = memref.subview
// CHECK-NOT: memref.copy
// CHECK: lm.rms_norm {{.*}} ins(%[[VIEW]] : memref<?x1536xbf16, strided<[2112, 1]>>)
func.func @strided_input(%a: tensor<?x2112xbf16>, %t: index) -> tensor<?x1536xbf16> {
  %q = tensor.extract_slice %a[0, 0] [%t, 1536] [1, 1] : tensor<?x2112xbf16> to tensor<?x1536xbf16>
  %init = tensor.empty(%t) : tensor<?x1536xbf16>
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%q : tensor<?x1536xbf16>) outs(%init : tensor<?x1536xbf16>)
  return %0 : tensor<?x1536xbf16>
}

// Two results of one operation never share a buffer.

// CHECK-LABEL: func.func @one_empty_for_two_results
// CHECK: %[[A:.*]] = memref.alloc()
// CHECK: %[[B:.*]] = memref.alloc()
// CHECK-NOT: memref.copy
// CHECK: lm.add_rms_norm {{.*}} outs(%[[A]], %[[B]] :
func.func @one_empty_for_two_results(%x: tensor<4x64xbf16>, %r: tensor<4x64xbf16>) -> (tensor<4x64xbf16>, tensor<4x64xbf16>) {
  %init = tensor.empty() : tensor<4x64xbf16>
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<4x64xbf16>, tensor<4x64xbf16>) outs(%init, %init : tensor<4x64xbf16>, tensor<4x64xbf16>)
  return %0#0, %0#1 : tensor<4x64xbf16>, tensor<4x64xbf16>
}

// An input that is the destination too is not overwritten while it is read: a
// rotation reads columns that it has written already.

// CHECK-LABEL: func.func @input_as_destination
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<4x2x64xbf16>
// CHECK: %[[Y:.*]] = memref.alloc()
// CHECK-NOT: memref.copy
// CHECK: lm.rope {{.*}} ins(%[[X]] : {{.*}} outs(%[[Y]] :
func.func @input_as_destination(%x: tensor<4x2x64xbf16>, %p: tensor<4xi64>, %t: tensor<128x64xf32>) -> tensor<4x2x64xbf16> {
  %0 = lm.rope neox ins(%x : tensor<4x2x64xbf16>) positions(%p : tensor<4xi64>) tables(%t : tensor<128x64xf32>) outs(%x : tensor<4x2x64xbf16>)
  return %0 : tensor<4x2x64xbf16>
}
