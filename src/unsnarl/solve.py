"""The recipe: canonical pairs, components, and each part agglomerated.

    pairs --> find_components --> split_components --> Agglomeration(part) ... --> make_forest --> join_forests

A part is one large component or many small ones; parts are independent, so who solves them, where and in what order
cannot change the answer. A large component is taken in stages (stages.py).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from unsnarl import contraction, stages
from unsnarl.collector import collector_at_rest
from unsnarl.contraction import Merges
from unsnarl.errors import UsageError
from unsnarl.kernels import heights, jit, linkages, split
from unsnarl.kernels.canonical_pairs import KEEP_MAX, KEEP_MEAN, KEEP_MIN, N_CONFLICTS, N_REPEATED, N_SELF
from unsnarl.kernels.canonical_pairs import canonical_pairs as _canonical_pairs
from unsnarl.kernels.connected_components import connected_components
from unsnarl.kernels.interleave import interleave
from unsnarl.kernels.quotient import Quotient
from unsnarl.model import SCORE_UNITS, Components, Forest, Index, Pairs, Score, to_score_units
from unsnarl.tasks import Agglomeration, SmallPieces, Task, Writing

Counts = NDArray[np.int64]
Found = TypeVar("Found")

LINKAGE_CODES = {
    "average": linkages.AVERAGE,
    "single": linkages.SINGLE,
    "complete": linkages.COMPLETE,
    "weighted": linkages.WEIGHTED,
}
KEEP = {"error": KEEP_MAX, "max": KEEP_MAX, "mean": KEEP_MEAN, "min": KEEP_MIN}
PART_PAIRS = 50_000
"""Small components are solved together until they have this many pairs: what fits in a processor's cache."""

LARGE_PAIRS = 100_000
"""A component with this many pairs is worth taking in stages."""

N_WRITERS = 2
"""Ranges of records whose rows are written side by side: each looks at all pairs."""

N_RANGES = 4
"""Ranges of nodes that are contracted side by side."""


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


def find_components(pairs: Pairs, threshold: float, must_of: Index | None = None) -> Components:
    """Find the connected components of the pairs scoring at least `threshold` (a probability).

    must_of  int32[n]  the smallest record of those each record must be with: they are connected as well

    Cost: near O(n + m).
    """
    left, right, score = pairs.left, pairs.right, pairs.score
    if must_of is not None:
        tied = np.flatnonzero(must_of != np.arange(pairs.n_records)).astype(np.int32)
        left, right = np.concatenate([left, must_of[tied]]), np.concatenate([right, tied])
        score = np.concatenate([score, np.full(len(tied), SCORE_UNITS, dtype=np.int32)])
    found = connected_components(left, right, score, to_score_units(threshold), pairs.n_records)
    return Components(found, must_of)


@dataclass(frozen=True)
class Part:
    """Hold some whole components.

    view      what the kernels see of them
    n_pairs   pairs inside, those of score 0 too
    must_of   int32[n]  the smallest record of those each record must be with; None: itself
    """

    view: split.Part
    n_pairs: int
    must_of: Index | None = None

    @property
    def component(self) -> int:
        """The first component, named by its smallest record: the only one where the part is large."""
        return int(self.view.component_of[self.view.members[0]])

    @property
    def is_large(self) -> bool:
        """Whether the part is one component that is worth taking in stages."""
        return self.n_pairs >= LARGE_PAIRS


def split_components(pairs: Pairs, components: Components) -> list[Part]:
    """Split the records of all components of two or more into parts, those with most pairs first.

    Cost: O(m + n); 24 bytes a record.
    """
    component_of = components.component_of
    first = np.zeros(pairs.n_records + 1, dtype=np.int64)
    split.find_first_pairs(pairs.left, first)
    records = np.arange(pairs.n_records, dtype=np.int32)
    node_of = np.zeros(pairs.n_records, dtype=np.int32)
    whole = split.Part(records, node_of, component_of, first, pairs.right, pairs.score)
    n_pairs = np.zeros(pairs.n_records, dtype=np.int64)
    split.count_pairs_inside(whole, n_pairs)
    size = components.sizes
    names = np.flatnonzero(size > 1)
    rank = np.full(pairs.n_records, len(names), dtype=np.int32)
    rank[names] = np.arange(len(names), dtype=np.int32)
    members = contraction.group(rank[component_of], len(names) + 1).members
    parts = []
    for start, stop, n_inside in _group(n_pairs[names], np.cumsum(size[names])):
        some = members[start:stop]
        node_of[some] = np.arange(stop - start, dtype=np.int32)
        parts.append(Part(whole._replace(members=some), n_inside, components.must_of))
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


