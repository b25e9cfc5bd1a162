// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of the hyper-connections; the labels are those of the
// descriptions.

func.func @mhc_logits_c1_rank(%r: tensor<?x?x4x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op residual has the shape [?, ?, 4, 64], but must be [T, n, H] or [T, H]}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c1_dynamic_streams(%r: tensor<?x?x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op residual has the shape [?, ?, 64], but needs a static number of streams}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x?x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c1_dynamic_hidden(%r: tensor<?x4x?xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op residual has a dynamic last dimension, but it must be static}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x?xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c2_rank(%r: tensor<?x4x64xbf16>, %fn: tensor<24x4x64xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op fn has the shape [24, 4, 64], but must be [M, K], both static}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x4x64xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c2_dynamic(%r: tensor<?x4x64xbf16>, %fn: tensor<?x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op fn has the shape [?, 256], but must be [M, K], both static}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<?x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c2_columns(%r: tensor<?x4x64xbf16>, %fn: tensor<24x64xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op fn has 64 columns, but 4 streams have 256}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x64xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c2_multiple(%r: tensor<?x64xbf16>, %fn: tensor<24x96xf32>, %l: tensor<?x24xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op fn has 96 columns, but needs a multiple of 64}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x64xbf16>) fn(%fn : tensor<24x96xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c3_logits(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x32xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op logits has the shape [?, 32], but must have [?, 24]}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x32xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c3_dynamic(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x?xf32>, %q: tensor<?xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op logits has the shape [?, ?], but only the first dimension may be dynamic}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @mhc_logits_c3_sqrsum(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %l: tensor<?x24xf32>, %q: tensor<?x1xf32>) {
  // expected-error @+1 {{'lm.mhc_logits' op sqrsum has the shape [?, 1], but must have [?]}}
  %0:2 = lm.mhc_logits ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) outs(%l, %q : tensor<?x24xf32>, tensor<?x1xf32>)
  return
}

// -----

func.func @mhc_coefficients_c1_logits(%l: tensor<?x1x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op logits has the shape [?, 1, 24], but must be [T, M]}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x1x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c1_sqrsum(%l: tensor<4x24xf32>, %q: tensor<8xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op sqrsum has the shape [8], but must have [4]}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<4x24xf32>, tensor<8xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c1_scale(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<24xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op scale has the shape [24], but must have [3]}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<24xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c1_base(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<4xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op base has the shape [4], but must have [24]}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<4xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c2_mixes(%l: tensor<?x25xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op has 25 mixes, but n streams have n*n + 2n}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x25xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c2_post(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4x1xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op post has the shape [?, 4, 1], but must have [?, 4]}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4x1xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c2_comb(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x16xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op comb has the shape [?, 16], but must have [?, 4, 4]}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x16xf32>)
  return
}

// -----

func.func @mhc_coefficients_c2_head(%l: tensor<?x4xf32>, %q: tensor<?xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %p: tensor<?x3xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op pre has the shape [?, 3], but must have [?, 4]}}
  %0 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%l, %q : tensor<?x4xf32>, tensor<?xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%p : tensor<?x3xf32>)
  return
}

// -----

