"""Parquet files: the schema is read here, and what is wrong with a file that is not one."""

from __future__ import annotations

import os

from unsnarl.errors import InputError
from unsnarl.files.parts import Column, Part, Scan, first_line
from unsnarl.files.session import EngineError, Session, quote_name

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
        described = session.describe(scan.table())
    except EngineError as error:
        raise _explain(path, error) from None
    columns = {name: Column(quote_name(name), type_) for name, type_ in described}
    return Part(path, columns, scan.table(), scan, explain=lambda _, error: _explain(path, error))
