# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs decode attention on a device and judges it by the numpy reference.

    check_device_attention.py --build DIR --edges EDGE... --device DEVICE
                              [--target T] [--clusters N...]
                              [--heads-per-launch N] [--block-tokens N]
    check_device_attention.py --build DIR --edges EDGE... --target T
                              --save FILE.so
    check_device_attention.py --runtime LIBRARY --artefact FILE.so
                              --edges EDGE... --device DEVICE

The edges are lists of check_attention.py; of these its decode operations run,
each with a plan for every N of --clusters (default: as many as the target has
compute units). With one cluster no work is split, with many those that are long
enough are. A case runs twice, on poisoned results and a workspace that is filled
with NaN the first time and with large numbers the second: both runs must give
the same bytes, which must be as near to the reference as its bar says.

The second form only compiles, the third runs what the second made: programs and
results do not depend on where they are compiled, nor programs on the seed. A
kernel that the target lacks is a failure, or with --allow-missing counted.
"""

import csv
import os
import re
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check_attention  # noqa: E402
import hipfuse_rt  # noqa: E402
from hipfuse_golden import cases  # noqa: E402

DECODES = ("mla_decode", "sparse_mla_decode")

# What every byte of the workspace is before the first and the second run: NaN,
# and the largest bf16 and nearly the largest f32.
SCRATCH = (0xFF, 0x7F)


def checks_of(args):
    """(name, check) of all cases that the device can be asked for."""
    for edge in args.edges:
        for i, check in enumerate(check_attention.EDGES[edge]()):
            if check.case.name not in DECODES:
                continue
            # AMD's older type, which only gfx942 computes with.
            if "f8E4M3FNUZ" in (check.options.q_type, check.options.element):
                if args.target not in ("host", "gfx942"):
                    continue
            # Matrix instructions take weights of bf16; the host's are f32.
            if check.options.bar == "strict" and args.target != "host":
                check.options.bar = "weights"
            yield f"{edge.replace('-', '_')}_{i}", check


def plan(args, directory, text, clusters):
    """The functions as the target launches them, planned for `clusters`."""
    source = os.path.join(directory, "source.mlir")
    planned = os.path.join(directory, "planned.mlir")
    with open(source, "w") as file:
        file.write(text)
    check_attention.tool(
        args, "hipfuse-opt", source, "-o", planned,
        f"--lm-attach-target=chip={args.target}", "--cse",
        "--lm-compact-slots",
        f"--lm-split-heads=max-heads={args.heads_per_launch}",
        "--lm-decompose-attention",
        f"--lm-materialize-plans=num-clusters={clusters} "
        f"block-tokens={args.block_tokens}",
        "--mlir-print-local-scope")
    with open(planned) as file:
        lines = file.read().strip().split("\n")
    # Functions of several modules are compiled as one, so that they share
    # kernels; its target is attached again there.
    return "\n".join(lines[1:-1])


def compile_checks(args, directory, checks, seed):
    """Path of the artefact with all cases for all numbers of clusters."""
    inputs = [check.inputs(seed) for _, check in checks]
    text = []
    for clusters in args.clusters:
        programs = "\n".join(
            check_attention.build(f"{name}_c{clusters}", check, values).text()
            for (name, check), values in zip(checks, inputs))
        text.append(plan(args, directory, programs, clusters) if clusters
                    else programs)
    return check_attention.compile_with_host(
        args, directory, "attention", "\n".join(text), args.target,
        f"--heads-per-launch={args.heads_per_launch}")


class Outcome:
    """What came of a case: worst errors, and what is wrong."""

    def __init__(self):
        self.errors, self.problems, self.missing = {}, [], ""

    @property
    def verdict(self):
        return ("no code" if self.missing else
                "FAILED" if self.problems else "ok")

    def error(self, name):
        return f"{self.errors[name]:.2g}" if name in self.errors else "-"


def run(check, inputs, outputs, module, name):
    """Outcome of one case for one number of clusters."""
    outcome = Outcome()
    arrays = [value.stored() for value in inputs.values()]
    try:
        first, second = (module.call(name, arrays, scratch)
                         for scratch in SCRATCH)
    except hipfuse_rt.NoCode as error:
        outcome.missing = str(error)
        return outcome
    actual = dict(zip(("out", "lse"), first))
    for result, a, b in zip(actual, first, second):
        if a.tobytes() != b.tobytes():
            outcome.problems.append(f"{result}: the second run differs")
    for output in outputs.values():
        for report in output.check(actual) if output.check else ():
            outcome.errors[report.name] = report.max_error
            if not report.ok:
                outcome.problems.append(str(report))
    if check.expect:
        outcome.problems += check.expect(check.options, inputs, actual)
    return outcome


def report(args, module, checks, seed):
    """Runs all; prints a line each; returns the number of each verdict."""
    count = {"ok": 0, "FAILED": 0, "no code": 0}
    rows = []
    print(f"{'attention':<92} {'clusters':>8} {'out':>8} {'lse':>8}")
    for i, (name, check) in enumerate(checks):
        title = f"{name.rsplit('_', 1)[0]}: {check.text}"
        if not re.search(args.filter, title):
            continue
        inputs = check.inputs(seed + i)
        outputs = check.case.outputs(check.options, inputs)
        for clusters in args.clusters:
            outcome = run(check, inputs, outputs, module,
                          f"{name}_c{clusters}")
            count[outcome.verdict] += 1
            print(f"{title:<92} {clusters or 'all':>8} "
                  f"{outcome.error('out'):>8} {outcome.error('lse'):>8}  "
                  f"{outcome.verdict}", flush=True)
            for problem in outcome.problems:
                print(f"    {problem}")
            rows.append((title, clusters, outcome.error("out"),
                         outcome.error("lse"), outcome.verdict))
    if args.csv:
        with open(args.csv, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("name", "clusters", "out_difference",
                             "lse_error", "verdict"))
            writer.writerows(rows)
    return count


def main():
    parser = hipfuse_rt.argument_parser(__doc__)
    parser.add_argument("--edges", nargs="+", required=True,
                        choices=sorted(check_attention.EDGES))
    parser.add_argument("--clusters", type=int, nargs="+", default=[0])
    parser.add_argument("--heads-per-launch", type=int, default=0, metavar="N",
                        help="split attention of more heads")
    parser.add_argument("--block-tokens", type=int, default=0, metavar="N",
                        help="blocks of plans for a number of clusters")
    parser.add_argument("--filter", default="", metavar="REGEX",
                        help="only cases whose lines match")
    parser.add_argument("--csv", help="write the results here, too")
    parser.add_argument("--allow-missing", action="store_true")
    args, seed = hipfuse_rt.parse_arguments(parser)
    device = None
    if not args.save:
        device = hipfuse_rt.Runtime(args.runtime or args.build, args.device)
        if not args.target:
            found = device.architecture.split(":")[0]
            args.target = "host" if found.startswith("x86") else found
    checks = list(checks_of(args))
    with tempfile.TemporaryDirectory() as directory:
        artefact = args.artefact or compile_checks(args, directory, checks,
                                                   seed)
        if args.save:
            return
        print(f"seed {seed}")
        count = report(args, device.load(artefact), checks, seed)
    if count["no code"]:
        print(f"{count['no code']} have no code for {args.target}")
    print(f"{count['ok']} passed, {count['FAILED']} failed")
    failed = count["FAILED"] + (0 if args.allow_missing
                                else count["no code"])
    sys.exit(1 if failed or not sum(count.values()) else 0)


if __name__ == "__main__":
    main()
