"""The merges that decisions blocked, the best of each.

Two clusters that may not be one were blocked when a merge was made, or the cut reached, that comes after theirs: they
would have merged before it. While neither of them grows their distance does not change, so it is looked at where one
of the two is about to grow, and at the cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import SCORE_UNITS, Clustering, Forest, Index, Pairs, snap_distance, to_score_units
from unsnarl.report.standoffs import Field, Standoffs, is_among, make_keys
from unsnarl.report.statements import list_denials


class Blocked(NamedTuple):
    """Hold a merge that was blocked: two clusters as they were then, by name, and their distance."""

    distance: float
    left: int
    right: int


@dataclass(frozen=True)
class Answer:
    """Hold what a run found, and how.

    forest      the merges
    clustering  the clusters at the cut
    pairs       those inside components
    must_of     groups that were one before any merge was made
    """

    forest: Forest
    clustering: Clustering
    pairs: Pairs
    must_of: Index
    linkage: str
    cut: float


Places = NDArray[np.int64]
_LOW = 2**32 - 1
_NEVER = (2**62, 0.0)
"""The merge after the last."""

Weights = dict[int, float]
"""Records of a cluster, and what part of it each is."""


class Timeline:
    """Follow clusters through the merges up to the cut, step by step."""

    def __init__(self, answer: Answer) -> None:
        self._linkage = answer.linkage
        self._cut = snap_distance(answer.cut)
        self._cluster_of = answer.clustering.cluster_of
        self._forest, self._pairs, self._must_of = answer.forest, answer.pairs, answer.must_of
        self._weights: dict[int, Weights] = {}
        self._next: dict[int, tuple[int, float]] = {}
        self._scores: dict[int, dict[int, int]] = {}

    def prepare(self, clusters: Index) -> None:
        """Gather the merges of some clusters, and the pairs between them. Cost: O(m + merges + sizes)."""
        wanted = np.zeros(len(self._cluster_of), dtype=np.bool_)
        wanted[clusters] = True
        forest, pairs = self._forest, self._pairs
        self._follow(np.flatnonzero((forest.distance <= self._cut) & wanted[self._cluster_of[forest.left]]))
        one, other = self._cluster_of[pairs.left], self._cluster_of[pairs.right]
        kept = wanted[one] & wanted[other] & (one != other) & (pairs.score > 0)
        for left, right, score in zip(*(c[kept].tolist() for c in (pairs.left, pairs.right, pairs.score)), strict=True):
            self._scores.setdefault(left, {})[right] = score
            self._scores.setdefault(right, {})[left] = score

    def _follow(self, merges: Places) -> None:
        """Make the cluster after each merge, and remember which merge comes next for it, or for a record."""
        node_of: dict[int, int] = {}
        columns = (self._forest.left[merges], self._forest.right[merges], self._forest.distance[merges])
        for i, left, right, end in zip(merges.tolist(), *(column.tolist() for column in columns), strict=True):
            nodes = [node_of.pop(name, -1 - name) for name in (left, right)]
            one, other = (self._weights[node] if node >= 0 else {-1 - node: 1.0} for node in nodes)
            self._next.update(dict.fromkeys(nodes, (i, end)))
            self._weights[i] = self._unite(left, right, one, other)
            node_of[left] = i

    def _unite(self, left: int, right: int, one: Weights, other: Weights) -> Weights:
        """Put two clusters together."""
        halves = self._linkage == "weighted" and self._must_of[left] != self._must_of[right]
        share = 0.5 if halves else len(one) / (len(one) + len(other))
        united = {record: weight * share for record, weight in one.items()}
        united.update({record: weight * (1.0 - share) for record, weight in other.items()})
        return united

    def find_blocked(self, a: int, b: int) -> Blocked | None:
        """Find the best merge that keeping two records apart has blocked, None where there was none."""
        nodes = [-1 - a, -1 - b]
        best: Blocked | None = None
        while True:
            sides = [self._weights[node] if node >= 0 else {-1 - node: 1.0} for node in nodes]
            ahead = [self._next.get(node, _NEVER) for node in nodes]
            i, end = min(ahead)
            distance = self._measure(*sides)
            is_blocked = distance < 1.0 and (distance <= self._cut if i == _NEVER[0] else distance < end)
            if is_blocked and (best is None or distance < best.distance):
                best = _name(distance, sides)
            if i == _NEVER[0]:
                return best
            nodes[ahead.index((i, end))] = i

    def _measure(self, one: Weights, other: Weights) -> float:
        """Compute the distance of two clusters."""
        small, large = sorted((one, other), key=len)
        crossing = [(x, y, score) for x in small for y, score in self._scores.get(x, {}).items() if y in large]
        scores = [score for _, _, score in crossing]
        n_all = len(one) * len(other)
        if self._linkage == "single":
            total = float(max(scores, default=0))
        elif self._linkage == "complete":
            total = float(min(scores)) if len(scores) == n_all else 0.0
        elif self._linkage == "weighted":
            total = sum(small[x] * large[y] * score for x, y, score in crossing)
        else:
            total = sum(scores) / n_all
        return (SCORE_UNITS - total) / SCORE_UNITS


def _name(distance: float, sides: list[Weights]) -> Blocked:
    low, high = sorted(min(side) for side in sides)
    return Blocked(distance, low, high)


def _pair_up(records: Index, clusters: Index, met: Places) -> tuple[Index, Index]:
    """List those of some records, two at a time, whose clusters may have met."""
    if len(records) ** 2 <= 2 * len(met):
        one, other = np.triu_indices(len(records), 1)
        kept = is_among(make_keys(clusters[one], clusters[other]), met)
        return records[one[kept]], records[other[kept]]
    order = np.argsort(clusters)
    clusters, records = clusters[order], records[order]
    sides = [(met >> 32).astype(np.int32), (met & _LOW).astype(np.int32)]
    at = [np.minimum(np.searchsorted(clusters, side), len(clusters) - 1) for side in sides]
    kept = (clusters[at[0]] == sides[0]) & (clusters[at[1]] == sides[1])
    return records[at[0][kept]], records[at[1][kept]]


def _list_all_met(met: Places, cluster_of: Index, heads: tuple[Places, Index]) -> Places:
    """List two records at a time that events keep apart and whose clusters may have met: int64[k, 3], event first."""
    pairs, members = list_denials(*heads)
    found = [pairs[is_among(make_keys(cluster_of[pairs[:, 1]], cluster_of[pairs[:, 2]]), met)]]
    begins = np.flatnonzero(np.diff(members[:, 0])) + 1
    for some in np.split(members, begins) if len(members) else ():
        records = some[:, 1].astype(np.int32)
        one, other = _pair_up(records, cluster_of[records], met)
        found.append(np.stack((np.full(len(one), some[0, 0]), one, other), axis=1))
    return np.concatenate(found)


def replay(answer: Answer, a: Index, b: Index) -> Standoffs:
    """Find what was blocked between records, two at a time, by a walk through the merges of both."""
    timeline = Timeline(answer)
    timeline.prepare(np.unique(answer.clustering.cluster_of[np.concatenate((a, b))]))
    found = [timeline.find_blocked(one, other) for one, other in zip(a.tolist(), b.tolist(), strict=True)]
    rows = [(row, *blocked) for row, blocked in enumerate(found) if blocked is not None]
    row, distance, left, right = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Standoffs(row.astype(np.int64), distance, left.astype(np.int32), right.astype(np.int32))


def find_blocked(answer: Answer, heads: tuple[Places, Index]) -> Standoffs:
    """Find for each event the best merge it blocked: `row` is the event.

    heads  a record of each part of the events that keep parts apart, as `list_heads` gives them

    Cost: O(m + merges), and for each two clusters that may have met the pairs between them and the merges of both.
    """
    cluster_of, cut = answer.clustering.cluster_of, snap_distance(answer.cut)
    is_wanted = np.zeros(len(cluster_of), dtype=np.bool_)
    is_wanted[cluster_of[heads[1]]] = True
    field = Field(answer.forest, answer.pairs, cluster_of, is_wanted, (answer.linkage, cut))
    denied = _list_all_met(field.find_met(max(1, to_score_units(1.0 - cut))), cluster_of, heads)
    event, a, b = denied[:, 0], denied[:, 1].astype(np.int32), denied[:, 2].astype(np.int32)
    # The weights of weighted linkage depend on the merges behind them, and not only on who is in a cluster.
    found = replay(answer, a, b) if answer.linkage == "weighted" else field.find(a, b)
    return pick_best(event, found)


def pick_best(event: Places, found: Standoffs) -> Standoffs:
    """Give for each event the nearest of what it blocked: `row` is the event then.

    event  of each row that was asked for
    """
    event = event[found.row]
    order = np.lexsort((found.right, found.left, found.distance, event))
    best = order[np.unique(event[order], return_index=True)[1]]
    return Standoffs(event[best], found.distance[best], found.left[best], found.right[best])
