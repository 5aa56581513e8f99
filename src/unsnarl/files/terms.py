"""TERMS: the terms of each record, as rows, as lists, or made from the fields of a records file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from unsnarl.errors import InputError, UsageError
from unsnarl.files.columns import find_column, find_record_column
from unsnarl.files.identifiers import read_id
from unsnarl.files.parts import UNTYPED, Part, explain_failure, show
from unsnarl.files.records import RecordSource, agree_family
from unsnarl.files.rows import Opened, Rows, View, input_error, say_rows, unite
from unsnarl.files.scores import as_double
from unsnarl.files.session import EngineError, Session, quote_text
from unsnarl.files.sources import open_source
from unsnarl.term_settings import TermSettings

ROLE = "TERMS"
TERM_COLUMNS = ("term", "terms")
COUNT_COLUMN = "count"
LONG, LISTS, FIELDS = "long", "lists", "fields"
MAX_COUNT = 1_000_000
_EMPTY_ID = "id IS NULL OR id = ''"
_BAD_TERM = "term IS NULL OR term = ''"
_BAD_COUNT = f"n IS NULL OR n < 0 OR n <> floor(n) OR n > {MAX_COUNT}"


@dataclass(frozen=True)
class TermSource(Opened):
    """Hold TERMS, ready to be read.

    shape  long: a row for each term, with id, term, count_text, n; lists, fields: a row for each record, with id,
           a list of terms, null where the record has none, and is_other, true where there is something else
    rows   those of all parts
    """

    shape: str
    rows: Rows
    settings: TermSettings


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset, np.ndarray))


def _as_json(value: Any) -> str | None:
    """Write a list, or what stands in the place of one, as JSON text; what is missing stays missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    items = [_as_item(item) for item in value] if _is_list(value) else _as_item(value)
    return json.dumps(items, ensure_ascii=False, default=str)


def _as_item(item: Any) -> Any:
    """Give a value of a list as JSON knows it; a number that is none is null."""
    item = item.item() if isinstance(item, np.generic) else item
    return None if isinstance(item, float) and not math.isfinite(item) else item


def _write_lists(given: Any) -> tuple[Any, frozenset[str]]:
    """Turn columns with lists, of Python rows and of pandas frames, into JSON text; say which."""
    names: list[Any] = []
    if isinstance(given, (list, tuple)) and given and all(isinstance(row, Mapping) for row in given):
        names = list({key: None for row in given for key, value in row.items() if _is_list(value)})
        if names:
            given = [{**row, **{name: _as_json(row[name]) for name in names if name in row}} for row in given]
    elif isinstance(given, Mapping):
        names = [name for name, values in given.items() if any(map(_is_list, values))]
        given = {**given, **{name: [_as_json(value) for value in given[name]] for name in names}}
    elif type(given).__module__.startswith("pandas") and hasattr(given, "columns"):
        names = [name for name in given.columns if given[name].dtype == object and given[name].map(_is_list).any()]
        given = given.assign(**{name: given[name].map(_as_json) for name in names}) if names else given
    return given, frozenset(names)


def _find_term_column(part: Part, named: str | None) -> str:
    """Find the column with a term or a list of terms."""
    if named is not None:
        return find_column(part, ROLE, named, "Check --term-column, and for CSV the separator (--sep).")
    fits = [name for name in TERM_COLUMNS if name in part.columns]
    if len(fits) != 1:
        what = "has both term and terms" if fits else "has no column term or terms"
        columns = ", ".join(show(name) for name in list(part.columns)[:12])
        raise InputError(
            f"{ROLE}: {part.name} {what}; its columns are {columns}.",
            hint="Name one with --term-column, or make terms of a records file with --fields.",
        )
    return fits[0]


def _read_list(session: Session, part: Part, name: str) -> tuple[str, str] | None:
    """Give the SQL of a list of texts, and of whether a row has something else; None where no row has a list."""
    column = part.columns[name]
    if column.type.endswith("[]"):
        return f"CAST({column.expression} AS VARCHAR[])", "false"
    if column.type.split("(")[0] != "JSON":
        return None
    text = f"CAST({column.expression} AS VARCHAR)"
    is_other = f"coalesce(json_type({text}), 'NULL') NOT IN ('ARRAY', 'NULL')"
    try:
        has_list = session.rows(f"SELECT 1 FROM {part.table} WHERE json_type({text}) = 'ARRAY' LIMIT 1")
        if not has_list and session.rows(f"SELECT 1 FROM {part.table} WHERE {is_other} LIMIT 1"):
            return None
    except EngineError as error:
        raise explain_failure(session, [part], error) from None
    # Where there is nothing at all, `terms` are empty lists, and `term` is a term that is missing.
    if not has_list and name != "terms":
        return None
    return f"CASE WHEN {is_other} THEN NULL ELSE from_json({text}, '[\"VARCHAR\"]') END", is_other


