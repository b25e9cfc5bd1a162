# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantisation: the published scale table, edge values, byte-level results."""

import unittest

import numpy as np

from hipfuse_golden import formats, quant
from hipfuse_golden.quant import Scheme, quantize

MODES = ("floor", "even", "rceil", "ceil")
F32_MAX = formats.F32_MAX
NAN, INF = np.nan, np.inf

# amax -> scale byte in modes floor, even, rceil, ceil (E2M1 elements).
MXFP4_SCALE_TABLE = (
    (0.0, (0, 0, 0, 0)),
    (0.5, (124, 124, 124, 124)),
    (1.0, (125, 125, 125, 125)),
    (1.5, (125, 125, 125, 126)),
    (1.7421875, (125, 125, 126, 126)),
    (1.75, (125, 126, 126, 126)),
    (2.0, (126, 126, 126, 126)),
    (3.0, (126, 126, 126, 127)),
    (3.484375, (126, 126, 127, 127)),
    (3.5, (126, 127, 127, 127)),
    (4.0, (127, 127, 127, 127)),
    (6.0, (127, 127, 127, 128)),
    (6.0000005, (127, 127, 128, 128)),
    (7.0, (127, 128, 128, 128)),
    (448.0, (133, 134, 134, 134)),
    (3.4e38, (252, 253, 253, 253)),
    (2.0**-124, (1, 1, 1, 1)),
    (2.0**-126, (0, 0, 1, 1)),
)


def row(*values, n=32):
    return np.array([list(values) + [0.0] * (n - len(values))])


class MxScale(unittest.TestCase):

    def test_published_table(self):
        for amax, want in MXFP4_SCALE_TABLE:
            got = tuple(int(quant.scale_bytes(amax, mode))
                        for mode in MODES)
            self.assertEqual(got, want, f"amax {amax}")

    def test_table_through_quantize(self):
        for amax, want in MXFP4_SCALE_TABLE:
            for mode, byte in zip(MODES, want):
                q = quantize(row(0, -amax), Scheme.of("mxfp4", scale_rounding=mode))
                self.assertEqual(q.scale.tolist(), [[byte]])

    def test_even_leaves_byte_zero_at_its_threshold(self):
        # byte 0 iff amax < 1.75 * 2^-125
        edge = np.float32(1.75 * 2.0**-125)
        below = np.nextafter(edge, np.float32(0))
        self.assertEqual(int(quant.scale_bytes(edge, "even")), 1)
        self.assertEqual(int(quant.scale_bytes(below, "even")), 0)

    def test_range_of_amax_over_scale(self):
        # floor [4, 8), even [3.5, 7), rceil (3, 6], ceil (2, 4]
        rng = np.random.default_rng(0)
        amax = np.abs(rng.standard_normal(20000)).astype(np.float32)
        ranges = dict(floor=(4, 8), even=(3.5, 7), rceil=(3, 6), ceil=(2, 4))
        for mode, (low, high) in ranges.items():
            scale = formats.e8m0_decode(quant.scale_bytes(amax, mode))
            ratio = amax / scale
            self.assertTrue((ratio >= low).all() and (ratio <= high).all())
            self.assertLess(ratio.min(), low * 1.01)
            self.assertGreater(ratio.max(), high * 0.99)

    def test_mode_frequencies(self):
        # iid N(0, 1) bf16 blocks: even and rceil differ in 12.0 % of blocks,
        # even and floor in 16.9 %, floor and rceil in 28.9 %.
        rng = np.random.default_rng(7)
        x = formats.round_to(rng.standard_normal((40000, 32)), "bf16")
        amax = np.abs(x).max(axis=1)
        byte = {m: quant.scale_bytes(amax, m) for m in MODES}
        for a, b, share in (("even", "rceil", 0.120), ("even", "floor", 0.169),
                            ("floor", "rceil", 0.289)):
            self.assertAlmostEqual(np.mean(byte[a] != byte[b]), share,
                                   delta=0.01)

    def test_mxfp8_modes(self):
        # emax 8, max 448, even threshold 0x80000 (significand 1.9375).
        for amax, want in ((0.0, (0, 0, 0, 0)), (256.0, (127, 127, 127, 127)),
                           (448.0, (127, 127, 127, 128)),
                           (449.0, (127, 127, 128, 128)),
                           (495.9, (127, 127, 128, 128)),
                           (496.0, (127, 128, 128, 128)),
                           (512.0, (128, 128, 128, 128)),
                           (1.0, (119, 119, 119, 119)),
                           (1.75, (119, 119, 119, 120)),
                           (F32_MAX, (246, 247, 247, 247))):
            got = tuple(int(quant.scale_bytes(amax, mode, "f8E4M3FN"))
                        for mode in MODES)
            self.assertEqual(got, want, f"amax {amax}")

    def test_rceil_division_equals_multiplication(self):
        # Implementations multiply by the float32 0x3E2AAAAB instead. The one
        # float32 where that matters is 3 * 2^-149, whose sixth is a tie.
        sixth = np.uint32(0x3E2AAAAB).view(np.float32)
        fraction = np.arange(1 << 23, dtype=np.uint32)
        for exponent in (0, 1, 2, 3, 4, 127, 128, 254):
            a = (fraction | np.uint32(exponent << 23)).view(np.float32)
            with np.errstate(under="ignore"):
                product = a * sixth
            differ = (quant.scale_bytes(a, "rceil") !=
                      formats.e8m0_round_up(product))
            self.assertEqual(a[differ].tolist(),
                             [3 * 2.0**-149] if exponent == 0 else [])

    def test_nonfinite_amax_is_255(self):
        for element in ("f4E2M1FN", "f8E4M3FN"):
            for mode in MODES:
                self.assertEqual(quant.scale_bytes([INF, NAN], mode,
                                                      element).tolist(),
                                 [255, 255])

    def test_infinite_bump_stays_finite(self):
        # The even bump of a maximum >= 1.75 * 2^127 passes the Inf pattern.
        self.assertEqual(
            quant.scale_bytes([1.75 * 2.0**127, F32_MAX], "even").tolist(),
            [253, 253])


