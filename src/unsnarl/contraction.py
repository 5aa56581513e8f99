"""Take a large component in stages: break it up, solve the pieces, contract what they leave, and again.

    Whole --> break_up --> (agglomerate the pieces up to a pivot) --> Contraction --> break_up --> ...

A merge at or before a pivot key needs a pair at or before it between the two clusters (docs/methods/average-linkage.md,
"In stages"). So the components of those pairs are independent up to the pivot: they are solved side by side, each in
memory that fits a processor's cache, and pairs between them are not looked at. Where a graph does not fall apart, a
star for example, it is solved as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.kernels import graph as kernel_graph
from unsnarl.kernels import linkages, quotient, small, split
from unsnarl.kernels.arrays import make_records, take_records
from unsnarl.kernels.interleave import interleave, sort_merges
from unsnarl.kernels.quotient import Grouping, Quotient
from unsnarl.model import Index

Merges = Any
"""Merges, or keys of pairs, as kernels write them (kernels/graph.py, MERGE)."""

PIECE_ENTRIES = 100_000
"""Pieces are solved together until they have this many entries: what fits in a processor's cache."""

SMALL_PIECES = 10_000
"""Nodes in small pieces that are solved in one go."""

LEAST_NODES = 1000
"""A graph with fewer nodes is not worth breaking up."""

LEAST_ENTRIES = 50_000
"""Nor is one with fewer entries."""

N_SAMPLED = 200
"""Nodes whose best pair is looked at to choose a pivot."""

SHARES = (0.95, 0.8, 0.5)
"""The share of nodes whose best pair comes before the pivot: tried one after the other, from that of the last stage."""

LARGEST_SHARE = 0.25
"""A graph has fallen apart if no piece has more than this share of its nodes, or LEAST_NODES."""

SPARSE = 256
"""A graph with at most this many entries a node is taken in stages even if it does not fall apart.

To read its rows anew costs less than is saved where clusters have few partners up to the pivot, and rows in one piece.
"""

SLOW = 0.95
"""Stages that leave more than this share of the nodes are not worth another one."""


def end_of_all() -> Merges:
    """Return the pivot that no merge comes after."""
    pivot = make_records(1, kernel_graph.MERGE)
    pivot["bottom"] = 1
    return pivot


def _make_entries(n_entries: int) -> Any:
    """Make room for entries, and one to spare."""
    return take_records(n_entries + 1, quotient.ENTRY)


def _empty_graph(n_nodes: int, entries: Any) -> Quotient:
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
        self.graph = _empty_graph(n_nodes, _make_entries(int(n_entries.sum(dtype=np.int64))))
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
    made = _empty_graph(2, _make_entries(2))
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


@dataclass(frozen=True)
class Pieces:
    """Hold a graph that has been broken up.

    graph      what was broken up
    pivot      MERGE[1], the key up to which the pieces are independent of each other
    grouping   its groups are the pieces: small ones first, then large ones, then all nodes that are alone, as one
    ranges     int64[2] each: pieces, all of them small, that are solved in one go
    parts      int64[2] each: pieces, all of them large, that are agglomerated together
    n_entries  for each part, the entries inside its pieces
    place_of   int32[k]  scratch: place of each node in its piece or part
    shares     the shares to try when what is left is broken up
    """

    graph: Quotient
    pivot: Merges
    grouping: Grouping
    ranges: list[NDArray[np.int64]]
    parts: list[NDArray[np.int64]]
    n_entries: list[int]
    place_of: Index
    shares: tuple[float, ...] = ()

    def cut(self, i: int) -> Quotient:
        """Cut part i out of the graph. Cost: O(all entries of its nodes)."""
        start, stop = self.grouping.start[self.parts[i]]
        nodes = self.grouping.members[start:stop]
        made = _empty_graph(len(nodes), _make_entries(self.n_entries[i]))
        self.place_of[nodes] = np.arange(len(nodes), dtype=np.int32)
        quotient.cut_out(self.graph, self.grouping.group_of, nodes, self.place_of, made)
        return made

    def agglomerate_small(self, linkage: int, i: int) -> Merges:
        """Agglomerate the pieces of range i; return the merges in the order of their keys."""
        n_nodes = int(np.diff(self.grouping.start[self.ranges[i]])[0])
        merges = take_records(1 + n_nodes, kernel_graph.MERGE)
        merges[0] = self.pivot[0]
        range_ = np.append(self.ranges[i], 0)
        square = small.make_square()
        small.agglomerate_small(self.graph, linkage, self.grouping, range_, self.place_of, square, merges)
        return sort_merges(merges[1 : 1 + range_[2]])


