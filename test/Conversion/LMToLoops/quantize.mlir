// RUN: hipfuse-opt %s --convert-lm-to-loops --canonicalize --cse | FileCheck %s

// Two vectors make a block; codes are packed by a shift of pairs of lanes.
// CHECK-LABEL: func.func @mxfp4(
// CHECK-SAME: %[[X:.*]]: memref<?x64xbf16>, %[[D:.*]]: memref<?x32xi8>, %[[S:.*]]: memref<?x2xf8E8M0FNU>)
// CHECK: scf.parallel (%[[R:.*]]) =
// CHECK: scf.for %[[B:.*]] = %c0 to %c2 step %c1
// CHECK: %[[COL:.*]] = arith.muli %[[B]], %c32
// CHECK: vector.load %[[X]][%[[R]], %[[COL]]] : memref<?x64xbf16>, vector<16xbf16>
// CHECK: %[[NEXT:.*]] = arith.addi %[[COL]], %c16
// CHECK: vector.load %[[X]][%[[R]], %[[NEXT]]]
// CHECK: arith.maxui {{.*}} : vector<16xi32>
// CHECK: arith.maxui {{.*}} : vector<8xi32>
// CHECK: arith.maxui {{.*}} : vector<1xi32>
// CHECK: %[[BYTE:.*]] = arith.bitcast %{{.*}} : i8 to f8E8M0FNU
// CHECK: memref.store %[[BYTE]], %[[S]][%[[R]], %[[B]]]
// CHECK: vector.bitcast %{{.*}} : vector<16xi32> to vector<8xi64>
// CHECK: vector.store %{{.*}}, %[[D]]{{.*}} vector<8xi8>
// CHECK-NOT: lm.
func.func @mxfp4(%x: memref<?x64xbf16>, %d: memref<?x32xi8>, %s: memref<?x2xf8E8M0FNU>) {
  lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%x : memref<?x64xbf16>) outs(%d, %s : memref<?x32xi8>, memref<?x2xf8E8M0FNU>)
  return
}

// A short last block stores only its half bytes.
// CHECK-LABEL: func.func @short_block(
// CHECK: vector.constant_mask [2] : vector<8xi1>
// CHECK: vector.maskedstore {{.*}} memref<?x2xi8>
func.func @short_block(%x: memref<?x4xf32>, %d: memref<?x2xi8>, %s: memref<?x1xf8E8M0FNU>) {
  lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = rceil, nonfinite = saturate> ins(%x : memref<?x4xf32>) outs(%d, %s : memref<?x2xi8>, memref<?x1xf8E8M0FNU>)
  return
}

// CHECK-LABEL: func.func @column_major(
// CHECK: scf.parallel (%[[R:.*]]) =
// CHECK: scf.for %[[B:.*]] =
// CHECK: memref.store %{{.*}}, %{{.*}}[%[[B]], %[[R]]] : memref<4x?xf32>
// CHECK: arith.divf {{.*}} : vector<16xf32>
// CHECK: arith.bitcast {{.*}} : vector<16xi8> to vector<16xf8E4M3FN>
// CHECK: vector.store {{.*}} vector<16xf8E4M3FN>
func.func @column_major(%x: memref<?x512xbf16>, %d: memref<?x512xf8E4M3FN>, %s: memref<4x?xf32>) {
  lm.quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major> ins(%x : memref<?x512xbf16>) outs(%d, %s : memref<?x512xf8E4M3FN>, memref<4x?xf32>)
  return
}

// A scale for the whole row needs a pass over the row before the codes.
// CHECK-LABEL: func.func @token(
// CHECK: memref.alloca() {{.*}} memref<512xf32>
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<16xi32>)
// CHECK: memref.store {{.*}} memref<?x1xf32>
// CHECK: scf.for
func.func @token(%x: memref<?x512xbf16>, %d: memref<?x512xf8E4M3FN>, %s: memref<?x1xf32>) {
  lm.quantize #lm.scheme<element = f8E4M3FN, granularity = token> ins(%x : memref<?x512xbf16>) outs(%d, %s : memref<?x512xf8E4M3FN>, memref<?x1xf32>)
  return
}

// CHECK-LABEL: func.func @tensor(
// CHECK-NOT: alloca
// CHECK: memref.load %{{.*}}[%c0] : memref<1xf32>
// CHECK: arith.divf
func.func @tensor(%x: memref<?x512xbf16>, %i: memref<1xf32>, %d: memref<?x512xf8E4M3FNUZ>) {
  lm.quantize #lm.scheme<element = f8E4M3FNUZ, granularity = tensor> ins(%x : memref<?x512xbf16>) input_scale(%i : memref<1xf32>) outs(%d : memref<?x512xf8E4M3FNUZ>)
  return
}

// CHECK-LABEL: func.func @dequantize(
// CHECK: arith.extui {{.*}} : vector<8xi8> to vector<8xi64>
// CHECK: vector.bitcast {{.*}} : vector<8xi64> to vector<16xi32>
// CHECK: arith.mulf {{.*}} : vector<16xf32>
func.func @dequantize(%d: memref<?x32xi8>, %s: memref<?x2xf8E8M0FNU>, %y: memref<?x64xbf16>) {
  lm.dequantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%d, %s : memref<?x32xi8>, memref<?x2xf8E8M0FNU>) outs(%y : memref<?x64xbf16>)
  return
}

// Three blocks in a row of eight: five are padded with 1.0.
// CHECK-LABEL: func.func @shuffle_scale(
// CHECK: %[[ONE:.*]] = arith.constant {{.*}} : f8E8M0FNU
// CHECK: scf.parallel
// CHECK: scf.for
// CHECK: memref.store
// CHECK-COUNT-5: memref.store %[[ONE]]
// CHECK-NOT: memref.store
func.func @shuffle_scale(%s: memref<?x3xf8E8M0FNU>, %o: memref<?x8xf8E8M0FNU>) {
  lm.shuffle_scale ins(%s : memref<?x3xf8E8M0FNU>) outs(%o : memref<?x8xf8E8M0FNU>)
  return
}
