# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Norms, activations and rotary embedding: hand-computed values."""

import unittest

import numpy as np

from hipfuse_golden import formats
from hipfuse_golden.act import silu_mul, split_k_reduce
from hipfuse_golden.norm import add_rms_norm, rms_norm
from hipfuse_golden.rope import rope, split_table

EPS = 1e-6


def bf16(x):
    return formats.round_to(x, "bf16")


class RmsNorm(unittest.TestCase):

    def test_by_hand(self):
        # mean square of (1, 7, 5, 5) is 25.
        x = np.array([[1.0, 7, 5, 5]])
        r = rms_norm(x, np.array([1.0, 2, -1, 0]), epsilon=1e-12,
                     out_type="f32")
        want = np.float32([0.2, 2.8, -1.0, 0.0])
        self.assertTrue((r.y[0] == want).all())

    def test_epsilon_is_float32_and_inside_the_root(self):
        r = rms_norm(np.zeros((1, 4)), epsilon=1.0)
        self.assertEqual(r.y.tolist(), [[0, 0, 0, 0]])
        x = np.full((1, 4), 2.0)
        self.assertEqual(rms_norm(x, epsilon=5.0, out_type="f64").y[0, 0],
                         2 / 3)
        e = 0.1
        self.assertEqual(rms_norm(x, epsilon=e, out_type="f64").y[0, 0],
                         2 / np.sqrt(4 + float(np.float32(e))))
        for bad in (0.0, -1.0, np.inf, np.nan):
            with self.assertRaises(ValueError):
                rms_norm(x, epsilon=bad)

    def test_weight_offset(self):
        x = np.array([[3.0, 3, 3, 3]])
        w = np.array([0.0, 0.5, -1, 1])
        r = rms_norm(x, w, epsilon=1e-12, weight_offset=1, out_type="f32")
        self.assertEqual(r.y.tolist(), [[1, 1.5, 0, 2]])

    def test_round_norm_before_weight(self):
        # n = 1 / sqrt(mean) is not a bf16 number here; weight 1.5.
        x = np.array([[1.0, 1, 1, 2]])
        n = 1 / np.sqrt(7 / 4 + float(np.float32(EPS)))
        w = np.full(4, 1.0078125)
        plain = rms_norm(x, w, epsilon=EPS, out_type="f32")
        early = rms_norm(x, w, epsilon=EPS, out_type="f32",
                         round_norm_before_weight=True)
        self.assertEqual(plain.y[0, 0], np.float32(n * w[0]))
        self.assertEqual(early.y[0, 0], bf16(n) * w[0])
        self.assertNotEqual(plain.y[0, 0], early.y[0, 0])
        # bf16 times bf16 is exact: nothing uncertain is left.
        self.assertTrue((early.pre_round.lo == early.pre_round.hi).all())

    def test_nan_and_inf_reach_the_row_only(self):
        x = np.ones((3, 4))
        x[0, 1], x[1, 2] = np.nan, np.inf
        y = rms_norm(x, epsilon=EPS).y
        self.assertTrue(np.isnan(y[0]).all())
        self.assertEqual(y[1, [0, 1, 3]].tolist(), [0, 0, 0])
        self.assertTrue(np.isnan(y[1, 2]))
        self.assertEqual(y[2].tolist(), [1, 1, 1, 1])

    def test_subnormal_input(self):
        x = np.full((1, 4), 2.0**-133)
        r = rms_norm(x, epsilon=EPS, out_type="f32")
        self.assertEqual(r.y[0, 0], np.float32(2.0**-133 / np.sqrt(
            float(np.float32(EPS)))))


