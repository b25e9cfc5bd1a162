# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Storage layouts of block scales.

row_major       [M, S] contiguous
column_major    [S, M] contiguous: the transpose is stored
cdna4_shuffled  rows padded to a multiple of 32 or more (256 here) and columns
                to a multiple of 8, then permuted so that one aligned 256-byte chunk holds one
                dword per lane of a wave for scaled MFMA (AITER's
                "e8m0_shuffle"); stored as [padded M, padded S] bytes.
"""

import numpy as np

LAYOUTS = ("row_major", "column_major", "cdna4_shuffled")


def padded_shape(m, s):
    """Shape of the cdna4_shuffled storage of [m, s] scales."""
    return -(-m // 256) * 256, -(-s // 8) * 8


def shuffled_offset(m, n, padded_columns):
    """Byte offset of scale (m, n) in cdna4_shuffled storage."""
    return ((m // 32) * 32 * padded_columns + (n // 8) * 256 + (n % 4) * 64 +
            (m % 16) * 4 + ((n % 8) // 4) * 2 + (m % 32) // 16)


def shuffle(scale, fill=0x7F):
    """[M, S] bytes to cdna4_shuffled storage; padding bytes are `fill`.

    The contents of the padding are not part of any contract.
    """
    scale = np.asarray(scale, dtype=np.uint8)
    m, s = scale.shape
    rows, columns = padded_shape(m, s)
    flat = np.full(rows * columns, fill, dtype=np.uint8)
    i, j = np.indices((m, s))
    flat[shuffled_offset(i, j, columns)] = scale
    return flat.reshape(rows, columns)


def unshuffle(stored, m, s):
    """The logical [m, s] extent of cdna4_shuffled storage of any row padding.
    """
    stored = np.asarray(stored)
    columns = padded_shape(m, s)[1]
    rows = stored.size // columns
    if stored.size % (32 * columns) or rows < m:
        raise ValueError(f"{stored.size} bytes are not the shuffled scales of "
                         f"{m}x{s}")
    i, j = np.indices((m, s))
    return stored.reshape(-1)[shuffled_offset(i, j, columns)]


def store(scale, layout):
    """[M, S] scales as stored in `layout`."""
    if layout == "row_major":
        return np.ascontiguousarray(scale)
    if layout == "column_major":
        return np.ascontiguousarray(scale.T)
    if layout == "cdna4_shuffled":
        return shuffle(scale)
    raise ValueError(
        f"unknown scale layout '{layout}', known: {', '.join(LAYOUTS)}")


def load(stored, layout, m, s):
    """The logical [m, s] scales of storage in `layout`."""
    stored = np.asarray(stored)
    if layout == "cdna4_shuffled":
        return unshuffle(stored, m, s)
    if layout == "row_major":
        shape = (m, s)
    elif layout == "column_major":
        shape = (s, m)
    else:
        raise ValueError(
            f"unknown scale layout '{layout}', known: {', '.join(LAYOUTS)}")
    if stored.size != m * s:
        raise ValueError(f"{layout} scales of {m}x{s} take {m * s} elements, "
                         f"got {stored.size}")
    stored = stored.reshape(shape)
    return stored if layout == "row_major" else stored.T
