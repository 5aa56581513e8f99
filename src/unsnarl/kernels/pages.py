"""Pages of Parquet columns: where their texts stand, numbers packed into few bits, and scores.

Pages come from a file, so nothing is believed: a page that is not what it should be gives WRONG, and nothing past its
end is made use of. (A word may be looked at that begins within it and ends after it.)
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Float64, Int32, Int64, Word, Words
from unsnarl.kernels.jit import inner, kernel, word_at

RIGHT, WRONG = 0, -1
UNIT = 1e9
_LOW = np.uint64(2**32 - 1)
_ONE, _ZERO, _THREE, _FOUR, _SEVEN = (np.uint64(i) for i in (1, 0, 3, 4, 7))
_TWO, _BYTE = np.uint64(2), np.uint64(255)
_MOST_BITS = 32


@kernel
def find_texts(words: Words, begin: int, end: int, starts: Int64, lengths: Int64) -> int:
    """Write where the texts of a plain page stand, each of which has its length (32 bits) before it; RIGHT or WRONG.

    Needs: bytes begin .. end - 1 of words are the page, a word or more follows. Overwrites: starts, lengths.
    Each turn: texts 0 .. i are found, and end at `at`.
    """
    at, stop = np.uint64(begin), np.uint64(end)
    for i in range(len(starts)):
        if at + _FOUR > stop:
            return WRONG
        length = word_at(words, at) & _LOW
        at += _FOUR
        if length > stop - at:
            return WRONG
        starts[i], lengths[i] = at, length
        at += length
    return RIGHT if at == stop else WRONG


@inner
def _read_head(words: Words, at: Word, stop: Word) -> tuple[Word, Word]:
    """Return a number of seven bits a byte, and where it ends: after `stop` where it does not.

    Needs: a word follows after stop. Overwrites: nothing. Each turn: the bytes before `at` are read.
    """
    number, shift = _ZERO, _ZERO
    while at < stop and shift < np.uint64(35):
        byte = word_at(words, at) & _BYTE
        at += _ONE
        number |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            return number, at
        shift += _SEVEN
    return number, stop + _ONE


@kernel
def unpack(words: Words, begin: int, end: int, n_bits: int, out: Int32) -> int:
    """Write numbers that are kept as runs of one value, or n_bits each, eight at a time; RIGHT or WRONG.

    Needs: bytes begin .. end - 1 of words hold them, a word or more follows. Overwrites: out.
    Each turn: `done` numbers are written, the run of the next ends before `at`.
    """
    if n_bits < 0 or n_bits > _MOST_BITS:
        return WRONG
    at, stop, bits = np.uint64(begin), np.uint64(end), np.uint64(n_bits)
    mask = (_ONE << bits) - _ONE
    done = n_run = np.int64(0)
    while done < len(out):
        head, at = _read_head(words, at, stop)
        if at > stop or head < _TWO:
            return WRONG
        n_left = np.uint64(len(out) - done)
        if head & _ONE == _ZERO:
            n_bytes = bits + _SEVEN >> _THREE
            if n_bytes > stop - at:
                return WRONG
            value = np.int64(word_at(words, at) & mask)
            n_run = np.int64(min(head >> _ONE, n_left))
            for i in range(done, done + n_run):
                out[i] = value
        else:
            n_bytes = (head >> _ONE) * bits
            if n_bytes > stop - at:
                return WRONG
            n_run, place = np.int64(min((head >> _ONE) << _THREE, n_left)), at << _THREE
            for i in range(done, done + n_run):
                out[i] = np.int64(word_at(words, place >> _THREE) >> (place & _SEVEN) & mask)
                place += bits
        at += n_bytes
        done += n_run
    return RIGHT


@kernel
def refer(indexes: Int32, known: tuple[Int64, Int64], starts: Int64, lengths: Int64) -> int:
    """Write where the texts stand that are given by their place among known ones; RIGHT or WRONG.

    Needs: known starts and lengths. Overwrites: starts, lengths. Each turn: texts 0 .. i are written.
    """
    known_starts, known_lengths = known
    for i in range(len(indexes)):
        index = indexes[i]
        if index < 0 or index >= len(known_starts):
            return WRONG
        starts[i], lengths[i] = known_starts[index], known_lengths[index]
    return RIGHT


@kernel
def find_units(scores: Float64, is_distance: bool, units: Int32) -> None:
    """Write scores from 0 to 1 in score units, rounded half to even; -1 for any other.

    Needs: nothing. Overwrites: units. Each turn: units[0 .. i] are written. Ties: none.
    """
    for i in range(len(scores)):
        # What is not a number is neither less nor more.
        if scores[i] >= 0.0 and scores[i] <= 1.0:
            found = np.int64(np.rint(scores[i] * UNIT))
            units[i] = 1_000_000_000 - found if is_distance else found
        else:
            units[i] = -1
