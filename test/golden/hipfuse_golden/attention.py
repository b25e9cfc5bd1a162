# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decode attention over latent caches (MLA), in float64.

For query row t and head h, and the keys K_j [D] that the row sees,

    s_j = sm_scale * q[t, h] . K_j       lse = ln sum_j exp(s_j)
    o = sum_j exp(s_j - lse) * K_j[:V]

with lse = -inf and o = 0 where there is no key. Scopes (lists of keys with a
cache of their own) are merged by their lse; a sink scales o afterwards and is
not part of the lse. Keys that a row does not see are never looked at.

The policy a8w8 multiplies FP8 values as AITER's kernels do: q8 and k8 are
stored codes or round(f32(x / scale)), p = exp(s - max) is rounded to FP8 for
the second product, not for the sum that divides it.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import formats
from .cache import mla_cache_read

POLICIES = ("exact", "a8w8")


@dataclass
class Query:
    """q [T, H, D]: values of bf16, or FP8 codes that stand for code * scale."""

    values: np.ndarray
    type: str = "bf16"
    scale: Optional[float] = None

    def exact(self):
        """float64 values."""
        if self.type == "bf16":
            return np.asarray(self.values, np.float64)
        return formats.decode(self.values, self.type) * _factor(self.scale)

    def rounded(self, element):
        """float64 values of FP8; their scale is a factor of the logits."""
        if self.type != "bf16":
            return formats.decode(self.values, self.type)
        return _round_fp8(self.values, self.scale, element)


