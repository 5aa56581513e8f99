"""Columns as the engine has them in memory: where their texts stand, and numbers spelt out as texts.

A column is described by five numbers: KIND, DATA, VALID, OTHER, and FIRST, the row to begin with. Addresses are bytes
of `memory`, which is all memory there is, as words. Valid is a row whose bit is set; VALID is -1 where all rows are.

    STRINGS   DATA: 16 bytes a row: the length (32 bits), a text of up to 12 bytes, or 4 bytes of it and its address
    OFFSETS   DATA: the texts one after the other; OTHER: where each begins and ends, 64 bits each
    NUMBERS   DATA: 64-bit whole numbers, which are ids as their decimals; OTHER: the first bit of VALID that counts
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Word, Words
from unsnarl.kernels.jit import inner, kernel
from unsnarl.kernels.texts import Found, Spans, Texts, add_absent, look_up

KIND, DATA, VALID, OTHER, FIRST = 0, 1, 2, 3, 4
STRINGS, OFFSETS, NUMBERS = 0, 1, 2
DIGIT_WORDS = 3
N_COLUMN = 5
AT_ONCE_ROWS = 2048
FIRST_ADDRESS = 8
"""The address of byte 0 of `memory`."""

_INLINE = np.uint64(12)
_LOW = np.uint64(2**32 - 1)
_HALF = np.uint64(32)
_TEN, _ONE, _ZERO, _DIGIT, _MINUS, _SIGN = (np.uint64(i) for i in (10, 1, 0, 48, 45, 63))


class Room(NamedTuple):
    """Room for AT_ONCE_ROWS rows of one column: where the texts stand, numbers spelt out, and what is found of them."""

    starts: Int64
    lengths: Int64
    digits: Words
    found: Found


@inner
def _is_valid(memory: Words, column: Int64, row: int) -> bool:
    """Say whether a row holds anything.

    Needs: nothing. Overwrites: nothing. Ties: none.
    """
    if column[VALID] < 0:
        return True
    bit = row + (column[OTHER] if column[KIND] == NUMBERS else 0)
    place = np.uint64(column[VALID] + bit // 8)
    word = memory[place >> np.uint64(3)] >> (place & np.uint64(7)) * np.uint64(8)
    return word >> np.uint64(bit & 7) & _ONE != _ZERO


@inner
def _find_strings(memory: Words, column: Int64, first: int, spans: Spans) -> None:
    """Write where the texts from row `first` on stand; of a null the length is 0.

    Needs: 8-byte aligned. Overwrites: spans.starts, spans.lengths. Each turn: rows first .. first + i are written.
    """
    for i in range(len(spans.starts)):
        place = np.uint64(column[DATA] + 16 * (first + i) >> 3)
        length = memory[place] & _LOW
        inline = length <= _INLINE
        spans.starts[i] = column[DATA] + 16 * (first + i) + 4 if inline else np.int64(memory[place + _ONE]) - 8
        spans.lengths[i] = np.int64(length) if _is_valid(memory, column, first + i) else 0


@inner
def _find_offsets(memory: Words, column: Int64, first: int, spans: Spans) -> None:
    """Do the same for texts that stand one after the other.

    Needs: 8-byte aligned offsets. Overwrites: spans.starts, spans.lengths. Each turn: rows first .. first + i are
    written.
    """
    place = np.uint64((column[OTHER] >> 3) + first)
    for i in range(len(spans.starts)):
        begin, end = np.int64(memory[place]), np.int64(memory[place + _ONE])
        spans.starts[i] = column[DATA] + begin
        spans.lengths[i] = end - begin if _is_valid(memory, column, first + i) else 0
        place += _ONE


@inner
def _spell(number: Word, digits: Words, at: int) -> int:
    """Write a number in decimal into DIGIT_WORDS words; return its length in bytes.

    Needs: a signed number as a word. Overwrites: digits[at .. at + DIGIT_WORDS - 1].
    Each turn: the digits behind `place` are written.
    """
    is_negative = number >> _SIGN != _ZERO
    rest = _ZERO - number if is_negative else number
    length, power = 2 if is_negative else 1, rest // _TEN
    while power != _ZERO:
        length += 1
        power //= _TEN
    for k in range(DIGIT_WORDS):
        digits[at + k] = _ZERO
    for place in range(length - 1, -1, -1):
        digit = _MINUS if is_negative and place == 0 else _DIGIT + rest % _TEN
        digits[at + (place >> 3)] |= digit << np.uint64(8 * (place & 7))
        rest //= _TEN
    return length


@inner
def _spell_numbers(memory: Words, column: Int64, first: int, spans: Spans) -> None:
    """Write the numbers from row `first` on in decimal, and where they stand; of a null the length is 0.

    Needs: spans.words has DIGIT_WORDS for each row; 8-byte aligned. Overwrites: spans.
    Each turn: rows first .. first + i are written.
    """
    place = np.uint64((column[DATA] >> 3) + first)
    for i in range(len(spans.starts)):
        spans.starts[i], spans.lengths[i] = 8 * DIGIT_WORDS * i, 0
        if _is_valid(memory, column, first + i):
            spans.lengths[i] = _spell(memory[place], spans.words, DIGIT_WORDS * i)
        place += _ONE


@inner
def find_spans(memory: Words, column: Int64, rows: tuple[int, int], room: Room) -> Spans:
    """Return where the ids of some rows stand, a null as a text without a byte; numbers are spelt out first.

    Needs: at most AT_ONCE_ROWS rows, rows[0] .. rows[1] - 1. Overwrites: room but for found.
    Each turn: as in what it calls. Ties: none.
    """
    first, n_rows = column[FIRST] + rows[0], rows[1] - rows[0]
    is_number = column[KIND] == NUMBERS
    spans = Spans(room.digits if is_number else memory, room.starts[:n_rows], room.lengths[:n_rows])
    if is_number:
        _spell_numbers(memory, column, first, spans)
    elif column[KIND] == STRINGS:
        _find_strings(memory, column, first, spans)
    else:
        _find_offsets(memory, column, first, spans)
    return spans


@kernel
def look_up_column(memory: Words, column: Int64, texts: Texts, numbers: Int32, room: Room) -> int:
    """Write the number of each row's id, ABSENT or EMPTY as look_up does; count the absent.

    Needs: a row for each of numbers. Overwrites: numbers, room. Each turn: AT_ONCE_ROWS more numbers are written.
    """
    n_absent = 0
    for first in range(0, len(numbers), AT_ONCE_ROWS):
        stop = min(first + AT_ONCE_ROWS, len(numbers))
        n_absent += look_up(find_spans(memory, column, (first, stop), room), texts, numbers[first:stop], room.found)
    return n_absent


@kernel
def add_column(memory: Words, column: Int64, begin: int, texts: Texts, numbers: Int32, room: Room) -> int:
    """Add the ids of the rows from `begin` on whose number is ABSENT; return how many rows are done: see add_absent.

    Needs: numbers as look_up_column wrote them; nobody else adds. Overwrites: texts, numbers, room.
    Each turn: AT_ONCE_ROWS more rows are done.
    """
    for first in range(begin, len(numbers), AT_ONCE_ROWS):
        stop = min(first + AT_ONCE_ROWS, len(numbers))
        spans = find_spans(memory, column, (first, stop), room)
        done = add_absent(spans, 0, texts, numbers[first:stop])
        if done < stop - first:
            return first + done
    return len(numbers)


@kernel
def measure_row(memory: Words, column: Int64, row: int, room: Room) -> int:
    """Return how many bytes the id of a row has.

    Needs: nothing. Overwrites: room but for found. Ties: none.
    """
    return find_spans(memory, column, (row, row + 1), room).lengths[0]


@inner
def copy_numbers(memory: Words, address: int, out: Int32) -> None:
    """Copy 32-bit numbers.

    Needs: 4-byte aligned. Overwrites: out. Each turn: numbers 0 .. i are copied. Ties: none.
    """
    for i in range(len(out)):
        place = address + 4 * i
        word = memory[np.uint64(place >> 3)] >> np.uint64(8 * (place & 4)) & _LOW
        # The upper half of the signed numbers comes back to where it belongs.
        out[i] = np.int64(word) - ((np.int64(word) >> 31) << 32)


@kernel
def number_rows(memory: Words, columns: Int64, texts: Texts, out: tuple[Int32, Int32, Int32], room: Room) -> int:
    """Write the numbers of both ids and the score of each row; count the ids that are absent.

    Needs: columns int64[3, N_COLUMN]: two of ids, then one of 32-bit scores, of which DATA and FIRST
    count.
    Overwrites: out, room. Each turn: as in what it calls. Ties: none.
    """
    n_absent = look_up_column(memory, columns[0], texts, out[0], room)
    n_absent += look_up_column(memory, columns[1], texts, out[1], room)
    copy_numbers(memory, columns[2, DATA] + 4 * columns[2, FIRST], out[2])
    return n_absent
