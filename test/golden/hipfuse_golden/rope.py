# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rotary position embedding.

A pair (a, b) becomes (a c - b s, b c + a s) with c, s = cos, sin [position].
NeoX pairs element i with i + R/2, interleaved pairs 2i with 2i + 1. The
inverse negates the sine.
"""

import numpy as np

from . import formats
from .interval import Interval


def split_table(cos_sin):
    """cos [P, R/2] and sin [P, R/2] of a packed table [P, R] = [cos | sin]."""
    half = cos_sin.shape[-1] // 2
    return cos_sin[:, :half], cos_sin[:, half:]


def _combine(a, c, b, s, sign, compute_type, ulps):
    """a * c + sign * b * s as an Interval."""
    p, q = a * c, sign * (b * s)
    if compute_type != "f32":
        # Each product and each sum is an operation in the operand's type. (A
        # float32 step in between does not change the result: 24 bits are
        # enough for sums and products of 8 or 11 bit significands.)
        p = formats.to_f32(formats.round_to(p, compute_type))
        q = formats.to_f32(formats.round_to(q, compute_type))
        with np.errstate(all="ignore"):
            total = (p + q).astype(np.float64)
        return Interval(formats.round_to(total, compute_type))
    # If both products are exact in float32 the sum is one rounding, fused or
    # not. Otherwise the roundings of the products bound the difference.
    p32, q32 = formats.to_f32(p), formats.to_f32(q)
    exact = (p32 == p) & (q32 == q)
    with np.errstate(all="ignore"):
        once = (p32 + q32).astype(np.float64)
        value = np.where(exact, once, p + q)
        slack = ulps * 2.0**-24 * (np.abs(p) + np.abs(q))
    slack = np.where(exact | ~np.isfinite(slack), 0.0,
                     slack + 0.5 * formats.ulp_f32(value))
    return Interval(value, value - slack, value + slack)


def rope(x, positions, cos, sin, *, interleaved, inverse=False,
         compute_type="f32", ulps=2):
    """Rotate the whole last dimension R of x [T, R] or [T, H, R].

    `cos` and `sin` are [P, R/2]. `compute_type` is f32 or the type of x, to
    which the tables are then rounded first. Returns an Interval before the
    final rounding to the type of the result.
    """
    x = np.asarray(x, dtype=np.float64)
    half = x.shape[-1] // 2
    if x.shape[-1] % 2 or cos.shape[-1] != half or sin.shape != cos.shape:
        raise ValueError(f"rope: x has last dimension {x.shape[-1]}, tables "
                         f"have shapes {cos.shape} and {sin.shape}")
    # Positions are clamped to the table.
    positions = np.clip(np.asarray(positions), 0, cos.shape[0] - 1)
    shape = (x.shape[0],) + (1,) * (x.ndim - 2) + (half,)
    c = formats.round_to(cos[positions], compute_type).reshape(shape)
    s = formats.round_to(sin[positions], compute_type).reshape(shape)
    if inverse:
        s = -s
    if interleaved:
        first, second = np.s_[..., 0::2], np.s_[..., 1::2]
    else:
        first, second = np.s_[..., :half], np.s_[..., half:]
    a, b = x[first], x[second]
    rotated = (_combine(a, c, b, s, -1.0, compute_type, ulps),
               _combine(b, c, a, s, 1.0, compute_type, ulps))
    ends = []
    for end in ("value", "lo", "hi"):
        out = np.empty_like(x)
        out[first], out[second] = (getattr(r, end) for r in rotated)
        ends.append(out)
    return Interval(*ends)
