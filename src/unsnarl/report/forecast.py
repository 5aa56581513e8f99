"""A forecast of the memory and the time a run needs, made before it starts.

The model is a straight line: so much to begin with, so much for each record, each row of PAIRS, and each pair that
linkage sees. Every constant stands here, measured on the machine that docs/benchmarks.md describes; a slower machine
takes longer in proportion, and so does one that has other work to do.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

from unsnarl.errors import ResourceError, UsageError

_LIMIT = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*([kmgt]?)(i?)b?")

BASE_BYTES = 300_000_000
"""The interpreter, the compiled kernels, and DuckDB with its buffers, before any data."""

BYTES_PER_RECORD = 240
"""An id of forty characters in the dictionary, its index, and its row of the result."""

BYTES_PER_ROW = 9
"""A row of PAIRS while it waits for its component; past a share of the limit it waits on disk."""

BYTES_PER_PAIR = 80
"""A pair inside a component while it is sorted, and its two ends in the lists that linkage walks."""

BASE_SECONDS = 1.3
"""Start-up with the kernels already compiled."""

SECONDS_PER_RECORD = 1.5e-6
"""Reading an id and writing its row."""

SECONDS_PER_ROW = 2e-7
"""Reading, hashing and settling a row of PAIRS, on two threads."""

SECONDS_PER_PAIR = 6e-7
"""Sorting and linking a pair inside a component."""


@dataclass(frozen=True)
class Forecast:
    """Hold what a run is expected to need.

    memory_bytes  peak memory of the process
    seconds       time on the clock, once the kernels have been compiled
    """

    memory_bytes: int
    seconds: float


def forecast_run(n_records: int, n_pairs: int, n_inside: int | None = None) -> Forecast:
    """Forecast a run over n_records records and n_pairs rows of pairs, n_inside of them inside components.

    n_inside  where nobody has counted them, all of them

    >>> forecast_run(1_000_000, 0).memory_bytes < forecast_run(0, 50_000_000).memory_bytes
    True
    """
    inside = n_pairs if n_inside is None else n_inside
    waiting = BYTES_PER_ROW * n_pairs
    return Forecast(
        memory_bytes=BASE_BYTES + BYTES_PER_RECORD * n_records + max(waiting, BYTES_PER_PAIR * inside),
        seconds=BASE_SECONDS + SECONDS_PER_RECORD * n_records + SECONDS_PER_ROW * n_pairs + SECONDS_PER_PAIR * inside,
    )


def read_bytes(text: str) -> int | None:
    """Read a memory limit as DuckDB writes it; None where it is none.

    >>> read_bytes("4GB"), read_bytes("1.5 MiB"), read_bytes("80%")
    (4000000000, 1572864, None)
    """
    found = _LIMIT.fullmatch(text.strip().lower())
    if found is None:
        return None
    number, unit, binary = found.groups()
    step = 1024.0 if binary else 1000.0
    return round(float(number) * math.pow(step, " kmgt".index(unit or " ")))


_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def _container_bytes() -> int:
    """Tell the memory that a container allows this process; 0 where none is set."""
    for path in _CGROUP_LIMITS:
        try:
            with open(path, encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            continue
    return 0


def machine_bytes() -> int:
    """Tell the memory of this machine, or of the container this runs in; 0 where the system does not say."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0
    allowed = _container_bytes()
    return min(whole, allowed) if allowed else whole


def allowed_bytes(memory_limit: str | None) -> int:
    """Tell what a run may use: the setting, or 80 % of the machine; 0 where nobody knows."""
    if memory_limit is None:
        return machine_bytes() * 4 // 5
    allowed = read_bytes(memory_limit)
    if not allowed:
        raise UsageError(f"memory-limit is {memory_limit!r}; it must be an amount of memory, as 4GB or 800MB.")
    return allowed


@dataclass(frozen=True)
class Shares:
    """Say how the memory of a run is divided while PAIRS are read.

    engine       what DuckDB may hold, as it reads it; None: its own default
    store_bytes  what pairs may take before they go to disk
    """

    engine: str | None
    store_bytes: int


def share_memory(memory_limit: str | None) -> Shares:
    """Divide the memory of a run between the engine and the pairs; the ids take what they need.

    >>> share_memory("1GB")
    Shares(engine='400MB', store_bytes=150000000)
    """
    allowed = allowed_bytes(memory_limit)
    if not allowed:
        return Shares(None, 2**62)
    return Shares(f"{max(64_000_000, allowed * 2 // 5) // 1_000_000}MB", allowed * 3 // 20)


def refuse_oversize(n_records: int, n_pairs: int, memory_limit: str | None) -> None:
    """Refuse, before the work starts, a run whose arrays would not fit in the memory it may use.

    memory_limit  as the setting has it; None: 80 % of the machine

    What the program needs to start with is not held against the limit. Raises ResourceError.
    """
    limit = allowed_bytes(memory_limit)
    needed = forecast_run(n_records, n_pairs).memory_bytes - BASE_BYTES
    if limit and needed > limit:
        raise ResourceError(
            f"Clustering {n_records:,} records and {n_pairs:,} pairs needs about {format_bytes(needed)} of memory; "
            f"the limit is {format_bytes(limit)}.",
            hint="Raise it with --memory-limit, leave out pairs of very low score, or use a machine with more memory.",
        )


def format_bytes(n_bytes: int) -> str:
    """Write a number of bytes for people, in powers of a thousand.

    >>> format_bytes(999), format_bytes(1_500_000)
    ('999 bytes', '1.5 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    size = float(n_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:,.1f} TB"


def format_seconds(seconds: float) -> str:
    """Write a span of time for people.

    >>> format_seconds(1.25), format_seconds(192.0), format_seconds(7330.0)
    ('1.2 s', '3 min 12 s', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_forecast(forecast: Forecast) -> str:
    """Write the forecast in one line."""
    return f"forecast: about {format_bytes(forecast.memory_bytes)} of memory and {format_seconds(forecast.seconds)}"
