# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles attention operations, runs them, compares with the reference.

    check_attention.py --build DIR EDGE [--seed S] [--opt PASSES]
                       [--device DEVICE]

An edge is a list of cases of the reference, some with inputs of their own. With
--opt PASSES the program goes through hipfuse-opt first, and with --device it is
compiled for that device and runs there: its results must have the bits of the
plain program on the host.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "golden"))
from hipfuse_golden import attention_cases, cases, plan  # noqa: E402
import hipfuse_rt  # noqa: E402
from programs import Program, attributes, operand, operands, tensor  # noqa: E402

EDGES = {}


def edge(function):
    EDGES[function.__name__.replace("_", "-")] = function
    return function


class Check:
    """A case of the reference, with a change of its inputs and what must hold
    of its results beside the reference's own judgement."""

    def __init__(self, case, change=None, expect=None, repeat=0, **options):
        self.case = cases.find(case)
        self.options = cases.options_of(self.case, options)
        self.change, self.expect, self.repeat = change, expect, repeat
        self.text = case + "".join(f" {k}={v}" for k, v in options.items())

    def inputs(self, seed):
        inputs = self.case.inputs(self.options, np.random.default_rng(seed))
        if self.change:
            self.change(self.options, inputs)
        return inputs


# Programs --------------------------------------------------------------------


def type_of(name, value):
    """Every count of tokens, requests and pages is dynamic."""
    element = {"u8": "i8"}.get(value.type, value.type)
    shape = list(value.value.shape)
    if name == "sink" or name.endswith("_scale"):
        return tensor(element, *shape)
    if name == "block_table":
        shape[1] = None
    return tensor(element, None, *shape[1:])


def clauses(args, *names):
    return "".join(f" {n}({operand(args[n])})" for n in names if n in args)


def real(value):
    return f"{float(np.float32(value)):.9e} : f32"


def build_mla_decode(p, o, args):
    attrs = attributes(sm_scale=real(attention_cases.sm_scale_of(o)),
                       q_len=o.q_len, compute=policy(o))
    decode(p, o, f"lm.mla_decode {o.layout} {attrs}" + clauses(
        {"ins": args["q"], **args}, "ins", "cache", "block_table", "lengths",
        "q_scale", "kv_scale"))


def build_sparse_mla_decode(p, o, args):
    attrs = {}
    if o.layout == "ds_mla_584":
        attrs["page_size"] = o.page
    if o.extra_topk:
        attrs["extra_layout"] = f"#lm.cache_layout<{o.extra_layout}>"
        if o.extra_layout == "ds_mla_584":
            attrs["extra_page_size"] = o.extra_page
    attrs = attributes(sm_scale=real(attention_cases.sm_scale_of(o)),
                       compute=policy(o), **attrs)
    decode(p, o, f"lm.sparse_mla_decode {o.layout} {attrs}" + clauses(
        {"ins": args["q"], **args}, "ins", "cache", "slots", "lengths",
        "q_scale", "kv_scale", "extra_cache", "extra_slots", "extra_lengths",
        "extra_kv_scale", "sink"))


def policy(o):
    return f"#lm.attention_compute<{o.compute}>"


def decode(p, o, text):
    out = p.empty(tensor("bf16", None, o.heads, o.v))
    lse = p.empty(tensor("f32", None, o.heads))
    value = p.op(f"{text} outs({operand(out)}) lse({operand(lse)})", 2)
    p.result("out", (value + "#0", out[1]))
    p.result("lse", (value + "#1", lse[1]))


def build_merge_attention(p, o, args):
    out = p.empty(tensor("bf16", None, o.heads, o.v))
    lse = p.empty(tensor("f32", None, o.heads))
    value = p.op(
        "lm.merge_attention " + attributes(empty=f"#lm.empty_lse<{o.empty}>") +
        f"ins({operands(*[args[f'x{i}'] for i in range(o.parts)])}) "
        f"lse({operands(*[args[f'lse{i}'] for i in range(o.parts)])}) "
        f"outs({operand(out)}) lse_out({operand(lse)})", 2)
    p.result("out", (value + "#0", out[1]))
    p.result("lse", (value + "#1", lse[1]))


