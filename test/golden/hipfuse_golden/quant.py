# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantisation and dequantisation.

mxfp4, mxfp8   blocks of 32 along the last dimension with an E8M0 scale byte
               (OCP Microscaling Formats v1.0). The byte is computed from the
               bits of the float32 block maximum; elements are v / 2^(byte-127)
               exactly, then rounded once.
fp8_static     one given float32 scale per tensor
fp8_token      one computed scale per row
fp8_group      one computed scale per `group` elements of a row
               In the fp8 schemes scale = f32(max(amax, floor) / max_finite)
               and q = round(f32(x / scale)), saturating.

Scale rounding modes of the MX schemes, A = amax, E = exponent field:
  floor  E(A / 2^emax)                                   OCP MX v1.0, 6.3
  even   E((bits(A) + 2^(22 - mantissa_bits)) & ~mantissa) - emax, at least 0
  rceil  E(A / max) + (mantissa != 0)
  ceil   E(A / 2^emax) + (mantissa != 0)
with float32 arithmetic including gradual underflow. For mxfp4 rceil multiplies
by the float32 0x3E2AAAAB (1/6), for mxfp8 it divides by 448.
"""

from dataclasses import dataclass, fields

import numpy as np

from . import formats, layouts
from .formats import F32_MAX

MX_BLOCK = 32
KINDS = ("mxfp4", "mxfp8", "fp8_static", "fp8_token", "fp8_group")
SCALE_MODES = ("floor", "even", "rceil", "ceil")


@dataclass(frozen=True)
class Scheme:
    """What a quantize operation does."""

    kind: str
    scale_mode: str = "even"  # mx schemes
    element_rounding: str = "nearest_even"  # mxfp4: or half_away
    nonfinite: str = "propagate"  # mx schemes: or saturate
    layout: str = "row"  # of the scales; see layouts.py
    element: str = "f8E4M3FN"  # fp8 schemes: or f8E4M3FNUZ
    group: int = 128  # fp8_group: 32, 64 or 128
    scale_type: str = "f32"  # fp8_group: or e8m0
    amax_floor: float = 1e-10  # fp8_token and fp8_group

    def __post_init__(self):
        for name, allowed in (
            ("kind", KINDS),
            ("scale_mode", SCALE_MODES),
            ("element_rounding", ("nearest_even", "half_away")),
            ("nonfinite", ("propagate", "saturate")),
            ("layout", layouts.LAYOUTS),
            ("element", ("f8E4M3FN", "f8E4M3FNUZ")),
            ("group", (32, 64, 128)),
            ("scale_type", ("f32", "e8m0")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"scheme: {name} is '{getattr(self, name)}', allowed: "
                    f"{', '.join(map(str, allowed))}")
        if self.kind != "mxfp4" and self.element_rounding != "nearest_even":
            raise ValueError("scheme: half_away exists for mxfp4 only")
        if self.scale_type == "e8m0" and self.kind != "fp8_group":
            raise ValueError("scheme: scale_type e8m0 is for fp8_group only")
        if self.layout == "cdna4_shuffled" and self.scale_element != (
                "f8E8M0FNU"):
            raise ValueError("scheme: cdna4_shuffled needs byte scales")

    @staticmethod
    def parse(text):
        """"mxfp4" or "fp8_group,group=64,layout=column"."""
        kind, *items = text.split(",")
        types = {f.name: f.type for f in fields(Scheme)}
        values = {}
        for item in items:
            name, equals, value = item.partition("=")
            if not equals or name not in types or name == "kind":
                raise ValueError(f"scheme: cannot parse '{item}'")
            values[name] = types[name](value)
        return Scheme(kind, **values)

    def __str__(self):
        items = [self.kind]
        for f in fields(self)[1:]:
            if getattr(self, f.name) != f.default:
                items.append(f"{f.name}={getattr(self, f.name)}")
        return ",".join(items)

    @property
    def is_mx(self):
        return self.kind in ("mxfp4", "mxfp8")

    @property
    def data_element(self):
        """Format of the elements."""
        if self.is_mx:
            return "f4E2M1FN" if self.kind == "mxfp4" else "f8E4M3FN"
        return self.element

    @property
    def scale_element(self):
        """Format of the stored scales."""
        if self.is_mx or self.scale_type == "e8m0":
            return "f8E8M0FNU"
        return "f32"

    def block_of(self, n):
        """Elements of a row of `n` that share a scale."""
        if self.is_mx:
            return MX_BLOCK
        if self.kind == "fp8_group":
            if n % self.group:
                raise ValueError(
                    f"fp8_group: last dimension {n} is not a multiple of "
                    f"the group {self.group}")
            return self.group
        return n


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


def _field(x):
    """Exponent field and "mantissa is not zero" of float32 x."""
    bits = _f32(x).view(np.uint32).astype(np.int64)
    return (bits >> 23) & 255, (bits & 0x7FFFFF) != 0


def mx_scale_bytes(amax, scale_mode, element="f4E2M1FN"):
    """E8M0 bytes of block maxima; Inf and NaN give 0xFF."""
    amax = _f32(amax)
    fmt = formats.format_of(element)
    emax = fmt.max_exponent
    finite = np.isfinite(amax)
    a = np.where(finite, amax, np.float32(0))
    with np.errstate(under="ignore"):
        if scale_mode == "even":
            bits = a.view(np.uint32).astype(np.int64)
            half = 1 << (23 - fmt.mantissa_bits - 1)
            byte = np.maximum(((bits + half) >> 23) - emax, 0)
        elif scale_mode == "rceil":
            if element == "f4E2M1FN":
                sixth = np.uint32(0x3E2AAAAB).view(np.float32)
                u = a * sixth
            else:
                u = a / np.float32(fmt.max_finite)
            exponent, odd = _field(u)
            byte = exponent + odd
        elif scale_mode in ("floor", "ceil"):
            exponent, odd = _field(a * np.float32(2.0**-emax))
            byte = exponent + odd * (scale_mode == "ceil")
        else:
            raise ValueError(f"unknown scale mode '{scale_mode}', known: "
                             f"{', '.join(SCALE_MODES)}")
    return np.where(finite, byte, 255).astype(np.uint8)


def to_blocks(x, block, fill=0.0):
    """[M, N] -> [M, ceil(N / block), block], the tail filled."""
    m, n = x.shape
    pad = -n % block
    if pad:
        x = np.concatenate([x, np.full((m, pad), fill, dtype=x.dtype)], axis=1)
    return x.reshape(m, -1, block)


def block_amax(x, scheme):
    """float32 block maxima [M, S] with the scheme's treatment of NaN and Inf.

    `x` is [M, N]. MX propagate keeps them; MX saturate and the fp8 schemes
    take NaN as zero and Inf as the largest finite float32.
    """
    a = np.abs(to_blocks(x, scheme.block_of(x.shape[1])))
    if not scheme.is_mx or scheme.nonfinite == "saturate":
        a = np.where(np.isnan(a), 0.0, np.minimum(a, F32_MAX))
    return formats.to_f32(a.max(axis=2))


def scales_from_amax(amax, scheme):
    """Logical scales (bytes or float32) of block maxima."""
    amax = _f32(amax)
    if scheme.is_mx:
        return mx_scale_bytes(amax, scheme.scale_mode, scheme.data_element)
    top = np.float32(formats.format_of(scheme.element).max_finite)
    with np.errstate(under="ignore"):
        scale = np.maximum(amax, np.float32(scheme.amax_floor)) / top
    if scheme.scale_type == "e8m0":
        return formats.e8m0_round_up(scale)
    return scale


def scale_values(scales, scheme):
    """Logical scales as float64."""
    if scheme.scale_element == "f8E8M0FNU":
        return formats.e8m0_decode(scales)
    return _f32(scales).astype(np.float64)


def encode_elements(x, scales, scheme):
    """Codes [M, N] of x [M, N] under given logical scales."""
    m, n = x.shape
    block = scheme.block_of(n)
    blocks = to_blocks(x, block)
    scale = np.broadcast_to(scale_values(scales, scheme),
                            blocks.shape[:2])[..., None]
    nan = np.isnan(blocks)
    with np.errstate(all="ignore"):
        if scheme.is_mx:
            scaled = np.where(nan | np.isnan(scale), 0.0, blocks / scale)
        else:
            scaled = (_f32(formats.to_f32(blocks)) /
                      formats.to_f32(scale)).astype(np.float64)
    if scheme.data_element == "f4E2M1FN":
        codes = formats.e2m1_encode(scaled, scheme.element_rounding)
    else:
        codes = formats.encode(scaled, scheme.data_element, saturate=True)
    return codes.reshape(m, -1)[:, :n]


def pack(codes, scheme):
    return formats.fp4_pack(codes) if scheme.kind == "mxfp4" else codes


def unpack(data, scheme):
    data = np.asarray(data, dtype=np.uint8)
    return formats.fp4_unpack(data) if scheme.kind == "mxfp4" else data


def scale_extent(m, n, scheme):
    """Logical shape of the scales of [m, n]."""
    if scheme.kind == "fp8_static":
        return 1, 1
    return m, -(-n // scheme.block_of(n))


def quantize(x, scheme, scale=None):
    """Quantise x[..., N]; `scale` is the given scale of fp8_static.

    x is taken as float32: inputs of narrower types are exact, float64
    intermediates are rounded to float32 first.
    """
    x = formats.round_to(x, "f32")
    rows = x.reshape(-1, x.shape[-1])
    if (scale is not None) != (scheme.kind == "fp8_static"):
        raise ValueError(f"{scheme.kind} takes "
                         f"{'a' if scale is None else 'no'} scale operand")
    if scheme.kind == "fp8_static":
        scales = _f32(scale).reshape(1, 1)
        stored = scales.reshape(1)
    else:
        scales = scales_from_amax(block_amax(rows, scheme), scheme)
        stored = layouts.store(scales, scheme.layout)
        if scheme.layout == "row":
            stored = stored.reshape(x.shape[:-1] + (scales.shape[1],))
    codes = encode_elements(rows, scales, scheme)
    data = pack(codes, scheme)
    data = data.reshape(x.shape[:-1] + (data.shape[-1],))
    return Quantized(data, stored, codes, scales, scheme)


def logical_scales(stored, m, n, scheme):
    """[M, S] of scales in storage order."""
    if scheme.kind == "fp8_static":
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
    blocks = to_blocks(formats.decode(codes, scheme.data_element),
                       scheme.block_of(n))
    scale = np.broadcast_to(scale_values(scales, scheme), blocks.shape[:2])
    with np.errstate(all="ignore"):
        values = _f32(blocks) * formats.to_f32(scale)[..., None]
    return values.astype(np.float64).reshape(codes.shape[0], -1)[:, :n]
