// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// One workgroup, whatever the number of requests.

// CHECK-LABEL: func.func @dense
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_plan_0 blocks in (%c1, %c1, %c1) threads in (%c512, %c1, %c1)
// LDS is of one size for all numbers of requests: starts of clusters, tiles of
// a chunk, paths from their starts.
// CHECK-DAG: llvm.mlir.global internal @lds_starts_2048() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<2048 x i8>
// CHECK-DAG: @lds_tiles_4112()
// CHECK-DAG: @lds_paths_14336()
// CHECK-DAG: @lds_jumps_2052()
// GFX950-DAG: @lds_plan_sums_0_64()
// SM90-DAG: @lds_plan_sums_0_128()
// CHECK: gpu.func @attention_plan_0
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>, lm.bytes_per_row = 48 : i64
// Chunks of a tile per thread.
// CHECK: scf.for %[[FIRST:.*]] = %c0_i32 to %{{.*}} step %c512_i32
// Sums of blocks and of units over the tiles before each.
// CHECK-COUNT-3: gpu.shuffle up
// Paths from all tiles at once, unless overheads are a small part: up to seven
// steps each.
// CHECK: %[[STEPS:.*]] = arith.select %{{.*}}, %c0_i32, %c7_i32 : i32
// CHECK: scf.while
// CHECK: arith.cmpi ult, %{{.*}}, %[[STEPS]] : i32
// One wave goes along them, and looks ahead where a path ends.
// CHECK: scf.while
// GFX950: llvm.call_intrinsic "llvm.amdgcn.ballot.i64"
// SM90: llvm.call_intrinsic "llvm.nvvm.vote.ballot.sync"
// CHECK: llvm.intr.cttz
// CHECK: gpu.shuffle idx
// Works are written 16 bytes at a time.
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// CHECK: gpu.return
func.func @dense(%n: memref<?xi32>, %w: memref<?x8xi32>, %wi: memref<257xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<510xi32>) {
  lm.attention_plan {num_clusters = 256} ins(%n : memref<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<257xi32>, memref<?xi32>, memref<?x2xi32>, memref<510xi32>)
  return
}

// -----

// Lists of slots start at multiples, so that units need no sum; both lists of a
// request are read.

// CHECK-LABEL: func.func @two_lists
// CHECK-NOT: @lds_plan_sums_1
// CHECK: gpu.func @attention_plan_0
// CHECK-SAME: lm.bytes_per_row = 48 : i64
// CHECK: arith.minsi %{{.*}}, %c128_i64
// CHECK: arith.minsi %{{.*}}, %c512_i64
// CHECK: arith.muli %{{.*}}, %c640_i32
// CHECK: gpu.return
func.func @two_lists(%n: memref<?xi32>, %m: memref<?xi64>, %w: memref<?x8xi32>, %wi: memref<133xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<262xi32>) {
  lm.attention_plan {num_clusters = 132, granularity = 64, overhead = 1, topk = 128, extra_topk = 512}
    ins(%n : memref<?xi32>) extra_lengths(%m : memref<?xi64>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<133xi32>, memref<?xi32>, memref<?x2xi32>, memref<262xi32>)
  return
}

// -----

// A limit of splits makes the number of sharers depend on the requests.

// CHECK-LABEL: func.func @max_split
// CHECK: arith.muli %{{.*}}, %c4_i64
// CHECK: %[[SHARE:.*]] = arith.minsi %{{.*}}, %c64_i64
// CHECK: arith.divui %{{.*}}, %[[SHARE]] : i64
func.func @max_split(%n: memref<?xi32>, %w: memref<?x8xi32>, %wi: memref<65xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<126xi32>) {
  lm.attention_plan {num_clusters = 64, max_split = 4} ins(%n : memref<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<65xi32>, memref<?xi32>, memref<?x2xi32>, memref<126xi32>)
  return
}
