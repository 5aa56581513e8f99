"""Move what lives into larger arrays."""

from __future__ import annotations

from unsnarl.kernels.arrays import Records
from unsnarl.kernels.bhc.state import N_ENTRIES, N_SLOTS, State
from unsnarl.kernels.jit import kernel


@kernel
def count_entries(state: State) -> int:
    """Return how many entries belong to slots that live."""
    n_entries = 0
    for slot in range(state.counters[N_SLOTS]):
        what = state.slots[slot]
        if what.copies > 0:
            n_entries += what.n_terms + what.n_bars
    return n_entries


@kernel
def move_entries(state: State, target: Records) -> None:
    """Copy the entries of the slots that live into other entries, close together.

    Needs: room in target. Overwrites: target, slots, counters. Each turn: those of slots before `slot` are there.
    Ties: none.
    """
    at = 0
    for slot in range(state.counters[N_SLOTS]):
        what = state.slots[slot]
        if what.copies == 0:
            continue
        start = what.start
        what.start = at
        for i in range(start, start + what.n_terms + what.n_bars):
            target[at].term, target[at].count = state.entries[i].term, state.entries[i].count
            at += 1
    state.counters[N_ENTRIES] = at
