"""The best merge that keeping two records apart has blocked, for very many pairs of records at once.

`Rows` tells of any two records which merge made one cluster of them. So it is known of each pair when it came to lie
between the two clusters that hold the two records, and what they come to at any time is a running total.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.dendrogram import Rows
from unsnarl.model import SCORE_UNITS, Forest, Index, Pairs

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK = 2_000_000
"""Pairs and merges that are looked at together: about 100 bytes each."""

_LOW = 2**32 - 1


@dataclass(frozen=True)
class Standoffs:
    """Hold for some pairs of records the best merge blocked; rows of those that blocked none are left out.

    row          int64[k]    position of the pair, increasing
    distance     float64[k]
    left, right  int32[k]    the two clusters as they were then, by name, left < right
    """

    row: Longs
    distance: NDArray[np.float64]
    left: Index
    right: Index


def no_standoffs() -> Standoffs:
    """Give those of a run in which nothing was blocked."""
    none = np.zeros(0, dtype=np.int64)
    return Standoffs(none, np.zeros(0), none.astype(np.int32), none.astype(np.int32))


@dataclass(frozen=True)
class _States:
    """Hold what two clusters were between one merge of either and the next.

    row    int64[k]  position of the pair of records, increasing; within one in the order of time
    since  int64[k]  the merge before, -1 for none
    end    float64[k]  distance of the merge after; NaN where there was none
    sizes  int64[2, k]
    names  int32[2, k]
    """

    row: Longs
    since: Longs
    end: NDArray[np.float64]
    sizes: Longs
    names: Index


def _list_states(rows: Rows, sides: tuple[Index, Index]) -> _States:
    """List the states of some pairs of records."""
    n_pairs = len(sides[0])
    paths = [rows.follow(side) for side in sides]
    row = np.concatenate((np.arange(n_pairs), *(path[0] for path in paths)))
    since = np.concatenate((np.full(n_pairs, -1), *(path[1] for path in paths)))
    who = np.repeat([-1, 0, 1], [n_pairs, len(paths[0][0]), len(paths[1][0])])
    order = np.lexsort((since, row))
    row, since, who = row[order], since[order], who[order]
    end = np.full(len(row), np.nan)
    follows = np.flatnonzero(row[1:] == row[:-1])
    end[follows] = rows.end[since[follows + 1]]
    sizes, names = np.empty((2, len(row)), dtype=np.int64), np.empty((2, len(row)), dtype=np.int32)
    for side in (0, 1):
        latest = np.maximum.accumulate(np.where((who == side) | (who < 0), np.arange(len(row)), 0))
        merge = since[latest]
        # Without merges there is nothing to look up, and every cluster is one record.
        size, left = (rows.size, rows.left) if rows.n_merges else (np.ones(1, np.int32), sides[side][:1])
        sizes[side] = np.where(merge < 0, 1, size[merge])
        names[side] = np.where(merge < 0, sides[side][row], left[merge])
    return _States(row, since, end, sizes, names)


def _add_up(linkage: str, score: Longs, pair: Longs, spans: tuple[Longs, Longs], n_all: Longs) -> NDArray[np.float64]:
    """Give the similarity of two clusters in score units, from the scores of the pairs between them.

    score  by pair of records, and in it in the order in which they came to lie between the two clusters
    pair   of each score its pair of records
    spans  start and stop of the scores of each state
    n_all  pairs of records there are between the two
    """
    start, stop = spans
    if linkage == "average":
        total = np.concatenate(([0], np.cumsum(score)))
        return (total[stop] - total[start]) / n_all
    if not len(score):
        return np.zeros(len(start))
    word, mask = pair << 32, np.int64(_LOW)
    last = np.maximum(stop - 1, 0)
    if linkage == "single":
        best = np.maximum.accumulate(word | score) & mask
        return np.where(stop > start, best[last], 0).astype(np.float64)
    worst = SCORE_UNITS - (np.maximum.accumulate(word | (SCORE_UNITS - score)) & mask)
    return np.where(stop - start == n_all, worst[last], 0).astype(np.float64)


class _Crossing:
    """Hold the pairs between clusters, the cluster with the smaller name on the left."""

    def __init__(self, pairs: Pairs, cluster_of: Index, is_wanted: Bools) -> None:
        is_held = is_wanted[cluster_of]
        kept = np.flatnonzero(is_held[pairs.left] & is_held[pairs.right])
        kept = kept[(pairs.score[kept] > 0) & (cluster_of[pairs.left[kept]] != cluster_of[pairs.right[kept]])]
        left, right, score = pairs.left[kept], pairs.right[kept], pairs.score[kept].astype(np.int64)
        key = make_keys(cluster_of[left], cluster_of[right])
        turned = cluster_of[left] > cluster_of[right]
        left, right = np.where(turned, right, left), np.where(turned, left, right)
        order = np.argsort(key, kind="stable")
        self.key, self.left, self.right, self.score = key[order], left[order], right[order], score[order]

    def find_met(self, least: int) -> Longs:
        """Find the clusters between which a pair scores enough for a merge: without one there never was any."""
        keys = self.key[self.score >= least]
        is_first = np.ones(len(keys), dtype=np.bool_)
        is_first[1:] = keys[1:] != keys[:-1]
        firsts: Longs = keys[is_first]
        return firsts


def make_keys(one: Index, other: Index) -> Longs:
    """Write two clusters into a word, the smaller name in the upper half."""
    keys: Longs = np.minimum(one, other).astype(np.int64) << 32 | np.maximum(one, other)
    return keys


def is_among(keys: Longs, some: Longs) -> Bools:
    """Say which keys are among some, which are increasing."""
    if not len(some):
        return np.zeros(len(keys), dtype=np.bool_)
    found: Bools = some[np.minimum(np.searchsorted(some, keys), len(some) - 1)] == keys
    return found


class Field:
    """Find what was blocked between some clusters.

    forest, cluster_of  what a run found at the cut
    is_wanted           bool[n]  names of the clusters that matter
    rule                linkage and cut

    Cost: O(m + merges), and O(log of the largest cluster) for each record of the clusters.
    """

    def __init__(
        self, forest: Forest, pairs: Pairs, cluster_of: Index, is_wanted: Bools, rule: tuple[str, float]
    ) -> None:
        self._forest, self._cluster_of = forest, cluster_of
        self._linkage, self._cut = rule
        self._crossing = _Crossing(pairs, cluster_of, is_wanted)
        self.find_met = self._crossing.find_met

    def find(self, a: Index, b: Index) -> Standoffs:
        """Find the best merge that keeping each a[i] and b[i], of two clusters, apart has blocked.

        Cost: for each the pairs between the two clusters and the merges of the two records, sorted.
        """
        cluster_of, forest = self._cluster_of, self._forest
        turned = cluster_of[a] > cluster_of[b]
        a, b = np.where(turned, b, a), np.where(turned, a, b)
        is_met = np.zeros(len(cluster_of), dtype=np.bool_)
        is_met[cluster_of[a]] = is_met[cluster_of[b]] = True
        merges = np.flatnonzero((forest.distance <= self._cut) & is_met[cluster_of[forest.left]])
        rows = Rows(forest, merges, cluster_of, is_met)
        found = [self._find_some(rows, a, b, part) for part in self._cut_up(a, b)]
        columns = [np.concatenate(column) for column in zip(*found, strict=True)] if found else [np.zeros(0)] * 4
        types = (np.int64, np.float64, np.int32, np.int32)
        return Standoffs(*(column.astype(type_) for column, type_ in zip(columns, types, strict=True)))

    def _cut_up(self, a: Index, b: Index) -> Iterator[slice]:
        """Cut some pairs of records into runs with about CHUNK pairs between their clusters."""
        key = make_keys(self._cluster_of[a], self._cluster_of[b])
        n_pairs = np.searchsorted(self._crossing.key, key, "right") - np.searchsorted(self._crossing.key, key)
        chunk = np.cumsum(n_pairs + 16) // CHUNK
        bounds = np.concatenate(([0], np.flatnonzero(np.diff(chunk)) + 1, [len(a)]))
        return (slice(start, stop) for start, stop in pairwise(bounds.tolist()) if stop > start)

    def _find_some(self, rows: Rows, a: Index, b: Index, part: slice) -> tuple[NDArray[Any], ...]:
        """Find what is asked for some of the pairs of records: the columns of Standoffs."""
        a, b = a[part], b[part]
        states = _list_states(rows, (a, b))
        pair, time, score = self._list_arrivals(rows, a, b)
        step = rows.n_merges + 2
        # Merges before and after: a pair of two records that are clusters by themselves is there from the start.
        when = pair * step + time + 1
        order = np.argsort(when, kind="stable")
        when = when[order]
        begun = states.row * step
        spans = np.searchsorted(when, begun), np.searchsorted(when, begun + states.since + 1, "right")
        n_all = states.sizes[0] * states.sizes[1]
        total = _add_up(self._linkage, score[order], pair[order], spans, n_all)
        distance = (SCORE_UNITS - total) / SCORE_UNITS
        is_blocked = (total > 0) & np.where(np.isnan(states.end), distance <= self._cut, distance < states.end)
        kept = np.flatnonzero(is_blocked)
        kept = kept[np.lexsort((kept, distance[kept], states.row[kept]))]
        row = states.row[kept]
        is_best = np.ones(len(kept), dtype=np.bool_)
        is_best[1:] = row[1:] != row[:-1]
        best = kept[is_best]
        names = states.names[:, best]
        return states.row[best] + part.start, distance[best], names.min(axis=0), names.max(axis=0)

    def _list_arrivals(self, rows: Rows, a: Index, b: Index) -> tuple[Longs, Longs, Longs]:
        """List the scored pairs between the clusters of each pair of records, and the merge since when they are."""
        crossing = self._crossing
        key = make_keys(self._cluster_of[a], self._cluster_of[b])
        start, stop = np.searchsorted(crossing.key, key), np.searchsorted(crossing.key, key, "right")
        n_pairs = stop - start
        pair = np.repeat(np.arange(len(a)), n_pairs)
        at = np.arange(len(pair)) - (np.cumsum(n_pairs) - n_pairs - start)[pair]
        left, right = rows.find_united(a[pair], crossing.left[at]), rows.find_united(b[pair], crossing.right[at])
        return pair, np.maximum(left, right), crossing.score[at]
