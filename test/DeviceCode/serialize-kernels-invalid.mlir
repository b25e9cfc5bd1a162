// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --hipfuse-serialize-kernels=opt-level=3 --split-input-file --verify-diagnostics
// RUN: not hipfuse-opt %S/Inputs/empty.mlir --hipfuse-serialize-kernels 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not hipfuse-opt %S/Inputs/empty.mlir --lm-attach-target=chip=gfx950 --hipfuse-serialize-kernels=linker=%t.none 2>&1 | FileCheck %s --check-prefix=LINKER
// RUN: not hipfuse-opt %S/Inputs/empty.mlir --lm-attach-target=chip=gfx950 --hipfuse-serialize-kernels=linker=/bin/false 2>&1 | FileCheck %s --check-prefix=FALSE
// RUN: not hipfuse-opt %S/Inputs/empty.mlir --lm-attach-target=chip=sm_90 --hipfuse-serialize-kernels=ptxas=%t.none 2>&1 | FileCheck %s --check-prefix=PTXAS
// RUN: not hipfuse-opt %S/Inputs/empty.mlir --lm-attach-target=chip=sm_90 --hipfuse-serialize-kernels=ptxas=/bin/false 2>&1 | FileCheck %s --check-prefix=ASSEMBLE
// RUN: hipfuse-opt %S/Inputs/empty.mlir --lm-attach-target=chip=gfx950 --hipfuse-serialize-kernels | FileCheck %s --check-prefix=EMPTY

// TARGET: error: kernels need a 'lm.target' that is a device; lm-attach-target gives the module one
// LINKER: error: no linker: install lld 22, or name one with --linker; tried {{.*}}none
// FALSE: error: linking kernels for gfx950 with '/bin/false' failed
// PTXAS: error: no ptxas at '{{.*}}none'; without --ptxas it is looked for on PATH, and --ptxas=none leaves cubins out
// ASSEMBLE: error: assembling PTX with '/bin/false' failed

// A module without kernels is a code object too.
// EMPTY: gpu.binary @hipfuse_kernels_gfx950
// EMPTY-SAME: properties = {chip = "gfx950", kind = "hsaco"}, bin = "\7FELF

// expected-error @below {{kernel 'f' calls '__ocml_exp_f32', which has no body: there are no device libraries, so use arithmetic or an intrinsic of gfx950}}
gpu.module @hipfuse_kernels {
  llvm.func @__ocml_exp_f32(f32) -> f32
  llvm.func @f(%p: !llvm.ptr<1>, %x: f32) attributes {gpu.kernel, rocdl.kernel, gpu.known_block_size = array<i32: 64, 1, 1>} {
    %0 = llvm.call @__ocml_exp_f32(%x) : (f32) -> f32
    llvm.store %0, %p : f32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// expected-error @below {{kernel 'f' has no known_block_size}}
gpu.module @hipfuse_kernels {
  llvm.func @f() attributes {gpu.kernel, rocdl.kernel} {
    llvm.return
  }
}

// -----

// expected-error @below {{kernel 'f' has blocks of 2048 threads, but gfx950 takes 1 to 1024}}
gpu.module @hipfuse_kernels {
  llvm.func @f() attributes {gpu.kernel, rocdl.kernel, gpu.known_block_size = array<i32: 2048, 1, 1>} {
    llvm.return
  }
}

// -----

// expected-error @below {{kernel 'f' has a parameter that is no pointer, i64, i32 or f32}}
gpu.module @hipfuse_kernels {
  llvm.func @f(%x: i16) attributes {gpu.kernel, rocdl.kernel, gpu.known_block_size = array<i32: 64, 1, 1>} {
    llvm.return
  }
}

// -----

// expected-error @below {{(200000) exceeds limit (163840) in function 'f'}}
gpu.module @hipfuse_kernels {
  llvm.mlir.global internal @lds() {addr_space = 3 : i32} : !llvm.array<200000 x i8>
  llvm.func @f(%p: !llvm.ptr<1>, %i: i64) attributes {gpu.kernel, rocdl.kernel, gpu.known_block_size = array<i32: 64, 1, 1>} {
    %0 = llvm.mlir.addressof @lds : !llvm.ptr<3>
    %1 = llvm.getelementptr %0[%i] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i8
    %2 = llvm.load volatile %1 : !llvm.ptr<3> -> i8
    llvm.store %2, %1 : i8, !llvm.ptr<3>
    llvm.store %2, %p : i8, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// expected-error @below {{kernel 'f' needs hidden arguments; sizes of blocks and grids must be parameters}}
gpu.module @hipfuse_kernels {
  llvm.func @f(%p: !llvm.ptr<1>) attributes {gpu.kernel, rocdl.kernel, gpu.known_block_size = array<i32: 64, 1, 1>} {
    %0 = llvm.call_intrinsic "llvm.amdgcn.implicitarg.ptr"() : () -> !llvm.ptr<4>
    %1 = llvm.load %0 : !llvm.ptr<4> -> i32
    llvm.store %1, %p : i32, !llvm.ptr<1>
    llvm.return
  }
}
