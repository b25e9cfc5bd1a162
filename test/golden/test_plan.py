# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plans: golden vectors, properties of random plans, and plans carried out."""

import unittest

import numpy as np

from hipfuse_golden import attention, formats
from hipfuse_golden.attention import Query, Result, Scope
from hipfuse_golden.plan import (AFTER, END, PARTIAL, Q_END, Q_START, REQUEST,
                                 START, Config, check_plan, make_plan,
                                 max_partials, max_works)

SCALE = 576**-0.5


def random_case(rng):
    """(lengths, Config, lengths of a second list or None)."""
    requests = int(rng.integers(1, 20))
    page, q_len, topk, extra_topk = 1, int(rng.integers(1, 9)), None, None
    granularity = int(2**rng.integers(0, 8))

    def draw():
        lengths = rng.integers(0, rng.choice([2, 20, 200, 3000]), requests)
        lengths[rng.random(requests) < 0.15] = 0
        return lengths

    if rng.random() < 0.4:
        q_len, topk = 1, int(rng.choice([16, 100, 128, 512, 640, 2048]))
        if rng.random() < 0.5:
            extra_topk = int(rng.choice([1, 128, 512, 1000]))
            granularity = int(rng.choice([64, 128, 1024]))
    elif rng.random() < 0.5:
        page = int(2**rng.integers(0, 9))
    return draw(), Config(
        int(rng.integers(1, 300 if rng.random() < 0.1 else 65)), page,
        granularity,
        int(rng.integers(1, 20)) if rng.random() < 0.5 else None, q_len,
        int(rng.integers(1, q_len + 1)) if rng.random() < 0.5 else None, topk,
        int(rng.integers(1, 6)) if rng.random() < 0.3 else None,
        extra_topk, bool(rng.random() < 0.5)), draw() if extra_topk else None


