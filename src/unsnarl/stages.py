"""Break a large graph up into pieces that can be agglomerated each for itself, up to a pivot.

A merge at or before a pivot key needs a pair at or before it between the two clusters (docs/methods/average-linkage.md,
"In stages"). So the components of those pairs are independent up to the pivot: they are solved side by side, each in
memory that fits a processor's cache, and pairs between them are not looked at. Where a graph does not fall apart, a
star for example, it is solved as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from unsnarl.contraction import Contraction, Merges, Whole, empty_graph, end_of_all, group, is_later, make_entries
from unsnarl.kernels import graph as kernel_graph
from unsnarl.kernels import linkages, quotient, small, split, union_find
from unsnarl.kernels.arrays import make_records, take_records
from unsnarl.kernels.interleave import interleave, sort_merges
from unsnarl.kernels.quotient import Grouping, Quotient
from unsnarl.model import Index

Work = list[Callable[[], None]]
"""What may be done side by side."""

SMALL_NODES = {linkages.AVERAGE: 128, linkages.COMPLETE: 64}
"""Up to this many nodes a piece is a square: faster than a table but for the sparsest, and those with most ties.

Where pieces of 128 nodes are stars or paths and all scores are tied, a table is up to 1.5 times as fast; where they are
complete, a square is faster. With complete linkage tables gain up to 2.4 times, hence the lower limit.
"""

PIECE_ENTRIES = 100_000
"""Pieces are solved together until they have this many entries: what fits in a processor's cache."""

SMALL_WORK = 150_000
"""What small pieces that are solved in one go may come to: for each, its nodes times EACH_NODE and their square."""

EACH_NODE = 32
"""Looking up a node costs as much as this many values of a square."""

LEAST_NODES = 2500
"""A graph with fewer nodes is not worth breaking up."""

LEAST_ENTRIES = 50_000
"""Nor is one with fewer entries."""

N_SEARCHERS = 2
"""Ranges of nodes whose pairs before a pivot are looked for side by side."""

N_SAMPLED = 200
"""Nodes whose best pair is looked at to choose a pivot."""

SHARES = (0.9, 0.8, 0.4)
"""The share of nodes whose best pair comes before the pivot: tried one after the other, from that of the last stage."""

LARGEST_SHARE = 0.25
"""A graph has fallen apart if no piece has more than this share of its nodes, or LEAST_NODES."""

SPARSE = 256
"""A graph with at most this many entries a node is taken in stages even if it does not fall apart.

To read its rows anew costs less than is saved where clusters have few partners up to the pivot, and rows in one piece.
"""

SLOW = 0.95
"""Stages that leave more than this share of the nodes are not worth another one."""


