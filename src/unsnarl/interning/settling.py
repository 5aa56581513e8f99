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

from unsnarl.background import Later, run_side_by_side
from unsnarl.interning.reading import Interned
from unsnarl.interning.sorting import sort_pairs
from unsnarl.interning.store import N_BITS, N_PARTITIONS, Columns, PairStore
from unsnarl.kernels import canonical_pairs as canonical
from unsnarl.kernels import partitions as kernels
from unsnarl.kernels.connected_components import tie_pairs
from unsnarl.kernels.union_find import point_at_smallest
from unsnarl.model import Components, Index, Pairs, to_score_units

N_EXAMPLES = 5
_BUCKET_BITS = 13
"""Hashes of pairs are looked at some 2**13 at a time, or half as many: what fits near the processor."""
_KEEP = {
    "error": canonical.KEEP_MAX,
    "max": canonical.KEEP_MAX,
    "mean": canonical.KEEP_MEAN,
    "min": canonical.KEEP_MIN,
}

Hashes = NDArray[np.uint64]
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


def _count_places(n_hashes: int) -> int:
    """Say how long a table of some hashes is: a power of two, a quarter of it free at least."""
    return 1 << max(4, (4 * n_hashes // 3).bit_length())


def _list_repeated(store: PairStore, partition: int, room: Hashes) -> Hashes:
    """List the hashes of the pairs of a partition that are in more than one row.

    room  for the hashes of all rows
    """
    n_bits = (store.n_rows(partition) >> _BUCKET_BITS).bit_length()
    starts = np.zeros((1 << n_bits) + 2, dtype=np.int64)
    for left, right, _ in store.parts(partition):
        kernels.count_buckets(left, right, N_BITS, n_bits, starts)
    table = np.empty(_count_places(int(starts.max())), dtype=np.uint64)
    np.cumsum(starts, out=starts)
    for left, right, _ in store.parts(partition):
        kernels.fill_buckets(left, right, N_BITS, n_bits, starts, room)
    return room[: kernels.keep_repeated(starts, table, room)]


def _find_repeated(store: PairStore, partition: int, room: Hashes) -> NDArray[np.int64]:
    """Find the rows of a partition whose pair is in another one too."""
    repeated = _list_repeated(store, partition, room)
    places = [np.zeros(0, dtype=np.int64)]
    if len(repeated):
        table = np.zeros(_count_places(len(repeated)), dtype=np.uint64)
        kernels.enter_hashes(repeated, table)
        begin = 0
        for left, right, _ in store.parts(partition):
            rows = np.empty(len(left) + 1, dtype=np.int32)
            places.append(rows[: kernels.find_rows(left, right, table, rows)] + np.int64(begin))
            begin += len(left)
    return np.concatenate(places)


class _Settling:
    """Settle the partitions of one store, on several threads. Records go by their numbers here."""

    def __init__(self, rows: Interned, keep: int, threshold: float) -> None:
        self._rows = rows
        self._store = rows.store
        self._keep = keep
        self._threshold = max(0, to_score_units(threshold))
        self._lock, self._tying = threading.Lock(), threading.Lock()
        self._rooms: list[Hashes] = []
        self.parent = np.arange(rows.n_records, dtype=np.int32)
        self.tally = np.zeros(4, dtype=np.int64)
        self.repeated: PairList = []
        self.conflicts: PairList = []

    @cached_property
    def rank_of(self) -> Index:
        """The index of each record by its number; waits for the ids to be in order."""
        rank_of = np.empty(self._rows.n_records, dtype=np.int32)
        rank_of[self._rows.order] = np.arange(self._rows.n_records, dtype=np.int32)
        return rank_of

    def _take_room(self, n_rows: int) -> Hashes:
        """Give room for hashes: what served one partition serves the next, since fresh memory costs more than them."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = np.empty(0, dtype=np.uint64)
        return room if len(room) > n_rows else np.empty(n_rows + n_rows // 8 + 1, dtype=np.uint64)

    def tie(self, ties: Ties) -> None:
        """Bring records into one component whatever their score."""
        tie_pairs(*ties, np.ones(len(ties[0]), dtype=np.int32), 1, self.parent)

    def settle(self, partition: int) -> None:
        """Give every pair of a partition one row, and tie the records of those at or above the threshold."""
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            room = self._take_room(self._store.n_rows(partition))
            repeated = _find_repeated(self._store, partition, room)
            self._rooms.append(room)
        if len(repeated):
            rows = self._store.load(partition)
            is_repeated = np.zeros(len(rows[0]), dtype=np.bool_)
            is_repeated[repeated] = True
            self._store.replace(partition, self._squeeze(rows, is_repeated))
        # Few pairs tie: nobody waits long.
        with self._tying:
            for part in self._store.parts(partition):
                tie_pairs(*part, self._threshold, self.parent)

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


def _name_components(order: Index, parent: Index) -> Components:
    """Call components by their smallest record.

    order   number of the record of each rank
    parent  by number, the record that stands for its component
    """
    roots = parent[order]
    name_of = np.empty(len(order), dtype=np.int32)
    # Of several values the last one stays: the smallest rank.
    name_of[roots[::-1]] = np.arange(len(order) - 1, -1, -1, dtype=np.int32)
    return Components(name_of[roots])


def _rename(rank_of: Index, inside: Columns) -> Pairs:
    """Call records by their ranks, and sort the pairs, each of which is there once."""
    left, right = rank_of[inside[0]], rank_of[inside[1]]
    left, right = np.minimum(left, right), np.maximum(left, right)
    order = sort_pairs(left, right, len(rank_of))
    return Pairs(left[order], right[order], inside[2][order], len(rank_of))


def settle(rows: Interned, threshold: float, on_conflict: str, threads: int, ties: Ties | None = None) -> Settled:
    """Bring PAIRS to canonical form, find the components, and keep the pairs inside them; empties the store.

    on_conflict  max, mean or min of the different scores of a pair; "error" keeps the largest and leaves the error to
                 the caller
    ties         must-links: they join components, as pairs at the threshold do

    Cost: O(m + n) for m rows; 12 bytes a pair inside components, and what a few blocks take.
    """
    store = rows.store
    settling = _Settling(rows, _KEEP[on_conflict], threshold)
    if ties is not None:
        settling.tie(ties)
    run_side_by_side(settling.settle, N_PARTITIONS, threads)
    point_at_smallest(settling.parent)
    n_pairs = store.n_kept
    inside = _gather_inside(store, settling.parent, threads)
    store.clear()
    components = Later(lambda: _name_components(rows.order, settling.parent))
    pairs = _rename(settling.rank_of, inside)
    return Settled(
        pairs=pairs,
        components=components.wait(),
        n_pairs=n_pairs,
        n_self=int(store.tally[kernels.N_SELF]),
        n_repeated=int(settling.tally[canonical.N_REPEATED]),
        n_conflicts=int(settling.tally[canonical.N_CONFLICTS]),
        repeated=settling.repeated,
        conflicts=settling.conflicts,
    )
