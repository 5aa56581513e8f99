"""From indexes to the tables a user sees: clusters, merges, components, with the ids as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unsnarl.files.arrow import Column, Table, Texts, pack_objects
from unsnarl.files.session import Columns
from unsnarl.model import Clustering, Components, Forest, Pairs, to_score_units
from unsnarl.slices import Slices

SCHEMAS = {
    "clusters": {
        "id": "VARCHAR",
        "cluster_id": "VARCHAR",
        "cluster_size": "INTEGER",
        "component_id": "VARCHAR",
        "component_size": "INTEGER",
    },
    "merges": {
        "component_id": "VARCHAR",
        "left_id": "VARCHAR",
        "right_id": "VARCHAR",
        "distance": "DOUBLE",
        "size": "INTEGER",
    },
    "components": {
        "component_id": "VARCHAR",
        "size": "INTEGER",
        "n_pairs": "BIGINT",
        "n_pairs_above_threshold": "BIGINT",
        "n_clusters": "INTEGER",
        "largest_cluster": "INTEGER",
        "content_hash": "VARCHAR",
    },
}
"""Columns of each table and their SQL types, in the order they are written."""

LINEAGE = {"change": "VARCHAR", "old_cluster_id": "VARCHAR", "new_cluster_id": "VARCHAR", "n_records": "BIGINT"}
RETIRED = {"cluster_id": "VARCHAR"}
_MAY_BE_EMPTY = ("old_cluster_id", "new_cluster_id", "effect", "blocked_left", "blocked_right")
_MAY_BE_NAN = ("blocked_distance", "blocked_log_odds")


def with_content(schema: dict[str, str]) -> dict[str, str]:
    """Give the columns of clusters with content_id at the end."""
    return {**schema, "content_id": "VARCHAR"}


def write_value(expression: str, column: str, type_: str) -> str:
    """Write the SQL of a column as it goes into a file: null where what may be missing is '' or NaN."""
    if column in _MAY_BE_NAN:
        expression = f"CASE WHEN isnan({expression}) THEN NULL ELSE {expression} END"
    value = f"NULLIF({expression}, '')" if column in _MAY_BE_EMPTY else expression
    return f"CAST({value} AS {type_})"


DECIDED_SCHEMA = {"decided_same": "INTEGER", "decided_different": "INTEGER"}
"""Columns that the table of clusters has too in a run with decisions that apply."""

DECISION_SCHEMA = {
    "event": "VARCHAR",
    "kind": "VARCHAR",
    "by": "VARCHAR",
    "at": "VARCHAR",
    "status": "VARCHAR",
    "effect": "VARCHAR",
    "n_records": "INTEGER",
    "n_moved": "INTEGER",
    "blocked_left": "VARCHAR",
    "blocked_right": "VARCHAR",
    "blocked_distance": "DOUBLE",
    "blocked_log_odds": "DOUBLE",
}
"""Columns of the table of decisions, which a run with decisions has; of the last two it has one."""

VIOLATION_SCHEMA = {"cluster_id": "VARCHAR", "source": "VARCHAR", "n_records": "INTEGER"}
"""Columns of the table of clusters with several records of one source, which a run with --one-per has."""


class IdList(Protocol):
    """Give the ids of records by their index."""

    def __len__(self) -> int:
        """Count the records."""

    def __getitem__(self, index: Any) -> Any:
        """Give one id, or an object array of those at some indexes."""


@dataclass(frozen=True)
class Names:
    """Stand for a column of ids that need not be made yet.

    index  int32[k]  records, one for each row
    """

    ids: IdList
    index: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.index)

    def texts(self) -> NDArray[Any]:
        """Make the column, an object array of str."""
        texts: NDArray[Any] = self.ids[self.index]
        return texts


TableColumns = Mapping[str, NDArray[Any] | Names]


def unpack(columns: TableColumns) -> Columns:
    """Make the ids of a table's columns."""
    return {name: column.texts() if isinstance(column, Names) else column for name, column in columns.items()}


