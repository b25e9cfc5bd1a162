# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Committed golden vectors: equal to a fresh computation and to literals."""

import os
import sys
import unittest

import numpy as np

from hipfuse_golden import formats, io, layouts, quant

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
sys.path.insert(0, VECTORS)

import make_vectors


def load(name, type_name="u8"):
    return io.load_storage(os.path.join(VECTORS, f"{name}.npy"), type_name)


class Committed(unittest.TestCase):

    def test_equal_a_fresh_computation(self):
        fresh = make_vectors.vectors()
        for name, (array, type_name) in fresh.items():
            with self.subTest(name):
                want = io.to_storage(array, type_name)
                got = load(name, type_name)
                self.assertEqual(got.shape, want.shape)
                self.assertEqual(got.tobytes(), want.tobytes())

    def test_no_file_is_left_over(self):
        files = {f[:-4] for f in os.listdir(VECTORS) if f.endswith(".npy")}
        self.assertEqual(files, set(make_vectors.vectors()))

    def test_small(self):
        sizes = [os.path.getsize(os.path.join(VECTORS, f))
                 for f in os.listdir(VECTORS)]
        self.assertLess(sum(sizes), 100000)


class Literals(unittest.TestCase):
    """Typed from publications, not computed."""

    def test_amax_to_scale(self):
        amax = load("mxfp4_amax", "f32").tolist()
        want = {
            0: (0, 0, 0, 0), 0.5: (124,) * 4, 1.0: (125,) * 4,
            1.5: (125, 125, 125, 126), 1.7421875: (125, 125, 126, 126),
            1.75: (125, 126, 126, 126), 2: (126,) * 4,
            3: (126, 126, 126, 127), 3.484375: (126, 126, 127, 127),
            3.5: (126, 127, 127, 127), 4: (127,) * 4,
            6: (127, 127, 127, 128),
            float(np.float32(6.0000005)): (127, 127, 128, 128),
            7: (127, 128, 128, 128), 448: (133, 134, 134, 134),
            float(np.float32(3.4e38)): (252, 253, 253, 253),
            2.0**-124: (1,) * 4, 2.0**-126: (0, 0, 1, 1),
        }
        self.assertEqual(len(amax), len(want))
        table = zip(*(load(f"mxfp4_scale_{mode}").tolist()
                      for mode in ("floor", "even", "rceil", "ceil")))
        self.assertEqual(dict(zip(amax, table)), want)

    def test_shuffle(self):
        # (m, n) -> byte, 16 padded columns
        stored = load("shuffle_33x9_cdna4").reshape(-1)
        for (m, n), at in (((0, 0), 0), ((16, 0), 1), ((0, 4), 2),
                           ((1, 0), 4), ((0, 1), 64), ((0, 8), 256),
                           ((32, 0), 512)):
            self.assertEqual(stored[at], (m * 9 + n) * 7 % 251)

    def test_tie_row(self):
        # 6 .25 -.25 .75 1.25 -1.75 2.5 3.5 5 0 -0 under scale 1
        self.assertEqual(load("mxfp4_even_scale")[1, 0], 127)
        codes = formats.fp4_unpack(load("mxfp4_even_data")[1])
        self.assertEqual(codes[:11].tolist(),
                         [7, 0, 8, 2, 2, 12, 4, 6, 6, 0, 8])
        codes = formats.fp4_unpack(load("mxfp4_half_away_data")[1])
        self.assertEqual(codes[:11].tolist(),
                         [7, 1, 9, 2, 3, 12, 5, 6, 7, 0, 0])

    def test_zero_and_huge_blocks(self):
        scale = load("mxfp4_even_scale")
        self.assertEqual(scale.shape, (4, 7))
        self.assertEqual(scale[1, 4:].tolist(), [0, 0, 0])
        self.assertEqual(scale[3, 0], 253)

    def test_nonfinite(self):
        self.assertEqual(load("mxfp4_propagate_scale").tolist(),
                         [[255, 127], [255, 127]])
        self.assertEqual(load("mxfp4_propagate_data")[:, :18].tolist(),
                         [[0] * 16 + [0x85, 0xE0]] * 2)
        self.assertEqual(load("mxfp4_saturate_scale").tolist(),
                         [[253, 127], [253, 127]])
        self.assertEqual(load("mxfp4_saturate_data")[:, :2].tolist(),
                         [[0x00, 0x78], [0xF7, 0x00]])
        self.assertEqual(load("mxfp8_saturate_data")[:, :4].tolist(),
                         [[0, 0x7F, 0x80, 0x7E], [0x7E, 0xFE, 0x7F, 0]])

    def test_cache_rows(self):
        rows = load("cache_656")
        self.assertEqual(rows[0, 1].max(), 0)  # slot 1: not written
        self.assertEqual(rows[1, 1, :128].max(), 0)  # zero tile
        scale = rows[1, 1, 512:528].copy().view("<f4")
        self.assertEqual(scale[0], 1.0)
        flat = load("cache_584")
        self.assertEqual(flat.shape, (2, 1728))
        # Slot 3 = block 1, token 1: scales at 2 * 576 + 8, two zero tiles
        # with the floor 1e-4 / 448 -> 2^-22, pad 0.
        self.assertEqual(flat[1, 1160:1162].tolist(), [105, 105])
        self.assertEqual(flat[1, 1167], 0)
        self.assertEqual(flat[:, 1168:].max(), 0)


if __name__ == "__main__":
    unittest.main()
