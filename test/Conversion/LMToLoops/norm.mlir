// RUN: hipfuse-opt %s --convert-lm-to-loops --canonicalize --cse | FileCheck %s
// RUN: hipfuse-opt %s --convert-lm-to-loops=vector-width=8 --canonicalize --cse | FileCheck %s --check-prefix=W8

// The row is read once, into scratch memory, with four partial sums; the second
// phase reads the scratch row.
// CHECK-LABEL: func.func @rms_norm(
// CHECK-SAME: %[[X:.*]]: memref<?x512xbf16>, %[[W:.*]]: memref<512xbf16>, %[[Y:.*]]: memref<?x512xbf16>)
// CHECK: %[[ROWS:.*]] = memref.dim %[[X]]
// CHECK: scf.parallel (%[[R:.*]]) = (%{{.*}}) to (%[[ROWS]])
// CHECK: %[[T:.*]] = memref.alloca() {alignment = 64 : i64} : memref<512xf32>
// CHECK: %[[SUMS:.*]]:4 = scf.for %[[C:.*]] = %{{.*}} to %c512 step %c64 iter_args
// CHECK: vector.load %[[X]][%[[R]], %[[C]]] : memref<?x512xbf16>, vector<16xbf16>
// CHECK: vector.store %{{.*}}, %[[T]][%[[C]]] : memref<512xf32>, vector<16xf32>
// CHECK: scf.yield
// CHECK: %[[A:.*]] = arith.addf %[[SUMS]]#0, %[[SUMS]]#1
// CHECK: %[[B:.*]] = arith.addf %[[SUMS]]#2, %[[SUMS]]#3
// CHECK: arith.addf %[[A]], %[[B]]
// CHECK: math.sqrt
// CHECK: scf.for
// CHECK-NOT: %[[X]]
// CHECK: vector.load %[[T]]
// CHECK: vector.load %[[W]]
// CHECK: vector.store %{{.*}}, %[[Y]][%[[R]], %{{.*}}]
// CHECK-NOT: lm.
// CHECK-NOT: fastmath
// W8-LABEL: func.func @rms_norm(
// W8: scf.for {{.*}} step %c32 iter_args
// W8: vector.load {{.*}} vector<8xbf16>
func.func @rms_norm(%x: memref<?x512xbf16>, %w: memref<512xbf16>, %y: memref<?x512xbf16>) {
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x512xbf16>) weight(%w : memref<512xbf16>) outs(%y : memref<?x512xbf16>)
  return
}

// Rows of any rank are one loop. Absent columns are masked: 200 is twelve
// vectors and a half.
// CHECK-LABEL: func.func @rank3_tail(
// CHECK: %[[N:.*]] = arith.muli
// CHECK: scf.parallel (%[[R:.*]]) = (%{{.*}}) to (%[[N]])
// CHECK-NOT: scf.parallel
// CHECK: %[[J:.*]] = arith.remui %[[R]]
// CHECK: %[[I:.*]] = arith.divui %[[R]]
// CHECK: vector.load %{{.*}}[%[[I]], %[[J]], %{{.*}}]
// CHECK: %[[MASK:.*]] = vector.constant_mask [8] : vector<16xi1>
// CHECK: vector.maskedload %{{.*}}[%[[I]], %[[J]], %{{.*}}], %[[MASK]]
// CHECK: vector.maskedstore
func.func @rank3_tail(%x: memref<?x?x200xf32>, %y: memref<?x?x200xf32>) {
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x?x200xf32>) outs(%y : memref<?x?x200xf32>)
  return
}

// A view of columns is loaded in vectors; where adjacent columns may be apart,
// elements are loaded one by one.
// CHECK-LABEL: func.func @strided(
// CHECK: vector.load {{.*}} : memref<?x64xbf16, strided<[2112, 1], offset: ?>>, vector<16xbf16>
// CHECK: vector.from_elements
// CHECK-NOT: vector.load {{.*}} strided<[?, ?]
func.func @strided(%x: memref<?x64xbf16, strided<[2112, 1], offset: ?>>, %z: memref<?x64xbf16, strided<[?, ?], offset: ?>>, %y: memref<?x64xbf16>) {
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x64xbf16, strided<[2112, 1], offset: ?>>) outs(%y : memref<?x64xbf16>)
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%z : memref<?x64xbf16, strided<[?, ?], offset: ?>>) outs(%y : memref<?x64xbf16>)
  return
}

// The residual is written in the first phase, before the norm's factor exists.
// CHECK-LABEL: func.func @add_rms_norm(
// CHECK-SAME: %{{.*}}: memref<4x64xf32>, %[[RES:.*]]: memref<4x64xbf16>, %{{.*}}: memref<4x64xbf16>)
// CHECK: scf.parallel
// CHECK: vector.store %{{.*}}, %[[RES]]
// CHECK: math.sqrt
// CHECK-NOT: %[[RES]]
func.func @add_rms_norm(%x: memref<4x64xf32>, %r: memref<4x64xbf16>, %y: memref<4x64xbf16>) {
  lm.add_rms_norm {epsilon = 1.0e-06 : f32, norm_from_rounded_residual, round_sum_before_residual} ins(%x, %r : memref<4x64xf32>, memref<4x64xbf16>) outs(%y, %r : memref<4x64xbf16>, memref<4x64xbf16>)
  return
}

// The norms share nothing: one loop over the rows of each.
// CHECK-LABEL: func.func @dual(
// CHECK: scf.parallel
// CHECK: math.sqrt
// CHECK: scf.parallel
// CHECK: math.sqrt
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @dual(%a: memref<?x1536xbf16>, %b: memref<?x512xbf16>, %q: memref<?x1536xbf16>, %kv: memref<?x512xbf16>) {
  lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%a, %b : memref<?x1536xbf16>, memref<?x512xbf16>) outs(%q, %kv : memref<?x1536xbf16>, memref<?x512xbf16>)
  return
}

// Norm and quantisation are one loop, without a buffer for the norm's result
// but the scratch row.
// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[X:.*]]: memref<?x512xbf16>, %[[RES:.*]]: memref<?x512xbf16>, %[[W:.*]]: memref<512xbf16>, %[[D:.*]]: memref<?x256xi8>, %[[S:.*]]: memref<?x16xf8E8M0FNU>)
// CHECK: scf.parallel (%[[R:.*]]) =
// CHECK: memref.alloca
// CHECK-NOT: memref.alloca
// CHECK: math.sqrt
// CHECK: scf.for %[[B:.*]] = %c0 to %c16 step %c1
// CHECK: memref.store %{{.*}}, %[[S]][%[[R]], %[[B]]]
// CHECK: vector.store %{{.*}}, %[[D]][%[[R]], %{{.*}}] : memref<?x256xi8>, vector<8xi8>
// CHECK-NOT: scf.parallel
// CHECK: return
func.func @fused(%x: memref<?x512xbf16>, %r: memref<?x512xbf16>, %w: memref<512xbf16>, %d: memref<?x256xi8>, %s: memref<?x16xf8E8M0FNU>) {
  lm.rms_norm_quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
    {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : memref<?x512xbf16>) residual(%r : memref<?x512xbf16>) weight(%w : memref<512xbf16>)
    outs(%d, %s : memref<?x256xi8>, memref<?x16xf8E8M0FNU>) residual_out(%r : memref<?x512xbf16>)
  return
}
