// Fast-math flags reach the instructions: only where the program allows it do a
// product and a sum become one. Shuffles have a form on each vendor's targets.

// RUN: rm -rf %t && mkdir %t
// RUN: hipfuse-opt %s --pass-pipeline='builtin.module(lm-attach-target{chip=gfx950},gpu.module(convert-vector-to-llvm,convert-gpu-to-rocdl{chipset=gfx950 index-bitwidth=64 runtime=HIP},reconcile-unrealized-casts),hipfuse-serialize-kernels{save-temps=%t/k})' -o /dev/null
// RUN: FileCheck %s --check-prefix=GFX950 < %t/k.gfx950.s
// RUN: hipfuse-opt %s --pass-pipeline='builtin.module(lm-attach-target{chip=sm_90},gpu.module(convert-vector-to-llvm,convert-gpu-to-nvvm{index-bitwidth=64},reconcile-unrealized-casts),hipfuse-serialize-kernels{ptxas=none save-temps=%t/k})' -o /dev/null
// RUN: FileCheck %s --check-prefix=PTX < %t/k.sm_90.ptx

gpu.module @hipfuse_kernels {
  // GFX950-LABEL: contracted:
  // GFX950: v_fma{{.*}}_f32
  // GFX950-NOT: v_mul_f32
  // GFX950: s_endpgm
  // PTX-LABEL: .entry contracted(
  // PTX: fma.rn.f32
  // PTX-NOT: mul.rn.f32
  // PTX: ret;
  gpu.func @contracted(%p: !llvm.ptr<1>, %x: f32, %y: f32, %z: f32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %product = arith.mulf %x, %y fastmath<contract> : f32
    %sum = arith.addf %product, %z fastmath<contract> : f32
    llvm.store %sum, %p : f32, !llvm.ptr<1>
    gpu.return
  }

  // GFX950-LABEL: separate:
  // GFX950-NOT: v_fma
  // GFX950: v_mul_f32
  // GFX950: v_add_f32
  // GFX950: s_endpgm
  // PTX-LABEL: .entry separate(
  // PTX-NOT: fma
  // PTX: mul.rn.f32
  // PTX: add.rn.f32
  // PTX: ret;
  gpu.func @separate(%p: !llvm.ptr<1>, %x: f32, %y: f32, %z: f32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %product = arith.mulf %x, %y : f32
    %sum = arith.addf %product, %z : f32
    llvm.store %sum, %p : f32, !llvm.ptr<1>
    gpu.return
  }

  // GFX950-LABEL: shuffled:
  // GFX950: {{dpp|ds_swizzle|ds_bpermute}}
  // GFX950: s_endpgm
  // PTX-LABEL: .entry shuffled(
  // PTX: shfl.sync.bfly.b32
  // PTX: ret;
  gpu.func @shuffled(%p: !llvm.ptr<1>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %thread = gpu.thread_id x
    %i = arith.index_cast %thread : index to i32
    %address = llvm.getelementptr %p[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %x = llvm.load %address : !llvm.ptr<1> -> f32
    %one = arith.constant 1 : i32
    %width = arith.constant 32 : i32
    %y, %valid = gpu.shuffle xor %x, %one, %width : f32
    llvm.store %y, %address : f32, !llvm.ptr<1>
    gpu.return
  }
}