func.func @mhc_coefficients_c3_head(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op post, comb, post_mult, sinkhorn_epsilon and sinkhorn_iterations must be given together}}
  %0 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p : tensor<?x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c3_post_mult(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op post, comb, post_mult, sinkhorn_epsilon and sinkhorn_iterations must be given together}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c4_rms(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op rms_epsilon is 0, but must be finite and positive}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 0.0 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c4_pre(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op pre_epsilon is -1, but must be finite and positive}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = -1.0 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c4_sinkhorn(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op sinkhorn_epsilon is +Inf, but must be finite and positive}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 0x7F800000 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c4_post_mult(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op post_mult must be finite}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 0x7FC00000 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c4_columns(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op columns is 0, but must be positive}}
  %0:3 = lm.mhc_coefficients {columns = 0 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_coefficients_c4_iterations(%l: tensor<?x24xf32>, %q: tensor<?xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %p: tensor<?x4xf32>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_coefficients' op sinkhorn_iterations is 0, but must be positive}}
  %0:3 = lm.mhc_coefficients {columns = 256 : i64, rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 0 : i64} ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%p, %t, %c : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_collapse_c1(%r: tensor<64xbf16>, %p: tensor<?x4xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_collapse' op residual has the shape [64], but must be [T, n, H] or [T, H]}}
  %0 = lm.mhc_collapse ins(%r : tensor<64xbf16>) pre(%p : tensor<?x4xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @mhc_collapse_c2_pre(%r: tensor<?x4x64xbf16>, %p: tensor<?x3xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_collapse' op pre has the shape [?, 3], but must have [?, 4]}}
  %0 = lm.mhc_collapse ins(%r : tensor<?x4x64xbf16>) pre(%p : tensor<?x3xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @mhc_collapse_c2_dynamic(%r: tensor<?x64xbf16>, %p: tensor<?x?xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_collapse' op pre has the shape [?, ?], but must be [T, n] with a static n}}
  %0 = lm.mhc_collapse ins(%r : tensor<?x64xbf16>) pre(%p : tensor<?x?xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @mhc_collapse_c2_out(%r: tensor<?x4x64xbf16>, %p: tensor<?x4xf32>, %y: tensor<?x128xbf16>) {
  // expected-error @+1 {{'lm.mhc_collapse' op out has the shape [?, 128], but must have [?, 64]}}
  %0 = lm.mhc_collapse ins(%r : tensor<?x4x64xbf16>) pre(%p : tensor<?x4xf32>) outs(%y : tensor<?x128xbf16>)
  return
}

// -----

func.func @mhc_post_c1_x(%x: tensor<?x32xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_post' op x has the shape [?, 32], but must have [?, 64]}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x32xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mhc_post_c1_post(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x3xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_post' op post has the shape [?, 3], but must have [?, 4]}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x3xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mhc_post_c1_comb(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x3xf32>, %o: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_post' op comb has the shape [?, 4, 3], but must have [?, 4, 4]}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x3xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mhc_post_c1_post_rank(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4x1xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_post' op post has the shape [?, 4, 1], but must be [T, n] with a static n}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4x1xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mhc_post_c2_shape(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_post' op out has the shape [?, 64], but must have [?, 4, 64]}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x64xbf16>)
  return
}

// -----

func.func @mhc_post_c2_type(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xf32>) {
  // expected-error @+1 {{'lm.mhc_post' op out has element type 'f32', but residual has 'bf16'}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xf32>)
  return
}

// -----

func.func @mhc_post_semantics(%x: tensor<?x64xbf16>, %r: memref<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %o: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_post' op mixes tensor and memref operands}}
  %0 = lm.mhc_post ins(%x, %r : tensor<?x64xbf16>, memref<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%o : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mhc_pre_c1_streams(%r: tensor<?x4x64xbf16>, %fn: tensor<15x256xf32>, %s: tensor<3xf32>, %b: tensor<15xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op fn has the 15 mixes of 3 streams, but there are 4}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<15x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<15xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c1_mixes(%r: tensor<?x4x64xbf16>, %fn: tensor<32x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op has 32 mixes, but n streams have n*n + 2n}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<32x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c1_columns(%r: tensor<?x4x64xbf16>, %fn: tensor<24x64xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op fn has 64 columns, but 4 streams have 256}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x64xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c1_input(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x256xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op layer_input has the shape [?, 256], but must have [?, 64]}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c1_scale(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<24xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op scale has the shape [24], but must have [3]}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<24xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c1_epsilon(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op rms_epsilon is 0, but must be finite and positive}}
  %0:3 = lm.mhc_pre {rms_epsilon = 0.0 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c1_iterations(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op sinkhorn_iterations is -1, but must be positive}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = -1 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c2_pre_in(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %pi: tensor<?x4xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op pre_in is given, but pre_out is not}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x4xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c2_pre_out(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %po: tensor<?x4x1xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op pre_out has the shape [?, 4, 1], but must have [?, 4]}}
  %0:4 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4x1xf32>)
  return
}

// -----

func.func @mhc_pre_c2_pre_in_shape(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %pi: tensor<?x3xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %po: tensor<?x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op pre_in has the shape [?, 3], but must have [?, 4]}}
  %0:4 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) pre_in(%pi : tensor<?x3xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>) pre_out(%po : tensor<?x4xf32>)
  return
}

// -----

func.func @mhc_pre_c3_no_epsilon(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op norm_weight, norm_weight_offset, round_norm_before_weight and round_before_norm need norm_epsilon}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) norm_weight(%w : tensor<64xbf16>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c3_round(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op norm_weight, norm_weight_offset, round_norm_before_weight and round_before_norm need norm_epsilon}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, round_before_norm = bf16} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c3_epsilon(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op norm_epsilon is -1, but must be finite and positive}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = -1.0 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) norm_weight(%w : tensor<64xbf16>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c3_weight(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op norm_weight has the shape [256], but must have [64]}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 1.0e-06 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) norm_weight(%w : tensor<256xbf16>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c3_offset(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op norm_weight_offset is given, but norm_weight is not}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 1.0e-06 : f32, norm_weight_offset = 1.0 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_pre_c3_offset_infinite(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_pre' op norm_weight_offset must be finite}}
  %0:3 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64, norm_epsilon = 1.0e-06 : f32, norm_weight_offset = 0x7F800000 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) norm_weight(%w : tensor<64xbf16>) outs(%y, %t, %c : tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_post_pre_c1_out(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %ro: tensor<?x4x32xbf16>, %y: tensor<?x64xbf16>, %to: tensor<?x4xf32>, %co: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_post_pre' op residual_out has the shape [?, 4, 32], but must have [?, 4, 64]}}
  %0:4 = lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%ro, %y, %to, %co : tensor<?x4x32xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_post_pre_c1_type(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %ro: tensor<?x4x64xf16>, %y: tensor<?x64xbf16>, %to: tensor<?x4xf32>, %co: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_post_pre' op residual_out has element type 'f16', but residual has 'bf16'}}
  %0:4 = lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%ro, %y, %to, %co : tensor<?x4x64xf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_post_pre_c1_comb_out(%x: tensor<?x64xbf16>, %r: tensor<?x4x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %fn: tensor<24x256xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %ro: tensor<?x4x64xbf16>, %y: tensor<?x64xbf16>, %to: tensor<?x4xf32>, %co: tensor<?x16xf32>) {
  // expected-error @+1 {{'lm.mhc_post_pre' op comb_out has the shape [?, 16], but must have [?, 4, 4]}}
  %0:4 = lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%x, %r : tensor<?x64xbf16>, tensor<?x4x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%ro, %y, %to, %co : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x16xf32>)
  return
}

// -----

func.func @mhc_post_pre_c1_fn(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %t: tensor<?x4xf32>, %c: tensor<?x4x4xf32>, %fn: tensor<24x64xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %ro: tensor<?x4x64xbf16>, %y: tensor<?x64xbf16>, %to: tensor<?x4xf32>, %co: tensor<?x4x4xf32>) {
  // expected-error @+1 {{'lm.mhc_post_pre' op fn has 64 columns, but 4 streams have 256}}
  %0:4 = lm.mhc_post_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) mix(%t, %c : tensor<?x4xf32>, tensor<?x4x4xf32>) fn(%fn : tensor<24x64xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%ro, %y, %to, %co : tensor<?x4x64xbf16>, tensor<?x64xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return
}

// -----

func.func @mhc_head_c1_mixes(%r: tensor<?x4x64xbf16>, %fn: tensor<24x256xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_head' op fn has 24 mixes, but there are 4 streams}}
  %0 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<24x256xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @mhc_head_c1_scale(%r: tensor<?x4x64xbf16>, %fn: tensor<4x256xf32>, %s: tensor<3xf32>, %b: tensor<4xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_head' op scale has the shape [3], but must have [1]}}
  %0 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<4x256xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<4xf32>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @mhc_head_c1_out(%r: tensor<?x4x64xbf16>, %fn: tensor<4x256xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_head' op out has the shape [?, 4, 64], but must have [?, 64]}}
  %0 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<4x256xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @mhc_head_c1_epsilon(%r: tensor<?x4x64xbf16>, %fn: tensor<4x256xf32>, %s: tensor<1xf32>, %b: tensor<4xf32>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.mhc_head' op pre_epsilon is 0, but must be finite and positive}}
  %0 = lm.mhc_head {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 0.0 : f32} ins(%r : tensor<?x4x64xbf16>) fn(%fn : tensor<4x256xf32>) scale(%s : tensor<1xf32>) base(%b : tensor<4xf32>) outs(%y : tensor<?x64xbf16>)
  return
}
