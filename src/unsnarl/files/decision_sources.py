"""Decisions as a caller gives them: a log, a table of them, a list of dicts or a frame."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unsnarl.collector import collector_at_rest
from unsnarl.decisions.events import Event, read_event
from unsnarl.decisions.log import Log, replay
from unsnarl.errors import InputError
from unsnarl.files.decision_lines import ReadEntries, read_entries
from unsnarl.files.decision_tables import read_rows, read_table
from unsnarl.files.decisions import read_log
from unsnarl.files.parts import FrameKind

_AS_DICTS = ("to_dicts", "to_pylist")
"""What Polars and Arrow call it."""


def is_table(path: str) -> bool:
    """Say whether a file of decisions is CSV and not a log, by its name."""
    return path.lower().endswith(".csv")


def read_file(path: str, signed: Mapping[str, str] | None = None, reader: ReadEntries = read_entries) -> Log:
    """Read a file of decisions: a log, the lines of it by `reader`, or CSV. Raises InputError."""
    if not is_table(path):
        return read_log(path, reader)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"DECISIONS: {path} cannot be read: {error}") from None
    return replay(read_table(text, path, signed or {}))


def _plain(value: Any) -> Any:
    """Turn what frames hold into what JSON holds: arrays into lists, missing values into None."""
    if hasattr(value, "tolist") and not isinstance(value, (str, bytes)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    is_missing = type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    return None if is_missing else value


def _list_dicts(given: Any) -> list[Any]:
    """Give the rows of a frame as dicts."""
    name = next((name for name in _AS_DICTS if hasattr(given, name)), None)
    if name is not None:
        rows = getattr(given, name)()
    elif hasattr(given, "to_dict"):
        rows = given.to_dict("records")
    elif isinstance(given, (list, tuple)):
        rows = given
    else:
        raise InputError(
            f"DECISIONS: {type(given).__name__} is neither a file nor a table.",
            hint="Give a path, a list of dicts, or a pandas, Polars or Arrow frame.",
        )
    return [_plain(row) for row in rows]


def _read_dicts(rows: list[Any]) -> list[Event]:
    """Read events, or rows of a table of pairs, from dicts."""
    if rows and isinstance(rows[0], Mapping) and not {"ids", "groups", "of"} & set().union(*map(set, rows)):
        texts = [{str(name): "" if value is None else str(value) for name, value in row.items()} for row in rows]
        return read_rows(texts, list(texts[0]), "decisions", {})
    return [read_event(row, f"decision {number}") for number, row in enumerate(rows, 1)]


@dataclass(frozen=True)
class DecisionSource:
    """Hold decisions as they were given, and where they came from.

    given   path of a log or CSV, a list of dicts as the lines of a log, or a frame of those columns or of pairs
    paths   the file; empty for what was in memory
    kind    the caller's kind of frame, for run.json
    reader  of the lines of a log
    """

    given: Any
    paths: list[str]
    kind: FrameKind
    reader: ReadEntries = read_entries

    @cached_property
    def log(self) -> Log:
        """What holds of them, read when it is first asked for.

        Raises InputError for what is none. Cost: O(decisions).
        """
        with collector_at_rest():
            if self.paths:
                return read_file(self.paths[0], reader=self.reader)
            return replay(_read_dicts(_list_dicts(self.given)))


def open_decisions(given: Any) -> DecisionSource:
    """Say where decisions come from, without reading them."""
    if isinstance(given, (str, os.PathLike)):
        return DecisionSource(given, [os.fspath(given)], FrameKind("path"))
    return DecisionSource(given, [], FrameKind(type(given).__module__.partition(".")[0]))
