"""PAIRS: two ids and a score in each row, and everything that can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unsnarl.errors import InputError
from unsnarl.files.arrow import Column
from unsnarl.files.columns import PairColumns, find_pair_columns
from unsnarl.files.direct import Take
from unsnarl.files.footers import BYTE_ARRAY, DOUBLE, Group, UnplainError
from unsnarl.files.identifiers import EITHER, NO_NUMBER, TEXT, WHOLE, read_id, read_number
from unsnarl.files.pages import find_groups
from unsnarl.files.parts import Column as PartColumn
from unsnarl.files.parts import Part, show
from unsnarl.files.records import RecordSource, agree_family, join_source
from unsnarl.files.rows import Opened, Rows, Selection, View, input_error, say_rows, show_texts
from unsnarl.files.scores import RANGES, read_score, to_units
from unsnarl.files.session import Session, quote_name, quote_text
from unsnarl.files.sources import open_source
from unsnarl.settings import Settings

EMPTY_ID = "left_id IS NULL OR left_id = '' OR right_id IS NULL OR right_id = ''"
BAD_SCORE = "units IS NULL"
_LEADING_ZERO = "regexp_full_match(id, '[+-]?0[0-9]+')"


@dataclass(frozen=True)
class PairSource(Opened):
    """Hold PAIRS, ready to be read.

    rows      left_id, right_id (text), left_number, right_number (the same as BIGINT, where that can be),
              score_text (as written), units (score units, null for a bad score)
    columns   the columns of the first part
    family    integer, text or untyped (CSV)
    joint     True where ids carry the name of their dataset (Splink with several datasets)
    """

    rows: Rows
    columns: PairColumns
    family: str
    joint: bool
    settings: Settings

    @property
    def session(self) -> Session:
        """The session it is open in."""
        return self.rows.session

    def query(self) -> str:
        """Give SQL with the columns left_id, right_id, score_text, units, a row for each row of PAIRS."""
        return self.rows.query()

    def count_quickly(self) -> int:
        """Count the rows where files say it in their footers; 0 where they do not."""
        return self.rows.count_quickly()

    def stream(self, take: Callable[[list[Column]], None]) -> None:
        """Pass left id, right id and score units (-1 for a bad score) of all rows on, batch by batch."""
        self.rows.stream(self._select(), take)

    def _select(self) -> Selection:
        """Select ids and score, the ids in whichever form is quicker."""
        ids, id_type = ("left_number, right_number", "BIGINT") if self.has_numbers else ("left_id, right_id", "VARCHAR")
        query = f"SELECT {ids}, CAST(coalesce(units, -1) AS INTEGER) FROM ({self.query()})"
        return Selection(query, (id_type, id_type, "INTEGER"))

    def scan(self, take: Take) -> None:
        """Do the same by the engine's own threads, without a copy; `can_scan` says whether that can be done."""
        self.rows.scan(self._select(), take)

    def find_groups(self) -> list[Group]:
        """List where ids and scores (from 0 to 1) lie in PAIRS, for who takes them from the pages of the files himself.

        Raises UnplainError where PAIRS must be left to the engine.
        """
        if self.joint or not self.has_range:
            raise UnplainError
        paths: list[str] = []
        names: list[tuple[str, ...]] = []
        for view in self.rows.views:
            scan, columns = view.part.scan, find_pair_columns(view.part, self.settings)
            if scan is None or scan.function != "read_parquet":
                raise UnplainError
            named = (columns.left, columns.right, columns.score)
            for name, type_ in zip(named, ("VARCHAR", "VARCHAR", "DOUBLE"), strict=True):
                if view.part.columns[name] != PartColumn(quote_name(name), type_):
                    raise UnplainError
            paths += scan.paths
            names += [named] * len(scan.paths)
        return find_groups(paths, names, (BYTE_ARRAY, BYTE_ARRAY, DOUBLE))

    @property
    def has_range(self) -> bool:
        """Say whether scores are from 0 to 1."""
        return self.settings.score_kind in ("probability", "distance")

    @property
    def is_distance(self) -> bool:
        """Say whether a score of 0 is the best."""
        return self.settings.score_kind == "distance"

    @property
    def has_numbers(self) -> bool:
        """Say whether ids can be read as 64-bit whole numbers; they are texts all the same."""
        return not self.rows.selects("left_number", NO_NUMBER)

    @property
    def can_scan(self) -> bool:
        """Say whether PAIRS are in files that can be read so."""
        return self.rows.can_scan

    def find_type_problems(self, records: RecordSource | None) -> list[InputError]:
        """List what is wrong with the types of ids: integers here and texts there, or numbers with leading zeros."""
        if records is None:
            return []
        problem = _compare_families(self, records)
        return [problem] if problem else []

    def find_row_problems(self, ids_table: str, allow_unknown: bool) -> list[InputError]:
        """List what breaks the contract row by row.

        ids_table      SQL table with a column `id`: all that are known
        allow_unknown  True where other ids are welcome
        """
        checks = [_find_empty_ids(self)]
        if self.settings.on_bad_score == "error":
            checks.append(_find_bad_scores(self))
        if not allow_unknown:
            checks.append(_find_unknown_ids(self, ids_table))
        return [problem for problem in checks if problem is not None]


