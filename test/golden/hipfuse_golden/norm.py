# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RMSNorm, alone and with a residual add.

    n = t / sqrt(mean(t^2) + epsilon)         y = n * (weight + weight_offset)

The intermediate precision is float32 in compiled programs; the reference uses
float64 and returns the interval a float32 evaluation may fall in. Inputs whose
float32 sum of squares overflows are outside the contract.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import formats
from .interval import Interval


@dataclass
class NormResult:
    y: np.ndarray  # rounded to the output type, as float64
    pre_round: Interval  # y before that rounding
    residual_out: Optional[np.ndarray] = None  # float64, residual's type


def _normalize(t, weight, epsilon, weight_offset, round_type, ulps):
    weight_offset = float(np.float32(weight_offset))
    if not np.isfinite(weight_offset) or (weight is None and weight_offset):
        raise ValueError("weight_offset must be finite and needs a weight")
    epsilon = float(np.float32(epsilon))
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise ValueError("epsilon must be finite and above zero")
    with np.errstate(all="ignore"):
        mean = np.mean(t * t, axis=-1, keepdims=True)
        n = t / np.sqrt(mean + epsilon)
    factor = np.ones(t.shape[-1])
    if weight is not None:
        if weight.shape != t.shape[-1:]:
            raise ValueError(f"weight has shape {weight.shape}, "
                             f"the last dimension is {t.shape[-1]}")
        factor = formats.round_to(weight + weight_offset, "f32")
    if round_type:
        # Only n is uncertain: its product with the weight is one float32
        # operation on values both sides know exactly.
        return Interval.around(n, ulps).round_to(round_type).scaled_f32(factor)
    with np.errstate(all="ignore"):
        return Interval.around(n * factor, ulps)


def rms_norm(x, weight=None, *, epsilon, x_type="bf16", out_type=None,
             weight_offset=0, round_norm_before_weight=False, ulps=2):
    """RMSNorm over the last dimension of x (values of type `x_type`)."""
    x = np.asarray(x, dtype=np.float64)
    pre = _normalize(x, weight, epsilon, weight_offset,
                     x_type if round_norm_before_weight else None, ulps)
    return NormResult(formats.round_to(pre.value, out_type or x_type), pre)


def add_rms_norm(x, residual, weight=None, *, epsilon, x_type="bf16",
                 residual_type="bf16", out_type=None, weight_offset=0,
                 round_norm_before_weight=False,
                 norm_from_rounded_residual=False,
                 round_sum_before_residual=False, ulps=2):
    """RMSNorm of x + residual; also returns the sum as the new residual.

    round_sum_before_residual rounds x (a float32 sum of partial results, say
    of an all-reduce) to the residual's type before the add.
    """
    x = np.asarray(x, dtype=np.float64)
    if round_sum_before_residual:
        x = formats.round_to(x, residual_type)
    with np.errstate(all="ignore"):
        total = (formats.to_f32(x) + formats.to_f32(residual)).astype(
            np.float64)
    residual_out = formats.round_to(total, residual_type)
    pre = _normalize(residual_out if norm_from_rounded_residual else total,
                     weight, epsilon, weight_offset,
                     residual_type if round_norm_before_weight else None, ulps)
    y = formats.round_to(pre.value, out_type or x_type)
    return NormResult(y, pre, residual_out)
