"""The clusters in order of their best key: a heap of four children a place, from which old entries are not taken out.

A key is a quotient (the similarity of the best pair, or a bound of it) and the names of the pair. Larger quotients
come first, then smaller first names, then smaller second names; a bound has -1 for the second and so comes before any
pair it could hide. An entry of the heap holds its whole key, so that a step down stays in two neighbouring cache
lines. A slot whose key has changed leaves its old entry behind: that is dropped when it comes to the top, or when the
heap is full.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int64, Records, make_records, take_records
from unsnarl.kernels.fractions import compare_quotients
from unsnarl.kernels.jit import inner, kernel

KEY = np.dtype(
    [
        ("top", np.int64),  # numerator; in the array of keys, 0 for a slot without a key
        ("bottom", np.int64),  # denominator, > 0
        ("low", np.int32),  # smaller name of the pair; of a bound, the least that a pair it stands for can have
        ("high", np.int32),  # larger name of the pair, -1 for a bound
        ("slot", np.int32),  # whose key it is
        ("unused", np.int32),
    ]
)
CHILDREN = 4

BOUND = np.int32(-1)
"""In the place of the larger name, or of both."""


class Queue(NamedTuple):
    """The heap and the keys.

    heap    KEY[2n]   the parent of place i is place (i - 1) // CHILDREN
    keys    KEY[n]    key of each slot
    length  int64[1]  entries in the heap
    """

    heap: Records
    keys: Records
    length: Int64


def make_queue(n: int) -> Queue:
    """Make an empty queue for n slots: 96 bytes a slot."""
    return Queue(take_records(2 * n + 1, KEY), make_records(n, KEY), np.zeros(1, dtype=np.int64))


@inner
def comes_before(a: Records, b: Records) -> bool:
    """Say whether key a comes before key b. Ties: equal keys count as not before."""
    if (a.top | b.top) >> 40 == 0 and (a.bottom | b.bottom) >> 20 == 0:
        # Small enough to multiply out.
        product = a.top * b.bottom
        other = b.top * a.bottom
        if product != other:
            return product > other
    else:
        order = compare_quotients(a.top, a.bottom, b.top, b.bottom)
        if order != 0:
            return order > 0
    if a.low != b.low:
        return a.low < b.low
    return a.high < b.high


@inner
def _copy(source: Records, target: Records) -> None:
    """Copy a key."""
    target.top, target.bottom = source.top, source.bottom
    target.low, target.high, target.slot = source.low, source.high, source.slot


@inner
def _is_current(keys: Records, entry: Records) -> bool:
    """Say whether a heap entry is the key its slot has now."""
    key = keys[entry.slot]
    return key.top == entry.top and key.bottom == entry.bottom and key.low == entry.low and key.high == entry.high


@inner
def _sink(heap: Records, length: int, at: int, entry: Records) -> None:
    """Write an entry (no part of the heap) where it belongs at or below place `at`.

    Needs: place `at` free, all else in order. Overwrites: heap. Each turn: only the free place may be out of order
    with its children.
    Ties: stay.
    """
    while True:
        first = CHILDREN * at + 1
        if first >= length:
            break
        best = first
        for child in range(first + 1, min(first + CHILDREN, length)):
            if comes_before(heap[child], heap[best]):
                best = child
        if not comes_before(heap[best], entry):
            break
        _copy(heap[best], heap[at])
        at = best
    _copy(entry, heap[at])


@inner
def _rise(heap: Records, at: int, entry: Records) -> None:
    """Write an entry (no part of the heap) where it belongs at or above place `at`.

    Needs: place `at` free, all else in order. Overwrites: heap. Each turn: only the free place may be out of order
    with its parent.
    Ties: stay.
    """
    while at > 0:
        up = (at - 1) // CHILDREN
        if not comes_before(entry, heap[up]):
            break
        _copy(heap[up], heap[at])
        at = up
    _copy(entry, heap[at])


@inner
def _drop_old(queue: Queue) -> None:
    """Put the heap together anew from the keys slots have now, one entry each.

    Needs: nothing. Overwrites: heap, length. Each turn: keys of slots before i are in order. Ties: none.
    """
    queue.length[0] = 0
    for slot in range(len(queue.keys)):
        if queue.keys[slot].top > 0:
            _rise(queue.heap, queue.length[0], queue.keys[slot])
            queue.length[0] += 1


@kernel
def set_key(queue: Queue, slot: int, top: int, bottom: int, low: int, high: int) -> None:
    """Give a slot its key, and an entry in the heap.

    Needs: top > 0, bottom > 0. Overwrites: the slot's key, heap, length. Ties: none.
    """
    key = queue.keys[slot]
    key.top, key.bottom, key.low, key.high, key.slot = top, bottom, low, high, slot
    if queue.length[0] == len(queue.heap):
        _drop_old(queue)
        return
    _rise(queue.heap, queue.length[0], key)
    queue.length[0] += 1


@kernel
def clear_key(queue: Queue, slot: int) -> None:
    """Take a slot's key away. Overwrites: the slot's key. Ties: none."""
    queue.keys[slot].top = 0


@kernel
def find_first(queue: Queue) -> int:
    """Return the slot whose key comes first, -1 where no slot has one; its entry stays at the top.

    Needs: nothing. Overwrites: heap, length. Each turn: one old entry is dropped. Ties: none.
    """
    heap = queue.heap
    while queue.length[0] > 0:
        if _is_current(queue.keys, heap[0]):
            return np.int64(heap[0].slot)
        drop_first(queue)
    return np.int64(-1)


@kernel
def drop_first(queue: Queue) -> None:
    """Take the entry at the top out of the heap. Needs: length > 0. Overwrites: heap, length. Ties: none."""
    queue.length[0] -= 1
    last = queue.length[0]
    if last > 0:
        _sink(queue.heap, last, 0, queue.heap[last])


@inner
def holds_bound(queue: Queue, slot: int) -> bool:
    """Say whether a slot's key is a bound."""
    return queue.keys[slot].top > 0 and queue.keys[slot].high < 0