_BATCH_ROWS = 122_880
_FORMS = {"VARCHAR": "U", "INTEGER": "i", "BIGINT": "l", "DOUBLE": "g"}


def _pack(column: NDArray[Any] | Names, start: int, stop: int) -> Column:
    """Give some rows of a column as Arrow has them."""
    if isinstance(column, Names):
        index = column.index[start:stop]
        if isinstance(column.ids, Slices):
            return Texts(*column.ids.gather(index))
        pack = getattr(column.ids, "pack", None)
        if pack is not None:
            packed: Texts = pack(index)
            return packed
        return pack_objects(column.ids[index])
    return pack_objects(column[start:stop]) if column.dtype == object else np.ascontiguousarray(column[start:stop])


def show_table(schema: Mapping[str, str], columns: TableColumns) -> Table:
    """Show a table to the engine, batch by batch, under the names c0, c1, ...; a content_hash not known is empty."""
    n_rows = len(columns[next(iter(schema))])
    if "content_hash" in schema and "content_hash" not in columns:
        columns = {**columns, "content_hash": np.full(n_rows, "", dtype=object)}

    def batches() -> Iterator[list[Column]]:
        for start in range(0, n_rows, _BATCH_ROWS):
            yield [_pack(columns[column], start, min(n_rows, start + _BATCH_ROWS)) for column in schema]

    return Table([(f"c{i}", _FORMS[type_]) for i, type_ in enumerate(schema.values())], batches)


def make_clusters(ids: IdList, clustering: Clustering, components: Components) -> TableColumns:
    """Make a row for each record, in the order of the ids.

    ids  sorted by UTF-8 bytes: position is the record index
    """
    return {
        "id": Names(ids, np.arange(len(ids), dtype=np.int32)),
        "cluster_id": Names(ids, clustering.cluster_of),
        "cluster_size": clustering.sizes[clustering.cluster_of],
        "component_id": Names(ids, components.component_of),
        "component_size": components.sizes[components.component_of],
    }


def make_merges(ids: IdList, forest: Forest) -> TableColumns:
    """Make a row for each merge, in the order of the forest."""
    return {
        "component_id": Names(ids, forest.component),
        "left_id": Names(ids, forest.left),
        "right_id": Names(ids, forest.right),
        "distance": forest.distance,
        "size": forest.size,
    }


def make_components(ids: IdList, pairs: Pairs, components: Components, threshold: float) -> TableColumns:
    """Make a row for each component of two records or more, in the order of the ids, but for its clusters.

    n_pairs counts every scored pair with both records inside; n_pairs_above_threshold those scoring `threshold`
    or more.
    """
    n_records = len(ids)
    component_of = components.component_of
    names = np.flatnonzero(components.sizes >= 2)
    inside = component_of[pairs.left]
    is_inside = inside == component_of[pairs.right]
    is_above = is_inside & (pairs.score >= to_score_units(threshold))
    return {
        "component_id": Names(ids, names.astype(np.int32)),
        "size": components.sizes[names],
        "n_pairs": np.bincount(inside[is_inside], minlength=n_records)[names].astype(np.int64),
        "n_pairs_above_threshold": np.bincount(inside[is_above], minlength=n_records)[names].astype(np.int64),
    }


def count_clusters(components: Components, clustering: Clustering) -> Columns:
    """Count the clusters, and the records of the largest, in each component of two or more records."""
    component_of = components.component_of
    names = np.flatnonzero(components.sizes >= 2)
    clusters = np.flatnonzero(clustering.sizes)
    largest = np.zeros(len(component_of), dtype=np.int32)
    np.maximum.at(largest, component_of[clusters], clustering.sizes[clusters])
    return {
        "n_clusters": np.bincount(component_of[clusters], minlength=len(component_of))[names].astype(np.int32),
        "largest_cluster": largest[names],
    }
