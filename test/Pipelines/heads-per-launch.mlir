// RUN: hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx950 heads-per-launch=16' --mlir-print-ir-before=hipfuse-lower-launches -o /dev/null 2>%t.gfx950
// RUN: FileCheck %s --input-file=%t.gfx950
// RUN: hipfuse-opt %s --hipfuse-gpu-pipeline='chip=sm_90 ptxas=none heads-per-launch=16' --mlir-print-ir-before=hipfuse-lower-launches -o /dev/null 2>%t.sm_90
// RUN: FileCheck %s --input-file=%t.sm_90
// RUN: hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx950' --mlir-print-ir-before=hipfuse-lower-launches -o /dev/null 2>&1 | FileCheck %s --check-prefix=WHOLE
// RUN: hipfuse-opt %s --hipfuse-host-pipeline='heads-per-launch=16' --mlir-print-ir-before=convert-lm-to-loops -o /dev/null 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: hipfuse-opt %s --hipfuse-host-pipeline='heads-per-launch=16 fuse=false' --mlir-print-ir-before=convert-lm-to-loops -o /dev/null 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: not hipfuse-opt %s --hipfuse-gpu-pipeline='chip=gfx950 heads-per-launch=-1' 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not hipfuse-opt %s --hipfuse-host-pipeline='heads-per-launch=-1' 2>&1 | FileCheck %s --check-prefix=HOST-NEGATIVE

// NEGATIVE: error: max_heads_per_launch is -1, but must be positive
// HOST-NEGATIVE: error: max-heads is -1, but must not be negative

// Each part of the heads is computed where it belongs in the caller's buffers:
// nothing is copied. The parts share a plan, and the memory of their partials.

// CHECK-LABEL: func.func private @hipfuse_device_{{.*}}_dense(
// CHECK: memref.alloc() {lm.shared_partials} : memref<{{[0-9]+}}x16xf32>
// CHECK: memref.alloc() {lm.shared_partials} : memref<{{[0-9]+}}x16x512xf32>
// CHECK-NOT: {{gpu.launch_func|memref.copy|memref.alloc.*bf16}}
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_plan_0
// CHECK-DAG: memref.subview %[[OUT:.*]][0, 0, 0] [%{{.*}}, 16, 512] [1, 1, 1] : memref<?x32x512xbf16>
// CHECK-DAG: memref.subview %[[LSE:.*]][0, 0] [%{{.*}}, 16] [1, 1] : memref<?x32xf32>
// CHECK-NOT: {{memref.alloc\(|memref.copy}}
// CHECK: gpu.launch_func @hipfuse_kernels::@mla_decode_0
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_reduce_0
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK-DAG: memref.subview %[[OUT]][0, 16, 0] [%{{.*}}, 16, 512] [1, 1, 1] : memref<?x32x512xbf16>
// CHECK-DAG: memref.subview %[[LSE]][0, 16] [%{{.*}}, 16] [1, 1] : memref<?x32xf32>
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK: gpu.launch_func @hipfuse_kernels::@mla_decode_0
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_reduce_0
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK: return

// Without the option a launch takes them all.
// WHOLE-LABEL: func.func private @hipfuse_device_gfx950_dense(
// WHOLE-NOT: memref.subview
// WHOLE: gpu.launch_func @hipfuse_kernels::@mla_decode_0
// WHOLE: gpu.launch_func @hipfuse_kernels::@attention_reduce_0
// WHOLE-NOT: gpu.launch_func
// WHOLE: return

// HOST-LABEL: func.func private @hipfuse_host_dense(
// HOST-NOT: {{memref.copy|memref.alloc.*bf16}}
// HOST: lm.mla_decode {{.*}} outs({{[^)]*}} : memref<?x16x512xbf16, strided<[16384, 512, 1]>>)
// HOST-NOT: memref.copy
// HOST: lm.mla_decode {{.*}} outs({{[^)]*}} : memref<?x16x512xbf16, strided<[16384, 512, 1], offset: 8192>>)
// HOST-NOT: {{memref.copy|lm.mla_decode}}
// HOST: return
func.func @dense(%q: tensor<?x32x576xbf16>, %c: tensor<?x64x576xbf16>, %t: tensor<?x?xi32>, %n: tensor<?xi32>) -> (tensor<?x32x512xbf16>, tensor<?x32xf32>) {
  %0 = arith.constant 0 : index
  %m = tensor.dim %q, %0 : tensor<?x32x576xbf16>
  %o = tensor.empty(%m) : tensor<?x32x512xbf16>
  %l = tensor.empty(%m) : tensor<?x32xf32>
  %r:2 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32} ins(%q : tensor<?x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%t : tensor<?x?xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x32x512xbf16>) lse(%l : tensor<?x32xf32>)
  return %r#0, %r#1 : tensor<?x32x512xbf16>, tensor<?x32xf32>
}

