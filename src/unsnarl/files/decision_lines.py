"""The lines of a log as events: nearly all of a long one are alike, and are read block by block by one pattern.

What the pattern does not know is parsed as JSON, line by line; both come to the same. The pattern is a promise that a
line is JSON without escapes, in the order of keys in which lines are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import add, not_

from unsnarl.decisions.entries import Columns, Entries
from unsnarl.decisions.events import UTC_TIME, Event, hash_plain, is_date, make_plain, read_event
from unsnarl.errors import InputError
from unsnarl.files.parts import show

_MARK = b"\xef\xbb\xbf"
"""What some editors put before the first line."""
BLOCK_LENGTH = 1 << 19
"""Characters of a block of lines: what is made of them is gone before the next ones are looked at."""

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


class _Plain:
    """Hold the events of the lines that the pattern knows, and make the Event of one where somebody looks.

    columns  of all events
    numbers  of their lines
    is_bare  whether a line says nothing beyond its first columns
    """

    def __init__(self, text: str, path: str) -> None:
        self._text, self._path = text, path
        self.columns = Columns(*([] for _ in Columns._fields))
        self.numbers: list[int] = []
        self.is_bare: list[bool] = []

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.split("\n")

    def read(self, position: int, line: str = "") -> Event:
        """Read a line as any other. Raises InputError where it is no event."""
        number = self.numbers[position]
        return read_line((line or self._lines[number - 1]).encode(), f"{self._path}, line {number}")

    def make(self, position: int) -> Event:
        """Make the event at a position."""
        if not self.is_bare[position]:
            return self.read(position)
        name, kind, by, at, left, right, *_ = (column[position] for column in self.columns)
        return make_plain(kind, (left, right), (by, at), name, f"{self._path}, line {self.numbers[position]}")


def _read_one_by_one(lines: list[bytes], path: str) -> Entries:
    """Read lines without the pattern."""
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    return Entries.of(read_line(line, f"{path}, line {number}") for number, line in numbered)


def _find_odd(found: Sequence[tuple[str, ...]]) -> list[int]:
    """Give the rows that are no plain events, increasing: what the pattern does not know, or cannot check."""
    odd = {i for i, row in enumerate(found) if row[2] == row[3] or (not row[0] and (row[6] or row[7]))}
    no_days = {day for day in {row[5][:10] for row in found} if not is_date(day)} - {""}
    if no_days:
        odd |= {i for i, row in enumerate(found) if row[5][:10] in no_days}
    return sorted(odd)


def _find_lines(text: str) -> Iterator[list[tuple[str, ...]]]:
    """Match the pattern with every line, a block of lines at a time."""
    start = 0
    while start <= len(text):
        stop = text.find("\n", start + BLOCK_LENGTH)
        stop = len(text) if stop < 0 else stop
        yield _PLAIN.findall(text, start, stop)
        start = stop + 1


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
    plain, n_lines = _Plain(text, path), 0
    others: dict[int, Event] = {}
    for found in _find_lines(text):
        others |= _take_rows(plain, found, n_lines + 1)
        n_lines += len(found)
    return Entries(plain.columns, others, plain.make), n_lines


def _take_rows(plain: _Plain, found: list[tuple[str, ...]], first: int) -> dict[int, Event]:
    """Take in what the pattern found in some lines; gives by position the events that are not plain.

    first  number of the first of the lines
    """
    numbers = list(range(first, first + len(found)))
    if not all(row[1] or row[-1].encode().strip() for row in found):
        kept = [(i, row) for i, row in zip(numbers, found, strict=True) if row[1] or row[-1].encode().strip()]
        numbers, found = [i for i, _ in kept], [row for _, row in kept]
    if not found:
        return {}
    n_before = len(plain.numbers)
    plain.numbers += numbers
    names, kinds, left, right, by, at, comments, hashed, *hashes, others = map(list, zip(*found, strict=True))
    sides = [list(map(add, *some)) if any(hashed) else some[0] for some in (hashes[::3], hashes[1:3])]
    plain.is_bare += map(not_, map(add, comments, hashed))
    odd = {i: plain.read(n_before + i, others[i]) for i in _find_odd(found)}
    for i, event in odd.items():
        names[i], kinds[i], by[i], at[i] = event.event, event.kind, event.by, event.at
        for column in (left, right, hashed, *sides):
            column[i] = ""
    if not all(names):
        whole = zip(names, kinds, left, right, by, at, strict=True)
        names = [name or hash_plain(kind, (a, b), (who, when)) for name, kind, a, b, who, when in whole]
    # Many events share a kind, and who said it: one text serves them all.
    known = (names, _share(kinds), _share(by), at, left, right, _share(hashed), *sides)
    for column, more in zip(plain.columns, known, strict=True):
        column += more
    return {n_before + i: event for i, event in odd.items()}


def _share(texts: list[str]) -> list[str]:
    """Give equal texts as one."""
    return list(map({text: text for text in texts}.__getitem__, texts))
