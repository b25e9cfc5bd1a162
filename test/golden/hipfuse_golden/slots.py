# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Slot lists: which rows of a paged cache a query row attends to.

A list is (slots int64 [T, K], lengths int64 [T]). Entry e of a
request is in slot block_table[r, e // page] * page + e % page, and nowhere if
the table has no such column or a negative block there.
"""

import numpy as np


def _request(t, requests, q_len):
    return t // q_len if requests is None else int(requests[t])


def _slot(entry, row, page):
    """Slot of an entry under one row of the block table, or -1."""
    column = entry // page
    if entry < 0 or column >= len(row) or row[column] < 0:
        return -1
    return int(row[column]) * page + entry % page


def _rows(lists, columns):
    slots = np.full((len(lists), columns), -1, np.int64)
    for row, found in zip(slots, lists):
        row[:len(found)] = found
    return slots, np.array([len(found) for found in lists], np.int64)


def swa_slots(positions, block_table, *, window, page, columns=None,
              requests=None, compress_ratio=1, q_len=1):
    """Slots of the last `window` of the (p + 1) // compress_ratio entries that
    a row at position p has; none for padding (p < 0, no such request)."""
    lists = []
    for t, position in enumerate(np.asarray(positions, np.int64)):
        r = _request(t, requests, q_len)
        entries = range(0)
        if position >= 0 and 0 <= r < len(block_table):
            n = (int(position) + 1) // compress_ratio
            entries = range(max(n - window, 0), n)
        found = [_slot(e, block_table[r], page) for e in entries]
        lists.append([s for s in found if s >= 0])
    return _rows(lists, window if columns is None else columns)


def topk_slots(indices, block_table, *, page, requests=None, positions=None,
               compress_ratio=1, q_len=1, keep_holes=False):
    """Slots of the entries an indexer chose.

    An index is valid if it is not negative, its page is in the table, and,
    with positions, it is below (position + 1) // compress_ratio. Invalid ones
    are left out, or stay as -1 (`keep_holes`); then a length is one more than
    the last column with a slot.
    """
    indices = np.asarray(indices, np.int64)
    slots = np.full(indices.shape, -1, np.int64)
    for t, row in enumerate(indices):
        r = _request(t, requests, q_len)
        if not 0 <= r < len(block_table):
            continue
        for k, entry in enumerate(row):
            if positions is None or entry < (
                    int(positions[t]) + 1) // compress_ratio:
                slots[t, k] = _slot(int(entry), block_table[r], page)
    if not keep_holes:
        return compact_slots(slots)
    used = np.arange(1, indices.shape[1] + 1) * (slots >= 0)
    return slots, used.max(axis=1, initial=0)


def slot_lengths(positions, *, window, compress_ratio=1):
    """Lengths of lists that leave nothing out: as many of the last `window` of
    the (p + 1) // compress_ratio entries as there are."""
    entries = (np.asarray(positions, np.int64) + 1) // compress_ratio
    return np.clip(entries, 0, window)


def compact_slots(slots, lengths=None):
    """The slots >= 0 in columns below the length, in order, packed left."""
    lists = []
    for t, row in enumerate(np.asarray(slots, np.int64)):
        if lengths is not None:
            row = row[:max(int(lengths[t]), 0)]
        lists.append(row[row >= 0])
    return _rows(lists, np.asarray(slots).shape[1])
