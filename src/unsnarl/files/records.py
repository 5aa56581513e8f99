"""RECORDS: one id for each record; other columns are not looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unsnarl.errors import InputError
from unsnarl.files.arrow import Column
from unsnarl.files.columns import SOURCE_COLUMN, find_record_column
from unsnarl.files.direct import Take
from unsnarl.files.identifiers import EITHER, NO_NUMBER, mixed_types, read_id, read_number
from unsnarl.files.parts import FrameKind, Part, Source, show
from unsnarl.files.rows import (
    Selection,
    View,
    can_scan,
    count_rows,
    find_rows,
    guard,
    guard_scan,
    guard_stream,
    input_error,
    say_rows,
    unite,
)
from unsnarl.files.session import Session
from unsnarl.files.sources import open_source
from unsnarl.settings import Settings

SOURCE_JOINT = "-__-"
"""What Splink puts between a dataset's name and an id."""

_EMPTY = "id IS NULL OR id = ''"


def join_source(source: str, identifier: str) -> str:
    """Give the SQL of a key made of a dataset's name and an id; null where either is null or empty."""
    return f"(nullif({source}, '') || '{SOURCE_JOINT}' || nullif({identifier}, ''))"


def agree_family(role: str, families: list[tuple[str, str]]) -> str:
    """Find the one family of several id columns; (where, family) each. Raises InputError where two differ."""
    declared = {family for _, family in families if family != EITHER}
    if len(declared) > 1:
        first_of = {family: where for where, family in reversed(families)}
        raise mixed_types(role, [f"{first_of[family]}: {family}" for family in sorted(declared)])
    return declared.pop() if declared else EITHER


@dataclass(frozen=True)
class RecordSource:
    """Hold RECORDS, ready to be read.

    views         the id of each row, part by part
    joint_views   the same with source_dataset before the id, or None where a part has no such column
    family        integer, text or untyped (CSV)
    """

    session: Session
    source: Source
    views: list[View]
    joint_views: list[View] | None
    family: str

    @property
    def kind(self) -> FrameKind:
        """The caller's kind of frame."""
        return self.source.kind

    @property
    def paths(self) -> list[str]:
        """The files, as the caller named them; empty for frames."""
        return self.source.paths

    def pick_views(self, joint: bool) -> list[View]:
        """Give the views of the plain ids, or of those with the dataset's name before them."""
        if not joint:
            return self.views
        if self.joint_views is None:
            raise InputError(
                f"PAIRS have source_dataset_l and source_dataset_r, but RECORDS have no column {SOURCE_COLUMN}.",
                hint="Add the column to RECORDS, or leave datasets out: name the ids with --id-left and --id-right.",
            )
        return self.joint_views

    def query(self, joint: bool = False) -> str:
        """Give SQL with a row for each record: `id` (text), and `number`, the same as BIGINT where that can be."""
        return unite(self.pick_views(joint))

    def stream(self, joint: bool, take: Callable[[list[Column]], None]) -> None:
        """Pass the ids on, batch by batch."""
        guard_stream(self.session, self.pick_views(joint), self._select(joint).sql, take)

    def has_numbers(self, joint: bool) -> bool:
        """Say whether ids can be read as 64-bit whole numbers; they are texts all the same."""
        return all(("number", NO_NUMBER) not in view.selected for view in self.pick_views(joint))

    def _select(self, joint: bool) -> Selection:
        """Select the ids, in whichever form is quicker."""
        column, type_ = ("number", "BIGINT") if self.has_numbers(joint) else ("id", "VARCHAR")
        return Selection(f"SELECT {column} FROM ({self.query(joint)})", (type_,))

    def can_scan(self, joint: bool) -> bool:
        """Say whether RECORDS are in files whose rows can be taken where they lie."""
        return can_scan(self.pick_views(joint))

    def scan(self, joint: bool, take: Take) -> None:
        """Have the ids taken by the engine's own threads, without a copy."""
        guard_scan(self.session, self.pick_views(joint), self._select(joint), take)

    def find_problems(self, joint: bool = False) -> list[InputError]:
        """List what breaks the contract: null or empty ids, ids that occur again."""
        views = self.pick_views(joint)
        problems = []
        n_empty = count_rows(self.session, views, _EMPTY)
        if n_empty:
            rows = find_rows(self.session, views, _EMPTY, ["id"])
            examples = [
                f"{name}, row {row}: the id is {'null' if value is None else 'empty'}" for name, row, value in rows
            ]
            problems.append(
                input_error(
                    f"RECORDS: {say_rows(n_empty)} without an id.", examples, "Give each record an id of its own."
                )
            )
        repeated = _find_repeated(self.session, views)
        return problems + ([repeated] if repeated else [])


def _find_repeated(session: Session, views: list[View]) -> InputError | None:
    """Say which ids occur more than once, with the rows of the second and further times."""
    table = session.make_name("repeated")
    guard(
        session,
        views,
        f"CREATE TEMP TABLE {table} AS SELECT id, count(*) AS n FROM ({unite(views)}) WHERE NOT ({_EMPTY}) "
        "GROUP BY id HAVING count(*) > 1",
    )
    n_ids, n_rows = session.rows(f"SELECT count(*), coalesce(sum(n), 0) FROM {table}")[0]
    rows = find_rows(session, views, f"id IN (SELECT id FROM {table})", ["id"]) if n_ids else []
    session.run(f"DROP TABLE {table}")
    if not n_ids:
        return None
    examples = [f"{name}, row {row}: {show(value)}" for name, row, value in rows]
    n_said = "1 id occurs" if n_ids == 1 else f"{n_ids:,} ids occur"
    return input_error(
        f"RECORDS: {n_said} more than once ({say_rows(int(n_rows))}).", examples, "Each record needs an id of its own."
    )


def _make_views(session: Session, source: Source, named: str | None) -> tuple[list[View], list[View] | None, str]:
    """Find and read the id column of each part."""
    views: list[View] = []
    joint_views: list[View] | None = []
    families = []
    for part in source.parts:
        name = find_record_column(part, source.role, named)
        expression, family = read_id(session, part, source.role, name)
        families.append((f"{part.name}, column {show(name)}", family))
        views.append(View(part, (("id", expression), ("number", read_number(part, name)))))
        joint = _join_dataset(session, part, source.role, expression)
        if joint is None or joint_views is None:
            joint_views = None
        else:
            joint_views.append(View(part, (("id", joint), ("number", NO_NUMBER))))
    return views, joint_views, agree_family(source.role, families)


def _join_dataset(session: Session, part: Part, role: str, identifier: str) -> str | None:
    """Give the SQL of the id with its dataset's name, or None where there is no such column."""
    if SOURCE_COLUMN not in part.columns:
        return None
    return join_source(read_id(session, part, role, SOURCE_COLUMN)[0], identifier)


def read_records(session: Session, given: Any, settings: Settings) -> RecordSource:
    """Open RECORDS and find the id column: `settings.record_id`, or a known name, or the only column.

    Raises InputError where RECORDS cannot be read or has no such column; rows are checked later.
    """
    source = open_source(session, given, "RECORDS", settings.sep)
    return RecordSource(session, source, *_make_views(session, source, settings.record_id))
