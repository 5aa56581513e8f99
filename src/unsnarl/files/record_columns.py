"""What RECORDS say besides the ids: hashes of what a record holds, and the source it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError
from unsnarl.files.columns import find_column
from unsnarl.files.parts import UNTYPED, Part
from unsnarl.files.records import RecordSource
from unsnarl.files.rows import View, guard, guard_arrays, show_hashes, show_texts, unite
from unsnarl.files.session import quote_text
from unsnarl.slices import Slices

_HASH_LENGTH = 32


def _read_text(part: Part, name: str) -> str:
    """Give the SQL that reads a column of any type as text."""
    column = part.columns[name]
    if column.type == "JSON":
        return f"({column.expression}->>'$')"
    return column.expression if column.type in (UNTYPED, "VARCHAR") else f"CAST({column.expression} AS VARCHAR)"


def _select(records: RecordSource, joint: bool, names: Sequence[str]) -> list[View]:
    """Select the id, and some columns as c0, c1, ..."""
    views = []
    for view in records.pick_rows(joint).views:
        read = [(f"c{position}", _read_text(view.part, name)) for position, name in enumerate(names)]
        views.append(View(view.part, (view.selected[0], *read)))
    return views


def find_columns(records: RecordSource) -> tuple[str, ...]:
    """Name the columns that all parts of RECORDS have and that are not the id, in the order of the names."""
    names = set.intersection(*(set(part.columns) for part in records.source.parts))
    ids = {view.selected[0][1] for view in records.rows.views}
    return tuple(sorted(name for name in names if all(_read_text(p, name) not in ids for p in records.source.parts)))


def hash_content(columns: Sequence[str], values: Sequence[str | None]) -> str:
    """Hash what a record holds.

    columns  their names
    values   as text; blanks at the ends do not count, and an empty value is as if it were not there

    >>> hash_content(["name", "city"], ["Ana ", None]) == hash_content(["city", "name"], ["", "Ana"])
    True
    """
    held = {name: value.strip() for name, value in zip(columns, values, strict=True) if value and value.strip()}
    text = json.dumps(held, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]


def hash_records(records: RecordSource, joint: bool, columns: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
    """Hash some columns of some records; those that are not there are left out. Cost: one pass over RECORDS."""
    views = _select(records, joint, columns)
    session = records.session
    wanted = show_texts(session, ids)
    try:
        rows = guard(session, views, f"SELECT * FROM ({unite(views)}) WHERE id IN (SELECT id FROM {wanted})")
    finally:
        session.unregister(wanted)
    return {row[0]: hash_content(columns, row[1:]) for row in rows}


def _write_hash(columns: Sequence[str]) -> str:
    """Give the SQL of the hash of c0, c1, ..., which is right for all that has no control characters in it.

    What it makes of others no record has as its hash.
    """
    order = sorted(range(len(columns)), key=lambda i: columns[i])
    pieces = []
    for i in order:
        key = quote_text(json.dumps(columns[i], ensure_ascii=False) + ': "')
        escaped = f"replace(replace(trim(c{i}), '\\', '\\\\'), '\"', '\\\"')"
        pieces.append(f"CASE WHEN trim(c{i}) <> '' THEN {key} || {escaped} || '\"' END")
    return f"left(sha256('{{' || concat_ws(', ', {', '.join(pieces)}) || '}}'), {_HASH_LENGTH})"


def find_changed(
    records: RecordSource, joint: bool, columns: Sequence[str], said: tuple[Slices, Slices]
) -> NDArray[np.int64]:
    """Find the rows whose record now has another hash than it had; a record that is not there has not changed.

    columns  that the hashes are of
    said     the id and the hash of each row

    The engine passes over all whose hash it finds to be the same; the others are hashed as `hash_content` does.
    Cost: one pass over RECORDS.
    """
    views, session = _select(records, joint, columns), records.session
    now = _write_hash(columns) if columns else "''"
    wanted = show_hashes(session, *said)
    values = "".join(f", c{position}" for position in range(len(columns)))
    # A bare comparison would become part of the join, for which all of RECORDS would be hashed.
    query = (
        f"SELECT row, hash{values} FROM ({unite(views)}) JOIN {wanted} USING (id) WHERE coalesce(hash <> {now}, true)"
    )
    try:
        found = guard(session, views, query)
    finally:
        session.unregister(wanted)
    changed = [row for row, then, *held in found if hash_content(columns, held) != then]
    return np.array(changed, dtype=np.int64)


def read_sources(records: RecordSource, joint: bool, column: str) -> tuple[NDArray[Any], NDArray[np.int32], list[str]]:
    """Read the source of each record that has one: its id, the number of its source, and the names of the sources.

    Raises InputError where RECORDS have no such column. Cost: one pass over RECORDS and a sort.
    """
    for part in records.source.parts:
        find_column(part, "RECORDS", column, "Check --one-per.")
    views = _select(records, joint, [column])
    kept = f"(SELECT id, c0 FROM ({unite(views)}) WHERE c0 IS NOT NULL AND c0 <> '')"
    names = [row[0] for row in guard(records.session, views, f"SELECT DISTINCT c0 FROM {kept} ORDER BY c0")]
    code = "CAST(dense_rank() OVER (ORDER BY c0) - 1 AS INTEGER)"
    columns = guard_arrays(records.session, views, f"SELECT id, {code} AS code FROM {kept}")
    return np.ma.getdata(columns["id"]), np.ma.getdata(columns["code"]).astype(np.int32), names


def need_records(records: RecordSource | None, option: str) -> RecordSource:
    """Take RECORDS, which an option needs. Raises InputError where there are none."""
    if records is None:
        raise InputError(f"{option} names a column of RECORDS, and there are none.", hint="Give them with --records.")
    return records
