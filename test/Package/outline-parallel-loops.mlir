// RUN: hipfuse-opt %s --hipfuse-outline-parallel-loops --canonicalize | FileCheck %s
// RUN: hipfuse-opt %s --hipfuse-outline-parallel-loops='grain=1000000000' --canonicalize | FileCheck %s --check-prefix=COARSE

// A loop over tokens goes to the pool in ranges of at least `grain` operations;
// values from outside travel in a struct, constants do not.

// CHECK-LABEL: func.func private @rows_task0
// CHECK-SAME: (%[[CONTEXT:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK: llvm.load {{.*}} !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
// CHECK: scf.for
// CHECK: vector.load
// CHECK-LABEL: func.func private @rows
// CHECK: llvm.alloca
// CHECK: %[[POOL:.*]] = llvm.load
// CHECK: %[[FOR:.*]] = llvm.load
// CHECK: llvm.call %[[FOR]](%[[POOL]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64, i64) -> ()
// CHECK-NOT: scf.parallel

// Unknown trip counts always go to the pool: the grain decides at run time.
// COARSE-LABEL: func.func private @rows_task0
func.func private @rows(%api: !llvm.ptr, %x: memref<?x64xf32>, %rows: index) attributes {lm.host_entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%rows) step (%c1) {
    %v = vector.load %x[%i, %c0] : memref<?x64xf32>, vector<16xf32>
    %w = arith.addf %v, %v : vector<16xf32>
    vector.store %w, %x[%i, %c0] : memref<?x64xf32>, vector<16xf32>
    scf.reduce
  }
  return
}

// Three dimensions are one range; the last stays a loop of its own.

// CHECK-LABEL: func.func private @nest_task
// CHECK: arith.divui
// CHECK: arith.remui
// CHECK: scf.for
// CHECK: scf.for
// CHECK-LABEL: func.func private @nest

// Known and small: not worth a thread, with a coarse grain.
// COARSE-LABEL: func.func private @nest
// COARSE: scf.for
// COARSE-NOT: llvm.call
func.func private @nest(%api: !llvm.ptr, %x: memref<64x64x64xf32>, %v: f32) attributes {lm.host_entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  scf.parallel (%i, %j, %k) = (%c0, %c0, %c0) to (%c64, %c64, %c64) step (%c1, %c1, %c1) {
    memref.store %v, %x[%i, %j, %k] : memref<64x64x64xf32>
    scf.reduce
  }
  return
}

// Functions that are no host entries have no pool.

// COARSE-LABEL: func.func @elsewhere
// CHECK-LABEL: func.func @elsewhere
// CHECK: scf.parallel
func.func @elsewhere(%x: memref<?xf32>, %n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %v, %x[%i] : memref<?xf32>
    scf.reduce
  }
  return
}

// Two equal loops, over different buffers, share one task.

// CHECK: func.func private @twice_task[[$N:[0-9]+]]
// CHECK-NOT: func.func private @twice_task
// CHECK-LABEL: func.func private @twice(
// CHECK: constant @twice_task[[$N]]
// CHECK-NOT: constant @
func.func private @twice(%api: !llvm.ptr, %x: memref<?x64xf32>, %y: memref<?x64xf32>, %rows: index) attributes {lm.host_entry} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%rows) step (%c1) {
    %v = vector.load %x[%i, %c0] : memref<?x64xf32>, vector<16xf32>
    %w = arith.mulf %v, %v : vector<16xf32>
    vector.store %w, %x[%i, %c0] : memref<?x64xf32>, vector<16xf32>
    scf.reduce
  }
  scf.parallel (%i) = (%c0) to (%rows) step (%c1) {
    %v = vector.load %y[%i, %c0] : memref<?x64xf32>, vector<16xf32>
    %w = arith.mulf %v, %v : vector<16xf32>
    vector.store %w, %y[%i, %c0] : memref<?x64xf32>, vector<16xf32>
    scf.reduce
  }
  return
}