class Solution:
    """Solve one part, as a sequence of lists of tasks; the tasks of one list may be done side by side.

    until  the distance up to which all merges are wanted; some beyond may be among them

    >>> pairs = Pairs(*(np.array(x, dtype=np.int32) for x in ([0, 1], [1, 2], [900_000_000, 600_000_000])), n_records=3)
    >>> components = find_components(pairs, 0.5)
    >>> part = split_components(pairs, components)[0]
    >>> solution = Solution(part, "average")
    >>> while tasks := solution.next_tasks():
    ...     for task in tasks:
    ...         while task.advance():
    ...             pass
    >>> make_forest(part, solution.merges, "average").distance.tolist()
    [0.1, 0.7]
    """

    def __init__(self, part: Part, linkage: str, until: float = 1.0) -> None:
        if linkage not in LINKAGE_CODES:
            raise UsageError(f"There is no linkage {linkage!r}; it must be one of {', '.join(LINKAGE_CODES)}.")
        self.part = part
        self.merges: Merges = None
        self._linkage = LINKAGE_CODES[linkage]
        self._end = _find_end(until, linkage)
        self._plan = self._stages() if part.is_large else self._components()
        self._tasks: Sequence[Task] = ()
        self._n_pairs_settled = 0

    def next_tasks(self) -> Sequence[Task]:
        """Return the next tasks, none when `merges` is set. Needs: the tasks returned before are done."""
        self._tasks = next(self._plan, ())
        return self._tasks

    @property
    def n_pairs_done(self) -> int:
        """Pairs done so far."""
        done = self._n_pairs_settled + sum(task.n_pairs_done for task in self._tasks)
        return self.part.n_pairs if self.merges is not None else min(done, self.part.n_pairs)

    def _solve(self, pieces: stages.Pieces) -> list[SmallPieces | Agglomeration]:
        """Make the tasks that solve all pieces."""
        few = [SmallPieces(partial(pieces.agglomerate_small, self._linkage, i)) for i in range(len(pieces.ranges))]
        many = [Agglomeration(partial(pieces.cut, i), self._linkage, pieces.pivot) for i in range(len(pieces.parts))]
        return [*few, *many]

    def _unite_tied(self) -> tuple[int, Merges]:
        """Return the linkage to begin with, and the merges of what must be together."""
        is_weighted = self._linkage == linkages.WEIGHTED
        units = SCORE_UNITS << 32 if is_weighted else SCORE_UNITS
        ties = contraction.unite_tied(self.part.view.members, self.part.must_of, units)
        # Weighted linkage begins with the means, whatever the order in which records came together.
        return linkages.AVERAGE if is_weighted and len(ties) else self._linkage, ties

    def _contract_tied(self, whole: contraction.Whole, linkage: int, ties: Merges) -> tuple[Quotient, Any]:
        """Make the graph of what must be together; returns room for a smaller graph, too."""
        if not len(ties):
            return whole.graph, whole.room
        smaller = contraction.Contraction(whole.graph, linkage, ties, 1, whole.room)
        smaller.write(0)
        if self._linkage == linkages.WEIGHTED:
            contraction.spread_evenly(smaller.contracted)
        return smaller.contracted, whole.graph.entries

    def _components(self) -> Iterator[Sequence[Task]]:
        """Solve the components of a part as they are."""
        linkage, ties = self._unite_tied()
        whole = contraction.Whole(self.part.view, linkage, 1)
        whole.write(0)
        found, _ = self._contract_tied(whole, linkage, ties)
        component = self.part.view.component_of[found.names]
        # Nodes of one component stand together, also those that must-links have made.
        piece_of = np.arange(len(component), dtype=np.int32)
        piece_of[1:][component[1:] == component[:-1]] = 0
        np.maximum.accumulate(piece_of, out=piece_of)
        pieces = stages.lay_out_pieces(found, self._linkage, self._end, piece_of)
        tasks = self._solve(pieces)
        if tasks:
            yield tasks
        self.merges = _concatenate([ties, *(task.take_merges() for task in tasks)])

    def _break_up(
        self, graph: Quotient, shares: tuple[float, ...]
    ) -> Generator[Sequence[Task], None, stages.Pieces | None]:
        return (yield from _side_by_side(stages.break_up(graph, self._linkage, shares, self._end)))

    def _stages(self) -> Iterator[Sequence[Task]]:
        """Break the part up, agglomerate the pieces, contract, and again; at last agglomerate what does not break."""
        linkage, ties = self._unite_tied()
        whole = contraction.Whole(self.part.view, linkage, N_WRITERS)
        yield [Writing(partial(whole.write, i)) for i in range(N_WRITERS)]
        found, room = self._contract_tied(whole, linkage, ties)
        del whole
        made: list[Merges] = [ties]
        shares: tuple[float, ...] = stages.SHARES
        while (pieces := (yield from self._break_up(found, shares))) is not None:
            tasks = self._solve(pieces)
            if tasks:
                yield tasks
                made.append(_in_order([task.take_merges() for task in tasks]))
            if pieces.pivot is self._end:
                self.merges = _concatenate(made)
                return
            smaller = contraction.Contraction(found, self._linkage, made[-1], N_RANGES, room)
            yield [Writing(partial(smaller.write, i)) for i in range(N_RANGES)]
            is_slow = len(smaller.contracted.names) > stages.SLOW * len(found.names)
            found, room, shares = smaller.contracted, found.entries, pieces.shares
            del pieces, tasks, smaller
            self._n_pairs_settled = self.part.n_pairs - int(found.used.sum(dtype=np.int64)) // 2
            if is_slow:
                break
        del room
        last = Agglomeration(lambda: found, self._linkage, self._end)
        yield [last]
        self.merges = _concatenate([*made, last.take_merges()])


