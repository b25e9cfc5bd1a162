// Every fused operation here has kernels: nothing changes, and nothing is said.

// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 -o %t.before
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-legalize-for-target --remarks-filter=.* -o %t.after 2>&1 | count 0
// RUN: diff %t.before %t.after

// A kernel that is not to be used, as one that the target lacks.

// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-legalize-for-target=without-kernel=lm.rms_norm_quantize,lm.dual_rms_norm --remarks-filter=lm-legalize-for-target 2>&1 | FileCheck %s
// The parts have kernels.
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-legalize-for-target=without-kernel=lm.rms_norm_quantize,lm.dual_rms_norm --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --convert-lm-to-gpu=require-kernels | FileCheck %s --check-prefix=GPU

// Where a part has no kernel either, the operation stays.

// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-legalize-for-target=without-kernel=lm.rms_norm_quantize,lm.quantize --remarks-filter=lm-legalize-for-target -o %t.kept 2>&1 | FileCheck %s --check-prefix=KEPT
// RUN: diff %t.before %t.kept

// The host runs every operation, and so does no target in particular.

// RUN: hipfuse-opt %s --lm-attach-target=chip=host -o %t.host
// RUN: hipfuse-opt %s --lm-attach-target=chip=host --lm-legalize-for-target=without-kernel=lm.rms_norm_quantize | diff %t.host -
// RUN: hipfuse-opt %s -o %t.any
// RUN: hipfuse-opt %s --lm-legalize-for-target=without-kernel=lm.rms_norm_quantize | diff %t.any -

#group = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
#fnuz = #lm.scheme<element = f8E4M3FNUZ, granularity = token>

// CHECK: remark: [Passed] decomposed | Category:lm-legalize-for-target | Remark="'lm.rms_norm_quantize' decomposed: no gfx950 kernel: its kernel is not to be used"
// CHECK: Remark="'lm.rms_norm_quantize' decomposed
// CHECK: Remark="'lm.dual_rms_norm' decomposed
// CHECK-LABEL: func.func @norm
// CHECK: %[[Y:.*]] = lm.rms_norm {epsilon = 9.99999997E-7 : f32}
// CHECK: lm.quantize {{.*}} ins(%[[Y]]
// CHECK-LABEL: func.func @fnuz
// CHECK: lm.rms_norm {
// CHECK: lm.quantize
// CHECK-LABEL: func.func @dual
// CHECK-COUNT-2: lm.rms_norm {
// CHECK-LABEL: func.func @silu
// CHECK: lm.silu_mul_quantize

// KEPT-COUNT-2: remark: [Missed] kept | Category:lm-legalize-for-target | {{.*}}Remark="'lm.rms_norm_quantize' stays, though there is no gfx950 kernel: its kernel is not to be used; its part 'lm.quantize' has no kernel either: its kernel is not to be used"
// KEPT-NOT: remark

// GPU: func.func @norm
// GPU: gpu.launch_func @hipfuse_kernels::@rms_norm_0
// GPU: gpu.launch_func @hipfuse_kernels::@quantize_0
// GPU: func.func @fnuz

func.func @norm(%x: tensor<?x512xbf16>, %d0: tensor<?x512xf8E4M3FN>, %s0: tensor<?x4xf32>) -> (tensor<?x512xf8E4M3FN>, tensor<?x4xf32>) {
  %d, %s = lm.rms_norm_quantize #group {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
    ins(%x : tensor<?x512xbf16>) outs(%d0, %s0 : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>)
  return %d, %s : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>
}

// FP8 of another flavour than the target's is computed with integers.

func.func @fnuz(%x: tensor<?x512xbf16>, %d0: tensor<?x512xf8E4M3FNUZ>, %s0: tensor<?x1xf32>) -> (tensor<?x512xf8E4M3FNUZ>, tensor<?x1xf32>) {
  %d, %s = lm.rms_norm_quantize #fnuz {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
    ins(%x : tensor<?x512xbf16>) outs(%d0, %s0 : tensor<?x512xf8E4M3FNUZ>, tensor<?x1xf32>)
  return %d, %s : tensor<?x512xf8E4M3FNUZ>, tensor<?x1xf32>
}

func.func @dual(%a: tensor<?x1536xbf16>, %b: tensor<?x512xbf16>, %x: tensor<?x1536xbf16>, %y: tensor<?x512xbf16>) -> (tensor<?x1536xbf16>, tensor<?x512xbf16>) {
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32}
    ins(%a, %b : tensor<?x1536xbf16>, tensor<?x512xbf16>)
    outs(%x, %y : tensor<?x1536xbf16>, tensor<?x512xbf16>)
  return %0#0, %0#1 : tensor<?x1536xbf16>, tensor<?x512xbf16>
}

func.func @silu(%x: tensor<?x1024xbf16>, %d0: tensor<?x512xf8E4M3FN>, %s0: tensor<?x4xf32>) -> (tensor<?x512xf8E4M3FN>, tensor<?x4xf32>) {
  %d, %s = lm.silu_mul_quantize #group {round_before_quant = bf16}
    ins(%x : tensor<?x1024xbf16>) outs(%d0, %s0 : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>)
  return %d, %s : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>
}
