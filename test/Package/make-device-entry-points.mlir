// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --hipfuse-make-entry-points=device | FileCheck %s
// RUN: not hipfuse-opt %s --hipfuse-make-entry-points=device 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not hipfuse-opt %s --lm-attach-target=chip=host --hipfuse-make-entry-points=device 2>&1 | FileCheck %s --check-prefix=NONE

// Device entries have the buffers of host entries: one per argument, one per
// result that is not tied. They return what the launches return; the function
// of the shapes is the host's.

// CHECK: shape = @hipfuse_shape_write
// CHECK-SAME: devices = [#lm.device_code<target = "gfx950", launch = @hipfuse_device_gfx950_write>]
// CHECK-NOT: hipfuse_host
// CHECK: llvm.func internal @hipfuse_shape_write
// CHECK-LABEL: func.func private @hipfuse_device_gfx950_write
// CHECK-SAME: (%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) -> i32
// CHECK-SAME: llvm.linkage = #llvm.linkage<internal>, lm.device_entry
// CHECK: %[[OK:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: bufferization.to_tensor %{{.*}} restrict : memref<?x512xbf16>
// CHECK: bufferization.to_tensor %[[CACHE:.*]] restrict writable : memref<8x64x576xbf16>
// CHECK: %[[RESULT:.*]] = lm.mla_cache_write
// CHECK: bufferization.materialize_in_destination %[[RESULT]] in writable %[[CACHE]]
// CHECK: return %[[OK]] : i32
// CHECK-NOT: llvm.func internal @hipfuse_entry_write

// NONE: error: device entries need a 'lm.target' that is a device; lm-attach-target gives the module one
func.func @write(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<8x64x576xbf16>) -> tensor<8x64x576xbf16> {
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<8x64x576xbf16>)
  return %0 : tensor<8x64x576xbf16>
}