def build_apply_sink(p, o, args):
    out = p.empty(tensor("bf16", None, o.heads, o.v))
    value = p.op(f"lm.apply_sink ins({operand(args['x'])})" +
                 clauses(args, "lse", "sink") + f" outs({operand(out)})")
    p.result("out", (value, out[1]))


def slot_list(p, text, columns, names=("slots", "lengths")):
    slots = p.empty(tensor("i32", None, columns))
    lengths = p.empty(tensor("i32", None))
    value = p.op(f"{text} outs({operands(slots, lengths)})", 2)
    p.result(names[0], (value + "#0", slots[1]))
    p.result(names[1], (value + "#1", lengths[1]))


def build_swa_slots(p, o, args):
    attrs = attributes(window=o.window, page_size=o.page, q_len=o.q_len,
                       compress_ratio=o.compress_ratio)
    slot_list(p, f"lm.swa_slots {attrs}ins({operand(args['positions'])})" +
              clauses(args, "block_table", "requests"), o.topk or o.window)


def build_topk_slots(p, o, args):
    attrs = attributes(page_size=o.page, q_len=o.q_len,
                       compress_ratio=o.compress_ratio,
                       keep_holes=o.keep_holes)
    slot_list(p, f"lm.topk_slots {attrs}ins({operand(args['indices'])})" +
              clauses(args, "block_table", "requests", "positions"), o.topk)


def build_slot_lengths(p, o, args):
    attrs = attributes(window=o.window, compress_ratio=o.compress_ratio)
    lengths = p.empty(tensor("i32", None))
    value = p.op(f"lm.slot_lengths {attrs}ins({operand(args['positions'])}) "
                 f"outs({operand(lengths)})")
    p.result("lengths", (value, lengths[1]))


def build_compact_slots(p, o, args):
    slot_list(p, f"lm.compact_slots ins({operand(args['slots'])})" +
              clauses(args, "lengths"), o.topk, ("packed", "packed_lengths"))


def build_attention_plan(p, o, args):
    config = cases.find("attention_plan").config(o)
    attrs = attributes(num_clusters=o.clusters, page_size=o.page,
                       granularity=o.granularity, overhead=o.overhead or None,
                       q_len=o.q_len, q_tile=o.q_tile or None,
                       topk=o.topk or None, extra_topk=o.extra_topk or None,
                       max_split=o.max_split or None,
                       even_split=bool(o.even_split))

    def count(factor, addend):
        factor = p.op(f"arith.constant {factor} : index")
        addend = p.op(f"arith.constant {addend} : index")
        value = p.op(f"arith.muli {p.tokens}, {factor} : index")
        return p.op(f"arith.addi {value}, {addend} : index")

    outs = [p.empty(tensor("i32", None, 8), count(config.tiles,
                                                  o.clusters - 1)),
            p.empty(tensor("i32", o.clusters + 1)),
            p.empty(tensor("i32", None), count(config.tiles, 1)),
            p.empty(tensor("i32", None, 2), count(config.tiles, 0)),
            p.empty(tensor("i32", plan.max_partials(config)))]
    value = p.op(f"lm.attention_plan {attrs}ins({operand(args['lengths'])})" +
                 clauses(args, "extra_lengths") +
                 f" outs({operands(*outs)})", 5)
    names = ("works", "work_indptr", "reduce_indptr", "reduce_final_map",
             "reduce_partial_map")
    for i, (name, (_, type_)) in enumerate(zip(names, outs)):
        p.result(name, (f"{value}#{i}", type_))


def build(name, check, inputs):
    p = Program(name)
    args = {n: p.arg(n, type_of(n, v)) for n, v in inputs.items()}
    globals()["build_" + check.case.name](p, check.options, args)
    return p


# Edges -----------------------------------------------------------------------

TWO = dict(d=512, layout="ds_mla_584", extra_topk=128, extra_page=2,
           extra_layout="ds_mla_584")


def fill(name, value):
    def change(o, inputs):
        inputs[name].value = np.full_like(inputs[name].value, value)
    return change


def is_empty(o, inputs, results):
    if results["out"].any() or not np.all(np.isneginf(results["lse"])):
        yield "out is not 0, or lse not -inf"


