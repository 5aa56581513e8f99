"""Merge sequences of merges, each in the order made, into the order one run over all would have made them in."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int64, Records
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.queue import Queue, clear_key, drop_first, find_first, make_queue, set_key


@kernel
def _offer_next(merges: Records, sequence: int, at: int, stop: int, queue: Queue) -> None:
    """Key a sequence by its next merge, or by nothing at its end. Overwrites: queue. Ties: none."""
    if at == stop:
        clear_key(queue, sequence)
        return
    merge = merges[at]
    set_key(queue, sequence, merge.top, merge.bottom, merge.left, merge.right)


@kernel
def _interleave(merges: Records, start: Int64, at: Int64, queue: Queue, order: Int64) -> None:
    """Write the places of all merges in their common order.

    Needs: sequence s is merges[start[s] : start[s + 1]], at a copy of start; queue empty. Overwrites: at, queue, order.
    Each turn: i merges are placed, none of which comes after one that is not. Ties: as the queue (similarity, names).
    """
    for s in range(len(start) - 1):
        _offer_next(merges, s, at[s], start[s + 1], queue)
    for i in range(len(merges)):
        s = find_first(queue)
        drop_first(queue)
        order[i] = at[s]
        at[s] += 1
        _offer_next(merges, s, at[s], start[s + 1], queue)


def interleave(sequences: list[Records]) -> Records:
    """Return the merges of independent sequences (MERGE[k] each) in the order one run over all would make them.

    Cost: O(k log s) for k merges in s sequences.
    """
    merges = np.concatenate(sequences).view(np.recarray)
    start = np.cumsum([0, *(len(sequence) for sequence in sequences)])
    queue = make_queue(len(sequences))
    order = np.empty(len(merges), dtype=np.int64)
    _interleave(merges, start, start.copy(), queue, order)
    return merges[order]
