// RUN: hipfuse-opt %s --split-input-file --hipfuse-make-entry-points | FileCheck %s

// The cache is updated in place: writable, no buffer of its own. The other
// argument is read only. The number of slots may not exceed the rows.

// CHECK-LABEL: module attributes {lm.entry_points = [#lm.entry_point<name = "write", shape = @hipfuse_shape_write,
// CHECK-SAME: #lm.entry_buffer<name = "kv", type = tensor<?x512xbf16>>
// CHECK-SAME: results = [#lm.entry_buffer<name = "cache", type = tensor<8x64x576xbf16>, tied = 3>]
// CHECK-SAME: constraints = ["dim 0 of argument 'kv' equals dim 0 of argument 'arg1'", "dim 0 of argument 'kv' is at least dim 0 of argument 'slots'"]
// CHECK-SAME: host = @hipfuse_entry_write>]}
// CHECK: llvm.func internal @hipfuse_shape_write
// CHECK: llvm.icmp "eq"
// CHECK: llvm.icmp "sge"
// CHECK-LABEL: func.func private @hipfuse_host_write
// CHECK-SAME: lm.host_entry
// CHECK: bufferization.to_tensor %{{.*}} restrict : memref<?x512xbf16>
// CHECK: bufferization.to_tensor %[[CACHE:.*]] restrict writable : memref<8x64x576xbf16>
// CHECK: %[[RESULT:.*]] = lm.mla_cache_write
// CHECK: bufferization.materialize_in_destination %[[RESULT]] in writable %[[CACHE]]
// CHECK: llvm.func internal @hipfuse_entry_write
// CHECK-NOT: func.func @write
func.func @write(%kv: tensor<?x512xbf16> {lm.name = "kv"}, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64> {lm.name = "slots"}, %cache: tensor<8x64x576xbf16>) -> (tensor<8x64x576xbf16> {lm.name = "cache"}) {
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<8x64x576xbf16>)
  return %0 : tensor<8x64x576xbf16>
}

// -----

// A new tensor gets the caller's buffer; its size follows from the argument. An
// argument that is returned untouched is copied, not tied.

// CHECK-LABEL: llvm.func internal @hipfuse_shape_norm
// CHECK-NOT: llvm.icmp
// CHECK: llvm.store
// CHECK-LABEL: func.func private @hipfuse_host_norm
// CHECK-NOT: writable
// CHECK: %[[Y:.*]] = lm.rms_norm
// CHECK: materialize_in_destination %[[Y]] in restrict writable
// CHECK: materialize_in_destination %{{.*}} in restrict writable
func.func @norm(%x: tensor<?x64xbf16>) -> (tensor<?x64xf32>, tensor<?x64xbf16>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %init = tensor.empty(%m) : tensor<?x64xf32>
  %y = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) outs(%init : tensor<?x64xf32>)
  return %y, %x : tensor<?x64xf32>, tensor<?x64xbf16>
}

// -----

// Sizes through views: rows of a flattened tensor, a slice that must fit.

// CHECK-LABEL: name = "views"
// CHECK-SAME: constraints = ["dim 0 of argument 'arg0' is at least dim 0 of argument 'arg1'"]
// CHECK: func.func private @hipfuse_host_views
func.func @views(%x: tensor<?x8x16xf32>, %y: tensor<?x4xf32>) -> (tensor<?x16xf32>, tensor<?x8x4xf32>) {
  %c0 = arith.constant 0 : index
  %0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x8x16xf32> into tensor<?x16xf32>
  %n = tensor.dim %y, %c0 : tensor<?x4xf32>
  %1 = tensor.extract_slice %x[0, 0, 0] [%n, 8, 4] [1, 1, 1] : tensor<?x8x16xf32> to tensor<?x8x4xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?x8x4xf32>
}

// -----

// A size that is a multiple of another: q_len rows per request.

// CHECK-LABEL: name = "decode"
// CHECK-SAME: "dim 0 of argument 'arg2' equals dim 0 of argument 'arg3'"
// CHECK-SAME: "dim 0 of argument 'arg0' equals (dim 0 of argument 'arg3' * 4)"
// CHECK: func.func private @hipfuse_host_decode
func.func @decode(%q: tensor<?x16x576xbf16>, %c: tensor<8x64x576xbf16>, %bt: tensor<?x4xi32>, %n: tensor<?xi32>) -> tensor<?x16x512xbf16> {
  %c0 = arith.constant 0 : index
  %t = tensor.dim %q, %c0 : tensor<?x16x576xbf16>
  %init = tensor.empty(%t) : tensor<?x16x512xbf16>
  %0 = lm.mla_decode bf16 {q_len = 4, sm_scale = 0.0416666679 : f32} ins(%q : tensor<?x16x576xbf16>) cache(%c : tensor<8x64x576xbf16>) block_table(%bt : tensor<?x4xi32>) lengths(%n : tensor<?xi32>) outs(%init : tensor<?x16x512xbf16>)
  return %0 : tensor<?x16x512xbf16>
}

// -----

// Both lists of a plan have a length for each request.

// CHECK-LABEL: name = "plan"
// CHECK-SAME: "dim 0 of argument 'arg1' equals dim 0 of argument 'arg0'"
// CHECK: func.func private @hipfuse_host_plan
func.func @plan(%n: tensor<?xi32>, %m: tensor<?xi32>) -> tensor<5xi32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %b = tensor.dim %n, %c0 : tensor<?xi32>
  %b1 = arith.addi %b, %c1 : index
  %b3 = arith.addi %b, %c3 : index
  %w = tensor.empty(%b3) : tensor<?x8xi32>
  %i = tensor.empty() : tensor<5xi32>
  %r = tensor.empty(%b1) : tensor<?xi32>
  %f = tensor.empty(%b) : tensor<?x2xi32>
  %p = tensor.empty() : tensor<6xi32>
  %0:5 = lm.attention_plan {extra_topk = 64, granularity = 64, num_clusters = 4, topk = 64} ins(%n : tensor<?xi32>) extra_lengths(%m : tensor<?xi32>) outs(%w, %i, %r, %f, %p : tensor<?x8xi32>, tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<6xi32>)
  return %0#1 : tensor<5xi32>
}

// -----

// A padded size is the sum of its parts. A slice in a loop lies where the
// program's own values say, which no check of shapes can tell.

// CHECK-LABEL: llvm.func internal @hipfuse_shape_padded
// CHECK: %[[C3:.*]] = llvm.mlir.constant(3 : i64)
// CHECK: llvm.add %{{.*}}, %[[C3]]
// CHECK-NOT: llvm.icmp
// CHECK-LABEL: func.func private @hipfuse_host_padded
// CHECK: scf.for
// CHECK: tensor.insert_slice
func.func @padded(%x: tensor<?x4xf32>, %rows: tensor<8xi64>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0.0 : f32
  %padded = tensor.pad %x low[1, 0] high[2, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<?x4xf32> to tensor<?x4xf32>
  %0 = scf.for %i = %c0 to %c8 step %c1 iter_args(%y = %padded) -> tensor<?x4xf32> {
    %row = tensor.extract %rows[%i] : tensor<8xi64>
    %at = arith.index_cast %row : i64 to index
    %one = tensor.extract_slice %x[%i, 0] [1, 4] [1, 1] : tensor<?x4xf32> to tensor<4xf32>
    %next = tensor.insert_slice %one into %y[%at, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<?x4xf32>
    scf.yield %next : tensor<?x4xf32>
  }
  return %0 : tensor<?x4xf32>
}
