// RUN: rm -rf %t && mkdir %t
// RUN: hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx950 producer=test save-temps=%t/k' | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: FileCheck %s --check-prefix=ISA < %t/k.gfx950.s
// RUN: hipfuse-opt %s --hipfuse-gpu-pipeline='chip=sm_90 ptxas=none opt-level=1' | FileCheck %s --check-prefixes=CHECK,SM90
// RUN: hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx942 fuse=false mhc=separate' | FileCheck %s --check-prefix=APART
// RUN: not hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx950 linker=%t/none' 2>&1 | FileCheck %s --check-prefix=LINKER
// RUN: not hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx1200' 2>&1 | FileCheck %s --check-prefix=CHIP

// Everything of an artefact in one pass over the program: launch code for the
// host in the LLVM dialect, code objects and descriptor as data.

// CHECK-LABEL: module
// CHECK-NOT: lm.entry_points
// CHECK-DAG: llvm.func internal @hipfuse_shape_mlp
// GFX950-DAG: llvm.func internal @hipfuse_device_gfx950_mlp(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
// GFX950-DAG: ("silu_mul_quantize_0\00")
// GFX950-DAG: ("gfx950\00")
// GFX950-DAG: ("\7FELF
// GFX950-DAG: ("test\00")
// SM90-DAG: llvm.func internal @hipfuse_device_sm_90_mlp
// SM90-DAG: .target sm_90
// CHECK-DAG: llvm.mlir.global external constant @hipfuse_module
// CHECK-NOT: gpu.

// Two kernels where the fusion is off, with a buffer of the workspace between.
// APART-DAG: ("silu_mul_0\00")
// APART-DAG: ("quantize_0\00")

// ISA: silu_mul_quantize_0:
// ISA-COUNT-4: global_load_dwordx4
// ISA-NOT: global_load
// ISA: v_cvt_scalef32_pk_fp4_
// ISA: .amdhsa_private_segment_fixed_size 0

// LINKER: error: no linker
// CHIP: error: unknown chip 'gfx1200'; known are gfx942, gfx950, sm_90, host
func.func @mlp(%x: tensor<?x4096xbf16>) -> (tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %init = tensor.empty(%m) : tensor<?x2048xbf16>
  %h = lm.silu_mul ins(%x : tensor<?x4096xbf16>) outs(%init : tensor<?x2048xbf16>)
  %d0 = tensor.empty(%m) : tensor<?x1024xi8>
  %s0 = tensor.empty(%m) : tensor<?x64xf8E8M0FNU>
  %d, %s = lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%h : tensor<?x2048xbf16>) outs(%d0, %s0 : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>)
  return %d, %s : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>
}
