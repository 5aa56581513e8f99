"""TERMS ready for clustering, with a forecast, and in words what is special about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.errors import UsageError
from unsnarl.files.checksums import describe_inputs
from unsnarl.files.parts import FrameKind, show
from unsnarl.files.session import Session
from unsnarl.files.terms import check_rows, query_ids, query_rows, read_terms
from unsnarl.model import Terms
from unsnarl.report.summary import count_of
from unsnarl.report.term_forecast import forecast_terms, refuse_oversize
from unsnarl.term_interning import InternedTerms, intern_matrix, intern_terms
from unsnarl.term_settings import TermSettings


@dataclass(frozen=True)
class TermInput:
    """Hold what came in.

    ids     object[n] of str, sorted by UTF-8 bytes: position is the record index
    names   object[V] of str: the terms, likewise
    counts  n_entries, n_terms, n_empty_records, forecast, by name
    notes   what was special, in sentences
    inputs  what run.json says of the files
    kind    the caller's kind of frame
    """

    terms: Terms
    ids: NDArray[Any]
    names: NDArray[Any]
    counts: Mapping[str, Any]
    notes: tuple[str, ...]
    inputs: list[dict[str, Any]]
    kind: FrameKind


def _is_matrix(given: Any) -> bool:
    """Say whether it is a SciPy sparse matrix, without importing SciPy."""
    return hasattr(given, "tocoo") and hasattr(given, "shape")


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
    refuse_oversize(terms, settings.memory_limit)
    forecast = forecast_terms(terms)
    counts: dict[str, Any] = {
        "n_terms": terms.n_terms,
        "n_entries": len(terms.term),
        "n_empty_records": int((np.diff(terms.first) == 0).sum()),
        "forecast": {"memory_bytes": forecast.memory_bytes, "seconds": round(forecast.seconds, 1)},
    }
    return TermInput(terms, found.ids, found.names, counts, _describe(found), inputs, kind)
