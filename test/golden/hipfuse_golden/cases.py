# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Named test cases: seeded inputs, reference outputs, and their comparison.

A case is a class with `name`, `help`, `options` (name -> default; the type of
the default is the type of the option) and two methods:
  inputs(o, rng)          -> {name: Tensor}
  outputs(o, inputs)      -> {name: Output}
`o` holds the options as attributes. Adding a case is adding a class here or in
a module that appends to CASES.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Callable

import numpy as np

from . import cache as mla_cache
from . import compare, formats, io, layouts, quant
from .act import silu_mul, split_k_reduce
from .fused import (rms_norm_quantize, rope_mla_cache_write, rope_quantize,
                    silu_mul_quantize)
from .interval import Interval
from .norm import add_rms_norm, rms_norm
from .rope import rope, split_table


@dataclass
class Tensor:
    """An input: float64 values (or integers) of an element type."""

    type: str
    value: np.ndarray

    def stored(self):
        return io.to_storage(self.value, self.type)


@dataclass
class Output:
    """A reference output and how a program's output is judged.

    `check` takes {output name: stored array} of everything the program wrote
    and returns Reports; None where another output's check covers this one.
    """

    type: str
    stored: np.ndarray
    check: Callable = None


CASES = {}


def register(cls):
    CASES[cls.name] = cls()
    return cls


# Seeded data ---------------------------------------------------------------


def random_rows(rng, shape, type_name, nonfinite=False):
    """N(0, 1) rows scaled by 2^k; some rows tiny, some zeros, all exact in
    `type_name`. `nonfinite` adds NaN and both infinities."""
    rows = int(np.prod(shape[:-1]))
    x = rng.standard_normal((rows, shape[-1]))
    x *= np.exp2(rng.integers(-6, 7, (rows, 1)))
    tiny = rng.random(rows) < 0.1
    x[tiny] *= 2.0**-12 if type_name == "f16" else 2.0**-24
    x[rng.random(rows) < 0.03] = 0.0
    x[rng.random(x.shape) < 0.01] = 0.0
    x[rng.random(x.shape) < 0.005] = -0.0
    if nonfinite:
        for special in (np.nan, np.inf, -np.inf):
            x[rng.random(x.shape) < 0.002] = special
        x.reshape(-1)[rng.integers(x.size)] = np.nan
    return formats.round_to(x, type_name).reshape(shape)


