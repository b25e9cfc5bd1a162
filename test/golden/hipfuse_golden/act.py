# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gated activation and the reduction of split-K partial products."""

import numpy as np

from . import formats
from .interval import Interval

# Below this gate float32 exp(-gate) may overflow, so that an implementation
# of gate / (1 + exp(-gate)) may give zero.
_EXP_OVERFLOW = -87.0


def silu_mul(x, *, clamp=None, round_activation=None, ulps=2):
    """silu(gate) * up for x[..., 2N] = [gate | up], as an Interval.

    silu(g) = g / (1 + exp(-g)); for g = -Inf that is NaN. `clamp` L bounds gate
    from above and up from both sides first. `round_activation` names the type
    silu(gate) is rounded to before the product.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.shape[-1] % 2:
        raise ValueError(
            f"silu_mul needs an even last dimension, got {x.shape[-1]}")
    gate, up = np.split(x, 2, axis=-1)
    if clamp:
        limit = float(np.float32(clamp))
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
    with np.errstate(all="ignore"):
        silu = gate / (1.0 + np.exp(-gate))
        result = Interval.around(silu if round_activation else silu * up, ulps)
    flush = gate < _EXP_OVERFLOW
    result.lo = np.where(flush, np.minimum(result.lo, 0.0), result.lo)
    result.hi = np.where(flush, np.maximum(result.hi, 0.0), result.hi)
    if round_activation:
        return result.round_to(round_activation).scaled_f32(up)
    return result


def split_k_reduce(x):
    """Sum over the leading dimension of x[S, ..., N], float32, in order."""
    total = formats.to_f32(x[0])
    for part in x[1:]:
        with np.errstate(all="ignore"):
            total = total + formats.to_f32(part)
    return total.astype(np.float64)
