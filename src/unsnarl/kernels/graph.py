"""From the pairs of some whole components to a graph ready to agglomerate."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.adjacency import CLUSTER, ENTRY, SEGMENT, SLOT, Adjacency, read_list, write_list
from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.best_match import MATCH, MERGE, N_COUNTERS, ROW, ROW_WIDTH, Graph, fill_row, offer_row
from unsnarl.kernels.hubs import make_hubs
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import WEIGHTED
from unsnarl.kernels.queue import KEY, Queue
from unsnarl.kernels.split import Part, count_partners, write_entries


@kernel
def _fill_rows(graph: Graph, linkage: int) -> None:
    """Read every record's list once, fill its row with older partners, and key it.

    Needs: lists filled, birth = -degree. Overwrites: rows, queue. Each turn: rows and keys up to `slot` are set. Ties: as the queue.
    """
    for slot in range(len(graph.rows)):
        k = read_list(slot, linkage, 0, graph.lists)
        fill_row(graph, linkage, slot, k, True)
        write_list(slot, k, linkage, graph.lists)
        offer_row(graph, linkage, slot)


def _lay_out(degree: Int32, linkage: int) -> Adjacency:
    """Make room for the entries of every record, each in a segment of its own."""
    n = len(degree)
    n_entries = int(degree.sum(dtype=np.int64))
    records = np.arange(n, dtype=np.int32)
    clusters = np.zeros(n, dtype=CLUSTER)
    clusters["birth"] = -degree.astype(np.int64)
    clusters["name"] = records
    slots = np.zeros(n, dtype=SLOT)
    slots["parent"] = records
    slots["size"] = 1
    segments = np.zeros(n, dtype=SEGMENT)
    segments["first"][1:] = np.cumsum(degree[:-1], dtype=np.int64)
    segments["n_entries"] = segments["room"] = degree
    segments["follower"] = -1
    segments["tail"] = records
    return Adjacency(
        slots=slots,
        clusters=clusters,
        segments=segments,
        entries=np.empty(n_entries, dtype=ENTRY),
        halved=np.zeros(n_entries if linkage == WEIGHTED else 0, dtype=np.int32),
        touched=np.empty(n + 1, dtype=np.uint32),
    )


def make_graph(part: Part, linkage: int) -> Graph:
    """Make the graph of a part's k records and m pairs over score 0, every record a cluster.

    Cost: O(k + m) time; 24 bytes a pair and about 370 a record.
    """
    n = len(part.members)
    degree = np.zeros(n, dtype=np.int32)
    count_partners(part, degree)
    lists = _lay_out(degree, linkage)
    write_entries(part, linkage, lists.segments, lists.entries)
    keys = np.zeros(n, dtype=KEY)
    keys["place"] = -1
    graph = Graph(
        lists=lists,
        hubs=make_hubs(n),
        queue=Queue(np.empty(n, dtype=np.int32), keys, np.zeros(1, dtype=np.int64)),
        rows=np.zeros(n, dtype=ROW),
        matches=np.empty((n, ROW_WIDTH), dtype=MATCH),
        merges=np.empty(max(n - 1, 0), dtype=MERGE),
        counters=np.zeros(N_COUNTERS, dtype=np.int64),
    )
    _fill_rows(graph, linkage)
    return graph