def lay_out_pieces(graph: Quotient, linkage: int, pivot: Merges, piece_of: Index) -> Pieces:
    """Sort pieces by size, and put together what is to be solved in one go.

    piece_of  int32[k]  the piece of each node, named by one of its nodes
    """
    sizes = np.bincount(piece_of, minlength=len(piece_of))
    largest_small = small.SMALL_NODES if linkage in (linkages.AVERAGE, linkages.COMPLETE) else 1
    is_small = (sizes > 1) & (sizes <= largest_small)
    names = np.concatenate([np.flatnonzero(is_small), np.flatnonzero(sizes > max(1, largest_small))])
    n_small, n_pieces = int(is_small.sum()), len(names)
    rank = np.full(len(piece_of), n_pieces, dtype=np.int32)
    rank[names] = np.arange(n_pieces, dtype=np.int32)
    grouping = group(rank[piece_of], n_pieces + 1)
    n_inside = np.zeros(n_pieces + 1, dtype=np.int64)
    quotient.count_inside(graph, grouping, n_small, n_inside)
    ranges = _cut_up(sizes[names[:n_small]], 0, SMALL_PIECES)
    parts = _cut_up(n_inside[n_small:n_pieces], n_small, PIECE_ENTRIES)
    n_entries = [int(n_inside[start:stop].sum()) for start, stop in parts]
    return Pieces(graph, pivot, grouping, ranges, parts, n_entries, np.zeros(len(piece_of), dtype=np.int32))


def _cut_up(weights: NDArray[np.int64], first: int, most: int) -> list[NDArray[np.int64]]:
    """Return (start, stop) of runs of pieces first, first + 1, ... of about `most` in weight; a heavy one is alone."""
    if not len(weights):
        return []
    run_of = (np.cumsum(weights) - weights) // most
    stops = np.append(np.flatnonzero(np.diff(run_of)) + 1, len(weights)) + first
    return [np.array(run) for run in zip(np.append(first, stops[:-1]), stops, strict=True)]


def _find_first_keys(graph: Quotient, linkage: int) -> Merges:
    """Return the first keys of a sample of nodes, in order."""
    nodes = np.unique(np.linspace(0, len(graph.names) - 1, N_SAMPLED).astype(np.int32))
    keys = make_records(len(nodes), kernel_graph.MERGE)
    quotient.write_best_keys(graph, linkage, nodes, keys)
    keys = keys[keys["top"] > 0]
    # Which pivot is taken does not matter to the answer, so doubles will do here.
    return keys[np.lexsort((keys["high"], keys["low"], -keys["top"] / keys["bottom"]))]


def break_up(graph: Quotient, linkage: int, shares: tuple[float, ...]) -> Pieces | None:
    """Break a graph up into pieces that are independent up to a pivot, None where that is not worth it.

    shares  the share of nodes whose best pair comes before the pivot: the first by which the graph falls apart is
    taken, or the last where it is sparse

    Cost: O(k + entries) for each pivot tried.
    """
    n_nodes = len(graph.names)
    n_entries = graph.used.sum(dtype=np.int64)
    is_large, is_sparse = n_nodes >= LEAST_NODES and n_entries >= LEAST_ENTRIES, n_entries <= SPARSE * n_nodes
    if linkage == linkages.WEIGHTED or not is_large:
        # Weighted linkage is left whole: its values depend on the merges behind them.
        return None
    keys = _find_first_keys(graph, linkage)
    for i, share in enumerate(shares if len(keys) else ()):
        pivot = keys[[int(share * len(keys)), 0]].view(np.recarray)
        if linkage == linkages.SINGLE:
            # Its merges come in the order of similarity, but not of names (docs/methods/average-linkage.md).
            pivot["low"] = pivot["high"] = np.iinfo(np.int32).max
        piece_of = np.arange(n_nodes, dtype=np.int32)
        quotient.connect_up_to(graph, linkage, pivot, piece_of)
        largest = np.bincount(piece_of).max()
        if largest <= max(LEAST_NODES, LARGEST_SHARE * n_nodes) or (is_sparse and i == len(shares) - 1):
            return replace(lay_out_pieces(graph, linkage, pivot[:1], piece_of), shares=shares[i:])
    return None


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
            entries = _make_entries(int(first[-1]))
        old, members, start = self._graph, self._clusters.members, self._clusters.start[:-1]
        made = _empty_graph(n_nodes, entries)
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


def load_kernels(part: split.Part) -> Merges:
    """Load the kernels that break up and contract, or compile them, on a small part; return its merges."""
    linkage = linkages.AVERAGE
    whole = Whole(part, linkage, 1)
    whole.write(0)
    found, room = whole.graph, whole.room
    together = np.zeros(len(found.names), dtype=np.int32)
    keys = _find_first_keys(found, linkage)
    quotient.connect_up_to(found, linkage, keys[[0, 0]].view(np.recarray), together)
    pieces = lay_out_pieces(found, linkage, end_of_all(), together)
    merges = pieces.agglomerate_small(linkage, 0)
    interleave(merges, np.arange(len(merges) + 1))
    Contraction(found, linkage, merges, 1, room).write(0)
    quotient.cut_out(found, pieces.grouping.group_of, together[:1], pieces.place_of, found)
    return merges
