"""What the log odds of a slot with any slot of a band cannot exceed."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.bhc.odds import absent_gain, absent_part, gain
from unsnarl.kernels.bhc.state import (
    BAND_PLACES,
    BERNOULLI,
    BEST,
    FLAGS,
    HIGHEST,
    MODEL,
    NO_SKIPPING,
    NOTHING,
    SINGLE_BANDS,
    TOPS,
    UNLIMITED,
    State,
)
from unsnarl.kernels.jit import inner


@inner
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


@inner
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


@inner
def find_ceilings(state: State, slot: int) -> None:
    """Write for each band the most that the log odds of a slot with any slot of it can be, if they share nothing.

    Needs: nothing. Overwrites: query.ceilings, counters. Each turn: bands up to b are written. Ties: none.
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
        state.counters[HIGHEST] = max(state.counters[HIGHEST], total)


@inner
def _add_to_best(best: Int64, sums: Int64, n_best: int, most: int, found: int) -> int:
    """Put a gain among the `most` largest, best[:n_best] falling, and bring their sums up to date; return how many."""
    if n_best == most:
        if found <= best[n_best - 1]:
            return n_best
        n_best -= 1
    at = n_best
    while at > 0 and best[at - 1] < found:
        best[at] = best[at - 1]
        at -= 1
    best[at] = found
    total = sums[at - 1] if at > 0 else np.int64(0)
    for j in range(at, n_best + 1):
        total += best[j]
        sums[j] = total
    return n_best + 1


@inner
def _find_family(bands: Records, b: int) -> tuple[int, int, int, int]:
    """Return the end of the bands that have the records of band b, their largest count and numbers of terms."""
    end = b
    most_count = fewest_terms = most_terms = np.int64(0)
    while end < len(bands) and bands[end].first == bands[b].first:
        if bands[end].n_live > 0:
            most_count = max(most_count, np.int64(bands[end].most_count))
            n_terms = np.int64(bands[end].most_terms)
            most_terms = max(most_terms, n_terms)
            fewest_terms = n_terms if fewest_terms == 0 else min(fewest_terms, n_terms)
        end += 1
    return end, most_count, fewest_terms, most_terms


@inner
def _write_tops(tops: Int64, sums: Int64, n_best: int, total: int) -> None:
    """Write the most that 0, 1, ... gains can add, and last that of any number. Overwrites: tops."""
    tops[0] = 0
    for k in range(1, TOPS - 1):
        tops[k] = total if n_best == 0 else sums[min(k, n_best) - 1]
    tops[TOPS - 1] = total if n_best == 0 else sums[n_best - 1]


@inner
def find_reach(state: State, slot: int) -> None:
    """Write for each band, and each place of a slot's terms, the most its log odds can be if no rarer term is shared.

    Needs: ceilings are found. Overwrites: reach, best, sums. Each turn: for the bands before b, and for those of its
    family places before i, reach is the ceiling and the largest of the gains so far, as many as a slot of the band
    has terms. Ties: none.
    """
    what, weights, query, bands = state.slots[slot], state.weights, state.query, state.bands
    reach, n_bands, is_bernoulli = query.reach, len(bands), state.options[MODEL] == BERNOULLI
    no_skipping = state.options[FLAGS] & NO_SKIPPING != 0
    n_places = min(np.int64(what.n_terms), BAND_PLACES)
    for i in range(n_places):
        for b in range(n_bands if no_skipping else 0):
            reach[i, b] = UNLIMITED
        reach[i, n_bands] = reach[i, n_bands + 1] = UNLIMITED if no_skipping else NOTHING
    end = n_bands if no_skipping else 0
    while end < n_bands:
        b = end
        end, most_count, fewest_terms, most_terms = _find_family(bands, b)
        over = n_bands + (0 if b < SINGLE_BANDS else 1)
        n_best, total = np.int64(0), np.int64(0)
        limit = min(most_terms, BEST) if fewest_terms <= BEST else np.int64(0)
        for i in range(what.n_terms if most_count > 0 else 0):
            place = min(np.int64(i), BAND_PLACES - 1)
            _write_tops(query.tops[bands[b].family, place], query.sums, n_best, total)
            entry = state.entries[what.start + i]
            other = min(most_count, np.int64(weights.most[entry.term] - entry.count))
            if other > 0:
                found = gain(weights, entry.term, entry.count, other)
                if is_bernoulli:
                    # Largest where the other cluster has no record without the term.
                    found += absent_gain(weights.absent, what.n_records + other, entry.count, other)
                total += found
                if limit > 0:
                    n_best = _add_to_best(query.best, query.sums, n_best, limit, found)
            for f in range(b, end):
                if bands[f].n_live == 0:
                    continue
                n_terms = min(np.int64(bands[f].most_terms), n_best)
                most = total
                if bands[f].most_terms <= BEST:
                    most = query.sums[n_terms - 1] if n_terms > 0 else np.int64(0)
                reach[place, f] = query.ceilings[f] + most
                reach[place, over] = max(reach[place, over], reach[place, f])
        if what.n_terms > BAND_PLACES:
            _write_tops(query.tops[bands[b].family, BAND_PLACES - 1], query.sums, n_best, total)