def sink_result(o, inputs, results):
    zero = results["out"][:, np.isposinf(inputs["sink"].value)]
    if (zero & 0x7FFF).any():
        yield "a sink of +inf leaves something"


def finite(o, inputs, results):
    if ((results["out"] & 0x7F80) == 0x7F80).any():
        yield "out is not finite"


@edge
def all_holes():
    """A row whose slots are all -1 is 0 with lse -inf."""
    for layout, d in (("bf16", 576), ("ds_mla_656", 576), ("ds_mla_584", 512)):
        yield Check("sparse_mla_decode", fill("slots", -1), is_empty,
                    layout=layout, d=d)
    yield Check("sparse_mla_decode", fill("slots", 2**31 - 1), is_empty)


@edge
def zero_length():
    """So is one of length 0, or less."""
    for value in (0, -5):
        yield Check("sparse_mla_decode", fill("lengths", value), is_empty)
        yield Check("mla_decode", fill("lengths", value), is_empty)


@edge
def one_scope_empty():
    for name in ("slots", "extra_slots"):
        yield Check("sparse_mla_decode", fill(name, -1), **TWO)
    for name in ("lengths", "extra_lengths"):
        yield Check("sparse_mla_decode", fill(name, 0), sink="normal", **TWO)


@edge
def sinks():
    """+inf takes everything, -inf nothing; the lse is the same with both."""
    for options in ({}, TWO):
        yield Check("sparse_mla_decode", expect=sink_result, sink="mixed",
                    **options)
        yield Check("sparse_mla_decode", fill("sink", np.inf), sink_result,
                    sink="normal", **options)
        yield Check("sparse_mla_decode", fill("sink", -np.inf), sink="normal",
                    **options)
    yield Check("apply_sink")


@edge
def nan_in_unused_slots():
    """The reference's caches hold NaN wherever no row looks."""
    for layout, d in (("bf16", 576), ("fp8", 576), ("ds_mla_656", 576),
                      ("bf16", 512), ("fp8", 512), ("ds_mla_584", 512)):
        yield Check("sparse_mla_decode", expect=finite, layout=layout, d=d)


@edge
def garbage_beyond_length():
    def change(o, inputs):
        slots, lengths = inputs["slots"].value, inputs["lengths"].value
        beyond = np.arange(slots.shape[1]) >= lengths[:, None]
        slots[beyond] = np.resize([2**31 - 1, -2**31, 7, 0, -1],
                                  int(beyond.sum()))
    yield Check("sparse_mla_decode", change, finite)
    yield Check("mla_decode", expect=finite)


@edge
def holes():
    for share in (0.0, 0.5, 0.95):
        yield Check("sparse_mla_decode", holes=share, tokens=9)


@edge
def duplicates():
    """A slot that is listed n times counts n times."""
    def change(o, inputs):
        slots = inputs["slots"].value
        slots[:, 1::2] = slots[:, ::2]
    yield Check("sparse_mla_decode", change)


@edge
def short_tails():
    """Requests with fewer tokens than queries, several queries each."""
    for q_len in (1, 2, 3, 4):
        yield Check("mla_decode", q_len=q_len, requests=6, length=5)
        yield Check("mla_decode", q_len=q_len, requests=5, length=70)


@edge
def heads():
    for count in (8, 16, 32, 64, 128):
        yield Check("sparse_mla_decode", heads=count, tokens=3)
        yield Check("mla_decode", heads=count, requests=3)


@edge
def page_sizes():
    for page in (2, 64, 256):
        yield Check("mla_decode", page=page, length=600)
        yield Check("sparse_mla_decode", page=page, d=512,
                    layout="ds_mla_584")
        yield Check("sparse_mla_decode", page=page, layout="ds_mla_656")
    yield Check("mla_decode", page=1, length=100)


@edge
def topk():
    for count in (128, 512, 640, 1024, 2048):
        yield Check("sparse_mla_decode", topk=count, tokens=3, heads=8)
    yield Check("sparse_mla_decode", topk=3, tokens=4, heads=8)


