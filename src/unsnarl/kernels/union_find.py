"""Disjoint sets on one array: parent[i] == i for the element that stands for its set."""

from __future__ import annotations

from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.jit import inner, kernel


@inner
def find(parent: Int32, element: int) -> int:
    """Return the element that stands for the set of `element`.

    Needs: parent[parent[i]] ... reaches a fixed point. Overwrites: parent (every other link on the way is halved).
    Each turn: element is in the same set as at the start, nearer to the one returned. Ties: none.
    """
    while parent[element] != element:
        parent[element] = parent[parent[element]]
        element = parent[element]
    return element


@kernel
def join_sets(parent: Int32, other: Int32) -> None:
    """Join those sets of `parent` that `other` connects.

    Needs: parent[i] <= i, other[i] <= i. Overwrites: parent. Each turn: the first i elements are in one set with what
    other points them at. Ties: none.
    """
    for i in range(len(parent)):
        if other[i] != i:
            a, b = find(parent, i), find(parent, other[i])
            parent[max(a, b)] = min(a, b)


@kernel
def point_at_smallest(parent: Int32) -> None:
    """Point every element at the smallest of its set.

    Needs: parent[i] <= i, so that one sweep upwards is enough. Overwrites: parent.
    Each turn: parent[0 .. i] are the smallest of their sets. Ties: none.
    """
    for i in range(len(parent)):
        parent[i] = parent[parent[i]]
