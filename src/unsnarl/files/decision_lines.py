"""The lines of a log as events, one by one; long logs are read in another way that comes to the same (interning)."""

from __future__ import annotations

import json
from collections.abc import Callable

from unsnarl.decisions.entries import Entries
from unsnarl.decisions.events import Event, read_event
from unsnarl.errors import InputError
from unsnarl.files.parts import show

ReadEntries = Callable[[bytes, str], tuple[Entries, int]]
"""Reads lines, each with its end: their content and the name of the file; gives how many there are too."""


def parse(line: bytes) -> object:
    """Parse one line. Raises ValueError, with the reason."""
    return json.loads(line.decode("utf-8"))


def read_line(line: bytes, where: str) -> Event:
    """Read one line. Raises InputError, with its place, where it is no event."""
    try:
        given = parse(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"DECISIONS: {where}: {error}: {show(line[:200].decode('utf-8', 'replace'))}",
            hint="Every line is one JSON object. Take the line out, or bring back the file as it was.",
        ) from None
    return read_event(given, where)


def read_entries(content: bytes, path: str) -> tuple[Entries, int]:
    """Read lines, each with its end; gives how many there are too.

    Raises InputError, with the number of the line, for the first that is no event.
    """
    lines = content.split(b"\n")[:-1]
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    return Entries.of(read_line(line, f"{path}, line {number}") for number, line in numbered), len(lines)
