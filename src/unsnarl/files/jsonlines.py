"""JSON lines (and a JSON array of objects): parsed once, into a table of ids as written and their JSON types."""

from __future__ import annotations

import json
import os
from typing import NoReturn

from unsnarl.errors import InputError
from unsnarl.files.delimited import open_bytes, read_beginning, say_compression
from unsnarl.files.parts import Column, Part, Scan, first_line, show
from unsnarl.files.session import EngineError, Session, quote_text

_MAX_OBJECT_BYTES = 64_000_000
_SAMPLE_ROWS = 1000


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON; write null")


def _what_is_wrong(line: bytes) -> str | None:
    """Say what is wrong with one line, or None."""
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return "is not UTF-8"
    except (ValueError, RecursionError) as error:
        return str(error)
    return None if isinstance(value, dict) else f"is {type(value).__name__}, not an object"


def _explain(path: str, error: Exception) -> InputError:
    """List the lines that do not parse, by reading the file again in Python."""
    if path.lower().endswith(".zst"):
        return InputError(f"{path} cannot be read: {first_line(error)}", hint="Write one JSON object on each line.")
    examples: list[str] = []
    n_bad, row = 0, 0
    try:
        with open_bytes(path) as file:
            for line in file:
                if not line.strip():
                    continue
                row += 1
                wrong = _what_is_wrong(line)
                n_bad += wrong is not None
                if wrong is not None and len(examples) < 5:
                    examples.append(
                        f"{path}, row {row}: {wrong}: {show(line[:200].decode('utf-8', 'replace').strip())}"
                    )
    except (OSError, EOFError) as failure:
        return InputError(
            f"{path} cannot be read: {failure}", hint="The copy may have been interrupted; get the file again."
        )
    if not examples:
        return InputError(f"{path} cannot be read: {first_line(error)}", hint="Write one JSON object on each line.")
    return InputError(
        f"{n_bad} {'row' if n_bad == 1 else 'rows'} of {path} cannot be read.",
        examples=examples,
        hint="Write one JSON object on each line.",
    )


def _first_character(session: Session, path: str) -> str:
    """Give the first character that is not white space."""
    try:
        head = read_beginning(session, path, 1 << 16)
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise InputError(f"{path} is empty.", hint="Without rows, write it as CSV with a header line, or as Parquet.")
    return chr(text[0])


def _find_names(session: Session, path: str, form: str) -> list[str]:
    """List the keys of the first rows, in the order they are met."""
    scan = Scan(
        "read_json_objects",
        (os.path.abspath(path),),
        f", format='{form}', maximum_object_size={_MAX_OBJECT_BYTES}{say_compression(path)}",
    )
    keys: dict[str, None] = {}
    for (row,) in session.rows(f"SELECT json_keys(json) FROM {scan.table()} LIMIT {_SAMPLE_ROWS}"):
        keys.update(dict.fromkeys(row or []))
    return list(keys)


def _refuse_like_names(path: str, names: list[str]) -> None:
    """Refuse keys that differ in upper and lower case only, which the engine cannot tell apart."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise InputError(
                f"{path} has keys that differ in upper and lower case only: {show(other)} and {show(name)}.",
                hint="Rename one of them.",
            )


def open_json(session: Session, path: str) -> Part:
    """Describe one file of JSON objects, one on each line (.gz unpacked) or in one array.

    Raises InputError for a file that is empty or does not parse.
    """
    form = "array" if _first_character(session, path) == "[" else "newline_delimited"
    try:
        names = _find_names(session, path, form)
    except EngineError as error:
        raise _explain(path, error) from None
    if not names:
        raise InputError(
            f"{path} has no columns in its first {_SAMPLE_ROWS} rows.", hint="Write one JSON object on each line."
        )
    _refuse_like_names(path, names)
    types = ", ".join(f"{quote_text(name)}: 'JSON'" for name in names)
    options = (
        f", format='{form}', columns={{{types}}}, maximum_object_size={_MAX_OBJECT_BYTES}, hive_partitioning=false"
        f"{say_compression(path)}"
    )
    scan = Scan("read_json", (os.path.abspath(path),), options)
    columns = {name: Column(f"c{position}", "JSON") for position, name in enumerate(names)}
    # Positions instead of names: a key may hold anything.
    renamed = ", ".join(f"c{position}" for position in range(len(names)))
    table = f"(SELECT * FROM {scan.table()}) AS renamed({renamed})"
    return Part(path, columns, table, None, explain=lambda _, error: _explain(path, error))
