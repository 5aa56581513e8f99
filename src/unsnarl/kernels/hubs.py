"""Clusters with very many partners: a hash table of values and a heap of the best.

A hub that takes in small clusters one after another must not read its whole list each time. The order of its partners
X by value / |X| does not change when the hub itself grows, so a heap keeps it: only the partners of what it takes in
are touched. An entry of the heap is what was true when it was pushed; for a partner that has grown since it is a
bound, never too small, and is looked up again when it reaches the top. Average and single linkage only: the others
lose their partners by themselves. With single linkage a union can tie with its better part under a smaller name:
there a change of name is pushed at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.adjacency import Adjacency, find, size_of
from unsnarl.kernels.arrays import Int32, Int64, Records, make_records
from unsnarl.kernels.fractions import compare_quotients
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import weight_of_size

EMPTY = -1
N_CLASSES = 48
_TAIL = N_CLASSES
_N_LIVE = N_CLASSES + 1


HUB = np.dtype(
    [
        ("start", np.int64),  # where the block begins in the pool, -1 where the slot is no hub
        ("span", np.int64),  # places in the block, a power of two, at least twice the partners
        ("degree", np.int64),  # partners in the table
        ("length", np.int64),  # entries in the heap
        ("live_at", np.int64),  # where the hub stands in the list of live hubs
    ]
)
PLACE = np.dtype(
    [
        ("value", np.int64),  # value with the partner
        ("pushed_value", np.int64),  # value and size in the newest entry of the heap for the partner
        ("pushed_n_records", np.int32),
        ("slot", np.int32),  # partner, EMPTY for a free place
    ]
)
ENTRY = np.dtype(
    [("value", np.int64), ("slot", np.int32), ("name", np.int32), ("n_records", np.int32), ("unused", np.int32)]
)


class Hubs(NamedTuple):
    """All hubs, and the pool their blocks of 2**k places come from.

    hubs   HUB[n]    what is known of each slot
    live   int32[n]  the slots that are hubs, in no order
    free   int64[N_CLASSES + 2]  first free block of 2**k places (-1: none); end of the part of the pool in use;
    number of live hubs
    table  PLACE[p]  hash tables, linear probing
    heap   ENTRY[p]  heaps, in the same blocks
    """

    hubs: Records
    live: Int32
    free: Int64
    table: Records
    heap: Records


def make_hubs(n_slots: int) -> Hubs:
    """Make room for hubs among n_slots clusters; the pool is empty, and takes 48 bytes a place once it grows."""
    hubs = make_records(n_slots, HUB)
    hubs["start"] = -1
    free = np.full(N_CLASSES + 2, -1, dtype=np.int64)
    free[N_CLASSES:] = 0
    return Hubs(hubs, np.empty(n_slots, dtype=np.int32), free, make_records(0, PLACE), make_records(0, ENTRY))


def enlarge_pool(hubs: Hubs, n_places: int) -> Hubs:
    """Return the same hubs with a pool of at least `n_places` places."""
    room = max(n_places, 2 * len(hubs.table))
    table = make_records(room, PLACE)
    table[: len(hubs.table)] = hubs.table
    heap = make_records(room, ENTRY)
    heap[: len(hubs.heap)] = hubs.heap
    return hubs._replace(table=table, heap=heap)


@kernel
def n_live_hubs(hubs: Hubs) -> int:
    """Return how many slots are hubs."""
    return hubs.free[_N_LIVE]


@kernel
def _class_of(places: int) -> int:
    """Return the smallest k >= 3 with 2**k >= places."""
    k = 3
    while (1 << k) < places:
        k += 1
    return k


@kernel
def places_short(hubs: Hubs, degree: int) -> int:
    """Return the pool size needed to take a block for `degree` partners, 0 where the pool has it. Ties: none."""
    k = _class_of(2 * degree)
    if hubs.free[k] >= 0:
        return 0
    end = hubs.free[_TAIL] + (np.int64(1) << k)
    return end if end > len(hubs.table) else np.int64(0)


@kernel
def _take_block(hubs: Hubs, degree: int) -> tuple[int, int]:
    """Return (start, span) of an empty block for `degree` partners.

    Needs: places_short(degree) == 0. Overwrites: free, slot. Each turn of the loop: places before i are empty. Ties:
    none.
    """
    k = _class_of(2 * degree)
    span = np.int64(1) << k
    start = hubs.free[k]
    if start >= 0:
        hubs.free[k] = hubs.table[start].value
    else:
        start = hubs.free[_TAIL]
        hubs.free[_TAIL] += span
    for i in range(start, start + span):
        hubs.table[i].slot = EMPTY
    return start, span


@kernel
def _give_block(hubs: Hubs, start: int, span: int) -> None:
    """Return a block to the pool. Overwrites: free, value[start] (the link to the next free block). Ties: none."""
    k = _class_of(span)
    hubs.table[start].value = hubs.free[k]
    hubs.free[k] = start


@kernel
def _home(slot: int, start: int, span: int) -> int:
    """Return the place a slot hashes to in a block (multiplicative hashing, high bits)."""
    mixed = (np.int64(slot) * 0x9E3779B1) & 0xFFFFFFFFFFFF
    return start + ((mixed >> 16) & (span - 1))


@kernel
def locate(hubs: Hubs, hub: int, slot: int) -> int:
    """Return the place of `slot` in the hub's table, or the free place where it belongs.

    Needs: a free place in the block. Overwrites: nothing. Each turn: all places from home to `at` hold other slots.
    Ties: none.
    """
    start, span = hubs.hubs[hub].start, hubs.hubs[hub].span
    at = _home(slot, start, span)
    while hubs.table[at].slot != slot and hubs.table[at].slot != EMPTY:
        at += 1
        if at == start + span:
            at = start
    return at


@kernel
def drop_partner(hubs: Hubs, hub: int, slot: int) -> int:
    """Take a partner out of the hub's table; return its value, 0 if it was not there.

    Needs: hub is a hub. Overwrites: table, degree. Each turn: the place `hole` is free and every slot after it up to
    `at` can stay. Ties: none.
    """
    start, span = hubs.hubs[hub].start, hubs.hubs[hub].span
    mask = span - 1
    hole = locate(hubs, hub, slot)
    if hubs.table[hole].slot == EMPTY:
        return np.int64(0)
    value = hubs.table[hole].value
    hubs.hubs[hub].degree -= 1
    at = hole
    while True:
        at = start + ((at - start + 1) & mask)
        if hubs.table[at].slot == EMPTY:
            break
        home = _home(np.int64(hubs.table[at].slot), start, span)
        # A slot may move back into the hole only if that is not before its home on the ring.
        if ((at - home) & mask) >= ((at - hole) & mask):
            hubs.table[hole].slot, hubs.table[hole].value = hubs.table[at].slot, hubs.table[at].value
            hubs.table[hole].pushed_value = hubs.table[at].pushed_value
            hubs.table[hole].pushed_n_records = hubs.table[at].pushed_n_records
            hole = at
    hubs.table[hole].slot = EMPTY
    return value


@kernel
def set_partner(hubs: Hubs, hub: int, slot: int, value: int) -> int:
    """Set the value of a partner, adding it if need be; return its place.

    Needs: room in the block for one more. Overwrites: table, degree. Ties: none.
    """
    at = locate(hubs, hub, slot)
    if hubs.table[at].slot == EMPTY:
        hubs.table[at].slot = slot
        hubs.table[at].pushed_value, hubs.table[at].pushed_n_records = 0, 1
        hubs.hubs[hub].degree += 1
    hubs.table[at].value = value
    return at


@kernel
def value_with(hubs: Hubs, hub: int, slot: int) -> int:
    """Return the hub's value with a partner, 0 for none. Ties: none."""
    at = locate(hubs, hub, slot)
    return hubs.table[at].value if hubs.table[at].slot != EMPTY else np.int64(0)


