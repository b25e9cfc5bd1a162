# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The schedule of a persistent decode attention, and what makes one valid.

`make_plan` divides the keys of all requests among clusters of workgroups in one
sweep, each cluster up to the same payload; it is the sequential planner of
ROCm/aiter csrc/kernels/mla/metadata/v1_2_device.cuh. `check_plan` knows nothing
of the sweep: it says whether a schedule computes every row exactly once.
"""

import bisect
from dataclasses import dataclass
from typing import Optional

import numpy as np

REQUEST, PARTIAL, Q_START, Q_END, START, END, AFTER = range(7)

# The first of two lists is filled up to a multiple of this, whatever the
# granularity: kernels, which do not know it, find the second list there.
LIST_ALIGNMENT = 64


@dataclass(frozen=True)
class Config:
    """Attributes of lm.attention_plan."""

    clusters: int
    page: int = 1
    granularity: int = 16  # units (pages or slots) per block
    overhead: Optional[int] = None  # blocks that a work costs besides its keys
    q_len: int = 1
    q_tile: Optional[int] = None  # query rows per tile
    topk: Optional[int] = None  # stride of a list of slots
    max_split: Optional[int] = None
    extra_topk: Optional[int] = None  # slots of a second list per request
    even_split: bool = False  # no more than tiles with own clusters need

    def __post_init__(self):
        for name in ("page", "granularity"):
            value = getattr(self, name)
            if value < 1 or value & (value - 1):
                raise ValueError(f"plan: {name} is {value}, not a power of "
                                 "two")
        if not 1 <= self.tile_rows <= self.q_len:
            raise ValueError(f"plan: q_tile is {self.q_tile}, q_len is "
                             f"{self.q_len}")
        if self.topk and (self.page != 1 or self.q_len != 1):
            raise ValueError("plan: topk needs page and q_len 1")
        if self.extra_topk and not self.topk:
            raise ValueError("plan: extra_topk needs topk")
        if self.extra_topk and self.granularity < LIST_ALIGNMENT:
            raise ValueError(f"plan: granularity is {self.granularity}, two "
                             f"lists need {LIST_ALIGNMENT}")

    @property
    def tile_rows(self):
        return self.q_len if self.q_tile is None else self.q_tile

    @property
    def tiles(self):
        return -(-self.q_len // self.tile_rows)

    @property
    def overhead_blocks(self):
        if self.overhead is not None:
            return self.overhead
        return -(-16 // self.page)

    @staticmethod
    def filled(slots):
        """Positions that a first list takes where a second follows."""
        return -(-slots // LIST_ALIGNMENT) * LIST_ALIGNMENT

    def tokens(self, lengths, extra=None):
        """Keys of each request. With the lengths of a second list, which
        follows the filled first, the positions that both take."""
        if (extra is None) != (self.extra_topk is None):
            raise ValueError("plan: extra lengths and extra_topk go together")
        n = np.maximum(np.asarray(lengths, np.int64), 0)
        if self.topk:
            n = np.minimum(n, self.topk)
        if extra is None:
            return n
        more = np.clip(np.asarray(extra, np.int64), 0, self.extra_topk)
        return np.where(more > 0, self.filled(n) + more, n)

    def units(self, lengths, extra=None):
        return -(-self.tokens(lengths, extra) // self.page)

    def bases(self, lengths, extra=None):
        """First unit of each request."""
        units = self.units(lengths, extra)
        if self.extra_topk:
            stride = self.filled(self.topk) + self.extra_topk
            return np.arange(len(units)) * stride
        if self.topk:
            return np.arange(len(units)) * self.topk
        return np.cumsum(units) - units

    def payload(self, lengths, extra=None):
        """Blocks, overheads included, of one cluster."""
        blocks = -(-self.units(lengths, extra) // self.granularity)
        total = int((blocks + self.overhead_blocks).sum()) * self.tiles
        share = self.clusters
        if self.max_split:
            share = min(share, max(1, self.max_split * len(blocks)))
        each = -(-total // share)
        if self.even_split:
            # The least with which tiles have clusters of their own: more never
            # need more clusters.
            each = bisect.bisect_left(
                range(each), True, lo=1, hi=max(each, 1), key=lambda size: int(
                    np.maximum(1, -(-blocks // size)).sum()) * self.tiles
                <= share)
        return each + self.overhead_blocks


@dataclass
class Plan:
    works: np.ndarray  # [W, 8]
    work_indptr: np.ndarray  # [clusters + 1]
    reduce_indptr: np.ndarray  # [tiles + 1]
    reduce_final_map: np.ndarray  # [tiles, 2]
    reduce_partial_map: np.ndarray  # [R]

    def stored(self, max_works, max_partials):
        """int32 arrays, those of variable length filled with -1."""
        def filled(array, rows):
            if len(array) > rows:
                raise ValueError(f"plan: {len(array)} rows do not fit {rows}")
            out = np.full((rows,) + array.shape[1:], -1, np.int32)
            out[:len(array)] = array
            return out
        return [filled(self.works, max_works),
                self.work_indptr.astype(np.int32),
                self.reduce_indptr.astype(np.int32),
                self.reduce_final_map.astype(np.int32),
                filled(self.reduce_partial_map, max_partials)]


def max_works(requests, config):
    return requests * config.tiles + config.clusters - 1


def max_partials(config):
    return max(1, 2 * (config.clusters - 1))


def make_plan(lengths, config, extra=None):
    """The schedule of lengths [B], and of those of a second list."""
    units, bases = config.units(lengths, extra), config.bases(lengths, extra)
    tokens = config.tokens(lengths, extra)
    blocks = -(-units // config.granularity)
    overhead, payload = config.overhead_blocks, config.payload(lengths, extra)
    tiles = [(b, i) for b in range(len(units)) for i in range(config.tiles)]
    works, indptr = [], [0]
    groups = [[] for _ in tiles]
    tile = done = pieces = row = 0

    def emit(size):
        """A work of `size` blocks of the tile; returns its index."""
        b, i = tiles[tile]
        first = b * config.q_len + i * config.tile_rows
        last = min(first + config.tile_rows, (b + 1) * config.q_len)
        trim = 0
        if config.page == 1 and not config.topk:
            trim = max(config.q_len - config.tile_rows * (i + 1), 0)
        start = bases[b] + done * config.granularity
        end = max(start, min(start + size * config.granularity,
                             bases[b] + units[b] - trim))
        after = max(tokens[b] - (end - bases[b]) * config.page, 0)
        works.append([b, -1, first, last, start, end, after, 0])

    def emit_partial(size):
        nonlocal row
        emit(size)
        works[-1][PARTIAL] = row
        groups[tile].append(row)
        row += config.tile_rows

    for _ in range(config.clusters):
        rem = payload
        while tile < len(tiles):
            b = tiles[tile][0]
            left, size = blocks[b] - done, rem - overhead
            swallow = config.page == 1 and size > 0 and (
                units[b] - (done + size) * config.granularity < config.q_len)
            if left > size and not swallow:
                if size > 0:
                    emit_partial(size)
                    done, pieces = done + size, pieces + 1
                break
            if pieces:
                emit_partial(left)
            else:
                emit(left)
            rem -= left + overhead
            tile, done, pieces = tile + 1, 0, 0
        indptr.append(len(works))
    if tile < len(tiles):
        raise AssertionError("plan: tiles are left over")
    final = [(b * config.q_len + i * config.tile_rows,
              min(b * config.q_len + (i + 1) * config.tile_rows,
                  (b + 1) * config.q_len)) for b, i in tiles]
    return Plan(np.array(works, np.int64).reshape(-1, 8), np.array(indptr),
                np.cumsum([0] + [len(g) for g in groups]),
                np.array(final, np.int64).reshape(-1, 2),
                np.array([r for g in groups for r in g], np.int64))


def check_plan(plan, lengths, config, extra=None):
    """Messages about everything that makes the plan invalid; none if valid.

    Every token that a query row sees is in exactly one work of the row; works
    begin at whole blocks; rows of a request without tokens have one work; split
    rows are merged from all of their partials and no others, unsplit ones are
    written directly; partial rows do not overlap; no cluster has much more than
    its share.
    """
    errors = []
    units, bases = config.units(lengths, extra), config.bases(lengths, extra)
    tokens = config.tokens(lengths, extra)
    payload = config.payload(lengths, extra)
    count = int(plan.work_indptr[-1])
    works = plan.works[:count]
    if len(plan.work_indptr) != config.clusters + 1 or (
            plan.work_indptr[0] != 0 or (np.diff(plan.work_indptr) < 0).any()):
        return [f"work_indptr is not a partition: {plan.work_indptr}"]
    if count > max_works(len(units), config):
        errors.append(f"{count} works, at most "
                      f"{max_works(len(units), config)}")
    by_rows, owner = {}, {}
    for w in works:
        by_rows.setdefault((w[Q_START], w[Q_END]), []).append(w)
        if w[PARTIAL] < 0:
            continue
        for r in range(w[PARTIAL], w[PARTIAL] + w[Q_END] - w[Q_START]):
            if r in owner:
                errors.append(f"partial row {r} is written twice")
            owner[r] = w
    groups = {tuple(f): plan.reduce_partial_map[a:b].tolist()
              for f, a, b in zip(plan.reduce_final_map, plan.reduce_indptr,
                                 plan.reduce_indptr[1:])}
    rows = [0] * (len(units) * config.q_len)
    for (first, last), pieces in by_rows.items():
        b = pieces[0][REQUEST]
        if not (b * config.q_len <= first < last <= (b + 1) * config.q_len):
            errors.append(f"rows {first}..{last} are not of request {b}")
            continue
        for t in range(first, last):
            rows[t] += 1
        pieces = sorted(pieces, key=lambda w: w[START])
        # Tokens that the last row of the tile sees. Those behind them may be
        # in a work or not: no row of the tile uses them.
        seen = tokens[b] if config.topk else max(
            tokens[b] - ((b + 1) * config.q_len - last), 0)
        at = bases[b]
        for w in pieces:
            if w[START] != at or w[END] < w[START]:
                errors.append(f"rows {first}..{last}: units {w[START]}.."
                              f"{w[END]} follow {at}")
            if (w[START] - bases[b]) % config.granularity:
                errors.append(f"rows {first}..{last}: unit {w[START]} begins "
                              f"within a block")
            at = w[END]
            after = max(tokens[b] - (w[END] - bases[b]) * config.page, 0)
            if w[AFTER] != after:
                errors.append(f"rows {first}..{last}: {w[AFTER]} tokens "
                              f"after {w[END]}, expected {after}")
            if w[REQUEST] != b:
                errors.append(f"rows {first}..{last} of two requests")
        if at > bases[b] + units[b] or (at - bases[b]) * config.page < seen:
            errors.append(f"rows {first}..{last}: units end at {at}")
        partials = [w[PARTIAL] for w in pieces]
        group = groups.get((first, last))
        if len(pieces) == 1 and partials[0] < 0:
            if group:
                errors.append(f"rows {first}..{last}: merged and written")
        elif min(partials) < 0 or len(pieces) == 1 or (
                sorted(partials) != sorted(group or [])):
            errors.append(f"rows {first}..{last}: partials {partials}, "
                          f"merged {group}")
    if any(n != 1 for n in rows):
        errors.append(f"rows without one tile: "
                      f"{[t for t, n in enumerate(rows) if n != 1][:4]}")
    partial_count = int(plan.reduce_indptr[-1])
    if partial_count > max_partials(config):
        errors.append(f"{partial_count} partials, at most "
                      f"{max_partials(config)}")
    # A swallowed tail is shorter than q_len units.
    slack = -(-config.q_len // config.granularity)
    for c in range(config.clusters):
        mine = works[plan.work_indptr[c]:plan.work_indptr[c + 1]]
        cost = sum(-(-int(w[END] - w[START]) // config.granularity) +
                   config.overhead_blocks for w in mine)
        if cost > payload + slack * max(len(mine), 1):
            errors.append(f"cluster {c} has {cost} blocks, the payload is "
                          f"{payload}")
    return errors
