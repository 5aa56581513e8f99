"""The log of decisions: JSON lines that are only ever added to; a line is on disk before anybody is told so.

Lines are added under a lock and end in a line feed, which goes to the disk with them. So a process killed while it adds
leaves at most one line without an end, which nobody was told of: readers pass it over and say so, and the next that
adds takes it away.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from unsnarl.decisions.events import UTC_TIME, Event, is_date, make_plain, read_event
from unsnarl.decisions.log import Log, replay
from unsnarl.errors import InputError, ResourceError
from unsnarl.files.atomic import sync_folder
from unsnarl.files.parts import show

if sys.platform != "win32":
    import fcntl

_END = b"\n"
_MARK = b"\xef\xbb\xbf"
"""What some editors put before the first line."""
_TEXT = r'"([^"\\\x00-\x1f\x7f]+)"'
_PLAIN = re.compile(
    rf'\{{(?:"event": ?{_TEXT}, ?)?"kind": ?"(same|different)", ?"ids": ?\[{_TEXT}, ?{_TEXT}\], ?'
    rf'"by": ?{_TEXT}, ?"at": ?"({UTC_TIME})"\}}'
)
"""Nearly all lines of long logs; they are read in a fifth of the time so."""


@dataclass(frozen=True)
class Lines:
    """Hold a log as read.

    events  of all whole lines
    notes   what is odd about it, in sentences
    n_kept  bytes that are whole lines
    ends    whether the last of these ends in a line feed
    """

    events: list[Event]
    notes: list[str]
    n_kept: int
    ends: bool


def _parse(line: bytes) -> object:
    """Parse one line. Raises ValueError, with the reason."""
    return json.loads(line.decode("utf-8"))


def _read_line(line: bytes, where: str) -> Event:
    plain = _PLAIN.fullmatch(line.decode()) if line.isascii() else None
    if plain is not None:
        event, kind, a, b, by, at = plain.groups()
        if a != b and is_date(at[:10]):
            return make_plain(kind, (a, b), (by, at), event or "", where)
    try:
        given = _parse(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"DECISIONS: {where}: {error}: {show(line[:200].decode('utf-8', 'replace'))}",
            hint="Every line is one JSON object. Take the line out, or bring back the file as it was.",
        ) from None
    return read_event(given, where)


def read_lines(content: bytes, path: str) -> Lines:
    """Read the content of a log; a last line that is torn is passed over, with a note.

    Raises InputError, with the number of the line, for any other that is not an event.
    """
    lines = content.split(_END)
    tail = lines.pop()
    events: list[Event] = []
    notes: list[str] = []
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(_MARK) if number == 1 else line
        if line.strip():
            events.append(_read_line(line, f"{path}, line {number}"))
    if not tail.strip():
        return Lines(events, notes, len(content), ends=True)
    where = f"{path}, line {len(lines) + 1}"
    try:
        _parse(tail)
    except (ValueError, RecursionError):
        notes.append(
            f"{where} is torn and was passed over, {len(tail)} bytes: whoever wrote it was stopped before it was saved "
            f"({show(tail[:200].decode('utf-8', 'replace'))})"
        )
        return Lines(events, notes, len(content) - len(tail), ends=True)
    events.append(_read_line(tail, where))
    return Lines(events, notes, len(content), ends=False)


@contextlib.contextmanager
def _locked(path: str, flags: int, alone: bool) -> Iterator[int]:
    """Open a log and hold its lock, where the system has locks. Raises InputError, ResourceError."""
    try:
        handle = os.open(path, flags, 0o666)
    except FileNotFoundError:
        raise InputError(f"There is no file of decisions {path!r}.", hint="Check the name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be opened: {error.strerror or error}") from None
    try:
        if sys.platform != "win32":
            fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield handle
    except OSError as error:
        raise ResourceError(
            f"{path} could not be read or written: {error.strerror or error}", hint="Check the disk and your rights."
        ) from error
    finally:
        os.close(handle)


def _read_all(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def read_log(path: str | os.PathLike[str]) -> Log:
    """Read a log and find what holds of it.

    Raises InputError for a file or a line that cannot be read, and for what `replay` refuses. Cost: O(lines).
    """
    path = os.fspath(path)
    with _locked(path, os.O_RDONLY, alone=False) as handle:
        content = _read_all(handle)
    lines = read_lines(content, path)
    return replay(lines.events, lines.notes)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def append(path: str | os.PathLike[str], make: Callable[[Log], Sequence[Event]]) -> tuple[list[Event], Log]:
    """Add events to a log, which is made where there is none; when this returns they are on the disk.

    make  gives the events, from the log as it is; nobody else can add to it meanwhile

    Gives the events added and the log with them. What was torn is taken away first, with a note. Raises InputError
    where the log would not be one any more, ResourceError where it cannot be written.
    """
    path = os.fspath(path)
    is_new = not os.path.exists(path)
    with _locked(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, alone=True) as handle:
        content = _read_all(handle)
        lines = read_lines(content, path)
        added = list(make(replay(lines.events, lines.notes)))
        log = replay([*lines.events, *added], lines.notes)
        if added:
            if lines.n_kept < len(content):
                os.ftruncate(handle, lines.n_kept)
            text = "".join(f"{event.as_line()}\n" for event in added).encode()
            _write_all(handle, text if lines.ends else _END + text)
            os.fsync(handle)
    if is_new:
        sync_folder(os.path.dirname(os.path.abspath(path)))
    return added, log
