"""From a score of any kind and type to whole score units, in SQL; what is not a score becomes null.

A float32 is read as the shortest decimal it prints as: 0.7 stored in 32 bits is 0.7 here, and meets a threshold of 0.7.
"""

from __future__ import annotations

from unsnarl.errors import InputError
from unsnarl.files.parts import UNTYPED, Part, show

_PLAIN_TYPES = "DOUBLE TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT HUGEINT UHUGEINT".split()
# NaN is asked for by name: a Parquet file's statistics leave it out, and where they lie within 0 and 1 DuckDB drops the
# comparison of every row, NaN or not.
_UNITS = {
    "probability": "CASE WHEN isfinite({x}) AND {x} BETWEEN 0 AND 1 THEN CAST({x} * 1e9 AS INTEGER) END",
    "distance": "CASE WHEN isfinite({x}) AND {x} BETWEEN 0 AND 1 THEN 1000000000 - CAST({x} * 1e9 AS INTEGER) END",
    "match_weight": "CASE WHEN isfinite({x}) THEN CAST(1 / (1 + pow(2.0::DOUBLE, -{x})) * 1e9 AS INTEGER) END",
    "log_odds": "CASE WHEN isfinite({x}) THEN CAST(1 / (1 + exp(-{x})) * 1e9 AS INTEGER) END",
}
RANGES = {
    "probability": "a number from 0 to 1",
    "distance": "a number from 0 to 1",
    "match_weight": "a finite number (log2 odds)",
    "log_odds": "a finite number (natural log odds)",
}


def as_double(text: str) -> str:
    """Give the SQL of a number written as text, null where it is none.

    DuckDB would read 0.6_0 as 0.6. And a bare TRY_CAST of a CSV column is moved into its CSV reader, where it stops at
    the first bad one instead of giving null: what is done to the text first keeps it here.
    """
    return f"TRY_CAST(replace({text}, '_', '?') AS DOUBLE)"


def read_score(part: Part, name: str) -> str:
    """Give the SQL that reads a score column as DOUBLE, null where it is no number.

    Raises InputError for a column that cannot hold numbers.
    """
    column = part.columns[name]
    base = column.type.split("(")[0]
    if base in _PLAIN_TYPES and not column.expression.startswith("CAST"):
        return column.expression if base == "DOUBLE" else f"CAST({column.expression} AS DOUBLE)"
    if base == "JSON":
        return as_double(f"{column.expression}->>'$'")
    if column.type in (UNTYPED, "MIXED", '"NULL"') or base in ("VARCHAR", "FLOAT", "DECIMAL", *_PLAIN_TYPES):
        return as_double(f"CAST({column.expression} AS VARCHAR)")
    raise InputError(
        f"PAIRS: the score column {show(name)} of {part.name} is of type {column.type}.", hint="Scores must be numbers."
    )


def to_units(expression: str, score_kind: str) -> str:
    """Give the SQL that turns a DOUBLE into score units (INTEGER), null where it is outside the range of its kind.

    DuckDB's cast rounds half to even, as NumPy's rint does; pow and exp are the C library's, one value at a time,
    so that a score does not depend on the row it stands in.
    """
    return _UNITS[score_kind].format(x=f"({expression})")
