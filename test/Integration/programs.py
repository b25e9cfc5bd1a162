# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""MLIR programs of the reference's cases, as unfused chains of operations.

Arguments and results are called as the case calls its inputs and outputs, so
that a driver can feed one with the other. The number of tokens is dynamic.
"""

from hipfuse_golden import quant


def tensor(element, *dims):
    """A tensor type; None is a dynamic dimension."""
    return "tensor<" + "".join(
        ("?" if d is None else str(d)) + "x" for d in dims) + element + ">"


class Program:
    """A function that is put together operation by operation."""

    def __init__(self, name):
        self.name = name
        self.args = []  # (name, type)
        self.results = []  # (name, value, type)
        self.lines = []
        self.count = 0
        self.tokens = None

    def arg(self, name, type_):
        self.args.append((name, type_))
        value = "%" + name
        if self.tokens is None and type_.startswith("tensor<?x"):
            self.tokens = self.op(f"tensor.dim {value}, %c0 : {type_}")
        return value, type_

    def fresh(self):
        self.count += 1
        return f"%v{self.count}"

    def op(self, text, results=1):
        value = self.fresh()
        suffix = f":{results}" if results != 1 else ""
        self.lines.append(f"{value}{suffix} = {text}")
        return value

    def empty(self, type_, tokens=None):
        """A new tensor; its dynamic dimension, if any, counts the tokens."""
        dynamic = (tokens or self.tokens) if "?" in type_ else ""
        return self.op(f"tensor.empty({dynamic}) : {type_}"), type_

    def result(self, name, value):
        self.results.append((name, *value))

    def text(self):
        args = ", ".join(f"%{n}: {t} {{lm.name = \"{n}\"}}"
                         for n, t in self.args)
        types = ", ".join(f"{t} {{lm.name = \"{n}\"}}"
                          for n, _, t in self.results)
        values = ", ".join(v for _, v, _ in self.results)
        plain = ", ".join(t for _, _, t in self.results)
        body = "\n".join("  " + line for line in self.lines)
        return (f"func.func @{self.name}({args}) -> ({types}) {{\n"
                f"  %c0 = arith.constant 0 : index\n{body}\n"
                f"  return {values} : {plain}\n}}\n")


def operand(value):
    return f"{value[0]} : {value[1]}"


def operands(*values):
    return (", ".join(v for v, _ in values) + " : " +
            ", ".join(t for _, t in values))


def attributes(**values):
    """An attribute dictionary: floats, True for a unit, text as it is."""
    items = []
    for name, value in values.items():
        if value is True:
            items.append(name)
        elif isinstance(value, float):
            items.append(f"{name} = {value:e} : f32")
        elif value not in (False, None):
            items.append(f"{name} = {value}")
    return "{" + ", ".join(items) + "} " if items else ""


# Operations ------------------------------------------------------------------


def norm(p, x, columns, o, residual=None, weight=None, epsilon=None,
         out_type="bf16", residual_type=None):
    attrs = dict(epsilon=epsilon or o.epsilon,
                 weight_offset=o.weight_offset or None,
                 round_norm_before_weight=o.round_norm_before_weight)
    out = p.empty(tensor(out_type, None, columns))
    clause = f"weight({operand(weight)}) " if weight else ""
    if not residual:
        value = p.op(f"lm.rms_norm {attributes(**attrs)}ins({operand(x)}) "
                     f"{clause}outs({operand(out)})")
        return (value, out[1]), None
    attrs.update(norm_from_rounded_residual=o.norm_from_rounded_residual,
                 round_sum_before_residual=o.round_sum_before_residual)
    residual_out = p.empty(residual[1])
    value = p.op(f"lm.add_rms_norm {attributes(**attrs)}"
                 f"ins({operands(x, residual)}) {clause}"
                 f"outs({operands(out, residual_out)})", 2)
    return (value + "#0", out[1]), (value + "#1", residual_out[1])


def scale_type(p, scheme, columns, lead=()):
    """The type of the scales, and the padded number of rows if there is one."""
    count = (-(-columns // scheme.block) if scheme.granularity == "block"
             else 1)
    element = "f8E8M0FNU" if scheme.is_e8m0 else "f32"
    if scheme.layout == "column_major":
        return tensor(element, count, None), None
    if scheme.layout == "cdna4_shuffled":
        size = p.op("arith.constant 256 : index")
        tiles = p.op(f"arith.ceildivui {p.tokens}, {size} : index")
        rows = p.op(f"arith.muli {tiles}, {size} : index")
        return tensor(element, None, -(-count // 8) * 8), rows
    return tensor(element, None, *lead, count), None


def quantize(p, x, columns, scheme, lead=(), shuffle=False):
    """lm.quantize of rows of `columns`; adds the results data and scale. With
    `shuffle` the scales are row-major and reordered by an operation."""
    wanted = scheme
    if shuffle:
        scheme = scheme.with_layout("row_major")
    storage = "i8" if scheme.is_fp4 else scheme.element
    width = columns // 2 if scheme.is_fp4 else columns
    data = p.empty(tensor(storage, None, *lead, width))
    if not scheme.is_dynamic:
        scale = p.arg("scale", tensor("f32", 1))
        value = p.op(f"lm.quantize {scheme} ins({operand(x)}) "
                     f"input_scale({operand(scale)}) outs({operand(data)})")
        p.result("data", (value, data[1]))
        return
    type_, rows = scale_type(p, scheme, columns, lead)
    scale = p.empty(type_, rows)
    value = p.op(f"lm.quantize {scheme} ins({operand(x)}) "
                 f"outs({operands(data, scale)})", 2)
    p.result("data", (value + "#0", data[1]))
    if shuffle:
        plain = (value + "#1", type_)
        type_, rows = scale_type(p, wanted, columns)
        out = p.empty(type_, rows)
        value = p.op(f"lm.shuffle_scale ins({operand(plain)}) "
                     f"outs({operand(out)})")
        p.result("scale", (value, type_))
    else:
        p.result("scale", (value + "#1", type_))


def rope(p, x, o, positions, tables, inverse=False):
    style = "interleaved" if o.interleaved else "neox"
    compute = (None if o.compute_type == "f32" else
               "#lm.rope_compute<operand>")
    out = p.empty(x[1])
    value = p.op(f"lm.rope {style} {'inverse ' if inverse else ''}"
                 f"{attributes(compute=compute)}ins({operand(x)}) "
                 f"positions({operand(positions)}) "
                 f"tables({operands(*tables)}) outs({operand(out)})")
    return value, x[1]


def rope_args(p, o):
    positions = p.arg("positions", tensor("i64", None))
    if o.packed_table:
        return positions, [p.arg("cos_sin", tensor(o.table_type, o.positions,
                                                   o.rope))]
    shape = tensor(o.table_type, o.positions, o.rope // 2)
    return positions, [p.arg("cos", shape), p.arg("sin", shape)]


def cache_args(p, o):
    latent = {"ds_mla_656": 512, "ds_mla_584": 448}.get(o.layout, o.latent)
    values = {"kv_c": p.arg("kv_c", tensor(o.x_type, None, latent)),
              "k_pe": p.arg("k_pe", tensor(o.x_type, None, o.rope)),
              "slots": p.arg("slots", tensor("i64", None))}
    if o.layout == "fp8":
        values["scale"] = p.arg("k_scale", tensor("f32", 1))
    stride = -(-584 * o.page // 576) * 576
    values["cache"] = p.arg("cache", {
        "bf16": tensor("bf16", None, o.page, latent + o.rope),
        "fp8": tensor(o.element, None, o.page, latent + o.rope),
        "ds_mla_656": tensor("i8", None, o.page, 656),
        "ds_mla_584": tensor("i8", None, stride)}[o.layout])
    return values, latent


def cache_write(p, o, values, k_pe):
    attrs = attributes(
        skip_rule=f"#lm.skip_rule<{o.skip_rule}>",
        rope_first=not o.nope_first,
        page_size=f"{o.page} : i64" if o.layout == "ds_mla_584" else None)
    clause = (f"scale({operand(values['scale'])}) " if o.layout == "fp8"
              else "")
    value = p.op(f"lm.mla_cache_write {o.layout} {attrs}"
                 f"ins({operands(values['kv_c'], k_pe)}) "
                 f"slots({operand(values['slots'])}) {clause}"
                 f"outs({operand(values['cache'])})")
    return value, values["cache"][1]


# Cases -----------------------------------------------------------------------


def slice_columns(p, value, rows, first, count, element):
    type_ = tensor(element, None, count)
    return p.op(f"tensor.extract_slice {value[0]}[0, {first}] "
                f"[{rows}, {count}] [1, 1] : {value[1]} to {type_}"), type_


def reduced_splits(p, o, columns):
    """The argument x, split-K partials, summed in the case's type."""
    x = p.arg("x", tensor("f32", o.parts, None, columns))
    one = p.op("arith.constant 1 : index")
    p.tokens = p.op(f"tensor.dim {x[0]}, {one} : {x[1]}")
    out = p.empty(tensor(o.x_type, None, columns))
    return p.op(f"lm.split_k_reduce ins({operand(x)}) "
                f"outs({operand(out)})"), out[1]


