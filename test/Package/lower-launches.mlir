// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --hipfuse-lower-launches --split-input-file 2>&1 | FileCheck %s

// The members of the table are loaded once. The parameters' slots are shared by
// all launches; the pointers to them are written once. Kernels have the numbers
// of their names' order, 'a_0' before 'b_0'; what nothing launches goes.

// CHECK-LABEL: func.func private @two
// CHECK-SAME: (%[[API:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
// CHECK: %[[ADDRESS:.*]] = llvm.getelementptr %[[API]][0, 1] : {{.*}}, !llvm.struct<(i32, ptr, ptr, ptr, ptr)>
// CHECK: %[[CONTEXT:.*]] = llvm.load %[[ADDRESS]]
// CHECK: llvm.getelementptr %[[API]][0, 2]
// CHECK: %[[LAUNCH:.*]] = llvm.load
// CHECK: llvm.getelementptr %[[API]][0, 3]
// CHECK: llvm.getelementptr %[[API]][0, 4]
// CHECK: %[[SLOTS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK: %[[POINTERS:.*]] = llvm.alloca %{{.*}} x !llvm.ptr
// CHECK-COUNT-2: llvm.store %{{.*}} : !llvm.ptr, !llvm.ptr

// An empty grid launches nothing.
// CHECK: %[[ROWS:.*]] = arith.index_cast %{{.*}} : index to i64
// CHECK: %[[SOME:.*]] = llvm.icmp "sgt" %[[ROWS]]
// CHECK: cf.cond_br %[[SOME]], ^[[THEN:.*]], ^[[NEXT:.*]]
// CHECK: ^[[THEN]]:
// CHECK: llvm.store %{{.*}} : !llvm.ptr<1>, !llvm.ptr
// CHECK: llvm.store %{{.*}} : f32, !llvm.ptr
// CHECK: %[[KERNEL:.*]] = llvm.mlir.constant(1 : i32)
// CHECK: %[[CODE:.*]] = llvm.call %[[LAUNCH]](%[[CONTEXT]], %[[KERNEL]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[POINTERS]]) : !llvm.ptr, (!llvm.ptr, i32, i32, i32, i32, i32, !llvm.ptr) -> i32
// CHECK: %[[OK:.*]] = llvm.icmp "eq" %[[CODE]]
// CHECK: cf.cond_br %[[OK]], ^{{.*}}, ^[[FAILURE:.*]](%[[CODE]] : i32)

// A grid of constants is not tested; dynamic LDS is handed on.
// CHECK: ^[[NEXT]]:
// CHECK-NOT: icmp "sgt"
// CHECK: %[[FIRST:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: llvm.call %[[LAUNCH]](%[[CONTEXT]], %[[FIRST]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: ^[[FAILURE]](%[[RETURNED:.*]]: i32):
// CHECK: return %[[RETURNED]] : i32
// CHECK: gpu.module @hipfuse_kernels
// CHECK-NOT: unused
// CHECK: gpu.func @b_0
// CHECK: gpu.func @a_0
module attributes {gpu.container_module} {
  func.func private @two(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
    %zero = llvm.mlir.constant(0 : i32) : i32
    %lds = arith.constant 640 : i32
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %f = arith.constant 2.0 : f32
    %n = llvm.load %dims : !llvm.ptr -> i64
    %rows = arith.index_cast %n : i64 to index
    %address = llvm.load %data : !llvm.ptr -> i64
    %x = llvm.inttoptr %address : i64 to !llvm.ptr<1>
    gpu.launch_func @hipfuse_kernels::@b_0 blocks in (%rows, %c1, %c1) threads in (%c64, %c1, %c1) args(%x : !llvm.ptr<1>, %f : f32)
    gpu.launch_func @hipfuse_kernels::@a_0 blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) dynamic_shared_memory_size %lds args(%x : !llvm.ptr<1>)
    return %zero : i32
  }
  gpu.module @hipfuse_kernels {
    llvm.mlir.global internal @unused_0_lds() {addr_space = 3 : i32} : !llvm.array<64 x i8>
    gpu.func @unused_0() kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      %0 = llvm.mlir.addressof @unused_0_lds : !llvm.ptr<3>
      gpu.return
    }
    gpu.func @b_0(%x: !llvm.ptr<1>, %f: f32) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      gpu.return
    }
    gpu.func @a_0(%x: !llvm.ptr<1>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
      gpu.return
    }
  }
}

// -----

// A buffer is a piece of the workspace; copies stay on the device and are
// skipped where they are empty; a slice of whole rows is contiguous. Without
// kernels there still is a module of them, for the target's code object.

// CHECK-LABEL: func.func private @buffers
// CHECK: llvm.getelementptr %{{.*}}[0, 3]
// CHECK: %[[COPY:.*]] = llvm.load
// CHECK: llvm.getelementptr %{{.*}}[0, 4]
// CHECK: %[[ALLOCATE:.*]] = llvm.load
// CHECK-NOT: llvm.alloca
// CHECK: %[[SIZE:.*]] = llvm.mul
// CHECK: %[[BUFFER:.*]] = llvm.call %[[ALLOCATE]](%{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, i64) -> !llvm.ptr
// CHECK: %[[OFFSET:.*]], %{{.*}}, %{{.*}} = memref.extract_strided_metadata
// CHECK: %[[BYTES:.*]] = llvm.icmp "ne"
// CHECK: cf.cond_br %[[BYTES]]
// CHECK: llvm.call %[[COPY]](%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64) -> i32
// CHECK-NOT: memref.alloc
// CHECK-NOT: memref.dealloc
// CHECK: gpu.module @hipfuse_kernels
func.func private @buffers(%api: !llvm.ptr, %data: !llvm.ptr, %dims: !llvm.ptr) -> i32 attributes {lm.device_entry} {
  %zero = llvm.mlir.constant(0 : i32) : i32
  %c1 = arith.constant 1 : index
  %n = llvm.load %dims : !llvm.ptr -> i64
  %rows = arith.index_cast %n : i64 to index
  %a = memref.alloc(%rows) : memref<?x64xbf16>
  %b = memref.alloc() : memref<8x64xbf16>
  %slice = memref.subview %b[1, 0] [%rows, 64] [1, 1] : memref<8x64xbf16> to memref<?x64xbf16, strided<[64, 1], offset: 64>>
  memref.copy %a, %slice : memref<?x64xbf16> to memref<?x64xbf16, strided<[64, 1], offset: 64>>
  memref.dealloc %b : memref<8x64xbf16>
  return %zero : i32
}
