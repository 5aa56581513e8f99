"""Pairs in partitions: all rows of one pair are in one of them, so they are settled one by one, side by side."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Word, Words
from unsnarl.kernels.jit import inner, kernel

SHORT_ROW = 32
"""Places that are sorted one by one."""
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
    """Return the bits of a key well mixed, the upper ones best; no two keys come to the same, and only 0 to 0.

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
def _bucket_of(spread: Word, n_above: int, n_bits: int) -> Word:
    """Return the n_bits bits of a hash that follow the first n_above.

    Needs: n_above + n_bits <= 64. Overwrites: nothing. Ties: none.
    """
    # No bits at all are shifted out in two steps: by 64 at once nothing would move.
    return spread << np.uint64(n_above) >> np.uint64(63 - n_bits) >> _ONE


@kernel
def count_buckets(left: Int32, right: Int32, n_above: int, n_bits: int, starts: Int64) -> None:
    """Count the pairs of each bucket of a partition.

    Needs: 0 <= left < right; n_above bits of their hashes are the same; starts int64[2**n_bits + 2], those of earlier
    calls counted. Overwrites: starts (bucket b is counted in starts[b + 2]). Each turn: pairs 0 .. i are counted.
    Ties: none.
    """
    for i in range(len(left)):
        starts[_bucket_of(_spread(_key(left[i], right[i])), n_above, n_bits) + np.uint64(2)] += 1


@kernel
def fill_buckets(left: Int32, right: Int32, n_above: int, n_bits: int, starts: Int64, hashes: Words) -> None:
    """Write the hash of each pair, which no other pair has, bucket by bucket.

    Needs: starts as count_buckets left them, summed up, those of earlier calls filled in. Overwrites: starts (after all
    calls bucket b is starts[b] .. starts[b + 1] - 1), hashes. Each turn: pairs 0 .. i are there. Ties: as given.
    """
    for i in range(len(left)):
        spread = _spread(_key(left[i], right[i]))
        bucket = _bucket_of(spread, n_above, n_bits) + _ONE
        hashes[starts[bucket]] = spread
        starts[bucket] += 1


@inner
def _find_place(table: Words, last: Word, hashed: Word) -> Word:
    """Return the place of a hash among the places 0 .. last of a table, or the free one where it belongs.

    Needs: last + 1 a power of two, one place at least is free, that is 0; hashed is not 0. Overwrites: nothing.
    Each turn: the places before hold others. Ties: none.
    """
    place = hashed & last
    while table[place] != _ZERO and table[place] != hashed:
        place = (place + _ONE) & last
    return place


@kernel
def keep_repeated(starts: Int64, table: Words, hashes: Words) -> int:
    """Keep the hashes that were there before, in front of all, as often as they were; return how many there are.

    A bucket is small enough for its table to be near the processor, unless one pair is there very often.

    Needs: as fill_buckets left them, none is 0; len(table) a power of two, and a quarter more than the largest bucket
    has. Overwrites: table, hashes. Each turn: n_places is doubled until a quarter is free; the buckets before b are
    done, then those of b up to k. Ties: none.
    """
    n_kept = 0
    for b in range(len(starts) - 2):
        n_places = 16
        while 3 * n_places < 4 * (starts[b + 1] - starts[b]):
            n_places *= 2
        n_places = min(n_places, len(table))
        last = np.uint64(n_places - 1)
        table[:n_places] = _ZERO
        for k in range(starts[b], starts[b + 1]):
            hashed = hashes[k]
            place = _find_place(table, last, hashed)
            hashes[n_kept] = hashed
            n_kept += 1 if table[place] == hashed else 0
            table[place] = hashed
    return n_kept


@kernel
def enter_hashes(hashes: Words, table: Words) -> None:
    """Enter hashes into a table.

    Needs: table all 0, its length a power of two and more than there are hashes. Overwrites: table. Each turn: those up
    to i are there. Ties: none.
    """
    last = np.uint64(len(table) - 1)
    for i in range(len(hashes)):
        table[_find_place(table, last, hashes[i])] = hashes[i]


@kernel
def find_rows(left: Int32, right: Int32, table: Words, rows: Int32) -> int:
    """List the rows whose pair has its hash in a table; count them.

    Needs: 0 <= left < right; table as enter_hashes left it; rows has room for one more than all. Overwrites: rows.
    Each turn: those of rows 0 .. i are listed. Ties: none.
    """
    n_found, last = 0, np.uint64(len(table) - 1)
    for i in range(len(left)):
        hashed = _spread(_key(left[i], right[i]))
        rows[n_found] = i
        n_found += 1 if table[_find_place(table, last, hashed)] == hashed else 0
    return n_found


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


@kernel
def sort_short_rows(keys: Int32, ends: Int64, places: Int32) -> None:
    """Sort the places of each row by their key, where there are no more than SHORT_ROW.

    Needs: row r is places ends[r - 1] (0 for the first) .. ends[r] - 1, with keys that differ. Overwrites: places.
    Each turn: the rows before r are sorted; then the first places of row r up to i. Ties: none.
    """
    start = 0
    for r in range(len(ends)):
        stop = ends[r]
        if stop - start <= SHORT_ROW:
            for i in range(start + 1, stop):
                place, at = places[i], i
                while at > start and keys[places[at - 1]] > keys[place]:
                    places[at] = places[at - 1]
                    at -= 1
                places[at] = place
        start = stop
