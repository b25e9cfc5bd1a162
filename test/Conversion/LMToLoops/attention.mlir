// RUN: hipfuse-opt %s --convert-lm-to-loops | FileCheck %s
// RUN: hipfuse-opt %s --convert-lm-to-loops=vector-width=8 | FileCheck %s --check-prefix=W8

// One parallel loop over blocks of heads of a token, all else sequential. A
// tile of keys has as many as a vector has lanes and is converted once for the
// block; 64 heads are four blocks.

// CHECK-LABEL: func.func @sparse(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?x64x576xbf16>
// CHECK-DAG: %[[T:.*]] = memref.dim %[[Q]]
// CHECK: %[[ITEMS:.*]] = arith.muli %[[T]], %c4
// CHECK: scf.parallel (%{{.*}}) = (%{{.*}}) to (%[[ITEMS]])
// CHECK-NOT: scf.parallel
// CHECK-NOT: lm.
// W8-LABEL: func.func @sparse(
// W8: memref.alloca() {{.*}} : memref<8x576xf32>
func.func @sparse(%q: memref<?x64x576xbf16>, %c: memref<?x64x656xi8>, %s: memref<?x2048xi32>, %n: memref<?xi32>, %o: memref<?x64x512xbf16>) {
  lm.sparse_mla_decode ds_mla_656 {sm_scale = 0.0416666679 : f32} ins(%q : memref<?x64x576xbf16>) cache(%c : memref<?x64x656xi8>) slots(%s : memref<?x2048xi32>) lengths(%n : memref<?xi32>) outs(%o : memref<?x64x512xbf16>)
  return
}

// The exact policy goes over the keys once: one loop over tiles, whose number
// is the one ceildivsi of the function. a8w8 finds the maximum in a loop of
// its own before the weights are rounded.

// CHECK-LABEL: func.func @dense_exact(
// CHECK: %[[TILES:.*]] = arith.ceildivsi
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[TILES]]
// CHECK-NOT: to %[[TILES]]
// CHECK: return
func.func @dense_exact(%q: memref<4x8x576xbf16>, %c: memref<?x64x576xbf16>, %b: memref<4x?xi32>, %n: memref<4xi32>, %o: memref<4x8x512xbf16>) {
  lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32} ins(%q : memref<4x8x576xbf16>) cache(%c : memref<?x64x576xbf16>) block_table(%b : memref<4x?xi32>) lengths(%n : memref<4xi32>) outs(%o : memref<4x8x512xbf16>)
  return
}

// CHECK-LABEL: func.func @dense_a8w8(
// CHECK: %[[TILES:.*]] = arith.ceildivsi
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[TILES]]
// CHECK: scf.for %{{.*}} = %{{.*}} to %[[TILES]]
// CHECK-NOT: to %[[TILES]]
// CHECK: return
func.func @dense_a8w8(%q: memref<4x8x576xbf16>, %c: memref<?x64x576xbf16>, %b: memref<4x?xi32>, %n: memref<4xi32>, %o: memref<4x8x512xbf16>) {
  lm.mla_decode bf16 {compute = #lm.attention_compute<a8w8>, sm_scale = 0.0416666679 : f32} ins(%q : memref<4x8x576xbf16>) cache(%c : memref<?x64x576xbf16>) block_table(%b : memref<4x?xi32>) lengths(%n : memref<4xi32>) outs(%o : memref<4x8x512xbf16>)
  return
}

// A plan is one sequential sweep over the clusters, also of two lists.

// CHECK-LABEL: func.func @plan(
// CHECK-NOT: scf.parallel
// CHECK: scf.for
// CHECK: scf.while
// CHECK-NOT: lm.
func.func @plan(%n: memref<?xi32>, %w: memref<?x8xi32>, %i: memref<5xi32>, %r: memref<?xi32>, %f: memref<?x2xi32>, %p: memref<6xi32>) {
  lm.attention_plan {num_clusters = 4} ins(%n : memref<?xi32>) outs(%w, %i, %r, %f, %p : memref<?x8xi32>, memref<5xi32>, memref<?xi32>, memref<?x2xi32>, memref<6xi32>)
  return
}

// The sizes are of both lists: the first, of 3 slots at most and filled up to 64
// positions, and 5 of the second. Where that is empty the first counts as it is.

// CHECK-LABEL: func.func @plan_two_lists(
// CHECK-SAME: %[[N:[a-z0-9]+]]: memref<?xi32>, %[[M:[a-z0-9]+]]: memref<?xi64>
// CHECK-NOT: scf.parallel
// CHECK: scf.for
// CHECK: memref.load %[[N]]
// CHECK: %[[THREE:.*]] = arith.constant 3 : index
// CHECK: %[[FIRST:.*]] = arith.minsi %{{.*}}, %[[THREE]] : index
// CHECK: memref.load %[[M]]
// CHECK: %[[FIVE:.*]] = arith.constant 5 : index
// CHECK: %[[SECOND:.*]] = arith.minsi %{{.*}}, %[[FIVE]] : index
// CHECK: %[[ALIGN:.*]] = arith.constant 64 : index
// CHECK: %[[FILLED:.*]] = arith.muli %{{.*}}, %[[ALIGN]] : index
// CHECK: %[[BOTH:.*]] = arith.addi %[[FILLED]], %[[SECOND]] : index
// CHECK: arith.select %{{.*}}, %[[FIRST]], %[[BOTH]] : index
// CHECK: scf.while
// CHECK-NOT: lm.
func.func @plan_two_lists(%n: memref<?xi32>, %m: memref<?xi64>, %w: memref<?x8xi32>, %i: memref<5xi32>, %r: memref<?xi32>, %f: memref<?x2xi32>, %p: memref<6xi32>) {
  lm.attention_plan {extra_topk = 5, granularity = 128, num_clusters = 4, topk = 3} ins(%n : memref<?xi32>) extra_lengths(%m : memref<?xi64>) outs(%w, %i, %r, %f, %p : memref<?x8xi32>, memref<5xi32>, memref<?xi32>, memref<?x2xi32>, memref<6xi32>)
  return
}
