# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Scale layouts and cache rows: offsets and bytes."""

import unittest

import numpy as np

from hipfuse_golden import cache, formats, layouts
from hipfuse_golden.cache import mla_cache_write


class ScaleLayouts(unittest.TestCase):

    def test_published_offsets(self):
        # 16 padded columns.
        for (m, n), offset in (((0, 0), 0), ((16, 0), 1), ((0, 4), 2),
                               ((1, 0), 4), ((0, 1), 64), ((0, 8), 256),
                               ((32, 0), 512)):
            self.assertEqual(layouts.shuffled_offset(m, n, 16), offset)

    def test_equals_the_permuted_view(self):
        m, n = 256, 16
        x = np.arange(m * n).reshape(m, n) % 251
        want = x.reshape(m // 32, 2, 16, n // 8, 2, 4).transpose(
            0, 3, 5, 2, 4, 1).reshape(-1)
        self.assertTrue((layouts.shuffle(x).reshape(-1) == want).all())

    def test_padding_and_inverse(self):
        rng = np.random.default_rng(0)
        for m, s, rows, columns in ((1, 1, 256, 8), (17, 7, 256, 8),
                                    (256, 8, 256, 8), (257, 9, 512, 16),
                                    (128, 224, 256, 224)):
            x = rng.integers(0, 255, (m, s)).astype(np.uint8)
            stored = layouts.shuffle(x)
            self.assertEqual(stored.shape, (rows, columns))
            self.assertTrue((layouts.unshuffle(stored, m, s) == x).all())
            self.assertEqual((layouts.shuffle(x * 0, fill=9) == 9).sum(),
                             rows * columns - m * s)

    def test_row_and_column(self):
        x = np.arange(6).reshape(2, 3)
        self.assertEqual(layouts.store(x, "column_major").tolist(), x.T.tolist())
        for layout in ("row_major", "column_major"):
            stored = layouts.store(x, layout)
            self.assertEqual(layouts.load(stored, layout, 2, 3).tolist(),
                             x.tolist())
        padded = layouts.shuffle(x)[:32]  # 32 rows are enough
        self.assertTrue((layouts.unshuffle(padded, 2, 3) == x).all())
        for short in (padded[:16], padded[:, :7]):
            with self.assertRaisesRegex(ValueError, "are not the shuffled"):
                layouts.unshuffle(short, 2, 3)
        with self.assertRaises(ValueError):
            layouts.load(x, "row_major", 3, 3)
        with self.assertRaises(ValueError):
            layouts.store(x, "diagonal")


def ramp(t, n, start=1.0):
    return start + np.arange(t * n, dtype=float).reshape(t, n) % 64


class PlainCaches(unittest.TestCase):

    def test_bf16_order_and_slots(self):
        kv, pe = ramp(3, 4), 100 + ramp(3, 2)
        before = np.full((2, 4, 6), 0x1234, np.uint16)
        after = mla_cache_write(kv, pe, before, [5, -1, 2], layout="bf16")
        want = formats.encode(np.concatenate([kv, pe], axis=1), "bf16")
        self.assertTrue((after[1, 1] == want[0]).all())
        self.assertTrue((after[0, 2] == want[2]).all())
        after[1, 1] = after[0, 2] = 0x1234
        self.assertTrue((after == before).all())
        rope_first = mla_cache_write(kv, pe, before, [5], layout="bf16",
                                     nope_first=False)
        self.assertTrue((rope_first[1, 1] == np.roll(want[0], 2)).all())

    def test_skip_rules(self):
        kv, pe = ramp(3, 4), ramp(3, 2)
        before = np.zeros((1, 4, 6), np.uint16)
        for rule, touched in (("negative", [0, 1]), ("negative_or_zero", [1])):
            after = mla_cache_write(kv, pe, before, [0, -7, 1],
                                    layout="bf16", skip_rule=rule)
            self.assertEqual(np.unique(np.nonzero(after)[1]).tolist(),
                             touched)

    def test_slots_beyond_the_cache_and_repeated_slots(self):
        kv, pe = ramp(3, 4), ramp(3, 2)
        before = np.zeros((1, 4, 6), np.uint16)
        after = mla_cache_write(kv, pe, before, [4, 2, 2], layout="bf16")
        self.assertEqual(np.unique(np.nonzero(after)[1]).tolist(), [2])
        self.assertTrue((after[0, 2, :4] == formats.encode(kv[2],
                                                           "bf16")).all())

    def test_fewer_slots_than_rows(self):
        after = mla_cache_write(ramp(3, 4), ramp(3, 2),
                                np.zeros((1, 4, 6), np.uint16), [3],
                                layout="bf16")
        self.assertEqual(np.unique(np.nonzero(after)[1]).tolist(), [3])

    def test_fp8(self):
        kv = np.array([[1.0, -2, 1000, np.nan]])
        pe = np.array([[0.5, -0.0]])
        after = mla_cache_write(kv, pe, np.zeros((1, 1, 6), np.uint8), [0],
                                layout="fp8", scale=0.5)
        self.assertEqual(after[0, 0].tolist(),
                         [0x40, 0xC8, 0x7E, 0x7F, 0x38, 0x80])

    def test_errors(self):
        kv, pe, c = ramp(1, 4), ramp(1, 2), np.zeros((1, 4, 6), np.uint16)
        for arguments, message in (
            (dict(slots=[0, 1]), "2 slots for 1 rows"),
            (dict(slots=[0], scale=1.0), "a scale belongs"),
            (dict(slots=[0], skip_rule="zero"), "unknown skip rule"),
            (dict(slots=[0], layout="bf8"), "unknown cache layout"),
            (dict(slots=[0], pow2_scale=True), "ds_mla_656"),
            (dict(slots=[0], layout="ds_mla_656"), "512 latent and 64")):
            arguments.setdefault("layout", "bf16")
            with self.assertRaisesRegex(ValueError, message):
                mla_cache_write(kv, pe, c, **arguments)


