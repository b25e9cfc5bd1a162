# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Manifold-constrained hyper-connections (mHC), in float64.

The residual of a token is n streams of H columns. Every function takes values
and returns float64; a value that a program stores is rounded to its type. A
residual [T, H] stands for n equal streams.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import formats
from .norm import rms_norm


def streams_of(mixes):
    """n with n*n + 2n mixes."""
    n = int(round(np.sqrt(mixes + 1))) - 1
    if n < 1 or n * n + 2 * n != mixes:
        raise ValueError(f"{mixes} mixes are those of no number of streams")
    return n


def _streams(residual, n):
    residual = np.asarray(residual, dtype=np.float64)
    if residual.ndim == 2:
        residual = np.repeat(residual[:, None, :], n, axis=1)
    if residual.shape[1] != n:
        raise ValueError(f"residual has {residual.shape[1]} streams, not {n}")
    return residual


def logits(residual, fn):
    """(logits [T, M], sqrsum [T]); fn is [M, n*H], or [M, H] where folded."""
    residual = np.asarray(residual, dtype=np.float64)
    fn = np.asarray(fn, dtype=np.float64)
    if residual.ndim == 2:
        residual = _streams(residual, fn.shape[1] // residual.shape[1])
    x = residual.reshape(residual.shape[0], -1)
    return x @ fn.T, np.einsum("tk,tk->t", x, x)


def sigmoid(x):
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-x))


def sinkhorn(c, epsilon, iterations):
    """Softmax of rows, then columns and rows in turn towards sums of 1."""
    c = np.exp(c - c.max(axis=-1, keepdims=True))
    c = c / c.sum(axis=-1, keepdims=True) + epsilon
    c = c / (c.sum(axis=-2, keepdims=True) + epsilon)
    for _ in range(iterations - 1):
        c = c / (c.sum(axis=-1, keepdims=True) + epsilon)
        c = c / (c.sum(axis=-2, keepdims=True) + epsilon)
    return c


@dataclass
class Coefficients:
    pre: np.ndarray  # [T, n]
    post: Optional[np.ndarray] = None  # [T, n]
    comb: Optional[np.ndarray] = None  # [T, n, n]


def coefficients(m, sqrsum, scale, base, *, columns, rms_epsilon, pre_epsilon,
                 post_mult=None, sinkhorn_epsilon=None,
                 sinkhorn_iterations=None):
    """Weights of the streams; without post_mult only those of the head."""
    f32 = lambda x: float(np.float32(x))
    m = m / np.sqrt(sqrsum / columns + f32(rms_epsilon))[:, None]
    if post_mult is None:
        return Coefficients(sigmoid(m * scale[0] + base) + f32(pre_epsilon))
    n = streams_of(m.shape[1])
    pre = sigmoid(m[:, :n] * scale[0] + base[:n]) + f32(pre_epsilon)
    post = sigmoid(m[:, n:2 * n] * scale[1] + base[n:2 * n]) * f32(post_mult)
    c = (m[:, 2 * n:] * scale[2] + base[2 * n:]).reshape(-1, n, n)
    return Coefficients(pre, post, sinkhorn(c, f32(sinkhorn_epsilon),
                                            sinkhorn_iterations))


def collapse(residual, pre, out_type="f64"):
    """sum_i pre[i] * R[i]."""
    y = np.einsum("tn,tnh->th", pre, _streams(residual, pre.shape[1]))
    return formats.round_to(y, out_type)


@dataclass
class Pre:
    layer_input: np.ndarray  # [T, H], rounded
    post: np.ndarray
    comb: np.ndarray
    pre: np.ndarray
    logits: np.ndarray
    sqrsum: np.ndarray


def mhc_pre(residual, fn, scale, base, *, rms_epsilon, pre_epsilon, post_mult,
            sinkhorn_epsilon, sinkhorn_iterations, out_type="bf16",
            delayed=False, pre_in=None, norm_epsilon=None, norm_weight=None,
            norm_weight_offset=0, round_norm_before_weight=False,
            round_before_norm=None):
    m, sqrsum = logits(residual, fn)
    c = coefficients(m, sqrsum, scale, base, columns=fn.shape[1],
                     rms_epsilon=rms_epsilon, pre_epsilon=pre_epsilon,
                     post_mult=post_mult, sinkhorn_epsilon=sinkhorn_epsilon,
                     sinkhorn_iterations=sinkhorn_iterations)
    weights = pre_in if delayed else c.pre
    inner = out_type if norm_epsilon is None else round_before_norm or "f64"
    if weights is None:
        streams = _streams(residual, streams_of(fn.shape[0]))
        y = formats.round_to(streams[:, 0], inner)
    else:
        y = collapse(residual, weights, inner)
    if norm_epsilon is not None:
        y = rms_norm(y, norm_weight, epsilon=norm_epsilon, x_type=inner,
                     out_type=out_type, weight_offset=norm_weight_offset,
                     round_norm_before_weight=round_norm_before_weight).y
    return Pre(y, c.post, c.comb, c.pre, m, sqrsum)


def mhc_post(x, residual, post, comb, out_type="bf16"):
    """post[j] * x + sum_i comb[i, j] * R[i]: comb transposed times R."""
    streams = _streams(residual, post.shape[1])
    out = post[:, :, None] * np.asarray(x, dtype=np.float64)[:, None, :]
    out += np.matmul(np.swapaxes(comb, 1, 2), streams)
    return formats.round_to(out, out_type)


def mhc_head(residual, fn, scale, base, *, rms_epsilon, pre_epsilon,
             out_type="bf16"):
    m, sqrsum = logits(residual, fn)
    c = coefficients(m, sqrsum, scale, base, columns=fn.shape[1],
                     rms_epsilon=rms_epsilon, pre_epsilon=pre_epsilon)
    return collapse(residual, c.pre, out_type)
