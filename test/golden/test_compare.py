# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The contract: float32 programs pass it, wrong programs do not."""

import unittest

import numpy as np

from hipfuse_golden import cases, compare, formats, io, quant
from hipfuse_golden.interval import Interval
from hipfuse_golden.quant import Scheme

F32 = np.float32


def run(case_name, program, seed=0, **options):
    """Reports of program(options, inputs) -> {output: stored} on a case."""
    case = cases.find(case_name)
    o = cases.options_of(case, options)
    inputs = case.inputs(o, np.random.default_rng(seed))
    outputs = case.outputs(o, inputs)
    with np.errstate(all="ignore"):
        actual = program(o, {k: v.value for k, v in inputs.items()})
    return cases.check(outputs, actual)


def stored(q):
    return {"data": q.data, "scale": q.scale}


def norm_f32(x, weight, epsilon):
    """RMSNorm as a float32 program with a two-level sum computes it."""
    x = x.astype(F32)
    total = (x * x).reshape(x.shape[0], -1, 8).sum(axis=1).sum(axis=1)
    r = F32(1) / np.sqrt(total / F32(x.shape[1]) + F32(epsilon))
    return x * r[:, None] * weight.astype(F32)


class HonestPrograms(unittest.TestCase):

    def assertAgrees(self, reports):
        self.assertTrue(reports)
        for report in reports:
            self.assertTrue(report.ok, str(report))

    def test_norm(self):
        def program(o, t):
            y = norm_f32(t["x"], t["weight"], o.epsilon)
            return {"y": io.to_storage(y.astype(float), o.out_type)}

        for out_type in ("bf16", "f16", "f32"):
            self.assertAgrees(run("rms_norm", program, m=64, n=1536,
                                  out_type=out_type))

    def test_norm_quantize(self):
        def program(o, t):
            y = norm_f32(t["x"], t["weight"], o.epsilon).astype(float)
            if o.round_before_quant:
                y = formats.round_to(y, "bf16")
            return stored(quant.quantize(y, Scheme.parse(o.scheme)))

        for scheme in ("mxfp4", "mxfp4,scale_rounding=rceil",
                       "mxfp4,element_rounding=half_away", "mxfp8",
                       "mxfp4,layout=cdna4_shuffled", "fp8_token",
                       "fp8_group,layout=column_major",
                       "fp8_group,scale_rounding=rceil"):
            for early in (False, True):
                self.assertAgrees(run("rms_norm_quantize", program, m=64,
                                      n=1536, scheme=scheme,
                                      round_before_quant=early))

    def test_silu_quantize(self):
        def program(o, t):
            gate, up = np.split(t["x"].astype(F32), 2, axis=-1)
            y = (gate / (F32(1) + np.exp(-gate)) * up).astype(float)
            y = formats.round_to(y, "bf16")
            return stored(quant.quantize(y, Scheme.parse(o.scheme)))

        for scheme in ("mxfp4", "fp8_group"):
            self.assertAgrees(run("silu_mul_quantize", program, m=64,
                                  scheme=scheme))

    @staticmethod
    def rotate(o, t, fused):
        x, i = t["x"].astype(F32), t["positions"]
        c, s = (t[k][i][:, None].astype(F32) for k in ("cos", "sin"))
        a, b = x[..., 0::2], x[..., 1::2]
        y = np.empty_like(x)
        if fused:  # one product is not rounded
            y[..., 0::2] = (a.astype(float) * c - b * s).astype(F32)
            y[..., 1::2] = (b.astype(float) * c + a * s).astype(F32)
        else:
            y[..., 0::2] = a * c - b * s
            y[..., 1::2] = b * c + a * s
        return {"y": io.to_storage(y.astype(float), o.x_type)}

    def test_rope(self):
        for fused in (False, True):
            for x_type, table in (("bf16", "f32"), ("bf16", "bf16"),
                                  ("f32", "f32")):
                self.assertAgrees(run(
                    "rope", lambda o, t: self.rotate(o, t, fused), m=256,
                    heads=16, x_type=x_type, table_type=table))