class Golden(unittest.TestCase):

    def test_dense(self):
        lengths, config = [100, 700, 0, 33], Config(4)
        plan = make_plan(lengths, config)
        self.assertEqual(config.payload(lengths), 46)
        self.assertEqual(plan.works.tolist(), [
            [0, -1, 0, 1, 0, 100, 0, 0],
            [1, 0, 1, 2, 100, 212, 588, 0],
            [1, 1, 1, 2, 212, 692, 108, 0],
            [1, 2, 1, 2, 692, 800, 0, 0],
            [2, -1, 2, 3, 800, 800, 0, 0],
            [3, -1, 3, 4, 800, 833, 0, 0]])
        self.assertEqual(plan.work_indptr.tolist(), [0, 2, 3, 5, 6])
        self.assertEqual(plan.reduce_indptr.tolist(), [0, 0, 3, 3, 3])
        self.assertEqual(plan.reduce_final_map[1].tolist(), [1, 2])
        self.assertEqual(plan.reduce_partial_map.tolist(), [0, 1, 2])

    def test_lists_of_slots(self):
        lengths, config = [128, 512, 0, 33], Config(4, topk=512)
        plan = make_plan(lengths, config)
        self.assertEqual(config.payload(lengths), 43)
        self.assertEqual(plan.works.tolist(), [
            [0, -1, 0, 1, 0, 128, 0, 0],
            [1, 0, 1, 2, 512, 560, 464, 0],
            [1, 1, 1, 2, 560, 992, 32, 0],
            [1, 2, 1, 2, 992, 1024, 0, 0],
            [2, -1, 2, 3, 1024, 1024, 0, 0],
            [3, -1, 3, 4, 1536, 1569, 0, 0]])

    def test_two_lists_of_slots(self):
        lengths, extra = [100, 0, 40, 100, 0], [512, 70, 0, 1, -3]
        config = Config(4, granularity=64, overhead=1, topk=100,
                        extra_topk=512)
        plan = make_plan(lengths, config, extra)
        # The first list ends at 128 where a second follows, else at its end.
        self.assertEqual(config.tokens(lengths, extra).tolist(),
                         [640, 70, 40, 129, 0])
        self.assertEqual(config.payload(lengths, extra), 7)
        self.assertEqual(plan.works.tolist(), [
            [0, 0, 0, 1, 0, 384, 256, 0],
            [0, 1, 0, 1, 384, 640, 0, 0],
            [1, 2, 1, 2, 640, 704, 6, 0],
            [1, 3, 1, 2, 704, 710, 0, 0],
            [2, -1, 2, 3, 1280, 1320, 0, 0],
            [3, 4, 3, 4, 1920, 2048, 1, 0],
            [3, 5, 3, 4, 2048, 2049, 0, 0],
            [4, -1, 4, 5, 2560, 2560, 0, 0]])
        self.assertEqual(plan.work_indptr.tolist(), [0, 1, 3, 6, 8])
        self.assertEqual(plan.reduce_indptr.tolist(), [0, 2, 4, 4, 6, 6])
        self.assertEqual(check_plan(plan, lengths, config, extra), [])

    def test_a_block_holds_slots_of_both_lists(self):
        lengths, extra = [40, 0], [512, 0]
        config = Config(3, granularity=128, overhead=1, topk=40,
                        extra_topk=512)
        plan = make_plan(lengths, config, extra)
        # The first list ends at 64, whatever the granularity.
        self.assertEqual(config.tokens(lengths, extra).tolist(), [576, 0])
        self.assertEqual(config.payload(lengths, extra), 4)
        self.assertEqual(plan.works.tolist(), [
            [0, 0, 0, 1, 0, 384, 192, 0],
            [0, 1, 0, 1, 384, 576, 0, 0],
            [1, -1, 1, 2, 576, 576, 0, 0]])
        self.assertEqual(plan.work_indptr.tolist(), [0, 1, 3, 3])
        self.assertEqual(check_plan(plan, lengths, config, extra), [])

    def test_an_empty_second_list_changes_only_where_requests_start(self):
        lengths = [100, 700, 0, 33]
        config = Config(4, granularity=64, topk=512)
        both = Config(4, granularity=64, topk=512, extra_topk=128)
        one = make_plan(lengths, config)
        two = make_plan(lengths, both, [0, -1, 0, 0])
        shift = 128 * one.works[:, REQUEST]
        one.works[:, START] += shift
        one.works[:, END] += shift
        for a, b in zip(one.stored(10, 10), two.stored(10, 10)):
            np.testing.assert_array_equal(a, b)

    def test_typical(self):
        # requests, topk -> payload, works, works of the request with most
        for requests, topk, payload, works, most in (
            (1, 2048, 17, 128, 128), (8, 2048, 21, 208, 26),
            (128, 2048, 88, 256, 2), (128, 640, 44, 256, 2),
            (1, 128, 17, 8, 8), (64, 128, 22, 128, 2),
        ):
            with self.subTest(requests=requests, topk=topk):
                lengths, config = [topk] * requests, Config(256, topk=topk)
                plan = make_plan(lengths, config)
                self.assertEqual(config.payload(lengths), payload)
                self.assertEqual(len(plan.works), works)
                self.assertEqual(np.bincount(plan.works[:, REQUEST]).max(),
                                 most)
                self.assertEqual(check_plan(plan, lengths, config), [])

    def test_even_split(self):
        def sizes(lengths, **options):
            plan = make_plan(lengths, Config(granularity=64, topk=2048,
                                             overhead=2, **options))
            return (plan.works[:, END] - plan.works[:, START]).tolist()

        # ceil(24 / 4) = 6 blocks a cluster, of which 5 suffice.
        self.assertEqual(sizes([640, 640], clusters=4), [384, 256] * 2)
        self.assertEqual(sizes([640, 640], clusters=4, even_split=True),
                         [320, 320] * 2)
        # 20 blocks are five works of 4; no tokens and one block are one each.
        self.assertEqual(
            sizes([1280, 0, 64], clusters=7, even_split=True),
            [256] * 5 + [0, 64])
        # More tiles than clusters: the sweep's own payload.
        self.assertEqual(sizes([640] * 5, clusters=4, even_split=True),
                         sizes([640] * 5, clusters=4))
        # max_split leaves two clusters, whatever there are.
        self.assertEqual(
            sizes([640, 640], clusters=132, max_split=1, even_split=True),
            [640, 640])

    def test_rows_that_a_tile_cannot_see_are_trimmed(self):
        config = Config(2, q_len=4, q_tile=2)
        plan = make_plan([100], config)
        ends = {(w[Q_START], w[Q_END]): w[END]
                for w in plan.works if w[PARTIAL] < 0 or w[AFTER] <= 2}
        self.assertEqual(ends, {(0, 2): 98, (2, 4): 100})

    def test_a_short_tail_is_swallowed(self):
        # 132 blocks and two overheads over two clusters: 84 - 16 of 132.
        config = Config(2, granularity=1, q_len=4)
        plan = make_plan([132], config)
        self.assertEqual(plan.works[:, [START, END]].tolist(),
                         [[0, 74], [74, 132]])
        plan = make_plan([4], Config(4, granularity=1, overhead=1, q_len=4))
        self.assertEqual(len(plan.works), 1)

    def test_pages(self):
        config = Config(3, page=64, granularity=1)
        plan = make_plan([1000, 1, 0], config)
        self.assertEqual(config.overhead_blocks, 1)
        self.assertEqual(plan.works[-2:, START:AFTER + 1].tolist(),
                         [[16, 17, 0], [17, 17, 0]])
        first = plan.works[0]
        self.assertEqual(first[AFTER], 1000 - 64 * first[END])