@edge
def two_scopes():
    layouts = (("bf16", "fp8", 576), ("ds_mla_656", "bf16", 576),
               ("ds_mla_584", "bf16", 512), ("fp8", "ds_mla_584", 512))
    for layout, extra, d in layouts:
        yield Check("sparse_mla_decode", d=d, layout=layout,
                    extra_layout=extra, extra_topk=200, extra_page=16,
                    extra_kv_scale=0.5, sink="normal", tokens=6)


@edge
def part_tiles():
    """First lists that end within a tile, or begin the second within a block."""
    for topk in (1, 40, 64, 100, 190, 320):
        yield Check("sparse_mla_decode", tokens=7, topk=topk, extra_topk=330,
                    extra_layout="fp8", extra_kv_scale=0.5, sink="normal",
                    heads=8)


@edge
def precisions():
    """exact against its bar, a8w8 against the reference of the same."""
    for layout, d in (("bf16", 576), ("fp8", 576), ("ds_mla_656", 576),
                      ("ds_mla_584", 512)):
        for compute, bar in (("exact", "strict"), ("a8w8", "parity")):
            yield Check("sparse_mla_decode", layout=layout, d=d, bar=bar,
                        compute=compute, kv_scale=0.5 if layout == "fp8"
                        else 1.0, topk=512)
    for element in ("f8E4M3FN", "f8E4M3FNUZ"):
        for compute, bar in (("exact", "strict"), ("a8w8", "parity")):
            yield Check("mla_decode", layout="fp8", element=element,
                        q_type=element, q_scale=0.25, kv_scale=0.5,
                        compute=compute, length=500, bar=bar)


@edge
def queries():
    """FP8 queries on caches of every layout; several rows of many heads."""
    for compute, bar in (("exact", "strict"), ("a8w8", "parity")):
        options = dict(compute=compute, bar=bar, q_scale=0.25)
        for layout, d in (("bf16", 576), ("fp8", 576), ("ds_mla_656", 576),
                          ("ds_mla_584", 512)):
            scale = 0.5 if layout == "fp8" else 1.0
            yield Check("sparse_mla_decode", layout=layout, d=d, topk=512,
                        q_type="f8E4M3FN", kv_scale=scale, **options)
        for layout, q_type in (("bf16", "bf16"), ("bf16", "f8E4M3FN"),
                               ("fp8", "bf16"), ("fp8", "f8E4M3FN")):
            scaled = q_type != "bf16" or compute == "a8w8"
            yield Check("mla_decode", layout=layout, q_type=q_type, q_len=2,
                        length=500, kv_scale=0.5 if layout == "fp8" else 1.0,
                        **dict(options, q_scale=0.25 if scaled else 1.0))
    for heads, q_len in ((8, 4), (16, 3), (64, 2), (128, 4)):
        yield Check("mla_decode", heads=heads, q_len=q_len, requests=3)


@edge
def long_lists():
    """One request whose keys are worth dividing among workgroups, of which the
    last gets a few."""
    for q_len in (1, 4):
        yield Check("mla_decode", requests=1, length=1091, q_len=q_len)
    yield Check("mla_decode", requests=2, length=700, heads=64, page=1)
    yield Check("sparse_mla_decode", tokens=1, topk=1030, holes=0.3)
    # Lists without lengths have no plan: a row has a workgroup of its own.
    yield Check("sparse_mla_decode", lengths=False, topk=300)
    yield Check("sparse_mla_decode", tokens=3, heads=64, d=512, topk=200,
                layout="ds_mla_584", extra_topk=520, extra_page=2,
                extra_layout="ds_mla_584", sink="normal")


@edge
def growing_lengths():
    """A step after the other: 1 to 2049 tokens in one cache, and its plan."""
    def to(length):
        def change(o, inputs):
            if "cache" in inputs:
                rng = np.random.default_rng(7)
                table = inputs["block_table"].value
                table[:] = rng.permutation(table.size).reshape(table.shape)
                inputs["cache"].value = attention_cases.normal(
                    rng, *inputs["cache"].value.shape)
            inputs["lengths"].value = np.array([length, max(length - 7, 0)])
        return change
    for length in (1, 2, 15, 16, 17, 63, 64, 65, 1023, 2048, 2049):
        yield Check("mla_decode", to(length), length=2049, requests=2,
                    heads=8)
        yield Check("attention_plan", to(length), requests=2, clusters=4)


