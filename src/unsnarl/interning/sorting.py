"""Sort by numbers of records: quicker than by comparing, since there are no more of them than records."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels import partitions as kernels
from unsnarl.model import Index


def sort_by(keys: Index, n_keys: int, places: Index | None = None) -> Index:
    """Sort places by their key; those of one key stay as they are given.

    keys    int32, from 0 to n_keys - 1
    places  of keys (default: all, in order)

    Cost: O(n_keys + places).

    >>> sort_by(np.array([2, 0, 2, 1], dtype=np.int32), 3).tolist()
    [1, 3, 0, 2]
    """
    if places is None:
        places = np.arange(len(keys), dtype=np.int32)
    starts, found = np.zeros(n_keys + 1, dtype=np.int64), np.empty(len(places), dtype=np.int32)
    kernels.sort_places(keys, places, starts, found)
    return found


def sort_pairs(left: Index, right: Index, n_records: int) -> Index:
    """Give the order of some pairs by left and then right record; each pair is there once.

    left, right  int32[k], from 0 to n_records - 1

    Cost: O(n_records + k), but O(p log p) for a record with p > SHORT_ROW pairs on its right.

    >>> sort_pairs(np.array([2, 0, 2], dtype=np.int32), np.array([5, 1, 3], dtype=np.int32), 6).tolist()
    [1, 2, 0]
    """
    ends, order = np.zeros(n_records + 1, dtype=np.int64), np.empty(len(left), dtype=np.int32)
    kernels.sort_places(left, np.arange(len(left), dtype=np.int32), ends, order)
    kernels.sort_short_rows(right, ends, order)
    for row in np.flatnonzero(np.diff(ends, prepend=0) > kernels.SHORT_ROW).tolist():
        some = order[ends[row - 1] if row else 0 : ends[row]]
        some[:] = some[np.argsort(right[some])]
    return order
