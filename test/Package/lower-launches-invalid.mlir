// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --hipfuse-lower-launches --split-input-file --verify-diagnostics
// RUN: not hipfuse-opt %s --hipfuse-lower-launches 2>&1 | FileCheck %s

// CHECK: error: launches need a 'lm.target' that is a device; lm-attach-target gives the module one

module attributes {gpu.container_module} {
  func.func private @f(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c1 = arith.constant 1 : index
    // expected-error @below {{launches blocks of another size than 'k' has}}
    gpu.launch_func @hipfuse_kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args()
    return %zero : i32
  }
  gpu.module @hipfuse_kernels {
    gpu.func @k() kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      gpu.return
    }
  }
}

// -----

module attributes {gpu.container_module} {
  func.func private @f(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c1 = arith.constant 1 : index
    gpu.launch_func @hipfuse_kernels::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args()
    return %zero : i32
  }
  gpu.module @hipfuse_kernels {
    // expected-error @below {{kernel 'k' has no known_block_size}}
    gpu.func @k() kernel {
      gpu.return
    }
  }
}