def norm_quantize(p, o, quantized=True):
    """[add +] norm [+ quantise], and a second norm beside where second_n > 0:
    then x and second are slices of one tensor `packed`."""
    residual = None
    if o.second_n:
        width = o.n + o.second_n
        packed = p.arg("packed", tensor(o.x_type, None, width))
        x = slice_columns(p, packed, p.tokens, 0, o.n, o.x_type)
        second = slice_columns(p, packed, p.tokens, o.n, o.second_n, o.x_type)
    elif getattr(o, "parts", 0):
        x = reduced_splits(p, o, o.n)
    else:
        x = p.arg("x", tensor(o.x_type, None, o.n))
    if getattr(o, "residual", False):
        residual = p.arg("residual", tensor(o.residual_type, None, o.n))
    weight = (p.arg("weight", tensor(o.weight_type, o.n)) if o.weight
              else None)
    y, residual_out = norm(p, x, o.n, o, residual, weight,
                           out_type=o.norm_type if quantized else o.x_type)
    if quantized:
        quantize(p, y, o.n, quant.Scheme.parse(o.scheme),
                 shuffle=getattr(o, "shuffle", False))
    if not quantized:
        p.result("out", y)
    elif o.emit_norm:
        p.result("norm", y)
    if residual_out:
        p.result("residual_out", residual_out)
    if o.second_n:
        weight = (p.arg("second_weight", tensor(o.weight_type, o.second_n))
                  if o.weight else None)
        y, _ = norm(p, second, o.second_n, o, None, weight, o.second_epsilon,
                    out_type=o.x_type)
        p.result("second_out", y)


