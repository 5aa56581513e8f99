"""What one can make of a forest: flat clusters at a cut, SciPy's linkage matrix, the condensed distance matrix.

NumPy only: a saved run is cut without loading the compiler.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import SCORE_UNITS, Clustering, Float, Forest, Index, Pairs, snap_distance


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
