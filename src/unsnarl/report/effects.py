"""What decisions did: the components they touch are linked without them too, and the two answers compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import Clustering, Forest, Index
from unsnarl.report.statements import Statements, mark_repeated

Counts = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Effects:
    """Hold for each event that applies what it did.

    changed    whether without decisions the records would not be grouped as it says
    n_records  records in the clusters that hold the records it names
    n_moved    those of them that are grouped otherwise than without decisions
    """

    changed: Bools
    n_records: Counts
    n_moved: Counts


def find_same_components(one: Forest, other: Forest, component_of: Index, until: float = 1.0) -> Bools:
    """Mark the records of components that have the same merges in two forests, up to a distance.

    component_of  int32[n]  of `one`; each component of `other` lies in one of these

    Cost: O(merges log merges + n).
    """
    columns = []
    for forest in (one, other):
        kept = np.flatnonzero(forest.distance <= until)
        component = component_of[forest.left[kept]]
        order = np.argsort(component, kind="stable")
        kept = kept[order]
        merged = (forest.left, forest.right, forest.distance, forest.size)
        columns.append((component[order], *(column[kept] for column in merged)))
    is_other = np.zeros(len(component_of), dtype=np.bool_)
    (names, counts), (other_names, other_counts) = (np.unique(each[0], return_counts=True) for each in columns)
    is_other[np.setxor1d(names, other_names)] = True
    shared, at, other_at = np.intersect1d(names, other_names, assume_unique=True, return_indices=True)
    is_other[shared[counts[at] != other_counts[other_at]]] = True
    alike = [[column[~is_other[each[0]]] for column in each] for each in columns]
    differs = np.any([a != b for a, b in zip(*alike, strict=True)], axis=0)
    is_other[alike[0][0][differs]] = True
    same: Bools = ~is_other[component_of]
    return same


def find_changed(now: Clustering, before: Clustering) -> Bools:
    """Mark the clusters, by name, that do not hold the same records in two clusterings. Cost: O(n)."""
    new, old = now.cluster_of, before.cluster_of
    differs = np.flatnonzero(new != old)
    is_changed = np.zeros(len(new), dtype=np.bool_)
    # A cluster lacks a record, or has one more, that is called otherwise in the other.
    is_changed[new[differs]] = is_changed[old[differs]] = True
    return is_changed


def find_effects(said: Statements, now: Clustering, before: Clustering) -> Effects:
    """Compare what events say with the clusters there would be without them.

    said    what they say, by index
    now     clusters with decisions
    before  clusters without

    Cost: O(n + ids log ids).
    """
    n_events = said.n_events
    cluster = before.cluster_of[said.record]
    split = mark_repeated(said.event, said.part, cluster, n_events)
    joined = mark_repeated(said.event, cluster, said.part, n_events)
    held = np.unique(said.event << 32 | now.cluster_of[said.record])
    n_moved = np.where(find_changed(now, before), now.sizes, 0)

    def add_up(counts: Index) -> Counts:
        return np.bincount(held >> 32, weights=counts[held & 0xFFFFFFFF], minlength=n_events).astype(np.int64)

    return Effects(split & said.ties | joined & said.separates, add_up(now.sizes), add_up(n_moved))