def dual_rms_norm(p, o):
    norm_quantize(p, o, quantized=False)


def silu_mul_quantize(p, o):
    if o.parts:
        x = reduced_splits(p, o, 2 * o.n)
    else:
        x = p.arg("x", tensor(o.x_type, None, 2 * o.n))
    out = p.empty(tensor(o.x_type if o.round_before_quant else "f32",
                         None, o.n))
    attrs = attributes(clamp=o.clamp or None,
                       round_activation=o.round_activation)
    value = p.op(f"lm.silu_mul {attrs}ins({operand(x)}) outs({operand(out)})")
    quantize(p, (value, out[1]), o.n, quant.Scheme.parse(o.scheme),
             shuffle=getattr(o, "shuffle", False))


def rope_mla_cache_write(p, o):
    positions, tables = rope_args(p, o)
    shape = (None, o.heads, o.rope)
    values, latent = cache_args(p, o)
    q_pe = p.arg("q_pe", tensor(o.x_type, *shape))
    q = rope(p, q_pe, o, positions, tables)
    if o.q_nope:
        nope = p.arg("q_nope", tensor(o.x_type, None, o.heads, latent))
        type_ = tensor(o.x_type, None, o.heads, latent + o.rope)
        q = (p.op(f"tensor.concat dim(2) {nope[0]}, {q[0]} : "
                  f"({nope[1]}, {q[1]}) -> {type_}"), type_)
    k = rope(p, values["k_pe"], o, positions, tables)
    cache = cache_write(p, o, values, k)
    if getattr(o, "twice", False):
        cache = cache_write(p, o, dict(values, cache=cache), k)
    p.result("q_out", q)
    p.result("cache", cache)
    if o.emit_k_rot:
        p.result("k_rot", k)


def rope_quantize(p, o):
    # Slices of x are sized by x itself: only so do they cover all of it.
    x = p.arg("x", tensor(o.x_type, None, o.heads, o.d))
    positions, tables = rope_args(p, o)
    tail_type = tensor(o.x_type, None, o.heads, o.rope)
    window = (f"[0, 0, {o.d - o.rope}] [{p.tokens}, {o.heads}, {o.rope}] "
              "[1, 1, 1]")
    tail = p.op(f"tensor.extract_slice {x[0]}{window} : {x[1]} to {tail_type}")
    tail = rope(p, (tail, tail_type), o, positions, tables, o.inverse)
    x = (p.op(f"tensor.insert_slice {tail[0]} into {x[0]}{window} : "
              f"{tail[1]} into {x[1]}"), x[1])
    width = o.heads * o.d // o.groups
    type_ = tensor(o.x_type, None, o.heads * o.d)
    rows = p.op(f"tensor.collapse_shape {x[0]} [[0], [1, 2]] : "
                f"{x[1]} into {type_}")
    grouped = tensor(o.x_type, None, o.groups, width)
    rows = p.op(f"tensor.expand_shape {rows} [[0], [1, 2]] output_shape "
                f"[{p.tokens}, {o.groups}, {width}] : {type_} into {grouped}")
    quantize(p, (rows, grouped), width, quant.Scheme.parse(o.scheme),
             lead=(o.groups,))


