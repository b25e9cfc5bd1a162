# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the hyper-connections on a device against the float64 reference.

    check_mhc.py --build DIR [--streams N] [--hidden H ...] [--m M ...]

Without options all sizes that models have. For every size: square sum and
logits of each row on their own, post and comb within 2e-5, the layer's input
and the residual within one unit of bf16 except for 0.1 % of the elements, comb
doubly stochastic within 1e-4, fused operations equal to their parts bit for
bit, and rows independent of each other. The last line is "N passed, N failed".
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "golden"))
from hipfuse_golden import formats, mhc  # noqa: E402
import hipfuse_rt  # noqa: E402

M = [1, 3, 15, 16, 17, 31, 33, 64, 129, 1000]
HIDDEN = [1280, 4096, 5120, 7168]
POST_MULT, ITERATIONS = 2.0, 20
EPSILONS = dict(rms_epsilon=1e-6, pre_epsilon=2e-6)
ATTRIBUTES = dict(EPSILONS, post_mult=POST_MULT, sinkhorn_epsilon=3e-6,
                  sinkhorn_iterations=ITERATIONS)


# Programs ------------------------------------------------------------------


def dictionary(**values):
    """An attribute dictionary, its braces escaped for str.format."""
    items = []
    for name, value in values.items():
        if isinstance(value, float):
            items.append(f"{name} = {value:.6e} : f32")
        elif isinstance(value, int):
            items.append(f"{name} = {value} : i64")
        else:
            items.append(f"{name} = {value}")
    return "{{" + ", ".join(items) + "}}"


