// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics --lm-split-heads="max-heads=16 method=fold" | FileCheck %s
// RUN: not hipfuse-opt %s --split-input-file --lm-split-heads="max-heads=16 method=fold" --remarks-filter=lm-split-heads -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Two groups of heads become two rows with the same slots.

// CHECK-LABEL: func.func @fold
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x32x576xbf16>, %[[C:[a-z0-9]+]]: {{[^,]*}}, %[[S:[a-z0-9]+]]: tensor<?x64xi32>
// CHECK: tensor.expand_shape %[[Q]] {{\[\[}}0], [1, 2], [3]] {{.*}} into tensor<?x2x16x576xbf16>
// CHECK: %[[QF:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2], [3]] {{.*}} into tensor<?x16x576xbf16>
// CHECK: linalg.broadcast ins(%[[S]] : tensor<?x64xi32>) outs(%{{.*}} : tensor<?x2x64xi32>) dimensions = [1]
// CHECK: %[[R:.*]] = lm.sparse_mla_decode bf16 {{.*}} ins(%[[QF]] : {{.*}}) cache(%[[C]] {{.*}}) {{.*}} outs(%{{.*}} : tensor<?x16x512xbf16>)
// CHECK: tensor.expand_shape %[[R]] {{\[\[}}0, 1], [2], [3]] {{.*}} into tensor<?x2x16x512xbf16>
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2], [3]] {{.*}} into tensor<?x32x512xbf16>
func.func @fold(%q: tensor<?x32x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<?x64xi32>, %o: tensor<?x32x512xbf16>) -> tensor<?x32x512xbf16> {
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<?x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<?x64xi32>) outs(%o : tensor<?x32x512xbf16>)
  return %0 : tensor<?x32x512xbf16>
}

// -----

// REMARK: Reason=sink-by-head, Remark="groups of heads have different sinks, but rows of one operation have the same"
// CHECK-LABEL: func.func @sink_stays
// CHECK: lm.sparse_mla_decode {{.*}} outs(%{{.*}} : tensor<4x32x512xbf16>)
func.func @sink_stays(%q: tensor<4x32x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %sink: tensor<32xf32>, %o: tensor<4x32x512xbf16>) -> tensor<4x32x512xbf16> {
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) sink(%sink : tensor<32xf32>) outs(%o : tensor<4x32x512xbf16>)
  return %0 : tensor<4x32x512xbf16>
}

// -----

// REMARK: Reason=planned-rows, Remark="its plan is made for the rows that it has"
// CHECK-LABEL: func.func @plan_stays
// CHECK: lm.sparse_mla_decode {{.*}} outs(%{{.*}} : tensor<4x32x512xbf16>)
func.func @plan_stays(%q: tensor<4x32x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %n: tensor<4xi32>, %w: tensor<7x8xi32>, %i: tensor<5xi32>, %f: tensor<4x2xi32>, %r: tensor<6xi32>, %o: tensor<4x32x512xbf16>) -> tensor<4x32x512xbf16> {
  %p:5 = lm.attention_plan {num_clusters = 4, topk = 64} ins(%n : tensor<4xi32>) outs(%w, %i, %i, %f, %r : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) lengths(%n : tensor<4xi32>) plan(%p#0, %p#1, %p#2, %p#3, %p#4 : tensor<7x8xi32>, tensor<5xi32>, tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>) outs(%o : tensor<4x32x512xbf16>)
  return %0 : tensor<4x32x512xbf16>
}

// -----

// A causal query axis is no place for heads.
func.func @causal(%q: tensor<4x32x576xbf16>, %c: tensor<?x64x576xbf16>, %bt: tensor<4x8xi32>, %n: tensor<4xi32>, %o: tensor<4x32x512xbf16>) -> tensor<4x32x512xbf16> {
  // expected-error @+1 {{heads cannot be folded onto its causal query axis: they would become queries at earlier positions, which do not see the last keys; split them}}
  %0 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32} ins(%q : tensor<4x32x576xbf16>) cache(%c : tensor<?x64x576xbf16>) block_table(%bt : tensor<4x8xi32>) lengths(%n : tensor<4xi32>) outs(%o : tensor<4x32x512xbf16>)
  return %0 : tensor<4x32x512xbf16>
}

// -----

func.func @odd(%q: tensor<4x34x576xbf16>, %c: tensor<?x64x576xbf16>, %s: tensor<4x64xi32>, %o: tensor<4x34x512xbf16>) -> tensor<4x34x512xbf16> {
  // expected-error @+1 {{has 34 heads, of which no power of two groups has at most 16, as many as a launch takes}}
  %0 = lm.sparse_mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : tensor<4x34x576xbf16>) cache(%c : tensor<?x64x576xbf16>) slots(%s : tensor<4x64xi32>) outs(%o : tensor<4x34x512xbf16>)
  return %0 : tensor<4x34x512xbf16>
}
