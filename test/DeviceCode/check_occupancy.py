# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compare the occupancy of code objects with what LLVM's back end says.

    check_occupancy.py HIPFUSE_OPT CHIP TEMPORARY_PREFIX

Kernels with many combinations of block size, LDS and registers are compiled; the
number that hipfuse-serialize-kernels computes must be the one that LLVM writes
as a comment into the assembly. LLVM does not count that a block starts as a
whole: for blocks of more waves than there are SIMDs its number is a bound.
"""

import itertools
import re
import subprocess
import sys

LDS_BYTES = {"gfx950": 160 * 1024, "gfx942": 64 * 1024}


def make_kernel(name, threads, lds, register):
    """A kernel that names `lds` bytes and the vector register v`register`."""
    lines = []
    if lds:
        lines.append("llvm.mlir.global internal @%s_lds() {addr_space = 3 : i32} "
                     ": !llvm.array<%d x i8>" % (name, lds))
    lines.append("llvm.func @%s(%%p: !llvm.ptr<1>, %%i: i64) attributes {gpu.kernel, "
                 "rocdl.kernel, gpu.known_block_size = array<i32: %d, 1, 1>} {"
                 % (name, threads))
    if lds:
        lines += [
            "%%0 = llvm.mlir.addressof @%s_lds : !llvm.ptr<3>" % name,
            "%1 = llvm.getelementptr %0[%i] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, i8",
            "%2 = llvm.load volatile %1 : !llvm.ptr<3> -> i8",
            "llvm.store %2, %p : i8, !llvm.ptr<1>",
        ]
    lines += [
        'llvm.inline_asm has_side_effects "; touches v%d", "~{v%d}" : () -> ()'
        % (register, register),
        "llvm.return", "}",
    ]
    return "\n".join(lines)


def main():
    """Compile the kernels and compare."""
    opt, chip, prefix = sys.argv[1:]
    kernels = {}
    limit = LDS_BYTES[chip]
    for threads, lds, register in itertools.product(
            (64, 128, 256, 448, 1024),
            (0, 1000, limit // 16, limit // 4, limit // 2, limit),
            (7, 63, 64, 79, 95, 120, 127, 200, 255)):
        # A wave of a block of 1024 has 128 registers.
        if threads == 1024 and register > 127:
            continue
        name = "k_%d_%d_%d" % (threads, lds, register)
        kernels[name] = make_kernel(name, threads, lds, register)
    text = "gpu.module @kernels {\n%s\n}\n" % "\n".join(kernels.values())
    output = subprocess.run(
        [opt, "-", "--lm-attach-target=chip=" + chip,
         "--hipfuse-serialize-kernels=save-temps=" + prefix],
        input=text, capture_output=True, text=True, check=True).stdout
    ours = {name: int(number) for name, number in re.findall(
        r'kernel_metadata<"(\w+)".*?occupancy = (\d+)', output)}
    with open("%s.%s.s" % (prefix, chip), encoding="utf-8") as stream:
        assembly = stream.read()
    theirs = {name: int(number) for name, number in re.findall(
        r"^(\w+):.*?; Occupancy: (\d+)$", assembly, re.M | re.S)}
    wrong = [name for name in kernels
             if ours[name] > theirs[name]
             or ours[name] < theirs[name] and int(name.split("_")[1]) <= 256]
    for name in wrong:
        print("%s: %d, but LLVM says %d" % (name, ours[name], theirs[name]))
    print("%d kernels, %d wrong, occupancies %s"
          % (len(kernels), len(wrong), sorted(set(ours.values()))))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
