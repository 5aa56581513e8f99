"""Pairs in partitions: all rows of one pair are in one of them, so they are settled one by one, side by side."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Bools, Int32, Int64, Words
from unsnarl.kernels.jit import kernel

N_BAD, N_SELF, N_UNKNOWN, N_EMPTY, N_KEPT, N_TALLIES = 0, 1, 2, 3, 4, 5
EMPTY = -2
_ODD = np.uint64(0x9E3779B97F4A7C15)
_U32 = np.uint64(32)

Columns = tuple[Int32, Int32, Int32]
"""left, right, score"""


@kernel
def _key(left: int, right: int) -> int:
    """Return a pair as one word, the smaller record above; never 0 for a pair of two records.

    Needs: both at least 0. Overwrites: nothing. Ties: none.
    """
    if left > right:
        left, right = right, left
    return np.uint64(left) << _U32 | np.uint64(right)


@kernel
def _spread(key: int) -> int:
    """Return the bits of a key well mixed, the upper ones best.

    Needs: nothing. Overwrites: nothing. Ties: none.
    """
    mixed = key * _ODD
    mixed ^= mixed >> _U32
    return mixed * _ODD


@kernel
def _partition_of(given: Columns, i: int, n_bits: int) -> int:
    """Return the partition of a row, or -1 for a row to be left out.

    Needs: left and right at least 0 or negative for unknown. Overwrites: nothing. Ties: none.
    """
    left, right, score = given
    if score[i] < 0 or left[i] < 0 or right[i] < 0 or left[i] == right[i]:
        return -1
    return np.int64(_spread(_key(left[i], right[i])) >> np.uint64(64 - n_bits))


@kernel
def partition_pairs(given: Columns, n_bits: int, sorted_: Columns, starts: Int64, tally: Int64) -> None:
    """Copy rows partition by partition; rows without two records, of one record twice or without a score are left out.

    Needs: starts int64[2**n_bits + 2], all 0. Overwrites: sorted_ (the smaller record left), starts (partition p is
    starts[p] .. starts[p + 1] - 1), tally (added to: N_BAD rows without a score, N_SELF, N_UNKNOWN, N_EMPTY, N_KEPT).
    Each turn: rows 0 .. i are counted, then stand where they belong. Ties: as given.
    """
    left, right, score = given
    for i in range(len(left)):
        partition = _partition_of(given, i, n_bits)
        if partition >= 0:
            starts[partition + 2] += 1
        elif left[i] == EMPTY or right[i] == EMPTY:
            tally[N_EMPTY] += 1
        elif left[i] < 0 or right[i] < 0:
            tally[N_UNKNOWN] += 1
        elif score[i] < 0:
            tally[N_BAD] += 1
        else:
            tally[N_SELF] += 1
    for p in range(2, len(starts)):
        starts[p] += starts[p - 1]
    tally[N_KEPT] += starts[len(starts) - 1]
    new_left, new_right, new_score = sorted_
    for i in range(len(left)):
        partition = _partition_of(given, i, n_bits)
        if partition >= 0:
            at = starts[partition + 1]
            starts[partition + 1] = at + 1
            new_left[at], new_right[at] = min(left[i], right[i]), max(left[i], right[i])
            new_score[at] = score[i]


@kernel
def mark_repeats(left: Int32, right: Int32, keys: Words, rows: Int32, is_repeated: Bools) -> int:
    """Mark the rows whose pair is in more than one row, the first of them too; return how many rows are marked.

    Needs: 0 <= left < right; keys all 0, their number a power of two and more than that of rows; is_repeated all
    False. Overwrites: keys, rows, is_repeated. Each turn: keys holds the pairs of rows 0 .. i, rows where each was
    met first. Ties: none.
    """
    last = np.uint64(len(keys) - 1)
    n_marked = 0
    for i in range(len(left)):
        key = _key(left[i], right[i])
        slot = _spread(key) & last
        while keys[slot] != np.uint64(0) and keys[slot] != key:
            slot = (slot + np.uint64(1)) & last
        if keys[slot] == np.uint64(0):
            keys[slot], rows[slot] = key, i
            continue
        n_marked += 1 if is_repeated[rows[slot]] else 2
        is_repeated[rows[slot]] = is_repeated[i] = True
    return n_marked


@kernel
def keep_inside(pairs: Columns, component_of: Int32, kept: Columns) -> int:
    """Copy the rows with both records in one component, in the order given; return how many there are.

    Needs: left and right are places in component_of, or the score is negative: such rows are left out. Overwrites:
    kept, which has room for all. Each turn: the first n_kept rows of kept are those of rows 0 .. i.
    """
    left, right, score = pairs
    kept_left, kept_right, kept_score = kept
    n_kept = 0
    for i in range(len(left)):
        kept_left[n_kept], kept_right[n_kept], kept_score[n_kept] = left[i], right[i], score[i]
        if score[i] >= 0 and component_of[left[i]] == component_of[right[i]]:
            n_kept += 1
    return n_kept
