#!/usr/bin/python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare a program's outputs with the reference, under the numerics contract.

    compare.py CASE --dir DIR --actual-OUTPUT FILE.npy ...

DIR was written by generate.py. Every output of the case must be given unless
--partial. Exit status: 0 agreement, 1 difference, 2 bad input.
"""

import argparse
import json
import os
import sys

from hipfuse_golden import cases, io


def load_case(directory):
    """(case name, inputs, reference outputs) of a generated directory."""
    with open(os.path.join(directory, "case.json")) as file:
        description = json.load(file)
    case = cases.find(description["case"])
    o = cases.options_of(case, description["options"])
    inputs = {
        name: cases.Tensor(type_name, io.load(
            os.path.join(directory, f"{name}.npy"), type_name))
        for name, type_name in description["inputs"].items()
    }
    return case.name, inputs, case.outputs(o, inputs)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], allow_abbrev=False,
        epilog="--actual-OUTPUT FILE names the program's file of an output")
    parser.add_argument("case", metavar="CASE")
    parser.add_argument("--dir", required=True)
    parser.add_argument("--partial", action="store_true",
                        help="compare only the outputs that are given")
    args, rest = parser.parse_known_args(argv)
    try:
        name, _, outputs = load_case(args.dir)
        if name != args.case:
            raise ValueError(f"{args.dir} holds case {name}")
        options = argparse.ArgumentParser(allow_abbrev=False,
                                          prog=parser.prog)
        for output in outputs:
            options.add_argument("--actual-" + output.replace("_", "-"),
                                 dest=output, metavar="FILE")
        files = {k: v for k, v in vars(options.parse_args(rest)).items() if v}
        missing = [k for k in outputs if k not in files]
        if missing and not args.partial:
            raise ValueError(f"no --actual-{missing[0].replace('_', '-')} "
                             "(pass --partial to leave outputs out)")
        if "scale" in missing and "data" in files and "scale" in outputs:
            raise ValueError("quantised data cannot be judged without scales")
        if not files:
            raise ValueError("no output to compare")
        actual = {k: io.load_storage(path, outputs[k].type,
                                     outputs[k].stored.shape)
                  for k, path in files.items()}
        if "scale" in actual and "data" not in actual:
            raise ValueError("scales are judged together with the data")
        reports = cases.check({k: v for k, v in outputs.items()
                               if k in actual}, actual)
    except (OSError, ValueError, KeyError) as error:
        print(f"compare.py: error: {error}", file=sys.stderr)
        return 2
    for report in reports:
        print(report)
    for k in missing:
        print(f"{k}: not compared")
    return 0 if all(r.ok for r in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