// Halves of halves, of two scopes with a sink.
// CHECK-LABEL: func.func private @hipfuse_device_{{.*}}_sparse(
// CHECK-NOT: {{memref.copy|memref.alloc.*bf16}}
// CHECK: gpu.launch_func @hipfuse_kernels::@attention_plan_1
// CHECK-NOT: {{memref.alloc\(|memref.copy}}
// CHECK: memref.subview {{.*}} to memref<?x16x512xbf16, strided<[32768, 512, 1]>>
// CHECK: gpu.launch_func @hipfuse_kernels::@sparse_mla_decode_0
// CHECK: gpu.launch_func
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK: memref.subview {{.*}} to memref<?x16x512xbf16, strided<[32768, 512, 1], offset: 8192>>
// CHECK: gpu.launch_func @hipfuse_kernels::@sparse_mla_decode_0
// CHECK: gpu.launch_func
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK: memref.subview {{.*}} to memref<?x16x512xbf16, strided<[32768, 512, 1], offset: 16384>>
// CHECK: gpu.launch_func @hipfuse_kernels::@sparse_mla_decode_0
// CHECK: gpu.launch_func
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK: memref.subview {{.*}} to memref<?x16x512xbf16, strided<[32768, 512, 1], offset: 24576>>
// CHECK: gpu.launch_func @hipfuse_kernels::@sparse_mla_decode_0
// CHECK: gpu.launch_func
// CHECK-NOT: {{gpu.launch_func|memref.alloc\(|memref.copy}}
// CHECK: return
// HOST-LABEL: func.func private @hipfuse_host_sparse(
// HOST-NOT: memref.copy
// HOST-COUNT-4: lm.sparse_mla_decode {{.*}} outs({{[^)]*}} : memref<?x16x512xbf16, strided<[32768, 512, 1]
// HOST-NOT: {{memref.copy|lm.sparse_mla_decode}}
// HOST: return
func.func @sparse(%q: tensor<?x64x512xbf16>, %c: tensor<?x37440xi8>, %x: tensor<?x1728xi8>, %s: tensor<?x128xi32>, %e: tensor<?x512xi32>, %n: tensor<?xi32>, %k: tensor<?xi32>, %sink: tensor<64xf32>) -> tensor<?x64x512xbf16> {
  %0 = arith.constant 0 : index
  %m = tensor.dim %q, %0 : tensor<?x64x512xbf16>
  %o = tensor.empty(%m) : tensor<?x64x512xbf16>
  %r = lm.sparse_mla_decode ds_mla_584 {extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2, page_size = 64, sm_scale = 0.0441941738 : f32} ins(%q : tensor<?x64x512xbf16>) cache(%c : tensor<?x37440xi8>) slots(%s : tensor<?x128xi32>) lengths(%n : tensor<?xi32>) extra_cache(%x : tensor<?x1728xi8>) extra_slots(%e : tensor<?x512xi32>) extra_lengths(%k : tensor<?xi32>) sink(%sink : tensor<64xf32>) outs(%o : tensor<?x64x512xbf16>)
  return %r : tensor<?x64x512xbf16>
}

// An argument that is updated, and a result that another operation reads: one
// buffer, which the parts share.
// CHECK-LABEL: func.func private @hipfuse_device_{{.*}}_layer(
// CHECK: memref.alloc({{.*}}) {{.*}} : memref<?x32x512xbf16>
// CHECK-NOT: {{memref.alloc.*bf16|memref.copy}}
// CHECK: gpu.launch_func @hipfuse_kernels::@apply_sink_0
// CHECK-NOT: {{memref.alloc.*bf16|memref.copy}}
// CHECK: return
// HOST-LABEL: func.func private @hipfuse_host_layer(
// HOST: memref.alloc({{.*}}) {{.*}} : memref<?x32x512xbf16>
// HOST-NOT: {{memref.alloc.*bf16|memref.copy}}
// HOST: lm.apply_sink
// HOST-NOT: {{memref.alloc.*bf16|memref.copy}}
// HOST: return
func.func @layer(%q: tensor<?x32x576xbf16>, %c: tensor<?x64x576xbf16>, %t: tensor<?x?xi32>, %n: tensor<?xi32>, %sink: tensor<32xf32>, %o: tensor<?x32x512xbf16>) -> (tensor<?x32x512xbf16>, tensor<?x32x512xbf16>) {
  %0 = arith.constant 0 : index
  %m = tensor.dim %q, %0 : tensor<?x32x576xbf16>
  %x = tensor.empty(%m) : tensor<?x32x512xbf16>
  %l = tensor.empty(%m) : tensor<?x32xf32>
  %a = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32} ins(%q : tensor<?x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%t : tensor<?x?xi32>) lengths(%n : tensor<?xi32>) outs(%o : tensor<?x32x512xbf16>)
  %b:2 = lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%t : tensor<?x?xi32>) lengths(%n : tensor<?xi32>) outs(%x : tensor<?x32x512xbf16>) lse(%l : tensor<?x32xf32>)
  %y = lm.apply_sink ins(%b#0 : tensor<?x32x512xbf16>) lse(%b#1 : tensor<?x32xf32>) sink(%sink : tensor<32xf32>) outs(%x : tensor<?x32x512xbf16>)
  return %a, %y : tensor<?x32x512xbf16>, tensor<?x32x512xbf16>
}
