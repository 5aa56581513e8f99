"""The inverted index of kinds: for each term the kinds that have it, each with its more frequent terms.

A query reads the rolls of its terms, the rarest first. The first roll that has a kind is that of the rarest term the
two share, so the terms that stand there are all that they can share besides: the pair is scored from the roll itself,
and nothing else of the kind is looked at unless it matters.

An entry is: slot, LONGEST * size + (number of terms that follow), the terms. The size of a kind is what its part
depends on. A kind with too many terms, or with a term more than once, has TOO_LONG in the place of the number, and is
scored from its slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Records
from unsnarl.kernels.bhc.state import GONE, Rolls
from unsnarl.kernels.jit import inner, kernel

LONGEST_BITS = 6
LONGEST = 2**LONGEST_BITS
TOO_LONG = LONGEST - 1
INLINE_TERMS = 32
LARGEST_SIZE = 2**24


class KindView(NamedTuple):
    """What the rolls are made from: SLOT[k], ENTRY, and int32[k] the size of each kind."""

    slots: Records
    entries: Records
    sizes: Int32


@inner
def _is_long(view: KindView, kind: int) -> bool:
    """Say whether a kind is scored from its slot."""
    what = view.slots[kind]
    if what.n_terms > INLINE_TERMS or view.sizes[kind] >= LONGEST:
        return True
    for i in range(what.start, what.start + what.n_terms):
        if view.entries[i].count > 1:
            return True
    return False


@inner
def roll_of(rolls: Rolls, term: int, band: int) -> int:
    """Return the roll of a term that kinds of a band are in."""
    return rolls.roll_of[term] + (band if rolls.split[term] else 0)


@kernel
def count_words(view: KindView, rolls: Rolls) -> None:
    """Count the words of each roll into start[roll + 1].

    Needs: start all 0. Overwrites: start. Each turn: the kinds up to `kind` are counted. Ties: none.
    """
    for kind in range(len(view.sizes)):
        what = view.slots[kind]
        is_long = _is_long(view, kind)
        for i in range(what.n_terms):
            roll = roll_of(rolls, view.entries[what.start + i].term, what.band)
            rolls.start[roll + 1] += 2 + (0 if is_long else i)


@inner
def _write_entry(view: KindView, rolls: Rolls, kind: int, i: int, length: int) -> None:
    """Write a kind at the end of the roll of its term at place i, with so many terms. Overwrites: words, stop, n_in."""
    what = view.slots[kind]
    roll = roll_of(rolls, view.entries[what.start + i].term, what.band)
    at = rolls.stop[roll]
    rolls.words[at] = kind
    rolls.words[at + 1] = LONGEST * min(np.int64(view.sizes[kind]), LARGEST_SIZE) + length
    for j in range(0 if length == TOO_LONG else length):
        rolls.words[at + 2 + j] = view.entries[what.start + j].term
    rolls.stop[roll] = at + 2 + (0 if length == TOO_LONG else length)
    rolls.n_in[roll] += 1


@kernel
def write_rolls(view: KindView, rolls: Rolls) -> None:
    """Write all rolls; in each the kinds with most terms that follow come first, then those of smaller slots.

    Needs: start summed up, stop a copy of it. Overwrites: words, stop, n_in. Each turn: the entries with more than
    `length` terms are written. Ties: none.
    """
    for kind in range(len(view.sizes)):
        if _is_long(view, kind):
            for i in range(view.slots[kind].n_terms):
                _write_entry(view, rolls, kind, i, TOO_LONG)
    for length in range(INLINE_TERMS - 1, -1, -1):
        for kind in range(len(view.sizes)):
            if view.slots[kind].n_terms > length and not _is_long(view, kind):
                _write_entry(view, rolls, kind, length, length)


@inner
def _pack_roll(rolls: Rolls, seen: Int32, roll: int) -> None:
    """Take the kinds that are gone out of a roll; the others keep their order.

    Needs: nothing. Overwrites: the roll. Each turn: what has been read is written without the gone. Ties: none.
    """
    words = rolls.words
    at = target = rolls.start[roll]
    n_in = 0
    stop = rolls.stop[roll]
    while at < stop:
        length = words[at + 1] % LONGEST
        after = at + 2 + (0 if length == TOO_LONG else length)
        if seen[words[at]] != GONE:
            for i in range(at, after):
                words[target] = words[i]
                target += 1
            n_in += 1
        at = after
    rolls.stop[roll] = target
    rolls.n_in[roll] = n_in
    rolls.n_gone[roll] = 0


@inner
def strike_off(rolls: Rolls, seen: Int32, terms: Records, band: int) -> None:
    """Note that a kind is gone from the rolls of its terms; a roll with many such is packed.

    Needs: the kind counts as gone. Overwrites: rolls. Each turn: one roll. Ties: none.
    """
    for i in range(len(terms)):
        roll = roll_of(rolls, terms[i].term, band)
        rolls.n_gone[roll] += 1
        if 4 * rolls.n_gone[roll] > rolls.n_in[roll]:
            _pack_roll(rolls, seen, roll)


def make_rolls(view: KindView, roll_of_term: Int32, split: Int32, n_rolls: int) -> Rolls:
    """Make the rolls of all kinds.

    Cost: O(e l) time and 4 bytes for each pair of terms of a kind: e entries, l terms a kind (up to INLINE_TERMS).
    """
    start = np.zeros(n_rolls + 1, dtype=np.int64)
    none = np.zeros(0, dtype=np.int32)
    n_in = np.zeros(n_rolls, dtype=np.int32)
    rolls = Rolls(roll_of_term, split, start, start[:-1].copy(), none, n_in, n_in.copy())
    count_words(view, rolls)
    np.cumsum(start, out=start)
    rolls = rolls._replace(stop=start[:-1].copy(), words=np.zeros(int(start[-1]), dtype=np.int32))
    write_rolls(view, rolls)
    return rolls
