"""From all rows to the pairs that matter: each pair once, the components of those at the threshold, the pairs inside.

Every step works on one partition at a time; partitions are independent, so it does not matter who takes which.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unsnarl.background import run_side_by_side
from unsnarl.interning.reading import Interned
from unsnarl.interning.sorting import sort_by
from unsnarl.interning.store import N_PARTITIONS, Columns, PairStore
from unsnarl.kernels import canonical_pairs as canonical
from unsnarl.kernels import partitions as kernels
from unsnarl.kernels.connected_components import tie_pairs
from unsnarl.kernels.union_find import point_at_smallest
from unsnarl.model import Components, Index, Pairs, to_score_units

N_EXAMPLES = 5
_LEAST_BITS, _BITS_PER_ROW = 6, 16
"""Bits of a table that shows which pairs cannot be there twice: a word at least, and a few for each row."""
_KEEP = {
    "error": canonical.KEEP_MAX,
    "max": canonical.KEEP_MAX,
    "mean": canonical.KEEP_MEAN,
    "min": canonical.KEEP_MIN,
}

PairList = list[tuple[int, int]]
Ties = tuple[Index, Index]
"""Records, by number, that are in one component whatever their score."""


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


def _sort_rows(rows: Sequence[Index]) -> Columns:
    """Sort rows by (left, right), and those of one pair by score."""
    left, right, score = rows
    key = left.astype(np.int64) << 32 | right
    order = np.argsort(key)
    left, right, score, key = left[order], right[order], score[order], key[order]
    if (key[1:] == key[:-1]).any():
        order = np.lexsort((score, right, left))
        left, right, score = left[order], right[order], score[order]
    return left, right, score


def _find_same(left: Index, right: Index, score: Index) -> NDArray[np.int64]:
    """Find the sorted rows that have the pair and the score of the next."""
    same = (left[1:] == left[:-1]) & (right[1:] == right[:-1]) & (score[1:] == score[:-1])
    return np.flatnonzero(same)


def _list_suspects(store: PairStore, partition: int) -> tuple[NDArray[np.int64], Index, Index]:
    """List all rows of a partition whose pair is in another one too, and a few others: places, left, right."""
    n_rows = store.n_rows(partition)
    n_bits = max(_LEAST_BITS, (_BITS_PER_ROW * n_rows).bit_length())
    once, twice = (np.zeros(1 << n_bits - _LEAST_BITS, dtype=np.uint64) for _ in range(2))
    n_met = sum(kernels.note_pairs(left, right, n_bits, once, twice) for left, right, _ in store.parts(partition))
    places, lefts, rights = ([np.zeros(0, dtype=kind)] for kind in (np.int64, np.int32, np.int32))
    begin = 0
    for left, right, _ in store.parts(partition) if n_met else ():
        rows = np.empty(len(left) + 1, dtype=np.int32)
        found = rows[: kernels.find_suspects(left, right, n_bits, twice, rows)]
        places.append(found + begin)
        lefts.append(left[found])
        rights.append(right[found])
        begin += len(left)
    return np.concatenate(places), np.concatenate(lefts), np.concatenate(rights)


def _find_repeated(store: PairStore, partition: int) -> NDArray[np.int64]:
    """Find the rows of a partition whose pair is in another one too."""
    places, left, right = _list_suspects(store, partition)
    n_slots = 1 << max(4, int(1.3 * len(left)).bit_length())
    keys, firsts = np.zeros(n_slots, dtype=np.uint64), np.empty(n_slots, dtype=np.int32)
    is_repeated = np.zeros(len(left), dtype=np.bool_)
    kernels.mark_repeats(left, right, keys, firsts, is_repeated)
    return places[is_repeated]


class _Settling:
    """Settle the partitions of one store, on several threads. Records go by their numbers here."""

    def __init__(self, rows: Interned, keep: int) -> None:
        self._rows = rows
        self._store = rows.store
        self._keep = keep
        self._lock = threading.Lock()
        self.tally = np.zeros(4, dtype=np.int64)
        self.repeated: PairList = []
        self.conflicts: PairList = []

    @cached_property
    def rank_of(self) -> Index:
        """The index of each record by its number; waits for the ids to be in order."""
        rank_of = np.empty(self._rows.n_records, dtype=np.int32)
        rank_of[self._rows.order] = np.arange(self._rows.n_records, dtype=np.int32)
        return rank_of

    def settle(self, partition: int) -> None:
        """Give every pair of a partition one row."""
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            repeated = _find_repeated(self._store, partition)
        if len(repeated):
            rows = self._store.load(partition)
            is_repeated = np.zeros(len(rows[0]), dtype=np.bool_)
            is_repeated[repeated] = True
            self._store.replace(partition, self._squeeze(rows, is_repeated))

    def _squeeze(self, rows: Columns, is_repeated: np.ndarray) -> Columns:
        """Keep one row of each repeated pair."""
        left, right, score = _sort_rows([column[is_repeated] for column in rows])
        same = self._name_pairs(_find_same(left, right, score), left, right)
        tally = np.zeros(4, dtype=np.int64)
        examples = np.zeros((canonical.N_EXAMPLES, 2), dtype=np.int32)
        differs = (left[1:] == left[:-1]) & (right[1:] == right[:-1]) & (score[1:] != score[:-1])
        found = self._name_pairs(np.flatnonzero(differs), left, right)
        canonical.squeeze(left, right, score, self._keep, tally, examples)
        n_kept = int(tally[canonical.N_PAIRS])
        with self._lock:
            self.tally += tally
            self.repeated = sorted([*self.repeated, *same])[:N_EXAMPLES]
            self.conflicts = sorted([*self.conflicts, *found])[:N_EXAMPLES]
        once = [column[~is_repeated] for column in rows]
        kept = [column[:n_kept] for column in (left, right, score)]
        columns = [np.concatenate(both) for both in zip(once, kept, strict=True)]
        return columns[0], columns[1], columns[2]

    def _name_pairs(self, at: NDArray[np.int64], left: Index, right: Index) -> PairList:
        """Give the first of the pairs in some rows by the ranks of their records."""
        a, b = self.rank_of[left[at]], self.rank_of[right[at]]
        low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b)
        first = np.unique(low << 32 | high)[:N_EXAMPLES]
        return [(int(key) >> 32, int(key) & (2**32 - 1)) for key in first]


def _tie_blocks(store: PairStore, n_records: int, threshold: float, ties: Ties | None) -> Index:
    """Find the components of the pairs at or above the threshold and of the ties, in numbers of records."""
    parent = np.arange(n_records, dtype=np.int32)
    if ties is not None:
        tie_pairs(*ties, np.ones(len(ties[0]), dtype=np.int32), 1, parent)
    for number in range(store.n_blocks):
        tie_pairs(*store.block(number), max(0, to_score_units(threshold)), parent)
    point_at_smallest(parent)
    return parent


def _gather_inside(store: PairStore, component_of: Index, threads: int) -> Columns:
    """Copy out the pairs inside components, by numbers of records."""
    found: dict[int, list[Index]] = {}
    n_records = len(component_of)
    is_tied = np.zeros(n_records // 64 + 1, dtype=np.uint64)
    kernels.mark_tied(component_of, np.zeros(n_records, dtype=np.int32), is_tied)
    # What one block was copied to serves the next: fresh memory costs more than the copying.
    rooms: list[Columns] = []

    def gather(number: int) -> None:
        rows = store.block(number)
        room = rooms.pop() if rooms else (np.empty(0, np.int32),) * 3
        if len(room[0]) < len(rows[0]):
            left, right, score = (np.empty(len(rows[0]), dtype=np.int32) for _ in range(3))
            room = (left, right, score)
        n_kept = kernels.keep_inside(rows, is_tied, component_of, room)
        found[number] = [column[:n_kept].copy() for column in room]
        rooms.append(room)

    run_side_by_side(gather, store.n_blocks, threads)
    none = [np.zeros(0, dtype=np.int32)] * 3
    columns = [np.concatenate(parts) for parts in zip(none, *(found[number] for number in sorted(found)), strict=True)]
    return columns[0], columns[1], columns[2]


def _rename(rows: Interned, rank_of: Index, parent: Index, inside: Columns) -> tuple[Components, Pairs]:
    """Call records by their ranks, components by their smallest, and sort the pairs."""
    roots = parent[rows.order]
    name_of = np.empty(rows.n_records, dtype=np.int32)
    # Of several values the last one stays: the smallest rank.
    name_of[roots[::-1]] = np.arange(rows.n_records - 1, -1, -1, dtype=np.int32)
    left, right = rank_of[inside[0]], rank_of[inside[1]]
    left, right, score = np.minimum(left, right), np.maximum(left, right), inside[2]
    # Each pair is there once by now.
    order = sort_by(left, rows.n_records, sort_by(right, rows.n_records))
    return Components(name_of[roots]), Pairs(left[order], right[order], score[order], rows.n_records)


def settle(rows: Interned, threshold: float, on_conflict: str, threads: int, ties: Ties | None = None) -> Settled:
    """Bring PAIRS to canonical form, find the components, and keep the pairs inside them; empties the store.

    on_conflict  max, mean or min of the different scores of a pair; "error" keeps the largest and leaves the error to
                 the caller
    ties         must-links: they join components, as pairs at the threshold do

    Cost: O(m + n) for m rows; 12 bytes a pair inside components, and what a few blocks take.
    """
    store = rows.store
    settling = _Settling(rows, _KEEP[on_conflict])
    run_side_by_side(settling.settle, N_PARTITIONS, threads)
    parent = _tie_blocks(store, rows.n_records, threshold, ties)
    n_pairs = store.n_kept
    inside = _gather_inside(store, parent, threads)
    store.clear()
    components, pairs = _rename(rows, settling.rank_of, parent, inside)
    return Settled(
        pairs=pairs,
        components=components,
        n_pairs=n_pairs,
        n_self=int(store.tally[kernels.N_SELF]),
        n_repeated=int(settling.tally[canonical.N_REPEATED]),
        n_conflicts=int(settling.tally[canonical.N_CONFLICTS]),
        repeated=settling.repeated,
        conflicts=settling.conflicts,
    )
