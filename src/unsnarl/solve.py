"""The recipe: canonical pairs, components, and each part agglomerated.

    pairs --> find_components --> split into parts --> Agglomeration(part).advance() ... --> join_forest

A part is one large component or many small ones; parts are independent, so who solves them, where and in what order cannot
change the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unsnarl.errors import UsageError
from unsnarl.kernels import best_match, graph, heights, hubs, linkages, split
from unsnarl.kernels.canonical_pairs import KEEP_MAX, KEEP_MEAN, KEEP_MIN, N_CONFLICTS, N_REPEATED, N_SELF
from unsnarl.kernels.canonical_pairs import canonical_pairs as _canonical_pairs
from unsnarl.kernels.connected_components import connected_components
from unsnarl.model import SCORE_UNITS, Components, Forest, Index, Pairs, Score, to_score_units

LINKAGE_CODES = {
    "average": linkages.AVERAGE,
    "single": linkages.SINGLE,
    "complete": linkages.COMPLETE,
    "weighted": linkages.WEIGHTED,
}
KEEP = {"error": KEEP_MAX, "max": KEEP_MAX, "mean": KEEP_MEAN, "min": KEEP_MIN}
PART_PAIRS = 100_000
"""Small components are solved together until they have this many pairs: what fits in a processor's cache."""

SLICE_ENTRIES = 2_000_000
"""Entries read between two looks at the clock: some tens of milliseconds."""


@dataclass(frozen=True)
class PairTally:
    """Count what canonical_pairs met.

    n_self       rows that pair a record with itself, dropped
    n_repeated   rows that repeat a pair with a score it already had, counted once
    n_conflicts  pairs given with different scores
    conflicts    int32[k, 2], the first five of those, in (left, right) order
    """

    n_self: int
    n_repeated: int
    n_conflicts: int
    conflicts: Index


def canonical_pairs(
    left: Index, right: Index, score: Score, n_records: int, on_conflict: str = "error"
) -> tuple[Pairs, PairTally]:
    """Bring pairs of any order and orientation, with repeats and self pairs, to canonical form.

    left, right  int32[m]  record indexes, 0 .. n_records - 1
    score        int32[m]  score units
    on_conflict  max, mean or min of the different scores of a pair; "error" keeps the largest and leaves the error to the caller

    Cost: O(n + m), 24 bytes a row while it runs.
    """
    columns = (np.ascontiguousarray(column, dtype=np.int32) for column in (left, right, score))
    left, right, score, tally, conflicts = _canonical_pairs(*columns, n_records, KEEP[on_conflict])
    n_conflicts = int(tally[N_CONFLICTS])
    found = PairTally(int(tally[N_SELF]), int(tally[N_REPEATED]), n_conflicts, conflicts[:n_conflicts])
    return Pairs(left, right, score, n_records), found


def find_components(pairs: Pairs, threshold: float) -> Components:
    """Find the connected components of the pairs scoring at least `threshold` (a probability).

    Cost: near O(n + m).
    """
    units = to_score_units(threshold)
    return Components(connected_components(pairs.left, pairs.right, pairs.score, units, pairs.n_records))


@dataclass(frozen=True)
class Part:
    """Hold some whole components.

    view      what the kernels see of them
    n_pairs   scored pairs inside, those of score 0 too
    """

    view: split.Part
    n_pairs: int

    @property
    def component(self) -> int:
        """The first component, named by its smallest record: the only one where the part is large."""
        return int(self.view.component_of[self.view.members[0]])


def split_components(pairs: Pairs, components: Components) -> list[Part]:
    """Split the records of all components of two or more into parts, those with most pairs first.

    Cost: O(m + n log n); 20 bytes a record.
    """
    component_of = components.component_of
    n_pairs = np.zeros(pairs.n_records, dtype=np.int64)
    split.count_component_pairs(pairs.left, pairs.right, component_of, n_pairs)
    first = np.zeros(pairs.n_records + 1, dtype=np.int64)
    split.find_first_pairs(pairs.left, first)

    size = np.bincount(component_of, minlength=pairs.n_records)
    members = np.argsort(component_of, kind="stable").astype(np.int32)
    members = members[size[component_of[members]] > 1]
    names = np.flatnonzero(size > 1)
    stops = np.cumsum(size[names])
    place_of = np.zeros(pairs.n_records, dtype=np.int32)
    parts = []
    for start, stop, n_inside in _group(n_pairs[names], stops):
        part = members[start:stop]
        place_of[part] = np.arange(stop - start, dtype=np.int32)
        view = split.Part(part, place_of, component_of, first, pairs.right, pairs.score)
        parts.append(Part(view, n_inside))
    return sorted(parts, key=lambda part: -part.n_pairs)


