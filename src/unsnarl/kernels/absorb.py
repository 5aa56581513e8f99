"""Clusters that become hubs, take in small ones, and become lists again."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.adjacency import BLOCK, is_hub, join_chains, mark_hub, size_of, write_list
from unsnarl.kernels.fractions import compare_quotients
from unsnarl.kernels.graph import N_FOLDED, N_READ, NEVER, Graph, read_counting, unite, write_counting
from unsnarl.kernels.hub_blocks import EMPTY, home, locate, n_live_hubs, value_with
from unsnarl.kernels.hubs import best_partner, close_hub, fill_order, open_hub, push_partner, set_partner
from unsnarl.kernels.jit import inner
from unsnarl.kernels.linkages import SINGLE, combine, weight_of_size
from unsnarl.kernels.queue import clear_key
from unsnarl.kernels.rows import offer_pair


@inner
def offer_hub(graph: Graph, linkage: int, hub: int) -> None:
    """Key a hub by the best of its partners. Overwrites: order, queue, the first place of the hub's row."""
    clusters = graph.lists.clusters
    x, value, n_looked_up = best_partner(graph.hubs, linkage, hub, graph.lists)
    graph.counters[N_READ] += 8 * n_looked_up
    if x < 0:
        clear_key(graph.queue, hub)
        return
    row, match = graph.rows[hub], graph.matches[hub, 0]
    row.at, row.count, row.hidden = 0, 1, 0
    match.partner, match.birth = x, clusters[x].birth
    offer_pair(graph, linkage, hub, x, value)


@inner
def make_hub(graph: Graph, linkage: int, slot: int, degree: int) -> None:
    """Turn a cluster's list into a hub's table with room for `degree` partners.

    Needs: the pool has room for that; degree >= the cluster's entries. Overwrites: scratch, hubs.
    Each turn: partners 0 .. j stand in the table. Ties: none.
    """
    hubs, lists = graph.hubs, graph.lists
    k = read_counting(graph, linkage, slot, NEVER)
    open_hub(hubs, slot, degree)
    mark_hub(lists.slots, slot, np.int64(1))
    for j in range(k):
        x = np.int64(lists.touched[j])
        set_partner(hubs, linkage, slot, x, lists.slots[x].total, lists)
    write_counting(graph, linkage, slot, k)
    fill_order(hubs, linkage, slot, lists)


@inner
def unmake_hub(graph: Graph, linkage: int, hub: int) -> None:
    """Write a hub's table back as a list; its row is left for the caller.

    Needs: the chain has room (it held the entries the table came from). Overwrites: scratch, lists, hubs.
    Each turn: the partners in the places before i are in the scratch. Ties: none.
    """
    block, table, lists = graph.hubs.hubs[hub], graph.hubs.table, graph.lists
    k = np.int64(0)
    for i in range(block.start, block.start + block.span):
        x = table[i].slot
        if x != EMPTY and lists.slots[x].parent == x:
            lists.touched[k] = x
            lists.slots[x].total = table[i].value
            k += 1
    close_hub(graph.hubs, hub)
    mark_hub(lists.slots, hub, np.int64(0))
    write_list(hub, k, linkage, lists)


@inner
def tell_hubs(graph: Graph, linkage: int, k: int, kept: int, may_rise: bool) -> None:
    """Write the value of a cluster just merged into the table of every partner that is a hub.

    Needs: scratch holds the values of the merged cluster. Overwrites: hubs' tables; where keys may have risen unseen,
    order and queue.
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
        place = set_partner(hubs, linkage, x, kept, lists.slots[x].total, lists)
        if may_rise:
            push_partner(hubs, linkage, x, place, lists)
            offer_hub(graph, linkage, x)


@inner
def _tell_name(graph: Graph, linkage: int, hub: int) -> None:
    """Push a hub under its new name with every other hub it is a partner of (single linkage).

    Needs: hub live. Overwrites: order, queue. Each turn: the live hubs before i know. Ties: none.
    """
    hubs = graph.hubs
    for i in range(n_live_hubs(hubs)):
        other = np.int64(hubs.live[i])
        if other != hub and value_with(hubs, other, hub) != 0:
            push_partner(hubs, linkage, other, locate(hubs, other, hub), graph.lists)
            offer_hub(graph, linkage, other)


@inner
def _ask_ahead(graph: Graph, hub: int, k: int) -> None:
    """Ask for the places of the first partners of a small cluster together, so that the memory answers together.

    Needs: scratch as read_list left it. Overwrites: ahead. Each turn: partners before j are on their way. Ties: none.
    """
    hubs, lists = graph.hubs, graph.lists
    for j in range(min(k, np.int64(BLOCK))):
        x = np.int64(lists.touched[j])
        seen = hubs.table[home(hubs, hub, x)].slot
        if is_hub(lists.slots, x):
            seen ^= hubs.table[home(hubs, x, hub)].slot
        lists.ahead[j] = np.uint32(seen)


@inner
def _add_to_hub(graph: Graph, linkage: int, hub: int, x: int) -> None:
    """Add what partner x of a small cluster brings to a hub that takes that one in.

    Needs: scratch total[x] is that value; x is not the hub. Overwrites: the hub, the hub x may be, total[x]. Ties:
    none.
    """
    hubs, lists, slots = graph.hubs, graph.lists, graph.lists.slots
    value = slots[x].total
    slots[x].total = 0
    before = value_with(hubs, hub, x)
    if before != 0:
        value = combine(linkage, before, value)
        graph.counters[N_FOLDED] += 2
    at = set_partner(hubs, linkage, hub, x, value, lists)
    place = hubs.table[at]
    weight = weight_of_size(linkage, size_of(slots, x))
    # An equal quotient too: the partner may have come under a smaller name since.
    if compare_quotients(value, weight, place.pushed_value, weight_of_size(linkage, place.pushed_n_records)) >= 0:
        push_partner(hubs, linkage, hub, at, lists)
    if is_hub(slots, x):
        set_partner(hubs, linkage, x, hub, value, lists)


@inner
def absorb(graph: Graph, linkage: int, hub: int, small: int) -> None:
    """Let a hub take in a small cluster, touching only the small one's partners.

    Needs: hub is a hub with room for the partners of both; small is none. Overwrites: all but merges.
    Each turn: partners 0 .. j of the small cluster are partners of the hub. Ties: none.
    """
    lists, clusters = graph.lists, graph.lists.clusters
    k = read_counting(graph, linkage, small, NEVER)
    graph.counters[N_READ] += 16 * k
    _ask_ahead(graph, hub, k)
    old_name = clusters[hub].name
    unite(graph, hub, small)
    graph.counters[N_FOLDED] += 2
    for j in range(k):
        x = np.int64(lists.touched[j])
        if x == hub:
            lists.slots[x].total = 0
        else:
            _add_to_hub(graph, linkage, hub, x)
    # The chain is only kept for its room, should the hub become a list again.
    join_chains(lists.segments, hub, small)
    if linkage == SINGLE and clusters[hub].name != old_name:
        _tell_name(graph, linkage, hub)
    offer_hub(graph, linkage, hub)
