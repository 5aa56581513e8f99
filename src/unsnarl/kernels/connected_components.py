"""Connected components of the pairs at or over a threshold."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.union_find import find


@kernel
def connected_components(left: Int32, right: Int32, score: Int32, threshold: int, n_records: int) -> Int32:
    """Return int32[n]: the smallest record of each record's component; pairs scoring >= threshold tie.

    Needs: 0 <= left, right < n_records. Overwrites: nothing.
    Each turn: parent[i] <= i; two records are in one set when a chain of the pairs seen ties them.
    Ties: the smaller record stands for the set. Cost: near n + m steps, 4 bytes a record.
    """
    parent = np.empty(n_records, dtype=np.int32)
    for i in range(n_records):
        parent[i] = i
    for i in range(len(left)):
        if score[i] >= threshold:
            a = find(parent, left[i])
            b = find(parent, right[i])
            if a < b:
                parent[b] = a
            elif b < a:
                parent[a] = b
    # Links point to smaller records, so one sweep upwards makes every one point at its smallest.
    for i in range(n_records):
        parent[i] = parent[parent[i]]
    return parent
