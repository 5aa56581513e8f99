"""Which decisions are stale: said of records whose content has another hash now than it had then."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.entries import COLUMNS, HASH_LEFT, HASH_RIGHT, LEFT, RIGHT, Entries
from unsnarl.files.record_columns import find_changed
from unsnarl.files.records import RecordSource

Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Hashed:
    """Hold the hashes of content in some events, by the columns they are of.

    positions  of the events that have hashes, by the columns
    rows       for each hash the position of its event, the id and the hash, by the columns
    """

    positions: dict[tuple[str, ...], list[int]]
    rows: dict[tuple[str, ...], tuple[list[int], list[str], list[str]]]

    def __len__(self) -> int:
        return sum(map(len, self.positions.values()))

    @staticmethod
    def of(entries: Entries, chosen: Longs) -> Hashed:
        """Take the hashes out of some events, of the records that they name."""
        columns, made = entries.columns, Hashed({}, {})
        hashed = chosen[columns.lengths[COLUMNS, chosen] > 0]
        by_text: dict[str, list[int]] = {}
        for position, text in zip(hashed.tolist(), columns.field(COLUMNS).take(hashed), strict=True):
            by_text.setdefault(text, []).append(position)
        for text, some in by_text.items():
            left, right, hash_left, hash_right = (
                columns.field(number).take(some).tolist() for number in (LEFT, RIGHT, HASH_LEFT, HASH_RIGHT)
            )
            made._add(tuple(json.loads(text)), some, ([*some, *some], [*left, *right], [*hash_left, *hash_right]))
        is_chosen = set(chosen.tolist())
        for position, event in entries.others.items():
            if event.hashes and position in is_chosen:
                pairs = [(record, event.hashes[record]) for record in event.ids if record in event.hashes]
                ids, hashes = [record for record, _ in pairs], [found for _, found in pairs]
                made._add(event.columns, [position], ([position] * len(pairs), ids, hashes))
        return made

    def _add(
        self, columns: tuple[str, ...], positions: list[int], rows: tuple[list[int], list[str], list[str]]
    ) -> None:
        self.positions.setdefault(columns, []).extend(positions)
        for held, more in zip(self.rows.setdefault(columns, ([], [], [])), rows, strict=True):
            held.extend(more)  # type: ignore[attr-defined]

    def find_stale(self, records: RecordSource, joint: bool) -> tuple[Longs, int]:
        """Find the events that name a record which has changed since; gives how many could not be looked at too.

        Cost: one pass over RECORDS for each set of columns that the hashes are of.
        """
        has = set.intersection(*(set(part.columns) for part in records.source.parts))
        n_unseen, stale = 0, [np.zeros(0, dtype=np.int64)]
        for columns, (events, ids, hashes) in self.rows.items():
            if set(columns) <= has:
                changed = find_changed(records, joint, columns, (ids, hashes))
                stale.append(np.array(events, dtype=np.int64)[changed])
            else:
                n_unseen += len(self.positions[columns])
        return np.unique(np.concatenate(stale)), n_unseen
