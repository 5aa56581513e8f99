"""A forecast of the memory and the time a run needs, and what memory a run may use.

`unsnarl check` reads, interns and settles just as `unsnarl cluster` does, so this much of a run is measured and not
forecast, on the machine and the files it is about. What is left is linkage and writing: straight lines in what has been
counted, with the constants here. They are seconds on the machine that docs/benchmarks.md describes, fitted by
`python -m benchmarks.forecast`, and scaled by how fast this machine does a little work of the same kind.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from unsnarl.errors import ResourceError, UsageError
from unsnarl.report.machine import REFERENCE, Speed, machine_bytes

_LIMIT = re.compile(r"([0-9]+(?:\.[0-9]*)?)\s*([kmgt]?)(i?)b?")

BYTES_PER_RECORD = 100
"""A record's row of the result while it is written, and its place in what linkage keeps."""

BYTES_PER_PAIR = 80
"""A pair inside a component in the lists that linkage walks, beside the pair itself."""

BYTES_PER_WAITING_PAIR = 24
"""A pair inside a component: itself, and its copy while all are sorted."""

START_SECONDS = 0.9
"""Loading the program, and the kernels of linkage, once they have been compiled."""

COMPILE_SECONDS = 20.0
"""Compiling them: on the first run only."""

SECONDS_PER_RECORD = 8e-7
"""Counting, naming and writing a record, on two processors."""

SECONDS_PER_TIED_RECORD = 1.5e-6
"""The merge of a record with others, and writing it."""

SECONDS_PER_PAIR = 2e-7
"""A pair inside a component while it is linked, on one processor."""


@dataclass(frozen=True)
class Work:
    """Count what is left to do once the components are known.

    n_records  all records
    n_tied     those in components of two or more
    n_inside   pairs inside components
    n_largest  pairs inside the component that has most of them: one processor has them alone
    n_bytes    bytes of the input files, which are hashed
    threads    threads to work on
    compiles   whether the kernels of linkage have yet to be compiled
    """

    n_records: int
    n_tied: int
    n_inside: int
    n_largest: int
    n_bytes: int = 0
    threads: int = 1
    compiles: bool = False


@dataclass(frozen=True)
class Spent:
    """Hold what reading, interning and settling took, where that has been done.

    seconds     on the clock
    peak_bytes  the most memory held
    held_bytes  memory held at the end
    """

    seconds: float
    peak_bytes: int
    held_bytes: int


@dataclass(frozen=True)
class Forecast:
    """Hold what a run is expected to need.

    memory_bytes  peak memory of the process
    seconds       time on the clock
    work, spent   what it was made of
    """

    memory_bytes: int
    seconds: float
    work: Work
    spent: Spent


def count_rest_bytes(work: Work) -> int:
    """Forecast the memory that linkage and writing take, beside the pairs and the ids."""
    return BYTES_PER_RECORD * work.n_records + BYTES_PER_PAIR * work.n_inside


def count_rest_seconds(work: Work, speed: Speed = REFERENCE) -> float:
    """Forecast the time of what comes after settling, start-up included.

    >>> slow = Speed(2 * REFERENCE.sort_seconds, REFERENCE.hash_seconds, REFERENCE.disk_seconds)
    >>> work = Work(n_records=1_000_000, n_tied=400_000, n_inside=2_000_000, n_largest=300_000)
    >>> count_rest_seconds(work, slow) > 1.9 * count_rest_seconds(work)
    True
    """
    pace = speed.sort_seconds / REFERENCE.sort_seconds
    linking = SECONDS_PER_PAIR * max(work.n_largest, work.n_inside / work.threads)
    writing = SECONDS_PER_RECORD * work.n_records + SECONDS_PER_TIED_RECORD * work.n_tied
    start = START_SECONDS + (COMPILE_SECONDS if work.compiles else 0.0)
    working = pace * (start + linking + writing * 2 / min(2, work.threads))
    # A thread of its own hashes the inputs meanwhile; writing waits for it.
    hashing = speed.hash_seconds * work.n_bytes / 2**20
    return max(working, hashing) if work.threads > 1 else working + hashing


def forecast_run(work: Work, spent: Spent, speed: Speed = REFERENCE) -> Forecast:
    """Forecast a run of which reading and settling have been done.

    >>> work = Work(n_records=1_000_000, n_tied=400_000, n_inside=2_000_000, n_largest=300_000)
    >>> forecast_run(work, Spent(5.0, 10**9, 6 * 10**8)).memory_bytes
    1000000000
    """
    memory = max(spent.peak_bytes, spent.held_bytes + count_rest_bytes(work))
    return Forecast(memory, spent.seconds + count_rest_seconds(work, speed), work, spent)


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
    work = Work(n_records, n_records, n_pairs, n_pairs)
    needed = count_rest_bytes(work) + BYTES_PER_WAITING_PAIR * n_pairs
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
