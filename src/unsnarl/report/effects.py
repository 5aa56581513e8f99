"""What decisions did: the components they touch are linked without them too, and the two answers compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import Clustering, Components, Forest, Index
from unsnarl.report.ruling import Ruling

Counts = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Named:
    """List the records that applied events name, a row for each.

    event   int64[k]  position of the event among those that apply
    part    int64[k]  part of it
    record  int32[k]

    ties, separates  bool[events]  whether the event says that some are the same, or different
    """

    event: Counts
    part: Counts
    record: Index
    ties: Bools
    separates: Bools


@dataclass(frozen=True)
class Effects:
    """Hold for each event that applies what it did.

    changed    whether without decisions the records would not be grouped as it says
    n_records  records in the clusters that hold the records it names
    n_moved    those of them that are grouped otherwise than without decisions
    named      the records that events name
    """

    changed: Bools
    n_records: Counts
    n_moved: Counts
    named: Named


def list_named(ruling: Ruling, index: dict[str, int]) -> Named:
    """List the records that applied events name. Cost: O(ids)."""
    parts = [part for said in ruling.applied for part in said.parts]
    n_parts = np.array([len(event.parts) for event in ruling.applied], dtype=np.int64)
    lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
    event = np.repeat(np.arange(len(n_parts)), n_parts)
    number = np.arange(len(parts)) - (np.cumsum(n_parts) - n_parts)[event]
    record = np.fromiter((index[record] for part in parts for record in part), dtype=np.int32, count=int(lengths.sum()))
    ties = np.array([bool(event.ties) for event in ruling.applied], dtype=np.bool_)
    separates = np.array([event.separates for event in ruling.applied], dtype=np.bool_)
    return Named(np.repeat(event, lengths), np.repeat(number, lengths), record, ties, separates)


def find_same_components(one: Forest, other: Forest, components: Components, looked_at: Bools) -> Bools:
    """Mark the records of components that have the same merges in two forests.

    components  of `one`; each component of `other` lies in one of these
    looked_at   bool[n]  records whose components are compared; others are not marked

    Cost: O(merges log merges + n).
    """
    component_of = components.component_of
    columns = []
    for forest in (one, other):
        kept = np.flatnonzero(looked_at[forest.left])
        kept = kept[np.argsort(component_of[forest.left[kept]], kind="stable")]
        names = (forest.left, forest.right, forest.distance, forest.size)
        columns.append((component_of[forest.left[kept]], *(column[kept] for column in names)))
    n_records = len(component_of)
    n_merges = [np.bincount(component, minlength=n_records) for component, *_ in columns]
    is_same = looked_at[component_of] & (n_merges[0] == n_merges[1])[component_of]
    alike = [[column[is_same[each[1]]] for column in each] for each in columns]
    differs = np.any([a != b for a, b in zip(*alike, strict=True)], axis=0)
    is_other = np.zeros(n_records, dtype=np.bool_)
    is_other[alike[0][0][differs]] = True
    same: Bools = is_same & ~is_other[component_of]
    return same


def find_moved(now: Clustering, before: Clustering) -> Bools:
    """Mark the records whose cluster does not hold the same records in two clusterings. Cost: O(n log n)."""
    n_records = len(now.cluster_of)
    _, which, count = np.unique(
        now.cluster_of.astype(np.int64) << 32 | before.cluster_of, return_inverse=True, return_counts=True
    )
    size_now = np.bincount(now.cluster_of, minlength=n_records)[now.cluster_of]
    size_before = np.bincount(before.cluster_of, minlength=n_records)[before.cluster_of]
    moved: Bools = (count[which] != size_now) | (count[which] != size_before)
    return moved


def _find_repeated(event: Counts, key: Counts, value: Counts, n_events: int) -> Bools:
    """Mark the events in which one key has two different values."""
    order = np.lexsort((value, key, event))
    event, key, value = event[order], key[order], value[order]
    again = (event[1:] == event[:-1]) & (key[1:] == key[:-1]) & (value[1:] != value[:-1])
    marked = np.zeros(n_events, dtype=np.bool_)
    marked[event[1:][again]] = True
    return marked


def find_effects(ruling: Ruling, named: Named, now: Clustering, before: Clustering) -> Effects:
    """Compare what events say with the clusters there would be without them.

    now     clusters with decisions
    before  clusters without

    Cost: O(n log n + ids log ids).
    """
    n_events, n_records = len(ruling.applied), len(now.cluster_of)
    cluster = before.cluster_of[named.record].astype(np.int64)
    split = _find_repeated(named.event, named.part, cluster, n_events)
    joined = _find_repeated(named.event, cluster, named.part, n_events)
    ties, separates = named.ties, named.separates
    moved = find_moved(now, before)
    held = np.unique(named.event << 32 | now.cluster_of[named.record])
    size = np.bincount(now.cluster_of, minlength=n_records)
    n_moved = np.bincount(now.cluster_of, weights=moved, minlength=n_records).astype(np.int64)

    def add_up(counts: Counts) -> Counts:
        return np.bincount(held >> 32, weights=counts[held & 0xFFFFFFFF], minlength=n_events).astype(np.int64)

    return Effects(split & ties | joined & separates, add_up(size), add_up(n_moved), named)
