"""Find the records and the pairs of each component."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import value_of_score
from unsnarl.kernels.quotient import Quotient

BLOCK_NODES = 1 << 14
"""Nodes whose rows are written together: about what fits in a processor's cache."""

FORBIDDEN = -1
"""The score of a pair that must not be in one cluster: the least there is."""


class Part(NamedTuple):
    """Some whole components, as a view of all pairs.

    members       int32[k]    their records, those of one component together
    node_of       int32[n]    node_of[record] is its place among the members (records of other parts: anything)
    component_of  int32[n]    component of each record
    first         int64[n+1]  pairs first[r] .. first[r + 1] - 1 have r on the left
    right, score  int32[m]    of all pairs; a score of FORBIDDEN keeps two records apart
    """

    members: Int32
    node_of: Int32
    component_of: Int32
    first: Int64
    right: Int32
    score: Int32


@kernel
def find_first_pairs(left: Int32, first: Int64) -> None:
    """Write where the pairs of each left record begin.

    Needs: left sorted; first int64[n + 1] all 0. Overwrites: first. Each turn: counts, then their sums, up to i are
    right. Ties: none.
    """
    for i in range(len(left)):
        first[left[i] + 1] += 1
    for r in range(len(first) - 1):
        first[r + 1] += first[r]


@kernel
def count_pairs_inside(part: Part, n_pairs: Int64) -> None:
    """Count the pairs inside each component of a part.

    Needs: n_pairs int64[n] 0 for those components. Overwrites: n_pairs. Each turn: pairs whose left record is among
    the first i are counted.
    Ties: none.
    """
    for i in range(len(part.members)):
        record = part.members[i]
        c = part.component_of[record]
        for p in range(part.first[record], part.first[record + 1]):
            if part.component_of[part.right[p]] == c:
                n_pairs[c] += 1


@kernel
def list_pairs(part: Part, ends: Int64, rows: Int32) -> None:
    """List the pairs inside components member by member: node_of of both records, and the score.

    Needs: node_of, of any kind, is that of the members; ends int64[k + 1], ends[0] 0; rows int32[3 * pairs of members,
    or more].
    Overwrites: ends (the pairs of member a are rows ends[a] .. ends[a + 1] - 1), rows. Each turn: those of members
    0 .. a are there. Ties: none.
    """
    at = 0
    for a in range(len(part.members)):
        record = part.members[a]
        component = part.component_of[record]
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.component_of[other] == component:
                rows[3 * at], rows[3 * at + 1] = part.node_of[record], part.node_of[other]
                rows[3 * at + 2] = part.score[p]
                at += 1
        ends[a + 1] = at


@kernel
def count_entries(part: Part, n_entries: Int32) -> None:
    """Count the pairs that each member has inside its component, but for those of score 0.

    Needs: n_entries int32[k] all 0. Overwrites: n_entries. Each turn: pairs whose left record is among the first a
    members are counted. Ties: none.
    """
    for a in range(len(part.members)):
        record = part.members[a]
        component = part.component_of[record]
        n = 0
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] != 0 and part.component_of[other] == component:
                n += 1
                n_entries[part.node_of[other]] += 1
        n_entries[a] += n


@kernel
def write_entries(part: Part, linkage: int, graph: Quotient, aside: Records, stop: Int64, range_: Int64) -> None:
    """Write each pair that count_entries counts into the rows of a range of nodes, or put it aside.

    Rows are far apart in a large graph, further than a processor's cache is large. So nodes go by blocks, and what a
    block's rows get from a pair whose left record is in another block is put aside, with all that belongs to the block.

    Needs: graph.first laid out by those counts, used 0; range_ is (start, stop); aside ENTRY, as long as the entries,
    if the range is of more than one block; stop int64[number of its blocks] with stop[i] == first[start + i *
    BLOCK_NODES]. Overwrites: entries and used of the range; aside, where stop[i] becomes the end of what is put aside
    for block i. Each turn: pairs whose left record is among the first a members are done. Ties: none.
    """
    entries, used, start = graph.entries, graph.used, range_[0]
    n_nodes = range_[1] - start
    for a in range(len(part.members)):
        record = part.members[a]
        component = part.component_of[record]
        x = a - start
        is_own = 0 <= x < n_nodes
        # Where there is one block, nothing is far.
        own_block = x // BLOCK_NODES if len(stop) > 1 else np.int64(0)
        for p in range(part.first[record], part.first[record + 1]):
            other = part.right[p]
            if part.score[p] == 0 or part.component_of[other] != component:
                continue
            b = part.node_of[other]
            value = value_of_score(linkage, part.score[p])
            if is_own:
                at = graph.first[a] + used[a]
                entries[at].partner, entries[at].value = b, value
                used[a] += 1
            y = np.int64(b) - start
            if y < 0 or y >= n_nodes:
                continue
            block = y // BLOCK_NODES if len(stop) > 1 else np.int64(0)
            if block == own_block:
                at = graph.first[b] + used[b]
                entries[at].partner, entries[at].value = a, value
                used[b] += 1
            else:
                at = stop[block]
                aside[at].partner, aside[at].value = a, (np.int64(b) << 32) | (part.score[p] - FORBIDDEN)
                stop[block] += 1


@kernel
def fetch_entries(linkage: int, graph: Quotient, aside: Records, stop: Int64, start: int) -> None:
    """Write what write_entries has put aside for the range from node `start` on into the rows it belongs to.

    Needs: what write_entries left. Overwrites: entries, used. Each turn: the rows of blocks before i are whole.
    Ties: none.
    """
    for i in range(len(stop)):
        for at in range(graph.first[start + i * BLOCK_NODES], stop[i]):
            b = aside[at].value >> 32
            here = graph.first[b] + graph.used[b]
            value = value_of_score(linkage, (aside[at].value & 0xFFFFFFFF) + FORBIDDEN)
            graph.entries[here].partner, graph.entries[here].value = aside[at].partner, value
            graph.used[b] += 1
