"""The live clusters and their partners, as chains of segments that are joined, never moved.

Each record owns one segment of a common pool. Merging two clusters joins their chains in one step; reading a chain
adds up what now belongs to the same partner and writes the shorter list back to the front of the chain. An entry
names a partner as it was when written: `find` says which cluster that is today. A live cluster is known by its slot,
one of its records.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from unsnarl.kernels.arrays import Int32, Records, Slots
from unsnarl.kernels.jit import inner
from unsnarl.kernels.linkages import WEIGHTED, combine

SLOT = np.dtype(
    [
        # What reading a list touches, in a quarter of a cache line.
        ("total", np.int64),  # scratch: value added up for the list being read, 0 between readings
        ("parent", np.uint32),  # union-find over slots
        ("n_records", np.int32),  # records in the cluster, negative while it is a hub
    ]
)
CLUSTER = np.dtype(
    [
        ("birth", np.int64),  # below 0 for those there from the start, 1, 2, ... for merged ones, GONE for dead slots
        ("name", np.int32),  # smallest record
        ("halvings", np.int32),  # weighted linkage: merges so far
        ("ahead", np.int32),  # weighted linkage, dead slots: halvings at death less those of the parent then
        ("unused", np.int32),
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
BLOCK = np.uint64(32)
"""Entries whose partners are looked up together."""

GONE = np.int64(2**62)


class Adjacency(NamedTuple):
    """Clusters and lists.

    slots     SLOT[n]     what reading a list touches
    clusters  CLUSTER[n]  what else is known of each slot
    segments  SEGMENT[n]  the segment of each slot
    entries   ENTRY[2m]   the pool of all entries
    halved    int32[2m]   halvings of the partner when an entry was written (weighted linkage, else of length 0)
    touched   uint32[n+1] scratch: the partners found by the last reading (one place to spare)
    ahead     uint32[BLOCK + 1] scratch: what is about to be read

    Slots in the hot fields are unsigned: a signed index costs a test for a negative one at every step.
    """

    slots: Records
    clusters: Records
    segments: Records
    entries: Records
    halved: Int32
    touched: Slots
    ahead: Slots


@inner
def find(slots: Records, slot: int) -> int:
    """Return the live cluster a slot belongs to.

    Needs: nothing. Overwrites: parent (every other link on the way is halved). Each turn: slot is in the same cluster
    as at the start.
    Ties: none.
    """
    while slots[slot].parent != slot:
        slots[slot].parent = slots[slots[slot].parent].parent
        slot = slots[slot].parent
    return slot


@inner
def size_of(slots: Records, slot: int) -> int:
    """Return the number of records in a live cluster."""
    return abs(slots[slot].n_records)


@inner
def is_hub(slots: Records, slot: int) -> bool:
    """Say whether a live cluster is a hub."""
    return slots[slot].n_records < 0


@inner
def mark_hub(slots: Records, slot: int, hub: int) -> None:
    """Note that a live cluster has become a hub, or is none any longer. Overwrites: size. Ties: none."""
    slots[slot].n_records = -abs(slots[slot].n_records) if hub else abs(slots[slot].n_records)


@inner
def join_chains(segments: Records, kept: int, gone: int) -> None:
    """Append the chain of slot `gone` to that of slot `kept`.

    Needs: both slots live. Overwrites: segments of the two. Ties: none.
    """
    segments[segments[kept].tail].follower = gone
    segments[kept].tail = segments[gone].tail
    segments[kept].n_entries += segments[gone].n_entries


@inner
def _read_list(cluster: int, linkage: int, lists: Adjacency) -> int:
    """Add up a cluster's entries by the partner each belongs to today; return how many partners there are.

    Needs: total all 0; linkage not weighted. Overwrites: touched[:k] (partners), total[partner] (values), parent
    (halved links), ahead.
    Each turn: total[x] is the value of the entries of x in the blocks seen so far. Ties: none; partners come in the
    order first seen.
    """
    slots, segments, entries = lists.slots, lists.segments, lists.entries
    touched, ahead = lists.touched, lists.ahead
    k = np.uint64(0)
    segment = cluster
    while segment != -1:
        at = np.uint64(segments[segment].first)
        stop = at + np.uint64(segments[segment].used)
        follower = segments[segment].follower
        if follower != -1:
            # Asked for now, the next segment is there by the time this one is read.
            ahead[BLOCK] = entries[segments[follower].first].partner
        while at < stop:
            n = min(stop - at, BLOCK)
            # The partners of a block are asked for together, so that the memory answers together.
            for i in range(n):
                ahead[i] = slots[entries[at + i].partner].parent
            for i in range(n):
                x = ahead[i]
                if slots[x].parent != x:
                    x = np.uint32(find(slots, np.int64(x)))
                    slots[entries[at + i].partner].parent = x
                if x == cluster:
                    continue
                # No branch: whether a partner has been seen is a coin toss the processor would lose.
                touched[k] = x
                k += np.uint64(slots[x].total == 0)
                slots[x].total = combine(linkage, slots[x].total, entries[at + i].value)
            at += n
        segment = follower
    return np.int64(k)


@inner
def _find_counting(slots: Records, clusters: Records, slot: int) -> tuple[int, int]:
    """Return the live cluster of `slot` and the halvings a value of `slot` has seen up to now.

    Needs: weighted linkage. Overwrites: parent and ahead (links halved). Each turn: as in find, `ahead` adding up
    along the way. Ties: none.
    """
    count = 0
    while slots[slot].parent != slot:
        up = slots[slot].parent
        if slots[up].parent != up:
            clusters[slot].ahead += clusters[up].ahead
            slots[slot].parent = slots[up].parent
        count += clusters[slot].ahead
        slot = slots[slot].parent
    return slot, count + clusters[slot].halvings


@inner
def _read_halving(cluster: int, own_halvings: int, lists: Adjacency) -> int:
    """Do what _read_list does for weighted linkage.

    A value is halved for each merge of its partner since it was written, and `own_halvings` times for the merges of
    the cluster itself.

    Needs: total all 0. Overwrites: touched, total, parent, ahead. Each turn: total[x] is the value of the entries of
    x seen so far.
    Ties: none; what is halved to nothing is left out.
    """
    slots, segments, touched = lists.slots, lists.segments, lists.touched
    k = np.int64(0)
    segment = cluster
    while segment != -1:
        first = segments[segment].first
        for i in range(first, first + segments[segment].used):
            x, seen = _find_counting(slots, lists.clusters, np.int64(lists.entries[i].partner))
            v = lists.entries[i].value
            if v > 0:
                v >>= min(63, seen - lists.halved[i] + own_halvings)
            if x == cluster or v == 0:
                continue
            if slots[x].total == 0:
                touched[k] = x
                k += 1
            slots[x].total = combine(WEIGHTED, slots[x].total, v)
        segment = segments[segment].follower
    return k


@inner
def read_list(cluster: int, linkage: int, own_halvings: int, lists: Adjacency) -> int:
    """Read a cluster's list into the scratch, by whichever of the two ways the linkage wants; return the number of
    partners.
    """
    if linkage == WEIGHTED:
        return _read_halving(cluster, own_halvings, lists)
    return _read_list(cluster, linkage, lists)


@inner
def write_list(cluster: int, k: int, linkage: int, lists: Adjacency) -> int:
    """Write the list just read back to the front of the chain, clear the scratch; return how many entries were saved.

    Needs: touched[:k] and total as read_list left them (a total of 0 is not written). Overwrites: the cluster's
    entries and segments, total. Each turn: j partners are written, each segment before the current one is full.
    Ties: none.
    """
    slots, segments, entries, touched = lists.slots, lists.segments, lists.entries, lists.touched
    segment = cluster
    room, at = segments[segment].room, segments[segment].first
    used = 0
    written = 0
    for j in range(k):
        x = touched[j]
        v = slots[x].total
        if v == 0:
            continue
        slots[x].total = 0
        while used == room:
            segments[segment].used = used
            segment = segments[segment].follower
            room, at = segments[segment].room, segments[segment].first
            used = 0
        entries[at + used].partner = x
        entries[at + used].value = v
        if linkage == WEIGHTED:
            lists.halved[at + used] = lists.clusters[x].halvings
        used += 1
        written += 1
    segments[segment].used = used
    segments[segment].follower = -1
    segments[cluster].tail = segment
    saved = segments[cluster].n_entries - written
    segments[cluster].n_entries = written
    return np.int64(saved)
