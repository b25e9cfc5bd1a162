# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write decode layers of DeepSeek-R1 as a framework spells them, unfused.

    deepseek_layers.py LAYERS [SEED]

Matrix products, attention and experts are calls. With SEED the operations are
in a random order that respects their operands.
"""

import random
import re
import sys

X, Q8, S8 = "tensor<?x7168xbf16>", "tensor<?x7168xf8E4M3FN>", "tensor<?x56xf32>"
X4, S4 = "tensor<?x3584xi8>", "tensor<?x224xf8E8M0FNU>"
H4, HS4 = "tensor<?x1024xi8>", "tensor<?x64xf8E8M0FNU>"
A, QC, KV = "tensor<?x2112xbf16>", "tensor<?x1536xbf16>", "tensor<?x512xbf16>"
KR, PE, PE3 = "tensor<?x576xbf16>", "tensor<?x64xbf16>", "tensor<?x1x64xbf16>"
QF, Q, QPE = "tensor<?x3072xbf16>", "tensor<?x16x192xbf16>", "tensor<?x16x64xbf16>"
QN, QL = "tensor<?x16x128xbf16>", "tensor<?x16x512xbf16>"
QO, C = "tensor<?x16x576xbf16>", "tensor<?x64x576xbf16>"
QC8, QCS = "tensor<?x1536xf8E4M3FN>", "tensor<?x12xf32>"
O, O8, OS = "tensor<?x2048xbf16>", "tensor<?x2048xf8E4M3FN>", "tensor<?x16xf32>"
GU, LOGITS = "tensor<?x4096xbf16>", "tensor<?x256xbf16>"
W, WQ, WK = "tensor<7168xbf16>", "tensor<1536xbf16>", "tensor<512xbf16>"
POS, CS = "tensor<?xi64>", "tensor<163840x64xf32>"
EPS = "{epsilon = 1.0e-06 : f32}"

CALLS = {
    "gemm_qkv_a": f"({Q8}, {S8}) -> {A}",
    "gemm_q_b": f"({QC8}, {QCS}) -> {QF}",
    "absorb": f"({QN}) -> {QL}",
    "attention": f"({QO}, {C}) -> {O}",
    "gemm_o": f"({O8}, {OS}) -> {X}",
    "router": f"({X}) -> {LOGITS}",
    "experts": f"({X}, {LOGITS}) -> {X}",
    "gemm_gate_up": f"({X4}, {S4}) -> {GU}",
    "gemm_down": f"({H4}, {HS4}, {X}) -> {X}",
}


class Layer:
    """Collects the operations of a layer; names end in its number."""

    def __init__(self, number):
        self.number, self.lines = number, []

    def name(self, text):
        """`text` with each %name numbered; %=name is a value of all layers."""
        text = re.sub(r"%(\w+)", rf"%\1_{self.number}", text)
        return text.replace("%=", "%")

    def add(self, text):
        self.lines.append("  " + self.name(text))

    def empty(self, name, type_):
        self.add(f"%{name} = tensor.empty(%=t) : {type_}")

    def call(self, result, function, operands):
        self.add(f"%{result} = func.call @{function}({operands}) : "
                 f"{CALLS[function]}")

    def quantize(self, name, scheme, x, x_type, data, scale):
        self.empty(name + "d0", data)
        self.empty(name + "s0", scale)
        self.add(f"%{name}d, %{name}s = lm.quantize #{scheme} ins(%{x} : "
                 f"{x_type}) outs(%{name}d0, %{name}s0 : {data}, {scale})")

    def add_norm(self, name, x, residual, residual_out):
        self.empty(name + "0", X)
        self.empty(residual_out + "0", X)
        self.add(f"%{name}, %{residual_out} = lm.add_rms_norm {EPS} "
                 f"ins(%{x}, %{residual} : {X}, {X}) weight(%=w : {W}) "
                 f"outs(%{name}0, %{residual_out}0 : {X}, {X})")

    def norm(self, name, x, type_, weight, weight_type):
        self.empty(name + "0", type_)
        self.add(f"%{name} = lm.rms_norm {EPS} ins(%{x} : {type_}) "
                 f"weight(%={weight} : {weight_type}) outs(%{name}0 : {type_})")

    def columns(self, name, x, x_type, offset, size, type_):
        self.add(f"%{name} = tensor.extract_slice %{x}[0, {offset}] "
                 f"[%=t, {size}] [1, 1] : {x_type} to {type_}")

    def head_columns(self, name, x, offset, size, type_):
        self.add(f"%{name} = tensor.extract_slice %{x}[0, 0, {offset}] "
                 f"[%=t, 16, {size}] [1, 1, 1] : {Q} to {type_}")

    def rope(self, name, x, type_):
        self.empty(name + "0", type_)
        self.add(f"%{name} = lm.rope interleaved ins(%{x} : {type_}) "
                 f"positions(%=pos : {POS}) tables(%=cs : {CS}) "
                 f"outs(%{name}0 : {type_})")

    def build(self):
        self.add_norm("x", "h", "r", "mid")
        self.quantize("x", "group", "x", X, Q8, S8)
        self.call("a", "gemm_qkv_a", "%xd, %xs")
        # Split in two steps, as vLLM does.
        self.columns("qc", "a", A, 0, 1536, QC)
        self.columns("rest", "a", A, 1536, 576, KR)
        self.columns("kv", "rest", KR, 0, 512, KV)
        self.columns("pe", "rest", KR, 512, 64, PE)
        self.norm("qn", "qc", QC, "wq", WQ)
        self.norm("kn", "kv", KV, "wk", WK)
        self.quantize("qn", "group", "qn", QC, QC8, QCS)
        self.call("qf", "gemm_q_b", "%qnd, %qns")
        self.add("%q = tensor.expand_shape %qf [[0], [1, 2]] output_shape "
                 f"[%=t, 16, 192] : {QF} into {Q}")
        # The rotated columns are assigned back and taken out again.
        self.head_columns("qpe", "q", 128, 64, QPE)
        self.add("%pe3 = tensor.expand_shape %pe [[0, 1], [2]] output_shape "
                 f"[%=t, 1, 64] : {PE} into {PE3}")
        self.rope("qrot", "qpe", QPE)
        self.rope("krot3", "pe3", PE3)
        self.add("%qset = tensor.insert_slice %qrot into %q[0, 0, 128] "
                 f"[%=t, 16, 64] [1, 1, 1] : {QPE} into {Q}")
        self.add("%krot = tensor.collapse_shape %krot3 [[0, 1], [2]] : "
                 f"{PE3} into {PE}")
        self.add("%c = lm.mla_cache_write bf16 "
                 "{skip_rule = #lm.skip_rule<negative>} ins(%kn, %krot : "
                 f"{KV}, {PE}) slots(%=slots : {POS}) outs(%cache : {C})")
        self.head_columns("nope", "qset", 0, 128, QN)
        self.head_columns("qend", "qset", 128, 64, QPE)
        self.call("ql", "absorb", "%nope")
        self.add(f"%query = tensor.concat dim(2) %ql, %qend : ({QL}, {QPE}) "
                 f"-> {QO}")
        self.call("o", "attention", "%query, %c")
        self.quantize("o", "group", "o", O, O8, OS)
        self.call("y", "gemm_o", "%od, %os")
        self.add_norm("z", "y", "mid", "end")
        # The fan-out of a mixture of experts with a shared expert.
        self.call("logits", "router", "%z")
        self.quantize("z", "mxfp4", "z", X, X4, S4)
        self.empty("p0", S4)
        self.add(f"%p = lm.shuffle_scale ins(%zs : {S4}) outs(%p0 : {S4})")
        self.call("gu", "gemm_gate_up", "%zd, %p")
        self.empty("act0", O)
        self.add(f"%act = lm.silu_mul ins(%gu : {GU}) outs(%act0 : {O})")
        self.quantize("act", "mxfp4", "act", O, H4, HS4)
        self.call("routed", "experts", "%z, %logits")
        self.call("out", "gemm_down", "%actd, %acts, %routed")
        return self.lines


def in_random_order(lines, seed):
    """The same operations in another order that respects operands."""
    generator = random.Random(seed)
    uses = [re.findall(r"%\w+", line.split(" = ", 1)[1]) for line in lines]
    definer = {name: i for i, line in enumerate(lines)
               for name in re.findall(r"%\w+", line.split(" = ", 1)[0])}
    waiting = [{definer[u] for u in use if u in definer} for use in uses]
    left, done, result = set(range(len(lines))), set(), []
    while left:
        ready = sorted(i for i in left if waiting[i] <= done)
        choice = generator.choice(ready)
        left.remove(choice)
        done.add(choice)
        result.append(lines[choice])
    return result


def main(layers, seed=None):
    lines = []
    for number in range(layers):
        layer = Layer(number).build()
        if number:
            # The previous layer's state.
            layer = [line.replace(f"%h_{number}", f"%out_{number - 1}")
                     .replace(f"%r_{number}", f"%end_{number - 1}")
                     for line in layer]
        lines += layer
    if seed is not None:
        lines = in_random_order(lines, seed)

    print("#group = #lm.scheme<element = f8E4M3FN, granularity = block, "
          "block = 128>")
    print("#mxfp4 = #lm.scheme<element = f4E2M1FN, granularity = block, "
          "block = 32, scale_rounding = even>")
    for name, type_ in CALLS.items():
        print(f"func.func private @{name}{type_}")
    caches = "".join(f", %cache_{i}: {C}" for i in range(layers))
    results = ", ".join([X, X] + [C] * layers)
    print(f"func.func @decode(%t: index, %h_0: {X}, %r_0: {X}, %pos: {POS}, "
          f"%slots: {POS}, %cs: {CS}, %w: {W}, %wq: {WQ}, %wk: {WK}{caches}) "
          f"-> ({results}) {{")
    print("\n".join(lines))
    values = ", ".join([f"%out_{layers - 1}", f"%end_{layers - 1}"]
                       + [f"%c_{i}" for i in range(layers)])
    print(f"  return {values} : {results}\n}}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
