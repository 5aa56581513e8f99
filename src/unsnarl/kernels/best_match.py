"""Agglomerate a sparse graph with a table of best matches.

Every live cluster keeps a row: its few best partners among the clusters older than itself, best first. While two clusters live, the value
between them does not change; a cluster is read against all its partners when it comes to be, so each pair is covered by the younger side,
and a row only ever loses partners. What the row does not show is no better than its last entry, which stays as a bound. The queue
holds each row's first entry or bound; what tops it and has lost its partner is looked up again, and what is true is merged.
The order is that of docs/methods/average-linkage.md: similarity, smaller name, larger name.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.adjacency import (
    GONE,
    Adjacency,
    is_hub,
    join_chains,
    mark_hub,
    read_list,
    size_of,
    write_list,
)
from unsnarl.kernels.arrays import Int64, Records
from unsnarl.kernels.fractions import SLACK, compare_quotients
from unsnarl.kernels.hubs import (
    EMPTY,
    Hubs,
    best_partner,
    close_hub,
    drop_partner,
    fill_heap,
    locate,
    n_live_hubs,
    open_hub,
    places_short,
    push_partner,
    set_partner,
    value_with,
    widen_hub,
)
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import AVERAGE, SINGLE, combine, numerator, weight_of_size
from unsnarl.kernels.queue import Queue, forget_bound, holds_bound, remove, set_key

ROW_WIDTH = 4
"""Partners kept in a row: enough that rows are seldom read again."""

HUB_DEGREE = 64
"""Fewer partners than this are read faster than looked up."""

HUB_PATIENCE = 16
"""A cluster becomes a hub once it has read its list this many times to little effect: about what making a hub costs."""

LOPSIDED = 8
"""A merge is lopsided when one list is this many times the other; reading the long one is then work to be saved."""

FINISHED = 0
GOING_ON = 1


ROW = np.dtype(
    [
        ("debt", np.int64),  # entries read by this cluster to little effect
        ("at", np.int32),  # entries before this one have lost their partner
        ("count", np.int32),  # entries in the row
        ("hidden", np.int32),  # 1 where there were more partners than the row shows
        ("unused", np.int32),
    ]
)
MATCH = np.dtype(
    [
        ("birth", np.int64),  # of the partner when the row was filled
        ("value", np.int64),  # numerator of the similarity with it
        ("ratio", np.float64),  # value by the weight of the partner's size, rounded: decides nearly all comparisons
        ("partner", np.int32),  # its slot
        ("size", np.int32),  # its size then
    ]
)
MERGE = np.dtype(
    [
        ("top", np.int64),  # similarity, as a quotient
        ("bottom", np.int64),
        ("left", np.int32),  # names of the clusters merged
        ("right", np.int32),
        ("size", np.int32),  # records in the merged cluster
        ("unused", np.int32),
    ]
)
N_MERGES, N_BIRTHS, N_FOLDED, N_READ, N_WANTED, N_COUNTERS = 0, 1, 2, 3, 4, 5
"""Counters: merges made; births; entries folded away (two a pair); entries read; places the pool of hubs lacks (0: none)."""


class Graph(NamedTuple):
    """All that agglomeration works on.

    lists     clusters and their entries
    hubs      clusters with very many partners
    queue     clusters in order of their best key
    rows      ROW[n]               row of each slot
    matches   MATCH[n, ROW_WIDTH]  the entries of the rows, best first
    merges    MERGE[n - 1]         the merges so far, in order
    counters  int64[N_COUNTERS]
    """

    lists: Adjacency
    hubs: Hubs
    queue: Queue
    rows: Records
    matches: Records
    merges: Records
    counters: Int64


@kernel
def _is_older(clusters: Records, a: int, b: int) -> bool:
    """Say whether live slot a was there before live slot b. Ties (single records of one degree): the smaller record."""
    if clusters[a].birth != clusters[b].birth:
        return clusters[a].birth < clusters[b].birth
    return a < b


@kernel
def _is_worse(match: Records, linkage: int, ratio: float, x: int, value: int, lists: Adjacency) -> bool:
    """Say whether an entry of a row comes after partner x, of that value and ratio. Ties: smaller name first."""
    if match.ratio < ratio * (1.0 - SLACK):
        return True
    if match.ratio * (1.0 - SLACK) > ratio:
        return False
    weight = weight_of_size(linkage, size_of(lists.slots, x))
    order = compare_quotients(match.value, weight_of_size(linkage, match.size), value, weight)
    return order < 0 or (order == 0 and lists.clusters[match.partner].name > lists.clusters[x].name)


@kernel
def _insert(row: Records, matches: Records, linkage: int, x: int, value: int, lists: Adjacency) -> None:
    """Put partner x into a row where it belongs, if it is among the best ROW_WIDTH so far.

    Needs: row (ROW) and matches (MATCH[ROW_WIDTH]) of one slot. Overwrites: both. Each turn: entries at and after `at` are worse than x,
    and stand one place further on. Births are left for the end. Ties: smaller name first.
    """
    size = size_of(lists.slots, x)
    ratio = value / weight_of_size(linkage, size)
    if row.count == ROW_WIDTH:
        row.hidden = 1
        if not _is_worse(matches[ROW_WIDTH - 1], linkage, ratio, x, value, lists):
            return
    else:
        row.count += 1
    at = row.count - 1
    while at > 0 and _is_worse(matches[at - 1], linkage, ratio, x, value, lists):
        matches[at].value, matches[at].ratio = matches[at - 1].value, matches[at - 1].ratio
        matches[at].partner, matches[at].size = matches[at - 1].partner, matches[at - 1].size
        at -= 1
    matches[at].value, matches[at].ratio = value, ratio
    matches[at].partner, matches[at].size = x, size


@kernel
def fill_row(graph: Graph, linkage: int, slot: int, k: int, older_only: bool) -> None:
    """Fill a row from the list just read, leaving out hubs (they cover their pairs) and, if asked, younger clusters.

    Needs: scratch as read_list left it. Overwrites: the row; total of partners that can never merge becomes 0.
    Each turn: the row holds the best of the partners seen. Ties: as _insert.
    """
    clusters, slots, touched = graph.lists.clusters, graph.lists.slots, graph.lists.touched
    row, matches = graph.rows[slot], graph.matches[slot]
    row.at, row.count, row.hidden = 0, 0, 0
    own_size = size_of(slots, slot)
    worst = -1.0
    for j in range(k):
        x = touched[j]
        size = slots[x].size
        if size < 0 or (older_only and not _is_older(clusters, x, slot)):
            continue
        value = numerator(linkage, slots[x].total, own_size, size)
        if value == 0:
            slots[x].total = 0
            continue
        # Most partners fail here, on doubles; what is near the worst of a full row is compared exactly.
        if value < worst * weight_of_size(linkage, size):
            row.hidden = 1
            continue
        _insert(row, matches, linkage, x, value, graph.lists)
        if row.count == ROW_WIDTH:
            worst = matches[ROW_WIDTH - 1].ratio * (1.0 - SLACK)
    for i in range(row.count):
        matches[i].birth = clusters[matches[i].partner].birth


@kernel
def _read(graph: Graph, linkage: int, slot: int, own_halvings: int) -> int:
    """Read a cluster's list into the scratch and count the work; return the number of partners."""
    graph.counters[N_READ] += graph.lists.segments[slot].n_entries
    return read_list(slot, linkage, own_halvings, graph.lists)


