"""The quotient graph: clusters as its nodes, and for each the row of its partners with the values between them.

It is what agglomeration starts from. Where it is large it is broken up: the components of the pairs that come no later
than a pivot key are independent of each other as long as merges come no later than the pivot; they are cut out and
solved each for itself, and their clusters are contracted to the nodes of a smaller graph.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records, Slots
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import AVERAGE, combine, numerator, weight_of_size
from unsnarl.kernels.queue import comes_before
from unsnarl.kernels.union_find import find

ENTRY = np.dtype(
    [
        ("value", np.int64),  # linkage value with the partner
        ("partner", np.uint32),  # its node
    ]
)


class Quotient(NamedTuple):
    """The quotient graph of k clusters.

    names    int32[k]  each cluster's smallest record, in any order
    sizes    int32[k]  records in each
    first    int64[k]  where the row of each begins among the entries
    used     int32[k]  entries in the row; each partner once, the node itself never, no value 0; below 0: must not merge
    entries  ENTRY[]   the rows, in the order of the nodes, and any entries at the end that are not in use
    """

    names: Int32
    sizes: Int32
    first: Int64
    used: Int32
    entries: Records


class Grouping(NamedTuple):
    """Which nodes go together.

    group_of  int32[k]    group of each node (nodes in no group: anything that is no group)
    members   int32[j]    the nodes of group 0, then those of group 1, ...
    start     int64[g+1]  members[start[i] : start[i + 1]] are those of group i
    """

    group_of: Int32
    members: Int32
    start: Int64


@kernel
def write_best_keys(graph: Quotient, linkage: int, nodes: Int32, keys: Records) -> None:
    """Write the first of the keys of each of some nodes' pairs; the top is 0 where a node has none.

    Needs: keys (MERGE), one for each of the nodes. Overwrites: keys. Each turn: keys before i are right, up to
    rounding of the similarity. Ties: smaller name of the partner.
    """
    for i in range(len(nodes)):
        a = nodes[i]
        best = keys[i]
        best.top, best.bottom = 0, 1
        highest = 0.0
        for at in range(graph.first[a], graph.first[a] + graph.used[a]):
            b = np.int64(graph.entries[at].partner)
            top = numerator(linkage, graph.entries[at].value, graph.sizes[a], graph.sizes[b])
            bottom = np.int64(weight_of_size(linkage, graph.sizes[a])) * weight_of_size(linkage, graph.sizes[b])
            if top / bottom > highest or (
                highest > 0.0 and top / bottom == highest and graph.names[b] < best.n_records
            ):
                highest = top / bottom
                best.top, best.bottom, best.n_records = top, bottom, graph.names[b]
        best.low, best.high = min(graph.names[a], best.n_records), max(graph.names[a], best.n_records)


@kernel
def connect_up_to(graph: Quotient, linkage: int, keys: Records, range_: Int64, parent: Int32) -> None:
    """Connect the nodes of a range with their partners of a smaller number whose key comes no later than the pivot.

    Needs: keys (MERGE[2]) holds the pivot and one to spare; range_ is (start, stop); parent int32[k] with parent[i] ==
    i. Overwrites: the spare key, parent: of each node one of its set, no larger than itself. Each turn: pairs of nodes
    of the range before a are connected. Ties: none.
    """
    pivot, key, entries = keys[0], keys[1], graph.entries
    for a in range(range_[0], range_[1]):
        size = graph.sizes[a]
        # For average linkage most pairs fail here, by a value that would be too small for a partner of one record.
        least = np.int64(pivot.top / pivot.bottom * size * (1.0 - 1e-9)) if linkage == AVERAGE else np.int64(0)
        first = np.uint64(graph.first[a])
        for at in range(first, first + np.uint64(graph.used[a])):
            value = entries[at].value
            if value < least:
                continue
            b = np.int64(entries[at].partner)
            if b > a:
                continue
            key.top = numerator(linkage, value, size, graph.sizes[b])
            key.bottom = np.int64(weight_of_size(linkage, size)) * weight_of_size(linkage, graph.sizes[b])
            key.low, key.high = min(graph.names[a], graph.names[b]), max(graph.names[a], graph.names[b])
            if key.top > 0 and not comes_before(pivot, key):
                x, y = find(parent, np.int64(a)), find(parent, b)
                parent[max(x, y)] = min(x, y)


@kernel
def count_inside(graph: Quotient, groups: Grouping, from_group: int, n_inside: Int64) -> None:
    """Count, for each group from from_group on but the last, the entries between its nodes (two a pair).

    Needs: n_inside all 0, one for each group. Overwrites: n_inside. Each turn: groups before i are counted. Ties: none.
    """
    entries = graph.entries
    for i in range(from_group, len(groups.start) - 2):
        n = np.uint64(0)
        for j in range(groups.start[i], groups.start[i + 1]):
            a = groups.members[j]
            first = np.uint64(graph.first[a])
            for at in range(first, first + np.uint64(graph.used[a])):
                n += np.uint64(groups.group_of[entries[at].partner] == i)
        n_inside[i] = np.int64(n)


@kernel
def cut_out(graph: Quotient, group_of: Int32, nodes: Int32, place_of: Int32, start: int, piece: Quotient) -> None:
    """Copy the rows of some whole groups of nodes, with the entries inside each group only.

    Needs: place_of[nodes[i]] == start + i; piece has room for the entries counted, and one to spare. Overwrites: piece.
    Each turn: rows of nodes before i are written. Ties: none.
    """
    entries, written = graph.entries, piece.entries
    n = np.uint64(0)
    for i in range(len(nodes)):
        a = nodes[i]
        group = group_of[a]
        row = n
        first = np.uint64(graph.first[a])
        for at in range(first, first + np.uint64(graph.used[a])):
            b = entries[at].partner
            # No branch: an entry that is not inside is overwritten by the next.
            written[n].partner, written[n].value = place_of[b] - start, entries[at].value
            n += np.uint64(group_of[b] == group)
        piece.names[i], piece.sizes[i] = graph.names[a], graph.sizes[a]
        piece.first[i], piece.used[i] = np.int64(row), np.int64(n - row)


@kernel
def contract_rows(
    graph: Quotient, linkage: int, clusters: Grouping, merged: Quotient, range_: Int64, total: Int64, touched: Slots
) -> None:
    """Write the rows of the contracted graph for a range of its nodes.

    Needs: clusters groups all nodes of the graph; merged.first leaves room, with one entry to spare; range_ is (start,
    stop); total int64[k] all 0; touched uint32[k + 1]. Overwrites: merged.used and entries of the range; touched.
    Each turn: the rows of nodes before `node` are written, total is all 0. Ties: none; partners come in the order
    first seen.
    """
    entries, written = graph.entries, merged.entries
    for node in range(range_[0], range_[1]):
        k = np.uint64(0)
        for i in range(clusters.start[node], clusters.start[node + 1]):
            a = clusters.members[i]
            first = np.uint64(graph.first[a])
            for at in range(first, first + np.uint64(graph.used[a])):
                x = np.uint32(clusters.group_of[entries[at].partner])
                # No branch: whether a partner has been seen is a coin toss the processor would lose.
                touched[k] = x
                k += np.uint64(total[x] == 0)
                total[x] = combine(linkage, total[x], entries[at].value)
        total[node] = 0
        start = np.uint64(merged.first[node])
        n = start
        for j in range(k):
            x = touched[j]
            written[n].partner, written[n].value = x, total[x]
            n += np.uint64(total[x] != 0)
            total[x] = 0
        merged.used[node] = np.int64(n - start)


@kernel
def group_nodes(group_of: Int32, members: Int32, next_place: Int64) -> None:
    """Sort nodes by their group (counting sort).

    Needs: next_place int64[g + 2] all 0, for groups 0 .. g - 1. Overwrites: members; next_place[i] becomes the end of
    group i. Each turn: nodes before a stand where they belong. Ties: in the order of the nodes.
    """
    for a in range(len(group_of)):
        next_place[group_of[a] + 1] += 1
    for g in range(len(next_place) - 1):
        next_place[g + 1] += next_place[g]
    for a in range(len(group_of)):
        at = next_place[group_of[a]]
        members[at] = a
        next_place[group_of[a]] = at + 1
