"""The best merge that keeping two records apart has blocked, among clusters of terms.

Of two clusters that may not be one the log odds do not change while neither of them grows. Where meanwhile a merge is
made whose log odds are under theirs, or merging ends though they are over the cut, the two would have merged instead.
So the merges are made once more, without looking for them, and the log odds of such clusters are looked at before one
of them grows, and at the end.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unsnarl.bayes.prior import Census, Prior
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.kernels.bhc import agglomerate
from unsnarl.kernels.bhc.fixed_point import UNITS
from unsnarl.kernels.bhc.table import find_living
from unsnarl.model import Index, OddsForest, Terms


class Standoff(NamedTuple):
    """Hold a merge that was blocked: two clusters as they were then, by name, and their log odds."""

    log_odds: float
    left: int
    right: int


@dataclass(frozen=True)
class Field:
    """Hold what merges were made of, and by what rule.

    made     int64[k]  when each merge of the forest was made
    must_of  groups that were one before any merge was made
    cut      log odds at which merging ends
    """

    terms: Terms
    prior: Prior
    census: Census
    forest: OddsForest
    made: NDArray[np.int64]
    must_of: Index
    cut: float


class _Lowest:
    """Know the least of the numbers since any of them, as they come."""

    def __init__(self) -> None:
        # Each is the least of all since the one before it.
        self._places: list[int] = []
        self._numbers: list[float] = []

    def add(self, place: int, number: float) -> None:
        """Take the next number in, at a place behind all others."""
        while self._numbers and self._numbers[-1] >= number:
            self._places.pop()
            self._numbers.pop()
        self._places.append(place)
        self._numbers.append(number)

    def since(self, place: int) -> float:
        """Give the least of those at a place or behind it; infinite where there are none."""
        at = bisect_left(self._places, place)
        return self._numbers[at] if at < len(self._numbers) else math.inf


class _Replay:
    """Make the merges once more, and note what was blocked.

    sides  two int32[k]: records that were kept apart
    """

    def __init__(self, field: Field, sides: tuple[Index, Index]) -> None:
        # Each record has a slot of its own, so that it is known by its name.
        plan = Plan(without=frozenset(["duplicates"]), must_of=field.must_of)
        self._work = TermAgglomeration(field.terms, field.prior, plan, field.census)
        self._slot_of = self._work.slot_of
        self._cut = field.cut
        self._slots: dict[int, int] = {}
        self._above: dict[int, int] = {}
        self._born: dict[int, int] = {}
        self._lowest = _Lowest()
        self._heads = list(zip(*(field.must_of[side].tolist() for side in sides), strict=True))
        self.best: list[Standoff | None] = [None] * len(self._heads)
        self._kept: dict[int, set[int]] = {}
        for row, heads in enumerate(self._heads):
            for head in heads:
                self._kept.setdefault(head, set()).add(row)

    def _find_slot(self, name: int) -> int:
        """Give the slot of a cluster, -1 where it has no terms."""
        if name not in self._slots:
            slot = int(self._slot_of[name])
            self._slots[name] = slot if slot < 0 else int(find_living(self._work.state, slot))
        return self._slots[name]

    def _find_name(self, record: int) -> int:
        while record in self._above:
            record = self._above[record]
        return record

    def _look(self, row: int, ends: bool) -> None:
        """Note what keeping two records apart has blocked since their clusters are what they are."""
        one, other = sorted(self._find_name(head) for head in self._heads[row])
        slots = self._find_slot(one), self._find_slot(other)
        if min(slots) < 0:
            return
        found = Standoff(int(agglomerate.score_pair(self._work.state, *slots)) / UNITS, one, other)
        before = self.best[row]
        since = max(self._born.get(one, 0), self._born.get(other, 0))
        limit = self._cut if ends else max(self._lowest.since(since), self._cut)
        if found.log_odds > limit and (before is None or found.log_odds > before.log_odds):
            self.best[row] = found

    def pass_by(self, place: int, log_odds: float) -> None:
        """Note that a merge is made, whoever merges."""
        self._lowest.add(place, log_odds)

    def merge(self, left: int, right: int, place: int) -> None:
        """Make a merge, after a look at what would have come before it; it has been passed by."""
        rows = self._kept.pop(left, set()) | self._kept.pop(right, set())
        for row in sorted(rows):
            self._look(row, ends=False)
        self._slots[left] = self._work.join(self._find_slot(left), self._find_slot(right))
        self._above[right] = left
        self._born[left] = place + 1
        if rows:
            self._kept[left] = rows

    def finish(self) -> None:
        """Look at what was still blocked when merging ended."""
        for row in range(len(self._heads)):
            self._look(row, ends=True)


def find_standoffs(field: Field, a: Index, b: Index) -> list[Standoff | None]:
    """Find the best merge that keeping each a[i] and b[i] apart has blocked; None where there was none.

    Cost: about that of laying out the terms and making the merges of their clusters, and a scoring for each pair and
    each time one of its clusters grows.
    """
    replay, forest = _Replay(field, (a, b)), field.forest
    wanted = _find_kin(forest, a, b)
    order = np.argsort(field.made)
    columns = (forest.left[order].tolist(), forest.right[order].tolist(), forest.log_odds[order].tolist())
    for place, (left, right, log_odds) in enumerate(zip(*columns, strict=True)):
        # Those that are given come first, and are made already.
        if log_odds < math.inf:
            replay.pass_by(place, log_odds)
            if left in wanted:
                replay.merge(left, right, place)
    replay.finish()
    return replay.best


def _find_kin(forest: OddsForest, a: Index, b: Index) -> set[int]:
    """Give the names of all clusters on the way to those that some records end in."""
    root: dict[int, int] = {}
    # From the last merge back, so that what a cluster ends in is known before what it is made of.
    for left, right in zip(forest.left[::-1].tolist(), forest.right[::-1].tolist(), strict=True):
        root[right] = root.get(left, left)
    ends = {root.get(record, record) for record in (*a.tolist(), *b.tolist())}
    return {name for name in (*forest.left.tolist(),) if root.get(name, name) in ends}
