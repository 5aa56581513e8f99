"""The log odds of a pair, as a sum of whole numbers, and what no pair of a kind can exceed.

    log odds = by_records[n] + by_extent[e] + part + part' (+ absent parts) + a gain for each shared term

Every gain is 0 or more, so the sum without gains is a lower bound, exact for a pair that shares nothing. Derivation:
docs/methods/bhc.md.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.bhc.state import BERNOULLI, MODEL, SERIAL, Query, State, Weights
from unsnarl.kernels.jit import inner, kernel


@inner
def gain(weights: Weights, term: int, count: int, other: int) -> int:
    """Return what a shared term with these counts adds, but for its absent part."""
    row = weights.row_of[term]
    return weights.levels[row + count + other] - weights.levels[row + count] - weights.levels[row + other]


@inner
def absent_gain(absent: Int64, n: int, count: int, other: int) -> int:
    """Return the part of the gain that follows from the records without the term, n in both clusters together."""
    return absent[n - count - other] + absent[n] - absent[n - count] - absent[n - other]


@kernel
def absent_part(entries: Records, absent: Int64, what: Records, n: int) -> int:
    """Return what a cluster brings to a cluster of n records in all, through the records that lack its terms."""
    total = np.int64(0)
    first = what.start + what.n_terms
    for i in range(first, first + what.n_bars):
        h = entries[i].term
        total += entries[i].count * (absent[n - h] - absent[n])
    return total


@inner
def sum_gains(weights: Weights, entries: Records, counts: Int32, what: Records, n: int) -> int:
    """Return what the shared terms of a pair add.

    counts  of the terms of one side
    what    the other side's slot
    n       records in both; 0 for the multinomial model

    Needs: nothing. Overwrites: nothing. Each turn: terms before i are summed. Ties: none.
    """
    total = np.int64(0)
    for i in range(what.start, what.start + what.n_terms):
        term = entries[i].term
        count = counts[term]
        if count > 0:
            other = entries[i].count
            total += gain(weights, term, count, other)
            if n > 0:
                total += absent_gain(weights.absent, n, count, other)
    return total


@inner
def fixed_part(query: Query, entries: Records, weights: Weights, what: Records, other: int, serial: int) -> int:
    """Return the log odds of the slot in question, Bernoulli, but for the other cluster's parts and for gains.

    other   records of the other cluster
    serial  number of the query

    Overwrites: memo, which keeps it for each number of records.
    """
    if query.memo_of[other] != serial:
        query.memo_of[other] = serial
        n = what.n_records + other
        fixed = weights.by_records[n] + weights.by_extent[n] + what.part
        query.memo[other] = fixed + absent_part(entries, weights.absent, what, n)
    return query.memo[other]


@inner
def score_slot(state: State, slot: int, other: int) -> int:
    """Return the log odds of the slot in question with another. Overwrites: memo."""
    left, right, weights, query = state.slots[slot], state.slots[other], state.weights, state.query
    n = left.n_records + right.n_records
    if state.options[MODEL] != BERNOULLI:
        total = weights.by_records[n] + weights.by_extent[left.extent + right.extent] + left.part + right.part
        return total + sum_gains(weights, state.entries, query.counts, right, 0)
    total = fixed_part(query, state.entries, weights, left, right.n_records, state.counters[SERIAL])
    total += right.part + absent_part(state.entries, weights.absent, right, n)
    return total + sum_gains(weights, state.entries, query.counts, right, n)
