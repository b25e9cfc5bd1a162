// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// A row is loaded once, 16 bytes at a time; the sum crosses lanes and LDS.

// CHECK-LABEL: func.func @add_norm_quantize
// CHECK-SAME: (%[[X:[a-z0-9]+]]: memref<?x7168xbf16>,
// CHECK-DAG: %[[ROWS:.*]] = memref.dim %{{.*}}, %c0
// CHECK: memref.extract_aligned_pointer_as_index %[[X]]
// CHECK: gpu.launch_func @hipfuse_kernels::@rms_norm_quantize_0 blocks in (%[[ROWS]], %c1, %c1) threads in (%c448, %c1, %c1)
// CHECK: gpu.func @rms_norm_quantize_0(%[[PX:[a-z0-9]+]]: !llvm.ptr<1>, %[[PW:[a-z0-9]+]]: !llvm.ptr<1>, %[[PR:[a-z0-9]+]]: !llvm.ptr<1>,
// CHECK-SAME: known_block_size = array<i32: 448, 1, 1>, lm.bytes_per_row = 46816 : i64
// CHECK-COUNT-6: llvm.load {{.*}}alignment = 16 : i64{{.*}} -> vector<8xbf16>
// CHECK-COUNT-2: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// GFX950: llvm.amdgcn.update.dpp.i32
// SM90-COUNT-5: gpu.shuffle xor
// CHECK: gpu.barrier
// GFX950-COUNT-8: llvm.amdgcn.cvt.scalef32.pk.fp4.bf16
// SM90-NOT: llvm.amdgcn
// CHECK: gpu.return
func.func @add_norm_quantize(%x: memref<?x7168xbf16>, %r: memref<?x7168xbf16>,
    %w: memref<7168xbf16>, %d: memref<?x3584xi8>, %s: memref<?x224xf8E8M0FNU>,
    %ro: memref<?x7168xbf16>) {
  lm.rms_norm_quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
      {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
      ins(%x : memref<?x7168xbf16>) residual(%r : memref<?x7168xbf16>)
      weight(%w : memref<7168xbf16>)
      outs(%d, %s : memref<?x3584xi8>, memref<?x224xf8E8M0FNU>)
      residual_out(%ro : memref<?x7168xbf16>)
  return
}

// -----

// Operations that need the same code share a kernel; others do not.

// CHECK-LABEL: func.func @equal_kernels
// CHECK: gpu.launch_func @hipfuse_kernels::@rms_norm_0
// CHECK: gpu.launch_func @hipfuse_kernels::@rms_norm_0
// CHECK: gpu.launch_func @hipfuse_kernels::@rms_norm_1
// CHECK: gpu.func @rms_norm_0
// CHECK: gpu.func @rms_norm_1
// CHECK-NOT: gpu.func
func.func @equal_kernels(%a: memref<?x512xbf16>, %b: memref<?x512xbf16>, %c: memref<?x512xbf16>) {
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%a : memref<?x512xbf16>) outs(%b : memref<?x512xbf16>)
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%b : memref<?x512xbf16>) outs(%c : memref<?x512xbf16>)
  lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%c : memref<?x512xbf16>) outs(%a : memref<?x512xbf16>)
  return
}

// -----

// A slice: its offset goes into the pointer, its stride is the row's. 1536
// columns from byte 3072 of rows of 4224 bytes on are aligned to 16 bytes.

// CHECK-LABEL: func.func @slice
// CHECK: gpu.func @rms_norm_0
// CHECK-DAG: arith.constant 2112 : i64
// CHECK: llvm.load {{.*}} {alignment = 16 : i64}
func.func @slice(%x: memref<?x512xbf16, strided<[2112, 1], offset: 1536>>, %y: memref<?x512xbf16>) {
  lm.rms_norm {epsilon = 1.0e-06 : f32}
    ins(%x : memref<?x512xbf16, strided<[2112, 1], offset: 1536>>) outs(%y : memref<?x512xbf16>)
  return
}

// -----

// Two norms of different widths: one launch, a workgroup for each row of each.

// CHECK-LABEL: func.func @dual
// CHECK: gpu.launch_func @hipfuse_kernels::@dual_rms_norm_0 blocks in (%{{.*}}, %c2, %c1)
// CHECK: gpu.block_id y
// CHECK: scf.if
// CHECK: scf.if
func.func @dual(%a: memref<?x1536xbf16>, %b: memref<?x512xbf16>, %wa: memref<1536xbf16>,
    %wb: memref<512xbf16>, %x: memref<?x1536xbf16>, %y: memref<?x512xbf16>) {
  lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32}
    ins(%a, %b : memref<?x1536xbf16>, memref<?x512xbf16>)
    weight(%wa : memref<1536xbf16>) second_weight(%wb : memref<512xbf16>)
    outs(%x, %y : memref<?x1536xbf16>, memref<?x512xbf16>)
  return
}
