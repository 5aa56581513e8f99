"""Tables of DuckDB and SQLite files, named as file::table, and of HDF5 files as pandas writes them, as file::key.

A DuckDB file is attached, read-only. The engine's reader of SQLite and HDF5 would have to be fetched from the network,
so these are read by Python, some rows at a time, into a table of the engine's.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from unsnarl.errors import InputError
from unsnarl.files.intake import MIXED, open_frame, to_typed_array
from unsnarl.files.parts import Column, Part, first_line, show
from unsnarl.files.session import EngineError, Session, quote_name, quote_text

SEPARATOR = "::"
HDF5_ENDINGS = (".h5", ".hdf5", ".hdf")
_ROWS_AT_ONCE = 200_000
_SQLITE_MAGIC = b"SQLite format 3\0"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_DUCKDB_MAGIC = b"DUCK"


def split_table(path: str) -> tuple[str, str | None]:
    """Split file::table; a file whose own name has :: in it is taken as it is.

    >>> split_table("a.duckdb::main.pairs"), split_table("a.csv")
    (('a.duckdb', 'main.pairs'), ('a.csv', None))
    """
    file, mark, table = path.rpartition(SEPARATOR)
    return (file, table) if mark and not os.path.exists(path) else (path, None)


def read_head(path: str) -> bytes:
    """Read the first bytes of a file."""
    try:
        with open(path, "rb") as file:
            return file.read(64)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def is_database(path: str) -> bool:
    """Say whether a file is a DuckDB, SQLite or HDF5 file, by its first bytes."""
    head = read_head(path)
    return head.startswith((_SQLITE_MAGIC, _HDF5_MAGIC)) or head[8:12] == _DUCKDB_MAGIC


def _choose(path: str, table: str | None, tables: Sequence[str]) -> str:
    """Choose the table: the one named, or the only one."""
    if table is not None and table in tables:
        return table
    if table is None and len(tables) == 1:
        return tables[0]
    problem = f"{path} has no table {show(table)}." if table is not None else f"{path} has {len(tables)} tables."
    hint = f"Name one of them, as {os.path.basename(path)}{SEPARATOR}TABLE."
    raise InputError(problem, examples=list(tables), hint=hint if tables else "")


def _open_duckdb(session: Session, path: str, table: str | None) -> Part:
    """Attach a DuckDB file."""
    name = session.make_name("database")
    try:
        session.run(f"ATTACH {quote_text(os.path.abspath(path))} AS {name} (READ_ONLY)")
        rows = session.rows(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1 UNION ALL "
            "SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = $1 AND NOT internal ORDER BY ALL",
            [name],
        )
        places = {(view if schema == "main" else f"{schema}.{view}"): (schema, view) for schema, view in rows}
        places |= {f"main.{view}": (schema, view) for schema, view in rows if schema == "main" and table is not None}
        schema, view = places[_choose(path, table, list(places))]
        source = f"{name}.{quote_name(schema)}.{quote_name(view)}"
        columns = {column: Column(quote_name(column), type_) for column, type_ in session.describe(source)}
    except EngineError as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from None
    return Part(f"{path}{SEPARATOR}{view}", columns, source)


def _store(session: Session, name: str, batches: Iterable[dict[str, Any]], types: dict[str, str]) -> Part:
    """Copy batches of columns into a table of the engine's; types are those the columns are taken for."""
    table = session.make_name("copy")
    sql_types = {"BIGINT": "BIGINT", "DOUBLE": "DOUBLE"}
    kinds = [sql_types.get(type_, "VARCHAR") for type_ in types.values()]
    session.run(f"CREATE TEMP TABLE {table} ({', '.join(f'c{i} {kind}' for i, kind in enumerate(kinds))})")
    items = ", ".join(f"CAST(c{i} AS {kind})" for i, kind in enumerate(kinds))
    for batch in batches:
        arrays = {f"c{i}": batch[column] for i, column in enumerate(types)}
        view = session.register("batch", arrays)
        session.run(f"INSERT INTO {table} SELECT {items} FROM {view}")
        session.unregister(view)
    columns = {column: Column(f"c{i}", type_) for i, (column, type_) in enumerate(types.items())}
    return Part(name, columns, table)


_SQLITE_TYPES = {
    frozenset(): '"NULL"',
    frozenset({"text"}): "VARCHAR",
    frozenset({"integer"}): "BIGINT",
    frozenset({"real"}): "DOUBLE",
    frozenset({"integer", "real"}): "DOUBLE",
}


def _open_sqlite(session: Session, path: str, table: str | None) -> Part:
    """Read a table of a SQLite file."""
    try:
        with closing(sqlite3.connect(f"{_as_uri(path)}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
            chosen = quote_name(_choose(path, table, [name for (name,) in found]))
            names = [item[0] for item in connection.execute(f"SELECT * FROM {chosen} LIMIT 0").description]
            types = {}
            for name in names:
                kinds = connection.execute(f"SELECT DISTINCT typeof({quote_name(name)}) FROM {chosen}").fetchall()
                present = frozenset(kind for (kind,) in kinds) - {"null"}
                types[name] = _SQLITE_TYPES.get(present, MIXED)
            cursor = connection.execute(f"SELECT * FROM {chosen}")
            return _store(session, f"{path}{SEPARATOR}{chosen}", _fetch(cursor, types), types)
    except sqlite3.Error as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def _as_uri(path: str) -> str:
    return "file:" + os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _fetch(cursor: sqlite3.Cursor, types: dict[str, str]) -> Iterable[dict[str, Any]]:
    """Give rows of SQLite as columns, some at a time."""
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        batch = {}
        for (name, type_), values in zip(types.items(), zip(*rows, strict=True), strict=True):
            if type_ == "DOUBLE":
                batch[name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
            else:
                batch[name] = to_typed_array(values)[0]
        yield batch


def _open_hdf5(session: Session, path: str, key: str | None) -> Part:
    """Read a frame of an HDF5 file through pandas and PyTables, the whole of it where it was written in one piece."""
    if importlib.util.find_spec("pandas") is None or importlib.util.find_spec("tables") is None:
        raise InputError(
            f"{path} is an HDF5 file, and pandas or PyTables is not installed.", hint="pip install 'unsnarl[hdf5]'"
        )
    pandas = importlib.import_module("pandas")
    try:
        with pandas.HDFStore(path, mode="r") as store:
            keys = [name.lstrip("/") for name in store]
            chosen = _choose(path, key, keys if key or "pairs" not in keys else ["pairs"])
            frame = store.get(chosen)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from None
    part, _ = open_frame(session, frame, "PAIRS" if chosen == "pairs" else "RECORDS")
    return Part(f"{path}{SEPARATOR}{chosen}", part.columns, part.table)


def open_database(session: Session, path: str, table: str | None) -> Part:
    """Describe a table of a DuckDB, SQLite or HDF5 file, told apart by their first bytes.

    Raises InputError where the file is none of these, or has no such table.
    """
    head = read_head(path)
    if head.startswith(_SQLITE_MAGIC):
        return _open_sqlite(session, path, table)
    if head.startswith(_HDF5_MAGIC):
        return _open_hdf5(session, path, table)
    if head[8:12] == _DUCKDB_MAGIC:
        return _open_duckdb(session, path, table)
    raise InputError(f"{path} is no DuckDB, SQLite or HDF5 file.", hint=f"Leave out what follows {SEPARATOR}.")
