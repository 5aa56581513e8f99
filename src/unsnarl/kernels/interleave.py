"""Merge sequences of merges, each in the order made, into the order one run over all would have made them in."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int64, Records
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.queue import comes_before


@kernel
def _merge_neighbours(merges: Records, start: Int64, order: Int64, merged: Int64) -> None:
    """Merge sequences 0 and 1, 2 and 3, ... into one each, always taking the head that comes first.

    Needs: sequence s is order[start[s] : start[s + 1]], places in merges. Overwrites: merged. Each turn: the sequences
    before s are merged. Ties: none.
    """
    for s in range(0, len(start) - 1, 2):
        i, middle = start[s], start[s + 1]
        j, stop = middle, start[min(s + 2, len(start) - 1)]
        for at in range(i, stop):
            if j == stop or (i < middle and not comes_before(merges[order[j]], merges[order[i]])):
                merged[at] = order[i]
                i += 1
            else:
                merged[at] = order[j]
                j += 1


@kernel
def _find_runs(merges: Records, start: Int64) -> int:
    """Write where each longest run of merges in order begins, then their end; return the number of runs.

    Needs: start int64[k + 1]. Overwrites: start. Each turn: runs that begin before i are written. Ties: none.
    """
    n_runs = 0
    for i in range(len(merges)):
        if i == 0 or comes_before(merges[i], merges[i - 1]):
            start[n_runs] = i
            n_runs += 1
    start[n_runs] = len(merges)
    return n_runs


def sort_merges(merges: Records) -> Records:
    """Return merges in the order of their keys. Cost: O(k log r) for k merges that are r runs in order."""
    start = np.empty(len(merges) + 1, dtype=np.int64)
    n_runs = _find_runs(merges, start)
    return interleave(merges, start[: n_runs + 1])


def interleave(merges: Records, start: Int64) -> Records:
    """Return the merges of independent sequences in the order one run over all would make them.

    merges  MERGE[k], one sequence after the other
    start   int64[s + 1], sequence i is merges[start[i] : start[i + 1]]

    Cost: O(k log s).
    """
    order = np.arange(len(merges))
    merged = np.empty_like(order)
    while len(start) > 2:
        _merge_neighbours(merges, start, order, merged)
        order, merged = merged, order
        start = np.append(start[:-1:2], start[-1])
    return merges[order]
