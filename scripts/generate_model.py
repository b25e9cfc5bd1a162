#!/usr/bin/env python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write a decode step as a model compiler hands it over, before any fusion.

The module holds lm operations for norms, quantisation, rotary embedding and
cache writes, linalg for the matrix products and tensor for views. Attention
(but for the models named -attention) and routed experts are left out: what they
compute is an argument, what they read is a result. docs/Models.md describes the
graphs and their sources.

    generate_model.py --model r1                         one function per kind of layer
    generate_model.py --model r1 --unroll --layers 61    one function, 61 layers
    generate_model.py --model r1 --unroll --layers 61 --counts
    generate_model.py --model v4-attention --preset pro --tp 8
"""

import argparse
import math
import sys

from graph_builder import DYNAMIC, SCHEMES, Function

# Dimensions of the whole model; --tp divides what SHARDED names.
PRESETS = {
    "r1": {
        "full": dict(hidden=7168, heads=128, nope=128, rope=64, value=128,
                     q_rank=1536, kv_rank=512, dense=18432, shared=2048,
                     experts=256, positions=163840, page=64, layers=61,
                     dense_layers=3, tp=8),
        "small": dict(hidden=256, heads=4, nope=32, rope=16, value=32,
                      q_rank=128, kv_rank=64, dense=256, shared=128, experts=8,
                      positions=64, page=16, layers=4, dense_layers=1, tp=1),
    },
    "r1-attention": {
        "full": dict(hidden=7168, heads=128, nope=128, rope=64, value=128,
                     q_rank=1536, kv_rank=512, dense=18432, shared=2048,
                     experts=256, positions=163840, page=64, q_len=1,
                     layers=61, dense_layers=3, tp=8),
        "small": dict(hidden=256, heads=4, nope=32, rope=64, value=32,
                      q_rank=128, kv_rank=512, dense=256, shared=128,
                      experts=8, positions=512, page=16, q_len=1, layers=4,
                      dense_layers=1, tp=1),
    },
    "v4-flash": {
        "full": dict(hidden=4096, heads=64, head=512, rope=64, q_rank=1024,
                     groups=8, o_rank=1024, shared=2048, experts=256,
                     index_heads=64, index_head=128, positions=1048576,
                     page=64, layers=43, tp=1),
        "small": dict(hidden=256, heads=4, head=512, rope=64, q_rank=128,
                      groups=2, o_rank=128, shared=128, experts=8,
                      index_heads=2, index_head=128, positions=64, page=16,
                      layers=4, tp=1),
    },
    "v4-attention": {
        "full": dict(hidden=4096, heads=64, head=512, rope=64, q_rank=1024,
                     groups=8, o_rank=1024, index_heads=64, index_head=128,
                     topk=512, window=128, positions=1048576, page=64,
                     compressed_page=256, first_ratio=0, layers=43, tp=1),
        "pro": dict(hidden=7168, heads=128, head=512, rope=64, q_rank=1536,
                    groups=16, o_rank=1024, index_heads=64, index_head=128,
                    topk=1024, window=128, positions=1048576, page=64,
                    compressed_page=256, first_ratio=128, layers=61, tp=1),
        "small": dict(hidden=256, heads=4, head=512, rope=64, q_rank=128,
                      groups=2, o_rank=128, index_heads=2, index_head=128,
                      topk=32, window=32, positions=2048, page=16,
                      compressed_page=256, first_ratio=0, layers=4, tp=1),
    },
    "llama3": {
        "full": dict(hidden=8192, heads=64, kv_heads=8, head=128, dense=28672,
                     positions=131072, layers=80, tp=8),
        "small": dict(hidden=256, heads=4, kv_heads=2, head=32, dense=256,
                      positions=64, layers=4, tp=1),
    },
}

SHARDED = {
    "r1": ("heads", "dense", "shared"),
    "r1-attention": ("heads", "dense", "shared"),
    "v4-flash": ("heads", "groups", "shared"),
    "v4-attention": ("heads", "groups"),
    "llama3": ("heads", "kv_heads", "dense"),
}

DEFAULT_SCHEME = {"r1": "mxfp4", "r1-attention": "mxfp4",
                  "v4-flash": "fp8-ue8m0",
                  "v4-attention": "fp8-ue8m0",
                  "llama3": "fp8-group128"}

EPSILON = {"r1": "1.0e-06", "r1-attention": "1.0e-06", "v4-flash": "1.0e-06",
           "v4-attention": "1.0e-06", "llama3": "1.0e-05"}

ABOUT = {
    "r1": """\
