"""Agglomerate graphs of few nodes, one after the other, each in a square of values.

Each node remembers the partner it would merge with first, and how alike the others can be at most. A union is never
more alike to a third node than the better of its parts (kernels/linkages.py): so a node whose partner has merged
keeps it, unless what it has lost may let another come first. Then it has no partner but a bound of how alike one can
be, and all its pairs are looked at again only when that bound comes first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Float64, Int32, Int64, Records, take_records
from unsnarl.kernels.fractions import SLACK, compare_quotients
from unsnarl.kernels.jit import inner, kernel
from unsnarl.kernels.linkages import combine, numerator, weight_of_size
from unsnarl.kernels.queue import comes_before
from unsnarl.kernels.quotient import Grouping, Quotient

SMALL_NODES = 128
"""Nodes that a square has room for; it fits a processor's cache."""

NODE = np.dtype(
    [
        ("top", np.int64),  # numerator of the similarity with its partner
        ("others", np.float64),  # no other pair of the node has a larger top / weight, give or take ROUNDING
        ("weight", np.int64),  # its factor in the bottom of similarities
        ("name", np.int32),
        ("n_records", np.int32),
    ]
)
NONE = -1

LEAST = 1e-300
"""Less than any similarity above 0."""

ROUNDING = 4 * SLACK
"""Two similarities worked out in different ways are off by less than this share of their size."""


class Square(NamedTuple):
    """Scratch for one graph of few nodes, n at the start.

    values   int64[SMALL_NODES ** 2 + 1]  value of nodes i and j at i * n + j, 0 where i is j
    nodes    NODE[SMALL_NODES]
    inverse  float64[SMALL_NODES]         1 / weight of each
    partner  int32[SMALL_NODES]           for each the node of the pair that comes first, or NONE
    alike    float64[SMALL_NODES]         similarity of each with its partner, -1 where there is none
    bound    float64[SMALL_NODES]         where the partner is in doubt what no similarity is above, else -1
    """

    values: Int64
    nodes: Records
    inverse: Float64
    partner: Int32
    alike: Float64
    bound: Float64


def make_square() -> Square:
    """Make the scratch."""
    return Square(
        np.empty(SMALL_NODES**2 + 1, dtype=np.int64),
        take_records(SMALL_NODES, NODE),
        np.empty(SMALL_NODES),
        np.empty(SMALL_NODES, dtype=np.int32),
        np.empty(SMALL_NODES),
        np.empty(SMALL_NODES),
    )


@inner
def _fill_square(graph: Quotient, linkage: int, pieces: Grouping, piece: int, place: Int32, square: Square) -> None:
    """Write the nodes of a piece and the values between them into the square.

    Needs: at most SMALL_NODES nodes; place[members[i]] == i. Overwrites: square. Each turn: rows of nodes before i are
    in.
    Ties: none.
    """
    values, entries = square.values, graph.entries
    start, n = pieces.start[piece], pieces.start[piece + 1] - pieces.start[piece]
    outside = n * n
    for here in range(outside + 1):
        values[here] = 0
    for i in range(n):
        a = pieces.members[start + i]
        node = square.nodes[i]
        node.name, node.n_records = graph.names[a], graph.sizes[a]
        node.weight = weight_of_size(linkage, graph.sizes[a])
        square.inverse[i] = 1.0 / node.weight
    for i in range(n):
        a = pieces.members[start + i]
        first = np.uint64(graph.first[a])
        for at in range(first, first + np.uint64(graph.used[a])):
            # No branch: what is outside goes to the place to waste.
            j = place[entries[at].partner] - start
            here = i * n + j if 0 <= j < n else outside
            values[here] = entries[at].value


@inner
def _find_partner(linkage: int, n: int, width: int, i: int, square: Square) -> None:
    """Look at all pairs of node i, and remember the first.

    Needs: a square of n nodes. Overwrites: what the square says of the partner of i. Each turn: `partner` is that of
    the pair which comes first among those seen, `others` bounds the rest of them, and nothing below `floor` counts.
    Ties: smaller name.
    """
    values, nodes, inverse = square.values, square.nodes, square.inverse
    node = nodes[i]
    partner, highest, others, top = NONE, 0.0, LEAST, 0
    floor = least = LEAST
    for j in range(n):
        other = numerator(linkage, values[i * width + j], node.n_records, nodes[j].n_records)
        quotient = other * inverse[j]
        if quotient < floor:
            continue
        order = -1 if quotient < least else 1
        if order > 0 and partner != NONE and quotient <= highest + ROUNDING * highest:
            order = compare_quotients(other, nodes[j].weight, top, nodes[partner].weight)
        if order > 0 or (order == 0 and nodes[j].name < nodes[partner].name):
            others = max(others, highest)
            partner, highest, top = j, quotient, other
            least = highest - ROUNDING * highest
        else:
            others = max(others, quotient)
        floor = min(others, least)
    node.top, node.others, square.partner[i] = top, others, partner
    square.alike[i], square.bound[i] = highest * inverse[i] if partner != NONE else -1.0, -1.0


@inner
def _is_before(i: int, j: int, square: Square) -> bool:
    """Say whether the pair of node i and its partner comes before that of node j. Ties: the same pair is not before."""
    nodes, partner = square.nodes, square.partner
    a, b, c, d = nodes[i], nodes[partner[i]], nodes[j], nodes[partner[j]]
    order = compare_quotients(a.top, a.weight * b.weight, c.top, c.weight * d.weight)
    if order != 0:
        return order > 0
    low, other_low = min(a.name, b.name), min(c.name, d.name)
    if low != other_low:
        return low < other_low
    return max(a.name, b.name) < max(c.name, d.name)