def _group(n_pairs: np.ndarray, stops: np.ndarray) -> list[tuple[int, int, int]]:
    """Group components, in order, into (start, stop, pairs) of about PART_PAIRS; a large one stands alone."""
    groups = []
    start = last_stop = pending = 0
    for n_inside, stop in zip(n_pairs.tolist(), stops.tolist(), strict=True):
        if pending and pending + n_inside > PART_PAIRS:
            groups.append((start, last_stop, pending))
            start, pending = last_stop, 0
        pending += n_inside
        last_stop = stop
    if last_stop > start:
        groups.append((start, last_stop, pending))
    return groups


class Agglomeration:
    """Agglomerate one part, a slice at a time.

    >>> pairs = Pairs(*(np.array(x, dtype=np.int32) for x in ([0, 1], [1, 2], [900_000_000, 600_000_000])), n_records=3)
    >>> components = find_components(pairs, 0.5)
    >>> work = Agglomeration(split_components(pairs, components)[0], "average")
    >>> while work.advance():
    ...     pass
    >>> join_forest([work.forest()], 3).distance.tolist()
    [0.1, 0.7]
    """

    def __init__(self, part: Part, linkage: str) -> None:
        if linkage not in LINKAGE_CODES:
            raise UsageError(f"There is no linkage {linkage!r}; it must be one of {', '.join(LINKAGE_CODES)}.")
        self.part = part
        self._linkage = LINKAGE_CODES[linkage]
        self._graph = best_match.make_graph(part.view, self._linkage)
        self.finished = False

    def advance(self) -> bool:
        """Merge for some tens of milliseconds; return whether there is more to do."""
        found = self._graph
        if best_match.agglomerate(found, self._linkage, SLICE_ENTRIES) == best_match.FINISHED:
            self.finished = True
        elif found.counters[graph.N_WANTED] > 0:
            larger = hubs.enlarge_pool(found.hubs, int(found.counters[graph.N_WANTED]))
            found.counters[graph.N_WANTED] = 0
            self._graph = found._replace(hubs=larger)
        return not self.finished

    @property
    def n_pairs_done(self) -> int:
        """Pairs that lie inside clusters or have been added to others; all of them once finished."""
        if self.finished:
            return self.part.n_pairs
        return min(self.part.n_pairs, int(self._graph.counters[graph.N_FOLDED]) // 2)

    def forest(self) -> Forest:
        """Give the merges in the user's records, by component and then in the order made."""
        view = self.part.view
        merges = self._graph.merges[: self._graph.counters[graph.N_MERGES]]
        component = view.component_of[view.members[merges["left"]]]
        order = np.argsort(component, kind="stable")
        merges, component = merges[order], component[order]
        distance = np.empty(len(merges), dtype=np.float64)
        units = SCORE_UNITS << 32 if self._linkage == linkages.WEIGHTED else SCORE_UNITS
        heights.write_heights(merges, component, units, distance)
        left, right = view.members[merges["left"]], view.members[merges["right"]]
        return Forest(component, left, right, distance, merges["size"].copy(), len(view.component_of))


def join_forest(forests: list[Forest], n_records: int) -> Forest:
    """Join the forests of parts, in any order, into one of all records.

    Cost: O(k log k) for k merges.
    """
    if not forests:
        none = np.empty(0, dtype=np.int32)
        return Forest(none, none, none, np.empty(0), none, n_records)
    by_component = sorted(forests, key=lambda forest: int(forest.component[0]) if len(forest) else -1)
    columns = [
        np.concatenate([getattr(forest, name) for forest in by_component])
        for name in ("component", "left", "right", "distance", "size")
    ]
    return Forest(*columns, n_records=n_records)
