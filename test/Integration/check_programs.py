# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles chains of operations fused and unfused, runs both, compares.

    check_programs.py --build DIR SUITE [--n N] [--m M ...] [--seed S]
                      [--device DEVICE]

Fused and unfused programs must give equal bits for every M; both must agree
with the numpy reference under its contract for every M of --reference-m. With
--device, so must the fused program compiled for it and run there, and what no
target may compute differently must have the host's bits. Every function of the
fused program must hold the fused operation that the suite names, and nothing of
the chain. The last line is "N passed, N failed".
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
from hipfuse_golden import cases, layouts  # noqa: E402
import hipfuse_rt  # noqa: E402
import programs  # noqa: E402
import suites  # noqa: E402


class Check:
    """One case with its options, as a function of a compiled module."""

    def __init__(self, name, case, options):
        self.name, self.case, self.options = name, case, options
        self.text = f"{case} " + " ".join(f"{k}={v}"
                                          for k, v in options.items())
        self.failures = []

    def resolve(self, m, n):
        options = dict(self.options)
        known = cases.CASES[self.case].options
        options["m"] = m
        if "n" in known and "n" not in options:
            options["n"] = n
        values = dict(known)
        if "second_n" not in known:
            values["second_n"] = 0
        values.update(options)
        return argparse.Namespace(**values)

    def fail(self, text):
        self.failures.append(text)


def compile_module(build, source, output, *flags):
    tool = os.path.join(build, "bin", "hipfuse-compile")
    result = subprocess.run([tool, source, "-o", output, *flags],
                            capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"hipfuse-compile {source}: {result.stderr.strip()[:2000]}")


def functions_of(path):
    """{name: body} of the functions in an MLIR file."""
    with open(path) as file:
        parts = re.split(r"func\.func @(\w+)", file.read())
    return dict(zip(parts[1::2], parts[2::2]))


def arguments(program, inputs):
    stored = {name: value.stored() for name, value in inputs.items()}
    if any(name == "packed" for name, _ in program.args):
        stored["packed"] = np.concatenate(
            [stored.pop("x"), stored.pop("second")], axis=1)
    return [stored[name] for name, _ in program.args]


def compare_bits(check, m, name, who, a, b):
    # Padding rows of shuffled scales keep what the destination held.
    padded = "cdna4_shuffled" in check.text or check.case == "shuffle_scale"
    if padded and name in ("scale", "out"):
        a, b = (layouts.unshuffle(x, m, x.shape[1]) for x in (a, b))
    if a.tobytes() != b.tobytes():
        bad = np.flatnonzero(a.reshape(-1).view(np.uint8)
                             != b.reshape(-1).view(np.uint8))
        check.fail(f"m={m}: {name}: {who} differ in {bad.size} bytes, first at "
                   f"{bad[0]}")


def run(check, program, modules, m, seed, with_reference, device=None):
    options = check.resolve(m, program.columns)
    case = cases.CASES[check.case]
    inputs = case.inputs(options, np.random.default_rng(seed))
    arrays = arguments(program, inputs)
    unfused, fused = (module.call(check.name, arrays) for module in modules)
    names = [name for name, _, _ in program.results]
    for name, a, b in zip(names, unfused, fused):
        compare_bits(check, m, name, "fused and unfused", a, b)
    judged = [("unfused", unfused), ("fused", fused)]
    if device:
        values = device.call(check.name, arrays)
        judged.append(("device", values))
        for name, a, b in zip(names, fused, values):
            if not programs.depends_on_target(check.case, name):
                compare_bits(check, m, name, "host and device", a, b)
    if not with_reference:
        return
    outputs = case.outputs(options, inputs)
    for kind, values in judged:
        actual = dict(zip(names, values))
        for output in outputs.values():
            for report in output.check(actual) if output.check else ():
                if not report.ok:
                    check.fail(f"m={m}: {kind}: {report}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("suite", choices=sorted(suites.SUITES))
    parser.add_argument("--n", type=int, default=512)
    parser.add_argument("--m", type=int, nargs="+", default=[1, 2, 17, 128])
    parser.add_argument("--reference-m", type=int, nargs="*",
                        help="default: those of --m below 100")
    parser.add_argument("--seed", type=int,
                        help="default: drawn, and printed")
    parser.add_argument("--device", help="also run on this device")
    parser.add_argument("--target", help="what to compile for with --device "
                        "(default: the device's architecture)")
    parser.add_argument("--keep", help="keep programs and artefacts here")
    args = parser.parse_args()
    seed = (args.seed if args.seed is not None
            else int.from_bytes(os.urandom(4), "little"))
    print(f"seed {seed}")
    reference_m = (args.reference_m if args.reference_m is not None
                   else [m for m in args.m if m < 100])

    suite = suites.SUITES[args.suite]
    checks = [Check(f"f{i}", case, options)
              for i, (case, options) in enumerate(suite.cases(args.n))]
    compiled = [programs.build(c.name, c.case, c.resolve(1, args.n))
                for c in checks]
    with tempfile.TemporaryDirectory() as scratch:
        directory = args.keep or scratch
        os.makedirs(directory, exist_ok=True)
        source = os.path.join(directory, "program.mlir")
        with open(source, "w") as file:
            file.write("\n".join(p.text() for p in compiled))
        fused_text = os.path.join(directory, "fused.mlir")
        compile_module(args.build, source, fused_text, "--emit=mlir")
        bodies = functions_of(fused_text)
        paths = [os.path.join(directory, f"{kind}.so")
                 for kind in ("unfused", "fused")]
        compile_module(args.build, source, paths[0], "--fuse=false")
        compile_module(args.build, source, paths[1])
        runtime = hipfuse_rt.Runtime(args.build)
        modules = [runtime.load(path) for path in paths]
        device = None
        if args.device:
            path = os.path.join(directory, "device.so")
            device = hipfuse_rt.Runtime(args.build, args.device)
            target = args.target or device.architecture.split(":")[0]
            compile_module(args.build, source, path, "--target=" + target)
            device = device.load(path)

        for check, program in zip(checks, compiled):
            program.columns = args.n
            found = sorted(set(re.findall(r"\blm\.\w+",
                                          re.sub(r"#?lm\.\w+<|lm\.name", "",
                                                 bodies[check.name]))))
            expected = suite.fused(check.case, check.options)
            if expected is not None and found != sorted(expected):
                check.fail(f"fused program has {found}, not {expected}")
            for m in args.m:
                run(check, program, modules, m, seed + m, m in reference_m,
                    device)
    failed = 0
    for check in checks:
        for failure in check.failures:
            print(f"FAIL {check.text}: {failure}")
        failed += bool(check.failures)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
