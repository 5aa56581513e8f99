"""What became of each cluster: the kind of change, the records in it, and the changes in order, worst first.

Old and new clusters that share records hang together; what hangs together, directly or through others, is a group,
and a group is one change. What is in a group decides its kind (docs/lineage.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.lineage.overlap import ABSENT, Numbers, Overlap, carry_over, find_degrees

CHANGES = ("unchanged", "grown", "shrunk", "merged", "split", "reshuffled", "new", "gone")
UNCHANGED, GROWN, SHRUNK, MERGED, SPLIT, RESHUFFLED, NEW, GONE = range(8)


@dataclass(frozen=True)
class Lineage:
    """Hold a row for each old and new cluster that share records, each new cluster alone and each old one gone.

    1. Groups are numbered 0, 1, ... in the order of the rows, worst first: by records moved, then by records that came
       or went, then by kind, then by the smallest record. Unchanged ones are last, so.
    2. Inside a group rows are by n_records, most first, then by the smallest record.

    change     int8[r]    place in CHANGES, the same in all rows of a group
    old, new   int32[r]   cluster numbers, ABSENT in rows of new clusters and of those gone
    n_records  int64[r]   records in both; of a new cluster, or one gone, all
    group      int64[r]
    n_moved    int64[g]   records of a group in both clusterings whose cluster is not the one theirs goes on as
    n_added    int64[g]   records in its new clusters only
    n_removed  int64[g]   records in its old clusters only
    """

    change: NDArray[np.int8]
    old: NDArray[np.int32]
    new: NDArray[np.int32]
    n_records: NDArray[np.int64]
    group: NDArray[np.int64]
    n_moved: NDArray[np.int64]
    n_added: NDArray[np.int64]
    n_removed: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.change)


def _classify(overlap: Overlap) -> NDArray[np.int8]:
    """Give the kind of change of each row."""
    old, new = overlap.old, overlap.new
    old_degree, new_degree = find_degrees(overlap)
    is_torn, is_mixed = old_degree[old] > 1, new_degree[new] > 1
    has_torn = np.zeros(len(overlap.new_size), dtype=np.bool_)
    has_torn[new[is_torn]] = True
    meets_mixed = np.zeros(len(overlap.old_size), dtype=np.bool_)
    meets_mixed[old[is_mixed]] = True
    keeps_all = overlap.n_records == overlap.old_size[old]
    has_no_more = overlap.n_records == overlap.new_size[new]
    is_alone = ~is_torn & ~is_mixed
    change = np.full(len(overlap), RESHUFFLED, dtype=np.int8)
    change[is_alone & keeps_all] = GROWN
    change[is_alone & has_no_more] = SHRUNK
    change[is_alone & keeps_all & has_no_more] = UNCHANGED
    change[is_mixed & ~has_torn[new]] = MERGED
    change[is_torn & ~meets_mixed[old]] = SPLIT
    return change


def _join_tangles(old: list[int], new: list[int]) -> list[int]:
    """Give for each row the first row of what hangs together with it. Cost: near O(rows), in Python."""
    parent = list(range(len(old)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_of: dict[tuple[int, int], int] = {}
    for row, ends in enumerate(zip(old, new, strict=True)):
        for side, number in enumerate(ends):
            one, other = find(first_of.setdefault((side, number), row)), find(row)
            parent[max(one, other)] = min(one, other)
    return [find(row) for row in range(len(parent))]


def _find_leads(overlap: Overlap, change: NDArray[np.int8]) -> NDArray[np.int64]:
    """Give for each row the first row of its group."""
    rows = np.arange(len(overlap))
    lead = rows.copy()
    for kind, number in ((MERGED, overlap.new), (SPLIT, overlap.old)):
        some = rows[change == kind]
        first_of = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.int64)
        # Of several that are written to one place the last stands: backwards, that is the first row.
        first_of[number[some[::-1]]] = some[::-1]
        lead[some] = first_of[number[some]]
    some = rows[change == RESHUFFLED]
    lead[some] = some[np.array(_join_tangles(overlap.old[some].tolist(), overlap.new[some].tolist()), dtype=np.int64)]
    return lead


def _total(group: Numbers, amount: Numbers, n_groups: int) -> NDArray[np.int64]:
    """Add amounts up by group; exact below 2**53."""
    return np.bincount(group, amount, minlength=n_groups).astype(np.int64)


def _total_sizes(group: Numbers, number: Numbers, size: Numbers, n_groups: int) -> NDArray[np.int64]:
    """Add up the sizes of the different clusters in each group."""
    group_of = np.full(len(size), ABSENT, dtype=np.int64)
    group_of[number] = group
    is_used = group_of != ABSENT
    return _total(group_of[is_used], size[is_used], n_groups)


@dataclass(frozen=True)
class _Rows:
    """Hold rows of a Lineage before they are put in order, with the first record each is of."""

    change: Any
    old: Any
    new: Any
    n_records: Any
    first: Any
    group: Any


def _find_first(number_of: Numbers, size: Numbers) -> NDArray[np.int64]:
    """Give the smallest record of each cluster."""
    first = np.zeros(len(size), dtype=np.int64)
    first[number_of[::-1]] = np.arange(len(number_of))[::-1]
    return first


def _add_lone(shared: _Rows, overlap: Overlap, old_of: Numbers, new_of: Numbers) -> _Rows:
    """Add a row, and a group, for each cluster that shares no record."""
    old_degree, new_degree = find_degrees(overlap)
    born, gone = np.flatnonzero(new_degree == 0), np.flatnonzero(old_degree == 0)
    absent = np.full(max(len(born), len(gone)), ABSENT, dtype=np.int32)
    n_groups = int(shared.group.max(initial=-1)) + 1
    parts = (
        (shared.change, np.full(len(born), NEW, dtype=np.int8), np.full(len(gone), GONE, dtype=np.int8)),
        (shared.old, absent[: len(born)], gone.astype(np.int32)),
        (shared.new, born.astype(np.int32), absent[: len(gone)]),
        (shared.n_records, overlap.new_size[born], overlap.old_size[gone]),
        (shared.first, _find_first(new_of, overlap.new_size)[born], _find_first(old_of, overlap.old_size)[gone]),
        (shared.group, n_groups + np.arange(len(born) + len(gone))),
    )
    return _Rows(*(np.concatenate(part) for part in parts))


def _put_in_order(rows: _Rows, moved: Numbers, changed: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the order of the rows and that of the groups, worst first."""
    n_groups = len(moved)
    kind, first = np.zeros(n_groups, dtype=np.int8), np.full(n_groups, np.iinfo(np.int64).max)
    kind[rows.group] = rows.change
    np.minimum.at(first, rows.group, rows.first)
    still = np.flatnonzero(kind == UNCHANGED)
    others = np.flatnonzero(kind != UNCHANGED)
    others = others[np.lexsort((first[others], kind[others], -changed[others], -moved[others]))]
    by_group = np.concatenate([others, still[np.argsort(first[still])]])
    rank = np.empty(n_groups, dtype=np.int64)
    rank[by_group] = np.arange(n_groups)
    is_still = rows.change == UNCHANGED
    some, rest = np.flatnonzero(~is_still), np.flatnonzero(is_still)
    some = some[np.lexsort((rows.first[some], -rows.n_records[some], rank[rows.group[some]]))]
    # A group that has not changed is one row.
    return np.concatenate([some, rest[np.argsort(rank[rows.group[rest]])]]), by_group


