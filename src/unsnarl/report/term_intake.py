"""TERMS ready for clustering, with a forecast, and in words what is special about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.log import Log
from unsnarl.errors import UsageError
from unsnarl.files.checksums import describe_inputs
from unsnarl.files.decision_sources import open_decisions
from unsnarl.files.parts import FrameKind, show
from unsnarl.files.records import RecordSource, read_records
from unsnarl.files.session import Session
from unsnarl.files.terms import FIELDS, check_records, check_rows, query_ids, query_rows, read_terms
from unsnarl.model import Terms
from unsnarl.report.ruling import Ruled
from unsnarl.report.summary import count_of
from unsnarl.report.term_findings import shared_settings
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
    ruled   what decisions and rules mean; None where there are none
    """

    terms: Terms
    ids: NDArray[Any]
    names: NDArray[Any]
    counts: Mapping[str, Any]
    notes: tuple[str, ...]
    inputs: list[dict[str, Any]]
    kind: FrameKind
    ruled: Ruled | None = None


@dataclass(frozen=True)
class TermsAsked:
    """Hold what the caller gave, in whatever form: TERMS, RECORDS and DECISIONS.

    ids  of the rows of a sparse matrix, else None
    """

    terms: Any
    ids: Sequence[Any] | None = None
    records: Any = None
    decisions: Any = None


class Opened(NamedTuple):
    """Hold what was opened: RECORDS, what is to be described in run.json, what of it is known, and the frame's kind."""

    records: RecordSource | None
    sources: list[tuple[str, Any]]
    inputs: list[dict[str, Any]]
    kind: FrameKind


Rule = Callable[[Log | None, RecordSource | None, Any, TermSettings], Ruled | None]
"""Works out what decisions and rules mean for records with some ids."""


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


def _intern(session: Session, asked: TermsAsked, settings: TermSettings) -> tuple[InternedTerms, Opened]:
    """Read, check and intern TERMS, and open RECORDS: those given, or TERMS where these are a file of records."""
    shared = shared_settings(settings)
    records = None if asked.records is None else read_records(session, asked.records, shared)
    given: list[tuple[str, Any]] = [] if records is None else [("records", records)]
    if _is_matrix(asked.terms):
        for problem in [] if records is None else records.find_problems():
            raise problem
        frame: dict[str, Any] = {"role": "terms", "frame": type(asked.terms).__name__, "sha256": None}
        return intern_matrix(asked.terms, asked.ids), Opened(records, given, [frame], FrameKind("path"))
    if asked.ids is not None:
        raise UsageError("ids go with a sparse matrix; other TERMS have a column of ids.")
    source = read_terms(session, asked.terms, settings)
    check_rows(source)
    if records is not None:
        check_records(source, records)
    found = intern_terms(session, query_rows(source), query_ids(source, records))
    held = read_records(session, asked.terms, shared) if records is None and source.shape == FIELDS else records
    return found, Opened(held, [("terms", source), *given], [], source.kind)


def read_input(asked: TermsAsked, settings: TermSettings, rule: Rule) -> TermInput:
    """Read, check and intern what was given; the engine's memory is free again afterwards.

    Raises InputError where it breaks the contract of docs/input.md, ResourceError where there are too many terms.
    """
    decided = None if asked.decisions is None else open_decisions(asked.decisions)
    log = None if decided is None else decided.log
    # A matrix is in memory already, and the engine has nothing to read then.
    limit = None if _is_matrix(asked.terms) else settings.memory_limit
    with Session(settings.threads, limit) as session:
        found, opened = _intern(session, asked, settings)
        ruled = rule(log, opened.records, found.ids, settings)
    given: list[tuple[str, Any]] = opened.sources if decided is None else [*opened.sources, ("decisions", decided)]
    terms = found.terms
    refuse_oversize(terms, settings.memory_limit)
    forecast = forecast_terms(terms)
    counts: dict[str, Any] = {
        "n_terms": terms.n_terms,
        "n_entries": len(terms.term),
        "n_empty_records": int((np.diff(terms.first) == 0).sum()),
        "forecast": {"memory_bytes": forecast.memory_bytes, "seconds": round(forecast.seconds, 1)},
    }
    inputs = opened.inputs + describe_inputs(given)
    return TermInput(terms, found.ids, found.names, counts, _describe(found), inputs, opened.kind, ruled)
