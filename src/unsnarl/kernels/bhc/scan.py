"""Find the best partners of a slot: its terms, the rarest first, and for each the slots that have it.

A slot that is met for the first time shares no rarer term; what it can still reach is known for its band
(`find_reach`). As soon as that is less than what matters, the lists of all more frequent terms are left unread: for
single records and for merged clusters alike.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.bhc.bounds import find_ceilings, find_reach
from unsnarl.kernels.bhc.odds import absent_gain, absent_part, fixed_part, gain, score_slot
from unsnarl.kernels.bhc.postings import HEAD, TERM_BITS, TERM_UNIT, find_fall, part_at
from unsnarl.kernels.bhc.postings import TOO_LONG as IS_LONG
from unsnarl.kernels.bhc.rolls import LONGEST, LONGEST_BITS, TOO_LONG
from unsnarl.kernels.bhc.state import (
    BAND_PLACES,
    BERNOULLI,
    DISJOINT,
    FLAGS,
    FLOOR,
    GONE,
    MODEL,
    N_LIVE,
    N_MET,
    N_READ,
    N_SCANS,
    N_SCORED,
    NO_INDEX,
    NO_SKIPPING,
    NOTHING,
    SERIAL,
    SINGLE_BANDS,
    TOPS,
    State,
)
from unsnarl.kernels.bhc.table import find_living, needed, offer
from unsnarl.kernels.jit import inner


@inner
def _score_and_offer(state: State, slot: int, other: int) -> None:
    """Score a slot, and offer it where it matters. Overwrites: the row of `slot`, seen, counters."""
    state.query.seen[other] = state.counters[SERIAL]
    state.counters[N_SCORED] += 1
    score = score_slot(state, slot, other)
    if score >= needed(state, slot):
        offer(state, slot, other, state.slots[other].name, score)


@inner
def _read_roll(state: State, slot: int, start: int, stop: int, first: int, place: int, is_even: bool) -> None:
    """Score the kinds of a roll that are older than a slot, and offer those that matter.

    first    what the term of the roll adds
    place    of the term among those of the slot
    is_even  True where all kinds of the roll have one size: those with fewest terms to follow come last

    Needs: no kind of the roll shares a rarer term, or it has been scored. Overwrites: the row of `slot`, seen,
    counters. Each turn: entries before `at` are scored. Ties: none.
    """
    words, ones, sizes = state.rolls.words, state.query.ones, state.query.sizes
    seen, serial = state.query.seen, np.int32(state.counters[SERIAL])
    tops = state.query.tops[0, place]
    can_skip = state.options[FLAGS] & NO_SKIPPING == 0
    need = needed(state, slot)
    n_read = n_scored = 0
    at = start
    while at < stop:
        other = np.int64(words[at])
        length = np.int64(words[at + 1]) & (LONGEST - 1)
        size = np.int64(words[at + 1]) >> LONGEST_BITS
        at += 2
        n_read += 1
        if other >= slot:
            at += 0 if length == TOO_LONG else length
            continue
        if length == TOO_LONG:
            if seen[other] != serial and seen[other] != GONE:
                _score_and_offer(state, slot, other)
                need = needed(state, slot)
            continue
        score = first + sizes[size]
        if can_skip and score + tops[min(length, TOPS - 1)] < need:
            if is_even:
                break
            at += length
            continue
        n_scored += 1
        for i in range(at, at + length):
            score += ones[words[i]]
        at += length
        if score >= need and seen[other] != serial and seen[other] != GONE:
            seen[other] = serial
            offer(state, slot, other, state.slots[other].name, score)
            need = needed(state, slot)
    state.counters[N_READ] += n_read
    state.counters[N_MET] += n_read
    state.counters[N_SCORED] += n_scored


@inner
def _meet_kinds(state: State, slot: int) -> None:
    """Score the older kinds that share a term, as far as they can matter.

    Needs: reach is found. Overwrites: as _read_roll. Each turn: no kind that matters and shares a term from place i on
    is left. Ties: none.
    """
    what, rolls, query = state.slots[slot], state.rolls, state.query
    over = len(state.bands)
    for i in range(what.n_terms - 1, -1, -1):
        term = state.entries[what.start + i].term
        place = min(i, BAND_PLACES - 1)
        need, reach = needed(state, slot), query.reach[place]
        if reach[over] < need:
            return
        roll = np.int64(rolls.roll_of[term])
        is_split = rolls.split[term]
        for b in range(SINGLE_BANDS if is_split else 1):
            if is_split and reach[b] < need:
                continue
            start, stop = rolls.start[roll + b], rolls.stop[roll + b]
            if start < stop:
                is_even = is_split == 1 and b < SINGLE_BANDS - 1
                _read_roll(state, slot, start, stop, query.ones[term], place, is_even)
                need = needed(state, slot)


@inner
def _read_list(state: State, slot: int, start: int, stop: int, term: int, place: int, family: int) -> None:
    """Score the merged clusters of a term's list that are older than a slot, and offer those that matter.

    place   of the term among those of the slot
    family  of the clusters of the list, -1 where it has all kinds of them

    Needs: no cluster of the list shares a rarer term, or it has been scored. Overwrites: the row of `slot`, seen,
    counters. Each turn: entries before `at` are scored. Ties: none.
    """
    query, weights, what, words = state.query, state.weights, state.slots[slot], state.postings.words
    counts, seen, serial = query.counts, query.seen, np.int32(state.counters[SERIAL])
    is_bernoulli, own = state.options[MODEL] == BERNOULLI, np.int64(query.counts[term])
    is_many = is_bernoulli and what.n_records > 1
    need = needed(state, slot)
    can_skip = family >= 0 and state.options[FLAGS] & NO_SKIPPING == 0
    tops = query.tops[max(family, 0), place]
    n_read = n_scored = 0
    at = start
    while at < stop:
        other, length = np.int64(words[at]), np.int64(words[at + 1])
        if other >= slot:
            break
        n_read += 1
        if length == IS_LONG:
            if seen[other] != serial and seen[other] != GONE:
                _score_and_offer(state, slot, other)
                need = needed(state, slot)
            at += HEAD
            continue
        n = what.n_records + words[at + 2]
        if n >= len(weights.by_records) or (not is_bernoulli and what.extent + words[at + 3] >= len(weights.by_extent)):
            # More than there is: the cluster is gone, and is part of the one in question.
            at += HEAD + length
            continue
        score = part_at(words, at) + gain(weights, term, own, words[at + 6])
        if is_bernoulli:
            score += absent_gain(weights.absent, n, own, words[at + 6])
            score += fixed_part(query, state.entries, weights, what, words[at + 2], np.int64(serial))
            if is_many:
                score -= find_fall(weights.absent, np.int64(words[at + 3]), np.int64(words[at + 2] + 1), n)
        else:
            score += weights.by_records[n] + weights.by_extent[what.extent + words[at + 3]] + what.part
        if can_skip and score + tops[min(length, TOPS - 1)] < need:
            at += HEAD + length
            continue
        n_scored += 1
        for i in range(at + HEAD, at + HEAD + length):
            word = np.int64(words[i])
            count = counts[word >> TERM_BITS]
            if count > 0:
                score += gain(weights, word >> TERM_BITS, count, word & (TERM_UNIT - 1))
                if is_bernoulli:
                    score += absent_gain(weights.absent, n, count, word & (TERM_UNIT - 1))
        start_of, at = at, at + HEAD + length
        if score >= need and seen[other] != serial and seen[other] != GONE:
            if is_many:
                # The fall of the absent part is at least what was taken off: the score was a bound.
                score += state.slots[other].part + absent_part(state.entries, weights.absent, state.slots[other], n)
                fall = find_fall(weights.absent, np.int64(words[start_of + 3]), np.int64(words[start_of + 2] + 1), n)
                score += fall - part_at(words, start_of)
            seen[other] = serial
            if score >= need:
                offer(state, slot, other, state.slots[other].name, score)
                need = needed(state, slot)
    state.counters[N_READ] += n_read
    state.counters[N_MET] += n_read
    state.counters[N_SCORED] += n_scored


@inner
def _meet_clusters(state: State, slot: int) -> None:
    """Score the older merged clusters that share a term, as far as they can matter.

    Needs: reach is found. Overwrites: as _read_list. Each turn: no cluster that matters and shares a term from place i
    on is left. Ties: none.
    """
    what, postings, query = state.slots[slot], state.postings, state.query
    over = len(state.bands) + 1
    for i in range(what.n_terms - 1, -1, -1):
        term = state.entries[what.start + i].term
        place = min(i, BAND_PLACES - 1)
        need, reach = needed(state, slot), query.reach[place]
        if reach[over] < need:
            return
        is_split = postings.split[term]
        for b in range(SINGLE_BANDS if is_split else 0, len(state.bands) if is_split else 1):
            if is_split and reach[b] < need:
                continue
            one = np.int64(postings.list_of[term]) + b
            start, stop = postings.start[one], postings.stop[one]
            if start < stop:
                _read_list(state, slot, start, stop, term, place, state.bands[b].family if is_split else -1)
                need = needed(state, slot)


@inner
def _meet_all(state: State, slot: int) -> None:
    """Score all older slots whose band can matter though they share no term, or all there are without the index.

    Needs: ceilings are found. Overwrites: the row of `slot`, seen, counters. Each turn: one slot that lives.
    Ties: none.
    """
    query, slots = state.query, state.slots
    serial, n_live = state.counters[SERIAL], state.counters[N_LIVE]
    everything = state.options[FLAGS] & NO_INDEX != 0 or state.options[FLOOR] < NOTHING // 2
    need, highest = needed(state, slot), NOTHING
    for b in range(len(state.bands)):
        highest = max(highest, query.ceilings[b])
    if not everything and highest < need:
        return
    for i in range(n_live):
        other = np.int64(state.live[i])
        if other < slot and query.seen[other] != serial:
            if everything or query.ceilings[slots[other].band] >= need:
                state.counters[N_MET] += 1
                _score_and_offer(state, slot, other)
                need = needed(state, slot)
    state.counters[N_READ] += n_live


@inner
def _skip_banned(state: State, slot: int) -> None:
    """Let the slots that must not meet this one count as met; of several bans of one slot, the first is kept.

    Needs: the serial number is that of the query. Overwrites: seen, bans of the slot. Each turn: the bans before `ban`
    are heeded; `last` is the last of those kept. Ties: none.
    """
    what, bans, serial = state.slots[slot], state.bans, state.counters[SERIAL]
    ban, last = np.int64(what.ban), np.int64(-1)
    while ban >= 0:
        other, after = find_living(state, bans[ban].partner), np.int64(bans[ban].after)
        if state.query.seen[other] != serial:
            state.query.seen[other] = serial
            last = ban
        elif last >= 0:
            bans[last].after = after
        else:
            what.ban = after
        ban = after
    what.last_ban = last


@inner
def begin_query(state: State, slot: int) -> None:
    """Make a slot the one in question. Overwrites: query, serial number. Ties: none."""
    what, query, weights, entries = state.slots[slot], state.query, state.weights, state.entries
    is_bernoulli = state.options[MODEL] == BERNOULLI
    n = what.n_records + 1
    state.counters[SERIAL] += 1
    query.seen[slot] = state.counters[SERIAL]
    for i in range(what.start, what.start + what.n_terms):
        term, count = entries[i].term, entries[i].count
        query.counts[term] = count
        # A term that only this slot has is never asked for.
        query.ones[term] = 0
        if count < weights.most[term]:
            query.ones[term] = gain(weights, term, count, 1)
            if is_bernoulli:
                query.ones[term] += absent_gain(weights.absent, n, count, 1)
    fixed = weights.by_records[min(n, len(weights.by_records) - 1)] + what.part - weights.by_records[1]
    if is_bernoulli:
        if n < len(weights.absent):
            fixed += absent_part(entries, weights.absent, what, n) + weights.by_extent[n] - weights.by_extent[1]
            for size in range(LONGEST):
                query.sizes[size] = fixed + size * (weights.absent[n - 1] - weights.absent[n] + weights.absent[1])
        return
    for size in range(min(LONGEST, len(weights.by_extent) - what.extent)):
        query.sizes[size] = fixed + weights.by_extent[what.extent + size] - weights.by_extent[size]


@inner
def end_query(state: State, slot: int) -> None:
    """Forget the terms of the slot in question. Overwrites: counts, ones. Ties: none."""
    what, query = state.slots[slot], state.query
    for i in range(what.start, what.start + what.n_terms):
        term = state.entries[i].term
        query.counts[term] = 0
        query.ones[term] = 0


@inner
def scan(state: State, slot: int) -> None:
    """Fill the row of a slot with its best partners among the older ones.

    Needs: the slot lives. Overwrites: its row, query, counters. Ties: smaller name.
    """
    what = state.slots[slot]
    what.at = what.n_matches = 0
    state.counters[N_SCANS] += 1
    begin_query(state, slot)
    _skip_banned(state, slot)
    if what.copies > 1:
        score = score_slot(state, slot, slot)
        state.counters[N_SCORED] += 1
        if score >= needed(state, slot):
            offer(state, slot, slot, state.copies[what.next_copy + 1], score)
    has_no_floor = state.options[FLOOR] < NOTHING // 2
    find_ceilings(state, slot)
    if not (has_no_floor or state.options[FLAGS] & NO_INDEX):
        find_reach(state, slot)
        _meet_kinds(state, slot)
        _meet_clusters(state, slot)
    if has_no_floor or state.options[FLAGS] & (NO_INDEX | DISJOINT):
        _meet_all(state, slot)
    end_query(state, slot)
