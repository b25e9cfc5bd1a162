//===-- LMMhcOps.td - Hyper-connection operations of lm ----*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included by LMOps.td, which has the base classes.
//
// Manifold-constrained hyper-connections (mHC): a token's residual is `n`
// streams of `H` columns. Before a sublayer the streams are collapsed to its
// input, after it they are mixed with its output, by weights that depend on the
// residual. Terms of all operations:
//
//   n  number of streams (`hc_mult`)
//   H  hidden size
//   M  number of mixes: n + n + n*n for pre, post and comb; n for the head
//   K  number of columns of `fn`: n*H, or H where the streams are folded
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMMHCOPS_TD
#define HIPFUSE_DIALECT_LM_IR_LMMHCOPS_TD

//===----------------------------------------------------------------------===//
// The parts
//===----------------------------------------------------------------------===//

def LM_MhcLogitsOp : LM_Op<"mhc_logits", 2> {
  let summary = "projection of a token's residual streams, and its square sum";
  let description = [{
    With `X` the `K` columns of a token's streams side by side, in f32:

    ```
    logits[m] = sum_k X[k] * fn[m, k]
    sqrsum = sum_k X[k]^2
    ```

    `residual` is `[T, n, H]`; or `[T, H]` where all streams are that row, as
    they are before the first sublayer. `fn` is then still `[M, n*H]`, or
    `[M, H]`: the sum over the streams.

    *   (c1) `residual` is `[T, n, H]` or `[T, H]`, `n` and `H` static.
    *   (c2) `fn` is `[M, K]`, `M` static, `K = n*H`; with a residual `[T, H]`
        `K` is a multiple of `H`.
    *   (c3) `logits` is `[T, M]` and `sqrsum` is `[T]`.

    Source: ROCm/aiter `aiter/ops/mhc.py` (`mhc_pre_gemm_sqrsum`).

    Example:

    ```mlir
    %l, %q = lm.mhc_logits ins(%r : tensor<?x4x7168xbf16>)
               fn(%fn : tensor<24x28672xf32>)
               outs(%l0, %q0 : tensor<?x24xf32>, tensor<?xf32>)
    ```
  }];
  let arguments = (ins
    LM_Float:$residual, LM_F32:$fn, LM_F32:$logits, LM_F32:$sqrsum);
  let assemblyFormat = [{
    attr-dict `ins` `(` $residual `:` type($residual) `)`
    `fn` `(` $fn `:` type($fn) `)`
    `outs` `(` $logits `,` $sqrsum `:` type($logits) `,` type($sqrsum) `)`
  }];
}

