// RUN: hipfuse-opt %s --convert-lm-to-linalg | FileCheck %s
// RUN: hipfuse-opt %s --convert-lm-to-linalg --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --canonicalize | FileCheck %s --check-prefix=BUFFER

// A sequential loop over the slots that leaves out what the rule names and what
// lies beyond the cache.
// CHECK-LABEL: @bf16
// CHECK-SAME: (%[[KV:[a-z0-9]+]]: tensor<?x512xbf16>, %[[PE:[a-z0-9]+]]: tensor<?x64xbf16>, %[[SLOTS:[a-z0-9]+]]: tensor<?xi64>, %[[CACHE:[a-z0-9]+]]: tensor<?x64x576xbf16>)
// CHECK: %[[CAPACITY:.*]] = arith.muli %{{.*}}, %{{.*}} : index
// CHECK: %[[FIRST:.*]] = arith.constant 1 : index
// CHECK: %[[ROWS:.*]] = tensor.dim %[[SLOTS]]
// CHECK: %[[LOOP:.*]] = scf.for %[[T:.*]] = %{{.*}} to %[[ROWS]] step %{{.*}} iter_args(%[[C:.*]] = %[[CACHE]])
// CHECK: %[[SLOT64:.*]] = tensor.extract %[[SLOTS]][%[[T]]]
// CHECK: %[[SLOT:.*]] = arith.index_cast %[[SLOT64]]
// CHECK: arith.cmpi sge, %[[SLOT]], %[[FIRST]]
// CHECK: arith.cmpi slt, %[[SLOT]], %[[CAPACITY]]
// CHECK: scf.if
// CHECK: %[[PAGE:.*]] = arith.divui %[[SLOT]], %{{.*}}
// CHECK: %[[TOKEN:.*]] = arith.remui %[[SLOT]], %{{.*}}
// CHECK: %[[ROW:.*]] = tensor.extract_slice %[[KV]][%[[T]], 0] [1, 512] [1, 1]
// CHECK: %[[LATENT:.*]] = tensor.insert_slice %[[ROW]] into %[[C]][%[[PAGE]], %[[TOKEN]], 0]
// CHECK: tensor.insert_slice %{{.*}} into %[[LATENT]][%[[PAGE]], %[[TOKEN]], 512]
// CHECK: else
// CHECK: scf.yield %[[C]]
// CHECK: return %[[LOOP]]

// Nothing is allocated: the cache is updated where it lies.
// BUFFER-LABEL: @bf16
// BUFFER-SAME: %[[CACHE:[^ ]*]]: memref<?x64x576xbf16>
// BUFFER-NOT: memref.alloc
// BUFFER-NOT: memref.copy
// BUFFER: scf.if
// BUFFER-COUNT-2: memref.copy %{{.*}}, %{{.*}} : memref<{{512|64}}xbf16, strided
// BUFFER: return %[[CACHE]]
func.func @bf16(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) -> tensor<?x64x576xbf16> {
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative_or_zero>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return %0 : tensor<?x64x576xbf16>
}

// Both parts are quantised by the operand before the loop; the rope part may
// come first.
// CHECK-LABEL: @fp8
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x512xf8E4M3FNUZ>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x64xf8E4M3FNUZ>)
// CHECK: arith.constant 0 : index
// CHECK: scf.for
// CHECK: %[[ROPE:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}, 0] [1, 1, 64]
// CHECK: tensor.insert_slice %{{.*}} into %[[ROPE]]{{.*}}, 64] [1, 1, 512]
// BUFFER-LABEL: @fp8
// BUFFER-SAME: %[[CACHE:[^ ]*]]: memref<?x64x576xf8E4M3FNUZ>
// BUFFER-NOT: memref.copy {{.*}}memref<?x
// BUFFER: return %[[CACHE]]
func.func @fp8(%kv: tensor<?x512xf32>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %scale: tensor<1xf32>, %cache: tensor<?x64x576xf8E4M3FNUZ>) -> tensor<?x64x576xf8E4M3FNUZ> {
  %0 = lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative>, rope_first} ins(%kv, %pe : tensor<?x512xf32>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) scale(%scale : tensor<1xf32>) outs(%cache : tensor<?x64x576xf8E4M3FNUZ>)
  return %0 : tensor<?x64x576xf8E4M3FNUZ>
}

// Codes, the bytes of four f32 scales, the bytes of the bf16 rope part.
// CHECK-LABEL: @ds_mla_656
// CHECK: tensor.expand_shape %{{.*}} into tensor<?x4x128xbf16>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x4x4xi8>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<?x64x2xi8>)
// CHECK: tensor.insert_slice %{{.*}}, 0] [1, 1, 512]
// CHECK: tensor.insert_slice %{{.*}}, 512] [1, 1, 16]
// CHECK: tensor.insert_slice %{{.*}}, 528] [1, 1, 128]
// BUFFER-LABEL: @ds_mla_656
// BUFFER-SAME: %[[CACHE:[^ ]*]]: memref<?x64x656xi8>
// BUFFER-NOT: memref.copy {{.*}}memref<?x
// BUFFER: return %[[CACHE]]
func.func @ds_mla_656(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi32>, %cache: tensor<?x64x656xi8>) -> tensor<?x64x656xi8> {
  %0 = lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi32>) outs(%cache : tensor<?x64x656xi8>)
  return %0 : tensor<?x64x656xi8>
}

// A page is 64 rows of 576 bytes, then 64 times seven scales and a zero byte.
// CHECK-LABEL: @ds_mla_584
// CHECK: tensor.expand_shape %{{.*}} into tensor<?x7x64xbf16>
// CHECK: tensor.pad %{{.*}} low[0, 0] high[0, 1]
// CHECK: scf.for
// CHECK: %[[C576:.*]] = arith.constant 576 : index
// CHECK: arith.muli %{{.*}}, %[[C576]]
// CHECK: tensor.insert_slice %{{.*}} [1, 448] [1, 1]
// CHECK: tensor.insert_slice %{{.*}} [1, 128] [1, 1]
// CHECK: %[[C8:.*]] = arith.constant 8 : index
// CHECK: %[[BEGIN:.*]] = arith.muli %{{.*}}, %[[C8]]
// CHECK: %[[TAIL:.*]] = arith.constant 36864 : index
// CHECK: %[[AT:.*]] = arith.addi %[[BEGIN]], %[[TAIL]]
// CHECK: tensor.insert_slice %{{.*}}[%{{.*}}, %[[AT]]] [1, 8] [1, 1]
// BUFFER-LABEL: @ds_mla_584
// BUFFER-SAME: %[[CACHE:[^ ]*]]: memref<?x37440xi8>
// BUFFER-NOT: memref.alloc{{.*}}37440
// BUFFER: return %[[CACHE]]
func.func @ds_mla_584(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi32>, %cache: tensor<?x37440xi8>) -> tensor<?x37440xi8> {
  %0 = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64} ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi32>) outs(%cache : tensor<?x37440xi8>)
  return %0 : tensor<?x37440xi8>
}
