"""Find the records and the pairs of each component."""

from __future__ import annotations

from typing import NamedTuple

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import value_of_score
from unsnarl.kernels.union_find import find


class Part(NamedTuple):
    """Some whole components, as a view of all pairs, and the k clusters their records are in when work on them begins.

    members       int32[r]    their records
    names         int32[k]    the clusters, named by their smallest records, increasing; a cluster's place is its slot
    sizes         int32[k]    records in each cluster
    slot_of       int32[n]    slot_of[record] is the slot of its cluster (records of other parts: anything)
    component_of  int32[n]    component of each record
    first         int64[n+1]  pairs first[r] .. first[r + 1] - 1 have r on the left
    right, score  int32[m]    of all pairs
    """

    members: Int32
    names: Int32
    sizes: Int32
    slot_of: Int32
    component_of: Int32
    first: Int64
    right: Int32
    score: Int32


@kernel
def find_first_pairs(left: Int32, first: Int64) -> None:
    """Write where the pairs of each left record begin.

    Needs: left sorted; first int64[n + 1] all 0. Overwrites: first. Each turn: counts, then their sums, up to i are
    right. Ties: none.
    """
    for i in range(len(left)):
        first[left[i] + 1] += 1
    for r in range(len(first) - 1):
        first[r + 1] += first[r]


@kernel
def count_pairs_inside(part: Part, n_pairs: Int64) -> None:
    """Count the pairs inside each component of a part.

    Needs: n_pairs int64[n] 0 for those components. Overwrites: n_pairs. Each turn: pairs whose left record is among
    the first i are counted.
    Ties: none.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        c = part.component_of[record]
        for p in range(part.first[record], part.first[record + 1]):
            if part.component_of[part.right[p]] == c:
                n_pairs[c] += 1


@kernel
def connect_inside(part: Part, threshold: int, parent: Int32) -> None:
    """Find the components of those pairs inside a part's components that score at least `threshold`.

    Needs: parent int32[n] with parent[i] == i. Overwrites: parent of the members: the smallest record of each one's
    component. Each turn: as in connected_components. Ties: the smaller record stands for the set.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] >= threshold and part.component_of[other] == part.component_of[record]:
                a = find(parent, record)
                b = find(parent, other)
                if a < b:
                    parent[b] = a
                elif b < a:
                    parent[a] = b
    for i in range(len(part.members)):
        record = part.members[i]
        parent[record] = find(parent, record)


@kernel
def count_entries(part: Part, n_entries: Int32) -> None:
    """Count, for each slot, the pairs of a score over 0 that tie it to another slot of its component.

    Needs: n_entries int32[k] all 0. Overwrites: n_entries. Each turn: pairs whose left record is among the first i
    are counted. Ties: none.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        a = part.slot_of[record]
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] > 0 and part.component_of[other] == part.component_of[record]:
                b = part.slot_of[other]
                if a != b:
                    n_entries[a] += 1
                    n_entries[b] += 1


@kernel
def write_entries(part: Part, linkage: int, segments: Records, entries: Records) -> None:
    """Write each pair that count_entries counts into the segments of both its slots.

    Needs: segments laid out by those counts, used 0. Overwrites: entries, used.
    Each turn: pairs whose left record is among the first i are written. Ties: none.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        a = part.slot_of[record]
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] == 0 or part.component_of[other] != part.component_of[record]:
                continue
            b = part.slot_of[other]
            if a == b:
                continue
            value = value_of_score(linkage, part.score[p])
            at = segments[a].first + segments[a].used
            entries[at].partner, entries[at].value = b, value
            segments[a].used += 1
            at = segments[b].first + segments[b].used
            entries[at].partner, entries[at].value = a, value
            segments[b].used += 1
