"""From whatever the caller gives to a Source: the one place that looks at what it is."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

from unsnarl.errors import InputError
from unsnarl.files.databases import is_database, open_database, split_table
from unsnarl.files.delimited import open_delimited
from unsnarl.files.intake import open_frame
from unsnarl.files.jsonlines import open_json
from unsnarl.files.parquet import open_parquet
from unsnarl.files.parts import FrameKind, Part, Source, first_line
from unsnarl.files.paths import find_files, find_format
from unsnarl.files.session import Session


def _find_format_by_content(path: str) -> str:
    """Tell the format of a file whose name does not say it."""
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 12)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if is_database(path):
        return "database"
    return "json" if head.lstrip().startswith((b"{", b"[")) else "delimited"


def _open_arrow_file(session: Session, path: str) -> Part:
    """Read an Arrow IPC file (or stream, or Feather) through pyarrow or Polars, whichever is installed."""
    if importlib.util.find_spec("pyarrow") is None and importlib.util.find_spec("polars") is None:
        raise InputError(
            f"{path} is an Arrow file, and neither pyarrow nor Polars is installed.", hint="pip install pyarrow"
        )
    try:
        if importlib.util.find_spec("pyarrow") is not None:
            arrow, ipc = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.ipc")
            source = arrow.memory_map(path)
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            frame = (ipc.open_file(source) if is_file else ipc.open_stream(source)).read_all()
        else:
            frame = importlib.import_module("polars").read_ipc(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {first_line(error)}") from None
    part, _ = open_frame(session, frame, "PAIRS")
    return Part(path, part.columns, part.table)


def open_file(session: Session, path: str, sep: str | None) -> Part:
    """Describe one file by its name, or by its content where the name does not say."""
    file, table = split_table(path)
    form = "database" if table is not None else find_format(path) or _find_format_by_content(path)
    if form == "database":
        return open_database(session, file, table)
    if form == "arrow":
        return _open_arrow_file(session, path)
    if form == "parquet":
        return open_parquet(session, path)
    if form == "json":
        return open_json(session, path)
    return open_delimited(session, path, sep)


def _is_path(given: object) -> bool:
    return isinstance(given, (str, os.PathLike))


def open_source(session: Session, given: Any, role: str, sep: str | None = None) -> Source:
    """Open what was given as PAIRS, RECORDS or TRUTH; no rows are read yet, save from one-shot streams.

    given  a path, glob, folder, or a list of these; a pandas, Polars or Arrow frame, a DuckDB relation, a Splink
           frame, anything with __arrow_c_stream__, a list of dicts, a dict of lists
    sep    separator of CSV files (default: found out)

    Raises InputError where it cannot be read, and for a Spark frame, which would be collected without a word.
    """
    if _is_path(given):
        given = [given]
    if isinstance(given, (list, tuple)) and given and all(_is_path(item) for item in given):
        paths = find_files(given, role)
        return Source(
            role,
            [open_file(session, path, sep) for path in paths],
            FrameKind("path"),
            [split_table(path)[0] for path in paths],
        )
    part, kind = open_frame(session, given, role)
    return Source(role, [part], kind)
