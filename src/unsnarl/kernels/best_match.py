"""Agglomerate a sparse graph with a table of best matches.

Every live cluster keeps a row: its few best partners among the clusters older than itself, best first. While two
clusters live, the value between them does not change; a cluster is read against all its partners when it comes to be,
so each pair is covered by the younger side, and a row only ever loses partners. What the row does not show is no
better than its last entry, which stays as a bound. The queue holds each row's first entry or bound; what tops it and
has lost its partner is looked up again, and what is true is merged. The order is that of docs/methods/average-
linkage.md: similarity, smaller name, larger name.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.absorb import absorb, make_hub, offer_hub, tell_hubs, unmake_hub
from unsnarl.kernels.adjacency import is_hub, join_chains, size_of
from unsnarl.kernels.arrays import Records
from unsnarl.kernels.graph import (
    N_MERGES,
    N_READ,
    N_WANTED,
    NEVER,
    ONCE,
    Graph,
    lay_out_graph,
    read_counting,
    unite,
    write_counting,
)
from unsnarl.kernels.hub_blocks import places_short
from unsnarl.kernels.hubs import widen_hub
from unsnarl.kernels.jit import inner, kernel
from unsnarl.kernels.linkages import AVERAGE, SINGLE
from unsnarl.kernels.queue import clear_key, comes_before, find_first
from unsnarl.kernels.quotient import Quotient
from unsnarl.kernels.rows import ALL, OLDER, fill_first_row, fill_row, offer_row

HUB_DEGREE = 64
"""Fewer partners than this are read faster than looked up."""

HUB_PATIENCE = 8
"""A cluster becomes a hub once it has read its list this many times to little effect: about what making a hub costs."""

LOPSIDED = 8
"""A merge is lopsided when one list is this many times the other; reading the long one is then work to be saved."""

FINISHED = 0
GOING_ON = 1


@kernel
def _fill_first_rows(graph: Graph, linkage: int) -> None:
    """Fill and key the row of every cluster.

    Needs: no merge made yet. Overwrites: rows, queue. Each turn: rows up to `slot` are. Ties: none.
    """
    for slot in range(len(graph.rows)):
        fill_first_row(graph, linkage, slot)
        offer_row(graph, linkage, slot)


def make_graph(start: Quotient, linkage: int, pivot: Records) -> Graph:
    """Make a graph ready to agglomerate. The entries given become its own.

    start  the k clusters to begin with, and their m pairs
    pivot  MERGE[1], the last key at which clusters may merge; a top of 0 is the end of all

    Cost: O(k log k + m) time; about 400 bytes a cluster.
    """
    graph = lay_out_graph(start, linkage, pivot)
    _fill_first_rows(graph, linkage)
    return graph


@inner
def _merge_lists(graph: Graph, linkage: int, kept: int, gone: int) -> None:
    """Merge two clusters by reading both lists; the hubs among them become lists first.

    Needs: both live. Overwrites: all but merges. Ties: none.
    """
    was_hub = False
    for slot in (kept, gone):
        if is_hub(graph.lists.slots, slot):
            was_hub = True
            unmake_hub(graph, linkage, slot)
    unite(graph, kept, gone)
    join_chains(graph.lists.segments, kept, gone)
    k = read_counting(graph, linkage, kept, ONCE)
    fill_row(graph, linkage, kept, k, ALL)
    # With single linkage a union can tie with its better part under a smaller name.
    tell_hubs(graph, linkage, k, kept, was_hub or linkage == SINGLE)
    write_counting(graph, linkage, kept, k)
    # Whatever key the slot had was the old cluster's: a bound of that is none of this.
    clear_key(graph.queue, kept)
    offer_row(graph, linkage, kept)


@inner
def _degree(graph: Graph, slot: int) -> int:
    """Return how long a cluster's list, or a hub's table, is."""
    if is_hub(graph.lists.slots, slot):
        return graph.hubs.hubs[slot].degree
    return graph.lists.segments[slot].n_entries


@inner
def _should_be_hub(graph: Graph, linkage: int, slot: int) -> bool:
    """Say whether a list has been read to little effect so often that a hub would have been cheaper."""
    if linkage != AVERAGE and linkage != SINGLE:
        return False
    n_entries = graph.lists.segments[slot].n_entries
    return n_entries >= HUB_DEGREE and graph.rows[slot].debt >= HUB_PATIENCE * n_entries


@inner
def _lacks_places(graph: Graph, degree: int) -> bool:
    """Say whether the pool must grow before a block for `degree` partners can be had; ask for it if so."""
    graph.counters[N_WANTED] = places_short(graph.hubs, degree)
    return graph.counters[N_WANTED] > 0


@inner
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
        make_hub(graph, linkage, large, n_large + n_small)
    elif 2 * (n_large + n_small) > hubs.hubs[large].span:
        if _lacks_places(graph, n_large + n_small):
            return False
        widen_hub(hubs, linkage, large, n_large + n_small, lists)
    if is_hub(lists.slots, small):
        unmake_hub(graph, linkage, small)
    absorb(graph, linkage, large, small)
    return True


@inner
def _look_again(graph: Graph, linkage: int, slot: int) -> bool:
    """Bring the key of a slot whose best partner is gone up to date.

    Returns False, nothing done, where the pool of hubs must grow first.

    Needs: slot tops the queue. Overwrites: its row or order, its key. Ties: none.
    """
    if is_hub(graph.lists.slots, slot):
        offer_hub(graph, linkage, slot)
    elif offer_row(graph, linkage, slot):
        return True
    elif _should_be_hub(graph, linkage, slot):
        degree = graph.lists.segments[slot].n_entries
        if _lacks_places(graph, degree):
            return False
        make_hub(graph, linkage, slot, degree)
        offer_hub(graph, linkage, slot)
    else:
        graph.rows[slot].debt += graph.lists.segments[slot].n_entries
        k = read_counting(graph, linkage, slot, NEVER)
        fill_row(graph, linkage, slot, k, OLDER)
        write_counting(graph, linkage, slot, k)
        clear_key(graph.queue, slot)
        offer_row(graph, linkage, slot)
    return True


@kernel
def agglomerate(graph: Graph, linkage: int, budget: int) -> int:
    """Merge best pairs until the next would come after the pivot: FINISHED.

    Returns GOING_ON earlier, once about `budget` entries have been read.

    Needs: a graph made by make_graph, or left by an earlier call. Overwrites: all of it. counters[N_WANTED] > 0 asks
    for a larger pool.
    Each turn: either the best pair of all is merged, or a key that had become a bound is brought nearer the truth.
    Ties: smaller first name, then smaller second name.
    """
    queue, counters, clusters = graph.queue, graph.counters, graph.lists.clusters
    stop = counters[N_READ] + budget
    while True:
        slot = find_first(queue)
        if slot < 0:
            return FINISHED
        key = queue.keys[slot]
        if comes_before(graph.pivot[0], key):
            return FINISHED
        if counters[N_READ] >= stop:
            return GOING_ON
        counters[N_READ] += 8
        if key.high < 0:
            done = _look_again(graph, linkage, slot)
        else:
            match = graph.matches[slot, graph.rows[slot].at]
            x = np.int64(match.partner)
            if clusters[x].birth == match.birth:
                merge = graph.merges[counters[N_MERGES]]
                merge.top, merge.bottom, merge.low, merge.high = key.top, key.bottom, key.low, key.high
                merge.n_records = size_of(graph.lists.slots, slot) + size_of(graph.lists.slots, x)
                done = _merge(graph, linkage, slot, x)
                counters[N_MERGES] += done
            else:
                done = _look_again(graph, linkage, slot)
        if not done:
            return GOING_ON
