# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention: definitions by hand, edge cases, and what the bars let pass."""

import math
import unittest

import numpy as np

from hipfuse_golden import attention, cases, formats, slots
from hipfuse_golden import cache as mla_cache
from hipfuse_golden.attention import Query, Result, Scope

SCALE = 576**-0.5


def normal(rng, *shape):
    return formats.round_to(rng.standard_normal(shape), "bf16")


def bf16_scope(rng, slot_lists, lengths=None, pages=6, page=8, d=576):
    """A Scope over N(0, 1) keys and those keys [slots, d]."""
    keys = normal(rng, pages * page, d)
    cache = formats.encode(keys, "bf16").reshape(pages, page, d)
    return Scope(cache, np.array(slot_lists), lengths=lengths), keys


def by_hand(q, keys, v=512, sm_scale=SCALE):
    """(o, lse) of one row [H, D], with math.fsum."""
    o, lses = [], []
    for head in q:
        s = [float(np.float32(sm_scale)) * math.fsum(head * k) for k in keys]
        lse = math.log(math.fsum(math.exp(x) for x in s))
        o.append([math.fsum(math.exp(x - lse) * k[c]
                            for x, k in zip(s, keys)) for c in range(v)])
        lses.append(lse)
    return np.array(o), np.array(lses)


