"""The state of a log: which events hold, after undo and supersede.

An event holds unless one that holds undoes or supersedes it. So an undo of an undo brings back what was undone, and the
order of the lines does not matter: two copies of a log that grew apart can be put one behind the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unsnarl.decisions.events import UNDO, UNSURE, Event
from unsnarl.errors import InputError


@dataclass(frozen=True)
class Log:
    """Hold the events of a log, in the order of their first lines, and what holds of them.

    events      each once
    n_repeated  lines that say again, word for word, what another line says
    status      of each event's id: "holds", "undone" or "superseded"
    notes       what is odd about the file, in sentences
    """

    events: tuple[Event, ...]
    n_repeated: int
    status: dict[str, str]
    notes: tuple[str, ...] = ()

    def holding(self) -> list[Event]:
        """List the events that hold and say something about records, those of doubt left out."""
        said = [event for event in self.events if event.parts and event.kind != UNSURE]
        return [event for event in said if self.status[event.event] == "holds"]

    def find_digest(self) -> str:
        """Give the SHA-256 of what the log says, the same for any order of its lines."""
        lines = sorted(event.as_line() for event in self.events)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _take_once(events: Iterable[Event]) -> tuple[dict[str, Event], int]:
    """Take each event once. Raises InputError where two differ and have one id."""
    taken: dict[str, Event] = {}
    n_repeated = 0
    for event in events:
        other = taken.setdefault(event.event, event)
        if other is event:
            continue
        if other != event:
            raise InputError(
                f"DECISIONS: two different events have the id {event.event!r}.",
                examples=[other.where, event.where],
                hint="Give one of them another id.",
            )
        n_repeated += 1
    return taken, n_repeated


def _find_cancellers(taken: dict[str, Event]) -> dict[str, list[Event]]:
    """List for each event those that undo or supersede it. Raises InputError for one that is not there."""
    cancellers: dict[str, list[Event]] = {name: [] for name in taken}
    for event in taken.values():
        for name in event.cancels:
            if name not in cancellers:
                raise InputError(
                    f"DECISIONS: {event.where}: there is no event {name!r}.",
                    hint="`unsnarl decisions list` shows the events there are.",
                )
            cancellers[name].append(event)
    return cancellers


def _settle(taken: dict[str, Event], cancellers: dict[str, list[Event]]) -> dict[str, str]:
    """Find what holds, from the events that nothing cancels on. Raises InputError where events cancel in a circle."""
    n_open = {name: len(given) for name, given in cancellers.items()}
    ready = [name for name, count in n_open.items() if not count]
    status: dict[str, str] = {}
    while ready:
        name = ready.pop()
        by = [event for event in cancellers[name] if status[event.event] == "holds"]
        undone = any(event.kind == UNDO and event.of == name for event in by)
        status[name] = "holds" if not by else "undone" if undone else "superseded"
        for target in taken[name].cancels:
            n_open[target] -= 1
            if not n_open[target]:
                ready.append(target)
    if len(status) < len(taken):
        circle = [event.where for name, event in taken.items() if name not in status]
        raise InputError("DECISIONS: events undo or supersede each other in a circle.", examples=circle)
    return status


def replay(events: Iterable[Event], notes: Sequence[str] = ()) -> Log:
    """Find the state of a log from its events, in any order.

    Raises InputError for two different events of one id, for an undo or supersede of an event that is not there, and
    for events that cancel each other in a circle. Cost: near O(events).
    """
    taken, n_repeated = _take_once(events)
    cancels = any(event.cancels for event in taken.values())
    status = _settle(taken, _find_cancellers(taken)) if cancels else dict.fromkeys(taken, "holds")
    return Log(tuple(taken.values()), n_repeated, status, tuple(notes))
