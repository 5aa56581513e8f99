"""What events say about records, in arrays: a row for each record of each part of each event."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.entries import CODE_OF, LEFT, RIGHT, Entries
from unsnarl.decisions.events import DIFFERENT, GROUP, SAME, Event
from unsnarl.model import Index
from unsnarl.slices import Slices

Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]

_TYING, _SEPARATING = ([CODE_OF[kind] for kind in kinds] for kinds in ((SAME, GROUP), (DIFFERENT, GROUP)))

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


@dataclass(frozen=True)
class Named:
    """Hold what events say, each record still by its id.

    ids                     of each row
    event, part             int64[rows]   as Statements has them
    is_same, is_different   bool[events]  groups are both
    """

    ids: Slices
    event: Longs
    part: Longs
    is_same: Bools
    is_different: Bools

    def as_statements(self, record: Index) -> Statements:
        """Say who the records are.

        record  of each id
        """
        n_events = len(self.is_same)
        n_parts, has_two = np.zeros(n_events, dtype=np.int64), np.zeros(n_events, dtype=np.bool_)
        np.maximum.at(n_parts, self.event, self.part + 1)
        is_second = (self.event[1:] == self.event[:-1]) & (self.part[1:] == self.part[:-1])
        has_two[self.event[1:][is_second]] = True
        ties, separates = self.is_same & has_two, self.is_different & (n_parts > 1)
        return Statements(self.event, self.part, record, ties, separates)


def _name_others(events: Sequence[tuple[int, Event]]) -> tuple[list[str], Longs, Longs]:
    """List the records of events that are not plain, each with the number it goes by: id, event and part of each."""
    rows = [
        (record, number, place) for number, event in events for place, part in enumerate(event.parts) for record in part
    ]
    ids, event, part = map(list, zip(*rows, strict=True)) if rows else ([], [], [])
    return ids, np.array(event, dtype=np.int64), np.array(part, dtype=np.int64)


def name_all(entries: Entries, chosen: Longs, changed: Mapping[int, Event]) -> Named:
    """List what some events say, event by event and part by part.

    chosen   their positions
    changed  by position, events that count in the place of those that are there

    Cost: O(ids).
    """
    columns = entries.columns
    special = {**entries.others, **changed}
    is_plain = np.ones(len(entries), dtype=np.bool_)
    is_plain[list(special)] = False
    is_same, is_different = (np.isin(columns.kinds[chosen], told) for told in (_TYING, _SEPARATING))
    plain = np.flatnonzero(is_plain[chosen])
    at = chosen[plain]
    rest = np.flatnonzero(~is_plain[chosen]).tolist()
    ids, event, part = _name_others([(number, special[int(chosen[number])]) for number in rest])
    event = np.concatenate((plain, plain, event))
    part = np.concatenate((np.zeros(len(plain), dtype=np.int64), ~is_same[plain], part))
    order = np.argsort(event, kind="stable")
    sides = [columns.field(LEFT).take(at), columns.field(RIGHT).take(at)]
    texts = Slices.join(*sides, *([Slices.of(ids)] if ids else [])).take(order)
    return Named(texts, event[order], part[order], is_same, is_different)


def name_nothing() -> Named:
    """Give what no events say."""
    none = np.zeros(0, dtype=np.int64)
    return Named(Slices.of([]), none, none, none.astype(np.bool_), none.astype(np.bool_))


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
    """Mark the events in which one key has two different values.

    event  increasing
    """
    marked = np.zeros(n_events, dtype=np.bool_)
    # By far the most have two rows.
    is_two = np.bincount(event, minlength=n_events)[event] == 2
    pair, more = np.flatnonzero(is_two).reshape(-1, 2).T, np.flatnonzero(~is_two)
    marked[event[pair[0]]] = (key[pair[0]] == key[pair[1]]) & (value[pair[0]] != value[pair[1]])
    event, key, value = event[more], key[more], value[more]
    order = np.lexsort((value, key, event))
    event, key, value = event[order], key[order], value[order]
    again = (event[1:] == event[:-1]) & (key[1:] == key[:-1]) & (value[1:] != value[:-1])
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
