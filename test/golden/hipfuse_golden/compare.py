# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The numerics contract: when a program's output agrees with the reference.

Each comparator returns a Report. NaN agrees only with NaN, and only where the
caller says NaN is expected.

Quantised outputs are compared as follows. A scale must equal the reference
unless the block's maximum lies within 1 float32 ULP of the rounding threshold
of its scale mode; each code must equal the reference under the program's own
scale unless the value lies within 2 float32 ULP of a rounding tie (of this
rounding or of an earlier one the operation defines), and then be the other
side of that tie. Blocks that need such an excuse are counted and must stay
below 1 % of all blocks (one block is always granted). Values without rounding
uncertainty are compared bit for bit.
"""

from dataclasses import dataclass

import numpy as np

from . import formats, quant
from .interval import as_interval

EXCUSED_FRACTION = 0.01


@dataclass
class Report:
    """Outcome of one comparison."""

    name: str
    total: int  # elements
    mismatches: int
    max_error: float
    error_unit: str = "abs"
    excused: int = 0
    excusable: int = 0  # groups or elements that `excused` counts among
    nan: int = 0  # NaN on both sides, accepted
    note: str = ""  # first mismatch

    @property
    def ok(self):
        return self.mismatches == 0 and self.excused <= max(
            1, EXCUSED_FRACTION * self.excusable)

    def __str__(self):
        text = (f"{self.name}: {'ok' if self.ok else 'FAIL'}, "
                f"{self.mismatches}/{self.total} mismatches, max error "
                f"{self.max_error:.6g} {self.error_unit}, excused "
                f"{self.excused}/{self.excusable}")
        if self.nan:
            text += f", {self.nan} NaN as expected"
        return text + (f", {self.note}" if self.note else "")


def _first(bad, actual, expected):
    if not bad.any():
        return ""
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    return (f"first at {list(index)}: got {actual[index]}, "
            f"expected {expected[index]}")


def _shape_error(name, actual, expected):
    return Report(name, expected.size, max(expected.size, 1), np.inf,
                  note=f"shape is {list(actual.shape)}, expected "
                  f"{list(expected.shape)}")


def bit_exact(name, actual, expected):
    """Integers or raw bits, all equal."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return _shape_error(name, actual, expected)
    if actual.dtype != expected.dtype:
        raise ValueError(f"{name}: comparing {actual.dtype} with "
                         f"{expected.dtype}")
    if actual.dtype.kind == "f":
        kind = f"u{actual.dtype.itemsize}"
        actual, expected = (np.ascontiguousarray(x).view(kind)
                            for x in (actual, expected))
    bad = actual != expected
    return Report(name, actual.size, int(bad.sum()), int(bad.any()), "bits",
                  note=_first(bad, actual, expected))


def ordered(bits, name):
    """Bits mapped to int64 so that neighbours differ by one and -0 is +0."""
    width = 32 if name == "f32" else formats.format_of(name).bits
    bits = np.asarray(bits).astype(np.int64)
    magnitude = bits & ((1 << (width - 1)) - 1)
    return np.where(bits >> (width - 1), -magnitude, magnitude)


def within_ulp(name, actual, expected, type_name, max_ulp=1, interval=None,
               nan_expected=False):
    """Bits of a float type, at most `max_ulp` units apart.

    With an Interval (values before the last rounding) elements further apart
    are excused if they lie between the rounded ends: a rotation that cancels
    may be off by more than one unit of its tiny result. That is rare in the
    narrow types; in f32 it is common and not counted.
    """
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return _shape_error(name, actual, expected)
    got, want = (formats.decode(x, type_name) for x in (actual, expected))
    nan = np.isnan(got) | np.isnan(want)
    both = np.isnan(got) & np.isnan(want)
    distance = np.abs(ordered(actual, type_name) -
                      ordered(expected, type_name))
    far = (distance > max_ulp) & ~nan
    excused = np.zeros_like(far)
    if interval is not None:
        ends = interval.round_to(type_name)
        excused = far & (got >= ends.lo) & (got <= ends.hi)
    bad = (far & ~excused) | (nan & ~both if nan_expected else nan)
    error = distance[~nan & ~excused]
    count = 0 if type_name == "f32" else int(excused.sum())
    return Report(name, got.size, int(bad.sum()),
                  int(error.max()) if error.size else 0, "ULP", count,
                  got.size,
                  int(both.sum()) if nan_expected else 0,
                  _first(bad, got, want))


