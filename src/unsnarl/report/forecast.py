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
"""A record's row of the result while it is written."""

BYTES_PER_WRITTEN_RECORD = 150
"""The same with the ids in order and the engine's room, beside what is held when all ids are read."""

BYTES_PER_LINKED_RECORD = 400
"""A record of the largest component while it is linked."""

BYTES_PER_PAIR = 70
"""A pair inside a component in the lists that linkage walks, beside the pair itself."""

BYTES_PER_WAITING_PAIR = 24
"""A pair inside a component: itself, and its copy while all are sorted."""

START_SECONDS = 0.75
"""Loading the program and the compiled kernels, and leaving."""

COMPILE_SECONDS = 13.0
"""Compiling them: on the first run only."""

COUNTING = {"n_records": 3.4e-8, "n_components": 2.1e-7, "n_inside": 2.1e-8}
"""Seconds for each record, component of two or more, and pair inside a component, while components are counted."""

LINKING = {"n_linked": 9.3e-7, "n_inside": 9.9e-8, "n_searched": 3.0e-8}
"""Processor seconds for each record in a component of three or more, each pair inside a component, and each doubling
(`Work.n_searched`)."""

WRITING = {"n_records": 2.7e-7, "n_tied": 7.6e-7}
"""Seconds for each record, and each record in a component of two or more, while the tables are written."""


WRITTEN_BYTES_PER_RECORD = 80
"""Bytes of the files of a run."""


@dataclass(frozen=True)
class Work:
    """Count what is left to do once the components are known.

    n_records        all records
    n_components     components of two or more
    n_tied           records in them
    n_linked         records in components of three or more
    n_inside         pairs inside components
    largest_records  records of the component that has most pairs: one thread has it alone
    largest_pairs    pairs inside it
    n_bytes          bytes of the input files, which are hashed
    threads          threads to work on
    compiles         whether the kernels of linkage have yet to be compiled
    """

    n_records: int = 0
    n_components: int = 0
    n_tied: int = 0
    n_linked: int = 0
    n_inside: int = 0
    largest_records: int = 0
    largest_pairs: int = 0
    n_bytes: int = 0
    threads: int = 1
    compiles: bool = False

    @property
    def n_searched(self) -> float:
        """Pairs of the largest component, times the doublings from how many partners a record has to all records.

        In a complete graph partners are found where they are expected; the sparser and larger a graph is, the farther
        apart in memory is what a merge has to look at.
        """
        if not self.largest_pairs:
            return 0.0
        n_partners = 2 * self.largest_pairs / self.largest_records
        return self.largest_pairs * max(0.0, math.log2(self.largest_records / n_partners))


@dataclass(frozen=True)
class Spent:
    """Hold what reading, interning and settling took, where that has been done.

    seconds     on the clock
    peak_bytes  the most memory held
    live_bytes  memory in use at the end: the program, the ids, the pairs inside components
    """

    seconds: float
    peak_bytes: int
    live_bytes: int


@dataclass(frozen=True)
class Forecast:
    """Hold what a run is expected to need.

    memory_bytes  peak memory of the process
    seconds       time on the clock
    """

    memory_bytes: int
    seconds: float


@dataclass(frozen=True)
class RunForecast(Forecast):
    """Hold a forecast, and what it was made of."""

    work: Work
    spent: Spent


def count_rest_bytes(work: Work) -> int:
    """Forecast the memory that linkage and writing take, beside the pairs and the ids."""
    linking = BYTES_PER_PAIR * work.n_inside + BYTES_PER_LINKED_RECORD * work.largest_records
    return BYTES_PER_RECORD * work.n_records + linking


def _price(work: Work, prices: dict[str, float]) -> float:
    """Add up what each thing counted costs."""
    return sum(float(getattr(work, name)) * price for name, price in prices.items())


def _price_linking(work: Work) -> float:
    """Forecast linkage: side by side on all threads, but for the largest component, which has only one."""
    whole = _price(work, LINKING)
    largest = Work(
        n_linked=work.largest_records,
        n_inside=work.largest_pairs,
        largest_records=work.largest_records,
        largest_pairs=work.largest_pairs,
    )
    return max(whole / work.threads, _price(largest, LINKING))


