# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What decode attention should take on an MI355X, as a table of Markdown.

    attention_model.py --build DIR [--check FILE]

Compiles the shapes for gfx950, counts the instructions of the loop over keys in
the assembly, and prints for each shape and number of requests how long memory,
LDS and the SIMDs need, and what follows. With --check the rows must stand in
FILE as they are; the last line is "N rows, N problems".
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

import attention_bench
import kernel_table
from attention_bench import Cell, Shape

# An MI355X. Bandwidth is what large copies reach of 8 TB/s; L2 and LDS serve 64
# and 128 bytes a cycle.
UNITS, CLOCK, BANDWIDTH = 256, 2.4e9, 6.5e12
L2_BYTES, LDS_BYTES = 64, 128
# Cycles of a SIMD for a wave's instruction: a 16 x 16 x 32 product, an
# exponential, any other vector instruction.
MATRIX, TRANSCENDENTAL, VECTOR = 16, 16, 4
# Assumed: microseconds of one launch in a graph; from the start of a work to its
# first tile (work, list entries and keys follow one another from memory); cycles
# of a tile in which all waves wait, for three barriers and what LDS answers.
LAUNCH_US, START_US, WAIT = 2.0, 2.5, 900
TILE = 64

# Bytes that a wave's LDS instruction moves.
LDS = {"ds_read_b128": 1024, "ds_write_b128": 1024, "ds_read_b64_tr_b16": 512,
       "ds_read_b64": 512, "ds_write_b64": 512, "ds_read2st64_b64": 1024,
       "ds_read2_b64": 1024, "ds_read_b32": 256, "ds_write_b32": 256,
       "ds_write2_b32": 512, "ds_read2_b32": 512, "ds_read2st64_b32": 512,
       "ds_bpermute_b32": 256, "global_load_lds_dwordx4": 1024}

HEADER = ("| attention | workgroups | MB | memory us | LDS us | SIMD us "
          "| predicted us | TB/s | TFLOP/s | published |\n"
          "|---|---|---|---|---|---|---|---|---|---|")


def cells():
    """(Cell, what others measured on an MI355X)."""
    for cell in attention_bench.cells(False):
        yield cell, ""
    h32 = Shape("dense_h32", "bf16", 32)
    yield Cell(h32, 128, 4096), "130.5 (AITER OPUS, ROCm/aiter#5456)"
    yield Cell(h32, 128, 16384), "428.8 (the same)"
    for heads, n, tflops in ((64, 64, 453.6), (64, 128, 462.0),
                             (128, 64, 529.3), (128, 128, 563.0)):
        cell = Cell(Shape(f"dense_h{heads}", "bf16", heads), n, 16384)
        yield cell, f"{cell.flops / tflops / 1e6:.0f} (AITER mla_gluon)"
    for n, us in ((4, 14.3), (128, 33.5), (256, 51.1), (512, 73.6)):
        yield (Cell(Shape("v32_h16", "ds_mla_656", 16, (2048,)), n),
               f"{us} (Triton, 576-byte keys, sgl-project/sglang#39106)")


def assembly(build, shape):
    """(lines of the decode kernel, workgroups of its launch)."""
    plans, _ = attention_bench.plans_of(build, "gfx950", shape, 0)
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "program.mlir")
        with open(source, "w") as file:
            file.write(shape.text("decode", plans))
        done = subprocess.run(
            [os.path.join(build, "bin", "hipfuse-compile"), source,
             "--target=gfx950", "--emit=isa", "-o",
             os.path.join(directory, "program.s")],
            capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr.strip())
        with open(os.path.join(directory, "program.s")) as file:
            text = file.read()
    kernel = re.search(r"^\w*mla_decode_0:.*?s_endpgm", text, re.M | re.S)
    return kernel[0].splitlines(), plans[0].clusters


def loop_of(lines):
    """The lines of the loop over keys: up to the last branch back to its header
    or to one of the few blocks before that, which end a round."""
    labels, first = {}, None
    for i, line in enumerate(lines):
        if label := re.match(r"(\.LBB\w+):", line):
            labels[label[1]] = i
        if "Inner Loop Header: Depth=2" in line:
            first = i
    last = max(i for i, line in enumerate(lines)
               if (branch := re.match(r"\s+s_c?branch\w*\s+(\.LBB\w+)", line))
               and i > first and first - 40 < labels[branch[1]] <= first)
    return lines[first:last + 1]


