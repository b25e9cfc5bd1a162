//===-- LMOps.td - Operations of the lm dialect ------------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMOPS_TD
#define HIPFUSE_DIALECT_LM_IR_LMOPS_TD

include "hipfuse/Dialect/LM/IR/LMAttrs.td"
include "hipfuse/Dialect/LM/IR/LMInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Base classes
//===----------------------------------------------------------------------===//

class LM_ShapedOf<list<Type> elements>
    : AnyTypeOf<[RankedTensorOf<elements>, StridedMemRefOf<elements>],
                "ranked tensor or strided memref of "
                # !interleave(!foreach(t, elements, t.summary), " or ")>;

def LM_FloatElement : AnyTypeOf<[F16, BF16, F32]>;
def LM_Float : LM_ShapedOf<[F16, BF16, F32]>;
def LM_F32 : LM_ShapedOf<[F32]>;
def LM_Index : LM_ShapedOf<[I32, I64]>;
def LM_Quantized : LM_ShapedOf<[I8, F8E4M3FN, F8E4M3FNUZ]>;
def LM_Scale : LM_ShapedOf<[F8E8M0FNU, F32]>;
def LM_E8M0 : LM_ShapedOf<[F8E8M0FNU]>;
def LM_Cache : LM_ShapedOf<[BF16, I8, F8E4M3FN, F8E4M3FNUZ]>;
def LM_Query : LM_ShapedOf<[F16, BF16, F32, F8E4M3FN, F8E4M3FNUZ]>;

// An operation in destination-passing style. `firstOut` is the position of the
// first destination among the operand groups of `arguments`; every group from
// there on is a destination. Result types follow from the destinations' types.
class LM_Op<string mnemonic, int firstOut, list<Trait> traits = []>
    : Op<LM_Dialect, mnemonic, traits # [
        DestinationStyleOpInterface,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
        DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface,
                                  ["reifyResultShapes"]>,
        DeclareOpInterfaceMethods<LM_TokenOpInterface>,
        InferTypeOpInterface, ConditionallySpeculatable]> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;

  // Every group of an operation is described by the same few lines.
  code commonDeclaration = [{
    /// Position of the first destination among the operand groups.
    static constexpr unsigned kFirstOut = }] # firstOut # [{;

    ::mlir::MutableOperandRange getDpsInitsMutable() {
      unsigned start = getODSOperandIndexAndLength(kFirstOut).first;
      return ::mlir::MutableOperandRange(
          getOperation(), start, getOperation()->getNumOperands() - start);
    }

    static ::llvm::LogicalResult inferReturnTypes(
        ::mlir::MLIRContext *context, std::optional<::mlir::Location> location,
        ::mlir::ValueRange operands, ::mlir::DictionaryAttr attributes,
        ::mlir::OpaqueProperties properties, ::mlir::RegionRange regions,
        ::llvm::SmallVectorImpl<::mlir::Type> &inferredReturnTypes) {
      // The parser leaves out properties where none was given.
      Adaptor adaptor(operands, attributes,
                      properties ? *properties.as<Properties *>()
                                 : Properties(),
                      regions);
      unsigned start = adaptor.getODSOperandIndexAndLength(kFirstOut).first;
      for (::mlir::Value init : operands.drop_front(start))
        if (::llvm::isa<::mlir::RankedTensorType>(init.getType()))
          inferredReturnTypes.push_back(init.getType());
      return ::mlir::success();
    }

    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                        ::mlir::TypeRange actual) {
      return inferred == actual;
    }

    /// Pure on tensors; on memrefs the destinations are written.
    ::mlir::Speculation::Speculatability getSpeculatability() {
      return hasPureTensorSemantics() ? ::mlir::Speculation::Speculatable
                                      : ::mlir::Speculation::NotSpeculatable;
    }
  }];
  code opDeclaration = "";
  let extraClassDeclaration = commonDeclaration # opDeclaration;
}

// A fused operation: it decomposes itself into the operations it stands for.
class LM_FusedOp<string mnemonic, int firstOut, list<Trait> traits = []>
    : LM_Op<mnemonic, firstOut, traits # [
        AttrSizedOperandSegments,
        DeclareOpInterfaceMethods<LM_FusedOpInterface>]>;

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

