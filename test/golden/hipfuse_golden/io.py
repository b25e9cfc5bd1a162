# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors in .npy files.

bf16 is stored as raw bits in '<u2'; 8-bit floats, scale bytes and packed FP4
as '|u1'; f32, f16, f64, i32 and i64 as themselves, little-endian.
"""

import numpy as np

from . import formats

_STORAGE = {
    "bf16": "<u2",
    "f16": "<f2",
    "f32": "<f4",
    "f64": "<f8",
    "i32": "<i4",
    "i64": "<i8",
    "u8": "|u1",
    "f8E4M3FN": "|u1",
    "f8E4M3FNUZ": "|u1",
    "f8E8M0FNU": "|u1",
}
FLOAT_VALUES = ("bf16", "f16", "f32", "f64")


def storage_dtype(name):
    if name not in _STORAGE:
        raise ValueError(
            f"unknown type '{name}', known: {', '.join(sorted(_STORAGE))}")
    return np.dtype(_STORAGE[name])


def to_storage(array, name):
    """The array a file holds: values are encoded for bf16, f16, f32 and f64;
    bytes and integers are taken as they are."""
    array = np.asarray(array)
    if name in ("bf16", "f16") and array.dtype.kind == "f":
        return formats.encode(array, name).astype("<u2").view(
            storage_dtype(name))
    if name == "f32" and array.dtype.kind == "f":
        return formats.to_f32(array).astype("<f4")
    return array.astype(storage_dtype(name))


def from_storage(array, name):
    """float64 values (or integers) of a stored array."""
    if name == "bf16":
        return formats.decode(array, "bf16")
    if name in FLOAT_VALUES:
        return array.astype(np.float64)
    return array


def save(path, array, name):
    np.save(path, to_storage(array, name), allow_pickle=False)


def load_storage(path, name, shape=None):
    """The stored array, after checking its dtype and, if given, its shape."""
    array = np.load(path, allow_pickle=False)
    want = storage_dtype(name)
    if array.dtype != want and not (name == "u8" and array.dtype == "|i1"):
        raise ValueError(
            f"{path}: dtype is {array.dtype.str}, {name} is stored as "
            f"{want.str}")
    if shape is not None and array.shape != tuple(shape):
        raise ValueError(
            f"{path}: shape is {array.shape}, expected {tuple(shape)}")
    return array.view(want)


def load(path, name):
    return from_storage(load_storage(path, name), name)
