# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""All attentions of a 61-layer step as one device function.

    check_step.py --build DIR --device DEVICE --target T

The results are the host's, the plans at most three, the workspace one for all
layers, and the whole step is captured in one graph.
"""

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATOR = os.path.join(HERE, "..", "Transforms", "Inputs",
                         "attention_step.py")
HEADS, SLOTS, TOKENS, LAYERS = 16, 64, 2, 61


def compile_step(args, directory, layers):
    source = os.path.join(directory, f"step{layers}.mlir")
    with open(source, "w") as file:
        subprocess.run([sys.executable, GENERATOR, f"layers={layers}",
                        f"heads={HEADS}", f"window={SLOTS}", f"chosen={SLOTS}",
                        f"all={SLOTS}"], check=True, stdout=file)
    artefact = os.path.join(directory, f"step{layers}.so")
    subprocess.run([os.path.join(args.build, "bin", "hipfuse-compile"), source,
                    f"--target={args.target},host", "-o", artefact], check=True)
    return artefact


def inputs(layers):
    rules = [f"randint:{TOKENS}:100:128", f"perm:{TOKENS}x2:4",
             "cache:4x37440", "cache:4x37440", "cache:4x1728",
             f"random:{HEADS}", f"random:{TOKENS}x{HEADS}x512"]
    # Entries that the cache of one in four tokens has by then.
    rules += [f"randint:{TOKENS}x{SLOTS}:0:25"] * layers
    return [word for rule in rules for word in ("--input", rule)]


def run(args, tool, artefact, layers, *options, device=None):
    """Runs a tool on the step; its output."""
    command = [os.path.join(args.build, "bin", tool), artefact, "--random=7",
               f"--device={device or args.device}", *inputs(layers), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])}: {done.stdout}")
    return done.stdout


def launches(args, artefact, layers, directory, *options):
    """How often each kernel is launched, without its number."""
    trace = os.path.join(directory, "trace.json")
    run(args, "hipfuse-run", artefact, layers, f"--trace={trace}", *options)
    with open(trace) as file:
        events = json.load(file)["traceEvents"]
    return collections.Counter(event["name"].rpartition("_")[0]
                               for event in events)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--target", required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        artefact = compile_step(args, directory, LAYERS)
        expected = os.path.join(directory, "expected.npy")
        run(args, "hipfuse-run", artefact, LAYERS, f"--output={expected}",
            device="host")
        counts = launches(args, artefact, LAYERS, directory,
                          f"--compare={expected}", "--atol=1e-2", "--rtol=0")
        for kernel, least, most in (("attention_plan", 1, 3),
                                    ("sparse_mla_decode", LAYERS, LAYERS),
                                    ("attention_reduce", LAYERS, LAYERS)):
            print(f"{kernel}: {counts[kernel]} launches")
            if not least <= counts[kernel] <= most:
                sys.exit(f"error: expected {least} to {most}")
        print(run(args, "hipfuse-bench", artefact, LAYERS, "--calls=1",
                  "--replays=1", "--warmup=0", "--copy=0", "--sets=1"))


if __name__ == "__main__":
    main()