def LM_RmsNormOp : LM_Op<"rms_norm", 2> {
  let summary = "root-mean-square norm of each row";
  let description = [{
    For each row of `x [..., N]`, in f32:

    ```
    n = x * (1 / sqrt(sum(x^2) / N + epsilon))
    out = round(n * (weight + weight_offset))       weight absent: round(n)
    ```

    With `round_norm_before_weight` (row A of the table in
    `docs/Rationale/Numerics.md`: vLLM, Hugging Face) `n` is rounded to the type of `x`
    before the multiplication. `weight_offset = 1` is Gemma's `(1 + w)`.

    Shapes: `x` and `out [..., N]`, `weight [N]`; `N` is static.

    *   (c1) `x` and `out` have the same shape, of rank 1 or more, with a static
        last dimension.
    *   (c2) `weight` has the shape `[N]`.
    *   (c3) `epsilon` is finite and positive; `weight_offset` is finite and
        needs a weight when it is not 0.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019;
    vLLM `vllm/ir/ops/layernorm.py`.

    Example:

    ```mlir
    %y = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x7168xbf16>)
           weight(%w : tensor<7168xbf16>) outs(%init : tensor<?x7168xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, Optional<LM_Float>:$weight, LM_Float:$out,
    F32Attr:$epsilon, DefaultValuedAttr<F32Attr, "0.0f">:$weight_offset,
    UnitAttr:$round_norm_before_weight);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `:` type($x) `)`
    (`weight` `(` $weight^ `:` type($weight) `)`)?
    `outs` `(` $out `:` type($out) `)`
  }];
}

def LM_AddRmsNormOp : LM_Op<"add_rms_norm", 3> {
  let summary = "residual add, then root-mean-square norm of each row";
  let description = [{
    For each row, in f32:

    ```
    s = f32(x) + f32(residual)            x first rounded to the residual's type
                                          with round_sum_before_residual
    residual_out = round(s)
    t = s                                 f32(residual_out) with
                                          norm_from_rounded_residual
    n = t * (1 / sqrt(sum(t^2) / N + epsilon))
    out = round(n * (weight + weight_offset))
    ```

    With `round_norm_before_weight` `n` is rounded to the type of `residual`
    before the multiplication. The attributes name the columns of the table of
    numerics in `docs/Rationale/Numerics.md` (vLLM's functional op, its in-place CUDA
    kernel, AITER's Triton kernels and its all-reduce epilogue all differ).

    Shapes: `x`, `residual`, `out`, `residual_out [..., N]`, `weight [N]`.

    *   (c1) `x`, `residual`, `out` and `residual_out` have the same shape, of
        rank 1 or more, with a static last dimension.
    *   (c2) `weight` has the shape `[N]`.
    *   (c3) `epsilon` is finite and positive; `weight_offset` is finite and
        needs a weight when it is not 0.
    *   (c4) `residual` and `residual_out` have the same element type.

    Source: vLLM `vllm/ir/ops/layernorm.py`, `csrc/layernorm_kernels.cu`;
    ROCm/aiter `csrc/include/custom_all_reduce.cuh`.

    Example:

    ```mlir
    %y, %r1 = lm.add_rms_norm {epsilon = 1.0e-06 : f32}
                ins(%x, %r : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
                weight(%w : tensor<7168xbf16>)
                outs(%y0, %r0 : tensor<?x7168xbf16>, tensor<?x7168xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, LM_Float:$residual, Optional<LM_Float>:$weight,
    LM_Float:$out, LM_Float:$residual_out,
    F32Attr:$epsilon, DefaultValuedAttr<F32Attr, "0.0f">:$weight_offset,
    UnitAttr:$round_norm_before_weight, UnitAttr:$norm_from_rounded_residual,
    UnitAttr:$round_sum_before_residual);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `,` $residual `:` type($x) `,` type($residual) `)`
    (`weight` `(` $weight^ `:` type($weight) `)`)?
    `outs` `(` $out `,` $residual_out `:` type($out) `,` type($residual_out) `)`
  }];
}

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

