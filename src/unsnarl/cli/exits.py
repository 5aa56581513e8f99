"""How a command ends: its exit code, and what it says when it fails.

0 done; 1 internal error; 2 usage; 3 the input breaks the contract; 4 a gate failed;
5 out of memory, disk or time; 130 interrupted, 128 + n stopped by another signal n (143 for SIGTERM).
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from unsnarl.cli.early import INTERRUPTED, leave_at_once
from unsnarl.errors import ResourceError, UnsnarlError, UsageError
from unsnarl.files.scratch import Scratch

SCHEMA = 1
"""Version of the JSON that --json prints; a field may be added without a new version, none is taken away."""

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ROOM = ("can't start new thread", "failed to map segment", "Cannot allocate memory")
_DEBUG = "UNSNARL_DEBUG"

_STOPPING = ("SIGINT", "SIGTERM", "SIGHUP")
"""Signals that end a run: Ctrl-C, a scheduler or `kill`, a closed terminal."""


def _open_streams() -> None:
    """Make standard output UTF-8 in every locale, and streams that were closed (`>&-`) ones that lead nowhere.

    A byte of a file name that is not UTF-8 is written as an escape.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (open as long as the process)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8" if name == "stdout" else None, errors="backslashreplace")


def print_data(text: str) -> None:
    """Write to standard output; a reader that has seen enough (`| head`) is no error."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it exits; there must be something left to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def print_json(content: dict[str, Any], ok: bool = True) -> None:
    """Write the one object of --json to standard output."""
    print_data(json.dumps({"ok": ok, "schema": SCHEMA, **content}, ensure_ascii=False) + "\n")


def print_lines(lines: Sequence[str]) -> None:
    """Write lines meant for people to standard error; where that is full or gone, nobody can be told."""
    with contextlib.suppress(OSError):
        click.echo("\n".join(lines), err=True)


def _class_names(error: BaseException) -> set[str]:
    """Name the classes an exception is of, for packages that have their own door."""
    return {kind.__name__ for kind in type(error).__mro__}


def _is_out_of_memory(error: Exception) -> bool:
    """Say whether memory ran out, whoever noticed: Python, the engine, or who wanted a thread or a library."""
    said = f"{error} {error.__context__}"
    no_room = isinstance(error, (RuntimeError, OSError, ImportError)) and any(words in said for words in _NO_ROOM)
    return isinstance(error, MemoryError) or "OutOfMemoryException" in _class_names(error) or no_room


def translate(error: Exception) -> UnsnarlError:
    """Put any exception into the words and the exit code of an UnsnarlError."""
    if isinstance(error, UnsnarlError):
        return error
    if isinstance(error, click.ClickException):
        return UsageError(error.format_message())
    text = str(error)
    if _is_out_of_memory(error):
        hint = "Give it more with --memory-limit, or use a machine that has more."
        return ResourceError(f"Memory ran out. {text}".strip(), hint=hint)
    if (isinstance(error, OSError) and error.errno in _FULL_DISK) or "No space left on device" in text:
        return ResourceError(
            f"The disk is full. {text}", hint="Make room, then run it again; nothing was left half-written."
        )
    if isinstance(error, OSError) and error.filename is not None:
        return UsageError(f"{error.filename}: {error.strerror}.")
    return UnsnarlError(f"Internal error: {type(error).__name__}: {text}", hint=f"{_DEBUG}=1 shows where it happened.")


def error_as_dict(error: UnsnarlError) -> dict[str, Any]:
    """Put an error into plain dicts and strings, for JSON; `code` is stable, the words are not."""
    return {
        "error": {
            "code": error.code,
            "exit_code": error.exit_code,
            "problem": error.problem,
            "examples": error.examples,
            "hint": error.hint,
        }
    }


def _report(error: Exception, as_json: bool) -> int:
    """Tell the user about an error; return the exit code."""
    translated = translate(error)
    if os.environ.get(_DEBUG):
        traceback.print_exception(error)
    if isinstance(error, click.UsageError):
        with contextlib.suppress(OSError):
            error.show(sys.stderr)
    else:
        print_lines([f"unsnarl: {translated}"])
    if as_json:
        # Standard output may be what failed.
        with contextlib.suppress(OSError):
            print_json(error_as_dict(translated), ok=False)
    return translated.exit_code


class _Scratch:
    """One folder for everything temporary in this process."""

    def __init__(self) -> None:
        self._before = tempfile.tempdir
        self._scratch = Scratch()

    def make(self) -> None:
        """Make the folder; where none can be made, whoever needs one will say so."""
        with contextlib.suppress(OSError):
            self._scratch.make()
            tempfile.tempdir = self._scratch.path

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        tempfile.tempdir = self._before
        self._scratch.remove()


def _ignore_signals() -> None:
    for name in _STOPPING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def leave(code: int) -> NoReturn:
    """End the process now, its work done: for Python to take itself apart would take a fifth of a second.

    Ctrl-C cannot turn the end into something else either.
    """
    _ignore_signals()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _leave_interrupted(scratch: _Scratch, number: int) -> NoReturn:
    """End the process now: a kernel still at work in another thread is not waited for."""
    _ignore_signals()
    scratch.remove()
    print_lines(["unsnarl: interrupted." if number == signal.SIGINT else "unsnarl: stopped by the system."])
    leave(INTERRUPTED if number == signal.SIGINT else 128 + number)


def _is_importing(frame: FrameType | None) -> bool:
    """Say whether Python is loading a module just now."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


class _Interruption:
    """Remember that Ctrl-C was pressed, or the process told to stop, whatever becomes of the exception it raises.

    A library may answer the KeyboardInterrupt with an error of its own (DuckDB raises a RuntimeError), lose it, or,
    while a compiled module is being loaded, abort the process over it: then, and at the second signal, the process is
    left without one.
    """

    def __init__(self, scratch: _Scratch) -> None:
        self._scratch = scratch
        self.came = False
        self.is_over = False
        self.number: int = signal.SIGINT
        self._before: dict[int, Any] = {}

    def watch(self) -> None:
        """Take over the signals, save those that are ignored or somebody else's already."""
        for name in _STOPPING:
            number = getattr(signal, name, None)
            free = (signal.SIG_DFL, signal.default_int_handler, leave_at_once)
            if number is not None and signal.getsignal(number) in free:
                self._before[number] = signal.signal(number, self._answer)

    def release(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def end(self) -> None:
        """Take no more notice: the work is done, or what went wrong is being said."""
        self.is_over = True

    def _answer(self, number: int, frame: FrameType | None) -> None:
        if self.is_over:
            return
        if self.came or _is_importing(frame):
            _leave_interrupted(self._scratch, number)
        self.came, self.number = True, number
        raise KeyboardInterrupt


def run(command: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; does not return when interrupted."""
    as_json = "--json" in arguments
    scratch = _Scratch()
    interruption = _Interruption(scratch)
    try:
        interruption.watch()
        _open_streams()
        scratch.make()
        answer = command.main(args=list(arguments), prog_name="unsnarl", standalone_mode=False)
        return answer if isinstance(answer, int) else 0
    except (KeyboardInterrupt, click.Abort):
        _leave_interrupted(scratch, interruption.number)
    except Exception as error:  # noqa: BLE001  (whatever it is, the user gets a message and an exit code)
        if interruption.came:
            _leave_interrupted(scratch, interruption.number)
        interruption.end()
        return _report(error, as_json)
    finally:
        interruption.end()
        scratch.remove()
        interruption.release()
