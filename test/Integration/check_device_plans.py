# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes random attention plans on a device: the host's, and the reference's.

    check_device_plans.py --build DIR --device DEVICE [--cases N]
    check_device_plans.py --build DIR --target T --save FILE.so
    check_device_plans.py --runtime LIBRARY --artefact FILE.so --device DEVICE

The operation's attributes are those of PLANS, the lengths random. All five
results must be those of the numpy planner and of the host's program, byte for
byte. The second form only compiles, the third runs what the second made:
programs depend neither on where they are compiled nor on the seed.
"""

import os
import re
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import check_attention  # noqa: E402
import hipfuse_rt  # noqa: E402
from check_attention import Check, wide  # noqa: E402
from hipfuse_golden import plan  # noqa: E402

# Options, the most requests, and a share of the cases.
PLANS = (
    # As targets plan dense and sparse attention.
    (dict(clusters=256), 40, 4),
    (dict(clusters=132, granularity=64, overhead=1), 40, 4),
    (dict(clusters=304, page=64, granularity=1), 20, 2),
    (dict(clusters=256, topk=2048), 20, 2),
    (dict(clusters=132, topk=128, extra_topk=512, granularity=64, overhead=1),
     40, 4),
    (dict(clusters=16, topk=100, extra_topk=500, granularity=64, max_split=3),
     20, 2),
    (dict(clusters=48, topk=40, extra_topk=500, granularity=128, overhead=1),
     40, 2),
    # The same with requests split evenly, all that may be and one too many.
    (dict(clusters=132, granularity=64, overhead=2, even_split=1), 133, 6),
    (dict(clusters=132, topk=128, extra_topk=512, granularity=64, overhead=2,
          even_split=1), 133, 6),
    (dict(clusters=256, page=64, granularity=1, overhead=1, even_split=1), 256,
     2),
    (dict(clusters=64, topk=2048, max_split=3, even_split=1), 40, 2),
    (dict(clusters=100, q_len=3, q_tile=1, granularity=2, overhead=7,
          even_split=1), 33, 2),
    # Queries that share tiles, and that do not.
    (dict(clusters=64, q_len=4), 20, 2),
    (dict(clusters=64, q_len=4, q_tile=1, granularity=1), 20, 2),
    (dict(clusters=20, q_len=7, q_tile=3, granularity=1, overhead=2), 12, 3),
    (dict(clusters=33, q_len=3, q_tile=2, page=16, granularity=4), 12, 2),
    # Few clusters and many, works of which most are overhead, or none is.
    (dict(clusters=1), 20, 1),
    (dict(clusters=2, granularity=1, overhead=1), 20, 2),
    (dict(clusters=1024, granularity=1, overhead=3), 8, 1),
    (dict(clusters=1024, granularity=1, overhead=3, even_split=1), 1024, 2),
    (dict(clusters=64, granularity=256, overhead=40), 40, 2),
    (dict(clusters=64, max_split=1), 40, 1),
    (dict(clusters=48, max_split=5, page=256, granularity=2), 20, 1),
    (dict(clusters=8, topk=3, granularity=1), 40, 1),
    (dict(clusters=200, granularity=1, overhead=1), 512, 2),
    # As many tiles as the workgroup has threads, and nearly as many clusters.
    (dict(clusters=132, topk=128, extra_topk=512, granularity=64, overhead=2),
     512, 2),
    (dict(clusters=511, granularity=16, overhead=31), 512, 1),
    (dict(clusters=132, page=64, granularity=1, overhead=2), 512, 2),
    (dict(clusters=510, q_len=2, q_tile=1, granularity=2, overhead=3), 256, 1),
    # Positions beyond 32 bits.
    (dict(clusters=40, overhead=10**8, granularity=1), 40, 1),
    (dict(clusters=40, overhead=10**8, granularity=1, even_split=1), 40, 1),
    (dict(clusters=7, overhead=10**9, page=4), 700, 1),
    # More tiles than the workgroup has threads.
    (dict(clusters=132, granularity=64, overhead=1), 1536, 1),
    (dict(clusters=3, q_len=5, q_tile=1, granularity=8), 700, 1),
)
WIDE = 5  # every so many plans have lengths of type i64


def checks_of():
    """(check, most requests, share) of each plan."""
    for i, (options, requests, share) in enumerate(PLANS):
        names = ["lengths"] + ["extra_lengths"] * ("extra_topk" in options)
        change = wide(*names) if i % WIDE == 1 else None
        yield Check("attention_plan", change, **options), requests, share


def compile_checks(args, directory, target, seed):
    """Path of the artefact, for the target and the host."""
    text = "\n".join(
        check_attention.build(f"plan_{i}", check, check.inputs(seed)).text()
        for i, (check, _, _) in enumerate(checks_of()))
    return check_attention.compile_with_host(args, directory, "plans", text,
                                             target)


def random_lengths(rng, requests):
    """All alike, some empty, or of very different sizes."""
    most = int(rng.choice([1, 20, 300, 4096, 20000]))
    kind = rng.random()
    if kind < 0.2:
        lengths = np.full(requests, rng.integers(0, most + 1))
    elif kind < 0.4:
        lengths = (most * rng.random(requests)**8).astype(np.int64)
    else:
        lengths = rng.integers(0, most + 1, requests)
    lengths[rng.random(requests) < rng.choice([0, 0.1, 0.9])] = 0
    lengths[rng.random(requests) < 0.02] = -4
    return lengths


def problems_of(check, requests, modules, name, rng):
    """What is wrong with one random case."""
    config = check.case.config(check.options)
    # Few requests are as interesting as many, and as all that there may be.
    count = int(rng.integers(0, rng.choice([2, 8, requests]) + 1))
    if rng.random() < 0.1:
        count = requests
    types = [value.type for value in check.inputs(0).values()]
    lengths = [random_lengths(rng, count) for _ in types]
    arrays = [a.astype(np.int64 if t == "i64" else np.int32)
              for a, t in zip(lengths, types)]
    expected = plan.make_plan(lengths[0], config, *lengths[1:]).stored(
        plan.max_works(count, config), plan.max_partials(config))
    names = ("works", "work_indptr", "reduce_indptr", "reduce_final_map",
             "reduce_partial_map")
    for where, module in modules.items():
        for result, a, b in zip(names, module.call(name, arrays), expected):
            if a.tobytes() != b.tobytes():
                yield f"{result} differs on {where}, lengths " + " and ".join(
                    str(values.tolist()) for values in lengths)


def main():
    parser = hipfuse_rt.argument_parser(__doc__)
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--filter", default="", metavar="REGEX",
                        help="only options that match")
    args, seed = hipfuse_rt.parse_arguments(parser)
    with tempfile.TemporaryDirectory() as directory:
        if args.save:
            compile_checks(args, directory, args.target, seed)
            return
        runtime = args.runtime or args.build
        device = hipfuse_rt.Runtime(runtime, args.device)
        target = args.target or device.architecture.split(":")[0]
        artefact = args.artefact or compile_checks(args, directory, target,
                                                   seed)
        modules = {target: device.load(artefact),
                   "the host": hipfuse_rt.Runtime(runtime).load(artefact)}
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        checks = list(checks_of())
        shares = sum(share for _, _, share in checks)
        passed = failed = 0
        for i, (check, requests, share) in enumerate(checks):
            if not re.search(args.filter, check.text):
                continue
            problems = []
            count = -(-args.cases * share // shares)
            for _ in range(count):
                found = list(problems_of(check, requests, modules,
                                         f"plan_{i}", rng))
                problems += found[:1]
            passed += not problems
            failed += bool(problems)
            print(f"{check.text:<100} {count:>5} cases  "
                  f"{'FAILED' if problems else 'ok'}", flush=True)
            for problem in problems[:3]:
                print(f"    {problem}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
