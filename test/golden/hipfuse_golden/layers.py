# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decode steps of the models in examples/, composed from the operations.

A layer is a function of named arguments; docs/Models.md describes the graphs.
Dimensions come from the arguments' shapes, so every preset and every tensor
parallel width of scripts/generate_model.py is covered. Matrix products are
float64, rounded to bf16 once (the router's and compressors' to f32).

What a correct program may compute instead
------------------------------------------
A float32 product of K terms is off by about 2^-25 sqrt(K) of a typical result,
which moves about one bf16 rounding in a thousand. Nearly all of those change
one result by 2^-8 of itself and are invisible in a norm. About one in fifty
lies on a tie of the following quantisation and moves a code, 1/8 to 1/2 of an
element; in a row of 256 columns that alone is up to 6 % of the row. So no
single tolerance is both valid for a row with a tie and able to see a mistake in
a row without one. Instead the reference is evaluated again VARIANTS times with
every uncertain value moved at random: products by RMS * 2^-23 sqrt(K) * N(0, 1),
four times the error above, and other float32 results to an end of their
interval. A row (one token of one result) may then differ from the reference, as
the relative L2 norm of the difference, by

    FLOOR + 2 * (largest difference of a variant of that row), at most CAP

FLOOR is for roundings that no quantisation follows. A tie that the program
resolves differently escapes all variants with a chance of about 2^-VARIANTS.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from . import attention
from . import cache as mla_cache
from . import formats, io
from .act import silu_mul
from .interval import Interval
from .norm import add_rms_norm, rms_norm
from .quant import Scheme, dequantize, quantize
from .rope import rope, split_table
from .slots import swa_slots, topk_slots

VARIANTS = 8
FLOOR = 1e-3
CAP = 0.15


# Signatures ----------------------------------------------------------------


@dataclass
class Type:
    """A ranked tensor type; None is a dynamic dimension."""

    shape: tuple
    element: str  # as io.py names it

    @staticmethod
    def parse(text):
        match = re.fullmatch(r"tensor<((?:[0-9?]+x)*)(\w+)>", text.strip())
        if not match:
            raise ValueError(f"not a ranked tensor type: '{text.strip()}'")
        shape = tuple(None if d == "?" else int(d)
                      for d in match[1].split("x")[:-1])
        return Type(shape, "u8" if match[2] == "i8" else match[2])


@dataclass
class Signature:
    """What a module's text says of one function."""

    entry: str
    arguments: dict  # name -> Type
    results: list  # of Type
    scheme: Scheme  # None if nothing is quantised
    page: int  # rows per block of a cache whose shape does not tell it
    # Integer attributes of the slot lists and of the attention.
    window: dict = field(default_factory=dict)
    compressed: dict = field(default_factory=dict)
    q_len: int = 1  # tokens of a request in this step

    @staticmethod
    def parse(text, entry):
        text = "\n".join(l for l in text.split("\n")
                         if not l.lstrip().startswith("//"))
        functions = dict(
            (m[1], m) for m in re.finditer(
                r"func\.func @(\w+)\((.*?)\)\s*->\s*\((.*?)\)\s*\{(.*?)\n  \}",
                text, re.S))
        if entry not in functions:
            raise ValueError(f"no function @{entry}, there are: "
                             f"{', '.join(functions)}")
        function = functions[entry]
        arguments = {}
        for name, kind in re.findall(r"%(\w+): (tensor<[^>]*>)", function[2]):
            arguments[name] = Type.parse(kind)
        scheme = re.search(r"^#scheme = (#lm\.scheme<.*>)$", text, re.M)
        page = re.search(r"page_size = (\d+)", function[4])
        q_len = re.search(r"q_len = (\d+)", function[4])
        lists = [dict((k, int(v)) for k, v in re.findall(r"(\w+) = (\d+)", m))
                 for m in re.findall(r"lm\.(?:swa|topk)_slots \{(.*?)\}",
                                     function[4], re.S)] + [{}, {}]
        return Signature(
            entry, arguments,
            [Type.parse(t) for t in re.findall(r"tensor<[^>]*>", function[3])],
            Scheme.parse(scheme[1]) if scheme else None,
            int(page[1]) if page else None, lists[0], lists[1],
            int(q_len[1]) if q_len else 1)