class Program:
    """The functions of one number of streams and one hidden size."""

    def __init__(self, n, hidden):
        mixes, columns = n * n + 2 * n, n * hidden
        self.types = dict(
            r=f"tensor<?x{n}x{hidden}xbf16>", row=f"tensor<?x{hidden}xbf16>",
            x=f"tensor<?x{hidden}xbf16>", fn=f"tensor<{mixes}x{columns}xf32>",
            folded=f"tensor<{mixes}x{hidden}xf32>", scale="tensor<3xf32>",
            base=f"tensor<{mixes}xf32>", pre=f"tensor<?x{n}xf32>",
            post=f"tensor<?x{n}xf32>", comb=f"tensor<?x{n}x{n}xf32>",
            logits=f"tensor<?x{mixes}xf32>", sqrsum="tensor<?xf32>",
            w=f"tensor<{hidden}xbf16>", head_fn=f"tensor<{n}x{columns}xf32>",
            head_scale="tensor<1xf32>", head_base=f"tensor<{n}xf32>")
        self.args, self.texts = {}, []
        pre = dictionary(**ATTRIBUTES)
        normed = dictionary(**ATTRIBUTES, norm_epsilon=1e-5,
                            round_before_norm="bf16")
        self.add("logits", ["r", "fn"], ["logits", "sqrsum"],
                 "lm.mhc_logits ins({r}) fn({fn}) outs({out})")
        self.add("pre", ["r", "fn", "scale", "base"], ["x", "post", "comb"],
                 f"lm.mhc_pre {pre} ins({{r}}) fn({{fn}}) scale({{scale}}) "
                 "base({base}) outs({out})")
        self.add("pre_row", ["row", "fn", "scale", "base"],
                 ["x", "post", "comb"],
                 f"lm.mhc_pre {pre} ins({{row}}) fn({{fn}}) scale({{scale}}) "
                 "base({base}) outs({out})")
        self.add("pre_folded", ["row", "folded", "scale", "base"],
                 ["x", "post", "comb"],
                 f"lm.mhc_pre {pre} ins({{row}}) fn({{folded}}) "
                 "scale({scale}) base({base}) outs({out})")
        self.add("pre_norm", ["r", "fn", "scale", "base", "w"],
                 ["x", "post", "comb"],
                 f"lm.mhc_pre {normed} ins({{r}}) fn({{fn}}) scale({{scale}}) "
                 "base({base}) norm_weight({w}) outs({out})")
        self.add("delayed", ["r", "fn", "scale", "base", "pre"],
                 ["x", "post", "comb", "pre"],
                 f"lm.mhc_pre {pre} ins({{r}}) fn({{fn}}) scale({{scale}}) "
                 "base({base}) pre_in({pre}) outs({out}) pre_out({last})")
        self.add("delayed_first", ["r", "fn", "scale", "base"],
                 ["x", "post", "comb", "pre"],
                 f"lm.mhc_pre {pre} ins({{r}}) fn({{fn}}) scale({{scale}}) "
                 "base({base}) outs({out}) pre_out({last})")
        self.add("post", ["x", "r", "post", "comb"], ["r"],
                 "lm.mhc_post ins({x_r}) mix({post_comb}) outs({out})")
        self.add("post_row", ["x", "row", "post", "comb"], ["r"],
                 "lm.mhc_post ins({x_row}) mix({post_comb}) outs({out})")
        for name, attributes, weight in (
                ("post_pre", pre, ""),
                ("post_pre_norm", normed, "norm_weight({w}) ")):
            self.add(name, ["x", "r", "post", "comb", "fn", "scale", "base"] +
                     (["w"] if weight else []), ["r", "x", "post", "comb"],
                     f"lm.mhc_post_pre {attributes} ins({{x_r}}) "
                     "mix({post_comb}) fn({fn}) scale({scale}) base({base}) "
                     f"{weight}outs({{out}})")
        self.add("head", ["r", "head_fn", "head_scale", "head_base"], ["x"],
                 f"lm.mhc_head {dictionary(**EPSILONS)} ins({{r}}) "
                 "fn({head_fn}) scale({head_scale}) base({head_base}) "
                 "outs({out})")

    def add(self, name, args, results, op):
        types = self.types
        operands = {a: f"%{a} : {types[a]}" for a in args}
        for pair in ("x_r", "x_row", "post_comb"):
            a, b = pair.split("_")
            if a in args and b in args:
                operands[pair] = f"%{a}, %{b} : {types[a]}, {types[b]}"
        plain = results[:-1] if "{last}" in op else results
        inits = [f"%init{i}" for i in range(len(results))]
        operands["last"] = f"{inits[-1]} : {types[results[-1]]}"
        operands["out"] = (", ".join(inits[:len(plain)]) + " : " +
                           ", ".join(types[r] for r in plain))
        lines = ["%c0 = arith.constant 0 : index",
                 f"%t = tensor.dim %{args[0]}, %c0 : {types[args[0]]}"]
        lines += [f"{init} = tensor.empty(%t) : {types[r]}"
                  for init, r in zip(inits, results)]
        count = len(results)
        lines.append(f"%v{f':{count}' if count > 1 else ''} = " +
                     op.format(**operands))
        values = [f"%v#{i}" for i in range(count)] if count > 1 else ["%v"]
        out = ", ".join(types[r] for r in results)
        lines.append(f"return {', '.join(values)} : {out}")
        self.args[name] = args
        signature = ", ".join(f"%{a}: {types[a]}" for a in args)
        body = "\n".join("  " + line for line in lines)
        self.texts.append(f"func.func @{name}({signature}) -> ({out}) {{\n"
                          f"{body}\n}}\n")

    def compile(self, build, directory, runtime):
        """Modules of the fused operations and of their parts."""
        source = os.path.join(directory, "mhc.mlir")
        with open(source, "w") as file:
            file.write("\n".join(self.texts))
        parts = os.path.join(directory, "parts.mlir")
        # A layer at a time: post_pre, then the norm, then pre.
        run([os.path.join(build, "bin", "hipfuse-opt"), source, "-o", parts] +
            ["--lm-decompose"] * 3)
        modules = []
        for path in (source, parts):
            artefact = path[:-5] + ".so"
            run([os.path.join(build, "bin", "hipfuse-compile"), path,
                 "--fuse=false", "-o", artefact])
            modules.append(runtime.load(artefact))
        with open(parts) as file:
            text = file.read()
        for op in ("mhc_pre", "mhc_post_pre", "mhc_head"):
            if f"lm.{op} " in text:
                sys.exit(f"lm.{op} is not decomposed")
        return modules


