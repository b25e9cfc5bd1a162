"""Host speed of the fusions: fused against unfused programs, and both against
a measured large copy.

    bench_host.py [--build DIR] [--n N] [--m M ...] [--threads T]
                  [--chain TEXT] [--samples S]

Prints, per chain and number of tokens, the median time of the unfused and the
fused program, their ratio, the bytes per second that the fused one moves (every
input read once, every output written once) and its share of a large copy's.
Each figure is the median of S processes' medians; fused and unfused processes
alternate, so that a busy machine slows both. --chain keeps the chains whose name
has TEXT in it.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "test", "golden"),
                os.path.join(ROOT, "test", "Integration")]
from hipfuse_golden import cases  # noqa: E402
import programs  # noqa: E402

FP8 = "fp8_group,amax_floor=1e-10"
CHAINS = [
    ("add + norm + MXFP4", "rms_norm_quantize",
     dict(scheme="mxfp4", residual=True)),
    ("norm + MXFP4", "rms_norm_quantize", dict(scheme="mxfp4")),
    ("add + norm + FP8/128", "rms_norm_quantize",
     dict(scheme=FP8, residual=True)),
    ("norm + MXFP4, second norm", "rms_norm_quantize",
     dict(scheme="mxfp4", second_n=512)),
    ("two norms", "dual_rms_norm", dict(second_n=512)),
    ("silu * up + MXFP4", "silu_mul_quantize", dict(scheme="mxfp4")),
    ("silu * up + FP8/128", "silu_mul_quantize", dict(scheme=FP8)),
    ("rope + cache write", "rope_mla_cache_write",
     dict(heads=16, blocks=64, page=64)),
    ("inverse rope + FP8/128", "rope_quantize",
     dict(scheme=FP8, heads=16, groups=2)),
]

COPY = """
func.func @copy(%x: tensor<?x4096xf32>) -> tensor<?x4096xf32> {
  %c0 = arith.constant 0 : index
  %rows = tensor.dim %x, %c0 : tensor<?x4096xf32>
  %init = tensor.empty(%rows) : tensor<?x4096xf32>
  %0 = linalg.copy ins(%x : tensor<?x4096xf32>)
                   outs(%init : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  return %0 : tensor<?x4096xf32>
}
"""


def options_of(case, values, n, m):
    known = dict(cases.CASES[case].options, second_n=0)
    if "n" in known:
        known["n"] = n
    return argparse.Namespace(**{**known, **values, "m": m})


def size_of(type_, m):
    """Bytes of a tensor type with m tokens."""
    shape, element = re.fullmatch(r"tensor<(?:(.*)x)?(\w+)>", type_).groups()
    width = {"f32": 4, "i64": 8, "i32": 4, "bf16": 2, "f16": 2}.get(element, 1)
    for dim in (shape or "1").split("x"):
        width *= m if dim == "?" else int(dim)
    return width


def moved_bytes(program, m):
    """Inputs read and outputs written once; of tables and caches only the rows
    that are touched."""
    total = 0
    for name, type_ in program.args + [(n, t) for n, _, t in program.results]:
        if name == "cache":
            row = size_of(type_, 1) // 64
            total += m * row / 2
        elif name in ("cos", "sin"):
            total += m * size_of(type_, 1) // 4096
        else:
            total += size_of(type_, m)
    return total


class Bench:
    def __init__(self, build, threads, directory):
        self.build, self.threads, self.directory = build, threads, directory

    def compile(self, text, name, *flags):
        source = os.path.join(self.directory, name + ".mlir")
        with open(source, "w") as file:
            file.write(text)
        output = source[:-5] + ".so"
        subprocess.run([os.path.join(self.build, "bin", "hipfuse-compile"),
                        source, "-o", output, *flags], check=True)
        return output

    def median_us(self, artefact, entry, inputs, dim, repeat):
        command = [os.path.join(self.build, "bin", "hipfuse-run"), artefact,
                   f"--entry={entry}", f"--device=host:{self.threads}",
                   "--random", "1", "--dim", str(dim), "--time",
                   f"--repeat={repeat}", "--warmup=5"]
        for spec in inputs:
            command += ["--input", spec]
        text = subprocess.run(command, check=True, capture_output=True,
                              text=True).stdout
        value, unit = re.search(r"median ([\d.]+) (\w+)", text).groups()
        return float(value) * {"ns": 1e-3, "us": 1, "ms": 1e3, "s": 1e6}[unit]


def input_specs(program, m):
    """hipfuse-run's input for every argument."""
    specs = []
    for name, type_ in program.args:
        dims = [d if d != "?" else str(64 if name == "cache" else m)
                for d in re.findall(r"(\d+|\?)x", type_)]
        shape = "x".join(dims)
        if name == "positions":
            specs.append(f"randint:{shape}:0:4096")
        elif name == "slots":
            specs.append(f"perm:{shape}:4096")
        else:
            specs.append(f"random:{shape}")
    return specs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--n", type=int, default=7168)
    parser.add_argument("--m", type=int, nargs="+", default=[1, 17, 128])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=51)
    parser.add_argument("--chain", default="")
    parser.add_argument("--samples", type=int, default=3)
    args = parser.parse_args()
    slower = 0
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(args.build, args.threads, directory)
        rows = 16384
        us = bench.median_us(bench.compile(COPY, "copy"), "copy", [], rows, 15)
        copy = 2 * 4 * 4096 * rows / us / 1e3
        print(f"large copy (256 MiB), {args.threads} threads: {copy:.1f} GB/s")
        print(f"N = {args.n}")
        print(f"{'chain':28} {'M':>5} {'unfused us':>11} {'fused us':>9} "
              f"{'ratio':>6} {'GB/s':>6} {'of copy':>8}")
        for title, case, values in CHAINS:
            if args.chain not in title:
                continue
            program = programs.build("f", case,
                                     options_of(case, values, args.n, 1))
            text = program.text()
            unfused = bench.compile(text, "unfused", "--fuse=false")
            fused = bench.compile(text, "fused")
            for m in args.m:
                inputs = input_specs(program, m)
                samples = [[bench.median_us(artefact, "f", inputs, m,
                                            args.repeat)
                            for artefact in (unfused, fused)]
                           for _ in range(args.samples)]
                slow, fast = (statistics.median(s) for s in zip(*samples))
                rate = moved_bytes(program, m) / fast / 1e3
                slower += fast > slow
                print(f"{title:28} {m:5} {slow:11.1f} {fast:9.1f} "
                      f"{slow / fast:5.2f}x {rate:6.1f} {rate / copy:7.0%}",
                      flush=True)
    print(f"fused programs slower than their chain: {slower}")


if __name__ == "__main__":
    main()