DeepSeek-R1 (V3), one decode step of a decoder layer, multi-head latent
attention in absorbed form: the latent cache is attended to directly, W_UK is
multiplied into the query and W_UV into the output. The widths are those of one
of eight tensor parallel ranks; the sums over the ranks (of `o_sum` and of the
MLP's output) are not part of the graph.

@dense_layer is a layer with a dense MLP (the first three), @moe_layer one with
routed experts: there x2, the normed input of the MLP, has three users: the
router gate, the shared expert, and the routed experts, for which it is a
result. `attn` is the output of the attention over the cache.

Shapes: config.json of deepseek-ai/DeepSeek-R1 (hidden 7168, 128 heads,
q_lora_rank 1536, kv_lora_rank 512, qk_nope 128, qk_rope 64, v 128, MLP 18432,
shared expert 2048, 256 experts). Graph: vllm-project/vllm,
vllm/model_executor/models/deepseek_v2.py and layers/mla.py.""",
    "r1-attention": """\
DeepSeek-R1 (V3), one decode step of a decoder layer with its attention: the
latent row of each token is written to the paged cache, and the absorbed queries
attend to the cache with those rows. Request b has `lengths[b]` tokens, the new
ones included, in the pages `block_table[b]`; its tokens of this step are
successive rows (one, unless several are predicted), masked causally. The widths
are those of one of eight tensor parallel ranks; the sums over the ranks (of
`o_sum` and of the MLP's output) are not part of the graph.

@dense_attention_layer has a dense MLP (the first three layers),
@moe_attention_layer routed experts, for which x2 is a result. The scale of the
logits is that of 192 columns times the square of YaRN's 0.1 ln 40 + 1.

Shapes: config.json of deepseek-ai/DeepSeek-R1 (hidden 7168, 128 heads,
q_lora_rank 1536, kv_lora_rank 512, qk_nope 128, qk_rope 64, v 128, MLP 18432,
shared expert 2048, 256 experts). Graph: vllm-project/vllm,
vllm/model_executor/models/deepseek_v2.py and layers/mla.py.""",
    "v4-flash": """\
DeepSeek-V4-Flash, one decode step of a decoder layer between the
hyper-connections, all heads on one rank. `y` and `y_ffn` are what the
hyper-connections hand to the two sublayers, `attn` is the output of the sparse
attention.

The layers differ by the compression of their long-range cache: @layer_ratio_0
has a sliding window only, @layer_ratio_128 and @layer_ratio_4 also project the
normed input for the compressor (f32), and @layer_ratio_4 for the indexer. Those
projections are results. The query heads are normed without a weight, the last
64 of 512 columns rotated; the window's cache holds 584 bytes per token.

Shapes: config.json of deepseek-ai/DeepSeek-V4-Flash (hidden 4096, 64 heads of
512, q_lora_rank 1024, 8 output groups of rank 1024, shared expert 2048, clamp
10). Graph: vllm-project/vllm, vllm/model_executor/models/deepseek_v4.py.""",
    "v4-attention": """\
DeepSeek-V4, the attention sublayer of one decode step from the output of the
hyper-connections, `y`, to the o projection, with the attention itself. With
--preset pro it is DeepSeek-V4-Pro's, else Flash's. The sum over the ranks of
`o_b` is not part of the graph.

Token t belongs to request requests[t]; a block table has a row per request.
Every layer attends to a sliding window of the cache that this step's latent row
was written to: the window's slots come from the positions. @attention_ratio_4
and @attention_ratio_128 also attend to a compressed cache, one entry per 4 or
128 tokens, which the compressor has written: with 4 to the entries that the
indexer chose (`indices`: as many as there are, else -1), with 128 to all of
them.
The sink is a logit per head. Projections for compressor and indexer are results.

Shapes: config.json of deepseek-ai/DeepSeek-V4-Flash and DeepSeek-V4-Pro (hidden
4096 and 7168, 64 and 128 heads of 512, q_lora_rank 1024 and 1536, 8 and 16
output groups of rank 1024, index_topk 512 and 1024, window 128). Graph:
vllm-project/vllm, vllm/model_executor/models/deepseek_v4.py.""",
    "llama3": """\
Llama 3 70B, one decode step of a decoder layer: for contrast, without latent
attention. Query and key are rotated whole (NeoX pairs) and are results, as is
the value: the grouped-query attention with its caches is not part of it. `attn`
is its output. The widths are those of one of eight tensor parallel ranks; the
sums over the ranks are not part of the graph.

Shapes: config.json of meta-llama/Meta-Llama-3-70B (hidden 8192, 64 heads of
128, 8 key-value heads, MLP 28672, epsilon 1e-5). Graph: vllm-project/vllm,
vllm/model_executor/models/llama.py.""",
}


def mlp(f, x, width, hidden, clamp=None):
    """gate_up, gated activation, down; every input quantised."""
    gate_up = f.gemm("gate_up", f.quantized(x), 2 * width)
    act = f.silu_mul("act", gate_up, clamp)
    return f.gemm("down", f.quantized(act), hidden)


def router(f, x, experts):
    """The router's logits: bf16 operands, f32 result."""
    return f.gemm("logits", x, experts, "f32")


# DeepSeek-R1.

# Logits are scaled by the square of YaRN's factor for an extension by 40.
R1_MSCALE = 0.1 * math.log(40.0) + 1.0


def r1_attends(d):
    """Whether the attention is a part of the graph."""
    return "q_len" in d


def r1_shared(f, d):
    """What all layers share."""
    shared = (f.arg("positions", (DYNAMIC,), "i64", shared=True),
              f.arg("slots", (DYNAMIC,), "i64", shared=True),
              f.arg("rope_table", (d["positions"], d["rope"]), "f32",
                    shared=True))
    if r1_attends(d):
        shared += (f.arg("block_table", (DYNAMIC, DYNAMIC), "i32", shared=True),
                   f.arg("lengths", (DYNAMIC,), "i32", shared=True))
    return shared


def r1_layer(f, d, shared, h, r, moe):
    """A decoder layer; returns h for the next layer (None with the routed
    experts left out) and the residual."""
    positions, slots, table = shared[:3]
    heads, nope, rope = d["heads"], d["nope"], d["rope"]
    latent = d["kv_rank"]
    if not r1_attends(d):
        attn = f.tokens("attn", heads, latent)
    cache = f.arg("cache", (DYNAMIC, d["page"], latent + rope))

    f.comment("Input norm and the fused a-projection of query and latent.")
    if r is None:
        x, r1 = f.norm("x", h), h
    else:
        x, r1 = f.add_norm("x", h, r, "r1")
    a = f.gemm("qkv_a", f.quantized(x), d["q_rank"] + latent + rope)
    q_c = f.slice("q_c", a, 0, d["q_rank"])
    kv = f.slice("kv", a, d["q_rank"], latent + rope)
    kv_c = f.slice("kv_c", kv, 0, latent)
    k_pe = f.slice("k_pe", kv, latent, rope)
    q_n = f.norm("q_n", q_c)
    kv_n = f.norm("kv_n", kv_c)

    f.comment("Query heads; the rotated part is assigned back into them.")
    q = f.gemm("q_b", f.quantized(q_n), heads * (nope + rope))
    q = f.expand("q", q, heads, nope + rope)
    q_pe = f.slice("q_pe", q, nope, rope)
    k_pe = f.expand("k_pe_heads", k_pe, 1, rope)
    q_rot = f.rope("q_rot", q_pe, "interleaved", positions, table)
    k_rot = f.rope("k_rot", k_pe, "interleaved", positions, table)
    q = f.insert("q_rotated", q_rot, q, nope)
    k_rot = f.collapse("k_rot_rows", k_rot)
    cache = f.cache_write("bf16", kv_n, k_rot, slots, cache)

    f.comment("The absorbed query that attends to the latent cache.")
    q_nope = f.transpose("q_nope_heads", f.slice("q_nope", q, 0, nope))
    q_latent = f.transpose("q_latent", f.batch_gemm("uk", q_nope, latent))
    query = f.concat("query", q_latent, f.slice("q_pe_rotated", q, nope, rope))
    if r1_attends(d):
        f.result(cache)
        f.comment("Attention over the cache with the rows of this step.")
        attn = f.dense_decode("attn", query, cache, *shared[3:], latent,
                              (nope + rope)**-0.5 * R1_MSCALE**2, d["q_len"])
    else:
        f.result(query, cache)

    f.comment("Attention output to value heads, o projection.")
    o = f.batch_gemm("uv", f.transpose("attn_heads", attn), d["value"])
    o = f.collapse("o_rows", f.transpose("o", o))
    o_sum = f.gemm("o_sum", f.quantized(o), d["hidden"])

    f.comment("MLP." if not moe else
              "Router gate and shared expert; x2 also feeds the routed experts.")
    x2, r2 = f.add_norm("x2", o_sum, r1, "r2")
    if not moe:
        return mlp(f, x2, d["dense"], d["hidden"]), r2
    logits = router(f, x2, d["experts"])
    shared_out = mlp(f, x2, d["shared"], d["hidden"])
    f.result(logits, x2)
    return shared_out, r2


def r1_functions(d, scheme, epsilon):
    """One function per kind of layer."""
    for kind, moe in (("dense", False), ("moe", True)):
        name = kind + ("_attention" if r1_attends(d) else "") + "_layer"
        f = Function(name, scheme, epsilon)
        h = f.tokens("h", d["hidden"])
        r = f.tokens("r", d["hidden"])
        h_next, r2 = r1_layer(f, d, r1_shared(f, d), h, r, moe)
        f.result(h_next, r2)
        yield f


def r1_step(d, scheme, epsilon):
    """All layers in one function, the embedding's output first."""
    f = Function("decode_step", scheme, epsilon)
    h, r = f.tokens("h", d["hidden"]), None
    shared = r1_shared(f, d)
    for i in range(d["layers"]):
        f.suffix = "_%d" % i
        moe = i >= d["dense_layers"]
        h, r = r1_layer(f, d, shared, h, r, moe)
        if moe:
            h = f.add("h_next", f.tokens("routed", d["hidden"]), h)
    f.suffix = ""
    f.comment("Final norm, before the language model head.")
    f.result(*f.add_norm("final", h, r, "r_final")[:1])
    return f


def r1_counts(d, scheme):
    """Fusions that the step allows."""
    layers, quant = d["layers"], scheme is not None
    return {
        # The first input norm, and the query norms of which dual-rms-norm
        # makes two.
        "rms-norm-quantize": 1 + layers if quant else 0,
        "add-rms-norm-quantize": 2 * layers - 1 if quant else 0,
        "dual-rms-norm": layers,
        "silu-mul-quantize": layers if quant else 0,
        "rope-mla-cache-write": layers,
        "rope-quantize": 0,
    }


# DeepSeek-V4-Flash.

def v4_ratio(layer, first=0):
    """Compression ratio of a layer: two with `first`, then 4 and 128 in turn."""
    return first if layer < 2 else (4 if layer % 2 == 0 else 128)


def v4_stride(page):
    """Bytes of a block of `page` rows of 584 bytes."""
    return -(-584 * page // 576) * 576


def v4_shared(f, d):
    """What all layers share."""
    return (f.arg("positions", (DYNAMIC,), "i64", shared=True),
            f.arg("slots", (DYNAMIC,), "i64", shared=True),
            f.arg("rope_table", (d["positions"], d["rope"]), "f32",
                  shared=True))


def v4_projections(f, d, shared, y, cache, ratio):
    """Query heads, and the cache with the latent rows."""
    positions, slots, table = shared
    heads, head, rope = d["heads"], d["head"], d["rope"]
    nope, page = head - rope, d["page"]

    f.comment("Input norm and the fused a-projection of query and latent.")
    x = f.norm("x", y)
    a = f.gemm("qkv_a", f.quantized(x), d["q_rank"] + head)
    q_c = f.slice("q_c", a, 0, d["q_rank"])
    kv_c = f.slice("kv_c", a, d["q_rank"], head)
    if ratio:
        f.comment("Projection for the compressor, f32.")
        f.result(f.gemm("compressor", x, (4 if ratio == 4 else 2) * head,
                        "f32"))
    if ratio == 4:
        f.comment("Projections for the indexer.")
        f.result(f.gemm("index_compressor", x, 4 * d["index_head"], "f32"),
                 f.gemm("index_weights", x, d["index_heads"]))
    q_n = f.norm("q_n", q_c)
    kv_n = f.norm("kv_n", kv_c)

    f.comment("Query heads: norm without weight, trailing columns rotated.")
    q = f.gemm("q_b", f.quantized(q_n), heads * head)
    if ratio == 4:
        index = f.gemm("index_q", f.quantized(q_n),
                       d["index_heads"] * d["index_head"])
        f.result(f.expand("index_query", index, d["index_heads"],
                          d["index_head"]))
    q = f.norm("q_heads", f.expand("q", q, heads, head), weighted=False)
    q_rot = f.rope("q_rot", f.slice("q_pe", q, nope, rope), "interleaved",
                   positions, table)
    query = f.insert("query", q_rot, q, nope)

    f.comment("Latent row of the sliding window's cache.")
    kv_nope = f.slice("kv_nope", kv_n, 0, nope)
    k_rot = f.rope("k_rot", f.slice("k_pe", kv_n, nope, rope), "interleaved",
                   positions, table)
    cache = f.cache_write("ds_mla_584", kv_nope, k_rot, slots, cache, page)
    return query, cache


def v4_output(f, d, shared, attn):
    """The o projection of the attention's output."""
    positions, _, table = shared
    heads, head, rope = d["heads"], d["head"], d["rope"]
    nope = head - rope

    f.comment("Attention output rotated back, quantised, grouped o projection.")
    o_rot = f.rope("o_rot", f.slice("o_pe", attn, nope, rope),
                   "interleaved inverse", positions, table)
    o = f.collapse("o_rows", f.insert("o", o_rot, attn, nope))
    groups = d["groups"]
    o = f.expand("o_groups", o, groups, heads * head // groups)
    o = f.transpose("o_heads", f.quantized(o))
    o = f.transpose("o_latent", f.batch_gemm("o_a", o, d["o_rank"]))
    o = f.collapse("o_latent_rows", o)
    f.result(f.gemm("o_b", f.quantized(o), d["hidden"]))


def v4_layer(f, d, shared, y, ratio):
    """A decoder layer between the hyper-connections."""
    attn = f.tokens("attn", d["heads"], d["head"])
    y_ffn = f.tokens("y_ffn", d["hidden"])
    cache = f.arg("cache", (DYNAMIC, v4_stride(d["page"])), "i8")
    f.result(*v4_projections(f, d, shared, y, cache, ratio))
    v4_output(f, d, shared, attn)

    f.comment("Router gate and shared expert; xf also feeds the routed experts.")
    xf = f.norm("xf", y_ffn)
    logits = router(f, xf, d["experts"])
    f.result(logits, mlp(f, xf, d["shared"], d["hidden"], "10.0"), xf)


def v4_functions(d, scheme, epsilon):
    """One function per kind of layer."""
    for ratio in (0, 128, 4):
        f = Function("layer_ratio_%d" % ratio, scheme, epsilon)
        y = f.tokens("y", d["hidden"])
        v4_layer(f, d, v4_shared(f, d), y, ratio)
        yield f


def v4_step(d, scheme, epsilon):
    """All layers in one function."""
    f = Function("decode_step", scheme, epsilon)
    y = f.tokens("y", d["hidden"])
    shared = v4_shared(f, d)
    for i in range(d["layers"]):
        f.suffix = "_%d" % i
        v4_layer(f, d, shared, f.tokens("y", d["hidden"]) if i else y,
                 v4_ratio(i))
    f.suffix = ""
    f.comment("Final norm, before the language model head.")
    f.result(f.norm("final", f.tokens("y_head", d["hidden"])))
    return f


def v4_counts(d, scheme):
    """Fusions that the step allows."""
    layers, quant = d["layers"], scheme is not None
    return {
        "rms-norm-quantize": 3 * layers if quant else 0,
        "add-rms-norm-quantize": 0,
        "dual-rms-norm": layers,
        "silu-mul-quantize": layers if quant else 0,
        "rope-mla-cache-write": layers,
        "rope-quantize": layers if quant else 0,
    }


# DeepSeek-V4's attention.

def v4_attention_shared(f, d, ratios):
    """What all layers share: that of v4_layer, requests, block tables."""
    shared = v4_shared(f, d)
    requests = f.arg("requests", (DYNAMIC,), "i32", shared=True)
    tables = {ratio: f.arg(name, (DYNAMIC, DYNAMIC), "i32", shared=True)
              for ratio, name in ((0, "window_table"), (4, "table_4"),
                                  (128, "table_128"))
              if ratio == 0 or ratio in ratios}
    return shared, requests, tables


def v4_attention_layer(f, d, shared, y, ratio):
    """The attention sublayer between the hyper-connections."""
    shared, requests, tables = shared
    positions = shared[0]
    cache = f.arg("cache", (DYNAMIC, v4_stride(d["page"])), "i8")
    sink = f.arg("sink", (d["heads"],), "f32")
    pages = [d["page"]]
    if ratio:
        pages.append(d["compressed_page"] // ratio)
        compressed = f.arg("compressed_cache", (DYNAMIC, v4_stride(pages[1])),
                           "i8")
    if ratio == 4:
        indices = f.tokens("indices", d["topk"], element="i32")
    query, cache = v4_projections(f, d, shared, y, cache, ratio)
    f.result(cache)

    f.comment("Slots of the window%s." % {
        0: "", 4: " and of the entries that the indexer chose",
        128: " and of the whole compressed cache"}[ratio])
    scopes = [[cache] + f.slots(
        "swa_slots", "window", positions, tables[0], requests, d["window"],
        "window = %d, page_size = %d" % (d["window"], pages[0]))]
    if ratio:
        attributes = "page_size = %d, compress_ratio = %d" % (pages[1], ratio)
    if ratio == 4:
        scopes.append([compressed] + f.slots(
            "topk_slots", "chosen", indices, tables[ratio], requests,
            d["topk"], attributes + ", full", positions))
    elif ratio:
        entries = d["positions"] // ratio
        scopes.append([compressed] + f.slots(
            "swa_slots", "entry", positions, tables[ratio], requests, entries,
            "window = %d, %s" % (entries, attributes)))

    f.comment("Attention with a sink.")
    v4_output(f, d, shared, f.sparse_decode("attn", query, scopes, pages,
                                            sink))


def v4_attention_functions(d, scheme, epsilon):
    """One function per kind of layer."""
    for ratio in (0, 128, 4):
        f = Function("attention_ratio_%d" % ratio, scheme, epsilon)
        y = f.tokens("y", d["hidden"])
        v4_attention_layer(f, d, v4_attention_shared(f, d, (ratio,)), y, ratio)
        yield f


def v4_attention_step(d, scheme, epsilon):
    """The sublayers of all layers in one function."""
    f = Function("decode_step", scheme, epsilon)
    y = f.tokens("y", d["hidden"])
    ratios = [v4_ratio(i, d["first_ratio"]) for i in range(d["layers"])]
    shared = v4_attention_shared(f, d, ratios)
    for i, ratio in enumerate(ratios):
        f.suffix = "_%d" % i
        v4_attention_layer(f, d, shared,
                           f.tokens("y", d["hidden"]) if i else y, ratio)
    f.suffix = ""
    return f


def v4_attention_counts(d, scheme):
    """Fusions that the step allows."""
    layers, quant = d["layers"], scheme is not None
    return {
        "rms-norm-quantize": 2 * layers if quant else 0,
        "add-rms-norm-quantize": 0,
        "dual-rms-norm": layers,
        "silu-mul-quantize": 0,
        "rope-mla-cache-write": layers,
        "rope-quantize": layers if quant else 0,
    }


# Llama 3.

def llama3_shared(f, d):
    """What all layers share."""
    return (f.arg("positions", (DYNAMIC,), "i64", shared=True),
            f.arg("rope_table", (d["positions"], d["head"]), "f32",
                  shared=True))


def llama3_layer(f, d, shared, h, r):
    """A decoder layer; returns h for the next one and the residual."""
    positions, table = shared
    heads, kv_heads, head = d["heads"], d["kv_heads"], d["head"]
    attn = f.tokens("attn", heads * head)

    f.comment("Input norm, fused query, key and value projection.")
    if r is None:
        x, r1 = f.norm("x", h), h
    else:
        x, r1 = f.add_norm("x", h, r, "r1")
    qkv = f.gemm("qkv", f.quantized(x), (heads + 2 * kv_heads) * head)
    q = f.slice("q_rows", qkv, 0, heads * head)
    k = f.slice("k_rows", qkv, heads * head, kv_heads * head)
    v = f.slice("v_rows", qkv, (heads + kv_heads) * head, kv_heads * head)
    q_rot = f.rope("q_rot", f.expand("q", q, heads, head), "neox", positions,
                   table)
    k_rot = f.rope("k_rot", f.expand("k", k, kv_heads, head), "neox",
                   positions, table)
    f.result(q_rot, k_rot, f.expand("v", v, kv_heads, head))

    f.comment("o projection, MLP.")
    o_sum = f.gemm("o_sum", f.quantized(attn), d["hidden"])
    x2, r2 = f.add_norm("x2", o_sum, r1, "r2")
    return mlp(f, x2, d["dense"], d["hidden"]), r2


def llama3_functions(d, scheme, epsilon):
    """The one kind of layer."""
    f = Function("layer", scheme, epsilon)
    h = f.tokens("h", d["hidden"])
    r = f.tokens("r", d["hidden"])
    f.result(*llama3_layer(f, d, llama3_shared(f, d), h, r))
    yield f


def llama3_step(d, scheme, epsilon):
    """All layers in one function, the embedding's output first."""
    f = Function("decode_step", scheme, epsilon)
    h, r = f.tokens("h", d["hidden"]), None
    shared = llama3_shared(f, d)
    for i in range(d["layers"]):
        f.suffix = "_%d" % i
        h, r = llama3_layer(f, d, shared, h, r)
    f.suffix = ""
    f.comment("Final norm, before the language model head.")
    f.result(*f.add_norm("final", h, r, "r_final")[:1])
    return f


def llama3_counts(d, scheme):
    """Fusions that the step allows."""
    layers, quant = d["layers"], scheme is not None
    return {
        "rms-norm-quantize": 1 if quant else 0,
        "add-rms-norm-quantize": 2 * layers - 1 if quant else 0,
        "dual-rms-norm": 0,
        "silu-mul-quantize": layers if quant else 0,
        "rope-mla-cache-write": 0,
        "rope-quantize": 0,
    }


MODELS = {
    "r1": (r1_functions, r1_step, r1_counts),
    "r1-attention": (r1_functions, r1_step, r1_counts),
    "v4-flash": (v4_functions, v4_step, v4_counts),
    "v4-attention": (v4_attention_functions, v4_attention_step,
                     v4_attention_counts),
    "llama3": (llama3_functions, llama3_step, llama3_counts),
}


def dimensions(args):
    """The dimensions on one rank."""
    if args.preset not in PRESETS[args.model]:
        raise SystemExit("error: %s has no preset '%s', only %s" % (
            args.model, args.preset, ", ".join(PRESETS[args.model])))
    d = dict(PRESETS[args.model][args.preset])
    for setting in args.set:
        name, _, value = setting.partition("=")
        if name not in d or not value.isdigit() or int(value) < 1:
            raise SystemExit("error: --set %s: expected NAME=NUMBER, NAME one "
                             "of %s" % (setting, ", ".join(sorted(d))))
        d[name] = int(value)
    if args.tp is not None:
        d["tp"] = args.tp
    for name in SHARDED[args.model]:
        if d["tp"] < 1 or d[name] % d["tp"] != 0:
            raise SystemExit("error: %s = %d is not divisible over %d ranks"
                             % (name, d[name], d["tp"]))
        d[name] //= d["tp"]
    if args.layers is not None:
        if not args.unroll:
            raise SystemExit("error: --layers needs --unroll")
        if args.layers < 1:
            raise SystemExit("error: --layers must be positive")
        d["layers"] = args.layers
    return d


def command_line(args):
    """The options that give the same output again."""
    parts = ["generate_model.py --model", args.model]
    if args.preset != "full":
        parts += ["--preset", args.preset]
    for setting in args.set:
        parts += ["--set", setting]
    if args.tp is not None:
        parts += ["--tp", str(args.tp)]
    if args.quant is not None:
        parts += ["--quant", args.quant]
    if args.unroll:
        parts += ["--unroll"]
    if args.layers is not None:
        parts += ["--layers", str(args.layers)]
    return " ".join(parts)


def module(args, d, scheme):
    """The module's text."""
    functions, step, _ = MODELS[args.model]
    epsilon = EPSILON[args.model]
    built = ([step(d, scheme, epsilon)] if args.unroll
             else list(functions(d, scheme, epsilon)))
    out = ["// Written by scripts/%s; docs/Models.md has the graph."
           % command_line(args), "//"]
    if args.unroll:
        out += ["// %d decoder layers of this kind in one function:"
                % d["layers"], "//"]
    about = ABOUT[args.model]
    if args.preset != "full" or args.set or args.tp is not None:
        about += ("\n\nThe options above change the dimensions; those named here "
                  "are the published ones.")
    out += [("// " + line).rstrip() for line in about.split("\n")]
    out += ["//",
            "// Try: hipfuse-opt FILE --lm-fuse --canonicalize --cse", ""]
    out += ["#rows = affine_map<(t, n, k) -> (t, k)>",
            "#weight = affine_map<(t, n, k) -> (n, k)>",
            "#result = affine_map<(t, n, k) -> (t, n)>"]
    if scheme is not None:
        out += ["#scheme = #lm.scheme<%s>" % scheme.text]
    out += ["", "module {"]
    text = "\n".join(out) + "\n" + "\n".join(f.text() for f in built) + "}\n"
    return text


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True, choices=sorted(MODELS))
    parser.add_argument("--preset", default="full",
                        choices=("full", "pro", "small"),
                        help="published dimensions (pro: those of DeepSeek-V4-"
                             "Pro), or small\nones for tests")
    parser.add_argument("--set", action="append", default=[],
                        metavar="NAME=NUMBER", help="change one dimension")
    parser.add_argument("--tp", type=int, metavar="RANKS",
                        help="tensor parallel ranks (default: the preset's)")
    parser.add_argument("--quant", choices=sorted(SCHEMES),
                        help="activation scheme (default: the model's)")
    parser.add_argument("--unroll", action="store_true",
                        help="all layers in one function")
    parser.add_argument("--layers", type=int, metavar="N",
                        help="number of unrolled layers")
    parser.add_argument("--counts", action="store_true",
                        help="print the fusions that the unrolled step allows, "
                             "as lm-fuse's option\nrequire-match takes them")
    args = parser.parse_args()
    d = dimensions(args)
    scheme = SCHEMES[args.quant or DEFAULT_SCHEME[args.model]]
    if args.counts:
        if not args.unroll:
            raise SystemExit("error: --counts needs --unroll")
        counts = MODELS[args.model][2](d, scheme)
        print(",".join("%s:%d" % item for item in counts.items()))
        return
    sys.stdout.write(module(args, d, scheme))


if __name__ == "__main__":
    main()