class Sparse(unittest.TestCase):

    def setUp(self):
        self.rng = np.random.default_rng(7)
        self.q = normal(self.rng, 1, 2, 576)

    def attend(self, scope, **options):
        options = {"sm_scale": SCALE, **options}
        scopes = scope if isinstance(scope, list) else [scope]
        return attention.sparse_mla_decode(Query(self.q), scopes, **options)

    def assert_by_hand(self, result, keys):
        o, lse = by_hand(self.q[0], keys)
        np.testing.assert_allclose(result.o[0], o, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.lse[0], lse, rtol=1e-12)

    def assert_empty(self, result):
        self.assertTrue((result.o == 0).all())
        self.assertTrue(np.isneginf(result.lse).all())

    def test_definition(self):
        scope, keys = bf16_scope(self.rng, [[3, 17, 40]])
        self.assert_by_hand(self.attend(scope), keys[[3, 17, 40]])

    def test_holes_are_not_seen_wherever_they_are(self):
        scope, keys = bf16_scope(self.rng, [[-1, 3, -9, 17, 48, 40,
                                             2**31 - 1]])
        self.assert_by_hand(self.attend(scope), keys[[3, 17, 40]])

    def test_a_slot_listed_twice_counts_twice(self):
        scope, keys = bf16_scope(self.rng, [[3, 3, 17]])
        self.assert_by_hand(self.attend(scope), keys[[3, 3, 17]])

    def test_garbage_beyond_the_length(self):
        scope, keys = bf16_scope(self.rng, [[3, 17, 5, -4, 99999]],
                                 lengths=[2])
        self.assert_by_hand(self.attend(scope), keys[[3, 17]])

    def test_lengths_beyond_the_list(self):
        scope, keys = bf16_scope(self.rng, [[3, 17]], lengths=[9])
        self.assert_by_hand(self.attend(scope), keys[[3, 17]])

    def test_empty_rows(self):
        for lists, lengths in (([[-1, -1]], None), ([[3, 17]], [0]),
                               ([[3, 17]], [-2]), ([[48, 1000]], None)):
            with self.subTest(lists=lists, lengths=lengths):
                scope, _ = bf16_scope(self.rng, lists, lengths)
                self.assert_empty(self.attend(scope))
                self.assert_empty(self.attend(scope, sink=[0.5, np.inf]))
                self.assert_empty(self.attend([scope, scope]))

    def test_nan_in_unused_slots(self):
        scope, keys = bf16_scope(self.rng, [[3, 17]])
        rest = np.setdiff1d(np.arange(48), [3, 17])
        scope.cache[rest // 8, rest % 8] = 0x7FC0
        self.assert_by_hand(self.attend(scope), keys[[3, 17]])

    def test_two_scopes_are_one_attention(self):
        main, keys = bf16_scope(self.rng, [[3, 17, -1]])
        extra, more = bf16_scope(self.rng, [[9, 9]], page=2)
        self.assert_by_hand(self.attend([main, extra]), np.concatenate(
            [keys[[3, 17]], more[[9, 9]]]))
        extra.lengths = [0]
        self.assert_by_hand(self.attend([main, extra]), keys[[3, 17]])
        self.assert_by_hand(self.attend([extra, main]), keys[[3, 17]])

    def test_sink(self):
        scope, keys = bf16_scope(self.rng, [[3, 17]])
        o, lse = by_hand(self.q[0], keys[[3, 17]])
        r = self.attend(scope, sink=[1.25, -np.inf])
        np.testing.assert_allclose(
            r.o[0, 0], o[0] * math.exp(lse[0]) / (
                math.exp(lse[0]) + math.exp(1.25)), rtol=1e-9)
        np.testing.assert_allclose(r.o[0, 1], o[1], rtol=1e-9)
        np.testing.assert_allclose(r.lse[0], lse, rtol=1e-12)
        r = self.attend(scope, sink=[np.inf, 1e4])
        self.assertTrue((r.o == 0).all())
        np.testing.assert_allclose(r.lse[0], lse, rtol=1e-12)

    def test_512_columns_are_all_value(self):
        self.q = normal(self.rng, 1, 2, 512)
        scope, keys = bf16_scope(self.rng, [[1, 2]], d=512)
        self.assert_by_hand(self.attend(scope), keys[[1, 2]])

    def test_every_layout_stands_for_its_values(self):
        for layout, d, page in (("fp8", 576, 4), ("ds_mla_656", 576, 4),
                                ("ds_mla_584", 512, 4), ("ds_mla_584", 512, 2),
                                ("bf16", 512, 4)):
            with self.subTest(layout, page=page):
                self.q = normal(self.rng, 1, 2, d)
                latent = 448 if layout == "ds_mla_584" else d - 64
                x = 4.0 * normal(self.rng, 5, d)
                scale = 0.125 if layout == "fp8" else None
                shape = {"bf16": (4, page, d), "fp8": (4, page, d),
                         "ds_mla_656": (4, page, 656),
                         "ds_mla_584": (4, mla_cache.block_stride_584(page))}
                cache = np.full(shape[layout], 0xFF, np.uint16 if
                                layout == "bf16" else np.uint8)
                where = np.array([7, 0, 3, 6, 5])
                cache = mla_cache.mla_cache_write(
                    x[:, :latent], x[:, latent:], cache, where, layout=layout,
                    page=page, scale=scale)
                scope = Scope(cache, where[None], layout, page=page,
                              scale=scale)
                keys = scope.keys(where)
                # Values by their own arithmetic: an FP8 element is within
                # half of 1/8 of its magnitude, a rope value is exact.
                np.testing.assert_allclose(keys, x, rtol=1 / 16, atol=0.03)
                if layout.startswith("ds_mla"):
                    np.testing.assert_array_equal(keys[:, latent:],
                                                  x[:, latent:])
                self.assert_by_hand(self.attend(scope), keys)


class A8W8(unittest.TestCase):

    def test_by_hand(self):
        rng = np.random.default_rng(3)
        q8 = formats.encode(rng.standard_normal((1, 1, 576)), "f8E4M3FN")
        k8 = formats.encode(rng.standard_normal((1, 4, 576)), "f8E4M3FN")
        q, k = (formats.decode(x, "f8E4M3FN") for x in (q8, k8))
        r = attention.sparse_mla_decode(
            Query(q8, "f8E4M3FN", 0.5), [Scope(k8, np.array([[2, 0, 1]]),
                                               "fp8", scale=0.25)],
            sm_scale=0.0625, compute="a8w8")
        s = [0.0625 * 0.5 * 0.25 * math.fsum(q[0, 0] * k[0, j])
             for j in (2, 0, 1)]
        p = [math.exp(x - max(s)) for x in s]
        p8 = formats.round_to(np.array(p), "f8E4M3FN")
        self.assertFalse((p8 == p).all())
        want = 0.25 * sum(w * k[0, j, :512]
                          for w, j in zip(p8, (2, 0, 1))) / math.fsum(p)
        np.testing.assert_allclose(r.o[0, 0], want, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(
            r.lse[0, 0], max(s) + math.log(math.fsum(p)), rtol=1e-12)

    def test_bf16_is_rounded_and_saturates(self):
        rng = np.random.default_rng(4)
        scope, keys = bf16_scope(rng, [[5, 6]])
        scope.cache[0, 5, :2] = formats.encode([3.0, 1000.0], "bf16")
        rounded = scope.keys_rounded(np.array([5, 6]), "f8E4M3FN")
        self.assertEqual(rounded[0, :2].tolist(), [3.0, 448.0])
        scope.scale = 4.0
        rounded = scope.keys_rounded(np.array([5, 6]), "f8E4M3FN")
        self.assertEqual(rounded[0, :2].tolist(), [0.75, 256.0])
        self.assertEqual(
            scope.keys_rounded(np.array([5]), "f8E4M3FNUZ")[0, 1], 240.0)
        self.assertEqual(keys.shape, (48, 576))

    def test_parity(self):
        rng = np.random.default_rng(5)
        q = Query(normal(rng, 2, 16, 576))
        scope, _ = bf16_scope(rng, [rng.permutation(2048)] * 2, pages=256)
        exact, fp8 = (attention.sparse_mla_decode(
            q, [scope], sm_scale=SCALE, compute=c).o
            for c in ("exact", "a8w8"))
        cosine = attention.cosines(fp8, exact)
        self.assertGreater(cosine.mean(), 0.999)
        self.assertLess(cosine.mean(), 0.9995)
        self.assertGreater(cosine.min(), 0.99)


class Dense(unittest.TestCase):

    def test_causal_at_the_bottom_right(self):
        rng = np.random.default_rng(1)
        q = normal(rng, 6, 2, 576)
        _, keys = bf16_scope(rng, [[]])
        cache = formats.encode(keys, "bf16").reshape(6, 8, 576)
        table = [[4, 1, -1], [99, -3, 7]]
        r = attention.mla_decode(Query(q), cache, table, [11, 2],
                                 sm_scale=SCALE, q_len=3)
        request = np.concatenate([keys[32:40], keys[8:16]])
        for i, n in enumerate((9, 10, 11)):
            o, lse = by_hand(q[i], request[:n])
            np.testing.assert_allclose(r.o[i], o, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(r.lse[i], lse, rtol=1e-12)
        # Page 99 is not in the cache: request 1 sees nothing of it.
        self.assertTrue(np.isneginf(r.lse[3:]).all())
        self.assertTrue((r.o[3:] == 0).all())

    def test_fewer_tokens_than_queries(self):
        rng = np.random.default_rng(2)
        q = normal(rng, 4, 1, 576)
        _, keys = bf16_scope(rng, [[]])
        cache = formats.encode(keys, "bf16").reshape(6, 8, 576)
        r = attention.mla_decode(Query(q), cache, [[5]], [2], sm_scale=SCALE,
                                 q_len=4)
        self.assertEqual(np.isneginf(r.lse[:, 0]).tolist(),
                         [True, True, False, False])
        o, _ = by_hand(q[3], keys[40:42])
        np.testing.assert_allclose(r.o[3], o, rtol=1e-9, atol=1e-12)

    def test_lengths_beyond_the_table(self):
        rng = np.random.default_rng(2)
        _, keys = bf16_scope(rng, [[]])
        cache = formats.encode(keys, "bf16").reshape(6, 8, 576)
        q = Query(normal(rng, 1, 1, 576))
        long, exact = (attention.mla_decode(q, cache, [[5, 2]], [n],
                                            sm_scale=SCALE)
                       for n in (2049, 16))
        np.testing.assert_array_equal(long.o, exact.o)

    def test_lengths_that_grow(self):
        rng = np.random.default_rng(6)
        keys = normal(rng, 2112, 576)
        cache = formats.encode(keys, "bf16").reshape(33, 64, 576)
        table = rng.permutation(33)[None]
        q = normal(rng, 1, 1, 576)
        order = np.concatenate([keys.reshape(33, 64, 576)[b]
                                for b in table[0]])
        for n in (1, 2, 63, 64, 65, 2048, 2049):
            r = attention.mla_decode(Query(q), cache, table, [n],
                                     sm_scale=SCALE)
            s = float(np.float32(SCALE)) * (order[:n] @ q[0, 0])
            self.assertAlmostEqual(float(r.lse[0, 0]),
                                   float(np.log(np.exp(s).sum())), places=12)


class Merge(unittest.TestCase):

    def test_any_split_is_the_whole(self):
        rng = np.random.default_rng(0)
        scope, _ = bf16_scope(rng, [rng.integers(0, 48, 30)] * 2)
        q = Query(normal(rng, 2, 4, 576))
        whole = attention.scope_attention(q, scope, sm_scale=SCALE)
        for cuts in ((0, 30), (0, 1, 30), (0, 7, 7, 30), (0, 0, 10, 20, 30)):
            parts = [attention.scope_attention(
                q, Scope(scope.cache, scope.slots[:, a:b]), sm_scale=SCALE)
                for a, b in zip(cuts, cuts[1:])]
            r = attention.merge(parts)
            np.testing.assert_allclose(r.o, whole.o, rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(r.lse, whole.lse, rtol=1e-13)

    def test_conventions_of_empty_parts(self):
        o = np.ones((1, 1, 2))
        junk = np.full((1, 1, 2), np.nan)
        for empty, lse in (("neg_inf", -np.inf), ("pos_inf", np.inf),
                           ("pos_inf", np.nan), ("pos_inf", -np.inf)):
            none = Result(junk, np.array([[lse]]))
            r = attention.merge([none, Result(o, np.array([[0.5]])), none],
                                empty)
            self.assertEqual((r.o.tolist(), r.lse[0, 0]), ([[[1, 1]]], 0.5))
            r = attention.merge([none, none], empty)
            self.assertEqual((r.o.tolist(), r.lse[0, 0]),
                             ([[[0, 0]]], -np.inf))

    def test_large_lse_does_not_overflow(self):
        o = np.ones((1, 1, 2))
        r = attention.merge([Result(o, np.array([[5000.0]])),
                             Result(3 * o, np.array([[5000.0]]))])
        self.assertEqual(r.o[0, 0, 0], 2.0)
        self.assertAlmostEqual(r.lse[0, 0], 5000 + math.log(2))


class Slots(unittest.TestCase):

    def test_window(self):
        table = [[7, 3, -1, 5], [0, 1, 2, 4]]
        listed, lengths = slots.swa_slots(
            [0, 5, 9, -1], table, window=3, page=4, requests=[0, 0, 0, 1],
            columns=4)
        self.assertEqual(listed.tolist(), [[28, -1, -1, -1],
                                           [31, 12, 13, -1],
                                           [15, -1, -1, -1],
                                           [-1] * 4])
        self.assertEqual(lengths.tolist(), [1, 3, 1, 0])

    def test_window_of_compressed_entries(self):
        for position, count in ((126, 0), (127, 1), (255, 2), (2049, 16)):
            listed, lengths = slots.swa_slots(
                [position], [[2, 0] + [9] * 20], window=2000, page=2,
                compress_ratio=128)
            self.assertEqual(lengths.tolist(), [count])
            self.assertEqual(listed[0, :count].tolist(), [
                4, 5, 0, 1] [:count] + [18, 19] * ((count - 4) // 2))

    def test_topk(self):
        indices = [[9, -1, 3, 16, 2], [0, 1, 2, 3, 4]]
        table = [[5, 1, 0], [2, -1, 3]]
        listed, lengths = slots.topk_slots(indices, table, page=4,
                                           positions=[39, 39],
                                           compress_ratio=4)
        self.assertEqual(listed.tolist(), [[1, 23, 22, -1, -1],
                                           [8, 9, 10, 11, -1]])
        self.assertEqual(lengths.tolist(), [3, 4])
        listed, lengths = slots.topk_slots(indices, table, page=4,
                                           positions=[38, 2],
                                           compress_ratio=4, keep_holes=True)
        self.assertEqual(listed.tolist(), [[-1, -1, 23, -1, 22], [-1] * 5])
        self.assertEqual(lengths.tolist(), [5, 0])

    def test_lengths_are_those_of_full_lists(self):
        positions = np.arange(-2, 70)
        expected = slots.swa_slots(
            positions, [[0, 1, 2, 3, 4, 5]], window=7, page=4,
            requests=np.zeros(72, int), compress_ratio=3)[1]
        lengths = slots.slot_lengths(positions, window=7, compress_ratio=3)
        self.assertEqual(lengths.tolist(), expected.tolist())
        self.assertEqual(lengths[[0, 1, 3, 4, 21, 22, -1]].tolist(),
                         [0, 0, 0, 1, 6, 7, 7])

    def test_compaction(self):
        listed, lengths = slots.compact_slots(
            [[-1, 4, -7, 4, 2], [9, 8, 7, 6, 5], [1, 1, 1, 1, 1]], [5, 2, 0])
        self.assertEqual(listed.tolist(), [[4, 4, 2, -1, -1],
                                           [9, 8, -1, -1, -1], [-1] * 5])
        self.assertEqual(lengths.tolist(), [3, 2, 0])


def float32_attention(query, scope, sm_scale, chunk):
    """An online softmax over chunks of keys, all in float32."""
    f = np.float32
    q = query.exact().astype(f)
    out = np.zeros(q.shape[:2] + (512,))
    lse = np.full(q.shape[:2], -np.inf)
    for t in range(len(q)):
        visible = scope.visible(t)
        m = np.full(q.shape[1], -np.inf, f)
        total, acc = np.zeros(q.shape[1], f), np.zeros((q.shape[1], 512), f)
        for i in range(0, len(visible), chunk):
            keys = scope.keys(visible[i:i + chunk]).astype(f)
            s = f(sm_scale) * (q[t] @ keys.T)
            top = np.maximum(m, s.max(axis=1))
            decay, p = np.exp(m - top), np.exp(s - top[:, None])
            total = total * decay + p.sum(axis=1, dtype=f)
            acc = acc * decay[:, None] + p @ keys[:, :512]
            m = top
        if len(visible):
            out[t], lse[t] = acc / total[:, None], m + np.log(total)
    return Result(formats.round_to(out, "bf16"), lse)


class Bars(unittest.TestCase):
    """What the strict bar of the cases lets pass, and what it does not."""

    def setUp(self):
        case = cases.find("sparse_mla_decode")
        self.o = cases.options_of(case, dict(tokens=6, topk=2048, heads=8,
                                             holes=0.01))
        self.inputs = case.inputs(self.o, np.random.default_rng(11))
        self.outputs = case.outputs(self.o, self.inputs)
        self.scope = Scope(self.inputs["cache"].stored(),
                           self.inputs["slots"].value,
                           lengths=self.inputs["lengths"].value)
        self.query = Query(self.inputs["q"].value)

    def judge(self, result):
        actual = {"out": formats.encode(result.o, "bf16"),
                  "lse": result.lse.astype(np.float32)}
        return [r.ok for r in cases.check(self.outputs, actual)]

    def program(self, scope=None, query=None):
        return float32_attention(query or self.query, scope or self.scope,
                                 SCALE, 64)

    def test_float32_passes(self):
        self.assertEqual(self.judge(self.program()), [True, True])

    def test_a_dropped_token_fails(self):
        scope = self.scope
        scope.slots = scope.slots.copy()
        scope.slots[0, 77] = -1
        self.assertIn(False, self.judge(self.program(scope)))

    def test_a_tail_that_is_read_fails(self):
        self.scope.lengths = np.minimum(self.scope.lengths + 1, 2048)
        self.scope.lengths[1] = 0
        self.scope.cache[np.isnan(formats.decode(self.scope.cache,
                                                 "bf16"))] = 0
        self.assertIn(False, self.judge(self.program()))

    def test_swapped_heads_fail(self):
        r = self.program()
        r.o[:, [0, 1]] = r.o[:, [1, 0]]
        self.assertEqual(self.judge(r), [False, True])

    def test_one_wrong_element_fails(self):
        r = self.program()
        r.o[0, 3, 100] += 0.05
        self.assertEqual(self.judge(r), [False, True])

    def test_base_two_fails(self):
        r = self.program()
        r.lse = r.lse / math.log(2)
        self.assertEqual(self.judge(r), [True, False])

    def test_other_convention_of_empty_rows_fails(self):
        r = self.program()
        r.lse[np.isneginf(r.lse)] = np.inf
        self.assertEqual(self.judge(r), [True, False])

    def test_junk_in_empty_rows_fails(self):
        for junk in (1e-30, np.nan):
            r = self.program()
            r.o[1] = junk
            self.assertEqual(self.judge(r), [False, True])

    def test_fp8_products_fail_the_exact_bar(self):
        r = attention.scope_attention(self.query, self.scope, sm_scale=SCALE,
                                      compute="a8w8")
        self.assertEqual(self.judge(r), [False, False])
        self.o.bar = "parity"
        self.outputs = cases.find("sparse_mla_decode").outputs(self.o,
                                                               self.inputs)
        self.assertEqual(self.judge(r)[0], True)
        r.o = 1.5 * r.o  # the cosine is the same
        self.assertEqual(self.judge(r)[0], False)

    def test_weights_of_bf16_need_their_bar(self):
        r = self.program()
        rng = np.random.default_rng(5)
        # Each row off by what rounding all of its weights the same way gives.
        r.o = r.o * (1 + 2.0**-9 * rng.choice([-1, 1], r.o.shape[:2])[..., None])
        self.o.bar = "weights"
        self.outputs = cases.find("sparse_mla_decode").outputs(self.o,
                                                               self.inputs)
        self.assertEqual(self.judge(r), [True, True])
        # A row that lacks a hundredth of its length, or an element.
        for index, factor in (((3, 2), 0.99), ((3, 2, 5), 0.0)):
            wrong = self.program()
            wrong.o[index] *= factor
            self.assertEqual(self.judge(wrong), [False, True])
        # All rows a little shorter: within a row's bound, not a tensor's.
        r = self.program()
        r.o = r.o * (1 - 3.8e-3)
        self.assertEqual(self.judge(r), [False, True])


if __name__ == "__main__":
    unittest.main()
