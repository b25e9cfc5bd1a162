# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What check_programs.py checks: lists of cases, and what they fuse to."""

from dataclasses import dataclass
from typing import Callable


def mx_schemes(element, layouts):
    for scale in ("floor", "even", "rceil", "ceil"):
        for rounding in (("nearest_even", "half_away")
                         if element == "mxfp4" else ("nearest_even",)):
            for layout in layouts:
                yield (f"{element},scale_rounding={scale},"
                       f"element_rounding={rounding},layout={layout}")


def schemes(n, layouts=("row_major", "column_major", "cdna4_shuffled")):
    """Every scheme that rows of n columns allow."""
    yield from mx_schemes("mxfp4", layouts)
    yield from mx_schemes("mxfp8", layouts)
    yield "mxfp4,scale_rounding=even,nonfinite=saturate"
    yield "fp8_static"
    for element in ("f8E4M3FN", "f8E4M3FNUZ"):
        yield f"fp8_token,element={element},amax_floor=1e-10"
    for block in (32, 64, 128):
        for layout in ("row_major", "column_major"):
            if layout not in layouts:
                continue
            if n % block == 0:
                yield (f"fp8_group,block={block},layout={layout},"
                       "amax_floor=1e-10")
            yield (f"fp8_group,block={block},layout={layout},"
                   "scale_rounding=rceil,nonfinite=saturate,amax_floor=1e-8")


@dataclass
class Suite:
    cases: Callable  # n -> (case, options) pairs
    fused: Callable  # (case, options) -> operations of the fused program


def norm_cases(n):
    # The slack of the row's sum grows with its length: 8 f32 ULP at 7168.
    slack = dict(tie_ulps=8.0) if n > 4096 else {}
    for scheme in schemes(n):
        for residual in (False, True):
            yield "rms_norm_quantize", dict(scheme=scheme, residual=residual,
                                            **slack)
    base = dict(scheme="mxfp4", **slack)
    for options in (
            dict(emit_norm=True), dict(emit_norm=True, residual=True),
            dict(weight=False), dict(weight_offset=1.0),
            dict(round_norm_before_weight=True),
            dict(residual=True, norm_from_rounded_residual=True),
            dict(residual=True, norm_from_rounded_residual=True,
                 round_norm_before_weight=True),
            dict(residual=True, x_type="f32", round_sum_before_residual=True),
            dict(x_type="f16", residual_type="f16", norm_type="f16"),
            dict(weight_type="f32", epsilon=1e-5),
            dict(norm_type="f32", round_before_quant=False),
            dict(parts=4), dict(parts=3, residual=True, emit_norm=True),
            dict(parts=9, round_norm_before_weight=True),
            dict(second_n=512), dict(second_n=512, emit_norm=True)):
        yield "rms_norm_quantize", dict(base, **options)
    # Row-major scales that an operation of their own reorders.
    for scheme in ("mxfp4", "mxfp4,scale_rounding=rceil", "mxfp8"):
        for residual in (False, True):
            yield "rms_norm_quantize", dict(
                scheme=scheme + ",layout=cdna4_shuffled", shuffle=True,
                residual=residual, **slack)
    yield "dual_rms_norm", dict(second_n=512)


def norm_fused(case, options):
    if case == "dual_rms_norm":
        return ["lm.dual_rms_norm"]
    return ["lm.rms_norm_quantize"]


def silu_cases(n):
    for scheme in schemes(n):
        yield "silu_mul_quantize", dict(scheme=scheme)
    for options in (dict(clamp=10.0), dict(round_activation=True),
                    dict(parts=4), dict(x_type="f16"),
                    dict(round_before_quant=False)):
        yield "silu_mul_quantize", dict(options, scheme="mxfp4")
    yield "silu_mul_quantize", dict(scheme="mxfp4,layout=cdna4_shuffled",
                                    shuffle=True)


def rope_cases(n):
    for layout in ("bf16", "fp8", "ds_mla_656", "ds_mla_584"):
        for interleaved in (False, True):
            for emit in (False, True):
                yield "rope_mla_cache_write", dict(
                    layout=layout, interleaved=interleaved, emit_k_rot=emit,
                    heads=n // 32, blocks=16)
    base = dict(heads=4, blocks=16)
    for options in (dict(skip_rule="negative_or_zero"), dict(repeated=True),
                    dict(repeated=True, slots=1, emit_k_rot=True),
                    dict(heads=12, layout="fp8", latent=96, rope=24),
                    dict(heads=3, interleaved=True, latent=96, rope=24),
                    dict(nope_first=False), dict(compute_type="bf16"),
                    dict(packed_table=True, table_type="bf16"),
                    dict(x_type="f16", q_type="f16"), dict(q_nope=False),
            dict(twice=True), dict(twice=True, layout="ds_mla_584"),
                    dict(layout="fp8", element="f8E4M3FNUZ")):
        yield "rope_mla_cache_write", dict(base, **options)
    for scheme in ("fp8_group,scale_rounding=rceil,nonfinite=saturate,"
                   "amax_floor=1e-8", "fp8_group,amax_floor=1e-8",
                   "fp8_group,block=64,amax_floor=1e-8", "fp8_static",
                   "mxfp4", "mxfp8"):
        for options in (dict(inverse=True), dict(interleaved=False),
                        dict(inverse=True, compute_type="bf16",
                             packed_table=True)):
            yield "rope_quantize", dict(options, scheme=scheme)


def rope_fused(case, options):
    return ["lm." + case]


def single_cases(n):
    """Each unfused operation on its own, special values included."""
    for scheme in schemes(n):
        yield "quantize", dict(scheme=scheme, nonfinite=True)
        yield "dequantize", dict(scheme=scheme)
    for x_type in ("f16", "f32"):
        for scheme in ("mxfp4", "mxfp8", "fp8_token,amax_floor=1e-10"):
            yield "quantize", dict(scheme=scheme, x_type=x_type,
                                   nonfinite=True)
    for out_type in ("f16", "f32"):
        yield "dequantize", dict(scheme="mxfp4", out_type=out_type)
    for columns in (7, 8, 224):
        yield "shuffle_scale", dict(n=columns)
    for out_type in ("bf16", "f16", "f32"):
        yield "rms_norm", dict(out_type=out_type)
        yield "add_rms_norm", dict(out_type=out_type)
        yield "silu_mul", dict(out_type=out_type)
        yield "split_k_reduce", dict(out_type=out_type)
    for layout in ("bf16", "fp8", "ds_mla_656", "ds_mla_584"):
        yield "mla_cache_write", dict(layout=layout, blocks=16)
        yield "mla_cache_write", dict(layout=layout, blocks=16, repeated=True)
    for interleaved in (False, True):
        for inverse in (False, True):
            for compute_type in ("f32", "bf16"):
                for heads in (0, 3):
                    yield "rope", dict(interleaved=interleaved,
                                       inverse=inverse, heads=heads,
                                       compute_type=compute_type)


SUITES = {
    "norm": Suite(norm_cases, norm_fused),
    "silu": Suite(silu_cases, lambda case, options: ["lm.silu_mul_quantize"]),
    "rope": Suite(rope_cases, rope_fused),
    "single": Suite(single_cases, lambda case, options: None),
}