def run(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{command[0]}: {result.stderr.strip()[:2000]}")


# Comparison ----------------------------------------------------------------


def bf16_bits(x):
    """Bits of float64 `x` in bf16. (Through float32: a tie may round twice,
    which the bar of one unit covers.)"""
    bits = np.asarray(x, dtype=np.float32).view(np.uint32).astype(np.int64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def bf16_values(bits):
    return (np.asarray(bits).astype(np.uint32) << 16).view(
        np.float32).astype(np.float64)


def ordered(bits):
    """bf16 bits as integers whose neighbours differ by one."""
    bits = bits.astype(np.int32)
    return np.where(bits & 0x8000, -(bits & 0x7FFF), bits)


class Checks:
    """Counts checks and prints those that fail."""

    def __init__(self):
        self.passed = self.failed = 0
        self.worst = {}

    def expect(self, ok, text):
        self.passed += bool(ok)
        self.failed += not ok
        if not ok:
            print("FAIL", text)

    def bf16(self, name, got, want, fraction=1e-3):
        far = np.abs(ordered(got) - ordered(bf16_bits(want))) > 1
        self.note(name + " beyond one ulp", far.mean())
        self.expect(far.mean() <= fraction and
                    np.isfinite(bf16_values(got)).all(),
                    f"{name}: {far.sum()} of {far.size} elements are more "
                    "than one bf16 unit off")

    def absolute(self, name, got, want, bar):
        error = np.abs(got.astype(np.float64) - want)
        self.note(name, error.max())
        self.expect(error.max() <= bar,
                    f"{name}: off by {error.max():.3g}, more than {bar:g}")

    def bits(self, name, got, want):
        for i, (a, b) in enumerate(zip(got, want)):
            self.expect(a.shape == b.shape and a.tobytes() == b.tobytes(),
                        f"{name}: result {i} differs")

    def note(self, name, value):
        name = name.split(": ")[-1]
        self.worst[name] = max(self.worst.get(name, 0.0), float(value))


# Data ----------------------------------------------------------------------


def make_inputs(rng, n, hidden, m):
    """Values as they are stored. Rows differ in magnitude by up to 2^24."""
    mixes, columns = n * n + 2 * n, n * hidden

    def rows(*shape):
        x = rng.standard_normal(shape)
        x *= np.exp2(rng.integers(-12, 13, m)).reshape(
            (m,) + (1,) * (len(shape) - 1))
        return bf16_bits(x)

    f32 = lambda x: np.asarray(x, dtype=np.float32)
    fn = f32(rng.standard_normal((mixes, columns)) / np.sqrt(columns))
    comb = mhc.sinkhorn(rng.standard_normal((m, n, n)), 1e-6, 20)
    return dict(
        r=rows(m, n, hidden), x=rows(m, hidden), row=rows(m, hidden), fn=fn,
        folded=f32(fn.reshape(mixes, n, hidden).sum(axis=1)),
        # Mixes of comb as moderate as those of models, for which Sinkhorn's
        # iteration converges in 20 steps.
        scale=f32(rng.uniform(0.5, 1.5, 3) * [1, 1, 0.25]),
        base=f32(rng.standard_normal(mixes) *
                 np.where(np.arange(mixes) < 2 * n, 1, 0.5)),
        pre=f32(rng.uniform(0, 1, (m, n))),
        post=f32(rng.uniform(0, 2, (m, n))), comb=f32(comb),
        w=bf16_bits(1 + 0.25 * rng.standard_normal(hidden)),
        head_fn=fn[:n].copy(), head_scale=f32([0.75]),
        head_base=f32(rng.standard_normal(n)))


TOKEN_ARGS = {"r", "x", "row", "pre", "post", "comb"}


def check_logits(checks, name, values, got):
    """Each row's logits and square sum against the size of its own terms."""
    logits, sqrsum = got
    want, want_sum = mhc.logits(values["r"], values["fn"])
    x = values["r"].reshape(len(want), -1)
    size = np.sqrt((x * x) @ (values["fn"].astype(np.float64)**2).T)
    error = np.abs(logits - want) / size
    checks.note("logits, of the norm of their terms", error.max())
    checks.expect((error < 5e-6).all(),
                  f"{name}: logits of row {np.argmax(error.max(axis=1))}")
    error = np.abs(sqrsum - want_sum) / want_sum
    checks.note("sqrsum, relative", error.max())
    checks.expect((error < 2e-6).all(),
                  f"{name}: sqrsum of row {np.argmax(error)}")


def check_pre(checks, name, got, want):
    checks.bf16(f"{name}: layer_input", got[0], want.layer_input)
    checks.absolute(f"{name}: post", got[1], want.post, 2e-5)
    checks.absolute(f"{name}: comb", got[2], want.comb, 2e-5)
    for axis in (1, 2):
        checks.absolute(f"{name}: sums of comb",
                        got[2].astype(np.float64).sum(axis=axis), 1.0, 1e-4)


def check_size(checks, program, modules, n, hidden, m, rng):
    inputs = make_inputs(rng, n, hidden, m)
    fused, parts = modules

    def call(function, values=inputs, module=fused):
        return module.call(function,
                           [values[a] for a in program.args[function]])

    values = {k: bf16_values(v) if v.dtype == np.uint16 else v
              for k, v in inputs.items()}
    results = {f: call(f) for f in program.args}
    for function, got in results.items():
        checks.bits(f"H={hidden} m={m} {function} against its parts", got,
                    call(function, module=parts))

    label = f"n={n} H={hidden} m={m}"
    check_logits(checks, label, values, results["logits"])
    weights = (values["fn"], values["scale"], values["base"])
    pre = mhc.mhc_pre(values["r"], *weights, **ATTRIBUTES, out_type="f64")
    check_pre(checks, f"{label} pre", results["pre"], pre)
    delayed = results["delayed"]
    checks.bf16(f"{label} delayed: layer_input", delayed[0],
                mhc.collapse(values["r"], values["pre"].astype(np.float64)))
    checks.bits(f"{label} delayed", delayed[1:3], results["pre"][1:])
    checks.absolute(f"{label} delayed: pre", delayed[3], pre.pre, 2e-5)
    checks.bits(f"{label} delayed_first", results["delayed_first"],
                [inputs["r"][:, 0].copy()] + delayed[1:])

    # One row for all streams equals the repeated row, bit for bit.
    repeated = dict(inputs, r=np.repeat(inputs["row"][:, None], n, axis=1))
    checks.bits(f"{label} pre_row", results["pre_row"],
                call("pre", repeated))
    checks.bits(f"{label} post_row", results["post_row"],
                call("post", repeated))
    row = mhc.mhc_pre(values["row"], *weights, **ATTRIBUTES, out_type="f64")
    check_pre(checks, f"{label} pre_folded", results["pre_folded"], row)

    want = mhc.mhc_post(values["x"], values["r"], values["post"],
                        values["comb"], out_type="f64")
    checks.bf16(f"{label} post: residual", results["post"][0], want)
    got = results["post_pre"]
    checks.bits(f"{label} post_pre", got[:1], results["post"])
    # From the residual as it was stored: an element on the other side of a
    # rounding tie moves logits by far more than float32 arithmetic does.
    after = mhc.mhc_pre(bf16_values(got[0]), *weights, **ATTRIBUTES,
                        out_type="f64")
    check_pre(checks, f"{label} post_pre", got[1:], after)
    checks.bf16(f"{label} head: out", results["head"][0], mhc.mhc_head(
        values["r"], values["head_fn"], values["head_scale"],
        values["head_base"], **EPSILONS, out_type="f64"))
    norm = mhc.rms_norm(formats.round_to(pre.layer_input, "bf16"),
                        values["w"], epsilon=1e-5, out_type="f64").y
    checks.bf16(f"{label} pre_norm: layer_input", results["pre_norm"][0], norm)

    # Row i depends on nothing but row i: other rows become NaN and Inf.
    for i in sorted({0, m // 2, m - 1}):
        poisoned = {}
        for name, value in inputs.items():
            value = value.copy()
            if name in TOKEN_ARGS:
                others = np.arange(m) != i
                value[others] = 0x7FC0 if value.dtype == np.uint16 else np.inf
            poisoned[name] = value
        for function in ("logits", "pre_norm", "post_pre", "head"):
            got = call(function, poisoned)
            checks.bits(f"{label} {function}: row {i} alone",
                        [g[i] for g in got],
                        [w[i] for w in results[function]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--device", default="host")
    parser.add_argument("--streams", type=int, nargs="+", default=[4])
    parser.add_argument("--hidden", type=int, nargs="+", default=HIDDEN)
    parser.add_argument("--m", type=int, nargs="+", default=M)
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    args = parser.parse_args()
    seed = (args.seed if args.seed is not None
            else int.from_bytes(os.urandom(4), "little"))
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    runtime = hipfuse_rt.Runtime(args.build, args.device)
    checks = Checks()
    for n in args.streams:
        for hidden in args.hidden:
            program = Program(n, hidden)
            with tempfile.TemporaryDirectory() as directory:
                modules = program.compile(args.build, directory, runtime)
                for m in args.m:
                    check_size(checks, program, modules, n, hidden, m, rng)
    for name, value in sorted(checks.worst.items()):
        print(f"worst {name}: {value:.3g}")
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
