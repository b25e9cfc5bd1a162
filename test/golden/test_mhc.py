# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hyper-connections: values computed by hand, and properties."""

import unittest

import numpy as np

from hipfuse_golden import mhc

ATTRIBUTES = dict(rms_epsilon=1e-6, pre_epsilon=1e-6, post_mult=2.0,
                  sinkhorn_epsilon=1e-6, sinkhorn_iterations=20)


def weights(rng, n, hidden):
    mixes = n * n + 2 * n
    return (rng.standard_normal((mixes, n * hidden)) / np.sqrt(n * hidden),
            np.array([0.75, 1.25, 0.25]), 0.5 * rng.standard_normal(mixes))


class Logits(unittest.TestCase):

    def test_streams_are_side_by_side(self):
        r = np.array([[[1.0, 2], [3, 4]]])
        fn = np.array([[1.0, 10, 100, 1000], [0, 0, 0, 1]])
        m, sqrsum = mhc.logits(r, fn)
        self.assertEqual(m.tolist(), [[4321, 4]])
        self.assertEqual(sqrsum.tolist(), [30])

    def test_one_row_and_folded(self):
        rng = np.random.default_rng(1)
        x, fn = rng.standard_normal((3, 8)), rng.standard_normal((24, 32))
        m, sqrsum = mhc.logits(x, fn)
        repeated, repeated_sum = mhc.logits(np.stack([x] * 4, axis=1), fn)
        np.testing.assert_allclose(m, repeated)
        np.testing.assert_allclose(sqrsum, repeated_sum)
        folded, folded_sum = mhc.logits(x, fn.reshape(24, 4, 8).sum(axis=1))
        np.testing.assert_allclose(folded, repeated)
        np.testing.assert_allclose(folded_sum / 8, repeated_sum / 32)


class Coefficients(unittest.TestCase):

    def test_by_hand(self):
        # One stream: comb becomes 1, the root of 4 - epsilon + epsilon is 2.
        e = float(np.float32(1e-6))
        m = np.array([[2.0, 4, 7]])
        c = mhc.coefficients(m, np.array([8 - 2 * e]), [1, 0.5, 1],
                             np.array([0, 1.0, 3]), columns=2, **ATTRIBUTES)
        self.assertAlmostEqual(c.pre[0, 0], 1 / (1 + np.exp(-1)) + e, 14)
        self.assertAlmostEqual(c.post[0, 0], 2 / (1 + np.exp(-2)), 14)
        self.assertAlmostEqual(c.comb[0, 0, 0], 1, 5)

    def test_post_mult_and_iterations_matter(self):
        rng = np.random.default_rng(2)
        m, sqrsum = rng.standard_normal((5, 24)), np.full(5, 64.0)
        args = (m, sqrsum, [1, 1, 1], np.zeros(24))
        base = mhc.coefficients(*args, columns=64, **ATTRIBUTES)
        one = mhc.coefficients(*args, columns=64,
                               **dict(ATTRIBUTES, post_mult=1.0))
        np.testing.assert_allclose(base.post, 2 * one.post)
        few = mhc.coefficients(*args, columns=64,
                               **dict(ATTRIBUTES, sinkhorn_iterations=1))
        self.assertGreater(np.abs(few.comb - base.comb).max(), 1e-4)

    def test_sinkhorn_is_doubly_stochastic(self):
        rng = np.random.default_rng(3)
        c = mhc.sinkhorn(rng.standard_normal((50, 4, 4)), 1e-6, 40)
        self.assertLess(np.abs(c.sum(axis=1) - 1).max(), 1e-4)
        self.assertLess(np.abs(c.sum(axis=2) - 1).max(), 1e-4)
        # One iteration normalises columns last, and rows not again.
        c = mhc.sinkhorn(rng.standard_normal((50, 4, 4)), 1e-6, 1)
        self.assertLess(np.abs(c.sum(axis=1) - 1).max(), 1e-4)
        self.assertGreater(np.abs(c.sum(axis=2) - 1).max(), 1e-2)

    def test_streams_of(self):
        self.assertEqual([mhc.streams_of(m) for m in (3, 8, 15, 24)],
                         [1, 2, 3, 4])
        with self.assertRaises(ValueError):
            mhc.streams_of(25)


class PostAndPre(unittest.TestCase):

    def test_post_is_the_transpose(self):
        # Only comb[0, 1] is set: stream 1 receives stream 0.
        comb = np.zeros((1, 2, 2))
        comb[0, 0, 1] = 1
        r = np.array([[[5.0, 6], [7, 8]]])
        out = mhc.mhc_post(np.array([[1.0, 2]]), r, np.array([[10.0, 0]]),
                           comb)
        self.assertEqual(out.tolist(), [[[10, 20], [5, 6]]])

    def test_delayed_collapse(self):
        rng = np.random.default_rng(4)
        r = rng.standard_normal((3, 4, 8))
        w = weights(rng, 4, 8)
        plain = mhc.mhc_pre(r, *w, **ATTRIBUTES, out_type="f64")
        first = mhc.mhc_pre(r, *w, **ATTRIBUTES, out_type="f64", delayed=True)
        np.testing.assert_array_equal(first.layer_input, r[:, 0])
        np.testing.assert_array_equal(first.pre, plain.pre)
        again = mhc.mhc_pre(r, *w, **ATTRIBUTES, out_type="f64", delayed=True,
                            pre_in=plain.pre)
        np.testing.assert_array_equal(again.layer_input, plain.layer_input)

    def test_norm_reads_the_rounded_row(self):
        rng = np.random.default_rng(5)
        r = rng.standard_normal((3, 4, 8))
        w = weights(rng, 4, 8)
        rounded, exact = (
            mhc.mhc_pre(r, *w, **ATTRIBUTES, norm_epsilon=1e-6,
                        out_type="f64", round_before_norm=t)
            for t in ("bf16", None))
        difference = np.abs(rounded.layer_input - exact.layer_input).max()
        self.assertGreater(difference, 1e-5)
        self.assertLess(difference, 2e-2)

    def test_head_has_no_post(self):
        r = np.ones((1, 2, 3))
        y = mhc.mhc_head(r, np.zeros((2, 6)), [1.0], np.array([0.0, 0]),
                         rms_epsilon=1e-6, pre_epsilon=1e-6, out_type="f64")
        np.testing.assert_allclose(y, 1 + 2e-6, atol=1e-12)


if __name__ == "__main__":
    unittest.main()
