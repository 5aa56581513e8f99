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
"""

from __future__ import annotations

import heapq
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

UNITS = 10**9
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


def _between(a: list[int], b: list[int], score: dict[tuple[int, int], int], linkage: str) -> Fraction:
    """Compute the similarity of two clusters from their records."""
    crossing = [score.get((min(x, y), max(x, y)), 0) for x in a for y in b]
    value = {"average": sum(crossing), "single": max(crossing), "complete": min(crossing)}[linkage]
    return Fraction(value, UNITS * (len(crossing) if linkage == "average" else 1))


def agglomerate_by_definition(pairs: list[tuple[int, int, int]], n_records: int, linkage: str) -> list[Merge]:
    """Merge greedily, all similarities computed anew from the records at every step. Cost: O(n^4).

    pairs  (left, right, score in units of 1e-9), each pair once, left < right
    """
    score = {(left, right): value for left, right, value in pairs}
    members = {record: [record] for record in range(n_records)}
    weighted = {pair: Fraction(score.get(pair, 0), UNITS) for pair in combinations(range(n_records), 2)}
    merges = []
    while len(members) > 1:
        if linkage == "weighted":
            similarity = {pair: weighted[pair] for pair in combinations(sorted(members), 2)}
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
    return merges


class _Heap:
    """The same greedy order kept on a heap of integer keys: an oracle for graphs of thousands of pairs.

    A value is an integer: for average the sum of scores W, else the similarity.
    Values of weighted linkage are scaled by 2^depth so that every half is whole.
    Pairs whose similarity is 0 are left out: 0 adds nothing, and never merges.
    """

    def __init__(self, pairs: list[tuple[int, int, int]], n_records: int, linkage: str) -> None:
        self.linkage = linkage
        self.depth = n_records if linkage == "weighted" else 0
        self.size = [1] * n_records
        self.values: list[dict[int, int]] = [{} for _ in range(n_records)]
        self.heap: list[tuple[int, int, int]] = []
        for left, right, score in pairs:
            if score > 0:
                self.put(left, right, score << self.depth)

    def key(self, a: int, b: int, value: int) -> int:
        """Turn a value into an integer that falls as the similarity rises, equal only for equal similarities.

        Quotients with denominators below 2^40 differ by more than 2^-80, so 2^-128 tells them apart.
        """
        if self.linkage == "average":
            return -((value << 128) // (self.size[a] * self.size[b]))
        return -value

    def put(self, a: int, b: int, value: int) -> None:
        self.values[a][b] = self.values[b][a] = value
        heapq.heappush(self.heap, (self.key(a, b, value), min(a, b), max(a, b)))

    def joined(self, first: int, second: int) -> int:
        """Give the value of a union to another cluster from the values of its two parts (0: none)."""
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
            if value > 0:
                self.put(left, other, value)
        kept.pop(right)
        gone.clear()


def agglomerate(pairs: list[tuple[int, int, int]], n_records: int, linkage: str) -> list[Merge]:
    """Merge greedily, on a heap: the same merges as `agglomerate_by_definition`, in about O(m n) at worst."""
    state = _Heap(pairs, n_records, linkage)
    merges = []
    while state.heap:
        key, left, right = heapq.heappop(state.heap)
        value = state.values[left].get(right)
        if value is None or state.key(left, right, value) != key:
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
