"""The one door to the compiler: cache, GIL and floating point are decided here.

Kernels are compiled on first use and kept in a folder of the user's; where no
such folder can be written (a read-only install without a home), they are
compiled anew in each process, and nothing fails.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numba
from numba.core import config as compiler_config

Function = TypeVar("Function", bound=Callable[..., object])


def _is_writable(folder: Path) -> bool:
    """Say whether a file can be made in `folder`, making the folder if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _find_cache_folder() -> Path | None:
    """Name the folder for compiled kernels, or None where there is none to write in."""
    named = os.environ.get("UNSNARL_CACHE_DIR") or os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return Path(named) if _is_writable(Path(named)) else None
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(home):
        return None
    folder = Path(home) / "unsnarl" / "kernels"
    return folder if _is_writable(folder) else None


_cache_folder = _find_cache_folder()


def kernel(function: Function) -> Function:
    """Compile a function of arrays: no GIL, no fast-math, kept on disk where that can be had."""
    # The compiler reads its folder when it decorates; a host program's own setting is put back at once.
    before = compiler_config.CACHE_DIR
    try:
        if _cache_folder is not None:
            compiler_config.CACHE_DIR = str(_cache_folder)
        compiled: Function = numba.njit(nogil=True, fastmath=False, _nrt=False, cache=_cache_folder is not None)(function)
    finally:
        compiler_config.CACHE_DIR = before
    return compiled
