# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantisation and dequantisation.

A = max(amax, amax_floor) of what shares a scale, E(u) = exponent field of
float32 u, and for f4E2M1FN, f8E4M3FN, f8E4M3FNUZ: emax 2, 8, 7 and max 6, 448,
240. The scale is an E8M0 byte by one of the rules

  floor  E(A / 2^emax)                                   OCP MX v1.0, 6.3
  even   E((bits(A) + half) & 0xFF800000) - emax, at least 0
         half = 0x200000 for E2M1, 0x80000 for E4M3
  rceil  E(A / max) + (mantissa != 0)
  ceil   E(A / 2^emax) + (mantissa != 0)

in float32 arithmetic with gradual underflow (a subnormal has field 0), and
elements are round(x / 2^(byte - 127)), exact before that one rounding. Or it is
(scale_rounding none) the float32 s = f32(A / max), 1 where that is 0, and
elements are round(f32(x / s)). Both saturate.
"""

import re
from dataclasses import dataclass, fields, replace

import numpy as np

from . import formats, layouts
from .formats import F32_MAX

SCALE_ROUNDINGS = ("none", "floor", "even", "rceil", "ceil")

_PRESETS = {
    "mxfp4": dict(element="f4E2M1FN", granularity="block", block=32,
                  scale_rounding="even"),
    "mxfp8": dict(element="f8E4M3FN", granularity="block", block=32,
                  scale_rounding="even"),
    "fp8_static": dict(element="f8E4M3FN", granularity="tensor"),
    "fp8_token": dict(element="f8E4M3FN", granularity="token"),
    "fp8_group": dict(element="f8E4M3FN", granularity="block", block=128),
}


@dataclass(frozen=True)
class Scheme:
    """What a quantisation does; the parameters of #lm.scheme."""

    element: str
    granularity: str  # tensor (the scale is given), token (a row) or block
    block: int = 0
    scale_rounding: str = "none"
    element_rounding: str = "nearest_even"  # f4E2M1FN: or half_away
    layout: str = "row_major"  # of the scales; see layouts.py
    nonfinite: str = "propagate"  # E8M0 scales: or saturate
    amax_floor: float = 0.0

    def __post_init__(self):
        for name, allowed in (
            ("element", ("f4E2M1FN", "f8E4M3FN", "f8E4M3FNUZ")),
            ("granularity", ("tensor", "token", "block")),
            ("block", (32, 64, 128) if self.granularity == "block" else (0,)),
            ("scale_rounding", SCALE_ROUNDINGS),
            ("element_rounding", ("nearest_even", "half_away")),
            ("layout", layouts.LAYOUTS),
            ("nonfinite", ("propagate", "saturate")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"scheme: {name} is '{getattr(self, name)}', allowed: "
                    f"{', '.join(map(str, allowed))}")
        if self.is_fp4 and (self.block != 32 or not self.is_e8m0):
            raise ValueError("scheme: f4E2M1FN needs blocks of 32 and a scale "
                             "rounding")
        if self.is_e8m0 and self.granularity != "block":
            raise ValueError("scheme: a scale rounding needs granularity "
                             "block")
        if self.element_rounding == "half_away" and not self.is_fp4:
            raise ValueError("scheme: half_away needs f4E2M1FN")
        if self.layout == "cdna4_shuffled" and (not self.is_e8m0 or
                                                self.block != 32):
            raise ValueError("scheme: cdna4_shuffled needs E8M0 scales of "
                             "blocks of 32")
        if self.nonfinite == "saturate" and not self.is_e8m0:
            raise ValueError("scheme: nonfinite applies to E8M0 scales only")

    @staticmethod
    def of(preset, **changes):
        """mxfp4, mxfp8, fp8_static, fp8_token or fp8_group, with changes."""
        if preset not in _PRESETS:
            raise ValueError(f"scheme: unknown preset '{preset}', known: "
                             f"{', '.join(_PRESETS)}")
        return Scheme(**{**_PRESETS[preset], **changes})

    @staticmethod
    def parse(text):
        """A preset with changes, "fp8_group,block=64,layout=column_major", or
        the text of the attribute, "#lm.scheme<element = f4E2M1FN, ...>"."""
        body = re.fullmatch(r"\s*(?:#lm\.scheme)?<(.*)>\s*", text, re.S)
        items = [i.strip() for i in (body[1] if body else text).split(",")]
        values = {} if body else dict(_PRESETS.get(items[0], {}))
        if not body and not values:
            return Scheme.of(items[0])
        types = {f.name: f.type for f in fields(Scheme)}
        for item in items if body else items[1:]:
            name, equals, value = (i.strip() for i in item.partition("="))
            if not equals or name not in types:
                raise ValueError(f"scheme: cannot parse '{item}'")
            values[name] = types[name](value.partition(":")[0].strip())
        for name in ("element", "granularity"):
            if name not in values:
                raise ValueError(f"scheme: {name} is missing")
        return Scheme(**values)

    def __str__(self):
        items = [f"{f.name} = {getattr(self, f.name):e} : f32"
                 if f.name == "amax_floor" else
                 f"{f.name} = {getattr(self, f.name)}"
                 for f in fields(self) if getattr(self, f.name) != f.default]
        return f"#lm.scheme<{', '.join(items)}>"

    def with_layout(self, layout):
        return replace(self, layout=layout)

    @property
    def is_fp4(self):
        return self.element == "f4E2M1FN"

    @property
    def is_e8m0(self):
        return self.scale_rounding != "none"

    @property
    def is_dynamic(self):
        """Whether the scale is computed, not given."""
        return self.granularity != "tensor"

    @property
    def scale_element(self):
        """Format of the stored scales."""
        return "f8E8M0FNU" if self.is_e8m0 else "f32"

    @property
    def storage(self):
        """Type of the stored data: packed FP4 is bytes."""
        return "u8" if self.is_fp4 else self.element

    def block_of(self, n):
        """Elements of a row of `n` that share a scale."""
        if self.granularity != "block":
            return n
        if not self.is_e8m0 and n % self.block:
            raise ValueError(f"last dimension {n} is not a multiple of the "
                             f"block {self.block}")
        return self.block


@dataclass
class Quantized:
    """Result of quantize. M is the product of the leading dimensions."""

    data: np.ndarray  # as stored: uint8; FP4 packed to N/2
    scale: np.ndarray  # as stored in scheme.layout: uint8 or float32
    codes: np.ndarray  # [M, N] uint8, one code per element
    scales: np.ndarray  # logical [M, S] (or [1, 1]) uint8 or float32
    scheme: Scheme


def _f32(x):
    return np.asarray(x, dtype=np.float32)


def scale_bytes(amax, scale_rounding, element="f4E2M1FN"):
    """E8M0 bytes of block maxima; Inf and NaN give 0xFF."""
    amax = _f32(amax)
    fmt = formats.format_of(element)
    emax = fmt.max_exponent
    finite = np.isfinite(amax)
    a = np.where(finite, amax, np.float32(0))
    with np.errstate(under="ignore"):
        if scale_rounding == "even":
            bits = a.view(np.uint32).astype(np.int64)
            half = 1 << (23 - fmt.mantissa_bits - 1)
            byte = np.maximum(((bits + half) >> 23) - emax, 0)
        elif scale_rounding == "rceil":
            byte = formats.e8m0_round_up(a / np.float32(fmt.max_finite))
        elif scale_rounding == "ceil":
            byte = formats.e8m0_round_up(a * np.float32(2.0**-emax))
        elif scale_rounding == "floor":
            quotient = a * np.float32(2.0**-emax)
            byte = (quotient.view(np.uint32) >> 23) & 255
        else:
            raise ValueError(f"no E8M0 rule '{scale_rounding}', known: "
                             f"{', '.join(SCALE_ROUNDINGS[1:])}")
    return np.where(finite, byte, 255).astype(np.uint8)


def to_blocks(x, block, fill=0.0):
    """[M, N] -> [M, ceil(N / block), block], the tail filled."""
    m, n = x.shape
    pad = -n % block
    if pad:
        x = np.concatenate([x, np.full((m, pad), fill, dtype=x.dtype)], axis=1)
    return x.reshape(m, -1, block)


def block_amax(x, scheme):
    """float32 maxima [M, S] of x [M, N] with the scheme's treatment of NaN and
    Inf: propagate keeps them; otherwise NaN takes no part and Inf counts as
    the largest finite float32."""
    a = np.abs(to_blocks(x, scheme.block_of(x.shape[1])))
    if not scheme.is_e8m0 or scheme.nonfinite == "saturate":
        a = np.where(np.isnan(a), 0.0, np.minimum(a, F32_MAX))
    return formats.to_f32(a.max(axis=2))


def scales_from_amax(amax, scheme):
    """Logical scales (bytes or float32) of block maxima."""
    amax = np.maximum(_f32(amax), np.float32(scheme.amax_floor))
    if scheme.is_e8m0:
        return scale_bytes(amax, scheme.scale_rounding, scheme.element)
    top = np.float32(formats.format_of(scheme.element).max_finite)
    with np.errstate(under="ignore"):
        scale = amax / top
    return np.where(scale == 0, np.float32(1), scale)


def scale_values(scales, scheme):
    """Logical scales as float64."""
    if scheme.is_e8m0:
        return formats.e8m0_decode(scales)
    return _f32(scales).astype(np.float64)


def encode_elements(x, scales, scheme):
    """Codes [M, N] of x [M, N] under given logical scales."""
    m, n = x.shape
    block = scheme.block_of(n)
    blocks = to_blocks(x, block)
    scale = np.broadcast_to(scale_values(scales, scheme),
                            blocks.shape[:2])[..., None]
    with np.errstate(all="ignore"):
        if scheme.is_e8m0:
            scaled = np.where(np.isnan(scale), 0.0, blocks / scale)
        else:
            scaled = (formats.to_f32(blocks) / formats.to_f32(scale)).astype(
                np.float64)
    if scheme.is_fp4:
        scaled = np.where(np.isnan(scaled), 0.0, scaled)
        codes = formats.e2m1_encode(scaled, scheme.element_rounding)
    else:
        codes = formats.encode(scaled, scheme.element, saturate=True)
    return codes.reshape(m, -1)[:, :n]


def pack(codes, scheme):
    return formats.fp4_pack(codes) if scheme.is_fp4 else codes


def unpack(data, scheme):
    data = np.asarray(data, dtype=np.uint8)
    return formats.fp4_unpack(data) if scheme.is_fp4 else data


def scale_extent(m, n, scheme):
    """Logical shape of the scales of [m, n]."""
    if not scheme.is_dynamic:
        return 1, 1
    return m, -(-n // scheme.block_of(n))


def quantize(x, scheme, scale=None):
    """Quantise x[..., N]; `scale` is the given scale of granularity tensor.

    x is taken as float32: inputs of narrower types are exact, float64
    intermediates are rounded to float32 first.
    """
    x = formats.round_to(x, "f32")
    rows = x.reshape(-1, x.shape[-1])
    if (scale is None) != scheme.is_dynamic:
        raise ValueError("a scale operand belongs to granularity tensor, and "
                         "only to it")
    if not scheme.is_dynamic:
        scales = _f32(scale).reshape(1, 1)
        stored = scales.reshape(1)
    else:
        scales = scales_from_amax(block_amax(rows, scheme), scheme)
        stored = layouts.store(scales, scheme.layout)
        if scheme.layout == "row_major":
            stored = stored.reshape(x.shape[:-1] + (scales.shape[1],))
    codes = encode_elements(rows, scales, scheme)
    data = pack(codes, scheme)
    data = data.reshape(x.shape[:-1] + (data.shape[-1],))
    return Quantized(data, stored, codes, scales, scheme)


def logical_scales(stored, m, n, scheme):
    """[M, S] of scales in storage order."""
    if not scheme.is_dynamic:
        return np.asarray(stored).reshape(1, 1)
    return layouts.load(stored, scheme.layout, *scale_extent(m, n, scheme))


def dequantize(data, stored, scheme, out_type="f32"):
    """float64 values of data[..., N] under scales in storage order.

    f32(element) * f32(scale) rounded to float32, then to `out_type`.
    """
    codes = unpack(data, scheme)
    n = codes.shape[-1]
    rows = codes.reshape(-1, n)
    scales = logical_scales(stored, rows.shape[0], n, scheme)
    values = dequantize_codes(rows, scales, scheme)
    return formats.round_to(values, out_type).reshape(codes.shape)


def dequantize_codes(codes, scales, scheme):
    """[M, N] codes under logical scales, as float32 values in float64."""
    n = codes.shape[1]
    blocks = to_blocks(formats.decode(codes, scheme.element),
                       scheme.block_of(n))
    scale = np.broadcast_to(scale_values(scales, scheme), blocks.shape[:2])
    with np.errstate(all="ignore"):
        values = _f32(blocks) * formats.to_f32(scale)[..., None]
    return values.astype(np.float64).reshape(codes.shape[0], -1)[:, :n]