@inner
def _find_first(linkage: int, n: int, width: int, square: Square) -> int:
    """Return one of the two nodes whose pair comes first, NONE where no two can merge.

    Needs: each of n nodes has a partner, a bound, or none to merge with. Overwrites: what the square says of the
    partners of nodes whose bound comes first. Each turn: `first` is right for the nodes before i, in the first loop
    as far as they have partners, and nothing below `least` comes before it. Ties: as _is_before.
    """
    alike, bound = square.alike, square.bound
    first, least = np.int64(NONE), 0.0
    for i in range(n):
        if alike[i] >= least and (first == NONE or _is_before(i, first, square)):
            first, least = np.int64(i), alike[i] * (1.0 - ROUNDING)
    for i in range(n):
        if bound[i] >= least:
            _find_partner(linkage, n, width, i, square)
            if alike[i] >= least and (first == NONE or _is_before(i, first, square)):
                first, least = np.int64(i), alike[i] * (1.0 - ROUNDING)
    return first


@inner
def _unite_values(linkage: int, n: int, width: int, kept: int, gone: int, square: Square) -> None:
    """Merge node `gone` into node `kept`; the last node takes the place of `gone`.

    Needs: kept < gone < n. Overwrites: square, but for what it says of partners. Each turn: values with nodes before i
    are those of the union. Ties: none.
    """
    values, nodes, last = square.values, square.nodes, n - 1
    for i in range(n):
        value = combine(linkage, values[kept * width + i], values[gone * width + i])
        values[kept * width + i] = values[i * width + kept] = value
    values[kept * width + kept] = 0
    for i in range(n):
        values[gone * width + i] = values[i * width + gone] = values[last * width + i]
    values[gone * width + gone] = 0
    union, moved, node = nodes[kept], nodes[last], nodes[gone]
    union.name, union.n_records = min(union.name, node.name), union.n_records + node.n_records
    union.weight = weight_of_size(linkage, union.n_records)
    square.inverse[kept] = 1.0 / union.weight
    node.top, node.others, node.weight = moved.top, moved.others, moved.weight
    node.name, node.n_records = moved.name, moved.n_records
    square.inverse[gone], square.alike[gone] = square.inverse[last], square.alike[last]
    square.partner[gone], square.bound[gone] = square.partner[last], square.bound[last]


@inner
def _refresh_partners(linkage: int, n: int, width: int, kept: int, gone: int, square: Square, weight: Int64) -> None:
    """Find the partners of the nodes whose partner has changed, or a bound.

    Needs: n nodes, after node `gone` merged into `kept`, and node n took its place; weight int64[2], what the two
    weighed. Overwrites: what the square says of partners. Each turn: partners of nodes before i are right.
    Ties: as _find_partner.
    """
    nodes, partners = square.nodes, square.partner
    for i in range(n):
        partner = partners[i]
        if partner == n and gone != n:
            partners[i] = gone
            continue
        if i == kept or (partner != kept and partner != gone):
            continue
        node, union = nodes[i], nodes[kept]
        top = numerator(linkage, square.values[i * width + kept], node.n_records, union.n_records)
        quotient = top * square.inverse[kept]
        # As alike as the part was: the union comes first where that did, since its name is no larger.
        before = weight[1] if partner == gone else weight[0]
        is_same = top > 0 and compare_quotients(top, union.weight, node.top, before) >= 0
        if is_same or quotient > node.others * (1.0 + ROUNDING):
            partners[i], node.top = kept, top
            square.alike[i] = quotient * square.inverse[i]
        else:
            partners[i], square.alike[i] = NONE, -1.0
            square.bound[i] = max(quotient, node.others) * square.inverse[i] * (1.0 + ROUNDING)
    _find_partner(linkage, n, width, kept, square)


@kernel
def agglomerate_small(
    graph: Quotient, linkage: int, pieces: Grouping, range_: Int64, place: Int32, square: Square, merges: Records
) -> None:
    """Agglomerate the pieces of a range, each up to the pivot.

    Needs: linkage average or complete; pieces of at most SMALL_NODES nodes each; range_ int64[5] begins with (start,
    stop); place[members[i]] == i; merges (MERGE) holds the pivot first and has room after it. Overwrites: square,
    merges; range_[2] becomes the number of merges, the rest of it is scratch. Each turn: the merges of pieces before
    `piece` follow each other, each piece's in the order made. Ties: smaller first name, then smaller second name.
    """
    pivot, nodes, weight = merges[0], square.nodes, range_[3:]
    k = 1
    for piece in range(range_[0], range_[1]):
        _fill_square(graph, linkage, pieces, piece, place, square)
        width = n = pieces.start[piece + 1] - pieces.start[piece]
        for i in range(n):
            _find_partner(linkage, n, width, i, square)
        while n > 1:
            first = _find_first(linkage, n, width, square)
            if first == NONE:
                break
            second = np.int64(square.partner[first])
            a, b = nodes[first], nodes[second]
            merge = merges[k]
            merge.top, merge.bottom = a.top, a.weight * b.weight
            merge.low, merge.high = min(a.name, b.name), max(a.name, b.name)
            merge.n_records = a.n_records + b.n_records
            if comes_before(pivot, merge):
                break
            kept, gone = min(first, second), max(first, second)
            weight[0], weight[1] = nodes[kept].weight, nodes[gone].weight
            _unite_values(linkage, n, width, kept, gone, square)
            n -= 1
            k += 1
            _refresh_partners(linkage, n, width, kept, gone, square, weight)
    range_[2] = k - 1
