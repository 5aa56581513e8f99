"""A dictionary of ids that grows as they come: text to number, in the order they are first met."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import secrets
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError
from unsnarl.files.arrow import Texts as Packed
from unsnarl.files.arrow import pack_objects
from unsnarl.interning.ids import Ids, sort_texts
from unsnarl.interning.memory import MEMORY, describe
from unsnarl.kernels import columns
from unsnarl.kernels import texts as kernels
from unsnarl.kernels.texts import ABSENT, EMPTY
from unsnarl.model import Index
from unsnarl.slices import Slices

__all__ = ["ABSENT", "EMPTY", "Dictionary"]

Columns = tuple[Index, Index, Index]
"""left, right, score"""

_GROWTH = 2
_MAX_WORDS = 2**32
_FIRST_TEXTS = 1 << 14
_MOST_EXPECTED = 1 << 23
_LARGE_BYTES = 1 << 22
_FULL = 0.75
"""Share of the slots that may be taken."""


def _make_zeros(n_items: int, dtype: Any) -> NDArray[Any]:
    """Make zeros of 8 bytes each, the first at the beginning of a line of memory.

    Many are put in large pages where the system has them: they are looked at all over.
    """
    if n_items * 8 >= _LARGE_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
        pages = mmap.mmap(-1, n_items * 8, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
        return np.frombuffer(pages, dtype=dtype)
    array = np.zeros(n_items + kernels.LINE - 1, dtype=dtype)
    first = -(array.ctypes.data // 8) % kernels.LINE
    return array[first : first + n_items]


def _stretch(array: NDArray[Any], n_items: int) -> NDArray[Any]:
    """Give a longer copy, zeros at its end."""
    longer = _make_zeros(n_items, array.dtype)
    longer[: len(array)] = array
    return longer


def make_found() -> kernels.Found:
    """Make room for one thread to look some texts up."""
    hashes, slots = (np.empty(kernels.AT_ONCE, dtype=np.uint64) for _ in range(2))
    return kernels.Found(hashes, slots)


def make_room() -> columns.Room:
    """Make room for one thread to look ids up."""
    n_rows = columns.AT_ONCE_ROWS
    starts, lengths = (np.empty(n_rows, dtype=np.int64) for _ in range(2))
    return columns.Room(starts, lengths, np.empty(n_rows * columns.DIGIT_WORDS, dtype=np.uint64), make_found())


class Dictionary:
    """Number texts.

    mask      bits of the hash that are used: fewer make it slow and change nothing, which is what tests want
    key       of the hash (default: drawn at random); it changes nothing either
    expected  texts there will be, about: to make room for them at once is cheaper than to make it bit by bit

    Several threads may number at a time.

    >>> words = Packed(np.frombuffer(b"abcab...", dtype=np.uint64), np.array([0, 2, 3, 5]))
    >>> Dictionary().number(words, adds=True).tolist()
    [0, 1, 0]
    """

    def __init__(self, mask: int = 2**64 - 1, key: int | None = None, expected: int = 0) -> None:
        state = np.zeros(kernels.N_STATE, dtype=np.int64)
        state.view(np.uint64)[kernels.MASK] = mask
        state.view(np.uint64)[kernels.KEY] = secrets.randbits(64) if key is None else key
        state[kernels.N_WORDS] = kernels.LINE
        # Memory that is asked for and not used costs next to nothing, but for the slots, which are all over theirs.
        n_texts = max(_FIRST_TEXTS, min(expected + expected // 16, _MOST_EXPECTED))
        n_slots = 1 << int(n_texts / _FULL).bit_length()
        self._texts = kernels.Texts(
            _make_zeros(n_texts * (kernels.LINE if expected else 4), np.uint64),
            np.zeros(n_texts, dtype=np.int64),
            _make_zeros(n_slots, np.uint64),
            state,
        )
        self._room = make_room()
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return int(self._texts.state[kernels.N_TEXTS])

    def number(self, packed: Packed, adds: bool) -> Index:
        """Give the number of each text: ABSENT for what is not there, EMPTY for a text without a byte.

        adds  True to take new texts in
        """
        numbers = np.empty(len(packed), dtype=np.int32)
        self.number_column(describe(packed), adds, numbers)
        return numbers

    def number_column(self, column: NDArray[np.int64], adds: bool, numbers: Index) -> None:
        """Write the number of each row of a column, as `number` gives it; for one thread at a time."""
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            for first in range(0, len(numbers), columns.AT_ONCE_ROWS):
                # Piece by piece, so that what a piece adds the next one finds.
                some = numbers[first : first + columns.AT_ONCE_ROWS]
                piece = column.copy()
                piece[columns.FIRST] += first
                if columns.look_up_column(MEMORY, piece, self._texts, some, self._room) and adds:
                    self.add_column(piece, some, self._room)

    def number_rows(self, rows: NDArray[np.int64], adds: bool, out: Columns, room: columns.Room) -> None:
        """Write the numbers of both ids and the score of each row.

        rows  int64[3, 5]: two columns of ids and one of scores, as kernels/columns.py describes them
        room  of this thread
        """
        with np.errstate(over="ignore"):
            if columns.number_rows(MEMORY, rows, self._texts, out, room) and adds:
                self.add_column(rows[0], out[0], room)
                self.add_column(rows[1], out[1], room)

    def number_spans(self, spans: kernels.Spans, adds: bool, numbers: Index, found: kernels.Found) -> None:
        """Write the number of each of some texts, as `number` gives it.

        found  of this thread
        """
        if not kernels.look_up(spans, self._texts, numbers, found) or not adds:
            return
        done = 0
        with self._adding:
            while True:
                done = kernels.add_absent(spans, done, self._texts, numbers)
                if done == len(numbers):
                    return
                self._enlarge(int(spans.lengths[done]))

    def find(self, texts: Slices) -> Index:
        """Give the number of each of some texts, ABSENT for what is not there."""
        numbers = np.empty(len(texts), dtype=np.int32)
        spans = kernels.Spans(texts.words, texts.starts, texts.lengths)
        with np.errstate(over="ignore"):
            self.number_spans(spans, False, numbers, make_found())
        return numbers

    def list_wide(self, first: int) -> list[bytes]:
        """List the texts from number `first` on in which there is more than ASCII."""
        numbers = np.empty(len(self) - first + 1, dtype=np.int32)
        n_found = kernels.find_wide(self._texts.arena, self._texts.places, first, len(self), numbers)
        packed = self.unsorted().pack(numbers[:n_found])
        content, ends = packed.to_bytes().tobytes(), packed.offsets.tolist()
        return [content[start:stop] for start, stop in itertools.pairwise(ends)]

    def add_column(self, column: NDArray[np.int64], numbers: Index, room: columns.Room) -> None:
        """Add the ids of the rows whose number is ABSENT, and write their numbers."""
        done = 0
        with self._adding:
            while True:
                done = columns.add_column(MEMORY, column, done, self._texts, numbers, room)
                if done == len(numbers):
                    return
                self._enlarge(columns.measure_row(MEMORY, column, done, room))

    def _enlarge(self, longest: int) -> None:
        """Make room for several times as much, and for one text of that many bytes.

        All is copied: another thread may be looking at what was there, and must not meet places that are not.
        """
        arena, places, slots, state = self._texts
        n_texts, n_words = (int(state[which]) for which in (kernels.N_TEXTS, kernels.N_WORDS))
        needed = n_words + longest // 8 + 2 + kernels.LINE
        if needed > len(arena):
            arena = _stretch(arena[:n_words], min(_MAX_WORDS, _GROWTH * len(arena) + longest // 8 + 2))
        if needed > len(arena):
            raise ResourceError("The ids are longer, all together, than one run can hold (34 GB).", hint="Split them.")
        if n_texts == len(places):
            places = _stretch(places, _GROWTH * len(places))
        larger = _make_zeros(len(slots) * (2 if 4 * n_texts + 4 > 3 * len(slots) else 1), np.uint64)
        kernels.move_slots(slots, larger)
        self._texts = kernels.Texts(arena, places, larger, state)

    @staticmethod
    def of(ids: Ids) -> Dictionary:
        """Give a dictionary of some ids, numbered by their index; the ids keep it until `let_go`. Cost: O(n), once."""
        found: Dictionary | None = ids.dictionary
        if found is None:
            found = ids.dictionary = Dictionary()
            found.number(ids.pack(np.arange(len(ids), dtype=np.int32)), adds=True)
        return found

    @staticmethod
    def let_go(ids: Ids) -> None:
        """Free the memory of the dictionary of some ids."""
        ids.dictionary = None

    @staticmethod
    def number_all(ids: Ids, texts: NDArray[Any]) -> Index:
        """Give the index of each of some texts among the ids, ABSENT for what is not there. Cost: O(n + texts)."""
        return Dictionary.of(ids).number(pack_objects(texts), adds=False)

    def unsorted(self) -> Ids:
        """Give the ids in the order of their numbers; they can be packed, not looked up."""
        return Ids(self._texts.arena, self._texts.places[: len(self)])

    def sort(self) -> tuple[Ids, Index]:
        """Give the ids in order, and the number each has here."""
        order = sort_texts(self._texts, len(self))
        return Ids(self._texts.arena, self._texts.places[order]), order
