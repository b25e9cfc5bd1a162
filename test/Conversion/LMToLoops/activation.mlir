// RUN: hipfuse-opt %s --convert-lm-to-loops --canonicalize --cse | FileCheck %s

// exp is vector arithmetic: no call per element.
// CHECK-LABEL: func.func @silu_mul(
// CHECK-SAME: %[[X:.*]]: memref<?x4096xbf16>, %[[Y:.*]]: memref<?x2048xbf16>)
// CHECK: scf.parallel (%[[R:.*]]) =
// CHECK: scf.for %[[C:.*]] = %c0 to %c2048 step %c16
// CHECK: %[[U:.*]] = arith.addi %[[C]], %c2048
// CHECK: vector.load %[[X]][%[[R]], %[[C]]]
// CHECK: vector.load %[[X]][%[[R]], %[[U]]]
// CHECK-NOT: math.
// CHECK: arith.divf {{.*}} : vector<16xf32>
// CHECK: vector.store %{{.*}}, %[[Y]][%[[R]], %[[C]]]
// CHECK-NOT: lm.
func.func @silu_mul(%x: memref<?x4096xbf16>, %y: memref<?x2048xbf16>) {
  lm.silu_mul ins(%x : memref<?x4096xbf16>) outs(%y : memref<?x2048xbf16>)
  return
}

// NaN takes part in the clamp.
// CHECK-LABEL: func.func @clamp(
// CHECK: arith.minimumf
// CHECK: arith.minimumf
// CHECK: arith.maximumf
func.func @clamp(%x: memref<?x32xf32>, %y: memref<?x16xf32>) {
  lm.silu_mul {clamp = 10.0 : f32} ins(%x : memref<?x32xf32>) outs(%y : memref<?x16xf32>)
  return
}

// Few splits are unrolled, many are a loop; the order of the sum is one.
// CHECK-LABEL: func.func @few_splits(
// CHECK: scf.parallel
// CHECK-COUNT-4: vector.load
// CHECK-NOT: vector.load
// CHECK-LABEL: func.func @many_splits(
// CHECK: scf.parallel
// CHECK: vector.load
// CHECK: scf.for %{{.*}} = %c1 to %c16 step %c1 iter_args
// CHECK: vector.load
// CHECK: arith.addf
// CHECK: scf.yield
func.func @few_splits(%x: memref<4x?x16xf32>, %y: memref<?x16xbf16>) {
  lm.split_k_reduce ins(%x : memref<4x?x16xf32>) outs(%y : memref<?x16xbf16>)
  return
}
func.func @many_splits(%x: memref<16x?x16xf32>, %y: memref<?x16xbf16>) {
  lm.split_k_reduce ins(%x : memref<16x?x16xf32>) outs(%y : memref<?x16xbf16>)
  return
}

// Sum, activation and quantisation are one loop over rows; between them lies one
// row of scratch memory, no tensor.
// CHECK-LABEL: func.func @fused(
// CHECK-NOT: memref.alloc(
// CHECK: scf.parallel
// CHECK-NEXT: memref.alloca() {{.*}} : memref<2048xf32>
// CHECK: memref.store {{.*}} memref<?x16xf32>
// CHECK: vector.store {{.*}} vector<16xf8E4M3FN>
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @fused(%x: memref<2x?x4096xf32>, %d: memref<?x2048xf8E4M3FN>, %s: memref<?x16xf32>) {
  lm.silu_mul_quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128> {split_k_type = bf16, round_before_quant = bf16}
    ins(%x : memref<2x?x4096xf32>) outs(%d, %s : memref<?x2048xf8E4M3FN>, memref<?x16xf32>)
  return
}