def LM_QuantizeOp : LM_Op<"quantize", 2, [AttrSizedOperandSegments]> {
  let summary = "quantise each row by a scheme";
  let description = [{
    Quantises `x [..., N]` as `scheme` says (see the `scheme` attribute).

    Shapes: `data [..., N]`, or `[..., N/2]` bytes for FP4. `scale`:
    `[..., S]` row-major with `S = ceil(N/block)`, or 1 per token; `[S, T]`
    column-major; `[Tp, Sp]` for `cdna4_shuffled`, `Tp` a multiple of 32 not
    less than `T` and `Sp` = `S` rounded up to a multiple of 8.
    The last block of a row may be short; its missing elements count as 0.
    With `granularity = tensor` the scale is the operand `input_scale [1]`:
    `data = saturate(round(f32(x / input_scale)))`.

    *   (c1) `data` has the storage type and the shape that `scheme` gives for
        `x`, whose last dimension is static, and even for FP4.
    *   (c2) `scale` is there exactly if the scheme computes its scale, with the
        type and shape that it gives.
    *   (c3) `input_scale`, f32 of one element, is there exactly if
        `granularity = tensor`.
    *   (c4) scale layouts other than `row_major` need `x` of rank 2.
    *   (c5) with f32 scales `N` is a multiple of `block`.

    Source: OCP MX v1.0; ROCm/aiter `aiter/ops/triton/quant/`; vLLM
    `csrc/quantization/`.

    Example:

    ```mlir
    %d, %s = lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block,
               block = 32, scale_rounding = even>
               ins(%x : tensor<?x7168xbf16>)
               outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, Optional<LM_F32>:$input_scale, LM_Quantized:$data,
    Optional<LM_Scale>:$scale, LM_SchemeAttr:$scheme);
  let assemblyFormat = [{
    $scheme attr-dict `ins` `(` $x `:` type($x) `)`
    (`input_scale` `(` $input_scale^ `:` type($input_scale) `)`)?
    `outs` `(` $data (`,` $scale^)? `:` type($data) (`,` type($scale)^)? `)`
  }];
}

def LM_DequantizeOp : LM_Op<"dequantize", 2> {
  let summary = "values of quantised data";
  let description = [{
    `out = round(element * scale)`, the product in f32; an E8M0 scale of 0xFF
    makes the block NaN. Shapes as in `lm.quantize`; with `granularity = tensor`
    `scale` is f32 of one element.

    *   (c1) `data` has the storage type and shape that `scheme` gives for
        `out`.
    *   (c2) `scale` has the type and shape that `scheme` gives for `out`.
    *   (c3) scale layouts other than `row_major` need `out` of rank 2.

    Example:

    ```mlir
    %x = lm.dequantize #lm.scheme<element = f8E4M3FN, granularity = block,
           block = 128> ins(%d, %s : tensor<?x512xf8E4M3FN>, tensor<?x4xf32>)
           outs(%init : tensor<?x512xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Quantized:$data, LM_Scale:$scale, LM_Float:$out, LM_SchemeAttr:$scheme);
  let assemblyFormat = [{
    $scheme attr-dict
    `ins` `(` $data `,` $scale `:` type($data) `,` type($scale) `)`
    `outs` `(` $out `:` type($out) `)`
  }];
}

def LM_ShuffleScaleOp : LM_Op<"shuffle_scale", 1> {
  let summary = "reorder row-major E8M0 scales for scaled MFMA";
  let description = [{
    Copies `scale [T, S]` to `out [Tp, Sp]` in the order that the scaled matrix
    instructions of CDNA4 read. With `Sp` = `S` rounded up to a multiple of 8,
    the scale of row `m` and block `n` goes to byte

    ```
    (m/32)*32*Sp + (n/8)*256 + (n%4)*64 + (m%16)*4 + ((n%8)/4)*2 + (m%32)/16
    ```

    of `out`, counted row-major: a dword serves a tile of 32 rows and 256
    columns. Columns `S..Sp-1` of the first `T` rows become 0x7F (1.0); rows
    from `T` on keep what the destination held.

    *   (c1) `scale` and `out` have rank 2; `Sp` is `S` rounded up to a multiple
        of 8; `Tp` is a multiple of 32 and not less than `T`.

    Source: ROCm/aiter `aiter/ops/shuffle.py`, `aiter/utility/fp4_utils.py`
    (`e8m0_shuffle`).

    Example:

    ```mlir
    %p = lm.shuffle_scale ins(%s : tensor<17x224xf8E8M0FNU>)
           outs(%init : tensor<256x224xf8E8M0FNU>)
    ```
  }];
  let arguments = (ins LM_E8M0:$scale, LM_E8M0:$out);
  let assemblyFormat = [{
    attr-dict `ins` `(` $scale `:` type($scale) `)`
    `outs` `(` $out `:` type($out) `)`
  }];
}

//===----------------------------------------------------------------------===//
// Activation, split-K
//===----------------------------------------------------------------------===//

def LM_SiluMulOp : LM_Op<"silu_mul", 1> {
  let summary = "gated SiLU activation (SwiGLU)";
  let description = [{
    With the first half of a row of `x [..., 2N]` as gate `g` and the second as
    up `u`, in f32:

    ```
    out = round(g / (1 + exp(-g)) * u)
    ```

    With `clamp = L`, first `g = min(g, L)` and `u = max(-L, min(u, L))`. With
    `round_activation` the activation `g / (1 + exp(-g))` is rounded to the type of `x`
    before the product (vLLM's `silu_and_mul`).

    *   (c1) `out` is `[..., N]` where `x` is `[..., 2N]`, both with a static last
        dimension.
    *   (c2) `clamp` is finite and positive.

    Source: Shazeer, "GLU Variants Improve Transformer", 2020; vLLM
    `csrc/activation_kernels.cu`.

    Example:

    ```mlir
    %h = lm.silu_mul ins(%gu : tensor<?x4096xbf16>)
           outs(%init : tensor<?x2048xbf16>)
    ```
  }];
  let arguments = (ins LM_Float:$x, LM_Float:$out,
    OptionalAttr<F32Attr>:$clamp, UnitAttr:$round_activation);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `:` type($x) `)` `outs` `(` $out `:` type($out) `)`
  }];
}

def LM_SplitKReduceOp : LM_Op<"split_k_reduce", 1> {
  let summary = "sum of the partial products of a split-K matrix product";
  let description = [{
    `out = round(((x[0] + x[1]) + x[2]) + ...)` in f32, over the leading
    dimension of `x [S, ..., N]`, in this order.

    *   (c1) `x` has one leading dimension more than `out`, static and at least
        1; the others are equal; the last one is static.

    Example:

    ```mlir
    %a = lm.split_k_reduce ins(%p : tensor<4x?x2112xf32>)
           outs(%init : tensor<?x2112xbf16>)
    ```
  }];
  let arguments = (ins LM_F32:$x, LM_Float:$out);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `:` type($x) `)` `outs` `(` $out `:` type($out) `)`
  }];
}

