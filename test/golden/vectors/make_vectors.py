#!/usr/bin/python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Write the committed golden vectors: `make_vectors.py [DIR]`.

The vectors pin the reference: a change of its results shows up as a change of
these files. test_vectors.py compares them with a fresh computation and with
published numbers.
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir))

from hipfuse_golden import cache, formats, io, layouts, quant
from hipfuse_golden.norm import add_rms_norm
from hipfuse_golden.quant import Scheme

AMAX = (0.0, 0.5, 1.0, 1.5, 1.7421875, 1.75, 2.0, 3.0, 3.484375, 3.5, 4.0, 6.0,
        6.0000005, 7.0, 448.0, 3.4e38, 2.0**-124, 2.0**-126)


def edge_rows(n, type_name="bf16"):
    """Four rows: N(0, 1), ties and zeros, tiny and subnormal, huge."""
    rng = np.random.default_rng(2026)
    x = rng.standard_normal((4, n))
    ties = np.array([6, 0.25, -0.25, 0.75, 1.25, -1.75, 2.5, 3.5, 5, 0.0, -0.0])
    x[1] = np.resize(ties, n)
    x[1, n // 2:] *= 0.0
    x[2] *= 2.0**-126 if type_name == "bf16" else 2.0**-20
    x[2, :3] = (2.0**-133, -(2.0**-133), 2.0**-126)
    x[3] *= 2.0**120 if type_name == "bf16" else 2.0**10
    x[3, 0] = 3.38e38 if type_name == "bf16" else 65504
    return formats.round_to(x, type_name)


def vectors():
    """{file name without .npy: (array, type)}."""
    out = {}
    amax = formats.round_to(np.array(AMAX), "f32")
    out["mxfp4_amax"] = (amax, "f32")
    for mode in quant.SCALE_ROUNDINGS[1:]:
        out[f"mxfp4_scale_{mode}"] = (quant.scale_bytes(amax, mode), "u8")

    x = edge_rows(200)
    out["x_4x200"] = (x, "bf16")
    for name, text in (
        ("mxfp4_even", "mxfp4"), ("mxfp4_floor", "mxfp4,scale_rounding=floor"),
        ("mxfp4_rceil", "mxfp4,scale_rounding=rceil"),
        ("mxfp4_ceil", "mxfp4,scale_rounding=ceil"),
        ("mxfp4_half_away", "mxfp4,element_rounding=half_away"),
        ("mxfp8_even", "mxfp8"), ("fp8_token", "fp8_token"),
        ("fp8_token_fnuz", "fp8_token,element=f8E4M3FNUZ")):
        q = quant.quantize(x, Scheme.parse(text))
        out[f"{name}_data"] = (q.data, "u8")
        out[f"{name}_scale"] = (q.scale, q.scheme.scale_element)

    special = np.zeros((2, 64))
    special[0, :4] = (1, np.nan, -2, np.inf)
    special[1, :4] = (np.inf, -np.inf, np.nan, 1)
    special[:, 32:36] = (3, -0.0, 0.25, -5)
    out["x_nonfinite"] = (special, "bf16")
    for nonfinite in ("propagate", "saturate"):
        for kind in ("mxfp4", "mxfp8"):
            q = quant.quantize(special, Scheme.of(kind, nonfinite=nonfinite))
            out[f"{kind}_{nonfinite}_data"] = (q.data, "u8")
            out[f"{kind}_{nonfinite}_scale"] = (q.scale, "u8")

    x = edge_rows(256)
    out["x_4x256"] = (x, "bf16")
    for name, text in (
        ("fp8_group", "fp8_group,amax_floor=1e-10"),
        ("fp8_group_column", "fp8_group,block=64,layout=column_major"),
        ("fp8_group_e8m0",
         "fp8_group,scale_rounding=rceil,amax_floor=1e-8")):
        q = quant.quantize(x, Scheme.parse(text))
        out[f"{name}_data"] = (q.data, "u8")
        out[f"{name}_scale"] = (q.scale, q.scheme.scale_element)

    scale = (np.arange(33 * 9).reshape(33, 9) * 7 % 251).astype(np.uint8)
    out["shuffle_33x9"] = (scale, "u8")
    # Rows are padded to 64 here: more padding repeats nothing of interest.
    out["shuffle_33x9_cdna4"] = (layouts.shuffle(scale)[:64], "u8")

    x, residual = edge_rows(64, "f16"), edge_rows(64, "f16")[::-1]
    x, residual = (formats.round_to(v, "bf16") for v in (x, residual))
    weight = formats.round_to(np.linspace(0.5, 2, 64), "bf16")
    r = add_rms_norm(x, residual, weight, epsilon=1e-6)
    out["norm_x"], out["norm_residual"] = (x, "bf16"), (residual, "bf16")
    out["norm_weight"] = (weight, "bf16")
    out["norm_y"] = (r.y, "bf16")
    out["norm_residual_out"] = (r.residual_out, "bf16")

    rng = np.random.default_rng(2027)
    kv = formats.round_to(rng.standard_normal((3, 512)) * [[1], [40], [1e-6]],
                          "bf16")
    kv[0, :128] = 0
    pe = formats.round_to(rng.standard_normal((3, 64)), "bf16")
    slots = np.array([3, -1, 0])
    out["cache_kv_c"], out["cache_k_pe"] = (kv, "bf16"), (pe, "bf16")
    out["cache_slots"] = (slots, "i64")
    for name, width, shape, layout in (
        ("656", 512, (2, 2, 656), "ds_mla_656"),
        ("584", 448, (2, 1728), "ds_mla_584")):
        out[f"cache_{name}"] = (cache.mla_cache_write(
            kv[:, :width], pe, np.zeros(shape, np.uint8), slots, layout=layout,
            page=2), "u8")
    return out


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(
        os.path.abspath(__file__))
    os.makedirs(directory, exist_ok=True)
    for name, (array, type_name) in vectors().items():
        io.save(os.path.join(directory, f"{name}.npy"), array, type_name)


if __name__ == "__main__":
    main()
