# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The decode attentions that are timed, as programs for one target.

    attention_bench.py --build DIR --target T [--quick] [--clusters N]

prints the module. Each shape has up to three functions:

    step_NAME    the attention with its plans, in one program
    plan_NAME    lengths -> the plans
    decode_NAME  the attention, its plans as arguments: what a layer costs, as
                 a step makes its plans once for all layers

The plans are those that the compiler gives step_NAME for the target, so their
number and configuration are written down in one place, the compiler. Keys come
from caches larger than the last-level cache, through random block tables or
lists of distinct slots, as in a server that has run for a while.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

PAGE = 64

# Layout -> bytes of a key, columns of a query, type of its cache.
LAYOUTS = {
    "bf16": (1152, 576, "tensor<?x64x576xbf16>"),
    "ds_mla_656": (656, 576, "tensor<?x64x656xi8>"),
    "ds_mla_584": (584, 512, "tensor<?x37440xi8>"),
}
VALUE = 512

# Slots of a sparse shape's caches: that of the window, that of the chosen keys.
WINDOW_SLOTS, SLOTS = 1 << 17, 1 << 19


@dataclass
class Shape:
    """What a program is compiled for; the number of requests is dynamic."""

    name: str
    layout: str
    heads: int
    topk: tuple = ()  # columns of each list of slots; () is dense
    sink: bool = False

    @property
    def columns(self):
        return LAYOUTS[self.layout][1]

    def arguments(self):
        """(name, type) of what step_NAME takes."""
        cache = LAYOUTS[self.layout][2]
        yield "q", f"tensor<?x{self.heads}x{self.columns}xbf16>"
        yield "cache", cache
        if self.topk:
            yield "slots", f"tensor<?x{self.topk[0]}xi32>"
        else:
            yield "block_table", "tensor<?x?xi32>"
        yield "lengths", "tensor<?xi32>"
        if len(self.topk) > 1:
            yield "extra_cache", cache
            yield "extra_slots", f"tensor<?x{self.topk[1]}xi32>"
            yield "extra_lengths", "tensor<?xi32>"
        if self.sink:
            yield "sink", f"tensor<{self.heads}xf32>"

    def text(self, name, plans=()):
        """The function, with arguments for the plans."""
        out = f"tensor<?x{self.heads}x{VALUE}xbf16>"
        lse = f"tensor<?x{self.heads}xf32>"
        attrs = [f"sm_scale = {self.columns ** -0.5:.9e} : f32"]
        if self.layout == "ds_mla_584":
            attrs.append(f"page_size = {PAGE}")
        if len(self.topk) > 1:
            attrs.append(f"extra_layout = #lm.cache_layout<{self.layout}>")
            if self.layout == "ds_mla_584":
                attrs.append(f"extra_page_size = {PAGE}")
        args = list(self.arguments())
        clauses = [f"{'ins' if n == 'q' else n}(%{n} : {t})" for n, t in args]
        for scope, plan in zip(("", "extra_"), plans):
            values = [(f"%{scope}plan{i}", t)
                      for i, t in enumerate(plan.types())]
            args += [(v[1:], t) for v, t in values]
            clauses.append(f"{scope}plan({', '.join(v for v, _ in values)} : "
                           f"{', '.join(t for _, t in values)})")
        op = "sparse_mla_decode" if self.topk else "mla_decode"
        signature = ", ".join(f"%{n}: {t} {{lm.name = \"{n}\"}}"
                              for n, t in args)
        return f"""\
func.func @{name}({signature})
    -> ({out} {{lm.name = "out"}}, {lse} {{lm.name = "lse"}}) {{
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : {args[0][1]}
  %o = tensor.empty(%n) : {out}
  %l = tensor.empty(%n) : {lse}
  %r:2 = lm.{op} {self.layout} {{{', '.join(attrs)}}}
    {" ".join(clauses)}
    outs(%o : {out}) lse(%l : {lse})
  return %r#0, %r#1 : {out}, {lse}
}}
"""


