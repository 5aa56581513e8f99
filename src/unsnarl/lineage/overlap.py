"""How many records two clusters share, for all pairs that share any; and which cluster goes on as which.

Records are given by position in the order of their ids, clusters by number. The two clusterings may be of different
records: `place` says where a record of the one stands among those of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]
"""Any kind of integers."""

ABSENT = -1


@dataclass(frozen=True)
class Overlap:
    """Hold a row for each old and new cluster that share records, sorted by (old, new).

    1. The records of both clusterings are counted in exactly one row; every n_records is at least 1.
    2. `first` differs from row to row: no record is shared twice.

    old, new            int32[c]   cluster numbers
    n_records           int64[c]   records in both
    first               int64[c]   the smallest of those, by its place among the new records
    old_size, new_size  int64[k]   records in each old cluster, in each new one
    """

    old: NDArray[np.int32]
    new: NDArray[np.int32]
    n_records: NDArray[np.int64]
    first: NDArray[np.int64]
    old_size: NDArray[np.int64]
    new_size: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.old)

    def check(self) -> None:
        """Assert what the class guarantees."""
        assert (self.n_records >= 1).all()
        assert len(np.unique(self.first)) == len(self)
        assert (np.diff(self.old.astype(np.int64) * max(len(self.new_size), 1) + self.new) > 0).all()
        for number, size in ((self.old, self.old_size), (self.new, self.new_size)):
            assert (np.bincount(number, self.n_records, minlength=len(size)) <= size).all()


def number_clusters(cluster_of: Numbers) -> NDArray[np.int32]:
    """Number clusters that are named by their smallest record, in the order of that record.

    >>> number_clusters(np.array([0, 1, 0, 3])).tolist()
    [0, 1, 0, 2]
    """
    begins = cluster_of == np.arange(len(cluster_of))
    return (np.cumsum(begins) - 1).astype(np.int32)[cluster_of]


def find_overlap(old_of: Numbers, new_of: Numbers, place: Numbers) -> Overlap:
    """Count the records that old and new clusters share.

    old_of  int[n_old]  cluster of each old record, numbers 0 .. k - 1 all in use
    new_of  int[n_new]  the same of the new records
    place   int[n_old]  where each old record stands among the new ones, increasing; ABSENT where it does not

    Cost: a sort of the records in both; 32 bytes a record.

    >>> found = find_overlap(np.array([0, 0, 1]), np.array([0, 1, 1, 1]), np.array([0, 1, 2]))
    >>> list(zip(found.old.tolist(), found.new.tolist(), found.n_records.tolist(), found.first.tolist()))
    [(0, 0, 1, 0), (0, 1, 1, 1), (1, 1, 1, 2)]
    """
    old_size, new_size = (np.bincount(numbers).astype(np.int64) for numbers in (old_of, new_of))
    is_shared = place != ABSENT
    shared = place[is_shared].astype(np.int64)
    key = old_of[is_shared].astype(np.int64) * max(len(new_size), 1) + new_of[shared]
    keys, begins, counts = np.unique(key, return_index=True, return_counts=True)
    old, new = np.divmod(keys, max(len(new_size), 1))
    return Overlap(old.astype(np.int32), new.astype(np.int32), counts, shared[begins], old_size, new_size)


def find_degrees(overlap: Overlap) -> tuple[Numbers, Numbers]:
    """Count for each old cluster the new ones it shares records with, and the other way round."""
    old_degree = np.bincount(overlap.old, minlength=len(overlap.old_size))
    return old_degree, np.bincount(overlap.new, minlength=len(overlap.new_size))


def carry_over(overlap: Overlap) -> NDArray[np.int32]:
    """Say which old cluster goes on as each new one, one to one; ABSENT where none does.

    Pairs of clusters are gone through by records shared, most first; then by records in either, fewest first; then by
    the smallest record shared, which is never the same. A pair is taken where neither is yet.

    Cost: O(c) beside a sort, a loop in Python over the pairs of clusters that are not each other's only one.

    >>> carry_over(find_overlap(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 1]), np.arange(4))).tolist()
    [-1, 0]
    """
    old_of = np.full(len(overlap.new_size), ABSENT, dtype=np.int32)
    old_degree, new_degree = find_degrees(overlap)
    is_alone = (old_degree[overlap.old] == 1) & (new_degree[overlap.new] == 1)
    old_of[overlap.new[is_alone]] = overlap.old[is_alone]
    rest = np.flatnonzero(~is_alone)
    old, new = overlap.old[rest], overlap.new[rest]
    either = overlap.old_size[old] + overlap.new_size[new]
    order = np.lexsort((overlap.first[rest], either, -overlap.n_records[rest]))
    taken = bytearray(len(overlap.old_size))
    found: dict[int, int] = {}
    for before, after in zip(old[order].tolist(), new[order].tolist(), strict=True):
        if not taken[before] and after not in found:
            taken[before] = 1
            found[after] = before
    old_of[list(found)] = list(found.values())
    return old_of
