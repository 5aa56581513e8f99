"""The user's ids in the order of their UTF-8 bytes: position is the index of the record."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.arrow import Texts as Packed
from unsnarl.kernels import texts as kernels
from unsnarl.model import Index


def sort_texts(texts: kernels.Texts, n_texts: int) -> Index:
    """Give the numbers of the first `n_texts` texts in the order of their bytes.

    Eight bytes are compared at a time, and only among texts that agree so far. Cost: O(n log n) for texts that differ
    early; 16 bytes a text.
    """
    words = np.empty(n_texts, dtype=np.uint64)
    numbers = np.arange(n_texts, dtype=np.int32)
    kernels.read_words(texts.arena, texts.places, numbers, 0, words)
    order = np.argsort(words).astype(np.int32)
    words = words[order]
    is_tied = words[1:] == words[:-1]
    at = _find_tied(is_tied)
    lengths = (texts.arena[texts.places[order[at]]] & np.uint64(2**32 - 1)).astype(np.int64)
    depth, deepest = 1, (int(lengths.max(initial=0)) + 7) // 8
    while len(at):
        group = np.cumsum(np.concatenate([[True], ~is_tied[at[1:] - 1]]))
        tied = order[at]
        words = np.empty(len(at), dtype=np.uint64)
        if depth <= deepest:
            kernels.read_words(texts.arena, texts.places, tied, depth, words)
        else:
            # All their bytes agree, zeros at the end included: the shorter stands first.
            words[:] = texts.arena[texts.places[tied]] & np.uint64(2**32 - 1)
        by_word = np.lexsort((words, group))
        order[at] = tied[by_word]
        words = words[by_word]
        is_tied[:] = False
        is_tied[at[1:] - 1] = (words[1:] == words[:-1]) & (group[1:] == group[:-1])
        at, depth = _find_tied(is_tied), depth + 1
    return order


def _find_tied(is_tied: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the places that agree with the one before or after."""
    either = np.zeros(len(is_tied) + 1, dtype=np.bool_)
    either[1:] = is_tied
    either[:-1] |= is_tied
    return np.flatnonzero(either)


class Ids:
    """Hold the ids, sorted by their UTF-8 bytes; Python compares texts by code point, which is the same order.

    texts   the dictionary they are in
    places  int64[n]  where in its arena, in the order of the ids

    >>> ids = Ids.of(["b", "a"])
    >>> ids.find("b"), ids.find("c"), len(ids), ids[0], ids[np.array([1, 0])].tolist()
    (1, None, 2, 'a', ['b', 'a'])
    """

    def __init__(self, arena: NDArray[np.uint64], places: NDArray[np.int64]) -> None:
        self._arena = arena
        self._places = places
        self.dictionary: Any = None

    @staticmethod
    def of(texts: Any) -> Ids:
        """Make the ids of some different texts in any order."""
        ordered = sorted(texts, key=lambda text: text.encode())
        content = [text.encode() for text in ordered]
        words = [
            np.frombuffer(len(some).to_bytes(8, "little") + some + b"\0" * (-len(some) % 8), dtype=np.uint64)
            for some in content
        ]
        places = np.cumsum([0, *(len(some) for some in words)])[:-1]
        return Ids(np.concatenate([np.zeros(0, np.uint64), *words]), places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)):
            place = self._places[index]
            length = int(self._arena[place] & np.uint64(2**32 - 1))
            return self._arena[place + 1 : place + 1 + (length + 7) // 8].tobytes()[:length].decode("utf-8")
        return self._decode(np.ascontiguousarray(index, dtype=np.int32))

    def _decode(self, index: Index) -> NDArray[Any]:
        """Give some ids as texts."""
        packed = self.pack(index)
        content = packed.to_bytes().tobytes()
        ends = packed.offsets.tolist()
        texts = np.empty(len(index), dtype=object)
        texts[:] = [content[start:stop].decode("utf-8") for start, stop in itertools.pairwise(ends)]
        return texts

    @cached_property
    def _all(self) -> NDArray[Any]:
        return self._decode(np.arange(len(self), dtype=np.int32))

    def texts(self) -> NDArray[Any]:
        """Give all ids, an object array of str: position is the index. Not to be written to."""
        return self._all

    def pack(self, index: Index) -> Packed:
        """Give some ids as bytes, one after the other."""
        ends = np.zeros(len(index) + 1, dtype=np.int64)
        kernels.measure_texts(self._arena, self._places, index, ends)
        words = np.zeros(int(ends[-1]) // 8 + 2, dtype=np.uint64)
        kernels.copy_texts(self._arena, self._places, index, ends, words)
        return Packed(words, ends)

    @property
    def arena(self) -> NDArray[np.uint64]:
        """The words the ids are in; see kernels/texts.py."""
        return self._arena

    @property
    def places(self) -> NDArray[np.int64]:
        """Where each id begins in the arena."""
        return self._places

    def find(self, text: str) -> int | None:
        """Give the index of an id, or None where there is no such record. Cost: O(log n)."""
        index = bisect_left(self, text)
        return index if index < len(self) and self[index] == text else None
