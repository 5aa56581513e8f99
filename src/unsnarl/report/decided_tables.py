"""What people decided, in the tables of a RUN; loads nothing heavy, since looking at a finished run does without."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unsnarl.files.session import Columns
from unsnarl.files.tables import DECIDED_SCHEMA, DECISION_SCHEMA, VIOLATION_SCHEMA, TableColumns

Schemas = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Decided:
    """Hold what decisions say and did.

    columns     of the table of clusters: for each record how many applied events say it is the same as another, and
                different from one; none where no event applies
    table       a row for each event, by DECISION_SCHEMA; None where there are none, or where the clusters are of
                another cut than it tells of
    violations  a row for each cluster and source of which it has several records; None without --one-per
    counts      for run.json
    notes       in sentences
    """

    columns: Columns
    table: TableColumns | None = None
    violations: TableColumns | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def tables(self) -> dict[str, tuple[dict[str, str], TableColumns]]:
        """Give the tables that a RUN has more than others, with their columns' SQL types."""
        found = {"decisions": (DECISION_SCHEMA, self.table), "violations": (VIOLATION_SCHEMA, self.violations)}
        return {
            name: ({column: type_ for column, type_ in schema.items() if column in table}, table)
            for name, (schema, table) in found.items()
            if table is not None
        }


def for_another_cut(decided: Decided | None) -> Decided | None:
    """Give what holds at any cut: what events did is told of one cut only."""
    return None if decided is None else dataclasses.replace(decided, table=None, violations=None)


def decided_schemas(schemas: Schemas, decided: Decided | None) -> Schemas:
    """Give the columns of the tables of a run with decisions."""
    if decided is None:
        return schemas
    clusters = {**schemas["clusters"], **{name: DECIDED_SCHEMA[name] for name in decided.columns}}
    return {**schemas, "clusters": clusters}


def read_decided(clusters: Columns) -> Decided | None:
    """Take from a table of clusters what was decided of each record; None where nothing was."""
    columns = {name: clusters[name] for name in DECIDED_SCHEMA if name in clusters}
    return Decided(columns) if columns else None
