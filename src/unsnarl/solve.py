"""The recipe: canonical pairs, components, and each part agglomerated.

    pairs --> find_components --> split_components --> Agglomeration(part) ... --> make_forest --> join_forests

A part is one large component or many small ones; parts are independent, so who solves them, where and in what order
cannot change the answer. A very large component is taken in two steps: `shatter` finds its components at a higher
threshold, which are independent of each other down to that similarity; once they are solved so far, `contract` makes
one part of the clusters they left.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import UsageError
from unsnarl.kernels import adjacency, best_match, graph, heights, hubs, linkages, split
from unsnarl.kernels.canonical_pairs import KEEP_MAX, KEEP_MEAN, KEEP_MIN, N_CONFLICTS, N_REPEATED, N_SELF
from unsnarl.kernels.canonical_pairs import canonical_pairs as _canonical_pairs
from unsnarl.kernels.connected_components import connected_components
from unsnarl.kernels.interleave import interleave
from unsnarl.model import SCORE_UNITS, Components, Forest, Index, Pairs, Score, to_score_units

Counts = NDArray[np.int64]
Merges = Any
"""Merges as kernels write them, in the order made (kernels/graph.py, MERGE): quotients, names of clusters, sizes."""

LINKAGE_CODES = {
    "average": linkages.AVERAGE,
    "single": linkages.SINGLE,
    "complete": linkages.COMPLETE,
    "weighted": linkages.WEIGHTED,
}
KEEP = {"error": KEEP_MAX, "max": KEEP_MAX, "mean": KEEP_MEAN, "min": KEEP_MIN}
PART_PAIRS = 50_000
"""Small components are solved together until they have this many pairs: what fits in a processor's cache."""

LARGE_PAIRS = 200_000
"""A component with this many pairs is worth taking in two steps."""

SHATTER_AT = (0.7, 0.85, 0.95)
"""Thresholds tried, one after the other, until no piece has more than 1 / SHATTER_SHARE of the pairs, or PART_PAIRS."""

