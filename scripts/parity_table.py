#!/usr/bin/env python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Print the parity table of sparse MLA decode beside the published one.

Batch 8, 2048 slots per scope, 576/512 columns, q and keys N(0, 1), one and two
scopes, the heads of one rank at TP 2, 4 and 8 of a 128-head model. A row's
cosine is that of one (request, head) with the exact attention in float64. The
published values are those of pull requests ROCm/vllm#901 to #903, measured on an
MI355X; accepted is a mean above 0.999 and a minimum above 0.99.

    parity_table.py                        the FP8 policy (a8w8) in the reference
    parity_table.py --run hipfuse-compile  compiled programs, both policies
    parity_table.py --run hipfuse-compile --save DIR   only compiles them
    parity_table.py --artefacts DIR        what was saved, without a compiler

Exit status: 0 if every row is accepted, 1 if not, 2 if a program failed.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "test", "golden"))

from hipfuse_golden import attention, attention_cases, cases, formats  # noqa: E402

BATCH, COLUMNS, VALUE = 8, 576, 512

# heads, scopes -> published least, mean and greatest cosine
PUBLISHED = {
    (64, 1): (0.998151, 0.999135, 0.999492),
    (64, 2): (0.998568, 0.999278, 0.999538),
    (32, 1): (0.998532, 0.999131, 0.999474),
    (32, 2): (0.998528, 0.999280, 0.999494),
    (16, 1): (0.998682, 0.999152, 0.999455),
    (16, 2): (0.998927, 0.999292, 0.999505),
}

MODULE = """\
func.func @decode(%q: tensor<{t}x{h}x{d}xbf16>, {arguments})
    -> (tensor<{t}x{h}x{v}xbf16>, tensor<{t}x{h}xf32>) {{
  %o = tensor.empty() : tensor<{t}x{h}x{v}xbf16>
  %l = tensor.empty() : tensor<{t}x{h}xf32>
  %out, %lse = lm.sparse_mla_decode bf16
    {{sm_scale = {scale:.9e} : f32, compute = #lm.attention_compute<{compute}>{extra}}}
    ins(%q : tensor<{t}x{h}x{d}xbf16>)
    {operands}
    outs(%o : tensor<{t}x{h}x{v}xbf16>) lse(%l : tensor<{t}x{h}xf32>)
  return %out, %lse : tensor<{t}x{h}x{v}xbf16>, tensor<{t}x{h}xf32>
}}
"""


def module(inputs, heads, scopes, scale, compute):
    """The program of one configuration."""
    arguments, operands = [], []
    for prefix in ("", "extra_")[:scopes]:
        for name, element in (("cache", "bf16"), ("slots", "i32")):
            shape = inputs[prefix + name].value.shape
            kind = "tensor<%sx%s>" % ("x".join(map(str, shape)), element)
            arguments.append(f"%{prefix}{name}: {kind}")
            operands.append(f"{prefix}{name}(%{prefix}{name} : {kind})")
    return MODULE.format(
        t=BATCH, h=heads, d=COLUMNS, v=VALUE, scale=scale, compute=compute,
        arguments=", ".join(arguments), operands="\n    ".join(operands),
        extra=", extra_layout = #lm.cache_layout<bf16>" * (scopes > 1))


def compile_program(args, text, artefact):
    """Writes the artefact of a module."""
    with tempfile.NamedTemporaryFile("w", suffix=".mlir") as source:
        source.write(text)
        source.flush()
        subprocess.run([args.run, *args.compile_option, source.name, "-o",
                        artefact], check=True, timeout=args.timeout)


def run_program(args, artefact, inputs):
    """(out values, lse) of a compiled program."""
    with tempfile.TemporaryDirectory() as directory:
        def path(name):
            return os.path.join(directory, name)
        command = [args.runner, artefact, "--entry=decode",
                   f"--device={args.device}", "--quiet",
                   f"--output={path('out.npy')}", f"--output={path('lse.npy')}"]
        for name, tensor in inputs.items():
            np.save(path(f"{name}.npy"), tensor.stored(), allow_pickle=False)
            command.append(f"--input={path(name)}.npy")
        subprocess.run(command, check=True, timeout=args.timeout)
        return (formats.decode(np.load(path("out.npy")), "bf16"),
                np.load(path("lse.npy")).astype(np.float64))


def results_of(args, module_text, name, inputs):
    """(out values, lse) of a module, or of what was made of it before."""
    if args.artefacts:
        return run_program(args, os.path.join(args.artefacts, name), inputs)
    with tempfile.TemporaryDirectory() as directory:
        artefact = os.path.join(directory, name)
        compile_program(args, module_text, artefact)
        return run_program(args, artefact, inputs)


