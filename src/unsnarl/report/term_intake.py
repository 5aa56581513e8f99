"""TERMS ready for clustering, with a forecast, and in words what is special about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import ResourceError, UsageError
from unsnarl.files.checksums import describe_inputs
from unsnarl.files.parts import FrameKind, show
from unsnarl.files.session import Session
from unsnarl.files.terms import check_rows, query_ids, query_rows, read_terms
from unsnarl.model import Terms
from unsnarl.report.forecast import format_bytes, read_bytes
from unsnarl.report.machine import machine_bytes
from unsnarl.report.summary import count_of
from unsnarl.term_interning import InternedTerms, intern_matrix, intern_terms
from unsnarl.term_settings import TermSettings

BASE_BYTES = 300_000_000
"""The interpreter, the compiled kernels, and DuckDB with its buffers, before any data."""

BYTES_PER_RECORD = 1100
"""Its id, its row and key in the best-match table, and those of the cluster it may become part of."""

BYTES_PER_ENTRY = 150
"""A term of a record while it is interned, in the rolls, in the lists of clusters, and merged."""


@dataclass(frozen=True)
class TermInput:
    """Hold what came in.

    ids     object[n] of str, sorted by UTF-8 bytes: position is the record index
    names   object[V] of str: the terms, likewise
    counts  n_entries, n_terms, n_empty_records, by name
    notes   what was special, in sentences
    inputs  what run.json says of the files
    kind    the caller's kind of frame
    """

    terms: Terms
    ids: NDArray[Any]
    names: NDArray[Any]
    counts: Mapping[str, int]
    notes: tuple[str, ...]
    inputs: list[dict[str, Any]]
    kind: FrameKind


def _is_matrix(given: Any) -> bool:
    """Say whether it is a SciPy sparse matrix, without importing SciPy."""
    return hasattr(given, "tocoo") and hasattr(given, "shape")


def forecast_bytes(n_records: int, n_entries: int) -> int:
    """Forecast the peak memory of a run.

    >>> forecast_bytes(10**6, 7 * 10**6) < 4 * 10**9
    True
    """
    return BASE_BYTES + BYTES_PER_RECORD * n_records + BYTES_PER_ENTRY * n_entries


def refuse_oversize(n_records: int, n_entries: int, memory_limit: str | None) -> None:
    """Refuse, before the work starts, a run that would not fit in the memory it may use. Raises ResourceError."""
    limit = read_bytes(memory_limit) if memory_limit is not None else machine_bytes() * 4 // 5
    needed = forecast_bytes(n_records, n_entries) - BASE_BYTES
    if limit and needed > limit:
        raise ResourceError(
            f"Clustering {n_records:,} records with {n_entries:,} terms needs about {format_bytes(needed)} of memory; "
            f"the limit is {format_bytes(limit)}.",
            hint="Raise it with --memory-limit, or leave out terms that nearly all records have.",
        )


def _describe(found: InternedTerms) -> tuple[str, ...]:
    """Say which records have no terms, and which term all of them have."""
    terms, notes = found.terms, []
    empty = np.flatnonzero(np.diff(terms.first) == 0)
    if len(empty):
        first = ", ".join(show(found.ids[i]) for i in empty[:5].tolist())
        has = "has" if len(empty) == 1 else "have"
        said = f"{count_of(len(empty), 'record')} {has} no terms"
        notes.append(f"{said}, and {'is' if len(empty) == 1 else 'are'} alone: {first}")
    everywhere = np.flatnonzero(np.bincount(terms.term, minlength=terms.n_terms) == terms.n_records)
    if len(everywhere) and terms.n_records > 1:
        first = ", ".join(show(found.names[i]) for i in everywhere[:5].tolist())
        notes.append(f"{count_of(len(everywhere), 'term')} in every record, which tells nothing apart: {first}")
    return tuple(notes)


def read_input(given: Any, ids: Sequence[Any] | None, settings: TermSettings) -> TermInput:
    """Read, check and intern TERMS; the engine's memory is free again afterwards.

    ids  of the rows of a sparse matrix, else None

    Raises InputError where TERMS break the contract of docs/input.md, ResourceError where they are too many.
    """
    if _is_matrix(given):
        found = intern_matrix(given, ids)
        inputs: list[dict[str, Any]] = [{"role": "terms", "frame": type(given).__name__, "sha256": None}]
        kind = FrameKind("path")
    elif ids is not None:
        raise UsageError("ids go with a sparse matrix; other TERMS have a column of ids.")
    else:
        with Session(settings.threads, settings.memory_limit) as session:
            source = read_terms(session, given, settings)
            check_rows(source)
            found = intern_terms(session, query_rows(source), query_ids(source))
            inputs, kind = describe_inputs([("terms", source)]), source.kind
    terms = found.terms
    refuse_oversize(terms.n_records, len(terms.term), settings.memory_limit)
    counts = {
        "n_terms": terms.n_terms,
        "n_entries": len(terms.term),
        "n_empty_records": int((np.diff(terms.first) == 0).sum()),
    }
    return TermInput(terms, found.ids, found.names, counts, _describe(found), inputs, kind)
