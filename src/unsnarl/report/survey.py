"""All facts of PAIRS and RECORDS, and every problem in them, without linking: what `unsnarl check` tells.

The input is read, interned and settled as `cluster` does it, once and by the same code. So the memory is bounded by
the same limit, and what it took is what `cluster` will take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np

from unsnarl import solve
from unsnarl.errors import InputError, UnsnarlError
from unsnarl.files.pairs import PairSource, explain_conflicts, read_pairs
from unsnarl.files.profile import describe_columns, measure_files
from unsnarl.files.records import RecordSource, read_records
from unsnarl.files.session import Session
from unsnarl.interning import Interned, Into, PairStore, Settled, intern, settle
from unsnarl.model import SCORE_UNITS, to_score_units
from unsnarl.report.forecast import Spent, Work, share_memory
from unsnarl.report.machine import held_bytes, peak_memory_bytes
from unsnarl.report.timing import Clock
from unsnarl.settings import Settings

N_BINS = 10
_MEASURED = ("opening", "reading", "finding components")
"""Phases that take in `cluster` what they took here; kernels may have been compiled just now, once and for all."""

Opened = TypeVar("Opened")


@dataclass
class Survey:
    """Hold what was found.

    facts     n_pair_rows, n_pairs (distinct), n_ids, n_record_rows, n_bytes (files only), n_files, n_bad_scores,
              n_self_pairs, n_repeated_pairs (with the same score), n_conflicts, score_histogram (rows with two
              different ids and a score, in ten bins of probability), n_over_threshold and share_over_threshold of
              those rows, n_components, n_pairs_inside, n_largest, columns; those not reached are missing
    problems  every breach of the contract
    work      what is left for linkage; None where it was not reached
    spent     what it took to get there
    """

    facts: dict[str, Any] = field(default_factory=dict)
    problems: list[InputError] = field(default_factory=list)
    work: Work | None = None
    spent: Spent | None = None

    def attempt(self, step: Callable[[], Opened]) -> Opened | None:
        """Take a step; a problem is noted and not raised."""
        try:
            return step()
        except InputError as problem:
            self.problems.append(problem)
            return None

    def note(self, problems: Any) -> None:
        """Note problems, each once: RECORDS may be looked at again where it was they that stopped the first look."""
        known = {str(problem) for problem in self.problems}
        self.problems += [problem for problem in problems if str(problem) not in known]


def _count_scores(rows: Interned, threshold: float) -> dict[str, Any]:
    """Make the histogram of scores, as probabilities, and count those at the threshold or over it."""
    histogram, n_over = np.zeros(N_BINS, dtype=np.int64), 0
    for number in range(rows.store.n_blocks):
        score = rows.store.block(number)[2]
        bins = np.minimum(score // (SCORE_UNITS // N_BINS), N_BINS - 1)
        histogram += np.bincount(bins, minlength=N_BINS)
        n_over += int(np.count_nonzero(score >= to_score_units(threshold)))
    n_scores = int(histogram.sum())
    return {
        "score_histogram": histogram.tolist(),
        "n_over_threshold": n_over,
        "share_over_threshold": n_over / n_scores if n_scores else 0.0,
    }


def _count_work(settled: Settled, n_bytes: int, threads: int) -> Work:
    """Count what is left for linkage."""
    component_of = settled.components.component_of
    n_records = len(component_of)
    size = settled.components.sizes
    pairs_of = np.bincount(component_of[settled.pairs.left], minlength=n_records)
    largest = int(pairs_of.argmax()) if n_records else 0
    return Work(
        n_records=n_records,
        n_components=int(np.count_nonzero(size >= 2)),
        n_tied=int(size[size >= 2].sum()),
        n_linked=int(size[size >= 3].sum()),
        n_inside=len(settled.pairs),
        largest_records=int(size[largest]) if n_records else 0,
        largest_pairs=int(pairs_of[largest]) if n_records else 0,
        n_bytes=n_bytes,
        threads=threads,
        compiles=solve.needs_compiling(),
    )


def _count_settled(settled: Settled) -> dict[str, int]:
    """Count what is left of PAIRS, and the components."""
    size = settled.components.sizes
    return {
        "n_pairs": settled.n_pairs,
        "n_self_pairs": settled.n_self,
        "n_repeated_pairs": settled.n_repeated,
        "n_conflicts": settled.n_conflicts,
        "n_components": int(np.count_nonzero(size >= 2)),
        "n_pairs_inside": len(settled.pairs),
        "n_largest": int(size.max(initial=0)),
    }


def _count_records(records: RecordSource, joint: bool, survey: Survey) -> bool:
    """Count the rows of RECORDS; False where they cannot be read."""
    n_rows = survey.attempt(lambda: records.pick_rows(joint).count())
    survey.facts |= {} if n_rows is None else {"n_record_rows": n_rows}
    return n_rows is not None


def _find_conflicts(pairs: PairSource, rows: Interned, settled: Settled) -> list[InputError]:
    """Say which pairs are given with different scores, where nobody said which one counts."""
    if not settled.n_conflicts or pairs.settings.on_conflict != "error":
        return []
    named = [(rows.ids[left], rows.ids[right]) for left, right in settled.conflicts]
    return [explain_conflicts(pairs, settled.n_conflicts, [(min(both), max(both)) for both in named])]


def _read(
    session: Session, pairs: PairSource, records: RecordSource | None, survey: Survey, clock: Clock
) -> Interned | None:
    """Read and intern what was opened; where RECORDS cannot be read, PAIRS alone."""
    settings = pairs.settings

    def note(problems: Any) -> None:
        survey.note(problems)

    for known in (records, None) if records is not None else (None,):
        with clock.time("reading"):
            store = PairStore(share_memory(settings.memory_limit).store_bytes, settings.temp_dir, clock.progress)
            try:
                return intern(session, pairs, known, settings, Into(store, note))
            except UnsnarlError as problem:
                if not isinstance(problem, InputError):
                    raise
                survey.note([problem])
    return None


def _survey_rows(
    session: Session, pairs: PairSource, records: RecordSource | None, survey: Survey, clock: Clock
) -> None:
    """Read, intern and settle what was opened, and count."""
    survey.facts["columns"] = describe_columns(pairs)
    clock.run("loading kernels", solve.load_kernels)
    loaded_bytes = held_bytes()
    rows = _read(session, pairs, records, survey, clock)
    if rows is None:
        return
    settings = pairs.settings
    survey.facts |= {"n_pair_rows": rows.tally["n_rows"], "n_ids": rows.n_records}
    survey.facts |= {"n_bad_scores": rows.tally["n_bad_scores"], **_count_scores(rows, settings.threshold)}
    settled = clock.run(
        "finding components", lambda: settle(rows, settings.threshold, settings.on_conflict, session.threads)
    )
    survey.facts |= _count_settled(settled)
    seconds = sum(clock.phases[name]["seconds"] for name in _MEASURED if name in clock.phases)
    live = rows.ids.arena.nbytes + rows.ids.places.nbytes + settled.components.component_of.nbytes
    live += sum(column.nbytes for column in (settled.pairs.left, settled.pairs.right, settled.pairs.score))
    survey.spent = Spent(seconds, peak_memory_bytes(), loaded_bytes + live)
    survey.work = _count_work(settled, survey.facts["n_bytes"], session.threads)
    survey.problems += _find_conflicts(pairs, rows, settled)


def survey_input(session: Session, pairs_given: Any, records_given: Any, settings: Settings, clock: Clock) -> Survey:
    """Look at all of PAIRS and RECORDS (None where there are none) and list every problem, not only the first.

    Cost: one pass over the files, in the memory that `settings.memory_limit` allows; a few more where something is
    wrong, to say where.
    """
    survey = Survey()
    with clock.phase("opening"):
        pairs = survey.attempt(lambda: read_pairs(session, pairs_given, settings))
        records = None
        if records_given is not None:
            records = survey.attempt(lambda: read_records(session, records_given, settings))
        survey.facts |= measure_files(source for source in (pairs, records) if source is not None)
    joint = pairs is not None and pairs.joint
    if records is not None and not _count_records(records, joint, survey):
        records = None
    if pairs is not None:
        _survey_rows(session, pairs, records, survey, clock)
    elif records is not None:
        survey.problems += survey.attempt(partial(records.find_problems, joint)) or []
    return survey
