"""The graph that is agglomerated: clusters, lists, hubs, queue and rows in one place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.adjacency import (
    BLOCK,
    CLUSTER,
    GONE,
    SEGMENT,
    SLOT,
    Adjacency,
    is_hub,
    mark_hub,
    read_list,
    size_of,
    write_list,
)
from unsnarl.kernels.arrays import Int64, Records, make_records, take_records
from unsnarl.kernels.hub_blocks import Hubs, make_hubs
from unsnarl.kernels.jit import inner
from unsnarl.kernels.linkages import WEIGHTED
from unsnarl.kernels.queue import Queue, clear_key, make_queue
from unsnarl.kernels.quotient import Quotient

NEVER = np.int64(0)
ONCE = np.int64(1)
"""How often a cluster's own values are to be halved on reading (weighted linkage)."""

ROW_WIDTH = 4
"""Partners kept in a row: enough that rows are seldom read again."""

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
        ("n_records", np.int32),  # its size then
    ]
)
MERGE = np.dtype(
    [
        ("top", np.int64),  # similarity, as a quotient
        ("bottom", np.int64),
        ("low", np.int32),  # names of the clusters merged, the smaller first
        ("high", np.int32),
        ("n_records", np.int32),  # records in the merged cluster
        ("unused", np.int32),
    ]
)
N_MERGES, N_BIRTHS, N_FOLDED, N_READ, N_WANTED, N_COUNTERS = 0, 1, 2, 3, 4, 5
"""Counters: merges made; births; entries folded away (two a pair); entries read; places the pool of hubs lacks (0:
none).
"""


class Graph(NamedTuple):
    """All that agglomeration works on.

    lists     clusters and their entries
    hubs      clusters with very many partners
    queue     clusters in order of their best key
    rows      ROW[n]               row of each slot
    matches   MATCH[n, ROW_WIDTH]  the entries of the rows, best first
    merges    MERGE[n - 1]         the merges so far, in order
    counters  int64[N_COUNTERS]
    pivot     MERGE[1]             the last key at which clusters may merge
    """

    lists: Adjacency
    hubs: Hubs
    queue: Queue
    rows: Records
    matches: Records
    merges: Records
    counters: Int64
    pivot: Records


@inner
def read_counting(graph: Graph, linkage: int, slot: int, own_halvings: int) -> int:
    """Read a cluster's list into the scratch and count the work; return the number of partners."""
    graph.counters[N_READ] += graph.lists.segments[slot].n_entries
    return read_list(slot, linkage, own_halvings, graph.lists)


@inner
def write_counting(graph: Graph, linkage: int, slot: int, k: int) -> None:
    """Write the list just read back and count the entries folded away."""
    graph.counters[N_FOLDED] += write_list(slot, k, linkage, graph.lists)


@inner
def unite(graph: Graph, kept: int, gone: int) -> None:
    """Make slot `gone` part of slot `kept`: union-find, size, name, birth.

    Needs: both live. Overwrites: parent, clusters, queue. Ties: none.
    """
    clusters, slots = graph.lists.clusters, graph.lists.slots
    hub = np.int64(is_hub(slots, kept))
    slots[gone].parent = kept
    slots[kept].n_records = size_of(slots, kept) + size_of(slots, gone)
    mark_hub(slots, kept, hub)
    clusters[kept].name = min(clusters[kept].name, clusters[gone].name)
    graph.counters[N_BIRTHS] += 1
    clusters[kept].birth = graph.counters[N_BIRTHS]
    clusters[gone].birth = GONE
    clusters[gone].ahead = clusters[gone].halvings - clusters[kept].halvings
    clusters[kept].halvings += 1
    clear_key(graph.queue, gone)


def _lay_out_lists(start: Quotient, linkage: int) -> Adjacency:
    """Make each node's row the first segment of its list."""
    n = len(start.names)
    slots = make_records(n, SLOT)
    slots["parent"] = np.arange(n)
    slots["n_records"] = start.sizes
    clusters = make_records(n, CLUSTER)
    # Of two clusters that were there from the start the one with fewer pairs is older: popular ones cover their pairs,
    # since they are soon read again anyway, and their many partners need not look after them.
    clusters["birth"] = ((start.used.astype(np.int64) - 2**30) << 32) + np.arange(n)
    clusters["name"] = start.names
    segments = make_records(n, SEGMENT)
    segments["first"] = start.first
    segments["n_entries"] = segments["used"] = segments["room"] = start.used
    segments["follower"] = -1
    segments["tail"] = np.arange(n)
    return Adjacency(
        slots=slots,
        clusters=clusters,
        segments=segments,
        entries=start.entries,
        halved=np.zeros(len(start.entries) if linkage == WEIGHTED else 0, dtype=np.int32),
        touched=np.empty(n + 1, dtype=np.uint32),
        ahead=np.empty(BLOCK + 1, dtype=np.uint32),
    )


def lay_out_graph(start: Quotient, linkage: int, pivot: Records) -> Graph:
    """Make the graph of k clusters; rows and queue are empty. The entries given become its own.

    Cost: O(k) time; about 400 bytes a cluster.
    """
    n = len(start.names)
    return Graph(
        lists=_lay_out_lists(start, linkage),
        hubs=make_hubs(n),
        queue=make_queue(n),
        rows=make_records(n, ROW),
        matches=take_records((n, ROW_WIDTH), MATCH),
        merges=take_records(max(n - 1, 0), MERGE),
        counters=np.zeros(N_COUNTERS, dtype=np.int64),
        pivot=pivot,
    )