def LM_MhcCoefficientsOp : LM_Op<"mhc_coefficients", 4,
                                 [AttrSizedOperandSegments]> {
  let summary = "weights of a token's residual streams";
  let description = [{
    From the results of `lm.mhc_logits` over `columns` columns, in f32:

    ```
    m = logits * (1 / sqrt(sqrsum / columns + rms_epsilon))
    pre  = sigmoid(m[0:n] * scale[0] + base[0:n]) + pre_epsilon
    post = sigmoid(m[n:2n] * scale[1] + base[n:2n]) * post_mult
    C = m[2n:] * scale[2] + base[2n:]                        as [n, n], row-major
    C = softmax of each row of C, + sinkhorn_epsilon
    C = C / (sum of the column + sinkhorn_epsilon)
    sinkhorn_iterations - 1 times:
      C = C / (sum of the row + sinkhorn_epsilon)
      C = C / (sum of the column + sinkhorn_epsilon)
    comb = C
    ```

    so that rows and columns of `comb` sum to 1 nearly. Without `post` and
    `comb` (the head) there are `n` mixes, one scale, and only `pre`. No
    attribute has a default: implementations in use differ in all of them
    (`post_mult` is 2 in DeepSeek-V4, and 1 where AITER is not told).

    *   (c1) `logits` is `[T, M]`, `sqrsum` is `[T]`; `base` is `[M]`; `scale` is
        `[3]`, or `[1]` for the head.
    *   (c2) `M` is `n*n + 2n`, `pre` and `post` are `[T, n]`, `comb` is
        `[T, n, n]`; for the head `M` is `n`.
    *   (c3) `post` and `comb`, `post_mult`, `sinkhorn_epsilon` and
        `sinkhorn_iterations` are given together.
    *   (c4) epsilons are finite and positive, `post_mult` is finite, `columns`
        and `sinkhorn_iterations` are positive.

    Source: Xie et al., "mHC: Manifold-Constrained Hyper-Connections", 2025;
    vLLM `vllm/model_executor/kernels/mhc/torch.py`; ROCm/aiter
    `aiter/ops/mhc.py` (`mhc_pre_big_fuse`).

    Example:

    ```mlir
    %pre, %post, %comb = lm.mhc_coefficients
        {columns = 28672 : i64, rms_epsilon = 1.0e-06 : f32,
         pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32,
         sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64}
        ins(%l, %q : tensor<?x24xf32>, tensor<?xf32>)
        scale(%scale : tensor<3xf32>) base(%base : tensor<24xf32>)
        outs(%p0, %t0, %c0 : tensor<?x4xf32>, tensor<?x4xf32>,
             tensor<?x4x4xf32>)
    ```
  }];
  let arguments = (ins
    LM_F32:$logits, LM_F32:$sqrsum, LM_F32:$scale, LM_F32:$base,
    LM_F32:$pre, Optional<LM_F32>:$post, Optional<LM_F32>:$comb,
    I64Attr:$columns, F32Attr:$rms_epsilon, F32Attr:$pre_epsilon,
    OptionalAttr<F32Attr>:$post_mult, OptionalAttr<F32Attr>:$sinkhorn_epsilon,
    OptionalAttr<I64Attr>:$sinkhorn_iterations);
  let assemblyFormat = [{
    attr-dict
    `ins` `(` $logits `,` $sqrsum `:` type($logits) `,` type($sqrsum) `)`
    `scale` `(` $scale `:` type($scale) `)` `base` `(` $base `:` type($base) `)`
    `outs` `(` $pre (`,` $post^ `,` $comb)? `:` type($pre)
               (`,` type($post)^ `,` type($comb))? `)`
  }];
}

def LM_MhcCollapseOp : LM_Op<"mhc_collapse", 2> {
  let summary = "weighted sum of a token's residual streams";
  let description = [{
    `out = round(((pre[0] * R[0]) + pre[1] * R[1]) + ...)` over the streams `R` of
    `residual`, in f32. With a residual `[T, H]` each stream is that row.

    *   (c1) `residual` is `[T, n, H]` or `[T, H]`, `n` and `H` static.
    *   (c2) `pre` is `[T, n]` and `out` is `[T, H]`.

    Example:

    ```mlir
    %x = lm.mhc_collapse ins(%r : tensor<?x4x7168xbf16>)
           pre(%pre : tensor<?x4xf32>) outs(%x0 : tensor<?x7168xbf16>)
    ```
  }];
  let arguments = (ins LM_Float:$residual, LM_F32:$pre, LM_Float:$out);
  let assemblyFormat = [{
    attr-dict `ins` `(` $residual `:` type($residual) `)`
    `pre` `(` $pre `:` type($pre) `)` `outs` `(` $out `:` type($out) `)`
  }];
}

