"""Events in columns: of most there are two records, who and when, and an Event is made of one where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from unsnarl.decisions.events import Event


class Columns(NamedTuple):
    """Hold what events say, a list each; of those that are not plain, names, kinds, by and at alone.

    left, right            the two records
    columns                the columns of which content was hashed, as JSON; "" where nothing was
    hash_left, hash_right  of the content of the two
    """

    names: list[str]
    kinds: list[str]
    by: list[str]
    at: list[str]
    left: list[str]
    right: list[str]
    columns: list[str]
    hash_left: list[str]
    hash_right: list[str]


class Entries(Sequence[Event]):
    """Hold events, in order.

    columns  of them all
    others   by position those that are not plain: not two records that are the same, different or nobody knows
    make     gives the plain event at a position
    """

    def __init__(self, columns: Columns, others: dict[int, Event], make: Callable[[int], Event]) -> None:
        self.columns, self.others, self._make = columns, others, make

    @staticmethod
    def of(events: Iterable[Event]) -> Entries:
        """Take events as they are."""
        some = list(events)
        said = [[event.event, event.kind, event.by, event.at] for event in some]
        known = [list(column) for column in zip(*said, strict=True)] or [[]] * 4
        empty = [[""] * len(some)] * (len(Columns._fields) - len(known))
        return Entries(Columns(*known, *empty), dict(enumerate(some)), some.__getitem__)

    def __len__(self) -> int:
        return len(self.columns.names)

    def _get(self, position: int) -> Event:
        found = self.others.get(position)
        return self._make(position) if found is None else found

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self._get(number) for number in range(*position.indices(len(self)))]
        return self._get(range(len(self))[position])

    def __iter__(self) -> Iterator[Event]:
        return map(self._get, range(len(self)))

    def pick(self, positions: Sequence[int]) -> Entries:
        """Give some of them, in this order."""
        columns = Columns(*(list(map(column.__getitem__, positions)) for column in self.columns))
        others = {new: self.others[old] for new, old in enumerate(positions) if old in self.others}
        return Entries(columns, others, lambda position: self._make(positions[position]))

    def with_more(self, events: Iterable[Event]) -> Entries:
        """Give these, and some others after them."""
        more, n_here = Entries.of(events), len(self)
        columns = Columns(*(list(chain(*pair)) for pair in zip(self.columns, more.columns, strict=True)))
        others = self.others | {n_here + position: event for position, event in more.others.items()}
        return Entries(columns, others, self._make)
