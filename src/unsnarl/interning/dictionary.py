"""A dictionary of ids that grows as they come: text to number, in the order they are first met."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.arrow import Texts as Packed
from unsnarl.files.arrow import pack_objects
from unsnarl.interning.ids import Ids, sort_texts
from unsnarl.kernels import texts as kernels
from unsnarl.kernels.texts import ABSENT, EMPTY
from unsnarl.model import Index

__all__ = ["ABSENT", "EMPTY", "Dictionary"]

_GROWTH = 2
_FIRST_TEXTS = 1 << 14


def _stretch(array: NDArray[Any], n_items: int) -> NDArray[Any]:
    """Give a longer copy, zeros at its end."""
    longer = np.zeros(n_items, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


class Dictionary:
    """Number texts.

    mask  bits of the first hash that are used: fewer make it slow and change nothing, which is what tests want
    keys  of the two hashes (default: drawn at random); they change nothing either

    >>> words = Packed(np.frombuffer(b"abcab...", dtype=np.uint64), np.array([0, 2, 3, 5]))
    >>> Dictionary().number(words, adds=True).tolist()
    [0, 1, 0]
    """

    def __init__(self, mask: int = 2**64 - 1, keys: tuple[int, int] | None = None) -> None:
        state = np.zeros(kernels.N_STATE, dtype=np.int64)
        state.view(np.uint64)[kernels.MASK] = mask
        drawn = (secrets.randbits(64), secrets.randbits(64)) if keys is None else keys
        state.view(np.uint64)[[kernels.KEY, kernels.OTHER_KEY]] = drawn
        self._texts = kernels.Texts(
            np.zeros(_FIRST_TEXTS * 4, dtype=np.uint64),
            np.zeros(_FIRST_TEXTS, dtype=np.int64),
            np.zeros((_FIRST_TEXTS * 2, 2), dtype=np.uint64),
            state,
        )
        self._room = kernels.Scratch(*(np.empty(kernels.AT_ONCE, dtype=np.uint64) for _ in range(4)))

    def __len__(self) -> int:
        return int(self._texts.state[kernels.N_TEXTS])

    def number(self, packed: Packed, adds: bool, numbers: Index | None = None) -> Index:
        """Give the number of each text: ABSENT for what is not there, EMPTY for a text without a byte.

        adds     True to take new texts in
        numbers  where to write them (default: a new array)
        """
        if numbers is None:
            numbers = np.empty(len(packed), dtype=np.int32)
        done = 0
        # Words wrap around; without the compiler NumPy would warn of it.
        with np.errstate(over="ignore"):
            while True:
                done = kernels.find_texts(packed.words, packed.offsets, done, self._texts, adds, numbers, self._room)
                if done == len(packed):
                    return numbers
                self._enlarge(int(packed.offsets[done + 1] - packed.offsets[done]))

    def _enlarge(self, longest: int) -> None:
        """Make room for several times as much, and for one text of that many bytes."""
        arena, places, slots, state = self._texts
        n_texts, n_words = (int(state[which]) for which in (kernels.N_TEXTS, kernels.N_WORDS))
        if n_words + longest // 8 + 2 > len(arena):
            arena = _stretch(arena[:n_words], _GROWTH * len(arena) + longest // 8 + 2)
        if n_texts == len(places):
            places = _stretch(places, _GROWTH * len(places))
        if 3 * n_texts + 3 > 2 * len(slots):
            slots = np.zeros((2 * len(slots), 2), dtype=np.uint64)
            kernels.move_slots(self._texts.slots, slots)
        self._texts = kernels.Texts(arena, places, slots, state)

    @staticmethod
    def number_all(ids: Ids, texts: NDArray[Any]) -> Index:
        """Give the index of each of some texts among the ids, ABSENT for what is not there. Cost: O(n + texts)."""
        dictionary = Dictionary()
        dictionary.number(ids.pack(np.arange(len(ids), dtype=np.int32)), adds=True)
        return dictionary.number(pack_objects(texts), adds=False)

    def unsorted(self) -> Ids:
        """Give the ids in the order of their numbers; they can be packed, not looked up."""
        return Ids(self._texts.arena, self._texts.places[: len(self)])

    def sort(self) -> tuple[Ids, Index]:
        """Give the ids in order, and the number each has here."""
        order = sort_texts(self._texts, len(self))
        return Ids(self._texts.arena, self._texts.places[order]), order
