"""Components, canonical pairs and matrices, from their definitions."""

from __future__ import annotations

import math
from fractions import Fraction

UNITS = 10**9


def components(pairs: list[tuple[int, int, int]], n_records: int, threshold: int) -> list[int]:
    """Name the component of each record: the smallest record it reaches over pairs with score >= threshold."""
    neighbours: list[list[int]] = [[] for _ in range(n_records)]
    for left, right, score in pairs:
        if score >= threshold:
            neighbours[left].append(right)
            neighbours[right].append(left)
    component_of = [-1] * n_records
    for first in range(n_records):
        waiting = [first] if component_of[first] < 0 else []
        while waiting:
            record = waiting.pop()
            if component_of[record] < 0:
                component_of[record] = first
                waiting += neighbours[record]
    return component_of


def inside(pairs: list[tuple[int, int, int]], component_of: list[int]) -> list[tuple[int, int, int]]:
    """Keep the pairs whose two ends fall in one component, those under the threshold too."""
    return [pair for pair in pairs if component_of[pair[0]] == component_of[pair[1]]]


def canonical(rows: list[tuple[int, int, int]], on_conflict: str) -> tuple[list[tuple[int, int, int]], dict]:
    """Bring rows to canonical form: no self pairs, left < right, sorted, each pair once.

    A score given again is one score; of several different scores the largest
    ("max", "error"), the smallest or the mean is kept, rounded half up.
    """
    given: dict[tuple[int, int], list[int]] = {}
    for left, right, score in rows:
        if left != right:
            given.setdefault((min(left, right), max(left, right)), []).append(score)
    pairs = []
    for (left, right), scores in sorted(given.items()):
        different = set(scores)
        mean = math.floor(Fraction(sum(different), len(different)) + Fraction(1, 2))
        kept = {"max": max(scores), "error": max(scores), "min": min(scores), "mean": mean}[on_conflict]
        pairs.append((left, right, kept))
    conflicts = [pair for pair in sorted(given) if len(set(given[pair])) > 1]
    tally = {
        "n_self": sum(left == right for left, right, _ in rows),
        "n_repeated": sum(len(scores) - len(set(scores)) for scores in given.values()),
        "n_conflicts": len(conflicts),
        "conflicts": conflicts[:5],
    }
    return pairs, tally


def condensed(pairs: list[tuple[int, int, int]], members: list[int]) -> list[float]:
    """List the distances of all pairs of members in SciPy's order; a pair never scored has distance 1."""
    score = {(left, right): value for left, right, value in pairs}
    return [
        float(1 - Fraction(score.get((min(a, b), max(a, b)), 0), UNITS))
        for i, a in enumerate(members)
        for b in members[i + 1 :]
    ]


def linkage_matrix(merges: list, members: list[int]) -> list[list[float]]:
    """Number the merges of one component as SciPy does: leaves are the members in order, then merge by merge."""
    number = {record: i for i, record in enumerate(members)}
    rows = []
    for step, merge in enumerate(merges):
        a, b = number[merge.left], number[merge.right]
        rows.append([min(a, b), max(a, b), float(merge.distance), merge.size])
        number[merge.left] = len(members) + step
    return rows
