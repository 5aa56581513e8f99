"""The rows of the table: each cluster's best partners among the clusters older than itself."""

from __future__ import annotations

import numpy as np

from unsnarl.kernels.adjacency import BLOCK, Adjacency, size_of
from unsnarl.kernels.arrays import Records
from unsnarl.kernels.fractions import SLACK, compare_quotients
from unsnarl.kernels.graph import ROW_WIDTH, Graph
from unsnarl.kernels.jit import inner
from unsnarl.kernels.linkages import SINGLE, numerator, weight_of_size
from unsnarl.kernels.queue import BOUND, clear_key, holds_bound, set_key

# Constants that are passed on have a type of their own: a plain literal makes the compiler build the callee once more.
ALL = np.int64(0)
OLDER = np.int64(1)
"""Which partners go into a row."""

_AT_ONCE = np.int64(BLOCK)
"""Names asked for together."""


@inner
def _is_worse(match: Records, linkage: int, ratio: float, x: int, value: int, lists: Adjacency) -> bool:
    """Say whether an entry of a row comes after partner x, of that value and ratio. Ties: smaller name first."""
    if match.ratio < ratio * (1.0 - SLACK):
        return True
    if match.ratio * (1.0 - SLACK) > ratio:
        return False
    weight = weight_of_size(linkage, size_of(lists.slots, x))
    order = compare_quotients(match.value, weight_of_size(linkage, match.n_records), value, weight)
    return order < 0 or (order == 0 and lists.clusters[match.partner].name > lists.clusters[x].name)


@inner
def _insert(row: Records, matches: Records, linkage: int, x: int, value: int, lists: Adjacency) -> None:
    """Put partner x into a row where it belongs, if it is among the best ROW_WIDTH so far.

    Needs: row (ROW) and matches (MATCH[ROW_WIDTH]) of one slot. Overwrites: both. Each turn: entries at and after
    `at` are worse than x,
    and stand one place further on. Births are left for the end. Ties: smaller name first.
    """
    size = size_of(lists.slots, x)
    ratio = value / weight_of_size(linkage, size)
    if row.count == ROW_WIDTH:
        row.hidden = 1
        if not _is_worse(matches[ROW_WIDTH - 1], linkage, ratio, x, value, lists):
            return
    else:
        row.count += 1
    at = row.count - 1
    while at > 0 and _is_worse(matches[at - 1], linkage, ratio, x, value, lists):
        matches[at].value, matches[at].ratio = matches[at - 1].value, matches[at - 1].ratio
        matches[at].partner, matches[at].n_records = matches[at - 1].partner, matches[at - 1].n_records
        at -= 1
    matches[at].value, matches[at].ratio = value, ratio
    matches[at].partner, matches[at].n_records = x, size


@inner
def _least_ratio(graph: Graph, linkage: int, own_size: int) -> float:
    """Return a ratio below which a pair comes after the pivot: no union of its clusters can come before it."""
    pivot = graph.pivot[0]
    return pivot.top / pivot.bottom * weight_of_size(linkage, own_size) * (1.0 - 2 * SLACK)


@inner
def fill_row(graph: Graph, linkage: int, slot: int, k: int, which: int) -> None:
    """Fill a row from the list just read, leaving out hubs (they cover their pairs) and, if asked, younger clusters.

    Needs: scratch as read_list left it. Overwrites: the row; total of partners that can never merge becomes 0.
    Each turn: the row holds the best of the partners seen. Ties: as _insert.
    """
    clusters, slots, touched = graph.lists.clusters, graph.lists.slots, graph.lists.touched
    row, matches = graph.rows[slot], graph.matches[slot]
    row.at, row.count, row.hidden = 0, 0, 0
    own_size = size_of(slots, slot)
    worst = _least_ratio(graph, linkage, own_size)
    n_close = 0
    for j in range(k):
        if j % _AT_ONCE == 0 and 2 * n_close > j:
            # Most partners get this far: more than their slots is looked at, and the memory answers together.
            for i in range(j, min(j + _AT_ONCE, k)):
                graph.lists.ahead[i - j] = clusters[touched[i]].name
        x = touched[j]
        size = slots[x].n_records
        value = numerator(linkage, slots[x].total, own_size, size)
        # Most partners fail here, on doubles; what is near the worst of a full row is compared exactly.
        if size >= 0 and value < worst * weight_of_size(linkage, size):
            row.hidden |= row.count == ROW_WIDTH
            if value == 0:
                slots[x].total = 0
            continue
        if size < 0:
            continue
        n_close += 1
        if which == OLDER and clusters[x].birth > clusters[slot].birth:
            continue
        if value == 0:
            slots[x].total = 0
            continue
        _insert(row, matches, linkage, np.int64(x), value, graph.lists)
        if row.count == ROW_WIDTH:
            worst = max(worst, matches[ROW_WIDTH - 1].ratio * (1.0 - SLACK))
    for i in range(row.count):
        matches[i].birth = clusters[matches[i].partner].birth


