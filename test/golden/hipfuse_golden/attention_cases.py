# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Named test cases of attention, slot lists and plans; see cases.py.

Everything that a program must not look at holds NaN: cache rows that no query
row sees, columns of lists beyond their lengths, holes, out-of-range blocks.
"""

import functools

import numpy as np

from . import attention, cache as mla_cache, compare, formats, plan, slots
from .cases import Output, Tensor, float_output, register

_INT32_MAX = 2**31 - 1


# Seeded data ---------------------------------------------------------------


def normal(rng, *shape):
    return formats.round_to(rng.standard_normal(shape), "bf16")


def nan_cache(blocks, page, layout, d, element):
    """A cache in which every value is NaN."""
    if layout == "bf16":
        return np.full((blocks, page, d), 0x7FC0, np.uint16)
    if layout == "fp8":
        code = formats.format_of(element).nan_code
        return np.full((blocks, page, d), code, np.uint8)
    if layout == "ds_mla_656":
        return np.full((blocks, page, 656), 0xFF, np.uint8)
    return np.full((blocks, mla_cache.block_stride_584(page)), 0xFF, np.uint8)


def filled_cache(rng, blocks, page, layout, d, used, element, scale):
    """nan_cache with N(0, 1) keys at the slots `used`."""
    cache = nan_cache(blocks, page, layout, d, element)
    latent = 448 if layout == "ds_mla_584" else d - 64
    keys = normal(rng, len(used), d)
    return mla_cache.mla_cache_write(
        keys[:, :latent], keys[:, latent:], cache, used, layout=layout,
        page=page, scale=scale if layout == "fp8" else None, element=element)


def cache_type(layout, element):
    return {"bf16": "bf16", "fp8": element}.get(layout, "u8")


def cache_tensor(cache, layout, element):
    value = formats.decode(cache, "bf16") if layout == "bf16" else cache
    return Tensor(cache_type(layout, element), value)


def cache_array(tensor, layout):
    """The stored cache of an input."""
    return tensor.stored() if layout == "bf16" else tensor.value


def random_query(o, rng, rows):
    """Inputs q and, if it belongs to the case, q_scale."""
    q = normal(rng, rows, o.heads, o.d)
    if o.q_type == "bf16":
        inputs = {"q": Tensor("bf16", q)}
    else:
        codes = formats.encode(q / o.q_scale, o.q_type)
        inputs = {"q": Tensor(o.q_type, codes)}
    scales = {}
    if o.q_type != "bf16" or (o.compute == "a8w8" and o.q_scale != 1.0):
        scales["q_scale"] = Tensor("f32", np.array([o.q_scale]))
    return inputs, scales


def query_of(o, inputs):
    scale = inputs.get("q_scale")
    return attention.Query(inputs["q"].value, o.q_type,
                           None if scale is None else float(scale.value[0]))


def sm_scale_of(o):
    return o.sm_scale or float(np.float32(o.d**-0.5))


def scale_value(inputs, name):
    return float(inputs[name].value[0]) if name in inputs else None


# Judgement -----------------------------------------------------------------


def attention_outputs(o, result, exact=None):
    """Outputs `out` and, if asked for, `lse`.

    bar strict: FlashMLA's tolerances against the reference of the same policy.
    bar weights: the same for kernels that round the weights to bf16.
    bar parity: cosines with the exact attention, mean > 0.999, min > 0.99, and
    AITER's tolerance of FP8, which minds the length of a row too.
    """
    want, lse = result.out(), formats.to_f32(result.lse)
    exact = exact and functools.cache(exact)  # dear, and results may be several

    def check(actual):
        got = formats.decode(actual["out"], "bf16")
        if o.bar == "parity":
            cosine = attention.cosines(got, exact().o)
            wrong = ~(cosine > attention.PARITY_MIN)
            wrong |= ~(attention.cosine_difference(got, exact().o)
                       <= attention.PARITY_COSINE_DIFFERENCE)
            mean = float(np.mean(cosine))
            low = not mean > attention.PARITY_MEAN
            return [compare.Report(
                "out", cosine.size, int(wrong.sum()) + low,
                1 - float(np.min(cosine)), "1 - cosine",
                note=f"mean cosine {mean:.6f}, min {np.min(cosine):.6f}")]
        difference, rows, elements = attention.out_errors(got, want, result.o,
                                                          o.bar)
        bad = rows | elements.any(axis=-1)
        note = ""
        if bad.any():
            t, h = np.argwhere(bad)[0]
            note = (f"first at row {t}, head {h}: cosine difference "
                    f"{difference[t, h]:.3g}, largest error "
                    f"{np.abs(got - want)[t, h].max():.3g}")
        return [compare.Report("out", bad.size, int(bad.sum()),
                               float(difference.max()), "cosine difference",
                               note=note)]

    def check_lse(actual):
        got = actual["lse"].astype(np.float64)
        bad = attention.lse_errors(got, lse.astype(np.float64))
        with np.errstate(invalid="ignore"):
            error = np.abs(got - lse)
        finite = np.isfinite(lse)
        worst = float(error[finite].max()) if finite.any() else 0.0
        return [compare.Report("lse", bad.size, int(bad.sum()), worst,
                               note="" if not bad.any() else
                               f"first at {np.argwhere(bad)[0].tolist()}: got "
                               f"{got[bad][0]}, expected {lse[bad][0]}")]

    outputs = {"out": Output("bf16", formats.encode(want, "bf16"), check)}
    if o.lse:
        outputs["lse"] = Output("f32", lse, check_lse)
    return outputs


def bits_output(name, stored, type_name):
    """An integer output, equal in every element."""
    return Output(type_name, stored, lambda actual: [
        compare.bit_exact(name, actual[name], stored)])


_ATTENTION = dict(heads=16, d=576, v=512, sm_scale=0.0, compute="exact",
                  q_type="bf16", q_scale=1.0, lse=True, bar="strict")


# Cases ---------------------------------------------------------------------


@register
class MlaDecode:
    name = "mla_decode"
    help = "dense paged attention; lengths 0 and below q_len among them"
    options = dict(_ATTENTION, requests=4, q_len=1, length=200, page=64,
                   layout="bf16", element="f8E4M3FN", kv_scale=1.0)

    def inputs(self, o, rng):
        lengths = rng.integers(0, o.length + 1, o.requests)
        lengths[0] = o.length
        lengths[1:2], lengths[2:3] = 0, max(o.q_len - 1, 1)
        columns = -(-max(o.length, 1) // o.page) + 1
        pages = 1 + o.requests * columns
        table = 1 + rng.permutation(pages - 1).reshape(o.requests, columns)
        used = np.concatenate([
            table[b, j // o.page] * o.page + j % o.page
            for b in range(o.requests) for j in [np.arange(lengths[b])]])
        for b in range(o.requests):
            beyond = -(-int(lengths[b]) // o.page)
            table[b, beyond:] = rng.choice([-1, 0, pages, _INT32_MAX],
                                           columns - beyond)
        cache = filled_cache(rng, pages, o.page, o.layout, o.d, used,
                             o.element, o.kv_scale)
        inputs, scales = random_query(o, rng, o.requests * o.q_len)
        inputs["cache"] = cache_tensor(cache, o.layout, o.element)
        inputs["block_table"] = Tensor("i32", table)
        inputs["lengths"] = Tensor("i32", lengths)
        if o.layout == "fp8" or (o.compute == "a8w8" and o.kv_scale != 1.0):
            scales["kv_scale"] = Tensor("f32", np.array([o.kv_scale]))
        return {**inputs, **scales}

    def outputs(self, o, inputs):
        def evaluate(compute):
            return attention.mla_decode(
                query_of(o, inputs), cache_array(inputs["cache"], o.layout),
                inputs["block_table"].value, inputs["lengths"].value,
                sm_scale=sm_scale_of(o), v=o.v, q_len=o.q_len,
                layout=o.layout, compute=compute,
                scale=scale_value(inputs, "kv_scale"), element=o.element)
        return attention_outputs(o, evaluate(o.compute),
                                 lambda: evaluate("exact"))


@register
class SparseMlaDecode:
    name = "sparse_mla_decode"
    help = ("attention over slot lists, one scope or two (extra_topk > 0); "
            "sink: none, normal, or mixed with +-inf")
    options = dict(_ATTENTION, tokens=5, topk=128, page=64, layout="bf16",
                   element="f8E4M3FN", kv_scale=1.0, lengths=True, holes=0.1,
                   extra_topk=0, extra_page=64, extra_layout="bf16",
                   extra_kv_scale=1.0, sink="none")

    def scope(self, o, rng, prefix, topk, page, layout, kv_scale, empty):
        """Inputs of one scope. Row `empty` has length 0, the next only
        holes."""
        blocks = -(-2 * topk // page) + 1
        capacity = blocks * page
        pool = rng.permutation(capacity)[:max(topk, capacity // 2)]
        listed = np.stack([rng.permutation(pool)[:topk]
                           for _ in range(o.tokens)])
        if topk > 3:
            listed[:, 3] = listed[:, 1]  # counts twice
        holes = rng.random(listed.shape) < o.holes
        if o.tokens > empty + 1:
            holes[empty + 1] = True
        bad = rng.choice([-1, -1, -7, capacity, _INT32_MAX], listed.shape)
        listed = np.where(holes, bad, listed)
        lengths = rng.integers(1, topk + 1, o.tokens)
        lengths[0] = topk
        lengths[empty:empty + 1] = 0
        visible = ~holes
        if o.lengths:
            beyond = np.arange(topk) >= lengths[:, None]
            visible &= ~beyond
            listed = np.where(beyond, rng.choice([-1, 0, capacity, 5, -9],
                                                 listed.shape), listed)
        used = np.unique(listed[visible])
        cache = filled_cache(rng, blocks, page, layout, o.d, used, o.element,
                             kv_scale)
        inputs = {prefix + "cache": cache_tensor(cache, layout, o.element),
                  prefix + "slots": Tensor("i32", listed)}
        if o.lengths:
            inputs[prefix + "lengths"] = Tensor("i32", lengths)
        scales = {}
        if layout == "fp8" or (o.compute == "a8w8" and kv_scale != 1.0):
            scales[prefix + "kv_scale"] = Tensor("f32", np.array([kv_scale]))
        return inputs, scales

    def inputs(self, o, rng):
        inputs, scales = random_query(o, rng, o.tokens)
        more, kv = self.scope(o, rng, "", o.topk, o.page, o.layout,
                              o.kv_scale, 1)
        inputs.update(more)
        inputs.update(scales)
        inputs.update(kv)
        if o.extra_topk:
            more, kv = self.scope(o, rng, "extra_", o.extra_topk,
                                  o.extra_page, o.extra_layout,
                                  o.extra_kv_scale, 2)
            inputs.update(more)
            inputs.update(kv)
        if o.sink != "none":
            sink = formats.round_to(rng.standard_normal(o.heads) + 3, "f32")
            if o.sink == "mixed":
                sink[0::4], sink[1::4] = np.inf, -np.inf
            elif o.sink != "normal":
                raise ValueError(f"sink is '{o.sink}', allowed: none, "
                                 "normal, mixed")
            inputs["sink"] = Tensor("f32", sink)
        return inputs

    def outputs(self, o, inputs):
        def scope(prefix, layout, page):
            lengths = inputs.get(prefix + "lengths")
            return attention.Scope(
                cache_array(inputs[prefix + "cache"], layout),
                inputs[prefix + "slots"].value, layout,
                None if lengths is None else lengths.value,
                page, scale_value(inputs, prefix + "kv_scale"), o.element)

        scopes = [scope("", o.layout, o.page)]
        if o.extra_topk:
            scopes.append(scope("extra_", o.extra_layout, o.extra_page))
        sink = inputs["sink"].value if "sink" in inputs else None

        def evaluate(compute):
            return attention.sparse_mla_decode(
                query_of(o, inputs), scopes, sm_scale=sm_scale_of(o), v=o.v,
                sink=sink, compute=compute)
        return attention_outputs(o, evaluate(o.compute),
                                 lambda: evaluate("exact"))


@register
class MergeAttention:
    name = "merge_attention"
    help = "merge partials x0.. with lse0..; empty ones hold NaN"
    options = dict(parts=2, tokens=6, heads=16, v=512, empty="neg_inf",
                   lse=True, bar="strict")

    def inputs(self, o, rng):
        inputs, lses = {}, {}
        none = -np.inf if o.empty == "neg_inf" else np.inf
        for i in range(o.parts):
            x = formats.round_to(rng.standard_normal(
                (o.tokens, o.heads, o.v)), "f32")
            lse = formats.round_to(4 * rng.standard_normal(
                (o.tokens, o.heads)), "f32")
            lse[:1] = none
            lse[1:2, i % o.heads] = none
            if i:
                lse[2:3] = none
            x[np.isinf(lse)] = np.nan
            if o.empty == "pos_inf":
                lse[3:4, 0] = np.nan if i else -np.inf
                x[3:4, 0] = np.nan
            inputs[f"x{i}"] = Tensor("f32", x)
            lses[f"lse{i}"] = Tensor("f32", lse)
        return {**inputs, **lses}

    def outputs(self, o, inputs):
        result = attention.merge(
            [attention.Result(inputs[f"x{i}"].value, inputs[f"lse{i}"].value)
             for i in range(o.parts)], o.empty)
        return attention_outputs(o, result)


@register
class ApplySink:
    name = "apply_sink"
    help = "scale x[T, H, V] by its sink; sinks and lse of +-inf among them"
    options = dict(tokens=6, heads=16, v=512)

    def inputs(self, o, rng):
        x = formats.round_to(rng.standard_normal((o.tokens, o.heads, o.v)),
                             "f32")
        lse = formats.round_to(4 * rng.standard_normal((o.tokens, o.heads)),
                               "f32")
        lse[:1] = -np.inf
        x[:1] = 0.0
        sink = formats.round_to(4 * rng.standard_normal(o.heads), "f32")
        sink[0::4], sink[1::4] = np.inf, -np.inf
        return {"x": Tensor("f32", x), "lse": Tensor("f32", lse),
                "sink": Tensor("f32", sink)}

    def outputs(self, o, inputs):
        x, lse, sink = (inputs[n].value for n in ("x", "lse", "sink"))
        y = attention.apply_sink(attention.Result(x, lse), sink).o
        return {"out": float_output("out", y, "bf16")}


def random_table(rng, requests, columns):
    """A block table in which one entry in eight is negative."""
    table = rng.permutation(requests * columns).reshape(requests, columns)
    return np.where(rng.random(table.shape) < 0.125, -1, table)


def _slot_outputs(result):
    return {name: bits_output(name, value.astype("<i4"), "i32")
            for name, value in zip(("slots", "lengths"), result)}


@register
class SwaSlots:
    name = "swa_slots"
    help = "slots of a sliding window; padding rows among them"
    options = dict(requests=6, q_len=1, window=128, topk=0, columns=8,
                   page=64, compress_ratio=1, requests_given=False)

    def inputs(self, o, rng):
        rows = o.requests * o.q_len
        top = o.columns * o.page * o.compress_ratio + 2 * o.page
        positions = rng.integers(0, top, rows)
        positions[0:1], positions[1:2] = o.window // 2, -1
        inputs = {"positions": Tensor("i32", positions),
                  "block_table": Tensor("i32", random_table(
                      rng, o.requests, o.columns))}
        if o.requests_given:
            inputs["requests"] = Tensor("i32", rng.integers(
                -1, o.requests + 1, rows))
        return inputs

    def outputs(self, o, inputs):
        requests = inputs.get("requests")
        return _slot_outputs(slots.swa_slots(
            inputs["positions"].value, inputs["block_table"].value,
            window=o.window, page=o.page, columns=o.topk or None,
            requests=None if requests is None else requests.value,
            compress_ratio=o.compress_ratio, q_len=o.q_len))


@register
class TopkSlots:
    name = "topk_slots"
    help = "slots of an indexer's entries"
    options = dict(requests=6, q_len=1, topk=128, columns=8, page=64,
                   compress_ratio=1, keep_holes=False, requests_given=False,
                   positions_given=False)

    def inputs(self, o, rng):
        rows = o.requests * o.q_len
        top = o.columns * o.page
        inputs = {
            "indices": Tensor("i32", rng.integers(-top // 4, top + o.page,
                                                  (rows, o.topk))),
            "block_table": Tensor("i32", random_table(rng, o.requests,
                                                      o.columns))}
        inputs["indices"].value[:1] = -1
        if o.requests_given:
            inputs["requests"] = Tensor("i32", rng.integers(
                -1, o.requests + 1, rows))
        if o.positions_given:
            inputs["positions"] = Tensor("i32", rng.integers(
                -1, top * o.compress_ratio, rows))
        return inputs

    def outputs(self, o, inputs):
        requests, positions = (
            inputs[n].value if n in inputs else None
            for n in ("requests", "positions"))
        return _slot_outputs(slots.topk_slots(
            inputs["indices"].value, inputs["block_table"].value,
            page=o.page, requests=requests, positions=positions,
            compress_ratio=o.compress_ratio, q_len=o.q_len,
            keep_holes=o.keep_holes))


@register
class SlotLengths:
    name = "slot_lengths"
    help = "numbers of entries that positions see; padding among them"
    options = dict(tokens=9, window=128, compress_ratio=1)

    def inputs(self, o, rng):
        positions = rng.integers(-3, 3 * o.window * o.compress_ratio, o.tokens)
        edges = np.array([0, -1, -2**31, 2**31 - 2,
                          o.window * o.compress_ratio - 1])[:o.tokens]
        positions[:len(edges)] = edges
        return {"positions": Tensor("i32", positions)}

    def outputs(self, o, inputs):
        lengths = slots.slot_lengths(inputs["positions"].value,
                                     window=o.window,
                                     compress_ratio=o.compress_ratio)
        return {"lengths": bits_output("lengths", lengths.astype("<i4"),
                                       "i32")}


@register
class CompactSlots:
    name = "compact_slots"
    help = "pack the slots of each row to the left"
    options = dict(tokens=7, topk=128, lengths=True)

    def inputs(self, o, rng):
        listed = rng.integers(-60, 1000, (o.tokens, o.topk))
        listed[:1] = -1
        inputs = {"slots": Tensor("i32", listed)}
        if o.lengths:
            lengths = rng.integers(0, o.topk + 1, o.tokens)
            lengths[1:2], lengths[2:3] = 0, o.topk
            inputs["lengths"] = Tensor("i32", lengths)
        return inputs

    def outputs(self, o, inputs):
        lengths = inputs.get("lengths")
        packed, count = slots.compact_slots(
            inputs["slots"].value, None if lengths is None else lengths.value)
        return {
            "packed": bits_output("packed", packed.astype("<i4"), "i32"),
            "packed_lengths": bits_output("packed_lengths",
                                          count.astype("<i4"), "i32")}


@register
class AttentionPlan:
    name = "attention_plan"
    help = "schedule of lengths[B], and extra_lengths[B] with extra_topk; " \
           "0: option absent"
    options = dict(requests=8, length=3000, clusters=16, page=1,
                   granularity=16, overhead=0, q_len=1, q_tile=0, topk=0,
                   extra_topk=0, max_split=0, even_split=0)

    def inputs(self, o, rng):
        def draw():
            lengths = rng.integers(0, o.length + 1, o.requests)
            lengths[1:2], lengths[2:3] = 0, -3
            return lengths
        inputs = {"lengths": Tensor("i32", draw())}
        if o.extra_topk:
            # Empty are the first list, both, and the second.
            inputs["extra_lengths"] = Tensor("i32", np.roll(draw(), 1))
        return inputs

    def config(self, o):
        return plan.Config(
            o.clusters, o.page, o.granularity, o.overhead or None, o.q_len,
            o.q_tile or None, o.topk or None, o.max_split or None,
            o.extra_topk or None, bool(o.even_split))

    def outputs(self, o, inputs):
        config = self.config(o)
        extra = inputs.get("extra_lengths")
        stored = plan.make_plan(
            inputs["lengths"].value, config,
            None if extra is None else extra.value).stored(
                plan.max_works(o.requests, config), plan.max_partials(config))
        names = ("works", "work_indptr", "reduce_indptr", "reduce_final_map",
                 "reduce_partial_map")
        return {name: bits_output(name, value, "i32")
                for name, value in zip(names, stored)}
