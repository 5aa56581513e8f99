"""Decisions as tables: CSV with a row for each record of an event, pairs of ids, and Splink's labels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from unsnarl.decisions.events import DIFFERENT, GROUP, SAME, UNDO, UNSURE, Event, read_event
from unsnarl.errors import InputError
from unsnarl.files.columns import PAIR_LAYOUTS
from unsnarl.files.records import SOURCE_JOINT

LONG_COLUMNS = ("event", "kind", "part", "id", "by", "at", "of", "supersedes", "comment", "hash", "columns", "extra")
SPLINK_SCORE, SPLINK_NOTES = "clerical_match_score", "clerical_notes"
_LABELS = {SAME: "1.0", DIFFERENT: "0.0", UNSURE: "0.5"}

Row = Mapping[str, str]


def _write(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = [tuple(map(str, row)) for row in rows]
    # A carriage return is not quoted by itself, and would end the line for a reader.
    has_return = any("\r" in cell for row in cells for cell in row)
    block = io.StringIO()
    writer = csv.writer(block, lineterminator="\n", quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL)
    writer.writerow(columns)
    writer.writerows(cells)
    return block.getvalue()


def _list_rows(event: Event) -> Iterable[list[object]]:
    """Give the rows of an event; what belongs to the event stands in the first of them only."""
    places = [(str(number), record) for number, part in enumerate(event.parts) for record in part] or [("", "")]
    supersedes = json.dumps(list(event.supersedes)) if event.supersedes else ""
    columns = json.dumps(list(event.columns), ensure_ascii=False) if event.hashes else ""
    # Hashes of records that the event does not name have no row: they go with what is not known.
    more = {name: value for name, value in event.hashes.items() if name not in event.ids}
    extra = {**event.extra, **({"content_of_others": more} if more else {})}
    said = [event.by, event.at, event.of, supersedes, event.comment]
    for position, (part, record) in enumerate(places):
        first = position == 0
        yield [
            event.event,
            event.kind,
            part,
            record,
            *(said if first else [""] * len(said)),
            event.hashes.get(record, ""),
            columns if first else "",
            json.dumps(extra, ensure_ascii=False) if first and extra else "",
        ]


def write_long(events: Sequence[Event]) -> str:
    """Write events as CSV, a row for each record of each; reading it back gives the same events."""
    return _write(LONG_COLUMNS, (row for event in events for row in _list_rows(event)))


def _read_json(row: Row, name: str, where: str) -> Any:
    if not row.get(name):
        return None
    try:
        return json.loads(row[name])
    except ValueError as error:
        raise InputError(f"DECISIONS: {where}: {name!r} is not JSON: {error}.") from None


def _make_event(rows: list[tuple[int, Row]], path: str) -> Event:
    """Make an event of its rows."""
    number, first = rows[0]
    where = f"{path}, row {number}"
    parts: dict[str, list[str]] = {}
    for _, row in rows:
        if row["id"]:
            parts.setdefault(row["part"], []).append(row["id"])
    hashes = {row["id"]: row["hash"] for _, row in rows if row["hash"]}
    extra = _read_json(first, "extra", where) or {}
    hashes.update(extra.pop("content_of_others", {}))
    given: dict[str, Any] = {**extra, "kind": first["kind"], "event": first["event"] or None}
    given.update({name: first[name] or None for name in ("by", "at", "of", "comment")})
    given["supersedes"] = _read_json(first, "supersedes", where)
    if hashes:
        given["content"] = {"columns": _read_json(first, "columns", where) or [], "hashes": hashes}
    if first["kind"] == GROUP:
        given["groups"] = list(parts.values())
    elif first["kind"] != UNDO:
        given["ids"] = [record for part in parts.values() for record in part]
    return read_event(given, where)


def _read_long(rows: Sequence[Row], path: str) -> list[Event]:
    """Read what write_long wrote: the rows of an event follow each other; a row without an event id is an event."""
    groups: list[list[tuple[int, Row]]] = []
    for number, row in enumerate(rows, 1):
        if groups and row["event"] and groups[-1][0][1]["event"] == row["event"]:
            groups[-1].append((number, row))
        else:
            groups.append([(number, row)])
    return [_make_event(group, path) for group in groups]


def _join(row: Row, side: str, name: str) -> str:
    """Give the id of one side, with its dataset before it where there is one."""
    source = row.get(f"source_dataset_{side}") or ""
    return f"{source}{SOURCE_JOINT}{row[name]}" if source else row[name]


def _read_label(row: Row, where: str) -> str:
    """Read what a reviewer said of a pair from Splink's score: over 0.5 the same, under it different."""
    try:
        score = float(row[SPLINK_SCORE])
    except ValueError:
        score = -1.0
    if not 0.0 <= score <= 1.0:
        raise InputError(
            f"DECISIONS: {where}: {SPLINK_SCORE} is {row[SPLINK_SCORE]!r}.", hint="It must be a number from 0 to 1."
        )
    return SAME if score > 0.5 else DIFFERENT if score < 0.5 else UNSURE


