// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu --remarks-filter=convert-lm-to-gpu 2>&1 | FileCheck %s
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu 2>&1 | FileCheck %s --check-prefix=QUIET

// Without `require-kernels` an operation without a kernel stays, with a remark.

// CHECK: no gfx950 kernel for 'lm.rms_norm': columns that are not adjacent in memory
// CHECK: lm.rms_norm
// QUIET-NOT: no gfx950 kernel
// QUIET: lm.rms_norm
func.func @stays(%x: memref<?x512xbf16, strided<[1024, 2]>>, %y: memref<?x512xbf16>) {
  lm.rms_norm {epsilon = 1.0e-06 : f32}
    ins(%x : memref<?x512xbf16, strided<[1024, 2]>>) outs(%y : memref<?x512xbf16>)
  return
}
