// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --hipfuse-lower-launches --split-input-file --verify-diagnostics | FileCheck %s

// What launch code cannot hold: the function has no code for the target, and
// its kernels and entry go. Each kind of operation is named once.

// CHECK-LABEL: module attributes
// CHECK-SAME: #lm.entry_point<name = "f", shape = @shape, args = [], results = []>
// CHECK-SAME: devices = [#lm.device_code<target = "gfx950", launch = @good>]
// CHECK-NOT: func.func private @bad
// CHECK: func.func private @good
// CHECK: gpu.module
// CHECK-NOT: only_f
module attributes {gpu.container_module, lm.entry_points = [
    #lm.entry_point<name = "f", shape = @shape, args = [], results = [], devices = [#lm.device_code<target = "gfx950", launch = @bad>]>,
    #lm.entry_point<name = "g", shape = @shape, args = [], results = [], devices = [#lm.device_code<target = "gfx950", launch = @good>]>]} {
  llvm.func @shape(!llvm.ptr, !llvm.ptr) -> i32
  memref.global "private" constant @table : memref<4xf32> = dense<1.0>
  func.func private @bad(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    gpu.launch_func @hipfuse_kernels::@only_f blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args()
    // expected-warning @below {{function 'f' has no code for gfx950: 'memref.get_global' names data in the host's memory}}
    %t = memref.get_global @table : memref<4xf32>
    // expected-warning @below {{function 'f' has no code for gfx950: 'memref.load' reads or writes memory of the device from the host}}
    %v = memref.load %t[%c0] : memref<4xf32>
    %w = memref.load %t[%c1] : memref<4xf32>
    %a = memref.alloc() : memref<8x8xf32>
    %column = memref.subview %a[0, 0] [8, 1] [1, 1] : memref<8x8xf32> to memref<8x1xf32, strided<[8, 1]>>
    %b = memref.alloc() : memref<8x1xf32>
    // expected-warning @below {{function 'f' has no code for gfx950: 'memref.copy' copies between buffers that are not contiguous}}
    memref.copy %column, %b : memref<8x1xf32, strided<[8, 1]>> to memref<8x1xf32>
    // expected-warning @below {{function 'f' has no code for gfx950: 'linalg.fill' has no form for devices}}
    linalg.fill ins(%v : f32) outs(%b : memref<8x1xf32>)
    return %zero : i32
  }
  func.func private @good(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    return %zero : i32
  }
  gpu.module @hipfuse_kernels {
    gpu.func @only_f() kernel attributes {known_block_size = array<i32: 1, 1, 1>} {
      gpu.return
    }
  }
}

// -----

// Nothing is left: no code object either.

// CHECK-LABEL: module attributes
// CHECK-NOT: gpu.module
// CHECK-NOT: devices
module attributes {lm.entry_points = [
    #lm.entry_point<name = "f", shape = @shape, args = [], results = [], devices = [#lm.device_code<target = "gfx950", launch = @bad>]>]} {
  llvm.func @shape(!llvm.ptr, !llvm.ptr) -> i32
  func.func private @bad(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %a = memref.alloc() : memref<8xf32>
    // expected-warning @below {{'memref.assume_alignment' reads or writes memory}}
    %b = memref.assume_alignment %a, 16 : memref<8xf32>
    return %zero : i32
  }
  gpu.module @hipfuse_kernels {
  }
}
