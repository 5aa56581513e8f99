"""Contradictions: two records that are the same by a chain of decisions, and different by another one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from unsnarl.decisions.events import Event


@dataclass(frozen=True)
class Link:
    """Hold one step of a chain: two records that an event says are the same."""

    left: str
    right: str
    event: Event


@dataclass(frozen=True)
class Contradiction:
    """Hold what cannot be true at once.

    left, right  two records
    chain        the shortest chain of links from one to the other
    denial       the event that says they are different, or None where a rule does
    rule         what the rule says of them, as "one per census: both are '1881'"
    """

    left: str
    right: str
    chain: tuple[Link, ...]
    denial: Event | None
    rule: str = ""

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event that has a part in it."""
        links = tuple(link.event for link in self.chain)
        return links if self.denial is None else (*links, self.denial)

    def say(self) -> str:
        """Write the chain out, whole: who said each step, and when."""
        steps = [f"{link.left!r} same {link.right!r} ({link.event.signed()})" for link in self.chain]
        against = f"{self.left!r} different {self.right!r} ({self.denial.signed()})" if self.denial else self.rule
        return "; ".join(steps) + f"; but {against}"


class Sameness:
    """Hold who is the same as whom, by events that can be added; finds shortest chains.

    Every part of an event is one step from each of its records to each other.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._parts: dict[str, list[tuple[Event, tuple[str, ...]]]] = {}
        self._parent: dict[str, str] = {}
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take an event in."""
        for part in event.ties:
            first = self.find(part[0])
            for record in part:
                self._parts.setdefault(record, []).append((event, part))
                root = self.find(record)
                first, other = (first, root) if first <= root else (root, first)
                self._parent[other] = first

    def find(self, record: str) -> str:
        """Give the record that stands for all that are the same: the smallest."""
        parent = self._parent
        while (above := parent.get(record, record)) != record:
            parent[record] = parent.get(above, above)
            record = above
        return record

    def groups(self) -> list[list[str]]:
        """List the records of each group of two or more."""
        found: dict[str, list[str]] = {}
        for record in self._parts:
            found.setdefault(self.find(record), []).append(record)
        return list(found.values())

    def find_chain(self, sources: Sequence[str], targets: Mapping[str, object]) -> tuple[Link, ...] | None:
        """Find a shortest chain from any of some records to any of others, None where there is none.

        Cost: O(size of the group they are in).
        """
        came_by: dict[str, Link | None] = dict.fromkeys(sources)
        waiting, seen = deque(sources), set()
        while waiting:
            record = waiting.popleft()
            for event, part in self._parts.get(record, ()):
                if (key := (event.event, part)) in seen:
                    continue
                seen.add(key)
                for other in part:
                    if other in came_by:
                        continue
                    came_by[other] = Link(record, other, event)
                    if other in targets:
                        return _walk_back(other, came_by)
                    waiting.append(other)
        return None


def _walk_back(record: str, came_by: Mapping[str, Link | None]) -> tuple[Link, ...]:
    """Give the links that lead to a record."""
    chain = []
    while (link := came_by[record]) is not None:
        chain.append(link)
        record = link.left
    return tuple(reversed(chain))


def find_denied(sameness: Sameness, event: Event) -> Contradiction | None:
    """Find the shortest chain between two records that an event says are different; None where there is none."""
    if not event.separates:
        return None
    if len(event.parts) == 2 and len(event.ids) == 2 and len({sameness.find(record) for record in event.ids}) == 2:
        # By far the most, and so without the sets of all parts.
        return None
    roots = [{sameness.find(record) for record in part} for part in event.parts]
    met: set[str] = set()
    for some in roots:
        if some & met:
            break
        met |= some
    else:
        return None
    shortest: tuple[Link, ...] | None = None
    part_of = {record: number for number, part in enumerate(event.parts) for record in part}
    for number, part in enumerate(event.parts):
        targets = {record: None for record, other in part_of.items() if other != number}
        chain = sameness.find_chain(part, targets)
        if chain is not None and (shortest is None or len(chain) < len(shortest)):
            shortest = chain
    assert shortest is not None
    return Contradiction(shortest[0].left, shortest[-1].right, shortest, event)


def find_contradictions(events: Sequence[Event], sameness: Sameness) -> list[Contradiction]:
    """List for each event that says `different` where it cannot be true the shortest chain that proves it.

    sameness  of the same events

    Cost: near O(events), and for each contradiction O(size of the group it is in).
    """
    found = (find_denied(sameness, event) for event in events)
    return [contradiction for contradiction in found if contradiction is not None]


def find_rule_breaks(
    sameness: Sameness, source_of: Mapping[str, str], rule: str, groups: Sequence[Sequence[str]]
) -> list[Contradiction]:
    """List for each group of the same records the shortest chain between two that a rule keeps apart.

    source_of  of records that have one
    rule       name of the column that says it
    """
    found = []
    for group in groups:
        by_source: dict[str, list[str]] = {}
        for record in group:
            if record in source_of:
                by_source.setdefault(source_of[record], []).append(record)
        chains = [
            (chain, source)
            for source, records in by_source.items()
            for i, record in enumerate(records[:-1])
            if (chain := sameness.find_chain([record], dict.fromkeys(records[i + 1 :]))) is not None
        ]
        if chains:
            chain, source = min(chains, key=lambda pair: len(pair[0]))
            said = f"both are {source!r} (--one-per {rule})"
            found.append(Contradiction(chain[0].left, chain[-1].right, chain, None, said))
    return found
