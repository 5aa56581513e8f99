"""The clusters in order of their best key: a binary heap that knows where each cluster stands.

A key is a quotient (the similarity of the best pair, or a bound of it) and the names of the pair. Larger quotients come first, then
smaller first names, then smaller second names; a bound has the name -1 and so comes before any pair it could hide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.fractions import compare_quotients
from unsnarl.kernels.jit import kernel

KEY = np.dtype(
    [
        ("top", np.int64),  # numerator
        ("bottom", np.int64),  # denominator, > 0
        ("low", np.int32),  # smaller name of the pair, -1 for a bound
        ("high", np.int32),  # larger name of the pair, -1 for a bound
        ("place", np.int32),  # where the slot stands in the heap, -1 where it does not
        ("unused", np.int32),
    ]
)


class Queue(NamedTuple):
    """The heap and the keys.

    heap    int32[n]  slots; the parent of place i is place (i - 1) // 2
    keys    KEY[n]    key of each slot
    length  int64[1]  slots in the heap
    """

    heap: Int32
    keys: Records
    length: Int64


@kernel
def _comes_before(keys: Records, a: int, b: int) -> bool:
    """Say whether slot a's key comes before slot b's. Ties: equal keys count as not before."""
    order = compare_quotients(keys[a].top, keys[a].bottom, keys[b].top, keys[b].bottom)
    if order != 0:
        return order > 0
    if keys[a].low != keys[b].low:
        return keys[a].low < keys[b].low
    return keys[a].high < keys[b].high


@kernel
def _settle(queue: Queue, at: int) -> None:
    """Move the slot at place `at` up, or else down, to where it belongs.

    Needs: all else in heap order. Overwrites: heap, places. Each turn: only `at` may be out of order with its neighbours. Ties: stay.
    """
    heap, keys, length = queue.heap, queue.keys, queue.length[0]
    slot = heap[at]
    start = at
    while at > 0:
        up = (at - 1) >> 1
        if not _comes_before(keys, slot, heap[up]):
            break
        heap[at] = heap[up]
        keys[heap[at]].place = at
        at = up
    while at >= start:
        child = 2 * at + 1
        if child >= length:
            break
        if child + 1 < length and _comes_before(keys, heap[child + 1], heap[child]):
            child += 1
        if not _comes_before(keys, heap[child], slot):
            break
        heap[at] = heap[child]
        keys[heap[at]].place = at
        at = child
    heap[at] = slot
    keys[slot].place = at


@kernel
def remove(queue: Queue, slot: int) -> None:
    """Take a slot out of the heap, if it is in it. Overwrites: heap, place, length. Ties: none."""
    at = queue.keys[slot].place
    if at < 0:
        return
    queue.keys[slot].place = -1
    queue.length[0] -= 1
    last = queue.length[0]
    if at < last:
        queue.heap[at] = queue.heap[last]
        _settle(queue, at)


@kernel
def set_key(queue: Queue, slot: int, top: int, bottom: int, low: int, high: int) -> None:
    """Give a slot its key and its place.

    Needs: top > 0, bottom > 0. Overwrites: the slot's key, heap, places, length. Ties: none.
    """
    keys = queue.keys
    keys[slot].top, keys[slot].bottom = top, bottom
    keys[slot].low, keys[slot].high = low, high
    at = keys[slot].place
    if at < 0:
        at = queue.length[0]
        queue.heap[at] = slot
        queue.length[0] += 1
    _settle(queue, at)


@kernel
def holds_bound(queue: Queue, slot: int) -> bool:
    """Say whether a slot stands in the heap with a bound."""
    return queue.keys[slot].place >= 0 and queue.keys[slot].low < 0


@kernel
def forget_bound(queue: Queue, slot: int) -> None:
    """Make a slot's key, if it is a bound, one no longer: it is about to be set anew. Overwrites: low. Ties: none."""
    queue.keys[slot].low = 0
