"""Plain lines of a log of decisions, from what they are: one pattern, and a calendar."""

from __future__ import annotations

import json
import re
from datetime import date

_TEXT = r'"([ !#-\[\]-~]+)"'
_NAME = r'"[^"\\\x00-\x1f\x7f]*"'
_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2})T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?!000000)[0-9]{6})?Z"
_HASHES = rf'\{{(?:"\3": ?{_TEXT}, ?"\4": ?{_TEXT}|"\4": ?{_TEXT}, ?"\3": ?{_TEXT})\}}'
_PLAIN = re.compile(
    rf'\{{"event": ?{_TEXT}, ?"kind": ?"(same|different|unsure)", ?"ids": ?\[{_TEXT}, ?{_TEXT}\], ?'
    rf'"by": ?{_TEXT}, ?"at": ?"({_TIME})"(?:, ?"comment": ?("(?:[^"\\]|\\(?!u[dD]).)*"))?'
    rf'(?:, ?"content": ?\{{"columns": ?(\[{_NAME}(?:, ?{_NAME})*\]), ?"hashes": ?{_HASHES}\}})?\}}\r?'
)


def _is_right(read: object, text: str) -> bool:
    try:
        read(text)  # type: ignore[operator]
    except ValueError:
        return False
    return True


def read_plain(line: bytes) -> tuple[str, list[str]] | None:
    """Give the kind of a line that is plain, and its texts: name, left, right, by, at, columns and both hashes."""
    found = _PLAIN.fullmatch(line.decode())
    if found is None:
        return None
    name, kind, left, right, by, at, day, comment, columns, *hashes = (text or "" for text in found.groups())
    if left == right or not _is_right(date.fromisoformat, day) or (comment and not _is_right(json.loads, comment)):
        return None
    return kind, [name, left, right, by, at, columns, hashes[0] or hashes[3], hashes[1] or hashes[2]]