@edge
def merging():
    for empty in ("neg_inf", "pos_inf"):
        for parts in (1, 2, 5):
            yield Check("merge_attention", expect=finite, empty=empty,
                        parts=parts)
    for v in (64, 100, 4608):
        yield Check("merge_attention", expect=finite, v=v)
        yield Check("apply_sink", v=v)


def wide(*names):
    """These operands as i64."""
    def change(o, inputs):
        for name in names:
            inputs[name].type = "i64"
    return change


@edge
def slots():
    for options in (dict(), dict(q_len=3), dict(requests_given=True),
                    dict(compress_ratio=128, page=2, topk=256),
                    dict(compress_ratio=4, window=64, topk=64),
                    dict(window=100), dict(window=1500, columns=30)):
        yield Check("swa_slots", **options)
    for options in (dict(), dict(q_len=2), dict(requests_given=True),
                    dict(positions_given=True, compress_ratio=4),
                    dict(topk=30), dict(topk=2500, page=3, columns=100)):
        for keep in (False, True):
            yield Check("topk_slots", keep_holes=keep, **options)
    for options in (dict(), dict(window=512, compress_ratio=4),
                    dict(window=1, compress_ratio=128)):
        yield Check("slot_lengths", **options)
    yield Check("topk_slots", wide("indices", "requests", "positions"),
                requests_given=True, positions_given=True)
    for given in (False, True):
        for count in (1, 128, 1000, 2500):
            yield Check("compact_slots", lengths=given, topk=count)
    yield Check("compact_slots", wide("slots", "lengths"))


def lengths_of(*values, extra=None):
    def change(o, inputs):
        inputs["lengths"].value = np.array(values)
        if extra:
            inputs["extra_lengths"].value = np.array(extra)
    return change


def works_are(rows, indptr, **others):
    def expect(o, inputs, results):
        works = results["works"][:len(rows)].tolist()
        if [tuple(w) for w in works] != [(*r, 0) for r in rows]:
            yield f"works are {works}"
        if results["work_indptr"].tolist() != indptr:
            yield f"work_indptr is {results['work_indptr'].tolist()}"
        for name, value in others.items():
            got = results[name].tolist()
            if got[:len(value)] != value:
                yield f"{name} is {got}"
    return expect


@edge
def plan_golden():
    """The vectors of AITER's planner, v1.2."""
    yield Check("attention_plan", lengths_of(100, 700, 0, 33), works_are(
        [(0, -1, 0, 1, 0, 100, 0), (1, 0, 1, 2, 100, 212, 588),
         (1, 1, 1, 2, 212, 692, 108), (1, 2, 1, 2, 692, 800, 0),
         (2, -1, 2, 3, 800, 800, 0), (3, -1, 3, 4, 800, 833, 0)],
        [0, 2, 3, 5, 6], reduce_indptr=[0, 0, 3, 3, 3],
        reduce_partial_map=[0, 1, 2]), requests=4, clusters=4)
    yield Check("attention_plan", lengths_of(128, 512, 0, 33), works_are(
        [(0, -1, 0, 1, 0, 128, 0), (1, 0, 1, 2, 512, 560, 464),
         (1, 1, 1, 2, 560, 992, 32), (1, 2, 1, 2, 992, 1024, 0),
         (2, -1, 2, 3, 1024, 1024, 0), (3, -1, 3, 4, 1536, 1569, 0)],
        [0, 2, 3, 5, 6]), requests=4, clusters=4, topk=512)
    # Two lists, as test_plan.py works them out.
    yield Check("attention_plan", lengths_of(
        100, 0, 40, 100, 0, extra=(512, 70, 0, 1, -3)), works_are(
        [(0, 0, 0, 1, 0, 384, 256), (0, 1, 0, 1, 384, 640, 0),
         (1, 2, 1, 2, 640, 704, 6), (1, 3, 1, 2, 704, 710, 0),
         (2, -1, 2, 3, 1280, 1320, 0), (3, 4, 3, 4, 1920, 2048, 1),
         (3, 5, 3, 4, 2048, 2049, 0), (4, -1, 4, 5, 2560, 2560, 0)],
        [0, 1, 3, 6, 8], reduce_indptr=[0, 2, 4, 4, 6, 6],
        reduce_partial_map=[0, 1, 2, 3, 4, 5]), requests=5, clusters=4,
        granularity=64, overhead=1, topk=100, extra_topk=512)
    yield Check("attention_plan", lengths_of(40, 0, extra=(512, 0)), works_are(
        [(0, 0, 0, 1, 0, 384, 192), (0, 1, 0, 1, 384, 576, 0),
         (1, -1, 1, 2, 576, 576, 0)], [0, 1, 3, 3]), requests=2, clusters=3,
        granularity=128, overhead=1, topk=40, extra_topk=512)
    # 20 blocks and two ends of two for four clusters: 6 each, so that a request
    # is cut into 6 and 4. With 5 each has clusters of its own.
    for even_split, size in ((0, 6), (1, 5)):
        yield Check("attention_plan", lengths_of(640, 640), works_are(
            [(0, 0, 0, 1, 0, 64 * size, 640 - 64 * size),
             (0, 1, 0, 1, 64 * size, 640, 0),
             (1, 2, 1, 2, 640, 640 + 64 * size, 640 - 64 * size),
             (1, 3, 1, 2, 640 + 64 * size, 1280, 0)], [0, 1, 2, 3, 4],
            reduce_indptr=[0, 2, 4], reduce_partial_map=[0, 1, 2, 3]),
            requests=2, clusters=4, granularity=64, overhead=2, topk=640,
            even_split=even_split)


