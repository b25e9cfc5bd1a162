// RUN: hipfuse-opt %s --hipfuse-eliminate-empty-tensors | FileCheck %s
// RUN: hipfuse-opt %s --hipfuse-eliminate-empty-tensors --one-shot-bufferize --cse --canonicalize | FileCheck %s --check-prefix=BUFFERS

// Parts of a part of a result: each is computed in the result's buffer, though
// all were of empty tensors, and some of the same.

// CHECK-LABEL: func.func private @parts
// CHECK: %[[OUT:.*]] = bufferization.to_tensor %{{.*}} restrict writable
// CHECK: %[[HALF:.*]] = tensor.extract_slice %[[OUT]][0] [32] [1]
// CHECK: %[[FIRST:.*]] = tensor.extract_slice %[[HALF]][0] [16] [1]
// CHECK: linalg.fill {{.*}} outs(%[[FIRST]] :
// CHECK: %[[BOTH:.*]] = tensor.insert_slice %{{.*}} into %[[HALF]][0] [16] [1]
// CHECK: %[[SECOND:.*]] = tensor.extract_slice %[[BOTH]][16] [16] [1]
// CHECK: linalg.fill {{.*}} outs(%[[SECOND]] :
// BUFFERS-LABEL: func.func private @parts
// BUFFERS-SAME: %{{.*}}: f32, %[[OUT:.*]]: memref<64xf32>
// BUFFERS-NOT: {{memref.alloc|memref.copy}}
// BUFFERS: %[[HALF:.*]] = memref.subview %[[OUT]][0] [32] [1]
// BUFFERS: %[[A:.*]] = memref.subview %[[HALF]][0] [16] [1]
// BUFFERS: linalg.fill {{.*}} outs(%[[A]] :
// BUFFERS: %[[B:.*]] = memref.subview %[[HALF]][16] [16] [1]
// BUFFERS: linalg.fill {{.*}} outs(%[[B]] :
// BUFFERS: %[[C:.*]] = memref.subview %[[OUT]][32] [32] [1]
// BUFFERS: linalg.fill {{.*}} outs(%[[C]] :
// BUFFERS-NOT: {{memref.alloc|memref.copy}}
// BUFFERS: return
func.func private @parts(%x: f32, %out: memref<64xf32>) {
  %e = tensor.empty() : tensor<16xf32>
  %half = tensor.empty() : tensor<32xf32>
  %whole = tensor.empty() : tensor<64xf32>
  %a = linalg.fill ins(%x : f32) outs(%e : tensor<16xf32>) -> tensor<16xf32>
  %0 = tensor.insert_slice %a into %half[0] [16] [1] : tensor<16xf32> into tensor<32xf32>
  %b = linalg.fill ins(%x : f32) outs(%e : tensor<16xf32>) -> tensor<16xf32>
  %1 = tensor.insert_slice %b into %0[16] [16] [1] : tensor<16xf32> into tensor<32xf32>
  %2 = tensor.insert_slice %1 into %whole[0] [32] [1] : tensor<32xf32> into tensor<64xf32>
  %c = linalg.fill ins(%x : f32) outs(%half : tensor<32xf32>) -> tensor<32xf32>
  %3 = tensor.insert_slice %c into %2[32] [32] [1] : tensor<32xf32> into tensor<64xf32>
  bufferization.materialize_in_destination %3 in restrict writable %out : (tensor<64xf32>, memref<64xf32>) -> ()
  return
}

// What is read after its place is written again has a buffer of its own.
// BUFFERS-LABEL: func.func private @read_later
// BUFFERS-SAME: %[[X:[a-z0-9]+]]: f32, %[[Y:[a-z0-9]+]]: f32, %[[OUT:[a-z0-9]+]]: memref<8xf32>, %[[LATER:[a-z0-9]+]]: memref<8xf32>
// BUFFERS: %[[KEPT:.*]] = memref.alloc()
// BUFFERS: linalg.fill ins(%[[X]] : f32) outs(%[[KEPT]] :
// BUFFERS: linalg.fill ins(%[[Y]] : f32) outs(%[[OUT]] :
// BUFFERS: linalg.add ins(%[[KEPT]], %[[OUT]] : {{.*}}) outs(%[[LATER]] :
func.func private @read_later(%x: f32, %y: f32, %out: memref<8xf32>, %later: memref<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %a = linalg.fill ins(%x : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %t = tensor.empty() : tensor<8xf32>
  %0 = tensor.insert_slice %a into %t[0] [8] [1] : tensor<8xf32> into tensor<8xf32>
  %1 = linalg.fill ins(%y : f32) outs(%0 : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.add ins(%a, %1 : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  bufferization.materialize_in_destination %1 in restrict writable %out : (tensor<8xf32>, memref<8xf32>) -> ()
  bufferization.materialize_in_destination %s in restrict writable %later : (tensor<8xf32>, memref<8xf32>) -> ()
  return
}
