"""The state of a log: which events hold, after undo and supersede.

An event holds unless one that holds undoes or supersedes it. So an undo of an undo brings back what was undone, and the
order of the lines does not matter: two copies of a log that grew apart can be put one behind the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from unsnarl.decisions.entries import CODE_OF, Entries
from unsnarl.decisions.events import UNDO, UNSURE, Event
from unsnarl.errors import InputError

HOLDS = "holds"
_UNSURE, _UNDO = CODE_OF[UNSURE], CODE_OF[UNDO]


@dataclass(frozen=True)
class Log:
    """Hold the events of a log, in the order of their first lines, and what holds of them.

    events      each once
    n_repeated  lines that say again, word for word, what another line says
    cancelled   by the id of an event that does not hold "undone" or "superseded"
    notes       what is odd about the file, in sentences
    """

    events: Entries
    n_repeated: int
    cancelled: dict[str, str]
    notes: tuple[str, ...] = ()

    @cached_property
    def status(self) -> dict[str, str]:
        """Give by the id of each event "holds", "undone" or "superseded"."""
        return {**dict.fromkeys(self.events.names, HOLDS), **self.cancelled}

    def find_holding(self) -> list[int]:
        """Give the positions of the events that hold and say something about records, those of doubt left out."""
        kinds, names = self.events.columns.kinds, self.events.names
        says: list[int] = np.flatnonzero((kinds != _UNSURE) & (kinds != _UNDO)).tolist()
        gone = {i for places in names.find(self.cancelled).values() for i in places}
        return [i for i in says if i not in gone]

    def holding(self) -> list[Event]:
        """List the events of `find_holding`."""
        return [self.events[i] for i in self.find_holding()]

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of what the log says, the same for any order of its lines."""
        lines = sorted(event.as_line() for event in self.events)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _take_once(events: Entries) -> Entries:
    """Take each event once. Raises InputError where two differ and have one id."""
    names = events.names
    if names.are_distinct():
        return events
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        other = first.setdefault(name, position)
        if other != position and events[other] != events[position]:
            raise InputError(
                f"DECISIONS: two different events have the id {name!r}.",
                examples=[events[other].where, events[position].where],
                hint="Give one of them another id.",
            )
    return events.pick(list(first.values()))


def _find_cancellers(events: Entries) -> dict[str, list[Event]]:
    """List for each event that others undo or supersede, and for these, who does so.

    Raises InputError for one that is not there.
    """
    cancelling = [event for _, event in sorted(events.others.items()) if event.cancels]
    known = events.names.find(name for event in cancelling for name in event.cancels)
    cancellers: dict[str, list[Event]] = {event.event: [] for event in cancelling}
    for event in cancelling:
        for name in event.cancels:
            if name not in known:
                raise InputError(
                    f"DECISIONS: {event.where}: there is no event {name!r}.",
                    hint="`unsnarl decisions list` shows the events there are.",
                )
            cancellers.setdefault(name, []).append(event)
    return cancellers


def _settle(cancellers: dict[str, list[Event]]) -> tuple[dict[str, str], list[str]]:
    """Find what holds, from the events that nothing cancels on; gives too those that cancel in a circle."""
    cancels = {event.event: event.cancels for by in cancellers.values() for event in by}
    n_open = {name: len(given) for name, given in cancellers.items()}
    ready = [name for name, count in n_open.items() if not count]
    status: dict[str, str] = {}
    while ready:
        name = ready.pop()
        by = [event for event in cancellers[name] if status[event.event] == HOLDS]
        undone = any(event.kind == UNDO and event.of == name for event in by)
        status[name] = HOLDS if not by else "undone" if undone else "superseded"
        for target in cancels.get(name, ()):
            n_open[target] -= 1
            if not n_open[target]:
                ready.append(target)
    return status, [name for name in cancellers if name not in status]


def replay(events: Iterable[Event], notes: Sequence[str] = ()) -> Log:
    """Find the state of a log from its events, in any order.

    Raises InputError for two different events of one id, for an undo or supersede of an event that is not there, and
    for events that cancel each other in a circle. Cost: near O(events), and little for one that is plain.
    """
    given = events if isinstance(events, Entries) else Entries.of(events)
    taken = _take_once(given)
    status, circle = _settle(_find_cancellers(taken))
    if circle:
        places = sorted(place for found in taken.names.find(circle).values() for place in found)
        raise InputError(
            "DECISIONS: events undo or supersede each other in a circle.",
            examples=[taken[place].where for place in places],
        )
    cancelled = {name: said for name, said in status.items() if said != HOLDS}
    return Log(taken, len(given) - len(taken), cancelled, tuple(notes))
