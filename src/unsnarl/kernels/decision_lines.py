"""The plain lines of a log of decisions: where in a line its texts stand.

A plain line is JSON in the order of keys in which lines are written, of two records that are the same, different or in
doubt: with a name, who and when, with or without a comment and hashes of content, and without escapes but in the
comment. After a colon and a comma there may be one blank. Names, ids and hashes are of printable ASCII; comments and
columns may be of anything.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Words
from unsnarl.kernels.jit import inner, kernel

NAME, LEFT, RIGHT, BY, AT, COLUMNS, HASH_LEFT, HASH_RIGHT = range(8)
N_FIELDS = 8
KINDS = ("same", "different", "unsure")
"""By the number that read_lines gives."""
NOT_PLAIN = -1
_NOWHERE = -1


def _literal(text: str) -> Words:
    return np.frombuffer(text.encode(), dtype=np.uint8)


_QUOTE, _BACKSLASH, _BLANK, _COLON, _COMMA, _RETURN, _DELETE = (ord(sign) for sign in '"\\ :,\r\x7f')
_ZERO, _NINE, _TEE, _ZED, _POINT, _DASH = (ord(sign) for sign in "09TZ.-")
_YOU, _DEES = ord("u"), (ord("d"), ord("D"))
_DIGITS, _ESCAPES = _literal("0123456789abcdefABCDEF"), _literal('"\\/bfnrt')
_OPEN, _CLOSE, _BEGIN, _END, _NEXT, _IS = (_literal(sign) for sign in "{}[],:")
_EVENT, _KIND, _IDS, _BY, _AT, _COMMENT, _CONTENT, _COLUMNS, _HASHES = (
    _literal(f'"{name}":') for name in ("event", "kind", "ids", "by", "at", "comment", "content", "columns", "hashes")
)
_SAME, _DIFFERENT, _UNSURE = (_literal(f'"{kind}"') for kind in KINDS)


class Lines(NamedTuple):
    """Hold lines and where their texts stand: the f-th of line i is lengths[f, i] bytes from starts[f, i].

    content  uint8[...]
    starts   int64[N_FIELDS, n_lines]
    lengths  int64[N_FIELDS, n_lines]  0 where a line has none
    """

    content: Words
    starts: Int64
    lengths: Int64


@inner
def _skip(content: Words, at: int, end: int, literal: Words) -> int:
    """Return where what follows a literal begins; NOWHERE where it does not stand at `at`.

    Needs: `at` may be NOWHERE; bytes before end are there. Overwrites: nothing. Each turn: bytes 0 .. k agree.
    """
    stop = at + len(literal)
    if at < 0 or stop > end:
        return _NOWHERE
    for k in range(len(literal)):
        if content[at + k] != literal[k]:
            return _NOWHERE
    last = literal[len(literal) - 1]
    if last in (_COLON, _COMMA) and stop < end and content[stop] == _BLANK:
        stop += 1
    return stop


@inner
def _skip_text(content: Words, at: int, end: int, is_wide: bool) -> int:
    """Return where what follows a text in quotes begins; NOWHERE where there is none, or one with an escape.

    Needs: as _skip; is_wide where bytes beyond ASCII are welcome. Overwrites: nothing.
    Each turn: bytes before k belong to it.
    """
    if at < 0 or at >= end or content[at] != _QUOTE:
        return _NOWHERE
    for k in range(at + 1, end):
        sign = content[k]
        if sign == _QUOTE:
            return k + 1
        if sign < _BLANK or sign in (_BACKSLASH, _DELETE) or (sign > _DELETE and not is_wide):
            return _NOWHERE
    return _NOWHERE


@inner
def _is_among(sign: int, signs: Words) -> bool:
    """Say whether a byte is one of some.

    Needs: nothing. Overwrites: nothing. Each turn: none before k is it.
    """
    for k in range(len(signs)):
        if signs[k] == sign:
            return True
    return False


@inner
def _skip_comment(content: Words, at: int, end: int) -> int:
    """Return where what follows a text in quotes begins, in which there may be anything; NOWHERE where it is no JSON.

    Needs: as _skip. Overwrites: nothing. Each turn: bytes before k belong to it, and k is not escaped.
    """
    if at < 0 or at >= end or content[at] != _QUOTE:
        return _NOWHERE
    k = at + 1
    while k < end and content[k] >= _BLANK:
        if content[k] == _QUOTE:
            return k + 1
        if content[k] == _BACKSLASH:
            k += 1
            if k < end and content[k] == _YOU:
                # Halves of characters are looked at elsewhere.
                if k + 1 < end and content[k + 1] in _DEES:
                    return _NOWHERE
                for digit in range(k + 1, k + 5):
                    if digit >= end or not _is_among(content[digit], _DIGITS):
                        return _NOWHERE
                k += 4
            elif k >= end or not _is_among(content[k], _ESCAPES):
                return _NOWHERE
        k += 1
    return _NOWHERE


@inner
def _take(lines: Lines, at: int, end: int, place: tuple[int, int]) -> int:
    """Take down a text in quotes, not an empty one, as field place[0] of line place[1]; return where it ends.

    Needs: as _skip. Overwrites: starts and lengths of this field and line.
    """
    field, i = place
    stop = _skip_text(lines.content, at, end, False)
    if stop < at + 3:
        return _NOWHERE
    lines.starts[field, i] = at + 1
    lines.lengths[field, i] = stop - at - 2
    return stop


@inner
def _read_number(content: Words, at: int, n_digits: int) -> Any:
    """Return the number of some digits, or NOWHERE where not all are digits.

    Needs: the bytes are there. Overwrites: nothing. Each turn: it is of the digits before k.
    """
    number = np.int64(0)
    for k in range(at, at + n_digits):
        if content[k] < _ZERO or content[k] > _NINE:
            return np.int64(_NOWHERE)
        number = 10 * number + np.int64(content[k]) - _ZERO
    return number


@inner
def _is_time(content: Words, at: int, length: int) -> bool:
    """Say whether some bytes are a time as 2026-11-23T10:00:00Z, with or without six digits of a second, not all 0.

    Needs: the bytes are there. Overwrites: nothing.
    """
    if length != 20 and length != 27:
        return False
    year, month, day = (
        _read_number(content, at, 4),
        _read_number(content, at + 5, 2),
        _read_number(content, at + 8, 2),
    )
    hour, minute = _read_number(content, at + 11, 2), _read_number(content, at + 14, 2)
    second = _read_number(content, at + 17, 2)
    signs = content[at + 4] == _DASH and content[at + 7] == _DASH and content[at + 10] == _TEE
    signs = signs and content[at + 13] == _COLON and content[at + 16] == _COLON and content[at + length - 1] == _ZED
    if not signs or year < 1 or month < 1 or month > 12 or day < 1:
        return False
    n_days = 31 - (month + month // 8 + 1) % 2
    if month == 2:
        n_days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if day > n_days or hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 59:
        return False
    return length == 20 or (content[at + 19] == _POINT and _read_number(content, at + 20, 6) > 0)


@inner
def _is_same(lines: Lines, i: int, field: int, at: int, length: int) -> bool:
    """Say whether a field of line i has the `length` bytes from `at`.

    Needs: the bytes are there. Overwrites: nothing. Each turn: bytes 0 .. k agree.
    """
    if lines.lengths[field, i] != length:
        return False
    for k in range(length):
        if lines.content[lines.starts[field, i] + k] != lines.content[at + k]:
            return False
    return True


@inner
def _read_columns(lines: Lines, at: int, end: int, i: int) -> int:
    """Take down the list of columns that content was hashed of; return where it ends, or NOWHERE.

    Needs: as _skip. Overwrites: COLUMNS of line i. Each turn: another name is passed over.
    """
    content, begin = lines.content, at
    at = _skip_text(content, _skip(content, at, end, _BEGIN), end, True)
    while at >= 0 and at < end and content[at] == _COMMA:
        at = _skip_text(content, _skip(content, at, end, _NEXT), end, True)
    at = _skip(content, at, end, _END)
    lines.starts[COLUMNS, i] = begin
    lines.lengths[COLUMNS, i] = max(at - begin, 0)
    return at


@inner
def _read_hashes(lines: Lines, at: int, end: int, i: int) -> int:
    """Take down the hashes of both records, whichever comes first; return where they end, or NOWHERE.

    Needs: as _skip; LEFT and RIGHT of line i, which differ. Overwrites: its HASH_LEFT, HASH_RIGHT.
    Each turn: one more hash is read.
    """
    content = lines.content
    at, first = _skip(content, at, end, _OPEN), np.int64(HASH_LEFT)
    for turn in range(2):
        stop = _skip_text(content, at, end, False)
        is_left = stop >= 0 and _is_same(lines, i, LEFT, at + 1, stop - at - 2)
        if not is_left and not (stop >= 0 and _is_same(lines, i, RIGHT, at + 1, stop - at - 2)):
            return _NOWHERE
        field = np.int64(HASH_LEFT) if is_left else np.int64(HASH_RIGHT)
        if turn == 1 and field == first:
            return _NOWHERE
        first = field
        at = _take(lines, _skip(content, stop, end, _IS), end, (field, i))
        at = _skip(content, at, end, _NEXT if turn == 0 else _CLOSE)
    return at


@inner
def _read_said(lines: Lines, at: int, end: int, i: int) -> int:
    """Take down records, who and when; return where that ends, or NOWHERE.

    Needs: as _skip. Overwrites: LEFT, RIGHT, BY, AT of line i.
    """
    content = lines.content
    at = _skip(content, _skip(content, at, end, _IDS), end, _BEGIN)
    at = _skip(content, _take(lines, at, end, (LEFT, i)), end, _NEXT)
    at = _skip(content, _take(lines, at, end, (RIGHT, i)), end, _END)
    at = _skip(content, _skip(content, at, end, _NEXT), end, _BY)
    at = _skip(content, _take(lines, at, end, (BY, i)), end, _NEXT)
    at = _take(lines, _skip(content, at, end, _AT), end, (AT, i))
    if at < 0 or not _is_time(content, lines.starts[AT, i], lines.lengths[AT, i]):
        return _NOWHERE
    return _NOWHERE if _is_same(lines, i, LEFT, lines.starts[RIGHT, i], lines.lengths[RIGHT, i]) else at


@inner
def _read_more(lines: Lines, at: int, end: int, i: int) -> int:
    """Pass over a comment and take down hashes of content, as far as they are there; return where that ends.

    Needs: as _skip; LEFT and RIGHT of line i. Overwrites: COLUMNS, HASH_LEFT, HASH_RIGHT of line i.
    """
    content = lines.content
    comment = _skip(content, _skip(content, at, end, _NEXT), end, _COMMENT)
    if comment >= 0:
        at = _skip_comment(content, comment, end)
    hashed = _skip(content, _skip(content, at, end, _NEXT), end, _CONTENT)
    if hashed >= 0:
        at = _skip(content, _skip(content, hashed, end, _OPEN), end, _COLUMNS)
        at = _skip(content, _read_columns(lines, at, end, i), end, _NEXT)
        at = _read_hashes(lines, _skip(content, at, end, _HASHES), end, i)
        at = _skip(content, at, end, _CLOSE)
    return at


@inner
def _read_line(lines: Lines, at: int, end: int, i: int) -> int:
    """Take down the texts of line i; return the number of its kind, or NOT_PLAIN.

    Needs: at .. end - 1 are its bytes. Overwrites: what there is of line i, which means nothing where it is not plain.
    """
    content = lines.content
    at = _skip(content, _skip(content, at, end, _OPEN), end, _EVENT)
    at = _skip(content, _take(lines, at, end, (NAME, i)), end, _NEXT)
    at = _skip(content, at, end, _KIND)
    kind, said = np.int64(0), _skip(content, at, end, _SAME)
    if said < 0:
        kind, said = np.int64(1), _skip(content, at, end, _DIFFERENT)
    if said < 0:
        kind, said = np.int64(2), _skip(content, at, end, _UNSURE)
    at = _read_said(lines, _skip(content, said, end, _NEXT), end, i)
    if at >= 0:
        at = _read_more(lines, at, end, i)
    at = _skip(content, at, end, _CLOSE)
    return kind if at == end else NOT_PLAIN


@kernel
def read_lines(lines: Lines, ends: Int64, kinds: Int32) -> None:
    """Take down the texts of each plain line, and the number of its kind; NOT_PLAIN for others, of which nothing holds.

    Needs: lengths 0; ends[i] is where the line feed of line i stands. Overwrites: starts, lengths, kinds.
    Each turn: lines 0 .. i are read.
    """
    begin = np.int64(0)
    for i in range(len(ends)):
        end = ends[i]
        stop = end - 1 if end > begin and lines.content[end - 1] == _RETURN else end
        kinds[i] = _read_line(lines, begin, stop, i)
        begin = end + 1
