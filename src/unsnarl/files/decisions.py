"""The log of decisions: JSON lines that are only ever added to; a line is on disk before anybody is told so.

Lines are added under a lock and end in a line feed, which goes to the disk with them. So a process killed while it adds
leaves at most one line without an end, which nobody was told of: readers pass it over and say so, and the next that
adds takes it away.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from unsnarl.decisions.entries import Entries
from unsnarl.decisions.events import Event
from unsnarl.decisions.log import Log, replay
from unsnarl.errors import InputError, ResourceError
from unsnarl.files.atomic import sync_folder
from unsnarl.files.decision_lines import ReadEntries, parse, read_entries, read_line
from unsnarl.files.parts import show

if sys.platform != "win32":
    import fcntl

_END = b"\n"
_MARK = b"\xef\xbb\xbf"
"""What some editors put before the first line."""


@dataclass(frozen=True)
class Lines:
    """Hold a log as read.

    events  of all whole lines
    notes   what is odd about it, in sentences
    n_kept  bytes that are whole lines
    ends    whether the last of these ends in a line feed
    """

    events: Entries
    notes: list[str]
    n_kept: int
    ends: bool


def read_lines(content: bytes, path: str, reader: ReadEntries = read_entries) -> Lines:
    """Read the content of a log; a last line that is torn is passed over, with a note.

    reader  of the whole lines

    Raises InputError, with the number of the line, for any other that is not an event.
    """
    begin = len(_MARK) if content.startswith(_MARK) else 0
    n_whole = max(begin, content.rfind(_END) + 1)
    whole, tail = content[begin:n_whole], content[n_whole:]
    entries, n_lines = reader(whole, path)
    notes: list[str] = []
    if not tail.strip():
        return Lines(entries, notes, len(content), ends=True)
    where = f"{path}, line {n_lines + 1}"
    try:
        parse(tail)
    except (ValueError, RecursionError):
        notes.append(
            f"{where} is torn and was passed over, {len(tail)} bytes: whoever wrote it was stopped before it was saved "
            f"({show(tail[:200].decode('utf-8', 'replace'))})"
        )
        return Lines(entries, notes, n_whole, ends=True)
    return Lines(entries.with_more([read_line(tail, where)]), notes, len(content), ends=False)


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


def read_log(path: str | os.PathLike[str], reader: ReadEntries = read_entries) -> Log:
    """Read a log and find what holds of it.

    reader  of its lines

    Raises InputError for a file or a line that cannot be read, and for what `replay` refuses. Cost: O(lines).
    """
    path = os.fspath(path)
    with _locked(path, os.O_RDONLY, alone=False) as handle:
        content = _read_all(handle)
    lines = read_lines(content, path, reader)
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
        log = replay(lines.events.with_more(added), lines.notes)
        if added:
            if lines.n_kept < len(content):
                os.ftruncate(handle, lines.n_kept)
            text = "".join(f"{event.as_line()}\n" for event in added).encode()
            _write_all(handle, text if lines.ends else _END + text)
            os.fsync(handle)
    if is_new:
        sync_folder(os.path.dirname(os.path.abspath(path)))
    return added, log