def LM_MhcPostOp : LM_Op<"mhc_post", 4> {
  let summary = "mix a sublayer's output into the residual streams";
  let description = [{
    For each stream `j`, with `R` the streams of `residual`, in f32:

    ```
    out[j] = round(((post[j] * x + comb[0, j] * R[0]) + comb[1, j] * R[1]) + ...)
    ```

    Note the transpose: `comb^T` times the streams. With a residual `[T, H]`
    each stream is that row.

    *   (c1) `residual` is `[T, n, H]` or `[T, H]`, `x` is `[T, H]`, `post` is
        `[T, n]`, `comb` is `[T, n, n]`, `n` and `H` static.
    *   (c2) `out` is `[T, n, H]` and has the element type of `residual`.

    Source: vLLM `vllm/model_executor/kernels/mhc/torch.py`; ROCm/aiter
    `aiter/ops/mhc.py` (`mhc_post`).

    Example:

    ```mlir
    %r1 = lm.mhc_post ins(%x, %r : tensor<?x7168xbf16>, tensor<?x4x7168xbf16>)
            mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>)
            outs(%r0 : tensor<?x4x7168xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$x, LM_Float:$residual, LM_F32:$post, LM_F32:$comb, LM_Float:$out);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `,` $residual `:` type($x) `,` type($residual) `)`
    `mix` `(` $post `,` $comb `:` type($post) `,` type($comb) `)`
    `outs` `(` $out `:` type($out) `)`
  }];
}

//===----------------------------------------------------------------------===//
// Fused operations
//===----------------------------------------------------------------------===//

// The attributes of a fused norm of the layer's input.
defvar LM_MhcNormArguments = (ins
    OptionalAttr<F32Attr>:$norm_epsilon,
    DefaultValuedAttr<F32Attr, "0.0f">:$norm_weight_offset,
    UnitAttr:$round_norm_before_weight,
    OptionalAttr<TypeAttrOf<LM_FloatElement>>:$round_before_norm);

def LM_MhcPreOp : LM_FusedOp<"mhc_pre", 6> {
  let summary = "the input of a sublayer from the residual streams";
  let description = [{
    ```
    logits, sqrsum = mhc_logits(residual, fn)
    pre, post, comb = mhc_coefficients(logits, sqrsum, scale, base)
    layer_input = mhc_collapse(residual, pre)
    ```

    with one reading of the residual. `post` and `comb` are for the `lm.mhc_post`
    after the sublayer.

    With `pre_out` the collapse is delayed (DeepSeek-V4.1): `pre` goes to
    `pre_out`, for the next sublayer, and the collapse takes `pre_in`, the
    previous sublayer's; where `pre_in` is absent (the first sublayer)
    `layer_input` is the first stream.

    With `norm_epsilon` the sublayer's norm is fused: the collapsed row, rounded
    to `round_before_norm` where that is given, goes through `lm.rms_norm` with
    `norm_weight`, `norm_epsilon`, `norm_weight_offset` and
    `round_norm_before_weight`, and `layer_input` is its result.

    With a residual `[T, H]` each stream is that row, which is read once
    instead of `n` times.

    *   (c1) the constraints of `lm.mhc_logits`, `lm.mhc_coefficients` and
        `lm.mhc_collapse` hold for the parts.
    *   (c2) `pre_in` (`[T, n]`) is given only with `pre_out` (`[T, n]`).
    *   (c3) `norm_weight` is `[H]`; it, `norm_weight_offset`,
        `round_norm_before_weight` and `round_before_norm` are given only with
        `norm_epsilon`, finite and positive; the offset needs a weight.

    Source: vLLM `vllm/model_executor/kernels/mhc/torch.py` (`mhc_pre_torch`,
    `mhc_pre_delayed_torch`); ROCm/aiter `aiter/ops/mhc.py` (`mhc_pre`).

    Example:

    ```mlir
    %x, %post, %comb = lm.mhc_pre
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32,
         post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32,
         sinkhorn_iterations = 20 : i64, norm_epsilon = 1.0e-06 : f32,
         round_before_norm = bf16}
        ins(%r : tensor<?x4x7168xbf16>) fn(%fn : tensor<24x28672xf32>)
        scale(%scale : tensor<3xf32>) base(%base : tensor<24xf32>)
        norm_weight(%w : tensor<7168xbf16>)
        outs(%x0, %t0, %c0 : tensor<?x7168xbf16>, tensor<?x4xf32>,
             tensor<?x4x4xf32>)
    ```
  }];
  let arguments = !con((ins
    LM_Float:$residual, LM_F32:$fn, LM_F32:$scale, LM_F32:$base,
    Optional<LM_F32>:$pre_in, Optional<LM_Float>:$norm_weight,
    LM_Float:$layer_input, LM_F32:$post, LM_F32:$comb,
    Optional<LM_F32>:$pre_out,
    F32Attr:$rms_epsilon, F32Attr:$pre_epsilon, F32Attr:$post_mult,
    F32Attr:$sinkhorn_epsilon, I64Attr:$sinkhorn_iterations),
    LM_MhcNormArguments);
  let assemblyFormat = [{
    attr-dict `ins` `(` $residual `:` type($residual) `)`
    `fn` `(` $fn `:` type($fn) `)`
    `scale` `(` $scale `:` type($scale) `)` `base` `(` $base `:` type($base) `)`
    (`pre_in` `(` $pre_in^ `:` type($pre_in) `)`)?
    (`norm_weight` `(` $norm_weight^ `:` type($norm_weight) `)`)?
    `outs` `(` $layer_input `,` $post `,` $comb `:` type($layer_input) `,`
               type($post) `,` type($comb) `)`
    (`pre_out` `(` $pre_out^ `:` type($pre_out) `)`)?
  }];
}

def LM_MhcPostPreOp : LM_FusedOp<"mhc_post_pre", 9> {
  let summary = "mhc_post of a sublayer, then mhc_pre of the next";
  let description = [{
    ```
    residual_out = mhc_post(x, residual, post, comb)
    layer_input, post_out, comb_out[, pre_out] = mhc_pre(residual_out, ...)
    ```

    The new residual is written once and not read again. Operands and
    attributes are those of `lm.mhc_post` and `lm.mhc_pre`.

    *   (c1) the constraints of `lm.mhc_post` and `lm.mhc_pre` hold for the
        parts.

    Source: ROCm/aiter `aiter/ops/mhc.py` (`mhc_fused_post_pre`),
    vllm-project/vllm#52737.

    Example:

    ```mlir
    %r1, %x1, %post1, %comb1 = lm.mhc_post_pre
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32,
         post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32,
         sinkhorn_iterations = 20 : i64}
        ins(%x, %r : tensor<?x7168xbf16>, tensor<?x4x7168xbf16>)
        mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>)
        fn(%fn : tensor<24x28672xf32>) scale(%scale : tensor<3xf32>)
        base(%base : tensor<24xf32>)
        outs(%r0, %x0, %t0, %c0 : tensor<?x4x7168xbf16>, tensor<?x7168xbf16>,
             tensor<?x4xf32>, tensor<?x4x4xf32>)
    ```
  }];
  let arguments = !con((ins
    LM_Float:$x, LM_Float:$residual, LM_F32:$post, LM_F32:$comb,
    LM_F32:$fn, LM_F32:$scale, LM_F32:$base,
    Optional<LM_F32>:$pre_in, Optional<LM_Float>:$norm_weight,
    LM_Float:$residual_out, LM_Float:$layer_input, LM_F32:$post_out,
    LM_F32:$comb_out, Optional<LM_F32>:$pre_out,
    F32Attr:$rms_epsilon, F32Attr:$pre_epsilon, F32Attr:$post_mult,
    F32Attr:$sinkhorn_epsilon, I64Attr:$sinkhorn_iterations),
    LM_MhcNormArguments);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `,` $residual `:` type($x) `,` type($residual) `)`
    `mix` `(` $post `,` $comb `:` type($post) `,` type($comb) `)`
    `fn` `(` $fn `:` type($fn) `)`
    `scale` `(` $scale `:` type($scale) `)` `base` `(` $base `:` type($base) `)`
    (`pre_in` `(` $pre_in^ `:` type($pre_in) `)`)?
    (`norm_weight` `(` $norm_weight^ `:` type($norm_weight) `)`)?
    `outs` `(` $residual_out `,` $layer_input `,` $post_out `,` $comb_out `:`
               type($residual_out) `,` type($layer_input) `,` type($post_out)
               `,` type($comb_out) `)`
    (`pre_out` `(` $pre_out^ `:` type($pre_out) `)`)?
  }];
}

def LM_MhcHeadOp : LM_Op<"mhc_head", 4, [
    DeclareOpInterfaceMethods<LM_FusedOpInterface>]> {
  let summary = "the output of a model from the residual streams";
  let description = [{
    ```
    logits, sqrsum = mhc_logits(residual, fn)
    pre = mhc_coefficients(logits, sqrsum, scale, base)
    out = mhc_collapse(residual, pre)
    ```

    *   (c1) the constraints of `lm.mhc_logits`, `lm.mhc_coefficients` and
        `lm.mhc_collapse` hold for the parts; there are `n` mixes.

    Source: vLLM `vllm/model_executor/layers/mhc.py` (`hc_head`).

    Example:

    ```mlir
    %y = lm.mhc_head
        {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32}
        ins(%r : tensor<?x4x7168xbf16>) fn(%fn : tensor<4x28672xf32>)
        scale(%scale : tensor<1xf32>) base(%base : tensor<4xf32>)
        outs(%y0 : tensor<?x7168xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Float:$residual, LM_F32:$fn, LM_F32:$scale, LM_F32:$base, LM_Float:$out,
    F32Attr:$rms_epsilon, F32Attr:$pre_epsilon);
  let assemblyFormat = [{
    attr-dict `ins` `(` $residual `:` type($residual) `)`
    `fn` `(` $fn `:` type($fn) `)`
    `scale` `(` $scale `:` type($scale) `)` `base` `(` $base `:` type($base) `)`
    `outs` `(` $out `:` type($out) `)`
  }];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMMHCOPS_TD