@dataclass(frozen=True)
class Pieces:
    """Hold a graph that has been broken up.

    graph      what was broken up
    pivot      MERGE[1], the key up to which the pieces are independent of each other
    grouping   its groups are the pieces: small ones first, then large ones, then all nodes that are alone, as one
    ranges     int64[2] each: pieces, all of them small, that are solved in one go
    parts      int64[2] each: pieces, all of them large, that are agglomerated together
    n_entries  for each part, the entries inside its pieces
    place_of   int32[k]  place of each node among the members of the grouping
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
        made = empty_graph(len(nodes), make_entries(self.n_entries[i]))
        quotient.cut_out(self.graph, self.grouping.group_of, nodes, self.place_of, int(start), made)
        return made

    def agglomerate_small(self, linkage: int, i: int) -> Merges:
        """Agglomerate the pieces of range i; return the merges in the order of their keys."""
        n_nodes = int(np.diff(self.grouping.start[self.ranges[i]])[0])
        merges = take_records(1 + n_nodes, kernel_graph.MERGE)
        merges[0] = self.pivot[0]
        range_ = np.append(self.ranges[i], [0, 0, 0])
        square = small.make_square()
        small.agglomerate_small(self.graph, linkage, self.grouping, range_, self.place_of, square, merges)
        return sort_merges(merges[1 : 1 + range_[2]])


def lay_out_pieces(graph: Quotient, linkage: int, pivot: Merges, piece_of: Index) -> Pieces:
    """Sort pieces by size, and put together what is to be solved in one go.

    piece_of  int32[k]  the piece of each node, named by one of its nodes
    """
    sizes = np.bincount(piece_of, minlength=len(piece_of))
    largest_small = min(small.SMALL_NODES, SMALL_NODES.get(linkage, 1))
    is_small = (sizes > 1) & (sizes <= largest_small)
    names = np.concatenate([np.flatnonzero(is_small), np.flatnonzero(sizes > max(1, largest_small))])
    n_small, n_pieces = int(is_small.sum()), len(names)
    rank = np.full(len(piece_of), n_pieces, dtype=np.int32)
    rank[names] = np.arange(n_pieces, dtype=np.int32)
    grouping = group(rank[piece_of], n_pieces + 1)
    n_inside = np.zeros(n_pieces + 1, dtype=np.int64)
    quotient.count_inside(graph, grouping, n_small, n_inside)
    work = sizes[names[:n_small]] * (sizes[names[:n_small]] + EACH_NODE)
    ranges = _cut_up(work, 0, SMALL_WORK)
    parts = _cut_up(n_inside[n_small:n_pieces], n_small, PIECE_ENTRIES)
    n_entries = [int(n_inside[start:stop].sum()) for start, stop in parts]
    place_of = np.empty(len(piece_of), dtype=np.int32)
    place_of[grouping.members] = np.arange(len(piece_of), dtype=np.int32)
    return Pieces(graph, pivot, grouping, ranges, parts, n_entries, place_of)


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


def break_up(
    graph: Quotient, linkage: int, shares: tuple[float, ...], end: Merges
) -> Generator[Work, None, Pieces | None]:
    """Break a graph up into pieces that are independent up to a pivot, None where that is not worth it.

    Yields what is to be done, side by side, before it goes on.

    shares  the share of nodes whose best pair comes before the pivot: the first by which the graph falls apart is
    taken, or the last where it is sparse
    end     the last pivot that is of use

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
        pivot = keys[[int(share * len(keys))]].view(np.recarray)
        if linkage == linkages.SINGLE:
            # Its merges come in the order of similarity, but not of names (docs/methods/average-linkage.md).
            pivot["low"] = pivot["high"] = np.iinfo(np.int32).max
        if is_later(pivot, end):
            pivot = end
        search = Search(graph, linkage, pivot)
        yield [partial(search.connect, i) for i in range(N_SEARCHERS)]
        piece_of = search.take_pieces()
        largest = np.bincount(piece_of).max()
        if largest <= max(LEAST_NODES, LARGEST_SHARE * n_nodes) or (is_sparse and i == len(shares) - 1):
            return replace(lay_out_pieces(graph, linkage, pivot, piece_of), shares=shares[i:])
    return None


class Search:
    """Find the components of the pairs whose key comes no later than a pivot, MERGE[1], a range of nodes at a time."""

    def __init__(self, graph: Quotient, linkage: int, pivot: Merges) -> None:
        self._graph = graph
        self._linkage = linkage
        self._pivot = pivot
        n_nodes = len(graph.names)
        n_before = np.cumsum(graph.used, dtype=np.int64)
        inner = np.searchsorted(n_before, np.linspace(0, n_before[-1], N_SEARCHERS + 1)[1:-1])
        self._bounds = np.concatenate(([0], inner, [n_nodes])).astype(np.int64)
        self._parents = [np.arange(n_nodes, dtype=np.int32) for _ in range(N_SEARCHERS)]

    def connect(self, i: int) -> None:
        """Connect the nodes of range i with their partners of a smaller number."""
        keys = np.concatenate([self._pivot, self._pivot]).view(np.recarray)
        quotient.connect_up_to(self._graph, self._linkage, keys, self._bounds[i : i + 2], self._parents[i])

    def take_pieces(self) -> Index:
        """Return int32[k]: of each node the smallest of its component. Needs: all ranges are done."""
        first, *others = self._parents
        for other in others:
            union_find.join_sets(first, other)
        union_find.point_at_smallest(first)
        return first


def load_kernels(part: split.Part) -> Merges:
    """Load the kernels that break up and contract, or compile them, on a small part; return its merges."""
    linkage = linkages.AVERAGE
    whole = Whole(part, linkage, 1)
    whole.write(0)
    found, room = whole.graph, whole.room
    together = np.zeros(len(found.names), dtype=np.int32)
    keys = _find_first_keys(found, linkage)
    search = Search(found, linkage, keys[[0]].view(np.recarray))
    for i in range(N_SEARCHERS):
        search.connect(i)
    search.take_pieces()
    pieces = lay_out_pieces(found, linkage, end_of_all(), together)
    merges = pieces.agglomerate_small(linkage, 0)
    interleave(merges, np.arange(len(merges) + 1))
    Contraction(found, linkage, merges, 1, room).write(0)
    quotient.cut_out(found, pieces.grouping.group_of, together[:1], pieces.place_of, 0, found)
    return merges