@kernel
def _write(graph: Graph, linkage: int, slot: int, k: int) -> None:
    """Write the list just read back and count the entries folded away."""
    graph.counters[N_FOLDED] += write_list(slot, k, linkage, graph.lists)


@kernel
def _offer(graph: Graph, linkage: int, slot: int, x: int, value: int) -> None:
    """Key a slot by its pair with x."""
    clusters, slots = graph.lists.clusters, graph.lists.slots
    a, b = clusters[slot].name, clusters[x].name
    bottom = np.int64(weight_of_size(linkage, size_of(slots, slot))) * weight_of_size(linkage, size_of(slots, x))
    set_key(graph.queue, slot, value, bottom, min(a, b), max(a, b))


@kernel
def _offer_hub(graph: Graph, linkage: int, hub: int) -> None:
    """Key a hub by the best of its heap. Overwrites: heap, queue, the first place of the hub's row."""
    clusters = graph.lists.clusters
    x, value, n_looked_up = best_partner(graph.hubs, linkage, hub, graph.lists)
    graph.counters[N_READ] += 8 * n_looked_up
    if x < 0:
        remove(graph.queue, hub)
        return
    row, match = graph.rows[hub], graph.matches[hub, 0]
    row.at, row.count, row.hidden = 0, 1, 0
    match.partner, match.birth = x, clusters[x].birth
    _offer(graph, linkage, hub, x, value)


