"""Rows of a source as SQL: all parts as one query, or one part with its row numbers to find examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unsnarl.errors import InputError
from unsnarl.files.arrow import Column, Table, Texts, pack_objects
from unsnarl.files.delimited import guess_lines
from unsnarl.files.direct import Take, is_possible
from unsnarl.files.parts import FrameKind, Part, Scan, Source, explain_failure
from unsnarl.files.session import Columns, EngineError, Session
from unsnarl.slices import Slices

N_EXAMPLES = 5
ROW_NOTE = "(Rows are data rows, counted from 1; a header line is not counted.)"


@dataclass(frozen=True)
class Selection:
    """Hold a query and the SQL types of its columns."""

    sql: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """Hold what is selected from one part: SQL expressions and the names they get."""

    part: Part
    selected: tuple[tuple[str, str], ...]

    def query(self, table: str | None = None) -> str:
        """Give the SELECT, from the part's table or another of the same shape."""
        items = ", ".join(f"{expression} AS {name}" for name, expression in self.selected)
        return f"SELECT {items} FROM {table or self.part.table}"


def unite(views: Sequence[View]) -> str:
    """Give one query over all parts; neighbouring files of the same shape become one scan."""
    groups: list[list[View]] = []
    for view in views:
        scan, last = view.part.scan, groups[-1][0] if groups else None
        same = scan is not None and last is not None and last.part.scan is not None and last.selected == view.selected
        if same and _shape(view) == _shape(groups[-1][0]):
            groups[-1].append(view)
        else:
            groups.append([view])
    return " UNION ALL ".join(_query_group(group) for group in groups)


def _shape(view: View) -> tuple[object, ...]:
    """Tell what two scans must have in common to be read as one."""
    scan = view.part.scan
    assert scan is not None
    types = tuple((name, column.type) for name, column in view.part.columns.items())
    return scan.function, scan.options, types


def _query_group(group: list[View]) -> str:
    first = group[0].part.scan
    if first is None or len(group) == 1:
        return group[0].query()
    paths = tuple(path for view in group for path in (view.part.scan.paths if view.part.scan else ()))
    return group[0].query(Scan(first.function, paths, first.options).table())


def guard(session: Session, views: Sequence[View], query: str) -> list[tuple[Any, ...]]:
    """Run a query over the views; a file that cannot be read becomes an InputError that names it and the row."""
    try:
        return session.rows(query)
    except EngineError as error:
        raise explain_failure(session, [view.part for view in views], error) from None


def guard_arrays(session: Session, views: Sequence[View], query: str) -> Columns:
    """Do as `guard`, and give the columns as arrays, masked where null."""
    try:
        return session.arrays(query)
    except EngineError as error:
        raise explain_failure(session, [view.part for view in views], error) from None


def find_rows(session: Session, views: Sequence[View], condition: str, shown: Sequence[str]) -> list[tuple[Any, ...]]:
    """Find the first rows that meet a condition: (part name, row number from 1, the shown columns...)."""
    found: list[tuple[Any, ...]] = []
    for view in views:
        wanted = N_EXAMPLES - len(found)
        if wanted <= 0:
            break
        query = (
            f"SELECT row, {', '.join(shown)} "
            f"FROM (SELECT row_number() OVER () AS row, * FROM ({view.query()})) AS numbered "
            f"WHERE {condition} ORDER BY row LIMIT {wanted}"
        )
        found += [(view.part.name, *row) for row in guard(session, [view], query)]
    return found


def count_rows(session: Session, views: Sequence[View], condition: str = "true") -> int:
    """Count the rows that meet a condition."""
    return int(guard(session, views, f"SELECT count(*) FROM ({unite(views)}) AS united WHERE {condition}")[0][0])


@dataclass(frozen=True)
class Rows:
    """All rows of a source, its parts one after the other; whatever cannot be read is an InputError that names it."""

    session: Session
    views: list[View]

    def query(self) -> str:
        """Give one query over all parts."""
        return unite(self.views)

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query over the rows."""
        return guard(self.session, self.views, query)

    def count(self, condition: str = "true") -> int:
        """Count the rows that meet a condition."""
        return count_rows(self.session, self.views, condition)

    def count_quickly(self) -> int:
        """Count the rows where files say it in their footers; 0 where they do not."""
        return self.count() if self._are_all("read_parquet") else 0

    def guess_count(self) -> int:
        """Count the rows quickly, or guess from the first lines of a CSV how many there are; 0 where that is no use."""
        if not self._are_all("read_csv"):
            return self.count_quickly()
        paths = [path for view in self.views if view.part.scan is not None for path in view.part.scan.paths]
        return sum(guess_lines(path) for path in paths)

    def _are_all(self, function: str) -> bool:
        return all(view.part.scan is not None and view.part.scan.function == function for view in self.views)

    def find(self, condition: str, shown: Sequence[str]) -> list[tuple[Any, ...]]:
        """Find the first rows that meet a condition: (part name, row number from 1, the shown columns...)."""
        return find_rows(self.session, self.views, condition, shown)

    def selects(self, name: str, expression: str) -> bool:
        """Say whether any part has this expression under a name."""
        return any((name, expression) in view.selected for view in self.views)

    def stream(self, selection: Selection, take: Callable[[list[Column]], None]) -> None:
        """Pass selected columns on batch by batch; see Session.stream."""
        try:
            self.session.stream(selection.sql, take)
        except EngineError as error:
            raise explain_failure(self.session, [view.part for view in self.views], error) from None

    @property
    def can_scan(self) -> bool:
        """Say whether `scan` can be used: everything is in files that a database of its own can read."""
        return is_possible() and all(view.part.scan is not None for view in self.views)

    def scan(self, selection: Selection, take: Take) -> None:
        """Have selected columns taken where they lie, by the engine's own threads; see Session.scan."""
        try:
            self.session.scan(selection.sql, selection.types, take)
        except EngineError as error:
            raise explain_failure(self.session, [view.part for view in self.views], error) from None


@dataclass(frozen=True)
class Opened:
    """What was given for PAIRS, RECORDS or TERMS, opened."""

    source: Source

    @property
    def kind(self) -> FrameKind:
        """The caller's kind of frame."""
        return self.source.kind

    @property
    def paths(self) -> list[str]:
        """The files, as the caller named them; empty for frames."""
        return self.source.paths


def say_rows(n_rows: int) -> str:
    """Write a number of rows.

    >>> say_rows(1), say_rows(1200)
    ('1 row', '1,200 rows')
    """
    return "1 row" if n_rows == 1 else f"{n_rows:,} rows"


def input_error(problem: str, examples: list[str], hint: str) -> InputError:
    """Make an InputError whose examples name rows, with the note on how rows are counted."""
    return InputError(problem, examples=examples, hint=f"{hint} {ROW_NOTE}")


def show_hashes(session: Session, ids: Slices, hashes: Slices) -> str:
    """Show SQL some ids and hashes as a table with the columns row, id and hash, as `show_texts` does."""

    def batches() -> Iterator[list[Column]]:
        everything = np.arange(len(ids))
        yield [everything, *(Texts(*some.gather(everything)) for some in (ids, hashes))]

    return session.register("said", Table([("row", "l"), ("id", "U"), ("hash", "U")], batches))


def show_texts(session: Session, texts: Sequence[str]) -> str:
    """Show SQL some texts as a table with the column id; gives its name, to be unregistered."""
    packed = np.empty(len(texts), dtype=object)
    packed[:] = list(texts)

    def batches() -> Iterator[list[Column]]:
        yield [pack_objects(packed)]

    return session.register("wanted", Table([("id", "U")], batches))
