"""A dictionary of texts: open addressing over two hashes of each.

    slots[2 s]      0: free; else the first hash of a text
    slots[2 s + 1]  the upper half of its second hash, and below it its number
    arena           a text is a head word (its length in bytes) and its bytes in words, zeros after them
    places[i]       where text i begins in the arena

Texts whose first hashes agree are told apart by the second, which is independent of it: both are keyed, with keys
drawn anew in every process, so that nobody can make texts that agree. 96 bits are compared, and not the bytes: that
would be one more trip to main memory for every id of every pair. `mask` keeps as few bits of the first hash as a test
wants. Words are little-endian, as on every machine NumPy's wheels are made for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Word, Words
from unsnarl.kernels.jit import kernel

N_TEXTS, N_WORDS, MASK, KEY, OTHER_KEY, N_STATE = 0, 1, 2, 3, 4, 5
AT_ONCE = 512
ABSENT, EMPTY = -1, -2
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_OTHER = np.uint64(0xC2B2AE3D27D4EB4F)
_ZERO, _ONE, _THREE, _SEVEN, _EIGHT, _LAST = (np.uint64(i) for i in (0, 1, 3, 7, 8, 64))
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


class Texts(NamedTuple):
    """Hold the dictionary.

    arena   uint64[c]        all texts
    places  int64[k]         where each begins; k is how many there is room for
    slots   uint64[2**b, 2]  at most two in three of them taken
    state   int64[N_STATE]   N_TEXTS so far, N_WORDS of the arena in use, MASK: bits of the first hash that are used,
                             KEY and OTHER_KEY of the hashes
    """

    arena: Words
    places: Int64
    slots: Words
    state: Int64


class Scratch(NamedTuple):
    """Room for both hashes of AT_ONCE texts, and for what the slots hold where they are looked for first."""

    hashes: Words
    checks: Words
    found: Words
    numbers: Words


@kernel
def _read_word(words: Words, at: Word, n_left: Word) -> Word:
    """Return the next eight bytes from byte `at` as one word; of fewer than eight those that are left, then zeros.

    Needs: 0 < n_left, the bytes are there; both unsigned. Overwrites: nothing. Ties: none.
    """
    shift = (at & _SEVEN) * _EIGHT
    word = words[at >> _THREE] >> shift
    if shift != _ZERO and (at & _SEVEN) + min(n_left, _EIGHT) > _EIGHT:
        word |= words[(at >> _THREE) + _ONE] << (_LAST - shift)
    if n_left < _EIGHT:
        word &= (_ONE << (n_left * _EIGHT)) - _ONE
    return word


@kernel
def _mix(mixed: Word, other: Word, word: Word) -> tuple[Word, Word]:
    """Return two hashes with one more word mixed in, in two ways that have nothing in common.

    Needs: unsigned. Overwrites: nothing. Ties: none.
    """
    mixed = (mixed ^ word) * _MIX
    other = (other + word) * _OTHER
    return mixed ^ mixed >> _HALF, other << np.uint64(29) | other >> np.uint64(35)


@kernel
def _hash_text(words: Words, at: Word, length: Word, state: Int64) -> tuple[Word, Word]:
    """Return two hashes of the `length` bytes from byte `at`; the first is never 0, the second has 32 bits.

    Needs: unsigned, the bytes are there. Overwrites: nothing.
    Each turn: the two are of the length and the bytes before `at`. Ties: none.
    """
    mixed = np.uint64(state[KEY]) ^ length * _ODD
    other = np.uint64(state[OTHER_KEY]) + length * _OTHER
    shift, place = (at & _SEVEN) * _EIGHT, at >> _THREE
    for _ in range(length >> _THREE):
        word = words[place]
        place += _ONE
        if shift != _ZERO:
            word = word >> shift | words[place] << (_LAST - shift)
        mixed, other = _mix(mixed, other, word)
    if length & _SEVEN != _ZERO:
        rest = length & _SEVEN
        mixed, other = _mix(mixed, other, _read_word(words, at + length - rest, rest))
    mixed = (mixed * _ODD) & np.uint64(state[MASK])
    other = (other ^ other >> _HALF) * _ODD
    return (mixed ^ mixed >> np.uint64(29)) | _ONE, other >> _HALF


@kernel
def _add(texts: Texts, words: Words, span: Int64) -> int:
    """Add the bytes span[0] .. span[1] - 1 as a new text; return its number, or ABSENT without room.

    Needs: nothing. Overwrites: texts but for the slots. Each turn: another word is copied.
    """
    number, place = texts.state[N_TEXTS], texts.state[N_WORDS]
    at, length = np.uint64(span[0]), np.uint64(span[1] - span[0])
    n_words = 1 + (span[1] - span[0] + 7) // 8
    if number == len(texts.places) or place + n_words > len(texts.arena) or 3 * number + 3 > 2 * len(texts.slots):
        return ABSENT
    texts.arena[place] = length
    for i in range(place + 1, place + n_words):
        texts.arena[i] = _read_word(words, at, length)
        at += _EIGHT
        length -= min(length, _EIGHT)
    texts.places[number] = place
    texts.state[N_TEXTS] = number + 1
    texts.state[N_WORDS] = place + n_words
    return number


@kernel
def _look_up(hashed: Word, check: Word, texts: Texts, words: Words, span: Int64, adds: bool) -> int:
    """Return the number of the text with these hashes, slot by slot; see find_texts.

    Needs: the hashes are of bytes span[0] .. span[1] - 1 of words. Overwrites: with `adds` texts.
    Each turn: the slots before `slot` hold other texts.
    """
    n_slots = np.uint64(len(texts.slots) - 1)
    slot = hashed >> _ONE & n_slots
    while texts.slots[slot, 0] != _ZERO:
        if texts.slots[slot, 0] == hashed and texts.slots[slot, 1] >> _HALF == check:
            return np.int64(texts.slots[slot, 1] & _LOW)
        slot = (slot + _ONE) & n_slots
    if not adds:
        return ABSENT
    number = _add(texts, words, span)
    if number != ABSENT:
        texts.slots[slot, 0] = hashed
        texts.slots[slot, 1] = check << _HALF | np.uint64(number)
    return number


@kernel
def _hash_batch(words: Words, offsets: Int64, texts: Texts, room: Scratch) -> None:
    """Hash some texts, and read the slots where they are looked for first.

    Needs: text i is bytes offsets[i] .. offsets[i + 1] - 1. Overwrites: room.
    Each loop does one thing, so that many reads of main memory are under way at once.
    """
    n_texts = len(offsets) - 1
    for i in range(n_texts):
        length = np.uint64(offsets[i + 1] - offsets[i])
        room.hashes[i], room.checks[i] = _hash_text(words, np.uint64(offsets[i]), length, texts.state)
    n_slots = np.uint64(len(texts.slots) - 1)
    for i in range(n_texts):
        slot = room.hashes[i] >> _ONE & n_slots
        room.found[i] = texts.slots[slot, 0]
        room.numbers[i] = texts.slots[slot, 1]


@kernel
def find_texts(
    words: Words, offsets: Int64, first: int, texts: Texts, adds: bool, numbers: Int32, room: Scratch
) -> int:
    """Write the number of each of many texts, from the `first` on; with `adds` new ones are added.

    Needs: text i is bytes offsets[i] .. offsets[i + 1] - 1 of words. Overwrites: numbers (ABSENT for what is not
    there, EMPTY for a text without a byte), room, and with `adds` texts. Returns the place of the first text not done:
    all are done, or the dictionary has no room and must be enlarged. Each turn: AT_ONCE more have their numbers.
    """
    n_texts = len(offsets) - 1
    for begin in range(first, n_texts, AT_ONCE):
        end = min(begin + AT_ONCE, n_texts)
        _hash_batch(words, offsets[begin : end + 1], texts, room)
        for i in range(begin, end):
            j = i - begin
            if room.found[j] == room.hashes[j] and room.numbers[j] >> _HALF == room.checks[j]:
                numbers[i] = np.int64(room.numbers[j] & _LOW)
            elif offsets[i] == offsets[i + 1]:
                numbers[i] = EMPTY
            else:
                number = _look_up(room.hashes[j], room.checks[j], texts, words, offsets[i : i + 2], adds)
                if number == ABSENT and adds:
                    return i
                numbers[i] = number
    return n_texts


@kernel
def move_slots(slots: Words, larger: Words) -> None:
    """Enter what is in slots into more of them.

    Needs: larger all 0, and longer. Overwrites: larger. Each turn: what is in slots 0 .. i can be found there.
    """
    n_slots = np.uint64(len(larger) - 1)
    for i in range(len(slots)):
        if slots[i, 0] != _ZERO:
            slot = slots[i, 0] >> _ONE & n_slots
            while larger[slot, 0] != _ZERO:
                slot = (slot + _ONE) & n_slots
            larger[slot, 0], larger[slot, 1] = slots[i, 0], slots[i, 1]


@kernel
def measure_texts(arena: Words, places: Int64, numbers: Int32, ends: Int64) -> None:
    """Write where each of some texts ends when they stand one after the other, in bytes.

    Needs: numbers are of texts; ends int64[len(numbers) + 1], ends[0] 0. Overwrites: ends. Each turn: ends[0 .. i + 1]
    are right.
    """
    for i in range(len(numbers)):
        ends[i + 1] = ends[i] + np.int64(arena[places[numbers[i]]] & _LOW)


@kernel
def copy_texts(arena: Words, places: Int64, numbers: Int32, ends: Int64, out: Words) -> None:
    """Copy some texts one after the other: the i-th to bytes ends[i] .. ends[i + 1] - 1 of out.

    Needs: ends as measure_texts wrote it; out all 0, a word longer than needed. Overwrites: out.
    Each turn: texts 0 .. i are copied.
    """
    for i in range(len(numbers)):
        place = np.uint64(places[numbers[i]])
        at, stop = np.uint64(ends[i]), np.uint64(ends[i + 1])
        while at < stop:
            place += _ONE
            word, shift = arena[place], (at & _SEVEN) * _EIGHT
            out[at >> _THREE] |= word << shift
            if shift != _ZERO:
                out[(at >> _THREE) + _ONE] |= word >> (_LAST - shift)
            at += _EIGHT


@kernel
def read_words(arena: Words, places: Int64, numbers: Int32, depth: int, words: Words) -> None:
    """Write bytes 8 * depth .. 8 * depth + 7 of each text as one number that sorts as they do.

    Needs: numbers are of texts. Overwrites: words. Each turn: words[0 .. i] are written. Ties: a text that ends earlier
    looks as if zeros followed; lengths tell the two apart.
    """
    for i in range(len(numbers)):
        place = places[numbers[i]]
        n_words = (np.int64(arena[place] & _LOW) + 7) // 8
        word = arena[place + 1 + depth] if depth < n_words else np.uint64(0)
        turned = np.uint64(0)
        for _ in range(8):
            turned = turned << _EIGHT | word & np.uint64(255)
            word >>= _EIGHT
        words[i] = turned
