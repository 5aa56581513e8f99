"""Merge the best pair of all, again and again, as long as its log odds are over the floor."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.bhc.bounds import raise_ceilings
from unsnarl.kernels.bhc.fixed_point import soft_plus
from unsnarl.kernels.bhc.odds import gain, score_slot
from unsnarl.kernels.bhc.postings import has_places, insert, withdraw
from unsnarl.kernels.bhc.rolls import strike_off
from unsnarl.kernels.bhc.scan import begin_query, end_query, scan
from unsnarl.kernels.bhc.state import (
    BERNOULLI,
    FLAGS,
    FLOOR,
    GONE,
    MODEL,
    N_DEFERRED,
    N_ENTRIES,
    N_INSERTED,
    N_KINDS,
    N_LIVE,
    N_MERGES,
    N_READ,
    N_SLOTS,
    NO_DEFERRAL,
    NO_TABLE,
    NOTHING,
    State,
)
from unsnarl.kernels.bhc.table import find_living, name_beside, set_key, settle
from unsnarl.kernels.jit import inner, kernel

FINISHED = 0
GOING_ON = 1
SHORT_OF_ROOM = 2


@inner
def _join_terms(state: State, a: int, b: int, slot: int) -> None:
    """Write the terms of two slots, counts added up, as those of a new slot; its part grows by what they share.

    Needs: room for the terms of both. Overwrites: entries, slots[slot]. Each turn: the terms before both i and j are
    written. Ties: none.
    """
    entries, weights, what = state.entries, state.weights, state.slots[slot]
    i, j = state.slots[a].start, state.slots[b].start
    i_end, j_end = i + state.slots[a].n_terms, j + state.slots[b].n_terms
    at = what.start
    while i < i_end or j < j_end:
        entry = entries[at]
        if j == j_end or (i < i_end and entries[i].term < entries[j].term):
            entry.term, entry.count = entries[i].term, entries[i].count
            i += 1
        elif i == i_end or entries[j].term < entries[i].term:
            entry.term, entry.count = entries[j].term, entries[j].count
            j += 1
        else:
            entry.term, entry.count = entries[i].term, entries[i].count + entries[j].count
            what.part += gain(weights, entry.term, entries[i].count, entries[j].count)
            i += 1
            j += 1
        at += 1
    what.n_terms = at - what.start
    what.n_bars = 0
    state.counters[N_ENTRIES] = at


@inner
def write_bars(state: State, slot: int) -> None:
    """Count how many terms of a slot are in how many of its records, and write that after its terms.

    Needs: its terms are the last entries. Overwrites: entries, slots[slot], memo. Each turn: the counts of terms up to
    i are written, once each. Ties: none.
    """
    what, entries, tally = state.slots[slot], state.entries, state.query.memo
    for i in range(what.start, what.start + what.n_terms):
        tally[entries[i].count] = 0
    tally[1] = what.n_lonely
    for i in range(what.start, what.start + what.n_terms):
        tally[entries[i].count] += 1
    end = what.start + what.n_terms
    at = end
    for i in range(what.start - 1, end):
        count = np.int64(1) if i < what.start else np.int64(entries[i].count)
        if tally[count] > 0:
            entries[at].term, entries[at].count = count, tally[count]
            tally[count] = 0
            at += 1
    what.n_bars = at - end
    state.counters[N_ENTRIES] = at


@inner
def _take_copy(state: State, slot: int, inside: int) -> None:
    """Let the smallest copy of a slot be part of another; the slot is gone with the last one.

    Needs: a copy is left. Overwrites: slots[slot], seen, bands, its key. Ties: none.
    """
    what = state.slots[slot]
    what.copies -= 1
    if what.copies > 0:
        what.next_copy += 1
        what.name = state.copies[what.next_copy]
        return
    what.inside = inside
    state.query.seen[slot] = GONE
    state.bands[what.band].n_live -= 1
    if slot < state.options[N_KINDS]:
        terms = state.entries[what.start : what.start + what.n_terms]
        strike_off(state.rolls, state.query.seen, terms, what.band)
    elif slot < state.counters[N_INSERTED]:
        withdraw(state, slot)
    if slot < state.counters[N_INSERTED]:
        state.counters[N_LIVE] -= 1
        last = state.live[state.counters[N_LIVE]]
        state.live[state.live_at[slot]] = last
        state.live_at[last] = state.live_at[slot]
    set_key(state, slot, NOTHING, -1, -1)


@inner
def _find_band(state: State, n_records: int, n_terms: int) -> int:
    """Return the band of merged clusters of that many records and terms."""
    b = len(state.bands) - 1
    while state.bands[b].first > n_records or state.bands[b].first_terms > n_terms:
        b -= 1
    return b


@kernel
def join(state: State, a: int, b: int, score: int) -> int:
    """Merge a copy each of two slots, or two copies of one; return the new slot, which is not in the index yet.

    Needs: both live; room. Overwrites: slots, entries, merges, bands, keys. Ties: the union has the smaller name.
    """
    slot = state.counters[N_SLOTS]
    state.counters[N_SLOTS] += 1
    left, right, what = state.slots[a], state.slots[b], state.slots[slot]
    name, other = np.int64(left.name), name_beside(state, b, a)
    what.start = state.counters[N_ENTRIES]
    what.part = left.part + right.part - soft_plus(score)
    what.n_records, what.extent = left.n_records + right.n_records, left.extent + right.extent
    what.n_lonely = left.n_lonely + right.n_lonely
    what.name, what.copies, what.inside = min(name, other), 1, -1
    what.ban, what.last_ban = left.ban, left.last_ban
    if what.ban < 0:
        what.ban, what.last_ban = right.ban, right.last_ban
    elif right.ban >= 0:
        state.bans[what.last_ban].after = right.ban
        what.last_ban = right.last_ban
    for i in range(state.families.shape[1]):
        state.families[slot, i] = state.families[a, i] | state.families[b, i]
    what.at = what.n_matches = 0
    _join_terms(state, a, b, slot)
    what.band = _find_band(state, what.n_records, what.n_terms)
    if state.options[MODEL] == BERNOULLI:
        write_bars(state, slot)
    merge = state.merges[state.counters[N_MERGES]]
    merge.score, merge.left, merge.right = score, min(name, other), max(name, other)
    merge.n_records = what.n_records
    state.counters[N_MERGES] += 1
    _take_copy(state, a, slot)
    _take_copy(state, b, slot)
    state.bands[what.band].n_live += 1
    return slot


@kernel
def score_pair(state: State, a: int, b: int) -> int:
    """Return the log odds of two slots. Needs: both live. Overwrites: query. Ties: none."""
    begin_query(state, a)
    score = score_slot(state, a, b)
    end_query(state, a)
    return score


@kernel
def has_room(state: State, a: int, b: int) -> bool:
    """Say whether there is room for the terms of two slots together."""
    n_terms = state.slots[a].n_terms + state.slots[b].n_terms
    return len(state.entries) - state.counters[N_ENTRIES] > 2 * n_terms


@kernel
def join_given(state: State, left: Int32, right: Int32, start: int) -> int:
    """Merge pairs of slots, whatever their log odds: those that the slots are in by then.

    left, right  int32[k]
    start        the pairs before it are merged

    Returns how many pairs are merged, k or the first for which arrays must grow.

    Needs: nothing is indexed yet. Overwrites: as join. Each turn: the pairs before i are merged. Ties: none.
    """
    for i in range(start, len(left)):
        a, b = find_living(state, left[i]), find_living(state, right[i])
        if a != b:
            if not has_room(state, a, b):
                return i
            join(state, a, b, score_pair(state, a, b))
    return len(left)


@inner
def _meets_others(state: State, slot: int) -> bool:
    """Say whether a slot lives and has terms; without, its records must be together, and are with nobody else."""
    what = state.slots[slot]
    return what.copies > 0 and what.n_terms + what.n_lonely > 0


@inner
def _take_in(state: State, slot: int) -> None:
    """Give a slot its row and its place in the index.

    Needs: all older slots have theirs; room. Overwrites: table, query, index. Ties: none.
    """
    raise_ceilings(state, slot)
    scan(state, slot)
    if slot < state.options[N_KINDS]:
        state.counters[N_INSERTED] += 1
    else:
        insert(state, slot)
    state.live_at[slot] = state.counters[N_LIVE]
    state.live[state.counters[N_LIVE]] = slot
    state.counters[N_LIVE] += 1
    settle(state, slot)


@inner
def _look_again(state: State, everywhere: bool) -> None:
    """Scan anew: all slots, or those whose best partner is gone. Only to show what the table and its bounds save.

    Needs: all slots indexed. Overwrites: table, query. Each turn: slots before s are up to date. Ties: none.
    """
    for s in range(state.counters[N_SLOTS]):
        if not _meets_others(state, s):
            continue
        what = state.slots[s]
        if everywhere or (
            state.table.keys[s].score != NOTHING
            and (what.at == what.n_matches or name_beside(state, state.table.matches[s, what.at].partner, s) < 0)
        ):
            scan(state, s)
            settle(state, s)


@kernel
def agglomerate(state: State, budget: int) -> int:
    """Merge best pairs until none has log odds over the floor: FINISHED.

    Returns GOING_ON after about `budget` entries, and SHORT_OF_ROOM, where arrays must grow first.

    Needs: a state with its kinds, or left by an earlier call. Overwrites: all of it. Each turn: a slot gets its row and
    its place in the index; if all have them, the best pair of all is merged, or a key that had become a bound is
    brought nearer the truth. Ties: smaller first name, then smaller second name.
    """
    flags, counters, table = state.options[FLAGS], state.counters, state.table
    stop = counters[N_READ] + budget
    while True:
        new = counters[N_INSERTED]
        if new < counters[N_SLOTS]:
            if counters[N_READ] >= stop:
                return GOING_ON
            counters[N_READ] += 1
            if not _meets_others(state, new):
                counters[N_INSERTED] += 1
                continue
            if new >= state.options[N_KINDS] and not has_places(state, new):
                return SHORT_OF_ROOM
            _take_in(state, new)
            if flags & NO_DEFERRAL and new + 1 == counters[N_SLOTS]:
                _look_again(state, False)
            continue
        if flags & NO_TABLE:
            _look_again(state, True)
        slot = np.int64(table.tree[1])
        if slot < 0 or table.keys[slot].score <= max(state.options[FLOOR], NOTHING):
            return FINISHED
        if counters[N_READ] >= stop:
            return GOING_ON
        counters[N_READ] += 1
        key, what = table.keys[slot], state.slots[slot]
        if key.low < 0:
            counters[N_DEFERRED] += 1
            scan(state, slot)
            settle(state, slot)
            continue
        match = table.matches[slot, what.at]
        other = np.int64(match.partner)
        name, own = name_beside(state, other, slot), np.int64(what.name)
        if name < 0 or min(name, own) != key.low or max(name, own) != key.high:
            settle(state, slot)
            continue
        if not has_room(state, slot, other):
            return SHORT_OF_ROOM
        join(state, slot, other, key.score)
        for part in (slot, other):
            if state.slots[part].copies > 0:
                settle(state, part)
