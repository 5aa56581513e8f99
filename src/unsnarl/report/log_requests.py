"""What one can ask of a log of decisions: add to it, list it, check it, and take tables in and out."""

from __future__ import annotations

import getpass
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from unsnarl.decisions.chains import Contradiction, Sameness, find_contradictions
from unsnarl.decisions.events import Event, read_event, write_time
from unsnarl.decisions.log import Log
from unsnarl.errors import InputError, UsageError
from unsnarl.files.atomic import write_file
from unsnarl.files.decision_sources import is_table, open_decisions, read_file
from unsnarl.files.decision_tables import write_long, write_splink
from unsnarl.files.decisions import append
from unsnarl.files.record_columns import find_columns, hash_records
from unsnarl.files.records import RecordSource, read_records
from unsnarl.files.session import Session
from unsnarl.report.staleness import Hashed
from unsnarl.report.summary import count_of
from unsnarl.settings import Settings

FORMS = ("jsonl", "csv", "splink")


def find_name() -> str:
    """Name who is at work, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


def _now() -> str:
    """Give the time in UTC, to the millisecond."""
    now = datetime.now(UTC)
    return write_time(now.replace(microsecond=now.microsecond // 1000 * 1000))


def _later(event: Event) -> Event:
    """Give the same event a millisecond later, and so with another id."""
    moment = datetime.fromisoformat(event.at) + timedelta(milliseconds=1)
    given = {**event.as_dict(), "at": write_time(moment), "event": None}
    return read_event(given, event.where)


def _add_hashes(given: dict[str, Any], records: Any, settings: Settings) -> dict[str, Any]:
    """Add to a decision the hashes of its records. Raises InputError for ids that RECORDS lack."""
    ids = read_event(given, "the decision").ids
    with Session() as session:
        source = read_records(session, records, settings)
        columns = find_columns(source)
        hashes = hash_records(source, False, columns, ids)
    missing = [record for record in ids if record not in hashes]
    if missing and not settings.allow_unknown_ids:
        raise InputError(
            "DECISIONS: ids that RECORDS lack.",
            examples=[repr(record) for record in missing],
            hint="Check the ids, or add the decision with --allow-unknown-ids.",
        )
    return {**given, "content": {"columns": list(columns), "hashes": hashes}} if columns else given


@dataclass(frozen=True)
class Added:
    """Hold what was added to a log, and what there is to say of the log.

    contradictions  that the events added have a part in
    """

    events: list[Event]
    notes: tuple[str, ...]
    contradictions: list[Contradiction]


def add(path: str, given: Mapping[str, Any], records: Any = None, settings: Settings | None = None) -> Added:
    """Add one decision to a log; it is on the disk when this returns.

    given    the JSON object; `by` and `at` are filled in where they are missing
    records  RECORDS, to keep a hash of what its records hold

    Raises InputError for what is no decision, or names an event or a record that is not there.
    """
    _refuse_table(path)
    signed = {"by": find_name(), "at": _now()}
    whole = {**signed, **{name: value for name, value in given.items() if value is not None}}
    if records is not None and whole.get("kind") != "undo":
        whole = _add_hashes(whole, records, settings or Settings())
    event = read_event(whole, "the decision")

    def make(log: Log) -> list[Event]:
        made = event
        while made.event in log.status and not given.get("event") and not given.get("at"):
            made = _later(made)
        return [] if made.event in log.status else [made]

    events, log = append(path, make)
    return Added(events, log.notes, _find_new(log, events))


def _refuse_table(path: str) -> None:
    """Refuse to add to a table: only a log can be added to."""
    if is_table(path):
        raise UsageError(f"{path} is CSV, and no log.", hint="Take it into one: unsnarl decisions import LOG FILE.")


def _find_new(log: Log, events: Sequence[Event]) -> list[Contradiction]:
    """Find the contradictions that some events have a part in."""
    new = {event.event for event in events}
    holding = log.holding()
    found = find_contradictions(holding, Sameness(holding))
    return [one for one in found if any(event.event in new for event in one.events)]


def import_table(path: str, source: Any, signed: Mapping[str, str]) -> tuple[Added, int]:
    """Add to a log the events of another log, of a CSV or of a frame that it does not have yet.

    signed  `by` and `at` for rows that do not say

    Gives what was added, and how many events it had already.
    """
    _refuse_table(path)
    named = {"by": find_name(), "at": _now(), **signed}
    is_path = isinstance(source, (str, os.PathLike))
    incoming = read_file(os.fspath(source), named) if is_path else open_decisions(source).log
    events, log = append(path, lambda log: [event for event in incoming.events if event.event not in log.status])
    notes = (*incoming.notes, *log.notes)
    return Added(events, notes, _find_new(log, events)), len(incoming.events) - len(events)


def format_log(log: Log, form: str) -> str:
    """Write a log as text: jsonl and csv with all events, splink with what holds of pairs."""
    if form == "splink":
        doubts = [event for event in log.events if event.kind == "unsure" and log.status[event.event] == "holds"]
        return write_splink([*log.holding(), *doubts])
    if form == "csv":
        return write_long(log.events)
    return "".join(f"{event.as_line()}\n" for event in log.events)


def export(path: str, out: str | None, form: str, force: bool) -> str:
    """Write a log in another form, to a file or as text. Raises InputError where the file exists."""
    if form not in FORMS:
        raise UsageError(f"{form!r} is no form of decisions; they are {', '.join(FORMS)}.")
    if out is not None and os.path.lexists(out) and (not force or os.path.isdir(out)):
        raise InputError(f"{out} exists already.", hint="Choose another name, or replace it with --force.")
    text = format_log(read_file(path), form)
    if out is not None:
        write_file(out, text.encode())
    return text


@dataclass(frozen=True)
class LogReport:
    """Hold what is to be said of a log.

    log             its events and what holds
    contradictions  each with its chain
    stale           events on records that have changed since
    unknown         ids that RECORDS lack, with the event that names each
    n_unseen        events with hashes of columns that RECORDS lack
    """

    log: Log
    contradictions: list[Contradiction]
    stale: list[Event] = field(default_factory=list)
    unknown: list[tuple[str, Event]] = field(default_factory=list)
    n_unseen: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain dicts and lists."""
        tally = Counter(self.log.status.values())
        return {
            "n_events": len(self.log.events),
            "n_holding": tally["holds"],
            "n_undone": tally["undone"],
            "n_superseded": tally["superseded"],
            "n_repeated": self.log.n_repeated,
            "sha256": self.log.digest,
            "contradictions": [_as_dict(one) for one in self.contradictions],
            "stale": [event.event for event in self.stale],
            "unknown_ids": sorted({record for record, _ in self.unknown}),
            "notes": list(self.log.notes),
        }

    def lines(self) -> list[str]:
        """Lay it out for a terminal."""
        tally = Counter(self.log.status.values())
        kinds = Counter(event.kind for event in self.log.events if self.log.status[event.event] == "holds")
        said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        lines = [f"{count_of(len(self.log.events), 'event')}; hold: {said or 'none'}"]
        lines.append(
            f"{tally['undone']:,} undone, {tally['superseded']:,} superseded, {self.log.n_repeated:,} repeated"
        )
        lines += [f"note: {note}" for note in self.log.notes]
        lines += [f"stale: {event.where}: {event.kind} {', '.join(event.ids[:4])}" for event in self.stale]
        lines += [f"no such record: {event.where}: {record!r}" for record, event in self.unknown]
        if self.n_unseen:
            lines.append(f"note: RECORDS lack columns that {count_of(self.n_unseen, 'event')} have hashes of")
        lines += [f"contradiction: {one.say()}" for one in self.contradictions]
        return lines

    def as_error(self) -> InputError | None:
        """Give the error that a run would end with, or None."""
        problems = [one.say() for one in self.contradictions]
        problems += [f"{event.where}: no record {record!r}" for record, event in self.unknown]
        if not problems:
            return None
        said = f"{count_of(len(self.contradictions), 'contradiction')}, {count_of(len(self.unknown), 'unknown id')}"
        return InputError(
            f"DECISIONS: {said}.", examples=problems, hint="Undo or supersede one decision of each chain."
        )


