"""Answers as frames of the caller's own kind."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np

from unsnarl.files.parts import FrameKind
from unsnarl.files.session import Columns, Session

_PREFERRED = ("pandas", "polars", "pyarrow")


def _is_text(array: Any) -> bool:
    return bool(array.dtype == object)


def _to_pandas(columns: Columns) -> Any:
    pandas = importlib.import_module("pandas")
    series = {name: pandas.Series(array, dtype="str" if _is_text(array) else None) for name, array in columns.items()}
    return pandas.DataFrame(series)


def _to_polars(columns: Columns) -> Any:
    polars = importlib.import_module("polars")
    return polars.DataFrame(
        [
            polars.Series(name, array.tolist(), dtype=polars.String) if _is_text(array) else polars.Series(name, array)
            for name, array in columns.items()
        ]
    )


def _to_pyarrow(columns: Columns) -> Any:
    pyarrow = importlib.import_module("pyarrow")
    return pyarrow.table(
        {
            name: pyarrow.array(array.tolist(), pyarrow.large_string()) if _is_text(array) else pyarrow.array(array)
            for name, array in columns.items()
        }
    )


def _to_relation(session: Session, columns: Columns, original: Any) -> Any:
    """Make a relation in the connection of the relation that was given, so that the two can be joined."""
    result = {f"c{position}": array for position, array in enumerate(columns.values())}
    items = ", ".join(
        f"CAST(c{position} AS {'VARCHAR' if _is_text(array) else _SQL_TYPES[array.dtype.name]}) AS {name}"
        for position, (name, array) in enumerate(columns.items())
    )
    name = session.make_name("result")
    # DuckDB finds the local variable `result` by its name; the relation keeps it alive.
    relation = original.query(name, f"SELECT {items} FROM result")
    assert len(result) == len(relation.columns)
    return relation


_SQL_TYPES = {"int32": "INTEGER", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN"}


def _find_installed() -> str:
    """Name the first of pandas, polars, pyarrow that is installed, or columns."""
    for name in _PREFERRED:
        if importlib.util.find_spec(name) is not None:
            return name
    return "arrays"


def to_native(session: Session, columns: Columns, like: FrameKind) -> Any:
    """Give a table as the kind of frame the caller came with.

    columns  name to array, object arrays for text
    like     kind of the caller's PAIRS

    pandas, Polars (a LazyFrame for a LazyFrame), pyarrow Table, DuckDB relation, list of dicts and dict of lists come
    back as they went in. For paths, and for frames of another package, it is a frame of the first installed of
    pandas, polars and pyarrow, or else a dict of NumPy arrays.
    """
    kind = _find_installed() if like.name == "path" else like.name
    if kind == "pandas":
        return _to_pandas(columns)
    if kind in ("polars", "polars_lazy"):
        frame = _to_polars(columns)
        return frame.lazy() if kind == "polars_lazy" else frame
    if kind == "pyarrow":
        return _to_pyarrow(columns)
    if kind == "duckdb":
        return _to_relation(session, columns, like.original)
    if kind == "arrays":
        return {name: np.asarray(array) for name, array in columns.items()}
    lists = {name: array.tolist() for name, array in columns.items()}
    if kind == "columns":
        return lists
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
