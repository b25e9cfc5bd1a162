// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// Schemes that do not exist.

// expected-error @+1 {{element type 'f8E5M2' is not f4E2M1FN, f8E4M3FN or f8E4M3FNUZ}}
#element = #lm.scheme<element = f8E5M2, granularity = token>

// -----

// expected-error @+1 {{block is 16, but must be 32, 64 or 128 with granularity block}}
#block_size = #lm.scheme<element = f8E4M3FN, granularity = block, block = 16>

// -----

// expected-error @+1 {{block is 0, but must be 32, 64 or 128 with granularity block}}
#block_missing = #lm.scheme<element = f8E4M3FN, granularity = block>

// -----

// expected-error @+1 {{block is given, but granularity is token}}
#block_without_granularity = #lm.scheme<element = f8E4M3FN, granularity = token, block = 32>

// -----

// expected-error @+1 {{f4E2M1FN needs granularity block of 32 with a scale rounding}}
#fp4_block = #lm.scheme<element = f4E2M1FN, granularity = block, block = 64, scale_rounding = even>

// -----

// expected-error @+1 {{f4E2M1FN needs granularity block of 32 with a scale rounding}}
#fp4_f32_scale = #lm.scheme<element = f4E2M1FN, granularity = block, block = 32>

// -----

// expected-error @+1 {{f4E2M1FN needs granularity block of 32 with a scale rounding}}
#fp4_token = #lm.scheme<element = f4E2M1FN, granularity = token>

// -----

// expected-error @+1 {{scale_rounding rceil needs granularity block}}
#e8m0_token = #lm.scheme<element = f8E4M3FN, granularity = token, scale_rounding = rceil>

// -----

// expected-error @+1 {{element_rounding half_away needs f4E2M1FN}}
#half_away_fp8 = #lm.scheme<element = f8E4M3FN, granularity = token, element_rounding = half_away>

// -----

// expected-error @+1 {{layout cdna4_shuffled needs E8M0 scales of blocks of 32}}
#shuffled_f32 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 32, layout = cdna4_shuffled>

// -----

// expected-error @+1 {{layout cdna4_shuffled needs E8M0 scales of blocks of 32}}
#shuffled_block = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = even, layout = cdna4_shuffled>

// -----

// expected-error @+1 {{layout column_major needs granularity block}}
#column_major_token = #lm.scheme<element = f8E4M3FN, granularity = token, layout = column_major>

// -----

// expected-error @+1 {{nonfinite applies to E8M0 scales only}}
#saturate_f32 = #lm.scheme<element = f8E4M3FN, granularity = token, nonfinite = saturate>

// -----

// expected-error @+1 {{amax_floor must be a finite positive f32}}
#amax_floor_type = #lm.scheme<element = f8E4M3FN, granularity = token, amax_floor = 1.0e-4 : f64>

// -----

// expected-error @+1 {{amax_floor must be a finite positive f32}}
#amax_floor_negative = #lm.scheme<element = f8E4M3FN, granularity = token, amax_floor = -1.0 : f32>

// -----

// expected-error @+1 {{amax_floor must be a finite positive f32}}
#amax_floor_zero = #lm.scheme<element = f8E4M3FN, granularity = token, amax_floor = 0.0 : f32>

// -----

// expected-error @+1 {{amax_floor must be a finite positive f32}}
#amax_floor_nan = #lm.scheme<element = f8E4M3FN, granularity = token, amax_floor = 0x7FC00000 : f32>

// -----

// expected-error @+1 {{amax_floor is given, but the scale is an operand}}
#amax_floor_tensor = #lm.scheme<element = f8E4M3FN, granularity = tensor, amax_floor = 1.0 : f32>

// -----

// expected-error @+2 {{expected ::mlir::lm::Granularity to be one of: tensor, token, block}}
// expected-error @+1 {{failed to parse LM_SchemeAttr parameter 'granularity' which is to be a `::mlir::lm::Granularity`}}
#unknown_granularity = #lm.scheme<element = f8E4M3FN, granularity = row>

// -----

// expected-error @+2 {{expected one of [none, floor, even, rceil, ceil] for how the scale of a block is rounded to a power of two, got: up}}
// expected-error @+1 {{failed to parse LM_SchemeAttr parameter 'scale_rounding' which is to be a `::mlir::lm::ScaleRounding`}}
#unknown_scale_rounding = #lm.scheme<element = f8E4M3FN, granularity = block, block = 32, scale_rounding = up>

// -----

// expected-error @+1 {{duplicate or unknown struct parameter name: bits}}
#unknown_parameter = #lm.scheme<element = f8E4M3FN, granularity = token, bits = 8>

// -----

// expected-error @+1 {{struct is missing required parameter: element}}
#element_missing = #lm.scheme<granularity = token>
