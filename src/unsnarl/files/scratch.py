"""Folders for what lasts no longer than a process: each locked by its owner, so that what a dead one left is known.

A folder is called unsnarl-<process>-<random>. One that no living process of that number has, and that nobody has locked
(a process of another container has a number that means nothing here), was left by a process that was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import tempfile

from unsnarl.files.atomic import lock

_NAME = re.compile(r"unsnarl-([0-9]+)-[0-9a-f]{16}")


def _is_alive(process: int) -> bool:
    """Say whether a process of that number is there."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def remove_abandoned(parent: str) -> None:
    """Remove the folders that dead processes left; whatever cannot be removed is left alone."""
    with contextlib.suppress(OSError):
        for name in os.listdir(parent):
            found = _NAME.fullmatch(name)
            folder = os.path.join(parent, name)
            if found is None or os.path.islink(folder) or _is_alive(int(found[1])):
                continue
            handle = lock(folder)
            if handle is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def _find_system_folder() -> str:
    """Name the system's folder for temporary files, also where none can be written to: `make` says so then."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.environ.get("TMPDIR") or os.path.join(os.sep, "tmp")


class Scratch:
    """Hold one folder, made by `make` and removed by `remove`.

    parent  folder to make it in (default: the system's)

    Its name is known before it is made, so an interruption at any moment finds it and removes it.
    """

    def __init__(self, parent: str | None = None) -> None:
        self._parent = os.path.abspath(parent or _find_system_folder())
        self._handle: int | None = None
        self.path = os.path.join(self._parent, f"unsnarl-{os.getpid()}-{secrets.token_hex(8)}")

    def make(self) -> None:
        """Make the folder and lock it, and remove those that others left. Raises OSError."""
        os.mkdir(self.path, mode=0o700)
        self._handle = lock(self.path)
        remove_abandoned(self._parent)

    def remove(self) -> None:
        """Remove the folder and all that is in it; a second call does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
