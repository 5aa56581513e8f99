"""The lines of a log as events: nearly all of a long one are alike, and are read all at once by one pattern.

What the pattern does not know is parsed as JSON, line by line; both come to the same. The pattern is a promise that a
line is JSON without escapes, in the order of keys in which lines are written.
"""

from __future__ import annotations

import json
import re
from functools import cached_property

from unsnarl.decisions.entries import Columns, Entries
from unsnarl.decisions.events import UTC_TIME, Event, hash_plain, is_date, make_plain, read_event
from unsnarl.errors import InputError
from unsnarl.files.parts import show

_MARK = b"\xef\xbb\xbf"
"""What some editors put before the first line."""
BLOCK_LENGTH = 1 << 19
"""Characters of a block of lines: some milliseconds of work."""

_TEXT = r'"([ !#-\[\]-~]+)"'
_COMMENT = r'"([^"\\\x00-\x1f\x7f]+)"'
_NAME = r'"[^"\\\x00-\x1f\x7f]*"'
_HASHES = rf'\{{(?:"\3": ?{_TEXT}, ?"\4": ?{_TEXT}|"\4": ?{_TEXT}, ?"\3": ?{_TEXT})\}}'
_PLAIN = re.compile(
    rf'^(?:\{{(?:"event": ?{_TEXT}, ?)?"kind": ?"(same|different|unsure)", ?"ids": ?\[{_TEXT}, ?{_TEXT}\], ?'
    rf'"by": ?{_TEXT}, ?"at": ?"({UTC_TIME})"(?:, ?"comment": ?{_COMMENT})?'
    rf'(?:, ?"content": ?\{{"columns": ?(\[{_NAME}(?:, ?{_NAME})*\]), ?"hashes": ?{_HASHES}\}})?\}}\r?|(.*))$',
    re.MULTILINE,
)


def parse(line: bytes) -> object:
    """Parse one line. Raises ValueError, with the reason."""
    return json.loads(line.decode("utf-8"))


def read_line(line: bytes, where: str) -> Event:
    """Read one line. Raises InputError, with its place, where it is no event."""
    try:
        given = parse(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"DECISIONS: {where}: {error}: {show(line[:200].decode('utf-8', 'replace'))}",
            hint="Every line is one JSON object. Take the line out, or bring back the file as it was.",
        ) from None
    return read_event(given, where)


class _Maker:
    """Make the Event of a line of the pattern."""

    def __init__(self, text: str, path: str, columns: Columns, plain: tuple[list[int], list[bool]]) -> None:
        self._text, self._path, self._columns = text, path, columns
        self._numbers, self._is_bare = plain

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.split("\n")

    def read(self, position: int) -> Event:
        """Read the line anew, as any other. Raises InputError where it is no event."""
        number = self._numbers[position]
        return read_line(self._lines[number - 1].encode(), f"{self._path}, line {number}")

    def make(self, position: int) -> Event:
        """Make the event at a position."""
        if not self._is_bare[position]:
            return self.read(position)
        name, kind, by, at, left, right, *_ = (column[position] for column in self._columns)
        return make_plain(kind, (left, right), (by, at), name, f"{self._path}, line {self._numbers[position]}")


def _read_one_by_one(lines: list[bytes], path: str) -> Entries:
    """Read lines without the pattern."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    return Entries.of(read_line(line, f"{path}, line {number}") for number, line in numbered)


def _find_odd(columns: Columns, found: list[tuple[str, ...]]) -> list[int]:
    """Give the rows that are no plain events, increasing: what the pattern does not know, or cannot check."""
    odd = {i for i, row in enumerate(found) if row[2] == row[3] or (not row[0] and (row[6] or row[7]))}
    days = [at[:10] for at in columns.at]
    no_days = {day for day in set(days) if not is_date(day)} - {""}
    if no_days:
        odd |= {i for i, day in enumerate(days) if day in no_days}
    return sorted(odd)


def _find_lines(text: str) -> list[tuple[str, ...]]:
    """Match the pattern with every line, a block of lines at a time: other threads may run in between."""
    found: list[tuple[str, ...]] = []
    start = 0
    while start <= len(text):
        stop = text.find("\n", start + BLOCK_LENGTH)
        stop = len(text) if stop < 0 else stop
        found += _PLAIN.findall(text, start, stop)
        start = stop + 1
    return found


def read_entries(content: bytes, path: str) -> tuple[Entries, int]:
    """Read lines, each with its end; gives how many there are too.

    Raises InputError, with the number of the line, for the first that is no event.
    """
    content = content.removeprefix(_MARK)
    if not content:
        return Entries.of([]), 0
    try:
        text = content[:-1].decode()
    except UnicodeDecodeError:
        lines = content[:-1].split(b"\n")
        return _read_one_by_one(lines, path), len(lines)
    found = _find_lines(text)
    numbers = [i for i, row in enumerate(found) if row[1] or row[-1].encode().strip()]
    rows = found if len(numbers) == len(found) else [found[i] for i in numbers]
    if not rows:
        return Entries.of([]), len(found)
    return _take_rows(rows, [i + 1 for i in numbers], (text, path)), len(found)


def _take_rows(found: list[tuple[str, ...]], numbers: list[int], source: tuple[str, str]) -> Entries:
    """Make entries of what the pattern found.

    numbers  of the lines
    source   all lines, and their path
    """
    names, kinds, left, right, by, at, comments, hashed, *hashes, _ = map(list, zip(*found, strict=True))
    sides = [[one or other for one, other in zip(*some, strict=True)] for some in (hashes[::3], hashes[1:3])]
    columns = Columns(names, kinds, by, at, left, right, hashed, *sides)
    is_bare = [not comment and not content for comment, content in zip(comments, hashed, strict=True)]
    maker = _Maker(source[0], source[1], columns, (numbers, is_bare))
    others = {i: maker.read(i) for i in _find_odd(columns, found)}
    for i, event in others.items():
        names[i], kinds[i], by[i], at[i] = event.event, event.kind, event.by, event.at
        for column in (left, right, hashed, *sides):
            column[i] = ""
    if not all(names):
        whole = zip(names, kinds, left, right, by, at, strict=True)
        names[:] = [name or hash_plain(kind, (a, b), (who, when)) for name, kind, a, b, who, when in whole]
    return Entries(columns, others, maker.make)
