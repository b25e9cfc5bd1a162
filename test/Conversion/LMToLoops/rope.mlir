// RUN: hipfuse-opt %s --convert-lm-to-loops --canonicalize --cse | FileCheck %s

// Angles are loaded once for all heads; positions are clamped to the table.
// CHECK-LABEL: func.func @neox(
// CHECK-SAME: %[[X:.*]]: memref<?x16x64xbf16>, %[[P:.*]]: memref<?xi64>, %[[T:.*]]: memref<4096x64xf32>)
// CHECK: scf.parallel (%[[R:.*]]) =
// CHECK: memref.load %[[P]][%[[R]]]
// CHECK: %[[LOW:.*]] = arith.maxsi %{{.*}}, %c0
// CHECK: %[[ROW:.*]] = arith.minsi %[[LOW]], %c4095
// CHECK: scf.for %[[C:.*]] = %c0 to %c32 step %c16
// CHECK: %[[S:.*]] = arith.addi %[[C]], %c32
// CHECK: vector.load %[[T]][%[[ROW]], %[[C]]]
// CHECK: vector.load %[[T]][%[[ROW]], %[[S]]]
// CHECK: scf.for %[[H:.*]] = %c0 to %c16
// CHECK: vector.load %[[X]][%[[R]], %[[H]], %[[C]]]
// CHECK: vector.load %[[X]][%[[R]], %[[H]], %[[S]]]
// CHECK-NOT: vector.load
// CHECK: vector.store {{.*}} %[[X]][%[[R]], %[[H]], %[[C]]]
// CHECK: vector.store {{.*}} %[[X]][%[[R]], %[[H]], %[[S]]]
// CHECK-NOT: lm.
func.func @neox(%x: memref<?x16x64xbf16>, %p: memref<?xi64>, %t: memref<4096x64xf32>) {
  lm.rope neox ins(%x : memref<?x16x64xbf16>) positions(%p : memref<?xi64>) tables(%t : memref<4096x64xf32>) outs(%x : memref<?x16x64xbf16>)
  return
}

// CHECK-LABEL: func.func @interleaved_inverse(
// CHECK: arith.negf
// CHECK: vector.shuffle {{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
// CHECK: vector.shuffle {{.*}} [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31]
// CHECK: vector.shuffle {{.*}} [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23]
// CHECK: vector.shuffle {{.*}} [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31]
func.func @interleaved_inverse(%x: memref<?x64xf32>, %p: memref<?xi32>, %c: memref<?x32xbf16>, %s: memref<?x32xbf16>, %y: memref<?x64xf32>) {
  lm.rope interleaved inverse ins(%x : memref<?x64xf32>) positions(%p : memref<?xi32>) tables(%c, %s : memref<?x32xbf16>, memref<?x32xbf16>) outs(%y : memref<?x64xf32>)
  return
}

// In the operand's precision every product and sum is rounded: two angles, four
// products, two sums.
// CHECK-LABEL: func.func @operand(
// CHECK-COUNT-8: arith.cmpf uno
func.func @operand(%x: memref<?x32xbf16>, %p: memref<?xi32>, %t: memref<8x32xf32>) {
  lm.rope neox {compute = #lm.rope_compute<operand>} ins(%x : memref<?x32xbf16>) positions(%p : memref<?xi32>) tables(%t : memref<8x32xf32>) outs(%x : memref<?x32xbf16>)
  return
}

// Heads are rotated into scratch memory of one head and quantised from there:
// eight heads are a row of the data.
// CHECK-LABEL: func.func @rope_quantize(
// CHECK: scf.parallel (%[[R:.*]]) =
// CHECK: memref.alloca() {{.*}} memref<512xf32>
// CHECK: scf.for %[[H:.*]] = %c0 to %c64
// CHECK: %[[START:.*]] = arith.muli %[[H]], %c512
// CHECK: %[[G:.*]] = arith.divui %[[START]], %c4096
// CHECK: arith.remui %[[START]], %c4096
// CHECK: memref.store {{.*}}[%[[R]], %[[G]], %{{.*}}] : memref<?x8x32xf8E8M0FNU>
// CHECK: vector.store {{.*}} memref<?x8x4096xf8E4M3FN>
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @rope_quantize(%x: memref<?x64x512xbf16>, %p: memref<?xi64>, %t: memref<4096x64xf32>, %d: memref<?x8x4096xf8E4M3FN>, %s: memref<?x8x32xf8E8M0FNU>) {
  lm.rope_quantize interleaved inverse #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil, nonfinite = saturate>
    ins(%x : memref<?x64x512xbf16>) positions(%p : memref<?xi64>) tables(%t : memref<4096x64xf32>) outs(%d, %s : memref<?x8x4096xf8E4M3FN>, memref<?x8x32xf8E8M0FNU>)
  return
}

// A row of data that ends within a head needs the whole token.
// CHECK-LABEL: func.func @rope_quantize_split_head(
// CHECK: memref.alloca() {{.*}} memref<384xf32>
func.func @rope_quantize_split_head(%x: memref<?x3x128xbf16>, %p: memref<?xi64>, %t: memref<64x64xf32>, %d: memref<?x2x192xf8E4M3FN>, %s: memref<?x2x6xf32>) {
  lm.rope_quantize neox #lm.scheme<element = f8E4M3FN, granularity = block, block = 32>
    ins(%x : memref<?x3x128xbf16>) positions(%p : memref<?xi64>) tables(%t : memref<64x64xf32>) outs(%d, %s : memref<?x2x192xf8E4M3FN>, memref<?x2x6xf32>)
  return
}