def random_gated(rng, shape, type_name, limit=12.0):
    """Rows [gate | up]. All but one gate in a hundred stay within `limit`, and
    rows of tiny gates are scaled up: silu(g) of a large g is g in float32, of a
    tiny one g / 2, and the product of two bf16 numbers often an exact tie, of
    which the exact silu(g) lies just to one side."""
    x = random_rows(rng, shape, type_name)
    gate = x[..., :shape[-1] // 2]
    finite = np.where(np.isfinite(gate), np.abs(gate), 0)
    largest = finite.max(axis=-1, keepdims=True)
    tiny = (largest > 0) & (largest < 2.0**-4)
    with np.errstate(divide="ignore"):
        gate *= np.where(tiny, np.exp2(-np.floor(np.log2(largest))), 1.0)
    free = rng.random(gate.shape) < 0.01
    gate[~free] = np.clip(gate, -limit, limit)[~free]
    return formats.round_to(x, type_name)


def random_weight(rng, n, type_name):
    return formats.round_to(1.0 + 0.25 * rng.standard_normal(n), type_name)


def random_table(rng, positions, half, type_name):
    """cos and sin [positions, half] of the usual inverse frequencies."""
    angle = np.outer(np.arange(positions), 10000.0**(-np.arange(half) / half))
    return (formats.round_to(np.cos(angle), type_name),
            formats.round_to(np.sin(angle), type_name))


def random_slots(rng, count, capacity, skip_rule, repeated=False):
    """Slots, distinct unless `repeated`, about one in eight of them skipped."""
    if capacity < count + 1:
        raise ValueError(f"a cache of {capacity} slots is too small for "
                         f"{count} rows")
    slots = 1 + rng.permutation(capacity - 1)[:count]
    if repeated:
        slots = slots[rng.integers(0, -(-count // 3), count)]
    skipped = rng.random(count) < 0.125
    slots[skipped] = -1
    if skip_rule == "negative_or_zero" and skipped.any():
        slots[np.argmax(skipped)] = 0
    return slots


# Shared output builders ----------------------------------------------------


def float_output(name, value, type_name, *, exact=False, interval=None,
                 f32_ulps=4):
    """A bf16 or f16 output, at most 1 ULP off, or an f32 output."""
    stored = io.to_storage(value, type_name)
    ulps = f32_ulps if type_name == "f32" else 1

    def check(actual):
        got = actual[name]
        if exact:
            return [compare.bit_exact(name, got, stored)]
        kind = f"u{stored.dtype.itemsize}"
        return [compare.within_ulp(name, got.view(kind), stored.view(kind),
                                   type_name, ulps, interval)]

    return Output(type_name, stored, check)


def quantized_outputs(result, scheme, narrow=None, scale=None):
    """Outputs `data` and (if it is computed) `scale` of a FusedQuantized or a
    Quantized. `narrow` is the pre-quantisation interval at 1 ULP."""
    quantized = getattr(result, "quantized", result)
    pre = result.pre_quant

    def check(actual):
        return compare.quantized("quantized", actual["data"],
                                 actual.get("scale"), pre, scheme,
                                 pre_scale=narrow, given_scale=scale)

    outputs = {"data": Output(scheme.storage, quantized.data, check)}
    if scale is None:
        outputs["scale"] = Output(scheme.scale_element, quantized.scale)
    return outputs


def cache_output(layout, caches, page, element):
    """A written cache; `caches` are the reference and the interval's ends."""
    reference, low, high = caches

    def check(actual):
        got = actual["cache"]
        if got.shape != reference.shape:
            return [compare.bit_exact("cache", got, reference)]
        if layout in ("bf16", "fp8"):
            name = "bf16" if layout == "bf16" else element
            return [compare.coded("cache", got, reference, low, high, name)]
        parts = [mla_cache.rope_parts(x, layout, page)
                 for x in (got, reference, low, high)]
        return [
            compare.bit_exact("cache bytes", parts[0][1], parts[1][1]),
            compare.coded("cache rope", *(p[0] for p in parts), "bf16"),
        ]

    type_name = {"bf16": "bf16", "fp8": element}.get(layout, "u8")
    return Output(type_name, reference, check)


def static_scale(o, inputs):
    """The given scale of granularity tensor, else None."""
    return inputs["scale"].value if "scale" in inputs else None


def add_static_scale(o, inputs):
    if not quant.Scheme.parse(o.scheme).is_dynamic:
        inputs["scale"] = Tensor("f32", np.array([0.0625]))


# Cases ---------------------------------------------------------------------


@register
class Quantize:
    name = "quantize"
    help = "quantize x[M, N]"
    options = dict(m=17, n=512, scheme="mxfp4", x_type="bf16",
                   nonfinite=False)

    def inputs(self, o, rng):
        inputs = {"x": Tensor(o.x_type, random_rows(rng, (o.m, o.n), o.x_type,
                                                    o.nonfinite))}
        add_static_scale(o, inputs)
        return inputs

    def outputs(self, o, inputs):
        scheme = quant.Scheme.parse(o.scheme)
        x = inputs["x"].value
        scale = static_scale(o, inputs)
        result = quant.quantize(x, scheme, scale)
        result.pre_quant = Interval(x)
        return quantized_outputs(result, scheme, scale=scale)


@register
class Dequantize:
    name = "dequantize"
    help = "values of quantised data and scales"
    options = dict(m=17, n=512, scheme="mxfp4", out_type="bf16")

    def inputs(self, o, rng):
        scheme = quant.Scheme.parse(o.scheme)
        x = random_rows(rng, (o.m, o.n), "bf16")
        scale = (np.array([0.0625]) if not scheme.is_dynamic else None)
        q = quant.quantize(x, scheme, scale)
        return {"data": Tensor(scheme.storage, q.data),
                "scale": Tensor(scheme.scale_element, q.scale)}

    def outputs(self, o, inputs):
        y = quant.dequantize(inputs["data"].value, inputs["scale"].value,
                             quant.Scheme.parse(o.scheme), o.out_type)
        return {"y": float_output("y", y, o.out_type, exact=True)}


@register
class ShuffleScale:
    name = "shuffle_scale"
    help = "row-major scales[M, N] to cdna4_shuffled"
    options = dict(m=17, n=14)

    def inputs(self, o, rng):
        scale = rng.integers(0, 255, (o.m, o.n)).astype(np.uint8)
        return {"scale": Tensor("f8E8M0FNU", scale)}

    def outputs(self, o, inputs):
        # Padding columns of the first M rows are 1.0; later rows are free.
        columns = layouts.padded_shape(o.m, o.n)[1]
        want = np.full((o.m, columns), 0x7F, np.uint8)
        want[:, :o.n] = inputs["scale"].value
        return {"out": Output(
            "f8E8M0FNU", layouts.shuffle(want), lambda actual: [
                compare.bit_exact("out", layouts.unshuffle(
                    actual["out"], o.m, columns), want)])}


_NORM_OPTIONS = dict(m=17, n=512, x_type="bf16", weight=True,
                     weight_type="bf16", epsilon=1e-6, weight_offset=0.0,
                     round_norm_before_weight=False, f32_ulps=8)
_RESIDUAL_OPTIONS = dict(residual_type="bf16",
                         norm_from_rounded_residual=False,
                         round_sum_before_residual=False)


def _norm_inputs(o, rng, residual):
    inputs = {"x": Tensor(o.x_type, random_rows(rng, (o.m, o.n), o.x_type))}
    if residual:
        inputs["residual"] = Tensor(
            o.residual_type, random_rows(rng, (o.m, o.n), o.residual_type))
    if o.weight:
        inputs["weight"] = Tensor(o.weight_type,
                                  random_weight(rng, o.n, o.weight_type))
    return inputs


def _norm_attributes(o, residual):
    names = ["epsilon", "weight_offset", "round_norm_before_weight", "x_type"]
    if residual:
        names += list(_RESIDUAL_OPTIONS)
    return {name: getattr(o, name) for name in names}


def _values(inputs, *names):
    return [inputs[n].value if n in inputs else None for n in names]


@register
class RmsNorm:
    name = "rms_norm"
    help = "RMSNorm of x[M, N]"
    options = dict(_NORM_OPTIONS, out_type="bf16")

    def inputs(self, o, rng):
        return _norm_inputs(o, rng, False)

    def outputs(self, o, inputs):
        x, weight = _values(inputs, "x", "weight")
        r = rms_norm(x, weight, out_type=o.out_type,
                     **_norm_attributes(o, False))
        return {"y": float_output("y", r.y, o.out_type,
                                  interval=r.pre_round,
                                  f32_ulps=o.f32_ulps)}


@register
class AddRmsNorm:
    name = "add_rms_norm"
    help = "RMSNorm of x[M, N] + residual; also the new residual"
    options = dict(_NORM_OPTIONS, **_RESIDUAL_OPTIONS, out_type="bf16")

    def inputs(self, o, rng):
        return _norm_inputs(o, rng, True)

    def outputs(self, o, inputs):
        x, residual, weight = _values(inputs, "x", "residual", "weight")
        r = add_rms_norm(x, residual, weight, out_type=o.out_type,
                         **_norm_attributes(o, True))
        return {"y": float_output("y", r.y, o.out_type,
                                  interval=r.pre_round,
                                  f32_ulps=o.f32_ulps),
                "residual_out": float_output("residual_out", r.residual_out,
                                             o.residual_type, exact=True)}


def _add_second(o, rng, inputs):
    inputs["second"] = Tensor(o.x_type, random_rows(
        rng, (o.m, o.second_n), o.x_type))
    if o.weight:
        inputs["second_weight"] = Tensor(
            o.weight_type, random_weight(rng, o.second_n, o.weight_type))


def _second_output(o, inputs):
    attributes = dict(_norm_attributes(o, False), epsilon=o.second_epsilon)
    r = rms_norm(*_values(inputs, "second", "second_weight"), **attributes)
    return float_output("second_out", r.y, o.x_type, interval=r.pre_round,
                        f32_ulps=o.f32_ulps)


@register
class DualRmsNorm:
    name = "dual_rms_norm"
    help = "RMSNorm of x[M, N] and of second[M, second_n]"
    options = dict(_NORM_OPTIONS, second_n=128, second_epsilon=1e-5)

    def inputs(self, o, rng):
        inputs = _norm_inputs(o, rng, False)
        _add_second(o, rng, inputs)
        return inputs

    def outputs(self, o, inputs):
        r = rms_norm(*_values(inputs, "x", "weight"),
                     **_norm_attributes(o, False))
        return {"out": float_output("out", r.y, o.x_type,
                                    interval=r.pre_round,
                                    f32_ulps=o.f32_ulps),
                "second_out": _second_output(o, inputs)}


@register
class RmsNormQuantize:
    name = "rms_norm_quantize"
    help = ("(add_)rms_norm (parts > 0: of split-K partials) then quantize; "
            "second_n > 0: a second norm beside")
    options = dict(_NORM_OPTIONS, **_RESIDUAL_OPTIONS, scheme="mxfp4",
                   residual=False, emit_norm=False, norm_type="bf16",
                   round_before_quant=True, second_n=0, second_epsilon=1e-5,
                   parts=0, tie_ulps=2.0)

    def inputs(self, o, rng):
        inputs = _norm_inputs(o, rng, o.residual)
        if o.parts:
            inputs["x"] = Tensor("f32", random_rows(
                rng, (o.parts, o.m, o.n), "f32"))
        if o.second_n:
            _add_second(o, rng, inputs)
        add_static_scale(o, inputs)
        return inputs

    def outputs(self, o, inputs):
        scheme = quant.Scheme.parse(o.scheme)
        x, residual, weight = _values(inputs, "x", "residual", "weight")
        if o.parts:
            x = formats.round_to(split_k_reduce(x), o.x_type)
        scale = static_scale(o, inputs)
        attributes = _norm_attributes(o, o.residual)
        r, narrow = (rms_norm_quantize(
            x, weight, scheme, residual=residual, scale=scale,
            norm_type=o.norm_type, round_before_quant=o.round_before_quant,
            ulps=ulps, **attributes) for ulps in (o.tie_ulps, o.tie_ulps / 2))
        outputs = quantized_outputs(r, scheme, narrow.pre_quant, scale)
        if o.emit_norm:
            outputs["norm"] = float_output("norm", r.norm, o.norm_type,
                                           interval=r.norm_interval,
                                           f32_ulps=o.f32_ulps)
        if o.residual:
            outputs["residual_out"] = float_output(
                "residual_out", r.residual_out, o.residual_type, exact=True)
        if o.second_n:
            outputs["second_out"] = _second_output(o, inputs)
        return outputs


_SILU_OPTIONS = dict(m=17, n=512, x_type="bf16", clamp=0.0,
                     round_activation=False)


@register
class SiluMul:
    name = "silu_mul"
    help = "silu(gate) * up of x[M, 2N]; clamp=0: none"
    options = dict(_SILU_OPTIONS, out_type="bf16")

    def inputs(self, o, rng):
        return {"x": Tensor(o.x_type,
                            random_gated(rng, (o.m, 2 * o.n), o.x_type))}

    def outputs(self, o, inputs):
        y = silu_mul(inputs["x"].value, clamp=o.clamp,
                     round_activation=o.x_type if o.round_activation else None)
        return {"y": float_output("y", y.value, o.out_type, interval=y)}


@register
class SplitKReduce:
    name = "split_k_reduce"
    help = "ordered f32 sum of x[parts, M, N]"
    options = dict(m=17, n=512, parts=4, out_type="bf16")

    def inputs(self, o, rng):
        return {"x": Tensor("f32", random_rows(rng, (o.parts, o.m, o.n),
                                               "f32"))}

    def outputs(self, o, inputs):
        y = split_k_reduce(inputs["x"].value)
        return {"y": float_output("y", y, o.out_type, exact=True)}


@register
class SiluMulQuantize:
    name = "silu_mul_quantize"
    help = "silu_mul of x[M, 2N] (parts > 0: of split-K partials), quantize"
    options = dict(_SILU_OPTIONS, scheme="mxfp4", round_before_quant=True,
                   parts=0, tie_ulps=2.0)

    def inputs(self, o, rng):
        shape = (o.m, 2 * o.n)
        if o.parts:
            x = Tensor("f32", random_gated(rng, (o.parts,) + shape, "f32",
                                           12.0 / o.parts))
        else:
            x = Tensor(o.x_type, random_gated(rng, shape, o.x_type))
        inputs = {"x": x}
        add_static_scale(o, inputs)
        return inputs

    def outputs(self, o, inputs):
        scheme = quant.Scheme.parse(o.scheme)
        scale = static_scale(o, inputs)
        r, narrow = (silu_mul_quantize(
            inputs["x"].value, scheme, scale=scale, x_type=o.x_type,
            round_before_quant=o.round_before_quant, clamp=o.clamp,
            round_activation=o.round_activation,
            split_k_type=o.x_type if o.parts else None, ulps=ulps)
            for ulps in (o.tie_ulps, o.tie_ulps / 2))
        return quantized_outputs(r, scheme, narrow.pre_quant, scale)


_ROPE_OPTIONS = dict(m=17, heads=2, rope=64, positions=4096,
                     table_type="f32", packed_table=False, interleaved=True,
                     compute_type="f32", x_type="bf16")


def _rope_inputs(o, rng):
    cos, sin = random_table(rng, o.positions, o.rope // 2, o.table_type)
    inputs = {"positions": Tensor("i64", rng.integers(0, o.positions, o.m))}
    if o.packed_table:
        inputs["cos_sin"] = Tensor(o.table_type,
                                   np.concatenate([cos, sin], axis=1))
    else:
        inputs["cos"] = Tensor(o.table_type, cos)
        inputs["sin"] = Tensor(o.table_type, sin)
    return inputs


def _tables(inputs):
    if "cos_sin" in inputs:
        return split_table(inputs["cos_sin"].value)
    return inputs["cos"].value, inputs["sin"].value


@register
class Rope:
    name = "rope"
    help = "rotary embedding of x[M, heads, R] (heads=0: x[M, R])"
    options = dict(_ROPE_OPTIONS, inverse=False)

    def inputs(self, o, rng):
        shape = (o.m, o.heads, o.rope) if o.heads else (o.m, o.rope)
        return {"x": Tensor(o.x_type, random_rows(rng, shape, o.x_type)),
                **_rope_inputs(o, rng)}

    def outputs(self, o, inputs):
        y = rope(inputs["x"].value, inputs["positions"].value,
                 *_tables(inputs), interleaved=o.interleaved,
                 inverse=o.inverse, compute_type=o.compute_type)
        return {"y": float_output("y", y.value, o.x_type, interval=y)}


_CACHE_OPTIONS = dict(layout="bf16", blocks=8, page=16, latent=512,
                      nope_first=True, skip_rule="negative",
                      pow2_scale=False, element="f8E4M3FN", slots=-1,
                      repeated=False)


def _cache_inputs(o, rng):
    latent = {"ds_mla_656": 512, "ds_mla_584": 448}.get(o.layout, o.latent)
    width = latent + o.rope
    if o.layout == "ds_mla_584":
        shape = (o.blocks, mla_cache.block_stride_584(o.page))
    elif o.layout == "ds_mla_656":
        shape = (o.blocks, o.page, 656)
    else:
        shape = (o.blocks, o.page, width)
    # Old contents: anything but NaN, so that unwritten slots are checked.
    if o.layout == "bf16":
        cache = Tensor("bf16", random_rows(rng, shape, "bf16"))
    else:
        name = o.element if o.layout == "fp8" else "u8"
        cache = Tensor(name, rng.integers(0, 127, shape).astype(np.uint8))
    count = o.m if o.slots < 0 else o.slots
    inputs = {
        "kv_c": Tensor(o.x_type, random_rows(rng, (o.m, latent), o.x_type)),
        "k_pe": Tensor(o.x_type, random_rows(rng, (o.m, o.rope), o.x_type)),
        "cache": cache,
        "slots": Tensor("i64", random_slots(rng, count, o.blocks * o.page,
                                            o.skip_rule, o.repeated)),
    }
    if o.layout == "fp8":
        inputs["k_scale"] = Tensor("f32", np.array([0.125]))
    return inputs


def _cache_attributes(o, inputs):
    return dict(layout=o.layout, page=o.page, nope_first=o.nope_first,
                skip_rule=o.skip_rule, pow2_scale=o.pow2_scale,
                element=o.element)


def _cache_value(inputs):
    """The cache as stored: bits, not values."""
    return inputs["cache"].stored()


@register
class MlaCacheWrite:
    name = "mla_cache_write"
    help = "write kv_c[M, L] and k_pe[M, R] into a paged cache"
    options = dict(_CACHE_OPTIONS, m=17, rope=64, x_type="bf16")

    def inputs(self, o, rng):
        return _cache_inputs(o, rng)

    def outputs(self, o, inputs):
        kv_c, k_pe, slots = _values(inputs, "kv_c", "k_pe", "slots")
        (k_scale,) = _values(inputs, "k_scale")
        cache = mla_cache.mla_cache_write(kv_c, k_pe, _cache_value(inputs),
                                          slots, scale=k_scale,
                                          **_cache_attributes(o, inputs))
        return {"cache": cache_output(o.layout, (cache,) * 3, o.page,
                                      o.element)}


@register
class RopeMlaCacheWrite:
    name = "rope_mla_cache_write"
    help = "rope of q and k, q_out = [nope | rope], cache write"
    options = dict(_ROPE_OPTIONS, **_CACHE_OPTIONS, q_nope=True,
                   q_type="bf16", round_before_quant=True, emit_k_rot=False)

    def inputs(self, o, rng):
        cached = _cache_inputs(o, rng)
        latent = cached["kv_c"].value.shape[1]
        inputs = {}
        if o.q_nope:
            inputs["q_nope"] = Tensor(o.x_type, random_rows(
                rng, (o.m, o.heads, latent), o.x_type))
        inputs |= {
            "q_pe": Tensor(o.x_type, random_rows(
                rng, (o.m, o.heads, o.rope), o.x_type)),
            **cached, **_rope_inputs(o, rng),
        }
        if o.q_type != o.x_type:
            inputs["q_scale"] = Tensor("f32", np.array([0.25]))
        return inputs

    def outputs(self, o, inputs):
        names = ("q_nope", "q_pe", "kv_c", "k_pe", "positions")
        k_scale, q_scale = _values(inputs, "k_scale", "q_scale")
        q_out, k_rot, caches = rope_mla_cache_write(
            *_values(inputs, *names), *_tables(inputs), _cache_value(inputs),
            inputs["slots"].value, interleaved=o.interleaved,
            compute_type=o.compute_type, x_type=o.x_type,
            k_scale=k_scale, q_scale=q_scale,
            round_before_quant=o.round_before_quant,
            **_cache_attributes(o, inputs))
        if o.q_type in io.FLOAT_VALUES:
            q = float_output("q_out", q_out.value, o.q_type, interval=q_out)
        else:
            bits = [formats.encode(x, o.q_type)
                    for x in (q_out.value, q_out.lo, q_out.hi)]
            q = Output(o.q_type, bits[0], lambda actual: [compare.coded(
                "q_out", actual["q_out"], *bits, o.q_type)])
        outputs = {"q_out": q, "cache": cache_output(o.layout, caches, o.page,
                                                     o.element)}
        if o.emit_k_rot:
            outputs["k_rot"] = float_output("k_rot", k_rot.value, o.x_type,
                                            interval=k_rot)
        return outputs


@register
class RopeQuantize:
    name = "rope_quantize"
    help = "rope of the trailing R of x[M, heads, D], grouped fp8 quantize"
    options = dict(_ROPE_OPTIONS, heads=8, d=512, groups=2, inverse=True,
                   scheme="fp8_group,scale_rounding=rceil,nonfinite=saturate,"
                   "amax_floor=1e-8",
                   round_before_quant=True, tie_ulps=2.0)

    def inputs(self, o, rng):
        inputs = {"x": Tensor(o.x_type, random_rows(
            rng, (o.m, o.heads, o.d), o.x_type)), **_rope_inputs(o, rng)}
        add_static_scale(o, inputs)
        return inputs

    def outputs(self, o, inputs):
        scheme = quant.Scheme.parse(o.scheme)
        scale = static_scale(o, inputs)
        r, narrow = (rope_quantize(
            inputs["x"].value, inputs["positions"].value, *_tables(inputs),
            scheme, groups=o.groups, rope_columns=o.rope,
            interleaved=o.interleaved, inverse=o.inverse,
            compute_type=o.compute_type, x_type=o.x_type,
            round_before_quant=o.round_before_quant, scale=scale, ulps=ulps)
            for ulps in (o.tie_ulps, o.tie_ulps / 2))
        return quantized_outputs(r, scheme, narrow.pre_quant, scale)


# Running a case --------------------------------------------------------------


def options_of(case, values=None):
    """The options of a case as a namespace, defaults overridden."""
    values = dict(values or {})
    unknown = set(values) - set(case.options)
    if unknown:
        raise ValueError(f"case {case.name} has no option "
                         f"'{sorted(unknown)[0]}'")
    return SimpleNamespace(**{**case.options, **values})


def find(name):
    if name not in CASES:
        raise ValueError(f"unknown case '{name}', known: "
                         f"{', '.join(sorted(CASES))}")
    return CASES[name]


def check(outputs, actual):
    """Reports of a program's stored outputs against the reference."""
    reports = []
    for output in outputs.values():
        if output.check is not None:
            reports += output.check(actual)
    return reports


# The cases of attention register themselves; they build on the above.
from . import attention_cases  # noqa: E402,F401 pylint: disable=C0413,W0611
