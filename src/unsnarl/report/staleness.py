"""Which decisions are stale: said of records whose content has another hash now than it had then."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.entries import COLUMNS, HASH_LEFT, HASH_RIGHT, LEFT, RIGHT, Entries
from unsnarl.decisions.events import Event
from unsnarl.files.record_columns import find_changed
from unsnarl.files.records import RecordSource
from unsnarl.slices import Slices

Longs = NDArray[np.int64]


Rows = tuple[Longs, Slices, Slices]
"""For each hash the position of its event, the id and the hash."""


def _list_hashes(event: Event) -> list[tuple[str, str]]:
    """List the records of an event whose content was hashed, with the hash."""
    return [(record, event.hashes[record]) for record in event.ids if record in event.hashes]


@dataclass(frozen=True)
class Hashed:
    """Hold the hashes of content in some events, by the columns they are of.

    n_events  how many events have such hashes
    rows      the hashes
    """

    n_events: dict[tuple[str, ...], int]
    rows: dict[tuple[str, ...], Rows]

    def __len__(self) -> int:
        return sum(self.n_events.values())

    @staticmethod
    def of(entries: Entries, chosen: Longs) -> Hashed:
        """Take the hashes out of some events, of the records that they name."""
        said, made = entries.columns, Hashed({}, {})
        hashed = chosen[said.lengths[COLUMNS, chosen] > 0]
        by_text: dict[str, list[int]] = {}
        for position, text in zip(hashed.tolist(), said.field(COLUMNS).take(hashed), strict=True):
            by_text.setdefault(text, []).append(position)
        for text, some in by_text.items():
            sides = ((LEFT, RIGHT), (HASH_LEFT, HASH_RIGHT))
            ids, hashes = (Slices.join(*(said.field(number).take(some) for number in side)) for side in sides)
            made._add(tuple(json.loads(text)), len(some), (np.array([*some, *some], dtype=np.int64), ids, hashes))
        is_chosen = set(chosen.tolist())
        others: dict[tuple[str, ...], list[int]] = {}
        for position, event in entries.others.items():
            if event.hashes and position in is_chosen:
                others.setdefault(event.columns, []).append(position)
        for columns, some in others.items():
            told = [(i, *pair) for i in some for pair in _list_hashes(entries.others[i])]
            at = np.array([i for i, _, _ in told], dtype=np.int64)
            ids, hashes = Slices.of(record for _, record, _ in told), Slices.of(digest for _, _, digest in told)
            made._add(columns, len(some), (at, ids, hashes))
        return made

    def _add(self, columns: tuple[str, ...], n_events: int, rows: Rows) -> None:
        self.n_events[columns] = self.n_events.get(columns, 0) + n_events
        if columns in self.rows:
            held = self.rows[columns]
            rows = (np.append(held[0], rows[0]), Slices.join(held[1], rows[1]), Slices.join(held[2], rows[2]))
        self.rows[columns] = rows

    def find_stale(self, records: RecordSource, joint: bool) -> tuple[Longs, int]:
        """Find the events that name a record which has changed since; gives how many could not be looked at too.

        Cost: one pass over RECORDS for each set of columns that the hashes are of.
        """
        has = set.intersection(*(set(part.columns) for part in records.source.parts))
        n_unseen, stale = 0, [np.zeros(0, dtype=np.int64)]
        for columns, (events, ids, hashes) in self.rows.items():
            if set(columns) <= has:
                stale.append(events[find_changed(records, joint, columns, (ids, hashes))])
            else:
                n_unseen += self.n_events[columns]
        return np.unique(np.concatenate(stale)), n_unseen
