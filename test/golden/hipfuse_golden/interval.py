# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A float64 value together with what a float32 implementation may obtain.

The numerics contract says when a compiled program may differ from the
reference: a value within a few float32 ULP of a rounding tie may round the
other way. Every rounding is monotonic, so carrying [lo, hi] through the same
roundings as the value answers the question exactly: a result is allowed if it
lies between the rounded ends. Where nothing but exact or single-rounded
float32 steps happen the ends equal the value and only bit equality passes.
"""

import numpy as np

from . import formats


class Interval:
    """value, lo and hi: float64 arrays of one shape."""

    def __init__(self, value, lo=None, hi=None):
        self.value = np.asarray(value, dtype=np.float64)
        self.lo = self.value if lo is None else lo
        self.hi = self.value if hi is None else hi

    @staticmethod
    def around(value, ulps):
        """`value` +- `ulps` float32 ULP; zeros stay exact."""
        value = np.asarray(value, dtype=np.float64)
        slack = np.where(value == 0, 0.0, ulps * formats.ulp_f32(value))
        slack = np.where(np.isinf(value), 0.0, slack)
        return Interval(value, value - slack, value + slack)

    def map(self, function):
        """Apply a non-decreasing elementwise function."""
        return Interval(function(self.value), function(self.lo),
                        function(self.hi))

    def round_to(self, name):
        return self.map(lambda x: formats.round_to(x, name))

    def scaled_f32(self, factor):
        """Product with an exact factor, rounded to float32."""
        with np.errstate(all="ignore"):
            a, b, v = (formats.round_to(x * factor, "f32")
                       for x in (self.lo, self.hi, self.value))
        return Interval(v, np.minimum(a, b), np.maximum(a, b))

    def reshape(self, *shape):
        return self._each(lambda x: x.reshape(*shape))

    def __getitem__(self, index):
        return self._each(lambda x: x[index])

    @property
    def shape(self):
        return self.value.shape

    @staticmethod
    def concatenate(parts, axis=-1):
        return Interval(*(np.concatenate([getattr(p, end) for p in parts],
                                         axis=axis)
                          for end in ("value", "lo", "hi")))

    def _each(self, function):
        return Interval(function(self.value), function(self.lo),
                        function(self.hi))


def as_interval(x):
    """`x` itself, or an exact Interval around an array."""
    return x if isinstance(x, Interval) else Interval(x)
