// RUN: hipfuse-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize | FileCheck %s

// The order of a cache write and an attention is that of the cache's values.

// An attention over the cache with the new token comes after the write, which
// is in place; the write is not delayed and nothing is copied.

// CHECK-LABEL: func.func @write_then_decode
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<8x64x576xbf16>
// CHECK-NOT: memref.copy
// CHECK: lm.mla_cache_write bf16 {{.*}} outs(%[[CACHE]] :
// CHECK: lm.mla_decode bf16 {{.*}} cache(%[[CACHE]] :
// CHECK-NOT: memref.copy
// CHECK: return
func.func @write_then_decode(%kv: tensor<4x512xbf16>, %pe: tensor<4x64xbf16>, %slots: tensor<4xi64>, %cache: tensor<8x64x576xbf16>, %q: tensor<4x16x576xbf16>, %bt: tensor<4x2xi32>, %n: tensor<4xi32>) -> (tensor<4x16x512xbf16>, tensor<8x64x576xbf16>) {
  %new = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<4x512xbf16>, tensor<4x64xbf16>) slots(%slots : tensor<4xi64>) outs(%cache : tensor<8x64x576xbf16>)
  %init = tensor.empty() : tensor<4x16x512xbf16>
  %0 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%new : tensor<8x64x576xbf16>) block_table(%bt : tensor<4x2xi32>) lengths(%n : tensor<4xi32>) outs(%init : tensor<4x16x512xbf16>)
  return %0, %new : tensor<4x16x512xbf16>, tensor<8x64x576xbf16>
}

// An attention over the cache without the token, written down after the write,
// reads the old content: the write goes to a copy.

// CHECK-LABEL: func.func @decode_old
// CHECK-SAME: %[[CACHE:[a-z0-9]+]]: memref<8x64x576xbf16>
// CHECK: memref.copy %[[CACHE]], %[[NEW:.*]] : memref<8x64x576xbf16>
// CHECK: lm.mla_cache_write bf16 {{.*}} outs(%[[NEW]] :
// CHECK: lm.mla_decode bf16 {{.*}} cache(%[[CACHE]] :
func.func @decode_old(%kv: tensor<4x512xbf16>, %pe: tensor<4x64xbf16>, %slots: tensor<4xi64>, %cache: tensor<8x64x576xbf16>, %q: tensor<4x16x576xbf16>, %bt: tensor<4x2xi32>, %n: tensor<4xi32>) -> (tensor<4x16x512xbf16>, tensor<8x64x576xbf16>) {
  %new = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<4x512xbf16>, tensor<4x64xbf16>) slots(%slots : tensor<4xi64>) outs(%cache : tensor<8x64x576xbf16>)
  %init = tensor.empty() : tensor<4x16x512xbf16>
  %0 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x16x576xbf16>) cache(%cache : tensor<8x64x576xbf16>) block_table(%bt : tensor<4x2xi32>) lengths(%n : tensor<4xi32>) outs(%init : tensor<4x16x512xbf16>)
  return %0, %new : tensor<4x16x512xbf16>, tensor<8x64x576xbf16>
}

// Two scopes, each after the write of its own cache.

// CHECK-LABEL: func.func @two_caches
// CHECK-SAME: %[[C0:[a-z0-9]+]]: memref<8x37440xi8>, %[[C1:[a-z0-9]+]]: memref<8x1728xi8>
// CHECK: lm.mla_cache_write {{.*}} outs(%[[C0]] :
// CHECK: lm.mla_cache_write {{.*}} outs(%[[C1]] :
// CHECK: lm.sparse_mla_decode {{.*}} cache(%[[C0]] {{.*}} extra_cache(%[[C1]] :
// CHECK-NOT: memref.copy
// CHECK: return
func.func @two_caches(%c0: tensor<8x37440xi8>, %c1: tensor<8x1728xi8>, %kv: tensor<4x448xbf16>, %pe: tensor<4x64xbf16>, %slots: tensor<4xi64>, %q: tensor<4x64x512xbf16>, %s0: tensor<4x128xi32>, %s1: tensor<4x512xi32>) -> (tensor<4x64x512xbf16>, tensor<8x37440xi8>, tensor<8x1728xi8>) {
  %0 = lm.mla_cache_write ds_mla_584 {page_size = 64, skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<4x448xbf16>, tensor<4x64xbf16>) slots(%slots : tensor<4xi64>) outs(%c0 : tensor<8x37440xi8>)
  %1 = lm.mla_cache_write ds_mla_584 {page_size = 2, skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<4x448xbf16>, tensor<4x64xbf16>) slots(%slots : tensor<4xi64>) outs(%c1 : tensor<8x1728xi8>)
  %init = tensor.empty() : tensor<4x64x512xbf16>
  %2 = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2, page_size = 64, sm_scale = 0.0441941738 : f32} ins(%q : tensor<4x64x512xbf16>) cache(%0 : tensor<8x37440xi8>) slots(%s0 : tensor<4x128xi32>) extra_cache(%1 : tensor<8x1728xi8>) extra_slots(%s1 : tensor<4x512xi32>) outs(%init : tensor<4x64x512xbf16>)
  return %2, %0, %1 : tensor<4x64x512xbf16>, tensor<8x37440xi8>, tensor<8x1728xi8>
}
