"""Make the graphs that a large component is agglomerated from: of its records, and of the clusters they have become.

Whole --> (stages.py: merges up to a pivot) --> Contraction --> (merges up to the next pivot) --> Contraction ...
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.kernels import graph as kernel_graph
from unsnarl.kernels import quotient, split
from unsnarl.kernels.arrays import make_records, take_records
from unsnarl.kernels.quotient import Grouping, Quotient
from unsnarl.model import Index

Merges = Any
"""Merges, or keys of pairs, as kernels write them (kernels/graph.py, MERGE)."""


def end_of_all() -> Merges:
    """Return the pivot that no merge comes after."""
    pivot = make_records(1, kernel_graph.MERGE)
    pivot["bottom"] = 1
    return pivot


def end_at(similarity_units: int) -> Merges:
    """Return a pivot that no merge of at least this similarity, in units of the linkage, comes after."""
    pivot = end_of_all()
    pivot["top"], pivot["low"], pivot["high"] = similarity_units, np.iinfo(np.int32).max, np.iinfo(np.int32).max
    return pivot


def is_later(pivot: Merges, other: Merges) -> bool:
    """Say whether a pivot is of a smaller similarity than another."""
    (top, bottom), (other_top, other_bottom) = ((int(one["top"][0]), int(one["bottom"][0])) for one in (pivot, other))
    return top * other_bottom < other_top * bottom


def make_entries(n_entries: int) -> Any:
    """Make room for entries, and one to spare."""
    return take_records(n_entries + 1, quotient.ENTRY)


def empty_graph(n_nodes: int, entries: Any) -> Quotient:
    """Make a graph of clusters without a name, of one record each, whose rows are empty."""
    return Quotient(
        names=np.empty(n_nodes, dtype=np.int32),
        sizes=np.ones(n_nodes, dtype=np.int32),
        first=np.zeros(n_nodes, dtype=np.int64),
        used=np.zeros(n_nodes, dtype=np.int32),
        entries=entries,
    )


class Whole:
    """Make the graph of the records of a part, each a cluster of its own, a range of nodes at a time.

    part      the records
    n_ranges  how many ranges; a pair is looked at for each of them

    Cost: O(k + m) time; 24 bytes a pair, and as much again, half of it not touched, for ranges of more than BLOCK_NODES
    records.
    """

    def __init__(self, part: split.Part, linkage: int, n_ranges: int) -> None:
        self._part = part
        self._linkage = linkage
        n_nodes = len(part.members)
        n_entries = np.zeros(n_nodes, dtype=np.int32)
        split.count_entries(part, n_entries)
        self.graph = empty_graph(n_nodes, make_entries(int(n_entries.sum(dtype=np.int64))))
        self.graph.names[:] = part.members
        self.graph.first[1:] = np.cumsum(n_entries[:-1], dtype=np.int64)
        self._bounds = np.linspace(0, n_nodes, n_ranges + 1).astype(np.int64)
        is_far = np.diff(self._bounds).max() > split.BLOCK_NODES
        self.room = take_records(len(self.graph.entries) if is_far else 0, quotient.ENTRY)
        """Entries that may be overwritten once all is written."""

    def write(self, i: int) -> None:
        """Write the rows of range i."""
        start, stop = self._bounds[i : i + 2]
        ends = self.graph.first[start : stop : split.BLOCK_NODES].copy()
        split.write_entries(self._part, self._linkage, self.graph, self.room, ends, self._bounds[i : i + 2])
        split.fetch_entries(self._linkage, self.graph, self.room, ends, int(start))


def make_couple() -> Quotient:
    """Make the smallest graph there is, of one pair, without a kernel."""
    made = empty_graph(2, make_entries(2))
    made.names[:] = made.first[:] = [0, 1]
    made.used[:] = 1
    made.entries["value"], made.entries["partner"][:2] = 1, [1, 0]
    return made


def group(group_of: Index, n_groups: int) -> Grouping:
    """Sort nodes by their group, 0 .. n_groups - 1. Cost: O(k)."""
    members = np.empty(len(group_of), dtype=np.int32)
    place = np.zeros(n_groups + 2, dtype=np.int64)
    quotient.group_nodes(group_of, members, place)
    return Grouping(group_of, members, np.concatenate(([0], place[:n_groups])))


def unite_tied(members: Index, must_of: Index | None, units: int) -> Merges:
    """Return the merges that make one cluster of the records of each group, at distance 0 and in the order of keys.

    members  int32[k]  records of whole groups
    must_of  int32[n]  the smallest record of each record's group; None: there are no groups
    units    units of similarity in 1
    """
    if must_of is None:
        return make_records(0, kernel_graph.MERGE)
    tied = np.sort(members[must_of[members] != members])
    low = must_of[tied]
    order = np.argsort(low, kind="stable")
    tied, low = tied[order], low[order]
    merges = make_records(len(tied), kernel_graph.MERGE)
    merges["top"], merges["bottom"], merges["low"], merges["high"] = units, 1, low, tied
    merges["n_records"] = np.arange(len(low)) - np.searchsorted(low, low) + 2
    return merges


def spread_evenly(graph: Quotient) -> None:
    """Turn the values of average linkage into those of weighted linkage, for clusters made by no merges.

    Each cluster then counts as an item of its own, as alike to another as the mean of the pairs crossing.

    Cost: O(entries) time; 40 bytes an entry while it runs.
    """
    row_of = np.repeat(np.arange(len(graph.names)), graph.used)
    start = np.cumsum(graph.used, dtype=np.int64) - graph.used
    at = np.arange(len(row_of)) + (graph.first - start)[row_of]
    value = graph.entries["value"][at]
    sizes = graph.sizes.astype(np.int64)
    weight = sizes[row_of] * sizes[graph.entries["partner"][at]]
    spread, rest = np.divmod(value, weight)
    for _ in range(2):
        # Sixteen more places at a time: no product of two sizes is too large for that.
        more, rest = np.divmod(rest << 16, weight)
        spread = (spread << 16) + more
    graph.entries["value"][at] = np.where(value < 0, value, np.maximum(spread, 1))


class Contraction:
    """Contract the clusters that merges have made to the nodes of a smaller graph, a range of nodes at a time.

    graph    what the merges were made in
    merges   MERGE[j], in any order; clusters are named by records
    room     entries that may be overwritten: memory that was used before is faster than memory that is new
    """

    def __init__(self, graph: Quotient, linkage: int, merges: Merges, n_ranges: int, room: Any) -> None:
        self._graph = graph
        self._linkage = linkage
        self._clusters = _group_merged(graph, merges)
        first = np.concatenate(([0], np.cumsum(graph.used[self._clusters.members], dtype=np.int64)))
        self.contracted = self._lay_out(first[self._clusters.start], room)
        bounds = np.searchsorted(self.contracted.first, np.linspace(0, first[-1], n_ranges + 1)[1:-1])
        self._bounds = np.concatenate(([0], bounds, [len(self.contracted.names)]))

    def _lay_out(self, first: NDArray[np.int64], entries: Any) -> Quotient:
        """Give each new node room for the rows of all its members."""
        n_nodes = len(first) - 1
        if len(entries) <= first[-1]:
            entries = make_entries(int(first[-1]))
        old, members, start = self._graph, self._clusters.members, self._clusters.start[:-1]
        made = empty_graph(n_nodes, entries)
        made.names[:] = np.minimum.reduceat(old.names[members], start)
        made.sizes[:] = np.add.reduceat(old.sizes[members], start)
        made.first[:] = first[:-1]
        return made

    def write(self, i: int) -> None:
        """Write the rows of range i. Cost: O(entries of its nodes)."""
        n_nodes = len(self.contracted.names)
        total = np.zeros(n_nodes, dtype=np.int64)
        touched = np.empty(n_nodes + 1, dtype=np.uint32)
        range_ = self._bounds[i : i + 2]
        quotient.contract_rows(self._graph, self._linkage, self._clusters, self.contracted, range_, total, touched)


def _group_merged(graph: Quotient, merges: Merges) -> Grouping:
    """Say which new node each node is part of."""
    names = graph.names
    node_of_name = np.zeros(int(names.max()) + 1, dtype=np.int32)
    node_of_name[names] = np.arange(len(names), dtype=np.int32)
    parent = np.arange(len(names), dtype=np.int32)
    parent[node_of_name[merges["high"]]] = node_of_name[merges["low"]]
    roots = _find_roots(parent)
    is_root = roots == np.arange(len(names))
    group_of = (np.cumsum(is_root, dtype=np.int32) - 1)[roots].astype(np.int32)
    return group(group_of, int(is_root.sum()))


def _find_roots(parent: Index) -> Index:
    """Follow parent from each node to its end; the way is halved at each step."""
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            return above
        parent = above