def count_rest_seconds(work: Work, speed: Speed = REFERENCE) -> float:
    """Forecast the time of what comes after settling, start-up included.

    >>> slow = Speed(2 * REFERENCE.sort_seconds, REFERENCE.hash_seconds, REFERENCE.disk_seconds)
    >>> work = Work(n_records=1_000_000, n_tied=400_000, n_inside=2_000_000)
    >>> count_rest_seconds(work, slow) > 1.9 * count_rest_seconds(work)
    True
    """
    pace = speed.sort_seconds / REFERENCE.sort_seconds
    start = START_SECONDS + (COMPILE_SECONDS if work.compiles else 0.0)
    working = pace * (start + _price(work, COUNTING) + _price_linking(work) + _price(work, WRITING))
    # A thread of its own hashes the inputs meanwhile; the end of writing waits for it.
    hashing = speed.hash_seconds * work.n_bytes / 2**20
    flushing = speed.disk_seconds * WRITTEN_BYTES_PER_RECORD * work.n_records / 2**20
    return flushing + (max(working, hashing) if work.threads > 1 else working + hashing)


def forecast_run(work: Work, spent: Spent, speed: Speed = REFERENCE) -> RunForecast:
    """Forecast a run of which reading and settling have been done.

    >>> work = Work(n_records=1_000_000, n_tied=400_000, n_inside=2_000_000)
    >>> forecast_run(work, Spent(5.0, 10**9, 6 * 10**8)).memory_bytes
    1000000000
    """
    memory = max(spent.peak_bytes, spent.live_bytes + count_rest_bytes(work))
    return RunForecast(memory, spent.seconds + count_rest_seconds(work, speed), work, spent)


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

    engine       what DuckDB may hold as it reads; None: its own default
    writer       what it may hold as it writes, when all that was found is held too; likewise
    store_bytes  what pairs may take before they go to disk
    """

    engine: str | None
    writer: str | None
    store_bytes: int


def _say_megabytes(n_bytes: int) -> str:
    return f"{max(64_000_000, n_bytes) // 1_000_000}MB"


def share_memory(memory_limit: str | None) -> Shares:
    """Divide the memory of a run between the engine and the pairs; the ids take what they need.

    >>> share_memory("1GB")
    Shares(engine='400MB', writer='250MB', store_bytes=150000000)
    """
    allowed = allowed_bytes(memory_limit)
    if not allowed:
        return Shares(None, None, 2**62)
    return Shares(_say_megabytes(allowed * 2 // 5), _say_megabytes(allowed // 4), allowed * 3 // 20)


def find_oversize(n_records: int, n_pairs: int, memory_limit: str | None) -> ResourceError | None:
    """Say, before the work starts, whether the arrays of a run would not fit in the memory it may use.

    memory_limit  as the setting has it; None: 80 % of the machine

    What the program needs to start with is not held against the limit.
    """
    limit = allowed_bytes(memory_limit)
    work = Work(n_records=n_records, n_inside=n_pairs)
    needed = count_rest_bytes(work) + BYTES_PER_WAITING_PAIR * n_pairs
    if not limit or needed <= limit:
        return None
    return ResourceError(
        f"Clustering {n_records:,} records and {n_pairs:,} pairs inside components needs about {format_bytes(needed)} "
        f"of memory; the limit is {format_bytes(limit)}.",
        hint="Raise it with --memory-limit, raise --threshold so that components fall apart, or use a machine with "
        "more memory.",
    )


def find_narrow(n_records: int, held_bytes: int) -> ResourceError | None:
    """Say, once the ids are read, whether this machine, or the container, has less memory than their rows will need.

    held_bytes  what the process holds already

    A system that runs out of memory ends the process without a word.
    """
    has = machine_bytes()
    more = BYTES_PER_WRITTEN_RECORD * n_records
    if not has or held_bytes + more <= has:
        return None
    return ResourceError(
        f"{n_records:,} records need about {format_bytes(more)} of memory beside the {format_bytes(held_bytes)} held "
        f"already; this machine, or the container, has {format_bytes(has)}.",
        hint="Use a machine, or a container, with more memory.",
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
