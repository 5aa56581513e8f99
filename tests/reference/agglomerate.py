"""Greedy agglomeration of a sparse graph, from its definition, in exact arithmetic.

The similarity of two clusters, of the scores s(a, b) between their records (a
pair that was never scored counts 0):

    average    the sum of s over all |A||B| pairs, divided by |A||B|
    single     the largest s
    complete   the smallest s over all |A||B| pairs
    weighted   S(A u B, X) = (S(A, X) + S(B, X)) / 2, along the merges made

At each step the two clusters of the largest similarity merge; of several such
pairs the one with the smallest (min id, max id). A merged cluster is named by
its smaller id. It ends when no two clusters have a similarity above 0.

What people decided: a pair of score FORBIDDEN keeps all clusters apart that
hold its two records. Records of one group are one cluster to begin with; to
weighted linkage that is an item as alike to another as the mean of the pairs.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

UNITS = 10**9
FORBIDDEN = -1
LINKAGES = ("average", "single", "complete", "weighted")


class Merge(NamedTuple):
    """One merge: the two clusters by name, their exact similarity (0 .. 1) and the records of the result."""

    left: int
    right: int
    similarity: Fraction
    size: int

    @property
    def distance(self) -> Fraction:
        return 1 - self.similarity


def _is_forbidden(a: list[int], b: list[int], score: dict[tuple[int, int], int]) -> bool:
    """Say whether a pair of two clusters' records is forbidden."""
    return any(score.get((min(x, y), max(x, y))) == FORBIDDEN for x in a for y in b)


def _between(a: list[int], b: list[int], score: dict[tuple[int, int], int], linkage: str) -> Fraction:
    """Compute the similarity of two clusters from their records."""
    crossing = [score.get((min(x, y), max(x, y)), 0) for x in a for y in b]
    if FORBIDDEN in crossing:
        return Fraction(0)
    value = {"average": sum(crossing), "single": max(crossing), "complete": min(crossing)}[linkage]
    return Fraction(value, UNITS * (len(crossing) if linkage == "average" else 1))


def tie(n_records: int, must_of: list[int]) -> tuple[dict[int, list[int]], list[Merge]]:
    """Make one cluster of each group; return the members of all clusters, and the merges behind them."""
    members = {record: [record] for record in range(n_records)}
    merges = []
    for low, record in sorted((low, record) for record, low in enumerate(must_of) if low != record):
        members[low] += members.pop(record)
        merges.append(Merge(low, record, Fraction(1), len(members[low])))
    return members, merges


def agglomerate_by_definition(
    pairs: list[tuple[int, int, int]], n_records: int, linkage: str, must_of: Sequence[int] = ()
) -> list[Merge]:
    """Merge greedily, all similarities computed anew from the records at every step. Cost: O(n^4).

    pairs    (left, right, score in units of 1e-9 or FORBIDDEN), each pair once, left < right
    must_of  the smallest record of each record's group; empty where there are no groups
    """
    score = {(left, right): value for left, right, value in pairs}
    members, merges = tie(n_records, list(must_of))
    weighted = {(a, b): _between(members[a], members[b], score, "average") for a, b in combinations(sorted(members), 2)}
    apart = {(a, b) for (a, b) in weighted if _is_forbidden(members[a], members[b], score)}
    while len(members) > 1:
        if linkage == "weighted":
            pairs_left = combinations(sorted(members), 2)
            similarity = {pair: Fraction(0) if pair in apart else weighted[pair] for pair in pairs_left}
        else:
            similarity = {
                (a, b): _between(members[a], members[b], score, linkage) for a, b in combinations(sorted(members), 2)
            }
        left, right = min(similarity, key=lambda pair: (1 - similarity[pair], *pair))
        if similarity[left, right] == 0:
            break
        members[left] += members.pop(right)
        merges.append(Merge(left, right, similarity[left, right], len(members[left])))
        for other in set(members) - {left}:
            kept, gone = (min(left, other), max(left, other)), (min(right, other), max(right, other))
            weighted[kept] = (weighted[kept] + weighted[gone]) / 2
            if gone in apart:
                apart.add(kept)
    return merges


