"""Events in columns: of most there are two records, who and when, and an Event is made of one where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsnarl.decisions.events import KINDS, Event
from unsnarl.slices import Longs, Slices, Words

NAME, LEFT, RIGHT, BY, AT, COLUMNS, HASH_LEFT, HASH_RIGHT = range(8)
"""What events say in texts: who they are, the two records, who said it and when, the columns of which content was
hashed, as JSON (no text where nothing was), and the hashes of the content of the two."""
N_FIELDS = 8
_OF_ALL = (NAME, BY, AT)
"""Those that are kept of events that are not plain, too."""
CODE_OF = {kind: code for code, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Columns:
    """Hold what events say; of those that are not plain NAME, BY, AT and the kind alone.

    words    what all texts are slices of
    starts   int64[N_FIELDS, events]  where each begins
    lengths  int64[N_FIELDS, events]
    kinds    int8[events]  a place in KINDS
    """

    words: Words
    starts: Longs
    lengths: Longs
    kinds: NDArray[np.int8]

    @staticmethod
    def of(events: Sequence[Event]) -> Columns:
        """Take events, none of which counts as plain."""
        texts = [text for event in events for text in (event.event, event.by, event.at)]
        said, shape = Slices.of(texts), (N_FIELDS, len(events))
        columns = Columns(said.words, np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64), _code(events))
        columns.starts[_OF_ALL, :] = said.starts.reshape(-1, len(_OF_ALL)).T
        columns.lengths[_OF_ALL, :] = said.lengths.reshape(-1, len(_OF_ALL)).T
        return columns

    def field(self, number: int) -> Slices:
        """Give the texts of one field."""
        return Slices(self.words, self.starts[number], self.lengths[number])

    def take(self, positions: Any) -> Columns:
        """Give what some events say, in this order."""
        return Columns(self.words, self.starts[:, positions], self.lengths[:, positions], self.kinds[positions])

    def join(self, more: Columns) -> Columns:
        """Give what these events say, and after it what some more do."""
        content = [self.words, more.words]
        starts = np.concatenate([self.starts, more.starts + self.words.nbytes], axis=1)
        lengths = np.concatenate([self.lengths, more.lengths], axis=1)
        return Columns(np.concatenate(content), starts, lengths, np.concatenate([self.kinds, more.kinds]))


def _code(events: Sequence[Event]) -> NDArray[np.int8]:
    return np.fromiter((CODE_OF[event.kind] for event in events), dtype=np.int8, count=len(events))


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
        return Entries(Columns.of(some), dict(enumerate(some)), some.__getitem__)

    def __len__(self) -> int:
        return len(self.columns.kinds)

    def _get(self, position: int) -> Event:
        found = self.others.get(position)
        return self._make(position) if found is None else found

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self._get(number) for number in range(*position.indices(len(self)))]
        return self._get(range(len(self))[position])

    def __iter__(self) -> Iterator[Event]:
        return map(self._get, range(len(self)))

    @cached_property
    def names(self) -> Slices:
        """The ids of the events."""
        return self.columns.field(NAME)

    def pick(self, positions: Sequence[int]) -> Entries:
        """Give some of them, in this order."""
        others = {new: self.others[old] for new, old in enumerate(positions) if old in self.others}
        return Entries(self.columns.take(list(positions)), others, lambda position: self._make(positions[position]))

    def with_more(self, events: Iterable[Event]) -> Entries:
        """Give these, and some others after them."""
        more, n_here = Entries.of(events), len(self)
        others = self.others | {n_here + position: event for position, event in more.others.items()}
        return Entries(self.columns.join(more.columns), others, self._make)
