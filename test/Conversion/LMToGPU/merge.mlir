// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// A workgroup for each row and head. All is loaded before the weights are
// computed; exponentials are polynomials, no library is called.

// CHECK-LABEL: func.func @merge
// CHECK: %[[ROWS:.*]] = arith.muli %{{.*}}, %c64
// CHECK: gpu.launch_func @hipfuse_kernels::@merge_attention_0 blocks in (%[[ROWS]], %c1, %c1)
// CHECK: gpu.func @merge_attention_0
// GFX950-SAME: known_block_size = array<i32: 64, 1, 1>, lm.bytes_per_row = 5120 : i64
// SM90-SAME: known_block_size = array<i32: 32, 1, 1>, lm.bytes_per_row = 5120 : i64
// CHECK-COUNT-2: llvm.load {{.*}} -> f32
// GFX950-COUNT-2: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf32>
// SM90-COUNT-4: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf32>
// CHECK-NOT: llvm.load
// CHECK-NOT: math.
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// CHECK: scf.if
// CHECK: llvm.store {{.*}} : f32
// CHECK: gpu.return
func.func @merge(%x: memref<?x64x512xf32>, %y: memref<?x64x512xf32>, %l: memref<?x64xf32>, %m: memref<?x64xf32>,
    %o: memref<?x64x512xbf16>, %lo: memref<?x64xf32>) {
  lm.merge_attention {empty = #lm.empty_lse<pos_inf>}
    ins(%x, %y : memref<?x64x512xf32>, memref<?x64x512xf32>) lse(%l, %m : memref<?x64xf32>, memref<?x64xf32>)
    outs(%o : memref<?x64x512xbf16>) lse_out(%lo : memref<?x64xf32>)
  return
}

// -----

// CHECK-LABEL: func.func @sink
// CHECK: gpu.launch_func @hipfuse_kernels::@apply_sink_0
// CHECK: gpu.func @apply_sink_0
// CHECK-SAME: lm.bytes_per_row = 2048 : i64
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xbf16>
// CHECK-COUNT-2: llvm.load {{.*}} -> f32
// CHECK: gpu.return
func.func @sink(%x: memref<?x64x512xbf16>, %l: memref<?x64xf32>, %s: memref<64xf32>, %o: memref<?x64x512xbf16>) {
  lm.apply_sink ins(%x : memref<?x64x512xbf16>) lse(%l : memref<?x64xf32>) sink(%s : memref<64xf32>)
    outs(%o : memref<?x64x512xbf16>)
  return
}
