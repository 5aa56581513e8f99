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
from unsnarl.files.parts import Part, Source, show
from unsnarl.files.rows import Opened, Rows, Selection, View, input_error, say_rows
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
class RecordSource(Opened):
    """Hold RECORDS, ready to be read.

    rows        id (text) of each row, and number, the same as BIGINT where that can be
    joint_rows  the same with source_dataset before the id, or None where a part has no such column
    family      integer, text or untyped (CSV)
    """

    rows: Rows
    joint_rows: Rows | None
    family: str

    @property
    def session(self) -> Session:
        """The session it is open in."""
        return self.rows.session

    def pick_rows(self, joint: bool) -> Rows:
        """Give the plain ids, or those with the dataset's name before them. Raises InputError where there are none."""
        if not joint:
            return self.rows
        if self.joint_rows is None:
            raise InputError(
                f"PAIRS have source_dataset_l and source_dataset_r, but RECORDS have no column {SOURCE_COLUMN}.",
                hint="Add the column to RECORDS, or leave datasets out: name the ids with --id-left and --id-right.",
            )
        return self.joint_rows

    def guess_count(self) -> int:
        """Say about how many records there are; 0 where only reading them would tell."""
        return self.rows.guess_count()

    def stream(self, joint: bool, take: Callable[[list[Column]], None]) -> None:
        """Pass the ids on, batch by batch."""
        self.pick_rows(joint).stream(self._select(joint), take)

    def has_numbers(self, joint: bool) -> bool:
        """Say whether ids can be read as 64-bit whole numbers; they are texts all the same."""
        return not self.pick_rows(joint).selects("number", NO_NUMBER)

    def _select(self, joint: bool) -> Selection:
        """Select the ids, in whichever form is quicker."""
        column, type_ = ("number", "BIGINT") if self.has_numbers(joint) else ("id", "VARCHAR")
        return Selection(f"SELECT {column} FROM ({self.pick_rows(joint).query()})", (type_,))

    def can_scan(self, joint: bool) -> bool:
        """Say whether RECORDS are in files whose rows can be taken where they lie."""
        return self.pick_rows(joint).can_scan

    def scan(self, joint: bool, take: Take) -> None:
        """Have the ids taken by the engine's own threads, without a copy."""
        self.pick_rows(joint).scan(self._select(joint), take)

    def find_problems(self, joint: bool = False) -> list[InputError]:
        """List what breaks the contract: null or empty ids, ids that occur again."""
        rows = self.pick_rows(joint)
        problems = []
        n_empty = rows.count(_EMPTY)
        if n_empty:
            examples = [
                f"{name}, row {row}: the id is {'null' if value is None else 'empty'}"
                for name, row, value in rows.find(_EMPTY, ["id"])
            ]
            problems.append(
                input_error(
                    f"RECORDS: {say_rows(n_empty)} without an id.", examples, "Give each record an id of its own."
                )
            )
        repeated = _find_repeated(rows)
        return problems + ([repeated] if repeated else [])


def _find_repeated(rows: Rows) -> InputError | None:
    """Say which ids occur more than once, with the rows of the second and further times."""
    session = rows.session
    table = session.make_name("repeated")
    rows.fetch(
        f"CREATE TEMP TABLE {table} AS SELECT id, count(*) AS n FROM ({rows.query()}) WHERE NOT ({_EMPTY}) "
        "GROUP BY id HAVING count(*) > 1"
    )
    n_ids, n_rows = session.rows(f"SELECT count(*), coalesce(sum(n), 0) FROM {table}")[0]
    found = rows.find(f"id IN (SELECT id FROM {table})", ["id"]) if n_ids else []
    session.run(f"DROP TABLE {table}")
    if not n_ids:
        return None
    examples = [f"{name}, row {row}: {show(value)}" for name, row, value in found]
    n_said = "1 id occurs" if n_ids == 1 else f"{n_ids:,} ids occur"
    return input_error(
        f"RECORDS: {n_said} more than once ({say_rows(int(n_rows))}).", examples, "Each record needs an id of its own."
    )


def _make_rows(session: Session, source: Source, named: str | None) -> tuple[Rows, Rows | None, str]:
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
    joint_rows = None if joint_views is None else Rows(session, joint_views)
    return Rows(session, views), joint_rows, agree_family(source.role, families)


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
    return RecordSource(source, *_make_rows(session, source, settings.record_id))
