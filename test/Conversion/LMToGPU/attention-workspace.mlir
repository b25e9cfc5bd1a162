// Attentions run one after another: all of one type share the memory of their
// partial results, however many a step has.

// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu=require-kernels | FileCheck %s
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu=require-kernels | FileCheck %s

// CHECK-LABEL: func.func @layers
// CHECK-DAG: memref.alloc() {{.*}}: memref<6x16x512xf32>
// CHECK-DAG: memref.alloc() {{.*}}: memref<6x16xf32>
// CHECK-NOT: memref.alloc
// CHECK: gpu.launch_func @hipfuse_kernels::@mla_decode_0
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_reduce_0
// CHECK: gpu.launch_func @hipfuse_kernels::@mla_decode_0
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_reduce_0
// CHECK-NOT: memref.alloc
// CHECK: return
func.func @layers(%q: memref<4x16x576xbf16>, %c: memref<?x64x576xbf16>, %t: memref<4x?xi32>, %n: memref<4xi32>, %o: memref<4x16x512xbf16>, %p: memref<4x16x512xbf16>,
                  %w: memref<7x8xi32>, %wi: memref<5xi32>, %ri: memref<5xi32>, %rf: memref<4x2xi32>, %rp: memref<6xi32>) {
  lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<4x16x576xbf16>) cache(%c : memref<?x64x576xbf16>)
    block_table(%t : memref<4x?xi32>) lengths(%n : memref<4xi32>)
    plan(%w, %wi, %ri, %rf, %rp : memref<7x8xi32>, memref<5xi32>, memref<5xi32>, memref<4x2xi32>, memref<6xi32>)
    outs(%o : memref<4x16x512xbf16>)
  lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<4x16x576xbf16>) cache(%c : memref<?x64x576xbf16>)
    block_table(%t : memref<4x?xi32>) lengths(%n : memref<4xi32>)
    plan(%w, %wi, %ri, %rf, %rp : memref<7x8xi32>, memref<5xi32>, memref<5xi32>, memref<4x2xi32>, memref<6xi32>)
    outs(%p : memref<4x16x512xbf16>)
  return
}