def _read_count(part: Part, named: str | None) -> tuple[str, str]:
    """Give the SQL of the count as written, and as a number."""
    if named is None and COUNT_COLUMN not in part.columns:
        return "'1'", "1.0"
    name = find_column(part, ROLE, named or COUNT_COLUMN, "Check --count-column.")
    text = f"CAST({part.columns[name].expression} AS VARCHAR)"
    return text, as_double(text)


def _quote_fields(part: Part, names: Sequence[str]) -> list[tuple[str, str]]:
    """Give each field with the SQL of its text, null where it is empty."""
    fields = []
    for name in names:
        find_column(part, ROLE, name, "Check --fields, and for CSV the separator (--sep).")
        column = part.columns[name]
        base = column.type.split("(")[0]
        text = f"({column.expression}->>'$')" if base == "JSON" else f"CAST({column.expression} AS VARCHAR)"
        fields.append((name, f"nullif({text}, '')"))
    return fields


def _make_terms(fields: Sequence[tuple[str, str]], ngrams: int | None) -> str:
    """Give the SQL of the list of a record's terms: field=value, or field=piece for each n characters in a row."""
    lists = []
    for name, text in fields:
        prefix = quote_text(f"{name}=")
        if ngrams is None:
            lists.append(f"CASE WHEN {text} IS NULL THEN [] ELSE [{prefix} || {text}] END")
            continue
        starts = f"generate_series(1, greatest(length({text}) - {ngrams - 1}, 1))"
        pieces = f"list_transform({starts}, lambda i: {prefix} || substr({text}, i, {ngrams}))"
        lists.append(f"CASE WHEN {text} IS NULL THEN [] ELSE {pieces} END")
    joined = lists[0] if len(lists) == 1 else f"flatten([{', '.join(lists)}])"
    return f"CAST({joined} AS VARCHAR[])"


def _make_view(session: Session, part: Part, identifier: str, settings: TermSettings) -> tuple[str, View]:
    """Select id and terms of one part, and say which shape it has."""
    id_name = find_record_column(part, ROLE, settings.record_id)
    if settings.fields is not None or settings.ngrams is not None:
        names = settings.field_names or [name for name in part.columns if name != id_name]
        if not names:
            raise UsageError("No fields are named.", hint="Name them with --fields name,city.")
        if settings.term_column is not None or settings.count_column is not None:
            raise UsageError(
                "With --fields or --ngrams terms are made of a table of records: no column holds terms or counts.",
                hint="Leave --term-column and --count-column out.",
            )
        terms = _make_terms(_quote_fields(part, names), settings.ngrams)
        return FIELDS, View(part, (("id", identifier), ("terms", terms), ("is_other", "false")))
    name = _find_term_column(part, settings.term_column)
    found = _read_list(session, part, name)
    if found is not None:
        if settings.count_column is not None:
            raise UsageError(
                f"{part.name} has a list of terms in each row, and counts go with one term in each row.",
                hint="Leave --count-column out; a term counts as often as the list has it.",
            )
        return LISTS, View(part, (("id", identifier), ("terms", found[0]), ("is_other", found[1])))
    if name == "terms":
        said = "text" if part.columns[name].type in (UNTYPED, "JSON") else part.columns[name].type
        raise InputError(
            f"{ROLE}: column 'terms' of {part.name} holds {said}, and no lists.",
            hint="Give lists (Parquet, JSON lines, Arrow), or one term in each row in a column 'term'.",
        )
    term = f"CAST({part.columns[name].expression} AS VARCHAR)"
    if part.columns[name].type.split("(")[0] == "JSON":
        term = f"({part.columns[name].expression}->>'$')"
    count_text, n = _read_count(part, settings.count_column)
    return LONG, View(part, (("id", identifier), ("term", term), ("count_text", count_text), ("n", n)))