@kernel
def offer_row(graph: Graph, linkage: int, slot: int) -> bool:
    """Key a slot by the first entry of its row that lives, or by the row's bound; return False where the row must be read again first.

    Needs: slot live and no hub. Overwrites: the row's `at`, the queue. Each turn: entries before `at` are gone. Ties: none.
    """
    clusters, row, matches = graph.lists.clusters, graph.rows[slot], graph.matches[slot]
    at, count = row.at, row.count
    while at < count and clusters[matches[at].partner].birth != matches[at].birth:
        at += 1
    row.at = at
    if at < count:
        _offer(graph, linkage, slot, np.int64(matches[at].partner), matches[at].value)
    elif row.hidden == 0:
        remove(graph.queue, slot)
    elif holds_bound(graph.queue, slot):
        return False
    else:
        last = matches[count - 1]
        bottom = np.int64(weight_of_size(linkage, last.size)) * weight_of_size(linkage, size_of(graph.lists.slots, slot))
        set_key(graph.queue, slot, last.value, bottom, -1, -1)
    return True


@kernel
def _make_hub(graph: Graph, linkage: int, slot: int, degree: int) -> None:
    """Turn a cluster's list into a hub's table with room for `degree` partners.

    Needs: the pool has room for that; degree >= the cluster's entries. Overwrites: scratch, hubs.
    Each turn: partners 0 .. j stand in the table. Ties: none.
    """
    hubs, lists = graph.hubs, graph.lists
    k = _read(graph, linkage, slot, 0)
    open_hub(hubs, slot, degree)
    mark_hub(lists.slots, slot, True)
    for j in range(k):
        x = np.int64(lists.touched[j])
        set_partner(hubs, slot, x, lists.slots[x].total)
    _write(graph, linkage, slot, k)
    fill_heap(hubs, linkage, slot, lists)


@kernel
def _unmake_hub(graph: Graph, linkage: int, hub: int) -> None:
    """Write a hub's table back as a list; its row is left for the caller.

    Needs: the chain has room (it held the entries the table came from). Overwrites: scratch, lists, hubs.
    Each turn: the partners in the places before i are in the scratch. Ties: none.
    """
    block, table, lists = graph.hubs.hubs[hub], graph.hubs.table, graph.lists
    k = 0
    for i in range(block.start, block.start + block.span):
        x = table[i].slot
        if x != EMPTY:
            lists.touched[k] = x
            lists.slots[x].total = table[i].value
            k += 1
    close_hub(graph.hubs, hub)
    mark_hub(lists.slots, hub, False)
    write_list(hub, k, linkage, lists)


@kernel
def _tell_hubs(graph: Graph, linkage: int, k: int, kept: int, gone: int, may_rise: bool) -> None:
    """Make `kept` take the place of `kept` and `gone` in the table of every partner that is a hub.

    Needs: scratch holds the values of the merged cluster. Overwrites: hubs' tables; where keys may have risen unseen, heaps and queue.
    Each turn: partners 0 .. j know. Ties: none.
    """
    hubs, lists = graph.hubs, graph.lists
    if n_live_hubs(hubs) == 0:
        return
    for j in range(k):
        x = np.int64(lists.touched[j])
        if not is_hub(lists.slots, x):
            continue
        graph.counters[N_READ] += 8
        if drop_partner(hubs, x, gone) != 0:
            graph.counters[N_FOLDED] += 1
        place = set_partner(hubs, x, kept, lists.slots[x].total)
        if may_rise:
            push_partner(hubs, linkage, x, place, lists)
            _offer_hub(graph, linkage, x)


@kernel
def _unite(graph: Graph, kept: int, gone: int) -> None:
    """Make slot `gone` part of slot `kept`: union-find, size, name, birth.

    Needs: both live. Overwrites: parent, clusters, queue. Ties: none.
    """
    clusters, slots = graph.lists.clusters, graph.lists.slots
    hub = is_hub(slots, kept)
    slots[gone].parent = kept
    slots[kept].size = size_of(slots, kept) + size_of(slots, gone)
    mark_hub(slots, kept, hub)
    clusters[kept].name = min(clusters[kept].name, clusters[gone].name)
    graph.counters[N_BIRTHS] += 1
    clusters[kept].birth = graph.counters[N_BIRTHS]
    clusters[gone].birth = GONE
    clusters[gone].ahead = clusters[gone].halvings - clusters[kept].halvings
    clusters[kept].halvings += 1
    remove(graph.queue, gone)


