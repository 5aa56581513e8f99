"""Linking under constraints: cannot-links become forbidden pairs, and families become cannot-links as they are needed.

A family is a set of records of which a cluster holds one at most; to forbid all its pairs would be quadratic, and most
of them would never meet. So the components are linked with some of them forbidden. Up to the first merge that a family
forbids, the merges are those under the whole rule: a forbidden pair only ever takes merges away. Where there is such a
merge, pairs across the clusters that were about to merge are forbidden too, and the component is linked again. When no
merge breaks a family, the merges are those of the whole rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from unsnarl.dendrogram import Rows, cut_forest
from unsnarl.engines.couples import join_forests
from unsnarl.model import FORBIDDEN, Components, Constraints, Forest, Index, Pairs

Link = Callable[[Pairs, Components], Forest]
"""Links the pairs inside components."""

_LOW = 2**32 - 1

Keys = NDArray[np.int64]
"""Pairs of records, the smaller in the upper half of the word."""


def _make_keys(left: Index, right: Index) -> Keys:
    return np.minimum(left, right).astype(np.int64) << 32 | np.maximum(left, right)


def forbid(pairs: Pairs, forbidden: Keys) -> Pairs:
    """Give the pairs with some of them forbidden, whether they were scored or not.

    forbidden  strictly increasing

    Cost: O(m) where there are any.
    """
    if not len(forbidden):
        return pairs
    keys = _make_keys(pairs.left, pairs.right)
    at = np.searchsorted(keys, forbidden)
    is_scored = keys[np.minimum(at, len(keys) - 1)] == forbidden if len(keys) else np.zeros(len(at), dtype=np.bool_)
    score = pairs.score.copy()
    score[at[is_scored]] = FORBIDDEN
    new, at = forbidden[~is_scored], at[~is_scored]
    left = np.insert(pairs.left, at, (new >> 32).astype(np.int32))
    right = np.insert(pairs.right, at, (new & _LOW).astype(np.int32))
    return Pairs(left, right, np.insert(score, at, np.int32(FORBIDDEN)), pairs.n_records)


class Families:
    """Hold which records are of which families, and find what breaks them."""

    def __init__(self, pairs: Pairs, components: Components, constraints: Constraints) -> None:
        self._pairs = pairs
        self._component_of = components.component_of
        component = self._component_of[constraints.member].astype(np.int64)
        # A family with one member in a component says nothing there.
        _, which, count = np.unique(component << 32 | constraints.family, return_inverse=True, return_counts=True)
        told = count[which] > 1
        self._member, self._family = constraints.member[told], constraints.family[told]

    def find_adjacent(self, cluster_of: Index, is_looked_at: NDArray[np.bool_]) -> Keys:
        """Find for each two clusters that a pair connects, and that may not be one, two of their members of one family.

        cluster_of    clusters none of which breaks a family
        is_looked_at  bool[n]  records whose pairs matter

        Cost: O(m log m).
        """
        one, other = cluster_of[self._pairs.left], cluster_of[self._pairs.right]
        counts = (one != other) & (self._pairs.score > 0) & is_looked_at[self._pairs.left]
        met = np.unique(_make_keys(one[counts], other[counts]))
        one, other = met >> 32, met & _LOW
        holder = cluster_of[self._member].astype(np.int64)
        order = np.lexsort((self._family, holder))
        held, member = (holder << 32 | self._family)[order], self._member[order]
        start, stop = np.searchsorted(held, one << 32), np.searchsorted(held, (one + 1) << 32)
        n_held = stop - start
        row = np.repeat(np.arange(len(met)), n_held)
        at = np.arange(len(row)) - (np.cumsum(n_held) - n_held - start)[row]
        wanted = other[row] << 32 | (held[at] & _LOW)
        there = np.searchsorted(held, wanted)
        found = there < len(held)
        found[found] = held[there[found]] == wanted[found]
        _, first = np.unique(row[found], return_index=True)
        return np.unique(_make_keys(member[at[found][first]], member[there[found][first]]))

    def find_broken(self, forest: Forest) -> tuple[NDArray[np.bool_], Index]:
        """Find the components of merges that break a family, and the clusters just before those merges.

        Cost: O(n log n).
        """
        cluster_of = cut_forest(forest, 1.0).cluster_of
        cluster = cluster_of[self._member]
        is_wanted = np.zeros(forest.n_records, dtype=np.bool_)
        is_wanted[cluster] = True
        merges = np.flatnonzero(is_wanted[cluster_of[forest.left]])
        rows = Rows(forest, merges, cluster_of, is_wanted)
        order = np.lexsort((rows.place[self._member], self._family, cluster))
        member, family, cluster = self._member[order], self._family[order], cluster[order]
        # Two of a family first meet where two that stand next to each other in the row do.
        meets = np.flatnonzero((family[1:] == family[:-1]) & (cluster[1:] == cluster[:-1]))
        breaks = np.zeros(len(merges), dtype=np.bool_)
        breaks[rows.find_united(member[meets], member[meets + 1])] = True
        is_made = np.ones(len(forest), dtype=np.bool_)
        is_made[merges] = ~rows.find_covering(breaks)
        is_broken = np.zeros(forest.n_records, dtype=np.bool_)
        is_broken[self._component_of[forest.left[~is_made]]] = True
        return is_broken[self._component_of], cut_forest(forest.keep(is_made), 1.0).cluster_of


def _tie(components: Components, must_of: Index) -> Components:
    """Add the must-links inside components."""
    alone = np.arange(len(must_of), dtype=np.int32)
    component_of = components.component_of
    kept = np.where(component_of[must_of] == component_of, must_of, alone)
    return components if np.array_equal(kept, alone) else components.with_ties(kept)


def link(link_pairs: Link, pairs: Pairs, components: Components, constraints: Constraints) -> Forest:
    """Link components under constraints; the must-links are the business of `link_pairs`.

    link_pairs  links some pairs inside some components, forbidden ones and must-links among them
    pairs       canonical scored pairs; those across components are left out

    Cost: that of linking; with families, of linking some components some times.
    """
    forbidden = _make_keys(constraints.left, constraints.right)
    components = _tie(components, constraints.must_of)
    if not len(constraints.member):
        return link_pairs(forbid(pairs, forbidden), components)
    families = Families(pairs, components, constraints)
    everywhere = np.ones(pairs.n_records, dtype=np.bool_)
    forbidden = np.union1d(forbidden, families.find_adjacent(constraints.must_of, everywhere))
    forest = link_pairs(forbid(pairs, forbidden), components)
    while True:
        is_broken, cluster_of = families.find_broken(forest)
        if not is_broken.any():
            return forest
        forbidden = np.union1d(forbidden, families.find_adjacent(cluster_of, is_broken))
        rest = _tie(components.without(~is_broken), constraints.must_of)
        again = link_pairs(forbid(pairs, forbidden), rest)
        forest = join_forests(forest.keep(~is_broken[forest.left]), again)
