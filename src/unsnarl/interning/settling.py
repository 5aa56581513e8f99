"""From all rows to the pairs that matter: each pair once, the components of those at the threshold, the pairs inside.

Every step works on one partition at a time; partitions are independent, so it does not matter who takes which.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unsnarl.interning.reading import Interned
from unsnarl.interning.store import N_PARTITIONS, Columns, PairStore
from unsnarl.kernels import canonical_pairs as canonical
from unsnarl.kernels import partitions as kernels
from unsnarl.kernels.connected_components import point_at_smallest, tie_pairs
from unsnarl.model import Components, Index, Pairs, to_score_units

N_EXAMPLES = 5
_KEEP = {
    "error": canonical.KEEP_MAX,
    "max": canonical.KEEP_MAX,
    "mean": canonical.KEEP_MEAN,
    "min": canonical.KEEP_MIN,
}

PairList = list[tuple[int, int]]


@dataclass(frozen=True)
class Settled:
    """Hold what is left of PAIRS.

    pairs        the pairs with both records in one component, in canonical form
    components   the components of the pairs at or above the threshold
    n_pairs      different pairs, those between components included
    n_self       rows that pair a record with itself, dropped
    n_repeated   rows that repeat a pair with a score it already had, counted once
    n_conflicts  pairs given with different scores
    repeated     the first repeated pairs, at most five, in (left, right) order
    conflicts    the first pairs given with different scores, likewise
    """

    pairs: Pairs
    components: Components
    n_pairs: int
    n_self: int
    n_repeated: int
    n_conflicts: int
    repeated: PairList
    conflicts: PairList


def run_side_by_side(work: Callable[[int], None], n_items: int, threads: int) -> None:
    """Call `work` with 0 .. n_items - 1 on some threads; the first error ends it, and is raised here.

    The threads are daemons: an interrupted caller leaves at once.
    """
    numbers = iter(range(n_items))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def go_on() -> None:
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                work(number)
            except BaseException as error:  # noqa: BLE001  (it is raised again where it is waited for)
                failures.append(error)

    crew = [threading.Thread(target=go_on, daemon=True) for _ in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        while thread.is_alive():
            thread.join(timeout=0.5)
    if failures:
        raise failures[0]


def _sort_rows(rows: Columns) -> Columns:
    """Sort rows by (left, right); of equal ones the order does not matter."""
    left, right, score = rows
    key = left.astype(np.int64) << 32 | right
    order = np.argsort(key)
    return left[order], right[order], score[order]


def _find_same(rows: Columns) -> PairList:
    """Find the first pairs among sorted rows that occur twice with one score."""
    order = np.lexsort(rows[::-1])
    left, right, score = (column[order] for column in rows)
    same = (left[1:] == left[:-1]) & (right[1:] == right[:-1]) & (score[1:] == score[:-1])
    found = np.flatnonzero(same)[: 10 * N_EXAMPLES]
    return sorted(set(zip(left[found].tolist(), right[found].tolist(), strict=True)))[:N_EXAMPLES]


class _Settling:
    """Settle the partitions of one store, on several threads."""

    def __init__(self, store: PairStore, rank_of: Index | None, n_records: int, keep: int) -> None:
        self._store = store
        self._rank_of = rank_of
        self._keep = keep
        self._lock = threading.Lock()
        self.parent = np.arange(n_records, dtype=np.int32)
        self.tally = np.zeros(4, dtype=np.int64)
        self.repeated: PairList = []
        self.conflicts: PairList = []

    def settle(self, partition: int, threshold: int) -> None:
        """Give every pair of a partition one row, and tie the records of those at the threshold."""
        rows = self._store.load(partition)
        left, right, _ = rows
        if self._rank_of is not None:
            kernels.rename_records(left, right, self._rank_of)
        n_slots = 1 << max(4, int(1.5 * len(left)).bit_length())
        keys, firsts = np.zeros(n_slots, dtype=np.uint64), np.empty(n_slots, dtype=np.int32)
        is_repeated = np.zeros(len(left), dtype=np.bool_)
        if kernels.mark_repeats(left, right, keys, firsts, is_repeated):
            rows = self._squeeze(rows, is_repeated)
        self._store.replace(partition, rows)
        with self._lock:
            tie_pairs(*rows, threshold, self.parent)

    def _squeeze(self, rows: Columns, is_repeated: np.ndarray) -> Columns:
        """Keep one row of each repeated pair."""
        left, right, score = _sort_rows(tuple(column[is_repeated] for column in rows))  # type: ignore[arg-type]
        same = _find_same((left, right, score))
        tally = np.zeros(4, dtype=np.int64)
        conflicts = np.full((canonical.N_EXAMPLES, 2), -1, dtype=np.int32)
        canonical.squeeze(left, right, score, self._keep, tally, conflicts)
        n_kept = int(tally[canonical.N_PAIRS])
        found = [(int(a), int(b)) for a, b in conflicts[: tally[canonical.N_CONFLICTS]]]
        with self._lock:
            self.tally += tally
            self.repeated = sorted([*self.repeated, *same])[:N_EXAMPLES]
            self.conflicts = sorted([*self.conflicts, *found])[:N_EXAMPLES]
        once = [column[~is_repeated] for column in rows]
        kept = [column[:n_kept] for column in (left, right, score)]
        columns = [np.concatenate(both) for both in zip(once, kept, strict=True)]
        return columns[0], columns[1], columns[2]

    def find_inside(self, partition: int) -> Columns:
        """Give the pairs of a partition that lie inside components."""
        rows = self._store.load(partition)
        n_inside = kernels.keep_inside(rows, self.parent)
        left, right, score = (column[:n_inside].copy() for column in rows)
        return left, right, score


def settle(interned: Interned, threshold: float, on_conflict: str, threads: int) -> Settled:
    """Bring PAIRS to canonical form, find the components, and keep the pairs inside them; empties the store.

    on_conflict  max, mean or min of the different scores of a pair; "error" keeps the largest and leaves the error to
                 the caller

    Cost: O(m + n) for m rows; 12 bytes a pair inside components, and what a few partitions take.
    """
    store, n_records = interned.store, interned.n_records
    settling = _Settling(store, interned.rank_of, n_records, _KEEP[on_conflict])
    units = to_score_units(threshold)
    run_side_by_side(lambda partition: settling.settle(partition, units), N_PARTITIONS, threads)
    point_at_smallest(settling.parent)
    n_pairs = store.n_kept
    found: list[Columns | None] = [None] * N_PARTITIONS

    def gather(partition: int) -> None:
        found[partition] = settling.find_inside(partition)

    run_side_by_side(gather, N_PARTITIONS, threads)
    store.clear()
    left, right, score = (np.concatenate(columns) for columns in zip(*(rows for rows in found if rows), strict=True))
    found.clear()
    left, right, score = _sort_rows((left, right, score))
    return Settled(
        pairs=Pairs(left, right, score, n_records),
        components=Components(settling.parent),
        n_pairs=n_pairs,
        n_self=int(store.tally[kernels.N_SELF]),
        n_repeated=int(settling.tally[canonical.N_REPEATED]),
        n_conflicts=int(settling.tally[canonical.N_CONFLICTS]),
        repeated=settling.repeated,
        conflicts=settling.conflicts,
    )