def _find_end(until: float, linkage: str) -> Merges:
    """Return the pivot that merges at some distance come before."""
    # A unit to spare: distances are rounded.
    units = to_score_units(1.0 - until) - 1
    if units <= 0:
        return contraction.end_of_all()
    return contraction.end_at(units << 32 if linkage == "weighted" else units)


def _side_by_side(steps: Generator[stages.Work, None, Found]) -> Generator[Sequence[Task], None, Found]:
    """Turn what is to be done side by side into tasks."""
    while True:
        try:
            work = next(steps)
        except StopIteration as end:
            found: Found = end.value
            return found
        yield [Writing(one) for one in work]


def _concatenate(sequences: list[Merges]) -> Merges:
    """Join sequences of merges into one array."""
    return np.concatenate(sequences).view(np.recarray)


def _in_order(sequences: list[Merges]) -> Merges:
    """Put the merges of independent pieces into the order in which one run over all would have made them."""
    start = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    return interleave(_concatenate(sequences), start)


def _smallest_part() -> Part:
    """Make the smallest part there is."""
    two = np.array([0, 1], dtype=np.int32)
    pairs, _ = canonical_pairs(two, two + 1, two + 1, 3)
    return split_components(pairs, find_components(pairs, 0.0))[0]


def load_kernels() -> None:
    """Load all kernels but those of the best-match table, or compile them where this machine has not yet."""
    with collector_at_rest():
        part = _smallest_part()
        merges = stages.load_kernels(part.view)
        make_forest(part, merges, "average")


def load_engine() -> None:
    """Load the kernels of the best-match table, and no others, or compile them: a matter of some 15 seconds."""
    with collector_at_rest():
        work = Agglomeration(contraction.make_couple, linkages.AVERAGE, contraction.end_of_all())
        while work.advance():
            pass


def needs_compiling() -> bool:
    """Say whether load_engine would have to compile, and could leave what it compiles for the next process."""
    return jit.needs_compiling("best_match.agglomerate")


def make_forest(part: Part, merges: Merges, linkage: str) -> Forest:
    """Make a forest of the merges of a part, given in the order made.

    Cost: O(k log k).
    """
    component = part.view.component_of[merges["low"]]
    order = np.argsort(component, kind="stable")
    merges, component = merges[order].view(np.recarray), component[order]
    distance = np.empty(len(merges), dtype=np.float64)
    units = SCORE_UNITS << 32 if linkage == "weighted" else SCORE_UNITS
    heights.write_heights(merges, component, units, distance)
    left, right, size = (np.ascontiguousarray(merges[name]) for name in ("low", "high", "n_records"))
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
