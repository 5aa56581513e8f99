"""The best-match table: the best few partners of each slot among older ones, and the slots in the order of these.

L(A, B) does not change while A and B live, and a new cluster is scored against all it can meet when it is made. So
each pair stands with the younger of the two, rows only ever lose partners, and what a row has lost leaves its score
as a bound of what comes after.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.bhc.state import (
    FLOOR,
    N_DEFERRED,
    N_KEYED,
    NOTHING,
    PARTNERS,
    State,
    Table,
)
from unsnarl.kernels.jit import inner, kernel


@inner
def needed(state: State, slot: int) -> int:
    """Return the least log odds that still matter to a slot: over the floor, and no less than its last match."""
    most = state.options[PARTNERS]
    if state.slots[slot].n_matches < most:
        return state.options[FLOOR] + 1
    return state.table.matches[slot, most - 1].score


@inner
def shares_family(state: State, a: int, b: int) -> bool:
    """Say whether two slots have members of one family. Each turn: they share none of the words before i."""
    for i in range(state.families.shape[1]):
        if state.families[a, i] & state.families[b, i]:
            return True
    return False


@inner
def offer(state: State, slot: int, partner: int, name: int, score: int) -> None:
    """Offer a partner to the row of a slot, unless the two must not meet.

    Needs: score >= needed(slot). Overwrites: the row. Ties: the partner with the smaller name is better.
    """
    if shares_family(state, slot, partner):
        return
    row, what = state.table.matches[slot], state.slots[slot]
    at = np.int64(what.n_matches)
    if at == state.options[PARTNERS]:
        last = row[at - 1]
        if last.score == score and last.name < name:
            return
        at -= 1
    else:
        what.n_matches += 1
    while at > 0 and (row[at - 1].score < score or (row[at - 1].score == score and row[at - 1].name > name)):
        row[at].score, row[at].partner, row[at].name = row[at - 1].score, row[at - 1].partner, row[at - 1].name
        at -= 1
    row[at].score, row[at].partner, row[at].name = score, partner, name


@inner
def _better(table: Table, a: int, b: int) -> int:
    """Return the one of two slots (-1: none) whose key comes first. Ties: equal keys are bounds; either will do."""
    if a < 0 or b < 0:
        return max(a, b)
    one, other = table.keys[a], table.keys[b]
    if one.score != other.score:
        return a if one.score > other.score else b
    if one.low != other.low:
        return a if one.low < other.low else b
    return a if one.high <= other.high else b


@inner
def set_key(state: State, slot: int, score: int, low: int, high: int) -> None:
    """Give a slot its key: a pair by its names, a bound (names -1), or NOTHING.

    Needs: nothing. Overwrites: the key, tree. Each turn: node i is in order. Ties: none.
    """
    table = state.table
    key, tree = table.keys[slot], table.tree
    state.counters[N_KEYED] += np.int64(score != NOTHING) - np.int64(key.score != NOTHING)
    key.score, key.low, key.high = score, low, high
    half = len(tree) // 2
    if tree[half + slot] < 0:
        tree[half + slot] = slot
    i = (half + slot) // 2
    while i > 0:
        tree[i] = _better(table, tree[2 * i], tree[2 * i + 1])
        i //= 2


@kernel
def find_living(state: State, slot: int) -> int:
    """Return the slot that a slot is in now. Overwrites: `inside`, so that the next look is shorter."""
    slots = state.slots
    while slots[slot].copies == 0:
        above = np.int64(slots[slot].inside)
        if slots[above].copies == 0:
            slots[slot].inside = slots[above].inside
        slot = above
    return slot


@inner
def name_beside(state: State, partner: int, slot: int) -> int:
    """Return the name a partner has now, -1 where it is gone; a kind can be its own partner while two copies live."""
    what = state.slots[partner]
    if partner != slot:
        return np.int64(what.name) if what.copies > 0 else np.int64(-1)
    return np.int64(state.copies[what.next_copy + 1]) if what.copies > 1 else np.int64(-1)


@inner
def settle(state: State, slot: int) -> None:
    """Give a slot the key that follows from what its row still holds: the best partner left, a bound, or none.

    Needs: the slot lives. Overwrites: its row, its key. Each turn: a partner that is gone is passed over, or one whose
    name has grown takes its new place among those of the same score. Ties: smaller name.
    """
    row, what = state.table.matches[slot], state.slots[slot]
    is_full = what.n_matches == state.options[PARTNERS]
    bound = row[what.n_matches - 1].score if is_full else NOTHING
    while what.at < what.n_matches:
        match = row[what.at]
        name = name_beside(state, match.partner, slot)
        if name < 0:
            what.at += 1
            state.counters[N_DEFERRED] += 1
        elif name == match.name:
            own = np.int64(what.name)
            set_key(state, slot, match.score, min(own, name), max(own, name))
            return
        elif is_full and match.score == bound:
            # One that the row does not show may have the smaller name by now.
            break
        else:
            score, partner = match.score, match.partner
            at = np.int64(what.at)
            while at + 1 < what.n_matches and row[at + 1].score == score and row[at + 1].name < name:
                row[at].score, row[at].partner, row[at].name = row[at + 1].score, row[at + 1].partner, row[at + 1].name
                at += 1
            row[at].score, row[at].partner, row[at].name = score, partner, name
    set_key(state, slot, bound, -1, -1)