def _find_empty_ids(pairs: PairSource) -> InputError | None:
    n_rows = pairs.rows.count(EMPTY_ID)
    if not n_rows:
        return None
    rows = pairs.rows.find(EMPTY_ID, ["left_id", "right_id"])
    examples = [f"{name}, row {row}: ids {show(left)} and {show(right)}" for name, row, left, right in rows]
    return input_error(
        f"PAIRS: {say_rows(n_rows)} with a null or empty id.", examples, "Take the rows out, or give the ids."
    )


def _find_bad_scores(pairs: PairSource) -> InputError | None:
    n_rows = pairs.rows.count(BAD_SCORE)
    if not n_rows:
        return None
    rows = pairs.rows.find(BAD_SCORE, ["score_text", "left_id", "right_id"])
    examples = [
        f"{name}, row {row}: score {show(score)} of {show(left)} and {show(right)}"
        for name, row, score, left, right in rows
    ]
    kind = pairs.settings.score_kind
    hint = "Correct them, or leave such rows out with --on-bad-score drop."
    if any(score is not None and "," in score for _, _, score, _, _ in rows):
        hint = "Write decimals with a point, not a comma. " + hint
    elif kind == "probability":
        hint += " Other kinds of score are declared with --score-kind."
    problem = (
        f"PAIRS: {say_rows(n_rows)} with a score that is not {RANGES[kind]} (null, NaN, infinite, text, out of range)."
    )
    return input_error(problem, examples, hint)


def _find_unknown_ids(pairs: PairSource, ids_table: str) -> InputError | None:
    """Say which ids of PAIRS the table lacks."""
    table = pairs.session.make_name("unknown")
    pairs.rows.fetch(
        f"CREATE TEMP TABLE {table} AS SELECT DISTINCT id FROM ({_query_ids(pairs)}) AS united WHERE id <> '' "
        f"AND NOT EXISTS (FROM {ids_table} AS known WHERE known.id = united.id)"
    )
    n_ids = pairs.session.value(f"SELECT count(*) FROM {table}")
    if not n_ids:
        pairs.session.run(f"DROP TABLE {table}")
        return None
    in_table = [f"coalesce({side} IN (SELECT id FROM {table}), false)" for side in ("left_id", "right_id")]
    n_rows = pairs.rows.count(" OR ".join(in_table))
    rows = pairs.rows.find(" OR ".join(in_table), ["left_id", "right_id", *in_table])
    pairs.session.run(f"DROP TABLE {table}")
    missing = [left if left_missing else right for _, _, left, right, left_missing, _ in rows]
    examples = [f"{name}, row {row}: {show(value)}" for (name, row, *_), value in zip(rows, missing, strict=True)]
    said = "1 id is" if n_ids == 1 else f"{n_ids:,} ids are"
    return input_error(
        f"PAIRS: {said} not in RECORDS ({say_rows(n_rows)}).",
        examples,
        _guess_reason(pairs.session, missing, ids_table),
    )


def _guess_reason(session: Session, missing: list[str], ids_table: str) -> str:
    """Say why ids may not be found, by looking for the usual near misses among the known ones."""
    texts = ", ".join(quote_text(text) for text in missing if len(text) < 1000) or "''"
    near = {
        "the ids have leading zeros on one side only": "ltrim({x}, '0')",
        "the ids end in '.0' on one side only (integers turned into floats)": "regexp_replace({x}, '\\.0$', '')",
        "the ids differ in blanks around them": "trim({x})",
        "the ids differ in upper and lower case": "lower({x})",
    }
    for reason, fold in near.items():
        known, asked = fold.format(x="known.id"), fold.format(x="asked.id")
        wanted = f"(SELECT unnest([{texts}]) AS id) AS asked"
        if session.value(f"SELECT count(*) FROM {ids_table} AS known, {wanted} WHERE {known} = {asked}"):
            return f"It seems {reason}; ids are compared as text. Make both the same."
    return "Add them to RECORDS, or let them in with --allow-unknown-ids."