class Mxfp4(unittest.TestCase):

    def test_bytes_of_a_block(self):
        x = row(6, -6, 0.25, -0.25, 0.75, 1.25, 5, 3.5, -0.0, 0.0)
        q = quantize(x, Scheme.of("mxfp4"))  # 6 has byte 127: scale 1
        self.assertEqual(q.scale.tolist(), [[127]])
        self.assertEqual(q.data[0, :5].tolist(),
                         [0xF7, 0x80, 0x22, 0x66, 0x08])
        away = quantize(x, Scheme.of("mxfp4", element_rounding="half_away"))
        self.assertEqual(away.data[0, :5].tolist(),
                         [0xF7, 0x91, 0x32, 0x67, 0x00])

    def test_zero_block_keeps_signs(self):
        x = row(0.0, -0.0)
        q = quantize(x, Scheme.of("mxfp4"))
        self.assertEqual((int(q.scale[0, 0]), int(q.data[0, 0])), (0, 0x80))
        away = quantize(x, Scheme.of("mxfp4", element_rounding="half_away"))
        self.assertEqual(int(away.data.max()), 0)

    def test_clipping_by_mode(self):
        # 7.5: floor keeps scale 1 and saturates, rceil takes 2 (3.75 -> 4).
        q = quantize(row(7.5, 1), Scheme.of("mxfp4", scale_rounding="floor"))
        self.assertEqual((q.scale[0, 0], q.codes[0, 0]), (127, 7))
        q = quantize(row(7.5, 1), Scheme.of("mxfp4", scale_rounding="rceil"))
        self.assertEqual((q.scale[0, 0], q.codes[0, 0]), (128, 6))

    def test_subnormal_elements(self):
        tiny = 2.0**-149
        q = quantize(row(tiny, 2.0**-126, -(2.0**-128)), Scheme.of("mxfp4"))
        self.assertEqual(q.scale.tolist(), [[0]])
        # scale 2^-127: 2^-126 is 2.0 (code 4), -2^-128 is -0.5 (code 9).
        self.assertEqual(q.codes[0, :3].tolist(), [0, 4, 9])

    def test_tail_block(self):
        for n, blocks in ((200, 7), (4, 1), (28, 1), (68, 3)):
            x = np.arange(1.0, n + 1)[None]
            q = quantize(x, Scheme.of("mxfp4"))
            self.assertEqual(q.data.shape, (1, n // 2))
            self.assertEqual(q.scale.shape, (1, blocks))
            self.assertEqual(int(q.scale[0, -1]),
                             int(quant.scale_bytes(float(n), "even")))
        with self.assertRaises(ValueError):
            quantize(np.ones((1, 5)), Scheme.of("mxfp4"))

    def test_propagate(self):
        x = np.concatenate([row(1, NAN, 2), row(1, -INF), row(1)], axis=1)
        q = quantize(x, Scheme.of("mxfp4"))
        self.assertEqual(q.scale.tolist(), [[255, 255, 125]])
        self.assertEqual(int(q.codes[0, :64].max()), 0)
        y = quant.dequantize(q.data, q.scale, q.scheme)
        self.assertTrue(np.isnan(y[0, :64]).all())
        self.assertEqual(y[0, 64], 1.0)

    def test_saturate(self):
        scheme = Scheme.of("mxfp4", nonfinite="saturate")
        q = quantize(row(1, NAN, 2, -3), scheme)
        self.assertEqual(q.scale.tolist(), [[126]])  # amax 3
        self.assertEqual(q.codes[0, :4].tolist(), [4, 0, 6, 15])
        for mode, byte in zip(MODES, (252, 253, 253, 253)):
            q = quantize(row(INF, -INF, NAN, 1), Scheme.of(
                "mxfp4", nonfinite="saturate", scale_rounding=mode))
            self.assertEqual(q.scale.tolist(), [[byte]])
            self.assertEqual(q.codes[0, :4].tolist(), [7, 15, 0, 0])
        q = quantize(row(NAN, NAN), scheme)
        self.assertEqual((int(q.scale[0, 0]), int(q.codes.max())), (0, 0))

    def test_largest_finite(self):
        q = quantize(row(F32_MAX, -F32_MAX), Scheme.of("mxfp4"))
        self.assertEqual(q.scale.tolist(), [[253]])
        self.assertEqual(q.codes[0, :2].tolist(), [6, 14])  # 4 * 2^126

    def test_leading_dimensions_and_layouts(self):
        rng = np.random.default_rng(0)
        x = formats.round_to(rng.standard_normal((2, 3, 96)), "bf16")
        q = quantize(x, Scheme.of("mxfp4"))
        self.assertEqual((q.data.shape, q.scale.shape), ((2, 3, 48),
                                                         (2, 3, 3)))
        c = quantize(x, Scheme.of("mxfp4", layout="column_major"))
        self.assertEqual(c.scale.tolist(),
                         q.scale.reshape(6, 3).T.tolist())
        s = quantize(x, Scheme.of("mxfp4", layout="cdna4_shuffled"))
        self.assertEqual(s.scale.shape, (256, 8))
        for other in (c, s):
            y = quant.dequantize(other.data, other.scale, other.scheme)
            self.assertTrue((y == quant.dequantize(q.data, q.scale,
                                                   q.scheme)).all())

    def test_error_is_half_a_step_where_nothing_clips(self):
        rng = np.random.default_rng(3)
        x = rng.standard_normal((64, 128)).astype(np.float32).astype(float)
        q = quantize(x, Scheme.of("mxfp4", scale_rounding="rceil"))
        y = quant.dequantize(q.data, q.scale, q.scheme)
        scale = np.repeat(formats.e8m0_decode(q.scale), 32, axis=1)
        a = np.abs(x / scale)
        half_step = np.where(a < 2, 0.25, np.where(a < 4, 0.5, 1.0))
        self.assertTrue((np.abs(x - y) / scale <= half_step).all())


class Mxfp8(unittest.TestCase):

    def test_bytes_of_a_block(self):
        q = quantize(row(448, -448, 1, 2.0**-9, -0.0), Scheme.of("mxfp8"))
        self.assertEqual(q.scale.tolist(), [[127]])
        self.assertEqual(q.data[0, :6].tolist(),
                         [0x7E, 0xFE, 0x38, 0x01, 0x80, 0x00])

    def test_nonfinite(self):
        q = quantize(row(INF, 1), Scheme.of("mxfp8"))
        self.assertEqual((int(q.scale[0, 0]), int(q.data.max())), (255, 0))
        q = quantize(row(INF, -INF, NAN), Scheme.of("mxfp8",
                                                 nonfinite="saturate"))
        self.assertEqual((int(q.scale[0, 0]), q.data[0, :3].tolist()),
                         (247, [0x7E, 0xFE, 0x7F]))


class Fp8(unittest.TestCase):

    def test_static(self):
        x = np.array([[1.0, -2.0, 1000, NAN, INF, -INF, -0.0, 0.05]])
        q = quantize(x, Scheme.of("fp8_static"), 0.5)
        self.assertEqual(q.data.tolist(),
                         [[0x40, 0xC8, 0x7E, 0x7F, 0x7E, 0xFE, 0x80, 0x1D]])
        z = quantize(x, Scheme.of("fp8_static", element="f8E4M3FNUZ"), 0.5)
        self.assertEqual(z.data.tolist(),
                         [[0x48, 0xD0, 0x7F, 0x80, 0x7F, 0xFF, 0x00, 0x25]])
        with self.assertRaises(ValueError):
            quantize(x, Scheme.of("fp8_static"))
        with self.assertRaises(ValueError):
            quantize(x, Scheme.of("fp8_token"), 1.0)

    def test_token(self):
        q = quantize(np.array([[448.0, -224, 1, 0], [0, -0.0, 0, 0]]),
                     Scheme.of("fp8_token", amax_floor=1e-10))
        self.assertEqual(q.scale.dtype, np.float32)
        self.assertEqual(q.scale[0, 0], 1.0)
        # The floor: f32(f32(1e-10) / 448).
        floor = np.float32(np.float64(np.float32(1e-10)) / 448)
        self.assertEqual(q.scale[1, 0], floor)
        self.assertEqual(q.data.tolist(),
                         [[0x7E, 0xF6, 0x38, 0], [0, 0x80, 0, 0]])

    def test_token_fnuz_and_nonfinite(self):
        x = np.array([[240.0, NAN, 1, -240]])
        q = quantize(x, Scheme.of("fp8_token", element="f8E4M3FNUZ"))
        self.assertEqual(q.scale[0, 0], 1.0)
        self.assertEqual(q.data.tolist(), [[0x7F, 0x80, 0x40, 0xFF]])
        q = quantize(np.array([[INF, 1, NAN, -INF]]), Scheme.of("fp8_token"))
        self.assertEqual(q.scale[0, 0], np.float32(F32_MAX / 448))
        self.assertEqual(q.data.tolist(), [[0x7E, 0, 0x7F, 0xFE]])

    def test_float32_division_decides_the_code(self):
        # x / s in float32 is exactly the tie 1.0625, which goes to even
        # (0x38); in exact arithmetic it lies above the tie (0x39).
        s = np.float32(0.3)
        candidates = (np.float64(s) * 1.0625 *
                      (1 + np.arange(-8, 9) * 2.0**-25)).astype(np.float32)
        quotients = candidates / s
        exact = candidates.astype(np.float64) / np.float64(s)
        pick = (quotients == np.float32(1.0625)) & (exact > 1.0625)
        self.assertTrue(pick.any())
        x = candidates[pick][:1].astype(np.float64)[None]
        self.assertEqual(int(quantize(x, Scheme.of("fp8_static"), s).data[0, 0]),
                         0x38)
        self.assertEqual(int(formats.encode(exact[pick][0], "f8E4M3FN")),
                         0x39)

    def test_group(self):
        x = np.zeros((2, 256))
        x[0, 5], x[0, 200], x[1, 0] = 448, -896, 1
        q = quantize(x, Scheme.of("fp8_group", amax_floor=1e-10))
        third = np.float32(1) / np.float32(448)
        floor = np.float32(1e-10) / np.float32(448)
        self.assertEqual(q.scale.tolist(), [[1, 2], [third, floor]])
        self.assertEqual((q.data[0, 5], q.data[0, 200], q.data[1, 0]),
                         (0x7E, 0xFE, 0x7E))
        # Without a floor the scale of zeros is 1.
        q0 = quantize(x, Scheme.of("fp8_group"))
        self.assertEqual((q0.scale[1, 1], int(q0.data[1].max())), (1, 0x7E))
        t = quantize(x, Scheme.of("fp8_group", layout="column_major",
                                  amax_floor=1e-10))
        self.assertEqual(t.scale.tolist(), q.scale.T.tolist())
        self.assertEqual(t.scale.shape, (2, 2))
        for group in (32, 64):
            self.assertEqual(quantize(x, Scheme.of("fp8_group",
                                                block=group)).scale.shape,
                             (2, 256 // group))
        with self.assertRaisesRegex(ValueError, "not a multiple"):
            quantize(np.ones((1, 200)), Scheme.of("fp8_group"))

    def test_group_with_e8m0_scales(self):
        x = np.zeros((1, 512))
        x[0, 0], x[0, 128], x[0, 256] = 448, 449, 1
        q = quantize(x, Scheme.of("fp8_group", scale_rounding="rceil",
                                  amax_floor=1e-10))
        # 1 -> 1, 449/448 -> 2, 1/448 -> 2^-8, 1e-10/448 -> 2^-42
        self.assertEqual(q.scale.tolist(), [[127, 128, 119, 85]])
        self.assertEqual([int(q.data[0, i]) for i in (0, 128, 256)],
                         [0x7E, 0x76, 0x78])
        f = quantize(x, Scheme.parse(
            "fp8_group,scale_rounding=rceil,amax_floor=1e-4"))
        self.assertEqual(int(f.scale[0, 3]), 105)  # 2^-22

    def test_dequantize(self):
        q = quantize(row(448, -3, n=128), Scheme.of("fp8_group"))
        y = quant.dequantize(q.data, q.scale, q.scheme, "bf16")
        self.assertEqual(y[0, :3].tolist(), [448, -3, 0])
        nan = quant.dequantize(np.array([[0x7F] + [0] * 127], np.uint8),
                               q.scale, q.scheme)
        self.assertTrue(np.isnan(nan[0, 0]))


class SchemeText(unittest.TestCase):

    def test_presets_and_attribute_text(self):
        self.assertEqual(
            str(Scheme.parse("mxfp4")), "#lm.scheme<element = f4E2M1FN, "
            "granularity = block, block = 32, scale_rounding = even>")
        for text in ("mxfp4,scale_rounding=rceil,layout=cdna4_shuffled",
                     "fp8_group,block=64,amax_floor=0.0001", "fp8_token",
                     "fp8_static,element=f8E4M3FNUZ",
                     "mxfp8,nonfinite=saturate"):
            scheme = Scheme.parse(text)
            self.assertEqual(Scheme.parse(str(scheme)), scheme)
        self.assertEqual(
            Scheme.parse("<element = f8E4M3FN,\n granularity = block, "
                         "block = 128, amax_floor = 1.0e-10 : f32>"),
            Scheme.of("fp8_group", amax_floor=1e-10))

    def test_errors(self):
        for text, message in (
            ("mxfp5", "unknown preset 'mxfp5'"),
            ("mxfp4,scale_rounding=up", "scale_rounding is 'up'"),
            ("fp8_group,block=48", "block is '48'"),
            ("fp8_token,block=32", "block is '32', allowed: 0"),
            ("mxfp8,element_rounding=half_away", "needs f4E2M1FN"),
            ("fp8_token,layout=cdna4_shuffled", "E8M0 scales of blocks"),
            ("mxfp4,scale_rounding=none", "f4E2M1FN needs"),
            ("fp8_token,scale_rounding=even", "needs granularity block"),
            ("fp8_group,nonfinite=saturate", "E8M0 scales only"),
            ("<element = f8E4M3FN>", "granularity is missing"),
            ("mxfp4,colour=red", "cannot parse")):
            with self.assertRaisesRegex(ValueError, message):
                Scheme.parse(text)


if __name__ == "__main__":
    unittest.main()
