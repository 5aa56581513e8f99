"""Find the best partners of a slot: its terms, the rarest first, and for each the slots that have it.

A slot that is met for the first time shares no rarer term of the query; what it can still reach is known for its band
(`find_reach`). As soon as that is less than what matters, the lists of all more frequent terms are left unread: for
single records and for merged clusters alike.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.bhc.odds import base_of, find_ceiling, find_reach, gains_of
from unsnarl.kernels.bhc.postings import head_of, pack
from unsnarl.kernels.bhc.state import (
    BAND_PLACES,
    DISJOINT,
    FLAGS,
    FLOOR,
    GONE,
    N_MET,
    N_READ,
    N_SCANS,
    N_SCORED,
    NO_INDEX,
    NOTHING,
    SERIAL,
    UNLIMITED,
    State,
)
from unsnarl.kernels.bhc.table import needed, offer
from unsnarl.kernels.jit import kernel


@kernel
def _judge(state: State, slot: int, other: int, above: int) -> None:
    """Score a slot that has been met for the first time, unless it cannot matter; offer it where it does.

    Needs: `above` is no less than what shared terms can add. Overwrites: the row of `slot`, seen, counters. Ties: none.
    """
    state.query.seen[other] = state.counters[SERIAL]
    state.counters[N_MET] += 1
    base = base_of(state, slot, other)
    if above < UNLIMITED and base + above < needed(state, slot):
        return
    state.counters[N_SCORED] += 1
    score = base + gains_of(state, slot, other)
    if score >= needed(state, slot):
        offer(state, slot, other, state.slots[other].name, score)


@kernel
def _walk(state: State, slot: int, head: int, place: int, above: int) -> None:
    """Judge every slot of a list that is older than the one in question and has not been met.

    place  of the term in the list of the query's terms; -1 for the list of all slots
    above  for that list: the most that shared terms can add

    Needs: nothing. Overwrites: the row of `slot`, seen, counters; the list, where many are gone. Each turn: one chunk
    has been read. Ties: none.
    """
    query, index, slots = state.query, state.index, state.slots
    serial = np.int32(state.counters[SERIAL])
    n_gone = n_read = 0
    chunk = index.heads[head]
    while chunk >= 0:
        n_slots = index.chunks[chunk, 1]
        for i in range(n_slots):
            other = index.chunks[chunk, 2 + i]
            seen = query.seen[other]
            if seen == serial or other > slot:
                continue
            if seen == GONE:
                n_gone += 1
                continue
            if place >= 0:
                band = slots[other].band
                above = query.reach[band, place]
                if above < needed(state, slot):
                    continue
                above -= query.ceilings[band]
            _judge(state, slot, other, above)
        n_read += n_slots
        chunk = index.chunks[chunk, 0]
    state.counters[N_READ] += n_read
    if 4 * n_gone > n_read:
        pack(index, query.seen, head)


@kernel
def _walk_all(state: State, slot: int) -> None:
    """Judge all older slots whose band can matter though they share no term, or all there are without the index.

    Needs: nothing. Overwrites: as _walk. Each turn: bands up to b are done. Ties: none.
    """
    last = len(state.index.list_of) - 1
    everything = state.options[FLAGS] & NO_INDEX or state.options[FLOOR] < NOTHING // 2
    # What has not been met by now shares nothing, or nothing that could make it matter.
    above = UNLIMITED if everything else np.int64(0)
    for b in range(len(state.bands)):
        if state.bands[b].n_live and (everything or state.query.ceilings[b] >= needed(state, slot)):
            _walk(state, slot, head_of(state.index, last, b), -1, above)


@kernel
def _walk_terms(state: State, slot: int) -> None:
    """Judge the older slots that share a term, as far as they can matter.

    Needs: reach is written. Overwrites: as _walk. Each turn: no slot that matters and shares a term from place i on
    is left. Ties: none.
    """
    what, query, index = state.slots[slot], state.query, state.index
    for i in range(what.n_terms - 1, -1, -1):
        term = state.entries[what.start + i].term
        place = min(i, BAND_PLACES - 1)
        is_over = True
        if index.split[term]:
            for b in range(len(state.bands)):
                if state.bands[b].n_live and query.reach[b, place] >= needed(state, slot):
                    is_over = False
                    _walk(state, slot, index.list_of[term] + b, place, UNLIMITED)
        else:
            for b in range(len(state.bands)):
                if state.bands[b].n_live and query.reach[b, place] >= needed(state, slot):
                    is_over = False
                    break
            if not is_over:
                _walk(state, slot, index.list_of[term], place, UNLIMITED)
        if is_over:
            return


@kernel
def _skip_banned(state: State, slot: int) -> None:
    """Let the slots that must not meet this one count as met.

    Needs: nothing. Overwrites: seen. Each turn: one ban is heeded. Ties: none.
    """
    ban = np.int64(state.slots[slot].ban)
    while ban >= 0:
        other = np.int64(state.bans[ban].partner)
        while state.slots[other].copies == 0:
            other = np.int64(state.slots[other].inside)
        state.query.seen[other] = state.counters[SERIAL]
        ban = np.int64(state.bans[ban].after)


@kernel
def begin_query(state: State, slot: int) -> None:
    """Make a slot the one in question. Overwrites: place, serial number, seen. Ties: none."""
    what = state.slots[slot]
    state.counters[SERIAL] += 1
    state.query.seen[slot] = state.counters[SERIAL]
    for i in range(what.n_terms):
        state.query.place[state.entries[what.start + i].term] = i + 1


@kernel
def end_query(state: State, slot: int) -> None:
    """Forget the terms of the slot in question. Overwrites: place. Ties: none."""
    what = state.slots[slot]
    for i in range(what.n_terms):
        state.query.place[state.entries[what.start + i].term] = 0


@kernel
def scan(state: State, slot: int) -> None:
    """Fill the row of a slot with its best partners among the older ones.

    Needs: the slot lives. Overwrites: its row, query, counters. Ties: smaller name.
    """
    what, query = state.slots[slot], state.query
    what.at = what.n_matches = 0
    state.counters[N_SCANS] += 1
    begin_query(state, slot)
    _skip_banned(state, slot)
    if what.copies > 1:
        score = base_of(state, slot, slot) + gains_of(state, slot, slot)
        state.counters[N_SCORED] += 1
        if score >= needed(state, slot):
            offer(state, slot, slot, state.copies[what.next_copy + 1], score)
    has_no_floor = state.options[FLOOR] < NOTHING // 2
    for b in range(len(state.bands)):
        if state.bands[b].n_live:
            query.ceilings[b] = find_ceiling(state, slot, b)
    if not (has_no_floor or state.options[FLAGS] & NO_INDEX):
        for b in range(len(state.bands)):
            if state.bands[b].n_live:
                find_reach(state, slot, b)
        _walk_terms(state, slot)
    if has_no_floor or state.options[FLAGS] & (NO_INDEX | DISJOINT):
        _walk_all(state, slot)
    end_query(state, slot)
