// RUN: hipfuse-opt %s --convert-lm-to-loops --canonicalize --cse | FileCheck %s

// Of two equal slots the later row must stay, so tokens are sequential. Slots
// that are skipped or beyond the cache are not written.
// CHECK-LABEL: func.func @bf16(
// CHECK-SAME: %{{.*}}, %{{.*}}, %[[SLOTS:.*]]: memref<?xi32>, %[[CACHE:.*]]: memref<?x64x576xbf16>)
// CHECK-NOT: scf.parallel
// CHECK: scf.for %[[T:.*]] =
// CHECK: %[[RAW:.*]] = memref.load %[[SLOTS]][%[[T]]]
// CHECK: %[[SLOT:.*]] = arith.index_cast %[[RAW]] : i32 to index
// CHECK: %[[ALL:.*]] = arith.muli %{{.*}}, %c64
// CHECK: %[[KEPT:.*]] = arith.cmpi sge, %[[SLOT]], %c0
// CHECK: %[[INSIDE:.*]] = arith.cmpi slt, %[[SLOT]], %[[ALL]]
// CHECK: %[[WRITTEN:.*]] = arith.andi %[[KEPT]], %[[INSIDE]]
// CHECK: scf.if %[[WRITTEN]]
// CHECK: %[[PAGE:.*]] = arith.divui %[[SLOT]], %c64
// CHECK: %[[PLACE:.*]] = arith.remui %[[SLOT]], %c64
// CHECK: vector.store {{.*}} %[[CACHE]][%[[PAGE]], %[[PLACE]], %{{.*}}]
// CHECK-NOT: lm.
func.func @bf16(%kv: memref<?x512xbf16>, %pe: memref<?x64xbf16>, %slots: memref<?xi32>, %c: memref<?x64x576xbf16>) {
  lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : memref<?x512xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi32>) outs(%c : memref<?x64x576xbf16>)
  return
}

// CHECK-LABEL: func.func @fp8(
// CHECK: arith.cmpi sgt, %{{.*}}, %c0
// CHECK: arith.divf
// CHECK: vector.store {{.*}} vector<16xf8E4M3FNUZ>
func.func @fp8(%kv: memref<?x512xbf16>, %pe: memref<?x64xbf16>, %slots: memref<?xi64>, %s: memref<1xf32>, %c: memref<?x64x576xf8E4M3FNUZ>) {
  lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative_or_zero>, rope_first} ins(%kv, %pe : memref<?x512xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>) scale(%s : memref<1xf32>) outs(%c : memref<?x64x576xf8E4M3FNUZ>)
  return
}

// Codes, then the four bytes of each f32 scale from byte 512, then bf16 from
// byte 528.
// CHECK-LABEL: func.func @ds_mla_656(
// CHECK: scf.for %[[B:.*]] = %c0 to %c4
// CHECK: %[[WORD:.*]] = vector.bitcast %{{.*}} : vector<1xf32> to vector<4xi8>
// CHECK: %[[OFFSET:.*]] = arith.muli %[[B]], %c4
// CHECK: %[[AT:.*]] = arith.addi %[[OFFSET]], %c512
// CHECK: vector.store %[[WORD]], %{{.*}}[%{{.*}}, %{{.*}}, %[[AT]]]
// CHECK: arith.addi %{{.*}}, %c528
// CHECK: vector.bitcast %{{.*}} : vector<16xbf16> to vector<32xi8>
func.func @ds_mla_656(%kv: memref<?x512xbf16>, %pe: memref<?x64xbf16>, %slots: memref<?xi64>, %c: memref<?x64x656xi8>) {
  lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : memref<?x512xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>) outs(%c : memref<?x64x656xi8>)
  return
}

