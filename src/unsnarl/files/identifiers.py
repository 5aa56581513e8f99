"""Ids are text, always: how a column of any type is read as text, and which types are refused."""

from __future__ import annotations

from unsnarl.errors import InputError
from unsnarl.files.intake import MIXED
from unsnarl.files.parts import UNTYPED, Part, explain_failure, show
from unsnarl.files.session import EngineError, Session

TEXT, WHOLE, EITHER = "text", "integer", "untyped"
"""Families of id columns: text, integers, and CSV or all-null columns, which fit both."""

_WHOLE_TYPES = "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT BIGNUM".split()
_FIT_FOR_64_BITS = "TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER".split()
NO_NUMBER = "CAST(NULL AS BIGINT)"
_FLOAT_TYPES = ("FLOAT", "DOUBLE")
_MIX_HINT = "Ids are text: give both as text, or both as integers; '007' and 7 are different ids."


def _refuse_float(part: Part, role: str, name: str, type_: str) -> InputError:
    return InputError(
        f"{role}: the id column {show(name)} of {part.name} holds floating-point numbers ({type_}).",
        hint="pandas turns integers with missing values into floats, and large ids lose digits; "
        "read the column as text (dtype=str) or as Int64.",
    )


def _find_json_family(session: Session, part: Part, role: str, name: str) -> str:
    """Tell the family of a JSON column by the values in it."""
    expression = part.columns[name].expression
    kinds = {
        row[0]
        for row in session.rows(
            f"SELECT DISTINCT CASE json_type({expression}) WHEN 'VARCHAR' THEN 'text' WHEN 'NULL' THEN 'null' "
            f"WHEN 'UBIGINT' THEN 'integer' WHEN 'BIGINT' THEN 'integer' WHEN 'DOUBLE' THEN "
            f"CASE WHEN regexp_full_match({expression}->>'$', '-?[0-9]+') THEN 'integer' ELSE 'float' END "
            f"ELSE lower(json_type({expression})) END FROM {part.table} WHERE {expression} IS NOT NULL"
        )
    } - {"null", None}
    if kinds == {TEXT, WHOLE}:
        raise mixed_types(role, [f"{part.name}, column {show(name)} holds both"])
    if kinds <= {TEXT} or kinds <= {WHOLE}:
        return next(iter(kinds), EITHER)
    if "float" in kinds:
        raise _refuse_float(part, role, name, "JSON number")
    raise InputError(
        f"{role}: the id column {show(name)} of {part.name} holds {', '.join(sorted(kinds))}.",
        hint="Ids must be texts or integers.",
    )


def mixed_types(role: str, examples: list[str]) -> InputError:
    """Make the error for integer ids beside text ids."""
    return InputError(f"{role}: some ids are integers and some are text.", examples=examples, hint=_MIX_HINT)


def read_number(part: Part, name: str) -> str:
    """Give the SQL that reads an id column as BIGINT; null where that cannot be, or would not be quicker."""
    column = part.columns[name]
    is_fit = column.type in _FIT_FOR_64_BITS and not column.expression.startswith("CAST")
    return f"CAST({column.expression} AS BIGINT)" if is_fit else NO_NUMBER


def read_id(session: Session, part: Part, role: str, name: str) -> tuple[str, str]:
    """Give the SQL that reads an id column as text, and the family of the column.

    Raises InputError for a column whose type makes no ids: floats, truth values, dates, lists.
    """
    column = part.columns[name]
    base = column.type.split("(")[0]
    as_text = f"CAST({column.expression} AS VARCHAR)"
    if column.type == UNTYPED:
        return column.expression, EITHER
    if base == "JSON":
        try:
            return f"({column.expression}->>'$')", _find_json_family(session, part, role, name)
        except EngineError as error:
            raise explain_failure(session, [part], error) from None
    if column.type == '"NULL"':
        return as_text, EITHER
    if base in ("VARCHAR", "UUID", "ENUM"):
        return (column.expression if base == "VARCHAR" else as_text), TEXT
    if base in _WHOLE_TYPES or (base == "DECIMAL" and column.type.endswith(",0)")):
        return as_text, WHOLE
    if column.type == MIXED:
        raise mixed_types(role, [f"{part.name}, column {show(name)} holds both"])
    if base in _FLOAT_TYPES or base == "DECIMAL":
        raise _refuse_float(part, role, name, column.type)
    raise InputError(
        f"{role}: the id column {show(name)} of {part.name} is of type {column.type}.",
        hint="Ids must be texts or integers; convert the column to text.",
    )
