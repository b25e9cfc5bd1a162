# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attentions that follow one another on a stream, in the same workspace.

    check_attention_sequence.py --build DIR --device DEVICE [--rounds N]
    check_attention_sequence.py --build DIR --target T --save FILE.so
    check_attention_sequence.py --runtime LIBRARY --artefact FILE.so --device
                                DEVICE [--rounds N]

Each call makes its own plan, of lengths unlike those of the call before, where
that had its plan and its partial results; kernels may start before those before
them have ended. The results are those of the same calls one at a time, bit for
bit.
"""

import contextlib
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check_attention  # noqa: E402
import hipfuse_rt  # noqa: E402
from check_attention import Check, TWO  # noqa: E402

# Few rows and many, of a paged cache and of lists of slots, which leave some
# clusters without work or share them.
CHECKS = (
    Check("mla_decode", heads=16, requests=7, length=700),
    Check("mla_decode", heads=64, requests=5, length=300),
    Check("sparse_mla_decode", heads=16, tokens=9, topk=400, sink="normal",
          **TWO),
    Check("sparse_mla_decode", heads=64, tokens=6, topk=200, sink="normal",
          **TWO),
    Check("sparse_mla_decode", heads=16, tokens=40, topk=130,
          layout="ds_mla_656"),
)
SETS = 5  # of inputs, in turn


def compile_checks(args, directory, target, seed):
    """Path of the artefact."""
    text = "\n".join(
        check_attention.build(f"attention_{i}", check,
                              check.inputs(seed)).text()
        for i, check in enumerate(CHECKS))
    return check_attention.compile_with_host(args, directory, "attention",
                                             text, target)


def problems_of(runtime, module, name, check, seed, rounds):
    """What is wrong with the calls of one function."""
    inputs = [[value.stored() for value in check.inputs(seed + i).values()]
              for i in range(SETS)]
    expected = [[a.tobytes() for a in module.call(name, arrays)]
                for arrays in inputs]
    with contextlib.ExitStack() as stack:
        calls = [stack.enter_context(hipfuse_rt.Call(module, name, arrays))
                 for arrays in inputs]
        size = max(call.workspace_size for call in calls)
        workspace = stack.enter_context(runtime.workspace(size, 0xFF))
        stream = stack.enter_context(runtime.stream())
        for turn in range(rounds):
            # Every set comes after every other one.
            for i in range(SETS * (SETS - 1)):
                calls[i * (1 + i // SETS) % SETS].launch(workspace, stream)
            runtime.synchronize(stream)
            for i, (call, want) in enumerate(zip(calls, expected)):
                if [a.tobytes() for a in call.results()] != want:
                    yield f"round {turn}: call {i} gives something else"


def main():
    parser = hipfuse_rt.argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    args, seed = hipfuse_rt.parse_arguments(parser)
    with tempfile.TemporaryDirectory() as directory:
        if args.save:
            compile_checks(args, directory, args.target, seed)
            return 0
        runtime = hipfuse_rt.Runtime(args.runtime or args.build, args.device)
        target = args.target or runtime.architecture.split(":")[0]
        artefact = args.artefact or compile_checks(args, directory, target,
                                                   seed)
        print(f"seed {seed}")
        module = runtime.load(artefact)
        count = {"ok": 0, "FAILED": 0, "no code": 0}
        for i, check in enumerate(CHECKS):
            problems = []
            try:
                problems += problems_of(runtime, module, f"attention_{i}",
                                        check, seed, args.rounds)
                verdict = "FAILED" if problems else "ok"
            except hipfuse_rt.NoCode:
                verdict = "no code"
            count[verdict] += 1
            print(f"{check.text:<92} {verdict}", flush=True)
            for problem in problems[:3]:
                print(f"    {problem}")
        if count["no code"]:
            print(f"{count['no code']} have no code for {target}")
        print(f"{count['ok']} passed, {count['FAILED']} failed")
        return 1 if count["FAILED"] or not count["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
