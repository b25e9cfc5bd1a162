# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run operations by both lowerings for the host and judge their results.

    run_cases.py --golden DIR --out DIR GROUP

GROUP names a family of cases of the numpy reference below. Each is written as
a function on tensors and compiled twice: after convert-lm-to-linalg, and as it
stands, by loops on buffers. Both run on the same seeded data with 17 rows and
with one, are compared with the reference and, where the dialect fixes every
bit, with each other. Prints one line per failure and a count; the exit status
tells whether there was a failure.
"""

import argparse
import itertools
import os
import re
import subprocess
import sys

import numpy as np

ROWS = (17, 1)
MODES = ("floor", "even", "rceil", "ceil")


# Programs --------------------------------------------------------------------


def mlir_type(tensor, dynamic):
    """The type of a stored array; dimension 0 is dynamic where asked for."""
    dims = [str(d) for d in tensor.value.shape]
    if dynamic is not None:
        dims[dynamic] = "?"
    element = {"u8": "i8"}.get(tensor.type, tensor.type)
    return f"tensor<{'x'.join(dims + [element])}>"


class Program:
    """A function @f<index> from arguments to the results of one operation."""

    def __init__(self, index):
        self.index, self.arguments, self.body = index, [], []
        self.types, self.tokens = {}, None

    def argument(self, name, tensor, dynamic=0):
        self.types[name] = mlir_type(tensor, dynamic)
        self.arguments.append(name)
        if self.tokens is None and dynamic is not None:
            self.body += [
                f"%c = arith.constant {dynamic} : index",
                f"%tokens = tensor.dim %{name}, %c : {self.types[name]}"]
            self.tokens = name

    def empty(self, name, shape, element, dynamic=0):
        dims = [str(d) for d in shape]
        if dynamic is not None:
            dims[dynamic] = "?"
        element = {"u8": "i8"}.get(element, element)
        self.types[name] = f"tensor<{'x'.join(dims + [element])}>"
        tokens = "%tokens" if dynamic is not None else ""
        self.body.append(f"%{name} = tensor.empty({tokens}) : "
                         f"{self.types[name]}")

    def group(self, *names):
        """"%a, %b : type, type"; names that are None are left out."""
        names = [n for n in names if n in self.types]
        return (", ".join("%" + n for n in names) + " : " +
                ", ".join(self.types[n] for n in names))

    def clause(self, keyword, *names):
        return f"{keyword}({self.group(*names)}) " if any(
            n in self.types for n in names) else ""

    def text(self, operation, results):
        """`results` names the destinations, in the order of the results."""
        types = [self.types[r] for r in results]
        values = [f"%result{i}" for i in range(len(results))]
        arguments = ", ".join(f"%{a}: {self.types[a]}" for a in self.arguments)
        lines = [
            f"func.func @f{self.index}({arguments}) -> ({', '.join(types)}) {{",
            *("  " + line for line in self.body),
            f"  {', '.join(values)} = {operation}",
            f"  return {', '.join(values)} : {', '.join(types)}", "}"]
        return "\n".join(lines) + "\n"


def scheme_text(scheme):
    """The attribute of a Scheme of the reference."""
    items = [f"element = {scheme.element}",
             f"granularity = {scheme.granularity}"]
    for name in ("block", "scale_rounding", "element_rounding", "layout",
                 "nonfinite"):
        value = getattr(scheme, name)
        if value not in (0, "none", "nearest_even", "row_major", "propagate"):
            items.append(f"{name} = {value}")
    if scheme.amax_floor:
        items.append(f"amax_floor = {scheme.amax_floor:.9e} : f32")
    return f"#lm.scheme<{', '.join(items)}>"


def attributes(**values):
    """An attribute dictionary; what is None or False is left out."""
    items = [name if value is True else f"{name} = {value}"
             for name, value in values.items() if value not in (None, False)]
    return f"{{{', '.join(items)}}} " if items else ""


def f32(value):
    return f"{value:.9e} : f32"


def norm_attributes(o, **more):
    return attributes(
        epsilon=f32(o.epsilon),
        weight_offset=f32(o.weight_offset) if o.weight_offset else None,
        round_norm_before_weight=o.round_norm_before_weight,
        norm_from_rounded_residual=getattr(o, "norm_from_rounded_residual",
                                           None),
        round_sum_before_residual=getattr(o, "round_sum_before_residual",
                                          None), **more)


def add_quantized(program, scheme, outputs):
    """Destinations `data` and, where computed, `scale_out`."""
    program.empty("data", outputs["data"].stored.shape, outputs["data"].type)
    if not scheme.is_dynamic:
        return ["data"]
    stored = outputs["scale"].stored
    dynamic = 1 if scheme.layout == "column_major" else 0
    # The number of padded rows is no function of the number of rows here: the
    # destination is an argument.
    if scheme.layout == "cdna4_shuffled":
        program.argument("scale_out", GOLDEN.Tensor("f8E8M0FNU", stored))
    else:
        program.empty("scale_out", stored.shape, outputs["scale"].type,
                      dynamic)
    return ["data", "scale_out"]


def quantize(p, o, inputs, outputs):
    scheme = GOLDEN.quant.Scheme.parse(o.scheme)
    p.argument("x", inputs["x"])
    if "scale" in inputs:
        p.argument("scale", inputs["scale"], None)
    results = add_quantized(p, scheme, outputs)
    return p.text(
        f"lm.quantize {scheme_text(scheme)} ins({p.group('x')}) "
        f"{p.clause('input_scale', 'scale')}outs({p.group(*results)})",
        results)


def dequantize(p, o, inputs, outputs):
    scheme = GOLDEN.quant.Scheme.parse(o.scheme)
    p.argument("data", inputs["data"])
    dynamic = {"column_major": 1}.get(scheme.layout, 0)
    p.argument("scale", inputs["scale"],
               dynamic if scheme.is_dynamic else None)
    p.empty("y", outputs["y"].stored.shape, o.out_type)
    return p.text(f"lm.dequantize {scheme_text(scheme)} "
                  f"ins({p.group('data', 'scale')}) outs({p.group('y')})",
                  ["y"])


def shuffle_scale(p, o, inputs, outputs):
    p.argument("scale", inputs["scale"])
    p.argument("out", GOLDEN.Tensor("f8E8M0FNU", outputs["out"].stored))
    return p.text(f"lm.shuffle_scale ins({p.group('scale')}) "
                  f"outs({p.group('out')})", ["out"])


def rms_norm(p, o, inputs, outputs):
    p.argument("x", inputs["x"])
    if o.weight:
        p.argument("weight", inputs["weight"], None)
    p.empty("y", outputs["y"].stored.shape, o.out_type)
    return p.text(f"lm.rms_norm {norm_attributes(o)}ins({p.group('x')}) "
                  f"{p.clause('weight', 'weight')}outs({p.group('y')})", ["y"])


def add_rms_norm(p, o, inputs, outputs):
    for name in ("x", "residual"):
        p.argument(name, inputs[name])
    if o.weight:
        p.argument("weight", inputs["weight"], None)
    p.empty("y", outputs["y"].stored.shape, o.out_type)
    p.empty("r", outputs["y"].stored.shape, o.residual_type)
    return p.text(f"lm.add_rms_norm {norm_attributes(o)}"
                  f"ins({p.group('x', 'residual')}) "
                  f"{p.clause('weight', 'weight')}outs({p.group('y', 'r')})",
                  ["y", "r"])


def rms_norm_quantize(p, o, inputs, outputs):
    scheme = GOLDEN.quant.Scheme.parse(o.scheme)
    p.argument("x", inputs["x"])
    if o.residual:
        p.argument("residual", inputs["residual"])
    if o.weight:
        p.argument("weight", inputs["weight"], None)
    if "scale" in inputs:
        p.argument("scale", inputs["scale"], None)
    results = add_quantized(p, scheme, outputs)
    if o.emit_norm:
        p.empty("norm", outputs["norm"].stored.shape, o.norm_type)
    if o.residual:
        p.empty("r", outputs["residual_out"].stored.shape, o.residual_type)
    rounded = o.norm_type if o.round_before_quant else None
    return p.text(
        f"lm.rms_norm_quantize {scheme_text(scheme)} "
        f"{norm_attributes(o, round_before_quant=rounded)}ins({p.group('x')}) "
        f"{p.clause('residual', 'residual')}{p.clause('weight', 'weight')}"
        f"{p.clause('input_scale', 'scale')}outs({p.group(*results)}) "
        f"{p.clause('norm_out', 'norm')}{p.clause('residual_out', 'r')}",
        results + [n for n in ("norm", "r") if n in p.types])


def silu_mul(p, o, inputs, outputs):
    p.argument("x", inputs["x"])
    p.empty("y", outputs["y"].stored.shape, o.out_type)
    clamp = f32(o.clamp) if o.clamp else None
    a = attributes(clamp=clamp, round_activation=o.round_activation)
    return p.text(f"lm.silu_mul {a}ins({p.group('x')}) outs({p.group('y')})",
                  ["y"])


def split_k_reduce(p, o, inputs, outputs):
    p.argument("x", inputs["x"], 1)
    p.empty("y", outputs["y"].stored.shape, o.out_type)
    return p.text(f"lm.split_k_reduce ins({p.group('x')}) "
                  f"outs({p.group('y')})", ["y"])


def add_tables(p, inputs):
    names = [n for n in ("cos_sin", "cos", "sin") if n in inputs]
    for name in names:
        p.argument(name, inputs[name], None)
    return f"tables({p.group(*names)})"


def rope(p, o, inputs, outputs):
    for name in ("x", "positions"):
        p.argument(name, inputs[name])
    tables = add_tables(p, inputs)
    p.empty("y", outputs["y"].stored.shape, o.x_type)
    style = "interleaved" if o.interleaved else "neox"
    compute = ("#lm.rope_compute<operand>" if o.compute_type != "f32" else
               None)
    return p.text(f"lm.rope {style} {'inverse ' if o.inverse else ''}"
                  f"{attributes(compute=compute)}ins({p.group('x')}) "
                  f"positions({p.group('positions')}) {tables} "
                  f"outs({p.group('y')})", ["y"])


def mla_cache_write(p, o, inputs, outputs):
    for name in ("kv_c", "k_pe", "slots", "cache"):
        p.argument(name, inputs[name])
    if "k_scale" in inputs:
        p.argument("k_scale", inputs["k_scale"], None)
    a = attributes(
        skip_rule=f"#lm.skip_rule<{o.skip_rule}>",
        rope_first=not o.nope_first,
        page_size=f"{o.page} : i64" if o.layout == "ds_mla_584" else None)
    return p.text(f"lm.mla_cache_write {o.layout} {a}"
                  f"ins({p.group('kv_c', 'k_pe')}) slots({p.group('slots')}) "
                  f"{p.clause('scale', 'k_scale')}outs({p.group('cache')})",
                  ["cache"])


def rope_mla_cache_write(p, o, inputs, outputs):
    p.argument("q_pe", inputs["q_pe"])
    for name in ("q_nope", "kv_c", "k_pe", "positions", "slots", "cache"):
        if name in inputs:
            p.argument(name, inputs[name])
    for name in ("k_scale", "q_scale"):
        if name in inputs:
            p.argument(name, inputs[name], None)
    tables = add_tables(p, inputs)
    p.empty("q_out", outputs["q_out"].stored.shape, o.q_type)
    style = "interleaved" if o.interleaved else "neox"
    a = attributes(
        skip_rule=f"#lm.skip_rule<{o.skip_rule}>",
        page_size=f"{o.page} : i64" if o.layout == "ds_mla_584" else None)
    return p.text(
        f"lm.rope_mla_cache_write {style} {o.layout} {a}"
        f"{p.clause('q_nope', 'q_nope')}q_pe({p.group('q_pe')}) "
        f"kv({p.group('kv_c', 'k_pe')}) positions({p.group('positions')}) "
        f"{tables} slots({p.group('slots')}) {p.clause('scale', 'k_scale')}"
        f"{p.clause('q_scale', 'q_scale')}outs({p.group('q_out', 'cache')})",
        ["q_out", "cache"])


def rope_quantize(p, o, inputs, outputs):
    scheme = GOLDEN.quant.Scheme.parse(o.scheme)
    for name in ("x", "positions"):
        p.argument(name, inputs[name])
    tables = add_tables(p, inputs)
    results = add_quantized(p, scheme, outputs)
    style = "interleaved" if o.interleaved else "neox"
    return p.text(f"lm.rope_quantize {style} "
                  f"{'inverse ' if o.inverse else ''}{scheme_text(scheme)} "
                  f"ins({p.group('x')}) positions({p.group('positions')}) "
                  f"{tables} outs({p.group(*results)})", results)


# Special values --------------------------------------------------------------


def with_specials(inputs, scheme):
    """The same rows with NaN, Inf, zeros, subnormals and ties strewn in."""
    x = inputs["x"]
    value = np.array(x.value)
    m, n = value.shape
    tiny, huge = 2.0**-126, float(np.finfo(np.float32).max)
    if x.type == "f16":
        tiny, huge = 2.0**-14, 65504.0
    finite = [0.0, -0.0, tiny, -tiny, tiny / 4, -tiny / 8, huge, -huge / 2,
              2.0**-9, 2.0**-10, -2.0**-10, 3 * 2.0**-10, 1.0, 6.0, -5.0, 2.5,
              0.25, -0.75, 448.0, 464.0, -465.0, 240.0, 248.0]
    kinds = [
        finite, [0.0, -0.0], [0.0], [-0.0], [tiny / 8, -tiny / 8],
        [np.nan, 1.0, -2.0], [np.inf, 3.0], [-np.inf, huge, np.nan],
        [np.nan], [huge, -huge], [0.25, 0.75, 1.25, -1.75, 2.5, -3.5, 5.0, 6.0],
        [tiny, tiny / 4], [2.0**-9, 2.0**-10, -3 * 2.0**-10, 448.0],
        [1.0 + i / 16 for i in range(16)],
    ]
    for row in range(m):
        kind = kinds[row % len(kinds)]
        value[row] = np.resize(kind, n)
        # Half of a row keeps one kind; then blocks mix.
        if n > 64:
            value[row, n // 2:] = np.resize(kinds[(row + 1) % len(kinds)],
                                            n - n // 2)
    inputs["x"] = GOLDEN.Tensor(x.type, GOLDEN.formats.round_to(value, x.type))
    return inputs


# Groups ----------------------------------------------------------------------


def product(**axes):
    """Dictionaries of every combination of the options."""
    return [dict(zip(axes, values)) for values in itertools.product(
        *axes.values())]


def mx_schemes(preset, element_roundings, layouts):
    return [f"{preset},scale_rounding={mode},element_rounding={rounding},"
            f"nonfinite={nonfinite},layout={layout}"
            for mode in MODES for rounding in element_roundings
            for nonfinite in ("propagate", "saturate") for layout in layouts]


MXFP4 = mx_schemes("mxfp4", ("nearest_even", "half_away"), ("row_major",))
MXFP8 = mx_schemes("mxfp8", ("nearest_even",), ("row_major",))
LAYOUTS = [f"{preset},layout={layout}" for preset in ("mxfp4", "mxfp8")
           for layout in ("column_major", "cdna4_shuffled")] + [
               "fp8_group,layout=column_major"]
FP8 = ["fp8_static", "fp8_token", "fp8_group", "fp8_group,block=64",
       "fp8_group,block=32", "fp8_token,amax_floor=1e-4",
       "fp8_group,amax_floor=1e-10"]
FNUZ = [f"{scheme},element=f8E4M3FNUZ" for scheme in FP8[:4]] + [
    f"mxfp8,element=f8E4M3FNUZ,scale_rounding={mode}" for mode in MODES]
GROUP_E8M0 = [f"fp8_group,block={block},scale_rounding=rceil,"
              f"nonfinite=saturate,amax_floor=1e-4" for block in (64, 128)]

GROUPS = {
    "mxfp4": ("quantize", product(scheme=MXFP4, n=[4, 200, 512])),
    "mxfp8": ("quantize", product(scheme=MXFP8 + GROUP_E8M0,
                                  n=[4, 200, 512])),
    "fp8": ("quantize",
            product(scheme=FP8[:2], n=[4, 200], x_type=["bf16", "f32"]) +
            product(scheme=FP8, n=[512]) +
            product(scheme=FNUZ, n=[512], x_type=["bf16", "f16"])),
    "layouts": ("quantize", product(scheme=LAYOUTS, n=[512], x_type=["f16"]) +
                product(scheme=LAYOUTS[:4], n=[200], x_type=["f32"])),
    "dequantize": ("dequantize", product(
        scheme=["mxfp4", "mxfp8", *LAYOUTS[:4], "fp8_static", "fp8_token",
                "mxfp8,element=f8E4M3FNUZ"], n=[4, 200, 512],
        out_type=["bf16", "f32"]) + product(
            scheme=["fp8_group", "fp8_group,layout=column_major",
                    "fp8_group,block=64,element=f8E4M3FNUZ"], n=[512],
            out_type=["bf16", "f16"])),
    "shuffle_scale": ("shuffle_scale", product(n=[1, 8, 14, 224])),
    "rms_norm": ("rms_norm",
                 product(n=[4, 200, 512], x_type=["bf16", "f16", "f32"],
                         out_type=["bf16", "f32"]) +
                 product(weight=[False], n=[200]) +
                 product(weight_offset=[1.0], n=[200],
                         weight_type=["bf16", "f32"],
                         round_norm_before_weight=[False, True])),
    "add_rms_norm": ("add_rms_norm",
                     product(n=[4, 200, 512], x_type=["bf16", "f32"],
                             residual_type=["bf16", "f32"]) +
                     product(n=[200], x_type=["f32"],
                             norm_from_rounded_residual=[False, True],
                             round_sum_before_residual=[False, True],
                             round_norm_before_weight=[False, True])),
    "silu_mul": ("silu_mul",
                 product(n=[4, 200, 512], x_type=["bf16", "f16", "f32"],
                         clamp=[0.0, 7.0], round_activation=[False, True])),
    "split_k_reduce": ("split_k_reduce",
                       product(n=[4, 200, 512], parts=[1, 2, 5],
                               out_type=["bf16", "f32"])),
    "rope": ("rope",
             product(interleaved=[False, True], inverse=[False, True],
                     compute_type=["f32", "bf16"], packed_table=[False, True],
                     heads=[0, 2]) +
             product(rope=[4], x_type=["f16"], compute_type=["f32", "f16"],
                     table_type=["f16"])),
    "mla_cache_write": ("mla_cache_write",
                        product(layout=["bf16", "fp8"],
                                nope_first=[False, True],
                                skip_rule=["negative", "negative_or_zero"]) +
                        product(layout=["ds_mla_656", "ds_mla_584"],
                                x_type=["bf16", "f32"],
                                skip_rule=["negative", "negative_or_zero"]) +
                        product(layout=["fp8"], element=["f8E4M3FNUZ"],
                                x_type=["f32", "f16"])),
    "fused": [
        ("rms_norm_quantize", product(
            scheme=["mxfp4", "fp8_group"], residual=[False, True],
            emit_norm=[False, True], round_before_quant=[False, True]) +
         product(scheme=["fp8_token"], residual=[False, True])),
        ("rope_mla_cache_write", product(
            layout=["bf16", "ds_mla_584"], q_nope=[False, True]) +
         product(layout=["fp8"], q_type=["f8E4M3FN"])),
        ("rope_quantize", product(interleaved=[False, True])),
    ],
}
SPECIALS = ("mxfp4", "mxfp8", "fp8")
# A sum over a row has any order, and exp is as exact as a library makes it.
INEXACT = ("rms_norm", "add_rms_norm", "silu_mul", "fused")


# Running ---------------------------------------------------------------------


class Golden:
    """The reference package."""

    def __init__(self, directory):
        sys.path.insert(0, directory)
        from hipfuse_golden import cases, formats, io, layouts, quant
        self.cases, self.formats, self.io = cases, formats, io
        self.layouts, self.quant, self.Tensor = layouts, quant, cases.Tensor


class Case:
    """One function of the program, its data and its reference."""

    def __init__(self, index, name, options, rows):
        self.case = GOLDEN.cases.find(name)
        self.options = dict(options)
        self.index, self.name = index, name
        self.data(rows, False)
        program = Program(index)
        self.text = globals()[name](program, self.o, self.inputs, self.outputs)
        self.arguments = program.arguments

    def __str__(self):
        return f"{self.name} " + " ".join(
            f"{k}={v}" for k, v in self.options.items())

    def data(self, rows, specials):
        self.outside = None
        self.o = GOLDEN.cases.options_of(self.case,
                                         {**self.options, "m": rows})
        rng = np.random.default_rng(self.index)
        self.inputs = self.case.inputs(self.o, rng)
        if specials:
            self.inputs = with_specials(self.inputs, self.o.scheme)
        if self.name == "silu_mul" and self.o.x_type == "f32":
            # Where exp overflows, the reference leaves open whether 0 or a
            # subnormal results.
            self.inputs["x"].value.clip(-80, 80, self.inputs["x"].value)
        if self.name == "mla_cache_write" and rows == 1:
            self.inputs["slots"].value[0] = self.o.blocks * self.o.page - 1
        if self.name == "mla_cache_write" and rows > 8:
            # Equal slots, a slot beyond the cache, and fewer slots than rows.
            slots = self.inputs["slots"].value[:rows - 3]
            slots[3] = slots[7]
            self.outside = 5, self.o.blocks * self.o.page + 2
            slots[5] = -1
            self.inputs["slots"] = GOLDEN.Tensor("i64", slots)
        self.outputs = self.case.outputs(self.o, self.inputs)

    def stored_input(self, name):
        """An argument as the program gets it."""
        if name in self.inputs:
            stored = self.inputs[name].stored()
            if name == "slots" and self.outside:
                # The reference refuses a slot beyond the cache; it means the
                # same as a skipped one.
                stored = stored.copy()
                stored[self.outside[0]] = self.outside[1]
            return stored
        # A destination that keeps what is not written.
        stored = self.outputs["out" if name == "out" else "scale"].stored
        return np.full(stored.shape, 0xA5, np.uint8)

    def run(self, artefact, directory):
        """What is wrong with the results, and the results."""
        command = ["hipfuse-run", artefact, "--quiet", "--entry",
                   f"f{self.index}"]
        for name in self.arguments:
            path = os.path.join(directory, f"{name}.npy")
            np.save(path, self.stored_input(name))
            command += ["--input", path]
        paths = {name: os.path.join(directory, f"result_{name}.npy")
                 for name in self.outputs}
        for path in paths.values():
            command += ["--output", path]
        subprocess.run(command, check=True)
        actual = {name: GOLDEN.io.load_storage(path, self.outputs[name].type)
                  for name, path in paths.items()}
        reports = GOLDEN.cases.check(self.outputs, actual)
        failures = [str(r) for r in reports if not r.ok]
        return failures + self.check_kept(actual), actual

    def check_kept(self, actual):
        """Rows of shuffled scales that are not there keep their bytes."""
        name = "out" if self.name == "shuffle_scale" else "scale"
        if name not in actual or not ("scale_out" in self.arguments or
                                      name == "out"):
            return []
        rows, columns = actual[name].shape
        logical = GOLDEN.layouts.unshuffle(actual[name], rows, columns)
        if (logical[self.o.m:] != 0xA5).any():
            return [f"{name}: rows beyond the last token were written"]
        if (logical[self.o.m:] == 0xA5).sum() == 0:
            return [f"{name}: no row beyond the last token to look at"]
        count = (self.o.n if name == "out" else -(-self.o.n // 32))
        if (logical[:self.o.m, count:] != 0x7F).any():
            return [f"{name}: padding columns are not 1.0"]
        return []


def compile_cases(cases, out):
    """The artefacts of both lowerings, by name."""
    source = os.path.join(out, "cases.mlir")
    converted = os.path.join(out, "converted.mlir")
    with open(source, "w") as file:
        file.write("\n".join(c.text for c in cases))
    subprocess.run(["hipfuse-opt", "--convert-lm-to-linalg", source, "-o",
                    converted], check=True)
    with open(converted) as file:
        left = re.search(r"\blm\.\w+", file.read())
    if left:
        sys.exit(f"error: {left[0]} is left after the conversion")
    artefacts = {}
    for name, program in (("linalg", converted), ("loops", source)):
        artefacts[name] = os.path.join(out, f"{name}.so")
        subprocess.run(["hipfuse-compile", program, "--fuse=false", "-O1",
                        "-o", artefacts[name]], check=True)
    return artefacts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("group", choices=sorted(GROUPS))
    parser.add_argument("--golden", required=True, metavar="DIR")
    parser.add_argument("--out", required=True, metavar="DIR")
    args = parser.parse_args()
    global GOLDEN
    GOLDEN = Golden(args.golden)
    os.makedirs(args.out, exist_ok=True)

    group = GROUPS[args.group]
    cases = []
    for name, options in group if isinstance(group, list) else [group]:
        for values in options:
            # Scales in f32 need whole blocks.
            scheme = values.get("scheme")
            if scheme and "n" in values:
                parsed = GOLDEN.quant.Scheme.parse(scheme)
                if (parsed.block and not parsed.is_e8m0 and
                        values["n"] % parsed.block):
                    continue
            cases.append(Case(len(cases), name, values, max(ROWS)))
    artefacts = compile_cases(cases, args.out)
    runs = failed = 0
    for case in cases:
        data = [(rows, False) for rows in ROWS]
        if args.group in SPECIALS:
            data.append((max(ROWS), True))
        for rows, specials in data:
            case.data(rows, specials)
            failures, results = [], {}
            for name, artefact in artefacts.items():
                wrong, results[name] = case.run(artefact, args.out)
                failures += [f"{name}: {text}" for text in wrong]
            for name, actual in results["linalg"].items():
                other = results["loops"][name]
                if args.group not in INEXACT and (
                        actual.tobytes() != other.tobytes()):
                    failures.append(f"{name}: the lowerings differ")
            runs += 1
            failed += bool(failures)
            for failure in failures:
                print(f"{case} m={rows}{' specials' * specials}: {failure}")
    print(f"{args.group}: {len(cases)} cases, {runs} runs, {failed} failed")
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