class AddRmsNorm(unittest.TestCase):
    # 1 + 2^-8 + 2^-9 is a float32, not a bf16 number: bf16 gives 1 + 2^-7.
    X = np.array([[1.0, 1, 1, 1]])
    R = np.array([[2.0**-8 + 2.0**-9] * 3 + [4.0]])

    def test_residual_out(self):
        r = add_rms_norm(self.X, self.R, epsilon=EPS)
        self.assertEqual(r.residual_out.tolist(), [[1 + 2.0**-7] * 3 + [5]])

    def test_norm_from_sum_or_from_residual(self):
        sums = dict(sum=self.X + self.R, rounded=bf16(self.X + self.R))
        for key, flag in (("sum", False), ("rounded", True)):
            t = sums[key]
            want = t / np.sqrt(np.mean(t * t) + float(np.float32(EPS)))
            r = add_rms_norm(self.X, self.R, epsilon=EPS, out_type="f64",
                             norm_from_rounded_residual=flag)
            self.assertTrue((r.y == want).all())
        self.assertTrue((sums["sum"] != sums["rounded"]).any())

    def test_round_sum_before_residual(self):
        x = np.array([[1 + 2.0**-8 - 2.0**-20, 1, 1, 1]])  # a float32 partial
        r0 = np.array([[2.0**-8, 0, 0, 0]])
        late = add_rms_norm(x, r0, epsilon=EPS, x_type="f32")
        early = add_rms_norm(x, r0, epsilon=EPS, x_type="f32",
                             round_sum_before_residual=True)
        self.assertEqual(late.residual_out[0, 0], 1 + 2.0**-7)
        self.assertEqual(early.residual_out[0, 0], 1)  # tie, to even

    def test_sum_is_float32(self):
        # 2^24 + 1 is a tie in float32.
        r = add_rms_norm(np.array([[2.0**24, 0]]), np.array([[1.0, 0]]),
                         epsilon=EPS, x_type="f32", residual_type="f32")
        self.assertEqual(r.residual_out[0, 0], 2.0**24)

    def test_float16_residual(self):
        r = add_rms_norm(np.array([[60000.0, 1]]), np.array([[60000.0, 1]]),
                         epsilon=EPS, x_type="f16", residual_type="f16")
        self.assertEqual(r.residual_out[0].tolist(), [np.inf, 2])
        self.assertTrue(np.isfinite(r.y).all())  # from the un-rounded sum


class SiluMul(unittest.TestCase):

    def test_values(self):
        x = np.array([[0.0, 1, -1, 50, 2, 3, 1, 0.5]])
        y = silu_mul(x).value[0]
        one = 1 / (1 + np.exp(-1.0))
        self.assertEqual(y[0], 0)
        self.assertAlmostEqual(y[1], one * 3, places=15)
        self.assertAlmostEqual(y[2], one - 1, places=15)  # -sigmoid(-1)
        self.assertEqual(y[3], 25)

    def test_gate_is_the_first_half(self):
        self.assertEqual(silu_mul(np.array([[0.0, 5.0]])).value[0, 0], 0)
        self.assertEqual(silu_mul(np.array([[5.0, 0.0]])).value[0, 0], 0)
        self.assertAlmostEqual(silu_mul(np.array([[40.0, 2]])).value[0, 0],
                               80, places=10)

    def test_clamp(self):
        x = np.array([[20.0, -20, 1, 1, -50, 50, 50, np.nan]])
        y = silu_mul(x, clamp=10.0).value[0]
        silu = [g / (1 + np.exp(-g)) for g in (10.0, -20.0)]
        self.assertEqual(y[:2].tolist(), [silu[0] * -10, silu[1] * 10])
        self.assertAlmostEqual(y[2], 7.310585786300049, places=12)
        self.assertTrue(np.isnan(y[3]))

    def test_round_activation(self):
        x = np.array([[1.0, 1.0078125]])  # silu(1) = 0.73106, bf16 0.73046875
        y = silu_mul(x, round_activation="bf16").value[0, 0]
        self.assertEqual(y, 0.73046875 * 1.0078125)
        self.assertNotEqual(silu_mul(x).round_to("bf16").value[0, 0],
                            bf16(y))

    def test_split_k_reduce_is_ordered(self):
        x = np.array([[2.0**24], [1.0], [1.0], [-2.0**24]])
        self.assertEqual(split_k_reduce(x).tolist(), [0.0])
        self.assertEqual(split_k_reduce(x[[1, 2, 0, 3]]).tolist(), [2.0])

    def test_specials(self):
        x = np.array([[np.inf, -np.inf, np.nan, -100.0, 1, 1, 1, 1]])
        y = silu_mul(x)
        self.assertEqual(y.value[0, 0], np.inf)
        self.assertTrue(np.isnan(y.value[0, 1:3]).all())
        # Float32 exp overflows: zero is allowed as well.
        self.assertLess(y.lo[0, 3], 0)
        self.assertEqual(y.hi[0, 3], 0)
        with self.assertRaises(ValueError):
            silu_mul(np.ones((1, 3)))