def coded(name, actual, expected, lo, hi, type_name):
    """Codes of a narrow float type: equal, or between the ends where those
    differ. `lo` and `hi` are the codes of the interval's ends."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        return _shape_error(name, actual, expected)
    got, want, low, high = (formats.decode(x, type_name)
                            for x in (actual, expected, lo, hi))
    equal = actual == expected
    excused = ~equal & (low != high) & (got >= low) & (got <= high)
    bad = ~equal & ~excused
    with np.errstate(invalid="ignore"):
        error = np.abs(got - want)[~equal]
    # max() of an array with NaN is NaN: reported, never hidden.
    return Report(name, got.size, int(bad.sum()),
                  float(error.max()) if error.size else 0.0, "abs",
                  int(excused.sum()), got.size, 0, _first(bad, got, want))


def _amax_ends(x, scheme):
    """float32 block maxima of the ends of an Interval [M, N]."""
    low = np.maximum(np.maximum(x.lo, -x.hi), 0.0)
    high = np.maximum(np.abs(x.lo), np.abs(x.hi))
    return (quant.block_amax(low, scheme), quant.block_amax(high, scheme))


def quantized(name, data, scale, pre_quant, scheme, *, pre_scale=None,
              given_scale=None, f32_ulps=8):
    """Stored data and scales of a quantised output: two Reports.

    `pre_quant` is the values before quantisation, exact or an Interval at the
    contract's 2 ULP; `pre_scale` the same at 1 ULP, used for the scales.
    `given_scale` is the operand of granularity tensor; then `scale` is None and the
    second Report is omitted. Float32 scales of uncertain values may be
    `f32_ulps` ULP further off.
    """
    wide = as_interval(pre_quant)
    narrow = wide if pre_scale is None else as_interval(pre_scale)
    n = wide.shape[-1]
    wide, narrow = wide.reshape(-1, n), narrow.reshape(-1, n)
    m = wide.shape[0]
    reference = quant.quantize(wide.value, scheme, given_scale)
    data = np.asarray(data)
    codes = quant.unpack(data, scheme)
    reports = []
    if codes.size != m * n:
        return [_shape_error(f"{name} data", codes, reference.codes)]
    codes = codes.reshape(m, n)
    scales = reference.scales
    if given_scale is None:
        scales = quant.logical_scales(scale, m, n, scheme)
        want = quant.scale_values(reference.scales, scheme)
        low, high = (quant.scale_values(quant.scales_from_amax(a, scheme),
                                        scheme)
                     for a in _amax_ends(narrow, scheme))
        if not scheme.is_e8m0:
            # A float32 scale inherits the error of a row's sum of squares.
            slack = np.where(low != high, f32_ulps * formats.ulp_f32(want), 0)
            low, high = low - slack, high + slack
        got = quant.scale_values(scales, scheme)
        moved = scales != reference.scales
        allowed = ~moved | ((low != high) & (got >= low) & (got <= high))
        with np.errstate(invalid="ignore"):
            error = np.abs(got / want - 1)[moved]
        # float32 scales follow the last bit of amax: that is not counted.
        excused = moved & allowed & scheme.is_e8m0
        reports.append(
            Report(f"{name} scale", scales.size, int((~allowed).sum()),
                   float(error.max()) if error.size else 0.0, "rel",
                   int(excused.sum()), scales.size,
                   note=_first(~allowed, got, want)))
    # Codes under the program's own scale.
    want, low, high = (quant.encode_elements(x, scales, scheme)
                       for x in (wide.value, wide.lo, wide.hi))
    table = [formats.decode(x, scheme.element)
             for x in (codes, want, low, high)]
    equal = codes == want
    # Codes, not values: an interval that touches zero has two zeros.
    excused = ~equal & (low != high) & (table[0] >= table[2]) & (
        table[0] <= table[3])
    bad = ~equal & ~excused
    # The sign of a zero is no rounding that the limit on excuses is for.
    groups = quant.to_blocks(excused & (table[0] != table[1]), 32,
                             False).any(axis=2)
    with np.errstate(invalid="ignore"):
        error = np.abs(table[0] - table[1])[~equal]
    reports.insert(
        0, Report(f"{name} data", codes.size, int(bad.sum()),
                  float(error.max()) if error.size else 0.0, "in scale units",
                  int(groups.sum()), groups.size,
                  note=_first(bad, table[0], table[1])))
    return reports
