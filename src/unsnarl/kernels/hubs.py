"""Clusters with very many partners: a hash table of values and a heap of the best.

A hub that takes in small clusters one after another must not read its whole list each time. The order of its partners
X by value / |X| does not change when the hub itself grows, so a heap keeps it: only the partners of what it takes in
are touched. An entry of the heap is what was true when it was pushed; for a partner that has grown since it is a
bound, never too small, and is looked up again when it reaches the top. Average and single linkage only: the others
lose their partners by themselves. With single linkage a union can tie with its better part under a smaller name:
there a change of name is pushed at once.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.adjacency import Adjacency, find, size_of
from unsnarl.kernels.arrays import Records
from unsnarl.kernels.fractions import compare_quotients
from unsnarl.kernels.hub_blocks import CHILDREN, EMPTY, N_LIVE, Hubs, give_block, locate, take_block, value_with
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import weight_of_size


@kernel
def _is_before(a: Records, b: Records, linkage: int) -> bool:
    """Say whether heap entry a comes before heap entry b: larger value / size, then smaller name.

    Forbidden partners, of values below 0, come after all others, in whatever order.
    """
    if a.n_records == b.n_records:
        return a.value > b.value or (a.value == b.value and a.name < b.name)
    order = compare_quotients(
        a.value, weight_of_size(linkage, a.n_records), b.value, weight_of_size(linkage, b.n_records)
    )
    return order > 0 if order != 0 else a.name < b.name


@kernel
def _copy_entry(source: Records, target: Records) -> None:
    """Copy a heap entry."""
    target.value, target.slot = source.value, source.slot
    target.name, target.n_records = source.name, source.n_records


@kernel
def _sink_entry(hubs: Hubs, linkage: int, hub: int, at: int, spare: int) -> None:
    """Write the entry at place `spare` where it belongs at or below place `at` (places from 0) of a hub's heap.

    Needs: place `at` free, all else in order; spare == at, or past the end of the heap. Overwrites: heap. Each turn:
    only the free place may be out of order with its children. Ties: stay.
    """
    start, length = hubs.hubs[hub].start, hubs.hubs[hub].length
    heap = hubs.heap
    held = hubs.held[0]
    _copy_entry(heap[start + spare], held)
    while True:
        first = CHILDREN * at + 1
        if first >= length:
            break
        best = first
        for child in range(first + 1, min(first + CHILDREN, length)):
            if _is_before(heap[start + child], heap[start + best], linkage):
                best = child
        if not _is_before(heap[start + best], held, linkage):
            break
        _copy_entry(heap[start + best], heap[start + at])
        at = best
    _copy_entry(held, heap[start + at])


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
        if x == EMPTY or lists.slots[x].parent != x:
            continue
        at = start + length
        hubs.heap[at].slot, hubs.heap[at].name = x, lists.clusters[x].name
        hubs.heap[at].n_records, hubs.heap[at].value = size_of(lists.slots, x), hubs.table[i].value
        hubs.table[i].pushed_value, hubs.table[i].pushed_n_records = hubs.table[i].value, size_of(lists.slots, x)
        length += 1
    hubs.hubs[hub].length = length
    for at in range((length - 2) // CHILDREN, -1, -1):
        _sink_entry(hubs, linkage, hub, at, at)


@kernel
def _put(hubs: Hubs, hub: int, slot: int, value: int) -> None:
    """Set the value of a partner, adding it if need be.

    Needs: a free place in the block. Overwrites: table, degree. Ties: none.
    """
    place = hubs.table[locate(hubs, hub, slot)]
    if place.slot == EMPTY:
        place.slot = slot
        place.pushed_value, place.pushed_n_records = 0, 1
        hubs.hubs[hub].degree += 1
    place.value = value


@kernel
def _drop_dead(hubs: Hubs, linkage: int, hub: int, lists: Adjacency) -> None:
    """Take partners that have died out of the hub's table; its heap is made anew.

    Needs: nothing. Overwrites: the hub. Each turn: partners before i of the heap stand in the table. Ties: none.
    """
    fill_heap(hubs, linkage, hub, lists)
    start, length = hubs.hubs[hub].start, hubs.hubs[hub].length
    for i in range(start, start + hubs.hubs[hub].span):
        hubs.table[i].slot = EMPTY
    hubs.hubs[hub].degree = 0
    for i in range(start, start + length):
        slot, value = np.int64(hubs.heap[i].slot), hubs.heap[i].value
        _put(hubs, hub, slot, value)
        place = hubs.table[locate(hubs, hub, slot)]
        place.pushed_value, place.pushed_n_records = value, hubs.heap[i].n_records


@kernel
def set_partner(hubs: Hubs, linkage: int, hub: int, slot: int, value: int, lists: Adjacency) -> int:
    """Set the value of a partner, adding it if need be; return its place.

    A partner that dies stays in the table: nobody asks for it again. When there are too many of those they are dropped.

    Needs: live partners, this one too, that fill no more than half of the block. Overwrites: the hub. Ties: none.
    """
    block = hubs.hubs[hub]
    if 4 * (block.degree + 1) > 3 * block.span:
        _drop_dead(hubs, linkage, hub, lists)
    _put(hubs, hub, slot, value)
    return locate(hubs, hub, slot)


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
    at, heap, held = hubs.hubs[hub].length, hubs.heap, hubs.held[0]
    held.value, held.slot, held.name = hubs.table[place].value, x, lists.clusters[x].name
    held.n_records = size_of(lists.slots, x)
    hubs.table[place].pushed_value, hubs.table[place].pushed_n_records = held.value, held.n_records
    hubs.hubs[hub].length += 1
    while at > 0:
        up = (at - 1) // CHILDREN
        if not _is_before(held, heap[start + up], linkage):
            break
        _copy_entry(heap[start + up], heap[start + at])
        at = up
    _copy_entry(held, heap[start + at])


@kernel
def _pop(hubs: Hubs, linkage: int, hub: int) -> None:
    """Take the first entry off a hub's heap. Needs: length > 0. Overwrites: heap, length. Ties: none."""
    hubs.hubs[hub].length -= 1
    if hubs.hubs[hub].length > 0:
        _sink_entry(hubs, linkage, hub, np.int64(0), hubs.hubs[hub].length)


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
        first = hubs.heap[start]
        x = np.int64(first.slot)
        today = find(lists.slots, x)
        if today == hub:
            _pop(hubs, linkage, hub)
            continue
        size = size_of(lists.slots, today)
        if x == today and first.n_records == size:
            if first.value < 0:
                break
            if value_with(hubs, hub, today) >= 0:
                # Values with a partner that has not grown rise, and are pushed as they do: no entry is before this.
                return today, first.value, n_looked_up
            # But for those that have come to be forbidden.
            _pop(hubs, linkage, hub)
            continue
        _pop(hubs, linkage, hub)
        place = locate(hubs, hub, today)
        if hubs.table[place].pushed_value != hubs.table[place].value or hubs.table[place].pushed_n_records != size:
            push_partner(hubs, linkage, hub, place, lists)
    return -1, np.int64(0), n_looked_up


