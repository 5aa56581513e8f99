"""A forecast of the memory and the time that a run over terms needs, made when its terms are known.

Memory goes with records and terms. Time goes with the terms too, and with the pairs of records that have a rarer term
in common: what many records have is seldom looked at. Every constant stands here, measured on the machine that
docs/benchmarks.md describes; on real records the time came out between half and twice the forecast.
"""

from __future__ import annotations

import numpy as np

from unsnarl.errors import ResourceError
from unsnarl.model import Progress, Terms
from unsnarl.report.forecast import START_SECONDS, Forecast, allowed_bytes, format_bytes, format_forecast

BASE_BYTES = 300_000_000
"""The interpreter, the compiled kernels, and DuckDB with its buffers, before any data."""

BYTES_PER_RECORD = 1100
"""Its id, its row and key in the best-match table, and those of the cluster it may become part of."""

BYTES_PER_ENTRY = 150
"""A term of a record while it is interned, in the rolls, in the lists of clusters, and merged."""

SECONDS_PER_ENTRY = 3.5e-6
"""A term of a record: laying it out, and the queries of its record and of the clusters that it is in."""

SECONDS_PER_PAIR = 3e-8
"""A pair of records with a rarer term in common, scored or passed over."""

RARE_SHARE = 0.05
"""Terms that more of the records have are mostly left unread."""

WORTH_TELLING_SECONDS = 5.0


def forecast_terms(terms: Terms) -> Forecast:
    """Forecast a run over terms, with all its ideas and the rule `stop`.

    Cost: O(m).

    >>> terms = Terms(np.array([0, 2, 3]), np.array([0, 1, 0], dtype=np.int32), np.ones(3, dtype=np.int32), 2)
    >>> forecast_terms(terms).memory_bytes - BASE_BYTES == 2 * BYTES_PER_RECORD + 3 * BYTES_PER_ENTRY
    True
    """
    n_with = np.bincount(terms.term, minlength=terms.n_terms).astype(np.float64)
    rare = n_with[n_with <= max(RARE_SHARE * terms.n_records, 50)]
    n_pairs = float((rare * (rare - 1)).sum()) / 2
    n_entries = len(terms.term)
    return Forecast(
        memory_bytes=BASE_BYTES + BYTES_PER_RECORD * terms.n_records + BYTES_PER_ENTRY * n_entries,
        seconds=START_SECONDS + SECONDS_PER_ENTRY * n_entries + SECONDS_PER_PAIR * n_pairs,
    )


def refuse_oversize(terms: Terms, memory_limit: str | None) -> None:
    """Refuse, before the work starts, a run that would not fit in the memory it may use. Raises ResourceError."""
    limit = allowed_bytes(memory_limit)
    needed = forecast_terms(terms).memory_bytes - BASE_BYTES
    if limit and needed > limit:
        raise ResourceError(
            f"Clustering {terms.n_records:,} records with {len(terms.term):,} terms needs about {format_bytes(needed)} "
            f"of memory; the limit is {format_bytes(limit)}.",
            hint="Raise it with --memory-limit, or leave out terms that nearly all records have.",
        )


def foretell(terms: Terms, progress: Progress | None) -> None:
    """Tell who looks what a run that takes a while is going to need, where there is a way to tell."""
    tell = getattr(progress, "tell", None)
    forecast = forecast_terms(terms)
    if tell is not None and forecast.seconds >= WORTH_TELLING_SECONDS:
        tell(format_forecast(forecast))


def out_of_memory(terms: Terms) -> ResourceError:
    """Say that a run ran out of memory all the same."""
    return ResourceError(
        f"Memory ran out on {terms.n_records:,} records with {len(terms.term):,} terms.",
        hint="Give the run more memory, or leave out terms that nearly all records have.",
    )
