"""Bring pairs to their one canonical form: no self pairs, left < right, sorted, each pair once."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64
from unsnarl.kernels.jit import inner, kernel

N_SELF, N_REPEATED, N_CONFLICTS, N_PAIRS = 0, 1, 2, 3
KEEP_MAX, KEEP_MEAN, KEEP_MIN = 0, 1, 2
N_EXAMPLES = 5

Columns = tuple[Int32, Int32, Int32]
"""left, right, score"""


@kernel
def _orient(left: Int32, right: Int32) -> None:
    """Put the smaller record of every pair left.

    Needs: nothing. Overwrites: left, right. Each turn: pairs 0 .. i are oriented. Ties: none.
    """
    for i in range(len(left)):
        if left[i] > right[i]:
            left[i], right[i] = right[i], left[i]


@kernel
def _sort_by(key: Int32, n_records: int, given: Columns, sorted_: Columns, next_place: Int64) -> None:
    """Copy three columns in the order of `key`, keeping the order of equal keys (counting sort).

    Needs: 0 <= key < n_records; next_place int64[n_records + 1] all 0. Overwrites: sorted_, next_place.
    Each turn: rows 0 .. i stand where they belong. Ties: as given.
    """
    for i in range(len(key)):
        next_place[key[i] + 1] += 1
    for r in range(n_records):
        next_place[r + 1] += next_place[r]
    left, right, score = given
    new_left, new_right, new_score = sorted_
    for i in range(len(key)):
        at = next_place[key[i]]
        next_place[key[i]] = at + 1
        new_left[at], new_right[at], new_score[at] = left[i], right[i], score[i]


@inner
def _sort_scores(score: Int32, start: int, stop: int) -> None:
    """Sort score[start:stop] upwards (Shell's method: the runs are rarely longer than two).

    Needs: nothing. Overwrites: score[start:stop]. Each turn: elements a gap apart are in order. Ties: none.
    """
    gap = (stop - start) // 2
    while gap > 0:
        for i in range(start + gap, stop):
            held = score[i]
            j = i
            while j >= start + gap and score[j - gap] > held:
                score[j] = score[j - gap]
                j -= gap
            score[j] = held
        gap //= 2


@inner
def _settle_score(score: Int32, start: int, stop: int, keep: int, tally: Int64) -> int:
    """Return the one score of a pair given in rows start .. stop - 1, and count what was dropped for it.

    Where a row forbids the pair no score of it counts.

    Needs: keep is KEEP_MAX, KEEP_MEAN or KEEP_MIN. Overwrites: score[start:stop] (sorted), tally.
    Each turn: total and n_different are of the different scores up to i. Ties: a mean half-way between two units is
    rounded up.
    """
    _sort_scores(score, start, stop)
    if score[start] < 0:
        return np.int64(score[start])
    total = np.int64(score[start])
    n_different = 1
    for i in range(start + 1, stop):
        if score[i] == score[i - 1]:
            tally[N_REPEATED] += 1
        else:
            total += score[i]
            n_different += 1
    if n_different > 1:
        tally[N_CONFLICTS] += 1
    if keep == KEEP_MAX:
        return np.int64(score[stop - 1])
    if keep == KEEP_MIN:
        return np.int64(score[start])
    return (2 * total + n_different) // (2 * n_different)


@kernel
def squeeze(left: Int32, right: Int32, score: Int32, keep: int, tally: Int64, conflicts: Int32) -> None:
    """Keep one row of every pair, at the front.

    Needs: rows sorted by (left, right). Overwrites: all. Each turn: rows before `kept` are canonical and stand for
    all rows before i.
    Ties: none.
    """
    kept = 0
    i = np.int64(0)
    while i < len(left):
        stop = i + 1
        while stop < len(left) and left[stop] == left[i] and right[stop] == right[i]:
            stop += 1
        if left[i] == right[i]:
            tally[N_SELF] += stop - i
        else:
            n_before = tally[N_CONFLICTS]
            value = np.int64(score[i]) if stop == i + 1 else _settle_score(score, i, stop, keep, tally)
            if tally[N_CONFLICTS] > n_before and n_before < N_EXAMPLES:
                conflicts[n_before, 0], conflicts[n_before, 1] = left[i], right[i]
            left[kept], right[kept], score[kept] = left[i], right[i], value
            kept += 1
        i = stop
    tally[N_PAIRS] = kept


def canonical_pairs(
    left: Int32, right: Int32, score: Int32, n_records: int, keep: int
) -> tuple[Int32, Int32, Int32, Int64, Int32]:
    """Bring pairs to canonical form.

    Returns left, right, score (int32[k]), the tally (int64[4]) and up to five conflicting pairs (int32[5, 2]).

    Cost: O(n + m); two copies of the rows while it runs. The input is not changed.
    """
    first = (left.copy(), right.copy(), score)
    _orient(first[0], first[1])
    second = (np.empty_like(left), np.empty_like(left), np.empty_like(left))
    _sort_by(first[1], n_records, first, second, np.zeros(n_records + 1, dtype=np.int64))
    third = (first[0], first[1], np.empty_like(left))
    _sort_by(second[0], n_records, second, third, np.zeros(n_records + 1, dtype=np.int64))
    del second
    tally = np.zeros(4, dtype=np.int64)
    conflicts = np.full((N_EXAMPLES, 2), -1, dtype=np.int32)
    squeeze(*third, keep, tally, conflicts)
    n_pairs = int(tally[N_PAIRS])
    columns = [column if n_pairs == len(column) else column[:n_pairs].copy() for column in third]
    return columns[0], columns[1], columns[2], tally, conflicts
