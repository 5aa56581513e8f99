"""Which events give way where they contradict each other: taken in one by one, the strongest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from unsnarl.decisions.chains import Contradiction, Sameness, find_denied
from unsnarl.decisions.events import Event

N_EXPLAINED = 100
"""Events that gave way for which the chain is looked for; the others are only named."""


@dataclass(frozen=True)
class Resolution:
    """Hold what is left of events that contradicted each other.

    kept       in the order given
    overruled  events that gave way, with the contradiction that each would have made; None past N_EXPLAINED
    """

    kept: list[Event]
    overruled: list[tuple[Event, Contradiction | None]]


def latest_first(event: Event) -> Any:
    """Give the key that sorts events by time; those without one come first."""
    return event.at


def by_reviewer(order: Sequence[str]) -> Callable[[Event], Any]:
    """Give the key that sorts events by who said them, the last named first; those not named come before all."""
    rank = {name: len(order) - position for position, name in enumerate(order)}
    return lambda event: (rank.get(event.by, 0), event.at)


class _Taken:
    """Hold the events taken in so far, and who may not be one with whom."""

    def __init__(self) -> None:
        self.sameness = Sameness()
        self._enemies: dict[str, dict[str, Event]] = {}

    def _find_roots(self, event: Event) -> list[list[str]]:
        parts = event.parts if event.separates else event.ties
        return [sorted({self.sameness.find(record) for record in part}) for part in parts]

    def find_denial(self, event: Event) -> Event | None:
        """Give an event that one of these cannot stand beside: one taken in, or itself; None where there is none."""
        roots = self._find_roots(event)
        for part in roots:
            for i, root in enumerate(part):
                enemies = self._enemies.get(root, {})
                for other in part[i + 1 :]:
                    if other in enemies:
                        return enemies[other]
        met: set[str] = set()
        for part in roots if event.separates else ():
            if not met.isdisjoint(part):
                return event
            met.update(part)
        return None

    def take(self, event: Event) -> None:
        """Take an event in that nothing stands against."""
        before = self._find_roots(event)
        self.sameness.add(event)
        for part in before:
            root = self.sameness.find(part[0])
            for other in part:
                if other != root:
                    self._move_enemies(other, root)
        if event.separates:
            roots = [self.sameness.find(part[0]) for part in event.parts]
            for i, root in enumerate(roots):
                for other in roots[:i]:
                    self._enemies.setdefault(root, {}).setdefault(other, event)
                    self._enemies.setdefault(other, {}).setdefault(root, event)

    def _move_enemies(self, gone: str, kept: str) -> None:
        """Make the enemies of one record those of another that now stands for it."""
        for enemy, event in self._enemies.pop(gone, {}).items():
            theirs = self._enemies[enemy]
            theirs.pop(gone, None)
            theirs.setdefault(kept, event)
            self._enemies.setdefault(kept, {}).setdefault(enemy, event)


def _explain(taken: Sequence[Event], event: Event, denial: Event) -> Contradiction | None:
    """Find the chain that an event would have closed."""
    return find_denied(Sameness([*taken, event]), denial)


def resolve(events: Sequence[Event], strength: Callable[[Event], Any]) -> Resolution:
    """Take events in by their strength, and leave out each that contradicts those taken before it.

    strength  key to sort by: the largest is taken first; of two alike, the one further on in the log

    Cost: O(events) steps, and for each of the first events that give way a pass over those taken.
    """
    order = sorted(range(len(events)), key=lambda position: (strength(events[position]), position), reverse=True)
    taken, kept = _Taken(), []
    overruled: list[tuple[Event, Contradiction | None]] = []
    for position in order:
        event = events[position]
        denial = taken.find_denial(event)
        if denial is None:
            taken.take(event)
            kept.append(position)
            continue
        explained = len(overruled) < N_EXPLAINED
        before = [events[number] for number in kept] if explained else []
        overruled.append((event, _explain(before, event, denial) if explained else None))
    return Resolution([events[position] for position in sorted(kept)], overruled)