@edge
def plan_options():
    for options in (
            dict(clusters=1), dict(clusters=256), dict(requests=1),
            dict(requests=1, clusters=256, length=2048),
            dict(page=64, granularity=1), dict(page=16, overhead=2),
            dict(q_len=4), dict(q_len=4, q_tile=1), dict(q_len=4, q_tile=3),
            dict(q_len=3, q_tile=2, length=5), dict(max_split=1),
            dict(max_split=4, requests=2, clusters=64), dict(topk=2048),
            dict(topk=512, length=4096, clusters=256),
            dict(topk=128, extra_topk=512, granularity=64, overhead=1),
            dict(topk=100, extra_topk=1000, granularity=64, max_split=2),
            dict(topk=100, extra_topk=1000, granularity=256, overhead=1),
            dict(topk=1, extra_topk=1, granularity=128, length=2),
            dict(topk=3, granularity=1)):
        for even_split in (0, 1):
            yield Check("attention_plan", even_split=even_split, **options)
    yield Check("attention_plan", wide("lengths", "extra_lengths"), topk=128,
                extra_topk=512, granularity=64)


@edge
def plan_random():
    """10,000 plans: equal to the reference's, and valid by themselves."""
    rng = np.random.default_rng(2)
    for _ in range(25):
        q_len, topk, extra_topk = int(rng.integers(1, 5)), 0, 0
        page = int(rng.choice([1, 1, 16, 64]))
        if rng.random() < 0.6:
            q_len, page, topk = 1, 1, int(rng.choice([100, 128, 512, 2048]))
            if rng.random() < 0.6:
                extra_topk = int(rng.choice([1, 128, 500, 1024]))
        yield Check(
            "attention_plan", repeat=400, page=page, topk=topk,
            extra_topk=extra_topk, q_len=q_len,
            clusters=int(rng.choice([1, 2, 3, 8, 16, 64])),
            granularity=int(rng.choice([64, 128, 512] if extra_topk
                                       else [1, 16, 64])),
            q_tile=int(rng.integers(1, q_len + 1)),
            overhead=int(rng.choice([0, 1, 5])),
            max_split=int(rng.choice([0, 1, 8])),
            even_split=int(rng.integers(0, 2)))


