// RUN: hipfuse-opt %s --convert-lm-to-loops --hipfuse-outline-parallel-loops --buffer-loop-hoisting --canonicalize | FileCheck %s

// The scratch row belongs to an iteration of the parallel loop. Once the loop
// is a task it must be allocated before the task's loop, or the stack grows
// with the number of rows.

// CHECK-LABEL: func.func private @rows_task0(
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<512xf32>
// CHECK: scf.for
// CHECK-NOT: memref.alloca
// CHECK: return
func.func private @rows(%api: !llvm.ptr, %x: memref<?x512xbf16>, %y: memref<?x512xbf16>) attributes {lm.host_entry} {
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x512xbf16>) outs(%y : memref<?x512xbf16>)
  return
}