class Properties(unittest.TestCase):

    def test_random_plans_are_valid(self):
        rng = np.random.default_rng(0)
        for i in range(10000):
            lengths, config, extra = random_case(rng)
            errors = check_plan(make_plan(lengths, config, extra), lengths,
                                config, extra)
            self.assertEqual(errors, [],
                             f"case {i}: {lengths}, {extra}, {config}")

    def test_sizes(self):
        rng = np.random.default_rng(1)
        for _ in range(200):
            lengths, config, extra = random_case(rng)
            plan = make_plan(lengths, config, extra)
            works, _, _, final, partials = plan.stored(
                max_works(len(lengths), config), max_partials(config))
            self.assertEqual(works.dtype, np.int32)
            self.assertEqual(len(final), len(lengths) * config.tiles)
            used = (works[:, REQUEST] >= 0).sum()
            self.assertTrue((works[used:] == -1).all())
            self.assertEqual((partials >= 0).sum(),
                             (works[:used, PARTIAL] >= 0).sum())

    def test_the_checker_sees_every_kind_of_damage(self):
        lengths, config = [100, 700, 0, 33], Config(4)

        def damage(change):
            plan = make_plan(lengths, config)
            change(plan)
            return check_plan(plan, lengths, config)

        def set_work(i, column, value):
            return lambda p: p.works.__setitem__((i, column), value)

        def move(amount):
            def change(p):
                p.works[1, [END, AFTER]] += [amount, -amount]
                p.works[2, START] += amount
            return change

        def drop(i):
            def change(p):
                p.works = np.delete(p.works, i, axis=0)
                p.work_indptr = p.work_indptr - (p.work_indptr > i)
            return change

        self.assertEqual(damage(lambda p: None), [])
        self.assertEqual(damage(move(16)), [])
        for name, change in {
            "token lost": set_work(2, END, 691),
            "token twice": set_work(2, START, 211),
            "cut within a block": move(3),
            "end beyond the request": set_work(5, END, 834),
            "last token lost": set_work(5, END, 832),
            "empty request dropped": drop(4),
            "piece dropped": drop(2),
            "wrong rest": set_work(1, AFTER, 587),
            "partial row twice": set_work(2, PARTIAL, 0),
            "split piece written directly": set_work(1, PARTIAL, -1),
            "whole tile as partial": set_work(5, PARTIAL, 3),
            "rows of another request": set_work(5, Q_START, 2),
            "request of another": set_work(2, REQUEST, 3),
            "merge without one partial":
                lambda p: p.reduce_indptr.__setitem__(slice(2, None), 2),
            "merge of a foreign partial":
                lambda p: p.reduce_partial_map.__setitem__(1, 9),
            "merge into other rows":
                lambda p: p.reduce_final_map.__setitem__(1, (0, 1)),
            "works of all in one cluster":
                lambda p: p.work_indptr.__setitem__(slice(1, None), 6),
            "indptr falls": lambda p: p.work_indptr.__setitem__(1, 4),
        }.items():
            with self.subTest(name):
                self.assertNotEqual(damage(change), [])

    def test_invalid_options(self):
        for options in (dict(page=3), dict(granularity=12),
                        dict(q_tile=2), dict(topk=64, page=4),
                        dict(extra_topk=64),
                        dict(topk=64, extra_topk=64, granularity=32)):
            with self.assertRaisesRegex(ValueError, "plan: "):
                Config(4, **options)
        for config, extra in ((Config(4, topk=64), [1]),
                              (Config(4, granularity=64, topk=64,
                                      extra_topk=64), None)):
            with self.assertRaisesRegex(ValueError, "plan: extra lengths"):
                make_plan([1], config, extra)


def carry_out(plan, query, attend, rows, heads):
    """Attention by a plan: partials, then merges. `attend` gives the Result of
    a work with its query rows."""
    out = Result(np.full((rows, heads, 512), np.nan),
                 np.full((rows, heads), np.nan))
    partials = {}
    for w in plan.works:
        first, last = w[Q_START], w[Q_END]
        r = attend(w, Query(query.values[first:last]))
        if w[PARTIAL] < 0:
            out.o[first:last], out.lse[first:last] = r.o, r.lse
        else:
            partials[w[PARTIAL]] = r
    for (first, last), a, b in zip(plan.reduce_final_map, plan.reduce_indptr,
                                   plan.reduce_indptr[1:]):
        if a < b:
            r = attention.merge([partials[p]
                                 for p in plan.reduce_partial_map[a:b]])
            out.o[first:last], out.lse[first:last] = r.o, r.lse
    return out


