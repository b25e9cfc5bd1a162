// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu=require-kernels --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// One workgroup, whatever the number of requests.

// CHECK-LABEL: func.func @dense
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_plan_0 blocks in (%c1, %c1, %c1) threads in (%c512, %c1, %c1)
// LDS is of one size for all numbers of requests, and the same for both ways.
// CHECK-DAG: llvm.mlir.global internal @lds_plan() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<44032 x i8>
// GFX950-DAG: @lds_plan_waves_1_32()
// SM90-DAG: @lds_plan_waves_1_64()
// GFX950-DAG: @lds_plan_sums_0_64()
// SM90-DAG: @lds_plan_sums_0_128()
// CHECK: gpu.func @attention_plan_0
// CHECK-SAME: known_block_size = array<i32: 512, 1, 1>, lm.bytes_per_row = 48 : i64
// While the lengths come, memory and what may be unused are cleared.
// CHECK: %[[LENGTH:.*]] = llvm.load %{{.*}} : !llvm.ptr<1> -> i32
// CHECK-COUNT-6: llvm.store %c0_i64, %{{.*}} : i64, !llvm.ptr<3>
// CHECK: llvm.store %c-1_i32, %{{.*}} : i32, !llvm.ptr<1>
// CHECK-COUNT-2: llvm.store %cst, %{{.*}} : vector<4xi32>, !llvm.ptr<1>
// Sums of blocks and of units over the tiles before each: bounded, so that they
// fit 32 bits.
// CHECK: arith.minui %{{.*}}, %c262145_i32
// GFX950-COUNT-12: gpu.shuffle up %{{.*}} : i32
// SM90-COUNT-10: gpu.shuffle up %{{.*}} : i32
// SM90-COUNT-3: llvm.call_intrinsic "llvm.nvvm.redux.sync.add"
// CHECK-NOT: gpu.shuffle
// Few tiles and positions are planned in one go.
// CHECK: %[[ONE:.*]] = arith.cmpi ule, %{{.*}}, %c512_i32 : i32
// CHECK: %[[FITS:.*]] = arith.cmpi ule, %{{.*}}, %c262144_i32 : i32
// CHECK: %[[NARROW:.*]] = arith.cmpi ule, %{{.*}}, %c682_i32 : i32
// CHECK: %[[BOTH:.*]] = arith.andi %[[FITS]], %[[NARROW]] : i1
// CHECK: %[[SHORT:.*]] = arith.andi %[[ONE]], %[[BOTH]] : i1
// CHECK: scf.if %[[SHORT]] {
// Events: those of 16 blocks of overhead and of the tile's end.
// CHECK: scf.for %{{.*}} = %c0_i32 to %c17_i32 step %c1_i32
// CHECK: llvm.atomicrmw _or %{{.*}}, %{{.*}} monotonic : !llvm.ptr<3>, i32
// CHECK: gpu.barrier
// The next one of the column, and jumps over 1, 2, 4 and 8.
// CHECK: scf.while
// CHECK: llvm.intr.ctlz
// CHECK-COUNT-4: gpu.barrier
// Every cluster goes along them.
// CHECK: scf.while
// CHECK: gpu.barrier
// Tiles with starts inside are counted.
// GFX950-COUNT-3: llvm.call_intrinsic "llvm.amdgcn.ballot.i64"
// SM90-COUNT-3: llvm.call_intrinsic "llvm.nvvm.vote.ballot.sync"
// CHECK: gpu.barrier
// Works are written 16 bytes at a time.
// CHECK-COUNT-2: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// CHECK-COUNT-4: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// Any other plan: chunks of a tile per thread, of 64-bit positions.
// CHECK: } else {
// GFX950: llvm.inline_asm has_side_effects "", "=v,0"
// SM90: llvm.inline_asm has_side_effects "", "=r,0"
// CHECK: scf.for %[[FIRST:.*]] = %c0_i32 to %{{.*}} step %c512_i32
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
// CHECK-NOT: @lds_plan_waves_1
// CHECK-NOT: @lds_plan_sums_1
// CHECK: gpu.func @attention_plan_0
// CHECK-SAME: lm.bytes_per_row = 48 : i64
// CHECK: arith.minsi %{{.*}}, %c128_i32 : i32
// CHECK: arith.minsi %{{.*}}, %c512_i64 : i64
// CHECK: arith.muli %{{.*}}, %c640_i32
// An event per block of overhead, and the tile's end.
// CHECK: scf.for %{{.*}} = %c0_i32 to %c2_i32 step %c1_i32
// CHECK: arith.minsi %{{.*}}, %c128_i64 : i64
// CHECK: arith.minsi %{{.*}}, %c512_i64 : i64
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
// CHECK: arith.muli %{{.*}}, %c4_i32
// CHECK: %[[SHARE:.*]] = arith.minui %{{.*}}, %c64_i32
// CHECK: arith.divui %{{.*}}, %[[SHARE]] : i32
// CHECK: arith.muli %{{.*}}, %c4_i64
// CHECK: %[[SHARE:.*]] = arith.minsi %{{.*}}, %c64_i64
// CHECK: arith.divui %{{.*}}, %[[SHARE]] : i64
func.func @max_split(%n: memref<?xi32>, %w: memref<?x8xi32>, %wi: memref<65xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<126xi32>) {
  lm.attention_plan {num_clusters = 64, max_split = 4} ins(%n : memref<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<65xi32>, memref<?xi32>, memref<?x2xi32>, memref<126xi32>)
  return
}

// -----

// Tiles with more events than a thread should write, and more clusters than
// threads, are planned chunk by chunk.

// CHECK-LABEL: func.func @large_overhead
// CHECK-NOT: llvm.atomicrmw
// CHECK: scf.for %{{.*}} = %c0_i32 to %{{.*}} step %c512_i32
// CHECK: gpu.return
func.func @large_overhead(%n: memref<?xi32>, %w: memref<?x8xi32>, %wi: memref<65xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<126xi32>) {
  lm.attention_plan {num_clusters = 64, overhead = 32} ins(%n : memref<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<65xi32>, memref<?xi32>, memref<?x2xi32>, memref<126xi32>)
  return
}

// -----

// CHECK-LABEL: func.func @many_clusters
// CHECK-NOT: llvm.atomicrmw
// CHECK: scf.for %{{.*}} = %c0_i32 to %{{.*}} step %c512_i32
// CHECK: gpu.return
func.func @many_clusters(%n: memref<?xi32>, %w: memref<?x8xi32>, %wi: memref<513xi32>, %ri: memref<?xi32>, %rf: memref<?x2xi32>, %rp: memref<1022xi32>) {
  lm.attention_plan {num_clusters = 512, overhead = 2} ins(%n : memref<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : memref<?x8xi32>, memref<513xi32>, memref<?xi32>, memref<?x2xi32>, memref<1022xi32>)
  return
}
