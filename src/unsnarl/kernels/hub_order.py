"""The partners of a hub in the order of their pairs: a sorted run, and a heap of what has come after it.

A run is sorted when the hub is laid out and read once, from front to back, so that its next entry is always at hand;
in a heap of a million partners each entry taken out would cost a walk through memory that has long left the cache.
What is pushed later goes to a heap in the other half of the block.
"""

from __future__ import annotations

from unsnarl.kernels.arrays import Records
from unsnarl.kernels.fractions import compare_quotients
from unsnarl.kernels.hub_blocks import CHILDREN, Hubs
from unsnarl.kernels.jit import inner
from unsnarl.kernels.linkages import weight_of_size


@inner
def _is_before(a: Records, b: Records, linkage: int) -> bool:
    """Say whether entry a comes before entry b: larger value / size, then smaller name.

    Forbidden partners, of values below 0, come after all others, in whatever order.
    """
    if a.n_records == b.n_records:
        return a.value > b.value or (a.value == b.value and a.name < b.name)
    order = compare_quotients(
        a.value, weight_of_size(linkage, a.n_records), b.value, weight_of_size(linkage, b.n_records)
    )
    return order > 0 if order != 0 else a.name < b.name


@inner
def _copy_entry(source: Records, target: Records) -> None:
    """Copy an entry."""
    target.value, target.slot = source.value, source.slot
    target.name, target.n_records = source.name, source.n_records


@inner
def _merge_runs(order: Records, linkage: int, first: int, middle: int, stop: int, target: int) -> None:
    """Merge the sorted runs from `first` and from `middle` on into one from `target` on.

    Needs: the target is elsewhere. Overwrites: it. Each turn: entries before `at` are the first of both. Ties: the
    first run's come first.
    """
    a, b = first, middle
    for at in range(target, target + stop - first):
        if b >= stop or (a < middle and not _is_before(order[b], order[a], linkage)):
            _copy_entry(order[a], order[at])
            a += 1
        else:
            _copy_entry(order[b], order[at])
            b += 1


@inner
def sort_run(hubs: Hubs, linkage: int, hub: int, n: int) -> None:
    """Sort the first n entries of a hub's block; they are its run, and its heap is empty.

    Needs: n is at most half of the span. Overwrites: order, at, stop, length. Each turn: from `source` on stand sorted
    runs of `width` entries. Ties: as _is_before.
    """
    block, order = hubs.hubs[hub], hubs.order
    source, target = block.start, block.start + block.span // 2
    width = 1
    while width < n:
        for first in range(0, n, 2 * width):
            middle, stop = min(first + width, n), min(first + 2 * width, n)
            _merge_runs(order, linkage, source + first, source + middle, source + stop, target + first)
        source, target = target, source
        width *= 2
    if source != block.start:
        for i in range(n):
            _copy_entry(order[source + i], order[target + i])
    block.at, block.stop, block.length = block.start, block.start + n, 0


@inner
def push_entry(hubs: Hubs, linkage: int, hub: int) -> bool:
    """Put the entry held in hubs.held[0] on a hub's heap; return False where that is full.

    Needs: a run laid out. Overwrites: heap, length. Each turn: only the free place may be out of order with its
    parent. Ties: as _is_before.
    """
    block, order, held = hubs.hubs[hub], hubs.order, hubs.held[0]
    base, at = block.start + block.span // 2, block.length
    if base + at == block.start + block.span:
        return False
    block.length += 1
    while at > 0:
        up = (at - 1) // CHILDREN
        if not _is_before(held, order[base + up], linkage):
            break
        _copy_entry(order[base + up], order[base + at])
        at = up
    _copy_entry(held, order[base + at])
    return True


@inner
def first_entry(hubs: Hubs, linkage: int, hub: int) -> int:
    """Return the place of a hub's first entry, -1 where it has none. Ties: as _is_before."""
    block = hubs.hubs[hub]
    base = block.start + block.span // 2
    if block.at < block.stop and (block.length == 0 or not _is_before(hubs.order[base], hubs.order[block.at], linkage)):
        return block.at
    return base if block.length > 0 else -1


@inner
def drop_entry(hubs: Hubs, linkage: int, hub: int, place: int) -> None:
    """Take out the entry at `place`, as first_entry gave it.

    Needs: place >= 0. Overwrites: at, or heap and length. Each turn: only the free place may be out of order with its
    children. Ties: stay.
    """
    block, order = hubs.hubs[hub], hubs.order
    base = block.start + block.span // 2
    if place < base:
        block.at += 1
        return
    block.length -= 1
    last, at = order[base + block.length], 0
    while True:
        first = CHILDREN * at + 1
        if first >= block.length:
            break
        best = first
        for child in range(first + 1, min(first + CHILDREN, block.length)):
            if _is_before(order[base + child], order[base + best], linkage):
                best = child
        if not _is_before(order[base + best], last, linkage):
            break
        _copy_entry(order[base + best], order[base + at])
        at = best
    _copy_entry(last, order[base + at])