def _as_dict(one: Contradiction) -> dict[str, Any]:
    chain = [{"left": link.left, "right": link.right, "event": link.event.event} for link in one.chain]
    denial = None if one.denial is None else one.denial.event
    return {"left": one.left, "right": one.right, "chain": chain, "different": denial, "text": one.say()}


def check(path: str, records: Any = None, settings: Settings | None = None) -> LogReport:
    """Look a log over: what holds, what contradicts itself, and against RECORDS what is stale or unknown.

    Raises InputError for a log that cannot be read.
    """
    log = read_file(path)
    holding = log.holding()
    report = LogReport(log, find_contradictions(holding, Sameness(holding)))
    if records is None:
        return report
    with Session() as session:
        source = read_records(session, records, settings or Settings())
        positions = np.array(log.find_holding(), dtype=np.int64)
        stale, n_unseen = Hashed.of(log.events, positions).find_stale(source, False)
        unknown = _find_unknown(source, holding)
    return replace(report, stale=[log.events[i] for i in stale.tolist()], unknown=unknown, n_unseen=n_unseen)


def _find_unknown(records: RecordSource, events: Sequence[Event]) -> list[tuple[str, Event]]:
    """List the ids that RECORDS lack."""
    wanted = sorted({record for event in events for record in event.ids})
    known = hash_records(records, False, (), wanted)
    return [(record, event) for event in events for record in event.ids if record not in known]
