"""Blocks of places for hubs: each has a hash table of the values with its partners, and room to keep them in order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records, make_records
from unsnarl.kernels.jit import inner

EMPTY = -1
CHILDREN = 4
N_CLASSES = 48
_TAIL = N_CLASSES
N_LIVE = N_CLASSES + 1


HUB = np.dtype(
    [
        ("start", np.int64),  # where the block begins in the pool, -1 where the slot is no hub
        ("span", np.int64),  # places in the block, a power of two, at least twice the partners
        ("degree", np.int64),  # partners in the table, those that have died since too
        ("at", np.int64),  # next entry of the run
        ("stop", np.int64),  # end of the run
        ("length", np.int64),  # entries in the heap
        ("live_at", np.int64),  # where the hub stands in the list of live hubs
    ]
)
PLACE = np.dtype(
    [
        ("value", np.int64),  # value with the partner
        ("pushed_value", np.int64),  # value and size in the newest entry for the partner
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
    order  ENTRY[p]  partners in order, in the same blocks: a sorted run in the first half; in the other a heap, the
    parent of whose place i is place (i - 1) // CHILDREN
    held   ENTRY[1]  scratch: an entry about to be pushed
    """

    hubs: Records
    live: Int32
    free: Int64
    table: Records
    order: Records
    held: Records


def make_hubs(n_slots: int) -> Hubs:
    """Make room for hubs among n_slots clusters; the pool is empty, and takes 48 bytes a place once it grows."""
    hubs = make_records(n_slots, HUB)
    hubs["start"] = -1
    free = np.full(N_CLASSES + 2, -1, dtype=np.int64)
    free[N_CLASSES:] = 0
    return Hubs(
        hubs,
        np.empty(n_slots, dtype=np.int32),
        free,
        make_records(0, PLACE),
        make_records(0, ENTRY),
        make_records(1, ENTRY),
    )


def enlarge_pool(hubs: Hubs, n_places: int) -> Hubs:
    """Return the same hubs with a pool of at least `n_places` places."""
    room = max(n_places, 2 * len(hubs.table))
    table = make_records(room, PLACE)
    table[: len(hubs.table)] = hubs.table
    order = make_records(room, ENTRY)
    order[: len(hubs.order)] = hubs.order
    return hubs._replace(table=table, order=order)


@inner
def n_live_hubs(hubs: Hubs) -> int:
    """Return how many slots are hubs."""
    return hubs.free[N_LIVE]


@inner
def _class_of(places: int) -> int:
    """Return the smallest k >= 3 with 2**k >= places."""
    k = 3
    while (1 << k) < places:
        k += 1
    return k


@inner
def places_short(hubs: Hubs, degree: int) -> int:
    """Return the pool size needed to take a block for `degree` partners, 0 where the pool has it. Ties: none."""
    k = _class_of(2 * degree)
    if hubs.free[k] >= 0:
        return 0
    end = hubs.free[_TAIL] + (np.int64(1) << k)
    return end if end > len(hubs.table) else np.int64(0)


@inner
def take_block(hubs: Hubs, degree: int) -> tuple[int, int]:
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


@inner
def give_block(hubs: Hubs, start: int, span: int) -> None:
    """Return a block to the pool. Overwrites: free, value[start] (the link to the next free block). Ties: none."""
    k = _class_of(span)
    hubs.table[start].value = hubs.free[k]
    hubs.free[k] = start


@inner
def home(hubs: Hubs, hub: int, slot: int) -> int:
    """Return the place a slot hashes to in a hub's block (multiplicative hashing, high bits)."""
    mixed = (np.int64(slot) * 0x9E3779B1) & 0xFFFFFFFFFFFF
    return hubs.hubs[hub].start + ((mixed >> 16) & (hubs.hubs[hub].span - 1))


@inner
def locate(hubs: Hubs, hub: int, slot: int) -> int:
    """Return the place of `slot` in the hub's table, or the free place where it belongs.

    Needs: a free place in the block. Overwrites: nothing. Each turn: all places from home to `at` hold other slots.
    Ties: none.
    """
    start, span = hubs.hubs[hub].start, hubs.hubs[hub].span
    at = home(hubs, hub, slot)
    while hubs.table[at].slot != slot and hubs.table[at].slot != EMPTY:
        at += 1
        if at == start + span:
            at = start
    return at


@inner
def value_with(hubs: Hubs, hub: int, slot: int) -> int:
    """Return the hub's value with a partner, 0 for none. Ties: none."""
    at = locate(hubs, hub, slot)
    return hubs.table[at].value if hubs.table[at].slot != EMPTY else np.int64(0)
