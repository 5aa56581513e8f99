"""Agglomerate graphs of a few nodes, one after the other, each in a small square of values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records, make_records
from unsnarl.kernels.fractions import SLACK
from unsnarl.kernels.graph import MERGE
from unsnarl.kernels.jit import inner, kernel
from unsnarl.kernels.linkages import combine, numerator, weight_of_size
from unsnarl.kernels.queue import comes_before
from unsnarl.kernels.quotient import Grouping, Quotient

SMALL_NODES = 16
"""Up to this many nodes looking at all pairs is faster than keeping a table of best matches."""


class Square(NamedTuple):
    """Scratch for one small graph.

    values  int64[SMALL_NODES ** 2 + 1]  value of nodes i and j at i * SMALL_NODES + j, and one place to waste
    sizes   int32[SMALL_NODES]
    names   int32[SMALL_NODES]
    merges  MERGE[2]                     the best merge found, and one being looked at
    """

    values: Int64
    sizes: Int32
    names: Int32
    merges: Records


def make_square() -> Square:
    """Make the scratch."""
    return Square(
        np.zeros(SMALL_NODES**2 + 1, dtype=np.int64),
        np.zeros(SMALL_NODES, dtype=np.int32),
        np.zeros(SMALL_NODES, dtype=np.int32),
        make_records(2, MERGE),
    )


@inner
def _fill_square(graph: Quotient, pieces: Grouping, piece: int, place: Int32, square: Square) -> None:
    """Write the nodes of a piece and the values between them into the square.

    Needs: at most SMALL_NODES nodes. Overwrites: square, place of the nodes. Each turn: rows of nodes before i are in.
    Ties: none.
    """
    start, n = pieces.start[piece], pieces.start[piece + 1] - pieces.start[piece]
    for i in range(n):
        a = pieces.members[start + i]
        place[a] = i
        square.names[i], square.sizes[i] = graph.names[a], graph.sizes[a]
        for j in range(n):
            square.values[i * SMALL_NODES + j] = 0
    entries = graph.entries
    for i in range(n):
        a = pieces.members[start + i]
        first = np.uint64(graph.first[a])
        for at in range(first, first + np.uint64(graph.used[a])):
            b = entries[at].partner
            # No branch: what is outside goes to the place to waste.
            here = i * SMALL_NODES + place[b] if pieces.group_of[b] == piece else SMALL_NODES * SMALL_NODES
            square.values[here] = entries[at].value


@inner
def _find_best(linkage: int, n: int, square: Square) -> tuple[int, int]:
    """Return the two nodes whose pair comes first, (0, 0) where none can merge; merges[0] becomes their merge.

    Needs: a square of n nodes. Overwrites: merges. Each turn: merges[0] is the first of the pairs seen.
    Ties: smaller first name, then smaller second name.
    """
    best, other = square.merges[0], square.merges[1]
    first, second = np.int64(0), np.int64(0)
    highest = 0.0
    for i in range(1, n):
        weight = np.int64(weight_of_size(linkage, square.sizes[i]))
        for j in range(i):
            top = numerator(linkage, square.values[i * SMALL_NODES + j], square.sizes[i], square.sizes[j])
            bottom = weight * weight_of_size(linkage, square.sizes[j])
            if top <= 0 or top < highest * bottom:
                continue
            other.top, other.bottom = top, bottom
            other.low = min(square.names[i], square.names[j])
            other.high = max(square.names[i], square.names[j])
            if highest == 0.0 or comes_before(other, best):
                best.top, best.bottom, best.low, best.high = other.top, other.bottom, other.low, other.high
                highest = top / bottom * (1.0 - 2 * SLACK)
                first, second = np.int64(j), np.int64(i)
    return first, second


@inner
def _unite_in_square(linkage: int, n: int, kept: int, gone: int, square: Square) -> None:
    """Merge node `gone` into node `kept`; the last node takes the place of `gone`.

    Needs: kept < gone < n. Overwrites: square. Each turn: values with nodes before i are those of the union.
    Ties: none.
    """
    values = square.values
    for i in range(n):
        value = combine(linkage, values[kept * SMALL_NODES + i], values[gone * SMALL_NODES + i])
        values[kept * SMALL_NODES + i] = values[i * SMALL_NODES + kept] = value
    square.sizes[kept] += square.sizes[gone]
    square.names[kept] = min(square.names[kept], square.names[gone])
    for i in range(n):
        value = values[(n - 1) * SMALL_NODES + i]
        values[gone * SMALL_NODES + i] = values[i * SMALL_NODES + gone] = value
    square.sizes[gone], square.names[gone] = square.sizes[n - 1], square.names[n - 1]


@kernel
def agglomerate_small(
    graph: Quotient, linkage: int, pieces: Grouping, range_: Int64, place: Int32, square: Square, merges: Records
) -> None:
    """Agglomerate the pieces of a range, each up to the pivot.

    Needs: linkage not weighted; pieces of at most SMALL_NODES nodes each; range_ int64[3] is (start, stop, 0); merges
    (MERGE) holds the pivot first and has room after it. Overwrites: square, place, merges; range_[2] becomes the
    number of merges. Each turn: the merges of pieces before `piece` follow each other, each piece's in the order made.
    Ties: as _find_best.
    """
    pivot = merges[0]
    k = 1
    for piece in range(range_[0], range_[1]):
        _fill_square(graph, pieces, piece, place, square)
        n = pieces.start[piece + 1] - pieces.start[piece]
        while n > 1:
            kept, gone = _find_best(linkage, n, square)
            best = square.merges[0]
            if kept == gone or comes_before(pivot, best):
                break
            merge = merges[k]
            merge.top, merge.bottom, merge.low, merge.high = best.top, best.bottom, best.low, best.high
            merge.n_records = square.sizes[kept] + square.sizes[gone]
            _unite_in_square(linkage, n, kept, gone, square)
            n -= 1
            k += 1
    range_[2] = k - 1