def random_plans(check, call, seed):
    """Problems of `check.repeat` plans of random lengths."""
    config = check.case.config(check.options)
    rng = np.random.default_rng(seed)

    def draw(requests):
        lengths = rng.integers(0, int(rng.choice([2, 40, 1000, 5000])),
                               requests)
        lengths[rng.random(requests) < 0.1] = 0
        return lengths.astype(np.int32)

    for _ in range(check.repeat):
        lengths, extra = draw(int(rng.integers(1, 20))), None
        if config.extra_topk:
            extra = draw(len(lengths))
        results = call([lengths] if extra is None else [lengths, extra])
        expected = plan.make_plan(lengths, config, extra)
        stored = expected.stored(plan.max_works(len(lengths), config),
                                 plan.max_partials(config))
        text = f"{config}, lengths {lengths.tolist()}"
        text += f" and {extra.tolist()}" if config.extra_topk else ""
        if any((a != b).any() for a, b in zip(results, stored)):
            yield f"{text}: not the reference's plan"
        for problem in plan.check_plan(plan.Plan(*results), lengths, config,
                                       extra):
            yield f"{text}: {problem}"


# Driver ----------------------------------------------------------------------


def tool(args, name, *command):
    path = os.path.join(args.build, "bin", name)
    result = subprocess.run([path, *command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{name}: {result.stderr.strip()[:2000]}")


def compile_text(args, directory, name, text, passes=(), target="host",
                 artefact=None, options=()):
    """Path of the artefact."""
    source = os.path.join(directory, name + ".mlir")
    with open(source, "w") as file:
        file.write(text)
    if passes:
        changed = os.path.join(directory, name + "-opt.mlir")
        tool(args, "hipfuse-opt", source, *passes, "-o", changed)
        with open(changed) as file:
            print(file.read()) if args.print else None
        source = changed
    artefact = artefact or os.path.join(directory, name + ".so")
    tool(args, "hipfuse-compile", source, "-o", artefact,
         "--target=" + target, *options)
    return artefact


def compile_with_host(args, directory, name, text, target, *options):
    """Path of the artefact of a driver with hipfuse_rt's arguments. The host
    takes every function, so that one without a kernel for the target ends as
    "no code" instead of ending the compilation."""
    targets = target if target == "host" else target + ",host"
    return compile_text(args, directory, name, text, target=targets,
                        artefact=args.save,
                        options=(*options, *args.compile_option))


def judge(check, inputs, results, names):
    actual = dict(zip(names, results))
    for output in check.case.outputs(check.options, inputs).values():
        for report in output.check(actual) if output.check else ():
            if not report.ok:
                yield str(report)
    if check.expect:
        yield from check.expect(check.options, inputs, actual)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("edge", choices=sorted(EDGES))
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    parser.add_argument("--opt", action="append", default=[],
                        help="a pass that must not change the bits")
    parser.add_argument("--device", help="also run on this device")
    parser.add_argument("--print", action="store_true",
                        help="print the program after the passes")
    args = parser.parse_args()
    seed = (args.seed if args.seed is not None
            else int.from_bytes(os.urandom(4), "little"))
    print(f"seed {seed}")
    checks = list(EDGES[args.edge]())
    inputs = [c.inputs(seed + i) for i, c in enumerate(checks)]
    programs = [build(f"f{i}", c, x)
                for i, (c, x) in enumerate(zip(checks, inputs))]
    text = "\n".join(p.text() for p in programs)
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        runtime = hipfuse_rt.Runtime(args.build)
        module = runtime.load(compile_text(args, directory, "plain", text))
        others = {}
        if args.opt:
            others["with " + " ".join(args.opt)] = runtime.load(
                compile_text(args, directory, "changed", text, args.opt))
        if args.device:
            device = hipfuse_rt.Runtime(args.build, args.device)
            target = device.architecture.split(":")[0]
            others["on " + target] = device.load(
                compile_text(args, directory, "device", text, target=target))
        for check, program, values in zip(checks, programs, inputs):
            arrays = [v.stored() for v in values.values()]
            names = [name for name, _, _ in program.results]
            results = module.call(program.name, arrays)
            problems = list(judge(check, values, results, names))
            if check.repeat:
                problems += list(random_plans(
                    check, lambda a: module.call(program.name, a), seed))[:3]
            for how, other in others.items():
                again = other.call(program.name, arrays)
                problems += [f"{n}: other bits {how}"
                             for n, a, b in zip(names, results, again)
                             if a.tobytes() != b.tobytes()]
            failed += bool(problems)
            for problem in problems:
                print(f"{check.text}: {problem}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