def trace_changes(overlap: Overlap, old_of: Numbers, new_of: Numbers) -> Lineage:
    """Say what became of each cluster.

    overlap         of the two clusterings
    old_of, new_of  int[n]  the clusterings, as `find_overlap` takes them

    Cost: O((n + c) log c); a loop in Python over the rows of reshuffled groups.
    """
    change = _classify(overlap)
    leads, group = np.unique(_find_leads(overlap, change), return_inverse=True)
    n_groups = len(leads)
    shared = _Rows(change, overlap.old, overlap.new, overlap.n_records, overlap.first, group.reshape(-1))
    n_shared = _total(shared.group, overlap.n_records, n_groups)
    goes_on = carry_over(overlap)[overlap.new] == overlap.old
    rows = _add_lone(shared, overlap, old_of, new_of)
    n_lone = int(rows.group.max(initial=-1)) + 1 - n_groups
    moved = np.concatenate([_total(shared.group, overlap.n_records * ~goes_on, n_groups), np.zeros(n_lone, np.int64)])
    n_kept = np.concatenate([n_shared, np.zeros(n_lone, np.int64)])
    has_new, has_old = rows.new != ABSENT, rows.old != ABSENT
    added = _total_sizes(rows.group[has_new], rows.new[has_new], overlap.new_size, len(n_kept)) - n_kept
    removed = _total_sizes(rows.group[has_old], rows.old[has_old], overlap.old_size, len(n_kept)) - n_kept
    order, by_group = _put_in_order(rows, moved, added + removed)
    rank = np.empty(len(by_group), dtype=np.int64)
    rank[by_group] = np.arange(len(by_group))
    columns = (rows.change, rows.old, rows.new, rows.n_records, rank[rows.group])
    amounts = (moved, added, removed)
    return Lineage(*(column[order] for column in columns), *(amount[by_group] for amount in amounts))


@dataclass(frozen=True)
class Count:
    """Count the groups of one kind of change, the clusters in them on either side, and the records of their rows."""

    n_changes: int
    n_old_clusters: int
    n_new_clusters: int
    n_records: int


def _count_different(numbers: Numbers) -> int:
    """Count the different numbers, ABSENT left out."""
    is_met = np.zeros(int(numbers.max(initial=ABSENT)) + 1, dtype=np.bool_)
    is_met[numbers[numbers != ABSENT]] = True
    return int(np.count_nonzero(is_met))


def count_changes(lineage: Lineage) -> dict[str, Count]:
    """Count by kind of change, in the order of CHANGES. Cost: O(r)."""
    counts = {}
    for kind, name in enumerate(CHANGES):
        rows = np.flatnonzero(lineage.change == kind)
        group, old, new = lineage.group[rows], lineage.old[rows], lineage.new[rows]
        n_changes = int(np.count_nonzero(np.diff(group, prepend=-1)))
        n_old, n_new = (_count_different(side) for side in (old, new))
        counts[name] = Count(n_changes, n_old, n_new, int(lineage.n_records[rows].sum()))
    return counts
