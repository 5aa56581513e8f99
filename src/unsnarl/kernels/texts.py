"""A dictionary of texts: open addressing over a hash, and every match compared byte by byte.

    slots[s]    0: free; else the upper half is a text's hash, the lower half where it stands in the arena
    arena       a text is a head word (its number above, its length in bytes below) and its bytes in words, zeros after
                them; words 0 .. LINE - 1 are nobody's, and a text of no more than LINE words is in one line of memory
    places[i]   where text i begins in the arena

Two texts of one hash stand in two slots, and are told apart by their bytes: nothing is left to chance. The hash is
keyed, with a key drawn anew in every process, so that nobody can make many texts of one hash. `mask` keeps as few bits
of it as a test wants. Words are little-endian, as on every machine NumPy's wheels are made for.

Whoever looks texts up asks for their slots and then for their bytes well before they are needed: most of the time would
go into waiting for main memory, one text after the other.

Several threads may look up while one adds. A slot is one word, written last: who reads it too early, or reads bytes
that are not all there yet, finds nothing, and looks again when it is his turn to add.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Word, Words
from unsnarl.kernels.jit import inner, kernel, prefetch, word_at

N_TEXTS, N_WORDS, MASK, KEY, N_STATE = 0, 1, 2, 3, 4
AT_ONCE = 256
AHEAD = 32
"""Texts that are asked for before they are needed, where one after the other is copied."""
LINE = 8
"""Words that come from main memory at once."""
ABSENT, EMPTY = -1, -2
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_ZERO, _ONE, _THREE, _SEVEN, _EIGHT, _LAST = (np.uint64(i) for i in (0, 1, 3, 7, 8, 64))
_HALF = np.uint64(32)
_TOP_BITS = np.uint64(0x8080808080808080)
_LOW = np.uint64(2**32 - 1)


class Texts(NamedTuple):
    """Hold the dictionary.

    arena   uint64[c]     all texts, c at most 2**32
    places  int64[k]      where each begins; k is how many there is room for
    slots   uint64[2**b]  at most three quarters of them taken
    state   int64[N_STATE]   N_TEXTS so far, N_WORDS of the arena in use, MASK: bits of the hash that are used, KEY
    """

    arena: Words
    places: Int64
    slots: Words
    state: Int64


class Spans(NamedTuple):
    """Say where some texts stand: text i is `lengths[i]` bytes from byte `starts[i]` of words.

    words    uint64[...]
    starts   int64[k]
    lengths  int64[k]
    """

    words: Words
    starts: Int64
    lengths: Int64


class Found(NamedTuple):
    """Room for the hashes of AT_ONCE texts, and for what their slots hold."""

    hashes: Words
    slots: Words


@inner
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


@inner
def _hash_text(words: Words, at: Word, length: Word, state: Int64) -> Word:
    """Return a hash of the `length` bytes from byte `at`, of 32 bits.

    Needs: unsigned, the bytes are there. Overwrites: nothing.
    Each turn: it is of the length and the bytes before `at`. Ties: none.
    """
    mixed = np.uint64(state[KEY]) ^ length * _ODD
    if length < _EIGHT:
        if length != _ZERO:
            mixed = (mixed ^ _read_word(words, at, length)) * _MIX
    else:
        # The last word may begin within the one before.
        last = at + length - _EIGHT
        while at < last:
            mixed = (mixed ^ word_at(words, at)) * _MIX
            mixed ^= mixed >> _HALF
            at += _EIGHT
        mixed = (mixed ^ word_at(words, last)) * _MIX
    mixed ^= mixed >> _HALF
    mixed *= _ODD
    return (mixed >> _HALF) & np.uint64(state[MASK])


@inner
def _is_text(arena: Words, place: Word, words: Words, at: Word, length: Word) -> bool:
    """Say whether the text at `place` has the `length` bytes from byte `at`.

    Needs: unsigned, the bytes are there. Overwrites: nothing. Each turn: the bytes before `at` agree. Ties: none.
    """
    if arena[place] & _LOW != length:
        return False
    if length < _EIGHT:
        return length == _ZERO or arena[place + _ONE] == _read_word(words, at, length)
    own = place + _ONE << _THREE
    last = own + length - _EIGHT
    while own < last:
        if word_at(arena, own) != word_at(words, at):
            return False
        own += _EIGHT
        at += _EIGHT
    return word_at(arena, last) == word_at(words, at + last - own)


@inner
def _find_slot(hashed: Word, texts: Texts, spans: Spans, i: int) -> tuple[Word, Word]:
    """Return the slot of text i and what it holds, or the free one where it belongs and 0.

    Needs: the hash is that of the text. Overwrites: nothing. Each turn: the slots before `slot` hold other texts.
    """
    last = np.uint64(len(texts.slots) - 1)
    at, length = np.uint64(spans.starts[i]), np.uint64(spans.lengths[i])
    slot = hashed & last
    while True:
        found = texts.slots[slot]
        if found == _ZERO:
            return slot, found
        if found >> _HALF == hashed and _is_text(texts.arena, found & _LOW, spans.words, at, length):
            return slot, found
        slot = (slot + _ONE) & last


@inner
def _add(texts: Texts, spans: Spans, i: int) -> int:
    """Add text i as a new one; return where it begins, or ABSENT without room.

    Needs: nothing. Overwrites: texts but for the slots. Each turn: another word is copied.
    """
    number, place = texts.state[N_TEXTS], texts.state[N_WORDS]
    at, length = np.uint64(spans.starts[i]), np.uint64(spans.lengths[i])
    n_words = 1 + (spans.lengths[i] + 7) // 8
    if n_words <= LINE and place % LINE + n_words > LINE:
        place += LINE - place % LINE
    if number == len(texts.places) or place + n_words > len(texts.arena) or 4 * number + 4 > 3 * len(texts.slots):
        return ABSENT
    texts.arena[place] = np.uint64(number) << _HALF | length
    for k in range(place + 1, place + n_words):
        texts.arena[k] = _read_word(spans.words, at, length)
        at += _EIGHT
        length -= min(length, _EIGHT)
    texts.places[number] = place
    texts.state[N_TEXTS] = number + 1
    texts.state[N_WORDS] = place + n_words
    return place


@kernel
def look_up(spans: Spans, texts: Texts, numbers: Int32, room: Found) -> int:
    """Write the number of each text: ABSENT for what is not there, EMPTY for a text without a byte; count the absent.

    Needs: numbers int32[len(spans.starts)]; nobody else writes there. Overwrites: numbers, room.
    Each turn: AT_ONCE more numbers are written; each loop asks for what the next one needs.
    """
    n_texts, n_absent = len(spans.starts), 0
    last = np.uint64(len(texts.slots) - 1)
    for begin in range(0, n_texts, AT_ONCE):
        end = min(begin + AT_ONCE, n_texts)
        for i in range(begin, end):
            at, length = np.uint64(spans.starts[i]), np.uint64(spans.lengths[i])
            hashed = _hash_text(spans.words, at, length, texts.state)
            prefetch(texts.slots, hashed & last)
            room.hashes[i - begin] = hashed
        for j in range(end - begin):
            hashed = room.hashes[j]
            slot = hashed & last
            found = texts.slots[slot]
            while found != _ZERO and found >> _HALF != hashed:
                slot = (slot + _ONE) & last
                found = texts.slots[slot]
            prefetch(texts.arena, found & _LOW)
            room.slots[j] = found
        for i in range(begin, end):
            found, at, length = room.slots[i - begin], np.uint64(spans.starts[i]), np.uint64(spans.lengths[i])
            if length == _ZERO:
                numbers[i] = EMPTY
                continue
            if found != _ZERO and not _is_text(texts.arena, found & _LOW, spans.words, at, length):
                _, found = _find_slot(room.hashes[i - begin], texts, spans, i)
            if found == _ZERO:
                numbers[i] = ABSENT
                n_absent += 1
            else:
                numbers[i] = np.int64(texts.arena[found & _LOW] >> _HALF)
    return n_absent


@kernel
def add_absent(spans: Spans, begin: int, texts: Texts, numbers: Int32) -> int:
    """Add the texts from `begin` on whose number is ABSENT; return how many are done: fewer than all for lack of room.

    Needs: numbers as look_up wrote them; nobody else adds. Overwrites: texts, numbers.
    Each turn: texts begin .. i have their numbers, in the order they are met.
    """
    for i in range(begin, len(spans.starts)):
        if numbers[i] != ABSENT:
            continue
        hashed = _hash_text(spans.words, np.uint64(spans.starts[i]), np.uint64(spans.lengths[i]), texts.state)
        slot, found = _find_slot(hashed, texts, spans, i)
        if found == _ZERO:
            place = _add(texts, spans, i)
            if place == ABSENT:
                return i
            found = hashed << _HALF | np.uint64(place)
            texts.slots[slot] = found
        numbers[i] = np.int64(texts.arena[found & _LOW] >> _HALF)
    return len(spans.starts)


@kernel
def find_wide(arena: Words, places: Int64, first: int, stop: int, numbers: Int32) -> int:
    """List the texts of numbers first .. stop - 1 that have a byte of 128 or more; count them.

    Needs: numbers has room for one more than all. Overwrites: numbers. Each turn: those before i are listed.
    """
    n_found = 0
    for i in range(first, stop):
        place, wide = places[i], _ZERO
        for k in range(place + 1, place + 1 + ((np.int64(arena[place] & _LOW) + 7) >> 3)):
            wide |= arena[k] & _TOP_BITS
        numbers[n_found] = i
        n_found += 1 if wide != _ZERO else 0
    return n_found


@kernel
def move_slots(slots: Words, larger: Words) -> None:
    """Enter what is in slots into more of them.

    Needs: larger all 0, and longer. Overwrites: larger. Each turn: what is in slots 0 .. i can be found there.
    """
    last = np.uint64(len(larger) - 1)
    for i in range(len(slots)):
        if slots[i] != _ZERO:
            slot = slots[i] >> _HALF & last
            while larger[slot] != _ZERO:
                slot = (slot + _ONE) & last
            larger[slot] = slots[i]


@kernel
def measure_texts(arena: Words, places: Int64, numbers: Int32, ends: Int64) -> None:
    """Write where each of some texts ends when they stand one after the other, in bytes.

    Needs: numbers are of texts; ends int64[len(numbers) + 1], ends[0] 0. Overwrites: ends. Each turn: ends[0 .. i + 1]
    are right.
    """
    last = len(numbers) - 1
    for i in range(len(numbers)):
        prefetch(places, numbers[min(i + 2 * AHEAD, last)])
        prefetch(arena, places[numbers[min(i + AHEAD, last)]])
        ends[i + 1] = ends[i] + np.int64(arena[places[numbers[i]]] & _LOW)


@kernel
def copy_texts(arena: Words, places: Int64, numbers: Int32, ends: Int64, out: Words) -> None:
    """Copy some texts one after the other: the i-th to bytes ends[i] .. ends[i + 1] - 1 of out.

    Needs: ends as measure_texts wrote it; out all 0, a word longer than needed. Overwrites: out.
    Each turn: texts 0 .. i are copied.
    """
    last = len(numbers) - 1
    for i in range(len(numbers)):
        prefetch(arena, places[numbers[min(i + AHEAD, last)]])
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
    last = len(numbers) - 1
    for i in range(len(numbers)):
        prefetch(arena, places[numbers[min(i + AHEAD, last)]])
        place = places[numbers[i]]
        n_words = (np.int64(arena[place] & _LOW) + 7) // 8
        word = arena[place + 1 + depth] if depth < n_words else np.uint64(0)
        turned = np.uint64(0)
        for _ in range(8):
            turned = turned << _EIGHT | word & np.uint64(255)
            word >>= _EIGHT
        words[i] = turned
