# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each family's kernel takes of a GPU, as a table of Markdown.

    kernel_table.py --compiler hipfuse-compile [--target gfx950]
                    [--programs examples/kernels.mlir] [--check FILE]

Compiles each function of PROGRAMS alone and prints a row for each of its
kernels: registers, LDS, waves per SIMD, bytes per row, and the time that 8192
rows need at the memory's specified bandwidth and at what is practical. With
--check the rows must stand in FILE as they are, and no kernel may spill or use
scratch memory; the last line is "N rows, N problems".
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

ROWS = 8192
# TB/s of an MI355X: as specified, and what large copies reach.
BANDWIDTHS = (8.0, 6.5)

HEADER = (
    "| kernel | threads | VGPRs | SGPRs | LDS bytes | waves per SIMD "
    "| bytes per row | us for 8192 rows at 8 TB/s | at 6.5 TB/s |\n"
    "|---|---|---|---|---|---|---|---|---|")


def functions(path):
    """(title, text) of each function; a comment line before it is its title."""
    with open(path) as file:
        text = file.read()
    found = re.findall(r"// ([^\n]*)\n(func\.func .*?\n}\n)", text, re.S)
    if not found:
        sys.exit(f"{path} has no function with a title")
    return found


def kernels(compiler, text, target):
    """What --print-kernels tells of a program, a dictionary per kernel."""
    with tempfile.TemporaryDirectory() as directory:
        source = os.path.join(directory, "program.mlir")
        with open(source, "w") as file:
            file.write(text)
        result = subprocess.run(
            [compiler, source, f"--target={target}", "--print-kernels", "-o",
             os.path.join(directory, "program.so")],
            capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr.strip() or result.stdout.strip())
    lines = [line.split() for line in result.stdout.splitlines()]
    head, rows = lines[0], lines[1:]
    return [dict(zip(head, row)) for row in rows]


def row(title, kernel):
    size = int(kernel["bytes/row"])
    times = [f"{size * ROWS / bandwidth / 1e6:.1f}" for bandwidth in BANDWIDTHS]
    cells = [title, kernel["block"].split("x")[0], kernel["VGPR"],
             kernel["SGPR"], kernel["LDS"], kernel["waves/SIMD"], str(size),
             *times]
    return "| " + " | ".join(cells) + " |"


def report(header, rows, problems, check):
    """Prints a table and what is wrong with it, which includes rows that the
    file `check` lacks; returns the exit status."""
    print(header)
    print("\n".join(rows))
    if check:
        with open(check) as file:
            text = file.read()
        problems += [f"not in {check}: {line}" for line in rows
                     if line not in text]
    for problem in problems:
        print("error:", problem)
    print(f"{len(rows)} rows, {len(problems)} problems")
    return 1 if problems else 0


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--target", default="gfx950")
    parser.add_argument("--programs", default=os.path.join(
        here, "..", "examples", "kernels.mlir"))
    parser.add_argument("--check", metavar="FILE")
    args = parser.parse_args()

    rows, problems = [], []
    for title, text in functions(args.programs):
        found = kernels(args.compiler, text, args.target)
        if not found:
            problems.append(f"'{title}' has no kernel")
        for kernel in found:
            rows.append(row(title, kernel))
            for name in ("spills", "scratch"):
                if kernel[name] != "0":
                    problems.append(f"'{title}': {name} {kernel[name]}")
    return report(HEADER, rows, problems, args.check)


if __name__ == "__main__":
    sys.exit(main())
