"""SHA-256 of files, read as a stream, and what run.json says of the inputs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from typing import Any, Protocol

from unsnarl.errors import InputError
from unsnarl.files.parts import FrameKind


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
