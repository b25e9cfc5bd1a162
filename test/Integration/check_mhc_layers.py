# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs layers with hyper-connections and judges every stage.

    check_mhc_layers.py --build DIR EXAMPLE

EXAMPLE is examples/deepseek_v4_mhc.mlir: the residual state of three layers,
fused and not, with equal bits. Then a whole decoder layer: pending mhc_post,
mhc_pre, norm, projections, rotation, cache write, sparse attention with a sink,
mhc_post and mhc_pre, norm, FP8 quantisation. Each stage is compared with the
float64 reference of what the stage before it wrote, so that bars stay those of
one operation. The last line is "N passed, N failed".
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "golden"))
from hipfuse_golden import attention, compare, mhc, norm, quant, rope  # noqa: E402
import check_mhc  # noqa: E402
from check_mhc import Checks, bf16_bits, bf16_values  # noqa: E402
import hipfuse_rt  # noqa: E402

ATTRIBUTES = dict(rms_epsilon=1e-6, pre_epsilon=1e-6, post_mult=2.0,
                  sinkhorn_epsilon=1e-6, sinkhorn_iterations=20)
HEAD = dict(rms_epsilon=1e-6, pre_epsilon=1e-6)


def tool(build, name, *args):
    result = subprocess.run([os.path.join(build, "bin", name), *args],
                            capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{name}: {result.stderr.strip()[:2000]}")
    return result.stdout


def build_both(build, directory, runtime, source, target):
    """Modules of the program as written, and fused for `target`."""
    fused = os.path.join(directory, "fused.mlir")
    tool(build, "hipfuse-opt", source, "--inline", "--symbol-dce",
         f"--lm-attach-target=chip={target}", "--lm-fuse=mhc=fused",
         "--canonicalize", "--cse", "-o", fused)
    modules = []
    for path, name in ((source, "plain.so"), (fused, "fused.so")):
        artefact = os.path.join(directory, name)
        tool(build, "hipfuse-compile", path, "--fuse=false", "-o", artefact)
        modules.append(runtime.load(artefact))
    with open(fused) as file:
        return modules, file.read()


def count(text, op):
    return len(re.findall(rf"\blm\.{op}\b", text))


# Three layers --------------------------------------------------------------


def sublayer_weights(rng, n, hidden):
    data = check_mhc.make_inputs(rng, n, hidden, 1)
    return [data[k] for k in ("fn", "scale", "base", "w")]


def check_example(checks, build, runtime, example, rng, tokens):
    n, hidden = 4, 4096
    with tempfile.TemporaryDirectory() as directory:
        (plain, fused), text = build_both(build, directory, runtime, example,
                                          "gfx950")
    body = text[text.index("@three_layers"):]
    found = {op: count(body, op) for op in
             ("mhc_post_pre", "mhc_pre", "mhc_post", "mhc_head", "rms_norm")}
    # Five seams; the first pre has none, the last post has none.
    checks.expect(found == dict(mhc_post_pre=5, mhc_pre=1, mhc_post=1,
                                mhc_head=1, rms_norm=0),
                  f"three layers fuse to {found}")
    checks.expect("linalg.broadcast" not in body,
                  "the embedding is not repeated")

    data = check_mhc.make_inputs(rng, n, hidden, tokens)
    outputs = [bf16_bits(rng.standard_normal((tokens, hidden)))
               for _ in range(6)]
    weights = [sublayer_weights(rng, n, hidden) for _ in range(6)]
    args = [data["row"], *outputs] + [w for ws in weights for w in ws]
    args += [data["head_fn"], data["head_scale"], data["head_base"]]
    got = plain.call("three_layers", args)
    checks.bits(f"three layers, T={tokens}, fused", fused.call(
        "three_layers", args), got)

    # The reference of the whole chain, its residual rounded where it is
    # stored. A tie that goes the other way moves later logits by up to 1e-4,
    # so a few more elements may be off, but rows keep their direction.
    def judge(name, got, want):
        checks.bf16(f"three layers: {name}", got, want, fraction=5e-2)
        a = bf16_values(got)
        cosine = (a * want).sum(1) / np.sqrt((a * a).sum(1) *
                                             (want * want).sum(1))
        checks.expect((cosine > 1 - 1e-5).all(),
                      f"three layers: {name}: cosine {cosine.min()}")

    residual = np.repeat(bf16_values(data["row"])[:, None], n, axis=1)
    for i, (fn, scale, base, w) in enumerate(weights):
        state = mhc.mhc_pre(residual, fn, scale, base, **ATTRIBUTES,
                            out_type="bf16")
        want = norm.rms_norm(state.layer_input, bf16_values(w), epsilon=1e-6,
                             out_type="f64").y
        judge(f"input of sublayer {i}", got[i], want)
        residual = bf16_values(bf16_bits(mhc.mhc_post(
            bf16_values(outputs[i]), residual, state.post, state.comb,
            out_type="f64")))
    judge("head", got[6], mhc.mhc_head(
        residual, *(data[k] for k in ("head_fn", "head_scale", "head_base")),
        **HEAD, out_type="f64"))


# A whole layer -------------------------------------------------------------

HIDDEN, HEADS, DIM, PAGE, POSITIONS = 512, 4, 512, 16, 256

ALIASES = """
#rows = affine_map<(t, n, k) -> (t, k)>
#weight = affine_map<(t, n, k) -> (n, k)>
#result = affine_map<(t, n, k) -> (t, n)>
#fp8 = #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
"""

PROJECTION = """
func.func private @project_{name}(%x: tensor<?x{K}xbf16>, %w: tensor<{N}x{K}xbf16>) -> tensor<?x{N}xbf16> {{
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : tensor<?x{K}xbf16>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%t) : tensor<?x{N}xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x{N}xf32>) -> tensor<?x{N}xf32>
  %p = linalg.generic {{indexing_maps = [#rows, #weight, #result], iterator_types = ["parallel", "parallel", "reduction"]}} ins(%x, %w : tensor<?x{K}xbf16>, tensor<{N}x{K}xbf16>) outs(%z : tensor<?x{N}xf32>) {{
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 : f32
    %3 = arith.addf %c, %2 : f32
    linalg.yield %3 : f32
  }} -> tensor<?x{N}xf32>
  %r = arith.truncf %p : tensor<?x{N}xf32> to tensor<?x{N}xbf16>
  return %r : tensor<?x{N}xbf16>
}}
"""


def layer_text():
    x, r = "tensor<?x512xbf16>", "tensor<?x4x512xbf16>"
    p, c = "tensor<?x4xf32>", "tensor<?x4x4xf32>"
    fn, s, b = "tensor<24x2048xf32>", "tensor<3xf32>", "tensor<24xf32>"
    q, cache = "tensor<?x4x512xbf16>", f"tensor<?x{PAGE}x512xbf16>"
    d, sc = "tensor<?x512xf8E4M3FN>", "tensor<?x4xf32>"
    table = f"tensor<{POSITIONS}x64xf32>"
    text = ALIASES
    for k, n, name in ((512, 2048, "q"), (512, 512, "kv"), (2048, 512, "o")):
        text += PROJECTION.format(K=k, N=n, name=name)

    def pre(tag, residual):
        return f"""
  %y{tag}_0 = tensor.empty(%t) : {x}
  %post{tag}_0 = tensor.empty(%t) : {p}
  %comb{tag}_0 = tensor.empty(%t) : {c}
  %y{tag}, %post{tag}, %comb{tag} = lm.mhc_pre {{rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64}}
      ins({residual} : {r}) fn(%fn{tag} : {fn}) scale(%scale{tag} : {s}) base(%base{tag} : {b}) outs(%y{tag}_0, %post{tag}_0, %comb{tag}_0 : {x}, {p}, {c})
  %n{tag}_0 = tensor.empty(%t) : {x}
  %n{tag} = lm.rms_norm {{epsilon = 1.0e-06 : f32}} ins(%y{tag} : {x}) weight(%g{tag} : tensor<512xbf16>) outs(%n{tag}_0 : {x})"""

    def post(tag, value, residual, weights):
        return f"""
  %r{tag}_0 = tensor.empty(%t) : {r}
  %r{tag} = lm.mhc_post ins({value}, {residual} : {x}, {r}) mix({weights} : {p}, {c}) outs(%r{tag}_0 : {r})"""

    def rotated(name, source, type_, rank):
        tail = type_.replace("x512x", "x64x")
        zeros = ", ".join(["0"] * (rank - 1))
        sizes = ", ".join(["%t", "4"][:rank - 1])
        ones = ", ".join(["1"] * rank)
        return f"""
  %{name}_pe = tensor.extract_slice {source}[{zeros}, 448] [{sizes}, 64] [{ones}] : {type_} to {tail}
  %{name}_0 = tensor.empty(%t) : {tail}
  %{name}_rot = lm.rope interleaved ins(%{name}_pe : {tail}) positions(%positions : tensor<?xi64>) tables(%table : {table}) outs(%{name}_0 : {tail})"""

    args = [f"%x: {x}", f"%r: {r}", f"%post: {p}", f"%comb: {c}"]
    for tag in ("_a", "_f"):
        args += [f"%fn{tag}: {fn}", f"%scale{tag}: {s}", f"%base{tag}: {b}",
                 f"%g{tag}: tensor<512xbf16>"]
    args += ["%w_q: tensor<2048x512xbf16>", "%w_kv: tensor<512x512xbf16>",
             "%w_o: tensor<512x2048xbf16>", "%positions: tensor<?xi64>",
             f"%table: {table}", "%write: tensor<?xi64>", f"%cache: {cache}",
             "%slots: tensor<?x32xi32>", "%sink: tensor<4xf32>"]
    results = [("r_a", r), ("post_a", p), ("comb_a", c), ("n_a", x),
               ("qr", q), ("kvp", x), ("cache1", cache), ("att", q),
               ("xo", x), ("r_f", r), ("post_f", p), ("comb_f", c),
               ("n_f", x), ("d", d), ("sc", sc)]
    types = ", ".join(t for _, t in results)
    return text + f"""
func.func @layer({", ".join(args)}) -> ({types}) {{
  %c0 = arith.constant 0 : index
  %t = tensor.dim %x, %c0 : {x}""" + post(
        "_a", "%x", "%r", "%post, %comb") + pre("_a", "%r_a") + f"""
  %qp = func.call @project_q(%n_a, %w_q) : ({x}, tensor<2048x512xbf16>) -> tensor<?x2048xbf16>
  %kvp = func.call @project_kv(%n_a, %w_kv) : ({x}, tensor<512x512xbf16>) -> {x}
  %qh = tensor.expand_shape %qp [[0], [1, 2]] output_shape [%t, 4, 512] : tensor<?x2048xbf16> into {q}
  %qn_0 = tensor.empty(%t) : {q}
  %qn = lm.rms_norm {{epsilon = 1.0e-06 : f32}} ins(%qh : {q}) outs(%qn_0 : {q})""" + rotated(
        "q", "%qn", q, 3) + f"""
  %qr = tensor.insert_slice %q_rot into %qn[0, 0, 448] [%t, 4, 64] [1, 1, 1] : tensor<?x4x64xbf16> into {q}""" + rotated(
        "k", "%kvp", x, 2) + f"""
  %kvc = tensor.extract_slice %kvp[0, 0] [%t, 448] [1, 1] : {x} to tensor<?x448xbf16>
  %cache1 = lm.mla_cache_write bf16 {{skip_rule = #lm.skip_rule<negative>}} ins(%kvc, %k_rot : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%write : tensor<?xi64>) outs(%cache : {cache})
  %att_0 = tensor.empty(%t) : {q}
  %att = lm.sparse_mla_decode bf16 {{sm_scale = 0.0441941738 : f32}} ins(%qr : {q}) cache(%cache1 : {cache}) slots(%slots : tensor<?x32xi32>) sink(%sink : tensor<4xf32>) outs(%att_0 : {q})
  %flat = tensor.collapse_shape %att [[0], [1, 2]] : {q} into tensor<?x2048xbf16>
  %xo = func.call @project_o(%flat, %w_o) : (tensor<?x2048xbf16>, tensor<512x2048xbf16>) -> {x}""" + post(
        "_f", "%xo", "%r_a", "%post_a, %comb_a") + pre("_f", "%r_f") + f"""
  %d_0 = tensor.empty(%t) : {d}
  %sc_0 = tensor.empty(%t) : {sc}
  %d, %sc = lm.quantize #fp8 ins(%n_f : {x}) outs(%d_0, %sc_0 : {d}, {sc})
  return {", ".join("%" + v for v, _ in results)} : {types}
}}
""", [name for name, _ in results]


def check_layer(checks, build, runtime, rng, tokens):
    text, names = layer_text()
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "layer.mlir")
        with open(source, "w") as file:
            file.write(text)
        (plain, fused), fused_text = build_both(build, directory, runtime,
                                                source, "gfx950")
    for op, number in (("mhc_post_pre", 1), ("mhc_post", 0), ("quantize", 0),
                       ("rms_norm_quantize", 1), ("sparse_mla_decode", 1)):
        want = number + (op == "mhc_post_pre")
        found = count(fused_text, op)
        checks.expect(found == want, f"layer: {found} of lm.{op}, not {want}")

    data = check_mhc.make_inputs(rng, 4, HIDDEN, tokens)
    weights = [sublayer_weights(rng, 4, HIDDEN) for _ in range(2)]
    matrix = lambda *s: bf16_bits(rng.standard_normal(s) / np.sqrt(s[1]))
    matrices = [matrix(2048, 512), matrix(512, 512), matrix(512, 2048)]
    positions = rng.integers(0, POSITIONS, tokens)
    angle = np.outer(np.arange(POSITIONS), 10000.0**(-np.arange(32) / 32))
    table = np.concatenate([np.cos(angle), np.sin(angle)], 1).astype(
        np.float32)
    pages = 4
    write = rng.permutation(pages * PAGE)[:tokens]
    cache = bf16_bits(rng.standard_normal((pages, PAGE, DIM)))
    slots = rng.integers(-1, pages * PAGE, (tokens, 32)).astype(np.int32)
    slots[:, 0] = write
    sink = rng.standard_normal(HEADS).astype(np.float32)
    args = [data[k] for k in ("x", "r", "post", "comb")]
    args += [w for ws in weights for w in ws] + matrices
    args += [positions, table, write, cache, slots, sink]
    stored = plain.call("layer", args)
    checks.bits(f"layer, T={tokens}, fused", fused.call("layer", args),
                stored)
    raw = dict(zip(names, stored))
    got = {k: bf16_values(v) if v.dtype == np.uint16 else v
           for k, v in raw.items()}

    def stage(name, want):
        checks.bf16(f"layer: {name}", raw[name], want)

    def state(tag, value, residual, post, comb, index):
        stage("r" + tag, mhc.mhc_post(value, residual, post, comb,
                                      out_type="f64"))
        fn, scale, base, w = weights[index]
        pre = mhc.mhc_pre(got["r" + tag], fn, scale, base, **ATTRIBUTES,
                          out_type="bf16")
        checks.absolute(f"layer: post{tag}", raw["post" + tag], pre.post, 2e-5)
        checks.absolute(f"layer: comb{tag}", raw["comb" + tag], pre.comb, 2e-5)
        return norm.rms_norm(pre.layer_input, bf16_values(w), epsilon=1e-6,
                             out_type="bf16")

    values = lambda k: bf16_values(data[k])
    stage("n_a", state("_a", values("x"), values("r"), data["post"],
                       data["comb"], 0).pre_round.value)
    w_q, w_kv, w_o = (bf16_values(m) for m in matrices)
    stage("kvp", got["n_a"] @ w_kv.T)
    q = bf16_values(bf16_bits(got["n_a"] @ w_q.T)).reshape(tokens, HEADS, DIM)
    q = norm.rms_norm(q, epsilon=1e-6, out_type="bf16").y
    cos, sin = table[:, :32], table[:, 32:]
    q[..., 448:] = rope.rope(q[..., 448:], positions, cos, sin,
                             interleaved=True).value
    stage("qr", q)
    rows = got["cache1"].reshape(-1, DIM)
    checks.bits("layer: latent part of the cache",
                [raw["cache1"].reshape(-1, DIM)[write, :448].copy()],
                [raw["kvp"][:, :448].copy()])
    # Attention in float64 over the rows that the slots list, then the sink.
    want = np.zeros((tokens, HEADS, DIM))
    for t in range(tokens):
        keys = rows[slots[t][slots[t] >= 0]]
        scores = float(np.float32(0.0441941738)) * (got["qr"][t] @ keys.T)
        o, lse = attention.softmax_product(scores, keys)
        want[t] = o / (1 + np.exp(sink - lse))[:, None]
    stage("att", want)
    stage("xo", got["att"].reshape(tokens, -1) @ w_o.T)
    stage("n_f", state("_f", got["xo"], got["r_a"], raw["post_a"],
                       raw["comb_a"], 1).pre_round.value)
    scheme = quant.Scheme.parse("fp8_group")
    for report in compare.quantized("d", raw["d"], raw["sc"], got["n_f"],
                                    scheme):
        checks.expect(report.ok, str(report))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    parser.add_argument("example")
    args = parser.parse_args()
    seed = (args.seed if args.seed is not None
            else int.from_bytes(os.urandom(4), "little"))
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    runtime = hipfuse_rt.Runtime(args.build)
    checks = Checks()
    check_example(checks, args.build, runtime, args.example, rng, 3)
    check_layer(checks, args.build, runtime, rng, 5)
    for name, value in sorted(checks.worst.items()):
        print(f"worst {name}: {value:.3g}")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