//===----------------------------------------------------------------------===//
// Rotary embedding, KV cache
//===----------------------------------------------------------------------===//

def LM_RopeOp : LM_Op<"rope", 3> {
  let summary = "rotary position embedding";
  let description = [{
    Rotates the pairs of the last dimension `R` of `x [T, ..., R]`. With
    `p = min(max(positions[t], 0), P-1)`, `c = cos[p, i]`, `s = sin[p, i]`
    (negated with `inverse`) a pair `(a, b)` becomes
    `(a*c - b*s, b*c + a*s)`. `neox` pairs columns `(i, i + R/2)`,
    `interleaved` `(2i, 2i+1)`. `compute = f32`: the
    formula in f32, rounded once; `operand`: table entries, every product and
    every sum are rounded to the type of `x`.

    `tables` is `cos [P, R/2]`, `sin [P, R/2]`, or one packed table `[P, R]` that
    holds the cosines in its first half (vLLM's `cos_sin_cache`). YaRN and other
    scalings are part of the table. Positions are clamped to the table, so that
    no position reads outside of it.

    *   (c1) `x` and `out` have the same shape, of rank 2 or more, and a static
        even last dimension.
    *   (c2) `positions` is `[T]`.
    *   (c3) `tables` are two of `[P, R/2]` or one of `[P, R]`, of one type.

    Source: Su et al., "RoFormer", 2021; vLLM `csrc/pos_encoding_kernels.cu`;
    ROCm/aiter `aiter/rotary_embedding.py`.

    Example:

    ```mlir
    %q1 = lm.rope interleaved ins(%q : tensor<?x16x64xbf16>)
            positions(%pos : tensor<?xi64>)
            tables(%cs : tensor<163840x64xf32>)
            outs(%init : tensor<?x16x64xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, LM_Index:$positions, Variadic<LM_Float>:$tables, LM_Float:$out,
    LM_RopeStyleAttr:$style, UnitAttr:$inverse,
    DefaultValuedAttr<LM_RopeComputeAttr,
                      "::mlir::lm::RopeCompute::F32">:$compute);
  let assemblyFormat = [{
    custom<RopeStyle>($style) (`inverse` $inverse^)? attr-dict
    `ins` `(` $x `:` type($x) `)`
    `positions` `(` $positions `:` type($positions) `)`
    `tables` `(` $tables `:` type($tables) `)`
    `outs` `(` $out `:` type($out) `)`
  }];
}

def LM_MlaCacheWriteOp : LM_Op<"mla_cache_write", 4> {
  let summary = "write latent and rope parts of tokens into a paged MLA cache";
  let description = [{
    For each `t < S`, `slot = slots[t]`: writes the row `[kv_c[t] | k_pe[t]]`
    (`[k_pe | kv_c]` with `rope_first`) into page `slot / page_size`, token
    `slot % page_size` of `cache`. Nothing is written for a slot that
    `skip_rule` names (`negative`, or also 0: a reserved padding slot) nor for
    one beyond the cache. Of two equal slots the later row stays. `slots` may be shorter than the rows (padding
    of captured graphs).

    | layout | cache | a token |
    |---|---|---|
    | `bf16` | `[pages, page_size, L+R]` bf16 | values rounded to bf16 |
    | `fp8` | `[pages, page_size, L+R]` FP8 | `saturate(round(f32(x / scale)))`, `scale [1]` f32 |
    | `ds_mla_656` | `[pages, page_size, 656]` i8 | L = 512, R = 64. 512 E4M3FN codes, four f32 scales (one per 128 columns: `f32(amax / 448)`, 1 where that is 0), 64 bf16 |
    | `ds_mla_584` | `[pages, stride]` i8 | L = 448, R = 64. Token `p` of a page: 448 E4M3FN codes and 64 bf16 at byte `576 p`; seven E8M0 scales (one per 64 columns, `rceil` of `max(amax, 1e-4) / 448`) and a zero byte at `576 page_size + 8 p` |

    `stride` is at least `584 page_size` and a multiple of 576. NaN and Inf in
    FP8 parts are treated as by `nonfinite = saturate`. `rope_first` needs the layout `bf16` or `fp8`.

    *   (c1) `kv_c` is `[T, L]` and `k_pe` is `[T, R]`; `slots` is `[S]`, static `S` not greater than `T`.
    *   (c2) `cache` has the shape and the element type that `layout` names;
        `page_size` is given exactly for `ds_mla_584` and positive.
    *   (c3) `scale` (f32, one element) is given exactly for `fp8`.
    *   (c4) `rope_first` only with `bf16` or `fp8`.

    Source: vLLM `csrc/cache_kernels.cu` (`concat_and_cache_mla`), FlashMLA
    `tests/quant.py`, ROCm/aiter `csrc/kernels/cache_kernels.cu`.

    Example:

    ```mlir
    %c1 = lm.mla_cache_write bf16 {skip_rule = #lm.skip_rule<negative>}
            ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>)
            slots(%slots : tensor<?xi64>)
            outs(%cache : tensor<?x64x576xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$kv_c, LM_Float:$k_pe, LM_Index:$slots, Optional<LM_F32>:$scale,
    LM_Cache:$cache,
    LM_CacheLayoutAttr:$layout, LM_SkipRuleAttr:$skip_rule,
    UnitAttr:$rope_first, OptionalAttr<I64Attr>:$page_size);
  let assemblyFormat = [{
    custom<CacheLayout>($layout) attr-dict
    `ins` `(` $kv_c `,` $k_pe `:` type($kv_c) `,` type($k_pe) `)`
    `slots` `(` $slots `:` type($slots) `)`
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    `outs` `(` $cache `:` type($cache) `)`
  }];
}

//===----------------------------------------------------------------------===//
// Fused operations
//===----------------------------------------------------------------------===//

def LM_RmsNormQuantizeOp : LM_FusedOp<"rms_norm_quantize", 6> {
  let summary = "norm, with optional residual add, then quantise";
  let description = [{
    `lm.rms_norm` (`lm.add_rms_norm` where `residual` is given) followed by
    `lm.quantize` of its result, without a round trip through memory:

    ```
    y = norm(x [+ residual]) * (weight + weight_offset)          in f32
    y = round to round_before_quant, where given
    data, scale = quantize(y)
    norm_out = round(y)         residual_out = round(x + residual)
    ```

    `round_before_quant` is the element type of the norm's result in the
    unfused chain; without it the f32 norm is quantised. `residual_out` is
    there exactly with `residual`; `norm_out` is optional.

    A second row-wise norm of another input with the same rows (the latent
    part beside the query part of DeepSeek's a-projection) may ride along:
    `second` names its input and weight, `second_out` its
    destination, `second_epsilon` its epsilon; it is `lm.rms_norm` of them, with the same
    `weight_offset` and `round_norm_before_weight`, and is not quantised.

    With `split_k_type` `x` is `[S, ..., N]` f32, the partial products of a
    split-K matrix product, and `lm.split_k_reduce` into that type comes first.

    *   (c1) the constraints of `lm.rms_norm`, `lm.add_rms_norm` and
        `lm.quantize` hold for the parts.
    *   (c2) `residual` and `residual_out` are given together.
    *   (c3) `norm_out`, where given beside `round_before_quant`, has that
        element type.
    *   (c4) `second`, `second_out` and `second_epsilon` are given together;
        the leading dimensions of the second input equal those of `x`.
    *   (c5) with `split_k_type` `x` is as `lm.split_k_reduce` takes it.

    Source: ROCm/aiter `aiter/ops/triton/quant/fused_mxfp4_quant.py`
    (`fused_rms_mxfp4_quant`, `fused_reduce_rms_mxfp4_quant`), vllm-project/vllm#44437.

    Example:

    ```mlir
    %d, %s, %r1 = lm.rms_norm_quantize #lm.scheme<element = f4E2M1FN,
        granularity = block, block = 32, scale_rounding = even>
        {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
        ins(%x : tensor<?x7168xbf16>) residual(%r : tensor<?x7168xbf16>)
        weight(%w : tensor<7168xbf16>)
        outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
        residual_out(%r0 : tensor<?x7168xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, Optional<LM_Float>:$residual, Optional<LM_Float>:$weight,
    Optional<LM_F32>:$input_scale,
    Optional<LM_Float>:$second_x, Optional<LM_Float>:$second_weight,
    LM_Quantized:$data, Optional<LM_Scale>:$scale,
    Optional<LM_Float>:$norm_out, Optional<LM_Float>:$residual_out,
    Optional<LM_Float>:$second_out,
    LM_SchemeAttr:$scheme, F32Attr:$epsilon,
    DefaultValuedAttr<F32Attr, "0.0f">:$weight_offset,
    UnitAttr:$round_norm_before_weight, UnitAttr:$norm_from_rounded_residual,
    UnitAttr:$round_sum_before_residual,
    OptionalAttr<TypeAttrOf<LM_FloatElement>>:$round_before_quant,
    OptionalAttr<F32Attr>:$second_epsilon,
    OptionalAttr<TypeAttrOf<LM_FloatElement>>:$split_k_type);
  let opDeclaration = [{
    /// The shape of the rows that are normed: that of `x` without the splits.
    ::llvm::ArrayRef<int64_t> getRowShape();
  }];
  let assemblyFormat = [{
    $scheme attr-dict `ins` `(` $x `:` type($x) `)`
    (`residual` `(` $residual^ `:` type($residual) `)`)?
    (`weight` `(` $weight^ `:` type($weight) `)`)?
    (`input_scale` `(` $input_scale^ `:` type($input_scale) `)`)?
    (`second` `(` $second_x^ (`,` $second_weight^)? `:` type($second_x)
                  (`,` type($second_weight)^)? `)`)?
    `outs` `(` $data (`,` $scale^)? `:` type($data) (`,` type($scale)^)? `)`
    (`norm_out` `(` $norm_out^ `:` type($norm_out) `)`)?
    (`residual_out` `(` $residual_out^ `:` type($residual_out) `)`)?
    (`second_out` `(` $second_out^ `:` type($second_out) `)`)?
  }];
}

def LM_DualRmsNormOp : LM_FusedOp<"dual_rms_norm", 4> {
  let summary = "two norms over the same rows in one pass";
  let description = [{
    `out = rms_norm(x)` and `second_out = rms_norm(second_x)`, as `lm.rms_norm`
    defines them with `epsilon` and `second_epsilon`: the query and latent
    norms of DeepSeek's a-projection when neither is quantised.

    *   (c1) the constraints of `lm.rms_norm` hold for both parts.
    *   (c2) the leading dimensions of `second_x` equal those of `x`.

    Source: vLLM `fused_mla_dual_rms_norm`, `fused_q_kv_rmsnorm`.

    Example:

    ```mlir
    %q, %kv = lm.dual_rms_norm
        {epsilon = 1.0e-06 : f32, second_epsilon = 1.0e-06 : f32}
        ins(%a, %b : tensor<?x1536xbf16>, tensor<?x512xbf16>)
        weight(%wa : tensor<1536xbf16>) second_weight(%wb : tensor<512xbf16>)
        outs(%q0, %kv0 : tensor<?x1536xbf16>, tensor<?x512xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, LM_Float:$second_x, Optional<LM_Float>:$weight,
    Optional<LM_Float>:$second_weight, LM_Float:$out, LM_Float:$second_out,
    F32Attr:$epsilon, F32Attr:$second_epsilon,
    DefaultValuedAttr<F32Attr, "0.0f">:$weight_offset,
    UnitAttr:$round_norm_before_weight);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `,` $second_x `:` type($x) `,` type($second_x) `)`
    (`weight` `(` $weight^ `:` type($weight) `)`)?
    (`second_weight` `(` $second_weight^ `:` type($second_weight) `)`)?
    `outs` `(` $out `,` $second_out `:` type($out) `,` type($second_out) `)`
  }];
}

def LM_SiluMulQuantizeOp : LM_FusedOp<"silu_mul_quantize", 2> {
  let summary = "gated SiLU, then quantise";
  let description = [{
    `lm.silu_mul` followed by `lm.quantize` of its result; `round_before_quant`
    is the element type of the activation's result in the unfused chain, absent
    where the f32 value is quantised. With `split_k_type` `x` is
    `[S, ..., 2N]` f32, the partial products of a split-K matrix product, and
    `lm.split_k_reduce` into that type comes first.

    *   (c1) the constraints of `lm.silu_mul`, `lm.quantize` and
        `lm.split_k_reduce` hold for the parts.

    Source: ROCm/aiter `aiter/ops/triton/quant/fused_mxfp4_quant.py`
    (`fused_reduce_act_mul_and_mxfp4_quant`).

    Example:

    ```mlir
    %d, %s = lm.silu_mul_quantize #lm.scheme<element = f8E4M3FN,
        granularity = block, block = 128> {round_before_quant = bf16}
        ins(%gu : tensor<?x4096xbf16>)
        outs(%d0, %s0 : tensor<?x2048xf8E4M3FN>, tensor<?x16xf32>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, Optional<LM_F32>:$input_scale,
    LM_Quantized:$data, Optional<LM_Scale>:$scale,
    LM_SchemeAttr:$scheme, OptionalAttr<F32Attr>:$clamp,
    UnitAttr:$round_activation,
    OptionalAttr<TypeAttrOf<LM_FloatElement>>:$round_before_quant,
    OptionalAttr<TypeAttrOf<LM_FloatElement>>:$split_k_type);
  let assemblyFormat = [{
    $scheme attr-dict `ins` `(` $x `:` type($x) `)`
    (`input_scale` `(` $input_scale^ `:` type($input_scale) `)`)?
    `outs` `(` $data (`,` $scale^)? `:` type($data) (`,` type($scale)^)? `)`
  }];
}

def LM_RopeMlaCacheWriteOp : LM_FusedOp<"rope_mla_cache_write", 9> {
  let summary = "rotate query and key, concatenate the query, write the cache";
  let description = [{
    ```
    q_rot = rope(q_pe)      k_rot = rope(k_pe)     round(...) as in lm.rope
    q_out = concat(q_nope, q_rot) along the last dimension
            (q_rot where q_nope is absent)
    cache = mla_cache_write(kv_c, k_rot)
    ```

    Every row of `q_out` is written, also one whose slot is skipped. With
    `q_scale` `q_out` is FP8: `saturate(round(f32(v / q_scale)))`. `k_rot` is an
    optional destination. `k_pe` may have fewer leading dimensions than `q_pe`.

    *   (c1) the constraints of `lm.rope` and `lm.mla_cache_write` hold for the
        parts; all have the same number of tokens.
    *   (c2) `q_out` is `[T, H, L + R]` where `q_nope` is `[T, H, L]`, else
        `[T, H, R]`, and has the type of `q_pe`, or FP8 with `q_scale`.
    *   (c3) an FP8 `q_out` needs the layout `fp8` (AITER defines no other pair).

    Source: ROCm/aiter `aiter/ops/cache.py`
    (`fused_qk_rope_concat_and_cache_mla`), vllm-project/vllm#44437.

    Example:

    ```mlir
    %q, %c1 = lm.rope_mla_cache_write interleaved bf16
        {skip_rule = #lm.skip_rule<negative>}
        q_nope(%qn : tensor<?x16x512xbf16>) q_pe(%qp : tensor<?x16x64xbf16>)
        kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>)
        positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>)
        slots(%slots : tensor<?xi64>)
        outs(%q0, %cache : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>)
    ```
  }];
  let arguments = (ins
    Optional<LM_Float>:$q_nope, LM_Float:$q_pe, LM_Float:$kv_c, LM_Float:$k_pe,
    LM_Index:$positions, Variadic<LM_Float>:$tables, LM_Index:$slots,
    Optional<LM_F32>:$scale, Optional<LM_F32>:$q_scale,
    LM_Query:$q_out, LM_Cache:$cache, Optional<LM_Float>:$k_rot,
    LM_RopeStyleAttr:$style,
    DefaultValuedAttr<LM_RopeComputeAttr,
                      "::mlir::lm::RopeCompute::F32">:$compute,
    LM_CacheLayoutAttr:$layout, LM_SkipRuleAttr:$skip_rule,
    UnitAttr:$rope_first, OptionalAttr<I64Attr>:$page_size);
  let assemblyFormat = [{
    custom<RopeStyle>($style) custom<CacheLayout>($layout) attr-dict
    (`q_nope` `(` $q_nope^ `:` type($q_nope) `)`)?
    `q_pe` `(` $q_pe `:` type($q_pe) `)`
    `kv` `(` $kv_c `,` $k_pe `:` type($kv_c) `,` type($k_pe) `)`
    `positions` `(` $positions `:` type($positions) `)`
    `tables` `(` $tables `:` type($tables) `)`
    `slots` `(` $slots `:` type($slots) `)`
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`q_scale` `(` $q_scale^ `:` type($q_scale) `)`)?
    `outs` `(` $q_out `,` $cache `:` type($q_out) `,` type($cache) `)`
    (`k_rot` `(` $k_rot^ `:` type($k_rot) `)`)?
  }];
}

def LM_RopeQuantizeOp : LM_FusedOp<"rope_quantize", 4> {
  let summary = "rotate the trailing columns of each head, then quantise";
  let description = [{
    Applies `lm.rope` to the last `R` columns of each head of `x [T, H, D]`
    (DeepSeek-V4 rotates the attention output back: `inverse`), takes the
    result as rows of `data`'s shape, `[T, H*D]` or `[T, G, H*D/G]`, and
    quantises them as `scheme` says.

    *   (c1) the constraints of `lm.rope` hold for the trailing columns; `R`,
        given by the tables, is not greater than `D`.
    *   (c2) the rows of `data` have `H*D` elements in all; the scheme's
        `granularity` is `block`, its `block` divides `D`, or `tensor`.
    *   (c3) the constraints of `lm.quantize` hold for a result of `data`'s
        shape.

    Source: ROCm/aiter `csrc/kernels/inverse_rope_group_quant.cu`.

    Example:

    ```mlir
    %d, %s = lm.rope_quantize interleaved inverse #lm.scheme<element = f8E4M3FN,
        granularity = block, block = 128, scale_rounding = rceil,
        nonfinite = saturate>
        ins(%o : tensor<?x64x512xbf16>) positions(%pos : tensor<?xi64>)
        tables(%cs : tensor<4096x64xf32>)
        outs(%d0, %s0 : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, LM_Index:$positions, Variadic<LM_Float>:$tables,
    Optional<LM_F32>:$input_scale,
    LM_Quantized:$data, Optional<LM_Scale>:$scale,
    LM_RopeStyleAttr:$style, UnitAttr:$inverse,
    DefaultValuedAttr<LM_RopeComputeAttr,
                      "::mlir::lm::RopeCompute::F32">:$compute,
    LM_SchemeAttr:$scheme);
  let assemblyFormat = [{
    custom<RopeStyle>($style) (`inverse` $inverse^)? $scheme attr-dict
    `ins` `(` $x `:` type($x) `)`
    `positions` `(` $positions `:` type($positions) `)`
    `tables` `(` $tables `:` type($tables) `)`
    (`input_scale` `(` $input_scale^ `:` type($input_scale) `)`)?
    `outs` `(` $data (`,` $scale^)? `:` type($data) (`,` type($scale)^)? `)`
  }];
}

include "hipfuse/Dialect/LM/IR/LMAttentionOps.td"
include "hipfuse/Dialect/LM/IR/LMMhcOps.td"

#endif // HIPFUSE_DIALECT_LM_IR_LMOPS_TD
