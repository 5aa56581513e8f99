"""Pairs in partitions: all rows of one pair are in one of them, so they are settled one by one, side by side."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Bools, Int32, Int64, Word, Words
from unsnarl.kernels.jit import inner, kernel

N_BAD, N_SELF, N_UNKNOWN, N_EMPTY, N_KEPT, N_TALLIES = 0, 1, 2, 3, 4, 5
EMPTY = -2
_ODD = np.uint64(0x9E3779B97F4A7C15)
_U32 = np.uint64(32)
_ONE, _ZERO = np.uint64(1), np.uint64(0)

Columns = tuple[Int32, Int32, Int32]
"""left, right, score"""


@inner
def _key(left: int, right: int) -> int:
    """Return a pair as one word, the smaller record above; never 0 for a pair of two records.

    Needs: both at least 0. Overwrites: nothing. Ties: none.
    """
    if left > right:
        left, right = right, left
    return np.uint64(left) << _U32 | np.uint64(right)


@inner
def _spread(key: int) -> int:
    """Return the bits of a key well mixed, the upper ones best.

    Needs: nothing. Overwrites: nothing. Ties: none.
    """
    mixed = key * _ODD
    mixed ^= mixed >> _U32
    return mixed * _ODD


@inner
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


@inner
def _bit_of(left: int, right: int, n_bits: int) -> Word:
    """Return the bit of a pair among 2**n_bits.

    Needs: both at least 0. Overwrites: nothing. Ties: pairs may share a bit.
    """
    # The upper bits are the same in a whole partition.
    return _spread(_key(left, right)) << np.uint64(16) >> np.uint64(64 - n_bits)


@kernel
def note_pairs(left: Int32, right: Int32, n_bits: int, once: Words, twice: Words) -> int:
    """Set the bit of each pair in `once`, or in `twice` where that was set before; return how many times it was.

    Needs: 0 <= left < right; once and twice have 2**n_bits bits. Overwrites: once, twice.
    Each turn: the bits of pairs 0 .. i are set. Ties: pairs that share a bit are taken for one here.
    """
    n_met = 0
    for i in range(len(left)):
        bit = _bit_of(left[i], right[i], n_bits)
        word, mark = bit >> np.uint64(6), _ONE << (bit & np.uint64(63))
        if once[word] & mark != _ZERO:
            twice[word] |= mark
            n_met += 1
        once[word] |= mark
    return n_met


@kernel
def find_suspects(left: Int32, right: Int32, n_bits: int, twice: Words, rows: Int32) -> int:
    """List the rows whose pair has a bit in `twice`: all that are in more than one row, and few others; count them.

    Needs: as note_pairs left it; rows has room for one more than all. Overwrites: rows. Each turn: those of rows 0 .. i
    are listed.
    """
    n_found = 0
    for i in range(len(left)):
        bit = _bit_of(left[i], right[i], n_bits)
        rows[n_found] = i
        n_found += 1 if twice[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & _ONE != _ZERO else 0
    return n_found


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
def mark_tied(component_of: Int32, sizes: Int32, is_tied: Words) -> None:
    """Mark the records that are in a component with others, a bit each: few enough bytes to stay near the processor.

    Needs: sizes int32[n] all 0; is_tied has n bits, all 0. Overwrites: sizes, is_tied.
    Each turn: components are counted up to record i, then records 0 .. i are marked. Ties: none.
    """
    for i in range(len(component_of)):
        sizes[component_of[i]] += 1
    for i in range(len(component_of)):
        if sizes[component_of[i]] > 1:
            is_tied[i >> 6] |= _ONE << np.uint64(i & 63)


@inner
def _bit(bits: Words, i: int) -> Word:
    """Return one of some bits.

    Needs: i at least 0. Overwrites: nothing. Ties: none.
    """
    return bits[np.uint64(i >> 6)] >> np.uint64(i & 63) & _ONE


@kernel
def keep_inside(pairs: Columns, is_tied: Words, component_of: Int32, kept: Columns) -> int:
    """Copy the rows with both records in one component, in the order given; return how many there are.

    Needs: left and right are places in component_of, or the score is negative: such rows are left out; is_tied as
    mark_tied wrote it. Overwrites: kept, which has room for all. Each turn: the first n_kept rows of kept are those of
    rows 0 .. i.
    """
    left, right, score = pairs
    kept_left, kept_right, kept_score = kept
    n_kept = 0
    for i in range(len(left)):
        if score[i] < 0 or _bit(is_tied, left[i]) & _bit(is_tied, right[i]) == _ZERO:
            continue
        if component_of[left[i]] == component_of[right[i]]:
            kept_left[n_kept], kept_right[n_kept], kept_score[n_kept] = left[i], right[i], score[i]
            n_kept += 1
    return n_kept


@kernel
def sort_places(keys: Int32, places: Int32, starts: Int64, sorted_: Int32) -> None:
    """Sort places by their key.

    Needs: 0 <= keys[p] < len(starts) - 1 for every place p; starts all 0. Overwrites: starts, sorted_.
    Each turn: places 0 .. i are counted, then stand where they belong. Ties: as given.
    """
    for i in range(len(places)):
        starts[keys[places[i]] + 1] += 1
    for k in range(1, len(starts)):
        starts[k] += starts[k - 1]
    for i in range(len(places)):
        key = keys[places[i]]
        sorted_[starts[key]] = places[i]
        starts[key] += 1
