"""What decisions and rules come to in one run: which apply, which do not and why, and the constraints that follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.chains import Contradiction, Sameness, find_contradictions, find_rule_breaks
from unsnarl.decisions.entries import CODE_OF
from unsnarl.decisions.events import UNDO, UNSURE, Event
from unsnarl.decisions.log import HOLDS, Log
from unsnarl.decisions.resolving import Resolution, by_reviewer, latest_first, resolve
from unsnarl.errors import InputError
from unsnarl.files.record_columns import need_records, read_sources
from unsnarl.files.records import RecordSource
from unsnarl.model import Components, Constraints, Index
from unsnarl.report.staleness import Hashed
from unsnarl.report.statements import (
    Groups,
    Longs,
    Statements,
    list_denials,
    list_heads,
    mark_denied,
    name_all,
    name_nothing,
    unite,
)
from unsnarl.report.summary import count_of
from unsnarl.settings import Settings
from unsnarl.slices import Slices

STATUSES = (HOLDS, "undone", "superseded", UNSURE, UNDO, "applied", "stale", "unknown ids", "overruled")
"""What becomes of events."""
APPLIED, STALE, UNKNOWN, OVERRULED = map(STATUSES.index, ("applied", "stale", "unknown ids", "overruled"))

NO_FAMILY = 2**31 - 1
"""A number that no family has."""

_NOBODY = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class Register:
    """Hold who is a record.

    n_records  number of records
    find       gives the number of each of some ids, negative for what is no record
    """

    n_records: int
    find: Callable[[Slices], Index]


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
    status    int8[events]  what became of each event of the log: a place in STATUSES
    applied   int64[k]  positions in the log of the events that apply
    said      what these say, without ids that are no records; records by number
    groups    who is the same as whom by that
    sources   None without --one-per
    is_hard   whether --one-per is a rule, and not evidence
    notes     in sentences, what was not applied and why
    """

    log: Log | None = None
    status: NDArray[np.int8] = field(default_factory=lambda: _NOBODY.astype(np.int8))
    applied: Longs = field(default_factory=lambda: _NOBODY.astype(np.int64))
    said: Statements = field(default_factory=lambda: name_nothing().as_statements(_NOBODY))
    groups: Groups = field(default_factory=lambda: Groups(_NOBODY, _NOBODY))
    sources: Sources | None = None
    is_hard: bool = False
    notes: tuple[str, ...] = ()

    def ties(self) -> tuple[Index, Index]:
        """Give the must-links, by number: each record, and the one that stands for its group."""
        return self.groups.record, self.groups.head

    def counts(self) -> dict[str, Any]:
        """Count the events by what became of them, for run.json."""
        if self.log is None:
            return {}
        counts = np.bincount(self.status, minlength=len(STATUSES)).tolist()
        tally = sorted((name, count) for name, count in zip(STATUSES, counts, strict=True) if count)
        return {
            "decisions": {
                "n_events": len(self.log.events),
                **{f"n_{name.replace(' ', '_')}": count for name, count in tally},
            }
        }


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
        self._register, self._settings = register, settings
        self.log = log
        self.status = np.zeros(len(log.events), dtype=np.int8)
        for kind in (UNSURE, UNDO):
            self.status[log.events.columns.kinds == CODE_OF[kind]] = STATUSES.index(kind)
        for name, places in log.events.names.find(log.cancelled).items():
            self.status[places] = STATUSES.index(log.cancelled[name])
        self.applied = np.flatnonzero(self.status == 0)
        self.changed: dict[int, Event] = {}
        self.notes = list(log.notes)
        self.named = name_all(log.events, self.applied, self.changed)
        self.said = name_nothing().as_statements(_NOBODY)
        self._hashed = Hashed.of(log.events, self.applied)

    def _list(self, positions: Longs) -> list[Event]:
        """Make the events at some positions, without ids that are no records."""
        return [self.changed.get(i) or self.log.events[i] for i in positions.tolist()]

    @property
    def events(self) -> list[Event]:
        """Make the events that still apply; for the few logs of which somebody must see them all."""
        return self._list(self.applied)

    def _show(self, positions: Longs) -> str:
        """Show the first of some events, one line each."""
        shown = [
            f"  {event.where}: {event.kind} {', '.join(map(repr, event.ids[:4]))} ({event.signed()})"
            for event in self._list(positions[:5])
        ]
        return "\n".join(["", *shown, *(["  ..."] if len(positions) > 5 else [])])

    def _leave_out(self, positions: Longs, status: int, why: str) -> None:
        """Leave some events out, and say so."""
        if len(positions):
            self.status[positions] = status
            self.applied = np.setdiff1d(self.applied, positions)
            self.named = name_all(self.log.events, self.applied, self.changed)
            said = count_of(len(positions), "decision")
            self.notes.append(f"{said} not applied: {why}{self._show(positions)}")

    def leave_out_stale(self, records: RecordSource | None, joint: bool) -> None:
        """Leave out what was said of records that have changed since."""
        if records is None or not len(self._hashed):
            return
        found, n_unseen = self._hashed.find_stale(records, joint)
        if n_unseen:
            said = count_of(n_unseen, "decision")
            self.notes.append(f"{said} applied without a look at the records: RECORDS lack columns that were hashed")
        if len(found) and self._settings.apply_stale:
            said = count_of(len(found), "decision")
            self.notes.append(f"{said} applied though a record has changed since (--apply-stale){self._show(found)}")
        else:
            self._leave_out(found, STALE, "a record has changed since (--apply-stale applies them)")

    def leave_out_unknown(self) -> None:
        """Find the numbers of all ids, and leave out those that are no records. Raises InputError."""
        self._take()
        is_unknown = self.said.record < 0
        if not is_unknown.any():
            return
        rows = np.flatnonzero(is_unknown).tolist()
        unknown = {self.named.ids[row] for row in rows}
        if not self._settings.allow_unknown_ids:
            where = self._list(self.applied[self.said.event[rows]])
            raise InputError(
                f"DECISIONS: {count_of(len(unknown), 'id')} that no record has.",
                examples=[f"{event.where}: {self.named.ids[row]!r}" for row, event in zip(rows, where, strict=True)],
                hint="Check the ids, or leave them out with --allow-unknown-ids.",
            )
        naming = self.applied[np.unique(self.said.event[rows])]
        trimmed = {i: _without(event, unknown) for i, event in zip(naming.tolist(), self._list(naming), strict=True)}
        empty = [i for i, event in trimmed.items() if not (event.ties or event.separates)]
        said = f"{count_of(len(unknown), 'id')} of decisions left out: no record has it (--allow-unknown-ids)"
        self.notes.append(said + "".join(f"\n  {record!r}" for record in sorted(unknown)[:5]))
        self._leave_out(np.array(empty, dtype=np.int64), UNKNOWN, "too few known ids")
        self.changed = trimmed
        self.named = name_all(self.log.events, self.applied, self.changed)
        self._take()

    def _take(self) -> None:
        """Find the numbers of the records that the events name which still apply."""
        self.said = self.named.as_statements(self._register.find(self.named.ids))

    def settle_contradictions(self, sources: Sources | None, rule: str | None) -> Groups:
        """Find contradictions, and stop or resolve them. Raises InputError."""
        groups = unite(self.said)
        is_denied = mark_denied(self.said, groups)
        how = self._settings.on_contradiction
        if how == "stop":
            found = []
            if is_denied.any():
                found = find_contradictions(self._list(self.applied[is_denied]), Sameness(self.events))
            refuse_contradictions([*found, *self._find_rule_breaks(groups, sources, rule)])
            return groups
        if is_denied.any():
            order = (self._settings.reviewer_order or "").split(",")
            strength = latest_first if how == "latest" else by_reviewer([name.strip() for name in order])
            self._overrule(resolve(self.events, strength))
            self._take()
            groups = unite(self.said)
        broken = self._find_rule_breaks(groups, sources, rule)
        if broken:
            said = count_of(len(broken), "group")
            shown = "".join(f"\n  {one.say()}" for one in broken[:5])
            self.notes.append(f"{said} of records that are the same by decisions, against --one-per: kept{shown}")
        return groups

    def _overrule(self, resolution: Resolution) -> None:
        position_of = dict(zip([event.event for event in self.events], self.applied.tolist(), strict=True))
        overruled = [position_of[event.event] for event, _ in resolution.overruled]
        self._leave_out(
            np.array(overruled, dtype=np.int64), OVERRULED, f"--on-contradiction {self._settings.on_contradiction}"
        )
        chains = [f"\n  {why.say()}" for _, why in resolution.overruled[:5] if why is not None]
        self.notes[-1] += "".join(chains)

    def _find_rule_breaks(self, groups: Groups, sources: Sources | None, rule: str | None) -> list[Contradiction]:
        """Find records of one source that decisions say are the same."""
        if sources is None or rule is None:
            return []
        code = sources.code_of[groups.record]
        places = (groups.head.astype(np.int64) << 32 | code)[code >= 0]
        if len(np.unique(places)) == len(places):
            return []
        sameness = Sameness(self.events)
        code_of = dict(zip(self.named.ids, sources.code_of[self.said.record].tolist(), strict=True))
        source_of = {record: sources.names[code] for record, code in code_of.items() if code >= 0}
        return find_rule_breaks(sameness, source_of, rule, sameness.groups())