class Row656(unittest.TestCase):

    def setUp(self):
        kv = np.zeros((1, 512))
        kv[0, 0], kv[0, 127] = 448, -1      # tile 0: scale 1
        kv[0, 128] = -224                   # tile 1: scale 0.5
        kv[0, 256] = 3                      # tile 2: scale f32(3 / 448)
        self.kv = kv                        # tile 3: zeros
        self.pe = np.arange(64.0)[None]
        self.before = np.full((2, 4, 656), 7, np.uint8)

    def test_bytes(self):
        after = mla_cache_write(self.kv, self.pe, self.before, [6],
                                layout="ds_mla_656")
        got = after[1, 2]
        self.assertEqual([got[i] for i in (0, 1, 127, 128, 256, 511)],
                         [0x7E, 0, 0xB8, 0xFE, 0x7E, 0])
        scales = got[512:528].copy().view("<f4")
        self.assertEqual(scales.tolist(),
                         [1, 0.5, np.float32(3) / np.float32(448), 1])
        rope = formats.decode(got[528:].copy().view("<u2"), "bf16")
        self.assertEqual(rope.tolist(), list(range(64)))
        after[1, 2] = 7
        self.assertTrue((after == 7).all())

    def test_power_of_two_scales(self):
        after = mla_cache_write(self.kv, self.pe, self.before, [0],
                                layout="ds_mla_656", pow2_scale=True)
        got = after[0, 0]
        # 3/448 -> 2^-7; zero tile: 1e-4 -> 2^-13.
        self.assertEqual(got[512:528].copy().view("<f4").tolist(),
                         [1, 0.5, 2.0**-7, 2.0**-13])
        self.assertEqual(got[256], 0x7C)  # 3 * 128 = 384

    def test_nonfinite(self):
        self.kv[0, 1], self.kv[0, 129] = np.nan, -np.inf
        got = mla_cache_write(self.kv, self.pe, self.before, [0],
                              layout="ds_mla_656")[0, 0]
        self.assertEqual([got[i] for i in (0, 1, 128, 129)],
                         [0x7E, 0x7F, 0x80, 0xFE])
        self.assertEqual(got[516:520].copy().view("<f4")[0],
                         np.float32(formats.F32_MAX) / np.float32(448))


class Row584(unittest.TestCase):

    def test_strides(self):
        # Published: P=64 -> 37440, P=2 -> 1728, P=256 -> 149760.
        self.assertEqual([cache.block_stride_584(p) for p in (64, 2, 256)],
                         [37440, 1728, 149760])

    def test_bytes(self):
        kv = np.zeros((2, 448))
        kv[0, 0], kv[0, 64], kv[0, 447] = 448, 449, 1
        kv[1, 5] = -1e-9
        pe = np.stack([np.arange(64.0), -np.arange(64.0)])
        before = np.full((3, 1728), 7, np.uint8)
        after = mla_cache_write(kv, pe, before, [3, 4], layout="ds_mla_584",
                                page=2)
        # Slot 3: block 1, offset 1. Slot 4: block 2, offset 0.
        first = after[1]
        self.assertEqual([first[576 + i] for i in (0, 64, 447)],
                         [0x7E, 0x76, 0x78])
        rope = formats.decode(first[576 + 448:1152].copy().view("<u2"),
                              "bf16")
        self.assertEqual(rope.tolist(), list(range(64)))
        # Scales 1, 2, then the floor 1e-4/448 -> 2^-22, 1/448 -> 2^-8, pad.
        self.assertEqual(first[1152 + 8:1152 + 16].tolist(),
                         [127, 128, 105, 105, 105, 105, 119, 0])
        second = after[2]
        self.assertEqual(second[1152:1160].tolist(), [105] * 7 + [0])
        self.assertEqual(second[5], 0x82)  # -1e-9 * 2^22 = -2.15 * 2^-9
        # Nothing else moved: other tokens, their scales, the padding.
        after[1, 576:1152] = after[1, 1160:1168] = 7
        after[2, 0:576] = after[2, 1152:1160] = 7
        self.assertTrue((after == 7).all())

    def test_rope_parts(self):
        rng = np.random.default_rng(0)
        c = rng.integers(0, 255, (2, 1728)).astype(np.uint8)
        bits, rest = cache.rope_parts(c, "ds_mla_584", 2)
        self.assertEqual(bits.shape, (2, 2, 64))
        self.assertEqual(bits[1, 1, 0], int(c[1, 1024]) + 256 * int(
            c[1, 1025]))
        self.assertEqual((rest != c).sum(),
                         (c[:, 448:576] != 0).sum() +
                         (c[:, 1024:1152] != 0).sum())
        with self.assertRaisesRegex(ValueError, "page size"):
            mla_cache_write(ramp(1, 448), ramp(1, 64), c, [0],
                            layout="ds_mla_584")
        with self.assertRaisesRegex(ValueError, "do not hold"):
            mla_cache_write(ramp(1, 448), ramp(1, 64), c, [0],
                            layout="ds_mla_584", page=3)


if __name__ == "__main__":
    unittest.main()
