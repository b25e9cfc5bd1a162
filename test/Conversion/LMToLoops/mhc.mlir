// RUN: hipfuse-opt %s --convert-lm-to-loops --canonicalize --cse | FileCheck %s

// One parallel loop over tokens. Four mixes share the loads of the streams;
// their partial sums end with each stream.
// CHECK-LABEL: func.func @logits(
// CHECK-SAME: %[[R:[a-z0-9]+]]: memref<?x4x512xbf16>
// CHECK-SAME: %[[FN:[a-z0-9]+]]: memref<24x2048xf32>
// CHECK-SAME: %[[L:[a-z0-9]+]]: memref<?x24xf32>
// CHECK-SAME: %[[Q:[a-z0-9]+]]: memref<?xf32>
// CHECK: scf.parallel (%[[T:.*]]) =
// CHECK: scf.for %[[PASS:.*]] = %c0 to %c6 step %c1
// CHECK: scf.for %[[I:.*]] = %c0 to %c4 step %c1 iter_args(
// CHECK: scf.for %[[C:.*]] = %c0 to %c512 step %c16 iter_args(
// CHECK: vector.load %[[R]][%[[T]], %[[I]], %[[C]]] : memref<?x4x512xbf16>, vector<16xbf16>
// CHECK-COUNT-4: vector.load %[[FN]]
// CHECK: scf.yield
// CHECK-COUNT-4: memref.store %{{.*}}, %[[L]][%[[T]], %{{.*}}]
// CHECK: memref.store %{{.*}}, %[[Q]][%[[T]]]
// CHECK-NOT: scf.parallel
// CHECK-NOT: lm.
// CHECK-NOT: fastmath
func.func @logits(%r: memref<?x4x512xbf16>, %fn: memref<24x2048xf32>, %l: memref<?x24xf32>, %q: memref<?xf32>) {
  lm.mhc_logits ins(%r : memref<?x4x512xbf16>) fn(%fn : memref<24x2048xf32>) outs(%l, %q : memref<?x24xf32>, memref<?xf32>)
  return
}

// The fused operation writes the new residual, then reads it back as stored;
// nothing is left of the dialect, and there is one loop over tokens.
// CHECK-LABEL: func.func @post_pre(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x64xbf16>
// CHECK-SAME: %[[R:[a-z0-9]+]]: memref<?x4x64xbf16>
// CHECK-SAME: %[[NEW:[a-z0-9]+]]: memref<?x4x64xbf16>
// CHECK: scf.parallel (%[[T:.*]]) =
// CHECK: vector.load %[[X]][%[[T]],
// CHECK-COUNT-4: vector.load %[[R]][%[[T]],
// CHECK-COUNT-4: vector.store %{{.*}}, %[[NEW]][%[[T]],
// CHECK-NOT: vector.load %[[R]]
// CHECK: vector.load %[[NEW]][%[[T]],
// CHECK-NOT: scf.parallel
// CHECK-NOT: lm.
func.func @post_pre(%x: memref<?x64xbf16>, %r: memref<?x4x64xbf16>, %new: memref<?x4x64xbf16>, %t: memref<?x4xf32>, %c: memref<?x4x4xf32>, %fn: memref<24x256xf32>, %s: memref<3xf32>, %b: memref<24xf32>, %y: memref<?x64xbf16>, %t1: memref<?x4xf32>, %c1: memref<?x4x4xf32>) {
  lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%x, %r : memref<?x64xbf16>, memref<?x4x64xbf16>) mix(%t, %c : memref<?x4xf32>, memref<?x4x4xf32>) fn(%fn : memref<24x256xf32>) scale(%s : memref<3xf32>) base(%b : memref<24xf32>) outs(%new, %y, %t1, %c1 : memref<?x4x64xbf16>, memref<?x64xbf16>, memref<?x4xf32>, memref<?x4x4xf32>)
  return
}

// A residual of one row per token is read without a stream's index, once for
// all streams of a collapse.
// CHECK-LABEL: func.func @collapse_one_row(
// CHECK-SAME: %[[R:[a-z0-9]+]]: memref<?x64xbf16>
// CHECK: scf.parallel (%[[T:.*]]) =
// CHECK: scf.for
// CHECK: vector.load %[[R]][%[[T]], %{{.*}}]
// CHECK-NOT: vector.load
// CHECK: vector.store
func.func @collapse_one_row(%r: memref<?x64xbf16>, %p: memref<?x4xf32>, %y: memref<?x64xbf16>) {
  lm.mhc_collapse ins(%r : memref<?x64xbf16>) pre(%p : memref<?x4xf32>) outs(%y : memref<?x64xbf16>)
  return
}

// Many streams: results are a loop, so that the code does not grow with their
// square; all streams are read before one is written.
// CHECK-LABEL: func.func @post_nine(
// CHECK-SAME: %[[R:[a-z0-9]+]]: memref<?x9x64xbf16>
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK-COUNT-9: vector.load %[[R]]
// CHECK: scf.for
// CHECK: vector.store
// CHECK-NOT: vector.store
func.func @post_nine(%r: memref<?x9x64xbf16>, %x: memref<?x64xbf16>, %t: memref<?x9xf32>, %c: memref<?x9x9xf32>, %o: memref<?x9x64xbf16>) {
  lm.mhc_post ins(%x, %r : memref<?x64xbf16>, memref<?x9x64xbf16>) mix(%t, %c : memref<?x9xf32>, memref<?x9x9xf32>) outs(%o : memref<?x9x64xbf16>)
  return
}