def _without(event: Event, unknown: set[str]) -> Event:
    """Give an event without some ids."""
    if unknown.isdisjoint(event.ids):
        return event
    parts = (tuple(record for record in part if record not in unknown) for part in event.parts)
    return dataclasses.replace(event, parts=tuple(part for part in parts if part))


def _read_sources(records: RecordSource, joint: bool, column: str, register: Register) -> Sources:
    """Read the source of each record, by number."""
    ids, codes, names = read_sources(records, joint, column)
    numbers = register.find(Slices.of(ids.tolist()))
    code_of = np.full(register.n_records, -1, dtype=np.int32)
    code_of[numbers[numbers >= 0]] = codes[numbers >= 0]
    return Sources(code_of, names)


def make_ruling(
    log: Log | None, records: RecordSource | None, joint: bool, register: Register, settings: Settings
) -> Ruling | None:
    """Work out which decisions apply, and what sources there are; None where there is neither.

    log       None where there are no decisions
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
    groups = judge.settle_contradictions(sources, settings.one_per if is_hard else None)
    judge.status[judge.applied] = APPLIED
    return Ruling(log, judge.status, judge.applied, judge.said, groups, sources, is_hard, tuple(judge.notes))


def _make_constraints(
    ruling: Ruling, said: Statements, groups: Groups, rank_of: Index, components: Components
) -> Constraints:
    """Make the constraints of a run, those between components left out: they hold by themselves.

    said, groups  those of the ruling, records by index
    """
    must_of = np.arange(len(components.component_of), dtype=np.int32)
    must_of[groups.record] = groups.head
    denied, members = list_denials(*list_heads(said))
    ends = must_of[denied[:, 1:]]
    left, right = ends.min(axis=1), ends.max(axis=1)
    is_inside = components.component_of[left] == components.component_of[right]
    keys = np.unique(left[is_inside].astype(np.int64) << 32 | right[is_inside])
    family, member = members[:, 0], must_of[members[:, 1]]
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

    said         what events say, records by index
    constraints  what follows from decisions and rules
    rules        what follows from rules alone
    source_of    int32[n]  the source of each record, -1 for none; empty without --one-per
    """

    ruling: Ruling
    said: Statements
    constraints: Constraints
    rules: Constraints
    source_of: Index


