"""A dictionary of texts: open addressing over hashes, and every hit compared word by word.

    slots[s]   0: free; else the upper 24 bits of the text's hash, and below them the place of the text plus one
    arena      a text is a head word (its number above, its bytes below 2**32) and its bytes in words, zeros after them
    places[i]  where text i begins in the arena

A hash only says where to look. Two texts of one hash are told apart by their bytes, so no answer rests on hashes being
different; `mask` keeps as few bits of a hash as a test wants. Words are little-endian, as on every machine NumPy's
wheels are made for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Words
from unsnarl.kernels.jit import kernel

N_TEXTS, N_WORDS, MASK, N_STATE = 0, 1, 2, 3
AT_ONCE = 512
LINE = 8
"""Words in a line of the processor's cache: a text that fits in one does not lie across two."""
ABSENT, EMPTY = -1, -2
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_ONE, _THREE, _SEVEN, _EIGHT, _LAST = (np.uint64(i) for i in (1, 3, 7, 8, 64))
_HALF, _TAG = np.uint64(32), np.uint64(40)
_LOW, _PLACE = np.uint64(2**32 - 1), np.uint64(2**40 - 1)


class Texts(NamedTuple):
    """Hold the dictionary.

    arena   uint64[c]       all texts
    places  int64[k]        where each begins; k is how many there is room for
    slots   uint64[2**b]    at most two in three of them taken
    state   int64[N_STATE]  N_TEXTS so far, N_WORDS of the arena in use, MASK: bits of a hash that are used
    """

    arena: Words
    places: Int64
    slots: Words
    state: Int64


class Scratch(NamedTuple):
    """Room for AT_ONCE hashes, what their slots hold, and the head words there."""

    hashes: Words
    found: Words
    heads: Words


@kernel
def _read_word(words: Words, at: int, n_left: int) -> int:
    """Return the next eight bytes from byte `at` as one word; of fewer than eight those that are left, then zeros.

    Needs: 0 < n_left, the bytes are there; both unsigned. Overwrites: nothing. Ties: none.
    """
    shift = (at & _SEVEN) * _EIGHT
    word = words[at >> _THREE] >> shift
    if shift != np.uint64(0) and (at & _SEVEN) + min(n_left, _EIGHT) > _EIGHT:
        word |= words[(at >> _THREE) + _ONE] << (_LAST - shift)
    if n_left < _EIGHT:
        word &= (_ONE << (n_left * _EIGHT)) - _ONE
    return word


@kernel
def _hash_text(words: Words, at: int, length: int) -> int:
    """Return a hash of the `length` bytes from byte `at`.

    Needs: both unsigned, the bytes are there. Overwrites: nothing.
    Each turn: `mixed` is of the length and the bytes before `at`. Ties: none.
    """
    mixed = (length + _ONE) * _ODD
    while length > np.uint64(0):
        mixed = (mixed ^ _read_word(words, at, length)) * _MIX
        mixed ^= mixed >> _HALF
        at += _EIGHT
        length -= min(length, _EIGHT)
    mixed *= _ODD
    return mixed ^ mixed >> np.uint64(29)


@kernel
def _is_same(words: Words, at: int, length: int, arena: Words, place: int) -> bool:
    """Say whether the `length` bytes from byte `at` are those of the text at a place of the arena.

    Needs: unsigned; the head word there is of that length. Overwrites: nothing. Each turn: all bytes before agree.
    """
    while length > np.uint64(0):
        place += _ONE
        if arena[place] != _read_word(words, at, length):
            return False
        at += _EIGHT
        length -= min(length, _EIGHT)
    return True


@kernel
def _add(texts: Texts, slot: int, hashed: int, words: Words, span: Int64) -> int:
    """Add the bytes span[0] .. span[1] - 1 as a new text in a free slot; return its number, or ABSENT without room.

    Needs: the slot is free and where the text belongs. Overwrites: texts. Ties: none.
    """
    number, place = texts.state[N_TEXTS], texts.state[N_WORDS]
    at, length = np.uint64(span[0]), np.uint64(span[1] - span[0])
    n_words = 1 + (span[1] - span[0] + 7) // 8
    if place // LINE != (place + n_words - 1) // LINE and n_words <= LINE:
        place = (place + LINE - 1) // LINE * LINE
    if number == len(texts.places) or place + n_words > len(texts.arena) or 3 * number + 3 > 2 * len(texts.slots):
        return ABSENT
    texts.arena[place] = np.uint64(number) << _HALF | length
    for i in range(place + 1, place + n_words):
        texts.arena[i] = _read_word(words, at, length)
        at += _EIGHT
        length -= min(length, _EIGHT)
    texts.places[number] = place
    texts.slots[slot] = hashed >> _TAG << _TAG | np.uint64(place + 1)
    texts.state[N_TEXTS] = number + 1
    texts.state[N_WORDS] = place + n_words
    return number


