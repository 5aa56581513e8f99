"""A source is a list of parts, one for each file or frame; all of them answer to SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unsnarl.errors import InputError
from unsnarl.files.session import EngineError, Session, quote_text


@dataclass(frozen=True)
class Column:
    """Say how SQL reads one column.

    expression  SQL that gives the column, in terms of the part's table
    type        DuckDB's name of the type; CSV columns, whose type nobody declared, are UNTYPED
    """

    expression: str
    type: str


UNTYPED = "UNTYPED"


@dataclass(frozen=True)
class Scan:
    """Hold a table function over files, so that scans of the same shape can be read as one.

    function  read_parquet, read_csv or read_json
    paths     absolute paths
    options   SQL text of the further arguments
    """

    function: str
    paths: tuple[str, ...]
    options: str

    def table(self) -> str:
        """Give the SQL table expression."""
        paths = ", ".join(quote_text(path) for path in self.paths)
        return f"{self.function}([{paths}]{self.options})"


@dataclass(frozen=True)
class Part:
    """Hold one file or frame.

    name     what messages call it: the path as given, or 'the pandas DataFrame'
    columns  name of each column to how it is read, in the order of the file
    table    SQL table expression
    scan     the same for a file, or None
    note     what messages say about how it was read, as: separator ','
    explain  finds out why the file cannot be read, given DuckDB's error
    """

    name: str
    columns: dict[str, Column]
    table: str
    scan: Scan | None = None
    note: str = ""
    explain: Callable[[Session, Exception], InputError] | None = None


@dataclass(frozen=True)
class FrameKind:
    """Say which kind of frame the caller gave, so that the answer can be of the same kind.

    name      path, pandas, polars, polars_lazy, pyarrow, duckdb, dicts or columns
    original  the relation, for duckdb: the answer goes to its connection
    """

    name: str
    original: Any = None


@dataclass(frozen=True)
class Source:
    """Hold everything given as PAIRS, as RECORDS or as TRUTH.

    role   PAIRS, RECORDS or TRUTH: what messages call it
    parts  at least one
    kind   the caller's kind of frame
    paths  the files as the caller named them; empty for frames
    """

    role: str
    parts: list[Part]
    kind: FrameKind
    paths: list[str] = field(default_factory=list)


def show(value: object) -> str:
    """Write an untrusted value for a message: quoted, control characters escaped, never longer than a line.

    >>> show("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' (100 characters)"
    >>> show(None)
    'null'
    """
    if value is None:
        return "null"
    text = str(value)
    if len(text) > 60:
        return f"{text[:56] + '...'!r} ({len(text)} characters)"
    return repr(text)


def first_line(error: Exception) -> str:
    """Give the first line of an engine error, without its class name and cut to a readable length."""
    line = str(error).strip().split("\n")[0]
    line = line.removeprefix("Invalid Input Error: ").removeprefix("IO Error: ")
    printable = "".join(character if character.isprintable() else "?" for character in line)
    return printable if len(printable) <= 200 else printable[:197] + "..."


def explain_failure(session: Session, parts: list[Part], error: Exception) -> InputError:
    """Find the part that cannot be read, and say what is wrong with it."""
    for part in parts:
        # Counting would be answered from a Parquet file's footer; a hash has to look at every value.
        columns = ", ".join(f"bit_xor(hash({column.expression}))" for column in part.columns.values()) or "count(*)"
        try:
            session.rows(f"SELECT {columns} FROM {part.table}")
        except EngineError as found:
            if part.explain is not None:
                return part.explain(session, found)
            return InputError(f"{part.name} cannot be read: {first_line(found)}")
    names = ", ".join(part.name for part in parts[:5])
    return InputError(f"{names}: cannot be read: {first_line(error)}")