@kernel
def open_hub(hubs: Hubs, hub: int, degree: int) -> None:
    """Make a slot a hub with an empty table that has room for `degree` partners.

    The block of a slot that is a hub already is the caller's to return.

    Needs: places_short(degree) == 0. Overwrites: start, span, degree, length, live. Ties: none.
    """
    if hubs.hubs[hub].start < 0:
        n_live = hubs.free[N_LIVE]
        hubs.live[n_live], hubs.hubs[hub].live_at = hub, n_live
        hubs.free[N_LIVE] = n_live + 1
    start, span = take_block(hubs, degree)
    hubs.hubs[hub].start, hubs.hubs[hub].span = start, span
    hubs.hubs[hub].degree, hubs.hubs[hub].length = 0, 0


@kernel
def close_hub(hubs: Hubs, hub: int) -> None:
    """Make a slot an ordinary cluster again. Overwrites: start, free, live. Ties: none."""
    give_block(hubs, hubs.hubs[hub].start, hubs.hubs[hub].span)
    hubs.hubs[hub].start = -1
    hubs.free[N_LIVE] -= 1
    last = hubs.live[hubs.free[N_LIVE]]
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
        x = np.int64(hubs.table[i].slot)
        if x != EMPTY and lists.slots[x].parent == x:
            _put(hubs, hub, x, hubs.table[i].value)
    give_block(hubs, old_start, old_span)
    fill_heap(hubs, linkage, hub, lists)
