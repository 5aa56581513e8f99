"""What this machine has and how fast it is: its memory, or its container's, and how long a little work takes on it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsnarl.errors import ResourceError

if sys.platform != "win32":
    import resource

_SORTS, _ROUNDS = 20, 3
_SORTED_ITEMS = 1 << 17
_HASHED_BYTES = 4 << 20
_WRITTEN_BYTES = 8 << 20


@dataclass(frozen=True)
class Speed:
    """Say how long a little work took.

    sort_seconds  sorting 131,072 random 64-bit numbers, on one thread
    hash_seconds  SHA-256 of a megabyte
    disk_seconds  writing a megabyte to the folder for temporary files, until it is on the disk
    """

    sort_seconds: float
    hash_seconds: float
    disk_seconds: float


REFERENCE = Speed(sort_seconds=0.0052, hash_seconds=0.00057, disk_seconds=0.00098)
"""The machine that docs/benchmarks.md describes, at rest; the constants of the forecast are seconds on it."""


def _time(work: Callable[[], object], n_rounds: int = _ROUNDS) -> float:
    """Give the mean time of a few rounds: a run, too, gets only what else the machine does leaves to it."""
    started = time.perf_counter()
    for _ in range(n_rounds):
        work()
    return (time.perf_counter() - started) / n_rounds


def measure_speed(folder: str | None = None) -> Speed:
    """Measure this machine; a folder that cannot be written to counts as a disk like the reference. Cost: 0.2 s."""
    numbers = np.random.default_rng(0).integers(0, 2**62, _SORTED_ITEMS)
    content = bytes(_HASHED_BYTES)
    written = bytes(_WRITTEN_BYTES)

    def write() -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(written)
            file.flush()
            os.fsync(file.fileno())

    disk_seconds = REFERENCE.disk_seconds
    with contextlib.suppress(OSError):
        disk_seconds = _time(write) / (_WRITTEN_BYTES >> 20)
    hash_seconds = _time(lambda: hashlib.sha256(content)) / (_HASHED_BYTES >> 20)
    np.sort(numbers)  # the first one finds the memory
    return Speed(_time(lambda: np.sort(numbers), _SORTS), hash_seconds, disk_seconds)


def _list_limits(root: Path) -> Iterator[Path]:
    """List the files that may limit the memory of this process: of its control group and of those around it.

    A group is named in /proc/self/cgroup as `0::/a/b` (version 2) or `4:memory:/a/b` (version 1); inside a container
    it is often named as it is seen from outside, so the top of what can be seen is looked at in any case.
    """
    places = [(root / "sys/fs/cgroup", "memory.max"), (root / "sys/fs/cgroup/memory", "memory.limit_in_bytes")]
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for top, name in places:
        yield top / name
    for line in lines:
        _, kinds, group = (line.split(":", 2) + ["", ""])[:3]
        if kinds and "memory" not in kinds.split(","):
            continue
        top, name = places[1 if kinds else 0]
        parts = [part for part in group.split("/") if part not in ("", ".", "..")]
        for depth in range(1, len(parts) + 1):
            yield top.joinpath(*parts[:depth]) / name


def container_bytes(root: str | os.PathLike[str] = "/") -> int:
    """Tell the memory that control groups, versions 1 and 2, allow this process; 0 where no limit is set.

    root  where /proc and /sys are to be found
    """
    limits = []
    for path in _list_limits(Path(root)):
        with contextlib.suppress(OSError, ValueError):
            # "max" is no number; version 1 writes some number past any memory for the same.
            limits.append(int(path.read_text(encoding="ascii")))
    return min((limit for limit in limits if limit > 0), default=0)


def machine_bytes() -> int:
    """Tell the memory of this machine, or of the container this runs in; 0 where the system does not say."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0
    allowed = container_bytes()
    return min(whole, allowed) if allowed else whole


def held_bytes(own: bool = False) -> int:
    """Tell the memory this process holds now; 0 where the system does not say.

    own  whether to leave out pages of files, such as those of programs, which the system takes back when it needs them
    """
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            _, held, of_files = map(int, file.read().split()[:3])
            return (held - of_files * own) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def peak_memory_bytes() -> int:
    """Tell the most memory this process has held; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes of 1024, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024


LEAST_BYTES = 1_000_000_000
"""Addresses that the libraries need to be loaded at all; with fewer some of them end the process without a word."""


def refuse_narrow() -> None:
    """Refuse to begin where the system lets this process have too few addresses (`ulimit -v`). Raises ResourceError."""
    if sys.platform == "win32":
        return
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    if allowed not in (-1, resource.RLIM_INFINITY) and allowed < LEAST_BYTES:
        raise ResourceError(
            f"The system lets this process have {allowed / 1e6:,.0f} MB of memory addresses; it needs "
            f"{LEAST_BYTES / 1e6:,.0f} MB to begin with.",
            hint="Raise the limit: ulimit -v unlimited.",
        )
