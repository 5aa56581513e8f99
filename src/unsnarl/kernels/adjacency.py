"""The live clusters and their partners, as chains of segments that are joined, never moved.

Each record owns one segment of a common pool. Merging two clusters joins their chains in one step; reading a chain adds up what now
belongs to the same partner and writes the shorter list back to the front of the chain. An entry names a partner as it was when
written: `find` says which cluster that is today. A live cluster is known by its slot, one of its records.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Int64, Records
from unsnarl.kernels.jit import kernel
from unsnarl.kernels.linkages import WEIGHTED, combine, value_of_score
from unsnarl.kernels.union_find import find

CLUSTER = np.dtype(
    [
        ("birth", np.int64),  # -degree for single records, 1, 2, ... for merged clusters, GONE for dead slots
        ("size", np.int32),  # records
        ("name", np.int32),  # smallest record
        ("halvings", np.int32),  # weighted linkage: merges so far
        ("ahead", np.int32),  # weighted linkage, dead slots: halvings at death less those of the parent then
    ]
)
SEGMENT = np.dtype(
    [
        ("first", np.int64),  # where the segment begins in the pool
        ("n_entries", np.int64),  # of a cluster: entries in its whole chain
        ("used", np.int32),  # entries in use in the segment
        ("room", np.int32),  # entries the segment has room for
        ("follower", np.int32),  # next segment of the chain, -1 at its end; a chain begins at its cluster's slot
        ("tail", np.int32),  # of a cluster: last segment of its chain
    ]
)
GONE = np.int64(2**62)


class Adjacency(NamedTuple):
    """Clusters and lists.

    parent    int32[n]    union-find over slots
    clusters  CLUSTER[n]  what is known of each slot
    segments  SEGMENT[n]  the segment of each slot
    partner   int32[2m]   entry: slot of the partner when written
    value     int64[2m]   entry: linkage value with that partner
    halved    int32[2m]   entry: halvings of the partner when written (weighted linkage, else of length 0)
    total     int64[n]    scratch: 0 for every slot between readings
    touched   int32[n]    scratch: the partners found by the last reading
    """

    parent: Int32
    clusters: Records
    segments: Records
    partner: Int32
    value: Int64
    halved: Int32
    total: Int64
    touched: Int32


@kernel
def fill_lists(left: Int32, right: Int32, score: Int32, linkage: int, lists: Adjacency) -> None:
    """Write each pair into the segments of both its records.

    Needs: local records, score > 0; segments laid out, used 0. Overwrites: partner, value, used.
    Each turn: pairs 0 .. i stand in both segments. Ties: none.
    """
    segments, partner, value = lists.segments, lists.partner, lists.value
    for i in range(len(left)):
        a, b = left[i], right[i]
        v = value_of_score(linkage, score[i])
        at = segments[a].first + segments[a].used
        partner[at], value[at] = b, v
        segments[a].used += 1
        at = segments[b].first + segments[b].used
        partner[at], value[at] = a, v
        segments[b].used += 1


@kernel
def join_chains(segments: Records, kept: int, gone: int) -> None:
    """Append the chain of slot `gone` to that of slot `kept`.

    Needs: both slots live. Overwrites: segments of the two. Ties: none.
    """
    segments[segments[kept].tail].follower = gone
    segments[kept].tail = segments[gone].tail
    segments[kept].n_entries += segments[gone].n_entries


@kernel
def _read_list(cluster: int, linkage: int, lists: Adjacency) -> int:
    """Add up a cluster's entries by the partner each belongs to today; return how many partners there are.

    Needs: total all 0; linkage not weighted. Overwrites: touched[:k] (partners), total[partner] (values), parent (halved links).
    Each turn: total[x] is the value of the entries of x seen so far. Ties: none; partners come in the order first seen.
    """
    parent, segments, partner, value = lists.parent, lists.segments, lists.partner, lists.value
    total, touched = lists.total, lists.touched
    k = 0
    segment = cluster
    while segment != -1:
        first = segments[segment].first
        for i in range(first, first + segments[segment].used):
            x = find(parent, partner[i])
            if x == cluster:
                continue
            if total[x] == 0:
                touched[k] = x
                k += 1
                total[x] = value[i]
            else:
                total[x] = combine(linkage, total[x], value[i])
        segment = segments[segment].follower
    return k


@kernel
def _find_counting(parent: Int32, clusters: Records, slot: int) -> tuple[int, int]:
    """Return the live cluster of `slot` and the halvings a value of `slot` has seen up to now.

    Needs: weighted linkage. Overwrites: parent and ahead (links halved). Each turn: as in find, `ahead` adding up along the way. Ties: none.
    """
    count = 0
    while parent[slot] != slot:
        up = parent[slot]
        if parent[up] != up:
            clusters[slot].ahead += clusters[up].ahead
            parent[slot] = parent[up]
        count += clusters[slot].ahead
        slot = parent[slot]
    return slot, count + clusters[slot].halvings


@kernel
def _read_halving(cluster: int, own_halvings: int, lists: Adjacency) -> int:
    """Do what _read_list does for weighted linkage: halve a value for each merge of its partner, and `own_halvings` times for the cluster's own.

    Needs: total all 0. Overwrites: touched, total, parent, ahead. Each turn: total[x] is the value of the entries of x seen so far.
    Ties: none; what is halved to nothing is left out.
    """
    segments, total, touched = lists.segments, lists.total, lists.touched
    k = 0
    segment = cluster
    while segment != -1:
        first = segments[segment].first
        for i in range(first, first + segments[segment].used):
            x, seen = _find_counting(lists.parent, lists.clusters, lists.partner[i])
            v = lists.value[i] >> min(63, seen - lists.halved[i] + own_halvings)
            if x == cluster or v == 0:
                continue
            if total[x] == 0:
                touched[k] = x
                k += 1
            total[x] += v
        segment = segments[segment].follower
    return k


@kernel
def read_list(cluster: int, linkage: int, own_halvings: int, lists: Adjacency) -> int:
    """Read a cluster's list into the scratch, by whichever of the two ways the linkage wants; return the number of partners."""
    if linkage == WEIGHTED:
        return _read_halving(cluster, own_halvings, lists)
    return _read_list(cluster, linkage, lists)


@kernel
def write_list(cluster: int, k: int, linkage: int, lists: Adjacency) -> int:
    """Write the list just read back to the front of the cluster's chain, clear the scratch; return how many entries fewer there are.

    Needs: touched[:k] and total as read_list left them (a total of 0 is not written). Overwrites: the cluster's entries and segments, total.
    Each turn: j partners are written, each segment before the current one is full. Ties: none.
    """
    segments, total, touched = lists.segments, lists.total, lists.touched
    segment = cluster
    room, at = segments[segment].room, segments[segment].first
    used = 0
    written = 0
    for j in range(k):
        x = touched[j]
        v = total[x]
        if v == 0:
            continue
        total[x] = 0
        while used == room:
            segments[segment].used = used
            segment = segments[segment].follower
            room, at = segments[segment].room, segments[segment].first
            used = 0
        lists.partner[at + used] = x
        lists.value[at + used] = v
        if linkage == WEIGHTED:
            lists.halved[at + used] = lists.clusters[x].halvings
        used += 1
        written += 1
    segments[segment].used = used
    segments[segment].follower = -1
    segments[cluster].tail = segment
    fewer = segments[cluster].n_entries - written
    segments[cluster].n_entries = written
    return fewer
