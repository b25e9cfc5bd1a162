# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Number formats: bits <-> float64, each encoding rounding exactly once.

Formats carry their MLIR names. Arithmetic elsewhere in the package is done on
float64 arrays whose elements are representable in the named format; bits are
unsigned integer arrays.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FloatFormat:
    """A binary format of at most 16 bits with gradual underflow."""

    name: str
    bits: int
    exponent_bits: int
    mantissa_bits: int
    bias: int
    max_code: int  # magnitude code of the largest finite value
    specials: str  # "ieee": Inf and NaN; "fn"/"fnuz": one NaN; "none"

    @property
    def storage(self):
        return np.uint16 if self.bits == 16 else np.uint8

    @property
    def sign_bit(self):
        return 1 << (self.bits - 1)

    @property
    def nan_code(self):
        if self.specials == "none":
            raise ValueError(f"{self.name} has no NaN")
        if self.specials == "fnuz":
            return self.sign_bit
        if self.specials == "fn":
            return self.max_code + 1
        return self.max_code + 1 + (1 << (self.mantissa_bits - 1))

    @property
    def max_finite(self):
        return float(decode(self.max_code, self.name))

    @property
    def max_exponent(self):
        """floor(log2(max_finite)): the "emax" of the OCP MX specification."""
        return int(np.floor(np.log2(self.max_finite)))


_FORMATS = {
    f.name: f
    for f in (
        FloatFormat("bf16", 16, 8, 7, 127, 0x7F7F, "ieee"),
        FloatFormat("f16", 16, 5, 10, 15, 0x7BFF, "ieee"),
        FloatFormat("f8E4M3FN", 8, 4, 3, 7, 0x7E, "fn"),
        FloatFormat("f8E4M3FNUZ", 8, 4, 3, 8, 0x7F, "fnuz"),
        FloatFormat("f4E2M1FN", 4, 2, 1, 1, 0x7, "none"),
    )
}

F32_MAX = float(np.finfo(np.float32).max)


def format_of(name):
    """The FloatFormat called `name`."""
    if name not in _FORMATS:
        raise ValueError(
            f"unknown format '{name}', known: {', '.join(sorted(_FORMATS))}")
    return _FORMATS[name]


def _decode_all(fmt):
    codes = np.arange(1 << fmt.bits, dtype=np.int64)
    field_mask = (1 << fmt.exponent_bits) - 1
    exponent = (codes >> fmt.mantissa_bits) & field_mask
    fraction = codes & ((1 << fmt.mantissa_bits) - 1)
    significand = np.where(exponent == 0, fraction,
                           fraction + (1 << fmt.mantissa_bits))
    power = np.maximum(exponent, 1) - fmt.bias - fmt.mantissa_bits
    values = np.ldexp(significand.astype(np.float64), power)
    if fmt.specials == "ieee":
        values[(exponent == field_mask) & (fraction == 0)] = np.inf
        values[(exponent == field_mask) & (fraction != 0)] = np.nan
    values = np.where(codes & fmt.sign_bit, -values, values)
    if fmt.specials == "fn":
        values[[fmt.nan_code, fmt.nan_code | fmt.sign_bit]] = np.nan
    elif fmt.specials == "fnuz":
        values[fmt.nan_code] = np.nan
    return values


_TABLES = {name: _decode_all(fmt) for name, fmt in _FORMATS.items()}


def decode(bits, name):
    """Bits of format `name` as float64. f32 and f64 take uint32 / uint64."""
    bits = np.asarray(bits)
    if name == "f32":
        return bits.astype(np.uint32).view(np.float32).astype(np.float64)
    if name == "f64":
        return bits.astype(np.uint64).view(np.float64)
    if name == "f8E8M0FNU":
        return e8m0_decode(bits)
    return _TABLES[format_of(name).name][bits.astype(np.int64)]