class Plan:
    """One lm.attention_plan, as the compiler wrote its attributes."""

    def __init__(self, attributes):
        self.attributes = attributes
        number = {key: int(value) for key, value in
                  re.findall(r"(\w+) = (\d+)", attributes)}
        self.clusters = number["num_clusters"]
        q_len = number.get("q_len", 1)
        self.tiles = -(-q_len // number.get("q_tile", q_len))
        self.joint = "extra_topk" in number

    def types(self):
        return ["tensor<?x8xi32>", f"tensor<{self.clusters + 1}xi32>",
                "tensor<?xi32>", "tensor<?x2xi32>",
                f"tensor<{max(1, 2 * (self.clusters - 1))}xi32>"]


def plan_text(name, plans):
    """The function that makes the plans of one or two lists of lengths."""
    lengths = ["lengths", "extra_lengths"][:max(len(plans),
                                                1 + plans[0].joint)]
    lines = ["%c0 = arith.constant 0 : index",
             "%n = tensor.dim %lengths, %c0 : tensor<?xi32>"]
    results = []
    for i, plan in enumerate(plans):
        def size(addend, key):
            lines.append(f"%{key}t{i} = arith.constant {plan.tiles} : index")
            lines.append(f"%{key}a{i} = arith.constant {addend} : index")
            lines.append(f"%{key}m{i} = arith.muli %n, %{key}t{i} : index")
            lines.append(f"%{key}{i} = arith.addi %{key}m{i}, %{key}a{i} : "
                         "index")
            return f"%{key}{i}"
        sizes = (size(plan.clusters - 1, "w"), "", size(1, "r"), size(0, "f"),
                 "")
        outs = [f"%o{i}_{j}" for j in range(5)]
        types = plan.types()
        for out, count, type_ in zip(outs, sizes, types):
            lines.append(f"{out} = tensor.empty({count}) : {type_}")
        extra = (" extra_lengths(%extra_lengths : tensor<?xi32>)"
                 if plan.joint else "")
        lines.append(
            f"%p{i}:5 = lm.attention_plan {{{plan.attributes}}} "
            f"ins(%{lengths[i]} : tensor<?xi32>){extra} "
            f"outs({', '.join(outs)} : {', '.join(types)})")
        results += [(f"%p{i}#{j}", t) for j, t in enumerate(types)]
    lines.append(f"return {', '.join(v for v, _ in results)} : "
                 f"{', '.join(t for _, t in results)}")
    arguments = ", ".join(f"%{n}: tensor<?xi32> {{lm.name = \"{n}\"}}"
                          for n in lengths)
    return (f"func.func @{name}({arguments}) -> "
            f"({', '.join(t for _, t in results)}) {{\n  " +
            "\n  ".join(lines) + "\n}\n")


@dataclass
class Cell:
    """A shape at a number of requests."""

    shape: Shape
    requests: int
    length: int = 0  # of each request, if dense
    slots: tuple = (WINDOW_SLOTS, SLOTS)

    @property
    def keys(self):
        return sum(self.shape.topk) if self.shape.topk else self.length

    @property
    def flops(self):
        """Two products: of D and of V columns."""
        return (2 * self.requests * self.keys * self.shape.heads *
                (self.shape.columns + VALUE))

    @property
    def bytes(self):
        """Keys, queries, results and what names the keys, each once."""
        heads, columns = self.shape.heads, self.shape.columns
        names = sum(self.shape.topk) if self.shape.topk else (
            -(-self.length // PAGE))
        return self.requests * (
            self.keys * LAYOUTS[self.shape.layout][0] +
            heads * (2 * columns + 2 * VALUE + 4) + 4 * names)

    def rules(self):
        """What hipfuse-bench makes each argument of, by name."""
        n, shape = self.requests, self.shape
        rules = {"q": f"random:{n}x{shape.heads}x{shape.columns}",
                 "sink": f"random:{shape.heads}"}

        def cache(slots):
            size = {"bf16": "x64x576", "ds_mla_656": "x64x656",
                    "ds_mla_584": "x37440"}[shape.layout]
            return f"cache:{slots // PAGE}{size}"

        if not shape.topk:
            pages = -(-self.length // PAGE)
            rules["cache"] = cache(n * pages * PAGE)
            rules["block_table"] = f"perm:{n}x{pages}:{n * pages}"
            rules["lengths"] = f"randint:{n}:{self.length}:{self.length + 1}"
        for prefix, topk, slots in zip(("", "extra_"), shape.topk,
                                       self.slots[-len(shape.topk):]):
            rules[prefix + "cache"] = cache(slots)
            rules[prefix + "slots"] = f"perm:{n}x{topk}:{slots}"
            rules[prefix + "lengths"] = f"randint:{n}:{topk}:{topk + 1}"
        return rules


def cells(quick):
    """What is timed; --quick: a dense and a sparse one of a few keys."""
    if quick:
        yield Cell(Shape("dense_h16", "bf16", 16), 2, 100)
        yield Cell(Shape("v4_h16_96", "ds_mla_584", 16, (64, 32), True), 2,
                   slots=(256, 1024))
        return
    for heads in (16, 64, 128):
        shape = Shape(f"dense_h{heads}", "bf16", heads)
        yield Cell(shape, 128, 4096)
        if heads == 16:
            yield Cell(shape, 32, 8192)
            yield Cell(shape, 1, 32768)
    for heads, chosen, requests in ((64, 512, (2, 64, 128, 256)),
                                    (16, 512, (64,)), (16, 1024, (128,)),
                                    (32, 1024, (128,)),
                                    (128, 1024, (64, 128, 256))):
        shape = Shape(f"v4_h{heads}_{128 + chosen}", "ds_mla_584", heads,
                      (128, chosen), True)
        for n in requests:
            yield Cell(shape, n)
    for heads in (16, 64, 128):
        yield Cell(Shape(f"v32_h{heads}", "ds_mla_656", heads, (2048,)), 64)


def label(cell):
    """Layout, keys, heads, requests."""
    keys = "+".join(map(str, cell.shape.topk)) or f"s{cell.length}"
    return (f"{'sparse' if cell.shape.topk else 'dense'} "
            f"{cell.shape.layout.replace('ds_mla_', '')} {keys} "
            f"H{cell.shape.heads} b{cell.requests}")


def plans_of(build, target, shape, clusters):
    """The plans that the compiler gives a shape, and whether they are of the
    lengths that the program has: a target that packs the slots first plans its
    own lengths, so that a program cannot bring a plan."""
    options = f"=num-clusters={clusters}" if clusters else ""
    done = subprocess.run(
        [os.path.join(build, "bin", "hipfuse-opt"), "-",
         f"--lm-attach-target=chip={target}", "--lm-compact-slots",
         "--lm-split-heads", "--lm-decompose-attention",
         "--lm-materialize-plans" + options],
        input=shape.text("f"), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"hipfuse-opt: {done.stderr.strip()[:2000]}")
    plans = [Plan(text) for text in
             re.findall(r"lm\.attention_plan \{([^}]*)\}", done.stdout)]
    return plans, bool(plans) and "lm.compact_slots" not in done.stdout


@dataclass
class Bench:
    """A line of the benchmark list."""

    label: str
    entry: str
    bytes: int
    inputs: list
    flops: int = 0
    # A function whose results are the last arguments, and their number.
    prepare: str = ""
    prepared: int = 0
    prepare_inputs: list = field(default_factory=list)


def generate(build, target, quick=False, clusters=0):
    """(text of the module, list of Bench)."""
    text, benches, plans = [], [], {}
    separate, stepped = set(), set()
    for cell in cells(quick):
        shape, rules = cell.shape, cell.rules()
        name = shape.name
        if name not in plans:
            plans[name], apart = plans_of(build, target, shape, clusters)
            text.append(shape.text("step_" + name))
            if apart:
                text.append(plan_text("plan_" + name, plans[name]))
                text.append(shape.text("decode_" + name, plans[name]))
                separate.add(name)
        inputs = [rules[n] for n, _ in shape.arguments()]
        if name in separate:
            lengths = [rules[n] for n, _ in shape.arguments()
                       if n.endswith("lengths")]
            benches.append(Bench(label(cell), "decode_" + name, cell.bytes,
                                 inputs, cell.flops, "plan_" + name,
                                 5 * len(plans[name]), lengths))
        # With its plan, each shape once: a step has 61 such layers.
        if name not in separate or name not in stepped:
            stepped.add(name)
            benches.append(Bench(
                label(cell) + (" with plan" if plans[name] else ""),
                "step_" + name, cell.bytes, inputs, cell.flops))
    planned = {"dense_h16": 4096, "v4_h64_640": None}
    for name, length in planned.items():
        if name not in separate:
            continue
        n = 512
        lengths = ([f"randint:{n}:1:{2 * length}"] if length else
                   [f"randint:{n}:1:129", f"randint:{n}:1:513"])
        benches.append(Bench(f"plan {name} b{n}", "plan_" + name,
                             4 * n * len(lengths), lengths))
    return "\n".join(text), benches


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--clusters", type=int, default=0,
                        help="workgroups (default: the target's)")
    args = parser.parse_args()
    print(generate(args.build, args.target, args.quick, args.clusters)[0])


if __name__ == "__main__":
    main()
