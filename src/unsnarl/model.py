"""The nouns that cross from room to room, with numbered guarantees.

A record is an index 0 .. n-1, the rank of its id among all ids in the order of
their UTF-8 bytes. A score is an integer number of score units: SCORE_UNITS of
them make a probability of 1 (docs/decisions/score-units.md says why a power of
ten). A cluster, and a component, is named by its smallest record index.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int32]
Score = NDArray[np.int32]
Float = NDArray[np.float64]

SCORE_UNITS = 1_000_000_000
"""Score units in a probability of 1: scores of up to nine decimals are exact."""


FORBIDDEN = -1
"""The score of a pair that must not be in one cluster; whatever contains one of the two inherits it."""


def to_score_units(probability: float) -> int:
    """Round a probability (0 .. 1) to whole score units.

    >>> to_score_units(0.7)
    700000000
    """
    return round(probability * SCORE_UNITS)


def snap_distance(distance: float) -> float:
    """Round a distance (0 .. 1) to the grid that heights are compared on.

    A cut of 0.3 and a score of 0.7 then meet exactly: 1 - 0.7 is not 0.3 in floating point.

    >>> snap_distance(1 - 0.7) == snap_distance(0.3) == 0.3
    True
    """
    return (SCORE_UNITS - to_score_units(1.0 - distance)) / SCORE_UNITS


@dataclass(frozen=True)
class Pairs:
    """Hold scored pairs of records in their one canonical form.

    left, right  int32[m]  record indexes
    score        int32[m]  score units, 0 .. SCORE_UNITS; or FORBIDDEN
    n_records    number of records, those without a pair included

    Guarantees:
    1. 0 <= left[i] < right[i] < n_records: no self pair, one orientation.
    2. (left, right) is strictly increasing: sorted, and no pair occurs twice.
    3. 0 <= score[i] <= SCORE_UNITS, or score[i] == FORBIDDEN.
    """

    left: Index
    right: Index
    score: Score
    n_records: int

    def __len__(self) -> int:
        return len(self.left)

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(m)."""
        assert len(self.left) == len(self.right) == len(self.score)
        if len(self) == 0:
            return
        assert self.left.min() >= 0 and self.right.max() < self.n_records, "1"
        assert (self.left < self.right).all(), "1"
        key = self.left.astype(np.int64) * self.n_records + self.right
        assert (np.diff(key) > 0).all(), "2"
        assert self.score.min() >= FORBIDDEN and self.score.max() <= SCORE_UNITS, "3"


def _count_members(name_of: Index) -> Index:
    """Count the records of each name."""
    return np.bincount(name_of, minlength=len(name_of)).astype(np.int32)


@dataclass(frozen=True)
class Components:
    """Say which component each record is in.

    component_of  int32[n]  component_of[record] is the smallest record of its component
    must_of       int32[n]  the smallest record of those each record must be in one cluster with, or None: nobody
    decided that of any

    Guarantees:
    1. component_of[c] == c exactly for the records that name a component.
    2. component_of[r] <= r.
    3. The same of must_of; records that must be together are in one component.
    """

    component_of: Index
    must_of: Index | None = None

    @cached_property
    def sizes(self) -> Index:
        """Count the records of each component, by its name: int32[n], 0 for records that name none."""
        return _count_members(self.component_of)

    def without(self, is_left_out: NDArray[np.bool_]) -> Components:
        """Give the components without those of some records, each of which is one by itself then, without must-links.

        is_left_out  bool[n], the same for all records of a component
        """
        records = np.arange(len(self.component_of), dtype=np.int32)
        found = Components(np.where(is_left_out, records, self.component_of))
        return found._with_sizes(np.where(is_left_out, np.int32(1), self.sizes))

    def with_ties(self, must_of: Index) -> Components:
        """Give the same components with must-links in them."""
        return Components(self.component_of, must_of)._with_sizes(self.sizes)

    def _with_sizes(self, sizes: Index) -> Components:
        """Take the sizes as they are known, so that they need not be counted again."""
        self.__dict__["sizes"] = sizes
        return self

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(n)."""
        records = np.arange(len(self.component_of))
        for name_of in (self.component_of,) if self.must_of is None else (self.component_of, self.must_of):
            assert (name_of <= records).all(), "2"
            assert (name_of[name_of] == name_of).all(), "1"
        if self.must_of is not None:
            assert (self.component_of[self.must_of] == self.component_of).all(), "3"


@dataclass(frozen=True)
class Forest:
    """Hold every merge below distance 1: one dendrogram for each component.

    component    int32[k]    component (its smallest record) the merge happens in
    left, right  int32[k]    the two clusters merged, each named by its smallest record
    distance     float64[k]  height of the merge, 0 <= distance < 1
    size         int32[k]    records in the merged cluster
    n_records    number of records; a record in no merge is a cluster of its own

    Guarantees:
    1. left[i] < right[i]; the merged cluster is named left[i], the name right[i] is never used again.
    2. Grouped by component, increasing; inside a component in the order merged, distance never falling.
    3. size[i] is the sum of the sizes of the two clusters merged.
    4. At most (records of the component - 1) merges in a component.
    """

    component: Index
    left: Index
    right: Index
    distance: Float
    size: Index
    n_records: int

    def keep(self, is_kept: NDArray[np.bool_]) -> Forest:
        """Give the forest with some of its merges only."""
        component, left, right, size = (
            column[is_kept] for column in (self.component, self.left, self.right, self.size)
        )
        return Forest(component, left, right, self.distance[is_kept], size, self.n_records)

    def __len__(self) -> int:
        return len(self.left)

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(n + k) in Python steps; for tests."""
        assert (self.left < self.right).all(), "1"
        assert (np.diff(self.component) >= 0).all(), "2"
        same = np.diff(self.component) == 0
        assert (np.diff(self.distance)[same] >= 0).all(), "2"
        assert ((self.distance >= 0) & (self.distance < 1)).all()
        size = np.ones(self.n_records, dtype=np.int64)
        gone = np.zeros(self.n_records, dtype=bool)
        for left, right, merged in zip(self.left, self.right, self.size, strict=True):
            assert not gone[left] and not gone[right], "1"
            gone[right] = True
            size[left] += size[right]
            assert size[left] == merged, "3"


