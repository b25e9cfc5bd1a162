//===-- LMAttrs.td - Attributes of the lm dialect ----------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMATTRS_TD
#define HIPFUSE_DIALECT_LM_IR_LMATTRS_TD

include "hipfuse/Dialect/LM/IR/LMDialect.td"
include "hipfuse/Dialect/LM/IR/LMEntryPoint.td"
include "hipfuse/Dialect/LM/IR/LMTarget.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class LM_I32Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mlir::lm";
  let genSpecializedAttr = 0;
}

class LM_EnumAttr<EnumInfo enumInfo, string mnemonic>
    : EnumAttr<LM_Dialect, enumInfo, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def LM_Granularity : LM_I32Enum<"Granularity", "what shares one scale", [
  I32EnumAttrCase<"Tensor", 0, "tensor">,
  I32EnumAttrCase<"Token", 1, "token">,
  I32EnumAttrCase<"Block", 2, "block">
]>;

def LM_ScaleRounding : LM_I32Enum<"ScaleRounding",
    "how the scale of a block is rounded to a power of two", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"Floor", 1, "floor">,
  I32EnumAttrCase<"Even", 2, "even">,
  I32EnumAttrCase<"RCeil", 3, "rceil">,
  I32EnumAttrCase<"Ceil", 4, "ceil">
]>;

def LM_ElementRounding : LM_I32Enum<"ElementRounding",
    "how an element is rounded to the element type", [
  I32EnumAttrCase<"NearestEven", 0, "nearest_even">,
  I32EnumAttrCase<"HalfAway", 1, "half_away">
]>;

def LM_ScaleLayout : LM_I32Enum<"ScaleLayout", "memory order of the scales", [
  I32EnumAttrCase<"RowMajor", 0, "row_major">,
  I32EnumAttrCase<"ColumnMajor", 1, "column_major">,
  I32EnumAttrCase<"Cdna4Shuffled", 2, "cdna4_shuffled">
]>;

def LM_NonFinite : LM_I32Enum<"NonFinite", "treatment of NaN and infinity", [
  I32EnumAttrCase<"Propagate", 0, "propagate">,
  I32EnumAttrCase<"Saturate", 1, "saturate">
]>;

def LM_RopeStyle : LM_I32Enum<"RopeStyle",
    "which two columns form a rotated pair", [
  I32EnumAttrCase<"NeoX", 0, "neox">,
  I32EnumAttrCase<"Interleaved", 1, "interleaved">
]>;
def LM_RopeStyleAttr : LM_EnumAttr<LM_RopeStyle, "rope_style">;

def LM_RopeCompute : LM_I32Enum<"RopeCompute", "precision of the rotation", [
  I32EnumAttrCase<"F32", 0, "f32">,
  I32EnumAttrCase<"Operand", 1, "operand">
]>;
def LM_RopeComputeAttr : LM_EnumAttr<LM_RopeCompute, "rope_compute">;

def LM_CacheLayout : LM_I32Enum<"CacheLayout", "layout of an MLA KV cache", [
  I32EnumAttrCase<"Bf16", 0, "bf16">,
  I32EnumAttrCase<"Fp8", 1, "fp8">,
  I32EnumAttrCase<"DsMla656", 2, "ds_mla_656">,
  I32EnumAttrCase<"DsMla584", 3, "ds_mla_584">
]>;
def LM_CacheLayoutAttr : LM_EnumAttr<LM_CacheLayout, "cache_layout">;

def LM_SkipRule : LM_I32Enum<"SkipRule", "which slots mean 'do not write'", [
  I32EnumAttrCase<"Negative", 0, "negative">,
  I32EnumAttrCase<"NegativeOrZero", 1, "negative_or_zero">
]>;
def LM_SkipRuleAttr : LM_EnumAttr<LM_SkipRule, "skip_rule">;

def LM_AttentionCompute : LM_I32Enum<"AttentionCompute",
    "precision of the products of an attention", [
  I32EnumAttrCase<"Exact", 0, "exact">,
  I32EnumAttrCase<"A8W8", 1, "a8w8">
]>;
def LM_AttentionComputeAttr
    : LM_EnumAttr<LM_AttentionCompute, "attention_compute">;

def LM_EmptyLse : LM_I32Enum<"EmptyLse",
    "the log-sum-exp by which a partial says that it saw no key", [
  I32EnumAttrCase<"NegInf", 0, "neg_inf">,
  I32EnumAttrCase<"PosInf", 1, "pos_inf">
]>;
def LM_EmptyLseAttr : LM_EnumAttr<LM_EmptyLse, "empty_lse">;

//===----------------------------------------------------------------------===//
// Quantisation scheme
//===----------------------------------------------------------------------===//