@kernel
def _tell_name(graph: Graph, linkage: int, hub: int) -> None:
    """Push a hub under its new name on the heap of every other hub it is a partner of (single linkage).

    Needs: hub live. Overwrites: heaps, queue. Each turn: the live hubs before i know. Ties: none.
    """
    hubs = graph.hubs
    for i in range(n_live_hubs(hubs)):
        other = np.int64(hubs.live[i])
        if other != hub and value_with(hubs, other, hub) != 0:
            push_partner(hubs, linkage, other, locate(hubs, other, hub), graph.lists)
            _offer_hub(graph, linkage, other)


@kernel
def _add_to_hub(graph: Graph, linkage: int, hub: int, small: int, x: int) -> None:
    """Add what partner x of `small` brings to a hub that takes `small` in.

    Needs: scratch total[x] is that value; x is not the hub. Overwrites: the hub, the hub x may be, total[x]. Ties: none.
    """
    hubs, slots = graph.hubs, graph.lists.slots
    value = slots[x].total
    slots[x].total = 0
    before = value_with(hubs, hub, x)
    if before != 0:
        value = combine(linkage, before, value)
    at = set_partner(hubs, hub, x, value)
    place = hubs.table[at]
    weight = weight_of_size(linkage, size_of(slots, x))
    # An equal quotient too: the partner may have come under a smaller name since.
    if compare_quotients(value, weight, place.pushed_value, weight_of_size(linkage, place.pushed_size)) >= 0:
        push_partner(hubs, linkage, hub, at, graph.lists)
    if is_hub(slots, x):
        drop_partner(hubs, x, small)
        set_partner(hubs, x, hub, value)


@kernel
def _absorb(graph: Graph, linkage: int, hub: int, small: int) -> None:
    """Let a hub take in a small cluster, touching only the small one's partners.

    Needs: hub is a hub with room for the partners of both; small is none. Overwrites: all but merges.
    Each turn: partners 0 .. j of the small cluster are partners of the hub. Ties: none.
    """
    hubs, lists, clusters = graph.hubs, graph.lists, graph.lists.clusters
    k = _read(graph, linkage, small, 0)
    graph.counters[N_READ] += 16 * k
    n_before = lists.segments[small].n_entries + hubs.hubs[hub].degree
    old_name = clusters[hub].name
    _unite(graph, hub, small)
    drop_partner(hubs, hub, small)
    for j in range(k):
        x = np.int64(lists.touched[j])
        if x == hub:
            lists.slots[x].total = 0
        else:
            _add_to_hub(graph, linkage, hub, small, x)
    graph.counters[N_FOLDED] += n_before - hubs.hubs[hub].degree
    # The chain is only kept for its room, should the hub become a list again.
    join_chains(lists.segments, hub, small)
    if linkage == SINGLE and clusters[hub].name != old_name:
        _tell_name(graph, linkage, hub)
    _offer_hub(graph, linkage, hub)


@kernel
def _merge_lists(graph: Graph, linkage: int, kept: int, gone: int) -> None:
    """Merge two clusters by reading both lists; the hubs among them become lists first.

    Needs: both live. Overwrites: all but merges. Ties: none.
    """
    was_hub = False
    for slot in (kept, gone):
        if is_hub(graph.lists.slots, slot):
            was_hub = True
            _unmake_hub(graph, linkage, slot)
    _unite(graph, kept, gone)
    join_chains(graph.lists.segments, kept, gone)
    k = _read(graph, linkage, kept, 1)
    fill_row(graph, linkage, kept, k, False)
    # With single linkage a union can tie with its better part under a smaller name.
    _tell_hubs(graph, linkage, k, kept, gone, was_hub or linkage == SINGLE)
    _write(graph, linkage, kept, k)
    # Whatever key the slot had was the old cluster's: a bound of that is none of this.
    forget_bound(graph.queue, kept)
    offer_row(graph, linkage, kept)


@kernel
def _degree(graph: Graph, slot: int) -> int:
    """Return how long a cluster's list, or a hub's table, is."""
    if is_hub(graph.lists.slots, slot):
        return graph.hubs.hubs[slot].degree
    return graph.lists.segments[slot].n_entries


