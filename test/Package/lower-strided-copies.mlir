// RUN: hipfuse-opt %s --hipfuse-lower-strided-copies | FileCheck %s

// CHECK-LABEL: @copies
// CHECK: memref.copy
// CHECK: linalg.copy
// CHECK-NOT: memref.copy
func.func @copies(%a: memref<?x64xf32>, %b: memref<?x64xf32>, %c: memref<?x64xf32, strided<[128, 1]>>) {
  memref.copy %a, %b : memref<?x64xf32> to memref<?x64xf32>
  memref.copy %c, %b : memref<?x64xf32, strided<[128, 1]>> to memref<?x64xf32>
  return
}
