"""Parquet files: the schema is read here, and what is wrong with a file that is not one."""

from __future__ import annotations

import os

from unsnarl.errors import InputError
from unsnarl.files.parts import Column, Part, Scan, first_line
from unsnarl.files.session import EngineError, Session, quote_name, quote_text

_MAGIC = b"PAR1"
_OPTIONS = ", hive_partitioning=false, union_by_name=false, binary_as_string=true"


def _check_magic(path: str) -> None:
    """Look at the first and last four bytes: a Parquet file has PAR1 at both ends."""
    try:
        with open(path, "rb") as file:
            head = file.read(4)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 4))
            tail = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if size == 0:
        raise InputError(
            f"{path} is empty.", hint="Even a Parquet file without rows has a schema; write the file anew."
        )
    if head != _MAGIC:
        raise InputError(
            f"{path} is not a Parquet file: it begins with {head!r}.",
            hint="If it is text, rename it to end in .csv or .jsonl.",
        )
    if tail != _MAGIC or size < 12:
        raise InputError(
            f"{path} is cut off: a Parquet file ends in {_MAGIC!r}, this one in {tail!r}.",
            hint="The copy or the program that wrote it was interrupted; get the file again.",
        )


def _name_columns(session: Session, scan: Scan) -> dict[str, Column]:
    """Name each column as the file does; of two with one name the second becomes `name (column 3)`, as in CSV.

    DuckDB renames it to `name_1`, and also a name that differs from another in upper and lower case only.
    """
    paths = ", ".join(quote_text(path) for path in scan.paths)
    written = {name for (name,) in session.rows(f"SELECT name FROM parquet_schema([{paths}])")}
    columns: dict[str, Column] = {}
    for position, (name, type_) in enumerate(session.describe(scan.table()), 1):
        own = name if name in written else name.rpartition("_")[0]
        key = own if own not in columns else f"{own} (column {position})"
        columns[key] = Column(quote_name(name), type_)
    return columns


def _explain(path: str, error: Exception) -> InputError:
    return InputError(
        f"{path} is damaged: {first_line(error)}", hint="Get the file again, or write it anew from where it came from."
    )


def open_parquet(session: Session, path: str) -> Part:
    """Describe one Parquet file; its rows are not read yet.

    Raises InputError for a file that is empty, cut off, damaged or not Parquet.
    """
    _check_magic(path)
    scan = Scan("read_parquet", (os.path.abspath(path),), _OPTIONS)
    try:
        columns = _name_columns(session, scan)
    except EngineError as error:
        raise _explain(path, error) from None
    return Part(path, columns, scan.table(), scan, explain=lambda _, error: _explain(path, error))