class CarriedOut(unittest.TestCase):
    """A plan computes the attention that it is the plan of."""

    def assert_equal(self, got, want):
        np.testing.assert_allclose(got.o, want.o, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(got.lse, want.lse, rtol=1e-12)

    def test_dense(self):
        rng = np.random.default_rng(2)
        for page, q_len, q_tile in ((1, 1, None), (1, 4, None), (1, 4, 2),
                                    (8, 3, None), (8, 4, 1)):
            lengths = np.array([70, 0, 3, 150, 16])
            columns = -(-150 // page)
            table = rng.permutation(5 * columns).reshape(5, columns)
            cache = formats.encode(
                rng.standard_normal((5 * columns, page, 576)), "bf16")
            query = Query(formats.round_to(rng.standard_normal(
                (5 * q_len, 2, 576)), "bf16"))
            config = Config(6, page, 4, 1, q_len, q_tile)
            plan = make_plan(lengths, config)
            self.assertEqual(check_plan(plan, lengths, config), [])
            self.assertGreater(len(plan.reduce_partial_map), 0)
            whole = attention.dense_scope(cache, table, lengths, q_len=q_len)
            bases = config.bases(lengths)

            def attend(w, queries):
                tokens = np.arange((w[START] - bases[w[REQUEST]]) * page,
                                   (w[END] - bases[w[REQUEST]]) * page)
                rows = slice(w[Q_START], w[Q_END])
                return attention.scope_attention(
                    queries, Scope(cache, whole.slots[rows, tokens]),
                    sm_scale=SCALE)

            with self.subTest(page=page, q_len=q_len, q_tile=q_tile):
                got = carry_out(plan, query, attend, 5 * q_len, 2)
                self.assert_equal(got, attention.mla_decode(
                    query, cache, table, lengths, sm_scale=SCALE,
                    q_len=q_len))

    def test_lists_of_slots(self):
        rng = np.random.default_rng(3)
        lengths, config = np.array([128, 64, 0, 7]), Config(5, 1, 8, 2,
                                                            topk=128)
        listed = rng.integers(0, 400, (4, 128))
        cache = formats.encode(rng.standard_normal((50, 8, 576)), "bf16")
        query = Query(formats.round_to(rng.standard_normal((4, 2, 576)),
                                       "bf16"))
        plan = make_plan(lengths, config)
        self.assertGreater(len(plan.reduce_partial_map), 0)
        flat = listed.reshape(-1)

        def attend(w, queries):
            return attention.scope_attention(
                queries, Scope(cache, flat[None, w[START]:w[END]]),
                sm_scale=SCALE)

        got = carry_out(plan, query, attend, 4, 2)
        self.assert_equal(got, attention.scope_attention(
            query, Scope(cache, listed, lengths=lengths), sm_scale=SCALE))

    def test_two_lists_of_slots(self):
        rng = np.random.default_rng(4)
        lengths, extra = np.array([100, 64, 0, 7]), np.array([40, 0, 90, 1])
        config = Config(5, 1, 64, 1, topk=100, extra_topk=90)
        listed = rng.integers(0, 400, (4, 100)), rng.integers(0, 80, (4, 90))
        caches = [formats.encode(rng.standard_normal((pages, 8, 576)), "bf16")
                  for pages in (50, 10)]
        query = Query(formats.round_to(rng.standard_normal((4, 2, 576)),
                                       "bf16"))
        plan = make_plan(lengths, config, extra)
        self.assertGreater(len(plan.reduce_partial_map), 0)
        bases = config.bases(lengths, extra)
        filled = config.filled(lengths)

        def attend(w, queries):
            """The positions of a work are slots of one list or the other."""
            at = np.arange(w[START], w[END]) - bases[w[REQUEST]]
            b = w[REQUEST]
            mine = listed[0][b, at[at < lengths[b]]]
            other = listed[1][b, at[at >= filled[b]] - filled[b]]
            return attention.merge([
                attention.scope_attention(queries, Scope(cache, s[None]),
                                          sm_scale=SCALE)
                for cache, s in zip(caches, (mine, other))])

        got = carry_out(plan, query, attend, 4, 2)
        want = attention.merge([
            attention.scope_attention(query, Scope(cache, s, lengths=n),
                                      sm_scale=SCALE)
            for cache, s, n in zip(caches, listed, (lengths, extra))])
        self.assert_equal(got, want)


if __name__ == "__main__":
    unittest.main()
