"""SHA-256 of files, read as a stream, and what run.json says of the inputs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import threading
from collections.abc import Iterable
from typing import Any, Protocol

from unsnarl.background import Later
from unsnarl.errors import InputError
from unsnarl.files.parts import FrameKind

_SUM = re.compile(r"\\?([0-9a-fA-F]{64}) [ *](.+)")


class Given(Protocol):
    """What is asked of PAIRS or RECORDS: where its rows came from."""

    @property
    def paths(self) -> list[str]:
        """The files; empty for frames."""

    @property
    def kind(self) -> FrameKind:
        """The kind of frame."""


def find_checksum(path: str) -> str:
    """Give the SHA-256 of a file, in hex. Cost: one read of the file, 1 MB of memory."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def read_checksums(path: str) -> dict[str, str]:
    """Read a list of SHA-256 sums as sha256sum writes it: the sum, two characters, the name; name to sum."""
    found = {}
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        fits = _SUM.fullmatch(line)
        if fits is None:
            raise InputError(f"{path}, line {number}: not a SHA-256 sum and a name.", hint="Make it with sha256sum.")
        found[os.path.basename(fits[2])] = fits[1].lower()
    return found


def _compare(described: list[dict[str, Any]], expected: dict[str, str], listed_in: str) -> None:
    """Refuse files that are not what the list says, and those that it does not name."""
    files = [one for one in described if "file" in one]
    missing = [one["file"] for one in files if os.path.basename(one["file"]) not in expected]
    changed = [
        one["file"] for one in files if expected.get(os.path.basename(one["file"]), one["sha256"]) != one["sha256"]
    ]
    if changed:
        raise InputError(
            f"{len(changed)} of the files read are not what {listed_in} says: damaged, or changed since.",
            examples=changed,
            hint="Get them again, or make the list anew.",
        )
    if missing:
        raise InputError(f"{listed_in} does not name all files.", examples=missing, hint="Make the list anew.")


_NICE = 19  # the system takes what is more than the most for the most


def _give_way() -> None:
    """Let the other threads of this process go first, where a thread can have a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICE)


class Described:
    """What run.json says of the inputs, found out in the background, by a processor that has nothing else to do.

    inputs     (role, source) each, as ("pairs", PairSource); None for what was not given
    checksums  file of sums that the inputs must agree with, or None
    """

    def __init__(self, inputs: Iterable[tuple[str, Given | None]], checksums: str | None = None) -> None:
        self._expected = {} if checksums is None else read_checksums(checksums)
        self._listed_in = checksums
        listed = [(role, source) for role, source in inputs if source is not None]

        def work() -> list[dict[str, Any]]:
            _give_way()
            return describe_inputs(listed)

        self._described = Later(work)

    def wait(self) -> list[dict[str, Any]]:
        """Give what was found. Raises InputError where a file cannot be read any more."""
        described = self._described.wait()
        if self._listed_in is not None:
            _compare(described, self._expected, self._listed_in)
        return described


def describe_inputs(inputs: Iterable[tuple[str, Given]]) -> list[dict[str, Any]]:
    """Say for run.json what was read.

    inputs  (role, source) each, as ("pairs", PairSource)

    Gives for a file its name as the caller wrote it, size in bytes and SHA-256; for a frame only its kind, since
    memory has no checksum.
    """
    described: list[dict[str, Any]] = []
    for role, source in inputs:
        described += [
            {"role": role, "file": path, "bytes": os.path.getsize(path), "sha256": find_checksum(path)}
            for path in source.paths
        ]
        if not source.paths:
            described.append({"role": role, "frame": source.kind.name, "sha256": None})
    return described
