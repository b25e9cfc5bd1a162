// RUN: hipfuse-opt %s --convert-lm-to-linalg | FileCheck %s

#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
#shuffled = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even, layout = cdna4_shuffled>
#fp8 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
#column = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, layout = column_major>
#static = #lm.scheme<element = f8E4M3FN, granularity = tensor>

// Block maxima as integers, the scale byte from the maximum, and two elements
// of a block in one byte, written to a view of the destination.
// CHECK-LABEL: @mxfp4
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x64xbf16>, %[[D:[a-z0-9]+]]: tensor<?x32xi8>, %[[S:[a-z0-9]+]]: tensor<?x2xf8E8M0FNU>)
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape %[[X]] {{.*}} into tensor<?x2x32xbf16>
// CHECK: %[[AMAX:.*]] = linalg.generic {{.*}}"reduction"]} ins(%[[BLOCKS]] : {{.*}} outs({{.*}} : tensor<?x2xi32>)
// CHECK: arith.maxui
// CHECK: %[[SCALE:.*]] = linalg.generic {{.*}} ins(%[[AMAX]] : {{.*}} outs(%[[S]] :
// CHECK: arith.bitcast %{{.*}} : i8 to f8E8M0FNU
// CHECK: %[[OUT:.*]] = tensor.expand_shape %[[D]] {{.*}} into tensor<?x2x16xi8>
// CHECK: %[[EVEN:.*]] = tensor.extract_slice %[[BLOCKS]][0, 0, 0] [%{{.*}}, 2, 16] [1, 1, 2]
// CHECK: %[[ODD:.*]] = tensor.extract_slice %[[BLOCKS]][0, 0, 1] [%{{.*}}, 2, 16] [1, 1, 2]
// CHECK: %[[CODES:.*]] = linalg.generic {{.*}} ins(%[[EVEN]], %[[ODD]], %[[SCALE]] : {{.*}} outs(%[[OUT]] :
// CHECK: %[[DATA:.*]] = tensor.collapse_shape %[[CODES]]
// CHECK: return %[[DATA]], %[[SCALE]]
func.func @mxfp4(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) {
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>
}

// A short last block is filled up with zeros, and its codes are cut off.
// CHECK-LABEL: @short_block
// CHECK-SAME: (%{{.*}}: tensor<?x40xf32>, %[[D:[a-z0-9]+]]: tensor<?x20xi8>,
// CHECK: %[[PADDED:.*]] = tensor.pad %{{.*}} low[0, 0] high[0, 24]
// CHECK: tensor.expand_shape %[[PADDED]] {{.*}} into tensor<?x2x32xf32>
// CHECK: %[[CODES:.*]] = tensor.collapse_shape %{{.*}} into tensor<?x32xi8>
// CHECK: %[[CUT:.*]] = tensor.extract_slice %[[CODES]][0, 0] [%{{.*}}, 20] [1, 1]
// CHECK: linalg.copy ins(%[[CUT]] : {{.*}} outs(%[[D]] :
func.func @short_block(%x: tensor<?x40xf32>, %d: tensor<?x20xi8>, %s: tensor<?x2xf8E8M0FNU>) -> (tensor<?x20xi8>, tensor<?x2xf8E8M0FNU>) {
  %0:2 = lm.quantize #mxfp4 ins(%x : tensor<?x40xf32>) outs(%d, %s : tensor<?x20xi8>, tensor<?x2xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x20xi8>, tensor<?x2xf8E8M0FNU>
}

// Elements use the scales in row-major order; the stored ones are transposed.
// CHECK-LABEL: @column_major
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<4x?xf32>)
// CHECK: %[[SCALE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x4xf32>)
// CHECK: %[[ZERO:.*]] = arith.cmpf oeq
// CHECK: arith.select %[[ZERO]]
// CHECK: %[[STORED:.*]] = linalg.transpose ins(%[[SCALE]] : tensor<?x4xf32>) outs(%[[S]] : tensor<4x?xf32>) permutation = [1, 0]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[SCALE]] :
// CHECK: return %{{.*}}, %[[STORED]]
func.func @column_major(%x: tensor<?x512xbf16>, %d: tensor<?x512xf8E4M3FN>, %s: tensor<4x?xf32>) -> (tensor<?x512xf8E4M3FN>, tensor<4x?xf32>) {
  %0:2 = lm.quantize #column ins(%x : tensor<?x512xbf16>) outs(%d, %s : tensor<?x512xf8E4M3FN>, tensor<4x?xf32>)
  return %0#0, %0#1 : tensor<?x512xf8E4M3FN>, tensor<4x?xf32>
}

