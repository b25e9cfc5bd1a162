#!/usr/bin/python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write seeded inputs and reference outputs of a case as .npy files.

    generate.py CASE --seed S --out DIR [--m M --n N --OPTION VALUE ...]

DIR receives <input>.npy, ref_<output>.npy and case.json, from which compare.py
recomputes the reference. `--list` prints the cases and their options.
"""

import argparse
import json
import os
import sys

import numpy as np

from hipfuse_golden import cases, io


def add_options(parser, case):
    """One command-line option per option of the case."""
    for name, default in case.options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction,
                                default=default)
        else:
            parser.add_argument(flag, type=type(default), default=default,
                                help=f"default {default}")


def describe():
    lines = []
    for case in cases.CASES.values():
        lines.append(f"{case.name}: {case.help}")
        lines.append("  " + " ".join(
            f"{k.replace('_', '-')}={v}" for k, v in case.options.items()))
    return "\n".join(lines)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true",
                        help="print the cases and their options")
    commands = parser.add_subparsers(dest="case", metavar="CASE")
    for case in cases.CASES.values():
        command = commands.add_parser(case.name, help=case.help)
        command.add_argument("--seed", type=int, default=0)
        command.add_argument("--out", required=True, metavar="DIR")
        add_options(command, case)
    args = parser.parse_args(argv)
    if args.list:
        print(describe())
        return 0
    if args.case is None:
        parser.error("name a case, or --list")
    case = cases.find(args.case)
    options = {name: getattr(args, name) for name in case.options}
    try:
        o = cases.options_of(case, options)
        inputs = case.inputs(o, np.random.default_rng(args.seed))
        outputs = case.outputs(o, inputs)
    except ValueError as error:
        print(f"generate.py: error: {error}", file=sys.stderr)
        return 2
    os.makedirs(args.out, exist_ok=True)
    shapes = []
    for name, tensor in inputs.items():
        io.save(os.path.join(args.out, f"{name}.npy"), tensor.value,
                tensor.type)
        shapes.append(f"{name}:{'x'.join(map(str, tensor.value.shape))}"
                      f"x{tensor.type}")
    for name, output in outputs.items():
        io.save(os.path.join(args.out, f"ref_{name}.npy"), output.stored,
                output.type)
        shapes.append(f"ref_{name}:{'x'.join(map(str, output.stored.shape))}"
                      f"x{output.type}")
    description = {
        "case": case.name,
        "seed": args.seed,
        "options": options,
        "inputs": {k: v.type for k, v in inputs.items()},
        "outputs": {k: v.type for k, v in outputs.items()},
    }
    with open(os.path.join(args.out, "case.json"), "w") as file:
        json.dump(description, file, indent=1)
        file.write("\n")
    print(f"{case.name} seed {args.seed}: {' '.join(shapes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