# Evaluation ----------------------------------------------------------------


def bf16_bits(x):
    """float32 array, finite, as bf16 bits: formats.encode for large arrays."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def bf16_floats(bits):
    """float32 values of bf16 bits."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


class Evaluator:
    """The operations on float64 values; with a generator `rng`, a variant."""

    def __init__(self, scheme, epsilon, rng=None):
        self.scheme, self.epsilon, self.rng = scheme, epsilon, rng

    def settle(self, interval, name="bf16"):
        """A value rounded to the type `name`."""
        value = interval.value
        if self.rng is not None:
            end = self.rng.integers(0, 2, value.shape, dtype=np.int8)
            value = np.where(end == 1, interval.hi, interval.lo)
        return formats.round_to(value, name)

    def product(self, x, w):
        """x [T, K] times the bits of w [N, K], transposed."""
        y = np.empty((x.shape[0], w.shape[0]))
        for i in range(0, w.shape[0], 1024):
            y[:, i:i + 1024] = x @ bf16_floats(w[i:i + 1024]).astype(
                np.float64).T
        return y

    def gemm(self, x, w, element="bf16"):
        y = self.product(x, w)
        if self.rng is not None:
            rms = np.sqrt(np.mean(y * y, axis=1, keepdims=True))
            y = y + rms * 2.0**-23 * np.sqrt(
                x.shape[1]) * self.rng.standard_normal(y.shape)
        return formats.round_to(y, element)

    def heads_gemm(self, x, w):
        """x [T, H, K] times w [H, K, N] for every head."""
        return np.stack([self.gemm(x[:, i], np.ascontiguousarray(w[i].T))
                         for i in range(w.shape[0])], axis=1)

    def quantized(self, x):
        """What a product reads: x quantised and dequantised."""
        if self.scheme is None:
            return x
        q = quantize(x, self.scheme)
        return dequantize(q.data, q.scale, self.scheme, "bf16")

    def norm(self, x, weight=None):
        r = rms_norm(x, weight, epsilon=self.epsilon)
        return self.settle(r.pre_round)

    def add_norm(self, x, residual, weight):
        r = add_rms_norm(x, residual, weight, epsilon=self.epsilon)
        return self.settle(r.pre_round), r.residual_out

    def rotate(self, x, a, columns=None, **style):
        """The last `columns` of x rotated by the positions' angles."""
        cos, sin = split_table(a["rope_table"])
        columns = columns or x.shape[-1]
        y = np.array(x)
        y[..., -columns:] = self.settle(
            rope(x[..., -columns:], a["positions"], cos, sin, **style))
        return y

    def activation(self, x, clamp=None):
        return self.settle(silu_mul(x, clamp=clamp))

    def cache_write(self, latent, rope_part, a, **layout):
        return mla_cache.mla_cache_write(latent, rope_part, a["cache"],
                                         a["slots"], **layout)

    def attention(self, query, scopes, sink=None, sm_scale=None):
        o = attention.sparse_mla_decode(
            attention.Query(query), scopes, v=512, sink=sink,
            sm_scale=sm_scale or query.shape[-1]**-0.5).o
        if self.rng is not None:
            terms = query.shape[-1] + sum(s.slots.shape[1] for s in scopes)
            rms = np.sqrt(np.mean(o * o, axis=-1, keepdims=True))
            o = o + rms * 2.0**-23 * np.sqrt(
                terms) * self.rng.standard_normal(o.shape)
        return formats.round_to(o, "bf16")

    def mlp(self, x, a, clamp=None):
        y = self.gemm(self.quantized(x), a["w_gate_up"])
        return self.gemm(self.quantized(self.activation(y, clamp)),
                         a["w_down"])


# Layers: arguments -> {result name: value}, in the order of the results -----

# DeepSeek-R1 scales logits by the square of YaRN's factor for 40 times the
# context.
R1_MSCALE = 0.1 * np.log(40.0) + 1.0


