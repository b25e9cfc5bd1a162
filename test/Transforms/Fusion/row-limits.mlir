// RUN: hipfuse-opt %s --lm-print-fusion-plan=max-rows=rms-norm-quantize:64 -o /dev/null | FileCheck %s --check-prefix=MAX
// RUN: hipfuse-opt %s --lm-print-fusion-plan=min-rows=16 -o /dev/null | FileCheck %s --check-prefix=MIN
// RUN: hipfuse-opt %s --lm-fuse=max-rows=silu-mul-quantize:64,rms-norm-quantize:64 | FileCheck %s
// RUN: hipfuse-opt %s --lm-fuse=min-rows=dual-rms-norm:4096 | FileCheck %s --check-prefix=ALL
// RUN: not hipfuse-opt %s --lm-fuse=max-rows=64:rms-norm 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not hipfuse-opt %s --lm-print-fusion-plan=min-rows=rms-norm:64 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// MAX: fusion plan: 2 planned, 1 refused
// MIN: fusion plan: 2 planned, 1 refused
// BAD: error: max-rows: '64:rms-norm' is not NAME:NUMBER or NUMBER
// UNKNOWN: error: min-rows: unknown fusion 'rms-norm'; known are duplicate-cache-write, add-rms-norm-quantize, rms-norm-quantize,

#token = #lm.scheme<element = f8E4M3FN, granularity = token>

// The rows of all leading dimensions count.
// MAX-NEXT: @prefill {{.*}} rms-norm-quantize refused [policy]: 128 rows are above the maximum of 64
// MIN-NEXT: @prefill {{.*}} planned
// CHECK-LABEL: @prefill
// CHECK-NOT: lm.rms_norm_quantize
// ALL-LABEL: @prefill
// ALL: lm.rms_norm_quantize
func.func @prefill(%x: tensor<8x16x256xbf16>, %d0: tensor<8x16x256xf8E4M3FN>, %s0: tensor<8x16x1xf32>) -> (tensor<8x16x256xf8E4M3FN>, tensor<8x16x1xf32>) {
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x16x256xbf16>) outs(%x : tensor<8x16x256xbf16>)
  %d, %s = lm.quantize #token ins(%y : tensor<8x16x256xbf16>) outs(%d0, %s0 : tensor<8x16x256xf8E4M3FN>, tensor<8x16x1xf32>)
  return %d, %s : tensor<8x16x256xf8E4M3FN>, tensor<8x16x1xf32>
}

// MAX-NEXT: @decode {{.*}} planned
// MIN-NEXT: @decode {{.*}} rms-norm-quantize refused [policy]: 8 rows are below the minimum of 16
// CHECK-LABEL: @decode
// CHECK: lm.rms_norm_quantize
func.func @decode(%x: tensor<8x256xbf16>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x1xf32>) {
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x : tensor<8x256xbf16>)
  %d, %s = lm.quantize #token ins(%y : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>)
  return %d, %s : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>
}

// A number of rows that is not known is no reason to refuse.
// MAX-NEXT: @dynamic {{.*}} planned
// MIN-NEXT: @dynamic {{.*}} planned
func.func @dynamic(%x: tensor<?x256xbf16>, %d0: tensor<?x256xf8E4M3FN>, %s0: tensor<?x1xf32>) -> (tensor<?x256xf8E4M3FN>, tensor<?x1xf32>) {
  %y = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<?x256xbf16>) outs(%x : tensor<?x256xbf16>)
  %d, %s = lm.quantize #token ins(%y : tensor<?x256xbf16>) outs(%d0, %s0 : tensor<?x256xf8E4M3FN>, tensor<?x1xf32>)
  return %d, %s : tensor<?x256xf8E4M3FN>, tensor<?x1xf32>
}
