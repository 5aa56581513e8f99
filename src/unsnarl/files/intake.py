"""Frames and Python lists as sources: which kind it is, and how DuckDB comes to see its rows.

Everything that speaks the Arrow C stream goes through a capsule shim, so that no pyarrow is needed; pandas columns
and Python lists become NumPy arrays of one declared type each, so that `1` beside `"1"` is seen and not converted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import InputError
from unsnarl.files.parts import Column, FrameKind, Part, first_line
from unsnarl.files.session import EngineError, Session

_NULL_TYPE = '"NULL"'
MIXED = "MIXED"
"""Type of a Python column that holds integers beside texts; as an id column it is refused."""


class ArrowCapsule:
    """Show DuckDB an object by its Arrow C stream alone: it has special ways with Polars that need pyarrow."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Pass the request on."""
        return self._frame.__arrow_c_stream__(requested_schema)


def _is_missing(value: object) -> bool:
    """Say whether a Python value stands for null: None, NaN, pandas' NA and NaT."""
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def _is_number(value: object) -> bool:
    return _is_whole(value) or isinstance(value, (float, np.floating, Decimal))


def _as_texts(values: Sequence[Any]) -> NDArray[Any]:
    """Write each value as text, missing ones as None; a float32 as the shortest decimal it prints as."""
    texts = np.empty(len(values), dtype=object)
    texts[:] = [None if _is_missing(value) else str(value) for value in values]
    return texts


def to_typed_array(values: Sequence[Any]) -> tuple[NDArray[Any], str]:
    """Turn Python values into an array DuckDB can read, and the type they have as a column.

    The type is VARCHAR, BIGINT (whole numbers, as decimal text), DOUBLE (numbers, as decimal text), MIXED, or
    the name of the Python class that is none of these.

    >>> array, type_ = to_typed_array([1, None, 3])
    >>> list(array), type_
    (['1', None, '3'], 'BIGINT')
    """
    present = [value for value in values if not _is_missing(value)]
    classes = {type(value) for value in present}
    samples = [next(value for value in present if type(value) is kind) for kind in classes]
    if all(isinstance(sample, str) for sample in samples):
        type_ = "VARCHAR" if samples else _NULL_TYPE
    elif all(_is_whole(sample) for sample in samples):
        type_ = "BIGINT"
    elif all(_is_number(sample) for sample in samples):
        type_ = "DOUBLE"
    elif all(isinstance(sample, str) or _is_number(sample) for sample in samples):
        type_ = MIXED
    else:
        odd = next(sample for sample in samples if not (isinstance(sample, str) or _is_number(sample)))
        type_ = type(odd).__name__
    return _as_texts(values), type_


def _register_arrays(session: Session, name: str, columns: Mapping[str, tuple[NDArray[Any], str]]) -> Part:
    """Show DuckDB a set of arrays under positional names."""
    arrays = {f"c{position}": array for position, (array, _) in enumerate(columns.values())}
    try:
        table = session.register("frame", arrays)
        described = {
            column: Column(f"CAST(c{position} AS VARCHAR)" if array.dtype == object else f"c{position}", type_)
            for position, (column, (array, type_)) in enumerate(columns.items())
        }
        session.rows(f"SELECT count(COLUMNS(*)) FROM {table}")
    except EngineError as error:
        raise InputError(f"{name} cannot be read: {first_line(error)}") from None
    return Part(name, described, table)


def _open_lists(session: Session, columns: Mapping[str, Sequence[Any]], name: str, role: str) -> Part:
    """Open a dict of equally long lists."""
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        examples = [f"{column}: {length} rows" for column, length in lengths.items()]
        raise InputError(f"{role}: the columns differ in length.", examples=examples, hint="Give lists of one length.")
    if not columns:
        raise InputError(f"{role}: {name} has no columns.", hint="For no rows at all give a dict of empty lists.")
    return _register_arrays(session, name, {str(column): to_typed_array(values) for column, values in columns.items()})


def _open_dicts(session: Session, rows: Sequence[Any], role: str) -> Part:
    """Open a list of dicts; a key that a row lacks is null there."""
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InputError(
                f"{role}: row {position + 1} of the list is {type(row).__name__}, not a dict.",
                hint="Give dicts such as {'id_l': 'a', 'id_r': 'b', 'score': 0.9}.",
            )
    if not rows:
        names = {"PAIRS": ("id_l", "id_r", "score"), "RECORDS": ("id",)}.get(role, ("id", "entity"))
        return _open_lists(session, {name: [] for name in names}, "the list of dicts", role)
    keys: dict[str, None] = {}
    for row in rows:
        keys.update(dict.fromkeys(row))
    return _open_lists(session, {key: [row.get(key) for row in rows] for key in keys}, "the list of dicts", role)


