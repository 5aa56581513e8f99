"""What the caller gave, opened; nothing here loads the compiler, so that checksums begin before that is done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unsnarl.files.checksums import Described
from unsnarl.files.decision_sources import DecisionSource, open_decisions
from unsnarl.files.pairs import PairSource, read_pairs
from unsnarl.files.records import RecordSource, read_records
from unsnarl.files.runs import open_run
from unsnarl.files.session import Session
from unsnarl.report.forecast import share_memory
from unsnarl.report.machine import refuse_narrow
from unsnarl.report.ruling import Register, Ruling, make_ruling
from unsnarl.report.timing import Clock
from unsnarl.settings import Settings


@dataclass(frozen=True)
class Asked:
    """Hold what the caller gave, in whatever form: PAIRS, RECORDS and DECISIONS."""

    pairs: Any
    records: Any = None
    decisions: Any = None


@dataclass
class Opened:
    """Hold what was given, opened, and its checksums once they are being found out.

    records    None where there are none
    decisions  None where there are none
    """

    pairs: PairSource
    records: RecordSource | None
    decisions: DecisionSource | None = None
    described: Described | None = None

    def rule(self, register: Register, settings: Settings) -> Ruling | None:
        """Work out which decisions apply, and what sources there are; None where there is neither.

        register  who is a record

        Raises InputError.
        """
        log = None if self.decisions is None else self.decisions.log
        return make_ruling(log, self.records, self.pairs.joint, register, settings)

    @property
    def paths(self) -> list[str]:
        """All files; empty where anything is not a file."""
        each = [self.pairs.paths] if self.records is None else [self.pairs.paths, self.records.paths]
        return [path for paths in each for path in paths] if all(each) else []

    def start_checksums(self, listed_in: str | None) -> Described:
        """Begin to find the checksums, and to compare them with a list, if there is one."""
        given = [("pairs", self.pairs), ("records", self.records), ("decisions", self.decisions)]
        self.described = Described(given, listed_in)
        return self.described


def refuse_missing(previous: str | os.PathLike[str] | None) -> None:
    """Refuse, before the work starts, a RUN to go on from that is not there or was not finished."""
    if previous is not None:
        open_run(previous)


@contextmanager
def open_input(asked: Asked, settings: Settings, clock: Clock) -> Iterator[tuple[Session, Opened]]:
    """Open what was given, and begin to find its checksums; the engine's memory is free again afterwards.

    Raises InputError.
    """
    refuse_narrow()
    with Session(settings.threads, share_memory(settings.memory_limit).engine, settings.temp_dir) as session:
        with clock.phase("opening"):
            source = read_pairs(session, asked.pairs, settings)
            records = None if asked.records is None else read_records(session, asked.records, settings)
            decisions = None if asked.decisions is None else open_decisions(asked.decisions)
            opened = Opened(source, records, decisions)
            opened.start_checksums(settings.checksums)
        yield session, opened
