# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writing latent and rotary keys into a paged MLA cache.

Layouts (slot s lies in block s // page at offset s % page):
  bf16        uint16 bits [blocks, page, L + R], latent first or rope first
  fp8         uint8 codes [blocks, page, L + R], value = code * scale
  ds_mla_656  uint8 [blocks, page, 656]: 512 e4m3 latent, 4 float32 scales (one
              per 128 latent elements), 64 bf16 rope
  ds_mla_584  uint8 [blocks, stride]: `page` rows of 448 e4m3 + 64 bf16 rope
              (576 bytes), then `page` groups of 7 E8M0 scales (one per 64) and
              a zero byte, then padding that is left alone

The scale of a 656-byte tile is f32(amax / 448), 1 where that is 0; `pow2_scale`
makes it
2^ceil(log2(max(amax / 448, 1e-4))). The scale of a 584-byte tile is
2^ceil(log2(max(amax, 1e-4) / 448)). amax ignores NaN and takes Inf as the
largest finite float32.
"""

import numpy as np

from . import formats
from .formats import F32_MAX

LAYOUTS = ("bf16", "fp8", "ds_mla_656", "ds_mla_584")
SKIP_RULES = ("negative", "negative_or_zero")
FP8_MAX = np.float32(448)


def block_stride_584(page):
    """Bytes of a block: rows and scales rounded up to a multiple of 576."""
    return -(-584 * page // 576) * 576


def written(slots, skip_rule, capacity):
    """Mask of the slots that are written: none beyond the cache."""
    if skip_rule not in SKIP_RULES:
        raise ValueError(f"unknown skip rule '{skip_rule}', known: "
                         f"{', '.join(SKIP_RULES)}")
    slots = np.asarray(slots)
    first = 1 if skip_rule == "negative_or_zero" else 0
    return (slots >= first) & (slots < capacity)


def _bytes(array, dtype):
    """Little-endian bytes of the last dimension."""
    return np.ascontiguousarray(array.astype(dtype)).view(np.uint8)


def tile_amax(x, tile):
    """float32 maxima [T, n / tile] of x [T, n]."""
    a = np.abs(x.reshape(x.shape[0], x.shape[1] // tile, tile))
    a = np.where(np.isnan(a), 0.0, np.minimum(a, F32_MAX))
    return formats.to_f32(a.max(axis=2))


def encode_tiles(x, scale, tile, element="f8E4M3FN"):
    """Codes of x [T, n] with one float32 scale per tile."""
    blocks = formats.to_f32(x).reshape(x.shape[0], x.shape[1] // tile, tile)
    with np.errstate(all="ignore"):
        scaled = (blocks / scale[..., None]).astype(np.float64)
    return formats.encode(scaled, element, saturate=True).reshape(x.shape)


def scales_656(amax, pow2_scale=False):
    """float32 tile scales of the 656-byte row."""
    with np.errstate(under="ignore"):
        scale = amax / FP8_MAX
    if not pow2_scale:
        return np.where(scale == 0, np.float32(1), scale)
    byte = formats.e8m0_round_up(np.maximum(scale, np.float32(1e-4)))
    return formats.to_f32(formats.e8m0_decode(byte))


def scale_bytes_584(amax):
    """E8M0 tile scales of the 584-byte row."""
    return formats.e8m0_round_up(np.maximum(amax, np.float32(1e-4)) / FP8_MAX)


def rows_656(kv_c, k_pe, pow2_scale=False):
    """uint8 [T, 656]."""
    _expect(kv_c, 512, k_pe, 64, "ds_mla_656")
    scale = scales_656(tile_amax(kv_c, 128), pow2_scale)
    return np.concatenate([
        encode_tiles(kv_c, scale, 128),
        _bytes(scale, "<f4"),
        _bytes(formats.encode(k_pe, "bf16"), "<u2"),
    ], axis=1)


def rows_584(kv_c, k_pe):
    """uint8 [T, 576] data rows and uint8 [T, 8] scale groups."""
    _expect(kv_c, 448, k_pe, 64, "ds_mla_584")
    byte = scale_bytes_584(tile_amax(kv_c, 64))
    scale = formats.to_f32(formats.e8m0_decode(byte))
    data = np.concatenate([
        encode_tiles(kv_c, scale, 64),
        _bytes(formats.encode(k_pe, "bf16"), "<u2"),
    ], axis=1)
    return data, np.pad(byte, ((0, 0), (0, 1)))


def _expect(kv_c, latent, k_pe, rope, layout):
    if kv_c.shape[1] != latent or k_pe.shape[1] != rope:
        raise ValueError(f"{layout} takes {latent} latent and {rope} rope "
                         f"columns, got {kv_c.shape[1]} and {k_pe.shape[1]}")


def mla_cache_write(kv_c, k_pe, cache, slots, *, layout, page=None,
                    nope_first=True, skip_rule="negative", scale=None,
                    pow2_scale=False, element="f8E4M3FN"):
    """The cache after writing rows kv_c [T, L], k_pe [T, R] to `slots`.

    There may be fewer slots than rows; the rows beyond are not written, nor are
    slots beyond the cache. A slot that occurs twice holds the later row. `page` is needed by ds_mla_584,
    whose shape does not tell it; `scale` belongs to fp8: code = round(f32(x /
    scale)).
    """
    if layout not in LAYOUTS:
        raise ValueError(f"unknown cache layout '{layout}', known: "
                         f"{', '.join(LAYOUTS)}")
    if (scale is not None) != (layout == "fp8"):
        raise ValueError("a scale belongs to the fp8 layout, and only to it")
    if layout.startswith("ds_mla") and not nope_first:
        raise ValueError(f"{layout} stores the latent part first")
    if pow2_scale and layout != "ds_mla_656":
        raise ValueError("pow2_scale belongs to ds_mla_656")
    slots = np.asarray(slots, dtype=np.int64)
    if len(slots) > len(kv_c):
        raise ValueError(f"{len(slots)} slots for {len(kv_c)} rows")
    cache = np.array(cache)
    page = page if layout == "ds_mla_584" else cache.shape[1]
    if not page:
        raise ValueError("ds_mla_584 needs the page size")
    keep = written(slots, skip_rule, cache.shape[0] * page)
    kv_c, k_pe = (np.asarray(x, dtype=np.float64)[:len(slots)][keep]
                  for x in (kv_c, k_pe))
    slots = slots[keep]
    block, offset = slots // page, slots % page
    if layout == "ds_mla_584":
        if cache.shape[1] < 584 * page:
            raise ValueError(f"blocks of {cache.shape[1]} bytes do not hold "
                             f"{page} rows of 584")
        data, tail = rows_584(kv_c, k_pe)
        for b, o, row, scales in zip(block, offset, data, tail):
            cache[b, o * 576:(o + 1) * 576] = row
            at = page * 576 + o * 8
            cache[b, at:at + 8] = scales
        return cache
    if layout == "ds_mla_656":
        rows = rows_656(kv_c, k_pe, pow2_scale)
    else:
        rows = np.concatenate([kv_c, k_pe] if nope_first else [k_pe, kv_c],
                              axis=1)
        if layout == "bf16":
            rows = formats.encode(rows, "bf16")
        else:
            factor = np.full((len(rows), 1), scale, dtype=np.float32)
            rows = encode_tiles(rows, factor, rows.shape[1], element)
    if cache.shape[2] != rows.shape[1]:
        raise ValueError(f"cache rows have {cache.shape[2]} elements, "
                         f"{layout} needs {rows.shape[1]}")
    for b, o, row in zip(block, offset, rows):
        cache[b, o] = row
    return cache


def decode_584(data, scales):
    """float64 [N, 512] of data rows [N, 576] and scale groups [N, 8].

    element * 2^(byte - 127), rounded to bf16; rope columns as they are.
    """
    scale = formats.e8m0_decode(scales[:, :7]).repeat(64, axis=1)
    with np.errstate(invalid="ignore"):
        latent = formats.decode(data[:, :448], "f8E4M3FN") * scale
    bits = np.ascontiguousarray(data[:, 448:]).view("<u2")
    return np.concatenate([formats.round_to(latent, "bf16"),
                           formats.decode(bits, "bf16")], axis=1)


def decode_656(rows):
    """float64 [N, 576] of rows [N, 656]; the latent rounded to bf16."""
    scale = np.ascontiguousarray(rows[:, 512:528]).view("<f4").astype(
        np.float64).repeat(128, axis=1)
    with np.errstate(all="ignore"):
        latent = formats.round_to(
            formats.decode(rows[:, :512], "f8E4M3FN") * scale, "f32")
    bits = np.ascontiguousarray(rows[:, 528:]).view("<u2")
    return np.concatenate([formats.round_to(latent, "bf16"),
                           formats.decode(bits, "bf16")], axis=1)


def mla_cache_read(cache, slots, *, layout, page=None, scale=None,
                   element="f8E4M3FN"):
    """float64 values [N, d] of the slots [N] of a cache.

    bf16 and the two ds_mla layouts give values of bf16 (d 512 for 584 bytes,
    576 for 656); fp8 gives code * `scale`, not rounded. Every slot must be
    inside the cache.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"unknown cache layout '{layout}', known: "
                         f"{', '.join(LAYOUTS)}")
    if (scale is not None) != (layout == "fp8"):
        raise ValueError("a scale belongs to the fp8 layout, and only to it")
    page = page if layout == "ds_mla_584" else cache.shape[1]
    if not page:
        raise ValueError("ds_mla_584 needs the page size")
    slots = np.asarray(slots, dtype=np.int64)
    if slots.size and not (0 <= slots.min() and
                           slots.max() < len(cache) * page):
        raise ValueError("slot outside the cache")
    block, offset = slots // page, slots % page
    if layout == "ds_mla_584":
        rows = cache[:, :page * 576].reshape(-1, page, 576)[block, offset]
        scales = cache[:, page * 576:page * 584].reshape(-1, page, 8)
        return decode_584(rows, scales[block, offset])
    rows = cache[block, offset]
    if layout == "ds_mla_656":
        return decode_656(rows)
    if layout == "bf16":
        return formats.decode(rows, "bf16")
    return formats.decode(rows, element) * float(np.float32(scale))


def row_mask(cache, slots, *, layout, page=None):
    """Mask like `cache` of the elements that rows at `slots` own."""
    mask = np.zeros(cache.shape, bool)
    page = page if layout == "ds_mla_584" else cache.shape[1]
    for slot in slots:
        b, o = slot // page, slot % page
        if layout == "ds_mla_584":
            mask[b, o * 576:(o + 1) * 576] = True
            mask[b, page * 576 + o * 8:page * 576 + o * 8 + 7] = True
        else:
            mask[b, o] = True
    return mask


def rope_parts(cache, layout, page=None):
    """Split a ds_mla cache into its bf16 rope part and everything else.

    Returns (bits uint16, other bytes): the second is a copy with the rope
    bytes zeroed.
    """
    rest = np.array(cache)
    if layout == "ds_mla_656":
        bits = np.ascontiguousarray(rest[..., 528:]).view("<u2")
        rest[..., 528:] = 0
        return bits, rest
    rows = rest[:, :page * 576].reshape(-1, page, 576)
    bits = np.ascontiguousarray(rows[..., 448:]).view("<u2")
    rows = rows.copy()
    rows[..., 448:] = 0
    rest[:, :page * 576] = rows.reshape(-1, page * 576)
    return bits, rest
