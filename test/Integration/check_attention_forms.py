# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""DeepSeek-V4's attention sublayer, written as targets launch it.

    check_attention_forms.py --build DIR --preset full|pro [--tp N ...]

The sublayers of scripts/generate_model.py, with the heads of the model on one of
N ranks and fewer columns elsewhere, are compiled as they are and as
hipfuse-attention-pipeline writes them for gfx942 (with half of the heads per
launch where it takes them all). Both artefacts run batches of several sizes through
hipfuse-run and must give the same bits; the program as it is is held to the
reference for one of its functions, another for every N.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "golden"))
import decode_layer  # noqa: E402
from hipfuse_golden import io, layers  # noqa: E402

# What is made smaller; heads, their columns, window and chosen entries are not.
REDUCED = dict(hidden=256, q_rank=128, o_rank=128, index_heads=2,
               positions=8192)
ENTRIES = ("attention_ratio_0", "attention_ratio_4", "attention_ratio_128")


def tool(args, name, *command):
    path = os.path.join(args.build, "bin", name)
    result = subprocess.run([path, *command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{name}: {result.stderr.strip()[:2000]}")


def program(args, tp):
    """The text of the model on one of `tp` ranks."""
    command = [sys.executable,
               os.path.join(ROOT, "scripts", "generate_model.py"),
               "--model", "v4-attention", "--preset", args.preset,
               "--tp", str(tp)]
    for name, value in REDUCED.items():
        command += ["--set", f"{name}={value}"]
    return subprocess.run(command, capture_output=True, text=True,
                          check=True).stdout


def compiled(args, source, name, *passes):
    """(text after the passes, path of the artefact)."""
    changed = os.path.join(args.work, name + ".mlir")
    tool(args, "hipfuse-opt", source, *passes, "-o", changed)
    artefact = os.path.join(args.work, name + ".so")
    tool(args, "hipfuse-compile", changed, "-o", artefact)
    with open(changed) as file:
        return file.read(), artefact


def forms(args, source, heads):
    """The artefacts of the program as it is and as it is launched."""
    limit = min(32, heads // 2)
    _, plain = compiled(args, source, "plain")
    text, launched = compiled(
        args, source, "launched",
        f"--lm-attach-target=chip=gfx942 max-heads-per-launch={limit}",
        "--hipfuse-attention-pipeline")
    pieces = heads // limit
    # One scope in one function, two in the others; a merge per piece.
    for op, count in (("lm.sparse_mla_decode", 5 * pieces),
                      ("lm.merge_attention", 2 * pieces),
                      ("lm.attention_plan", 5), ("lm.slot_lengths", 1),
                      ("lm.compact_slots", 0)):
        if text.count(f" {op} ") != count:
            sys.exit(f"{text.count(f' {op} ')} {op}, but {count} are expected")
    return plain, launched


def run(args, signature, artefact, directory, names):
    """{result: array} of hipfuse-run."""
    options = SimpleNamespace(
        runner=os.path.join(args.build, "bin", "hipfuse-run"), run=artefact,
        device="host", dir=directory, timeout=300)
    decode_layer.run_program(signature, names, options)
    return {n: io.load_storage(decode_layer.result_path(options, "actual", n),
                               kind.element)
            for n, kind in zip(names, signature.results)}


def check(args, signature, artefacts, tokens, seed, judged):
    """Problems of one batch."""
    stored = layers.random_arguments(signature, tokens,
                                     np.random.default_rng(seed))
    for name, value in stored.items():
        np.save(os.path.join(args.work, f"{name}.npy"), value)
    names, problems = [f"r{i}" for i in range(len(signature.results))], []
    if judged:
        reference = layers.Reference(signature, stored, seed)
        names = list(reference.results)
    plain, launched = (run(args, signature, artefact, args.work, names)
                       for artefact in artefacts)
    if judged:
        problems += [str(v) for v in reference.judge(plain) if not v.ok]
    return problems + [f"other bits of {n} as it is launched" for n in names
                       if launched[n].tobytes() != plain[n].tobytes()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--preset", required=True, choices=("full", "pro"))
    parser.add_argument("--tp", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--tokens", type=int, nargs="+", default=[2, 5])
    parser.add_argument("--seed", type=int, help="default: drawn, and printed")
    args = parser.parse_args()
    seed = (args.seed if args.seed is not None
            else int.from_bytes(os.urandom(4), "little"))
    print(f"seed {seed}")
    failed = passed = 0
    for number, tp in enumerate(args.tp):
        text = program(args, tp)
        with tempfile.TemporaryDirectory() as args.work:
            source = os.path.join(args.work, "model.mlir")
            with open(source, "w") as file:
                file.write(text)
            heads = layers.Signature.parse(
                text, ENTRIES[0]).arguments["sink"].shape[0]
            artefacts = forms(args, source, heads)
            for i, entry in enumerate(ENTRIES):
                signature = layers.Signature.parse(text, entry)
                for tokens in args.tokens:
                    seed += 1
                    problems = check(
                        args, signature, artefacts, tokens, seed,
                        i == number % 3 and tokens == min(args.tokens))
                    failed += bool(problems)
                    passed += not problems
                    for problem in problems:
                        print(f"{entry}, {heads} heads, {tokens} tokens: "
                              f"{problem}")
            print(f"{args.preset} tp {tp}: {heads} heads", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