def LM_SchemeAttr : AttrDef<LM_Dialect, "Scheme"> {
  let mnemonic = "scheme";
  let summary = "How a tensor is quantised";
  let description = [{
    One attribute names everything that decides the bits of a quantisation.

    | parameter | meaning |
    |---|---|
    | `element` | `f4E2M1FN` (packed two to a byte), `f8E4M3FN` (max 448) or `f8E4M3FNUZ` (max 240) |
    | `granularity` | `tensor`: the scale is an operand; `token`: one scale per row; `block`: one per `block` consecutive columns |
    | `block` | columns per scale with `granularity = block`: 32 for the OCP MX formats, 32, 64 or 128 otherwise |
    | `scale_rounding` | `none`: the scale is f32. Otherwise it is an E8M0 byte and this is the rule below |
    | `element_rounding` | `nearest_even`, or `half_away` (FP4 only: ties away from zero, and -0 becomes +0) |
    | `layout` | `row_major`; `column_major`: the scale operand has the storage shape `[N/block, T]`; `cdna4_shuffled`: see `lm.shuffle_scale` |
    | `nonfinite` | for E8M0 scales. `propagate`: a block whose amax is Inf or NaN gets scale 0xFF and zero codes; `saturate`: NaN does not take part in amax and becomes the NaN code, or 0 where the element type has none; Inf counts as the largest f32 and saturates. f32 scales always behave as `saturate`, and the parameter must be absent |
    | `amax_floor` | f32 lower bound of amax; 0 when absent |

    With `A = max(amax, amax_floor)` in f32, `bits` its pattern, `E(u)` the
    exponent field of `u`, `emax` 2 for E2M1, 8 for E4M3FN, 7 for E4M3FNUZ, and
    `max` 6, 448, 240, the E8M0 byte is, never below 0 and never above 254 for
    a finite amax:

    *   `floor`: `E(bits(A * 2^-emax))` (OCP MX v1.0 section 6.3);
    *   `even`: `E((bits(A) + half) & 0xFF800000) - emax`, `half` = 0x200000 for
        E2M1 and 0x80000 for E4M3 (AMD Quark, torchao EVEN, AITER's Triton
        kernels);
    *   `rceil`: `u = bits(A / max)`, `E(u) + (mantissa(u) != 0)` (torchao RCEIL,
        NVIDIA, DeepSeek-V4, AITER's HIP kernels; for E2M1 they multiply by
        0x3E2AAAAB, which is the same);
    *   `ceil`: `u = bits(A * 2^-emax)`, `E(u) + (mantissa(u) != 0)`.

    Subnormal quotients have the exponent field 0. An element is
    `saturate(round(x / 2^(byte-127)))`, exact before its one rounding. With
    `scale_rounding = none` the scale is `s = f32(A / max)`, or 1 where that is 0,
    and an element is `saturate(round(f32(x / s)))`.

    Sources: OCP Microscaling Formats (MX) v1.0; ROCm/aiter
    `csrc/include/mx_quant_utils.h`, `aiter/ops/triton/_triton_kernels/quant/quant.py`;
    vLLM `csrc/quantization/`.

    Examples: `#lm.scheme<element = f4E2M1FN, granularity = block, block = 32,
    scale_rounding = even>` is MXFP4 as AMD Quark calibrates it;
    `#lm.scheme<element = f8E4M3FN, granularity = block, block = 128>` is FP8
    with one f32 scale per 128 columns.
  }];
  let parameters = (ins
    "::mlir::Type":$element,
    EnumParameter<LM_Granularity>:$granularity,
    DefaultValuedParameter<"int64_t", "0">:$block,
    DefaultValuedParameter<"::mlir::lm::ScaleRounding",
                           "ScaleRounding::None">:$scale_rounding,
    DefaultValuedParameter<"::mlir::lm::ElementRounding",
                           "ElementRounding::NearestEven">:$element_rounding,
    DefaultValuedParameter<"::mlir::lm::ScaleLayout",
                           "ScaleLayout::RowMajor">:$layout,
    DefaultValuedParameter<"::mlir::lm::NonFinite",
                           "NonFinite::Propagate">:$nonfinite,
    OptionalParameter<"::mlir::FloatAttr">:$amax_floor
  );
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// True for packed FP4 elements.
    bool isFp4() const;
    /// True when scales are E8M0 bytes, false when they are f32.
    bool hasE8M0Scale() const;
    /// True when the quantisation computes its scale, false when the scale is
    /// an operand (`granularity = tensor`).
    bool isDynamic() const;
    /// The largest finite magnitude of the element type: 6, 448 or 240.
    float getElementMax() const;
    /// Exponent of the largest power of two of the element type: 2, 8 or 7.
    int getElementEmax() const;
    /// The lower bound of amax as a number; 0 when there is none.
    float getAmaxFloorValue() const;
    /// Number of scales in a row of `columns` elements.
    int64_t getScalesPerRow(int64_t columns) const;
    /// The stored element type: `i8` for packed FP4, else `element`.
    ::mlir::Type getStorageType() const;
    /// The scale's element type: `f8E8M0FNU` or `f32`.
    ::mlir::Type getScaleType() const;
    /// The same scheme with another scale layout.
    SchemeAttr withLayout(ScaleLayout layout) const;
  }];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMATTRS_TD
