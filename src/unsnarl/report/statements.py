"""What events say about records, in arrays: a row for each record of each part of each event."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.events import DIFFERENT, GROUP, SAME, Event
from unsnarl.model import Index

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

LARGE_PARTITION = 30
"""An event that tells more parts apart than this is a family, and not a cannot-link for each two of them."""


@dataclass(frozen=True)
class Statements:
    """List the records that events name.

    event   int64[k]  position of the event, increasing
    part    int64[k]  part of it, increasing inside an event
    record  int32[k]

    ties, separates  bool[events]  whether the event says that some are the same, or different
    """

    event: Longs
    part: Longs
    record: Index
    ties: Bools
    separates: Bools

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.ties)

    def rename(self, name_of: Index) -> Statements:
        """Call the records otherwise: record i is name_of[i]."""
        return dataclasses.replace(self, record=name_of[self.record])


def list_ids(events: Sequence[Event]) -> list[str]:
    """List the records that events name, event by event and part by part."""
    return list(chain.from_iterable(chain.from_iterable([event.parts for event in events])))


def list_statements(events: Sequence[Event], record: Index) -> Statements:
    """List what events say.

    record  of each id of `list_ids`

    Cost: O(ids).
    """
    all_parts = [event.parts for event in events]
    lengths = np.fromiter(map(len, chain.from_iterable(all_parts)), dtype=np.int64)
    n_parts = np.fromiter(map(len, all_parts), dtype=np.int64, count=len(events))
    event = np.repeat(np.arange(len(n_parts)), n_parts)
    part = np.arange(len(lengths)) - (np.cumsum(n_parts) - n_parts)[event]
    kinds = [event.kind for event in events]
    is_same, is_different, is_group = (
        np.array([kind == word for kind in kinds], dtype=np.bool_) for word in (SAME, DIFFERENT, GROUP)
    )
    has_two = np.zeros(len(kinds), dtype=np.bool_)
    has_two[event[lengths > 1]] = True
    ties, separates = (is_same | is_group) & has_two, (is_different | is_group) & (n_parts > 1)
    return Statements(np.repeat(event, lengths), np.repeat(part, lengths), record, ties, separates)


def _begins(said: Statements) -> Bools:
    """Mark the first row of each part."""
    begins = np.ones(len(said.event), dtype=np.bool_)
    begins[1:] = (said.event[1:] != said.event[:-1]) | (said.part[1:] != said.part[:-1])
    return begins


def _unite(left: Longs, right: Longs, n: int) -> Longs:
    """Give for each of 0 .. n - 1 the smallest that it hangs together with. Cost: O(n + pairs), some times."""
    parent = np.arange(n)
    while True:
        one, other = parent[left], parent[right]
        low, high = np.minimum(one, other), np.maximum(one, other)
        differs = low < high
        if not differs.any():
            return parent
        left, right, low, high = left[differs], right[differs], low[differs], high[differs]
        np.minimum.at(parent, high, low)
        while not np.array_equal(above := parent[parent], parent):
            parent = above


@dataclass(frozen=True)
class Groups:
    """Hold who is the same as whom.

    record  int32[k]  the records that events tie, increasing
    head    int32[k]  the smallest of those that are the same as it
    """

    record: Index
    head: Index

    def find(self, records: Index) -> Index:
        """Give the record that stands for each of some."""
        if not len(self.record):
            return records
        at = np.minimum(np.searchsorted(self.record, records), len(self.record) - 1)
        return np.where(self.record[at] == records, self.head[at], records)

    def rename(self, name_of: Index) -> Groups:
        """Call the records otherwise: record i is name_of[i]."""
        if not len(self.record):
            return self
        names = name_of[self.record]
        order = np.argsort(names)
        names, head = names[order], self.head[order]
        least = np.empty(int(head.max()) + 1, dtype=np.int32)
        # Of several values the last one stays: the smallest name.
        least[head[::-1]] = names[::-1]
        return Groups(names, least[head])


def unite(said: Statements) -> Groups:
    """Find out who is the same as whom. Cost: O(ids log ids)."""
    rows = np.flatnonzero(said.ties[said.event])
    heads = np.flatnonzero(_begins(said))
    first = heads[np.searchsorted(heads, rows, "right") - 1]
    records, place = np.unique(np.concatenate((said.record[rows], said.record[first])), return_inverse=True)
    parent = _unite(place[: len(rows)], place[len(rows) :], len(records))
    is_tied = np.bincount(parent, minlength=len(records))[parent] > 1
    return Groups(records[is_tied], records[parent[is_tied]])


def mark_repeated(event: Longs, key: NDArray[np.integer], value: NDArray[np.integer], n_events: int) -> Bools:
    """Mark the events in which one key has two different values."""
    order = np.lexsort((value, key, event))
    event, key, value = event[order], key[order], value[order]
    again = (event[1:] == event[:-1]) & (key[1:] == key[:-1]) & (value[1:] != value[:-1])
    marked = np.zeros(n_events, dtype=np.bool_)
    marked[event[1:][again]] = True
    return marked


def mark_denied(said: Statements, groups: Groups) -> Bools:
    """Mark the events that say `different` of records that are the same. Cost: O(ids log ids)."""
    rows = np.flatnonzero(said.separates[said.event])
    return mark_repeated(said.event[rows], groups.find(said.record[rows]), said.part[rows], said.n_events)


def list_heads(said: Statements) -> tuple[Longs, Index]:
    """List a record of each part of the events that tell parts apart: the event of each, and the record."""
    rows = np.flatnonzero(_begins(said) & said.separates[said.event])
    return said.event[rows], said.record[rows]


def list_denials(event: Longs, record: Index) -> tuple[Longs, Longs]:
    """List what events keep apart, two records at a time, and the members of events that tell many parts apart.

    event, record  of `list_heads`

    Gives int64[k, 3], the event and two records, and int64[f, 2], the event and one record.
    """
    n_parts = np.bincount(event)[event] if len(event) else np.zeros(0, dtype=np.int64)
    pairs = [np.empty((0, 3), dtype=np.int64)]
    for count in np.unique(n_parts[n_parts <= LARGE_PARTITION]).tolist():
        rows = n_parts == count
        some, numbers = record[rows].reshape(-1, count), event[rows].reshape(-1, count)[:, 0]
        one, other = np.triu_indices(count, 1)
        columns = (np.repeat(numbers, len(one)), some[:, one].ravel(), some[:, other].ravel())
        pairs.append(np.stack(columns, axis=1))
    is_large = n_parts > LARGE_PARTITION
    return np.concatenate(pairs), np.stack((event[is_large], record[is_large]), axis=1).astype(np.int64)