def _read_pandas_column(column: Any) -> tuple[NDArray[Any], str]:
    """Turn one pandas column into an array and its type; NumPy numbers pass as they are."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        width = column.dtype.itemsize * 8
        name = {"f32": "FLOAT", "f64": "DOUBLE", "f16": "FLOAT"}.get(f"f{width}", "DOUBLE")
        array = column.to_numpy()
        if column.dtype.kind == "f":
            return (array.astype(np.float32) if width == 16 else array), name
        return array, "BIGINT"
    values = column.astype(object).tolist()
    if str(column.dtype).startswith(("float", "Float", "double")) and any(not _is_missing(value) for value in values):
        return _as_texts(values), "DOUBLE"
    return to_typed_array(values)


def _open_pandas(session: Session, frame: Any, role: str) -> Part:
    """Open a pandas frame or series; an index with names joins the columns, one of two ids becomes the pair."""
    if type(frame).__name__ == "Series":
        frame = frame.to_frame(name="score" if frame.name in (None, 0) else frame.name)
    levels = frame.index.nlevels
    if role == "PAIRS" and levels == 2:
        frame = frame.set_axis(frame.index.set_names(["id_l", "id_r"]), axis=0).reset_index()
    elif levels == 1 and frame.index.name is not None and frame.index.name not in frame.columns:
        frame = frame.reset_index()
    if frame.columns.duplicated().any():
        twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
        raise InputError(
            f"{role}: the pandas DataFrame has columns of the same name.", examples=twice, hint="Rename them."
        )
    columns = {str(name): _read_pandas_column(frame[name]) for name in frame.columns}
    return _register_arrays(session, "the pandas DataFrame", columns)


def _open_stream(session: Session, frame: Any, name: str, once: bool) -> Part:
    """Open anything with an Arrow C stream; what can be read only once is copied to a table first."""
    try:
        table = session.register("stream", ArrowCapsule(frame))
        if once:
            copy = session.make_name("copy")
            session.run(f"CREATE TEMP TABLE {copy} AS SELECT * FROM {table}")
            session.unregister(table)
            table = copy
        described = session.describe(table)
    except EngineError as error:
        raise InputError(f"{name} cannot be read: {first_line(error)}") from None
    positions = ", ".join(f"c{position}" for position in range(len(described)))
    columns = {column: Column(f"c{position}", type_) for position, (column, type_) in enumerate(described)}
    return Part(name, columns, f"(SELECT * FROM {table}) AS renamed({positions})")


def _refuse_spark(frame: Any, role: str) -> None:
    """Refuse a Spark frame before its Arrow stream is touched: that would collect it to this machine."""
    modules = [kind.__module__.partition(".")[0] for kind in type(frame).__mro__]
    if "pyspark" in modules:
        raise InputError(
            f"{role}: this is a Spark DataFrame; reading it here would collect all of it to this machine.",
            hint="Write it to a folder of Parquet files and give that, or call .toArrow() if it fits into memory.",
        )


def _find_frame_kind(frame: Any) -> FrameKind:
    """Name the kind of a frame by the package its class comes from."""
    package = type(frame).__module__.partition(".")[0]
    kind = type(frame).__name__
    if package == "polars":
        return FrameKind("polars_lazy" if kind == "LazyFrame" else "polars")
    if package in ("duckdb", "_duckdb"):
        return FrameKind("duckdb", frame)
    return FrameKind(package if package in ("pandas", "pyarrow") else "path")


def _open_arrow(session: Session, frame: Any) -> tuple[Part, FrameKind]:
    """Open a Polars or Arrow frame, a DuckDB relation, or another owner of an Arrow C stream."""
    kind = _find_frame_kind(frame)
    if kind.name == "polars_lazy":
        frame = frame.collect()
    name = {"polars_lazy": "polars LazyFrame", "path": type(frame).__name__}.get(
        kind.name, f"{kind.name} {type(frame).__name__}"
    )
    lasting = kind.name in ("polars", "polars_lazy") or (kind.name == "pyarrow" and hasattr(frame, "num_columns"))
    return _open_stream(session, frame, f"the {name}", once=not lasting), kind


def open_frame(session: Session, given: Any, role: str) -> tuple[Part, FrameKind]:
    """Open a frame or a Python collection; gives its part and which kind it is.

    Raises InputError for a Spark frame (looked at first), and for what is no table at all.
    """
    _refuse_spark(given, role)
    if hasattr(given, "as_duckdbpyrelation"):
        given = given.as_duckdbpyrelation()
    elif hasattr(given, "as_record_list"):
        given = given.as_record_list()
    if type(given).__module__.startswith("pandas") and hasattr(given, "index"):
        return _open_pandas(session, given, role), FrameKind("pandas")
    if isinstance(given, np.ndarray) and given.dtype.names and {"pairs", "score"} <= set(given.dtype.names):
        columns = {
            "id_l": given["pairs"][:, 0].tolist(),
            "id_r": given["pairs"][:, 1].tolist(),
            "score": list(given["score"]),
        }
        return _open_lists(session, columns, "the array of pairs", role), FrameKind("columns")
    if hasattr(given, "__arrow_c_stream__") or type(given).__name__ == "LazyFrame":
        return _open_arrow(session, given)
    if isinstance(given, Mapping):
        return _open_lists(session, given, "the dict of lists", role), FrameKind("columns")
    if isinstance(given, (list, tuple)):
        return _open_dicts(session, given, role), FrameKind("dicts")
    raise InputError(
        f"{role}: {type(given).__name__} is no table unsnarl can read.",
        hint="Give a path, a pandas, Polars or Arrow frame, a DuckDB relation, a list of dicts or a dict of lists.",
    )
