"""What the log odds of a slot with any slot of a band cannot exceed."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64
from unsnarl.kernels.bhc.odds import absent_gain, absent_part, gain
from unsnarl.kernels.bhc.state import (
    BAND_PLACES,
    BERNOULLI,
    FLAGS,
    MODEL,
    NO_SKIPPING,
    NOTHING,
    SINGLE_BANDS,
    UNLIMITED,
    State,
)
from unsnarl.kernels.jit import kernel


@kernel
def find_step(grid: Int32, extent: int) -> int:
    """Return the place of the largest extent of the grid that is not over `extent`."""
    low, high = 0, len(grid)
    while high - low > 1:
        middle = (low + high) // 2
        if grid[middle] <= extent:
            low = middle
        else:
            high = middle
    return low


@kernel
def raise_ceilings(state: State, slot: int) -> None:
    """Let the ceilings, and the limits of its band, cover a slot.

    Needs: nothing. Overwrites: ceilings, bands. Each turn: those up to grid place i do. Ties: none.
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
            brought += absent_part(state.entries, weights.absent, what, what.n_records + extent)
        else:
            brought -= weights.by_extent[extent]
        ceilings[i] = max(ceilings[i], brought)


@kernel
def find_ceilings(state: State, slot: int) -> None:
    """Write for each band the most that the log odds of a slot with any slot of it can be, if they share nothing.

    Needs: nothing. Overwrites: query.ceilings. Each turn: bands up to b are written. Ties: none.
    """
    what, weights, query = state.slots[slot], state.weights, state.query
    is_bernoulli = state.options[MODEL] == BERNOULLI
    step = find_step(state.grid, what.extent)
    for b in range(len(state.bands)):
        band = state.bands[b]
        query.ceilings[b] = NOTHING
        if band.n_live == 0 or state.ceilings[b, step] == NOTHING:
            continue
        most = min(np.int64(band.most_records), len(weights.by_records) - 1 - what.n_records)
        if most < 1:
            continue
        total = state.ceilings[b, step] + what.part
        total += weights.by_records[what.n_records + most] - weights.by_records[most]
        if is_bernoulli:
            n = what.n_records + min(most, np.int64(band.first))
            total += absent_part(state.entries, weights.absent, what, n)
        else:
            total += weights.by_extent[what.extent]
        query.ceilings[b] = total


@kernel
def _add_to_best(best: Int64, n_best: int, most: int, found: int) -> int:
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
def find_reach(state: State, slot: int) -> None:
    """Write for each band, and each place of a slot's terms, the most its log odds can be if no rarer term is shared.

    Needs: ceilings are found. Overwrites: reach, best. Each turn: for band b places up to i are written: the ceiling,
    and the largest of the gains so far, as many as a slot of the band has terms. Ties: none.
    """
    what, weights, query = state.slots[slot], state.weights, state.query
    best, reach, n_bands = query.best, query.reach, len(state.bands)
    is_bernoulli = state.options[MODEL] == BERNOULLI
    n_places = min(np.int64(what.n_terms), BAND_PLACES)
    no_skipping = state.options[FLAGS] & NO_SKIPPING != 0
    for i in range(n_places):
        reach[n_bands, i] = reach[n_bands + 1, i] = UNLIMITED if no_skipping else NOTHING
    for b in range(n_bands):
        band = state.bands[b]
        if band.n_live == 0 or no_skipping:
            for i in range(n_places if no_skipping else 0):
                reach[b, i] = UNLIMITED
            continue
        over = n_bands + (0 if b < SINGLE_BANDS else 1)
        total = query.ceilings[b]
        limit = min(np.int64(band.most_terms), len(best))
        is_limited = band.most_terms <= len(best)
        for i in range(what.n_terms):
            entry = state.entries[what.start + i]
            other = min(band.most_count, weights.most[entry.term] - entry.count)
            found = np.int64(0)
            if other > 0:
                found = gain(weights, entry.term, entry.count, other)
                if is_bernoulli:
                    # Largest where the other cluster has no record without the term.
                    found += absent_gain(weights.absent, what.n_records + other, entry.count, other)
            total += _add_to_best(best, min(np.int64(i), limit), limit, found) if is_limited else found
            place = min(np.int64(i), BAND_PLACES - 1)
            reach[b, place] = total
            reach[over, place] = max(reach[over, place], total)
