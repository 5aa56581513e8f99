"""Find the records and the pairs of each component."""

from __future__ import annotations

from typing import NamedTuple

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import value_of_score


class Part(NamedTuple):
    """Some whole components, as a view of all pairs.

    members       int32[k]    their records, by component and then by record; a record's place in it is its slot
    place_of      int32[n]    place_of[record] is that place
    component_of  int32[n]    component of each record
    first         int64[n+1]  pairs first[r] .. first[r + 1] - 1 have r on the left
    right, score  int32[m]    of all pairs
    """

    members: Int32
    place_of: Int32
    component_of: Int32
    first: Int64
    right: Int32
    score: Int32


@kernel
def find_first_pairs(left: Int32, first: Int64) -> None:
    """Write where the pairs of each left record begin.

    Needs: left sorted; first int64[n + 1] all 0. Overwrites: first. Each turn: counts, then their sums, up to i are right. Ties: none.
    """
    for i in range(len(left)):
        first[left[i] + 1] += 1
    for r in range(len(first) - 1):
        first[r + 1] += first[r]


@kernel
def count_component_pairs(left: Int32, right: Int32, component_of: Int32, n_pairs: Int64) -> None:
    """Count the pairs inside each component. Needs: n_pairs int64[n] all 0. Overwrites: n_pairs. Each turn: pairs 0 .. i counted. Ties: none."""
    for i in range(len(left)):
        c = component_of[left[i]]
        if component_of[right[i]] == c:
            n_pairs[c] += 1


@kernel
def count_partners(part: Part, degree: Int32) -> None:
    """Count the pairs of a score over 0 that each slot of a part has inside its component.

    Needs: degree int32[k] all 0. Overwrites: degree. Each turn: pairs with a left slot up to i are counted. Ties: none.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] > 0 and part.component_of[other] == part.component_of[record]:
                degree[i] += 1
                degree[part.place_of[other]] += 1


@kernel
def write_entries(part: Part, linkage: int, segments: Records, entries: Records) -> None:
    """Write each pair that count_partners counts into the segments of both its slots.

    Needs: segments laid out by those counts, used 0. Overwrites: entries, used. Each turn: pairs with a left slot up to i are written.
    Ties: none.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] == 0 or part.component_of[other] != part.component_of[record]:
                continue
            j = part.place_of[other]
            value = value_of_score(linkage, part.score[p])
            at = segments[i].first + segments[i].used
            entries[at].partner, entries[at].value = j, value
            segments[i].used += 1
            at = segments[j].first + segments[j].used
            entries[at].partner, entries[at].value = i, value
            segments[j].used += 1
