// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Violated constraints of the norms; the labels are those of the descriptions.

func.func @rms_norm_c1_shape(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op out has the shape [?, 32], but must have [?, 64]}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x32xbf16>)
  return
}

// -----

func.func @rms_norm_c1_out_rank(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op out has the shape [?, ?, 64], but must have [?, 64]}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x?x64xbf16>)
  return
}

// -----

// A scalar has no row.
func.func @rms_norm_c1_rank(%x: tensor<bf16>, %w: tensor<64xbf16>, %y: tensor<bf16>) {
  // expected-error @+1 {{'lm.rms_norm' op x has rank 0, but must have rank 1 or more}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<bf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<bf16>)
  return
}

// -----

func.func @rms_norm_c1_dynamic_columns(%x: tensor<?x?xbf16>, %w: tensor<64xbf16>, %y: tensor<?x?xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op x has a dynamic last dimension, but it must be static}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x?xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x?xbf16>)
  return
}

// -----

// Static columns are asked of the destination too.
func.func @rms_norm_c1_dynamic_out_columns(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x?xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op out has a dynamic last dimension, but must have [?, 64]}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x?xbf16>)
  return
}

// -----

func.func @rms_norm_c1_empty(%x: tensor<?x0xbf16>, %w: tensor<0xbf16>, %y: tensor<?x0xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op x has an empty last dimension}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x0xbf16>) weight(%w : tensor<0xbf16>) outs(%y : tensor<?x0xbf16>)
  return
}

// -----

func.func @rms_norm_c2_weight(%x: tensor<?x64xbf16>, %w: tensor<32xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op weight has the shape [32], but must have [64]}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<32xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_c2_weight_dynamic(%x: tensor<?x64xbf16>, %w: tensor<?xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op weight has a dynamic last dimension, but must have [64]}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<?xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_c3_epsilon_zero(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op epsilon is 0, but must be finite and positive}}
  %0 = lm.rms_norm {epsilon = 0.0 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_c3_epsilon_negative(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op epsilon is -9.99999997E-7, but must be finite and positive}}
  %0 = lm.rms_norm {epsilon = -1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_c3_epsilon_nan(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op epsilon is NaN, but must be finite and positive}}
  %0 = lm.rms_norm {epsilon = 0x7FC00000 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_c3_offset_infinite(%x: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op weight_offset must be finite}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32, weight_offset = 0x7F800000 : f32} ins(%x : tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_c3_offset_without_weight(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op weight_offset is given, but weight is not}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32} ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

// An integer row has no norm.
func.func @rms_norm_element_type(%x: tensor<?x64xi8>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op operand #0 must be ranked tensor or strided memref of 16-bit float or bfloat16 type or 32-bit float, but got 'tensor<?x64xi8>'}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xi8>) weight(%w : tensor<64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @rms_norm_mixed_semantics(%x: tensor<?x64xbf16>, %y: memref<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op mixes tensor and memref operands}}
  lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) outs(%y : memref<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c1_residual(%x: tensor<?x64xbf16>, %r: tensor<?x32xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op residual has the shape [?, 32], but must have [?, 64]}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c1_residual_out(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op residual_out has the shape [?, 32], but must have [?, 64]}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @add_rms_norm_c1_out(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x32xbf16>, %s: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op out has the shape [?, 32], but must have [?, 64]}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %s : tensor<?x32xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c1_static_rows(%x: tensor<4x64xbf16>, %r: tensor<5x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op residual has the shape [5, 64], but must have [4, 64]}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<4x64xbf16>, tensor<5x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c2_weight(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<1x64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op weight has the shape [1, 64], but must have [64]}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) weight(%w : tensor<1x64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c3_epsilon(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op epsilon is +Inf, but must be finite and positive}}
  %0:2 = lm.add_rms_norm {epsilon = 0x7F800000 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c3_offset_without_weight(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op weight_offset is given, but weight is not}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @add_rms_norm_c4_residual_type(%x: tensor<?x64xbf16>, %r: tensor<?x64xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %s: tensor<?x64xf32>) {
  // expected-error @+1 {{'lm.add_rms_norm' op residual_out has element type 'f32', but residual has 'bf16'}}
  %0:2 = lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : tensor<?x64xbf16>, tensor<?x64xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %s : tensor<?x64xbf16>, tensor<?x64xf32>)
  return
}

// -----

func.func @dual_rms_norm_c1_first(%x: tensor<?x64xbf16>, %x2: tensor<?x32xbf16>, %w: tensor<64xbf16>, %w2: tensor<32xbf16>, %y: tensor<?x32xbf16>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op out has the shape [?, 32], but must have [?, 64]}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<32xbf16>) outs(%y, %y2 : tensor<?x32xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @dual_rms_norm_c1_second_columns(%x: tensor<?x64xbf16>, %x2: tensor<?x?xbf16>, %w: tensor<64xbf16>, %w2: tensor<32xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op second_x has a dynamic last dimension, but it must be static}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x?xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<32xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @dual_rms_norm_c1_second_weight(%x: tensor<?x64xbf16>, %x2: tensor<?x32xbf16>, %w: tensor<64xbf16>, %w2: tensor<64xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op second_weight has the shape [64], but must have [32]}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<64xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @dual_rms_norm_c1_second_out(%x: tensor<?x64xbf16>, %x2: tensor<?x32xbf16>, %w: tensor<64xbf16>, %w2: tensor<32xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op second_out has the shape [?, 64], but must have [?, 32]}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<32xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @dual_rms_norm_c1_second_epsilon(%x: tensor<?x64xbf16>, %x2: tensor<?x32xbf16>, %w: tensor<64xbf16>, %w2: tensor<32xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op second_epsilon is 0, but must be finite and positive}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 0.0 : f32} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<32xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @dual_rms_norm_c1_offset_without_second_weight(%x: tensor<?x64xbf16>, %x2: tensor<?x32xbf16>, %w: tensor<64xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op weight_offset is given, but second_weight is not}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32, weight_offset = 1.0 : f32} ins(%x, %x2 : tensor<?x64xbf16>, tensor<?x32xbf16>) weight(%w : tensor<64xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @dual_rms_norm_c2_rows(%x: tensor<4x64xbf16>, %x2: tensor<5x32xbf16>, %w: tensor<64xbf16>, %w2: tensor<32xbf16>, %y: tensor<?x64xbf16>, %y2: tensor<?x32xbf16>) {
  // expected-error @+1 {{'lm.dual_rms_norm' op second_x has the shape [5, 32], but must have [4, 32]}}
  %0:2 = lm.dual_rms_norm {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32} ins(%x, %x2 : tensor<4x64xbf16>, tensor<5x32xbf16>) weight(%w : tensor<64xbf16>) second_weight(%w2 : tensor<32xbf16>) outs(%y, %y2 : tensor<?x64xbf16>, tensor<?x32xbf16>)
  return
}

// -----

func.func @add_rms_norm_one_destination(%x: memref<?x64xbf16>, %r: memref<?x64xbf16>, %y: memref<?x64xbf16>) {
  // expected-error @+1 {{'lm.add_rms_norm' op writes two results into one memref}}
  lm.add_rms_norm {epsilon = 1.0e-06 : f32} ins(%x, %r : memref<?x64xbf16>, memref<?x64xbf16>) outs(%y, %y : memref<?x64xbf16>, memref<?x64xbf16>)
  return
}
