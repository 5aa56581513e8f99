"""The inverted index of merged clusters: lists of slots, in chunks that are never moved."""

from __future__ import annotations

from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.bhc.state import GONE, N_INSERTED, Index, State
from unsnarl.kernels.jit import kernel

CHUNK_SLOTS = 14


@kernel
def _push(index: Index, head: int, slot: int) -> None:
    """Put a slot into a list.

    Needs: a free chunk. Overwrites: the list, pool. Ties: none.
    """
    chunks, pool = index.chunks, index.pool
    chunk = index.heads[head]
    if chunk < 0 or chunks[chunk, 1] == CHUNK_SLOTS:
        fresh = pool[0]
        pool[0] = chunks[fresh, 0]
        pool[1] -= 1
        chunks[fresh, 0] = chunk
        chunks[fresh, 1] = 0
        index.heads[head] = fresh
        chunk = fresh
    chunks[chunk, 2 + chunks[chunk, 1]] = slot
    chunks[chunk, 1] += 1


@kernel
def _free(index: Index, chunk: int) -> None:
    """Give a chunk and all after it back. Overwrites: pool. Ties: none."""
    while chunk >= 0:
        after = index.chunks[chunk, 0]
        index.chunks[chunk, 0] = index.pool[0]
        index.pool[0] = chunk
        index.pool[1] += 1
        chunk = after


@kernel
def pack(index: Index, seen: Int32, head: int) -> None:
    """Take the slots that are gone out of a list; the others keep their order.

    Needs: nothing. Overwrites: the list, pool. Each turn: what has been read of the list is written, without the
    gone, from its beginning; writing never overtakes reading. Ties: none.
    """
    chunks = index.chunks
    before, target, filled = -1, index.heads[head], 0
    source = target
    while source >= 0:
        n_slots, after = chunks[source, 1], chunks[source, 0]
        for i in range(n_slots):
            slot = chunks[source, 2 + i]
            if seen[slot] == GONE:
                continue
            if filled == CHUNK_SLOTS:
                chunks[target, 1] = CHUNK_SLOTS
                before, target, filled = target, chunks[target, 0], 0
            chunks[target, 2 + filled] = slot
            filled += 1
        source = after
    if target < 0:
        return
    if filled > 0:
        _free(index, chunks[target, 0])
        chunks[target, 0] = -1
        chunks[target, 1] = filled
    else:
        # Only the first chunk can end up empty: a later one is entered with a slot in hand.
        _free(index, target)
        index.heads[head] = before


@kernel
def pack_all(index: Index, seen: Int32) -> None:
    """Take the slots that are gone out of all lists. Overwrites: index. Ties: none."""
    for head in range(len(index.heads)):
        pack(index, seen, head)


@kernel
def lengthen_pool(index: Index, first: int) -> None:
    """Make the chunks from `first` on free ones.

    Needs: they are in no list. Overwrites: those chunks, pool. Ties: none.
    """
    for chunk in range(first, len(index.chunks)):
        index.chunks[chunk, 0] = index.pool[0]
        index.pool[0] = chunk
        index.pool[1] += 1


@kernel
def head_of(index: Index, term: int, band: int) -> int:
    """Return the list of a term that slots of a band are in."""
    return index.list_of[term] + (band if index.split[term] else 0)


@kernel
def insert(state: State, slot: int, is_kind: bool) -> None:
    """Put a slot into the list of all slots and, unless it is a kind, into that of each of its terms.

    Needs: as many free chunks, and one more. Overwrites: index. Ties: none.
    """
    index, what = state.index, state.slots[slot]
    if not is_kind:
        for i in range(what.start, what.start + what.n_terms):
            _push(index, head_of(index, state.entries[i].term, what.band), slot)
    _push(index, head_of(index, len(index.list_of) - 1, what.band), slot)
    state.counters[N_INSERTED] += 1
