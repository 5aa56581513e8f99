"""From the pairs of some whole components to a graph ready to agglomerate, and from its merges to heights."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.adjacency import CLUSTER, SEGMENT, Adjacency, fill_lists, read_list, write_list
from unsnarl.kernels.arrays import Float64, Int32, Records
from unsnarl.kernels.best_match import MATCH, MERGE, N_COUNTERS, ROW, ROW_WIDTH, Graph, fill_row, offer_row
from unsnarl.kernels.hubs import make_hubs
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import WEIGHTED
from unsnarl.kernels.queue import KEY, Queue

EXACT_DOUBLE = 2**53


@kernel
def _count_partners(left: Int32, right: Int32, degree: Int32) -> None:
    """Add each record's pairs to degree. Needs: degree 0. Overwrites: degree. Ties: none."""
    for i in range(len(left)):
        degree[left[i]] += 1
        degree[right[i]] += 1


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
    slots = np.arange(n, dtype=np.int32)
    clusters = np.zeros(n, dtype=CLUSTER)
    clusters["birth"] = -degree.astype(np.int64)
    clusters["size"] = 1
    clusters["name"] = slots
    segments = np.zeros(n, dtype=SEGMENT)
    segments["first"][1:] = np.cumsum(degree[:-1], dtype=np.int64)
    segments["n_entries"] = segments["room"] = degree
    segments["follower"] = -1
    segments["tail"] = slots
    return Adjacency(
        parent=slots,
        clusters=clusters,
        segments=segments,
        partner=np.empty(n_entries, dtype=np.int32),
        value=np.empty(n_entries, dtype=np.int64),
        halved=np.zeros(n_entries if linkage == WEIGHTED else 0, dtype=np.int32),
        total=np.zeros(n, dtype=np.int64),
        touched=np.empty(n, dtype=np.int32),
    )


def make_graph(n: int, left: Int32, right: Int32, score: Int32, linkage: int) -> Graph:
    """Make the graph of n records and m pairs (local records, score units, score > 0), every record a cluster.

    Cost: O(n + m) time; 24 bytes a pair and about 300 a record.
    """
    degree = np.zeros(n, dtype=np.int32)
    _count_partners(left, right, degree)
    lists = _lay_out(degree, linkage)
    fill_lists(left, right, score, linkage, lists)
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


@kernel
def _gcd(a: int, b: int) -> int:
    """Return the greatest common divisor (Euclid)."""
    while b != 0:
        a, b = b, a % b
    return a


@kernel
def height(top: int, bottom: int, units: int) -> float:
    """Return 1 - top / (bottom * units), correctly rounded while bottom * units < 2**53 or the quotient reduces to that.

    Needs: 0 < top <= bottom * units; all int64. Ties: none.
    """
    if bottom * float(units) >= 2.0**62:
        return max(0.0, 1.0 - top / (bottom * float(units)))
    whole = bottom * units
    rest = whole - top
    if whole >= EXACT_DOUBLE:
        shared = _gcd(whole, rest)
        whole //= shared
        rest //= shared
    return rest / whole


@kernel
def write_heights(merges: Records, units: int, found: Float64) -> None:
    """Write the height of each merge into found, float64[k].

    Needs: quotients as the queue made them. Overwrites: found. Each turn: heights 0 .. i are set. Ties: none.
    """
    for i in range(len(merges)):
        found[i] = height(merges[i].top, merges[i].bottom, units)
