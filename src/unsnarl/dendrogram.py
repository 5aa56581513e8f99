"""What one can make of a forest: flat clusters at a cut, SciPy's linkage matrix, the condensed distances, who met when.

NumPy only: a saved run is cut without loading the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import SCORE_UNITS, Clustering, Float, Forest, Index, Pairs, snap_distance

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


def cut_forest(forest: Forest, cut: float) -> Clustering:
    """Give the flat clusters at a cut: every merge with distance <= cut is made.

    cut  0 .. 1, rounded to the score grid, so that a cut of 0.3 meets a score of 0.7

    Returns each record's cluster, named by its smallest record. Cost: O((n + k) log(depth)), no loop in Python.

    >>> forest = Forest(*(np.array(x) for x in ([0, 0], [0, 0], [1, 2], [0.1, 0.5], [2, 3])), n_records=4)
    >>> cut_forest(forest, 0.5).cluster_of.tolist(), cut_forest(forest, 0.4).cluster_of.tolist()
    ([0, 0, 0, 3], [0, 0, 2, 3])
    """
    made = forest.distance <= snap_distance(cut)
    cluster_of = np.arange(forest.n_records, dtype=np.int32)
    # A name given up (right) is never used again, so each record has one way up; the way is halved until all stand at
    # its end.
    cluster_of[forest.right[made]] = forest.left[made]
    while True:
        above = cluster_of[cluster_of]
        if np.array_equal(above, cluster_of):
            return Clustering(cluster_of)
        cluster_of = above


def linkage_matrix(forest: Forest, members: Index) -> Float:
    """Give the dendrogram of one component as SciPy's linkage matrix Z.

    members  int32[k]  the records of the component, increasing; leaf i is members[i]

    Returns float64[k - 1, 4]: the two nodes joined (smaller first), distance, records. Joins that no pair supports
    are padded at distance inf, smallest cluster first, so that a forest is one tree. Cost: O(k log n).
    """
    k = len(members)
    start, stop = np.searchsorted(forest.component, [members[0], members[0] + 1])
    rows = np.zeros((max(k - 1, 0), 4))
    node_of = np.arange(k)
    size_of = np.ones(k, dtype=np.int64)
    left = np.searchsorted(members, forest.left[start:stop])
    right = np.searchsorted(members, forest.right[start:stop])
    n_merges = stop - start
    alone = np.setdiff1d(np.arange(k), right)
    left = np.concatenate([left, np.zeros(len(alone) - 1, dtype=np.int64)])
    right = np.concatenate([right, alone[1:]])
    rows[:n_merges, 2] = forest.distance[start:stop]
    rows[n_merges:, 2] = np.inf
    for i, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        rows[i, :2] = sorted((node_of[a], node_of[b]))
        size_of[a] += size_of[b]
        node_of[a] = k + i
        rows[i, 3] = size_of[a]
    return rows


def condensed_index(n: int, i: int, j: int) -> int:
    """Give the place of the pair of leaves i and j (in either order) in the condensed matrix of n leaves.

    >>> [condensed_index(4, i, j) for i, j in [(0, 1), (0, 3), (2, 1), (3, 2)]]
    [0, 2, 3, 5]
    """
    i, j = min(i, j), max(i, j)
    return n * i - i * (i + 1) // 2 + (j - i - 1)


def condensed_distances(pairs: Pairs, members: Index) -> NDArray[np.float64]:
    """Give the condensed distance matrix of some records: 1 - score for a scored pair, 1 for all others.

    members  int32[k]  records, increasing

    Returns float64[k (k - 1) / 2], row by row above the diagonal, as SciPy has it. Cost: O(m + k**2), 8 bytes an entry.
    """
    k = len(members)
    place_of = np.full(pairs.n_records, -1, dtype=np.int64)
    place_of[members] = np.arange(k)
    i, j = place_of[pairs.left], place_of[pairs.right]
    inside = (i >= 0) & (j >= 0)
    i, j = i[inside], j[inside]
    distances = np.ones(k * (k - 1) // 2)
    distances[k * i - i * (i + 1) // 2 + (j - i - 1)] = (SCORE_UNITS - pairs.score[inside]) / SCORE_UNITS
    return distances


class Rows:
    """Put the records of some clusters in rows, and follow their merges.

    In a row every cluster there ever was is a run of neighbours, with the merge that closed it at each gap: the merge
    that made one cluster of two records is then the last at the gaps between them.

    merges      int64[k]  of the forest, increasing: all of the clusters wanted, up to some distance
    cluster_of  what they come to
    is_wanted   bool[n]   names of these clusters

    place is that of each record of them. Cost: O(n + k log k), and as many numbers as there are records, times the
    logarithm of the largest cluster.
    """

    def __init__(self, forest: Forest, merges: Longs, cluster_of: Index, is_wanted: Bools) -> None:
        self.left, self.size, self.end = forest.left[merges], forest.size[merges], forest.distance[merges]
        self.right = right = forest.right[merges]
        self.n_merges, n_records = len(merges), forest.n_records
        numbers = np.arange(self.n_merges)
        names, at = np.concatenate((self.left, right)), np.concatenate((numbers, numbers))
        order = np.lexsort((at, names))
        names, at = names[order], at[order]
        again = names[1:] == names[:-1]
        self.next = np.full(self.n_merges, self.n_merges)
        self.next[at[:-1][again]] = at[1:][again]
        self.first = np.full(n_records, self.n_merges, dtype=np.int32)
        is_first = np.ones(len(names), dtype=np.bool_)
        is_first[1:] = ~again
        self.first[names[is_first]] = at[is_first]
        before = np.ones(self.n_merges, dtype=np.int64)
        later = np.flatnonzero(again) + 1
        later = later[order[later] < self.n_merges]
        before[at[later]] = self.size[at[later - 1]]
        self.place = self._find_places(right, before, cluster_of, is_wanted)
        self._last = self._tabulate(right)

    def _find_places(self, right: Index, before: Longs, cluster_of: Index, is_wanted: Bools) -> Index:
        """Give the place of each record: a cluster is put behind the one it joins, whose first record names it."""
        merge_of = np.full(len(cluster_of), -1, dtype=np.int32)
        merge_of[right] = np.arange(self.n_merges, dtype=np.int32)
        jump, place = merge_of[self.left], before.copy()
        while (live := np.flatnonzero(jump >= 0)).size:
            place[live] += place[jump[live]]
            jump[live] = jump[jump[live]]
        clusters = np.flatnonzero(is_wanted)
        sizes = np.bincount(np.searchsorted(clusters, cluster_of[right]), minlength=len(clusters)) + 1
        self.n_places, self._largest = int(sizes.sum()), int(sizes.max(initial=1))
        places = np.zeros(len(cluster_of), dtype=np.int32)
        places[clusters] = np.cumsum(sizes) - sizes
        places[right] = place + places[cluster_of[right]]
        return places

    def _tabulate(self, right: Index) -> Index:
        """Give the last merge at the gaps before 2**i places, for each i and place."""
        n_levels = self._largest.bit_length()
        last = np.full((n_levels, self.n_places), self.n_merges, dtype=np.int32)
        last[0, self.place[right]] = np.arange(self.n_merges)
        for level in range(1, n_levels):
            half = 1 << (level - 1)
            last[level, :-half] = np.maximum(last[level - 1, :-half], last[level - 1, half:])
        return last

    def find_united(self, one: Index, other: Index) -> Longs:
        """Find the merge that made one cluster of two records of a cluster; -1 where they are the same."""
        low, high = self.place[one], self.place[other]
        low, high = np.minimum(low, high), np.maximum(low, high)
        level = np.maximum(np.frexp((high - low).astype(np.float64))[1] - 1, 0)
        start = np.minimum(low + 1, self.n_places - 1)
        end = np.maximum(high + 1 - (1 << level), 0)
        found = np.maximum(self._last[level, start], self._last[level, end]).astype(np.int64)
        return np.where(low == high, -1, found)

    def follow(self, records: Index) -> tuple[Longs, Longs]:
        """List the merges of the clusters that hold each record: the position of the record, and the merge."""
        row, at = np.arange(len(records)), self.first[records]
        rows, found = [row[:0]], [at[:0]]
        while len(at):
            lives = at < self.n_merges
            row, at = row[lives], at[lives]
            rows.append(row)
            found.append(at)
            at = self.next[at]
        return np.concatenate(rows), np.concatenate(found)

    def find_covering(self, is_marked: Bools) -> Bools:
        """Say which merges are marked, or come of clusters of such. Cost: O(n + k)."""
        n_before = np.zeros(self.n_places + 1, dtype=np.int64)
        n_before[self.place[self.right[is_marked]]] = 1
        n_before = np.cumsum(n_before)
        start = self.place[self.left]
        covers: Bools = n_before[start + self.size - 1] > n_before[start]
        return covers