class Rope(unittest.TestCase):
    # Position 1 turns by 90 degrees, position 2 by acos(0.6).
    COS = np.array([[1.0, 1], [0, 0], [0.6, 0.6]])
    SIN = np.array([[0.0, 0], [1, 1], [0.8, 0.8]])
    X = np.array([[1.0, 2, 3, 4]])

    def turn(self, position, **attributes):
        attributes.setdefault("interleaved", True)
        return rope(self.X, [position], self.COS, self.SIN,
                    **attributes).value[0]

    def test_interleaved_and_neox(self):
        self.assertEqual(self.turn(0).tolist(), [1, 2, 3, 4])
        self.assertEqual(self.turn(1).tolist(), [-2, 1, -4, 3])
        self.assertEqual(self.turn(1, interleaved=False).tolist(),
                         [-3, -4, 1, 2])
        self.assertEqual(self.turn(1, inverse=True).tolist(), [2, -1, 4, -3])

    def test_inverse_undoes(self):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((5, 3, 8))
        angle = rng.standard_normal((7, 4))
        position = np.array([6, 0, 3, 3, 1])
        cos, sin = np.cos(angle), np.sin(angle)
        for interleaved in (False, True):
            y = rope(x, position, cos, sin, interleaved=interleaved).value
            z = rope(y, position, cos, sin, interleaved=interleaved,
                     inverse=True).value
            self.assertLess(np.abs(x - z).max(), 1e-6)

    def test_heads_share_the_position(self):
        x = np.stack([self.X[0], 2 * self.X[0]])[None]
        y = rope(x, [1], self.COS, self.SIN, interleaved=True).value
        self.assertEqual(y[0].tolist(), [[-2, 1, -4, 3], [-4, 2, -8, 6]])

    def test_operand_type_rounds_products_and_sums(self):
        x = bf16(np.array([[1.1015625, 1.2890625]]))
        c, s = np.array([[0.6]]), np.array([[0.8]])
        got = rope(x, [0], c, s, interleaved=True, compute_type="bf16")
        cb, sb = bf16(0.6), bf16(0.8)
        a, b = x[0]
        want = [bf16(bf16(a * cb) - bf16(b * sb)),
                bf16(bf16(b * cb) + bf16(a * sb))]
        self.assertEqual(got.value[0].tolist(), want)
        self.assertTrue((got.lo == got.hi).all())
        exact = rope(x, [0], c, s, interleaved=True).round_to("bf16").value
        self.assertNotEqual(exact[0].tolist(), want)

    def test_cancellation_widens_the_interval(self):
        # a c - b s with equal products whose float32 rounding differs.
        c = np.array([[float(np.float32(0.1))]])
        s = np.array([[float(np.float32(0.3))]])
        x = np.array([[3.0, 1.0]])
        r = rope(x, [0], c, s, interleaved=True)
        self.assertLess(abs(r.value[0, 0]), 1e-6)
        self.assertGreaterEqual(r.hi[0, 0] - r.lo[0, 0], 2 * 2.0**-24 * 0.6)

    def test_float32_evaluations_lie_inside(self):
        rng = np.random.default_rng(5)
        x = rng.standard_normal((500, 64)).astype(np.float32)
        angle = rng.standard_normal((500, 32))
        c, s = np.cos(angle), np.sin(angle)
        c, s = c.astype(np.float32), s.astype(np.float32)
        r = rope(x, np.arange(500), c.astype(float), s.astype(float),
                 interleaved=True)
        plain = x[:, 0::2] * c - x[:, 1::2] * s
        fused = (x[:, 0::2].astype(float) * c - x[:, 1::2] * s).astype(
            np.float32)
        for y in (plain, fused):
            self.assertTrue(((y >= r.lo[:, 0::2]) &
                             (y <= r.hi[:, 0::2])).all())

    def test_positions_are_clamped(self):
        self.assertEqual(self.turn(3).tolist(), self.turn(2).tolist())
        self.assertEqual(self.turn(-1).tolist(), [1, 2, 3, 4])

    def test_packed_table_and_errors(self):
        cos, sin = split_table(np.array([[1.0, 2, 3, 4]]))
        self.assertEqual((cos.tolist(), sin.tolist()), ([[1, 2]], [[3, 4]]))
        with self.assertRaisesRegex(ValueError, "tables"):
            rope(np.ones((1, 6)), [0], self.COS, self.SIN, interleaved=True)


if __name__ == "__main__":
    unittest.main()