// Scales and a zero byte follow all rows of the page, at byte 576 * 64.
// CHECK-LABEL: func.func @ds_mla_584(
// CHECK: %[[OFFSET:.*]] = arith.muli %[[PLACE:.*]], %c8
// CHECK: %[[SCALES:.*]] = arith.addi %[[OFFSET]], %c36864
// CHECK: arith.muli %[[PLACE]], %c576
// CHECK: scf.for %[[B:.*]] = %c0 to %c7
// CHECK: %[[AT:.*]] = arith.addi %[[SCALES]], %[[B]]
// CHECK: memref.store %{{.*}}, %{{.*}}[%{{.*}}, %[[AT]]]
// CHECK: memref.store %c0_i8
func.func @ds_mla_584(%kv: memref<?x448xbf16>, %pe: memref<?x64xbf16>, %slots: memref<?xi64>, %c: memref<?x37440xi8>) {
  lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64} ins(%kv, %pe : memref<?x448xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>) outs(%c : memref<?x37440xi8>)
  return
}

// Queries are parallel, keys and the cache sequential; each key is rotated in
// scratch memory. k_rot has a row for every token, the cache for every slot.
// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[QN:[^ ]*]]: memref<?x16x512xbf16>
// CHECK-SAME: %[[Q:[^ ]*]]: memref<?x16x576xbf16>, %[[CACHE:.*]]: memref<?x64x576xbf16>, %[[KR:.*]]: memref<?x64xbf16>)
// CHECK: scf.parallel (%[[T:.*]]) =
// CHECK: %[[COPY:.*]] = vector.load %[[QN]]
// CHECK: vector.store %[[COPY]], %[[Q]]
// CHECK: scf.for %[[C:.*]] = %c0 to %c32
// CHECK: vector.store {{.*}} %[[Q]]
// CHECK: scf.reduce
// CHECK: memref.alloca() {{.*}} memref<64xf32>
// CHECK: scf.for %[[T:.*]] =
// CHECK: vector.store {{.*}} %[[KR]][%[[T]]
// CHECK: %[[HAS:.*]] = arith.cmpi slt, %[[T]]
// CHECK: scf.if %[[HAS]]
// CHECK: vector.store {{.*}} %[[CACHE]]
func.func @fused(%qn: memref<?x16x512xbf16>, %qp: memref<?x16x64xbf16>, %kv: memref<?x512xbf16>, %kp: memref<?x64xbf16>, %pos: memref<?xi64>, %cs: memref<4096x64xf32>, %slots: memref<?xi64>,
                 %q: memref<?x16x576xbf16>, %c: memref<?x64x576xbf16>, %kr: memref<?x64xbf16>) {
  lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : memref<?x16x512xbf16>) q_pe(%qp : memref<?x16x64xbf16>)
    kv(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) positions(%pos : memref<?xi64>) tables(%cs : memref<4096x64xf32>) slots(%slots : memref<?xi64>)
    outs(%q, %c : memref<?x16x576xbf16>, memref<?x64x576xbf16>) k_rot(%kr : memref<?x64xbf16>)
  return
}

// CHECK-LABEL: func.func @fused_fp8_query(
// CHECK: scf.parallel
// CHECK: arith.divf
// CHECK: vector.store {{.*}} memref<?x16x576xf8E4M3FN>
// CHECK: scf.reduce
func.func @fused_fp8_query(%qn: memref<?x16x512xbf16>, %qp: memref<?x16x64xbf16>, %kv: memref<?x512xbf16>, %kp: memref<?x64xbf16>, %pos: memref<?xi64>, %cs: memref<4096x64xf32>, %slots: memref<?xi64>,
                           %s: memref<1xf32>, %q: memref<?x16x576xf8E4M3FN>, %c: memref<?x64x576xf8E4M3FN>) {
  lm.rope_mla_cache_write neox fp8 {skip_rule = #lm.skip_rule<negative>} q_nope(%qn : memref<?x16x512xbf16>) q_pe(%qp : memref<?x16x64xbf16>)
    kv(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) positions(%pos : memref<?xi64>) tables(%cs : memref<4096x64xf32>) slots(%slots : memref<?xi64>)
    scale(%s : memref<1xf32>) q_scale(%s : memref<1xf32>) outs(%q, %c : memref<?x16x576xf8E4M3FN>, memref<?x64x576xf8E4M3FN>)
  return
}
