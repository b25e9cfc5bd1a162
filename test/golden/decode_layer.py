#!/usr/bin/python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run a decode step of examples/ on random inputs and judge its results.

    decode_layer.py FILE --entry E --tokens T --seed S --dir DIR
        writes every argument as DIR/<argument>.npy and the reference of every
        result as DIR/ref_<result>.npy
    decode_layer.py FILE --entry E --dir DIR --check
        compares DIR/actual_<result>.npy, written by a program, with it
    decode_layer.py FILE --entry E --tokens T --seed S --dir DIR --run X.so
        writes the arguments, runs hipfuse-run on the artefact, compares

FILE is the module as the model compiler hands it over; hipfuse_golden/layers.py
says what is allowed to differ. Exit status: 0 agreement, 1 difference, 2 bad
input or a failed run.
"""

import argparse
import json
import os
import subprocess
import sys

import numpy as np

from hipfuse_golden import io, layers


def write_arguments(signature, args):
    """Write the arguments and what --check needs to know."""
    stored = layers.random_arguments(signature, args.tokens,
                                     np.random.default_rng(args.seed))
    os.makedirs(args.dir, exist_ok=True)
    for name, value in stored.items():
        np.save(os.path.join(args.dir, f"{name}.npy"), value,
                allow_pickle=False)
    with open(os.path.join(args.dir, "layer.json"), "w") as file:
        json.dump({"entry": signature.entry, "seed": args.seed,
                   "tokens": args.tokens}, file)
        file.write("\n")
    print(f"{signature.entry}: {args.tokens} tokens, seed {args.seed}",
          flush=True)
    return stored


def read_arguments(signature, directory):
    """The arguments and the seed of a directory."""
    with open(os.path.join(directory, "layer.json")) as file:
        description = json.load(file)
    if description["entry"] != signature.entry:
        raise ValueError(f"{directory} holds arguments of "
                         f"@{description['entry']}")
    return {
        name: io.load_storage(os.path.join(directory, f"{name}.npy"),
                              kind.element)
        for name, kind in signature.arguments.items()
    }, description["seed"]


def result_path(args, prefix, name):
    return os.path.join(args.dir, f"{prefix}_{name}.npy")


def run_program(signature, names, args):
    """Run the artefact on the arguments."""
    command = [args.runner, args.run, f"--entry={signature.entry}",
               f"--device={args.device}", "--quiet"]
    command += [f"--input={os.path.join(args.dir, name)}.npy"
                for name in signature.arguments]
    command += [f"--output={result_path(args, 'actual', name)}"
                for name in names]
    try:
        status = subprocess.run(command, timeout=args.timeout).returncode
    except subprocess.TimeoutExpired:
        raise ValueError(f"{args.runner} ran longer than {args.timeout} s")
    if status:
        raise ValueError(f"{args.runner} ended with status {status}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--entry", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--tokens", type=int, default=4, metavar="T")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--variants", type=int, default=layers.VARIANTS,
                        help="perturbed references that set the bars")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--run", metavar="ARTEFACT")
    parser.add_argument("--runner", default="hipfuse-run")
    parser.add_argument("--device", default="host")
    parser.add_argument("--timeout", type=float, default=600)
    args = parser.parse_args(argv)
    try:
        if args.tokens < 1 or args.variants < 1:
            raise ValueError("--tokens and --variants must be positive")
        with open(args.file) as file:
            signature = layers.Signature.parse(file.read(), args.entry)
        seed = args.seed
        if args.check:
            stored, seed = read_arguments(signature, args.dir)
        else:
            stored = write_arguments(signature, args)
        judged = args.check or args.run
        reference = layers.Reference(signature, stored, seed,
                                     args.variants if judged else 0)
        names = list(reference.results)
        if len(names) != len(signature.results):
            raise ValueError(f"@{args.entry} has {len(signature.results)} "
                             f"results, its reference {len(names)}")
        if not judged:
            for name, kind in zip(names, signature.results):
                np.save(result_path(args, "ref", name),
                        reference.stored(name, kind), allow_pickle=False)
            return 0
        if args.run:
            run_program(signature, names, args)
        verdicts = reference.judge({
            name: io.load_storage(result_path(args, "actual", name),
                                  kind.element)
            for name, kind in zip(names, signature.results)})
    except (OSError, ValueError, KeyError) as error:
        print(f"decode_layer.py: error: {error}", file=sys.stderr)
        return 2
    for verdict in verdicts:
        print(verdict)
    ok = all(v.ok for v in verdicts)
    print(f"{args.entry}: {'agrees' if ok else 'DIFFERS'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