@kernel
def _look_up(words: Words, span: Int64, hashed: int, texts: Texts, adds: bool) -> int:
    """Return the number of the text at bytes span[0] .. span[1] - 1, slot by slot; see find_texts.

    Needs: `hashed` is its hash. Overwrites: with `adds` texts. Each turn: the slots before `slot` hold other texts.
    """
    n_slots = np.uint64(len(texts.slots) - 1)
    at, length = np.uint64(span[0]), np.uint64(span[1] - span[0])
    slot = hashed & n_slots
    while texts.slots[slot] != np.uint64(0):
        if texts.slots[slot] >> _TAG == hashed >> _TAG:
            place = (texts.slots[slot] & _PLACE) - _ONE
            head = texts.arena[place]
            if head & _LOW == length and _is_same(words, at, length, texts.arena, place):
                return np.int64(head >> _HALF)
        slot = (slot + _ONE) & n_slots
    return _add(texts, slot, hashed, words, span) if adds else ABSENT


@kernel
def _find_heads(offsets: Int64, texts: Texts, room: Scratch) -> None:
    """For each hash find the first slot with its tag, and read the head word of the text there.

    Needs: offsets of the texts that room.hashes are of. Overwrites: room.found (0: no such slot), room.heads.
    Each loop does one thing, so that many reads are under way at once. Ties: none.
    """
    n_slots = np.uint64(len(texts.slots) - 1)
    n_texts = len(offsets) - 1
    for i in range(n_texts):
        room.found[i] = texts.slots[room.hashes[i] & n_slots]
    for i in range(n_texts):
        tag = room.hashes[i] >> _TAG
        if room.found[i] != np.uint64(0) and room.found[i] >> _TAG != tag:
            slot = (room.hashes[i] + _ONE) & n_slots
            while texts.slots[slot] != np.uint64(0) and texts.slots[slot] >> _TAG != tag:
                slot = (slot + _ONE) & n_slots
            room.found[i] = texts.slots[slot]
    for i in range(n_texts):
        room.heads[i] = texts.arena[max(room.found[i] & _PLACE, _ONE) - _ONE]


@kernel
def find_texts(
    words: Words, offsets: Int64, first: int, texts: Texts, adds: bool, numbers: Int32, room: Scratch
) -> int:
    """Write the number of each of many texts, from the `first` on; with `adds` new ones are added.

    Needs: text i is bytes offsets[i] .. offsets[i + 1] - 1 of words. Overwrites: numbers (ABSENT for what is not
    there, EMPTY for a text without a byte), room, and with `adds` texts. Returns the place of the first text not done:
    all are done, or the dictionary has no room and must be enlarged. Each turn: AT_ONCE more are hashed, their slots
    and head words asked for all at once, since most are not in the processor's cache, then compared. Ties: none.
    """
    mask = np.uint64(texts.state[MASK])
    n_texts = len(offsets) - 1
    for begin in range(first, n_texts, AT_ONCE):
        end = min(begin + AT_ONCE, n_texts)
        for i in range(begin, end):
            length = np.uint64(offsets[i + 1] - offsets[i])
            room.hashes[i - begin] = _hash_text(words, np.uint64(offsets[i]), length) & mask
        _find_heads(offsets[begin : end + 1], texts, room)
        for i in range(begin, end):
            at, length = np.uint64(offsets[i]), np.uint64(offsets[i + 1] - offsets[i])
            found, head = room.found[i - begin], room.heads[i - begin]
            if length == np.uint64(0):
                numbers[i] = EMPTY
                continue
            is_likely = found != np.uint64(0) and head & _LOW == length
            if is_likely and _is_same(words, at, length, texts.arena, (found & _PLACE) - _ONE):
                numbers[i] = np.int64(head >> _HALF)
                continue
            number = _look_up(words, offsets[i : i + 2], room.hashes[i - begin], texts, adds)
            if number == ABSENT and adds:
                return i
            numbers[i] = number
    return n_texts


@kernel
def fill_slots(texts: Texts) -> None:
    """Enter all texts into empty slots.

    Needs: slots all 0, more than there are texts; the texts differ. Overwrites: slots.
    Each turn: texts 0 .. i can be found. Ties: none.
    """
    n_slots = np.uint64(len(texts.slots) - 1)
    for i in range(texts.state[N_TEXTS]):
        place = np.uint64(texts.places[i])
        hashed = _hash_text(texts.arena, (place + _ONE) << _THREE, texts.arena[place] & _LOW)
        hashed &= np.uint64(texts.state[MASK])
        slot = hashed & n_slots
        while texts.slots[slot] != np.uint64(0):
            slot = (slot + _ONE) & n_slots
        texts.slots[slot] = hashed >> _TAG << _TAG | (place + _ONE)


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
    """Copy some texts one after the other: the i-th to out[ends[i]:ends[i + 1]].

    Needs: ends as measure_texts wrote it. Overwrites: out (bytes). Each turn: texts 0 .. i are copied.
    """
    for i in range(len(numbers)):
        place = np.uint64(places[numbers[i]])
        at, stop = np.uint64(ends[i]), np.uint64(ends[i + 1])
        while at < stop:
            place += _ONE
            word = arena[place]
            for _ in range(min(stop - at, _EIGHT)):
                out[at] = word & np.uint64(255)
                word >>= _EIGHT
                at += _ONE


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
