"""What a thread does at a time: agglomerate a graph, or some small pieces, or write a part of a contracted graph."""

from __future__ import annotations

from collections.abc import Callable

from unsnarl.contraction import Merges
from unsnarl.kernels import best_match, graph, hub_blocks, quotient

SLICE_ENTRIES = 2_000_000
"""Entries read between two looks at the clock: some tens of milliseconds."""


class Agglomeration:
    """Agglomerate one graph, a slice at a time, up to a pivot.

    start    makes the graph; called at the first advance, in the thread that does the work
    linkage  a code of kernels/linkages.py
    pivot    the last key at which clusters may merge
    """

    def __init__(self, start: Callable[[], quotient.Quotient], linkage: int, pivot: Merges) -> None:
        self._start = start
        self._linkage = linkage
        self._pivot = pivot
        self._graph: graph.Graph | None = None
        self._merges: Merges = None
        self._n_folded = 0

    def advance(self) -> bool:
        """Merge for some tens of milliseconds; return whether there is more to do."""
        found = self._graph
        if found is None:
            found = self._graph = best_match.make_graph(self._start(), self._linkage, self._pivot)
            del self._start
        status = best_match.agglomerate(found, self._linkage, SLICE_ENTRIES)
        self._n_folded = int(found.counters[graph.N_FOLDED])
        if status == best_match.FINISHED:
            # All but the merges is let go at once: others may still be at work.
            self._merges = found.merges[: found.counters[graph.N_MERGES]].copy()
            self._graph = None
            return False
        if found.counters[graph.N_WANTED] > 0:
            larger = hub_blocks.enlarge_pool(found.hubs, int(found.counters[graph.N_WANTED]))
            found.counters[graph.N_WANTED] = 0
            self._graph = found._replace(hubs=larger)
        return True

    @property
    def n_pairs_done(self) -> int:
        """Pairs folded so far into clusters or into other pairs."""
        return self._n_folded // 2

    def take_merges(self) -> Merges:
        """Return the merges, in the order made (MERGE[k]; clusters are named by records). Needs: it is done."""
        return self._merges


class SmallPieces:
    """Agglomerate small pieces, in one go: `work` returns the merges in the order of their keys."""

    n_pairs_done = 0

    def __init__(self, work: Callable[[], Merges]) -> None:
        self._work = work
        self._merges: Merges = None

    def advance(self) -> bool:
        """Do it all."""
        self._merges = self._work()
        return False

    def take_merges(self) -> Merges:
        """Return the merges."""
        return self._merges


class Writing:
    """Write a part of a contracted graph: a task that is done in one go."""

    n_pairs_done = 0

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work

    def advance(self) -> bool:
        """Do it all."""
        self._work()
        return False


Task = Agglomeration | SmallPieces | Writing
"""Something to be advanced until it returns False; it says how many pairs it has done."""
