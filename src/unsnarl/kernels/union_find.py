"""Disjoint sets on one array: parent[i] == i for the element that stands for its set."""

from __future__ import annotations

from unsnarl.kernels.arrays import Int32
from unsnarl.kernels.jit import inner


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
