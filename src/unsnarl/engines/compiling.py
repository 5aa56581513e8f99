"""Have the kernels of linkage compiled by a second process while this one reads: once on a machine, it takes long."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from unsnarl import solve
from unsnarl.engines.local import count_processors

_COMMAND = "from unsnarl import solve; solve.load_engine()"


def _start() -> subprocess.Popen[bytes] | None:
    """Start the second process; None where it would not help, or this program is not one that can be started again."""
    is_python = os.path.basename(sys.executable or "").startswith("python") and not getattr(sys, "frozen", False)
    if not is_python or count_processors() < 2 or not solve.needs_compiling():
        return None
    # Whatever way this process found the package, the other one finds it too.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    quiet = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _COMMAND], env=environment, stdin=quiet, stdout=quiet, stderr=quiet
        )
    except OSError:
        return None


class Compiling:
    """The compiling under way, if there is any."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self._process = process

    def wait(self) -> None:
        """Return when the kernels are there; where the other process failed they are compiled by this one."""
        if self._process is not None:
            self._process.wait()
        solve.load_engine()

    def stop(self) -> None:
        """End the other process, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def compile_ahead() -> Iterator[Compiling]:
    """Begin to compile what linkage needs, where this machine has not yet; at the end nothing is left running."""
    compiling = Compiling(_start())
    try:
        yield compiling
    finally:
        compiling.stop()
