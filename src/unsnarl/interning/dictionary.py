"""A dictionary of ids that grows as they come: text to number, in the order they are first met."""

from __future__ import annotations

import numpy as np

from unsnarl.files.arrow import Texts as Packed
from unsnarl.interning.ids import Ids, sort_texts
from unsnarl.kernels import texts as kernels
from unsnarl.kernels.texts import ABSENT, EMPTY
from unsnarl.model import Index

__all__ = ["ABSENT", "EMPTY", "Dictionary"]

_GROWTH = 2
_FIRST_TEXTS = 1 << 12
_LINE_BYTES = 8 * kernels.LINE


def _make_arena(n_words: int) -> np.ndarray:
    """Make room that begins at a line of the processor's cache."""
    room = np.zeros(n_words + kernels.LINE, dtype=np.uint64)
    skipped = (-room.ctypes.data % _LINE_BYTES) // 8
    return room[skipped : skipped + n_words]


class Dictionary:
    """Number texts.

    mask  bits of a hash that are used: fewer make it slow and change nothing, which is what tests want

    >>> words = Packed(np.frombuffer(b"abcab...", dtype=np.uint64), np.array([0, 2, 3, 5]))
    >>> Dictionary().number(words, adds=True).tolist()
    [0, 1, 0]
    """

    def __init__(self, mask: int = 2**64 - 1) -> None:
        state = np.zeros(kernels.N_STATE, dtype=np.int64)
        state.view(np.uint64)[kernels.MASK] = mask
        self._texts = kernels.Texts(
            _make_arena(_FIRST_TEXTS * 4),
            np.zeros(_FIRST_TEXTS, dtype=np.int64),
            np.zeros(_FIRST_TEXTS * 2, dtype=np.uint64),
            state,
        )
        self._room = kernels.Scratch(*(np.empty(kernels.AT_ONCE, dtype=np.uint64) for _ in range(3)))

    def __len__(self) -> int:
        return int(self._texts.state[kernels.N_TEXTS])

    def number(self, packed: Packed, adds: bool) -> Index:
        """Give the number of each text: ABSENT for what is not there, EMPTY for a text without a byte.

        adds  True to take new texts in
        """
        numbers = np.empty(len(packed), dtype=np.int32)
        done = 0
        while True:
            done = kernels.find_texts(packed.words, packed.offsets, done, self._texts, adds, numbers, self._room)
            if done == len(packed):
                return numbers
            self._enlarge(int(packed.offsets[done + 1] - packed.offsets[done]))

    def _enlarge(self, longest: int) -> None:
        """Make room for twice as much, and for one text of that many bytes."""
        old = self._texts
        n_texts, n_words = (int(old.state[which]) for which in (kernels.N_TEXTS, kernels.N_WORDS))
        arena, places, slots = old.arena, old.places, old.slots
        if n_words + longest // 8 + 2 + kernels.LINE > len(arena) // _GROWTH:
            arena = _make_arena(_GROWTH * len(arena) + longest // 8 + 2 + kernels.LINE)
            arena[:n_words] = old.arena[:n_words]
        if n_texts == len(places):
            places = np.zeros(_GROWTH * len(places), dtype=np.int64)
            places[:n_texts] = old.places
        refill = 3 * n_texts + 3 > 2 * len(slots)
        if refill:
            slots = np.zeros(_GROWTH * len(slots), dtype=np.uint64)
        self._texts = kernels.Texts(arena, places, slots, old.state)
        if refill:
            kernels.fill_slots(self._texts)

    def unsorted(self) -> Ids:
        """Give the ids in the order of their numbers; they can be packed, not looked up."""
        return Ids(self._texts.arena, self._texts.places[: len(self)])

    def sort(self) -> tuple[Ids, Index]:
        """Give the ids in order, and the number each has here."""
        order = sort_texts(self._texts, len(self))
        return Ids(self._texts.arena, self._texts.places[order]), order