def r1_layer(e, a, signature):
    """DeepSeek-V3/R1: a dense layer, or with a router's weight a MoE layer;
    with a block table it has its attention."""
    heads, nope, latent = a["w_uk"].shape
    rotated, q_rank = a["rope_table"].shape[1], len(a["g_q_n"])
    tokens = len(a["h"])
    x, r1 = e.add_norm(a["h"], a["r"], a["g_x"])
    both = e.gemm(e.quantized(x), a["w_qkv_a"])
    q_c, kv_c, k_pe = np.split(both, [q_rank, q_rank + latent], axis=1)
    q_n, kv_n = e.norm(q_c, a["g_q_n"]), e.norm(kv_c, a["g_kv_n"])
    q = e.gemm(e.quantized(q_n), a["w_q_b"]).reshape(tokens, heads,
                                                     nope + rotated)
    q = e.rotate(q, a, rotated, interleaved=True)
    k_rot = e.rotate(k_pe, a, interleaved=True)
    cache = e.cache_write(kv_n, k_rot, a, layout="bf16")
    query = np.concatenate(
        [e.heads_gemm(q[..., :nope], a["w_uk"]), q[..., nope:]], axis=2)
    if "block_table" in a:
        results = {"cache_out": cache}
        attn = e.attention(query, [attention.dense_scope(
            cache, a["block_table"], a["lengths"], q_len=signature.q_len)],
            sm_scale=(nope + rotated)**-0.5 * R1_MSCALE**2)
    else:
        results, attn = {"query": query, "cache_out": cache}, a["attn"]
    o = e.heads_gemm(attn, a["w_uv"]).reshape(tokens, -1)
    o_sum = e.gemm(e.quantized(o), a["w_o_sum"])
    x2, r2 = e.add_norm(o_sum, r1, a["g_x2"])
    if "w_logits" in a:
        results["logits"] = e.gemm(x2, a["w_logits"], "f32")
        results["x2"] = x2
    results["down"], results["r2"] = e.mlp(x2, a), r2
    return results


def v4_projections(e, a, signature, heads, head):
    """DeepSeek-V4: from the sublayer's input to query and cache."""
    tokens = len(a["y"])
    rotated, q_rank = a["rope_table"].shape[1], len(a["g_q_n"])
    results = {}
    x = e.norm(a["y"], a["g_x"])
    both = e.gemm(e.quantized(x), a["w_qkv_a"])
    if "w_compressor" in a:
        results["compressor"] = e.gemm(x, a["w_compressor"], "f32")
    if "w_index_compressor" in a:
        results["index_compressor"] = e.gemm(x, a["w_index_compressor"], "f32")
        results["index_weights"] = e.gemm(x, a["w_index_weights"])
    q_n = e.norm(both[:, :q_rank], a["g_q_n"])
    kv_n = e.norm(both[:, q_rank:], a["g_kv_n"])
    if "w_index_q" in a:
        index = e.gemm(e.quantized(q_n), a["w_index_q"])
        results["index_query"] = index.reshape(
            tokens, a["w_index_weights"].shape[0], -1)
    q = e.gemm(e.quantized(q_n), a["w_q_b"]).reshape(tokens, heads, head)
    query = e.rotate(e.norm(q), a, rotated, interleaved=True)
    nope = head - rotated
    k_rot = e.rotate(kv_n[:, nope:], a, interleaved=True)
    cache = e.cache_write(kv_n[:, :nope], k_rot, a, layout="ds_mla_584",
                          page=signature.page)
    return results, query, cache


def v4_output(e, a, attn):
    """DeepSeek-V4: the o projection of the attention's output."""
    o = e.rotate(attn, a, a["rope_table"].shape[1], interleaved=True,
                 inverse=True)
    o = e.quantized(o.reshape(len(attn), a["w_o_a"].shape[0], -1))
    o = e.heads_gemm(o, a["w_o_a"]).reshape(len(attn), -1)
    return e.gemm(e.quantized(o), a["w_o_b"])


def v4_layer(e, a, signature):
    """DeepSeek-V4: between the hyper-connections, without attention and routed
    experts."""
    results, query, cache = v4_projections(e, a, signature,
                                           *a["attn"].shape[1:])
    results["query"], results["cache_out"] = query, cache
    results["o_b"] = v4_output(e, a, a["attn"])
    xf = e.norm(a["y_ffn"], a["g_xf"])
    results["logits"] = e.gemm(xf, a["w_logits"], "f32")
    results["down"], results["xf"] = e.mlp(xf, a, 10.0), xf
    return results


