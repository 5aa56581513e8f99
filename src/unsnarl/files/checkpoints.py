"""What a run has done so far, beside its RUN: the next one goes on from there, if nothing has changed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError
from unsnarl.files.atomic import write_file

_FACTS = "facts"


def describe_files(paths: Sequence[str]) -> list[list[Any]]:
    """Tell what shows that a file has changed, without reading it: its place, size and time of change."""
    described = []
    for path in paths:
        status = os.stat(path)
        described.append([os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino])
    return described


class Checkpoints:
    """Keep the results of finished phases in a hidden folder beside a RUN.

    target  the RUN
    key     everything the results depend on, as JSON knows it; results of another key are not used
    """

    def __init__(self, target: str | os.PathLike[str], key: Any) -> None:
        parent, name = os.path.split(os.path.abspath(target))
        self._folder = os.path.join(parent, f".{name}.resume")
        self._key = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]

    def _path(self, phase: str) -> str:
        return os.path.join(self._folder, f"{phase}-{self._key}.npz")

    def load(self, phase: str) -> tuple[dict[str, NDArray[Any]], Any] | None:
        """Give the arrays and the facts of a phase, or None where it was not finished, or what it left is damaged."""
        try:
            with np.load(self._path(phase), allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            return arrays, json.loads(arrays.pop(_FACTS).tobytes())
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, phase: str, arrays: dict[str, NDArray[Any]], facts: Any) -> None:
        """Keep the result of a phase. Raises ResourceError where it cannot be written."""
        content = io.BytesIO()
        named: dict[str, Any] = {**arrays, _FACTS: np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)}
        np.savez(content, **named)
        try:
            os.makedirs(self._folder, exist_ok=True)
            self._clear(keep=self._key)
            write_file(self._path(phase), content.getvalue())
        except OSError as error:
            raise ResourceError(
                f"What is done so far cannot be kept for --resume: {error.strerror or error}",
                hint="Make room, or run without --resume.",
            ) from error

    def _clear(self, keep: str) -> None:
        """Remove what runs of another key, and writes that were cut off, have left."""
        for name in os.listdir(self._folder):
            if not name.endswith(f"-{keep}.npz"):
                with contextlib.suppress(OSError):
                    os.unlink(os.path.join(self._folder, name))

    def remove(self) -> None:
        """Forget everything: the run is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)
