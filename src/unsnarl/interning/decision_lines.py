"""A long log of decisions: nearly all lines are plain, and their texts are left where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.entries import CODE_OF, N_FIELDS, Columns, Entries
from unsnarl.decisions.events import Event
from unsnarl.files.decision_lines import read_entries, read_line
from unsnarl.kernels import decision_lines as kernels
from unsnarl.slices import Longs, make_words

_CODES = np.array([CODE_OF[kind] for kind in kernels.KINDS], dtype=np.int8)
_LINE_FEED = 10


@dataclass(frozen=True)
class _Lines:
    """Hold lines, to read one of them again.

    ends  int64[n]  where the line feed of each stands
    """

    content: bytes
    path: str
    ends: Longs

    def cut(self, number: int) -> bytes:
        """Give a line without its end; numbers begin at 0."""
        begin = int(self.ends[number - 1]) + 1 if number else 0
        return self.content[begin : int(self.ends[number])]

    def read(self, number: int) -> Event:
        """Read a line as any other. Raises InputError where it is no event."""
        return read_line(self.cut(number), f"{self.path}, line {number + 1}")


def take_down(content: bytes) -> tuple[Columns, Longs, NDArray[np.int32]]:
    """Take down what plain lines say; gives where lines end, and for each a place in kernels.KINDS, or NOT_PLAIN."""
    words = make_words(content)
    letters = words.view(np.uint8)
    ends = np.flatnonzero(letters == _LINE_FEED)
    starts, lengths = np.zeros((2, N_FIELDS, len(ends)), dtype=np.int64)
    found = np.empty(len(ends), dtype=np.int32)
    kernels.read_lines(kernels.Lines(letters, starts, lengths), ends, found)
    return Columns(words, starts, lengths, _CODES[found]), ends, found


def _add_others(columns: Columns, others: dict[int, Event]) -> Columns:
    """Put what events that are not plain say at their positions."""
    if not others:
        return columns
    positions, more = list(others), Columns.of(list(others.values()))
    n_here = len(columns.kinds)
    whole = columns.join(more)
    order = np.arange(n_here)
    order[positions] = np.arange(n_here, n_here + len(more.kinds))
    return whole.take(order)


def read_long(content: bytes, path: str) -> tuple[Entries, int]:
    """Do what `files.decision_lines.read_entries` does, at a cost of little more than looking at all bytes."""
    if not content.isascii():
        try:
            content.decode()
        except UnicodeDecodeError:
            return read_entries(content, path)
    columns, ends, found = take_down(content)
    lines = _Lines(content, path, ends)
    odd = np.flatnonzero(found == kernels.NOT_PLAIN)
    is_blank = np.zeros(len(ends), dtype=np.bool_)
    is_blank[[number for number in odd.tolist() if not lines.cut(number).strip()]] = True
    numbers = np.flatnonzero(~is_blank)
    positions = np.flatnonzero(found[numbers] == kernels.NOT_PLAIN).tolist()
    others = {position: lines.read(int(numbers[position])) for position in positions}
    said = _add_others(columns.take(numbers) if is_blank.any() else columns, others)
    return Entries(said, others, lambda position: lines.read(int(numbers[position]))), len(ends)
