"""The log odds of a pair, as a sum of whole numbers, and what no pair of a kind can exceed.

    log odds = by_records[n] + by_extent[e] + part + part' (+ absent parts) + a gain for each shared term

Every gain is 0 or more, so the sum without gains is a lower bound, exact for a pair that shares nothing. Derivation:
docs/methods/bhc.md.
"""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Records
from unsnarl.kernels.bhc.state import BAND_PLACES, BERNOULLI, FLAGS, MODEL, NO_SKIPPING, NOTHING, SERIAL, UNLIMITED, State, Weights
from unsnarl.kernels.jit import kernel


@kernel
def gain(weights: Weights, term: int, count: int, other: int) -> int:
    """Return what a shared term with these counts adds, but for its absent part."""
    row = weights.row_of[term]
    return weights.levels[row + count + other] - weights.levels[row + count] - weights.levels[row + other]


@kernel
def absent_gain(weights: Weights, n: int, count: int, other: int) -> int:
    """Return the part of the gain that follows from the records without the term, n in both clusters together."""
    absent = weights.absent
    return absent[n - count - other] + absent[n] - absent[n - count] - absent[n - other]


@kernel
def absent_part(state: State, slot: int, n: int) -> int:
    """Return what a cluster brings to a cluster of n records in all, through the records that lack its terms."""
    what, absent = state.slots[slot], state.weights.absent
    total = np.int64(0)
    first = what.start + what.n_terms
    for i in range(first, first + what.n_bars):
        bar = state.entries[i]
        total += bar.count * (absent[n - bar.term] - absent[n])
    return total


@kernel
def base_of(state: State, a: int, b: int) -> int:
    """Return the log odds of a pair of slots but for what shared terms add; slot a is the one in question."""
    left, right = state.slots[a], state.slots[b]
    n = left.n_records + right.n_records
    weights, query = state.weights, state.query
    total = weights.by_records[n] + weights.by_extent[left.extent + right.extent] + left.part + right.part
    if state.options[MODEL] == BERNOULLI:
        other = right.n_records
        if query.memo_of[other] != state.counters[SERIAL]:
            query.memo_of[other] = state.counters[SERIAL]
            query.memo[other] = absent_part(state, a, n)
        total += query.memo[other] + absent_part(state, b, n)
    return total


@kernel
def gains_of(state: State, a: int, b: int) -> int:
    """Return what the shared terms of a pair add; `place` holds the terms of slot a."""
    left, right, entries = state.slots[a], state.slots[b], state.entries
    weights, place = state.weights, state.query.place
    n = left.n_records + right.n_records
    is_bernoulli = state.options[MODEL] == BERNOULLI
    total = np.int64(0)
    for i in range(right.start, right.start + right.n_terms):
        term = entries[i].term
        at = place[term]
        if at > 0:
            count, other = entries[left.start + at - 1].count, entries[i].count
            total += gain(weights, term, count, other)
            if is_bernoulli:
                total += absent_gain(weights, n, count, other)
    return total


@kernel
def find_step(state: State, extent: int) -> int:
    """Return the place of the largest extent of the grid that is not over `extent`."""
    low, high = 0, len(state.grid)
    while high - low > 1:
        middle = (low + high) // 2
        if state.grid[middle] <= extent:
            low = middle
        else:
            high = middle
    return low


@kernel
def raise_ceilings(state: State, slot: int) -> None:
    """Let the ceilings, and the limits of its band, cover a slot.

    Needs: by_extent longer than its extent by the last of the grid that counts. Overwrites: ceilings, bands.
    Each turn: those up to grid place i do. Ties: none.
    """
    what, weights = state.slots[slot], state.weights
    band, ceilings = state.bands[what.band], state.ceilings[what.band]
    band.most_records = max(band.most_records, what.n_records)
    band.most_terms = max(band.most_terms, what.n_terms)
    for i in range(what.start, what.start + what.n_terms):
        band.most_count = max(band.most_count, state.entries[i].count)
    is_bernoulli = state.options[MODEL] == BERNOULLI
    fixed = what.part + weights.by_records[what.n_records]
    for i in range(len(state.grid)):
        extent = state.grid[i]
        if what.extent + extent >= len(weights.by_extent):
            break
        brought = fixed + weights.by_extent[what.extent + extent]
        if is_bernoulli:
            brought += absent_part(state, slot, what.n_records + extent)
        else:
            brought -= weights.by_extent[extent]
        ceilings[i] = max(ceilings[i], brought)


@kernel
def find_ceiling(state: State, slot: int, b: int) -> int:
    """Return the most that the log odds of a slot with any slot of band b can be, if they share nothing."""
    what, weights, band = state.slots[slot], state.weights, state.bands[b]
    most = min(np.int64(band.most_records), len(weights.by_records) - 1 - what.n_records)
    ceiling = state.ceilings[b, find_step(state, what.extent)]
    if ceiling == NOTHING or most < 1:
        return NOTHING
    total = ceiling + what.part + weights.by_records[what.n_records + most] - weights.by_records[most]
    if state.options[MODEL] == BERNOULLI:
        return total + absent_part(state, slot, what.n_records + min(most, np.int64(band.first)))
    return total + weights.by_extent[what.extent]


@kernel
def _add_to_best(best: Records, n_best: int, most: int, found: int) -> int:
    """Put a gain among the `most` largest, best[:n_best] falling; return what that adds to their sum."""
    if n_best < most:
        at, lost = n_best, np.int64(0)
    else:
        at, lost = most - 1, best[most - 1]
        if found <= lost:
            return np.int64(0)
    while at > 0 and best[at - 1] < found:
        best[at] = best[at - 1]
        at -= 1
    best[at] = found
    return found - lost


@kernel
def find_reach(state: State, slot: int, b: int) -> None:
    """Write for each place of a slot's terms the most its log odds with band b can be if no rarer term is shared.

    Needs: nothing. Overwrites: reach[b], best. Each turn: places up to i are written: the ceiling, and the largest of
    the gains so far, as many as a slot of the band has terms. Ties: none.
    """
    what, weights, band = state.slots[slot], state.weights, state.bands[b]
    reach, best = state.query.reach[b], state.query.best
    if state.options[FLAGS] & NO_SKIPPING:
        reach[:] = UNLIMITED
        return
    total = find_ceiling(state, slot, b)
    is_bernoulli = state.options[MODEL] == BERNOULLI
    limit = min(np.int64(band.most_terms), len(best))
    is_limited = band.most_terms <= len(best)
    for i in range(what.n_terms):
        entry = state.entries[what.start + i]
        other = min(band.most_count, weights.most[entry.term] - entry.count)
        if other > 0:
            found = gain(weights, entry.term, entry.count, other)
            if is_bernoulli:
                # Largest where the other cluster has no record without the term.
                found += absent_gain(weights, what.n_records + other, entry.count, other)
            if is_limited:
                total += _add_to_best(best, min(np.int64(i), limit), limit, found)
            else:
                total += found
        elif is_limited and i < limit:
            _add_to_best(best, i, limit, np.int64(0))
        if i < BAND_PLACES:
            reach[i] = total
    if what.n_terms > BAND_PLACES:
        reach[BAND_PLACES - 1] = total
