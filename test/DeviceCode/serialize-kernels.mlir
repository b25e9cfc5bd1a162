// Code objects for each target, with what their kernels need. The textual forms
// are kept beside them: instructions, widths, attributes.

// RUN: rm -rf %t && mkdir %t
// RUN: hipfuse-opt %S/Inputs/scale.mlir --pass-pipeline='builtin.module(lm-attach-target{chip=gfx950},func.func(convert-scf-to-cf),hipfuse-lower-launches,gpu.module(convert-scf-to-cf,hipfuse-lower-kernel-math,convert-vector-to-llvm,convert-gpu-to-rocdl{chipset=gfx950 index-bitwidth=64 runtime=HIP},reconcile-unrealized-casts),hipfuse-serialize-kernels{save-temps=%t/k})' | FileCheck %s --check-prefix=GFX950
// RUN: FileCheck %s --check-prefixes=AMD,AMD950 < %t/k.gfx950.s
// RUN: FileCheck %s --check-prefix=IR < %t/k.gfx950.ll
// RUN: llvm-readelf -h --notes --dyn-syms %t/k.gfx950.hsaco | FileCheck %s --check-prefix=ELF

// RUN: hipfuse-opt %S/Inputs/scale.mlir --pass-pipeline='builtin.module(lm-attach-target{chip=gfx942},func.func(convert-scf-to-cf),hipfuse-lower-launches,gpu.module(convert-scf-to-cf,hipfuse-lower-kernel-math,convert-vector-to-llvm,convert-gpu-to-rocdl{chipset=gfx942 index-bitwidth=64 runtime=HIP},reconcile-unrealized-casts),hipfuse-serialize-kernels{save-temps=%t/k})' -o /dev/null
// RUN: FileCheck %s --check-prefixes=AMD,AMD942 < %t/k.gfx942.s

// RUN: hipfuse-opt %S/Inputs/scale.mlir --pass-pipeline='builtin.module(lm-attach-target{chip=sm_90},func.func(convert-scf-to-cf),hipfuse-lower-launches,gpu.module(convert-scf-to-cf,hipfuse-lower-kernel-math,convert-vector-to-llvm,convert-gpu-to-nvvm{index-bitwidth=64},convert-nvvm-to-llvm,reconcile-unrealized-casts),hipfuse-serialize-kernels{ptxas=none save-temps=%t/k})' | FileCheck %s --check-prefix=SM90
// RUN: FileCheck %s --check-prefix=PTX < %t/k.sm_90.ptx
// RUN: hipfuse-opt %S/Inputs/scale.mlir --pass-pipeline='builtin.module(lm-attach-target{chip=sm_90},func.func(convert-scf-to-cf),hipfuse-lower-launches,gpu.module(convert-scf-to-cf,hipfuse-lower-kernel-math,convert-vector-to-llvm,convert-gpu-to-nvvm{index-bitwidth=64},convert-nvvm-to-llvm,reconcile-unrealized-casts),hipfuse-serialize-kernels{ptxas=%S/Inputs/fake-ptxas.sh})' | FileCheck %s --check-prefix=CUBIN
// RUN: ls %t | FileCheck %s --check-prefix=FILES

// GFX950: gpu.binary @hipfuse_kernels_gfx950
// GFX950-SAME: #rocdl.target<O = 3, chip = "gfx950">, properties = {chip = "gfx950", kind = "hsaco"}
// GFX950-SAME: #gpu.kernel_metadata<"scale_0", !llvm.func<void (ptr<1>, ptr<1>, f32)>
// GFX950-SAME: agprs = 0 : i32, block = array<i32: 256, 1, 1>, bytes_per_row = 8192 : i64, kernarg_size = 20 : i32, occupancy = 8 : i32, params = array<i32: 8, 8, 4>, scratch = 0 : i32, sgpr_spills = 0 : i32
// GFX950-SAME: static_lds = 1024 : i32, vgpr_spills = 0 : i32, vgprs = {{[0-9]+}} : i32
// GFX950-SAME: bin = "\7FELF

// The product and the sum stay two roundings.
// AMD950: .amdgcn_target "amdgcn-amd-amdhsa--gfx950"
// AMD942: .amdgcn_target "amdgcn-amd-amdhsa--gfx942"
// AMD: .amdhsa_code_object_version 5
// AMD: .protected scale_0
// AMD: s_barrier
// AMD-COUNT-1: global_load_dwordx4
// AMD-NOT: global_load
// AMD: v_pk_mul_f32
// AMD: v_pk_add_f32
// AMD: v_sqrt_f32
// AMD-COUNT-1: global_store_dwordx4
// AMD: .amdhsa_group_segment_fixed_size 1024
// AMD: .amdhsa_private_segment_fixed_size 0
// AMD: Occupancy: 8
// AMD: .max_flat_workgroup_size: 256
// AMD: .uniform_work_group_size: 1

// IR: define protected amdgpu_kernel void @scale_0
// IR: attributes {{.*}} "amdgpu-flat-work-group-size"="256,256"{{.*}} "uniform-work-group-size"="true"

// ELF: OS/ABI: AMDGPU - HSA
// ELF: ABI Version: 3
// ELF-DAG: scale_0.kd
// ELF-DAG: .kernarg_segment_size: 20

// SM90: gpu.binary @hipfuse_kernels_sm_90
// SM90-SAME: #nvvm.target<O = 3, chip = "sm_90">, properties = {chip = "sm_90", kind = "ptx"}
// SM90-SAME: metadata = {block = array<i32: 256, 1, 1>, bytes_per_row = 8192 : i64, kernarg_size = 20 : i32, params = array<i32: 8, 8, 4>, static_lds = 1024 : i32}
// SM90-SAME: assembly = "

// With an assembler the cubin comes first, and both know the registers. 40 of
// them let 1536 threads of an SM run: 12 warps on each of its four parts.
// CUBIN: gpu.binary @hipfuse_kernels_sm_90
// CUBIN-SAME: kind = "cubin"
// CUBIN-SAME: occupancy = 12 : i32, params = array<i32: 8, 8, 4>, scratch = 16 : i32
// CUBIN-SAME: static_lds = 1024 : i32, vgpr_spills = 20 : i32, vgprs = 40 : i32
// CUBIN-SAME: bin = "CUBIN"
// CUBIN-SAME: kind = "ptx"
// CUBIN-SAME: vgprs = 40 : i32

// PTX: .version 8.0
// PTX: .target sm_90
// PTX: .visible .entry scale_0(
// PTX: .reqntid 256, 1, 1
// PTX-NOT: .maxntid
// PTX: bar.sync
// PTX-COUNT-1: ld.global.nc.v4.b32
// PTX: mul.rn.f32
// PTX: add.rn.f32
// PTX: sqrt.rn.f32
// PTX: st.global.v4.b32

// FILES: k.gfx942.hsaco
// FILES: k.gfx942.ll
// FILES: k.gfx942.s
// FILES: k.gfx950.hsaco
// FILES: k.gfx950.ll
// FILES: k.gfx950.s
// FILES: k.sm_90.ll
// FILES: k.sm_90.ptx
// FILES-NOT: cubin
