"""What `unsnarl check` says of decisions: which would apply to the records there are, and every problem in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from unsnarl.errors import InputError
from unsnarl.files.decision_sources import open_decisions
from unsnarl.files.pairs import PairSource, find_ids, read_pairs
from unsnarl.files.record_columns import hash_records
from unsnarl.files.records import RecordSource, read_records
from unsnarl.files.session import Session
from unsnarl.model import Index
from unsnarl.report.opening import Asked
from unsnarl.report.ruling import Register, Ruling, make_ruling
from unsnarl.report.statements import name_all
from unsnarl.settings import Settings
from unsnarl.slices import Slices


def _find_known(pairs: PairSource, records: RecordSource | None, wanted: Sequence[str]) -> list[str]:
    """List those of some ids that records have, those in PAIRS alone too where these are welcome."""
    known = set() if records is None else set(hash_records(records, pairs.joint, (), wanted))
    if records is None or pairs.settings.allow_unknown_ids:
        known |= set(find_ids(pairs, wanted))
    return sorted(known)


Found = TypeVar("Found")


def survey_decisions(
    session: Session, asked: Asked, settings: Settings, found: tuple[dict[str, Any], list[InputError]]
) -> None:
    """Look decisions over, against PAIRS and RECORDS.

    found  facts and problems, added to: decisions (events by what would become of them), decision_notes; unknown ids,
           contradictions, what cannot be read

    What is wrong with PAIRS or RECORDS is not told here; where they cannot be read the log alone is looked at.
    """
    facts, problems = found

    def attempt(work: Callable[[], Found]) -> Found | None:
        try:
            return work()
        except InputError as problem:
            problems.append(problem)
            return None

    log = attempt(lambda: open_decisions(asked.decisions).log)
    if log is None:
        return
    everything = np.arange(len(log.events))
    wanted = sorted(set(name_all(log.events, everything, {}).ids))
    try:
        pairs = read_pairs(session, asked.pairs, settings)
        records = None if asked.records is None else read_records(session, asked.records, settings)
        known, joint = _find_known(pairs, records, wanted), pairs.joint
    except InputError:
        known, records, joint, settings = wanted, None, False, replace(settings, one_per=None, one_per_penalty=None)
    number_of = {record: number for number, record in enumerate(known)}

    def find(texts: Slices) -> Index:
        return np.array([number_of.get(text, -1) for text in texts], dtype=np.int32)

    def rule(chosen: Settings) -> Ruling | None:
        return make_ruling(log, records, joint, Register(len(known), find), chosen)

    if len(known) < len(wanted) and not settings.allow_unknown_ids:
        # Stops at the ids; all else is then found without them.
        attempt(lambda: rule(settings))
    ruling = attempt(lambda: rule(replace(settings, allow_unknown_ids=True)))
    if ruling is not None:
        facts |= {"decisions": ruling.counts()["decisions"], "decision_notes": list(ruling.notes)}