class WrongPrograms(unittest.TestCase):

    def assertDiffers(self, reports):
        self.assertFalse(all(r.ok for r in reports),
                         "; ".join(map(str, reports)))

    def quantize_as(self, scheme, wrong, **options):
        def program(o, t):
            return stored(quant.quantize(t["x"], Scheme.parse(wrong)))

        return run("quantize", program, scheme=scheme, **options)

    def test_every_parameter_matters(self):
        for scheme, wrong in (
            ("mxfp4", "mxfp4,scale_rounding=rceil"),
            ("mxfp4", "mxfp4,scale_rounding=floor"),
            ("mxfp4", "mxfp4,scale_rounding=ceil"),
            ("mxfp4", "mxfp4,element_rounding=half_away"),
            ("mxfp8", "mxfp8,scale_rounding=ceil"),
            ("fp8_token", "fp8_token,element=f8E4M3FNUZ"),
            ("fp8_group", "fp8_group,amax_floor=1000"),
            ("fp8_group,scale_rounding=rceil",
             "fp8_group,scale_rounding=even")):
            self.assertDiffers(self.quantize_as(scheme, wrong))
            self.assertTrue(all(
                r.ok for r in self.quantize_as(scheme, scheme)))

    def test_nonfinite_treatment_matters(self):
        self.assertDiffers(self.quantize_as(
            "mxfp4", "mxfp4,nonfinite=saturate", nonfinite=True))
        for scheme in ("mxfp4", "mxfp4,nonfinite=saturate", "mxfp8",
                       "fp8_token"):
            self.assertTrue(all(r.ok for r in self.quantize_as(
                scheme, scheme, nonfinite=True)))

    def test_layout_matters(self):
        def program(o, t):
            q = quant.quantize(t["x"], Scheme.of("mxfp4"))
            return {"data": q.data, "scale": q.scale.reshape(16, -1)}

        self.assertDiffers(run("quantize", program, m=16, n=512,
                               scheme="mxfp4,layout=column_major"))

    def test_one_code_matters(self):
        for seed in range(5):
            def program(o, t):
                q = quant.quantize(t["x"], Scheme.parse(o.scheme))
                q.data[seed, 3 * seed] ^= 1 << seed
                return stored(q)

            reports = run("quantize", program, scheme="mxfp4")
            self.assertDiffers(reports)
            self.assertEqual(reports[0].mismatches, 1)
            self.assertIn(f"first at [{seed}, {6 * seed + (seed > 3)}]",
                          str(reports[0]))

    def test_rounding_points_matter(self):
        def program(o, t):
            y = norm_f32(t["x"], t["weight"], o.epsilon).astype(float)
            if not o.round_before_quant:
                y = formats.round_to(y, "bf16")
            return stored(quant.quantize(y, Scheme.parse(o.scheme)))

        for early in (False, True):
            self.assertDiffers(run("rms_norm_quantize", program, n=1536,
                                   round_before_quant=early))

    def test_wrong_epsilon_and_missing_weight(self):
        for wrong in (lambda o, t: norm_f32(t["x"], t["weight"], 1e-2),
                      lambda o, t: norm_f32(t["x"], t["weight"] * 0 + 1,
                                            1e-6)):
            self.assertDiffers(run("rms_norm", lambda o, t: {
                "y": io.to_storage(wrong(o, t).astype(float), "bf16")}))

    def test_wrong_rope_style(self):
        def program(o, t):
            reports = HonestPrograms.rotate(
                o, dict(t, sin=-t["sin"]), False)
            return reports

        self.assertDiffers(run("rope", program))

    def test_residual_is_exact(self):
        case = cases.find("add_rms_norm")
        o = cases.options_of(case)
        inputs = case.inputs(o, np.random.default_rng(0))
        outputs = case.outputs(o, inputs)
        actual = {k: v.stored.copy() for k, v in outputs.items()}
        self.assertTrue(all(r.ok for r in cases.check(outputs, actual)))
        actual["residual_out"][3, 4] += 1
        self.assertDiffers(cases.check(outputs, actual))

    def test_unwritten_cache_bytes_matter(self):
        for layout in ("bf16", "fp8", "ds_mla_656", "ds_mla_584"):
            for name in ("mla_cache_write", "rope_mla_cache_write"):
                case = cases.find(name)
                o = cases.options_of(case, dict(layout=layout, page=2,
                                                blocks=16))
                inputs = case.inputs(o, np.random.default_rng(0))
                outputs = case.outputs(o, inputs)
                actual = {k: v.stored.copy() for k, v in outputs.items()}
                self.assertTrue(all(
                    r.ok for r in cases.check(outputs, actual)))
                for at in (0, actual["cache"].size // 2, -1):
                    bad = dict(actual, cache=actual["cache"].copy())
                    bad["cache"].reshape(-1)[at] ^= 0x10
                    self.assertDiffers(cases.check(outputs, bad))


class Comparators(unittest.TestCase):

    def test_nan_never_passes_silently(self):
        one = np.array([0x3F80, 0x7FC0], np.uint16)
        ok = np.array([0x3F80, 0x3F80], np.uint16)
        for a, b in ((one, ok), (ok, one), (one, one)):
            self.assertFalse(compare.within_ulp("y", a, b, "bf16").ok)
        report = compare.within_ulp("y", one, one, "bf16", nan_expected=True)
        self.assertTrue(report.ok)
        self.assertIn("1 NaN as expected", str(report))
        for a, b in ((one, ok), (ok, one)):
            self.assertFalse(compare.within_ulp("y", a, b, "bf16",
                                                nan_expected=True).ok)

    def test_ulp_distance(self):
        bits = formats.encode([1.0, -1.0, 0.0, 2.0], "bf16")
        near = bits + np.array([1, 1, 0, 1], np.uint16)
        far = bits + np.array([0, 0, 0, 2], np.uint16)
        report = compare.within_ulp("y", near, bits, "bf16", 1)
        self.assertTrue(report.ok)
        self.assertEqual((report.max_error, report.total), (1, 4))
        report = compare.within_ulp("y", far, bits, "bf16", 1)
        self.assertEqual((report.ok, report.mismatches), (False, 1))
        # -0 is +0, and zero's neighbours are one away on both sides.
        zero = np.array([0x8000, 0x8001, 1], np.uint16)
        report = compare.within_ulp("y", zero, zero * 0, "bf16", 1)
        self.assertEqual((report.ok, report.max_error), (True, 1))
        inf = np.array([0x7F80], np.uint16)
        self.assertFalse(compare.within_ulp("y", inf, inf * 0, "bf16", 1).ok)

    def test_bit_exact(self):
        a = np.array([0.0, np.nan], F32)
        self.assertTrue(compare.bit_exact("y", a, a).ok)
        self.assertFalse(compare.bit_exact("y", -a, a).ok)
        report = compare.bit_exact("y", np.arange(3), np.array([0, 5, 2]))
        self.assertEqual(str(report), "y: FAIL, 1/3 mismatches, max error 1 "
                         "bits, excused 0/0, first at [1]: got 1, expected 5")

    def test_shape_is_checked(self):
        a = np.zeros((2, 2), np.uint8)
        for report in (compare.bit_exact("y", a, a[:1]),
                       compare.within_ulp("y", a, a[:1], "f8E4M3FN"),
                       compare.coded("y", a, a[:1], a, a, "f8E4M3FN")):
            self.assertFalse(report.ok)
            self.assertIn("shape is", str(report))

    def tie(self, offset_ulps):
        """A block with amax 6 and an element near the tie 1.25."""
        x = np.zeros((200, 32))
        x[:, 0] = 6
        x[7, 1] = 1.25 + offset_ulps * 2.0**-23
        return x

    def test_only_near_ties_are_excused(self):
        scheme = Scheme.of("mxfp4")
        for offset, allowed in ((0, True), (1.5, True), (-1.5, True),
                                (3, False), (-3, False)):
            x = self.tie(offset)
            q = quant.quantize(x, scheme)
            other = 2 if q.codes[7, 1] == 3 else 3
            codes = q.codes.copy()
            codes[7, 1] = other
            reports = compare.quantized(
                "q", quant.pack(codes, scheme), q.scale,
                Interval.around(x, 2), scheme)
            self.assertEqual(reports[0].ok, allowed, offset)
            self.assertEqual(reports[0].excused, int(allowed))
            # Two steps away is never excused, nor is anything if exact.
            codes[7, 1] = 4
            for pre in (Interval.around(x, 2), x):
                self.assertFalse(compare.quantized(
                    "q", quant.pack(codes, scheme), q.scale, pre,
                    scheme)[0].ok)

    def test_scales_near_their_threshold(self):
        scheme = Scheme.of("mxfp4")  # even: the threshold is 7 for amax 6..8
        for amax, allowed in ((7 - 2.0**-21, True), (7.0, True),
                              (7 - 2.0**-19, False), (6.9, False)):
            x = np.zeros((300, 32))
            x[:, 0] = amax
            q = quant.quantize(x, scheme)
            scale = q.scale.copy()
            scale[5, 0] = 255 - scale[5, 0]  # 127 <-> 128
            codes = quant.encode_elements(x, scale, scheme)
            reports = compare.quantized(
                "q", quant.pack(codes, scheme), scale, Interval.around(x, 2),
                scheme, pre_scale=Interval.around(x, 1))
            self.assertEqual(all(r.ok for r in reports), allowed, amax)

    def test_too_many_excuses_fail(self):
        # 1 % of 200 groups of 32.
        scheme = Scheme.of("mxfp4")
        x = np.zeros((200, 32))
        x[:, 0], x[:, 1] = 6, 1.25
        q = quant.quantize(x, scheme)
        for count in (1, 2, 3):
            codes = q.codes.copy()
            codes[:count, 1] = 3
            report = compare.quantized("q", quant.pack(codes, scheme),
                                       q.scale, Interval.around(x, 2),
                                       scheme)[0]
            self.assertEqual((report.excused, report.mismatches), (count, 0))
            self.assertEqual(report.ok, count <= 2)

    def test_round_before_quant_ties(self):
        # 1.25 + 2^-8 + d rounds to 1.25 (even) or, past the bf16 tie, to
        # 1.2578125: the code is 2 or 3.
        scheme = Scheme.of("mxfp4")
        x = np.zeros((100, 32))
        x[:, 0], x[3, 1] = 6, 1.25 + 2.0**-8 + 2.0**-24
        pre = Interval.around(x, 2).round_to("bf16")
        q = quant.quantize(pre.value, scheme)
        self.assertEqual(q.codes[3, 1], 3)
        codes = q.codes.copy()
        for code, allowed in ((3, True), (2, True), (1, False), (4, False)):
            codes[3, 1] = code
            report = compare.quantized("q", quant.pack(codes, scheme),
                                       q.scale, pre, scheme)[0]
            self.assertEqual(report.ok, allowed)


if __name__ == "__main__":
    unittest.main()