@kernel
def _is_before(hubs: Hubs, linkage: int, a: int, b: int) -> bool:
    """Say whether the heap entry at place a comes before that at place b: larger value / size, then smaller name."""
    order = compare_quotients(
        hubs.heap[a].value,
        weight_of_size(linkage, hubs.heap[a].n_records),
        hubs.heap[b].value,
        weight_of_size(linkage, hubs.heap[b].n_records),
    )
    return order > 0 if order != 0 else hubs.heap[a].name < hubs.heap[b].name


@kernel
def _copy_entry(heap: Records, source: int, target: int) -> None:
    """Copy a heap entry."""
    heap[target].value = heap[source].value
    heap[target].slot = heap[source].slot
    heap[target].name = heap[source].name
    heap[target].n_records = heap[source].n_records


@kernel
def _swap(heap: Records, a: int, b: int) -> None:
    """Exchange two heap entries."""
    value, slot, name, size = heap[a].value, heap[a].slot, heap[a].name, heap[a].n_records
    _copy_entry(heap, b, a)
    heap[b].value, heap[b].slot, heap[b].name, heap[b].n_records = value, slot, name, size


@kernel
def _sink_entry(hubs: Hubs, linkage: int, hub: int, at: int) -> None:
    """Move the entry at place `at` (from 0) of a hub's heap down to where it belongs.

    Needs: all else in order. Overwrites: heap. Each turn: only at and its children may be out of order. Ties: stay.
    """
    start, length = hubs.hubs[hub].start, hubs.hubs[hub].length
    while True:
        child = 2 * at + 1
        if child >= length:
            return
        if child + 1 < length and _is_before(hubs, linkage, start + child + 1, start + child):
            child += 1
        if not _is_before(hubs, linkage, start + child, start + at):
            return
        _swap(hubs.heap, start + at, start + child)
        at = child


