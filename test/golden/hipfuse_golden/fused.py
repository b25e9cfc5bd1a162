# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fused operations: compositions of the others with named rounding points."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import formats
from .act import silu_mul, split_k_reduce
from .cache import mla_cache_write
from .interval import Interval, as_interval
from .norm import add_rms_norm, rms_norm
from .quant import Quantized, quantize
from .rope import rope


@dataclass
class FusedQuantized:
    """A quantised result and the interval of the values it was made from."""

    quantized: Quantized
    pre_quant: Interval
    norm: Optional[np.ndarray] = None  # un-quantised output, float64
    norm_interval: Optional[Interval] = None
    residual_out: Optional[np.ndarray] = None


def quantize_interval(pre, scheme, scale=None, round_before_quant=None):
    """Quantise an Interval, first rounded to a type if one is named."""
    if round_before_quant:
        pre = pre.round_to(round_before_quant)
    return FusedQuantized(quantize(pre.value, scheme, scale), pre)


def rms_norm_quantize(x, weight, scheme, *, residual=None, scale=None,
                      x_type="bf16", residual_type="bf16", norm_type=None,
                      round_before_quant=True, **attributes):
    """(add_)rms_norm then quantize.

    With `round_before_quant` the norm is rounded to `norm_type` (default: the
    type of x) before it is quantised, as the unfused chain does; otherwise the
    float32 value is quantised. `attributes` are those of norm.py.
    """
    norm_type = norm_type or x_type
    if residual is None:
        norm = rms_norm(x, weight, x_type=x_type, out_type=norm_type,
                        **attributes)
    else:
        norm = add_rms_norm(x, residual, weight, x_type=x_type,
                            residual_type=residual_type, out_type=norm_type,
                            **attributes)
    result = quantize_interval(norm.pre_round, scheme, scale,
                               norm_type if round_before_quant else None)
    result.norm, result.norm_interval = norm.y, norm.pre_round
    result.residual_out = norm.residual_out
    return result


def silu_mul_quantize(x, scheme, *, scale=None, x_type="bf16",
                      round_before_quant=True, split_k_type=None, clamp=None,
                      round_activation=False, ulps=2):
    """silu(gate) * up, rounded to the type of x if asked, then quantised.

    With `split_k_type` x is [S, ..., 2N] float32 partials, which are summed and
    rounded to that type first; it then is the type of x.
    """
    if split_k_type:
        x_type = split_k_type
        x = formats.round_to(split_k_reduce(x), x_type)
    y = silu_mul(x, clamp=clamp, ulps=ulps,
                 round_activation=x_type if round_activation else None)
    return quantize_interval(y, scheme, scale,
                             x_type if round_before_quant else None)


def rope_mla_cache_write(q_nope, q_pe, kv_c, k_pe, positions, cos, sin, cache,
                         slots, *, layout, interleaved=True,
                         compute_type="f32", x_type="bf16", page=None,
                         nope_first=True,
                         skip_rule="negative", k_scale=None, q_scale=None,
                         pow2_scale=False, element="f8E4M3FN",
                         round_before_quant=True, ulps=2):
    """Rotate q_pe [T, H, R] and k_pe [T, R]; concatenate q, write the cache.

    Returns (q_out, k_rot, caches): q_out is the Interval of [q_nope | rotated]
    before the final encoding, k_rot the Interval of the rotated keys, caches
    the (reference, low end, high end) caches. Every row of q_out is written,
    whatever its slot. With `round_before_quant` rotated values are rounded to
    `x_type` first; it matters only where they are quantised afterwards.
    """
    attributes = dict(interleaved=interleaved, compute_type=compute_type,
                      ulps=ulps)
    q_rot = rope(q_pe, positions, cos, sin, **attributes)
    k_rot = rope(k_pe, positions, cos, sin, **attributes)
    if round_before_quant:
        q_rot, k_rot = q_rot.round_to(x_type), k_rot.round_to(x_type)
    q_out = q_rot
    if q_nope is not None:
        q_out = Interval.concatenate([as_interval(q_nope), q_rot])
    if q_scale is not None:
        divisor = formats.to_f32(q_scale)
        q_out = q_out.map(lambda x: (formats.to_f32(x) / divisor).astype(
            np.float64))
    caches = tuple(
        mla_cache_write(kv_c, end, cache, slots, layout=layout, page=page,
                        nope_first=nope_first, skip_rule=skip_rule,
                        scale=k_scale, pow2_scale=pow2_scale, element=element)
        for end in (k_rot.value, k_rot.lo, k_rot.hi))
    return q_out, k_rot, caches


def rope_quantize(x, positions, cos, sin, scheme, *, groups, rope_columns,
                  interleaved=True, inverse=True, compute_type="f32",
                  x_type="bf16", round_before_quant=True, scale=None, ulps=2):
    """Rotate the trailing `rope_columns` of x [T, H, D], view as
    [T, groups, H * D / groups] and quantise the last dimension."""
    x = np.asarray(x, dtype=np.float64)
    t, h, d = x.shape
    if (h * d) % groups:
        raise ValueError(f"{h}x{d} columns do not divide into {groups} groups")
    rotated = rope(x[..., d - rope_columns:], positions, cos, sin,
                   interleaved=interleaved, inverse=inverse,
                   compute_type=compute_type, ulps=ulps)
    if round_before_quant:
        rotated = rotated.round_to(x_type)
    whole = Interval.concatenate(
        [Interval(x[..., :d - rope_columns]), rotated])
    return quantize_interval(whole.reshape(t, groups, h * d // groups), scheme,
                             scale)