def _read_pairs(rows: Sequence[Row], path: str, layout: tuple[str, str], signed: Mapping[str, str]) -> list[Event]:
    """Read rows of two ids and a kind, or Splink's score."""
    events = []
    for number, row in enumerate(rows, 1):
        where = f"{path}, row {number}"
        given: dict[str, Any] = {
            "kind": _read_label(row, where) if SPLINK_SCORE in row else row["kind"],
            "ids": [_join(row, side, name) for side, name in zip("lr", layout, strict=True)],
            "by": row.get("by") or signed.get("by"),
            "at": row.get("at") or signed.get("at"),
            "comment": row.get("comment") or row.get(SPLINK_NOTES),
        }
        events.append(read_event(given, where))
    return events


def read_table(text: str, path: str, signed: Mapping[str, str]) -> list[Event]:
    """Read events from CSV, of one of the three layouts by its columns.

    signed  `by` and `at` for rows that do not say

    Raises InputError, with the row, for what is none.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        rows: list[Row] = [dict(row) for row in reader]
    except csv.Error as error:
        raise InputError(f"DECISIONS: {path}, line {reader.line_num}: {error}.") from None
    return read_rows(rows, list(reader.fieldnames or []), path, signed)


def read_rows(rows: Sequence[Row], columns: list[str], path: str, signed: Mapping[str, str]) -> list[Event]:
    """Read events from the rows of a table; as `read_table`."""
    for number, row in enumerate(rows, 1):
        if set(row) != set(columns) or None in row.values():
            raise InputError(f"DECISIONS: {path}, row {number}: has more or fewer fields than the header has names.")
    if set(LONG_COLUMNS) <= set(columns):
        return _read_long(rows, path)
    layout = next((names for names in PAIR_LAYOUTS if set(names) <= set(columns)), None)
    if layout is None or not {SPLINK_SCORE, "kind"} & set(columns):
        raise InputError(
            f"DECISIONS: {path} has no known columns; they are {', '.join(columns) or 'none'}.",
            hint=f"Give what `decisions export` writes, two ids and `kind`, or Splink's labels with {SPLINK_SCORE}.",
        )
    return _read_pairs(rows, path, layout, signed)


def _list_pairs(event: Event) -> Iterable[tuple[str, str, str]]:
    """Give what an event says of two records at a time; of a group, all its pairs."""
    for part in event.ties:
        for left, right in combinations(part, 2):
            yield left, right, SAME
    if event.separates or event.kind == UNSURE:
        kind = UNSURE if event.kind == UNSURE else DIFFERENT
        for one, other in combinations(event.parts, 2):
            for left in one:
                for right in other:
                    yield left, right, kind


def write_splink(events: Sequence[Event]) -> str:
    """Write what events say of pairs as Splink's labels; who and when are left out, since it has no place for them."""
    rows = [(left, right, _LABELS[kind], event.comment) for event in events for left, right, kind in _list_pairs(event)]
    if not rows or not all(SOURCE_JOINT in record for row in rows for record in row[:2]):
        return _write(("unique_id_l", "unique_id_r", SPLINK_SCORE, SPLINK_NOTES), rows)
    names = ("source_dataset_l", "unique_id_l", "source_dataset_r", "unique_id_r", SPLINK_SCORE, SPLINK_NOTES)
    split = [(*left.split(SOURCE_JOINT, 1), *right.split(SOURCE_JOINT, 1), *rest) for left, right, *rest in rows]
    return _write(names, split)