def apply_ruling(ruling: Ruling, rank_of: Index, components: Components) -> Ruled:
    """Say what a ruling means for the records of a run.

    rank_of  index of each record by its number

    Cost: O(n + decisions).
    """
    said, groups = ruling.said.rename(rank_of), ruling.groups.rename(rank_of)
    constraints = _make_constraints(ruling, said, groups, rank_of, components)
    source_of = np.zeros(0, dtype=np.int32)
    if ruling.sources is not None:
        source_of = np.empty(len(rank_of), dtype=np.int32)
        source_of[rank_of] = ruling.sources.code_of
    if not len(ruling.applied):
        return Ruled(ruling, said, constraints, constraints, source_of)
    alone = Ruling(sources=ruling.sources, is_hard=ruling.is_hard)
    rules = _make_constraints(alone, alone.said, alone.groups, rank_of, components)
    return Ruled(ruling, said, constraints, rules, source_of)


def find_touched(components: Components, under: Constraints, n_families: int = NO_FAMILY) -> NDArray[np.bool_]:
    """Mark the records of components that a must-link or a cannot-link lies in, or a family of the first so many."""
    component_of = components.component_of
    is_touched = np.zeros(len(component_of), dtype=np.bool_)
    is_touched[component_of[under.tied]] = True
    is_touched[component_of[under.left]] = True
    held = under.family < n_families
    places = component_of[under.member[held]].astype(np.int64) << 32 | under.family[held]
    told, count = np.unique(places, return_counts=True)
    is_touched[(told[count > 1] >> 32).astype(np.int32)] = True
    touched: NDArray[np.bool_] = is_touched[component_of]
    return touched
