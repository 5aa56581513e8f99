"""Bayesian hierarchical clustering of small sets, from the paper's recursion (Heller and Ghahramani, ICML 2005).

    leaf           d = gamma, pi = 1, p(D|T) = p(D|H1)
    k of i and j   d_k = gamma Gamma(n_k) + d_i d_j      pi_k = gamma Gamma(n_k) / d_k
                   p(D_k|T_k) = pi_k p(D_k|H1) + (1 - pi_k) p(D_i|T_i) p(D_j|T_j)
                   r_k = pi_k p(D_k|H1) / p(D_k|T_k)

At each step all pairs are scored anew; the one with the largest r merges, of several the one with the smallest
(smaller name, larger name). Everything is in logarithms. Cost: O(n^3) pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

Record = dict[int, int]
"""Term to count."""

Evidence = Callable[[list[Record]], float]
"""ln p(D|H1) of the records of a cluster."""

TIE = 1e-7


class Node(NamedTuple):
    """A subtree: its name, its records, ln d and ln p(D|T), and the numbers of its records."""

    name: int
    records: list[Record]
    log_d: float
    log_p: float
    members: frozenset[int]


class Links(NamedTuple):
    """What must be together, each record with the smallest of its group, and pairs that must not."""

    must_of: dict[int, int]
    cannot: list[tuple[int, int]]


FREE = Links({}, [])


class Merge(NamedTuple):
    """One merge: the two clusters by name, ln (r / (1 - r)), and the records of the result."""

    left: int
    right: int
    log_odds: float
    size: int


def _add(a: float, b: float) -> float:
    """ln(exp a + exp b)."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))


def multinomial(betas: list[float]) -> Evidence:
    """Tokens drawn one by one from a multinomial whose parameter has the Dirichlet prior `betas`."""
    total = sum(betas)

    def evidence(records: list[Record]) -> float:
        counts = [sum(record.get(term, 0) for record in records) for term in range(len(betas))]
        value = math.lgamma(total) - math.lgamma(total + sum(counts))
        return value + sum(math.lgamma(b + c) - math.lgamma(b) for b, c in zip(betas, counts, strict=True))

    return evidence


def bernoulli(a: list[float], b: list[float]) -> Evidence:
    """Each term there or not, with a chance that has the prior Beta(a, b)."""

    def log_beta(x: float, y: float) -> float:
        return math.lgamma(x) + math.lgamma(y) - math.lgamma(x + y)

    def evidence(records: list[Record]) -> float:
        n = len(records)
        value = 0.0
        for term in range(len(a)):
            h = sum(1 for record in records if record.get(term, 0))
            value += log_beta(a[term] + h, b[term] + n - h) - log_beta(a[term], b[term])
        return value

    return evidence


def merge(i: Node, j: Node, gamma: float, evidence: Evidence) -> tuple[Node, float]:
    """Build the tree over two, and give its log odds."""
    records = i.records + j.records
    one = math.log(gamma) + math.lgamma(len(records))
    log_d = _add(one, i.log_d + j.log_d)
    together = one - log_d + evidence(records)
    apart = i.log_d + j.log_d - log_d + i.log_p + j.log_p
    return Node(min(i.name, j.name), records, log_d, _add(together, apart), i.members | j.members), together - apart


def _shares(i: Node, j: Node) -> bool:
    return bool({term for record in i.records for term in record} & {term for record in j.records for term in record})


def _may_merge(i: Node, j: Node, disjoint: bool, links: Links) -> bool:
    """Say whether two clusters may be offered to each other at all."""
    if not any(i.records) or not any(j.records):
        return False
    if any((a in i.members and b in j.members) or (a in j.members and b in i.members) for a, b in links.cannot):
        return False
    return disjoint or _shares(i, j)


def cluster(
    records: list[Record],
    gamma: float,
    evidence: Evidence,
    disjoint: bool = True,
    floor: float = 0.0,
    links: Links = FREE,
) -> list[Merge]:
    """Merge greedily as long as the best log odds are over `floor`.

    disjoint  False to leave pairs without a common term out
    links     what must be together is merged first, record by record; what must not be is never merged, nor is any
              cluster that holds it
    """
    leaf = [Node(i, [record], math.log(gamma), evidence([record]), frozenset([i])) for i, record in enumerate(records)]
    groups, merges = {node.name: node for node in leaf}, []
    for record, leader in sorted(links.must_of.items()):
        if record != leader:
            groups[leader], odds = merge(groups[leader], groups.pop(record), gamma, evidence)
            merges.append(Merge(leader, record, odds, len(groups[leader].records)))
    nodes = list(groups.values())
    while True:
        pairs = [(i, j) for i, j in combinations(nodes, 2) if _may_merge(i, j, disjoint, links)]
        found = [(i, j, *merge(i, j, gamma, evidence)) for i, j in pairs]
        best = max((odds for *_, odds in found), default=-math.inf)
        if best <= floor + TIE / 10:
            return merges
        ties = [step for step in found if step[3] >= best - TIE]
        i, j, node, odds = min(
            ties, key=lambda step: (min(step[0].name, step[1].name), max(step[0].name, step[1].name))
        )
        merges.append(Merge(*sorted((i.name, j.name)), odds, len(node.records)))
        nodes = [other for other in nodes if other is not i and other is not j] + [node]


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    """Give all ways to put items into groups."""
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for k in range(len(rest)):
            yield [*rest[:k], [items[0], *rest[k]], *rest[k + 1 :]]


def log_evidence(records: list[Record], gamma: float, evidence: Evidence) -> float:
    """ln p(D) under the Dirichlet process mixture: the sum over all partitions."""
    total = -math.inf
    for groups in partitions(list(range(len(records)))):
        value = math.lgamma(gamma) - math.lgamma(gamma + len(records))
        for group in groups:
            value += math.log(gamma) + math.lgamma(len(group)) + evidence([records[i] for i in group])
        total = value if total == -math.inf else _add(total, value)
    return total