@inner
def fill_first_row(graph: Graph, linkage: int, slot: int) -> None:
    """Fill the row of a cluster from its entries as they stand.

    Needs: no merge made yet. Overwrites: the row. Each turn: the row holds the best of the older partners seen. Ties:
    as _insert.
    """
    slots, clusters = graph.lists.slots, graph.lists.clusters
    segments, entries = graph.lists.segments, graph.lists.entries
    row, matches = graph.rows[slot], graph.matches[slot]
    own_size = slots[slot].n_records
    worst = _least_ratio(graph, linkage, own_size)
    first = np.uint64(segments[slot].first)
    for i in range(first, first + np.uint64(segments[slot].used)):
        x = np.int64(entries[i].partner)
        size = slots[x].n_records
        value = numerator(linkage, entries[i].value, own_size, size)
        if value < worst * weight_of_size(linkage, size):
            row.hidden |= row.count == ROW_WIDTH
            continue
        if value == 0 or clusters[x].birth > clusters[slot].birth:
            continue
        _insert(row, matches, linkage, x, value, graph.lists)
        if row.count == ROW_WIDTH:
            worst = max(worst, matches[ROW_WIDTH - 1].ratio * (1.0 - SLACK))
    for i in range(row.count):
        matches[i].birth = clusters[matches[i].partner].birth


@inner
def offer_pair(graph: Graph, linkage: int, slot: int, x: int, value: int) -> None:
    """Key a slot by its pair with x."""
    clusters, slots = graph.lists.clusters, graph.lists.slots
    a, b = clusters[slot].name, clusters[x].name
    bottom = np.int64(weight_of_size(linkage, size_of(slots, slot))) * weight_of_size(linkage, size_of(slots, x))
    set_key(graph.queue, slot, value, bottom, min(a, b), max(a, b))


@inner
def offer_row(graph: Graph, linkage: int, slot: int) -> bool:
    """Key a slot by the first entry of its row that lives, or by the row's bound.

    Returns False where the row must be read again first.

    Needs: slot live and no hub. Overwrites: the row's `at`, the queue. Each turn: entries before `at` are gone. Ties:
    none.
    """
    clusters, row, matches = graph.lists.clusters, graph.rows[slot], graph.matches[slot]
    at, count = row.at, row.count
    while at < count and clusters[matches[at].partner].birth != matches[at].birth:
        at += 1
    row.at = at
    if at < count:
        offer_pair(graph, linkage, slot, np.int64(matches[at].partner), matches[at].value)
    elif row.hidden == 0:
        clear_key(graph.queue, slot)
    elif holds_bound(graph.queue, slot):
        return False
    else:
        last = matches[count - 1]
        bottom = np.int64(weight_of_size(linkage, last.n_records)) * weight_of_size(
            linkage, size_of(graph.lists.slots, slot)
        )
        # What is hidden comes after the last entry by name where it ties with it, and with other linkages than single
        # no union of it comes before that.
        low = BOUND if linkage == SINGLE else min(clusters[slot].name, clusters[last.partner].name)
        set_key(graph.queue, slot, last.value, bottom, low, BOUND)
    return True
