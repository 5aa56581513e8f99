"""What decisions and rules come to in one run: which apply, which do not and why, and the constraints that follow."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.chains import Contradiction, Sameness, find_contradictions, find_rule_breaks
from unsnarl.decisions.events import Event
from unsnarl.decisions.log import Log
from unsnarl.decisions.resolving import Resolution, by_reviewer, latest_first, resolve
from unsnarl.errors import InputError
from unsnarl.files.record_columns import hash_records, need_records, read_sources
from unsnarl.files.records import RecordSource
from unsnarl.model import Components, Constraints, Index
from unsnarl.report.summary import count_of
from unsnarl.settings import Settings

APPLIED, STALE, UNKNOWN, OVERRULED = "applied", "stale", "unknown ids", "overruled"
LARGE_PARTITION = 30
"""An event that tells more parts apart than this is a family, and not a cannot-link for each two of them."""


@dataclass(frozen=True)
class Register:
    """Hold who is a record.

    n_records  number of records
    find       gives the number of each of some ids, negative for what is no record
    """

    n_records: int
    find: Callable[[list[str]], Index]


@dataclass(frozen=True)
class Sources:
    """Hold the source of each record.

    code_of  int32[n]  by the number of the record; -1 for none
    names    of the sources, by code
    """

    code_of: Index
    names: list[str]


@dataclass(frozen=True)
class Ruling:
    """Hold what decisions and rules come to.

    log       None where no decisions were given
    status    of each event's id: what `Log.status` says, or APPLIED, STALE, UNKNOWN, OVERRULED
    applied   the events that apply, without ids that are no records
    number    number of each id that they name
    sameness  of the same events
    sources   None without --one-per
    is_hard   whether --one-per is a rule, and not evidence
    notes     in sentences, what was not applied and why
    """

    log: Log | None = None
    status: dict[str, str] = field(default_factory=dict)
    applied: list[Event] = field(default_factory=list)
    number: dict[str, int] = field(default_factory=dict)
    sameness: Sameness = field(default_factory=Sameness)
    sources: Sources | None = None
    is_hard: bool = False
    notes: tuple[str, ...] = ()

    def ties(self) -> tuple[Index, Index]:
        """Give the must-links, by number: each record, and the one that stands for its group."""
        groups = self.sameness.groups()
        left = [self.number[record] for group in groups for record in group]
        right = [self.number[self.sameness.find(group[0])] for group in groups for _ in group]
        return np.array(left, dtype=np.int32), np.array(right, dtype=np.int32)

    def counts(self) -> dict[str, Any]:
        """Count the events by what became of them, for run.json."""
        if self.log is None:
            return {}
        tally = Counter(self.status.values())
        return {
            "decisions": {
                "n_events": len(self.log.events),
                **{f"n_{name.replace(' ', '_')}": count for name, count in sorted(tally.items())},
            }
        }


def find_stale(events: Sequence[Event], records: RecordSource, joint: bool) -> tuple[set[str], int]:
    """Find the events that name a record which has changed since; gives how many could not be looked at too.

    Cost: one pass over RECORDS for each set of columns that the hashes are of.
    """
    has = set.intersection(*(set(part.columns) for part in records.source.parts))
    by_columns: dict[tuple[str, ...], list[Event]] = {}
    n_unseen = 0
    for event in events:
        if event.hashes and set(event.columns) <= has:
            by_columns.setdefault(event.columns, []).append(event)
        n_unseen += bool(event.hashes) and not set(event.columns) <= has
    stale = set()
    for columns, some in by_columns.items():
        wanted = sorted({record for event in some for record in event.ids if record in event.hashes})
        now = hash_records(records, joint, columns, wanted)
        stale |= {
            event.event
            for event in some
            if any(
                now.get(record, event.hashes[record]) != event.hashes[record]
                for record in event.ids
                if record in event.hashes
            )
        }
    return stale, n_unseen


def _list_events(events: Iterable[Event]) -> str:
    """Show the first of some events, one line each."""
    shown = [
        f"  {event.where}: {event.kind} {', '.join(map(repr, event.ids[:4]))} ({event.signed()})" for event in events
    ]
    return "\n".join(["", *shown[:5], *(["  ..."] if len(shown) > 5 else [])])


def refuse_contradictions(found: Sequence[Contradiction]) -> None:
    """Refuse decisions that contradict each other, each with the chain that proves it."""
    if not found:
        return
    more = f" The first 5 of {len(found):,} are shown; `unsnarl decisions check` shows all." if len(found) > 5 else ""
    raise InputError(
        f"DECISIONS: {count_of(len(found), 'contradiction')}.",
        examples=[contradiction.say() for contradiction in found],
        hint="Undo or supersede one decision of each chain, or let --on-contradiction choose." + more,
    )


class _Judge:
    """Work out a ruling, step by step."""

    def __init__(self, log: Log, register: Register, settings: Settings) -> None:
        self._settings = settings
        self._register = register
        self.status = dict(log.status)
        for event in log.events:
            if self.status[event.event] == "holds" and event.kind in ("unsure", "undo"):
                self.status[event.event] = event.kind
        self.events = log.holding()
        self.notes = list(log.notes)
        self.number: dict[str, int] = {}

    def _leave_out(self, events: list[Event], status: str, why: str) -> None:
        """Leave some events out, and say so."""
        if events:
            gone = {event.event for event in events}
            self.status.update(dict.fromkeys(gone, status))
            self.events = [event for event in self.events if event.event not in gone]
            self.notes.append(f"{count_of(len(events), 'decision')} not applied: {why}{_list_events(events)}")

    def leave_out_stale(self, records: RecordSource | None, joint: bool) -> None:
        """Leave out what was said of records that have changed since."""
        if records is None or not any(event.hashes for event in self.events):
            return
        stale, n_unseen = find_stale(self.events, records, joint)
        if n_unseen:
            said = count_of(n_unseen, "decision")
            self.notes.append(f"{said} applied without a look at the records: RECORDS lack columns that were hashed")
        found = [event for event in self.events if event.event in stale]
        if found and self._settings.apply_stale:
            said = count_of(len(found), "decision")
            self.notes.append(f"{said} applied though a record has changed since (--apply-stale){_list_events(found)}")
        else:
            self._leave_out(found, STALE, "a record has changed since (--apply-stale applies them)")

    def leave_out_unknown(self) -> None:
        """Find the numbers of all ids, and leave out those that are no records. Raises InputError."""
        texts = list(dict.fromkeys(chain.from_iterable(event.ids for event in self.events)))
        numbers = self._register.find(texts)
        self.number = dict(zip(texts, numbers.tolist(), strict=True))
        unknown = {text for text in texts if self.number[text] < 0}
        if not unknown:
            return
        naming = [event for event in self.events if not unknown.isdisjoint(event.ids)]
        if not self._settings.allow_unknown_ids:
            first = [(record, event) for event in naming for record in event.ids if record in unknown]
            raise InputError(
                f"DECISIONS: {count_of(len(unknown), 'id')} that no record has.",
                examples=[f"{event.where}: {record!r}" for record, event in first],
                hint="Check the ids, or leave them out with --allow-unknown-ids.",
            )
        trimmed = [_without(event, unknown) for event in self.events]
        kept = [event for event in trimmed if event.ties or event.separates]
        said = f"{count_of(len(unknown), 'id')} of decisions left out: no record has it (--allow-unknown-ids)"
        self.notes.append(said + "".join(f"\n  {record!r}" for record in sorted(unknown)[:5]))
        empty = {event.event for event in trimmed} - {event.event for event in kept}
        self._leave_out([event for event in self.events if event.event in empty], UNKNOWN, "too few known ids")
        self.events = kept

    def settle_contradictions(self, sources: Sources | None, rule: str | None) -> Sameness:
        """Find contradictions, and stop or resolve them. Raises InputError."""
        sameness = Sameness(self.events)
        found = find_contradictions(self.events, sameness)
        how = self._settings.on_contradiction
        if how == "stop":
            refuse_contradictions([*found, *self._find_rule_breaks(sameness, sources, rule)])
            return sameness
        if found:
            order = (self._settings.reviewer_order or "").split(",")
            strength = latest_first if how == "latest" else by_reviewer([name.strip() for name in order])
            self._overrule(resolve(self.events, strength))
            sameness = Sameness(self.events)
        broken = self._find_rule_breaks(sameness, sources, rule)
        if broken:
            said = count_of(len(broken), "group")
            shown = "".join(f"\n  {one.say()}" for one in broken[:5])
            self.notes.append(f"{said} of records that are the same by decisions, against --one-per: kept{shown}")
        return sameness

    def _overrule(self, resolution: Resolution) -> None:
        overruled = [event for event, _ in resolution.overruled]
        self._leave_out(overruled, OVERRULED, f"--on-contradiction {self._settings.on_contradiction}")
        chains = [f"\n  {why.say()}" for _, why in resolution.overruled[:5] if why is not None]
        self.notes[-1] += "".join(chains)

    def _find_rule_breaks(self, sameness: Sameness, sources: Sources | None, rule: str | None) -> list[Contradiction]:
        """Find records of one source that decisions say are the same."""
        if sources is None or rule is None:
            return []
        groups = sameness.groups()
        code_of = {record: int(sources.code_of[self.number[record]]) for group in groups for record in group}
        source_of = {record: sources.names[code] for record, code in code_of.items() if code >= 0}
        return find_rule_breaks(sameness, source_of, rule, groups)


def _without(event: Event, unknown: set[str]) -> Event:
    """Give an event without some ids."""
    if unknown.isdisjoint(event.ids):
        return event
    parts = (tuple(record for record in part if record not in unknown) for part in event.parts)
    return dataclasses.replace(event, parts=tuple(part for part in parts if part))


def _read_sources(records: RecordSource, joint: bool, column: str, register: Register) -> Sources:
    """Read the source of each record, by number."""
    ids, codes, names = read_sources(records, joint, column)
    numbers = register.find(ids.tolist())
    code_of = np.full(register.n_records, -1, dtype=np.int32)
    code_of[numbers[numbers >= 0]] = codes[numbers >= 0]
    return Sources(code_of, names)


def make_ruling(
    log: Log | None, records: RecordSource | None, joint: bool, register: Register, settings: Settings
) -> Ruling | None:
    """Work out which decisions apply, and what sources there are; None where there is neither.

    records   RECORDS, whose columns are looked at where decisions have hashes, or for --one-per
    joint     whether ids carry the name of their dataset
    register  who is a record

    Raises InputError for ids that no record has, and for contradictions. Cost: near O(decisions).
    """
    if log is None and settings.one_per is None:
        return None
    sources = None
    if settings.one_per is not None:
        sources = _read_sources(need_records(records, "--one-per"), joint, settings.one_per, register)
    is_hard = sources is not None and settings.one_per_penalty is None
    if log is None:
        return Ruling(sources=sources, is_hard=is_hard)
    judge = _Judge(log, register, settings)
    judge.leave_out_stale(records, joint)
    judge.leave_out_unknown()
    sameness = judge.settle_contradictions(sources, settings.one_per if is_hard else None)
    status = {**judge.status, **{event.event: APPLIED for event in judge.events}}
    return Ruling(log, status, judge.events, judge.number, sameness, sources, is_hard, tuple(judge.notes))


def _list_denials(ruling: Ruling, index: dict[str, int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """List the cannot-links of events, and the members of events that tell many parts apart."""
    denied, members = [], []
    for number, event in enumerate(ruling.applied):
        if not event.separates:
            continue
        heads = [index[part[0]] for part in event.parts]
        if len(heads) <= LARGE_PARTITION:
            denied += list(combinations(heads, 2))
        else:
            members += [(number, head) for head in heads]
    return denied, members


def _as_pairs(rows: list[tuple[int, int]]) -> NDArray[np.int32]:
    return np.array(rows, dtype=np.int32).reshape(-1, 2)


def _make_constraints(ruling: Ruling, index: dict[str, int], rank_of: Index, components: Components) -> Constraints:
    """Make the constraints of a run, those between components left out: they hold by themselves."""
    n_records = len(components.component_of)
    must_of = np.arange(n_records, dtype=np.int32)
    for group in ruling.sameness.groups():
        places = [index[record] for record in group]
        must_of[places] = min(places)
    denied, members = _list_denials(ruling, index)
    ends = must_of[_as_pairs(denied)]
    left, right = ends.min(axis=1, initial=n_records), ends.max(axis=1, initial=0)
    is_inside = components.component_of[left] == components.component_of[right] if len(ends) else np.zeros(0, np.bool_)
    keys = np.unique(left[is_inside].astype(np.int64) << 32 | right[is_inside])
    large = _as_pairs(members)
    family, member = large[:, 0], must_of[large[:, 1]]
    if ruling.sources is not None and ruling.is_hard:
        sources = ruling.sources
        numbers = np.flatnonzero(sources.code_of >= 0).astype(np.int32)
        family = np.concatenate([family, sources.code_of[numbers] + len(ruling.applied)])
        member = np.concatenate([member, must_of[rank_of[numbers]]])
    told = np.unique(family.astype(np.int64) << 32 | member)
    words = (keys >> 32, keys & 0xFFFFFFFF, told & 0xFFFFFFFF, told >> 32)
    return Constraints(must_of, *(word.astype(np.int32) for word in words))


@dataclass(frozen=True)
class Ruled:
    """Hold what a ruling means for the records of a run.

    index        of each record that events name
    constraints  what follows from decisions and rules
    rules        what follows from rules alone
    source_of    int32[n]  the source of each record, -1 for none; empty without --one-per
    """

    ruling: Ruling
    index: dict[str, int]
    constraints: Constraints
    rules: Constraints
    source_of: Index


def apply_ruling(ruling: Ruling, rank_of: Index, components: Components) -> Ruled:
    """Say what a ruling means for the records of a run.

    rank_of  index of each record by its number

    Cost: O(n + decisions).
    """
    numbers = np.fromiter(ruling.number.values(), dtype=np.int64, count=len(ruling.number))
    known = zip(ruling.number, numbers.tolist(), rank_of[numbers].tolist() if len(rank_of) else [], strict=False)
    index = {text: place for text, number, place in known if number >= 0}
    constraints = _make_constraints(ruling, index, rank_of, components)
    source_of = np.zeros(0, dtype=np.int32)
    if ruling.sources is not None:
        source_of = np.empty(len(rank_of), dtype=np.int32)
        source_of[rank_of] = ruling.sources.code_of
    if not ruling.applied:
        return Ruled(ruling, index, constraints, constraints, source_of)
    alone = Ruling(sources=ruling.sources, is_hard=ruling.is_hard)
    return Ruled(ruling, index, constraints, _make_constraints(alone, {}, rank_of, components), source_of)


def find_touched(components: Components, under: Constraints, rules_too: bool) -> NDArray[np.bool_]:
    """Mark the records of components that a must-link or a cannot-link lies in, or also a family."""
    component_of = components.component_of
    is_touched = np.zeros(len(component_of), dtype=np.bool_)
    tied = np.flatnonzero(under.must_of != np.arange(len(component_of)))
    is_touched[component_of[tied]] = True
    is_touched[component_of[under.left]] = True
    if rules_too:
        places = component_of[under.member].astype(np.int64) << 32 | under.family
        told, count = np.unique(places, return_counts=True)
        is_touched[(told[count > 1] >> 32).astype(np.int32)] = True
    touched: NDArray[np.bool_] = is_touched[component_of]
    return touched