class Tile:
    """Cycles of a tile of keys and 16 or 32 rows."""

    def __init__(self, lines):
        counts = {}
        for line in loop_of(lines):
            if name := re.match(r"\s+([a-z]\w+)", line):
                name = name[1].removesuffix("_e32").removesuffix("_e64")
                counts[name] = counts.get(name, 0) + 1
        unknown = [n for n in counts if n.startswith("ds_") and n not in LDS]
        if unknown:
            sys.exit(f"LDS instructions of unknown cost: {', '.join(unknown)}")
        matrix = sum(n for name, n in counts.items()
                     if name.startswith("v_mfma"))
        slow = counts.get("v_exp_f32", 0)
        vector = sum(n for name, n in counts.items()
                     if name.startswith("v_")) - matrix - slow
        # The loop has two tiles; four waves share LDS.
        self.products = matrix // 2
        self.matrix = matrix * MATRIX / 2
        self.vector = (vector * VECTOR + slow * TRANSCENDENTAL) / 2
        self.lds = 4 * sum(LDS[n] * count for n, count in counts.items()
                           if n in LDS) / LDS_BYTES / 2


def model(cell, tile, clusters):
    """A row of the table."""
    shape = cell.shape
    groups = -(-shape.heads // 32)
    # Lists are filled up to whole tiles.
    tiles = sum(-(-k // TILE) for k in (shape.topk or (cell.length,)))
    total = tiles * cell.requests
    # The payload of lm.attention_plan without its overhead, a tile.
    per_cluster = -(-(total + cell.requests) // clusters)
    # Works that are not all of a request leave partial results in f32, which are
    # written and read: up to two a cluster.
    works = -(-total // per_cluster) + cell.requests
    partials = min(works, 2 * (clusters - 1))
    # Requests that may have clusters of their own are split evenly.
    if cell.requests <= clusters:
        each = total // cell.requests
        per_cluster = min(per_cluster,
                          -(-each // (clusters // cell.requests)))
        parts = -(-each // per_cluster)
        partials = parts * cell.requests if parts > 1 else 0
    seconds = per_cluster / CLOCK
    key_bytes = attention_bench.LAYOUTS[shape.layout][0]
    partial_bytes = (2 * partials * shape.heads *
                     (attention_bench.VALUE + 1) * 4)
    memory = max((cell.bytes + partial_bytes) / BANDWIDTH,
                 per_cluster * TILE * key_bytes / L2_BYTES / CLOCK)
    lds = tile.lds * seconds
    simd = (tile.matrix + tile.vector + WAIT) * seconds
    us = 1e6 * max(memory, lds, simd) + START_US + 2 * LAUNCH_US
    values = [attention_bench.label(cell), str(clusters * groups),
              f"{cell.bytes / 1e6:.1f}", f"{memory * 1e6:.1f}",
              f"{lds * 1e6:.1f}", f"{simd * 1e6:.1f}", f"{us:.1f}",
              f"{cell.bytes / us / 1e6:.2f}", f"{cell.flops / us / 1e6:.0f}"]
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--check", metavar="FILE")
    args = parser.parse_args()

    rows, problems, known = [], [], {}
    for cell, published in cells():
        shape = cell.shape
        if shape.name not in known:
            lines, clusters = assembly(args.build, shape)
            known[shape.name] = Tile(lines), clusters
        tile, clusters = known[shape.name]
        # 64 keys of D and of 512 columns by 16 rows, by four waves.
        rows_of = 16 * -(-min(shape.heads, 32) // 16)
        least = TILE * rows_of * (shape.columns + 512) // (16 * 16 * 32) // 4
        if tile.products != least:
            problems.append(f"'{shape.name}': {tile.products} products of a "
                            f"wave and tile, {least} are needed")
        rows.append("| " + " | ".join(model(cell, tile, clusters) +
                                      [published]) + " |")
    return kernel_table.report(HEADER, rows, problems, args.check)


if __name__ == "__main__":
    sys.exit(main())
