"""TRUTH: which entity each record is, from two columns; any table of id and label will do."""

from __future__ import annotations

from typing import Any

import numpy as np

from unsnarl.errors import InputError
from unsnarl.files.columns import find_entity_column, find_record_column
from unsnarl.files.identifiers import read_id
from unsnarl.files.parts import Part, Source, show
from unsnarl.files.rows import View, count_rows, find_rows, guard, guard_arrays, input_error, say_rows, unite
from unsnarl.files.session import Session
from unsnarl.files.sources import open_source

_EMPTY = "id IS NULL OR id = '' OR entity IS NULL OR entity = ''"


def _make_view(session: Session, part: Part, id_column: str | None, entity_column: str | None) -> View:
    """Select id and entity of one part, as text."""
    id_name = find_record_column(part, "TRUTH", id_column)
    entity_name = find_entity_column(part, id_name, entity_column)
    identifier = read_id(session, part, "TRUTH", id_name)[0]
    entity = read_id(session, part, "TRUTH", entity_name)[0]
    return View(part, (("id", identifier), ("entity", entity)))


def _check_rows(session: Session, views: list[View]) -> None:
    """Refuse rows without id or entity, and ids that occur again."""
    n_empty = count_rows(session, views, _EMPTY)
    if n_empty:
        rows = find_rows(session, views, _EMPTY, ["id", "entity"])
        examples = [f"{name}, row {row}: id {show(value)}, entity {show(entity)}" for name, row, value, entity in rows]
        raise input_error(
            f"TRUTH: {say_rows(n_empty)} without an id or an entity.",
            examples,
            "Leave out records whose entity is not known.",
        )
    repeated = f"SELECT id FROM ({unite(views)}) GROUP BY id HAVING count(*) > 1"
    n_repeated = guard(session, views, f"SELECT count(*) FROM ({repeated})")[0][0]
    if n_repeated:
        rows = find_rows(session, views, f"id IN ({repeated})", ["id"])
        examples = [f"{name}, row {row}: {show(value)}" for name, row, value in rows]
        said = "1 id occurs" if n_repeated == 1 else f"{n_repeated:,} ids occur"
        raise input_error(f"TRUTH: {said} more than once.", examples, "Give each record one entity.")


def read_truth(
    session: Session, given: Any, id_column: str | None = None, entity_column: str | None = None, sep: str | None = None
) -> dict[str, Any]:
    """Read TRUTH.

    given          as for `open_source`
    id_column      name of the id column (default: found by name)
    entity_column  name of the entity column (default: the other of two, or found by name)
    sep            separator of CSV files (default: found out)

    Gives `ids`, a list of str sorted by UTF-8 bytes, and `entities`, int64[len(ids)], equal for records of one
    entity. Raises InputError for what breaks the contract: unreadable files, null or empty values, repeated ids.
    """
    source: Source = open_source(session, given, "TRUTH", sep)
    views = [_make_view(session, part, id_column, entity_column) for part in source.parts]
    _check_rows(session, views)
    entity = "CAST(dense_rank() OVER (ORDER BY entity) - 1 AS BIGINT) AS entity"
    query = f"SELECT id, {entity} FROM ({unite(views)}) ORDER BY id"
    columns = guard_arrays(session, views, query)
    if not len(columns["id"]):
        raise InputError("TRUTH has no rows.", hint="Give the entity of some records at least.")
    return {"ids": np.ma.getdata(columns["id"]).tolist(), "entities": np.ma.getdata(columns["entity"]).astype(np.int64)}
