// What lm-fuse says about its decisions: remarks, a report, an error.

// RUN: hipfuse-opt %s --lm-fuse --remarks-filter=lm-fuse --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: hipfuse-opt %s --lm-fuse --remarks-filter-missed=lm-fuse --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=MISSED
// RUN: hipfuse-opt %s --lm-fuse -o /dev/null 2>&1 | count 0
// RUN: hipfuse-opt %s --lm-fuse=report=%t.json -o /dev/null
// RUN: FileCheck %s --check-prefix=REPORT < %t.json
// RUN: %python -c "import json; r = json.load(open('%t.json')); assert r['version'] == 1 and len(r['decisions']) == 3"
// RUN: hipfuse-opt %s --lm-fuse="require-match=rms-norm-quantize:1,silu-mul-quantize:1" -o /dev/null
// RUN: not hipfuse-opt %s --lm-fuse="require-match=rms-norm-quantize:2,dual-rms-norm:1" 2>&1 | FileCheck %s --check-prefix=REQUIRED
// RUN: not hipfuse-opt %s --lm-fuse=require-match=61 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not hipfuse-opt %s --lm-fuse=report=/nonexistent/plan.json 2>&1 | FileCheck %s --check-prefix=FILE

// FORM: error: require-match: '61' is not NAME:NUMBER{{$}}
// FILE: error: report: {{.*}}No such file or directory

// REQUIRED: error: require-match: rms-norm-quantize is found 1 times, but 2 are required
// REQUIRED: decisions.mlir:{{[0-9]+}}:{{[0-9]+}}: note: refused [cast-between]: arith.truncf from f32 to bf16 stands between lm.rms_norm and lm.quantize
// REQUIRED: error: require-match: dual-rms-norm is found 0 times, but 1 are required

// REPORT: "decisions": [
// REPORT: "detail": "lm.rms_norm + lm.quantize -> lm.rms_norm_quantize"
// REPORT-NEXT: "function": "f"
// REPORT-NEXT: "fusion": "rms-norm-quantize"
// REPORT-NEXT: "location": "decisions.mlir:{{[0-9]+}}:{{[0-9]+}}"
// REPORT-NEXT: "outcome": "planned"
// REPORT: "arguments": [
// REPORT-NEXT: "arith.truncf",
// REPORT-NEXT: "f32",
// REPORT-NEXT: "bf16",
// REPORT-NEXT: "lm.rms_norm",
// REPORT-NEXT: "lm.quantize"
// REPORT: "outcome": "refused"
// REPORT-NEXT: "reason": "cast-between"
// REPORT: "fusions": {
// REPORT: "rms-norm-quantize": {
// REPORT-NEXT: "planned": 1
// REPORT-NEXT: "refused": 1

#token = #lm.scheme<element = f8E4M3FN, granularity = token>

func.func @f(%x: tensor<8x256xbf16>, %g: tensor<8x512xbf16>, %y0: tensor<8x256xf32>, %d0: tensor<8x256xf8E4M3FN>, %s0: tensor<8x1xf32>) -> (tensor<8x256xf8E4M3FN>, tensor<8x1xf32>, tensor<8x256xf8E4M3FN>, tensor<8x1xf32>, tensor<8x256xf8E4M3FN>, tensor<8x1xf32>) {
  %y1 = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%x : tensor<8x256xbf16>)
  // REMARK: decisions.mlir:[[@LINE+2]]:{{[0-9]+}}: remark: [Passed] rms-norm-quantize | Category:lm-fuse | Function=f | Remark="lm.rms_norm + lm.quantize -> lm.rms_norm_quantize"
  // MISSED-NOT: Passed
  %d1, %s1 = lm.quantize #token ins(%y1 : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>)
  %y2 = lm.rms_norm {epsilon = 1.0e-05 : f32} ins(%x : tensor<8x256xbf16>) outs(%y0 : tensor<8x256xf32>)
  %n2 = arith.truncf %y2 : tensor<8x256xf32> to tensor<8x256xbf16>
  // REMARK: decisions.mlir:[[@LINE+2]]:{{[0-9]+}}: remark: [Missed] rms-norm-quantize | Category:lm-fuse | Function=f | Reason=cast-between{{.*}}arith.truncf from f32 to bf16 stands between lm.rms_norm and lm.quantize
  // MISSED: decisions.mlir:[[@LINE+1]]:{{[0-9]+}}: remark: [Missed] rms-norm-quantize
  %d2, %s2 = lm.quantize #token ins(%n2 : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>)
  %h = lm.silu_mul ins(%g : tensor<8x512xbf16>) outs(%x : tensor<8x256xbf16>)
  // REMARK: decisions.mlir:[[@LINE+1]]:{{[0-9]+}}: remark: [Passed] silu-mul-quantize
  %d3, %s3 = lm.quantize #token ins(%h : tensor<8x256xbf16>) outs(%d0, %s0 : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>)
  return %d1, %s1, %d2, %s2, %d3, %s3 : tensor<8x256xf8E4M3FN>, tensor<8x1xf32>, tensor<8x256xf8E4M3FN>, tensor<8x1xf32>, tensor<8x256xf8E4M3FN>, tensor<8x1xf32>
}