def v4_attention(e, a, signature):
    """DeepSeek-V4: the attention sublayer with its attention."""
    head = len(a["g_kv_n"])
    results, query, cache = v4_projections(e, a, signature, len(a["sink"]),
                                           head)
    window, more = signature.window, signature.compressed
    slots, lengths = swa_slots(a["positions"], a["window_table"],
                               window=window["window"],
                               page=window["page_size"],
                               requests=a["requests"])
    scopes = [attention.Scope(cache, slots, "ds_mla_584", lengths,
                              page=signature.page)]
    if more:
        at = dict(page=more["page_size"], requests=a["requests"],
                  compress_ratio=more["compress_ratio"])
        if "indices" in a:
            slots, lengths = topk_slots(a["indices"], a["table_4"],
                                        positions=a["positions"], **at)
        else:
            slots, lengths = swa_slots(a["positions"], a["table_128"],
                                       window=more["window"], **at)
        scopes.append(attention.Scope(a["compressed_cache"], slots,
                                      "ds_mla_584", lengths,
                                      page=more["page_size"]))
    results["cache_out"] = cache
    results["o_b"] = v4_output(e, a, e.attention(query, scopes, a["sink"]))
    return results


def llama3_layer(e, a, signature):
    """Llama 3: grouped-query attention's projections and a dense MLP."""
    tokens, head = len(a["h"]), a["rope_table"].shape[1]
    x, r1 = e.add_norm(a["h"], a["r"], a["g_x"])
    qkv = e.gemm(e.quantized(x), a["w_qkv"])
    width = a["attn"].shape[1]
    q, k, v = (part.reshape(tokens, -1, head) for part in np.split(
        qkv, [width, (width + qkv.shape[1]) // 2], axis=1))
    o_sum = e.gemm(e.quantized(a["attn"]), a["w_o_sum"])
    x2, r2 = e.add_norm(o_sum, r1, a["g_x2"])
    return {"q_rot": e.rotate(q, a, interleaved=False),
            "k_rot": e.rotate(k, a, interleaved=False), "v": v,
            "down": e.mlp(x2, a), "r2": r2}


@dataclass
class Layer:
    function: object
    epsilon: float
    theta: float
    layout: str = None  # of the cache
    attends: bool = False  # reads its caches


LAYERS = {
    "dense_layer": Layer(r1_layer, 1e-6, 1e4, "bf16"),
    "moe_layer": Layer(r1_layer, 1e-6, 1e4, "bf16"),
    "dense_attention_layer": Layer(r1_layer, 1e-6, 1e4, "bf16", True),
    "moe_attention_layer": Layer(r1_layer, 1e-6, 1e4, "bf16", True),
    "layer_ratio_0": Layer(v4_layer, 1e-6, 1e4, "ds_mla_584"),
    "layer_ratio_128": Layer(v4_layer, 1e-6, 1.6e5, "ds_mla_584"),
    "layer_ratio_4": Layer(v4_layer, 1e-6, 1.6e5, "ds_mla_584"),
    "attention_ratio_0": Layer(v4_attention, 1e-6, 1e4, "ds_mla_584", True),
    "attention_ratio_128": Layer(v4_attention, 1e-6, 1.6e5, "ds_mla_584",
                                 True),
    "attention_ratio_4": Layer(v4_attention, 1e-6, 1.6e5, "ds_mla_584", True),
    "layer": Layer(llama3_layer, 1e-5, 5e5),
}


def layer_of(signature):
    if signature.entry not in LAYERS:
        raise ValueError(f"no reference of @{signature.entry}, known: "
                         f"{', '.join(LAYERS)}")
    return LAYERS[signature.entry]


# Inputs --------------------------------------------------------------------


def random_arguments(signature, tokens, rng):
    """Stored arrays of every argument.

    Activations are N(0, 1), weights N(0, 1 / K), gains N(1, 1/16), the rotary
    table that of the model's theta. Gate and up projections are four times
    that, so that a clamp at 10 is reached. Slots are distinct, the second of
    them -1. A cache starts with arbitrary contents, but for what an attention
    reads of it: paged_arguments, or request_arguments of a dense one.
    """
    layer, paged = layer_of(signature), {}
    if layer.attends:
        make = (request_arguments if "block_table" in signature.arguments
                else paged_arguments)
        paged = make(signature, tokens, rng)
    arguments = {}
    for name, kind in signature.arguments.items():
        shape = tuple(tokens if d is None else d for d in kind.shape)
        if name in paged:
            value = paged[name]
        elif name == "rope_table":
            value = rotary_table(shape, layer.theta)
        elif name == "positions":
            value = rng.integers(0, signature.arguments["rope_table"].shape[0],
                                 tokens)
        elif name == "slots":
            cache = signature.arguments["cache"]
            page = signature.page or cache.shape[1]
            value = rng.permutation(cache_blocks(tokens, page) *
                                    page)[:tokens]
            value[1:2] = -1
        elif name == "cache":
            page = signature.page or shape[1]
            shape = (cache_blocks(tokens, page),) + shape[1:]
            value = (bf16_bits(rng.standard_normal(shape, np.float32))
                     if kind.element == "bf16" else
                     rng.integers(0, 256, shape, dtype=np.uint8))
        elif name == "sink":
            value = rng.standard_normal(shape)
        elif name.startswith("g_"):
            value = bf16_bits(1 + 0.25 * rng.standard_normal(shape,
                                                             np.float32))
        elif name.startswith("w_"):
            value = rng.standard_normal(shape, np.float32)
            value *= np.float32((4 if name == "w_gate_up" else 1) /
                                np.sqrt(shape[-2 if len(shape) == 3 else -1]))
            value = bf16_bits(value)
        else:
            value = bf16_bits(rng.standard_normal(shape, np.float32))
        arguments[name] = value.astype(io.storage_dtype(kind.element),
                                       copy=False)
    return arguments


LONGEST = 8192  # tokens of a request


def paged_arguments(signature, tokens, rng):
    """Requests, block tables, caches and what lists their slots.

    The second token is padding: no request, no slot. The others belong to
    requests two by two at successive positions (multi-token prediction); every
    second request is shorter than the window. Tables list the pages that the
    tokens see, in any order; pages in no table hold arbitrary bytes, the others
    rows of N(0, 1). The indexer chose as many entries as there are columns, or
    all of them in any order with -1 among them.
    """
    window, more = signature.window, signature.compressed
    limit = min(signature.arguments["rope_table"].shape[0], LONGEST)
    requests = np.full(tokens, -1)
    live = np.flatnonzero(np.arange(tokens) != 1)
    requests[live] = np.arange(len(live)) // 2
    count = requests.max() + 1
    first = np.where(np.arange(count) % 2,
                     rng.integers(0, window["window"], count),
                     rng.integers(window["window"], limit - 1, count))
    positions = np.zeros(tokens, np.int64)
    positions[live] = first[requests[live]] + np.arange(len(live)) % 2
    # Entries [begin, end) that the tokens of each request see.
    begin = np.maximum(first - window["window"] + 1, 0)
    page = window["page_size"]
    table, cache = paged_cache(begin, first + 2, page, -(-limit // page),
                               signature.arguments["cache"].shape[1], rng)
    block = table[requests, positions // page]
    slots = np.where(requests < 0, -1, block * page + positions % page)
    result = {"requests": requests, "positions": positions, "slots": slots,
              "window_table": table, "cache": cache}
    if more:
        ratio, page = more["compress_ratio"], more["page_size"]
        ends = (first + 2) // ratio
        kind = signature.arguments["compressed_cache"]
        result[f"table_{ratio}"], result["compressed_cache"] = paged_cache(
            0 * ends, ends, page, -(-limit // (ratio * page)), kind.shape[1],
            rng)
    if "indices" in signature.arguments:
        columns = signature.arguments["indices"].shape[1]
        result["indices"] = np.full((tokens, columns), -1)
        for t in live:
            end = int(positions[t] + 1) // ratio
            chosen = rng.permutation(end)[:columns]
            result["indices"][t, :len(chosen)] = chosen
            result["indices"][t] = rng.permutation(result["indices"][t])
    return result


def request_arguments(signature, tokens, rng):
    """Lengths, block table, cache and slots of requests of `q_len` tokens each.

    The second request is padding: no token, no slot. Every other one fits into
    two pages. Pages are listed in any order; what lies beyond a length, and
    pages that no request lists, hold arbitrary bits.
    """
    q_len = signature.q_len
    if tokens % q_len:
        raise ValueError(f"{tokens} tokens are not requests of {q_len} each")
    count = tokens // q_len
    page, columns = signature.arguments["cache"].shape[1:]
    limit = min(signature.arguments["rope_table"].shape[0], LONGEST)
    lengths = np.where(np.arange(count) % 2,
                       rng.integers(q_len, 2 * page, count),
                       rng.integers(limit // 2, limit + 1, count))
    lengths[1:2] = 0
    table = np.full((count, -(-limit // page)), -1)
    used = [(b, c) for b in range(count) for c in range(-(-lengths[b] // page))]
    blocks = len(used) + 1
    cache = rng.integers(0, 2**16, (blocks, page, columns), np.uint16)
    for (b, c), number in zip(used, rng.permutation(blocks)):
        table[b, c] = number
        rows = min(lengths[b] - c * page, page)
        cache[number, :rows] = bf16_bits(
            rng.standard_normal((rows, columns), np.float32))
    request = np.repeat(np.arange(count), q_len)
    positions = np.maximum(
        lengths[request] - q_len + np.tile(np.arange(q_len), count), 0)
    slots = table[request, positions // page] * page + positions % page
    return {"positions": positions, "lengths": lengths, "block_table": table,
            "cache": cache,
            "slots": np.where(lengths[request] == 0, -1, slots)}


def paged_cache(begin, end, page, columns, stride, rng):
    """(block table, ds_mla_584 cache) of entries [begin, end) per request."""
    used = [(r, c) for r in range(len(begin)) if begin[r] < end[r]
            for c in range(begin[r] // page, (end[r] - 1) // page + 1)]
    blocks = len(used) + 1
    table = np.full((len(begin), columns), -1)
    numbers = rng.permutation(blocks)
    for (r, c), number in zip(used, numbers):
        table[r, c] = number
    cache = rng.integers(0, 256, (blocks, stride), dtype=np.uint8)
    for number in numbers[:len(used)]:
        values = rng.standard_normal((page, 512))
        data, scales = mla_cache.rows_584(values[:, :448], values[:, 448:])
        cache[number, :page * 576] = data.ravel()
        cache[number, page * 576:page * 584] = scales.ravel()
    return table, cache


def cache_blocks(tokens, page):
    """Blocks of a cache with room for twice the tokens, and one more."""
    return -(-2 * tokens // page) + 1


def rotary_table(shape, theta):
    """[P, R] float32: cosines, then sines."""
    half = shape[1] // 2
    table = np.empty(shape, np.float32)
    frequency = theta**(-np.arange(half) / half)
    for i in range(0, shape[0], 65536):
        angle = np.outer(np.arange(i, min(i + 65536, shape[0])), frequency)
        table[i:i + 65536, :half] = np.cos(angle)
        table[i:i + 65536, half:] = np.sin(angle)
    return table


def argument_values(signature, stored):
    """What the layers take: values; weights and caches as stored."""
    values = {}
    for name, kind in signature.arguments.items():
        raw = name.startswith("w_") or name in ("cache", "compressed_cache",
                                                "rope_table")
        values[name] = (stored[name] if raw else io.from_storage(
            stored[name], kind.element))
    return values


# Judgement -----------------------------------------------------------------


@dataclass
class Verdict:
    """How one result of a program differs from the reference."""

    name: str
    shape: tuple
    ok: bool
    error: float  # relative L2 of the row with the largest part of its bar
    bar: float  # of that row
    cosine: float  # distance 1 - cos, worst row
    note: str = ""

    def __str__(self):
        shape = "x".join(map(str, self.shape))
        text = (f"{self.name} [{shape}]: {'ok' if self.ok else 'FAIL'}, worst "
                f"row: rel. L2 {self.error:.3g} of {self.bar:.3g} allowed, "
                f"cosine distance {self.cosine:.3g}")
        return text + (f", {self.note}" if self.note else "")


def row_errors(got, want):
    """Relative L2 error of every row; NaN and Inf count as infinite."""
    got, want = (x.reshape(len(x), -1) for x in (got, want))
    with np.errstate(all="ignore"):
        error = np.linalg.norm(got - want, axis=1)
        norm = np.linalg.norm(want, axis=1)
        relative = np.where(error == 0, 0.0, error / norm)
    return np.where(np.isfinite(relative), relative, np.inf)


def cosine_distances(got, want):
    """1 - cos of every row, computed without cancellation."""
    got, want = (x.reshape(len(x), -1) for x in (got, want))
    with np.errstate(all="ignore"):
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True)
                for x in (got, want)]
        equal = np.all(got == want, axis=1)
        return np.where(equal, 0.0,
                        0.5 * np.sum((unit[0] - unit[1])**2, axis=1))


def ulp_histogram(got, want):
    """Text: parts of the elements that are 0, 1, 2, 3 to 8, more bf16 ULP
    away."""
    bits = [formats.encode(x, "bf16").astype(np.int64) for x in (got, want)]
    bits = [np.where(b >> 15, -(b & 0x7FFF), b) for b in bits]
    distance = np.abs(bits[0] - bits[1]).ravel()
    counts = np.histogram(distance, [0, 1, 2, 3, 9, np.inf])[0]
    return "ULP " + " ".join(
        f"{label}:{count / max(distance.size, 1):.2%}" for label, count in zip(
            ("0", "1", "2", "3-8", ">8"), counts) if count)


class Reference:
    """Results of a layer and the bars a program's results are held to."""

    def __init__(self, signature, stored, seed=0, variants=VARIANTS):
        self.signature = signature
        self.layer = layer_of(signature)
        self.arguments = argument_values(signature, stored)
        self.results = self.evaluate(None)
        self.spread = {name: 0.0 for name in self.results}
        for i in range(variants):
            rng = np.random.default_rng([seed, i])
            for name, value in self.evaluate(rng).items():
                self.spread[name] = np.maximum(self.spread[name], row_errors(
                    self.rows(name, value),
                    self.rows(name, self.results[name])))

    def evaluate(self, rng, evaluator=Evaluator):
        e = evaluator(self.signature.scheme, self.layer.epsilon, rng)
        return self.layer.function(e, self.arguments, self.signature)

    def written(self):
        """(rows of the tokens, their slots) that the cache write stores."""
        slots, page = self.arguments["slots"], self.page()
        keep = mla_cache.written(slots, "negative",
                                 len(self.arguments["cache"]) * page)
        return np.flatnonzero(keep), slots[keep]

    def page(self):
        return self.signature.page or self.arguments["cache"].shape[1]

    def rows(self, name, value):
        """One row of float64 values per token; of a cache, per token that is
        written."""
        if name != "cache_out":
            return value
        return mla_cache.mla_cache_read(
            value, self.written()[1], layout=self.layer.layout,
            page=self.signature.page)

    def stored(self, name, kind):
        """A result as a file holds it."""
        value = self.results[name]
        return value if name == "cache_out" else io.to_storage(
            value, kind.element)

    def judge(self, actual):
        """Verdicts on {result name: stored array}."""
        verdicts = []
        for name, kind in zip(self.results, self.signature.results):
            want, got = self.results[name], actual[name]
            note = ""
            if got.shape != want.shape:
                verdicts.append(Verdict(
                    name, got.shape, False, np.inf, 0.0, np.inf,
                    f"expected shape {'x'.join(map(str, want.shape))}"))
                continue
            if name == "cache_out":
                touched = mla_cache.row_mask(
                    want, self.written()[1], layout=self.layer.layout,
                    page=self.signature.page)
                wrong = int(((got != want) & ~touched).sum())
                note = (f"{wrong} elements outside the written rows changed"
                        if wrong else "other rows untouched")
                ok = not wrong
            else:
                got, ok = io.from_storage(got, kind.element), True
            got, want = self.rows(name, got), self.rows(name, want)
            error = row_errors(got, want)
            bar = np.minimum(FLOOR + 2 * self.spread[name], CAP)
            ok = ok and bool((error <= bar).all())
            if not error.size:
                verdicts.append(Verdict(name, actual[name].shape, ok, 0.0,
                                        FLOOR, 0.0, note))
                continue
            worst = int(np.argmax(error / bar))
            if kind.element == "bf16" and np.isfinite(got).all():
                text = ulp_histogram(got, want)
                note = f"{text}, {note}" if note else text
            if not ok and error[worst] > bar[worst]:
                note = f"row {worst} of {len(error)}, {note}"
            verdicts.append(Verdict(
                name, actual[name].shape, ok, float(error[worst]),
                float(bar[worst]),
                float(np.max(cosine_distances(got, want))), note))
        return verdicts
