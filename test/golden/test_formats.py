# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Formats: literal encodings, rounding ties, specials."""

import unittest

import numpy as np

from hipfuse_golden import formats
from hipfuse_golden.formats import decode, encode


class Narrow(unittest.TestCase):

    def assertCodes(self, name, pairs, **kwargs):
        for value, code in pairs:
            with self.subTest(value=value):
                self.assertEqual(int(encode(value, name, **kwargs)), code)

    def test_e2m1_values(self):
        magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        self.assertEqual(formats.e2m1_decode(range(16)).tolist(),
                         magnitudes + [-v for v in magnitudes])

    def test_e2m1_nearest_even_thresholds(self):
        # |q| <= .25 -> 0, < .75 -> .5, <= 1.25 -> 1, < 1.75 -> 1.5,
        # <= 2.5 -> 2, < 3.5 -> 3, <= 5 -> 4, > 5 -> 6
        up = np.nextafter
        for tie, below, at in ((0.25, 0, 0), (0.75, 1, 2), (1.25, 2, 2),
                               (1.75, 3, 4), (2.5, 4, 4), (3.5, 5, 6),
                               (5.0, 6, 6)):
            x = [up(tie, 0), tie, up(tie, 9)]
            above = below + 1
            self.assertEqual(formats.e2m1_encode(x).tolist(),
                             [below, at, above])
            self.assertEqual(formats.e2m1_encode(-np.array(x)).tolist(),
                             [below + 8, at + 8, above + 8])
            self.assertEqual(formats.e2m1_encode(x, "half_away").tolist(),
                             [below, above, above])

    def test_e2m1_edges(self):
        x = [6, 6.9, 7, 1e300, np.inf, -np.inf, -0.0, 0.0, -1e-30, 5e-324]
        self.assertEqual(formats.e2m1_encode(x).tolist(),
                         [7, 7, 7, 7, 7, 15, 8, 0, 8, 0])
        self.assertEqual(
            formats.e2m1_encode([-0.0, -1e-30], "half_away").tolist(), [0, 8])
        with self.assertRaises(ValueError):
            formats.e2m1_encode([np.nan])

    def test_fp4_packing(self):
        # Even index in the low nibble.
        self.assertEqual(formats.fp4_pack([1, 2, 15, 0]).tolist(),
                         [0x21, 0x0F])
        self.assertEqual(formats.fp4_unpack([0x21, 0x0F]).tolist(),
                         [1, 2, 15, 0])
        with self.assertRaises(ValueError):
            formats.fp4_pack([1, 2, 3])

    def test_e4m3fn(self):
        self.assertCodes("f8E4M3FN", [
            (448, 0x7E), (449, 0x7E), (1e9, 0x7E), (np.inf, 0x7E),
            (-np.inf, 0xFE), (np.nan, 0x7F), (0.0, 0), (-0.0, 0x80),
            (1.0, 0x38), (-1.0, 0xB8), (2.0**-6, 0x08), (2.0**-9, 0x01),
            (2.0**-10, 0x00), (1.5 * 2.0**-9, 0x02), (-2.0**-11, 0x80),
            (1.0625, 0x38), (1.1875, 0x3A), (7.5 * 2.0**-9, 0x08)])
        self.assertTrue(np.isnan(decode([0x7F, 0xFF], "f8E4M3FN")).all())
        self.assertEqual(formats.format_of("f8E4M3FN").max_finite, 448)
        # Without saturation 464 is the tie to the missing 480: NaN above it.
        self.assertCodes("f8E4M3FN", [(464, 0x7E), (464.1, 0x7F)],
                         saturate=False)

    def test_e4m3fnuz(self):
        self.assertCodes("f8E4M3FNUZ", [
            (240, 0x7F), (241, 0x7F), (np.inf, 0x7F), (-np.inf, 0xFF),
            (np.nan, 0x80), (0.0, 0), (-0.0, 0), (-1e-9, 0), (1.0, 0x40),
            (-1.0, 0xC0), (2.0**-7, 0x08), (2.0**-10, 0x01)])
        self.assertTrue(np.isnan(decode(0x80, "f8E4M3FNUZ")))
        self.assertEqual(formats.format_of("f8E4M3FNUZ").max_finite, 240)

    def test_e8m0(self):
        self.assertEqual(formats.e8m0_decode([0, 127, 254]).tolist(),
                         [2.0**-127, 1.0, 2.0**127])
        self.assertTrue(np.isnan(formats.e8m0_decode(255)))
        self.assertEqual(
            formats.e8m0_encode([2.0**-127, 1, 2.0**127, np.nan]).tolist(),
            [0, 127, 254, 255])
        with self.assertRaises(ValueError):
            formats.e8m0_encode([3.0])
        self.assertEqual(
            formats.e8m0_round_up(np.float32(
                [0, 1e-45, 2.0**-126, 0.5, 0.50000006, 1, np.inf])).tolist(),
            [0, 1, 1, 126, 127, 127, 255])

    def test_every_code_round_trips(self):
        for name, bits in (("f8E4M3FN", 8), ("f8E4M3FNUZ", 8), ("bf16", 16),
                           ("f16", 16), ("f4E2M1FN", 4)):
            codes = np.arange(1 << bits)
            values = decode(codes, name)
            codes = codes[~np.isnan(values)]
            again = encode(decode(codes, name), name, saturate=False)
            self.assertEqual((again != codes).sum(), 0, name)

    def test_every_tie_goes_to_even(self):
        for name in ("f8E4M3FN", "f8E4M3FNUZ", "bf16", "f16"):
            top = formats.format_of(name).max_code
            codes = np.arange(top)
            low, high = decode(codes, name), decode(codes + 1, name)
            middle = (low + high) / 2
            even = codes + (codes & 1)
            self.assertTrue((encode(middle, name) == even).all())
            self.assertTrue(
                (encode(np.nextafter(middle, 0), name) == codes).all())
            self.assertTrue(
                (encode(np.nextafter(middle, np.inf), name) == codes +
                 1).all())
            self.assertTrue(
                (encode(middle, name, "half_away") == codes + 1).all())


