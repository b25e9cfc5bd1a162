// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Malformed assembly: one clear message each, never a crash.

func.func @rope_style(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{custom op 'lm.rope' unknown rope style 'gptj'}}
  %0 = lm.rope gptj ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_style_missing(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{custom op 'lm.rope' unknown rope style 'ins'}}
  %0 = lm.rope ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_compute(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+2 {{expected ::mlir::lm::RopeCompute to be one of: f32, operand}}
  // expected-error @+1 {{failed to parse LM_RopeComputeAttr parameter 'value' which is to be a `::mlir::lm::RopeCompute`}}
  %0 = lm.rope neox {compute = #lm.rope_compute<f64>} ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @rope_compute_type(%x: tensor<?x4x64xbf16>, %p: tensor<?xi64>, %t: tensor<128x64xf32>, %y: tensor<?x4x64xbf16>) {
  // expected-error @+1 {{custom op 'lm.rope' 'lm.rope' op attribute 'compute' failed to satisfy constraint: precision of the rotation}}
  %0 = lm.rope neox {compute = "f32"} ins(%x : tensor<?x4x64xbf16>) positions(%p : tensor<?xi64>) tables(%t : tensor<128x64xf32>) outs(%y : tensor<?x4x64xbf16>)
  return
}

// -----

func.func @cache_layout(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{custom op 'lm.mla_cache_write' unknown cache layout 'fp16'}}
  %0 = lm.mla_cache_write fp16 {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @cache_layout_missing(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{custom op 'lm.mla_cache_write' expected valid keyword}}
  %0 = lm.mla_cache_write {skip_rule = #lm.skip_rule<negative>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @skip_rule_missing(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+1 {{'lm.mla_cache_write' op requires attribute 'skip_rule'}}
  %0 = lm.mla_cache_write bf16 ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @skip_rule_unknown(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache: tensor<?x64x576xbf16>) {
  // expected-error @+2 {{expected ::mlir::lm::SkipRule to be one of: negative, negative_or_zero}}
  // expected-error @+1 {{failed to parse LM_SkipRuleAttr parameter 'value' which is to be a `::mlir::lm::SkipRule`}}
  %0 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<never>} ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache : tensor<?x64x576xbf16>)
  return
}

// -----

func.func @epsilon_missing(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op requires attribute 'epsilon'}}
  %0 = lm.rms_norm ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @epsilon_type(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{custom op 'lm.rms_norm' 'lm.rms_norm' op attribute 'epsilon' failed to satisfy constraint: 32-bit float attribute}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f64} ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

func.func @outs_missing(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+2 {{custom op 'lm.rms_norm' expected 'outs'}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>)
  return
}

// -----

func.func @scheme_missing(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{expected '<'}}
  %0:2 = lm.quantize ins(%x : tensor<?x64xbf16>) outs(%d, %s : tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

func.func @scheme_kind(%x: tensor<?x64xbf16>, %d: tensor<?x32xi8>, %s: tensor<?x2xf8E8M0FNU>) {
  // expected-error @+1 {{invalid properties {operandSegmentSizes = array<i32: 1, 0, 1, 1>, scheme = #lm.rope_style<neox>} for op lm.quantize: Invalid attribute `scheme` in property conversion: #lm.rope_style<neox>}}
  %0:2 = "lm.quantize"(%x, %d, %s) <{scheme = #lm.rope_style<neox>, operandSegmentSizes = array<i32: 1, 0, 1, 1>}> : (tensor<?x64xbf16>, tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>) -> (tensor<?x32xi8>, tensor<?x2xf8E8M0FNU>)
  return
}

// -----

// A result has the type of its destination.
func.func @result_type(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op expected type of operand #1 ('tensor<?x64xbf16>') to match type of corresponding result ('tensor<4x64xbf16>')}}
  %0 = "lm.rms_norm"(%x, %y) <{epsilon = 1.0e-06 : f32}> : (tensor<?x64xbf16>, tensor<?x64xbf16>) -> tensor<4x64xbf16>
  return
}

// -----

func.func @result_missing(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{'lm.rms_norm' op expected the number of tensor results (0) to be equal to the number of output tensors (1)}}
  "lm.rms_norm"(%x, %y) <{epsilon = 1.0e-06 : f32}> : (tensor<?x64xbf16>, tensor<?x64xbf16>) -> ()
  return
}

// -----

func.func @result_count(%x: tensor<?x64xbf16>, %y: tensor<?x64xbf16>) {
  // expected-error @+1 {{operation defines 1 results but was provided 2 to bind}}
  %0:2 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x64xbf16>) outs(%y : tensor<?x64xbf16>)
  return
}

// -----

// An operation on memrefs has no results.
func.func @memref_result(%x: memref<?x64xbf16>, %y: memref<?x64xbf16>) {
  // expected-error @+1 {{cannot name an operation with no results}}
  %0 = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x64xbf16>) outs(%y : memref<?x64xbf16>)
  return
}