class _Heap:
    """The same greedy order kept on a heap of integer keys: an oracle for graphs of thousands of pairs.

    A value is an integer: for average the sum of scores W, else the similarity.
    Values of weighted linkage are scaled by 2^depth so that every half is whole.
    Pairs whose similarity is 0 are left out: 0 adds nothing, and never merges.
    The value of a forbidden pair is FORBIDDEN; it is not on the heap.
    """

    def __init__(
        self, pairs: list[tuple[int, int, int]], n_records: int, linkage: str, members: dict[int, list[int]]
    ) -> None:
        self.linkage = linkage
        self.depth = n_records if linkage == "weighted" else 0
        self.size = [1] * n_records
        self.values: list[dict[int, int]] = [{} for _ in range(n_records)]
        self.heap: list[tuple[int, int, int]] = []
        name = {record: low for low, group in members.items() for record in group}
        crossing: dict[tuple[int, int], list[int]] = {}
        for left, right, score in pairs:
            a, b = name[left], name[right]
            if score != 0 and a != b:
                crossing.setdefault((min(a, b), max(a, b)), []).append(score)
        for low, group in members.items():
            self.size[low] = len(group)
        for (a, b), scores in sorted(crossing.items()):
            self.put(a, b, self.first_value(scores, len(members[a]) * len(members[b])))

    def first_value(self, scores: list[int], n_pairs: int) -> int:
        """Give the value of two groups from the scores of their pairs, those over 0 and those forbidden."""
        if FORBIDDEN in scores:
            return FORBIDDEN
        if self.linkage == "average":
            return sum(scores)
        if self.linkage == "single":
            return max(scores)
        if self.linkage == "complete":
            return min(scores) if len(scores) == n_pairs else 0
        mean, rest = divmod(sum(scores) << self.depth, n_pairs)
        assert rest == 0
        return mean

    def key(self, a: int, b: int, value: int) -> int:
        """Turn a value into an integer that falls as the similarity rises, equal only for equal similarities.

        Quotients with denominators below 2^40 differ by more than 2^-80, so 2^-128 tells them apart.
        """
        if self.linkage == "average":
            return -((value << 128) // (self.size[a] * self.size[b]))
        return -value

    def put(self, a: int, b: int, value: int) -> None:
        if value == 0:
            return
        self.values[a][b] = self.values[b][a] = value
        if value != FORBIDDEN:
            heapq.heappush(self.heap, (self.key(a, b, value), min(a, b), max(a, b)))

    def joined(self, first: int, second: int) -> int:
        """Give the value of a union to another cluster from the values of its two parts (0: none)."""
        if FORBIDDEN in (first, second):
            return FORBIDDEN
        if self.linkage == "average":
            return first + second
        if self.linkage == "single":
            return max(first, second)
        if self.linkage == "complete":
            return min(first, second)
        assert (first + second) % 2 == 0
        return (first + second) // 2

    def similarity(self, a: int, b: int) -> Fraction:
        value = self.values[a][b]
        if self.linkage == "average":
            return Fraction(value, self.size[a] * self.size[b] * UNITS)
        return Fraction(value, UNITS << self.depth)

    def merge(self, left: int, right: int) -> None:
        kept, gone = self.values[left], self.values[right]
        self.size[left] += self.size[right]
        for other in sorted((kept.keys() | gone.keys()) - {left, right}):
            value = self.joined(kept.get(other, 0), gone.get(other, 0))
            self.values[other].pop(left, None)
            self.values[other].pop(right, None)
            kept.pop(other, None)
            self.put(left, other, value)
        kept.pop(right)
        gone.clear()


def agglomerate(
    pairs: list[tuple[int, int, int]], n_records: int, linkage: str, must_of: Sequence[int] = ()
) -> list[Merge]:
    """Merge greedily, on a heap: the same merges as `agglomerate_by_definition`, in about O(m n) at worst."""
    members, merges = tie(n_records, list(must_of))
    state = _Heap(pairs, n_records, linkage, members)
    while state.heap:
        key, left, right = heapq.heappop(state.heap)
        value = state.values[left].get(right)
        if value is None or value == FORBIDDEN or state.key(left, right, value) != key:
            continue
        similarity = state.similarity(left, right)
        state.merge(left, right)
        merges.append(Merge(left, right, similarity, state.size[left]))
    return merges


def cut(merges: list[Merge], n_records: int, threshold: Fraction) -> list[int]:
    """Name the cluster of each record (its smallest record) when merges of distance <= threshold are made."""
    cluster_of = list(range(n_records))
    for merge in merges:
        if merge.distance <= threshold:
            cluster_of = [merge.left if name == merge.right else name for name in cluster_of]
    return cluster_of
