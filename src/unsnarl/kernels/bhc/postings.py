"""The inverted index of merged clusters: for each term the clusters that have it, each with its more frequent terms.

As for kinds (rolls.py), the first list that has a cluster is that of the rarest term shared, and the pair is scored
from what stands there. Lists grow at their end, so clusters stand in the order of their slots; a list without room
moves to the end of the words, and what it leaves is not used again until everything is laid out anew.

An entry is: slot, number of terms that follow or TOO_LONG, n_records, extent, part (two words), own count of the term,
and TERM_UNIT * term + count for each more frequent term. The part of a Bernoulli cluster has its absent part for a
single record with it, which is the most it can be; in the place of the extent, which is n_records, stands its fall
(`pack_fall`), from which follows how much less that is for more records.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.bhc.odds import absent_part
from unsnarl.kernels.bhc.state import BERNOULLI, GONE, MODEL, N_INSERTED, Postings, State
from unsnarl.kernels.jit import inner, kernel

HEAD = 7
TERM_BITS = 7
TERM_UNIT = 2**TERM_BITS
TOO_LONG = -1
INLINE_TERMS = 48
HIGH_BITS, REST_BITS, LEVEL_BITS, LOW_BITS = 6, 6, 7, 12
"""Bits of the parts of a fall."""

LOW_WORD = np.int64(2**32)


@inner
def list_of(postings: Postings, term: int, band: int) -> int:
    """Return the list of a term that clusters of a band are in."""
    return postings.list_of[term] + (band if postings.split[term] else 0)


@inner
def _is_long(state: State, slot: int) -> bool:
    """Say whether a cluster is scored from its slot: it has too many terms, or too large counts or numbers."""
    what = state.slots[slot]
    if what.n_terms > INLINE_TERMS:
        return True
    for i in range(what.start, what.start + what.n_terms):
        if state.entries[i].count >= TERM_UNIT or state.entries[i].term >= 2**24 - 1:
            return True
    return False


@inner
def has_places(state: State, slot: int) -> bool:
    """Say whether a cluster can be put into its lists; else everything must be laid out anew first."""
    what, postings = state.slots[slot], state.postings
    needed = np.int64(0)
    for i in range(what.n_terms):
        at = list_of(postings, state.entries[what.start + i].term, what.band)
        length = HEAD + (0 if what.n_terms > INLINE_TERMS else i)
        if postings.stop[at] + length > postings.limit[at]:
            needed += 2 * (postings.stop[at] - postings.start[at] + length)
    return postings.used[0] + needed <= len(postings.words)


@inner
def _make_place(postings: Postings, at: int, length: int) -> int:
    """Return where the next entry of a list begins; the list moves where it has no room. Overwrites: postings."""
    if postings.stop[at] + length > postings.limit[at]:
        start, target = postings.start[at], postings.used[0]
        n_words = postings.stop[at] - start
        for i in range(n_words):
            postings.words[target + i] = postings.words[start + i]
        postings.start[at], postings.stop[at] = target, target + n_words
        postings.limit[at] = target + 2 * (n_words + length)
        postings.used[0] = postings.limit[at]
    place = postings.stop[at]
    postings.stop[at] += length
    return place


@kernel
def pack_fall(entries: Records, what: Records) -> int:
    """Put into one word what a bound of the fall of a cluster's absent part follows from.

    Lowest bits first: n_high, the number of terms in two records or more; rest and level, so that n_high * level + rest
    is the sum of their counts; n_low, the number of terms in one record, as far as it fits.

    Needs: at most INLINE_TERMS terms, counts under TERM_UNIT. Overwrites: nothing. Each turn: bars before i are
    counted. Ties: none.
    """
    n_high = total = n_low = np.int64(0)
    first = what.start + what.n_terms
    for i in range(first, first + what.n_bars):
        if entries[i].term == 1:
            n_low = np.int64(entries[i].count)
        else:
            n_high += entries[i].count
            total += np.int64(entries[i].term) * entries[i].count
    level = total // n_high if n_high > 0 else np.int64(0)
    rest = total - level * n_high
    packed = (min(n_low, 2**LOW_BITS - 1) << LEVEL_BITS) + level
    return (((packed << REST_BITS) + rest) << HIGH_BITS) + n_high


@kernel
def find_fall(absent: Int64, fall: int, before: int, n: int) -> int:
    """Return what the absent part of a cluster falls by at least, from `before` records in both clusters to n.

    fall  as pack_fall gives it

    A term in h of the cluster's records falls by ln(b + n - 1) - ln(b + before - 1), ..., h such differences, each at
    least the one before; so the sum over terms is least where all are in like many records. Every logarithm is rounded
    by half a unit at most, hence what is taken off at the end.

    Needs: 1 <= before <= n, and no term in more than `before` - 1 records. Overwrites: nothing. Ties: none.
    """
    n_high = fall & (2**HIGH_BITS - 1)
    rest = (fall >> HIGH_BITS) & (2**REST_BITS - 1)
    level = (fall >> (HIGH_BITS + REST_BITS)) & (2**LEVEL_BITS - 1)
    n_low = fall >> (HIGH_BITS + REST_BITS + LEVEL_BITS)
    low = absent[n] - absent[n - 1] - absent[before] + absent[before - 1]
    high = absent[n] - absent[n - level] - absent[before] + absent[before - level]
    total = n_low * low + n_high * high - 2 * (n_low + n_high * level + rest)
    if rest > 0:
        next_one = absent[n - level] - absent[n - level - 1] - absent[before - level] + absent[before - level - 1]
        total += rest * next_one
    return max(total, np.int64(0))


@inner
def insert(state: State, slot: int) -> None:
    """Put a merged cluster into the list of each of its terms.

    Needs: has_places. Overwrites: postings. Each turn: the terms before i are done. Ties: none.
    """
    what, postings = state.slots[slot], state.postings
    words = postings.words
    is_long = _is_long(state, slot)
    part, extent = np.int64(what.part), np.int64(what.extent)
    if state.options[MODEL] == BERNOULLI:
        extent = np.int64(0) if is_long else pack_fall(state.entries, what)
        # A cluster of all records meets nobody.
        absent = state.weights.absent
        part += absent_part(state.entries, absent, what, min(what.n_records + 1, len(absent) - 1))
    for i in range(what.n_terms):
        entry = state.entries[what.start + i]
        one = list_of(postings, entry.term, what.band)
        length = 0 if is_long else i
        at = _make_place(postings, one, HEAD + length)
        words[at], words[at + 1] = slot, TOO_LONG if is_long else length
        words[at + 2], words[at + 3] = what.n_records, extent
        words[at + 4] = np.int32(part // LOW_WORD)
        words[at + 5] = np.int32(part % LOW_WORD - LOW_WORD // 2)
        words[at + 6] = entry.count
        for j in range(length):
            before = state.entries[what.start + j]
            words[at + HEAD + j] = TERM_UNIT * before.term + before.count
        postings.n_in[one] += 1
    state.counters[N_INSERTED] += 1


@inner
def part_at(words: Int32, at: int) -> int:
    """Return the part that the entry at `at` has."""
    return np.int64(words[at + 4]) * LOW_WORD + (np.int64(words[at + 5]) + LOW_WORD // 2)


@inner
def _move(postings: Postings, seen: Int32, one: int, words: Int32, target: int) -> int:
    """Copy the entries of a list whose clusters live to words[target:]; return the end. Overwrites: words, n_in."""
    at, stop = postings.start[one], postings.stop[one]
    n_in = 0
    while at < stop:
        after = at + HEAD + max(np.int64(postings.words[at + 1]), np.int64(0))
        if seen[postings.words[at]] != GONE:
            for i in range(at, after):
                words[target] = postings.words[i]
                target += 1
            n_in += 1
        at = after
    postings.n_in[one], postings.n_gone[one] = n_in, 0
    return target


@inner
def withdraw(state: State, slot: int) -> None:
    """Note that a merged cluster is gone from the lists of its terms; a list with many such is packed.

    Needs: it counts as gone. Overwrites: postings. Each turn: one list. Ties: none.
    """
    what, postings = state.slots[slot], state.postings
    for i in range(what.start, what.start + what.n_terms):
        one = list_of(postings, state.entries[i].term, what.band)
        postings.n_gone[one] += 1
        if 4 * postings.n_gone[one] > postings.n_in[one]:
            postings.stop[one] = _move(postings, state.query.seen, one, postings.words, postings.start[one])


@kernel
def lay_out_anew(postings: Postings, seen: Int32, words: Int32) -> None:
    """Copy all lists, without the gone, to other words, each with half as much room again.

    Needs: room. Overwrites: words, postings but for its own words. Each turn: lists before `one` are copied.
    Ties: none.
    """
    target = np.int64(0)
    for one in range(len(postings.start)):
        end = _move(postings, seen, one, words, target)
        postings.start[one], postings.stop[one] = target, end
        target = end + (end - target) // 2
        postings.limit[one] = target
    postings.used[0] = target
