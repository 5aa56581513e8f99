"""A hash of what each component consists of, the same in every run: of its ids, pairs and scores, in any order."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Word, Words
from unsnarl.kernels.jit import kernel

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_ONE, _EIGHT, _HALF = np.uint64(1), np.uint64(8), np.uint64(32)
_LOW = np.uint64(2**32 - 1)


@kernel
def _mix(word: Word) -> Word:
    """Return a word whose every bit depends on every bit of the one given.

    Needs: unsigned. Overwrites: nothing. Ties: none.
    """
    word = (word ^ word >> _HALF) * _MIX
    word = (word ^ word >> _HALF) * _MIX
    return word ^ word >> _HALF


@kernel
def hash_ids(arena: Words, places: Int64, hashes: Words) -> None:
    """Write a hash of each text; it depends on nothing but its bytes.

    Needs: arena and places as texts.py has them. Overwrites: hashes. Each turn: hashes 0 .. i are written.
    """
    for i in range(len(places)):
        place = np.uint64(places[i])
        length = arena[place] & _LOW
        mixed = _mix(length + _ODD)
        for _ in range((length + np.uint64(7)) // _EIGHT):
            place += _ONE
            mixed = _mix(mixed * _ODD ^ arena[place])
        hashes[i] = mixed


@kernel
def add_contents(left: Int32, right: Int32, score: Int32, component_of: Int32, ids: Words, sums: Words) -> None:
    """Add to each component's sum a word for each of its records and of the pairs inside it.

    Needs: pairs in canonical form, component_of as Components has it, ids as hash_ids wrote them, sums all 0.
    Overwrites: sums. Each turn: what comes up to i is in the sums; a sum does not depend on the order. Ties: none.
    """
    for record in range(len(component_of)):
        sums[component_of[record]] += _mix(ids[record] ^ _ODD)
    for i in range(len(left)):
        component = component_of[left[i]]
        if component == component_of[right[i]]:
            pair = _mix(ids[left[i]] * _ODD + ids[right[i]])
            sums[component] += _mix(pair ^ np.uint64(score[i]) * _MIX)
