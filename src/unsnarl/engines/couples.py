"""Components that need no linkage: two records have one merge at most, and most components are two records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unsnarl.model import SCORE_UNITS, Components, Forest, Pairs


def find_couples(components: Components) -> NDArray[np.bool_]:
    """Mark the records of components of two. Cost: O(n)."""
    is_couple: NDArray[np.bool_] = (components.sizes == 2)[components.component_of]
    return is_couple


def link_couples(pairs: Pairs, components: Components) -> Forest:
    """Make the merges of components of two, which are the same for every linkage.

    pairs  in canonical form; those that do not lie in a couple are passed over

    A pair of score 0 ties two records only where the threshold is 0; at distance 1 there is no merge. Cost: O(m).
    """
    component_of, is_couple = components.component_of, find_couples(components)
    is_inside = component_of[pairs.left] == component_of[pairs.right]
    in_couple = np.flatnonzero(is_inside & is_couple[pairs.left] & (pairs.score > 0))
    left, right = pairs.left[in_couple], pairs.right[in_couple]
    distance = (SCORE_UNITS - pairs.score[in_couple]) / SCORE_UNITS
    return Forest(left, left, right, distance, np.full(len(left), 2, dtype=np.int32), pairs.n_records)


def join_forests(one: Forest, other: Forest) -> Forest:
    """Put the merges of different components together. Cost: O(k log k)."""
    component = np.concatenate([one.component, other.component])
    order = np.argsort(component, kind="stable")
    left, right, distance, size = (
        np.concatenate([getattr(one, name), getattr(other, name)])[order]
        for name in ("left", "right", "distance", "size")
    )
    return Forest(component[order], left, right, distance, size, other.n_records)