@kernel
def _should_be_hub(graph: Graph, linkage: int, slot: int) -> bool:
    """Say whether a list has been read to little effect so often that a hub would have been cheaper."""
    if linkage != AVERAGE and linkage != SINGLE:
        return False
    n_entries = graph.lists.segments[slot].n_entries
    return n_entries >= HUB_DEGREE and graph.rows[slot].debt >= HUB_PATIENCE * n_entries


@kernel
def _lacks_places(graph: Graph, degree: int) -> bool:
    """Say whether the pool must grow before a block for `degree` partners can be had; ask for it if so."""
    graph.counters[N_WANTED] = places_short(graph.hubs, degree)
    return graph.counters[N_WANTED] > 0


@kernel
def _merge(graph: Graph, linkage: int, a: int, b: int) -> bool:
    """Merge two clusters; return False, no merge made, where the pool of hubs must grow first.

    Needs: (a, b) is the best pair of all. Overwrites: all. Ties: the slot with the longer list is kept.
    """
    hubs, rows, lists = graph.hubs, graph.rows, graph.lists
    large, small = (a, b) if _degree(graph, a) >= _degree(graph, b) else (b, a)
    n_large, n_small = _degree(graph, large), _degree(graph, small)
    if LOPSIDED * n_small > n_large:
        _merge_lists(graph, linkage, large, small)
        rows[large].debt = 0
        return True
    if not is_hub(lists.slots, large):
        if not _should_be_hub(graph, linkage, large):
            _merge_lists(graph, linkage, large, small)
            rows[large].debt += n_large
            return True
        if _lacks_places(graph, n_large + n_small):
            return False
        _make_hub(graph, linkage, large, n_large + n_small)
    elif 2 * (n_large + n_small) > hubs.hubs[large].span:
        if _lacks_places(graph, n_large + n_small):
            return False
        widen_hub(hubs, linkage, large, n_large + n_small, lists)
    if is_hub(lists.slots, small):
        _unmake_hub(graph, linkage, small)
    _absorb(graph, linkage, large, small)
    return True


@kernel
def _look_again(graph: Graph, linkage: int, slot: int) -> bool:
    """Bring the key of a slot whose best partner is gone up to date; return False, nothing done, where the pool of hubs must grow first.

    Needs: slot tops the queue. Overwrites: its row or heap, its key. Ties: none.
    """
    if is_hub(graph.lists.slots, slot):
        _offer_hub(graph, linkage, slot)
    elif offer_row(graph, linkage, slot):
        return True
    elif _should_be_hub(graph, linkage, slot):
        degree = graph.lists.segments[slot].n_entries
        if _lacks_places(graph, degree):
            return False
        _make_hub(graph, linkage, slot, degree)
        _offer_hub(graph, linkage, slot)
    else:
        graph.rows[slot].debt += graph.lists.segments[slot].n_entries
        k = _read(graph, linkage, slot, 0)
        fill_row(graph, linkage, slot, k, True)
        _write(graph, linkage, slot, k)
        forget_bound(graph.queue, slot)
        offer_row(graph, linkage, slot)
    return True


@kernel
def agglomerate(graph: Graph, linkage: int, budget: int) -> int:
    """Merge best pairs until none is left, or about `budget` entries have been read; return FINISHED or GOING_ON.

    Needs: a graph made by make_graph, or left by an earlier call. Overwrites: all of it. counters[N_WANTED] > 0 asks for a larger pool.
    Each turn: either the best pair of all is merged, or a key that had become a bound is brought nearer the truth.
    Ties: smaller first name, then smaller second name.
    """
    queue, counters, clusters = graph.queue, graph.counters, graph.lists.clusters
    stop = counters[N_READ] + budget
    while queue.length[0] > 0:
        if counters[N_READ] >= stop:
            return GOING_ON
        counters[N_READ] += 8
        # One integer type for slots keeps the compiler from making every kernel twice.
        slot = np.int64(queue.heap[0])
        key, match = queue.keys[slot], graph.matches[slot, graph.rows[slot].at]
        x = np.int64(match.partner)
        if key.low >= 0 and clusters[x].birth == match.birth:
            merge = graph.merges[counters[N_MERGES]]
            merge.top, merge.bottom, merge.left, merge.right = key.top, key.bottom, key.low, key.high
            merge.size = size_of(graph.lists.slots, slot) + size_of(graph.lists.slots, x)
            if not _merge(graph, linkage, slot, x):
                return GOING_ON
            counters[N_MERGES] += 1
        elif not _look_again(graph, linkage, slot):
            return GOING_ON
    return FINISHED
