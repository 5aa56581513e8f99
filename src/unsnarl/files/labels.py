"""Labelled records: id and cluster of each, from a RUN or any table, and where the records of one stand in another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError
from unsnarl.files.parts import first_line
from unsnarl.files.runs import RunFiles, open_run
from unsnarl.files.session import EngineError, Session
from unsnarl.files.truth import query_clusters

ABSENT = -1


@dataclass(frozen=True)
class Labelled:
    """Hold labelled records, in the order of their ids (UTF-8 bytes).

    table      name of a table in the session, with the ids in order
    number_of  int32[n]   cluster of each record; clusters are numbered in the order of their smallest record
    labels     object[k]  of str: what each cluster is called
    """

    table: str
    number_of: NDArray[np.int32]
    labels: NDArray[Any]


def _fetch(session: Session, query: str) -> dict[str, NDArray[Any]]:
    """Fetch columns that hold no nulls."""
    return {name: np.ma.getdata(array) for name, array in session.arrays(query).items()}


def _scatter(columns: dict[str, NDArray[Any]], n_rows: int) -> NDArray[np.int32]:
    """Put `number` where `position` says; ABSENT elsewhere."""
    placed = np.full(n_rows, ABSENT, dtype=np.int32)
    placed[columns["position"]] = columns["number"]
    return placed


def read_labels(session: Session, query: str) -> Labelled:
    """Read labelled records.

    query  SQL with id and label, each text and not null, in the order of ids, none of them twice

    Raises EngineError where it cannot be read. Cost: a join by label.
    """
    rows, names = session.make_name("labelled"), session.make_name("names")
    # Rows keep the order they come in, so that rowid is the position.
    session.run(f"CREATE TEMP TABLE {rows} AS {query}")
    session.run(f"CREATE TEMP TABLE {names} AS SELECT label, min(rowid) AS first FROM {rows} GROUP BY label")
    n_rows = int(session.value(f"SELECT count(*) FROM {rows}"))
    found = _fetch(session, f"SELECT r.rowid AS position, first AS number FROM {rows} AS r JOIN {names} USING (label)")
    first = _scatter(found, n_rows)
    number = np.cumsum(first == np.arange(n_rows)) - 1
    called = _fetch(session, f"SELECT label FROM {names} ORDER BY first")
    session.run(f"DROP TABLE {names}")
    return Labelled(rows, number.astype(np.int32)[first], called["label"])


def read_run_labels(session: Session, run: RunFiles) -> Labelled:
    """Read the clusters of a RUN."""
    try:
        return read_labels(session, f"SELECT id, cluster_id AS label FROM {run.scan('clusters')}")
    except EngineError as error:
        raise InputError(f"{run.path('clusters')} cannot be read: {first_line(error)}") from None


def read_retired(session: Session, run: RunFiles) -> frozenset[str]:
    """Read the cluster ids that a RUN says may not be given again; none where it gave no ids of its own."""
    if not run.has("retired_ids"):
        return frozenset()
    return frozenset(run.read(session, "retired_ids")["cluster_id"].tolist())


def read_any_labels(session: Session, given: Any, record_id: str | None, cluster_id: str | None) -> Labelled:
    """Read the clusters of a RUN, or of a table with two columns, record id and cluster.

    given       the folder of a RUN, or as for `open_source`
    record_id   column of a table with the record id (default: found by name)
    cluster_id  column of a table with the cluster (default: the other of two, or found by name)

    Raises InputError where it cannot be read, or breaks the contract: null or empty values, repeated ids.
    """
    if isinstance(given, (str, os.PathLike)) and os.path.isdir(given) and _is_run(given):
        return read_run_labels(session, open_run(given))
    return read_labels(session, f"{query_clusters(session, given, record_id, cluster_id)} ORDER BY id")


def _is_run(folder: str | os.PathLike[str]) -> bool:
    """Say whether a folder is to be read as a RUN: it has files of one, or no files of tables at all."""
    names = os.listdir(folder)
    return "run.json" in names or "clusters.parquet" in names or not any(os.path.splitext(name)[1] for name in names)


def find_places(session: Session, old: str, new: str, n_old: int) -> NDArray[np.int32]:
    """Say where the records of one table stand in another; ABSENT where they do not.

    old, new  tables with the ids in order
    n_old     rows of the one

    Cost: a join by id.
    """
    joined = f"SELECT o.rowid AS position, n.rowid AS number FROM {old} AS o JOIN {new} AS n USING (id)"
    return _scatter(_fetch(session, joined), n_old)
