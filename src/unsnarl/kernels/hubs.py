"""Clusters with very many partners: a hash table of values, and the partners in order.

A hub that takes in small clusters one after another must not read its whole list each time. The order of its partners
X by value / |X| does not change when the hub itself grows, so it is kept (hub_order.py): only the partners of what it
takes in are touched. An entry is what was true when it was made; for a partner that has grown since it is a bound,
never too small, and is looked up again when it comes first. Average and single linkage only: the others
lose their partners by themselves. With single linkage a union can tie with its better part under a smaller name:
there a change of name is pushed at once.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.adjacency import Adjacency, find, size_of
from unsnarl.kernels.hub_blocks import EMPTY, N_LIVE, Hubs, give_block, locate, take_block, value_with
from unsnarl.kernels.hub_order import drop_entry, first_entry, push_entry, sort_run
from unsnarl.kernels.jit import inner

_AT_ONCE = np.int64(16)
"""Entries whose partners are looked up together."""


@inner
def fill_order(hubs: Hubs, linkage: int, hub: int, lists: Adjacency) -> None:
    """Put the partners in order anew from the table: one true entry for each.

    Needs: the table is right. Overwrites: order, pushed_value, pushed_n_records. Each turn: the live partners in the
    places before i have their entry. Ties: none.
    """
    start, span = hubs.hubs[hub].start, hubs.hubs[hub].span
    n = np.int64(0)
    for i in range(start, start + span):
        x = np.int64(hubs.table[i].slot)
        if x == EMPTY or lists.slots[x].parent != x:
            continue
        entry = hubs.order[start + n]
        entry.slot, entry.name, entry.n_records = x, lists.clusters[x].name, size_of(lists.slots, x)
        entry.value = hubs.table[i].value
        hubs.table[i].pushed_value, hubs.table[i].pushed_n_records = entry.value, entry.n_records
        n += 1
    sort_run(hubs, linkage, hub, n)


@inner
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


@inner
def _drop_dead(hubs: Hubs, linkage: int, hub: int, lists: Adjacency) -> None:
    """Take partners that have died out of the hub's table; its order is made anew.

    Needs: nothing. Overwrites: the hub. Each turn: partners before i of the run stand in the table. Ties: none.
    """
    fill_order(hubs, linkage, hub, lists)
    start, stop = hubs.hubs[hub].start, hubs.hubs[hub].stop
    for i in range(start, start + hubs.hubs[hub].span):
        hubs.table[i].slot = EMPTY
    hubs.hubs[hub].degree = 0
    for i in range(start, stop):
        slot, value = np.int64(hubs.order[i].slot), hubs.order[i].value
        _put(hubs, hub, slot, value)
        place = hubs.table[locate(hubs, hub, slot)]
        place.pushed_value, place.pushed_n_records = value, hubs.order[i].n_records


@inner
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


@inner
def push_partner(hubs: Hubs, linkage: int, hub: int, place: int, lists: Adjacency) -> None:
    """Give the partner at a place of the table an entry as it is now.

    Needs: place holds a partner. Overwrites: order, pushed_value, pushed_n_records. Ties: none.
    """
    x, held = np.int64(hubs.table[place].slot), hubs.held[0]
    held.value, held.slot, held.name = hubs.table[place].value, x, lists.clusters[x].name
    held.n_records = size_of(lists.slots, x)
    hubs.table[place].pushed_value, hubs.table[place].pushed_n_records = held.value, held.n_records
    if not push_entry(hubs, linkage, hub):
        # Full of entries long out of date: what the table holds now needs at most half of the room.
        fill_order(hubs, linkage, hub, lists)


@inner
def best_partner(hubs: Hubs, linkage: int, hub: int, lists: Adjacency) -> tuple[int, int, int]:
    """Return (partner, value, entries looked up) of a hub's best pair, partner -1 where it has none.

    Needs: every partner has an entry that is no smaller than its pair's key today, or is covered by the partner's own
    entries.
    Overwrites: order. Each turn: the first entry is looked up and either true, or replaced by the truth. Ties: smaller
    name.
    """
    n_looked_up = 0
    while True:
        at = first_entry(hubs, linkage, hub)
        if at < 0:
            break
        n_looked_up += 1
        first = hubs.order[at]
        if at % _AT_ONCE == 0:
            # The next ones are asked for together, so that the memory answers together.
            for i in range(at, min(at + _AT_ONCE, hubs.hubs[hub].stop)):
                lists.ahead[i - at] = lists.slots[hubs.order[i].slot].parent
        x, value, n_records = np.int64(first.slot), first.value, first.n_records
        today = find(lists.slots, x)
        size = size_of(lists.slots, today)
        is_true = x == today and n_records == size and today != hub
        if is_true and value < 0:
            break
        # Values with a partner that has not grown rise, and are pushed as they do: no entry is before this. But for
        # those that have come to be forbidden.
        if is_true and value_with(hubs, hub, today) >= 0:
            return today, value, n_looked_up
        drop_entry(hubs, linkage, hub, at)
        if is_true or today == hub:
            continue
        place = locate(hubs, hub, today)
        if hubs.table[place].pushed_value != hubs.table[place].value or hubs.table[place].pushed_n_records != size:
            push_partner(hubs, linkage, hub, place, lists)
    return -1, np.int64(0), n_looked_up


@inner
def open_hub(hubs: Hubs, hub: int, degree: int) -> None:
    """Make a slot a hub with an empty table that has room for `degree` partners.

    The block of a slot that is a hub already is the caller's to return.

    Needs: places_short(degree) == 0. Overwrites: the slot's HUB, live. Ties: none.
    """
    if hubs.hubs[hub].start < 0:
        n_live = hubs.free[N_LIVE]
        hubs.live[n_live], hubs.hubs[hub].live_at = hub, n_live
        hubs.free[N_LIVE] = n_live + 1
    block = hubs.hubs[hub]
    block.start, block.span = take_block(hubs, degree)
    block.degree, block.at, block.stop, block.length = 0, 0, 0, 0


@inner
def close_hub(hubs: Hubs, hub: int) -> None:
    """Make a slot an ordinary cluster again. Overwrites: start, free, live. Ties: none."""
    give_block(hubs, hubs.hubs[hub].start, hubs.hubs[hub].span)
    hubs.hubs[hub].start = -1
    hubs.free[N_LIVE] -= 1
    last = hubs.live[hubs.free[N_LIVE]]
    at = hubs.hubs[hub].live_at
    hubs.live[at], hubs.hubs[last].live_at = last, at


@inner
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
    fill_order(hubs, linkage, hub, lists)
