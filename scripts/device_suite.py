# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fills the device suite: programs, artefacts, inputs, expected results.

    device_suite.py --compiler hipfuse-compile --suite DIR [--targets T,...]
                    [--quick] [--seed S]

DIR holds bin/hipfuse-run, which computes the expected results on the host; they
have to satisfy the numpy reference under its contract. Writes

    DIR/artefacts/*.so
    DIR/data/*.npy   inputs and results, each content once
    DIR/cases.txt    name|artefact|entry|inputs|results|exact results|tolerance
    DIR/judged.txt   target|name|script and arguments
    DIR/bench.txt    label|artefact|entry|bytes|inputs|target|flops|prepare

Fields of several files are separated by blanks; "-" is a result that is not
compared in this way. What judged.txt names compares with the reference on the
machine that runs the suite; it stands in DIR/test, with the reference. DEVICE,
FILTER and RESULTS stand for what they are there. A target
is that of the only devices a line is for; without one it is for all. `prepare`
is a function of the artefact, its number of results and its inputs: they are
the benchmarked function's last arguments.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
for part in ("golden", "Integration"):
    sys.path.insert(0, os.path.join(ROOT, "test", part))
from hipfuse_golden import cases  # noqa: E402
import attention_bench  # noqa: E402
import check_attention  # noqa: E402
from check_programs import Check, arguments  # noqa: E402
import programs  # noqa: E402

TARGETS = "gfx950,gfx942,sm_90,host"

# Any machine of the last ten years.
HOST_CPU = "--host-cpu=x86-64-v3"

# For results that may depend on the target. A scale that crosses a boundary
# takes its block's codes along, so a part of the elements may differ.
TOLERANCE = "--ulp 1 --allow-mismatch 0.01"

SCHEMES = (
    "mxfp4", "mxfp4,scale_rounding=rceil",
    "mxfp4,scale_rounding=floor,element_rounding=half_away",
    "mxfp4,scale_rounding=ceil,layout=cdna4_shuffled",
    "mxfp4,layout=column_major", "mxfp4,nonfinite=saturate", "mxfp8",
    "mxfp8,scale_rounding=rceil,layout=cdna4_shuffled", "fp8_static",
    "fp8_token,element=f8E4M3FN,amax_floor=1e-10",
    "fp8_token,element=f8E4M3FNUZ,amax_floor=1e-10",
    "fp8_group,block=128,amax_floor=1e-10",
    "fp8_group,block=64,layout=column_major,amax_floor=1e-10",
    "fp8_group,block=128,scale_rounding=rceil,nonfinite=saturate,"
    "amax_floor=1e-8")


def quick_cases(n):
    """One case of each family."""
    yield "quantize", dict(scheme="mxfp4", nonfinite=True)
    yield "rms_norm_quantize", dict(scheme="mxfp4", residual=True)
    yield "rms_norm_quantize", dict(scheme="fp8_group,amax_floor=1e-10")
    yield "silu_mul_quantize", dict(scheme="mxfp4")
    yield "rope_mla_cache_write", dict(heads=4, blocks=2)
    yield "rope_quantize", dict(inverse=True)


def all_cases(n):
    """The schemes, layouts and options of all families."""
    for i, scheme in enumerate(SCHEMES):
        yield "quantize", dict(scheme=scheme, nonfinite=True)
        yield "rms_norm_quantize", dict(scheme=scheme, residual=i % 2 == 0)
        yield "silu_mul_quantize", dict(scheme=scheme)
    for options in (dict(residual=True), dict(emit_norm=True, residual=True),
                    dict(weight_offset=1.0), dict(round_norm_before_weight=True),
                    dict(residual=True, norm_from_rounded_residual=True),
                    dict(norm_type="f32", round_before_quant=False),
                    dict(parts=4), dict(second_n=512)):
        yield "rms_norm_quantize", dict(options, scheme="mxfp4")
    for options in (dict(clamp=10.0), dict(parts=4)):
        yield "silu_mul_quantize", dict(options, scheme="mxfp4")
    for layout in ("bf16", "fp8", "ds_mla_656", "ds_mla_584"):
        for interleaved in (False, True):
            yield "rope_mla_cache_write", dict(
                layout=layout, interleaved=interleaved, heads=16, blocks=2)
        yield "mla_cache_write", dict(layout=layout, blocks=2)
    yield "rope_mla_cache_write", dict(heads=4, blocks=2, emit_k_rot=True)
    yield "rope_mla_cache_write", dict(heads=4, blocks=2, compute_type="bf16",
                                       skip_rule="negative_or_zero")
    for scheme in ("fp8_group,amax_floor=1e-8", "mxfp4",
                   "fp8_group,scale_rounding=rceil,nonfinite=saturate,"
                   "amax_floor=1e-8"):
        yield "rope_quantize", dict(scheme=scheme, inverse=True)
    for scheme in ("mxfp4", "mxfp8", "fp8_group,amax_floor=1e-10"):
        yield "dequantize", dict(scheme=scheme)
    yield "shuffle_scale", dict(n=224)
    yield "dual_rms_norm", dict(second_n=512)
    for case in ("rms_norm", "add_rms_norm", "silu_mul", "split_k_reduce"):
        yield case, {}
    for inverse in (False, True):
        yield "rope", dict(heads=3, inverse=inverse)


def wide_cases(n):
    """Rows as long as DeepSeek's."""
    slack = dict(tie_ulps=8.0)
    for residual in (True, False):
        yield "rms_norm_quantize", dict(slack, scheme="mxfp4",
                                        residual=residual)
    yield "rms_norm_quantize", dict(slack, scheme="fp8_group,amax_floor=1e-10")
    yield "quantize", dict(scheme="mxfp4")
    yield "silu_mul_quantize", dict(slack, scheme="mxfp4")


# Artefact name, columns, cases, numbers of tokens.
QUICK = (("quick_512", 512, quick_cases, (1, 5)),)
FULL = (("rows_512", 512, all_cases, (1, 17)),
        ("rows_7168", 7168, wide_cases, (1, 6)))


# Lists of check_attention.py's cases.
EDGES = ("slots", "merging")

# Those of attention itself, whose results the reference judges, and the numbers
# of workgroups: one, which splits nothing, some, and as many as the device has.
ATTENTION_EDGES = (
    "all-holes", "zero-length", "one-scope-empty", "sinks",
    "nan-in-unused-slots", "garbage-beyond-length", "holes", "duplicates",
    "short-tails", "heads", "page-sizes", "topk", "two-scopes", "part-tiles",
    "precisions", "queries", "long-lists", "growing-lengths")
CLUSTERS = (0, 1, 16)
QUICK_EDGES = ("duplicates", "sinks")


class Suite:
    def __init__(self, args):
        self.root, self.compiler = args.suite, args.compiler
        self.build = os.path.dirname(os.path.dirname(
            os.path.abspath(args.compiler)))
        self.targets, self.seed = args.targets, args.seed
        for folder in ("artefacts", "data"):
            os.makedirs(self.path(folder), exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def compile(self, name, text, targets=None):
        """Compiles a module; returns the artefact's path in the suite."""
        artefact = os.path.join("artefacts", name + ".so")
        with tempfile.NamedTemporaryFile("w", suffix=".mlir") as source:
            source.write(text)
            source.flush()
            command = [self.compiler, source.name, HOST_CPU, "--target=" +
                       (targets or self.targets), "-o", self.path(artefact)]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"hipfuse-compile: {done.stderr.strip()[:4000]}")
        return artefact

    @staticmethod
    def with_host(target):
        """The target and the host, which takes what the target does not."""
        return target if target == "host" else target + ",host"

    def store(self, array):
        """Writes an array once; returns its path in the suite."""
        digest = hashlib.sha256(repr((array.dtype.str, array.shape)).encode()
                                + array.tobytes()).hexdigest()[:16]
        name = os.path.join("data", digest + ".npy")
        if not os.path.exists(self.path(name)):
            np.save(self.path(name), array)
        return name

    def run_on_host(self, artefact, entry, inputs, count):
        """The results that the host computes."""
        with tempfile.TemporaryDirectory() as folder:
            outputs = [os.path.join(folder, f"{i}.npy") for i in range(count)]
            command = [self.path("bin", "hipfuse-run"), self.path(artefact),
                       "--device=host", "--quiet", "--entry=" + entry]
            command += ["--input=" + self.path(name) for name in inputs]
            command += ["--output=" + name for name in outputs]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{entry}: {done.stdout}{done.stderr}")
            return [np.load(name) for name in outputs]


def add_cases(suite, name, columns, generate, tokens):
    """Lines of cases.txt for cases of check_programs.py."""
    checks = [Check(f"f{i}", case, options)
              for i, (case, options) in enumerate(generate(columns))]
    built = [programs.build(c.name, c.case, c.resolve(1, columns))
             for c in checks]
    artefact = suite.compile(name, "\n".join(p.text() for p in built))
    for check, program in zip(checks, built):
        for m in tokens:
            options = check.resolve(m, columns)
            case = cases.CASES[check.case]
            inputs = case.inputs(options, np.random.default_rng(suite.seed + m))
            files = [suite.store(a) for a in arguments(program, inputs)]
            results = suite.run_on_host(artefact, check.name, files,
                                        len(program.results))
            names = [result for result, _, _ in program.results]
            # The reference calls bytes unsigned.
            judged = {name: r.view(np.uint8) if r.dtype == np.int8 else r
                      for name, r in zip(names, results)}
            for output in case.outputs(options, inputs).values():
                for report in output.check(judged) if output.check else ():
                    if not report.ok:
                        sys.exit(f"the host's {check.text} m={m}: {report}")
            stored = [suite.store(result) for result in results]
            exact = [not programs.depends_on_target(check.case, name)
                     for name in names]
            title = (f"{check.text} m={m} n={columns}").replace("|", "/")
            yield "|".join((
                title, artefact, check.name, " ".join(files),
                " ".join("-" if e else s for s, e in zip(stored, exact)),
                " ".join(s if e else "-" for s, e in zip(stored, exact)),
                "" if all(exact) else TOLERANCE))


def add_edges(suite, name, edges):
    """Lines of cases.txt for cases of check_attention.py."""
    checks = [c for edge in edges for c in check_attention.EDGES[edge]()]
    inputs = [c.inputs(suite.seed + i) for i, c in enumerate(checks)]
    built = [check_attention.build(f"f{i}", c, values)
             for i, (c, values) in enumerate(zip(checks, inputs))]
    artefact = suite.compile(name, "\n".join(p.text() for p in built))
    for check, program, values in zip(checks, built, inputs):
        files = [suite.store(v.stored()) for v in values.values()]
        results = suite.run_on_host(artefact, program.name, files,
                                    len(program.results))
        names = [result for result, _, _ in program.results]
        for problem in check_attention.judge(check, values, results, names):
            sys.exit(f"the host's {check.text}: {problem}")
        stored = [suite.store(result) for result in results]
        yield "|".join((check.text, artefact, program.name, " ".join(files),
                        " ".join("-" for _ in stored), " ".join(stored), ""))


def attention_targets(suite, quick):
    """All but the host, which would take minutes for real sizes."""
    return [t for t in suite.targets.split(",") if quick or t != "host"]


def add_judged(suite, quick):
    """Lines of judged.txt."""
    for part in ("golden/hipfuse_golden", "Integration"):
        source, target = (os.path.join(root, "test", part)
                          for root in (ROOT, suite.root))
        os.makedirs(target, exist_ok=True)
        for name in os.listdir(source):
            if name.endswith(".py"):
                shutil.copy(os.path.join(source, name), target)
    for target in attention_targets(suite, quick):
        if not quick:
            for judged, driver in (("plans", "check_device_plans.py"),
                                   ("sequence", "check_attention_sequence.py")):
                yield judged_line(suite, target, judged, driver)
        yield judged_line(
            suite, target, "attention", "check_device_attention.py",
            ("--clusters", *map(str, CLUSTERS[1:2] if quick else CLUSTERS),
             "--edges", *(QUICK_EDGES if quick else ATTENTION_EDGES)),
            ("--allow-missing --filter FILTER",
             f"--csv RESULTS/attention-{target}.csv"))
        if not quick:
            yield from add_parity_table(suite, target)


def save(script, *arguments):
    """Lets a script compile what it will run elsewhere."""
    done = subprocess.run(
        [sys.executable, os.path.join(ROOT, script),
         "--compile-option=" + HOST_CPU, *arguments],
        capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script}: {done.stderr.strip()[:4000]}")


def judged_line(suite, target, name, driver, arguments=(), options=()):
    """The line of judged.txt of a driver with programs of its own. `options`
    are for the run alone."""
    name = f"{name}-{target}"
    artefact = os.path.join("artefacts", name + ".so")
    script = os.path.join("test", "Integration", driver)
    save(script, "--build", suite.build, "--save", suite.path(artefact),
         "--target", target, *arguments)
    return "|".join((target, name, " ".join((
        script, "--runtime lib/libhipfuse_rt.so.1 --artefact", artefact,
        "--device DEVICE --target", target, *options, *arguments))))


def add_parity_table(suite, target):
    """The line of judged.txt of scripts/parity_table.py."""
    script = os.path.join("scripts", "parity_table.py")
    folder = os.path.join("artefacts", "parity-" + target)
    for name in (folder, "scripts"):
        os.makedirs(suite.path(name), exist_ok=True)
    shutil.copy(os.path.join(ROOT, script), suite.path("scripts"))
    save(script, "--run", suite.compiler,
         "--compile-option=--target=" + suite.with_host(target), "--save",
         suite.path(folder))
    yield "|".join((target, f"parity-table-{target}", " ".join((
        script, "--runner bin/hipfuse-run --device DEVICE --artefacts",
        folder))))


def add_attention_benchmarks(suite, quick):
    """Lines of bench.txt; each target has its own plans."""
    for target in attention_targets(suite, quick):
        text, benches = attention_bench.generate(
            suite.build, target, quick,
            clusters=4 if target == "host" else 0)
        artefact = suite.compile(f"attention_bench-{target}", text,
                                 suite.with_host(target))
        for b in benches:
            prepare = ([b.prepare, str(b.prepared), *b.prepare_inputs]
                       if b.prepare else [])
            yield "|".join((b.label, artefact, b.entry, str(b.bytes),
                            " ".join(b.inputs), target, str(b.flops),
                            " ".join(prepare)))


def norm_bench(m, n, residual):
    """Bytes and inputs of (add +) norm + MXFP4."""
    rows = 4 * m * n if residual else 2 * m * n
    read = rows + 2 * n
    written = (2 * m * n if residual else 0) + m * n // 2 + m * n // 32
    row = f"random:{m}x{n}"
    return read + written, [row] * (2 if residual else 1) + [f"random:{n}"]


def rope_bench(program, m, heads):
    """Bytes and inputs of rope + concat + cache write, bf16, 512 + 64."""
    width, blocks, positions = 576, 128, 4096
    moved = 2 * 2 * width * m * (heads + 1) + m * (8 + 8 + 2 * 2 * 32)
    shapes = {
        "positions": f"randint:{m}:0:{positions}",
        "cos": f"random:{positions}x32", "sin": f"random:{positions}x32",
        "kv_c": f"random:{m}x512", "k_pe": f"random:{m}x64",
        "slots": f"perm:{m}:{blocks * 64}",
        "cache": f"zeros:{blocks}x64x{width}",
        "q_pe": f"random:{m}x{heads}x64", "q_nope": f"random:{m}x{heads}x512"}
    return moved, [shapes[name] for name, _ in program.args]


def add_benchmarks(suite, quick):
    """Lines of bench.txt."""
    width = 7168
    functions, lines = [], []

    def function(name, case, **options):
        check = Check(name, case, options)
        functions.append(programs.build(name, case, check.resolve(1, width)))
        return functions[-1]

    for residual in (True, False):
        name = "add_norm_mxfp4" if residual else "norm_mxfp4"
        function(name, "rms_norm_quantize", scheme="mxfp4", residual=residual)
        for m in (1, 16) if quick else (1, 16, 128, 1024, 8192):
            lines.append((f"{name} M={m}", name,
                          *norm_bench(m, width, residual)))
    for heads, counts in ((128, (1,)), (16, (64,))) if quick else (
            (128, (1, 64)), (16, (64, 512, 4096))):
        name = f"rope_concat_cache_h{heads}"
        program = function(name, "rope_mla_cache_write", heads=heads,
                           interleaved=True, positions=4096, page=64)
        for m in counts:
            lines.append((f"rope_concat_cache tokens={m} heads={heads}", name,
                          *rope_bench(program, m, heads)))
    artefact = suite.compile("bench", "\n".join(p.text() for p in functions))
    for label, entry, moved, inputs in lines:
        yield "|".join((label, artefact, entry, str(moved), " ".join(inputs),
                        "", "0", ""))
    yield from add_attention_benchmarks(suite, quick)


def all_lines(suite, quick):
    """Lines of cases.txt."""
    for part in QUICK if quick else FULL:
        yield from add_cases(suite, *part)
    if not quick:
        yield from add_edges(suite, "attention_parts", EDGES)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--targets", default=TARGETS)
    parser.add_argument("--quick", action="store_true",
                        help="a case of each family, small benchmarks")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    suite = Suite(args)
    count = {}
    for name, lines in (
            ("cases.txt", all_lines(suite, args.quick)),
            ("judged.txt", add_judged(suite, args.quick)),
            ("bench.txt", add_benchmarks(suite, args.quick))):
        with open(suite.path(name), "w") as file:
            count[name] = 0
            for line in lines:
                file.write(line + "\n")
                count[name] += 1
    print(f"{count['cases.txt']} cases, {count['judged.txt']} lists of "
          f"attention, {count['bench.txt']} benchmarks")


if __name__ == "__main__":
    main()