@kernel
def fill_heap(hubs: Hubs, linkage: int, hub: int, lists: Adjacency) -> None:
    """Make the heap anew from the table: one true entry for each partner.

    Needs: the table is right. Overwrites: heap, pushed_value, pushed_size. Each turn: as a heap is built. Ties: as
    _is_before.
    """
    start, span = hubs.hubs[hub].start, hubs.hubs[hub].span
    length = 0
    for i in range(start, start + span):
        x = np.int64(hubs.table[i].slot)
        if x == EMPTY:
            continue
        at = start + length
        hubs.heap[at].slot, hubs.heap[at].name = x, lists.clusters[x].name
        hubs.heap[at].n_records, hubs.heap[at].value = size_of(lists.slots, x), hubs.table[i].value
        hubs.table[i].pushed_value, hubs.table[i].pushed_n_records = hubs.table[i].value, size_of(lists.slots, x)
        length += 1
    hubs.hubs[hub].length = length
    for at in range(length // 2 - 1, -1, -1):
        _sink_entry(hubs, linkage, hub, at)


@kernel
def push_partner(hubs: Hubs, linkage: int, hub: int, place: int, lists: Adjacency) -> None:
    """Put the partner at a place of the table on the heap, as it is now.

    Needs: place holds a partner. Overwrites: heap, pushed_value, pushed_size. Each turn: as an entry rises. Ties: as
    _is_before.
    """
    start = hubs.hubs[hub].start
    if hubs.hubs[hub].length == hubs.hubs[hub].span:
        # Full of entries long out of date: what the table holds now needs at most half of the room.
        fill_heap(hubs, linkage, hub, lists)
        return
    x = np.int64(hubs.table[place].slot)
    at = hubs.hubs[hub].length
    hubs.heap[start + at].slot, hubs.heap[start + at].name = x, lists.clusters[x].name
    hubs.heap[start + at].n_records, hubs.heap[start + at].value = size_of(lists.slots, x), hubs.table[place].value
    hubs.table[place].pushed_value, hubs.table[place].pushed_n_records = (
        hubs.table[place].value,
        size_of(lists.slots, x),
    )
    hubs.hubs[hub].length += 1
    while at > 0:
        up = (at - 1) >> 1
        if not _is_before(hubs, linkage, start + at, start + up):
            return
        _swap(hubs.heap, start + at, start + up)
        at = up


@kernel
def _pop(hubs: Hubs, linkage: int, hub: int) -> None:
    """Take the first entry off a hub's heap. Needs: length > 0. Overwrites: heap, length. Ties: none."""
    start = hubs.hubs[hub].start
    hubs.hubs[hub].length -= 1
    last = start + hubs.hubs[hub].length
    if last != start:
        _swap(hubs.heap, start, last)
        _sink_entry(hubs, linkage, hub, np.int64(0))


@kernel
def best_partner(hubs: Hubs, linkage: int, hub: int, lists: Adjacency) -> tuple[int, int, int]:
    """Return (partner, value, entries looked up) of a hub's best pair, partner -1 where it has none.

    Needs: every partner has an entry that is no smaller than its pair's key today, or is covered by the partner's own
    heap.
    Overwrites: heap. Each turn: the first entry is looked up and either true, or replaced by the truth. Ties: smaller
    name.
    """
    start = hubs.hubs[hub].start
    n_looked_up = 0
    while hubs.hubs[hub].length > 0:
        n_looked_up += 1
        x = np.int64(hubs.heap[start].slot)
        today = find(lists.slots, x)
        if today == hub:
            _pop(hubs, linkage, hub)
            continue
        place = locate(hubs, hub, today)
        value, size = hubs.table[place].value, size_of(lists.slots, today)
        if x == today and hubs.heap[start].value == value and hubs.heap[start].n_records == size:
            return today, value, n_looked_up
        _pop(hubs, linkage, hub)
        if hubs.table[place].pushed_value != value or hubs.table[place].pushed_n_records != size:
            push_partner(hubs, linkage, hub, place, lists)
    return -1, np.int64(0), n_looked_up


@kernel
def open_hub(hubs: Hubs, hub: int, degree: int) -> None:
    """Make a slot a hub with an empty table that has room for `degree` partners.

    The block of a slot that is a hub already is the caller's to return.

    Needs: places_short(degree) == 0. Overwrites: start, span, degree, length, live. Ties: none.
    """
    if hubs.hubs[hub].start < 0:
        n_live = hubs.free[_N_LIVE]
        hubs.live[n_live], hubs.hubs[hub].live_at = hub, n_live
        hubs.free[_N_LIVE] = n_live + 1
    start, span = _take_block(hubs, degree)
    hubs.hubs[hub].start, hubs.hubs[hub].span = start, span
    hubs.hubs[hub].degree, hubs.hubs[hub].length = 0, 0


@kernel
def close_hub(hubs: Hubs, hub: int) -> None:
    """Make a slot an ordinary cluster again. Overwrites: start, free, live. Ties: none."""
    _give_block(hubs, hubs.hubs[hub].start, hubs.hubs[hub].span)
    hubs.hubs[hub].start = -1
    hubs.free[_N_LIVE] -= 1
    last = hubs.live[hubs.free[_N_LIVE]]
    at = hubs.hubs[hub].live_at
    hubs.live[at], hubs.hubs[last].live_at = last, at


@kernel
def widen_hub(hubs: Hubs, linkage: int, hub: int, degree: int, lists: Adjacency) -> None:
    """Move a hub to a block with room for `degree` partners.

    Needs: places_short(degree) == 0. Overwrites: the hub. Each turn: partners before i stand in the new block. Ties:
    none.
    """
    old_start, old_span = hubs.hubs[hub].start, hubs.hubs[hub].span
    open_hub(hubs, hub, degree)
    for i in range(old_start, old_start + old_span):
        if hubs.table[i].slot != EMPTY:
            set_partner(hubs, hub, np.int64(hubs.table[i].slot), hubs.table[i].value)
    _give_block(hubs, old_start, old_span)
    fill_heap(hubs, linkage, hub, lists)