def configuration(args, heads, scopes):
    """Rows of the table of one configuration: (policy, text, accepted)."""
    case = cases.find("sparse_mla_decode")
    o = cases.options_of(case, dict(
        heads=heads, tokens=BATCH, topk=args.topk, lengths=False, holes=0.0,
        extra_topk=args.topk if scopes > 1 else 0))
    rng = np.random.default_rng([args.seed, heads, scopes])
    inputs = case.inputs(o, rng)
    # The case leaves one row empty; here every row is full.
    for prefix in ("", "extra_")[:scopes]:
        blocks, page = inputs[prefix + "cache"].value.shape[:2]
        used = np.stack([rng.permutation(blocks * page)[:args.topk]
                         for _ in range(BATCH)])
        keys = attention_cases.normal(rng, blocks, page, COLUMNS)
        inputs[prefix + "cache"].value = keys
        inputs[prefix + "slots"].value = used
    scale = attention_cases.sm_scale_of(o)
    query = attention.Query(inputs["q"].value)
    parts = [attention.Scope(inputs[p + "cache"].stored(),
                             inputs[p + "slots"].value)
             for p in ("", "extra_")[:scopes]]
    runs_programs = args.run or args.artefacts
    exact = None if args.print or args.save else attention.sparse_mla_decode(
        query, parts, sm_scale=scale)
    for compute in ("a8w8", "exact") if runs_programs else ("a8w8",):
        text = module(inputs, heads, scopes, scale, compute)
        name = f"decode-{heads}-{scopes}-{compute}.so"
        if args.print:
            yield compute, text, True
            continue
        if args.save:
            compile_program(args, text, os.path.join(args.save, name))
            continue
        if runs_programs:
            out, lse = results_of(args, text, name, inputs)
        else:
            result = attention.sparse_mla_decode(query, parts, sm_scale=scale,
                                                 compute=compute)
            out, lse = result.out(), result.lse
        cosine = attention.cosines(out, exact.o)
        accepted = (cosine.mean() > attention.PARITY_MEAN and
                    cosine.min() > attention.PARITY_MIN)
        text = "%.6f / %.6f / %.6f" % (cosine.min(), cosine.mean(),
                                       cosine.max())
        if compute == "exact":
            error = np.abs(lse - exact.lse).max()
            bar = "strict" if args.device.startswith("host") else "weights"
            difference, rows, _ = attention.out_errors(out, exact.o, exact.o,
                                                       bar)
            accepted = (accepted and not rows.any() and
                        not attention.lse_errors(lse, exact.lse).any())
            text += " | cosine difference %.2g, lse %.2g" % (difference.max(),
                                                              error)
        yield compute, text, accepted


def main():
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", metavar="COMPILER",
                        help="compile and run programs with this compiler")
    parser.add_argument("--compile-option", action="append", default=[],
                        help="option of the compiler, e.g. for a target")
    parser.add_argument("--save", metavar="DIR",
                        help="write the compiled programs here, run nothing")
    parser.add_argument("--artefacts", metavar="DIR",
                        help="run what --save wrote for the same --topk")
    parser.add_argument("--runner", default="hipfuse-run")
    parser.add_argument("--device", default="host")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--print", action="store_true",
                        help="print the programs instead, separated as "
                             "hipfuse-opt's\n--split-input-file takes them")
    parser.add_argument("--topk", type=int, default=2048)
    parser.add_argument("--heads", type=int, action="append",
                        choices=(64, 32, 16), help="only these heads")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.save and not args.run:
        parser.error("--save needs --run")
    if not args.print and not args.save:
        print("| heads | scopes | published min / mean / max | policy "
              "| min / mean / max | |\n|---|---|---|---|---|---|")
    passed = failed = 0
    for (heads, scopes), published in PUBLISHED.items():
        if args.heads and heads not in args.heads:
            continue
        try:
            for compute, text, accepted in configuration(args, heads, scopes):
                passed, failed = passed + accepted, failed + (not accepted)
                if args.print:
                    print(text + "\n// -----\n")
                    continue
                print("| %d | %d | %.6f / %.6f / %.6f | %s | %s | %s |" % (
                    heads, scopes, *published, compute, text,
                    "ok" if accepted else "FAIL"), flush=True)
        except (OSError, subprocess.SubprocessError) as error:
            print("parity_table.py: error: %s" % error, file=sys.stderr)
            return 2
    if not args.print and not args.save:
        print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