@dataclass(frozen=True)
class Constraints:
    """Say what has to be in one cluster, and what may not be.

    must_of      int32[n]  must_of[record] is the smallest record of those that have to be in one cluster with it
    left, right  int32[k]  cannot-links, between the groups that must_of names
    member       int32[f]  groups that must_of names, each with a family that it belongs to
    family       int32[f]  a cluster holds one member of each family at most

    Guarantees:
    1. must_of[must_of[r]] == must_of[r] <= r; left, right and member name groups.
    2. left[i] < right[i]; (left, right) is strictly increasing, and so is (family, member).
    """

    must_of: Index
    left: Index
    right: Index
    member: Index
    family: Index

    @cached_property
    def tied(self) -> Index:
        """List the records that must be with a smaller one: int32[k], increasing."""
        return np.flatnonzero(self.must_of != np.arange(len(self.must_of), dtype=np.int32)).astype(np.int32)

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(n + k + f)."""
        Components(self.must_of).check()
        for named in (self.left, self.right, self.member):
            assert (self.must_of[named] == named).all(), "1"
        assert (self.left < self.right).all(), "2"
        assert (np.diff(self.left.astype(np.int64) << 32 | self.right) > 0).all(), "2"
        assert (np.diff(self.family.astype(np.int64) << 32 | self.member) > 0).all(), "2"


def no_constraints(n_records: int) -> Constraints:
    """Give the constraints of so many records of which nothing is known."""
    nobody = np.zeros(0, dtype=np.int32)
    return Constraints(np.arange(n_records, dtype=np.int32), nobody, nobody, nobody, nobody)


@dataclass(frozen=True)
class Terms:
    """Hold the terms of each record.

    first    int64[n+1]  entries first[r] .. first[r + 1] - 1 are those of record r
    term     int32[m]    term indexes, 0 .. n_terms - 1
    count    int32[m]    how often the record has the term
    n_terms  number of distinct terms

    Guarantees:
    1. first is never falling, from 0 to m.
    2. Inside a record, term is strictly increasing.
    3. count[i] >= 1; every term occurs.
    """

    first: NDArray[np.int64]
    term: Index
    count: Index
    n_terms: int

    @property
    def n_records(self) -> int:
        """Number of records, those without terms included."""
        return len(self.first) - 1

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(n + m)."""
        assert self.first[0] == 0 and self.first[-1] == len(self.term) == len(self.count), "1"
        assert (np.diff(self.first) >= 0).all(), "1"
        record = np.repeat(np.arange(self.n_records), np.diff(self.first))
        assert (np.diff(record * self.n_terms + self.term) > 0).all(), "2"
        assert (self.count >= 1).all() and len(np.unique(self.term)) == self.n_terms, "3"


@dataclass(frozen=True)
class OddsForest:
    """Hold the merges of Bayesian hierarchical clustering, by component and in the order made.

    component    int32[k]    component the merge happens in
    left, right  int32[k]    the two clusters merged, each named by its smallest record
    log_odds     float64[k]  ln (r / (1 - r)) of the merge; falls and rises; infinite for what must be together
    size         int32[k]    records in the merged cluster
    n_records    number of records; a record in no merge is a cluster of its own

    Guarantees:
    1. left[i] < right[i]; the merged cluster is named left[i], the name right[i] is never used again.
    2. Grouped by component, increasing; inside a component in the order merged.
    3. size[i] is the sum of the sizes of the two clusters merged.
    """

    component: Index
    left: Index
    right: Index
    log_odds: Float
    size: Index
    n_records: int

    def __len__(self) -> int:
        return len(self.left)

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(n + k) in Python steps; for tests."""
        assert (self.left < self.right).all(), "1"
        assert (np.diff(self.component) >= 0).all(), "2"
        size = np.ones(self.n_records, dtype=np.int64)
        gone = np.zeros(self.n_records, dtype=bool)
        for left, right, merged in zip(self.left, self.right, self.size, strict=True):
            assert not gone[left] and not gone[right], "1"
            gone[right] = True
            size[left] += size[right]
            assert size[left] == merged, "3"


@dataclass(frozen=True)
class Clustering:
    """Say which cluster each record is in.

    cluster_of  int32[n]  cluster_of[record] is the smallest record of its cluster

    Guarantees: those of Components, with cluster for component.
    """

    cluster_of: Index

    @cached_property
    def sizes(self) -> Index:
        """Count the records of each cluster, by its name: int32[n], 0 for records that name none."""
        return _count_members(self.cluster_of)

    def check(self) -> None:
        """Assert the numbered guarantees. Cost: O(n)."""
        Components(self.cluster_of).check()


class Progress(Protocol):
    """Receive how far the work is; what a terminal shows of it is the caller's business."""

    def start(self, phase: str, total: int, unit: str) -> None:
        """Begin a phase of `total` units of work (0: not known)."""

    def update(self, done: int) -> None:
        """Say how many units of the phase are done so far; never falls inside a phase."""

    def finish(self) -> None:
        """End the phase."""