def explain_conflicts(pairs: PairSource, n_conflicts: int, first: Sequence[tuple[str, str]]) -> InputError:
    """Make the error for pairs that are given again with another score.

    n_conflicts  how many pairs
    first        the ids of the first of them, at most five
    """
    examples = []
    for left, right in list(first)[:5]:
        ids = f"({quote_text(left)}, {quote_text(right)})"
        condition = f"(left_id, right_id) = {ids} OR (right_id, left_id) = {ids}"
        rows = pairs.rows.find(condition, ["score_text"])
        places = ", ".join(f"{show(score)} in {name}, row {row}" for name, row, score in rows)
        examples.append(f"{show(left)} and {show(right)}: {places}")
    said = "1 pair is" if n_conflicts == 1 else f"{n_conflicts:,} pairs are"
    return input_error(
        f"PAIRS: {said} given more than once with different scores.",
        examples,
        "Choose with --on-conflict max, mean or min.",
    )


def _compare_families(pairs: PairSource, records: RecordSource) -> InputError | None:
    """Compare the id types of PAIRS and RECORDS."""
    if {pairs.family, records.family} == {TEXT, WHOLE}:
        return InputError(
            f"The ids are {pairs.family} in PAIRS and {records.family} in RECORDS.",
            hint="Ids are text: give both as text, or both as integers; '007' and 7 are different ids.",
        )
    if WHOLE not in (pairs.family, records.family) or EITHER not in (pairs.family, records.family):
        return None
    if pairs.family == EITHER:
        whole, query, role, rows = "RECORDS", _query_ids(pairs), "PAIRS", pairs.rows
    else:
        rows = records.pick_rows(pairs.joint)
        whole, query, role = "PAIRS", rows.query(), "RECORDS"
    found = rows.fetch(f"SELECT id FROM ({query}) AS united WHERE {_LEADING_ZERO} ORDER BY id LIMIT 5")
    if not found:
        return None
    return InputError(
        f"The ids are integers in {whole}, but {role} has ids with leading zeros, which integers cannot have.",
        examples=[f"{role}: {show(row[0])}" for row in found],
        hint="Ids are text: '007' and 7 are different ids. Give both as text.",
    )


def find_ids(pairs: PairSource, ids: Sequence[str]) -> list[str]:
    """List those of some ids that are in PAIRS. Cost: one pass over PAIRS."""
    wanted = show_texts(pairs.session, ids)
    try:
        found = f"SELECT DISTINCT id FROM ({_query_ids(pairs)}) WHERE id IN (SELECT id FROM {wanted})"
        return [row[0] for row in pairs.rows.fetch(found)]
    finally:
        pairs.session.unregister(wanted)


def _query_ids(pairs: PairSource) -> str:
    return f"SELECT left_id AS id FROM ({pairs.query()}) UNION ALL SELECT right_id FROM ({pairs.query()})"


def _make_view(
    session: Session, part: Part, columns: PairColumns, score_kind: str
) -> tuple[View, list[tuple[str, str]]]:
    """Select ids and score of one part, and say which family each id column is."""
    left, left_family = read_id(session, part, "PAIRS", columns.left)
    right, right_family = read_id(session, part, "PAIRS", columns.right)
    families = [(f"{part.name}, column {show(columns.left)}", left_family)]
    families += [(f"{part.name}, column {show(columns.right)}", right_family)]
    if columns.source_left is not None and columns.source_right is not None:
        left = join_source(read_id(session, part, "PAIRS", columns.source_left)[0], left)
        right = join_source(read_id(session, part, "PAIRS", columns.source_right)[0], right)
    score = read_score(part, columns.score)
    text = part.columns[columns.score].expression
    numbers = [read_number(part, name) for name in (columns.left, columns.right)]
    if NO_NUMBER in numbers or columns.source_left is not None:
        numbers = [NO_NUMBER, NO_NUMBER]
    selected = (
        ("left_id", left),
        ("right_id", right),
        ("left_number", numbers[0]),
        ("right_number", numbers[1]),
        ("score_text", f"CAST({text} AS VARCHAR)"),
        ("units", to_units(score, score_kind)),
    )
    return View(part, selected), families


def read_pairs(session: Session, given: Any, settings: Settings) -> PairSource:
    """Open PAIRS and find its columns, file by file; see `open_source` for what can be given.

    Raises InputError where PAIRS cannot be read or the columns are not found; rows are checked later.
    """
    source = open_source(session, given, "PAIRS", settings.sep)
    views, families, found = [], [], []
    for part in source.parts:
        columns = find_pair_columns(part, settings)
        view, part_families = _make_view(session, part, columns, settings.score_kind)
        views.append(view)
        families += part_families
        found.append(columns)
    joint = {columns.source_left is not None for columns in found}
    if len(joint) > 1:
        raise InputError(
            "PAIRS: some files have source_dataset_l and source_dataset_r, others do not.", hint="Give all of one kind."
        )
    rows = Rows(session, views)
    return PairSource(source, rows, found[0], agree_family("PAIRS", families), joint.pop(), settings)
