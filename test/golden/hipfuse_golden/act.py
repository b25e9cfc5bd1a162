# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Gated activations."""

import numpy as np

from . import formats
from .interval import Interval

# Below this gate float32 exp(-gate) may overflow, so that an implementation
# of gate / (1 + exp(-gate)) may give zero.
_EXP_OVERFLOW = -87.0


def silu_mul(x, *, ulps=2):
    """silu(gate) * up for x[..., 2N] = [gate | up], as an Interval.

    silu(g) = g / (1 + exp(-g)); for g = -Inf that is NaN.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.shape[-1] % 2:
        raise ValueError(
            f"silu_mul needs an even last dimension, got {x.shape[-1]}")
    gate, up = np.split(x, 2, axis=-1)
    with np.errstate(all="ignore"):
        value = formats.round_to(gate / (1.0 + np.exp(-gate)) * up, "f64")
        result = Interval.around(value, ulps)
    flush = gate < _EXP_OVERFLOW
    result.lo = np.where(flush, np.minimum(result.lo, 0.0), result.lo)
    result.hi = np.where(flush, np.maximum(result.hi, 0.0), result.hi)
    return result