def encode(x, name, rounding="nearest_even", saturate=None):
    """float64 `x` as bits of format `name`, rounded once.

    Values beyond the largest finite one become it when `saturate` is true,
    else Inf (NaN in formats without Inf, the largest if without NaN too). By default the 8 and 4 bit formats
    saturate and the others do not. `rounding` is nearest_even or half_away.
    """
    x = np.asarray(x, dtype=np.float64)
    if name in ("f32", "f64"):
        if rounding != "nearest_even" or saturate:
            raise ValueError(f"{name} encodes to nearest even, unsaturated")
        if name == "f64":
            return x.view(np.uint64)
        return to_f32(x).view(np.uint32)
    fmt = format_of(name)
    if saturate is None:
        saturate = fmt.bits <= 8
    magnitude = np.abs(x)
    finite = np.isfinite(x)
    a = np.where(finite, magnitude, 0.0)
    exponent = np.frexp(a)[1].astype(np.int64) - 1
    exponent = np.where(a == 0, 1 - fmt.bias,
                        np.maximum(exponent, 1 - fmt.bias))
    # In units of the last place the significand is below 2^(mantissa + 1).
    # (float64 subnormals lie far below every quantum used here.)
    units = np.ldexp(a, fmt.mantissa_bits - exponent)
    if rounding == "nearest_even":
        units = np.rint(units)
    elif rounding == "half_away":
        whole = np.floor(units)
        units = whole + (units - whole >= 0.5)
    else:
        raise ValueError(f"unknown rounding '{rounding}'")
    code = ((exponent + fmt.bias - 1) << fmt.mantissa_bits) + units.astype(
        np.int64)
    overflow = (code > fmt.max_code) | np.isinf(x)
    if saturate or fmt.specials == "none":
        code = np.where(overflow, fmt.max_code, code)
    elif fmt.specials == "ieee":
        code = np.where(overflow, fmt.max_code + 1, code)
    else:
        code = np.where(overflow, fmt.nan_code, code)
    negative = np.signbit(x)
    if fmt.specials == "fnuz":
        negative = negative & (code != 0) & (code != fmt.nan_code)
    code = np.where(negative, code | fmt.sign_bit, code)
    nan = np.isnan(x)
    if nan.any():
        code = np.where(nan, fmt.nan_code, code)
    return code.astype(fmt.storage)


def to_f32(x):
    """float64 -> numpy float32, one rounding to nearest even."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.asarray(x, dtype=np.float64).astype(np.float32)


def round_to(x, name):
    """`x` rounded to format `name`, as float64."""
    if name == "f64":
        return np.asarray(x, dtype=np.float64)
    if name == "f32":
        return to_f32(x).astype(np.float64)
    return decode(encode(x, name), name)


def ulp_f32(x):
    """Spacing of float32 at |x|, as float64; NaN and Inf give NaN."""
    x = np.asarray(x, dtype=np.float64)
    exponent = np.frexp(np.where(np.isfinite(x), x, 1.0))[1] - 1
    exponent = np.where(x == 0, -126, exponent)
    spacing = np.ldexp(1.0, np.maximum(exponent, -126) - 23)
    return np.where(np.isfinite(x), spacing, np.nan)


def e2m1_encode(x, rounding="nearest_even"):
    """Codes 0..15 of FP4 E2M1, saturating at 6. NaN has no encoding: error.

    nearest_even copies the sign bit, so -0.0 is code 8; half_away takes the
    sign from x < 0, so -0.0 is code 0.
    """
    x = np.asarray(x, dtype=np.float64)
    if np.isnan(x).any():
        raise ValueError("f4E2M1FN cannot represent NaN")
    if rounding == "half_away":
        x = np.where(x == 0, 0.0, x)
    return encode(x, "f4E2M1FN", rounding)


def e2m1_decode(codes):
    return decode(codes, "f4E2M1FN")


def fp4_pack(codes):
    """Two codes per byte along the last dimension, even index in the low
    nibble."""
    codes = np.asarray(codes, dtype=np.uint8)
    if codes.shape[-1] % 2:
        raise ValueError(
            f"packed FP4 needs an even last dimension, got {codes.shape[-1]}")
    return codes[..., 0::2] | (codes[..., 1::2] << 4)


def fp4_unpack(data):
    """The codes 0..15 of packed FP4 bytes."""
    data = np.asarray(data, dtype=np.uint8)
    codes = np.empty(data.shape[:-1] + (2 * data.shape[-1],), dtype=np.uint8)
    codes[..., 0::2] = data & 15
    codes[..., 1::2] = data >> 4
    return codes


def e8m0_decode(bits):
    """2^(byte - 127); 0xFF is NaN."""
    bits = np.asarray(bits).astype(np.int64)
    return np.where(bits == 255, np.nan, np.ldexp(1.0, bits - 127))


def e8m0_encode(x):
    """Bytes of exact powers of two in 2^-127 .. 2^127, or NaN (0xFF)."""
    x = np.asarray(x, dtype=np.float64)
    nan = np.isnan(x)
    fraction, exponent = np.frexp(np.where(nan, 1.0, x))
    byte = exponent.astype(np.int64) - 1 + 127
    if not (nan | ((fraction == 0.5) & (byte >= 0) & (byte <= 254))).all():
        raise ValueError("f8E8M0FNU represents only 2^-127 .. 2^127")
    return np.where(nan, 255, byte).astype(np.uint8)


def e8m0_round_up(x):
    """Byte of the smallest power of two >= x, from the bits of float32 x.

    E(x), plus one if the fraction is not zero: float32 subnormals above zero
    give byte 1 (2^-126) and zero gives byte 0 (2^-127). Inf and NaN give 0xFF.
    """
    bits = np.asarray(x, dtype=np.float32).view(np.uint32).astype(np.int64)
    exponent = (bits >> 23) & 255
    return np.minimum(exponent + ((bits & 0x7FFFFF) != 0), 255).astype(
        np.uint8)