SHATTER_SHARE = 4

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
    on_conflict  max, mean or min of the different scores of a pair; "error" keeps the largest and leaves the error to
    the caller

    Cost: O(n + m), 24 bytes a row while it runs.
    """
    left, right, score = (np.ascontiguousarray(column, dtype=np.int32) for column in (left, right, score))
    left, right, score, tally, conflicts = _canonical_pairs(left, right, score, n_records, KEEP[on_conflict])
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
    """Hold some whole components, and the clusters their records are in when work on them begins.

    view      what the kernels see of them
    n_pairs   scored pairs inside, those of score 0 too
    """

    view: split.Part
    n_pairs: int

    @property
    def component(self) -> int:
        """The first component, named by its smallest record: the only one where the part is large."""
        return int(self.view.component_of[self.view.members[0]])

    @property
    def is_large(self) -> bool:
        """Whether the part is one component that is worth taking in two steps."""
        return self.n_pairs >= LARGE_PAIRS


def split_components(pairs: Pairs, components: Components) -> list[Part]:
    """Split the records of all components of two or more into parts, those with most pairs first.

    Cost: O(m + n log n); 20 bytes a record.
    """
    first = np.zeros(pairs.n_records + 1, dtype=np.int64)
    split.find_first_pairs(pairs.left, first)
    records = np.arange(pairs.n_records, dtype=np.int32)
    none = np.empty(0, dtype=np.int32)
    whole = split.Part(records, none, none, none, components.component_of, first, pairs.right, pairs.score)
    return _cut_up(whole)


def _cut_up(whole: split.Part) -> list[Part]:
    """Make parts of the components, as whole.component_of has them, of its members."""
    component_of = whole.component_of
    n_pairs = np.zeros(len(component_of), dtype=np.int64)
    split.count_pairs_inside(whole, n_pairs)
    of_member = component_of[whole.members]
    size = np.bincount(of_member, minlength=len(component_of))
    members = whole.members[np.argsort(of_member, kind="stable")]
    members = members[size[component_of[members]] > 1]
    names = np.flatnonzero(size > 1)
    slot_of = np.zeros(len(component_of), dtype=np.int32)
    ones = np.ones(len(members), dtype=np.int32)
    parts = []
    for start, stop, n_inside in _group(n_pairs[names], np.cumsum(size[names])):
        some = members[start:stop]
        slot_of[some] = np.arange(stop - start, dtype=np.int32)
        view = whole._replace(members=some, names=some, sizes=ones[start:stop], slot_of=slot_of)
        parts.append(Part(view, n_inside))
    return sorted(parts, key=lambda part: -part.n_pairs)


def _group(n_pairs: Counts, stops: Counts) -> list[tuple[int, int, int]]:
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


def shatter(part: Part, linkage: str) -> tuple[list[Part], float]:
    """Split a large part at a higher threshold; return the pieces, none where that does not help, and the threshold.

    Two clusters in different pieces have no pair at the threshold between them, so no similarity that high: down to
    it, each piece is solved as if it were alone. Weighted linkage is left whole: its values depend on the merges
    behind them.

    Cost: O(m) for each of at most len(SHATTER_AT) thresholds tried.
    """
    if linkage == "weighted":
        return [], 0.0
    for threshold in SHATTER_AT:
        parent = np.arange(len(part.view.component_of), dtype=np.int32)
        split.connect_inside(part.view, to_score_units(threshold), parent)
        pieces = _cut_up(part.view._replace(component_of=parent))
        if not pieces:
            break
        if pieces[0].n_pairs <= max(PART_PAIRS, part.n_pairs // SHATTER_SHARE):
            return pieces, threshold
    return [], 0.0


def contract(part: Part, merges: Merges) -> Part:
    """Return the part with its records in the clusters that some merges have made.

    Cost: O(n + k log k) for k records.
    """
    view = part.view
    cluster_of = np.arange(len(view.component_of), dtype=np.int32)
    cluster_of[merges["right"]] = merges["left"]
    of_member = find_roots(cluster_of, view.members)
    names, slots, sizes = np.unique(of_member, return_inverse=True, return_counts=True)
    slot_of = np.zeros(len(cluster_of), dtype=np.int32)
    slot_of[view.members] = slots
    return Part(view._replace(names=names, sizes=sizes.astype(np.int32), slot_of=slot_of), part.n_pairs)


def find_roots(parent: Index, records: Index) -> Index:
    """Follow parent from each record to its end; the way is halved at each step. Overwrites parent."""
    while True:
        above = parent[parent[records]]
        if np.array_equal(above, parent[records]):
            return above
        parent[records] = above


class Agglomeration:
    """Agglomerate one part, a slice at a time, down to a similarity of `floor` (a probability).

    >>> pairs = Pairs(*(np.array(x, dtype=np.int32) for x in ([0, 1], [1, 2], [900_000_000, 600_000_000])), n_records=3)
    >>> components = find_components(pairs, 0.5)
    >>> part = split_components(pairs, components)[0]
    >>> work = Agglomeration(part, "average")
    >>> while work.advance():
    ...     pass
    >>> make_forest(part, work.merges, "average").distance.tolist()
    [0.1, 0.7]
    """

    def __init__(self, part: Part, linkage: str, floor: float = 0.0) -> None:
        if linkage not in LINKAGE_CODES:
            raise UsageError(f"There is no linkage {linkage!r}; it must be one of {', '.join(LINKAGE_CODES)}.")
        self.part = part
        self._linkage = LINKAGE_CODES[linkage]
        self._floor = to_score_units(floor)
        self._graph = best_match.make_graph(part.view, self._linkage)
        self._n_entries = int(self._graph.lists.arena[adjacency.ARENA_START])
        self.finished = False

    def advance(self) -> bool:
        """Merge for some tens of milliseconds; return whether there is more to do."""
        found = self._graph
        if best_match.agglomerate(found, self._linkage, self._floor, SLICE_ENTRIES) == best_match.FINISHED:
            self.finished = True
        elif found.counters[graph.N_WANTED] > 0:
            larger = hubs.enlarge_pool(found.hubs, int(found.counters[graph.N_WANTED]))
            found.counters[graph.N_WANTED] = 0
            self._graph = found._replace(hubs=larger)
        return not self.finished

    @property
    def n_pairs_done(self) -> int:
        """Pairs folded so far into clusters or into other pairs; those that are left at the floor are not."""
        if self.finished and self._floor == 0:
            return self._n_entries // 2
        return int(self._graph.counters[graph.N_FOLDED]) // 2

    @property
    def merges(self) -> Merges:
        """The merges so far, in the order made (MERGE[k]; clusters are named by records)."""
        return self._graph.merges[: self._graph.counters[graph.N_MERGES]]


def interleave_merges(sequences: list[Merges]) -> Merges:
    """Put the merges of pieces, each in the order made, into the order in which one run over all would have made them.

    Cost: O(k log s) for k merges in s pieces.
    """
    return interleave(sequences)


def load_kernels() -> None:
    """Load all kernels, or compile them where this machine has not yet: on the smallest input there is.

    Compiling makes millions of small objects that live to its end; Python's collector, looking them over again and
    again, would take an eighth of the time, so it rests meanwhile.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        two = np.array([0, 1], dtype=np.int32)
        pairs, _ = canonical_pairs(two, two + 1, two + 1, 3)
        part = split_components(pairs, find_components(pairs, 0.0))[0]
        shatter(part, "average")
        agglomeration = Agglomeration(part, "average")
        while agglomeration.advance():
            pass
        make_forest(part, interleave_merges([agglomeration.merges]), "average")
    finally:
        if was_on:
            gc.enable()


def make_forest(part: Part, merges: Merges, linkage: str) -> Forest:
    """Make a forest of the merges of a part, given in the order made.

    Cost: O(k log k).
    """
    component = part.view.component_of[merges["left"]]
    order = np.argsort(component, kind="stable")
    merges, component = merges[order].view(np.recarray), component[order]
    distance = np.empty(len(merges), dtype=np.float64)
    units = SCORE_UNITS << 32 if linkage == "weighted" else SCORE_UNITS
    heights.write_heights(merges, component, units, distance)
    left, right, size = (np.ascontiguousarray(merges[name]) for name in ("left", "right", "n_records"))
    return Forest(component, left, right, distance, size, len(part.view.component_of))


def join_forests(forests: list[Forest], n_records: int) -> Forest:
    """Join the forests of parts, in any order, into one of all records.

    Cost: O(k) for k merges.
    """
    if not forests:
        none = np.empty(0, dtype=np.int32)
        return Forest(none, none, none, np.empty(0), none, n_records)
    by_component = sorted(forests, key=lambda forest: int(forest.component[0]) if len(forest) else -1)

    def join(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(forest, name) for forest in by_component])

    return Forest(join("component"), join("left"), join("right"), join("distance"), join("size"), n_records)