// Each byte of the shuffled order fetches its scale; rows that are not there
// keep the destination's byte.
// CHECK-LABEL: @shuffled
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<?x8xf8E8M0FNU>)
// CHECK: %[[SCALE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?x2xf8E8M0FNU>)
// CHECK: linalg.generic {{.*}}"parallel", "parallel"]} outs(%[[S]] :
// CHECK: ^bb0(%[[OLD:.*]]: f8E8M0FNU):
// CHECK: scf.if
// CHECK: scf.if
// CHECK: tensor.extract %[[SCALE]]
// CHECK: arith.constant 127 : i32
// CHECK: else
// CHECK: scf.yield %[[OLD]]
func.func @shuffled(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x8xf8E8M0FNU>) -> (tensor<?x32xi8>, tensor<?x8xf8E8M0FNU>) {
  %0:2 = lm.quantize #shuffled ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x8xf8E8M0FNU>)
  return %0#0, %0#1 : tensor<?x32xi8>, tensor<?x8xf8E8M0FNU>
}

// A given scale is one element for all: no blocks, no reduction.
// CHECK-LABEL: @static
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<?x4x100xf16>, %[[S:[a-z0-9]+]]: tensor<1xf32>, %[[D:[a-z0-9]+]]: tensor<?x4x100xf8E4M3FN>)
// CHECK-NOT: tensor.expand_shape
// CHECK: linalg.generic {{.*}}"parallel", "parallel", "parallel"]} ins(%[[X]], %[[S]] : {{.*}} outs(%[[D]] :
// CHECK: arith.divf
// CHECK: arith.bitcast %{{.*}} : i8 to f8E4M3FN
func.func @static(%x: tensor<?x4x100xf16>, %s: tensor<1xf32>, %d: tensor<?x4x100xf8E4M3FN>) -> tensor<?x4x100xf8E4M3FN> {
  %0 = lm.quantize #static ins(%x : tensor<?x4x100xf16>) input_scale(%s : tensor<1xf32>) outs(%d : tensor<?x4x100xf8E4M3FN>)
  return %0 : tensor<?x4x100xf8E4M3FN>
}

// CHECK-LABEL: @dequantize_fp8
// CHECK-SAME: (%[[D:[a-z0-9]+]]: tensor<?x512xf8E4M3FN>, %[[S:[a-z0-9]+]]: tensor<?x4xf32>, %[[Y:[a-z0-9]+]]: tensor<?x512xbf16>)
// CHECK: %[[BLOCKS:.*]] = tensor.expand_shape %[[D]] {{.*}} into tensor<?x4x128xf8E4M3FN>
// CHECK: %[[OUT:.*]] = tensor.expand_shape %[[Y]] {{.*}} into tensor<?x4x128xbf16>
// CHECK: linalg.generic {{.*}} ins(%[[BLOCKS]], %[[S]] : {{.*}} outs(%[[OUT]] :
// CHECK: arith.bitcast %{{.*}} : f8E4M3FN to i8
// CHECK: tensor.collapse_shape
func.func @dequantize_fp8(%d: tensor<?x512xf8E4M3FN>, %s: tensor<?x4xf32>, %y: tensor<?x512xbf16>) -> tensor<?x512xbf16> {
  %0 = lm.dequantize #fp8 ins(%d, %s : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>) outs(%y : tensor<?x512xbf16>)
  return %0 : tensor<?x512xbf16>
}

// The two nibbles of a byte are a loop of their own; the scales are fetched
// from the shuffled order first.
// CHECK-LABEL: @dequantize_shuffled
// CHECK-SAME: (%[[D:[a-z0-9]+]]: tensor<17x32xi8>, %[[S:[a-z0-9]+]]: tensor<32x8xf8E8M0FNU>,
// CHECK: %[[ROWS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<17x2xf8E8M0FNU>)
// CHECK: tensor.extract %[[S]]
// CHECK: %[[BYTES:.*]] = tensor.expand_shape %[[D]] {{.*}} into tensor<17x2x16xi8>
// CHECK: linalg.generic {{.*}} ins(%[[BYTES]], %[[ROWS]] : {{.*}} outs(%{{.*}} : tensor<17x2x16x2xf32>)
// CHECK: linalg.index 3
func.func @dequantize_shuffled(%d: tensor<17x32xi8>, %s: tensor<32x8xf8E8M0FNU>, %y: tensor<17x64xf32>) -> tensor<17x64xf32> {
  %0 = lm.dequantize #shuffled ins(%d, %s : tensor<17x32xi8>, tensor<32x8xf8E8M0FNU>) outs(%y : tensor<17x64xf32>)
  return %0 : tensor<17x64xf32>
}

// CHECK-LABEL: @shuffle_scale
// CHECK-SAME: (%[[S:[a-z0-9]+]]: tensor<17x3xf8E8M0FNU>, %[[OUT:[a-z0-9]+]]: tensor<32x8xf8E8M0FNU>)
// CHECK: linalg.generic {{.*}} outs(%[[OUT]] :
// CHECK: tensor.extract %[[S]]
func.func @shuffle_scale(%s: tensor<17x3xf8E8M0FNU>, %o: tensor<32x8xf8E8M0FNU>) -> tensor<32x8xf8E8M0FNU> {
  %0 = lm.shuffle_scale ins(%s : tensor<17x3xf8E8M0FNU>) outs(%o : tensor<32x8xf8E8M0FNU>)
  return %0 : tensor<32x8xf8E8M0FNU>
}
