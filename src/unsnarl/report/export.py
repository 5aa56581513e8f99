"""A table as a file of its own, or as lines of CSV."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unsnarl.errors import InputError, UsageError
from unsnarl.files.atomic import write_file
from unsnarl.files.runs import MANIFEST
from unsnarl.files.session import Columns, Session, quote_name, quote_text
from unsnarl.files.tables import DECIDED_SCHEMA, LINEAGE, SCHEMAS, with_content, write_value

ENDINGS = (".csv", ".parquet")
_BLOCK_ROWS = 20_000
_TYPES = {"clusters": with_content({**SCHEMAS["clusters"], **DECIDED_SCHEMA}), "lineage": LINEAGE}
"""Tables that can be written alone, with their columns' SQL types."""


def refuse_file(path: str, force: bool) -> None:
    """Refuse, before the work starts, a file that exists or whose ending says nothing.

    Raises UsageError for the ending, InputError where the file exists and `force` is not given.
    """
    if Path(path).suffix not in ENDINGS:
        raise UsageError(f"{path} does not end in {' or '.join(ENDINGS)}.", hint="The ending decides the format.")
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise InputError(f"{path} cannot be made: there is no such folder.", hint="Make the folder first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{path} cannot be made: you cannot write to its folder.", hint="Choose another place.")
    if (folder / MANIFEST).is_file():
        raise InputError(
            f"{path} would lie inside a RUN, which is never changed.", hint="Write the clusters to another folder."
        )
    if os.path.lexists(path) and (not force or Path(path).is_dir()):
        raise InputError(f"{path} exists already.", hint="Choose another name, or replace it with --force.")


def format_csv(columns: Columns) -> Iterator[str]:
    """Write a table as CSV, with a header, in blocks of many lines."""
    lists = [column.tolist() for column in columns.values()]
    n_rows = len(lists[0])
    for first in range(0, max(n_rows, 1), _BLOCK_ROWS):
        block = io.StringIO()
        writer = csv.writer(block, lineterminator="\n")
        if first == 0:
            writer.writerow(columns)
        writer.writerows(zip(*(column[first : first + _BLOCK_ROWS] for column in lists), strict=True))
        yield block.getvalue()


def _make_parquet(table: str, columns: Columns) -> bytes:
    """Write a table as Parquet, with the types it has in a RUN."""
    types = {name: _TYPES[table][name] for name in columns}
    arrays = {f"c{position}": array for position, array in enumerate(columns.values())}
    items = ", ".join(
        f"{write_value(f'c{position}', name, type_)} AS {quote_name(name)}"
        for position, (name, type_) in enumerate(types.items())
    )
    with tempfile.TemporaryDirectory(prefix="unsnarl-") as folder, Session(threads=1) as session:
        path = Path(folder) / "table.parquet"
        view = session.register("table", arrays)
        session.run(f"COPY (SELECT {items} FROM {view}) TO {quote_text(str(path))} (FORMAT parquet, COMPRESSION zstd)")
        return path.read_bytes()


def write_table(path: str, table: str, columns: Columns, force: bool) -> None:
    """Write a table, clusters or lineage, to one file, whole or not at all: .parquet or .csv."""
    refuse_file(path, force)
    is_csv = Path(path).suffix == ".csv"
    write_file(path, "".join(format_csv(columns)).encode() if is_csv else _make_parquet(table, columns))
