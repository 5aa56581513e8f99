"""The one way anything is written: whole under a new name, on disk, and only then under its own.

A folder is put in place in two renames, since a folder that is not empty cannot be renamed over:

    1. RUN            -> .RUN.<random>.old     only with force, where there is an old one
    2. .RUN.<random>.tmp -> RUN
    3. .RUN.<random>.old is removed

Killed before 1 or after 2, RUN is the old or the new one, whole. Killed between 1 and 2 there is no RUN, but the
old one is whole under its .old name: `recover`, which every reader and writer of RUN calls first, puts it back. Where
RUN exists, an .old folder is what was to be removed, and `recover` removes it. A .tmp folder is locked by the process
that fills it; one that is not locked was left by a process that died, and is removed too.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator

from unsnarl.errors import InputError, ResourceError

if sys.platform != "win32":
    import fcntl

_MARK = re.compile(r"[0-9a-f]{16}")


def sync_file(path: str) -> None:
    """Wait until a file's content is on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(path: str) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _split(target: str) -> tuple[str, str]:
    """Split a path into its folder and its name, whatever slashes it ends with."""
    return os.path.split(os.path.abspath(target))


def _make_sibling(target: str, ending: str) -> str:
    parent, name = _split(target)
    return os.path.join(parent, f".{name}.{secrets.token_hex(8)}.{ending}")


def _find_siblings(target: str, ending: str) -> list[str]:
    """List the folders that an earlier run made beside the target."""
    parent, name = _split(target)
    head, tail = f".{name}.", f".{ending}"
    try:
        entries = sorted(os.listdir(parent))
    except OSError:
        return []
    return [
        os.path.join(parent, entry)
        for entry in entries
        if entry.startswith(head) and entry.endswith(tail) and _MARK.fullmatch(entry[len(head) : -len(tail)])
    ]


def lock(folder: str) -> int | None:
    """Lock a folder for this process; None where another process holds it, or where folders have no locks."""
    if sys.platform == "win32":
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _remove_abandoned(target: str) -> bool:
    """Remove what dead processes left half-made; says whether a living one is at work on the target."""
    is_busy = False
    for folder in _find_siblings(target, "tmp"):
        handle = lock(folder)
        if handle is None:
            is_busy = True
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
    return is_busy


def recover(target: str) -> None:
    """Undo what a killed run left half-done beside `target`; see the head of this file.

    Does nothing while another process is writing the same target.
    """
    try:
        if _remove_abandoned(target):
            return
        for aside in _find_siblings(target, "old"):
            if os.path.lexists(target):
                shutil.rmtree(aside, ignore_errors=True)
            else:
                os.rename(aside, target)
                sync_folder(_split(target)[0])
    except OSError as error:
        raise ResourceError(
            f"{target}: what a killed run left behind could not be cleaned up: {error.strerror or error}",
            hint="The earlier result is whole, in the hidden folder beside it that ends in .old.",
        ) from error


def _put_in_place(staging: str, target: str, force: bool) -> None:
    """Give a finished folder its name; the old one, if any, goes only after that."""
    parent = _split(target)[0]
    aside = None
    if os.path.lexists(target):
        if not force:
            raise InputError(
                f"{target} has come to exist meanwhile.", hint="Choose another name, or replace it with --force."
            )
        aside = _make_sibling(target, "old")
        os.rename(target, aside)
    try:
        os.rename(staging, target)
    except BaseException:
        if aside is not None:
            os.rename(aside, target)
        raise
    sync_folder(parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def new_folder(target: str, force: bool = False) -> Iterator[str]:
    """Give a fresh folder to fill; on leaving the block it becomes `target`, on an error it is removed.

    target  path of the folder to make; its parents are made too
    force   True to replace a folder that is there already

    The files in it must be on disk (`sync_file`) before the block is left.
    Raises ResourceError where the disk is full or the system refuses; the old folder is then untouched.
    """
    target = os.path.abspath(target)
    staging = _make_sibling(target, "tmp")
    handle = None
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        recover(target)
        os.mkdir(staging)
        handle = lock(staging)
        yield staging
        sync_folder(staging)
        _put_in_place(staging, target, force)
    except OSError as error:
        raise ResourceError(
            f"{target} could not be written: {error.strerror or error}",
            hint="What was there before is untouched. Check the free space and your rights to the folder.",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def write_file(path: str, content: bytes) -> None:
    """Write one file so that under its name there is only ever the old or the new content, whole.

    Raises OSError; the old file is then untouched.
    """
    staging = _make_sibling(path, "tmp")
    try:
        with open(staging, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with open(staging, "rb") as file:
            if file.read() != content:
                raise OSError(f"{path}: what was written does not read back the same")
        os.replace(staging, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(staging)
        raise
    sync_folder(_split(path)[0])