def read_terms(session: Session, given: Any, settings: TermSettings) -> TermSource:
    """Open TERMS and find its columns; see `open_source` for what can be given, and lists in Python rows besides.

    Raises InputError where TERMS cannot be read or the columns are not found; rows are checked later.
    """
    given, with_lists = _write_lists(given)
    source = open_source(session, given, ROLE, settings.sep)
    views, families, shapes = [], [], set()
    for part in source.parts:
        written = {name: replace(part.columns[name], type="JSON") for name in with_lists if name in part.columns}
        part = replace(part, columns={**part.columns, **written})
        id_name = find_record_column(part, ROLE, settings.record_id)
        identifier, family = read_id(session, part, ROLE, id_name)
        families.append((f"{part.name}, column {show(id_name)}", family))
        shape, view = _make_view(session, part, identifier, settings)
        shapes.add(shape)
        views.append(view)
    if len(shapes) > 1:
        raise InputError(f"{ROLE}: some files have a term in each row, others lists.", hint="Give all of one kind.")
    agree_family(ROLE, families)
    return TermSource(source, shapes.pop(), Rows(session, views), settings)


def _show_rows(terms: TermSource, condition: str, shown: Sequence[str]) -> list[str]:
    rows = terms.rows.find(condition, ["id", *shown])
    return [
        f"{name}, row {row}: id {show(values[0])}" + "".join(f", {show(value)}" for value in values[1:])
        for name, row, *values in rows
    ]


def _refuse(terms: TermSource, condition: str, shown: Sequence[str], what: str, hint: str) -> None:
    """Refuse rows that meet a condition."""
    n_rows = terms.rows.count(condition)
    if n_rows:
        raise input_error(f"{ROLE}: {say_rows(n_rows)} {what}.", _show_rows(terms, condition, shown), hint)


def _check_long(terms: TermSource) -> None:
    _refuse(terms, _BAD_TERM, [], "with a null or empty term", "Take the rows out.")
    hint = f"A count is a whole number from 0 to {MAX_COUNT:,}; 0 is as if the row were not there."
    _refuse(terms, _BAD_COUNT, ["term", "count_text"], "with a count that is negative, fractional or no number", hint)


def _check_lists(terms: TermSource) -> None:
    _refuse(terms, "is_other", [], "with something that is no list of terms", "Give a list in each row, or none.")
    empty = "list_contains(list_transform(terms, lambda t: t IS NULL OR t = ''), true)"
    _refuse(terms, empty, [], "with a null or empty term in the list", "Take it out; an empty list is no error.")
    repeated = f"SELECT id FROM ({terms.rows.query()}) GROUP BY id HAVING count(*) > 1"
    n_ids = terms.rows.fetch(f"SELECT count(*) FROM ({repeated})")[0][0]
    if n_ids:
        said = "1 id occurs" if n_ids == 1 else f"{n_ids:,} ids occur"
        examples = _show_rows(terms, f"id IN ({repeated})", [])
        raise input_error(f"{ROLE}: {said} more than once.", examples, "Each record needs an id of its own.")


def check_rows(terms: TermSource) -> None:
    """Refuse what breaks the contract of docs/input.md. Raises InputError with the first rows."""
    _refuse(terms, _EMPTY_ID, [], "without an id", "Give each record an id of its own.")
    if terms.shape == LONG:
        _check_long(terms)
    else:
        _check_lists(terms)


def query_rows(terms: TermSource) -> str:
    """Give SQL with the columns id, term, n: a row for each term of a record."""
    if terms.shape == LONG:
        return f"SELECT id, term, CAST(n AS BIGINT) AS n FROM ({terms.rows.query()}) WHERE n > 0"
    return f"SELECT id, unnest(terms) AS term, CAST(1 AS BIGINT) AS n FROM ({terms.rows.query()})"


def query_ids(terms: TermSource, records: RecordSource | None = None) -> str:
    """Give SQL with the column id: each record once, those without terms too, and those of RECORDS."""
    views = [*terms.rows.views, *([] if records is None else records.rows.views)]
    every = " UNION ALL ".join(f"SELECT id FROM ({unite([view])})" for view in views)
    return f"SELECT DISTINCT id FROM ({every})"


def check_records(terms: TermSource, records: RecordSource) -> None:
    """Refuse RECORDS that break their contract, and TERMS of ids they lack. Raises InputError."""
    for problem in records.find_problems():
        raise problem
    if not terms.settings.allow_unknown_ids:
        unknown = f"id NOT IN (SELECT id FROM ({records.rows.query()}))"
        _refuse(terms, unknown, [], "with an id that RECORDS lack", "Check the ids, or add --allow-unknown-ids.")