class Wide(unittest.TestCase):

    def test_bf16_literals(self):
        values = [1.0, -2.0, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 3.4e38, np.inf,
                  -np.inf, -0.0, 2.0**-133, 2.0**-134, 1.5 * 2.0**-133]
        self.assertEqual(
            [hex(v) for v in encode(values, "bf16")],
            ["0x3f80", "0xc000", "0x3f80", "0x3f82", "0x7f80", "0x7f80",
             "0xff80", "0x8000", "0x1", "0x0", "0x2"])
        self.assertTrue(np.isnan(decode(encode(np.nan, "bf16"), "bf16")))

    def test_bf16_rounds_once(self):
        # Through float32 this value would first become the bf16 tie 1 + 2^-8
        # and then 1.0.
        x = 1 + 2.0**-8 + 2.0**-40
        self.assertEqual(formats.round_to(x, "bf16"), 1 + 2.0**-7)

    def test_f16_and_f32_agree_with_numpy(self):
        rng = np.random.default_rng(1)
        x = rng.standard_normal(20000) * np.exp2(rng.integers(-40, 20, 20000))
        x = np.concatenate([x, [0.0, -0.0, 65504, 65519.9, 65520, np.inf]])
        with np.errstate(over="ignore"):
            want = x.astype(np.float16).view(np.uint16)
        self.assertTrue((encode(x, "f16") == want).all())
        self.assertTrue((encode(x, "f32") == x.astype(np.float32).view(
            np.uint32)).all())

    def test_ulp_f32(self):
        self.assertEqual(
            formats.ulp_f32([1.0, 1.99, 2.0, 0.0, 1e-45]).tolist(),
            [2.0**-23, 2.0**-23, 2.0**-22, 2.0**-149, 2.0**-149])

    def test_unknown_format(self):
        with self.assertRaisesRegex(ValueError, "unknown format 'f9'"):
            decode([0], "f9")


if __name__ == "__main__":
    unittest.main()