@dataclass
class Scope:
    """A cache and the slots [T, K] that each row sees of it.

    Column k of row t counts if k < lengths[t] (every k without lengths) and
    the slot is one of the cache; other values are holes.
    """

    cache: np.ndarray
    slots: np.ndarray
    layout: str = "bf16"
    lengths: Optional[np.ndarray] = None
    page: Optional[int] = None  # of ds_mla_584
    scale: Optional[float] = None  # of fp8 elements, or of a8w8's rounding
    element: str = "f8E4M3FN"

    def capacity(self):
        page = self.page if self.layout == "ds_mla_584" else (
            self.cache.shape[1])
        return len(self.cache) * page

    def visible(self, t):
        """Slots that row t sees, in order, duplicates included."""
        slots = np.asarray(self.slots[t], np.int64)
        if self.lengths is not None:
            slots = slots[:max(int(self.lengths[t]), 0)]
        return slots[(slots >= 0) & (slots < self.capacity())]

    def keys(self, slots):
        """float64 keys [n, D]."""
        scale = self.scale if self.layout == "fp8" else None
        return mla_cache_read(self.cache, slots, layout=self.layout,
                              page=self.page, scale=scale,
                              element=self.element)

    def keys_rounded(self, slots, element):
        """float64 values [n, D] of FP8, without their scale."""
        if self.layout == "fp8":
            page = self.cache.shape[1]
            return formats.decode(self.cache[slots // page, slots % page],
                                  self.element)
        return _round_fp8(self.keys(slots), self.scale, element)


@dataclass
class Result:
    o: np.ndarray  # float64 [T, H, V], not rounded
    lse: np.ndarray  # float64 [T, H], natural, without the sink

    def out(self):
        """What an operation stores: bf16 values."""
        return formats.round_to(self.o, "bf16")


def _factor(scale):
    return 1.0 if scale is None else float(np.float32(scale))


def _round_fp8(x, scale, element):
    with np.errstate(all="ignore"):
        scaled = formats.to_f32(x) / np.float32(_factor(scale))
    return formats.decode(formats.encode(scaled.astype(np.float64), element),
                          element)


def softmax_product(scores, values, round_weights=None, factor=1.0):
    """(o [H, V], lse [H]) of scores [H, n] and values [n, V]."""
    if scores.shape[1] == 0:
        return (np.zeros((scores.shape[0], values.shape[1])),
                np.full(scores.shape[0], -np.inf))
    top = scores.max(axis=1, keepdims=True)
    weights = np.exp(scores - top)
    total = weights.sum(axis=1, keepdims=True)
    if round_weights:
        weights = formats.round_to(weights, round_weights)
    return (factor * (weights @ values) / total,
            (top + np.log(total))[:, 0])


def scope_attention(query, scope, *, sm_scale, v=512, compute="exact"):
    """Attention of one scope, as a Result."""
    if compute not in POLICIES:
        raise ValueError(f"unknown policy '{compute}', known: "
                         f"{', '.join(POLICIES)}")
    sm_scale = float(np.float32(sm_scale))
    tokens, heads = query.values.shape[:2]
    result = Result(np.zeros((tokens, heads, v)), np.zeros((tokens, heads)))
    fnuz = "f8E4M3FNUZ" in (query.type, scope.element
                            if scope.layout == "fp8" else None)
    element = "f8E4M3FNUZ" if fnuz else "f8E4M3FN"
    q = query.exact() if compute == "exact" else query.rounded(element)
    for t in range(tokens):
        slots = scope.visible(t)
        if compute == "exact":
            keys = scope.keys(slots)
            o, lse = softmax_product(sm_scale * (q[t] @ keys.T), keys[:, :v])
        else:
            keys = scope.keys_rounded(slots, element)
            kv_scale = _factor(scope.scale)
            scores = sm_scale * _factor(query.scale) * kv_scale * (
                q[t] @ keys.T)
            o, lse = softmax_product(scores, keys[:, :v], element, kv_scale)
        result.o[t], result.lse[t] = o, lse
    return result


def merge(parts, empty="neg_inf"):
    """Merge Results over disjoint keys.

    With `empty` pos_inf a part whose lse is +inf or NaN saw no key either. What
    an empty part holds is not used.
    """
    lse = np.stack([np.asarray(p.lse, np.float64) for p in parts])
    none = np.isneginf(lse)
    if empty == "pos_inf":
        none |= np.isposinf(lse) | np.isnan(lse)
    elif empty != "neg_inf":
        raise ValueError(f"unknown convention '{empty}', known: neg_inf, "
                         "pos_inf")
    lse = np.where(none, -np.inf, lse)
    top = lse.max(axis=0)
    with np.errstate(invalid="ignore"):
        weights = np.where(none, 0.0, np.exp(lse - top))
    total = weights.sum(axis=0)
    alone = total == 0
    safe = np.where(alone, 1.0, total)
    o = sum(np.where((w > 0)[..., None], w[..., None] * p.o, 0.0)
            for w, p in zip(weights, parts)) / safe[..., None]
    return Result(o, np.where(alone, -np.inf, top + np.log(safe)))


def apply_sink(result, sink):
    """Result scaled by 1 / (1 + exp(sink - lse)), 0 where lse is -inf."""
    sink = np.asarray(sink, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        factor = 1.0 / (1.0 + np.exp(sink - result.lse))
    factor = np.where(np.isneginf(result.lse), 0.0, factor)
    o = np.where(factor[..., None] > 0, factor[..., None] * result.o, 0.0)
    return Result(o, result.lse)


def sparse_mla_decode(query, scopes, *, sm_scale, v=512, sink=None,
                      compute="exact"):
    """Attention over one or two Scopes, merged, then scaled by the sink."""
    parts = [scope_attention(query, s, sm_scale=sm_scale, v=v,
                             compute=compute) for s in scopes]
    result = parts[0] if len(parts) == 1 else merge(parts)
    return result if sink is None else apply_sink(result, sink)


def dense_scope(cache, block_table, lengths, *, layout="bf16", q_len=1,
                scale=None, element="f8E4M3FN"):
    """The Scope of a paged cache: query i of a request with n tokens sees
    token j if j <= i + n - q_len and its page is in the table and the cache."""
    page, pages = cache.shape[1], len(cache)
    block_table = np.asarray(block_table, np.int64)
    requests, columns = block_table.shape
    j = np.arange(columns * page)
    block = block_table[:, j // page]
    known = (block >= 0) & (block < pages)
    slots = np.where(known, block * page + j % page, -1)
    rows = []
    for b in range(requests):
        for i in range(q_len):
            rows.append(np.where(j <= i + int(lengths[b]) - q_len, slots[b],
                                 -1))
    return Scope(cache, np.array(rows).reshape(requests * q_len, len(j)),
                 layout, scale=scale, element=element)


def mla_decode(query, cache, block_table, lengths, *, sm_scale, v=512,
               q_len=1, layout="bf16", compute="exact", scale=None,
               element="f8E4M3FN"):
    """Dense attention over a paged cache, q [B * q_len, H, D]."""
    scope = dense_scope(cache, block_table, lengths, layout=layout,
                        q_len=q_len, scale=scale, element=element)
    return scope_attention(query, scope, sm_scale=sm_scale, v=v,
                           compute=compute)


# Judgement -----------------------------------------------------------------


def cosine_difference(x, y):
    """1 - 2 x.y / (x.x + y.y) of every row: 0 for equal rows, sensitive to
    length and direction; 0 where both are zero."""
    with np.errstate(invalid="ignore"):
        difference = np.sum((x - y)**2, axis=-1)
        total = np.sum(x * x + y * y, axis=-1)
        return np.where(difference == 0, 0.0, difference / np.where(
            total == 0, 1.0, total))


def cosines(x, y):
    """Cosine of every row; 1 where both rows are zero."""
    dot = np.sum(x * y, axis=-1)
    norm = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
    both = (np.linalg.norm(x, axis=-1) == 0) & (np.linalg.norm(y, axis=-1)
                                                == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both, 1.0, dot / norm)


OUT_COSINE_DIFFERENCE = 5e-6
OUT_ABSOLUTE, OUT_RELATIVE = 8e-4, 2.01 / 128
# The bar "weights" is for kernels that round the weights to bf16 before the
# second product, as FlashMLA does: a relative error of up to 2^-9 each, which a
# row of few keys does not average out. FlashMLA's bounds then hold as it applies
# them: 5e-6 for a whole tensor, and the absolute one for its keys of N(0, 1) /
# 10, so ten times that for N(0, 1). No row may be off by more than AITER allows
# a tensor of bf16; a row is compared with the exact one, as the rounding of the
# reference is no error of the kernel's, and for some row of thousands adds a
# quarter to it.
WEIGHTS_ROW_COSINE_DIFFERENCE = 1e-5
WEIGHTS_ABSOLUTE = 10 * OUT_ABSOLUTE
LSE_ABSOLUTE, LSE_RELATIVE = 1e-6, 8.01 / 65536
PARITY_MEAN, PARITY_MIN = 0.999, 0.99
PARITY_COSINE_DIFFERENCE = 3e-2


def out_errors(got, want, exact, bar="strict"):
    """Cosine differences [T, H], and masks [T, H] and [T, H, V] of what is
    beyond FlashMLA's tolerances: cosine difference, and elements off by more
    than both the absolute and the relative bound; `want` is `exact` as it is
    stored. The bar is "strict", which takes the first per row of one head
    instead of per tensor, or "weights"."""
    if bar == "strict":
        difference = cosine_difference(got, want)
        rows, absolute = ~(difference <= OUT_COSINE_DIFFERENCE), OUT_ABSOLUTE
    else:
        difference = cosine_difference(got, exact)
        whole = cosine_difference(got.ravel(), want.ravel())
        rows = (~(difference <= WEIGHTS_ROW_COSINE_DIFFERENCE) |
                ~(whole <= OUT_COSINE_DIFFERENCE))
        absolute = WEIGHTS_ABSOLUTE
    with np.errstate(invalid="ignore"):
        error = np.abs(got - want)
        elements = ~((error <= absolute) |
                     (error <= OUT_RELATIVE * np.abs(want)))
    empty = np.all(want == 0, axis=-1)
    rows |= empty & np.any(got != 0, axis=-1)
    return difference, rows, elements


def lse_errors(got, want):
    """Mask of what is beyond the tolerance; -inf must be -inf."""
    with np.errstate(invalid="ignore"):
        error = np.abs(got - want)
        near = error <= np.maximum(LSE_ABSOLUTE, LSE_RELATIVE * np.abs(want))
    return ~np.where(np.isfinite(want), near, got == want)