def quantize_alone(p, o):
    x = p.arg("x", tensor(o.x_type, None, o.n))
    quantize(p, x, o.n, quant.Scheme.parse(o.scheme))


def dequantize(p, o):
    scheme = quant.Scheme.parse(o.scheme)
    width = o.n // 2 if scheme.is_fp4 else o.n
    data = p.arg("data", tensor("i8" if scheme.is_fp4 else scheme.element,
                                None, width))
    type_ = (scale_type(p, scheme, o.n)[0] if scheme.is_dynamic
             else tensor("f32", 1))
    scale = p.arg("scale", type_)
    out = p.empty(tensor(o.out_type, None, o.n))
    value = p.op(f"lm.dequantize {scheme} ins({operands(data, scale)}) "
                 f"outs({operand(out)})")
    p.result("y", (value, out[1]))


def shuffle_scale(p, o):
    scale = p.arg("scale", tensor("f8E8M0FNU", None, o.n))
    scheme = quant.Scheme.parse("mxfp4,layout=cdna4_shuffled")
    type_, rows = scale_type(p, scheme, 32 * o.n)
    out = p.empty(type_, rows)
    value = p.op(f"lm.shuffle_scale ins({operand(scale)}) "
                 f"outs({operand(out)})")
    p.result("out", (value, type_))


def rms_norm(p, o):
    x = p.arg("x", tensor(o.x_type, None, o.n))
    weight = (p.arg("weight", tensor(o.weight_type, o.n)) if o.weight
              else None)
    y, _ = norm(p, x, o.n, o, None, weight, out_type=o.out_type)
    p.result("y", y)


def add_rms_norm(p, o):
    x = p.arg("x", tensor(o.x_type, None, o.n))
    residual = p.arg("residual", tensor(o.residual_type, None, o.n))
    weight = (p.arg("weight", tensor(o.weight_type, o.n)) if o.weight
              else None)
    y, residual_out = norm(p, x, o.n, o, residual, weight,
                           out_type=o.out_type)
    p.result("y", y)
    p.result("residual_out", residual_out)


def silu_mul(p, o):
    x = p.arg("x", tensor(o.x_type, None, 2 * o.n))
    out = p.empty(tensor(o.out_type, None, o.n))
    attrs = attributes(clamp=o.clamp or None,
                       round_activation=o.round_activation)
    value = p.op(f"lm.silu_mul {attrs}ins({operand(x)}) outs({operand(out)})")
    p.result("y", (value, out[1]))


def split_k_reduce(p, o):
    x = p.arg("x", tensor("f32", o.parts, None, o.n))
    one = p.op("arith.constant 1 : index")
    p.tokens = p.op(f"tensor.dim {x[0]}, {one} : {x[1]}")
    out = p.empty(tensor(o.out_type, None, o.n))
    value = p.op(f"lm.split_k_reduce ins({operand(x)}) outs({operand(out)})")
    p.result("y", (value, out[1]))


def rope_alone(p, o):
    positions, tables = rope_args(p, o)
    shape = (None, o.heads, o.rope) if o.heads else (None, o.rope)
    x = p.arg("x", tensor(o.x_type, *shape))
    p.result("y", rope(p, x, o, positions, tables, o.inverse))


def mla_cache_write(p, o):
    values, _ = cache_args(p, o)
    p.result("cache", cache_write(p, o, values, values["k_pe"]))


BUILDERS = {
    "rms_norm": rms_norm, "add_rms_norm": add_rms_norm,
    "dual_rms_norm": dual_rms_norm, "rms_norm_quantize": norm_quantize,
    "silu_mul": silu_mul, "split_k_reduce": split_k_reduce,
    "silu_mul_quantize": silu_mul_quantize, "quantize": quantize_alone,
    "dequantize": dequantize, "shuffle_scale": shuffle_scale,
    "rope": rope_alone, "mla_cache_write": mla_cache_write,
    "rope_mla_cache_write": rope_mla_cache_write,
    "rope_quantize": rope_quantize,
}


# Cases of which two targets may differ: they sum over a row, in an order of
# their own, or take an exponential (docs/Rationale/Numerics.md). Their results
# named here, and all results of other cases, have equal bits everywhere.
TARGET_DEPENDENT = {
    "rms_norm", "add_rms_norm", "dual_rms_norm", "rms_norm_quantize",
    "silu_mul", "silu_mul_quantize",
}
TARGET_INDEPENDENT_RESULTS = {"residual_out"}


def depends_on_target(case, result):
    """May a result of a case differ from target to target?"""
    return (case in TARGET_DEPENDENT
            and result not in TARGET_INDEPENDENT_RESULTS)


def build(name, case, options):
    """The function `name` that computes `case` with `options`."""
    program = Program(name)
    BUILDERS[case](program, options)
    return program
