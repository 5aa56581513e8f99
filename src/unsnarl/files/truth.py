"""TRUTH: which entity each record is, from two columns; any table of id and label will do, one of clusters too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unsnarl.errors import InputError
from unsnarl.files.columns import find_column, find_label_column, find_record_column
from unsnarl.files.identifiers import read_id
from unsnarl.files.parts import Part, Source, show
from unsnarl.files.rows import View, count_rows, find_rows, guard, guard_arrays, input_error, say_rows, unite
from unsnarl.files.session import Session
from unsnarl.files.sources import open_source

_EMPTY = "id IS NULL OR id = '' OR entity IS NULL OR entity = ''"


@dataclass(frozen=True)
class _Words:
    """Say what messages call the table, what it says of a record, and what to do where it does not."""

    role: str
    label: str
    hint_empty: str
    hint_repeated: str


_TRUTH = _Words("TRUTH", "entity", "Leave out records whose entity is not known.", "Give each record one entity.")
_CLUSTERS = _Words("CLUSTERS", "cluster", "Give each record its cluster.", "Each record is in one cluster.")
_TRUTH_OPTION, _CLUSTER_OPTION = ("entity", "truth-entity"), ("cluster", "cluster-id")
"""What the label is called, and the option that names its column."""


def _make_view(session: Session, part: Part, role: str, id_name: str, entity_name: str) -> View:
    """Select id and label of one part, as text."""
    identifier = read_id(session, part, role, id_name)[0]
    entity = read_id(session, part, role, entity_name)[0]
    return View(part, (("id", identifier), ("entity", entity)))


def _check_rows(session: Session, views: list[View], words: _Words) -> None:
    """Refuse rows without id or label, and ids that occur again."""
    n_empty = count_rows(session, views, _EMPTY)
    if n_empty:
        rows = find_rows(session, views, _EMPTY, ["id", "entity"])
        examples = [
            f"{name}, row {row}: id {show(value)}, {words.label} {show(entity)}" for name, row, value, entity in rows
        ]
        article = "an" if words.label == "entity" else "a"
        problem = f"{words.role}: {say_rows(n_empty)} without an id or {article} {words.label}."
        raise input_error(problem, examples, words.hint_empty)
    repeated = f"SELECT id FROM ({unite(views)}) GROUP BY id HAVING count(*) > 1"
    n_repeated = guard(session, views, f"SELECT count(*) FROM ({repeated})")[0][0]
    if n_repeated:
        rows = find_rows(session, views, f"id IN ({repeated})", ["id"])
        examples = [f"{name}, row {row}: {show(value)}" for name, row, value in rows]
        said = "1 id occurs" if n_repeated == 1 else f"{n_repeated:,} ids occur"
        raise input_error(f"{words.role}: {said} more than once.", examples, words.hint_repeated)


def _read_labels(session: Session, views: list[View], words: _Words) -> dict[str, Any]:
    """Check the rows and read them, in the order of the ids; labels become numbers."""
    _check_rows(session, views, words)
    entity = "CAST(dense_rank() OVER (ORDER BY entity) - 1 AS BIGINT) AS entity"
    query = f"SELECT id, {entity} FROM ({unite(views)}) ORDER BY id"
    columns = guard_arrays(session, views, query)
    if not len(columns["id"]):
        raise InputError(f"{words.role} has no rows.", hint=f"Give the {words.label} of some records at least.")
    return {"ids": np.ma.getdata(columns["id"]).tolist(), "entities": np.ma.getdata(columns["entity"]).astype(np.int64)}


def read_cluster_table(session: Session, given: Any) -> dict[str, Any]:
    """Read a table of clusters, with the columns id and cluster_id; gives and raises what `read_truth` does."""
    source: Source = open_source(session, given, _CLUSTERS.role)
    views = []
    for part in source.parts:
        names = [find_column(part, _CLUSTERS.role, name) for name in ("id", "cluster_id")]
        views.append(_make_view(session, part, _CLUSTERS.role, *names))
    return _read_labels(session, views, _CLUSTERS)


def query_clusters(session: Session, given: Any, id_column: str | None, cluster_column: str | None) -> str:
    """Check a table of record id and cluster, found as TRUTH's columns are, and give SQL with id and label, text both.

    Raises InputError for what breaks the contract: unreadable files, null or empty values, repeated ids, no rows.
    """
    role = _CLUSTERS.role
    views = []
    for part in open_source(session, given, role).parts:
        id_name = find_record_column(part, role, id_column, "record-id")
        label_name = find_label_column(part, role, id_name, cluster_column, _CLUSTER_OPTION)
        views.append(_make_view(session, part, role, id_name, label_name))
    _check_rows(session, views, _CLUSTERS)
    if not count_rows(session, views):
        raise InputError(f"{role} has no rows.", hint="Give the cluster of some records at least.")
    return f"SELECT id, entity AS label FROM ({unite(views)})"


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
    views = []
    for part in source.parts:
        id_name = find_record_column(part, "TRUTH", id_column, "truth-id")
        entity_name = find_label_column(part, "TRUTH", id_name, entity_column, _TRUTH_OPTION)
        views.append(_make_view(session, part, "TRUTH", id_name, entity_name))
    return _read_labels(session, views, _TRUTH)
