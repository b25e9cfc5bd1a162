// RUN: hipfuse-opt %s --hipfuse-emit-descriptor=producer=test | FileCheck %s --check-prefixes=CHECK,LATE
// RUN: sed 's/static_lds = 640 : i32/static_lds = 640 : i32, starts_early/' %s \
// RUN:   | hipfuse-opt --hipfuse-emit-descriptor=producer=test | FileCheck %s --check-prefixes=CHECK,EARLY

// Names, shapes, constraints and code of each function, and the tables of the
// code objects; nothing of lm or gpu is left.

// CHECK-LABEL: module
// CHECK-NOT: lm.entry_points
// CHECK-DAG: "x\00"
// CHECK-DAG: dense<[-1, 64]> : tensor<2xi64>
// CHECK-DAG: "dim 0 of argument 'x' equals 3\00"
// CHECK-DAG: "gfx950\00"
// CHECK-DAG: "test\00"

// The sizes of a kernel's parameters are bytes, the code is aligned.
// CHECK-DAG: @[[SIZES:.*]]("\08\04") {addr_space = 0 : i32, alignment = 1 : i64}
// CHECK-DAG: ("ELF") {addr_space = 0 : i32, alignment = 16 : i64}
// CHECK-DAG: ("PTX\00") {addr_space = 0 : i32, alignment = 16 : i64}
// CHECK-DAG: llvm.mlir.addressof @hipfuse_device_gfx950_f
// CHECK-DAG: llvm.mlir.addressof @hipfuse_entry_f
// CHECK-DAG: llvm.mlir.addressof @hipfuse_shape_f
// CHECK-DAG: !llvm.struct<(ptr, i32, i32, i32, i32, i32, i32, i32, ptr)>
// CHECK-DAG: llvm.mlir.constant(12 : i32)
// CHECK-DAG: llvm.mlir.constant(640 : i32)
// The flags of a kernel come before the sizes.
// LATE-DAG: %[[FLAGS:.*]] = llvm.mlir.constant(0 : i32) : i32{{[[:space:]]+}}%{{.*}} = llvm.insertvalue %[[FLAGS]], %{{.*}}[7] : !llvm.struct<(ptr, i32, i32, i32, i32, i32, i32, i32, ptr)>
// EARLY-DAG: %[[FLAGS:.*]] = llvm.mlir.constant(1 : i32) : i32{{[[:space:]]+}}%{{.*}} = llvm.insertvalue %[[FLAGS]], %{{.*}}[7] : !llvm.struct<(ptr, i32, i32, i32, i32, i32, i32, i32, ptr)>

// CHECK: llvm.mlir.global external constant @hipfuse_module
// CHECK: llvm.mlir.global external hidden constant @hipfuse_note() {{.*}}section = ".note.hipfuse"
// CHECK-NOT: gpu.binary
module attributes {lm.entry_points = [#lm.entry_point<name = "f", shape = @hipfuse_shape_f,
    args = [#lm.entry_buffer<name = "x", type = tensor<?x64xf32>>],
    results = [#lm.entry_buffer<name = "y", type = tensor<?x64xf32>, tied = 0>],
    constraints = ["dim 0 of argument 'x' equals 3"], host = @hipfuse_entry_f,
    devices = [#lm.device_code<target = "gfx950", launch = @hipfuse_device_gfx950_f>]>]} {
  llvm.func @hipfuse_shape_f(!llvm.ptr, !llvm.ptr) -> i32
  llvm.func @hipfuse_entry_f(!llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
  llvm.func @hipfuse_device_gfx950_f(!llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
  gpu.binary @kernels_gfx950 [
    #gpu.object<#rocdl.target<chip = "gfx950">, properties = {chip = "gfx950", kind = "hsaco"},
      kernels = <[#gpu.kernel_metadata<"scale_0", !llvm.func<void (ptr<1>, i32)>, metadata = {block = array<i32: 256, 1, 1>, kernarg_size = 12 : i32, params = array<i32: 8, 4>, static_lds = 640 : i32}>]>,
      bin = "ELF">]
  gpu.binary @kernels_sm_90 [
    #gpu.object<#nvvm.target<chip = "sm_90">, properties = {chip = "sm_90", kind = "ptx"}, assembly = "PTX">]
}
