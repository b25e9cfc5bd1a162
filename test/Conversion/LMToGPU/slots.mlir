// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// A column per thread; a slot's place is the number of slots before it: those
// of its wave by a ballot, those of other waves by LDS.

// CHECK: func.func @swa(%[[P:[a-z0-9]+]]: memref<?xi32>, %{{.*}}: memref<?x?xi32>, %[[S:[a-z0-9]+]]: memref<?x128xi32>
// CHECK: %[[ROWS:.*]] = memref.dim %[[S]], %c0
// CHECK: gpu.launch_func @hipfuse_kernels::@swa_slots_0 blocks in (%[[ROWS]], %c1, %c1) threads in (%c128, %c1, %c1)
// GFX950: llvm.mlir.global internal @lds_8_0() {addr_space = 3 : i32, alignment = 16 : i64}
// SM90: llvm.mlir.global internal @lds_16_0()
// CHECK: gpu.func @swa_slots_0
// CHECK-SAME: known_block_size = array<i32: 128, 1, 1>, lm.bytes_per_row = 512 : i64
// GFX950: %[[BALLOT:.*]] = llvm.call_intrinsic "llvm.amdgcn.ballot.i64"
// GFX950: llvm.call_intrinsic "llvm.amdgcn.mbcnt.lo"
// GFX950: llvm.call_intrinsic "llvm.amdgcn.mbcnt.hi"
// GFX950: llvm.intr.ctpop(%[[BALLOT]]) : (i64) -> i64
// SM90: %[[BALLOT:.*]] = llvm.call_intrinsic "llvm.nvvm.vote.ballot.sync"
// SM90: llvm.call_intrinsic "llvm.nvvm.read.ptx.sreg.lanemask.lt"
// SM90: llvm.intr.ctpop(%[[BALLOT]]) : (i32) -> i32
// CHECK: gpu.barrier
// One chunk: nothing follows that must wait.
// CHECK-NOT: gpu.barrier
// CHECK-NOT: scf.for
// CHECK: gpu.return
func.func @swa(%p: memref<?xi32>, %t: memref<?x?xi32>, %s: memref<?x128xi32>, %n: memref<?xi32>) {
  lm.swa_slots {window = 128, page_size = 64} ins(%p : memref<?xi32>) block_table(%t : memref<?x?xi32>)
    outs(%s, %n : memref<?x128xi32>, memref<?xi32>)
  return
}

// -----

// A list of one wave needs no LDS.

// CHECK-LABEL: func.func @one_wave
// CHECK: gpu.module @hipfuse_kernels
// CHECK-NOT: llvm.mlir.global
// GFX950: known_block_size = array<i32: 64, 1, 1>
// SM90: known_block_size = array<i32: 32, 1, 1>
// CHECK-NOT: gpu.barrier
// CHECK: gpu.return
func.func @one_wave(%i: memref<?x32xi64>, %t: memref<?x?xi32>, %r: memref<?xi64>, %p: memref<?xi64>,
    %s: memref<?x32xi64>, %n: memref<?xi32>) {
  lm.topk_slots {page_size = 64, compress_ratio = 4} ins(%i : memref<?x32xi64>)
    block_table(%t : memref<?x?xi32>) requests(%r : memref<?xi64>) positions(%p : memref<?xi64>)
    outs(%s, %n : memref<?x32xi64>, memref<?xi32>)
  return
}

// -----

// Holes stay where they are: nothing is counted, the last column is a maximum.

// CHECK-LABEL: func.func @keep_holes
// CHECK: gpu.func @topk_slots_0
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>, lm.bytes_per_row = 4096 : i64
// CHECK-NOT: ballot
// CHECK: arith.maxui
// CHECK: gpu.barrier
// CHECK: gpu.return
func.func @keep_holes(%i: memref<?x512xi32>, %t: memref<?x?xi32>, %s: memref<?x512xi32>, %n: memref<?xi32>) {
  lm.topk_slots {keep_holes, page_size = 64} ins(%i : memref<?x512xi32>) block_table(%t : memref<?x?xi32>)
    outs(%s, %n : memref<?x512xi32>, memref<?xi32>)
  return
}

// -----

// Rows longer than a workgroup come in chunks, and the counts in LDS are read
// before the next chunk overwrites them.

// CHECK-LABEL: func.func @chunks
// CHECK: gpu.func @compact_slots_0
// CHECK-SAME: known_block_size = array<i32: 1024, 1, 1>
// CHECK: %[[COUNT:.*]] = scf.for %{{.*}} = %c0_i32 to %c2048_i32 step %c1024_i32 iter_args(%{{.*}} = %c0_i32) -> (i32) : i32 {
// CHECK: llvm.load
// CHECK: gpu.barrier
// CHECK: llvm.store
// CHECK: gpu.barrier
// CHECK: scf.yield
// CHECK: scf.for
// CHECK: arith.cmpi uge, %{{.*}}, %[[COUNT]]
// CHECK: gpu.return
func.func @chunks(%s: memref<?x2048xi32>, %l: memref<?xi32>, %p: memref<?x2048xi32>, %n: memref<?xi32>) {
  lm.compact_slots ins(%s : memref<?x2048xi32>) lengths(%l : memref<?xi32>)
    outs(%p, %n : memref<?x2048xi32>, memref<?xi32>)
  return
}

// -----

// A thread for each row.

// CHECK-LABEL: func.func @lengths
// CHECK: %[[ROWS:.*]] = memref.dim
// CHECK: %[[LAST:.*]] = arith.addi %[[ROWS]], %c255
// CHECK: %[[GROUPS:.*]] = arith.divui %[[LAST]], %c256
// CHECK: gpu.launch_func @hipfuse_kernels::@slot_lengths_0 blocks in (%[[GROUPS]], %c1, %c1) threads in (%c256, %c1, %c1)
func.func @lengths(%p: memref<?xi64>, %n: memref<?xi32>) {
  lm.slot_lengths {window = 512, compress_ratio = 4} ins(%p : memref<?xi64>) outs(%n : memref<?xi32>)
  return
}
