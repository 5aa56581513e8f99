"""Texts that are slices of one content: no text is made of one before somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Longs = NDArray[np.int64]
Words = NDArray[np.uint64]
_WORD = 8
_FIRST, _LAST, _LENGTH = (np.uint64(i) for i in (0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F))


def make_words(content: bytes) -> Words:
    """Put bytes into words, zeros and a whole word after them."""
    words = np.zeros(len(content) // _WORD + 2, dtype=np.uint64)
    words.view(np.uint8)[: len(content)] = np.frombuffer(content, dtype=np.uint8)
    return words


@dataclass(frozen=True)
class Slices:
    """Hold texts: text i is `lengths[i]` bytes from byte `starts[i]` of words.

    words    uint64[...]  UTF-8, and a word after the last that is needed
    starts   int64[k]
    lengths  int64[k]

    >>> some = Slices.of(["ana", "", "bo"])
    >>> some[2], some.take([2, 0]).tolist(), some.are_distinct()
    ('bo', ['bo', 'ana'], True)
    """

    words: Words
    starts: Longs
    lengths: Longs

    @staticmethod
    def of(texts: Iterable[str]) -> Slices:
        """Put texts one behind the other."""
        content = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, content), dtype=np.int64, count=len(content))
        return Slices(make_words(b"".join(content)), np.cumsum(lengths) - lengths, lengths)

    @staticmethod
    def join(*parts: Slices) -> Slices:
        """Give the texts of some parts, one after the other; a content that parts share is not copied."""
        contents = {id(part.words): part.words for part in parts}
        ends = np.cumsum([0, *(words.nbytes for words in contents.values())]).tolist()
        begin_of = dict(zip(contents, ends, strict=False))
        words = parts[0].words if len(contents) == 1 else np.concatenate(list(contents.values()))
        starts = np.concatenate([part.starts + begin_of[id(part.words)] for part in parts])
        return Slices(words, starts, np.concatenate([part.lengths for part in parts]))

    def __len__(self) -> int:
        return len(self.starts)

    def _read(self, start: int, length: int) -> str:
        return self.words.view(np.uint8)[start : start + length].tobytes().decode()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)):
            return self._read(int(self.starts[index]), int(self.lengths[index]))
        found = np.empty(len(index), dtype=object)
        found[:] = self.take(index).tolist()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def take(self, index: Any) -> Slices:
        """Give some of them, in this order."""
        return Slices(self.words, self.starts[index], self.lengths[index])

    def tolist(self) -> list[str]:
        """Make them all."""
        content = self.words.data.cast("B")
        spans = zip(self.starts.tolist(), (self.starts + self.lengths).tolist(), strict=True)
        return [str(content[start:stop], "utf-8") for start, stop in spans]

    def gather(self, index: Any) -> tuple[Words, Longs]:
        """Copy some of them one behind the other: words, and where in their bytes each begins; the end last.

        Cost: O(bytes), and a pass over them for each length that they have.
        """
        starts, lengths = self.starts[index], self.lengths[index]
        ends = np.zeros(len(starts) + 1, dtype=np.int64)
        np.cumsum(lengths, out=ends[1:])
        words = np.zeros(int(ends[-1]) // _WORD + 1, dtype=np.uint64)
        given, out = self.words.view(np.uint8), words.view(np.uint8)
        for length in np.unique(lengths[lengths > 0]).tolist():
            rows = np.flatnonzero(lengths == length)
            targets = sliding_window_view(out, length, writeable=True)
            targets[ends[rows]] = sliding_window_view(given, length)[starts[rows]]
        return words, ends

    @cached_property
    def _marks(self) -> Words:
        """Give a number for each text, of its length and both ends: of two that differ it is hardly ever the same."""
        windows = sliding_window_view(self.words.view(np.uint8), _WORD)
        # Of a text of fewer bytes than a word what follows it does not count.
        n_bits = np.minimum(self.lengths, _WORD).astype(np.uint64) * np.uint64(_WORD)
        mask = np.where(n_bits == np.uint64(64), ~np.uint64(0), (np.uint64(1) << n_bits % np.uint64(64)) - np.uint64(1))
        marks = self.lengths.astype(np.uint64) * _LENGTH
        last = self.starts + np.maximum(self.lengths - _WORD, 0)
        for places, factor in ((self.starts, _FIRST), (last, _LAST)):
            marks ^= (windows[places].view(np.uint64).ravel() & mask) * factor
        return marks

    def are_distinct(self) -> bool:
        """Say whether no two are equal. Cost: O(k log k) where their ends tell them apart."""
        return len(np.unique(self._marks)) == len(self) or len(set(self.tolist())) == len(self)

    def find(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """Give by text where some texts stand, increasing; those that do not are left out. Cost: O(k)."""
        wanted = list(dict.fromkeys(texts))
        found: dict[str, list[int]] = {}
        alike = np.flatnonzero(np.isin(self._marks, Slices.of(wanted)._marks)) if wanted else self.starts[:0]
        known = set(wanted)
        for place, text in zip(alike.tolist(), self.take(alike), strict=True):
            if text in known:
                found.setdefault(text, []).append(place)
        return found
