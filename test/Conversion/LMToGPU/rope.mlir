// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// A thread rotates 16 bytes: four pairs. The position is clamped to the table.

// CHECK-LABEL: func.func @interleaved
// CHECK: gpu.launch_func @hipfuse_kernels::@rope_0 blocks in (%{{.*}}, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.func @rope_0
// CHECK-DAG: arith.constant 4095 : i64
// CHECK: llvm.load {{.*}} invariant {{.*}} -> i64
// CHECK: arith.maxsi
// CHECK: arith.minsi
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// CHECK-COUNT-2: llvm.load {{.*}} invariant {alignment = 16 : i64} : {{.*}} -> vector<4xf32>
// CHECK: vector.shuffle {{.*}} [0, 2, 4, 6]
// CHECK: vector.interleave
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
func.func @interleaved(%x: memref<?x16x64xbf16>, %pos: memref<?xi64>, %cs: memref<4096x64xf32>, %y: memref<?x16x64xbf16>) {
  lm.rope interleaved ins(%x : memref<?x16x64xbf16>) positions(%pos : memref<?xi64>)
    tables(%cs : memref<4096x64xf32>) outs(%y : memref<?x16x64xbf16>)
  return
}

// -----

// Both halves of a NeoX row are read before either is written, so that the
// destination may be the source; `inverse` negates the sines.

// CHECK-LABEL: func.func @neox_in_place
// CHECK: gpu.func @rope_0
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<8xbf16>
// CHECK: arith.negf
// CHECK-NOT: vector.interleave
// CHECK-COUNT-2: llvm.store {{.*}} : vector<8xbf16>
func.func @neox_in_place(%x: memref<?x64xbf16>, %pos: memref<?xi32>, %cos: memref<4096x32xbf16>, %sin: memref<4096x32xbf16>) {
  lm.rope neox inverse ins(%x : memref<?x64xbf16>) positions(%pos : memref<?xi32>)
    tables(%cos, %sin : memref<4096x32xbf16>, memref<4096x32xbf16>) outs(%x : memref<?x64xbf16>)
  return
}

// -----

// Rows of six columns have three pairs, which no wider access fits.

// CHECK-LABEL: func.func @narrow
// CHECK: gpu.func @rope_0
// CHECK: llvm.load {{.*}} -> bf16
// CHECK: vector.broadcast
// CHECK: llvm.store {{.*}} : vector<1xbf16>
func.func @narrow(%x: memref<?x2x?x6xbf16>, %pos: memref<?xi32>, %cos: memref<64x3xf32>, %sin: memref<64x3xf32>) {
  lm.rope neox ins(%x : memref<?x2x?x6xbf16>) positions(%pos : memref<?xi32>)
    tables(%cos, %sin : memref<64x3xf32>, memref<64x3xf32>) outs(%x : memref<?x2x?x6xbf16>)
  return
}

// -----

// DeepSeek-V4's attention output: 64 heads of 512 columns are eight workgroups;
// only threads with rotated columns load angles. 16 lanes share a scale.

// CHECK-LABEL: func.func @quantize
// CHECK: arith.muli %{{.*}}, %c8
// CHECK: gpu.launch_func @hipfuse_kernels::@rope_quantize_0 blocks in (%{{.*}}, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.func @rope_quantize_0
// CHECK-SAME: lm.bytes_per_row = 98560 : i64
// CHECK-COUNT-2: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// CHECK: scf.if %{{.*}} -> (vector<8xf32>)
// CHECK: llvm.load {{.*}} -> vector<4xf32>
// GFX950: llvm.amdgcn.update.dpp.i32
// SM90-COUNT-4: gpu.shuffle xor
// CHECK: llvm.store {{.*}} : i8
// CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<8xi8>
func.func @quantize(%o: memref<?x64x512xbf16>, %pos: memref<?xi64>, %cs: memref<4096x64xf32>,
    %d: memref<?x8x4096xf8E4M3FN>, %s: memref<?x8x32xf8E8M0FNU>) {
  lm.rope_quantize interleaved inverse #lm.scheme<element = f8E4M3FN, granularity = block, block = 128,
      scale_rounding = rceil, nonfinite = saturate>
    ins(%o : memref<?x64x512xbf16>) positions(%pos : memref<?xi64>) tables(%cs : memref<4096x64xf32>)
    outs(%d, %s : memref<?x8x4096xf8E4M3FN>, memref<?x8x32xf8E8M0FNU>)
  return
}

// -----

// Three heads of 32 columns are one wave that is not full. The other member of
// a NeoX pair is another thread's. Scales of FP4 are padded to eight.

// CHECK-LABEL: func.func @neox_fp4
// CHECK: threads in (%c{{32|64}}, %c1, %c1)
// CHECK: gpu.func @rope_quantize_0
// CHECK: scf.if %{{.*}} -> (vector<8xf32>)
// CHECK: llvm.load {{.*}} -> vector<8xbf16>
// CHECK: llvm.store {{.*}} : vector<4xi8>
// CHECK: llvm.store {{.*}} : i8
func.func @neox_fp4(%o: memref<?x3x32xbf16>, %pos: memref<?xi64>, %cs: memref<4096x16xf32>,
    %d: memref<?x48xi8>, %s: memref<?x8xf8E8M0FNU>) {
  lm.rope_quantize neox #lm.scheme<element = f4E2M1FN, granularity = block, block = 32,
      scale_rounding = even, layout = cdna4_shuffled>
    ins(%o : memref<?x3x32xbf16>) positions(%pos : memref<?xi64>) tables(%cs : memref<4096x16xf32>)
    outs(%d, %s : memref<?x48xi8>, memref<?x8xf8E8M0FNU>)
  return
}
