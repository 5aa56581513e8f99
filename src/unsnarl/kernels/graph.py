"""The graph that is agglomerated: clusters, lists, hubs, queue and rows in one place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.adjacency import (
    ARENA_START,
    BLOCK,
    CLUSTER,
    ENTRY,
    GONE,
    N_CLASSES,
    SEGMENT,
    SLOT,
    Adjacency,
    is_hub,
    mark_hub,
    read_list,
    size_of,
    write_list,
)
from unsnarl.kernels.arrays import Int64, Records, make_records
from unsnarl.kernels.hubs import Hubs, make_hubs
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import WEIGHTED
from unsnarl.kernels.queue import Queue, clear_key, make_queue
from unsnarl.kernels.split import Part, count_entries, write_entries

NEVER = np.int64(0)
ONCE = np.int64(1)
"""How often a cluster's own values are to be halved on reading (weighted linkage)."""

SHORT_SEGMENT = 32
"""Lists over segments with fewer entries than this on average are worth straightening."""

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
        ("left", np.int32),  # names of the clusters merged
        ("right", np.int32),
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
    """

    lists: Adjacency
    hubs: Hubs
    queue: Queue
    rows: Records
    matches: Records
    merges: Records
    counters: Int64


@kernel
def read_counting(graph: Graph, linkage: int, slot: int, own_halvings: int) -> int:
    """Read a cluster's list into the scratch and count the work; return the number of partners."""
    graph.counters[N_READ] += graph.lists.segments[slot].n_entries
    return read_list(slot, linkage, own_halvings, graph.lists)


@kernel
def write_counting(graph: Graph, linkage: int, slot: int, k: int) -> None:
    """Write the list just read back and count the entries folded away."""
    graph.counters[N_FOLDED] += write_list(slot, k, linkage, graph.lists)


@kernel
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


def _lay_out_lists(part: Part, linkage: int) -> Adjacency:
    """Write the entries of every slot, each into a segment of its own."""
    n = len(part.names)
    n_entries = np.zeros(n, dtype=np.int32)
    count_entries(part, n_entries)
    n_all = int(n_entries.sum(dtype=np.int64))
    slots = make_records(n, SLOT)
    slots["parent"] = np.arange(n)
    slots["n_records"] = part.sizes
    clusters = make_records(n, CLUSTER)
    # Of two clusters that were there from the start the one with fewer pairs is older: popular ones cover their pairs,
    # since they are soon read again anyway, and their many partners need not look after them.
    clusters["birth"] = ((n_entries.astype(np.int64) - 2**30) << 32) + np.arange(n)
    clusters["name"] = part.names
    segments = make_records(n, SEGMENT)
    segments["first"][1:] = np.cumsum(n_entries[:-1], dtype=np.int64)
    segments["n_entries"] = segments["room"] = n_entries
    segments["follower"] = -1
    segments["tail"] = np.arange(n)
    # Where segments are long there is nothing to straighten, and memory to save.
    n_arena = n_all if n_all < SHORT_SEGMENT * n else 0
    arena = np.full(N_CLASSES + 2, -1, dtype=np.int64)
    arena[ARENA_START:] = n_all
    lists = Adjacency(
        slots=slots,
        clusters=clusters,
        segments=segments,
        # Memory of zeros is taken when it is first written: an arena that is not needed costs little.
        entries=make_records(n_all + n_arena, ENTRY),
        arena=arena,
        halved=np.zeros(n_all if linkage == WEIGHTED else 0, dtype=np.int32),
        touched=np.empty(n + 1, dtype=np.uint32),
        ahead=np.empty(BLOCK, dtype=np.uint32),
    )
    write_entries(part, linkage, segments, lists.entries)
    return lists


def lay_out_graph(part: Part, linkage: int) -> Graph:
    """Make the graph of a part's k clusters; rows and queue are empty.

    Cost: O(k + m) time for m pairs over score 0; 24 bytes a pair (up to 48 where lists are short) and about
    400 a cluster.
    """
    n = len(part.names)
    return Graph(
        lists=_lay_out_lists(part, linkage),
        hubs=make_hubs(n),
        queue=make_queue(n),
        rows=make_records(n, ROW),
        matches=make_records((n, ROW_WIDTH), MATCH),
        merges=make_records(max(n - 1, 0), MERGE),
        counters=np.zeros(N_COUNTERS, dtype=np.int64),
    )
