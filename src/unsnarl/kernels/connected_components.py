"""Connected components of the pairs at or over a threshold."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.union_find import find, point_at_smallest


@kernel
def tie_pairs(left: Int32, right: Int32, score: Int32, threshold: int, parent: Int32) -> None:
    """Bring the records of every pair scoring >= threshold into one set.

    Needs: parent[i] <= i. Overwrites: parent.
    Each turn: parent[i] <= i; two records are in one set when a chain of the pairs seen ties them. Ties: the smaller
    record stands for the set.
    """
    for i in range(len(left)):
        if score[i] >= threshold:
            a = find(parent, left[i])
            b = find(parent, right[i])
            if a < b:
                parent[b] = a
            elif b < a:
                parent[a] = b


def connected_components(left: Int32, right: Int32, score: Int32, threshold: int, n_records: int) -> Int32:
    """Return int32[n]: the smallest record of each record's component; a pair scoring >= threshold ties its records.

    left, right int32[m] in 0 .. n_records - 1, in any order; score int32[m] and threshold in score units.
    Cost: near n + m steps, 4 bytes a record.
    """
    parent = np.arange(n_records, dtype=np.int32)
    tie_pairs(left, right, score, threshold, parent)
    point_at_smallest(parent)
    return parent
